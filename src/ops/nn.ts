// Neural network ops: bias, softmax and cross entropies, convolution and pooling on NHWC images.
import { InvalidArgumentError, UnimplementedError } from "../errors/index.js";
import { DONE, type Kernel, type KernelNode, kernel } from "../kernel/kernel.js";
import { DataType, dtypeSize } from "../tensor/dtype.js";
import { numElements, type Shape, sameShape, shapeString } from "../tensor/shape.js";
import { type WasmFunction, wasmFunction, wasmOf } from "./cpu.js";
import { scratch } from "./matmul.js";
import { binaryCodes, reduceCodes } from "./opcodes.js";
import { planBroadcast } from "./support/broadcast.js";
import { readInts } from "./support/index-tensor.js";

const FLOATS = ["float", "double"];
const NUMBERS = [...FLOATS, "int32", "int64"];

const biasAdd = (op: string): Kernel =>
  kernel(op, "CPU", { T: NUMBERS }, (node) => {
    const add = wasmFunction(node, "binary", node.inputTypes[0]!);
    if (node.has("data_format") && node.string("data_format") === "NCHW") return nchw;
    return (step) => {
      const x = step.input(0);
      const bias = step.input(1);
      if (x.shape.length < 2)
        throw new InvalidArgumentError(`Input tensor must be at least 2D: ${shapeString(x.shape)}`);
      if (bias.shape.length !== 1) throw new InvalidArgumentError(`Biases must be 1D: ${shapeString(bias.shape)}`);
      const channels = x.shape[x.shape.length - 1]!;
      if (bias.size !== channels) {
        throw new InvalidArgumentError(
          `Must provide as many biases as the last dimension of the input tensor: ${shapeString(bias.shape)} vs. ${shapeString(x.shape)}`,
        );
      }
      const y = step.forwardOrAllocate(0, 0, x.shape);
      if (y.size > 0) add(binaryCodes.Add!, x.ptr, bias.ptr, y.ptr, y.size / channels, channels, channels, 0, 1, 1);
      return DONE;
    };
  });

const nchw = (): never => {
  throw new UnimplementedError("The CPU implementation supports only the NHWC data format");
};

const biasAddGrad = kernel("BiasAddGrad", "CPU", { T: NUMBERS }, (node) => {
  const reduce = wasmFunction(node, "reduce", node.inputTypes[0]!);
  if (node.string("data_format") === "NCHW") return nchw;
  return (step) => {
    const x = step.input(0);
    if (x.shape.length < 2) throw new InvalidArgumentError(`Input tensor must be at least 2D: ${shapeString(x.shape)}`);
    const channels = x.shape[x.shape.length - 1]!;
    const y = step.allocateOutput(0, [channels]);
    if (channels > 0) reduce(reduceCodes.Sum!, x.ptr, y.ptr, 1, x.size / channels, channels);
    return DONE;
  };
});

const softmax = (op: string, name: string): Kernel =>
  kernel(op, "CPU", { T: FLOATS }, (node) => {
    const compute = wasmFunction(node, name, node.inputTypes[0]!);
    return (step) => {
      const x = step.input(0);
      if (x.shape.length < 1)
        throw new InvalidArgumentError(`logits must have >= 1 dimension, got ${shapeString(x.shape)}`);
      const y = step.forwardOrAllocate(0, 0, x.shape);
      const columns = x.shape[x.shape.length - 1]!;
      if (y.size > 0) compute(x.ptr, y.ptr, x.size / columns, columns);
      return DONE;
    };
  });

const softmaxCrossEntropy = kernel("SoftmaxCrossEntropyWithLogits", "CPU", { T: FLOATS }, (node) => {
  const compute = wasmFunction(node, "softmax_cross_entropy", node.inputTypes[0]!);
  return (step) => {
    const logits = step.input(0);
    const labels = step.input(1);
    const { shape } = planBroadcast(logits.shape, labels.shape);
    if (shape.length !== 2)
      throw new InvalidArgumentError(
        `logits and labels must be either 2-dimensional, or broadcasted to be 2-dimensional`,
      );
    const [rows, columns] = shape as [number, number];
    const stepOf = (own: Shape) => {
      if (own[own.length - 1] !== columns)
        throw new InvalidArgumentError(
          `logits and labels must be broadcastable: logits_size=${shapeString(logits.shape)} labels_size=${shapeString(labels.shape)}`,
        );
      return own.length < 2 || (own[0] === 1 && rows !== 1) ? 0 : columns;
    };
    const steps = [stepOf(logits.shape), stepOf(labels.shape)] as const;
    const loss = step.allocateOutput(0, [rows]);
    const backprop = step.allocateOutput(1, shape);
    if (backprop.size > 0) compute(logits.ptr, steps[0], labels.ptr, steps[1], loss.ptr, backprop.ptr, rows, columns);
    return DONE;
  };
});

const sparseSoftmaxCrossEntropy = kernel("SparseSoftmaxCrossEntropyWithLogits", "CPU", { T: FLOATS }, (node) => {
  const wasm = wasmOf(node) as unknown as Record<string, WasmFunction>;
  const float = node.inputTypes[0] === DataType.FLOAT ? "f32" : "f64";
  const index = node.inputTypes[1] === DataType.INT32 ? "i32" : "i64";
  const compute = wasm[`sparse_softmax_cross_entropy_${float}_${index}`]!;
  return (step) => {
    const logits = step.input(0);
    const labels = step.input(1);
    if (logits.shape.length !== 2)
      throw new InvalidArgumentError(`logits must be 2-D, but got shape ${shapeString(logits.shape)}`);
    if (labels.shape.length !== 1)
      throw new InvalidArgumentError(`labels must be 1-D, but got shape ${shapeString(labels.shape)}`);
    const [rows, columns] = logits.shape as [number, number];
    if (labels.size !== rows) {
      throw new InvalidArgumentError(
        `logits and labels must have the same first dimension, got logits shape ${shapeString(logits.shape)} and labels shape ${shapeString(labels.shape)}`,
      );
    }
    if (columns === 0)
      throw new InvalidArgumentError(`Must have at least one class, but got logits shape ${shapeString(logits.shape)}`);
    const loss = step.allocateOutput(0, [rows]);
    const backprop = step.allocateOutput(1, logits.shape);
    if (rows === 0) return DONE;
    for (const label of readInts(step.heap, labels)) {
      if (label < 0 || label >= columns) {
        throw new InvalidArgumentError(
          `Received a label value of ${label} which is outside the valid range of [0, ${columns}).  Label values: ${readInts(step.heap, labels).join(" ")}`,
        );
      }
    }
    compute(logits.ptr, labels.ptr, loss.ptr, backprop.ptr, rows, columns);
    return DONE;
  };
});

/** Where a window moves: strides, dilations and padding of the two spatial dimensions. */
interface Windows {
  readonly outH: number;
  readonly outW: number;
  readonly padT: number;
  readonly padL: number;
}

interface WindowAttrs {
  readonly padding: string;
  readonly explicit: readonly number[];
  readonly strideH: number;
  readonly strideW: number;
  readonly dilH: number;
  readonly dilW: number;
}

function windowAttrs(node: KernelNode): WindowAttrs {
  const strides = node.ints("strides");
  const dilations = node.has("dilations") ? node.ints("dilations") : [1, 1, 1, 1];
  if (node.has("data_format") && node.string("data_format") !== "NHWC") {
    throw new UnimplementedError(
      `The ${node.op} op currently only supports the NHWC tensor format on the CPU. The op was given the format: ${node.string("data_format")}`,
    );
  }
  if (strides.length !== 4) throw new InvalidArgumentError("Sliding window strides field must specify 4 dimensions");
  if (strides[0] !== 1 || strides[3] !== 1)
    throw new UnimplementedError(
      "Current implementation does not yet support strides in the batch and depth dimensions.",
    );
  if (strides[1]! <= 0 || strides[2]! <= 0)
    throw new InvalidArgumentError("Row and column strides should be larger than 0.");
  if (dilations[1]! <= 0 || dilations[2]! <= 0)
    throw new InvalidArgumentError("Dilated rates should be larger than 0.");
  return {
    padding: node.string("padding"),
    explicit: node.has("explicit_paddings") ? node.ints("explicit_paddings") : [],
    strideH: strides[1]!,
    strideW: strides[2]!,
    dilH: dilations[1]!,
    dilW: dilations[2]!,
  };
}

function windows(attrs: WindowAttrs, inH: number, inW: number, kH: number, kW: number): Windows {
  const axis = (size: number, k: number, stride: number, dilation: number, before: number, after: number) => {
    const reach = (k - 1) * dilation + 1;
    if (attrs.padding === "SAME") {
      const out = Math.ceil(size / stride);
      return [out, Math.max(0, (out - 1) * stride + reach - size) >> 1] as const;
    }
    const out = Math.floor((size + before + after - reach) / stride) + 1;
    if (out < 0)
      throw new InvalidArgumentError(
        `Computed output size would be negative: ${out} [input_size: ${size}, effective_filter_size: ${reach}, stride: ${stride}]`,
      );
    return [out, before] as const;
  };
  const pads = attrs.padding === "EXPLICIT" ? attrs.explicit : [0, 0, 0, 0, 0, 0, 0, 0];
  const [outH, padT] = axis(inH, kH, attrs.strideH, attrs.dilH, pads[2]!, pads[3]!);
  const [outW, padL] = axis(inW, kW, attrs.strideW, attrs.dilW, pads[4]!, pads[5]!);
  return { outH, outW, padT, padL };
}

type Kind = "forward" | "input" | "filter";

/** Conv2D and its gradients share their sizes: image, filter and the gradient of the output. */
const convolution = (op: string, kind: Kind): Kernel =>
  kernel(op, "CPU", { T: FLOATS }, (node) => {
    const wasm = wasmOf(node);
    const attrs = windowAttrs(node);
    const elementSize = dtypeSize(node.outputTypes[0]!);
    const name = kind === "forward" ? "conv2d" : kind === "input" ? "conv2d_backprop_input" : "conv2d_backprop_filter";
    const compute = wasmFunction(node, name, node.outputTypes[0]!);
    const scratchBytes = {
      forward: wasm.conv2d_scratch_bytes,
      input: wasm.conv2d_backprop_input_scratch_bytes,
      filter: wasm.conv2d_backprop_filter_scratch_bytes,
    }[kind];
    return (step) => {
      const first = step.input(0);
      const second = step.input(1);
      const image = kind === "input" ? readInts(step.heap, first) : first.shape;
      const filter = kind === "filter" ? readInts(step.heap, second) : second.shape;
      if (image.length !== 4) throw new InvalidArgumentError(`input must be 4-dimensional: ${shapeString(image)}`);
      if (filter.length !== 4) throw new InvalidArgumentError(`filter must be 4-dimensional: ${shapeString(filter)}`);
      const [batch, inH, inW, inC] = image as [number, number, number, number];
      const [kH, kW, filterC, outC] = filter as [number, number, number, number];
      if (inC !== filterC)
        throw new InvalidArgumentError(`input depth must be evenly divisible by filter depth: ${inC} vs ${filterC}`);
      const w = windows(attrs, inH, inW, kH, kW);
      const out = [batch, w.outH, w.outW, outC];
      if (kind !== "forward" && !sameShape(step.input(2).shape, out)) {
        throw new InvalidArgumentError(
          `${op}: Size of out_backprop doesn't match computed: actual = ${shapeString(step.input(2).shape)}, computed = ${shapeString(out)}`,
        );
      }
      const y = step.allocateOutput(0, kind === "forward" ? out : kind === "input" ? image : filter);
      if (y.size === 0) return DONE;
      step.heap.u8.fill(0, y.ptr, y.ptr + y.bytes);
      if (numElements(image) === 0 || numElements(out) === 0 || numElements(filter) === 0) return DONE;
      const block = scratch(step, scratchBytes(inC, kH, kW, outC, elementSize));
      const [a, b] =
        kind === "forward"
          ? [first.ptr, second.ptr]
          : kind === "input"
            ? [step.input(2).ptr, second.ptr]
            : [first.ptr, step.input(2).ptr];
      compute(
        a,
        b,
        y.ptr,
        batch,
        inH,
        inW,
        inC,
        kH,
        kW,
        outC,
        w.outH,
        w.outW,
        attrs.strideH,
        attrs.strideW,
        attrs.dilH,
        attrs.dilW,
        w.padT,
        w.padL,
        block.ptr,
      );
      block.release();
      return DONE;
    };
  });

function poolSizes(node: KernelNode): readonly [number, number] {
  const ksize = node.ints("ksize");
  if (ksize.length !== 4) throw new InvalidArgumentError("Sliding window ksize field must specify 4 dimensions");
  if (ksize[0] !== 1 || ksize[3] !== 1)
    throw new UnimplementedError("Pooling is not yet supported on the batch dimension.");
  return [ksize[1]!, ksize[2]!];
}

const pool = (op: string, name: string): Kernel =>
  kernel(op, "CPU", { T: FLOATS }, (node) => {
    const attrs = windowAttrs(node);
    const [kH, kW] = poolSizes(node);
    const compute = wasmFunction(node, name, node.outputTypes[0]!);
    return (step) => {
      const x = step.input(0);
      if (x.shape.length !== 4) throw new InvalidArgumentError("tensor_in must be 4-dimensional");
      const [batch, inH, inW, channels] = x.shape as [number, number, number, number];
      const w = windows(attrs, inH, inW, kH, kW);
      const y = step.allocateOutput(0, [batch, w.outH, w.outW, channels]);
      if (y.size > 0)
        compute(
          x.ptr,
          y.ptr,
          batch,
          inH,
          inW,
          channels,
          w.outH,
          w.outW,
          kH,
          kW,
          attrs.strideH,
          attrs.strideW,
          w.padT,
          w.padL,
        );
      return DONE;
    };
  });

const maxPoolGrad = kernel("MaxPoolGrad", "CPU", { T: FLOATS }, (node) => {
  const attrs = windowAttrs(node);
  const [kH, kW] = poolSizes(node);
  const compute = wasmFunction(node, "max_pool_grad", node.outputTypes[0]!);
  return (step) => {
    const x = step.input(0);
    const dy = step.input(2);
    if (x.shape.length !== 4) throw new InvalidArgumentError("tensor_in must be 4-dimensional");
    const [batch, inH, inW, channels] = x.shape as [number, number, number, number];
    const w = windows(attrs, inH, inW, kH, kW);
    if (!sameShape(dy.shape, [batch, w.outH, w.outW, channels]))
      throw new InvalidArgumentError(
        `Expected grad shape to be ${shapeString([batch, w.outH, w.outW, channels])}, but got ${shapeString(dy.shape)}`,
      );
    const dx = step.allocateOutput(0, x.shape);
    step.heap.u8.fill(0, dx.ptr, dx.ptr + dx.bytes);
    if (dx.size > 0)
      compute(
        x.ptr,
        dy.ptr,
        dx.ptr,
        batch,
        inH,
        inW,
        channels,
        w.outH,
        w.outW,
        kH,
        kW,
        attrs.strideH,
        attrs.strideW,
        w.padT,
        w.padL,
      );
    return DONE;
  };
});

const avgPoolGrad = kernel("AvgPoolGrad", "CPU", { T: FLOATS }, (node) => {
  const attrs = windowAttrs(node);
  const [kH, kW] = poolSizes(node);
  const compute = wasmFunction(node, "avg_pool_grad", node.outputTypes[0]!);
  return (step) => {
    const shape = readInts(step.heap, step.input(0));
    const dy = step.input(1);
    if (shape.length !== 4 || dy.shape.length !== 4)
      throw new InvalidArgumentError("out_backprop must be 4-dimensional");
    const [batch, inH, inW, channels] = shape as [number, number, number, number];
    const w = windows(attrs, inH, inW, kH, kW);
    if (!sameShape(dy.shape, [batch, w.outH, w.outW, channels]))
      throw new InvalidArgumentError(
        `Expected grad shape to be ${shapeString([batch, w.outH, w.outW, channels])}, but got ${shapeString(dy.shape)}`,
      );
    const dx = step.allocateOutput(0, shape);
    step.heap.u8.fill(0, dx.ptr, dx.ptr + dx.bytes);
    if (dx.size > 0)
      compute(
        dy.ptr,
        dx.ptr,
        batch,
        inH,
        inW,
        channels,
        w.outH,
        w.outW,
        kH,
        kW,
        attrs.strideH,
        attrs.strideW,
        w.padT,
        w.padL,
      );
    return DONE;
  };
});

export const nnKernels: readonly Kernel[] = [
  biasAdd("BiasAdd"),
  biasAdd("BiasAddV1"),
  biasAddGrad,
  softmax("Softmax", "softmax"),
  softmax("LogSoftmax", "log_softmax"),
  softmaxCrossEntropy,
  sparseSoftmaxCrossEntropy,
  convolution("Conv2D", "forward"),
  convolution("Conv2DBackpropInput", "input"),
  convolution("Conv2DBackpropFilter", "filter"),
  pool("MaxPool", "max_pool"),
  pool("AvgPool", "avg_pool"),
  maxPoolGrad,
  avgPoolGrad,
];
