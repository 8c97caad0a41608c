// A variable in slices (`tf.compat.v1.PartitionedVariable`, what `get_variable` gives with a partitioner): each slice is a
// variable of its own, so that parameter servers share a large one; a checkpoint has the whole, however it is cut.
import { InvalidArgumentError } from "../errors/index.js";
import { DataType } from "../tensor/dtype.js";
import { isFullyKnown } from "../tensor/partial-shape.js";
import type { Shape } from "../tensor/shape.js";
import { pythonShape } from "./fetches.js";
import type { Graph } from "./graph.js";
import type { Initializer } from "./initializers.js";
import { isReadable, Readable } from "./inputs.js";
import { type Operation, Output } from "./output.js";
import type { Partitioner } from "./partitioners.js";
import { toTensorValue } from "./values.js";
import { dtypeOfInitial, type SaveSliceInfo, type Value, Variable, type VariableOptions } from "./variable.js";

export interface PartitionedOptions extends VariableOptions {
  readonly partitioner: Partitioner;
}

/** Where a tensor is taken it stands for the whole, where a list of variables is taken for its slices (`[...variable]`). */
export class PartitionedVariable extends Readable implements Iterable<Variable> {
  /** `PartitionedVariable` when left out; the slices are `name/part_0`, `name/part_1`, … */
  readonly name: string;
  readonly dtype: DataType;
  /** Of the whole. */
  readonly shape: Shape;
  /** Slices by axis. */
  readonly partitions: readonly number[];
  readonly parts: readonly Variable[];
  #value: Output | null = null;

  /**
   * @param initial a tensor or plain value that is cut, or what makes each slice of its shape
   * @throws InvalidArgumentError for a shape that isn't known or can't be cut so
   */
  constructor(
    readonly graph: Graph,
    initial: Value | Initializer,
    options: PartitionedOptions,
  ) {
    super();
    this.name = graph.uniqueName(options.name ?? "PartitionedVariable");
    const whole = typeof initial === "function" ? null : this.#initialValue(initial, dtypeOfInitial(initial, options));
    const shape = options.shape ?? whole?.shape ?? null;
    const dtype = whole?.dtype ?? options.dtype ?? DataType.FLOAT;
    this.partitions = checkedPartitions(options.partitioner, shape, dtype);
    this.shape = shape!;
    this.parts = slicesOf(this.name, this.shape, this.partitions).map((info, i) => {
      const name = `${this.name}/part_${i}`;
      const begin: Value | Initializer =
        whole === null
          ? (to, part, type) => (initial as Initializer)(to, part, type, info)
          : graph.nameScope(`${name}/PartitionedInitializer/`, () =>
              graph.ops.slice(whole, info.varOffset, info.varShape),
            );
      const made = { ...options, name, shape: info.varShape };
      const part = graph.nameScope("", () => new Variable(graph, begin, made));
      part.saveSliceInfo = info;
      return part;
    });
    this.dtype = this.parts[0]!.dtype;
  }

  /** The whole, put together where it is first asked for. */
  get value(): Output {
    this.#value ??= this.graph.controlDependencies(null, () => this.#join(this.parts.map(({ value }) => value)));
    return this.#value;
  }

  /** Reads all slices anew: control dependencies say when. */
  read(): Output {
    return this.#join(this.parts.map((part) => part.read()));
  }

  /** Each slice gets its part of the value, or the slice of another variable that is cut alike. */
  assign(value: Value | PartitionedVariable): Operation {
    return this.#each(value, (part, own) => part.assign(own));
  }

  assignAdd(value: Value | PartitionedVariable): Operation {
    return this.#each(value, (part, own) => part.assignAdd(own));
  }

  assignSub(value: Value | PartitionedVariable): Operation {
    return this.#each(value, (part, own) => part.assignSub(own));
  }

  [Symbol.iterator](): Iterator<Variable> {
    return this.parts[Symbol.iterator]();
  }

  get #axis(): number {
    return cutAxis(this.partitions);
  }

  #join(values: readonly Output[]): Output {
    const { graph, name } = this;
    const { ops } = graph;
    const whole =
      values.length === 1
        ? values[0]!
        : graph.nameScope(`${name}/ConcatPartitions/`, () => ops.concatV2(values, this.#axis, { name: "concat" }));
    return graph.nameScope("", () => ops.identity(whole, { name: this.#value === null ? `${name}/` : name }));
  }

  #initialValue(initial: Value, dtype: DataType | undefined): Output {
    if (initial instanceof Output) return initial;
    if (isReadable(initial)) return initial.value;
    const { graph, name } = this;
    return graph.nameScope(`${name}/Initializer/`, () =>
      graph.constant(toTensorValue(initial, dtype), dtype, "initial_value"),
    );
  }

  #each(value: Value | PartitionedVariable, assign: (part: Variable, own: Value) => Operation): Operation {
    const { graph, parts, dtype } = this;
    const own = value instanceof PartitionedVariable ? value.parts : this.#split(value, dtype);
    if (own.length !== parts.length) {
      throw new InvalidArgumentError(`${this.name} has ${parts.length} slices, not ${own.length}`);
    }
    return graph.group(parts.map((part, i) => assign(part, own[i]!)));
  }

  #split(value: Value, dtype: DataType): Output[] {
    const { graph, parts } = this;
    const whole =
      value instanceof Output
        ? value
        : isReadable(value)
          ? value.value
          : graph.constant(toTensorValue(value, dtype), dtype, "value");
    const sizes = parts.map(({ shape }) => shape![this.#axis]!);
    return graph.ops.splitV(whole, sizes, this.#axis, { numSplit: sizes.length });
  }
}

function checkedPartitions(partitioner: Partitioner, shape: Shape | null, dtype: DataType): readonly number[] {
  const refuse = (text: string) => {
    throw new InvalidArgumentError(text);
  };
  if (!isFullyKnown(shape)) {
    const found = shape === null ? "<unknown>" : pythonShape(shape);
    return refuse(`Shape of a new partitioned variable must be fully defined, but instead was ${found}.`);
  }
  if (shape.length === 0) refuse("A partitioned Variable must have rank at least 1, shape: ()");
  const partitions = partitioner(shape, dtype);
  const found = `[${partitions.join(", ")}]`;
  if (partitions.length !== shape.length) {
    refuse(
      `Partitioner returned a partition list that does not match the Variable's rank: ${found} vs. ${pythonShape(shape)}`,
    );
  }
  if (!partitions.every((slices) => slices >= 1)) {
    refuse(`Partitioner returned zero partitions for some axes: ${found}`);
  }
  if (partitions.filter((slices) => slices > 1).length > 1) {
    refuse(`Can only slice a variable along one dimension: shape: ${pythonShape(shape)}, partitioning: ${found}`);
  }
  return partitions;
}

const cutAxis = (partitions: readonly number[]): number =>
  Math.max(
    0,
    partitions.findIndex((slices) => slices > 1),
  );

/** The first slices have one row more where rows are left over. */
function slicesOf(fullName: string, fullShape: Shape, partitions: readonly number[]): SaveSliceInfo[] {
  const axis = cutAxis(partitions);
  const count = partitions[axis]!;
  const rows = Math.floor(fullShape[axis]! / count);
  const more = fullShape[axis]! % count;
  return Array.from({ length: count }, (_, i) => {
    const offset = i * rows + Math.min(i, more);
    const varOffset = fullShape.map((_size, at) => (at === axis ? offset : 0));
    fullShape.forEach((size, at) => {
      if (varOffset[at]! < size) return;
      throw new InvalidArgumentError(
        `Expected 0 <= offset < shape but found offset=${varOffset[at]}, shape=${size} ` +
          `for var_offset=[${varOffset.join(", ")}], full_shape=[${fullShape.join(", ")}]`,
      );
    });
    return {
      fullName,
      fullShape,
      varOffset,
      varShape: fullShape.map((size, at) => (at === axis ? rows + (i < more ? 1 : 0) : size)),
    };
  });
}
