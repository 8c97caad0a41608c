// Shapes of ops that take dimensions away: reductions, arg-min and -max, counting, segments.
import {
  concatenate,
  mergePrefix,
  mergeShapes,
  type PartialShape,
  refuse,
  subshape,
  UNKNOWN,
  unknownOfRank,
  vector,
  withoutDim,
  withRank,
  withRankAtLeast,
  withRankAtMost,
} from "../../tensor/partial-shape.js";
import { SCALAR } from "../../tensor/shape.js";
import { dimFrom, requireRanks, scalar } from "./common.js";
import { forOps, type ShapeContext, type ShapeTable } from "./context.js";

function reduce(context: ShapeContext): PartialShape {
  const [input, axesShape] = context.inputs as [PartialShape, PartialShape];
  withRankAtMost(axesShape, 1);
  const keep = context.node.bool("keep_dims");
  const axes = context.constant(1);
  if (axes === null) {
    if (keep && input !== null) return unknownOfRank(input.length);
    return null;
  }
  if (input === null) return null;
  const rank = input.length;
  const reduced = new Set<number>();
  for (const axis of axes) {
    if (axis < -rank || axis >= rank) {
      throw refuse(`Invalid reduction dimension ${axis} for input with ${rank} dimensions.`);
    }
    reduced.add(axis < 0 ? axis + rank : axis);
  }
  if (keep) return input.map((dim, i) => (reduced.has(i) ? 1 : dim));
  return input.filter((_, i) => !reduced.has(i));
}

function argReduce(context: ShapeContext): PartialShape {
  const [input, axisShape] = context.inputs as [PartialShape, PartialShape];
  withRank(axisShape, 0);
  if (input === null) return null;
  const rank = input.length;
  if (rank <= 1) return SCALAR;
  const axis = context.constant(1)?.[0];
  if (axis === undefined) return unknownOfRank(rank - 1);
  if (axis < -rank || axis >= rank) {
    throw refuse(
      `Dimension (${axis}) must be in the range [${-rank}, ${rank}), where ${rank} is the number of dimensions in the input.`,
    );
  }
  return withoutDim(input, axis < 0 ? axis + rank : axis);
}

function cumulate(context: ShapeContext): PartialShape {
  const input = context.inputs[0]!;
  const axis = context.constant(1)?.[0];
  if (axis !== undefined && input !== null && (axis < -input.length || axis >= input.length)) {
    throw refuse(`axis must be in range [${-input.length}, ${input.length}), got ${axis}`);
  }
  return input;
}

function segment({ inputs }: ShapeContext): PartialShape {
  const data = withRankAtLeast(inputs[0]!, 1);
  withRank(inputs[1]!, 1);
  return concatenate(vector(UNKNOWN), subshape(data, 1));
}

function unsortedSegment(context: ShapeContext): PartialShape {
  const [data, ids, count] = context.inputs as [PartialShape, PartialShape, PartialShape];
  withRank(count, 0);
  if (ids === null) return null;
  mergePrefix(data, ids);
  const segments = dimFrom(context, 2);
  return data === null ? null : concatenate(vector(segments), subshape(data, ids.length));
}

function sparseSegment({ inputs }: ShapeContext): PartialShape {
  const data = withRankAtLeast(inputs[0]!, 1);
  const indices = withRank(inputs[1]!, 1);
  mergeShapes(indices, withRank(inputs[2]!, 1));
  return concatenate(vector(UNKNOWN), subshape(data, 1));
}

function sparseSegmentGrad(context: ShapeContext): PartialShape {
  const grad = withRankAtLeast(context.inputs[0]!, 1);
  const indices = withRank(context.inputs[1]!, 1);
  mergeShapes(withRank(context.inputs[2]!, 1), indices);
  withRank(context.inputs[3]!, 0);
  return concatenate(vector(dimFrom(context, 3)), subshape(grad, 1));
}

function bincount(context: ShapeContext): PartialShape {
  withRank(context.inputs[1]!, 0);
  return vector(dimFrom(context, 1));
}

function denseBincount(context: ShapeContext): PartialShape {
  const input = context.inputs[0]!;
  if (input !== null && input.length > 2) throw refuse(`Shape must be at most rank 2 but is rank ${input.length}`);
  withRank(context.inputs[1]!, 0);
  const size = dimFrom(context, 1);
  if (input === null) return null;
  if (size < 0) return unknownOfRank(input.length);
  return input.length <= 1 ? [size] : [input[0]!, size];
}

export const reduceShapes: ShapeTable = {
  ...forOps("Sum Prod Max Min Mean EuclideanNorm Any All", (context) => [reduce(context)]),
  ReduceJoin: (context) => [reduce(context)],
  ...forOps("ArgMax ArgMin", (context) => [argReduce(context)]),
  ...forOps("Cumsum Cumprod", (context) => [cumulate(context)]),
  L2Loss: scalar,
  ...forOps("SegmentSum SegmentMean SegmentProd SegmentMin SegmentMax", (context) => [segment(context)]),
  ...forOps("UnsortedSegmentSum UnsortedSegmentProd UnsortedSegmentMin UnsortedSegmentMax", (context) => [
    unsortedSegment(context),
  ]),
  ...forOps("SparseSegmentSum SparseSegmentMean SparseSegmentSqrtN", (context) => [sparseSegment(context)]),
  ...forOps("SparseSegmentSumGrad SparseSegmentMeanGrad SparseSegmentSqrtNGrad", (context) => [
    sparseSegmentGrad(context),
  ]),
  Bincount: (context) => [bincount(context)],
  DenseBincount: (context) => [denseBincount(context)],
  Where: ({ inputs }) => [[UNKNOWN, inputs[0]?.length ?? UNKNOWN]],
  Unique: ({ inputs }) => {
    withRank(inputs[0]!, 1);
    return [vector(UNKNOWN), inputs[0]!];
  },
  UniqueWithCounts: ({ inputs }) => {
    withRank(inputs[0]!, 1);
    return [vector(UNKNOWN), inputs[0]!, vector(UNKNOWN)];
  },
  ListDiff: (context) => {
    requireRanks(context, [0, 1], [1, 1]);
    return [vector(UNKNOWN), vector(UNKNOWN)];
  },
  StringSplitV2: (context) => {
    requireRanks(context, [0, 1], [1, 0]);
    return [[UNKNOWN, 2], [UNKNOWN], [2]];
  },
  ...forOps("LowerBound UpperBound", ({ inputs }) => {
    const sorted = withRank(inputs[0]!, 2);
    const values = withRank(inputs[1]!, 2);
    mergeShapes(vector(sorted[0]!), vector(values[0]!));
    return [values];
  }),
};
