// Max and average pools on NHWC images with their gradients. A node's window is read and refused when it is prepared
// (MaxPoolV2 and its gradients take it as inputs and do so in the call); the loops are the WebAssembly kernels.
import { InvalidArgumentError, UnimplementedError } from "../errors/index.js";
import { DONE, type Kernel, type KernelNode, type KernelStep, kernel } from "../kernel/kernel.js";
import { DataType } from "../tensor/dtype.js";
import { type Shape, sameShape, shapeString } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { wasmFunction } from "./cpu.js";
import { elementsOf } from "./support/elements.js";
import { readInts } from "./support/index-tensor.js";
import { isShape4, type Padding, paddingOf, placeWindows, type Shape4 } from "./support/windows.js";

const FLOATS = ["float", "double"];
const NUMBERS = [...FLOATS, "int32", "int64"];
const REALS = [...NUMBERS, "int16", "uint16", "int8", "uint8"];
const INT32_MAX = 2 ** 31 - 1;

interface PoolWindow {
  readonly ksize: Shape4;
  readonly strides: Shape4;
  readonly padding: Padding;
}

/** A window laid over one shape: the shape of the result, and what the kernels take after their addresses. */
interface Laid {
  readonly shape: Shape4;
  readonly sizes: readonly number[];
}

const text = (values: Shape) => values.join(",");

function checkWindow(ksize: Shape, strides: Shape, padding: Padding, positive: (ksize: Shape) => string): PoolWindow {
  if (!isShape4(ksize)) throw new InvalidArgumentError("Sliding window ksize field must specify 4 dimensions");
  if (!isShape4(strides)) throw new InvalidArgumentError("Sliding window stride field must specify 4 dimensions");
  if (ksize.some((size) => size <= 0 || size > INT32_MAX)) throw new InvalidArgumentError(positive(ksize));
  if (ksize[0] !== 1 || strides[0] !== 1)
    throw new UnimplementedError("Pooling is not yet supported on the batch dimension.");
  for (const [pad, name, size] of [
    [padding.top, "Top", ksize[1]],
    [padding.bottom, "Bottom", ksize[1]],
    [padding.left, "Left", ksize[2]],
    [padding.right, "Right", ksize[2]],
  ] as const) {
    if (pad > 0 && pad >= size)
      throw new InvalidArgumentError(`${name} padding ${pad} needs to be smaller than the window size ${size}`);
  }
  return { ksize, strides, padding };
}

/** Where a call finds its window: in attributes, read now, or in the inputs from `first` on. */
function windowOf(node: KernelNode, name: string, first: number | null): (step: KernelStep) => PoolWindow {
  const format = node.has("data_format") ? node.string("data_format") : "NHWC";
  const padding = paddingOf(node);
  if (first !== null) {
    if (format !== "NHWC") throw new InvalidArgumentError(`${name} only supports NHWC or NCHW_VECT_C. Got: ${format}`);
    return (step) =>
      checkWindow(
        readInts(step.heap, step.input(first)),
        readInts(step.heap, step.input(first + 1)),
        padding,
        () => "Sliding window ksize must be positive.",
      );
  }
  if (format !== "NHWC") throw new InvalidArgumentError(`Default ${name} only supports NHWC on device type CPU`);
  const window = checkWindow(node.ints("ksize"), node.ints("strides"), padding, (ksize) =>
    name.startsWith("Avg")
      ? `ksize must be a positive int32 value, got:${ksize.find((size) => size <= 0 || size > INT32_MAX)}`
      : `Sliding window ksize must be positive. The specified or inferred ksize is: ${text(ksize)}`,
  );
  return () => window;
}

function lay(window: PoolWindow, image: Shape): Laid {
  if (!isShape4(image))
    throw new InvalidArgumentError(`tensor_in_shape must have 2 spatial dimensions. ${image.length} 0`);
  const [batch, inH, inW, depth] = image;
  const [, kH, kW, kC] = window.ksize;
  const [, strideH, strideW, strideC] = window.strides;
  if (kC > 1) return layAcrossDepth(window, image, kC, strideC);
  const w = placeWindows(window.padding, inH, inW, kH, kW, strideH, strideW, 1, 1);
  const sizes = [batch, inH, inW, depth, w.outH, w.outW, kH, kW, strideH, strideW, w.padT, w.padL];
  return { shape: [batch, w.outH, w.outW, depth], sizes };
}

/** Windows of channels lie side by side, so they are windows of one long row. */
function layAcrossDepth(window: PoolWindow, image: Shape4, size: number, stride: number): Laid {
  const [batch, inH, inW, depth] = image;
  if (window.ksize[1] !== 1 || window.ksize[2] !== 1)
    throw new UnimplementedError(
      "MaxPooling supports exactly one of pooling across depth or pooling across width/height.",
    );
  if (depth % size !== 0)
    throw new UnimplementedError("Depthwise max pooling requires the depth window to evenly divide the input depth");
  if (size !== stride)
    throw new UnimplementedError("Depthwise max pooling requires the depth window to equal the depth stride");
  const windows = (batch * inH * inW * depth) / size;
  return {
    shape: [batch, inH, inW, depth / size],
    sizes: [1, 1, windows * size, 1, 1, windows, 1, size, 1, size, 0, 0],
  };
}

function refuseDepth(window: PoolWindow, laid: Laid): Laid {
  if (window.ksize[3] > 1) throw new UnimplementedError("Non-spatial pooling is not yet supported. Volunteers? :)");
  return laid;
}

const maxPool = (op: string, first: number | null): Kernel =>
  kernel(op, "CPU", { T: NUMBERS }, (node) => {
    const window = windowOf(node, first === null ? "MaxPoolingOp" : "MaxPoolingV2Op", first);
    const compute = wasmFunction(node, "max_pool", node.outputTypes[0]!);
    return (step) => {
      const x = step.input(0);
      const laid = lay(window(step), x.shape);
      const y = step.allocateOutput(0, laid.shape);
      if (y.size > 0) compute(x.ptr, y.ptr, ...laid.sizes);
      return DONE;
    };
  });

const avgPool = kernel("AvgPool", "CPU", { T: FLOATS }, (node) => {
  const window = windowOf(node, "AvgPoolingOp", null);
  const compute = wasmFunction(node, "avg_pool", node.outputTypes[0]!);
  return (step) => {
    const x = step.input(0);
    const laid = refuseDepth(window(step), lay(window(step), x.shape));
    const y = step.allocateOutput(0, laid.shape);
    if (y.size > 0) compute(x.ptr, y.ptr, ...laid.sizes);
    return DONE;
  };
});

const maxPoolWithArgmax = kernel("MaxPoolWithArgmax", "CPU", { T: NUMBERS }, (node) => {
  const window = windowOf(node, "MaxPoolingWithArgmaxOp", null);
  const fromBatch = Number(node.bool("include_batch_in_index"));
  const wide = Number(node.outputTypes[1] === DataType.INT64);
  const compute = wasmFunction(node, "max_pool_argmax", node.outputTypes[0]!);
  return (step) => {
    const x = step.input(0);
    if (x.shape.length !== 4) throw new InvalidArgumentError("tensor_in must be 4-dimensional (2)");
    if (x.size === 0) throw new InvalidArgumentError("tensor_in must not be empty (2)");
    const laid = refuseDepth(window(step), lay(window(step), x.shape));
    const y = step.allocateOutput(0, laid.shape);
    const indices = step.allocateOutput(1, laid.shape);
    if (y.size > 0) compute(x.ptr, y.ptr, indices.ptr, wide, fromBatch, ...laid.sizes);
    return DONE;
  };
});

function checkShape(what: string, expected: Shape, tensor: Tensor): void {
  if (!sameShape(tensor.shape, expected))
    throw new InvalidArgumentError(
      `Expected ${what} shape to be ${shapeString(expected)}, but got ${shapeString(tensor.shape)}`,
    );
}

const checkRank = (name: string, tensor: Tensor): void => {
  if (tensor.shape.length !== 4) throw new InvalidArgumentError(`${name} must be 4-dimensional`);
};

/** The gradient of a max pool, and that one's own: towards the pixels that won, or from them. */
const maxPoolGrad = (op: string, first: number | null, second: boolean): Kernel =>
  kernel(op, "CPU", { T: NUMBERS }, (node) => {
    const window = windowOf(node, `MaxPoolingGrad${second ? "Grad" : ""}Op`, first);
    const compute = wasmFunction(node, second ? "max_pool_grad_grad" : "max_pool_grad", node.outputTypes[0]!);
    return (step) => {
      const x = step.input(0);
      const gradient = step.input(2);
      checkRank("tensor_in", x);
      checkRank("tensor_out", step.input(1));
      checkRank(second ? "out_grad_backprop" : "out_backprop", gradient);
      const laid = refuseDepth(window(step), lay(window(step), x.shape));
      checkShape("orig_output", laid.shape, step.input(1));
      checkShape("grad", second ? x.shape : laid.shape, gradient);
      const y = step.allocateOutput(0, second ? laid.shape : x.shape);
      if (y.size > 0) compute(x.ptr, gradient.ptr, y.ptr, ...laid.sizes);
      return DONE;
    };
  });

const avgPoolGrad = kernel("AvgPoolGrad", "CPU", { T: FLOATS }, (node) => {
  const window = windowOf(node, "AvgPoolingGradOp", null);
  const compute = wasmFunction(node, "avg_pool_grad", node.outputTypes[0]!);
  return (step) => {
    const sizes = step.input(0);
    const dy = step.input(1);
    if (sizes.shape.length !== 1 || sizes.size !== 4)
      throw new InvalidArgumentError("out_backprop must be 1-dimensional and 4 elements");
    checkRank("out_backprop", dy);
    const image = readInts(step.heap, sizes);
    const negative = image.find((size) => size < 0);
    if (negative !== undefined) throw new InvalidArgumentError(`Expected a non-negative size, got ${negative}`);
    const laid = refuseDepth(window(step), lay(window(step), image));
    checkShape("grad", laid.shape, dy);
    const dx = step.allocateOutput(0, image);
    if (dx.size > 0) compute(dy.ptr, dx.ptr, ...laid.sizes);
    return DONE;
  };
});

/** The gradient goes back to the pixels that the indices name. */
const maxPoolGradWithArgmax = kernel("MaxPoolGradWithArgmax", "CPU", { T: REALS, Targmax: ["int64"] }, (node) => {
  const window = windowOf(node, "MaxPoolingGradWithArgmaxOp", null);
  const fromBatch = node.bool("include_batch_in_index");
  return (step) => {
    const [x, gradient, argmax] = [step.input(0), step.input(1), step.input(2)];
    const laid = refuseDepth(window(step), lay(window(step), x.shape));
    checkShape("grad", laid.shape, gradient);
    checkShape("argmax", laid.shape, argmax);
    const y = step.allocateOutput(0, x.shape);
    step.heap.u8.fill(0, y.ptr, y.ptr + y.bytes);
    const [from, to] = [elementsOf(step.heap, gradient), elementsOf(step.heap, y)];
    const { i64 } = step.heap;
    const image = x.shape[0] === 0 ? 0 : x.size / x.shape[0]!;
    const windows = gradient.shape[0] === 0 ? 0 : gradient.size / gradient.shape[0]!;
    for (let i = 0; i < gradient.size; i++) {
      const first = Math.floor(i / windows) * image;
      const at = Number(i64[argmax.ptr / 8 + i]!) + (fromBatch ? 0 : first);
      if (at < first || at >= first + image)
        throw new InvalidArgumentError(`Invalid index ${i64[argmax.ptr / 8 + i]} in argmax at offset ${i}`);
      to.view[to.base + at]! += from.view[from.base + i]!;
    }
    return DONE;
  };
});

export const poolingKernels: readonly Kernel[] = [
  maxPool("MaxPool", null),
  maxPool("MaxPoolV2", 1),
  maxPoolWithArgmax,
  maxPoolGradWithArgmax,
  avgPool,
  maxPoolGrad("MaxPoolGrad", null, false),
  maxPoolGrad("MaxPoolGradV2", 3, false),
  maxPoolGrad("MaxPoolGradGrad", null, true),
  maxPoolGrad("MaxPoolGradGradV2", 3, true),
  avgPoolGrad,
];
