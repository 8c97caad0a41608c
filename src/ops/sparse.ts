// Sparse tensors as three dense ones (indices, values, shape): reshaped, put in order, multiplied with matrices. Indices
// are int64 and stay BigInts, since a sparse tensor's shape may be far larger than any dense one's.
import { InvalidArgumentError } from "../errors/index.js";
import { DONE, type Kernel, type KernelNode, type KernelStep, kernel } from "../kernel/kernel.js";
import { DataType } from "../tensor/dtype.js";
import { shapeString } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { elementsOf } from "./support/elements.js";
import { checkListed, readInts } from "./support/index-tensor.js";
import { emitRows } from "./support/rows.js";

/** Elements of an int64 tensor. */
export const bigints = (step: KernelStep, { ptr, size }: Tensor): BigInt64Array =>
  step.heap.i64.subarray(ptr / 8, ptr / 8 + size);

const product = (sizes: readonly bigint[]): bigint => sizes.reduce((a, b) => a * b, 1n);

/** Row-major distances between indices. */
function strides(shape: readonly bigint[]): bigint[] {
  const found = new Array<bigint>(shape.length);
  let step = 1n;
  for (let d = shape.length - 1; d >= 0; d--) {
    found[d] = step;
    step *= shape[d]!;
  }
  return found;
}

function checkRank(what: string, tensor: Tensor, rank: number): void {
  if (tensor.shape.length !== rank)
    throw new InvalidArgumentError(`Sparse ${what} must be rank ${rank} but is rank ${tensor.shape.length}`);
}

/** Indices inside the shape, in rising order, none twice. */
export function checkIndices(rows: readonly (readonly bigint[])[], shape: readonly bigint[]): void {
  rows.forEach((row, i) => {
    const shown = `indices[${i}] = [${row.join(",")}]`;
    if (row.some((index, d) => index < 0n || index >= shape[d]!))
      throw new InvalidArgumentError(`${shown} is out of bounds: need 0 <= index < [${shape.join(",")}]`);
    const before = rows[i - 1];
    const at = before === undefined ? -1 : row.findIndex((index, d) => index !== before[d]);
    if (before === undefined || (at >= 0 && row[at]! > before[at]!)) return;
    throw new InvalidArgumentError(
      at < 0
        ? `${shown} is repeated`
        : `${shown} is out of order. Many sparse ops require sorted indices.\n    Use \`tf.sparse.reorder\` to create a correctly ordered copy.\n\n`,
    );
  });
}

/** The shape asked for, with the one size that was left open. */
function inferShape(input: readonly bigint[], asked: readonly bigint[]): bigint[] {
  const open: number[] = [];
  asked.forEach((size, d) => {
    if (size === -1n) open.push(d);
    else if (size < 0n) throw new InvalidArgumentError(`size ${d} must be non-negative, not ${size}`);
  });
  if (open.length > 1)
    throw new InvalidArgumentError(`only one output dimension may be -1, not both ${open[0]} and ${open[1]}`);
  const total = product(input);
  const known = product(asked.filter((size) => size !== -1n));
  const output = [...asked];
  const shapes = (shape: readonly bigint[]) => `input_shape=[${input.join(",")}] output_shape=[${shape.join(",")}]`;
  if (open.length === 1) {
    if (known === 0n)
      throw new InvalidArgumentError(
        "reshape cannot infer the missing input size for an empty tensor unless all specified input sizes are non-zero",
      );
    if (total % known !== 0n)
      throw new InvalidArgumentError(
        `Input to reshape is a SparseTensor with ${total} dense values, but the requested shape requires a multiple of ${known}. ${shapes(asked.map((size) => (size === -1n ? total / known : size)))}`,
      );
    output[open[0]!] = total / known;
  }
  const found = product(output);
  if (found !== total)
    throw new InvalidArgumentError(
      `Input to reshape is a tensor with ${total} dense values, but the requested shape has ${found}. ${shapes(output)}`,
    );
  return output;
}

const reshape = kernel("SparseReshape", "CPU", {}, () => (step) => {
  const [indices, shape, asked] = [step.input(0), step.input(1), step.input(2)];
  if (indices.shape.length !== 2) throw new InvalidArgumentError("Input must be a matrix.");
  if (shape.shape.length !== 1) throw new InvalidArgumentError("Input shape must be a vector.");
  if (asked.shape.length !== 1)
    throw new InvalidArgumentError(`Target shape should be a vector but received shape ${shapeString(asked.shape)}`);
  const rank = indices.shape[1]!;
  if (shape.size !== rank) throw new InvalidArgumentError("Input tensor rank must match input shape length.");
  const input = [...bigints(step, shape)];
  if (input.some((size) => size < 0n))
    throw new InvalidArgumentError(`Dimension ${input.find((size) => size < 0n)} must be >= 0`);
  const output = inferShape(input, [...bigints(step, asked)]);
  const made = step.allocateOutput(0, [indices.shape[0]!, output.length]);
  const madeShape = step.allocateOutput(1, [output.length]);
  bigints(step, madeShape).set(output);
  const [from, to] = [bigints(step, indices), bigints(step, made)];
  const [before, after] = [strides(input), strides(output)];
  for (let row = 0; row < indices.shape[0]!; row++) {
    let at = 0n;
    for (let d = 0; d < rank; d++) at += from[row * rank + d]! * before[d]!;
    for (let d = 0; d < output.length; d++) {
      // A dimension of nothing has no distances.
      const distance = after[d]! === 0n ? 1n : after[d]!;
      to[row * output.length + d] = at / distance;
      at %= distance;
    }
  }
  return DONE;
});

/** Compares rows of a matrix of int64, column by column. */
export const rowOrder =
  (rows: BigInt64Array, width: number) =>
  (a: number, b: number): number => {
    for (let d = 0; d < width; d++) {
      const [x, y] = [rows[a * width + d]!, rows[b * width + d]!];
      if (x !== y) return x < y ? -1 : 1;
    }
    return a - b;
  };

const reorder = kernel("SparseReorder", "CPU", {}, () => (step) => {
  const [indices, values, shape] = [step.input(0), step.input(1), step.input(2)];
  checkRank("indices", indices, 2);
  checkRank("values", values, 1);
  checkRank("shape", shape, 1);
  const [count, rank] = indices.shape as readonly [number, number];
  if (values.size !== count)
    throw new InvalidArgumentError(`Number of elements in values (${values.size}) does not match indices (${count})`);
  checkListed(values);
  const order = Array.from({ length: count }, (_, i) => i).sort(rowOrder(bigints(step, indices), rank));
  emitRows(step, 0, indices, indices.shape, rank, order);
  emitRows(step, 1, values, values.shape, 1, order);
  return DONE;
});

/** Sizes of a sparse matrix and a dense one, each turned or not. */
function checkProduct(step: KernelStep, turnsA: boolean, turnsB: boolean): { rows: number; inner: number } {
  const [indices, values, shape, b] = [step.input(0), step.input(1), step.input(2), step.input(3)];
  const refuse = (text: string) => new InvalidArgumentError(text);
  if (b.shape.length !== 2) throw refuse("Tensor 'b' is not a matrix");
  if (shape.shape.length !== 1) throw refuse("Tensor 'a_shape' is not a vector");
  if (shape.size !== 2) throw refuse("Tensor 'a_shape' must have 2 elements");
  if (values.shape.length !== 1) throw refuse("Tensor 'a_values' is not a vector");
  if (indices.shape.length !== 2) throw refuse("Tensor 'a_indices' is not a matrix");
  if (indices.shape[0] !== values.size)
    throw refuse("Number of rows of a_indices does not match number of entries in a_values");
  if (indices.shape[1] !== 2)
    throw refuse("Number of columns of a_indices does not match number of entries in a_shape");
  const [height, width] = readInts(step.heap, shape) as [number, number];
  const [rows, inner] = turnsA ? [width, height] : [height, width];
  const own = turnsB ? b.shape[1]! : b.shape[0]!;
  if (inner !== own)
    throw refuse(
      `Cannot multiply A and B because inner dimension does not match: ${inner} vs. ${own}.  Did you forget a transpose?  Dimensions of A: [${height}, ${width}).  Dimensions of B: ${shapeString(b.shape)}`,
    );
  if (rows < 0) throw refuse(`Dimension ${rows} must be >= 0`);
  return { rows, inner };
}

type Multiply = (a: number, b: number) => number;

function multiplier(node: KernelNode): Multiply {
  const dtype = node.type("T");
  if (dtype === DataType.FLOAT) return (a, b) => Math.fround(a * b);
  return dtype === DataType.INT32 ? Math.imul : (a, b) => a * b;
}

const product2 = kernel(
  "SparseTensorDenseMatMul",
  "CPU",
  { T: ["float", "double", "int32"], Tindices: ["int32", "int64"] },
  (node) => {
    const [turnsA, turnsB] = [node.bool("adjoint_a"), node.bool("adjoint_b")];
    const times = multiplier(node);
    return (step) => {
      const { rows, inner } = checkProduct(step, turnsA, turnsB);
      const [values, b] = [step.input(1), step.input(3)];
      const columns = turnsB ? b.shape[0]! : b.shape[1]!;
      const at = readInts(step.heap, step.input(0));
      const y = step.allocateOutput(0, [rows, columns]);
      step.heap.u8.fill(0, y.ptr, y.ptr + y.bytes);
      const [from, dense, to] = [values, b, y].map((tensor) => elementsOf(step.heap, tensor)) as [Of, Of, Of];
      const [down, across] = turnsB ? [1, b.shape[1]!] : [columns, 1];
      for (let i = 0; i < values.size; i++) {
        const [m, k] = turnsA ? [at[2 * i + 1]!, at[2 * i]!] : [at[2 * i]!, at[2 * i + 1]!];
        if (k < 0 || k >= inner)
          throw new InvalidArgumentError(`k (${k}) from index[${i},${turnsA ? 0 : 1}] out of bounds (>=${inner})`);
        if (m < 0 || m >= rows)
          throw new InvalidArgumentError(`m (${m}) from index[${i},${turnsA ? 1 : 0}] out of bounds (>=${rows})`);
        const a = from.view[from.base + i]!;
        const [row, line] = [to.base + m * columns, dense.base + k * down];
        for (let n = 0; n < columns; n++) to.view[row + n]! += times(a, dense.view[line + n * across]!);
      }
      return DONE;
    };
  },
);

type Of = ReturnType<typeof elementsOf>;

export const sparseKernels: readonly Kernel[] = [reshape, reorder, product2];
