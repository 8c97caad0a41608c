// Gradients of control flow in TensorFlow's first form. A condition's gradient goes back through the branch that was
// taken; a loop's through a loop of its own (loop-state.ts), where each op of the forward loop has its counterpart: Exit
// and Enter, Switch and Merge change places.
import { CondContext } from "../control-flow/cond.js";
import { addBackEdge, mergeOf, outputContext, switchOf } from "../control-flow/context.js";
import { WhileContext } from "../control-flow/while-context.js";
import type { Output } from "../output.js";
import { forAll, type GradientContext, type GradientFunction, type Gradients, notDifferentiable } from "./context.js";
import { type Gradient, IndexedSlices, indexTypeOf, rowsOf } from "./indexed-slices.js";
import { type LoopState, shapeOf, zerosOf } from "./loop-state.js";

/** Whichever of the gradients is there: rows when one of them is. */
function mergeGradients(gradients: readonly Gradient[], name: string | undefined): Gradient {
  if (!gradients.some((gradient) => gradient instanceof IndexedSlices)) {
    return mergeOf(gradients as readonly Output[], name);
  }
  const indexType = indexTypeOf(gradients);
  const rows = gradients.map((gradient) => rowsOf(gradient, indexType));
  const part = (of: (slices: IndexedSlices) => Output) => mergeOf(rows.map(of), name);
  return new IndexedSlices(
    part(({ values }) => values),
    part(({ indices }) => indices),
    part(({ denseShape }) => denseShape),
  );
}

/** A gradient on the way that was taken. */
function switchGradient(gradient: Gradient, pred: Output): Gradient[] {
  const split = (part: Output) => switchOf(part, pred, "cond_grad");
  if (!(gradient instanceof IndexedSlices)) return split(gradient);
  const { values, indices, denseShape } = gradient;
  const [ofValues, ofIndices, ofShape] = [split(values), split(indices), split(denseShape)];
  return ofValues.map((part, i) => new IndexedSlices(part, ofIndices[i]!, ofShape[i]!));
}

const merge: GradientFunction = (context) => {
  const { graph, ops, node, x, y, grads } = context;
  const around = outputContext(graph, node.inputs[0]!.node);
  const state = graph.controlFlow?.loop?.gradState ?? null;
  if (around instanceof WhileContext) return switchOf(context.dy, graph.controlFlow!.loop!.condition!);
  if (around instanceof CondContext) {
    return switchGradient(grads[0]!, state === null ? around.pred : state.realPred(around.pred));
  }
  // The other inputs get a dead tensor, as the branches that weren't taken have.
  return x.map((_, i) => ops.switch(context.dy, ops.equal(y[1]!, i)).outputTrue);
};

const choose: GradientFunction = (context) => {
  const { graph, node, grads } = context;
  const around = graph.controlFlowOf(node);
  if (!(around instanceof WhileContext)) {
    const both = grads.map((grad, i) => grad ?? context.grad(i));
    return [mergeGradients(both, around === null ? undefined : "cond_grad")];
  }
  // It is visited twice: from the Exit, then from the body, whose gradient closes the loop.
  const { merges } = stateOf(context)!;
  const known = merges.get(node);
  if (known !== undefined) {
    if (grads[1]) addBackEdge(known, context.grad(1));
    return [];
  }
  if (!grads[0]) return [];
  const first = context.grad(0);
  const made = mergeOf([first, first], "b_switch");
  merges.set(node, made);
  return [made];
};

const exit: GradientFunction = (context) => {
  const state = stateOf(context)!;
  if (!state.context.backProp) return [];
  const dy = state.outside(() => context.dy);
  state.context.know(dy);
  return [state.context.enterOf(dy, false, "b_exit")];
};

const enter: GradientFunction = (context) => {
  const { node, grads, y, dy } = context;
  const state = stateOf(context);
  if (state === null || !state.context.backProp) return grads;
  if (node.attrs.get("is_constant")?.b !== true) return [state.context.exit(dy)];
  const [grad] = grads;
  return [grad instanceof IndexedSlices ? rows(state, y[0]!, grad) : state.accumulate(y[0]!, dy)];
};

const stateOf = ({ graph }: GradientContext): LoopState | null => graph.controlFlow?.loop?.gradState ?? null;

/** Rows of all iterations, one after the other; the first is a row of zeros. */
function rows(state: LoopState, enter: Output, { values, indices }: IndexedSlices): IndexedSlices {
  const { graph } = state.context;
  const { ops } = graph;
  const concat = (sum: Output, part: Output) => ops.concatV2([sum, part], 0);
  const [noRow, noIndex, shape] = state.outside(() => {
    const whole = shapeOf(enter.op.inputs[0]!);
    const row = ops.concatV2([[1], ops.stridedSlice(whole, [1], [0], [1], { endMask: 1 })], 0);
    return [zerosOf(graph, row, values.dtype), graph.constant([0], indices.dtype), whole];
  }) as [Output, Output, Output];
  const allIndices = state.accumulateFrom(noIndex, indices, concat, true);
  return new IndexedSlices(state.accumulateFrom(noRow, values, concat, true), allIndices, shape);
}

export const controlFlowGradients: Gradients = {
  ...forAll(["Merge", "RefMerge"], merge),
  ...forAll(["Switch", "RefSwitch"], choose),
  ...forAll(["Exit", "RefExit"], exit),
  ...forAll(["Enter", "RefEnter"], enter),
  ...forAll(["NextIteration", "RefNextIteration"], ({ grads }) => grads),
  LoopCond: notDifferentiable,
};
