// How gradients add up in an accumulator, and how the sum is averaged and given out: dense ones element by element,
// sparse ones as rows in rising order of their indices, each row averaged over the gradients that had it.
import { InvalidArgumentError } from "../errors/index.js";
import type { KernelNode, KernelStep } from "../kernel/kernel.js";
import type { AccumulatorOptions, Sum } from "../resources/accumulator.js";
import { DataType, dtypeSize } from "../tensor/dtype.js";
import { fitsPartialShape, partialShapeString, type Shape, sameShape, shapeString } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { scratch } from "./matmul.js";
import { binaryCodes } from "./opcodes.js";
import { inPlace } from "./support/in-place.js";
import { readInts, writeInts } from "./support/index-tensor.js";
import { conversions, isNarrow } from "./support/narrow-floats.js";
import { copyBytes } from "./support/rows.js";

export interface Gradients {
  /** The sum with the step's gradient in it; takes over the hold on the sum so far. */
  add(step: KernelStep, options: AccumulatorOptions, sum: Sum | null): Sum;
  /** Sets the outputs to the sum, of `count` gradients, which it only borrows. */
  emit(step: KernelStep, options: AccumulatorOptions, sum: Sum, count: number): void;
}

const mismatch = (text: string): InvalidArgumentError => new InvalidArgumentError(`Shape mismatch: ${text}`);

type Divide = (step: KernelStep, ptr: number, size: number, count: number) => void;

/** Elements divided by a count, in place. */
function divider(node: KernelNode, dtype: DataType): Divide {
  const update = inPlace(node, dtype, binaryCodes.RealDiv!);
  const convert = isNarrow(dtype) ? conversions(node, dtype) : null;
  return (step, ptr, size, count) => {
    const block = scratch(step, 16);
    const wide = block.ptr + (convert === null ? 0 : 8);
    if (dtype === DataType.DOUBLE) step.heap.f64[wide / 8] = count;
    else step.heap.f32[wide >>> 2] = count;
    convert?.narrow(wide, block.ptr, 1);
    update(step, ptr, block.ptr, size, 0);
    block.release();
  };
}

/** The tensor for writing, held once more: itself if only the sum holds it. */
function writable(step: KernelStep, tensor: Tensor): Tensor {
  if (tensor.exclusive || tensor.size === 0) return tensor.retain();
  const copy = step.allocate(tensor.dtype, tensor.shape);
  copyBytes(step.heap, tensor.ptr, copy.ptr, tensor.bytes);
  return copy;
}

export function denseGradients(node: KernelNode, dtype: DataType): Gradients {
  const grow = inPlace(node, dtype, binaryCodes.Add!);
  const divide = divider(node, dtype);
  return {
    add(step, options, sum) {
      const gradient = step.input(2);
      const before = sum as Tensor | null;
      const { shape } = gradient;
      if (before !== null && !sameShape(before.shape, shape))
        throw mismatch(`expected ${shapeString(before.shape)}, got ${shapeString(shape)}`);
      if (!fitsPartialShape(shape, options.shape))
        throw mismatch(`expected ${partialShapeString(options.shape)}, got ${shapeString(shape)}`);
      if (before === null) return gradient.retain();
      const next = writable(step, before);
      before.release();
      grow(step, next.ptr, gradient.ptr, next.size);
      return next;
    },
    emit(step, options, sum, count) {
      const mean = writable(step, sum as Tensor);
      step.setOutput(0, mean);
      if (options.averages) divide(step, mean.ptr, mean.size, count);
    },
  };
}

class Rows implements Sum {
  constructor(
    readonly indices: readonly number[],
    readonly values: Tensor,
    /** Of how many gradients each row is the sum. */
    readonly counts: readonly number[],
  ) {}

  release(): void {
    this.values.release();
  }
}

/** Indices, values and shape of the step's gradient, checked. */
function rowsOf(step: KernelStep, { shape }: AccumulatorOptions, before: Rows | null, knowsShape: boolean): Rows {
  const [indices, values] = [step.input(2), step.input(3)];
  if (indices.shape.length !== 1)
    throw new InvalidArgumentError(`Input indices should be vector but received shape: ${shapeString(indices.shape)}`);
  if (values.shape.length === 0) throw new InvalidArgumentError("Values cannot be 0-dimensional.");
  if (values.shape[0] !== indices.size)
    throw new InvalidArgumentError(`Expected ${indices.size} non-empty input values, got ${values.shape[0]}`);
  const list = readInts(step.heap, indices);
  if (knowsShape && shape !== null) checkDeclared(readInts(step.heap, step.input(4)), shape);
  const limit = shape?.[0] ?? -1;
  list.forEach((index, i) => {
    if (limit >= 0 && index >= limit)
      throw mismatch(`index of slice ${i} exceeded limits of shape; index is ${index} exceeded ${limit}`);
  });
  checkValues(values.shape, before === null ? shape : before.values.shape, before === null);
  return new Rows(list, values, new Array<number>(list.length).fill(1));
}

function checkDeclared(found: readonly number[], shape: Shape): void {
  if (shape.length > found.length) throw mismatch(`expected shape rank at least ${shape.length}, got ${found.length}`);
  shape.forEach((dim, i) => {
    if (dim >= 0 && dim !== found[i]) throw mismatch(`expected shape dim ${i} to be ${dim}, got ${found[i]}`);
  });
}

/** Rows must be as they were before, or as the accumulator's shape wants them. */
function checkValues(found: Shape, expected: Shape | null, first: boolean): void {
  if (expected === null) return;
  if (first ? expected.length > found.length : expected.length !== found.length)
    throw mismatch(`expected values rank ${first ? "at least " : ""}${expected.length}, got ${found.length}`);
  for (let i = 1; i < expected.length; i++)
    if (expected[i]! >= 0 && expected[i] !== found[i])
      throw mismatch(`expected values dim ${i} to be ${expected[i]}, got ${found[i]}`);
}

export function sparseGradients(node: KernelNode, dtype: DataType): Gradients {
  const grow = inPlace(node, dtype, binaryCodes.Add!);
  const divide = divider(node, dtype);
  const knowsShape = node.has("has_known_shape") && node.bool("has_known_shape");
  const merge = (step: KernelStep, a: Rows, b: Rows): Rows => {
    const indices: number[] = [];
    const counts: number[] = [];
    const sources: [from: number, other: number][] = [];
    let [i, j] = [0, 0];
    while (i < a.indices.length || j < b.indices.length) {
      const [left, right] = [a.indices[i] ?? Number.POSITIVE_INFINITY, b.indices[j] ?? Number.POSITIVE_INFINITY];
      indices.push(Math.min(left, right));
      counts.push((left <= right ? a.counts[i]! : 0) + (right <= left ? 1 : 0));
      sources.push([left <= right ? i++ : -1, right <= left ? j++ : -1]);
    }
    const rest = a.values.shape.slice(1);
    const values = step.allocate(dtype, [indices.length, ...rest]);
    const width = indices.length === 0 ? 0 : values.size / indices.length;
    const bytes = width * dtypeSize(dtype);
    sources.forEach(([from, other], row) => {
      const y = values.ptr + row * bytes;
      const [x, z] = [a.values.ptr + from * bytes, b.values.ptr + other * bytes];
      copyBytes(step.heap, other < 0 ? x : z, y, bytes);
      if (from >= 0 && other >= 0) grow(step, y, x, width);
    });
    return new Rows(indices, values, counts);
  };
  return {
    add(step, options, sum) {
      const before = sum as Rows | null;
      const gradient = rowsOf(step, options, before, knowsShape);
      if (before === null) {
        gradient.values.retain();
        return gradient;
      }
      const merged = merge(step, before, gradient);
      before.release();
      return merged;
    },
    emit(step, options, sum) {
      const { indices, values, counts } = sum as Rows;
      const mean = writable(step, values);
      step.setOutput(1, mean);
      const width = indices.length === 0 ? 0 : mean.size / indices.length;
      if (options.averages)
        counts.forEach((count, row) => {
          divide(step, mean.ptr + row * width * dtypeSize(dtype), width, count);
        });
      writeInts(step.heap, step.allocateOutput(0, [indices.length]), indices);
      const shape = [options.shape?.[0] ?? -1, ...mean.shape.slice(1)];
      writeInts(step.heap, step.allocateOutput(2, [shape.length]), shape);
    },
  };
}
