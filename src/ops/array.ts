// Ops that move elements: slices, joins, repetitions, transposition, gathering. All fixed-size dtypes go by their size
// through the copy kernels; strings (and what else are JavaScript values) through the same plans on arrays.
import { InvalidArgumentError } from "../errors/index.js";
import { DONE, type Kernel, type KernelNode, type KernelStep, kernel } from "../kernel/kernel.js";
import { DataType, dtypeSize } from "../tensor/dtype.js";
import { numElements, type Shape, sameShape, shapeString } from "../tensor/shape.js";
import { retainValue, Tensor, type Value } from "../tensor/tensor.js";
import { wasmOf } from "./cpu.js";
import { broadcastShape } from "./support/broadcast.js";
import { normalizeAxis, readInt, readInts } from "./support/index-tensor.js";
import { allocateValues } from "./support/rows.js";
import { stridedCopy, stridesOf } from "./support/strided.js";
import { TensorList, zerosLikeList } from "./tensor-list.js";

/** Copies a strided view of an input to a fresh output: bytes through the kernel, values one by one. */
export function emitView(
  node: KernelNode,
  step: KernelStep,
  x: Tensor,
  offset: number,
  sizes: Shape,
  strides: readonly number[],
  shape: Shape,
): void {
  if (x.values !== null) {
    const values = allocateValues(step, shape);
    let next = 0;
    walk(sizes, strides, offset, (at) => {
      retainValue(x.values![at]!);
      values[next++] = x.values![at]!;
    });
    step.setOutput(0, Tensor.ofValues(x.dtype, shape, values));
    return;
  }
  const y = step.allocateOutput(0, shape);
  const size = dtypeSize(x.dtype);
  if (y.size > 0) stridedCopy(step, wasmOf(node), size, x.ptr + offset * size, y.ptr, sizes, strides);
}

/** Positions of a strided view, in order. */
export function walk(sizes: Shape, strides: readonly number[], offset: number, visit: (at: number) => void): void {
  if (sizes.some((size) => size === 0)) return;
  const index = new Array<number>(sizes.length).fill(0);
  for (let at = offset; ; ) {
    visit(at);
    let d = sizes.length - 1;
    for (; d >= 0; d--) {
      at += strides[d]!;
      if (++index[d]! < sizes[d]!) break;
      at -= strides[d]! * sizes[d]!;
      index[d] = 0;
    }
    if (d < 0) return;
  }
}

const transpose = (op: string): Kernel =>
  kernel(op, "CPU", {}, (node) => (step) => {
    const x = step.input(0);
    const order = step.input(1);
    if (order.shape.length !== 1)
      throw new InvalidArgumentError(`perm must be rank 1, got shape ${shapeString(order.shape)}`);
    const perm = readInts(step.heap, order);
    if (perm.length !== x.shape.length) {
      throw new InvalidArgumentError(
        `transpose expects a vector of size ${x.shape.length}. But input(1) is a vector of size ${perm.length}`,
      );
    }
    const seen = new Set<number>();
    for (let i = 0; i < perm.length; i++) {
      const axis = perm[i]! < 0 ? perm[i]! + perm.length : perm[i]!;
      if (axis < 0 || axis >= perm.length)
        throw new InvalidArgumentError(`${perm[i]} is out of range [0 .. ${perm.length})`);
      perm[i] = axis;
      seen.add(axis);
    }
    for (let i = 0; i < perm.length; i++)
      if (!seen.has(i)) throw new InvalidArgumentError(`${i} is missing from {${perm.join(",")}}.`);
    const strides = stridesOf(x.shape);
    const shape = perm.map((axis) => x.shape[axis]!);
    emitView(
      node,
      step,
      x,
      0,
      shape,
      perm.map((axis) => strides[axis]!),
      shape,
    );
    return DONE;
  });

const broadcastTo = kernel("BroadcastTo", "CPU", {}, (node) => (step) => {
  const x = step.input(0);
  const shape = readInts(step.heap, step.input(1));
  if (x.shape.length > shape.length)
    throw new InvalidArgumentError(
      `Rank of input (${x.shape.length}) must be no greater than rank of output shape (${shape.length}).`,
    );
  for (const size of shape) if (size < 0) throw new InvalidArgumentError(`Dimension ${size} must be >= 0`);
  if (numElements(shape) >= 2 ** 63)
    throw new InvalidArgumentError(`Shape ${shapeString(shape)} would have more than 2**63 - 1 elements`);
  const joined = broadcastShape(x.shape, shape);
  if (joined === null || !sameShape(joined, shape)) {
    throw new InvalidArgumentError(`Incompatible shapes: ${shapeString(x.shape)} vs. ${shapeString(shape)}`);
  }
  const strides = stridesOf(x.shape);
  const pad = shape.length - x.shape.length;
  emitView(
    node,
    step,
    x,
    0,
    shape,
    shape.map((_, i) => (i < pad || x.shape[i - pad] === 1 ? 0 : strides[i - pad]!)),
    shape,
  );
  return DONE;
});

const tile = kernel("Tile", "CPU", {}, (node) => (step) => {
  const x = step.input(0);
  const given = step.input(1);
  if (given.shape.length !== 1)
    throw new InvalidArgumentError(`Expected multiples to be 1-D, but got shape ${shapeString(given.shape)}`);
  const multiples = readInts(step.heap, given);
  if (multiples.length !== x.shape.length) {
    throw new InvalidArgumentError(
      `Expected multiples argument to be a vector of length ${x.shape.length} but got length ${multiples.length}`,
    );
  }
  multiples.forEach((multiple, i) => {
    if (multiple < 0) throw new InvalidArgumentError(`Expected multiples[${i}] >= 0, but got ${multiple}`);
  });
  const strides = stridesOf(x.shape);
  // Each axis is two: which copy, and where in it.
  const sizes = x.shape.flatMap((size, i) => [multiples[i]!, size]);
  emitView(
    node,
    step,
    x,
    0,
    sizes,
    strides.flatMap((stride) => [0, stride]),
    x.shape.map((size, i) => size * multiples[i]!),
  );
  return DONE;
});

/** The first version: a boolean for each axis. */
const reverseV1 = kernel("Reverse", "CPU", {}, (node) => (step) => {
  const x = step.input(0);
  const dims = step.input(1);
  if (dims.shape.length !== 1) throw new InvalidArgumentError(`'dims' must be 1-dimension, not ${dims.shape.length}`);
  if (dims.size !== x.shape.length)
    throw new InvalidArgumentError(
      `'dims' must have the same number of values as 'input' has dimensions. 'input' has ${x.shape.length}'dims' has ${dims.size} values`,
    );
  const strides = stridesOf(x.shape);
  let offset = 0;
  for (let axis = 0; axis < dims.size; axis++) {
    if (step.heap.u8[dims.ptr + axis] === 0) continue;
    if (x.shape[axis]! > 0) offset += (x.shape[axis]! - 1) * strides[axis]!;
    strides[axis] = -strides[axis]!;
  }
  emitView(node, step, x, offset, x.shape, strides, x.shape);
  return DONE;
});

const slice = kernel("Slice", "CPU", {}, (node) => (step) => {
  const x = step.input(0);
  const begin = readInts(step.heap, step.input(1));
  const sizes = readInts(step.heap, step.input(2));
  const fits = ({ shape }: Tensor) => shape.length === 1 && shape[0] === x.shape.length;
  if (!fits(step.input(1)) || !fits(step.input(2))) {
    throw new InvalidArgumentError(
      `Expected begin and size arguments to be 1-D tensors of size ${x.shape.length}, but got shapes ${shapeString(step.input(1).shape)} and ${shapeString(step.input(2).shape)} instead.`,
    );
  }
  const strides = stridesOf(x.shape);
  let offset = 0;
  x.shape.forEach((dim, i) => {
    if (sizes[i] === -1) sizes[i] = dim - begin[i]!;
    if (begin[i]! < 0 || begin[i]! > dim)
      throw new InvalidArgumentError(`Expected begin[${i}] in [0, ${dim}], but got ${begin[i]}`);
    if (sizes[i]! < 0 || begin[i]! + sizes[i]! > dim) {
      throw new InvalidArgumentError(`Expected size[${i}] in [0, ${dim - begin[i]!}], but got ${sizes[i]}`);
    }
    offset += begin[i]! * strides[i]!;
  });
  emitView(node, step, x, offset, sizes, strides, sizes);
  return DONE;
});

const reverse = kernel("ReverseV2", "CPU", {}, (node) => (step) => {
  const x = step.input(0);
  const strides = stridesOf(x.shape);
  let offset = 0;
  for (const given of readInts(step.heap, step.input(1))) {
    const axis = normalizeAxis(
      given,
      x.shape.length,
      () => `'axis'[0] = ${given} is out of valid range [0, ${x.shape.length - 1}`,
    );
    if (strides[axis]! < 0) throw new InvalidArgumentError(`axis ${axis} specified more than once.`);
    if (x.shape[axis]! > 0) offset += (x.shape[axis]! - 1) * strides[axis]!;
    strides[axis] = -strides[axis]!;
  }
  emitView(node, step, x, offset, x.shape, strides, x.shape);
  return DONE;
});

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
    step.setOutput(0, Tensor.ofValues(inputs[0]!.dtype, shape, values));
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
      if (rank === 0) throw new InvalidArgumentError("ConcatOp : Can't concatenate scalars (use tf.stack instead)");
      const axis = normalizeAxis(
        readInt(step.heap, dim),
        rank,
        (a, r) => `ConcatOp : Expected concatenating dimensions in the range [${-r}, ${r}), but got ${a}`,
      );
      const shape = [...inputs[0]!.shape];
      shape[axis] = 0;
      inputs.forEach((input, i) => {
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
      step.setOutput(i, Tensor.ofValues(x.dtype, shape, values));
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
  const open = widths.indexOf(-1);
  if (open !== widths.lastIndexOf(-1)) throw new InvalidArgumentError("There can only be one -1 in the input.");
  const known = widths.reduce((n, width) => n + Math.max(width, 0), 0);
  if (open >= 0) widths[open] = x.shape[axis]! - known;
  if (widths.some((width) => width < 0) || widths.reduce((n, width) => n + width, 0) !== x.shape[axis]) {
    throw new InvalidArgumentError(
      `Determined shape must either match input shape along split_dim exactly if fully specified, or be less than the size of the input along split_dim if not fully specified.  Got: ${known}`,
    );
  }
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

const fill = kernel("Fill", "CPU", {}, (node) => (step) => {
  const given = step.input(0);
  if (given.shape.length !== 1)
    throw new InvalidArgumentError(`dims must represent a vector, got shape ${shapeString(given.shape)}`);
  const dims = readInts(step.heap, given);
  if (dims.some((dim) => dim < 0))
    throw new InvalidArgumentError(`Dimension ${dims.find((dim) => dim < 0)} must be >= 0`);
  const value = step.input(1);
  if (value.shape.length > 0)
    throw new InvalidArgumentError(`value must represent a scalar, got shape ${shapeString(value.shape)}`);
  if (value.values !== null) {
    const values = allocateValues(step, dims, value.values[0]!);
    for (const element of values) retainValue(element);
    step.setOutput(0, Tensor.ofValues(value.dtype, dims, values));
    return DONE;
  }
  const y = step.allocateOutput(0, dims);
  wasmOf(node).fill(dtypeSize(value.dtype), value.ptr, y.ptr, y.size);
  return DONE;
});

/** Zeros or blanks, asked for or not: what somebody else left in the memory is nobody's business. */
const empty = kernel("Empty", "CPU", {}, (node) => {
  const dtype = node.type("dtype");
  return (step) => {
    const given = step.input(0);
    if (given.shape.length !== 1)
      throw new InvalidArgumentError(`shape must be a vector of int32, got shape ${shapeString(given.shape)}`);
    const dims = readInts(step.heap, given);
    const negative = dims.find((dim) => dim < 0);
    if (negative !== undefined) throw new InvalidArgumentError(`Dimension ${negative} must be >= 0`);
    if (dtype === DataType.STRING) {
      step.setOutput(0, Tensor.ofValues(dtype, dims, allocateValues(step, dims, new Uint8Array(0))));
      return DONE;
    }
    const y = step.allocateOutput(0, dims);
    step.heap.u8.fill(0, y.ptr, y.ptr + y.bytes);
    return DONE;
  };
});

const like = (op: string, one: number): Kernel =>
  kernel(op, "CPU", {}, (node) => {
    const scalar = node.tensorOf(node.outputTypes[0]!, one);
    return (step) => {
      const x = step.input(0);
      if (x.values?.[0] instanceof TensorList) {
        step.setOutput(0, Tensor.ofValues(x.dtype, x.shape, [zerosLikeList(step, x.values[0])]));
        return DONE;
      }
      if (x.values !== null) {
        step.setOutput(
          0,
          Tensor.ofValues(
            x.dtype,
            x.shape,
            x.values.map(() => new Uint8Array(0)),
          ),
        );
        return DONE;
      }
      const y = step.forwardOrAllocate(0, 0, x.shape);
      if (y.size > 0) wasmOf(node).fill(dtypeSize(x.dtype), scalar.ptr, y.ptr, y.size);
      return DONE;
    };
  });

export const arrayKernels: readonly Kernel[] = [
  transpose("Transpose"),
  transpose("ConjugateTranspose"),
  broadcastTo,
  tile,
  slice,
  reverseV1,
  reverse,
  concat("ConcatV2", "last"),
  concat("Concat", "first"),
  pack,
  splitOp,
  splitV,
  unpack,
  fill,
  empty,
  like("ZerosLike", 0),
  like("OnesLike", 1),
];
