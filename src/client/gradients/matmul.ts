// Gradients of matrix products.
import type { Output } from "../output.js";
import type { GradientContext, GradientFunction, Gradients } from "./context.js";

type Multiply = (a: Output, b: Output, transposeA: boolean, transposeB: boolean) => Output;

/** A product's gradients are products, of whichever operands stand as they were given. */
function products(context: GradientContext, ofA: string, ofB: string, multiply: Multiply): [Output, Output] {
  const [a, b] = context.x as [Output, Output];
  const { dy } = context;
  const [ta, tb] = [context.attr(ofA).b === true, context.attr(ofB).b === true];
  if (!ta && !tb) return [multiply(dy, b, false, true), multiply(a, dy, true, false)];
  if (!ta && tb) return [multiply(dy, b, false, false), multiply(dy, a, true, false)];
  if (ta && !tb) return [multiply(b, dy, false, true), multiply(a, dy, false, false)];
  return [multiply(b, dy, true, true), multiply(dy, a, true, true)];
}

const batchProducts = (context: GradientContext) =>
  products(context, "adj_x", "adj_y", (x, y, adjX, adjY) =>
    context.graph.op(context.node.op.name, [x, y], { adj_x: adjX, adj_y: adjY }).output(),
  );

/** Batches may be repeated; the matrices themselves never are. */
const broadcastBatches: GradientFunction = (context) => {
  const { ops, x } = context;
  const grads = batchProducts(context);
  const shapes = x.map((input) => ops.shape(input));
  const batch = (shape: Output) => ops.stridedSlice(shape, [0], [-2], [1], { beginMask: 1 });
  const { r0, r1 } = ops.broadcastGradientArgs(batch(shapes[0]!), batch(shapes[1]!));
  return grads.map((grad, i) => ops.reshape(ops.sum(grad, i === 0 ? r0 : r1), shapes[i]!));
};

export const matMulGradients: Gradients = {
  MatMul: (context) =>
    products(context, "transpose_a", "transpose_b", (a, b, transposeA, transposeB) =>
      context.ops.matMul(a, b, { transposeA, transposeB }),
    ),
  BatchMatMul: batchProducts,
  BatchMatMulV2: broadcastBatches,
  BatchMatMulV3: broadcastBatches,
};
