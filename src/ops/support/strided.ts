// Copies between layouts through the kernel `strided_copy`: dimensions are merged where they step alike, and the plan
// is put into a scratch block for the length of the call.

import type { WasmKernels } from "../../device/cpu/wasm-kernels.js";
import { ResourceExhaustedError } from "../../errors/index.js";
import type { KernelStep } from "../../kernel/kernel.js";
import type { Shape } from "../../tensor/shape.js";

/** Elements from one index to the next, by dimension, of a dense tensor. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = step;
    step *= shape[i]!;
  }
  return strides;
}

/**
 * Copies elements of `elementSize` bytes with these sizes and strides (elements) from x to y. The target is dense
 * unless its strides are given.
 */
export function stridedCopy(
  step: KernelStep,
  wasm: WasmKernels,
  elementSize: number,
  x: number,
  y: number,
  sizes: Shape,
  from: readonly number[],
  to: readonly number[] = stridesOf(sizes),
): void {
  const merged: number[] = [];
  for (let i = 0; i < sizes.length; i++) {
    const size = sizes[i]!;
    if (size === 0) return;
    if (size === 1) continue;
    const last = merged.length - 3;
    if (last >= 0 && merged[last + 1] === from[i]! * size && merged[last + 2] === to[i]! * size) {
      merged[last]! *= size;
      merged[last + 1] = from[i]!;
      merged[last + 2] = to[i]!;
    } else merged.push(size, from[i]!, to[i]!);
  }
  if (merged.length === 0) merged.push(1, 1, 1);
  const block = step.device.allocator.allocate(4 * merged.length);
  if (block === null) throw new ResourceExhaustedError("OOM when allocating the plan of a copy");
  step.heap.i32.set(merged, block.ptr >>> 2);
  wasm.strided_copy(elementSize, x, y, block.ptr, merged.length / 3);
  block.release();
}
