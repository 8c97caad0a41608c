// Shapes of products of matrices, convolutions, pooling, normalization and losses.
import {
  broadcastPartial,
  concatenate,
  dimOf,
  mergeDims,
  mergeShapes,
  type PartialShape,
  refuse,
  replaceDim,
  subshape,
  UNKNOWN,
  vector,
  windowedDim,
  withRank,
  withRankAtLeast,
} from "../../tensor/partial-shape.js";
import type { Shape } from "../../tensor/shape.js";
import { unchangedOfRank } from "./common.js";
import { forOps, type ShapeContext, type ShapeFunction, type ShapeTable } from "./context.js";

function matMul({ node, inputs }: ShapeContext): Shape {
  const a = withRank(inputs[0]!, 2);
  const b = withRank(inputs[1]!, 2);
  const transposeA = node.bool("transpose_a");
  const transposeB = node.bool("transpose_b");
  mergeDims(transposeA ? a[0]! : a[1]!, transposeB ? b[1]! : b[0]!);
  return [transposeA ? a[1]! : a[0]!, transposeB ? b[0]! : b[1]!];
}

function batchMatMul({ node, inputs }: ShapeContext, broadcasts: boolean): PartialShape {
  const a = withRankAtLeast(inputs[0]!, 2);
  const b = withRankAtLeast(inputs[1]!, 2);
  const adjointA = node.bool("adj_x");
  const adjointB = node.bool("adj_y");
  const rows = dimOf(a, adjointA ? -1 : -2);
  const columns = dimOf(b, adjointB ? -2 : -1);
  const batches = [subshape(a, 0, -2), subshape(b, 0, -2)] as const;
  const inner = () => mergeDims(dimOf(a, adjointA ? -2 : -1), dimOf(b, adjointB ? -1 : -2));
  if (broadcasts) {
    const batch = broadcastPartial(...batches);
    inner();
    return concatenate(batch, [rows, columns]);
  }
  const batch = mergeShapes(...batches);
  inner();
  return concatenate(batch, [rows, columns]);
}

/** Where batch, height, width and depth lie. */
interface Layout {
  readonly n: number;
  readonly h: number;
  readonly w: number;
  readonly c: number;
}

const NHWC: Layout = { n: 0, h: 1, w: 2, c: 3 };
const NCHW: Layout = { n: 0, c: 1, h: 2, w: 3 };

const layoutOf = ({ node }: ShapeContext): Layout =>
  node.has("data_format") && node.string("data_format") === "NCHW" ? NCHW : NHWC;

const arrange = (layout: Layout, n: number, h: number, w: number, c: number): Shape => {
  const shape = [n, n, n, n];
  shape[layout.h] = h;
  shape[layout.w] = w;
  shape[layout.c] = c;
  return shape;
};

/** Explicit padding before and after each of the two image dimensions; none unless the padding says EXPLICIT. */
function paddingOf(
  { node }: ShapeContext,
  layout: Layout,
): { padding: string; h: [number, number]; w: [number, number] } {
  const padding = node.string("padding");
  const none = { padding, h: [0, 0] as [number, number], w: [0, 0] as [number, number] };
  const pads = node.has("explicit_paddings") ? node.ints("explicit_paddings") : [];
  if (padding !== "EXPLICIT") {
    if (pads.length > 0)
      throw refuse("explicit_paddings attribute must be empty if the padding attribute is not EXPLICIT");
    return none;
  }
  if (pads.length !== 8) {
    throw refuse(`explicit_paddings attribute must contain 8 values, but got: ${pads.length}`);
  }
  if (pads.some((pad) => pad < 0)) throw refuse("All elements of explicit_paddings must be nonnegative");
  for (const dim of [layout.n, layout.c]) {
    if (pads[2 * dim] !== 0 || pads[2 * dim + 1] !== 0) {
      throw refuse("Nonzero explicit padding in the batch or depth dimensions is not supported");
    }
  }
  const at = (dim: number): [number, number] => [pads[2 * dim]!, pads[2 * dim + 1]!];
  return { padding, h: at(layout.h), w: at(layout.w) };
}

/** What windows of the filter's size make of the input, `depth` channels of it. */
function convolved(
  context: ShapeContext,
  layout: ReturnType<typeof layoutOf>,
  strides: readonly number[],
  dilations: readonly number[],
  depth: number,
): Shape {
  const input = withRank(context.inputs[0]!, 4);
  const filter = withRank(context.inputs[1]!, 4);
  const pads = paddingOf(context, layout);
  const h = windowedDim(input[layout.h]!, filter[0]!, dilations[layout.h]!, strides[layout.h]!, pads.padding, pads.h);
  const w = windowedDim(input[layout.w]!, filter[1]!, dilations[layout.w]!, strides[layout.w]!, pads.padding, pads.w);
  return arrange(layout, input[layout.n]!, h, w, depth);
}

function conv2D(context: ShapeContext): Shape {
  const { node, inputs } = context;
  const layout = layoutOf(context);
  const input = withRank(inputs[0]!, 4);
  const filter = withRank(inputs[1]!, 4);
  const dilations = node.ints("dilations");
  if (dilations.length !== 4) {
    throw refuse(`Conv2D requires the dilation attribute to contain 4 values, but got: ${dilations.length}`);
  }
  const strides = node.ints("strides");
  if (strides.length !== 4) {
    throw refuse(
      `Conv2D on data format ${node.string("data_format")} requires the stride attribute to contain 4 values, but got: ${strides.length}`,
    );
  }
  const channels = input[layout.c]!;
  const filterChannels = filter[2]!;
  if (channels >= 0 && filterChannels >= 0) {
    if (filterChannels === 0) throw refuse("Depth of filter must not be 0");
    if (channels % filterChannels !== 0) {
      throw refuse(`Depth of input (${channels}) is not a multiple of input depth of filter (${filterChannels})`);
    }
    const groups = channels / filterChannels;
    if (filter[3]! >= 0 && filter[3]! % groups !== 0) {
      throw refuse(`Depth of output (${filter[3]}) is not a multiple of the number of groups (${groups})`);
    }
  }
  return convolved(context, layout, strides, dilations, filter[3]!);
}

function depthwiseConv2D(context: ShapeContext): Shape {
  const { node, inputs } = context;
  const layout = layoutOf(context);
  const input = withRank(inputs[0]!, 4);
  const filter = withRank(inputs[1]!, 4);
  const strides = node.ints("strides");
  if (strides.length !== 4) {
    throw refuse(`DepthwiseConv2D requires the stride attribute to contain 4 values, but got: ${strides.length}`);
  }
  const dilations = node.ints("dilations");
  if (dilations.length !== 4) {
    throw refuse(`DepthwiseConv2D requires the dilations attribute to contain 4 values, but got: ${dilations.length}`);
  }
  mergeDims(input[layout.c]!, filter[2]!);
  const depth = filter[2]! < 0 || filter[3]! < 0 ? UNKNOWN : filter[2]! * filter[3]!;
  return convolved(context, layout, strides, dilations, depth);
}

/** A shape that an input gives, of rank 4. */
function sizesOf(context: ShapeContext, input: number): Shape {
  return withRank(context.shapeFrom(input), 4);
}

function conv2DInputGrad(context: ShapeContext): PartialShape {
  const sizes = context.shapeFrom(0);
  const grad = withRank(context.inputs[2]!, 4);
  const filter = withRank(context.inputs[1]!, 4);
  const layout = layoutOf(context);
  // Where only height and width are given, the depth is the filter's.
  if (sizes?.length === 2) return arrange(layout, grad[layout.n]!, sizes[0]!, sizes[1]!, filter[2]!);
  return replaceDim(withRank(sizes, 4), layout.n, grad[layout.n]!);
}

function pool(context: ShapeContext, kernel: readonly number[], strides: readonly number[]): Shape {
  const { inputs, node } = context;
  const layout = layoutOf(context);
  const input = withRank(inputs[0]!, 4);
  const op = node.op.startsWith("Avg") ? "AvgPool" : "MaxPool";
  if (strides.length !== 4) {
    throw refuse(`${op} requires the stride attribute to contain 4 values, but got: ${strides.length}`);
  }
  if (kernel.length !== 4) {
    throw refuse(`${op} requires the ksize attribute to contain 4 values, but got: ${kernel.length}`);
  }
  const size = kernel.map((k) => k);
  if (size.some((k) => k < 0)) {
    return arrange(layout, input[layout.n]!, UNKNOWN, UNKNOWN, input[layout.c]!);
  }
  const pads = paddingOf(context, layout);
  const h = windowedDim(input[layout.h]!, size[layout.h]!, 1, strides[layout.h]!, pads.padding, pads.h);
  const w = windowedDim(input[layout.w]!, size[layout.w]!, 1, strides[layout.w]!, pads.padding, pads.w);
  if (op === "AvgPool") return arrange(layout, input[layout.n]!, h, w, input[layout.c]!);
  const c = windowedDim(input[layout.c]!, size[layout.c]!, 1, strides[layout.c]!, pads.padding, [0, 0]);
  return arrange(layout, input[layout.n]!, h, w, c);
}

const poolByAttributes: ShapeFunction = (context) => {
  const shape = pool(context, context.node.ints("ksize"), context.node.ints("strides"));
  return context.node.outputTypes.map(() => shape);
};

/** Window and stride come from the two inputs after `first`. */
function poolV2(context: ShapeContext, first: number): PartialShape {
  withRank(context.inputs[0]!, 4);
  const kernel = context.constant(first);
  const strides = context.constant(first + 1);
  if (kernel === null || strides === null) {
    return null;
  }
  return pool(context, kernel, strides);
}

function poolGradGrad({ inputs }: ShapeContext, pooled: PartialShape): PartialShape {
  mergeShapes(inputs[0]!, inputs[2]!);
  mergeShapes(inputs[1]!, pooled);
  return pooled;
}

function biasAdd(context: ShapeContext): PartialShape {
  const { node, inputs } = context;
  const first = node.has("data_format") && node.string("data_format") === "NCHW";
  const input = withRankAtLeast(inputs[0]!, first ? 2 : 2);
  const bias = withRank(inputs[1]!, 1);
  if (input === null) return null;
  const at = first ? 1 : input.length - 1;
  return replaceDim(input, at, mergeDims(input[at]!, bias[0]!));
}

function biasAddGrad({ node, inputs }: ShapeContext): Shape {
  const input = withRankAtLeast(inputs[0]!, 2);
  if (input === null) return vector(UNKNOWN);
  return vector(node.string("data_format") === "NCHW" ? input[1]! : input.at(-1)!);
}

function crossEntropy({ inputs }: ShapeContext): readonly PartialShape[] {
  const [features, labels] = inputs as [PartialShape, PartialShape];
  const merge = (features === null || features.length === 2) && (labels === null || labels.length === 2);
  const both =
    merge && fit(features, labels) ? mergeShapes(withRank(features, 2), labels) : broadcastPartial(features, labels);
  if (both?.length !== 2) {
    const rank = both === null ? "is unknown." : both.length;
    throw refuse(`Shape must be broadcasted with rank 2, but is rank ${rank}`);
  }
  return [[both[0]!], both];
}

const fit = (a: PartialShape, b: PartialShape): boolean =>
  a === null || b === null || a.every((dim, i) => dim < 0 || b[i]! < 0 || dim === b[i]);

function sparseCrossEntropy({ inputs }: ShapeContext): readonly PartialShape[] {
  const features = withRank(inputs[0]!, 2);
  const labels = withRank(inputs[1]!, 1);
  const batch = mergeDims(features[0]!, labels[0]!);
  return [[batch], [batch, features[1]!]];
}

function batchNorm(context: ShapeContext): readonly PartialShape[] {
  const { node, inputs } = context;
  const x = withRank(inputs[0]!, 4);
  const layout = layoutOf(context);
  // Running averages are read unless this batch replaces them.
  const replaced = !node.has("exponential_avg_factor") || node.attr("exponential_avg_factor").f === 1;
  const count = node.bool("is_training") && replaced ? 3 : 5;
  let channels = x[layout.c]!;
  for (let i = 1; i < count; i++) channels = mergeDims(channels, withRank(inputs[i]!, 1)[0]!);
  const y = replaceDim(x, layout.c, channels);
  const more = node.outputTypes.length - 5;
  return [y, ...new Array<PartialShape>(4).fill([channels]), ...new Array<PartialShape>(more).fill(null)];
}

function batchNormGrad(context: ShapeContext): readonly PartialShape[] {
  const { node, inputs } = context;
  const grad = withRank(inputs[0]!, 4);
  const x = withRank(inputs[1]!, 4);
  const layout = layoutOf(context);
  let channels = mergeDims(grad[layout.c]!, x[layout.c]!);
  for (let i = 2; i < 5; i++) channels = mergeDims(channels, withRank(inputs[i]!, 1)[0]!);
  const reserved =
    node.op === "FusedBatchNormGradV3" || node.op === "FusedBatchNormGradV2" || node.op === "FusedBatchNormGrad";
  const empty: PartialShape = reserved ? [0] : null;
  return [replaceDim(grad, layout.c, channels), [channels], [channels], empty, empty];
}

function resize(context: ShapeContext, size: PartialShape): PartialShape {
  const images = withRank(context.inputs[0]!, 4);
  const [h, w] = size === null ? [UNKNOWN, UNKNOWN] : [size[0]!, size[1]!];
  return [images[0]!, h, w, images[3]!];
}

function resizeBySize(context: ShapeContext): PartialShape {
  withRank(context.inputs[0]!, 4);
  const shape = withRank(context.inputs[1]!, 1);
  if (shape[0]! >= 0 && shape[0] !== 2) throw refuse(`Dimension must be 2 but is ${shape[0]}`);
  const sizes = context.constant(1);
  return resize(context, sizes);
}

function topK(context: ShapeContext, k: number): readonly PartialShape[] {
  const input = withRankAtLeast(context.inputs[0]!, 1);
  const last = dimOf(input, -1);
  if (last >= 0 && k >= 0 && last < k) throw refuse(`input must have last dimension >= k = ${k} but is ${last}`);
  const shape = replaceDim(input, -1, k);
  return [shape, shape];
}

function topKV2(context: ShapeContext): readonly PartialShape[] {
  const shape = context.inputs[1]!;
  const value = context.constant(1)?.[0];
  if (shape !== null && shape.length !== 0) withRank(shape, 0);
  if (value !== undefined && value < 0) {
    throw refuse(`Dimension size, given by scalar input 1, must be non-negative but is ${value}`);
  }
  return topK(context, value ?? UNKNOWN);
}

function approxTopK({ node, inputs }: ShapeContext): readonly PartialShape[] {
  const input = inputs[0]!;
  const k = node.int("k");
  const given = node.int("reduction_dimension");
  const rank = input?.length ?? -1;
  const at = given < 0 ? given + rank : given;
  if (input === null || at < 0 || at >= rank) {
    throw refuse(`Invalid reduction dimension: ${given}. Must be within the range of [${-rank}, ${rank - 1}]`);
  }
  if (input[at]! < k) throw refuse(`input must have last dimension >= k = ${k} but was ${input[at]}`);
  const shape = replaceDim(input, at, k);
  return [shape, shape];
}

function inTopK({ inputs }: ShapeContext): PartialShape {
  const predictions = withRank(inputs[0]!, 2);
  const targets = withRank(inputs[1]!, 1);
  return vector(mergeDims(predictions[0]!, targets[0]!));
}

function cross({ inputs }: ShapeContext): PartialShape {
  const [a, b] = [withRankAtLeast(inputs[0]!, 1), withRankAtLeast(inputs[1]!, 1)];
  const merged = mergeShapes(a, b);
  if (merged !== null) {
    const last = merged.at(-1)!;
    if (last >= 0 && last !== 3) throw refuse(`Dimension must be 3 but is ${last}`);
  }
  return merged;
}

export const nnShapes: ShapeTable = {
  MatMul: (context) => [matMul(context)],
  BatchMatMul: (context) => [batchMatMul(context, false)],
  ...forOps("BatchMatMulV2 BatchMatMulV3", (context) => [batchMatMul(context, true)]),
  Cross: (context) => [cross(context)],
  Conv2D: (context) => [conv2D(context)],
  DepthwiseConv2dNative: (context) => [depthwiseConv2D(context)],
  Conv2DBackpropInput: (context) => [conv2DInputGrad(context)],
  Conv2DBackpropFilter: (context) => [sizesOf(context, 1)],
  DepthwiseConv2dNativeBackpropInput: (context) => [sizesOf(context, 0)],
  DepthwiseConv2dNativeBackpropFilter: (context) => [sizesOf(context, 1)],
  ...forOps("MaxPool AvgPool MaxPoolWithArgmax", poolByAttributes),
  MaxPoolV2: (context) => [poolV2(context, 1)],
  ...forOps("MaxPoolGrad MaxPoolGradV2 MaxPoolGradWithArgmax", unchangedOfRank(4)),
  MaxPoolGradGrad: (context) => [
    poolGradGrad(context, pool(context, context.node.ints("ksize"), context.node.ints("strides"))),
  ],
  MaxPoolGradGradV2: (context) => [poolGradGrad(context, poolV2(context, 3))],
  AvgPoolGrad: (context) => [sizesOf(context, 0)],
  ...forOps("BiasAdd BiasAddV1", (context) => [biasAdd(context)]),
  BiasAddGrad: (context) => [biasAddGrad(context)],
  ...forOps("Softmax LogSoftmax", ({ inputs }) => [withRankAtLeast(inputs[0]!, 1)]),
  SoftmaxCrossEntropyWithLogits: crossEntropy,
  SparseSoftmaxCrossEntropyWithLogits: sparseCrossEntropy,
  ...forOps("FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3", batchNorm),
  ...forOps("FusedBatchNormGrad FusedBatchNormGradV2 FusedBatchNormGradV3", batchNormGrad),
  LRN: unchangedOfRank(4),
  LRNGrad: ({ inputs: [grads, image, output] }) => [
    withRank(mergeShapes(mergeShapes(withRank(grads!, 4), image!), output!), 4),
  ],
  ...forOps("ResizeBilinear ResizeNearestNeighbor", (context) => [resizeBySize(context)]),
  ResizeBilinearGrad: ({ inputs }) => [inputs[1]!],
  ResizeNearestNeighborGrad: (context) => [resizeBySize(context)],
  TopK: (context) => topK(context, context.node.int("k")),
  TopKV2: topKV2,
  ApproxTopK: approxTopK,
  ...forOps("InTopK InTopKV2", (context) => [inTopK(context)]),
};
