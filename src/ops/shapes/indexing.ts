// Shapes of ops that pick elements by position or put them there: slices, gathers, scatters, padding, ranges.
import {
  addDims,
  concatenate,
  dimOf,
  divideDims,
  isFullyKnown,
  mergePrefix,
  mergeShapes,
  multiplyDims,
  type PartialShape,
  refuse,
  subshape,
  subtractDims,
  UNKNOWN,
  unknownOfRank,
  vector,
  withRank,
  withRankAtLeast,
  withRankAtMost,
  withValue,
} from "../../tensor/partial-shape.js";
import { numElements, partialShapeString, type Shape } from "../../tensor/shape.js";
import { dimFrom, requireRanks } from "./common.js";
import { forOps, type ShapeContext, type ShapeFunction, type ShapeTable } from "./context.js";

function slice(context: ShapeContext): PartialShape {
  const beginShape = withRank(context.inputs[1]!, 1);
  const sizesShape = withRank(context.inputs[2]!, 1);
  const rank = dimOf(mergeShapes(beginShape, sizesShape), 0);
  const input = rank >= 0 ? withRank(context.inputs[0]!, rank) : context.inputs[0]!;
  const begin = context.shapeFrom(1);
  const sizes = context.constant(2);
  if (sizes !== null) {
    const from = withRank(begin, sizes.length);
    return sizes.map((size, i) => {
      const whole = dimOf(input, i);
      if (size === -1) return subtractDims(whole, from[i]!);
      if (size < 0) {
        throw refuse(
          `Out of bounds slicing on dimension ${i} of length ${whole}: sizes vector cannot be < -1, but was ${size}`,
        );
      }
      return size;
    });
  }
  if (input !== null) return unknownOfRank(input.length);
  return rank >= 0 ? unknownOfRank(rank) : null;
}

function gatherV2(context: ShapeContext): PartialShape {
  const { node } = context;
  const params = withRankAtLeast(context.inputs[0]!, 1);
  const indices = context.inputs[1]!;
  withRank(context.inputs[2]!, 0);
  const axis = context.constant(2)?.[0];
  const batchDims = node.has("batch_dims") ? node.int("batch_dims") : 0;
  if (axis === undefined) {
    if (params === null || indices === null) return null;
    return unknownOfRank(params.length + indices.length - 1 - batchDims);
  }
  withRankAtLeast(params, axis < 0 ? -axis : axis + 1);
  if (indices !== null && (batchDims > indices.length || batchDims < -indices.length)) {
    throw refuse(`Expected batch_dims in the range [${-indices.length}, ${indices.length}], but got ${batchDims}`);
  }
  const batch = batchDims < 0 ? (indices === null ? UNKNOWN : indices.length + batchDims) : batchDims;
  if (batchDims < 0 && indices === null) return null;
  if (params !== null && batch >= params.length) {
    throw refuse(`batch_dims (${batch}) must be less than rank(params) (${params.length})`);
  }
  if (params === null || indices === null) {
    return null;
  }
  const at = axis < 0 ? axis + params.length : axis;
  if (at < batch) throw refuse(`batch_dims (${batch}) must be less than or equal to axis (${at})`);
  return [...params.slice(0, at), ...indices.slice(batch), ...params.slice(at + 1)];
}

function gather({ inputs }: ShapeContext): PartialShape {
  const params = withRankAtLeast(inputs[0]!, 1);
  return concatenate(inputs[1]!, subshape(params, 1));
}

export function gatherNd(params: PartialShape, indices: PartialShape): PartialShape {
  withRankAtLeast(indices, 1);
  const depth = dimOf(indices, -1);
  if (params === null || indices === null || depth < 0) return null;
  if (depth > params.length) {
    throw refuse(
      `indices.shape[-1] must be <= params.rank, but saw indices shape: ${partialShapeString(indices)} and params shape: ${partialShapeString(params)}`,
    );
  }
  return [...indices.slice(0, -1), ...params.slice(depth)];
}

/** What a scatter's indices, updates and target must have in common. */
export function checkScatterNd(indices: PartialShape, updates: PartialShape, target: PartialShape): void {
  if (target !== null && indices !== null && isFullyKnown(target) && numElements(target) === 0) {
    const some = (shape: PartialShape) => isFullyKnown(shape) && numElements(shape) > 0;
    if (some(indices) && some(updates)) {
      throw refuse("Indices and updates specified for empty output tensor");
    }
  }
  if (target === null || indices === null || updates === null) return;
  withRankAtLeast(indices, 1);
  const depth = indices.at(-1)!;
  if (depth < 0) return;
  const outer = indices.length - 1;
  alike("indices", indices, 0, outer, "updates", updates, 0, outer);
  alike("input", target, depth, target.length, "updates", updates, outer, updates.length);
}

/** Some dimensions of one shape must be those of another. */
function alike(
  name: string,
  shape: Shape,
  from: number,
  to: number,
  otherName: string,
  other: Shape,
  otherFrom: number,
  otherTo: number,
): void {
  const left = subshape(shape, from, to);
  const right = subshape(other, otherFrom, otherTo);
  try {
    mergeShapes(left, right);
  } catch (error) {
    throw refuse(
      `Dimensions [${from},${to}) of ${name}[shape=${partialShapeString(shape)}] = ${partialShapeString(left)} must match ` +
        `dimensions [${otherFrom},${otherTo}) of ${otherName}[shape=${partialShapeString(other)}] = ` +
        `${partialShapeString(right)}: ${(error as Error).message}`,
    );
  }
}

function scatterNd(context: ShapeContext): PartialShape {
  const [indices, updates, shapeOfShape] = context.inputs as [PartialShape, PartialShape, PartialShape];
  withRank(shapeOfShape, 1);
  const output = context.shapeFrom(2);
  checkScatterNd(indices, updates, output);
  return output;
}

const tensorScatter: ShapeFunction = ({ inputs }) => {
  const target = withRankAtLeast(inputs[0]!, 1);
  const indices = inputs[1]!;
  if (indices !== null && indices.length < 1) withRankAtLeast(indices, 1);
  checkScatterNd(indices, inputs[2]!, target);
  return [target];
};

function dynamicPartition({ node, inputs }: ShapeContext): readonly PartialShape[] {
  const [data, partitions] = inputs as [PartialShape, PartialShape];
  const count = node.outputTypes.length;
  if (partitions === null) return new Array<PartialShape>(count).fill(null);
  mergePrefix(data, partitions);
  const shape = concatenate(vector(UNKNOWN), subshape(data, partitions.length));
  return new Array<PartialShape>(count).fill(shape);
}

function dynamicStitch(context: ShapeContext): PartialShape {
  const count = context.inputs.length / 2;
  let known = true;
  let max = -1;
  let extra: PartialShape = null;
  for (let i = 0; i < count; i++) {
    const indices = context.inputs[i]!;
    const values = context.constant(i);
    if (values === null) known = false;
    else for (const value of values) max = Math.max(max, value);
    if (indices === null) continue;
    const data = context.inputs[count + i]!;
    mergePrefix(data, indices);
    extra = mergeShapes(extra, subshape(data, indices.length));
  }
  return concatenate(vector(known ? max + 1 : UNKNOWN), extra);
}

/** What is put around a tensor, or (`sign` −1) is around it. */
function pad(context: ShapeContext, sign = 1): PartialShape {
  const paddings = withRank(context.inputs[1]!, 2);
  withValue(paddings[1]!, 2);
  let input = context.inputs[0]!;
  let rank = paddings[0]!;
  if (rank >= 0) input = withRank(input, rank);
  else if (input !== null && sign > 0) rank = input.length;
  const values = context.constant(1);
  if (values === null) return rank >= 0 ? unknownOfRank(rank) : null;
  rank = values.length / 2;
  return withRank(input, rank).map((dim, i) => {
    const [before, after] = [values[2 * i]!, values[2 * i + 1]!];
    if (before < 0 || after < 0) throw refuse("Paddings must be non-negative");
    return sign < 0 ? subtractDims(dim, before + after) : addDims(dim, before + after);
  });
}

function oneHot(context: ShapeContext): PartialShape {
  const axis = context.node.int("axis");
  if (axis < -1) throw refuse("axis must be >= -1");
  const depth = dimFrom(context, 1);
  const indices = context.inputs[0]!;
  requireRanks(context, [2, 0], [3, 0]);
  if (indices === null) return null;
  if (axis > indices.length) withRankAtLeast(indices, axis);
  return indices.toSpliced(axis === -1 ? indices.length : axis, 0, depth);
}

function range(context: ShapeContext): PartialShape {
  requireRanks(context, [0, 0], [1, 0], [2, 0]);
  const start = context.constant(0)?.[0];
  const limit = context.constant(1)?.[0];
  const delta = context.constant(2)?.[0];
  if (start === undefined || limit === undefined || delta === undefined) return vector(UNKNOWN);
  if (delta === 0) throw refuse("Requires delta != 0");
  if (delta > 0 && start > limit) throw refuse(`Requires start <= limit when delta > 0: ${start}/${limit}`);
  if (delta < 0 && start < limit) throw refuse(`Requires start >= limit when delta < 0: ${start}/${limit}`);
  // An int64 beyond what numbers count is known too roughly here.
  if (Math.max(Math.abs(start), Math.abs(limit)) > Number.MAX_SAFE_INTEGER) return vector(UNKNOWN);
  return vector(Math.ceil(Math.abs((limit - start) / delta)));
}

function linSpace(context: ShapeContext): PartialShape {
  requireRanks(context, [0, 0], [1, 0], [2, 0]);
  const num = context.constant(2)?.[0];
  if (num === undefined) return vector(UNKNOWN);
  if (num <= 0) throw refuse(`Requires num > 0: ${num}`);
  return vector(num);
}

/** Space to batch, or back: blocks of the dimensions after the first move into it. */
function batchBlocks(context: ShapeContext, toBatch: boolean): PartialShape {
  const [input, blockShape, edges] = context.inputs as [PartialShape, PartialShape, PartialShape];
  const blocks = withRank(blockShape, 1)[0]!;
  if (blocks < 0) {
    throw refuse("block_shape must have known size.");
  }
  const sizes = context.constant(1);
  const values = context.constant(2);
  withRankAtLeast(input, blocks + 1);
  const pads = withRank(edges, 2);
  withValue(pads[0]!, blocks);
  withValue(pads[1]!, 2);
  let batch = dimOf(input, 0);
  if (sizes !== null && sizes.length > 0) {
    for (const size of sizes) {
      if (size < 1) throw refuse("block_shape must be positive");
      batch = toBatch
        ? batch < 0
          ? UNKNOWN
          : multiplyDims(batch, size)
        : batch < 0
          ? UNKNOWN
          : divideDims(batch, size, true);
    }
  } else if (blocks > 0) batch = UNKNOWN;
  const output = [batch, ...unknownOfRank(blocks)];
  for (let i = 0; values !== null && i < blocks; i++) {
    const [start, end] = [values[2 * i]!, values[2 * i + 1]!];
    if (start < 0 || end < 0) throw refuse(toBatch ? "paddings cannot be negative" : "crops cannot be negative");
    if (sizes === null) continue;
    const dim = dimOf(input, i + 1);
    output[i + 1] = toBatch
      ? divideDims(addDims(dim, start + end), sizes[i]!, true)
      : subtractDims(subtractDims(dim < 0 ? UNKNOWN : multiplyDims(dim, sizes[i]!), start), end);
  }
  return concatenate(output, subshape(input, blocks + 1));
}

export const indexingShapes: ShapeTable = {
  Slice: (context) => [slice(context)],
  GatherV2: (context) => [gatherV2(context)],
  Gather: (context) => [gather(context)],
  GatherNd: ({ inputs }) => [gatherNd(inputs[0]!, inputs[1]!)],
  ScatterNd: (context) => [scatterNd(context)],
  ...forOps(
    `TensorScatterUpdate TensorScatterAdd TensorScatterSub TensorScatterMin TensorScatterMax ScatterNdNonAliasingAdd`,
    tensorScatter,
  ),
  SparseToDense: (context) => [context.shapeFrom(1)],
  DynamicPartition: dynamicPartition,
  ...forOps("DynamicStitch ParallelDynamicStitch", (context) => [dynamicStitch(context)]),
  ...forOps("Pad PadV2 MirrorPad", (context) => [pad(context)]),
  MirrorPadGrad: (context) => [pad(context, -1)],
  Roll: ({ inputs }) => {
    withRankAtLeast(inputs[0]!, 1);
    withRankAtMost(inputs[1]!, 1);
    withRankAtMost(inputs[2]!, 1);
    return [inputs[0]!];
  },
  OneHot: (context) => [oneHot(context)],
  Range: (context) => [range(context)],
  LinSpace: (context) => [linSpace(context)],
  SpaceToBatchND: (context) => [batchBlocks(context, true)],
  BatchToSpaceND: (context) => [batchBlocks(context, false)],
};
