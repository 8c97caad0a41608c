// Conv2D, DepthwiseConv2dNative and their gradients on NHWC images. A node's attributes are read and refused when it is
// prepared; a call checks sizes, places the windows and leaves the arithmetic to the WebAssembly kernels.
import type { WasmKernels } from "../device/cpu/wasm-kernels.js";
import { InvalidArgumentError, UnimplementedError } from "../errors/index.js";
import { DONE, type Kernel, type KernelNode, type KernelStep, kernel } from "../kernel/kernel.js";
import { dtypeSize } from "../tensor/dtype.js";
import { numElements, shapeString } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { wasmFunction, wasmOf } from "./cpu.js";
import { scratch } from "./matmul.js";
import { readInts } from "./support/index-tensor.js";
import { stridedCopy } from "./support/strided.js";
import { withTemporaries } from "./support/temporaries.js";
import { isShape4, type Padding, paddingOf, placeWindows, type Shape4, type Windows } from "./support/windows.js";

const FLOATS = ["float", "double"];

type Kind = "forward" | "input" | "filter";

interface Slide {
  readonly padding: Padding;
  readonly strideH: number;
  readonly strideW: number;
  readonly dilationH: number;
  readonly dilationW: number;
}

const WHERE = "in the batch and depth dimensions.";

/** Strides, dilations and padding of a Conv2D; the three ops refuse the same things in different classes of error. */
function slideOf(node: KernelNode, kind: Kind): Slide {
  const Refused = kind === "filter" ? InvalidArgumentError : UnimplementedError;
  const format = node.string("data_format");
  if (format !== "NHWC") {
    if (kind !== "forward") throw new InvalidArgumentError(`${labels[kind]}Op only supports NHWC.`);
    throw new UnimplementedError(
      `The Conv2D op currently only supports the NHWC tensor format on the CPU. The op was given the format: ${format}`,
    );
  }
  const four = (name: "strides" | "dilations") => {
    const values = node.ints(name);
    if (!isShape4(values)) throw new InvalidArgumentError(`Sliding window ${name} field must specify 4 dimensions`);
    return values;
  };
  const [strideN, strideH, strideW, strideC] = four("strides");
  const [dilationN, dilationH, dilationW, dilationC] = four("dilations");
  if (strideN !== 1 || strideC !== 1) throw new Refused(`Current implementation does not yet support strides ${WHERE}`);
  if (strideH <= 0 || strideW <= 0) throw new InvalidArgumentError("Row and column strides should be larger than 0.");
  if (dilationN !== 1 || dilationC !== 1)
    throw new Refused(`Current implementation does not yet support dilations ${WHERE}`);
  if (dilationH <= 0 || dilationW <= 0) throw new InvalidArgumentError("Dilated rates should be larger than 0.");
  return { padding: paddingOf(node), strideH, strideW, dilationH, dilationW };
}

const labels = { input: "Conv2DCustomBackpropInput", filter: "Conv2DCustomBackpropFilter" };

const place = (slide: Slide, image: Shape4, filter: Shape4): Windows =>
  placeWindows(
    slide.padding,
    image[1],
    image[2],
    filter[0],
    filter[1],
    slide.strideH,
    slide.strideW,
    slide.dilationH,
    slide.dilationW,
  );

function four(shape: readonly number[], text: string): Shape4 {
  if (!isShape4(shape)) throw new InvalidArgumentError(text);
  return shape;
}

/** A tensor that holds a shape, as TensorFlow reads one. */
function shapeIn(step: KernelStep, tensor: Tensor, label: string): readonly number[] {
  if (tensor.shape.length !== 1)
    throw new InvalidArgumentError(`${label} input must be 1-dim, not ${tensor.shape.length}`);
  return readInts(step.heap, tensor);
}

function checkDimensions(shape: readonly number[]): void {
  for (const size of shape) if (size < 0) throw new InvalidArgumentError(`Dimension ${size} must be >= 0`);
}

/** What the kernels take after their addresses: sizes, steps, padding. */
type Sizes = readonly number[];

const sizesOf = (slide: Slide, image: Shape4, filter: Shape4, depth: number, w: Windows): Sizes => [
  ...image,
  filter[0],
  filter[1],
  depth,
  w.outH,
  w.outW,
  slide.strideH,
  slide.strideW,
  slide.dilationH,
  slide.dilationW,
  w.padT,
  w.padL,
];

function clear(step: KernelStep, tensor: Tensor): void {
  step.heap.u8.fill(0, tensor.ptr, tensor.ptr + tensor.bytes);
}

/** Copies each group's channels of image and filter together, and what `compute` makes of them to its place in y. */
function inGroups(
  step: KernelStep,
  wasm: WasmKernels,
  groups: number,
  x: Tensor,
  filter: Tensor,
  y: Tensor,
  compute: (x: Tensor, filter: Tensor, y: Tensor) => void,
): void {
  const elementSize = dtypeSize(x.dtype);
  const [, , depth, outC] = filter.shape as Shape4;
  const inC = depth * groups;
  const part = outC / groups;
  withTemporaries((keep) => {
    const xPart = keep(step.allocate(x.dtype, [x.size / inC, depth]));
    const filterPart = keep(step.allocate(x.dtype, [filter.size / outC, part]));
    const yPart = keep(step.allocate(x.dtype, [y.size / outC, part]));
    const copy = (from: number, to: Tensor, width: number) =>
      stridedCopy(step, wasm, elementSize, from, to.ptr, to.shape, [width, 1]);
    for (let g = 0; g < groups; g++) {
      copy(x.ptr + g * depth * elementSize, xPart, inC);
      copy(filter.ptr + g * part * elementSize, filterPart, outC);
      compute(xPart, filterPart, yPart);
      const to = y.ptr + g * part * elementSize;
      stridedCopy(step, wasm, elementSize, yPart.ptr, to, yPart.shape, [part, 1], [outC, 1]);
    }
  });
}

const conv2d = kernel("Conv2D", "CPU", { T: [...FLOATS, "int32"] }, (node) => {
  const slide = slideOf(node, "forward");
  const wasm = wasmOf(node);
  const compute = wasmFunction(node, "conv2d", node.outputTypes[0]!);
  const elementSize = dtypeSize(node.outputTypes[0]!);
  return (step) => {
    const x = step.input(0);
    const f = step.input(1);
    const image = four(x.shape, `convolution input must be 4-dimensional: ${shapeString(x.shape)}`);
    const filter = four(f.shape, `convolution filter must be 4-dimensional: ${shapeString(f.shape)}`);
    const [kH, kW, depth, outC] = filter;
    const groups = image[3] / depth;
    if (depth === 0) throw new InvalidArgumentError(`filter depth must be stricly positive, got ${depth}`);
    if (image[3] % depth !== 0)
      throw new InvalidArgumentError(`input depth must be evenly divisible by filter depth: ${image[3]} vs ${depth}`);
    if (groups > 0 && outC % groups !== 0)
      throw new InvalidArgumentError(`output depth must be evenly divisible by number of groups: ${outC} vs ${groups}`);
    if (f.size === 0)
      throw new InvalidArgumentError("filter must not have zero elements (i.e. all dimensions must be non-zero)");
    const w = place(slide, image, filter);
    const y = step.allocateOutput(0, [image[0], w.outH, w.outW, outC]);
    if (y.size === 0) return DONE;
    if (x.size === 0) {
      clear(step, y);
      return DONE;
    }
    const part = outC / groups;
    const sizes = sizesOf(slide, [image[0], image[1], image[2], depth], filter, part, w);
    return withTemporaries((keep) => {
      const { ptr } = keep(scratch(step, wasm.conv2d_scratch_bytes(depth, kH, kW, part, elementSize)));
      if (groups === 1) compute(x.ptr, f.ptr, y.ptr, ...sizes, ptr);
      else {
        inGroups(step, wasm, groups, x, f, y, (from, by, to) => {
          compute(from.ptr, by.ptr, to.ptr, ...sizes, ptr);
        });
      }
      return DONE;
    });
  };
});

/** What both gradients of Conv2D check once they know their three shapes. */
function checkBackprop(label: string, slide: Slide, image: Shape4, filter: Shape4, gradient: Shape4): Windows {
  if (image[0] !== gradient[0])
    throw new InvalidArgumentError(
      `${label}: input and out_backprop must have the same batch size. Input batch: ${image[0]}, outbackprop batch: ${gradient[0]}, batch_dim: 0`,
    );
  if (filter[2] === 0 || image[3] % filter[2] !== 0)
    throw new InvalidArgumentError(`${label}: input depth must be evenly divisible by filter depth`);
  if (filter[3] !== gradient[3])
    throw new InvalidArgumentError(`${label}: filter and out_backprop must have the same out_depth`);
  const w = place(slide, image, filter);
  const checkSize = (d: 1 | 2, computed: number, stride: number, dilation: number) => {
    if (gradient[d] !== computed)
      throw new InvalidArgumentError(
        `${label}: Size of out_backprop doesn't match computed: actual = ${gradient[d]}, computed = ${computed} spatial_dim: ${d} input: ${image[d]} filter: ${filter[d === 1 ? 0 : 1]} output: ${gradient[d]} stride: ${stride} dilation: ${dilation}`,
      );
  };
  checkSize(1, w.outH, slide.strideH, slide.dilationH);
  checkSize(2, w.outW, slide.strideW, slide.dilationW);
  return w;
}

const conv2dBackpropInput = kernel("Conv2DBackpropInput", "CPU", { T: [...FLOATS, "int32"] }, (node) => {
  const slide = slideOf(node, "input");
  const wasm = wasmOf(node);
  const compute = wasmFunction(node, "conv2d_backprop_input", node.outputTypes[0]!);
  const elementSize = dtypeSize(node.outputTypes[0]!);
  const label = labels.input;
  return (step) => {
    const f = step.input(1);
    const dy = step.input(2);
    const given = shapeIn(step, step.input(0), "Conv2DBackpropInput: input_sizes");
    const gradient = four(dy.shape, `input_sizes must be 4-dimensional, got: ${dy.shape.length}`);
    if (given.length !== 2 && given.length !== 4)
      throw new InvalidArgumentError(
        `Conv2DBackpropInput requires input_sizes to contain 4 values or 2 values, but got: ${given.length}`,
      );
    const filter = four(f.shape, `${label}: filter must be 4-dimensional`);
    const image = (given.length === 4 ? given : [gradient[0], given[0]!, given[1]!, filter[2]]) as Shape4;
    checkDimensions(image);
    const w = checkBackprop(label, slide, image, filter, gradient);
    if (image[3] !== filter[2])
      throw new InvalidArgumentError(
        `Gradients for grouped convolutions are not supported on CPU. Please file a feature request if you run into this issue. Computed input depth ${image[3]} doesn't match filter input depth ${filter[2]}`,
      );
    const dx = step.allocateOutput(0, image);
    if (dx.size === 0) return DONE;
    if (dy.size === 0 || f.size === 0) {
      clear(step, dx);
      return DONE;
    }
    const bytes = wasm.conv2d_backprop_input_scratch_bytes(image[3], filter[0], filter[1], filter[3], elementSize);
    const block = scratch(step, bytes);
    compute(dy.ptr, f.ptr, dx.ptr, ...sizesOf(slide, image, filter, filter[3], w), block.ptr);
    block.release();
    return DONE;
  };
});

const conv2dBackpropFilter = kernel("Conv2DBackpropFilter", "CPU", { T: FLOATS }, (node) => {
  const slide = slideOf(node, "filter");
  const wasm = wasmOf(node);
  const compute = wasmFunction(node, "conv2d_backprop_filter", node.outputTypes[0]!);
  const elementSize = dtypeSize(node.outputTypes[0]!);
  const label = labels.filter;
  return (step) => {
    const x = step.input(0);
    const dy = step.input(2);
    const given = shapeIn(step, step.input(1), `${label}: filter_sizes`);
    checkDimensions(given);
    const image = four(x.shape, `${label}: input must be 4-dimensional`);
    const filter = four(given, `${label}: filter must be 4-dimensional`);
    const gradient = four(dy.shape, `${label}: out_backprop must be 4-dimensional`);
    const w = checkBackprop(label, slide, image, filter, gradient);
    if (image[3] !== filter[2])
      throw new InvalidArgumentError(
        `filter_size does not have enough elements, requested ${filter[0] * filter[1] * image[3] * filter[3]}, got ${numElements(filter)}`,
      );
    const df = step.allocateOutput(0, filter);
    if (df.size === 0) return DONE;
    if (dy.size === 0 || x.size === 0) {
      clear(step, df);
      return DONE;
    }
    const bytes = wasm.conv2d_backprop_filter_scratch_bytes(image[3], filter[0], filter[1], filter[3], elementSize);
    const block = scratch(step, bytes);
    compute(x.ptr, dy.ptr, df.ptr, ...sizesOf(slide, image, filter, filter[3], w), block.ptr);
    block.release();
    return DONE;
  };
});

/** Strides and padding of the depthwise ops. The gradients take dilations and, as TensorFlow's do, ignore them. */
function depthwiseSlideOf(node: KernelNode, kind: Kind): Slide {
  const strides = node.ints("strides");
  if (!isShape4(strides)) throw new InvalidArgumentError("Sliding window strides field must specify 4 dimensions");
  const [strideN, strideH, strideW, strideC] = strides;
  if (node.string("data_format") !== "NHWC")
    throw new UnimplementedError("Depthwise convolution on CPU is only supported for NHWC format");
  if (strideH !== strideW)
    throw new InvalidArgumentError(
      "Current implementation only supports equal length strides in the row and column dimensions.",
    );
  if (strideN !== 1 || strideC !== 1)
    throw new InvalidArgumentError(`Current implementation does not yet support strides ${WHERE}`);
  const dilations = node.ints("dilations");
  if (kind === "forward" && dilations.some((dilation) => dilation !== 1))
    throw new UnimplementedError(
      `Current kernel implementation does not support dilations, received [${dilations.join(" ")}]`,
    );
  return { padding: paddingOf(node), strideH, strideW, dilationH: 1, dilationW: 1 };
}

const depthwiseConv2d = kernel("DepthwiseConv2dNative", "CPU", { T: FLOATS }, (node) => {
  const slide = depthwiseSlideOf(node, "forward");
  const compute = wasmFunction(node, "depthwise_conv2d", node.outputTypes[0]!);
  return (step) => {
    const x = step.input(0);
    const f = step.input(1);
    const image = four(x.shape, `input must be 4-dimensional${shapeString(x.shape)}`);
    const filter = four(f.shape, `filter must be 4-dimensional: ${shapeString(f.shape)}`);
    if (image[3] !== filter[2])
      throw new InvalidArgumentError(`input and filter must have the same depth: ${image[3]} vs ${filter[2]}`);
    const w = place(slide, image, filter);
    const y = step.allocateOutput(0, [image[0], w.outH, w.outW, image[3] * filter[3]]);
    if (y.size === 0) return DONE;
    if (x.size === 0 || f.size === 0) clear(step, y);
    else compute(x.ptr, f.ptr, y.ptr, ...sizesOf(slide, image, filter, filter[3], w));
    return DONE;
  };
});

/** The gradient towards the image or the filter, whose own place in the inputs holds its shape instead. */
const depthwiseBackprop = (kind: "input" | "filter"): Kernel => {
  const name = kind === "input" ? "Input" : "Filter";
  const label = `DepthwiseConv2DBackprop${name}`;
  return kernel(`DepthwiseConv2dNativeBackprop${name}`, "CPU", { T: FLOATS }, (node) => {
    const slide = depthwiseSlideOf(node, kind);
    const compute = wasmFunction(node, `depthwise_conv2d_backprop_${kind}`, node.outputTypes[0]!);
    return (step) => {
      const first = step.input(0);
      const second = step.input(1);
      const dy = step.input(2);
      const sizes = shapeIn(step, kind === "input" ? first : second, `Conv2DBackprop${name}: ${kind}_sizes`);
      for (let i = 0; i < sizes.length; i++)
        if (sizes[i]! < 0) throw new InvalidArgumentError(`Dimension ${i} of ${kind}_sizes must be >= 0`);
      const image = four(kind === "input" ? sizes : first.shape, `${label}: input must be 4-dimensional`);
      const filter = four(kind === "filter" ? sizes : second.shape, `${label}: filter must be 4-dimensional`);
      const gradient = four(dy.shape, `${label}: out_backprop must be 4-dimensional`);
      if (image[0] !== gradient[0])
        throw new InvalidArgumentError(`${label}: input and out_backprop must have the same batch size`);
      if (image[3] !== filter[2])
        throw new InvalidArgumentError(`${label}: input and filter must have the same in_depth`);
      if (filter[3] * image[3] !== gradient[3])
        throw new InvalidArgumentError(`${label}: depth_multiplier * in_depth not equal to out_depth`);
      const w = place(slide, image, filter);
      const checkSize = (what: string, actual: number, computed: number) => {
        if (actual !== computed)
          throw new InvalidArgumentError(
            `${label}: Number of ${what} of out_backprop doesn't match computed: actual = ${actual}, computed = ${computed}`,
          );
      };
      checkSize("rows", gradient[1], w.outH);
      checkSize("cols", gradient[2], w.outW);
      const result = step.allocateOutput(0, kind === "input" ? image : filter);
      if (result.size === 0) return DONE;
      if (dy.size === 0 || (kind === "input" ? second : first).size === 0) {
        clear(step, result);
        return DONE;
      }
      const x = kind === "input" ? result : first;
      const f = kind === "filter" ? result : second;
      compute(x.ptr, f.ptr, dy.ptr, ...sizesOf(slide, image, filter, filter[3], w));
      return DONE;
    };
  });
};

export const convolutionKernels: readonly Kernel[] = [
  conv2d,
  conv2dBackpropInput,
  conv2dBackpropFilter,
  depthwiseConv2d,
  depthwiseBackprop("input"),
  depthwiseBackprop("filter"),
];
