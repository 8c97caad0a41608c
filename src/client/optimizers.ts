// Optimizers of `tf.compat.v1.train`: the slots that each keeps, and the ops that update a variable by all of its gradient
// or by some rows of it.
import { InvalidArgumentError } from "../errors/index.js";
import { DataType } from "../tensor/dtype.js";
import type { Graph } from "./graph.js";
import { constant, ones, zeros } from "./initializers.js";
import { type Hyper, Optimizer } from "./optimizer.js";
import type { Operation, Output } from "./output.js";
import { UpdateOptimizer } from "./update-optimizer.js";
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

export class MomentumOptimizer extends UpdateOptimizer {
  constructor(
    readonly learningRate: Hyper,
    readonly momentum: Hyper,
    { useNesterov = false, name = "Momentum" }: MomentumOptions = {},
  ) {
    super(name, {
      op: "Momentum",
      slots: { momentum: zeros() },
      scalars: { learning_rate: learningRate, momentum },
      gradientAt: 1,
      attrs: { use_nesterov: useNesterov },
    });
  }
}

export interface AdagradOptions {
  readonly initialAccumulatorValue?: number;
  readonly name?: string;
}

/** Duchi et al., 2011. */
export class AdagradOptimizer extends UpdateOptimizer {
  constructor(
    readonly learningRate: Hyper,
    { initialAccumulatorValue = 0.1, name = "Adagrad" }: AdagradOptions = {},
  ) {
    super(name, {
      op: "Adagrad",
      slots: { accumulator: constant(initialAccumulatorValue) },
      scalars: { learning_rate: learningRate },
      gradientAt: 1,
    });
  }
}

export interface AdadeltaOptions {
  readonly rho?: Hyper;
  readonly epsilon?: Hyper;
  readonly name?: string;
}

/** Zeiler, 2012. */
export class AdadeltaOptimizer extends UpdateOptimizer {
  constructor(
    readonly learningRate: Hyper = 0.001,
    { rho = 0.95, epsilon = 1e-8, name = "Adadelta" }: AdadeltaOptions = {},
  ) {
    super(name, {
      op: "Adadelta",
      slots: { accum: zeros(), accum_update: zeros() },
      scalars: { lr: learningRate, rho, epsilon },
      gradientAt: 3,
    });
  }
}

export interface RegularizationOptions {
  readonly l1RegularizationStrength?: number;
  readonly l2RegularizationStrength?: number;
}

export interface FtrlOptions extends RegularizationOptions, AdagradOptions {
  /** Not above zero: how the learning rate falls. */
  readonly learningRatePower?: number;
  /** Pulls towards zero what the gradient moves; the other l2 pulls what there is. */
  readonly l2ShrinkageRegularizationStrength?: number;
}

/** McMahan et al., 2013. */
export class FtrlOptimizer extends UpdateOptimizer {
  /** @throws InvalidArgumentError for strengths below zero, or a power above */
  constructor(
    readonly learningRate: Hyper,
    options: FtrlOptions = {},
  ) {
    const { learningRatePower = -0.5, initialAccumulatorValue = 0.1, name = "Ftrl" } = options;
    const {
      l1RegularizationStrength = 0,
      l2RegularizationStrength = 0,
      l2ShrinkageRegularizationStrength = 0,
    } = options;
    notBelowZero("initial_accumulator_value", initialAccumulatorValue);
    if (learningRatePower > 0) {
      throw new InvalidArgumentError(
        `learning_rate_power ${learningRatePower.toFixed(6)} needs to be negative or zero`,
      );
    }
    notBelowZero("l1_regularization_strength", l1RegularizationStrength);
    notBelowZero("l2_regularization_strength", l2RegularizationStrength);
    notBelowZero("l2_shrinkage_regularization_strength", l2ShrinkageRegularizationStrength);
    const shrinks = l2ShrinkageRegularizationStrength > 0;
    super(name, {
      op: shrinks ? "FtrlV2" : "Ftrl",
      slots: { accum: constant(initialAccumulatorValue), linear: zeros() },
      scalars: {
        learning_rate: learningRate,
        l1_regularization_strength: l1RegularizationStrength,
        l2_regularization_strength: l2RegularizationStrength,
        ...(shrinks ? { l2_shrinkage_regularization_strength: l2ShrinkageRegularizationStrength } : {}),
        learning_rate_power: learningRatePower,
      },
      gradientAt: 0,
    });
  }
}

/** Duchi and Singer, 2009: steps of gradient descent, each followed by what the regularization pulls. */
export class ProximalGradientDescentOptimizer extends UpdateOptimizer {
  constructor(
    readonly learningRate: Hyper,
    { name = "ProximalGradientDescent", ...strengths }: RegularizationOptions & { readonly name?: string } = {},
  ) {
    const scalars = { learning_rate: learningRate, ...regularization(strengths) };
    super(name, { op: "ProximalGradientDescent", slots: {}, scalars, gradientAt: 3 });
  }
}

/** Adagrad with the same. */
export class ProximalAdagradOptimizer extends UpdateOptimizer {
  constructor(
    readonly learningRate: Hyper,
    {
      initialAccumulatorValue = 0.1,
      name = "ProximalAdagrad",
      ...strengths
    }: RegularizationOptions & AdagradOptions = {},
  ) {
    super(name, {
      op: "ProximalAdagrad",
      slots: { accumulator: constant(initialAccumulatorValue) },
      scalars: { learning_rate: learningRate, ...regularization(strengths) },
      gradientAt: 3,
    });
  }
}

const regularization = ({ l1RegularizationStrength = 0, l2RegularizationStrength = 0 }: RegularizationOptions) => ({
  l1_regularization_strength: l1RegularizationStrength,
  l2_regularization_strength: l2RegularizationStrength,
});

function notBelowZero(name: string, value: number): void {
  if (value >= 0) return;
  throw new InvalidArgumentError(`${name} ${value.toFixed(6)} needs to be positive or zero`);
}

export interface RMSPropOptions {
  readonly decay?: Hyper;
  readonly momentum?: Hyper;
  readonly epsilon?: Hyper;
  /** Gradients are scaled by their variance instead of their second moment. */
  readonly centered?: boolean;
  readonly name?: string;
}

/** Hinton, 2012. */
export class RMSPropOptimizer extends UpdateOptimizer {
  constructor(
    readonly learningRate: Hyper,
    { decay = 0.9, momentum = 0, epsilon = 1e-10, centered = false, name = "RMSProp" }: RMSPropOptions = {},
  ) {
    super(name, {
      op: centered ? "CenteredRMSProp" : "RMSProp",
      slots: { rms: ones(), ...(centered ? { mg: zeros() } : {}), momentum: zeros() },
      slotOrder: centered ? ["mg", "rms", "momentum"] : ["rms", "momentum"],
      scalars: { learning_rate: learningRate, decay, momentum, epsilon },
      gradientAt: 4,
    });
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
          () => new Variable(graph, value, { name, dtype: DataType.FLOAT, trainable: false }),
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
