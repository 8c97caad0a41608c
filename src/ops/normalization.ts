// FusedBatchNorm and LRN with their gradients. Sums over pixels and the work per element are WebAssembly; what is left
// per channel is computed here. Values whose channels come second are turned round, as TensorFlow's CPU kernels do.
import { InvalidArgumentError } from "../errors/index.js";
import { DONE, type Kernel, type KernelNode, type KernelStep, kernel } from "../kernel/kernel.js";
import { DataType } from "../tensor/dtype.js";
import { type Shape, sameShape, shapeString } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { wasmOf } from "./cpu.js";
import { stridedCopy, stridesOf } from "./support/strided.js";
import { withTemporaries } from "./support/temporaries.js";

const TYPES: Record<string, Record<string, readonly string[]>> = {
  "": { T: ["float"] },
  V2: { T: ["float"], U: ["float"] },
  V3: { T: ["float"], U: ["float"] },
};

/** [batch, channels, …] as [batch, …, channels]. */
function turned(step: KernelStep, node: KernelNode, x: Tensor, keep: (tensor: Tensor) => Tensor): Tensor {
  const [batch, channels] = x.shape as [number, number];
  const pixels = x.size / (batch * channels);
  const y = keep(step.allocate(x.dtype, [batch, pixels, channels]));
  turn(step, node, x, y, [batch, channels, pixels]);
  return y;
}

/** [batch, …, channels] as [batch, channels, …], which is `y`. */
function turnBack(step: KernelStep, node: KernelNode, x: Tensor, y: Tensor): void {
  const [batch, channels] = y.shape as [number, number];
  turn(step, node, x, y, [batch, x.size / (batch * channels), channels]);
}

/** The last two dimensions change places. */
function turn(step: KernelStep, node: KernelNode, x: Tensor, y: Tensor, shape: [number, number, number]): void {
  const [outer, middle, inner] = shape;
  const [from0, from1, from2] = stridesOf(shape) as [number, number, number];
  stridedCopy(step, wasmOf(node), 4, x.ptr, y.ptr, [outer, inner, middle], [from0, from2, from1]);
}

const checkImage = (x: Tensor): void => {
  if (x.shape.length !== 4 && x.shape.length !== 5)
    throw new InvalidArgumentError(`input must be 4 or 5-dimensional${shapeString(x.shape)}`);
};

const checkVector = (name: string, x: Tensor): void => {
  if (x.shape.length !== 1) throw new InvalidArgumentError(`${name} must be 1-dimensional${shapeString(x.shape)}`);
};

function checkChannels(name: string, x: Tensor, channels: number): void {
  if (x.size !== channels)
    throw new InvalidArgumentError(
      `${name} must have the same number of elements as the channels of x, got ${x.size} and ${channels}`,
    );
}

/** Whether channels come second, and which dimension they are. */
const channelsFirstOf = (node: KernelNode): boolean => node.string("data_format").startsWith("NC");
const channelsOf = (shape: Shape, first: boolean): number => shape[first ? 1 : shape.length - 1]!;

/** A vector of one float a channel; the caller holds it. */
const vector = (step: KernelStep, channels: number): Tensor => step.allocate(DataType.FLOAT, [channels]);

const fusedBatchNorm = (version: string): Kernel =>
  kernel(`FusedBatchNorm${version}`, "CPU", TYPES[version]!, (node) => {
    const wasm = wasmOf(node);
    const training = node.bool("is_training");
    const epsilon = node.float("epsilon");
    const update = node.has("exponential_avg_factor") ? node.float("exponential_avg_factor") : 1;
    const first = channelsFirstOf(node);
    return (step) => {
      const x = step.input(0);
      const scale = step.input(1);
      const offset = step.input(2);
      const oldMean = step.input(3);
      const oldVariance = step.input(4);
      checkImage(x);
      checkVector("scale", scale);
      checkVector("offset", offset);
      checkVector("estimated_mean", oldMean);
      checkVector("estimated_variance", oldVariance);
      const channels = channelsOf(x.shape, first);
      checkChannels("scale", scale, channels);
      checkChannels("offset", offset, channels);
      if (!training || update !== 1) {
        const when = training ? "When exponential_avg_factor != 1" : "When is_training=false";
        checkChannels(`${when}, mean`, oldMean, channels);
        checkChannels(`${when}, variance`, oldVariance, channels);
      }
      const y = step.allocateOutput(0, x.shape);
      const batchMean = step.allocateOutput(1, [channels]);
      const batchVariance = step.allocateOutput(2, [channels]);
      const mean = step.allocateOutput(3, [channels]);
      const variance = step.allocateOutput(4, [channels]);
      const { heap } = step;
      if (version === "V3") {
        const { ptr } = step.allocateOutput(5, []);
        heap.f32[ptr >>> 2] = 0;
      }
      if (channels === 0) return DONE;
      const rows = x.size / channels;
      if (rows === 0) {
        for (const [tensor, value] of [
          [batchMean, Number.NaN],
          [batchVariance, Number.NaN],
          [mean, 0],
          [variance, 0],
        ] as const)
          heap.f32.fill(value, tensor.ptr >>> 2, (tensor.ptr >>> 2) + channels);
        return DONE;
      }
      return withTemporaries((keep) => {
        const image = first ? turned(step, node, x, keep) : x;
        if (training) {
          const sums = keep(step.allocate(DataType.DOUBLE, [channels]));
          wasm.channel_sums_f32(image.ptr, sums.ptr, rows, channels);
          for (let c = 0; c < channels; c++)
            step.heap.f32[(mean.ptr >>> 2) + c] = step.heap.f64[sums.ptr / 8 + c]! / rows;
          wasm.channel_squares_f32(image.ptr, mean.ptr, sums.ptr, rows, channels);
          const unbiased = rows > 1 ? rows / (rows - 1) : 1;
          for (let c = 0; c < channels; c++) {
            const own = step.heap.f64[sums.ptr / 8 + c]! / rows;
            step.heap.f32[(variance.ptr >>> 2) + c] = own;
            follow(step, batchMean, oldMean, c, update, step.heap.f32[(mean.ptr >>> 2) + c]!);
            follow(step, batchVariance, oldVariance, c, update, own * unbiased);
          }
        } else {
          for (const target of [batchMean, mean]) copyVector(step, oldMean, target);
          for (const target of [batchVariance, variance]) copyVector(step, oldVariance, target);
        }
        const factor = keep(vector(step, channels));
        const { f32 } = step.heap;
        for (let c = 0; c < channels; c++) {
          const deviation = Math.sqrt(f32[(variance.ptr >>> 2) + c]! + epsilon);
          f32[(factor.ptr >>> 2) + c] = f32[(scale.ptr >>> 2) + c]! / deviation;
        }
        const result = first ? keep(step.allocate(x.dtype, image.shape)) : y;
        wasm.batch_norm_f32(image.ptr, mean.ptr, factor.ptr, offset.ptr, result.ptr, rows, channels);
        if (first) turnBack(step, node, result, y);
        return DONE;
      });
    };
  });

/** The running value of channel `c`: all of the new one, or a part of it if `update` isn't 1. */
function follow(step: KernelStep, target: Tensor, old: Tensor, c: number, update: number, value: number): void {
  const { f32 } = step.heap;
  f32[(target.ptr >>> 2) + c] = update === 1 ? value : (1 - update) * f32[(old.ptr >>> 2) + c]! + update * value;
}

function copyVector(step: KernelStep, from: Tensor, to: Tensor): void {
  step.heap.u8.copyWithin(to.ptr, from.ptr, from.ptr + from.bytes);
}

const fusedBatchNormGrad = (version: string): Kernel =>
  kernel(`FusedBatchNormGrad${version}`, "CPU", TYPES[version]!, (node) => {
    const wasm = wasmOf(node);
    const training = node.bool("is_training");
    const epsilon = node.float("epsilon");
    const first = channelsFirstOf(node);
    return (step) => {
      const dy = step.input(0);
      const x = step.input(1);
      const scale = step.input(2);
      const mean = step.input(3);
      const variance = step.input(4);
      checkImage(dy);
      checkImage(x);
      checkVector("scale", scale);
      checkVector("saved mean", mean);
      checkVector("saved variance", variance);
      if (!sameShape(x.shape, dy.shape))
        throw new InvalidArgumentError(
          `x and y_backprop must have same shape, but x has shape ${shapeString(x.shape)} and y_backprop has shape ${shapeString(dy.shape)}`,
        );
      const channels = channelsOf(x.shape, first);
      checkChannels("scale", scale, channels);
      checkChannels("reserve_space_1", mean, channels);
      checkChannels("reserve_space_2", variance, channels);
      if (first && !training)
        throw new InvalidArgumentError(
          "The implementation of FusedBatchNormGrad with is_training=False only support NHWC tensor format for now.",
        );
      const dx = step.allocateOutput(0, x.shape);
      const dScale = step.allocateOutput(1, [channels]);
      const dOffset = step.allocateOutput(2, [channels]);
      step.allocateOutput(3, [0]);
      step.allocateOutput(4, [0]);
      if (channels === 0) return DONE;
      const rows = x.size / channels;
      if (rows === 0) {
        for (const { ptr, bytes } of [dScale, dOffset]) step.heap.u8.fill(0, ptr, ptr + bytes);
        return DONE;
      }
      return withTemporaries((keep) => {
        const image = first ? turned(step, node, x, keep) : x;
        const gradient = first ? turned(step, node, dy, keep) : dy;
        const sums = keep(step.allocate(DataType.DOUBLE, [2 * channels]));
        const perChannel = () => keep(vector(step, channels));
        const [factor, shift, gain] = [perChannel(), perChannel(), perChannel()];
        wasm.channel_products_f32(gradient.ptr, image.ptr, mean.ptr, sums.ptr, rows, channels);
        const { f32, f64 } = step.heap;
        for (let c = 0; c < channels; c++) {
          const sum = f64[sums.ptr / 8 + c]!;
          const products = f64[sums.ptr / 8 + channels + c]!;
          const power = 1 / (f32[(variance.ptr >>> 2) + c]! + epsilon);
          const own = f32[(scale.ptr >>> 2) + c]! * Math.sqrt(power);
          f32[(dOffset.ptr >>> 2) + c] = sum;
          f32[(dScale.ptr >>> 2) + c] = products * Math.sqrt(power);
          // With the mean and variance of the batch itself, every pixel moves them too.
          f32[(factor.ptr >>> 2) + c] = training ? (-own * power * products) / rows : 0;
          f32[(shift.ptr >>> 2) + c] = training ? (-own * sum) / rows : 0;
          f32[(gain.ptr >>> 2) + c] = own;
        }
        const result = first ? keep(step.allocate(x.dtype, image.shape)) : dx;
        wasm.batch_norm_grad_f32(
          image.ptr,
          gradient.ptr,
          mean.ptr,
          factor.ptr,
          shift.ptr,
          gain.ptr,
          result.ptr,
          rows,
          channels,
        );
        if (first) turnBack(step, node, result, dx);
        return DONE;
      });
    };
  });

const INT32_MAX = 2 ** 31 - 1;

function radiusOf(node: KernelNode): number {
  const radius = node.int("depth_radius");
  if (radius < 0 || radius > INT32_MAX) throw new InvalidArgumentError(`depth_radius = ${radius} larger than int max`);
  return radius;
}

const lrn = kernel("LRN", "CPU", { T: ["float"] }, (node) => {
  const wasm = wasmOf(node);
  const radius = radiusOf(node);
  const [bias, alpha, beta] = [node.float("bias"), node.float("alpha"), node.float("beta")];
  return (step) => {
    const x = step.input(0);
    if (x.shape.length !== 4) throw new InvalidArgumentError("in must be 4-dimensional");
    const y = step.allocateOutput(0, x.shape);
    const depth = x.shape[3]!;
    if (y.size > 0) wasm.lrn_f32(x.ptr, y.ptr, x.size / depth, depth, radius, bias, alpha, beta);
    return DONE;
  };
});

const lrnGrad = kernel("LRNGrad", "CPU", { T: ["float"] }, (node) => {
  const wasm = wasmOf(node);
  const radius = radiusOf(node);
  const [bias, alpha, beta] = [node.float("bias"), node.float("alpha"), node.float("beta")];
  return (step) => {
    const dy = step.input(0);
    const x = step.input(1);
    const y = step.input(2);
    if (dy.shape.length !== 4 || x.shape.length !== 4) throw new InvalidArgumentError("inputs must be 4-dimensional");
    if (!sameShape(dy.shape, x.shape) || !sameShape(dy.shape, y.shape))
      throw new InvalidArgumentError("input_grads, input_image, and out_image should have the same shape");
    const dx = step.allocateOutput(0, x.shape);
    const depth = x.shape[3]!;
    if (dx.size > 0) wasm.lrn_grad_f32(dy.ptr, x.ptr, y.ptr, dx.ptr, x.size / depth, depth, radius, bias, alpha, beta);
    return DONE;
  };
});

export const normalizationKernels: readonly Kernel[] = [
  ...["", "V2", "V3"].flatMap((version) => [fusedBatchNorm(version), fusedBatchNormGrad(version)]),
  lrn,
  lrnGrad,
];
