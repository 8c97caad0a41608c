// Gradients of reductions by segment: each row of the input goes to the segment that its id names.
import type { Output } from "../output.js";
import { forAll, type GradientContext, type GradientFunction, type Gradients } from "./context.js";

/** As many ones as `like` has axes behind those of the ids: what has the ids' shape is spread by them over its rows. */
const behind = ({ ops }: GradientContext, like: Output, ids: Output): Output =>
  ops.fill(ops.expandDims(ops.sub(ops.rank(like), ops.rank(ids)), 0), 1);

/** Which elements were reduced: those of negative segments went nowhere. */
function reduced(context: GradientContext, like: Output, ids: Output): Output {
  const { ops } = context;
  const isReduced = ops.greaterEqual(ids, ops.zerosLike(ids));
  return ops.reshape(isReduced, ops.concatV2([ops.shape(ids), behind(context, like, ids)], 0));
}

/** Rows of the segments, back at the elements that they came of; any row where there is none. */
const atElements = ({ ops }: GradientContext, segments: Output, ids: Output): Output =>
  ops.gatherV2(segments, ops.maximum(ids, ops.zerosLike(ids)), 0);

/** Those that are the extreme of their segment share its gradient. */
const extreme =
  (sum: (context: GradientContext, data: Output, ids: Output) => Output, isSorted: boolean): GradientFunction =>
  (context) => {
    const { ops, x, y, dy } = context;
    const [data, ids] = x as [Output, Output];
    const isExtreme = ops.equal(data, atElements(context, y[0]!, ids));
    const isFound = isSorted ? isExtreme : ops.logicalAnd(isExtreme, reduced(context, data, ids));
    const shares = ops.realDiv(dy, sum(context, ops.cast(isFound, { dstT: dy.dtype }), ids));
    return [ops.selectV2(isFound, atElements(context, shares, ids), ops.zerosLike(data)), null, null];
  };

const sorted = extreme(({ ops }, data, ids) => ops.segmentSum(data, ids), true);
const unsorted = extreme(({ ops, x }, data, ids) => ops.unsortedSegmentSum(data, ids, x[2]!), false);

/** A kernel of its own sums what comes back by the rows that were taken. */
const sparse =
  (op: string): GradientFunction =>
  (context) => {
    const { graph, ops, x, dy } = context;
    if (context.attr("sparse_gradient")?.b === true) throw context.unsupported("sparse_gradient");
    const [data, indices, ids] = x as [Output, Output, Output];
    const rows = ops.stridedSlice(ops.shape(data), [0], [1], [1], { shrinkAxisMask: 1 });
    return [graph.op(op, [dy, indices, ids, rows]).output()];
  };

export const segmentGradients: Gradients = {
  SegmentSum: ({ ops, x, dy }) => [ops.gatherV2(dy, x[1]!, 0), null],
  SegmentMean: (context) => {
    const { ops, x, dy } = context;
    const [data, ids] = x as [Output, Output];
    const shape = ops.concatV2([ops.shape(ids), behind(context, data, ids)], 0);
    const counts = ops.segmentSum(ops.fill(shape, context.graph.constant(1, dy.dtype)), ids);
    return [ops.gatherV2(ops.realDiv(dy, counts), ids, 0), null];
  },
  ...forAll(["SegmentMax", "SegmentMin"], sorted),
  UnsortedSegmentSum: (context) => {
    const { ops, x, dy } = context;
    const gathered = atElements(context, dy, x[1]!);
    return [ops.selectV2(reduced(context, gathered, x[1]!), gathered, ops.zerosLike(gathered)), null, null];
  },
  ...forAll(["UnsortedSegmentMax", "UnsortedSegmentMin"], unsorted),
  SparseSegmentSum: sparse("SparseSegmentSumGrad"),
  SparseSegmentMean: sparse("SparseSegmentMeanGrad"),
  SparseSegmentSqrtN: sparse("SparseSegmentSqrtNGrad"),
};
