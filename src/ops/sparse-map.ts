// A map in which a graph leaves sparse tensors and finds them again by number: how batches of them pass through queues.
import { InvalidArgumentError } from "../errors/index.js";
import { DONE, type Kernel, type KernelNode, type KernelStep, kernel } from "../kernel/kernel.js";
import type { Resource } from "../kernel/resource.js";
import { type DataType, dtypeName, dtypeSize } from "../tensor/dtype.js";
import { shapeString } from "../tensor/shape.js";
import { MAX_VALUES, retainValue, type Tensor } from "../tensor/tensor.js";
import { bigints, checkIndices } from "./sparse.js";
import { nameFor } from "./support/handle.js";
import { checkListed } from "./support/index-tensor.js";
import { concatenate } from "./support/row-stack.js";
import { copyBytes } from "./support/rows.js";
import { checkLength } from "./tensor-list.js";

const MAP_TYPE = "N10tensorflow16SparseTensorsMapE";

interface SparseTensor {
  readonly indices: bigint[][];
  /** Held once. */
  readonly values: Tensor;
  readonly shape: readonly bigint[];
}

class SparseTensorsMap implements Resource {
  readonly typeName = MAP_TYPE;
  dead = false;
  readonly entries = new Map<bigint, SparseTensor>();
  #next = 0n;

  constructor(readonly name: string) {}

  add(tensor: SparseTensor): bigint {
    this.entries.set(this.#next, tensor);
    return this.#next++;
  }

  dispose(): void {
    for (const { values } of this.entries.values()) values.release();
    this.entries.clear();
  }
}

/** Whoever writes may name the map by its node alone. */
function mapSource(node: KernelNode, writes: boolean): (step: KernelStep) => SparseTensorsMap {
  const container = node.string("container");
  let name = node.string("shared_name") || (writes ? node.name : "");
  return (step) => {
    if (name === "") name = nameFor(step, node, container, MAP_TYPE, "");
    return step.resources.findOrCreate(container, name, MAP_TYPE, () => new SparseTensorsMap(name));
  };
}

/** @returns the shape and the rows of indices of inputs 0 to 2 */
function readSparse(step: KernelStep, least: number): { shape: bigint[]; rows: bigint[][] } {
  const [indices, values, shape] = [step.input(0), step.input(1), step.input(2)];
  const refuse = (text: string) => new InvalidArgumentError(text);
  if (indices.shape.length !== 2)
    throw refuse(`Input indices should be a matrix but received shape ${shapeString(indices.shape)}`);
  if (values.shape.length !== 1)
    throw refuse(`Input values should be a vector but received shape ${shapeString(values.shape)}`);
  if (shape.shape.length !== 1)
    throw refuse(`Input shape should be a vector but received shape ${shapeString(shape.shape)}`);
  const [count, rank] = indices.shape as readonly [number, number];
  if (values.size !== count)
    throw refuse(
      `Number of values must match first dimension of indices. Got ${values.size} values, indices shape: ${shapeString(indices.shape)}`,
    );
  if (shape.size !== rank)
    throw refuse(
      `Number of dimensions must match second dimension of indices. Got ${shape.size} dimensions, indices shape: ${shapeString(indices.shape)}`,
    );
  if (rank < least) throw refuse(`Rank of input SparseTensor should be > ${least - 1}, but saw rank: ${rank}`);
  const sizes = [...bigints(step, shape)];
  const negative = sizes.find((size) => size < 0n);
  if (negative !== undefined) throw refuse(`Dimension ${negative} must be >= 0`);
  checkListed(indices, MAX_VALUES);
  const flat = bigints(step, indices);
  const rows = Array.from({ length: count }, (_, i) => [...flat.subarray(i * rank, (i + 1) * rank)]);
  return { shape: sizes, rows };
}

/** Values at these positions as a vector of their own, held once. */
function pick(step: KernelStep, x: Tensor, positions: readonly number[]): Tensor {
  if (x.values !== null) {
    const values = positions.map((i) => x.values![i]!);
    for (const value of values) retainValue(value);
    return step.tensorOf(x.dtype, [values.length], values);
  }
  const y = step.allocate(x.dtype, [positions.length]);
  const size = dtypeSize(x.dtype);
  positions.forEach((from, to) => {
    copyBytes(step.heap, x.ptr + from * size, y.ptr + to * size, size);
  });
  return y;
}

const addOne = kernel("AddSparseToTensorsMap", "CPU", {}, (node) => {
  const mapOf = mapSource(node, true);
  return (step) => {
    const { shape, rows } = readSparse(step, 1);
    const handle = mapOf(step).add({ indices: rows, values: step.input(1).retain(), shape });
    bigints(step, step.allocateOutput(0, []))[0] = handle;
    return DONE;
  };
});

/** One entry for each index of the first dimension, those that have nothing last. */
const addMany = kernel("AddManySparseToTensorsMap", "CPU", {}, (node) => {
  const mapOf = mapSource(node, true);
  return (step) => {
    const { shape, rows } = readSparse(step, 2);
    checkIndices(rows, shape);
    const [count, ...rest] = shape as [bigint, ...bigint[]];
    checkLength(step, Number(count));
    const groups = new Map<bigint, number[]>();
    rows.forEach(([first], i) => {
      const group = groups.get(first!);
      if (group === undefined) groups.set(first!, [i]);
      else group.push(i);
    });
    for (let first = 0n; first < count; first++) if (!groups.has(first)) groups.set(first, []);
    const handles = step.allocateOutput(0, [Number(count)]);
    const map = mapOf(step);
    for (const [first, positions] of groups) {
      const values = pick(step, step.input(1), positions);
      const handle = map.add({ indices: positions.map((i) => rows[i]!.slice(1)), values, shape: rest });
      bigints(step, handles)[Number(first)] = handle;
    }
    return DONE;
  };
});

function checkTaken(taken: readonly SparseTensor[], dtype: DataType): void {
  const rank = taken[0]!.shape.length;
  taken.forEach(({ shape, values }, i) => {
    if (values.dtype !== dtype)
      throw new InvalidArgumentError(
        `Requested SparseTensor of type ${dtypeName(dtype)} but SparseTensor[${i}].values.dtype() == ${dtypeName(values.dtype)}`,
      );
    if (shape.length !== rank)
      throw new InvalidArgumentError(
        `Inconsistent rank across SparseTensors: rank prior to SparseTensor[${i}] was: ${rank} but rank of SparseTensor[${i}] is: ${shape.length}`,
      );
  });
}

/** Takes entries out as one batch, as large as the largest. */
const takeMany = kernel("TakeManySparseFromTensorsMap", "CPU", {}, (node) => {
  const mapOf = mapSource(node, false);
  const dtype = node.type("dtype");
  return (step) => {
    const map = mapOf(step);
    const handles = step.input(0);
    if (handles.shape.length !== 1)
      throw new InvalidArgumentError(
        `sparse_handles should be a vector but received shape ${shapeString(handles.shape)}`,
      );
    if (handles.size === 0)
      throw new InvalidArgumentError("Must have at least 1 serialized SparseTensor, but input matrix has 0 rows");
    const taken: SparseTensor[] = [];
    try {
      for (const handle of bigints(step, handles)) {
        const found = map.entries.get(handle);
        if (found === undefined)
          throw new InvalidArgumentError(`Unable to find SparseTensor: ${handle} in map: ${map.name}`);
        map.entries.delete(handle);
        taken.push(found);
      }
      checkTaken(taken, dtype);
      emitBatch(step, taken, dtype);
    } finally {
      for (const { values } of taken) values.release();
    }
    return DONE;
  };
});

function emitBatch(step: KernelStep, taken: readonly SparseTensor[], dtype: DataType): void {
  const rank = taken[0]!.shape.length;
  const indices = taken.flatMap((tensor, i) => tensor.indices.flatMap((row) => [BigInt(i), ...row]));
  bigints(step, step.allocateOutput(0, [indices.length / (rank + 1), rank + 1])).set(indices);
  const values = taken.map((tensor) => tensor.values);
  step.setOutput(1, concatenate(step, dtype, values, []));
  const sizes = taken[0]!.shape.map((_, d) =>
    taken.reduce((most, { shape }) => (shape[d]! > most ? shape[d]! : most), 0n),
  );
  bigints(step, step.allocateOutput(2, [rank + 1])).set([BigInt(taken.length), ...sizes]);
}

export const sparseMapKernels: readonly Kernel[] = [addOne, addMany, takeMany];
