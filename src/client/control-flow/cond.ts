// `tf.cond` in TensorFlow's first form: what a branch takes comes through a Switch, what it gives meets that of the other
// branch in a Merge. Ops of the branch that isn't taken don't run; those made outside of both run in any case.
import { InvalidArgumentError } from "../../errors/index.js";
import type { Graph } from "../graph.js";
import { type Input, isReadable, pythonName, type Readable } from "../inputs.js";
import { Operation, Output } from "../output.js";
import { addControl } from "../scopes.js";
import { ControlFlowContext, isCall, mergeOf, switchOf } from "./context.js";

/** What a branch gives for one result; an operation stands for the branch itself, once it has run. */
export type BranchResult = Output | Readable | Operation | number | bigint | boolean | string;
/** An array gives an array of results. */
export type CondResult<R> = R extends readonly unknown[] ? Output[] : Output;

/** One branch of a condition (`CondContext`). */
export class CondContext extends ControlFlowContext {
  constructor(
    readonly pred: Output,
    readonly pivot: Output,
    /** 1 where `pred` is true. */
    readonly branch: 0 | 1,
  ) {
    super(pred.graph);
    this.know(pred);
    this.know(pivot);
  }

  get loop() {
    return this.outer?.loop ?? null;
  }

  addOp(operation: Operation): void {
    const { node } = operation;
    const hasInputs = node.inputs.length > 0;
    if (hasInputs) this.takeInputs(operation);
    this.dropOuterControls(operation);
    const waits = node.controlInputs.some((control) => this.graph.controlFlowOf(control) === this);
    if (hasInputs ? isCall(operation) : !waits) addControl(node, this.pivot.node);
    for (const output of operation.outputs) this.#knowAround(output);
  }

  /** A result of the branch; a tensor that was made outside comes through a Switch as well. */
  result(value: BranchResult): Output {
    const { graph } = this;
    if (!(value instanceof Operation)) {
      return this.addValue(value instanceof Output ? value : isReadable(value) ? value.value : graph.constant(value));
    }
    const name = "control_dependency";
    return graph.colocateWith(this.pivot, () =>
      graph.controlDependencies([value], () => graph.op("Identity", [this.pivot], {}, { name }).output()),
    );
  }

  protected bringIn(value: Output): Output {
    const outside = this.outer?.addValue(value) ?? value;
    this.know(outside);
    const inside = this.graph.controlDependencies(null, () => switchOf(outside, this.pred)[this.branch]);
    this.graph.setControlFlow(inside.node, this);
    this.#knowAround(inside);
    return inside;
  }

  #knowAround(value: Output): void {
    for (let at: ControlFlowContext | null = this; at !== null; at = at.outer) at.know(value);
  }
}

/**
 * Runs one of two branches (`tf.compat.v1.cond`): ops that `whenTrue` makes run where `pred` is true, those of `whenFalse`
 * elsewhere. Both give the same number of results, of the same dtypes.
 * @throws InvalidArgumentError in TensorFlow's words for branches that don't fit each other
 */
export function cond<R extends BranchResult | readonly BranchResult[]>(
  graph: Graph,
  pred: Input,
  whenTrue: () => R,
  whenFalse: () => R,
  name = "cond",
): CondResult<R> {
  return graph.nameScope(name, () => {
    const { ops } = graph;
    const given = pred instanceof Output ? pred : ops.identity(pred, { name: "pred" });
    const { outputFalse, outputTrue } = ops.switch(given, given);
    const pivots = [outputTrue, outputFalse].map((side, i) =>
      ops.identity(side, { name: i === 0 ? "switch_t" : "switch_f" }),
    );
    const id = ops.identity(given, { name: "pred_id" });
    const [onTrue, isList] = branch(new CondContext(id, pivots[0]!, 1), whenTrue);
    const [onFalse] = branch(new CondContext(id, pivots[1]!, 0), whenFalse);
    if (onTrue.length !== onFalse.length) {
      throw new InvalidArgumentError("true_fn and false_fn must return the same number of results");
    }
    const merges = onFalse.map((output, i) => mergeOf([sameType(output, onTrue[i]!), onTrue[i]!]));
    return (isList ? merges : merges[0]!) as CondResult<R>;
  });
}

function branch(context: CondContext, build: () => BranchResult | readonly BranchResult[]): [Output[], boolean] {
  return context.enter(() => {
    const built = build();
    const results = (Array.isArray(built) ? built : [built]).map((value: BranchResult) => context.result(value));
    context.leave(results);
    return [results, Array.isArray(built)];
  });
}

function sameType(onFalse: Output, onTrue: Output): Output {
  if (onFalse.dtype === onTrue.dtype) return onFalse;
  throw new InvalidArgumentError(
    `Outputs of 'true_fn' and 'false_fn' must have the same type(s). Received ${pythonName(onTrue.dtype)} from ` +
      `'true_fn' and ${pythonName(onFalse.dtype)} from 'false_fn'.`,
  );
}
