// Gradients of ops that move, cut and join elements.
import { NotFoundError } from "../../errors/index.js";
import { DataType } from "../../tensor/dtype.js";
import type { Output } from "../output.js";
import {
  carries,
  forAll,
  type GradientContext,
  type GradientFunction,
  type Gradients,
  notDifferentiable,
} from "./context.js";

/** Rows stay rows. */
const pass: GradientFunction = ({ grads }) => [grads[0]!];

const reshapeBack: GradientFunction = ({ ops, x, dy }) => [ops.reshape(dy, ops.shape(x[0]!))];

const int32 = ({ ops }: GradientContext, input: Output) => ops.cast(input, { dstT: DataType.INT32 });
const all = (context: GradientContext): Output[] => context.y.map((_, i) => context.grad(i));

/** Each part of a concatenation gets its part of the gradient. */
function cut(context: GradientContext, parts: readonly Output[], axis: Output): Output[] {
  const { ops, dy } = context;
  const shapes = ops.shapeN(parts);
  const offsets = ops.concatOffset(ops.floorMod(int32(context, axis), ops.rank(parts[0]!)), shapes);
  return parts.map((_, i) => ops.slice(dy, offsets[i]!, shapes[i]!));
}

const unpad: GradientFunction = ({ ops, x, dy }) => {
  const [input, paddings] = x as [Output, Output];
  const before = ops.stridedSlice(paddings, [0, 0], [0, 1], [1, 1], { beginMask: 1, endMask: 1, shrinkAxisMask: 2 });
  return [ops.slice(dy, before, ops.shape(input, { outType: paddings.dtype }))];
};

/** Sums what was broadcast to this shape back to another. */
export const sumTo = ({ ops }: GradientContext, grad: Output, shape: Output): Output => {
  const { r1 } = ops.broadcastGradientArgs(ops.shape(grad, { outType: shape.dtype }), shape);
  return ops.reshape(ops.sum(grad, r1), shape);
};

const select: GradientFunction = ({ ops, x, dy }) => {
  const zeros = ops.zerosLike(dy);
  return [null, ops.select(x[0]!, dy, zeros), ops.select(x[0]!, zeros, dy)];
};

/** Some diagonals of matrices. @param k which */
const diagonals = (context: GradientContext, matrices: Output, k: Output): Output =>
  context.like("MatrixDiagPartV3", [matrices, k, context.graph.constant(0, matrices.dtype)], "align");

const SLICE_MASKS = ["begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask"];

const PASSING = [
  ...["Identity", "ReadVariableOp", "Snapshot", "CheckNumerics", "EnsureShape", "PlaceholderWithDefault", "Print"],
];

export const arrayGradients: Gradients = {
  ...forAll(["StopGradient", "ZerosLike", "OnesLike", "OneHot", "Shape", "Size", "Rank", "Where"], notDifferentiable),
  ...forAll(PASSING, pass),
  ...forAll(["Reshape", "ExpandDims", "Squeeze"], reshapeBack),
  IdentityN: ({ grads, y, zeros }) => grads.map((grad, i) => grad ?? (carries(y[i]!.dtype) ? zeros(i) : null)),
  PreventGradient: (context) => {
    const reason = new TextDecoder().decode(context.attr("message").s);
    throw new NotFoundError(`Gradient explicitly disabled. Reason: b'${reason}'`);
  },
  ConjugateTranspose: ({ ops, x, dy }) => [ops.conjugateTranspose(dy, ops.invertPermutation(x[1]!))],
  Transpose: ({ ops, x, dy }) => [ops.transpose(dy, ops.invertPermutation(x[1]!))],
  Cast: ({ ops, x, y, dy }) => [carries(y[0]!.dtype) ? ops.cast(dy, { dstT: x[0]!.dtype }) : null],
  ConcatV2: (context) => cut(context, context.x.slice(0, -1), context.x.at(-1)!),
  Concat: (context) => [null, ...cut(context, context.x.slice(1), context.x[0]!)],
  Split: (context) => [null, context.ops.concatV2(all(context), context.x[0]!)],
  SplitV: (context) => [context.ops.concatV2(all(context), context.x[2]!)],
  Pack: (context) => {
    const { ops, x, dy } = context;
    return ops.unpack(dy, { num: x.length, axis: context.attr("axis").i ?? 0n });
  },
  Unpack: (context) => [context.ops.pack(all(context), { axis: context.attr("axis").i ?? 0n })],
  Slice: ({ ops, x, y, dy }) => {
    const [input, begin] = x as [Output, Output];
    const outType = begin.dtype;
    const after = ops.sub(ops.sub(ops.shape(input, { outType }), ops.shape(y[0]!, { outType })), begin);
    return [ops.pad(dy, ops.pack([begin, after], { axis: 1 }))];
  },
  StridedSlice: (context) => {
    const { ops, x, dy } = context;
    const [input, begin, end, strides] = x as [Output, Output, Output, Output];
    const shape = ops.shape(input, { outType: begin.dtype });
    return [context.like("StridedSliceGrad", [shape, begin, end, strides, dy], ...SLICE_MASKS)];
  },
  StridedSliceGrad: (context) => {
    const places = context.x.slice(1, 4);
    return [...[null, null, null, null], context.like("StridedSlice", [context.dy, ...places], ...SLICE_MASKS)];
  },
  Pad: unpad,
  PadV2: unpad,
  MirrorPad: (context) => [context.like("MirrorPadGrad", [context.dy, context.x[1]!], "mode")],
  MirrorPadGrad: (context) => [context.like("MirrorPad", [context.dy, context.x[1]!], "mode")],
  Tile: ({ ops, x, dy }) => {
    const [input, multiples] = x as [Output, Output];
    const shape = ops.shape(input, { outType: multiples.dtype });
    const split = ops.reshape(ops.pack([multiples, shape], { axis: 1 }), [-1]);
    return [ops.reshape(ops.sum(ops.reshape(dy, split), ops.range(0, ops.size(split), 2)), shape)];
  },
  BroadcastTo: (context) => [sumTo(context, context.dy, context.ops.shape(context.x[0]!))],
  Fill: ({ ops, dy }) => [null, ops.sum(ops.reshape(dy, [-1]), 0)],
  Select: select,
  SelectV2: (context) => {
    const { ops, x, dy } = context;
    const [condition, a, b] = x as [Output, Output, Output];
    const zeros = ops.zerosLike(dy);
    const [ofA, ofB] = [ops.selectV2(condition, dy, zeros), ops.selectV2(condition, zeros, dy)];
    return [null, sumTo(context, ofA, ops.shape(a)), sumTo(context, ofB, ops.shape(b))];
  },
  ReverseV2: ({ ops, x, dy }) => [ops.reverseV2(dy, x[1]!)],
  Roll: ({ ops, x, dy }) => [ops.roll(dy, ops.neg(x[1]!), x[2]!)],
  DepthToSpace: (context) => [context.like("SpaceToDepth", [context.dy], "block_size", "data_format")],
  SpaceToDepth: (context) => [context.like("DepthToSpace", [context.dy], "block_size", "data_format")],
  SpaceToBatchND: ({ ops, x, dy }) => [ops.batchToSpaceND(dy, x[1]!, x[2]!)],
  BatchToSpaceND: ({ ops, x, dy }) => [ops.spaceToBatchND(dy, x[1]!, x[2]!)],
  MatrixDiag: ({ ops, dy }) => [ops.matrixDiagPart(dy)],
  MatrixDiagPart: ({ ops, x, dy }) => [ops.matrixSetDiag(ops.zerosLike(x[0]!), dy)],
  MatrixSetDiag: ({ ops, x, dy }) => [ops.matrixSetDiag(dy, ops.zerosLike(x[1]!)), ops.matrixDiagPart(dy)],
  MatrixDiagV3: (context) => [diagonals(context, context.dy, context.x[1]!)],
  MatrixDiagPartV3: (context) => {
    const { ops, x, dy } = context;
    return [context.like("MatrixSetDiagV3", [ops.zerosLike(x[0]!), dy, x[1]!], "align")];
  },
  MatrixSetDiagV3: (context) => {
    const { ops, x, dy } = context;
    const [, diagonal, k] = x as [Output, Output, Output];
    return [context.like("MatrixSetDiagV3", [dy, ops.zerosLike(diagonal), k], "align"), diagonals(context, dy, k)];
  },
  Diag: ({ ops, dy }) => [ops.diagPart(dy)],
  DiagPart: ({ ops, dy }) => [ops.diag(dy)],
  MatrixBandPart: ({ ops, x, dy }) => [ops.matrixBandPart(dy, x[1]!, x[2]!)],
};
