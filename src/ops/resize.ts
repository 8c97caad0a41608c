// ResizeBilinear and ResizeNearestNeighbor on NHWC images, with their gradients: sizes are checked here in TensorFlow's
// words, the WebAssembly kernels find the coordinates.
import { InvalidArgumentError } from "../errors/index.js";
import { DONE, type Kernel, type KernelNode, type KernelStep, kernel } from "../kernel/kernel.js";
import { dtypeSize } from "../tensor/dtype.js";
import { shapeString } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { wasmFunction, wasmOf } from "./cpu.js";
import { readInts } from "./support/index-tensor.js";
import { isShape4, type Shape4 } from "./support/windows.js";

const NUMBERS = ["float", "double", "int32", "int64", "uint8", "int8", "int16", "uint16", "uint32", "uint64"];

function flagsOf(node: KernelNode): readonly [corners: number, half: number] {
  const corners = node.bool("align_corners");
  const half = node.bool("half_pixel_centers");
  if (corners && half) throw new InvalidArgumentError("If half_pixel_centers is True, align_corners must be False.");
  return [Number(corners), Number(half)];
}

function imageOf(x: Tensor, name = "input"): Shape4 {
  if (!isShape4(x.shape)) throw new InvalidArgumentError(`${name} must be 4-dimensional${shapeString(x.shape)}`);
  return x.shape;
}

function sizeIn(step: KernelStep, size: Tensor, refusal: string): readonly [number, number] {
  if (size.shape.length !== 1)
    throw new InvalidArgumentError(`shape_t must be 1-dimensional${shapeString(size.shape)}`);
  if (size.size !== 2) throw new InvalidArgumentError(`shape_t must have two elements${shapeString(size.shape)}`);
  const [height, width] = readInts(step.heap, size) as [number, number];
  if (height <= 0 || width <= 0) throw new InvalidArgumentError(refusal);
  return [height, width];
}

const resize = (op: string, bilinear: boolean): Kernel =>
  kernel(op, "CPU", { T: bilinear ? NUMBERS : [...NUMBERS, "half", "bfloat16"] }, (node) => {
    const [corners, half] = flagsOf(node);
    const elementSize = dtypeSize(node.inputTypes[0]!);
    const compute = bilinear ? wasmFunction(node, "resize_bilinear", node.inputTypes[0]!) : wasmOf(node).resize_nearest;
    return (step) => {
      const x = step.input(0);
      const [batch, inH, inW, channels] = imageOf(x);
      const [outH, outW] = sizeIn(step, step.input(1), "output dimensions must be positive");
      if (inH === 0 || inW === 0) throw new InvalidArgumentError("input image must be of non-zero size");
      if (channels === 0) throw new InvalidArgumentError("image must have at least one channel");
      const y = step.allocateOutput(0, [batch, outH, outW, channels]);
      const pixel = bilinear ? channels : channels * elementSize;
      if (y.size > 0) compute(x.ptr, y.ptr, batch, inH, inW, pixel, outH, outW, corners, half);
      return DONE;
    };
  });

const resizeBilinearGrad = kernel("ResizeBilinearGrad", "CPU", { T: ["float", "double"] }, (node) => {
  const [corners, half] = flagsOf(node);
  const compute = wasmFunction(node, "resize_bilinear_grad", node.outputTypes[0]!);
  return (step) => {
    const dy = step.input(0);
    const [batch, outH, outW, channels] = imageOf(dy, "input_grad");
    const [, inH, inW] = imageOf(step.input(1), "original_image");
    if (inH === 0 || inW === 0) throw new InvalidArgumentError("original dimensions must be positive");
    if (outH === 0 || outW === 0) throw new InvalidArgumentError("resized dimensions must be positive");
    const dx = step.allocateOutput(0, [batch, inH, inW, channels]);
    if (dx.size > 0) compute(dy.ptr, dx.ptr, batch, inH, inW, channels, outH, outW, corners, half);
    return DONE;
  };
});

const NEAREST_GRAD_TYPES = ["float", "double", "int32", "uint8", "int8"];

const resizeNearestGrad = kernel("ResizeNearestNeighborGrad", "CPU", { T: NEAREST_GRAD_TYPES }, (node) => {
  const [corners, half] = flagsOf(node);
  const compute = wasmFunction(node, "resize_nearest_grad", node.inputTypes[0]!);
  return (step) => {
    const dy = step.input(0);
    const [batch, outH, outW, channels] = imageOf(dy);
    const [inH, inW] = sizeIn(step, step.input(1), "shape_t's elements must be positive");
    const dx = step.allocateOutput(0, [batch, inH, inW, channels]);
    if (dx.size > 0) compute(dy.ptr, dx.ptr, batch, inH, inW, channels, outH, outW, corners, half);
    return DONE;
  };
});

export const resizeKernels: readonly Kernel[] = [
  resize("ResizeBilinear", true),
  resize("ResizeNearestNeighbor", false),
  resizeBilinearGrad,
  resizeNearestGrad,
];
