// Gradients of arithmetic, reductions and matrix products.
import { boolAttr } from "../../graph/attr.js";
import { DataType } from "../../tensor/dtype.js";
import type { Output } from "../graph.js";
import type { GradientContext, GradientFunction } from "./index.js";

/** Sums a gradient over the axes along which its input was repeated. */
function unbroadcast({ graph, inputs }: GradientContext, grads: readonly Output[]): Output[] {
  const shapes = inputs.map((input) => graph.op("Shape", [input]).output());
  const axes = graph.op("BroadcastGradientArgs", shapes.slice(0, 2));
  return grads.map((grad, i) => {
    const sum = graph.op("Sum", [grad, axes.output(i)]).output();
    return graph.op("Reshape", [sum, shapes[i]!]).output();
  });
}

const pair =
  (make: (context: GradientContext, grad: Output, x: Output, y: Output) => [Output, Output]): GradientFunction =>
  (context) => {
    const [x, y] = context.inputs as [Output, Output];
    return unbroadcast(context, make(context, context.grads[0]!, x, y));
  };

/** `op(output, grad)` is the gradient. */
const ofOutput =
  (op: string): GradientFunction =>
  ({ graph, outputs, grads }) => [graph.op(op, [outputs[0]!, grads[0]!]).output()];

const add = pair((_, grad) => [grad, grad]);
const two = (context: GradientContext, x: Output): Output => context.graph.constant(2, x.dtype);

/** Spreads the gradient of a reduction over what was reduced. */
function spread({ graph, inputs, grads }: GradientContext): Output {
  const [x, axes] = inputs as [Output, Output];
  const shape = graph.op("Shape", [x]).output();
  const rank = graph.op("Rank", [x]).output();
  const zero = graph.constant(0, DataType.INT32);
  const one = graph.constant(1, DataType.INT32);
  // The reduced shape with ones kept: 1 at each reduced axis.
  const all = graph.op("Range", [zero, rank, one]).output();
  const wrapped = graph.op("FloorMod", [graph.op("AddV2", [axes, rank]).output(), rank]).output();
  const flat = graph.op("Reshape", [wrapped, graph.constant([-1], DataType.INT32)]).output();
  const apart = graph
    .op("Equal", [graph.op("ExpandDims", [all, one]).output(), graph.op("ExpandDims", [flat, zero]).output()])
    .output();
  const reduced = graph.op("Any", [apart, one]).output();
  const kept = graph.op("SelectV2", [reduced, one, shape]).output();
  return graph.op("BroadcastTo", [graph.op("Reshape", [grads[0]!, kept]).output(), shape]).output();
}

export const mathGradients: Readonly<Record<string, GradientFunction>> = {
  Add: add,
  AddV2: add,
  Sub: pair(({ graph }, grad) => [grad, graph.op("Neg", [grad]).output()]),
  Mul: pair(({ graph }, grad, x, y) => [graph.op("Mul", [grad, y]).output(), graph.op("Mul", [grad, x]).output()]),
  RealDiv: pair(({ graph }, grad, x, y) => {
    const byY = graph.op("RealDiv", [grad, y]).output();
    const ratio = graph.op("RealDiv", [x, y]).output();
    return [byY, graph.op("Neg", [graph.op("Mul", [byY, ratio]).output()]).output()];
  }),
  Neg: ({ graph, grads }) => [graph.op("Neg", [grads[0]!]).output()],
  Square: (context) => {
    const { graph, inputs, grads } = context;
    const twice = graph.op("Mul", [two(context, inputs[0]!), inputs[0]!]).output();
    return [graph.op("Mul", [grads[0]!, twice]).output()];
  },
  Exp: ({ graph, outputs, grads }) => [graph.op("Mul", [grads[0]!, outputs[0]!]).output()],
  Log: ({ graph, inputs, grads }) => [graph.op("RealDiv", [grads[0]!, inputs[0]!]).output()],
  Sqrt: ofOutput("SqrtGrad"),
  Rsqrt: ofOutput("RsqrtGrad"),
  Tanh: ofOutput("TanhGrad"),
  Sigmoid: ofOutput("SigmoidGrad"),
  AddN: ({ inputs, grads }) => inputs.map(() => grads[0]!),
  Sum: (context) => [spread(context), null],
  Mean: (context) => {
    const { graph, inputs, outputs } = context;
    const size = (x: Output) => graph.op("Cast", [graph.op("Size", [x]).output()], { DstT: inputs[0]!.dtype }).output();
    const factor = graph.op("RealDiv", [size(inputs[0]!), size(outputs[0]!)]).output();
    return [graph.op("RealDiv", [spread(context), factor]).output(), null];
  },
  MatMul: ({ graph, inputs, grads, node }) => {
    const [a, b] = inputs as [Output, Output];
    const grad = grads[0]!;
    const [ta, tb] = [boolAttr(node, "transpose_a"), boolAttr(node, "transpose_b")];
    const multiply = (x: Output, y: Output, transposeX: boolean, transposeY: boolean) =>
      graph.op("MatMul", [x, y], { transpose_a: transposeX, transpose_b: transposeY }).output();
    if (!ta && !tb) return [multiply(grad, b, false, true), multiply(a, grad, true, false)];
    if (!ta && tb) return [multiply(grad, b, false, false), multiply(grad, a, true, false)];
    if (ta && !tb) return [multiply(b, grad, false, true), multiply(a, grad, false, false)];
    return [multiply(b, grad, true, true), multiply(grad, a, true, true)];
  },
};
