// Strided views of tensors: copied out of an input to a fresh output, or an input copied into one. All fixed-size dtypes go
// by their size through the copy kernel, strings (and what else are JavaScript values) one by one through the same plan.
import type { KernelNode, KernelStep } from "../../kernel/kernel.js";
import { dtypeSize } from "../../tensor/dtype.js";
import type { Shape } from "../../tensor/shape.js";
import { retainValue, type Tensor } from "../../tensor/tensor.js";
import { wasmOf } from "../cpu.js";
import { allocateValues } from "./rows.js";
import { stridedCopy, stridesOf } from "./strided.js";

const BLANK = new Uint8Array(0);

/**
 * Copies a strided view of an input to a fresh output: bytes through the kernel, values one by one.
 * @returns the output
 */
export function emitView(
  node: KernelNode,
  step: KernelStep,
  x: Tensor,
  offset: number,
  sizes: Shape,
  strides: readonly number[],
  shape: Shape,
): Tensor {
  if (x.values !== null) {
    const values = allocateValues(step, shape);
    let next = 0;
    walk(sizes, strides, offset, (at) => {
      retainValue(x.values![at]!);
      values[next++] = x.values![at]!;
    });
    const y = step.tensorOf(x.dtype, shape, values);
    step.setOutput(0, y);
    return y;
  }
  const y = step.allocateOutput(0, shape);
  const size = dtypeSize(x.dtype);
  if (y.size > 0) stridedCopy(step, wasmOf(node), size, x.ptr + offset * size, y.ptr, sizes, strides);
  return y;
}

/**
 * Copies an input into a strided view of a fresh output; what lies outside the view is zero or blank.
 * @param filler a scalar of x's dtype for what lies outside instead
 */
export function emitInto(
  node: KernelNode,
  step: KernelStep,
  x: Tensor,
  shape: Shape,
  offset: number,
  strides: readonly number[],
  sizes: Shape = x.shape,
  filler: Tensor | null = null,
): void {
  if (x.values !== null) {
    const values = allocateValues(step, shape, filler?.values?.[0] ?? BLANK);
    let next = 0;
    walk(sizes, strides, offset, (at) => {
      values[at] = x.values![next++]!;
    });
    for (const value of values) retainValue(value);
    step.setOutput(0, step.tensorOf(x.dtype, shape, values));
    return;
  }
  const y = step.allocateOutput(0, shape);
  const size = dtypeSize(x.dtype);
  if (filler === null) step.heap.u8.fill(0, y.ptr, y.ptr + y.bytes);
  else wasmOf(node).fill(size, filler.ptr, y.ptr, y.size);
  if (x.size > 0) stridedCopy(step, wasmOf(node), size, x.ptr, y.ptr + offset * size, sizes, stridesOf(sizes), strides);
}

/** Positions of a strided view, in order. */
function walk(sizes: Shape, strides: readonly number[], offset: number, visit: (at: number) => void): void {
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
