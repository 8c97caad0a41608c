// Ops that lay a tensor out anew: transposed, repeated, cut, turned round. Each only works out a strided view.
import { InvalidArgumentError } from "../errors/index.js";
import { DONE, type Kernel, kernel } from "../kernel/kernel.js";
import { isComplex } from "../tensor/dtype.js";
import { numElements, sameShape, shapeString } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { broadcastShape } from "./support/broadcast.js";
import { partsOf } from "./support/complex.js";
import { normalizeAxis, readInts } from "./support/index-tensor.js";
import { stridesOf } from "./support/strided.js";
import { emitView } from "./support/views.js";

const transpose = (op: string, conjugates = false): Kernel =>
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
    const y = emitView(
      node,
      step,
      x,
      0,
      shape,
      perm.map((axis) => strides[axis]!),
      shape,
    );
    if (conjugates && isComplex(y.dtype)) {
      const { view, base } = partsOf(step.heap, y);
      for (let i = 1; i < 2 * y.size; i += 2) view[base + i] = -view[base + i]!;
    }
    return DONE;
  });

const broadcastTo = kernel("BroadcastTo", "CPU", {}, (node) => (step) => {
  const x = step.input(0);
  const sizes = step.input(1);
  if (sizes.shape.length > 1)
    throw new InvalidArgumentError(`shape must be a vector of {int32,int64}, got shape ${shapeString(sizes.shape)}`);
  const shape = readInts(step.heap, sizes);
  for (const size of shape) if (size < 0) throw new InvalidArgumentError(`Dimension ${size} must be >= 0`);
  if (numElements(shape) >= 2 ** 63)
    throw new InvalidArgumentError(`Shape ${shapeString(shape)} would have more than 2**63 - 1 elements`);
  if (x.shape.length > shape.length)
    throw new InvalidArgumentError(
      `Rank of input (${x.shape.length}) must be no greater than rank of output shape (${shape.length}).`,
    );
  const joined = broadcastShape(x.shape, shape);
  if (joined === null)
    throw new InvalidArgumentError(`Incompatible shapes: ${shapeString(x.shape)} vs. ${shapeString(shape)}`);
  if (!sameShape(joined, shape))
    throw new InvalidArgumentError(
      `Unable to broadcast tensor of shape ${shapeString(x.shape)} to tensor of shape ${shapeString(shape)}`,
    );
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
    if (dim === 0 && (begin[i] !== 0 || sizes[i] !== 0))
      throw new InvalidArgumentError(
        `Expected begin[${i}] == 0 (got ${begin[i]}) and size[${i}] == 0 (got ${sizes[i]}) when input.dim_size(${i}) == 0`,
      );
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
  if (x.shape.length === 0 || x.size === 0) {
    step.forwardInput(0, 0);
    return DONE;
  }
  const strides = stridesOf(x.shape);
  let offset = 0;
  for (const [i, given] of readInts(step.heap, step.input(1)).entries()) {
    const axis = normalizeAxis(
      given,
      x.shape.length,
      () => `'axis'[${i}] = ${given} is out of valid range [0, ${x.shape.length - 1}`,
    );
    if (strides[axis]! < 0) throw new InvalidArgumentError(`axis ${axis} specified more than once.`);
    if (x.shape[axis]! > 0) offset += (x.shape[axis]! - 1) * strides[axis]!;
    strides[axis] = -strides[axis]!;
  }
  emitView(node, step, x, offset, x.shape, strides, x.shape);
  return DONE;
});

export const arrayKernels: readonly Kernel[] = [
  transpose("Transpose"),
  transpose("ConjugateTranspose", true),
  broadcastTo,
  tile,
  slice,
  reverseV1,
  reverse,
];
