// Gradients of neural network ops: softmax, losses, convolutions, pools, normalization, resizing.
import type { Output } from "../output.js";
import type { GradientContext, GradientFunction, Gradients } from "./context.js";

const rowSum = ({ ops }: GradientContext, x: Output) => ops.sum(x, [-1], { keepDims: true });
/** A number a row, times the row. */
const byRow = ({ ops }: GradientContext, column: Output, x: Output) => ops.mul(ops.expandDims(column, -1), x);

const WINDOW = ["strides", "padding", "data_format"];
const CONVOLUTION = [...WINDOW, "explicit_paddings", "dilations"];

const convolution =
  (op: string): GradientFunction =>
  (context) => {
    const { ops, x, dy } = context;
    const [image, filter] = x as [Output, Output];
    return [
      context.like(`${op}BackpropInput`, [ops.shape(image), filter, dy], ...CONVOLUTION),
      context.like(`${op}BackpropFilter`, [image, ops.shape(filter), dy], ...CONVOLUTION),
    ];
  };

/** Of the two gradients of a convolution, which are convolutions too. */
const convolutionGrads = (op: string): Gradients => ({
  [`${op}BackpropInput`]: (context) => {
    const { ops, x, dy } = context;
    const [, filter, grad] = x as [Output, Output, Output];
    return [
      null,
      context.like(`${op}BackpropFilter`, [dy, ops.shape(filter), grad], ...CONVOLUTION),
      context.like(op, [dy, filter], ...CONVOLUTION),
    ];
  },
  [`${op}BackpropFilter`]: (context) => {
    const { ops, x, dy } = context;
    const [image, , grad] = x as [Output, Output, Output];
    return [
      context.like(`${op}BackpropInput`, [ops.shape(image), dy, grad], ...CONVOLUTION),
      null,
      context.like(op, [image, dy], ...CONVOLUTION),
    ];
  },
});

/** What came back for the sums over all but the channels. */
const biasAddGrad: GradientFunction = (context) => {
  const { ops, x, dy } = context;
  const shape = ops.shape(x[0]!);
  if (new TextDecoder().decode(context.attr("data_format").s) === "NHWC") return [ops.broadcastTo(dy, shape)];
  const behind = ops.onesLike(ops.stridedSlice(shape, [2], [0], [1], { endMask: 1 }));
  return [ops.broadcastTo(ops.reshape(dy, ops.concatV2([ops.shape(dy), behind], 0)), shape)];
};

/** The losses come with their gradient by logits as second output; what comes back for that one is of second order. */
function byLogits(context: GradientContext): Output {
  const { ops, x, y, grads, dy } = context;
  const first = byRow(context, dy, y[1]!);
  if (!grads[1]) return first;
  const softmax = ops.softmax(x[0]!);
  const second = context.grad(1);
  return ops.addV2(first, ops.mul(ops.sub(second, rowSum(context, ops.mul(second, softmax))), softmax));
}

const batchNorm: GradientFunction = (context) => {
  const { graph, x, y, dy } = context;
  const training = context.attr("is_training").b === true;
  // Outside of training the statistics are inputs.
  const [mean, variance] = training ? [y[3]!, y[4]!] : [x[3]!, x[4]!];
  const attrs = Object.fromEntries(["epsilon", "data_format", "is_training"].map((name) => [name, context.attr(name)]));
  const inputs = [dy, x[0]!, x[1]!, mean, variance, y[5]!];
  return graph.op("FusedBatchNormGradV3", inputs, attrs).outputs.slice(0, 3);
};

export const nnGradients: Gradients = {
  BiasAdd: (context) => [context.dy, context.like("BiasAddGrad", [context.dy], "data_format")],
  BiasAddGrad: biasAddGrad,
  BiasAddV1: ({ graph, dy }) => [dy, graph.ops.biasAddGrad(dy)],
  Softmax: (context) => {
    const { ops, y, dy } = context;
    return [ops.mul(ops.sub(dy, rowSum(context, ops.mul(dy, y[0]!))), y[0]!)];
  },
  LogSoftmax: (context) => {
    const { ops, y, dy } = context;
    return [ops.sub(dy, ops.mul(rowSum(context, dy), ops.exp(y[0]!)))];
  },
  SoftmaxCrossEntropyWithLogits: (context) => {
    const { ops, x, dy } = context;
    return [byLogits(context), byRow(context, dy, ops.neg(ops.logSoftmax(x[0]!)))];
  },
  SparseSoftmaxCrossEntropyWithLogits: (context) => [byLogits(context), null],
  Conv2D: convolution("Conv2D"),
  DepthwiseConv2dNative: convolution("DepthwiseConv2dNative"),
  ...convolutionGrads("Conv2D"),
  ...convolutionGrads("DepthwiseConv2dNative"),
  MaxPool: (context) => [
    context.like("MaxPoolGrad", [context.x[0]!, context.y[0]!, context.dy], ...WINDOW, "ksize", "explicit_paddings"),
  ],
  AvgPool: (context) => [
    context.like("AvgPoolGrad", [context.ops.shape(context.x[0]!), context.dy], ...WINDOW, "ksize"),
  ],
  MaxPoolGrad: (context) => {
    const { ops, x, dy } = context;
    const [image, pooled] = x as [Output, Output];
    const grad = context.like("MaxPoolGradGrad", [image, pooled, dy], ...WINDOW, "ksize");
    return [ops.zerosLike(image), ops.zerosLike(pooled), grad];
  },
  AvgPoolGrad: (context) => [null, context.like("AvgPool", [context.dy], ...WINDOW, "ksize")],
  LRN: (context) => [
    context.like("LRNGrad", [context.dy, context.x[0]!, context.y[0]!], "depth_radius", "bias", "alpha", "beta"),
  ],
  FusedBatchNormV3: batchNorm,
  ResizeBilinear: (context) => [
    context.like("ResizeBilinearGrad", [context.dy, context.x[0]!], "align_corners", "half_pixel_centers"),
  ],
  ResizeNearestNeighbor: (context) => {
    const { ops, x, dy } = context;
    const size = ops.stridedSlice(ops.shape(x[0]!), [1], [3], [1]);
    return [context.like("ResizeNearestNeighborGrad", [dy, size], "align_corners", "half_pixel_centers")];
  },
};
