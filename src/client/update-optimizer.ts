// Optimizers that are one op of TensorFlow's, `ResourceApplyX` for all of a gradient and `ResourceSparseApplyX` for rows of it:
// a table says which, what is kept beside each variable, and the numbers that the op takes.
import type { AttrInput } from "./attributes.js";
import type { Graph } from "./graph.js";
import type { Initializer } from "./initializers.js";
import { type Hyper, Optimizer } from "./optimizer.js";
import type { Operation, Output } from "./output.js";
import type { Variable } from "./variable.js";

export interface Update {
  /** The `X` of its ops. */
  readonly op: string;
  /** In the order that they are made in, which their names tell. */
  readonly slots: Readonly<Record<string, Initializer>>;
  /** In the order that the op takes them in; that of `slots` when left out. */
  readonly slotOrder?: readonly string[];
  /** By the names of their nodes, in the op's order. */
  readonly scalars: Readonly<Record<string, Hyper>>;
  /** How many of the scalars come before the gradient. */
  readonly gradientAt: number;
  readonly attrs?: Readonly<Record<string, AttrInput>>;
}

export abstract class UpdateOptimizer extends Optimizer {
  readonly #update: Update;

  constructor(name: string, update: Update) {
    super(name);
    this.#update = update;
  }

  protected override createSlots(_: Graph, variables: readonly Variable[]): void {
    for (const variable of variables) {
      for (const [name, initial] of Object.entries(this.#update.slots)) this.makeSlot(variable, name, initial);
    }
  }

  protected override prepare(variable: Variable): void {
    this.#scalars(variable);
  }

  protected applyDense(variable: Variable, gradient: Output): Operation {
    return this.#apply(`ResourceApply${this.#update.op}`, variable, [gradient]);
  }

  protected applyRows(variable: Variable, values: Output, indices: Output): Operation {
    return this.#apply(`ResourceSparseApply${this.#update.op}`, variable, [values, indices]);
  }

  #apply(type: string, variable: Variable, gradient: readonly Output[]): Operation {
    const { slots, slotOrder = Object.keys(slots), gradientAt, attrs } = this.#update;
    const kept = slotOrder.map((name) => this.slotOf(variable, name));
    const scalars = this.#scalars(variable);
    const [before, behind] = [scalars.slice(0, gradientAt), scalars.slice(gradientAt)];
    return variable.graph.op(type, [variable.handle, ...kept, ...before, ...gradient, ...behind], attrs);
  }

  #scalars(variable: Variable): Output[] {
    return Object.entries(this.#update.scalars).map(([name, value]) => this.scalar(variable, name, value));
  }
}
