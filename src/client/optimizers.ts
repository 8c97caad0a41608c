// Optimizers: gradients of a loss, and the update ops that apply them (`tf.compat.v1.train`).

import { gradients } from "./gradients/index.js";
import type { Graph, Operation, Output } from "./graph.js";
import { Variable } from "./variable.js";

abstract class Optimizer {
  /** An op that makes one step; gradients are taken by the variables' values. */
  minimize(loss: Output, variables: readonly Variable[]): Operation {
    const grads = gradients(
      loss,
      variables.map((variable) => variable.value),
    );
    const { graph } = loss;
    return graph.withScope(this.name, () => {
      const updates = variables.flatMap((variable, i) => {
        const grad = grads[i];
        return grad ? [this.apply(graph, variable, grad)] : [];
      });
      return this.finish(graph, updates);
    });
  }

  protected abstract readonly name: string;
  protected abstract apply(graph: Graph, variable: Variable, grad: Output): Operation;

  protected finish(graph: Graph, updates: readonly Operation[]): Operation {
    return graph.group(updates, "update");
  }

  /** A variable of zeros in the shape of another. */
  protected slot(graph: Graph, variable: Variable, name: string): Variable {
    const initial = variable.initializer.node.inputs[1]!;
    const like = graph.find(initial.node.name).output(initial.index);
    return new Variable(graph, graph.op("ZerosLike", [like]).output(), { name: `${variable.name}/${name}` });
  }
}

export class GradientDescentOptimizer extends Optimizer {
  protected readonly name = "GradientDescent";

  constructor(readonly learningRate: number) {
    super();
  }

  protected apply(graph: Graph, variable: Variable, grad: Output): Operation {
    return graph.op("ResourceApplyGradientDescent", [
      variable.handle,
      graph.constant(this.learningRate, grad.dtype),
      grad,
    ]);
  }
}

export interface MomentumOptions {
  readonly useNesterov?: boolean;
}

export class MomentumOptimizer extends Optimizer {
  protected readonly name = "Momentum";

  constructor(
    readonly learningRate: number,
    readonly momentum: number,
    readonly options: MomentumOptions = {},
  ) {
    super();
  }

  protected apply(graph: Graph, variable: Variable, grad: Output): Operation {
    const { handle } = this.slot(graph, variable, "Momentum");
    const scalar = (value: number) => graph.constant(value, grad.dtype);
    const inputs = [variable.handle, handle, scalar(this.learningRate), grad, scalar(this.momentum)];
    return graph.op("ResourceApplyMomentum", inputs, { use_nesterov: this.options.useNesterov ?? false });
  }
}

export interface AdamOptions {
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
}

/** Adam (Kingma and Ba, 2015), with TensorFlow's defaults. */
export class AdamOptimizer extends Optimizer {
  protected readonly name = "Adam";
  readonly #beta1: number;
  readonly #beta2: number;
  readonly #epsilon: number;
  #powers: readonly [Variable, Variable] | null = null;

  constructor(
    readonly learningRate = 0.001,
    options: AdamOptions = {},
  ) {
    super();
    this.#beta1 = options.beta1 ?? 0.9;
    this.#beta2 = options.beta2 ?? 0.999;
    this.#epsilon = options.epsilon ?? 1e-8;
  }

  protected apply(graph: Graph, variable: Variable, grad: Output): Operation {
    const scalar = (value: number) => graph.constant(value, grad.dtype);
    this.#powers ??= [
      new Variable(graph, scalar(this.#beta1), { name: "beta1_power" }),
      new Variable(graph, scalar(this.#beta2), { name: "beta2_power" }),
    ];
    const m = this.slot(graph, variable, "Adam");
    const v = this.slot(graph, variable, "Adam_1");
    return graph.op("ResourceApplyAdam", [
      variable.handle,
      m.handle,
      v.handle,
      this.#powers[0].value,
      this.#powers[1].value,
      scalar(this.learningRate),
      scalar(this.#beta1),
      scalar(this.#beta2),
      scalar(this.#epsilon),
      grad,
    ]);
  }

  /** The powers of the betas move on once all variables are updated. */
  protected override finish(graph: Graph, updates: readonly Operation[]): Operation {
    const powers = this.#powers;
    this.#powers = null;
    if (powers === null) return graph.group(updates, "update");
    return graph.withControl(updates, () => {
      const betas = [this.#beta1, this.#beta2];
      const moved = powers.map((power, i) => {
        const next = graph.op("Mul", [power.value, graph.constant(betas[i]!, power.dtype)]).output();
        return power.assign(next);
      });
      return graph.group(moved, "update");
    });
  }
}
