// A copy of a tensor that nobody else holds: what leaves a step while its variable may still change.
import type { Allocator } from "../memory/allocator.js";
import { allocateTensor, exhausted, type Tensor, tensorOfValues } from "./tensor.js";

/** Takes over one hold on `tensor`; the copy is held once. */
export function copyTensor(tensor: Tensor, { allocator }: { readonly allocator: Allocator }): Tensor {
  const copy =
    tensor.values === null
      ? allocateTensor(allocator, tensor.dtype, tensor.shape)
      : tensorOfValues(allocator, tensor.dtype, tensor.shape, tensor.values.slice());
  if (copy === null) {
    tensor.release();
    exhausted(tensor.dtype, tensor.shape);
  }
  if (copy.block !== null) allocator.heap.u8.copyWithin(copy.ptr, tensor.ptr, tensor.ptr + tensor.bytes);
  tensor.release();
  return copy;
}
