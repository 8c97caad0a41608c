// Gradients of functions of two tensors, element by element, with broadcasting.
import { isComplex } from "../../tensor/dtype.js";
import { isFullyKnown } from "../../tensor/partial-shape.js";
import type { Shape } from "../../tensor/shape.js";
import type { Output } from "../output.js";
import { forAll, type GradientContext, type GradientFunction, type Gradients, notDifferentiable } from "./context.js";

type Pair = [Output | null, Output | null];

/** Axes of the result along which an operand of this shape was repeated, when the other one has that. */
function repeatedAxes(shape: Shape, other: Shape): number[] {
  const rank = Math.max(shape.length, other.length);
  const dim = (of: Shape, axis: number) => of[axis - rank + of.length];
  return Array.from({ length: rank }, (_, axis) => axis).filter((axis) => {
    const own = dim(shape, axis);
    return own === undefined || (own === 1 && dim(other, axis) !== undefined && dim(other, axis) !== 1);
  });
}

/** Sums each gradient over the axes along which its input was repeated: known now, or in the step. */
export function unbroadcast({ ops, x, wanted }: GradientContext, made: Pair): Pair {
  const grads: Pair = [wanted[0] ? made[0] : null, wanted[1] ? made[1] : null];
  const [a, b] = [x[0]!.shape, x[1]!.shape];
  if (isFullyKnown(a) && isFullyKnown(b)) {
    const sum = (grad: Output | null, shape: Shape, other: Shape) => {
      const axes = repeatedAxes(shape, other);
      return grad === null || axes.length === 0 ? grad : ops.reshape(ops.sum(grad, axes), shape);
    };
    return [sum(grads[0], a, b), sum(grads[1], b, a)];
  }
  const shapes = [ops.shape(x[0]!), ops.shape(x[1]!)] as const;
  const { r0, r1 } = ops.broadcastGradientArgs(...shapes);
  const sum = (grad: Output | null, axes: Output, shape: Output) => grad && ops.reshape(ops.sum(grad, axes), shape);
  return [sum(grads[0], r0, shapes[0]), sum(grads[1], r1, shapes[1])];
}

/** Gradients as if nothing was repeated. */
const pair =
  (make: (context: GradientContext, x: Output, y: Output, dy: Output) => Pair): GradientFunction =>
  (context) =>
    unbroadcast(context, make(context, context.x[0]!, context.x[1]!, context.dy));

const add = pair((_, __, ___, dy) => [dy, dy]);

const divide = (op: "realDiv" | "div" | "divNoNan"): GradientFunction =>
  pair(({ ops }, x, y, dy) => [ops[op](dy, y), ops.mul(dy, ops[op](ops[op](ops.neg(x), y), y))]);

/** All of dy goes to the one that was chosen. */
const choose = (op: "greaterEqual" | "lessEqual"): GradientFunction =>
  pair(({ ops }, x, y, dy) => {
    const first = ops[op](x, y);
    const zeros = ops.zerosLike(dy);
    return [ops.selectV2(first, dy, zeros), ops.selectV2(first, zeros, dy)];
  });

export const binaryGradients: Gradients = {
  ...forAll(["FloorDiv", "TruncateDiv", "NextAfter", "ApproximateEqual"], notDifferentiable),
  Add: add,
  AddV2: add,
  Sub: pair(({ ops }, _, __, dy) => [dy, ops.neg(dy)]),
  Mul: pair(({ ops }, x, y, dy) => [ops.mul(dy, y), ops.mul(x, dy)]),
  MulNoNan: pair(({ ops }, x, y, dy) => [ops.mulNoNan(dy, y), ops.mulNoNan(x, dy)]),
  RealDiv: divide("realDiv"),
  Div: divide("div"),
  DivNoNan: divide("divNoNan"),
  FloorMod: pair(({ ops }, x, y, dy) => [dy, ops.mul(dy, ops.neg(ops.floorDiv(x, y)))]),
  TruncateMod: pair(({ ops }, x, y, dy) => [dy, ops.mul(dy, ops.neg(ops.truncateDiv(x, y)))]),
  Pow: (context) => {
    const { ops, y } = context;
    return pair((_, x, power, dy) => {
      // Real powers of negative numbers have no slope by the power.
      const has = isComplex(x.dtype) ? ops.notEqual(x, 0) : ops.greater(x, 0);
      const log = ops.selectV2(has, ops.log(ops.selectV2(has, x, ops.onesLike(x))), ops.zerosLike(x));
      return [ops.mul(ops.mul(dy, power), ops.pow(x, ops.sub(power, 1))), ops.mul(ops.mul(dy, y[0]!), log)];
    })(context);
  },
  Maximum: choose("greaterEqual"),
  Minimum: choose("lessEqual"),
  SquaredDifference: pair(({ ops }, x, y, dy) => {
    const grad = ops.mul(ops.mul(2, dy), ops.sub(x, y));
    return [grad, ops.neg(grad)];
  }),
  Atan2: pair(({ ops }, y, x, dy) => {
    const scaled = ops.realDiv(dy, ops.addV2(ops.square(x), ops.square(y)));
    return [ops.mul(x, scaled), ops.mul(ops.neg(y), scaled)];
  }),
  Polygamma: pair(({ ops }, n, x, dy) => [null, ops.mul(dy, ops.polygamma(ops.addV2(n, 1), x))]),
  Xlogy: pair(({ ops }, x, y, dy) => {
    const isNonZero = ops.cast(ops.notEqual(x, 0), { dstT: x.dtype });
    return [ops.mul(dy, ops.xlogy(isNonZero, y)), ops.mul(dy, ops.xdivy(x, y))];
  }),
  Xdivy: pair(({ ops }, x, y, dy) => {
    const isNonZero = ops.cast(ops.notEqual(x, 0), { dstT: x.dtype });
    return [ops.mul(dy, ops.xdivy(isNonZero, y)), ops.mul(dy, ops.xdivy(ops.neg(x), ops.square(y)))];
  }),
};
