// The elements of a numeric tensor as JavaScript sees them, for ops that look at each of them once. 64-bit integers are
// BigInts: they compare and compute with their own kind as numbers do with theirs.
import { InvalidArgumentError } from "../../errors/index.js";
import type { Heap } from "../../memory/heap.js";
import { DataType, dtypeName } from "../../tensor/dtype.js";
import type { Tensor } from "../../tensor/tensor.js";
import { checkListed } from "./index-tensor.js";

export interface Elements {
  readonly view: { [index: number]: number };
  /** Index of the tensor's first element in the view. */
  readonly base: number;
}

export function elementsOf(heap: Heap, { dtype, ptr }: Pick<Tensor, "dtype" | "ptr">): Elements {
  const of = (view: unknown, size: number): Elements => ({ view: view as Elements["view"], base: ptr / size });
  switch (dtype) {
    case DataType.FLOAT:
      return of(heap.f32, 4);
    case DataType.DOUBLE:
      return of(heap.f64, 8);
    case DataType.INT32:
      return of(heap.i32, 4);
    case DataType.INT64:
      return of(heap.i64, 8);
    case DataType.UINT32:
      return of(heap.u32, 4);
    case DataType.UINT64:
      return of(heap.u64, 8);
    case DataType.INT16:
      return of(heap.i16, 2);
    case DataType.UINT16:
      return of(heap.u16, 2);
    case DataType.INT8:
      return of(heap.i8, 1);
    case DataType.UINT8:
    case DataType.BOOL:
      return of(heap.u8, 1);
    default:
      throw new InvalidArgumentError(`No arithmetic for elements of type ${dtypeName(dtype)}`);
  }
}

/** All elements. @throws ResourceExhaustedError for more than a list may have */
export function listOf(heap: Heap, tensor: Tensor): number[] {
  checkListed(tensor);
  const { view, base } = elementsOf(heap, tensor);
  return Array.from({ length: tensor.size }, (_, i) => view[base + i]!);
}
