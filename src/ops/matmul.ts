// Matrix products: MatMul, the batched ones with broadcasting batch dimensions.
import { FailedPreconditionError, InvalidArgumentError, ResourceExhaustedError } from "../errors/index.js";
import { DONE, type Kernel, type KernelNode, type KernelStep, kernel } from "../kernel/kernel.js";
import type { Block } from "../memory/heap.js";
import { DataType, dtypeSize, isComplex } from "../tensor/dtype.js";
import { numElements, type Shape, sameShape, shapeString } from "../tensor/shape.js";
import { wasmFunction, wasmOf } from "./cpu.js";
import { broadcastShape } from "./support/broadcast.js";
import { COMPLEX, partsOf, partType } from "./support/complex.js";
import { elementsOf } from "./support/elements.js";
import { withTemporaries } from "./support/temporaries.js";

const TYPES = ["float", "double", "int32", "int64", ...COMPLEX];
const REALS = ["float", "double", "int32", "int64", "int8", "uint8", "int16", "uint16", "uint32", "uint64"];

/** A block for the length of a call. */
export function scratch(step: KernelStep, bytes: number): Block {
  const block = step.device.allocator.allocate(bytes);
  if (block === null)
    throw new ResourceExhaustedError(`OOM when allocating ${bytes} bytes of scratch on ${step.device.name}`);
  return block;
}

/** One product of dense row-major matrices at these addresses. */
type Product = (
  step: KernelStep,
  ta: boolean,
  tb: boolean,
  m: number,
  n: number,
  k: number,
  a: number,
  b: number,
  c: number,
) => void;

/** @param adjoint whether transposed matrices are conjugated, too */
export function product(node: KernelNode, adjoint = false): Product {
  const dtype = node.inputTypes[0]!;
  if (isComplex(dtype)) return complexProduct(node, dtype, adjoint);
  const wasm = wasmOf(node);
  const gemm = wasmFunction(node, "gemm", dtype);
  const size = dtypeSize(dtype);
  return (step, ta, tb, m, n, k, a, b, c) => {
    if (m === 0 || n === 0) return;
    if (k === 0) {
      step.heap.u8.fill(0, c, c + m * n * size);
      return;
    }
    const block = scratch(step, wasm.gemm_scratch_bytes(m, n, k, size));
    gemm(Number(ta), Number(tb), m, n, k, a, ta ? m : k, b, tb ? k : n, c, n, 0, block.ptr);
    block.release();
  };
}

/**
 * A product of real matrices twice as wide: the rows of A as their parts lie, times B with each row once as it lies and
 * once multiplied by i, are the rows of C as their parts lie.
 */
function complexProduct(node: KernelNode, dtype: DataType, adjoint: boolean): Product {
  const wasm = wasmOf(node);
  const gemm = wasmFunction(node, "gemm", partType(dtype));
  const size = dtypeSize(partType(dtype));
  return (step, ta, tb, m, n, k, a, b, c) => {
    if (m === 0 || n === 0) return;
    withTemporaries((keep) => {
      const take = (bytes: number): number => keep(scratch(step, bytes)).ptr;
      const right = take(4 * k * n * size);
      const left = ta ? take(2 * m * k * size) : a;
      const work = take(wasm.gemm_scratch_bytes(m, 2 * n, 2 * k, size));
      const { view, base: to } = partsOf(step.heap, { dtype, ptr: right });
      const [x, y, turned] = [a / size, b / size, left / size];
      for (let p = 0; p < k; p++)
        for (let j = 0; j < n; j++) {
          const from = y + 2 * (tb ? j * k + p : p * n + j);
          const at = to + 2 * (2 * p * n + j);
          const im = tb && adjoint ? -view[from + 1]! : view[from + 1]!;
          view[at] = view[from]!;
          view[at + 1] = im;
          view[at + 2 * n] = -im;
          view[at + 2 * n + 1] = view[from]!;
        }
      for (let i = 0; ta && i < m; i++)
        for (let p = 0; p < k; p++) {
          const [from, at] = [x + 2 * (p * m + i), turned + 2 * (i * k + p)];
          view[at] = view[from]!;
          view[at + 1] = adjoint ? -view[from + 1]! : view[from + 1]!;
        }
      if (k === 0) step.heap.u8.fill(0, c, c + 2 * m * n * size);
      else gemm(0, 0, m, 2 * n, 2 * k, left, 2 * k, right, 2 * n, c, 2 * n, 0, work);
    });
  };
}

const matMul = kernel("MatMul", "CPU", { T: TYPES }, (node) => {
  const ta = node.bool("transpose_a");
  const tb = node.bool("transpose_b");
  const multiply = product(node);
  return (step) => {
    const a = step.input(0);
    const b = step.input(1);
    if (a.shape.length === b.shape.length && a.shape.length !== 2)
      throw new InvalidArgumentError(`In[0] and In[1] ndims must be == 2: ${a.shape.length}`);
    if (a.shape.length !== b.shape.length)
      throw new InvalidArgumentError(
        `In[0] and In[1] has different ndims: ${shapeString(a.shape)} vs. ${shapeString(b.shape)}`,
      );
    const [m, k] = ta ? [a.shape[1]!, a.shape[0]!] : [a.shape[0]!, a.shape[1]!];
    const [kb, n] = tb ? [b.shape[1]!, b.shape[0]!] : [b.shape[0]!, b.shape[1]!];
    if (k !== kb)
      throw new InvalidArgumentError(
        `Matrix size-incompatible: In[0]: ${shapeString(a.shape)}, In[1]: ${shapeString(b.shape)}`,
      );
    const c = step.allocateOutput(0, [m, n]);
    multiply(step, ta, tb, m, n, k, a.ptr, b.ptr, c.ptr);
    return DONE;
  };
});

const batchMatMul = (op: string, types: Kernel["types"]): Kernel =>
  kernel(op, "CPU", types, (node) => {
    const ta = node.bool("adj_x");
    const tb = node.bool("adj_y");
    const multiply = product(node, true);
    const size = dtypeSize(node.inputTypes[0]!);
    return (step) => {
      const a = step.input(0);
      const b = step.input(1);
      if (op === "BatchMatMul" && a.shape.length !== b.shape.length)
        throw new InvalidArgumentError(
          `In[0] and In[1] has different ndims: ${shapeString(a.shape)} vs. ${shapeString(b.shape)}`,
        );
      if (a.shape.length < 2) throw new InvalidArgumentError(`In[0] ndims must be >= 2: ${a.shape.length}`);
      if (b.shape.length < 2) throw new InvalidArgumentError(`In[1] ndims must be >= 2: ${b.shape.length}`);
      const aBatch = a.shape.slice(0, -2);
      const bBatch = b.shape.slice(0, -2);
      const batch = broadcastShape(aBatch, bBatch);
      const apart = op === "BatchMatMul" ? aBatch.findIndex((dim, i) => dim !== bBatch[i]) : -1;
      if (apart >= 0)
        throw new InvalidArgumentError(
          `In[0].dim(${apart}) and In[1].dim(${apart}) must be the same: ${shapeString(a.shape)} vs ${shapeString(b.shape)}`,
        );
      if (batch === null) {
        throw new InvalidArgumentError(
          `In[0] and In[1] must have compatible batch dimensions: ${shapeString(a.shape)} vs. ${shapeString(b.shape)}`,
        );
      }
      const [a0, a1] = a.shape.slice(-2) as [number, number];
      const [b0, b1] = b.shape.slice(-2) as [number, number];
      const [m, k] = ta ? [a1, a0] : [a0, a1];
      const [kb, n] = tb ? [b1, b0] : [b0, b1];
      if (k !== kb)
        throw new InvalidArgumentError(
          `Matrix size-incompatible: In[0]: ${shapeString(a.shape)}, In[1]: ${shapeString(b.shape)}`,
        );
      const c = step.allocateOutput(0, [...batch, m, n]);
      const count = numElements(batch);
      for (let i = 0; i < count; i++) {
        const x = a.ptr + batchIndex(i, batch, aBatch) * m * k * size;
        const y = b.ptr + batchIndex(i, batch, bBatch) * k * n * size;
        multiply(step, ta, tb, m, n, k, x, y, c.ptr + i * m * n * size);
      }
      return DONE;
    };
  });

/** Position in `own` batch dimensions of the i-th of the broadcast ones. */
function batchIndex(i: number, batch: Shape, own: Shape): number {
  let index = 0;
  let stride = 1;
  for (let d = batch.length - 1; d >= 0; d--) {
    const at = i % batch[d]!;
    i = Math.floor(i / batch[d]!);
    const size = own[d - batch.length + own.length];
    if (size === undefined) continue;
    if (size !== 1) index += at * stride;
    stride *= size;
  }
  return index;
}

/** Products of vectors of three elements, along the last dimension. */
const cross = kernel("Cross", "CPU", { T: REALS }, () => (step) => {
  const [a, b] = [step.input(0), step.input(1)];
  if (!sameShape(a.shape, b.shape))
    throw new InvalidArgumentError(
      `Both inputs must be of same shape: ${shapeString(a.shape)} vs. ${shapeString(b.shape)}`,
    );
  if (a.shape.length < 1) throw new InvalidArgumentError(`Input must be at least 1D${shapeString(a.shape)}`);
  if (a.shape.at(-1) !== 3) throw new FailedPreconditionError("Cross-products are only defined for 3-element vectors.");
  const c = step.allocateOutput(0, a.shape);
  const [x, y, z] = [elementsOf(step.heap, a), elementsOf(step.heap, b), elementsOf(step.heap, c)];
  const round = a.dtype === DataType.FLOAT ? Math.fround : (value: number) => value;
  for (let row = 0; row < c.size; row += 3)
    for (let i = 0; i < 3; i++) {
      const [j, k] = [row + ((i + 1) % 3), row + ((i + 2) % 3)];
      const left = round(x.view[x.base + j]! * y.view[y.base + k]!);
      z.view[z.base + row + i] = left - round(x.view[x.base + k]! * y.view[y.base + j]!);
    }
  return DONE;
});

export const matmulKernels: readonly Kernel[] = [
  matMul,
  cross,
  ...["BatchMatMul", "BatchMatMulV2"].map((op) => batchMatMul(op, { T: TYPES })),
  // Factors and result have a type each, but only like ones are multiplied.
  ...TYPES.map((type) => batchMatMul("BatchMatMulV3", { Ta: [type], Tb: [type], Tout: [type] })),
];
