// Bias, softmax and cross entropies: checks of shapes in TensorFlow's words around the WebAssembly kernels. Convolutions
// and pools have files of their own.
import { InvalidArgumentError } from "../errors/index.js";
import { DONE, type Kernel, type KernelStep, kernel } from "../kernel/kernel.js";
import { DataType, dtypeSize, partCount } from "../tensor/dtype.js";
import { type Shape, shapeString } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { type WasmFunction, wasmFunction, wasmOf } from "./cpu.js";
import { binaryCodes, reduceCodes } from "./opcodes.js";
import { broadcastShape } from "./support/broadcast.js";
import { COMPLEX, partType } from "./support/complex.js";
import { readInts } from "./support/index-tensor.js";
import { withTemporaries } from "./support/temporaries.js";

const FLOATS = ["float", "double"];
const NUMBERS = [...FLOATS, "int32", "int64"];

const biasAdd = (op: string): Kernel =>
  kernel(op, "CPU", { T: [...NUMBERS, ...COMPLEX] }, (node) => {
    const dtype = node.inputTypes[0]!;
    const add = wasmFunction(node, "binary", partType(dtype));
    const parts = partCount(dtype);
    const channelsFirst = node.has("data_format") && node.string("data_format") === "NCHW";
    const elementSize = dtypeSize(dtype);
    return (step) => {
      const x = step.input(0);
      const bias = step.input(1);
      if (x.shape.length < 2)
        throw new InvalidArgumentError(`Input tensor must be at least 2D: ${shapeString(x.shape)}`);
      if (bias.shape.length !== 1) throw new InvalidArgumentError(`Biases must be 1D: ${shapeString(bias.shape)}`);
      const channels = x.shape[channelsFirst ? 1 : x.shape.length - 1]!;
      if (bias.size !== channels) {
        throw new InvalidArgumentError(
          `Must provide as many biases as the last dimension of the input tensor: ${shapeString(bias.shape)} vs. ${shapeString(x.shape)}`,
        );
      }
      const y = step.forwardOrAllocate(0, 0, x.shape);
      if (y.size === 0) return DONE;
      if (!channelsFirst) {
        const width = channels * parts;
        add(binaryCodes.Add!, x.ptr, bias.ptr, y.ptr, y.size / channels, width, width, 0, 1, 1);
        return DONE;
      }
      const image = y.size / x.shape[0]!;
      const plane = image / channels;
      if (parts === 1) {
        for (let at = 0; at < y.bytes; at += image * elementSize)
          add(binaryCodes.Add!, x.ptr + at, bias.ptr, y.ptr + at, channels, plane, plane, 1, 1, 0);
        return DONE;
      }
      for (let p = 0; p < y.size / plane; p++) {
        const at = p * plane * elementSize;
        add(binaryCodes.Add!, x.ptr + at, bias.ptr + (p % channels) * elementSize, y.ptr + at, plane, 2, 2, 0, 1, 1);
      }
      return DONE;
    };
  });

const biasAddGrad = kernel("BiasAddGrad", "CPU", { T: [...NUMBERS, ...COMPLEX] }, (node) => {
  const dtype = node.inputTypes[0]!;
  const reduce = wasmFunction(node, "reduce", partType(dtype));
  const parts = partCount(dtype);
  const channelsFirst = node.string("data_format") === "NCHW";
  return (step) => {
    const x = step.input(0);
    if (x.shape.length < 2) throw new InvalidArgumentError(`Input tensor must be at least 2D: ${shapeString(x.shape)}`);
    const channels = x.shape[channelsFirst ? 1 : x.shape.length - 1]!;
    const y = step.allocateOutput(0, [channels]);
    if (channels === 0) return DONE;
    if (!channelsFirst || x.size === 0) {
      reduce(reduceCodes.Sum!, x.ptr, y.ptr, 1, x.size / channels, channels * parts);
      return DONE;
    }
    // Planes first, one number each; then the images' numbers of every channel.
    const batch = x.shape[0]!;
    const sums = step.allocate(x.dtype, [batch, channels]);
    reduce(reduceCodes.Sum!, x.ptr, sums.ptr, sums.size, x.size / sums.size, parts);
    reduce(reduceCodes.Sum!, sums.ptr, y.ptr, 1, batch, channels * parts);
    sums.release();
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

/** Rows of one column repeated to all columns, others as they are. The caller holds the result. */
function widened(step: KernelStep, x: Tensor, columns: number, add: WasmFunction): Tensor {
  if (x.size === 0 || columns === 1 || (x.shape.length > 0 && x.shape[x.shape.length - 1] === columns))
    return x.retain();
  return withTemporaries((keep) => {
    const zeros = keep(step.allocate(x.dtype, [columns]));
    step.heap.u8.fill(0, zeros.ptr, zeros.ptr + zeros.bytes);
    const y = step.allocate(x.dtype, [x.size, columns]);
    add(binaryCodes.Add!, x.ptr, zeros.ptr, y.ptr, x.size, columns, 1, 0, 0, 1);
    return y;
  });
}

const softmaxCrossEntropy = kernel("SoftmaxCrossEntropyWithLogits", "CPU", { T: FLOATS }, (node) => {
  const compute = wasmFunction(node, "softmax_cross_entropy", node.inputTypes[0]!);
  const add = wasmFunction(node, "binary", node.inputTypes[0]!);
  return (step) => {
    const logits = step.input(0);
    const labels = step.input(1);
    const shape = broadcastShape(logits.shape, labels.shape);
    if (shape === null)
      throw new InvalidArgumentError(
        `logits and labels must be broadcastable: logits_size=${shapeString(logits.shape)} labels_size=${shapeString(labels.shape)}`,
      );
    if (shape.length !== 2)
      throw new InvalidArgumentError(
        `logits and labels must be either 2-dimensional, or broadcasted to be 2-dimensional`,
      );
    const [rows, columns] = shape as [number, number];
    const rowStep = (own: Shape) => (own.length < 2 || own[0] !== rows ? 0 : columns);
    const loss = step.allocateOutput(0, [rows]);
    const backprop = step.allocateOutput(1, shape);
    if (backprop.size === 0) {
      step.heap.u8.fill(0, loss.ptr, loss.ptr + loss.bytes);
      return DONE;
    }
    return withTemporaries((keep) => {
      const { ptr: wideLogits } = keep(widened(step, logits, columns, add));
      const { ptr: wideLabels } = keep(widened(step, labels, columns, add));
      const [logitsStep, labelsStep] = [rowStep(logits.shape), rowStep(labels.shape)];
      compute(wideLogits, logitsStep, wideLabels, labelsStep, loss.ptr, backprop.ptr, rows, columns);
      return DONE;
    });
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

export const nnKernels: readonly Kernel[] = [
  biasAdd("BiasAdd"),
  biasAdd("BiasAddV1"),
  biasAddGrad,
  softmax("Softmax", "softmax"),
  softmax("LogSoftmax", "log_softmax"),
  softmaxCrossEntropy,
  sparseSoftmaxCrossEntropy,
];
