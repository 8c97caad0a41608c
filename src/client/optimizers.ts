// Optimizers of `tf.compat.v1.train`: the slots that each keeps, and the ops that update a variable by all of its gradient
// or by some rows of it.
import type { Graph } from "./graph.js";
import { constant, ones } from "./initializers.js";
import { type Hyper, Optimizer } from "./optimizer.js";
import type { Operation, Output } from "./output.js";
import { Variable } from "./variable.js";

export class GradientDescentOptimizer extends Optimizer {
  constructor(
    readonly learningRate: Hyper,
    { name = "GradientDescent" }: { readonly name?: string } = {},
  ) {
    super(name);
  }

  protected override get takesRowsTwice(): boolean {
    return true;
  }

  protected override prepare(variable: Variable): void {
    this.#rate(variable);
  }

  protected applyDense(variable: Variable, gradient: Output): Operation {
    return variable.graph.ops.resourceApplyGradientDescent(variable.handle, this.#rate(variable), gradient);
  }

  protected applyRows(variable: Variable, values: Output, indices: Output): Operation {
    const { ops } = variable.graph;
    return variable.scatterAdd(indices, ops.mul(ops.neg(values), this.#rate(variable), { name: "mul" }));
  }

  #rate(variable: Variable): Output {
    return this.scalar(variable, "learning_rate", this.learningRate);
  }
}

export interface MomentumOptions {
  readonly useNesterov?: boolean;
  readonly name?: string;
}

export class MomentumOptimizer extends Optimizer {
  readonly #useNesterov: boolean;

  constructor(
    readonly learningRate: Hyper,
    readonly momentum: Hyper,
    { useNesterov = false, name = "Momentum" }: MomentumOptions = {},
  ) {
    super(name);
    this.#useNesterov = useNesterov;
  }

  protected override createSlots(_: Graph, variables: readonly Variable[]): void {
    for (const variable of variables) this.makeSlot(variable, "momentum");
  }

  protected override prepare(variable: Variable): void {
    this.#inputs(variable);
  }

  protected applyDense(variable: Variable, gradient: Output): Operation {
    const { slot, rate, momentum, options } = this.#inputs(variable);
    return variable.graph.ops.resourceApplyMomentum(variable.handle, slot, rate, gradient, momentum, options);
  }

  protected applyRows(variable: Variable, values: Output, indices: Output): Operation {
    const { slot, rate, momentum, options } = this.#inputs(variable);
    const { ops } = variable.graph;
    return ops.resourceSparseApplyMomentum(variable.handle, slot, rate, values, indices, momentum, options);
  }

  #inputs(variable: Variable) {
    return {
      slot: this.slotOf(variable, "momentum"),
      rate: this.scalar(variable, "learning_rate", this.learningRate),
      momentum: this.scalar(variable, "momentum", this.momentum),
      options: { useNesterov: this.#useNesterov },
    };
  }
}

export interface AdagradOptions {
  readonly initialAccumulatorValue?: number;
  readonly name?: string;
}

/** Duchi et al., 2011. */
export class AdagradOptimizer extends Optimizer {
  readonly #initial: number;

  constructor(
    readonly learningRate: Hyper,
    { initialAccumulatorValue = 0.1, name = "Adagrad" }: AdagradOptions = {},
  ) {
    super(name);
    this.#initial = initialAccumulatorValue;
  }

  protected override createSlots(_: Graph, variables: readonly Variable[]): void {
    for (const variable of variables) this.makeSlot(variable, "accumulator", constant(this.#initial));
  }

  protected override prepare(variable: Variable): void {
    this.#rate(variable);
  }

  protected applyDense(variable: Variable, gradient: Output): Operation {
    const slot = this.slotOf(variable, "accumulator");
    return variable.graph.ops.resourceApplyAdagrad(variable.handle, slot, this.#rate(variable), gradient);
  }

  protected applyRows(variable: Variable, values: Output, indices: Output): Operation {
    const slot = this.slotOf(variable, "accumulator");
    const { ops } = variable.graph;
    return ops.resourceSparseApplyAdagrad(variable.handle, slot, this.#rate(variable), values, indices);
  }

  #rate(variable: Variable): Output {
    return this.scalar(variable, "learning_rate", this.learningRate);
  }
}

export interface RMSPropOptions {
  readonly decay?: Hyper;
  readonly momentum?: Hyper;
  readonly epsilon?: Hyper;
  /** Gradients are scaled by their variance instead of their second moment. */
  readonly centered?: boolean;
  readonly name?: string;
}

export class RMSPropOptimizer extends Optimizer {
  readonly #decay: Hyper;
  readonly #momentum: Hyper;
  readonly #epsilon: Hyper;
  readonly #centered: boolean;

  constructor(
    readonly learningRate: Hyper,
    { decay = 0.9, momentum = 0, epsilon = 1e-10, centered = false, name = "RMSProp" }: RMSPropOptions = {},
  ) {
    super(name);
    this.#decay = decay;
    this.#momentum = momentum;
    this.#epsilon = epsilon;
    this.#centered = centered;
  }

  protected override createSlots(_: Graph, variables: readonly Variable[]): void {
    for (const variable of variables) {
      this.makeSlot(variable, "rms", ones());
      if (this.#centered) this.makeSlot(variable, "mg");
      this.makeSlot(variable, "momentum");
    }
  }

  protected override prepare(variable: Variable): void {
    this.#inputs(variable);
  }

  protected applyDense(variable: Variable, gradient: Output): Operation {
    const { rms, momentum, scalars } = this.#inputs(variable);
    const { ops } = variable.graph;
    if (!this.#centered) return ops.resourceApplyRMSProp(variable.handle, rms, momentum, ...scalars, gradient);
    const mean = this.slotOf(variable, "mg");
    return ops.resourceApplyCenteredRMSProp(variable.handle, mean, rms, momentum, ...scalars, gradient);
  }

  protected applyRows(variable: Variable, values: Output, indices: Output): Operation {
    const { rms, momentum, scalars } = this.#inputs(variable);
    const { ops } = variable.graph;
    const { handle } = variable;
    if (!this.#centered) return ops.resourceSparseApplyRMSProp(handle, rms, momentum, ...scalars, values, indices);
    const mean = this.slotOf(variable, "mg");
    return ops.resourceSparseApplyCenteredRMSProp(handle, mean, rms, momentum, ...scalars, values, indices);
  }

  #inputs(variable: Variable) {
    const scalars: [Output, Output, Output, Output] = [
      this.scalar(variable, "learning_rate", this.learningRate),
      this.scalar(variable, "decay", this.#decay),
      this.scalar(variable, "momentum", this.#momentum),
      this.scalar(variable, "epsilon", this.#epsilon),
    ];
    return { rms: this.slotOf(variable, "rms"), momentum: this.slotOf(variable, "momentum"), scalars };
  }
}

export interface AdamOptions {
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: Hyper;
  readonly name?: string;
}

/** Kingma and Ba, 2015. */
export class AdamOptimizer extends Optimizer {
  readonly #beta1: number;
  readonly #beta2: number;
  readonly #epsilon: Hyper;
  /** Powers of the betas, by graph. */
  readonly #powers = new Map<Graph, readonly [Variable, Variable]>();

  constructor(
    readonly learningRate: Hyper = 0.001,
    { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, name = "Adam" }: AdamOptions = {},
  ) {
    super(name);
    this.#beta1 = beta1;
    this.#beta2 = beta2;
    this.#epsilon = epsilon;
  }

  protected override createSlots(graph: Graph, variables: readonly Variable[]): void {
    const [first] = [...variables].sort((a, b) => (a.name < b.name ? -1 : 1)) as [Variable];
    if (!this.#powers.has(graph)) {
      const power = (value: number, name: string) =>
        graph.colocateWith(
          first.handle,
          () => new Variable(graph, value, { name, dtype: first.dtype, trainable: false }),
        );
      this.#powers.set(graph, [power(this.#beta1, "beta1_power"), power(this.#beta2, "beta2_power")]);
    }
    for (const variable of variables) {
      this.makeSlot(variable, "m");
      this.makeSlot(variable, "v");
    }
  }

  protected override prepare(variable: Variable): void {
    this.#scalars(variable);
  }

  protected applyDense(variable: Variable, gradient: Output): Operation {
    const { rate, beta1, beta2, epsilon, powers } = this.#inputs(variable);
    const [m, v] = [this.slotOf(variable, "m"), this.slotOf(variable, "v")];
    const { ops } = variable.graph;
    return ops.resourceApplyAdam(variable.handle, m, v, ...powers, rate, beta1, beta2, epsilon, gradient);
  }

  /** All of the moments decay, and all of the variable moves; the rows are what is added to them. */
  protected applyRows(variable: Variable, values: Output, indices: Output): Operation {
    const { graph } = variable;
    const { ops } = graph;
    const { rate, beta1, beta2, epsilon, powers } = this.#inputs(variable);
    const moved = (slot: Variable, beta: Output, rows: Output): Output => {
      const decayed = slot.assign(ops.mul(slot.value, beta));
      const added = graph.controlDependencies([decayed], () => slot.scatterAdd(indices, rows));
      return graph.controlDependencies([added], () => slot.read());
    };
    const m = moved(this.slot(variable, "m")!, beta1, ops.mul(values, ops.sub(1, beta1)));
    const v = moved(this.slot(variable, "v")!, beta2, ops.mul(ops.mul(values, values), ops.sub(1, beta2)));
    const corrected = ops.realDiv(ops.mul(rate, ops.sqrt(ops.sub(1, powers[1]))), ops.sub(1, powers[0]));
    return variable.assignSub(ops.realDiv(ops.mul(corrected, m), ops.addV2(ops.sqrt(v), epsilon)));
  }

  /** The powers of the betas move on once all variables are updated. */
  protected override finish(graph: Graph, updates: readonly Operation[], name: string): Operation {
    const powers = this.#powers.get(graph)!;
    const moved = graph.controlDependencies(updates, () =>
      powers.map((power, i) =>
        graph.colocateWith(power.handle, () =>
          power.assign(graph.ops.mul(power.value, i === 0 ? this.#beta1 : this.#beta2)),
        ),
      ),
    );
    return graph.group([...updates, ...moved], name);
  }

  #inputs(variable: Variable) {
    const { graph, dtype } = variable;
    const [first, second] = this.#powers.get(graph)!;
    const power = ({ value }: Variable) => (value.dtype === dtype ? value : graph.ops.cast(value, { dstT: dtype }));
    const powers: [Output, Output] = [power(first), power(second)];
    return { ...this.#scalars(variable), powers };
  }

  #scalars(variable: Variable) {
    return {
      rate: this.scalar(variable, "learning_rate", this.learningRate),
      beta1: this.scalar(variable, "beta1", this.#beta1),
      beta2: this.scalar(variable, "beta2", this.#beta2),
      epsilon: this.scalar(variable, "epsilon", this.#epsilon),
    };
  }
}
