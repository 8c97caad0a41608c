// Ops that put tensors side by side along an axis, and that cut them up again: rows of bytes, or of JavaScript values.
import { InvalidArgumentError } from "../errors/index.js";
import { DONE, type Kernel, type KernelStep, kernel } from "../kernel/kernel.js";
import { DataType, dtypeSize } from "../tensor/dtype.js";
import { numElements, type Shape, sameShape, shapeString } from "../tensor/shape.js";
import { retainValue, type Tensor, type Value } from "../tensor/tensor.js";
import { normalizeAxis, readInt, readInts } from "./support/index-tensor.js";

/** Puts inputs side by side along an axis: each is rows of its own width inside rows of the whole. */
function concatenate(step: KernelStep, inputs: readonly Tensor[], axis: number, shape: Shape): void {
  const outer = numElements(shape.slice(0, axis));
  if (inputs[0]!.values !== null) {
    const values: Value[] = [];
    for (let o = 0; o < outer; o++) {
      for (const input of inputs) {
        const width = input.size / Math.max(outer, 1);
        for (const value of input.values!.slice(o * width, (o + 1) * width)) {
          retainValue(value);
          values.push(value);
        }
      }
    }
    step.setOutput(0, step.tensorOf(inputs[0]!.dtype, shape, values));
    return;
  }
  const y = step.allocateOutput(0, shape);
  if (y.size === 0) return;
  const { u8 } = step.heap;
  const rowBytes = y.bytes / outer;
  let at = y.ptr;
  for (const input of inputs) {
    const width = input.bytes / outer;
    for (let o = 0; o < outer; o++)
      u8.copyWithin(at + o * rowBytes, input.ptr + o * width, input.ptr + (o + 1) * width);
    at += width;
  }
}

const concat = (op: string, axisInput: "first" | "last"): Kernel =>
  kernel(op, "CPU", {}, (node) => {
    const count = node.inputTypes.length - 1;
    const first = axisInput === "first" ? 1 : 0;
    const axisName = axisInput === "first" ? "concat_dim" : "axis";
    return (step) => {
      const inputs = Array.from({ length: count }, (_, i) => step.input(first + i));
      const rank = inputs[0]!.shape.length;
      const dim = step.input(axisInput === "first" ? 0 : count);
      if (dim.shape.length > 0)
        throw new InvalidArgumentError(
          `${axisName} tensor should be a scalar integer, but got shape ${shapeString(dim.shape)}`,
        );
      const given = readInt(step.heap, dim);
      // Zero is in range for a scalar too, as it was once: it is refused below.
      const axis = normalizeAxis(
        given,
        Math.max(rank, Number(given === 0)),
        (a) =>
          `ConcatOp : Expected concatenating dimensions in the range [${rank === 0 ? 0 : -rank}, ${rank}), but got ${a}`,
      );
      const shape = [...inputs[0]!.shape];
      shape[axis] = 0;
      inputs.forEach((input, i) => {
        if (input.shape.length === 0)
          throw new InvalidArgumentError("ConcatOp : Can't concatenate scalars (use tf.stack instead)");
        if (input.shape.length !== rank)
          throw new InvalidArgumentError(
            `ConcatOp : Ranks of all input tensors should match: shape[0] = ${shapeString(inputs[0]!.shape)} vs. shape[${i}] = ${shapeString(input.shape)}`,
          );
        const fits = input.shape.every((size, d) => d === axis || size === shape[d]);
        if (!fits) {
          throw new InvalidArgumentError(
            `ConcatOp : Dimension ${input.shape.findIndex((size, d) => d !== axis && size !== inputs[0]!.shape[d])} in both shapes must be equal: shape[0] = ${shapeString(inputs[0]!.shape)} vs. shape[${i}] = ${shapeString(input.shape)}`,
          );
        }
        shape[axis]! += input.shape[axis]!;
      });
      concatenate(step, inputs, axis, shape);
      return DONE;
    };
  });

const pack = kernel("Pack", "CPU", {}, (node) => {
  const count = node.inputTypes.length;
  const given = node.int("axis");
  return (step) => {
    const inputs = Array.from({ length: count }, (_, i) => step.input(i));
    const [first] = inputs;
    const rank = first!.shape.length + 1;
    const axis = normalizeAxis(given, rank, () => `axis = ${given} not in [${-rank}, ${rank})`);
    inputs.forEach((input, i) => {
      if (!sameShape(input.shape, first!.shape)) {
        throw new InvalidArgumentError(
          `Shapes of all inputs must match: values[0].shape = ${shapeString(first!.shape)} != values[${i}].shape = ${shapeString(input.shape)}`,
        );
      }
    });
    concatenate(step, inputs, axis, [...first!.shape.slice(0, axis), count, ...first!.shape.slice(axis)]);
    return DONE;
  };
});

/** Cuts an input along an axis into pieces of the given widths. */
function split(step: KernelStep, x: Tensor, axis: number, widths: readonly number[], drop: boolean): void {
  const outer = numElements(x.shape.slice(0, axis));
  const inner = numElements(x.shape.slice(axis + 1));
  const whole = x.shape[axis]!;
  let start = 0;
  widths.forEach((width, i) => {
    const shape = drop ? x.shape.filter((_, d) => d !== axis) : x.shape.map((size, d) => (d === axis ? width : size));
    if (x.values !== null) {
      const values: Value[] = [];
      for (let o = 0; o < outer; o++) {
        const from = (o * whole + start) * inner;
        for (let k = from; k < from + width * inner; k++) values.push(x.values[k]!);
      }
      for (const value of values) retainValue(value);
      step.setOutput(i, step.tensorOf(x.dtype, shape, values));
    } else {
      const y = step.allocateOutput(i, shape);
      const size = inner * dtypeSize(x.dtype);
      const { u8 } = step.heap;
      for (let o = 0; o < outer && y.size > 0; o++) {
        const from = x.ptr + (o * whole + start) * size;
        u8.copyWithin(y.ptr + o * width * size, from, from + width * size);
      }
    }
    start += width;
  });
}

const splitOp = kernel("Split", "CPU", {}, (node) => {
  const count = node.outputTypes.length;
  return (step) => {
    const x = step.input(1);
    const dim = step.input(0);
    if (dim.shape.length > 0)
      throw new InvalidArgumentError(`split_dim must be a scalar but has rank ${dim.shape.length}`);
    const axis = normalizeAxis(
      readInt(step.heap, dim),
      x.shape.length,
      (a, r) => `-input rank(-${r}) <= split_dim < input rank (${r}), but got ${a}`,
    );
    if (x.shape[axis]! % count !== 0) {
      throw new InvalidArgumentError(
        `Number of ways to split should evenly divide the split dimension, but got split_dim ${axis} (size = ${x.shape[axis]}) and num_split ${count}`,
      );
    }
    split(step, x, axis, new Array<number>(count).fill(x.shape[axis]! / count), false);
    return DONE;
  };
});

const splitV = kernel("SplitV", "CPU", {}, (node) => (step) => {
  const x = step.input(0);
  const given = step.input(1);
  const count = node.outputTypes.length;
  if (given.shape.length !== 1 || given.size !== count)
    throw new InvalidArgumentError(
      `size of the split_tensor must be 1-D and have the same elements as outputs got ${given.shape.length} -D and ${given.size} elements`,
    );
  const widths = readInts(step.heap, given);
  const axis = normalizeAxis(
    readInt(step.heap, step.input(2)),
    x.shape.length,
    (a, r) => `-input rank(-${r}) <= split_dim < input rank (${r}), but got ${a}`,
  );
  if (count === 1 && widths[0] !== x.shape[axis])
    throw new InvalidArgumentError(
      `If there is only one output, it must have the same size as the input. Input size: ${x.shape[axis]} output size: ${widths[0]}`,
    );
  const open = widths.indexOf(-1);
  if (open !== widths.lastIndexOf(-1)) throw new InvalidArgumentError("There can only be one -1 in the input.");
  const sum = widths.reduce((n, width) => (width === -1 ? n : n + width), 0);
  const known = given.dtype === DataType.INT32 ? sum | 0 : sum;
  if (open < 0 ? known !== x.shape[axis] : known > x.shape[axis]!) {
    throw new InvalidArgumentError(
      `Determined shape must either match input shape along split_dim exactly if fully specified, or be less than the size of the input along split_dim if not fully specified.  Got: ${known}`,
    );
  }
  if (open >= 0) widths[open] = x.shape[axis]! - known;
  const negative = widths.findIndex((width) => width < 0);
  if (negative >= 0)
    throw new InvalidArgumentError(`Split size at index ${negative} must be >= 0. Got: ${widths[negative]}`);
  split(step, x, axis, widths, false);
  return DONE;
});

const unpack = kernel("Unpack", "CPU", {}, (node) => {
  const count = node.outputTypes.length;
  const given = node.int("axis");
  return (step) => {
    const x = step.input(0);
    const axis = normalizeAxis(given, x.shape.length, (a, r) => `axis = ${a} not in [${-r}, ${r})`);
    if (x.shape[axis] !== count)
      throw new InvalidArgumentError(`Input shape axis ${axis} must equal ${count}, got shape ${shapeString(x.shape)}`);
    split(step, x, axis, new Array<number>(count).fill(1), true);
    return DONE;
  };
});

export const joiningKernels: readonly Kernel[] = [
  concat("ConcatV2", "last"),
  concat("Concat", "first"),
  pack,
  splitOp,
  splitV,
  unpack,
];
