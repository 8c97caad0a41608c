// Gradients of reductions and scans along axes.
import { DataType } from "../../tensor/dtype.js";
import type { Output } from "../output.js";
import { forAll, type GradientContext, type GradientFunction, type Gradients, notDifferentiable } from "./context.js";

/** The shape of what was reduced, 1 along the axes that were. */
function keptShape({ ops, x }: GradientContext): Output {
  const shape = ops.shape(x[0]!);
  const rank = ops.size(shape);
  const axes = ops.cast(x[1]!, { dstT: DataType.INT32 });
  const wrapped = ops.reshape(ops.floorMod(ops.addV2(axes, rank), rank), [-1]);
  const ones = ops.fill(ops.shape(wrapped), 1);
  return ops.dynamicStitch([ops.range(0, rank, 1), wrapped], [shape, ones]);
}

/** Spreads the gradient of a reduction over what was reduced. */
const spread = (context: GradientContext): Output => {
  const { ops, x, dy } = context;
  return ops.broadcastTo(ops.reshape(dy, keptShape(context)), ops.shape(x[0]!));
};

/** Those that are the extreme share the gradient. */
const extreme: GradientFunction = (context) => {
  const { ops, x, y, dy } = context;
  const kept = keptShape(context);
  const found = ops.cast(ops.equal(ops.reshape(y[0]!, kept), x[0]!), { dstT: dy.dtype });
  const count = ops.reshape(ops.sum(found, x[1]!), kept);
  return [ops.mul(ops.realDiv(found, count), ops.reshape(dy, kept)), null];
};

/** Each element gets the product of the others: those before it times those behind, the reduced axes laid in front. */
const product: GradientFunction = (context) => {
  const { ops, x, dy } = context;
  const input = x[0]!;
  const shape = ops.shape(input);
  const grad = ops.broadcastTo(ops.reshape(dy, keptShape(context)), shape);
  const rank = ops.rank(input);
  const axes = ops.reshape(ops.cast(x[1]!, { dstT: DataType.INT32 }), [-1]);
  const reduced = ops.floorMod(ops.addV2(axes, rank), rank);
  const { out: others } = ops.listDiff(ops.range(0, rank, 1), reduced);
  const order = ops.concatV2([reduced, others], 0);
  const sizeOf = (of: Output) => ops.prod(ops.gatherV2(shape, of, 0), 0);
  const permuted = ops.transpose(input, order);
  const flat = ops.reshape(permuted, ops.pack([sizeOf(reduced), sizeOf(others)]));
  const before = ops.cumprod(flat, 0, { exclusive: true });
  const behind = ops.cumprod(flat, 0, { exclusive: true, reverse: true });
  const rest = ops.reshape(ops.mul(before, behind), ops.shape(permuted));
  return [ops.reshape(ops.mul(grad, ops.transpose(rest, ops.invertPermutation(order))), shape), null];
};

const flags = (context: GradientContext) => ({
  exclusive: context.attr("exclusive").b === true,
  reverse: context.attr("reverse").b !== true,
});

export const reduceGradients: Gradients = {
  ...forAll(["ArgMax", "ArgMin", "All", "Any"], notDifferentiable),
  Sum: (context) => [spread(context), null],
  Mean: (context) => {
    const { ops, x, y, dy } = context;
    const factor = ops.floorDiv(ops.size(x[0]!), ops.maximum(ops.size(y[0]!), 1));
    return [ops.realDiv(spread(context), ops.cast(factor, { dstT: dy.dtype })), null];
  },
  EuclideanNorm: (context) => {
    const { ops, x, y, dy } = context;
    const kept = keptShape(context);
    return [ops.realDiv(x[0]!, ops.realDiv(ops.reshape(y[0]!, kept), ops.reshape(dy, kept))), null];
  },
  Max: extreme,
  Min: extreme,
  Prod: product,
  Cumsum: (context) => [context.ops.cumsum(context.dy, context.x[1]!, flags(context)), null],
  Cumprod: (context) => {
    const { ops, x, dy } = context;
    const [input, axis] = x as [Output, Output];
    const { exclusive, reverse } = flags(context);
    const values = ops.cumprod(input, axis, { exclusive, reverse: !reverse });
    const sums = ops.cumsum(ops.mul(values, dy), axis, { exclusive, reverse });
    return [ops.divNoNan(sums, input), null];
  },
  L2Loss: ({ ops, x, dy }) => [ops.mul(x[0]!, dy)],
  AddN: ({ x, dy }) => x.map(() => dy),
  AccumulateNV2: ({ x, dy }) => x.map(() => dy),
};
