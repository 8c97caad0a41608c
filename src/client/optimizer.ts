// What all optimizers do (`tf.compat.v1.train.Optimizer`): gradients of a loss, slots beside the variables, updates in one
// op. Slots and ops are named as Python names them, so that its Saver finds them.
import { InvalidArgumentError } from "../errors/index.js";
import { DataType } from "../tensor/dtype.js";
import { isFullyKnown } from "../tensor/partial-shape.js";
import { gradients } from "./gradients/index.js";
import { type Gradient, IndexedSlices } from "./gradients/indexed-slices.js";
import type { Graph } from "./graph.js";
import { type Initializer, zeros } from "./initializers.js";
import type { Operation, Output } from "./output.js";
import { GraphKeys, type SaveSliceInfo, trainableVariables, Variable } from "./variable.js";

/** A number that stays, or a tensor that each step works out. */
export type Hyper = number | Output;
export type GradientAndVariable = readonly [gradient: Gradient | null, variable: Variable];

export interface ComputeOptions {
  /** All trainable ones of the graph when left out. */
  readonly variables?: readonly Variable[];
  /** The gradient of the loss; ones when left out. */
  readonly gradLoss?: Output;
  readonly colocateGradientsWithOps?: boolean;
}

export interface ApplyOptions {
  /** Grows by one when all variables are updated. */
  readonly globalStep?: Variable;
  /** Of the op that is given back; the optimizer's when left out. */
  readonly name?: string;
}

export abstract class Optimizer {
  readonly #slots = new Map<Variable, Map<string, Variable>>();
  readonly #scalars = new Map<string, Output>();

  /** @param name in front of its ops, and the name of its slots */
  constructor(readonly name: string) {}

  /** An op that makes one step: `computeGradients` and `applyGradients`. */
  minimize(loss: Output, options: ComputeOptions & ApplyOptions = {}): Operation {
    return this.applyGradients(this.computeGradients(loss, options), options);
  }

  /** The gradient of each variable, `null` where the loss doesn't depend on it. */
  computeGradients(loss: Output, options: ComputeOptions = {}): [Gradient | null, Variable][] {
    const variables = options.variables ?? trainableVariables(loss.graph);
    if (variables.length === 0) throw new InvalidArgumentError("No variables to optimize.");
    const { gradLoss = null, colocateGradientsWithOps = false } = options;
    const grads = gradients(loss, variables, [gradLoss], { colocateGradientsWithOps });
    return variables.map((variable, i) => [grads[i]!, variable]);
  }

  /** @throws InvalidArgumentError when there is no gradient at all */
  applyGradients(pairs: readonly GradientAndVariable[], options: ApplyOptions = {}): Operation {
    const given = pairs.filter((pair): pair is readonly [Gradient, Variable] => pair[0] !== null);
    const variables = given.map(([, variable]) => variable);
    if (variables.length === 0) {
      const names = pairs.map(([, { name }]) => `'${name}:0'`);
      throw new InvalidArgumentError(`No gradients provided for any variable: ${names.join(", ")}.`);
    }
    const { graph } = variables[0]!;
    graph.controlDependencies(null, () => this.createSlots(graph, variables));
    const name = options.name ?? this.name;
    return graph.nameScope(name, (scope) => {
      this.#scalars.clear();
      for (const variable of variables) this.prepare(variable);
      const updates = given.map(([gradient, variable]) =>
        graph.nameScope(`update_${variable.name}`, () =>
          graph.colocateWith(variable.handle, () => this.#update(variable, gradient)),
        ),
      );
      const { globalStep } = options;
      if (globalStep === undefined) return this.finish(graph, updates, scope);
      const finished = this.finish(graph, updates, "update");
      return graph.controlDependencies([finished], () =>
        graph.colocateWith(globalStep.handle, () => {
          const one = graph.constant(1, globalStep.dtype);
          return graph.ops.assignAddVariableOp(globalStep.handle, one, { name: scope });
        }),
      );
    });
  }

  /** What is kept beside a variable: `momentum`, `m`, … */
  slot(variable: Variable, name: string): Variable | undefined {
    return this.#slots.get(variable)?.get(name);
  }

  protected get takesRowsTwice(): boolean {
    return false;
  }

  /** Makes what is kept, before any update. */
  protected createSlots(_graph: Graph, _variables: readonly Variable[]): void {}

  /** Makes the scalars that updates of it take, where the optimizer is and not the variable. */
  protected prepare(_variable: Variable): void {}

  protected abstract applyDense(variable: Variable, gradient: Output): Operation;

  /** Each of the rows comes once, unless `takesRowsTwice`. */
  protected abstract applyRows(variable: Variable, values: Output, indices: Output): Operation;

  /** Runs when all updates have. */
  protected finish(graph: Graph, updates: readonly Operation[], name: string): Operation {
    return graph.group(updates, name);
  }

  #update(variable: Variable, gradient: Gradient): Operation {
    if (!(gradient instanceof IndexedSlices)) return this.applyDense(variable, gradient);
    const { values, indices } = this.takesRowsTwice ? gradient : gradient.unique();
    return this.applyRows(variable, values, indices);
  }

  /** A scalar in the dtype of a variable, the same for all. */
  protected scalar({ graph, dtype }: Variable, name: string, value: Hyper): Output {
    const make = (key: string, build: () => Output): Output => {
      const known = this.#scalars.get(key);
      const made = known ?? build();
      if (known === undefined) this.#scalars.set(key, made);
      return made;
    };
    // Numbers are floats first, as in Python: 0.1 isn't quite that for doubles.
    const given = typeof value === "number" ? make(name, () => graph.constant(value, DataType.FLOAT, name)) : value;
    if (given.dtype === dtype) return given;
    return make(`${name} ${dtype}`, () => graph.ops.cast(given, { dstT: dtype }));
  }

  /** A variable in the shape of another, named `variable/optimizer`. */
  protected makeSlot(variable: Variable, name: string, initial: Initializer = zeros()): Variable {
    const known = this.slot(variable, name);
    if (known !== undefined) return known;
    const { graph, dtype, shape } = variable;
    const options = { name: `${variable.name}/${this.name}`, dtype, trainable: false };
    const slot = graph.nameScope("", () =>
      graph.colocateWith(variable.handle, () => {
        if (isFullyKnown(shape)) {
          const made = new Variable(graph, initial, { ...options, shape });
          made.saveSliceInfo = sliceOfSlot(variable, made);
          return made;
        }
        // A shape that only a step knows: that of the initial value.
        const one = initial(graph, [], dtype);
        return new Variable(graph, graph.ops.fill(graph.ops.shape(variable.initialValue), one), options);
      }),
    );
    const slots = this.#slots.get(variable) ?? new Map<string, Variable>();
    this.#slots.set(variable, slots.set(name, slot));
    return slot;
  }

  /** A slot that is there: `createSlots` made it. */
  protected slotOf(variable: Variable, name: string): Output {
    return this.slot(variable, name)!.handle;
  }
}

/** A slot is cut as its variable is; the whole of it has the name that it would have beside the whole variable. */
function sliceOfSlot({ name, saveSliceInfo }: Variable, slot: Variable): SaveSliceInfo | null {
  if (saveSliceInfo === null) return null;
  return { ...saveSliceInfo, fullName: saveSliceInfo.fullName + slot.name.slice(name.length) };
}

/** The graph's step counter (`tf.compat.v1.train.get_or_create_global_step`). */
export function getOrCreateGlobalStep(graph: Graph): Variable {
  const [known] = graph.collection<Variable>(GraphKeys.GLOBAL_STEP);
  return (
    known ??
    graph.nameScope(
      "",
      () =>
        new Variable(graph, zeros(), {
          name: "global_step",
          shape: [],
          dtype: DataType.INT64,
          trainable: false,
          collections: [GraphKeys.GLOBAL_VARIABLES, GraphKeys.GLOBAL_STEP],
        }),
    )
  );
}
