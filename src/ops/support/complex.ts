// Complex numbers as they lie in the heap: the real part, then the imaginary one. What only adds works on parts as it
// does on numbers, since there are but twice as many of them.
import type { Heap } from "../../memory/heap.js";
import { DataType } from "../../tensor/dtype.js";
import type { Tensor } from "../../tensor/tensor.js";

export const COMPLEX = ["complex64", "complex128"];

/** A complex number from others: its parts. */
export type Pair = readonly [re: number, im: number];

/** The dtype of an element's parts; the dtype itself of what has none. */
export const partType = (dtype: DataType): DataType =>
  dtype === DataType.COMPLEX64 ? DataType.FLOAT : dtype === DataType.COMPLEX128 ? DataType.DOUBLE : dtype;

/** The number at one place of a view times the one at another, in the first place. */
export function multiplyInto(view: Float32Array | Float64Array, at: number, by: number): void {
  const [a, b, c, d] = [view[at]!, view[at + 1]!, view[by]!, view[by + 1]!];
  view[at] = a * c - b * d;
  view[at + 1] = a * d + b * c;
}

/** Parts of a tensor's elements, real or complex: the view and where they start. */
export function partsOf(
  heap: Heap,
  { dtype, ptr }: Pick<Tensor, "dtype" | "ptr">,
): { view: Float32Array | Float64Array; base: number } {
  return partType(dtype) === DataType.FLOAT ? { view: heap.f32, base: ptr / 4 } : { view: heap.f64, base: ptr / 8 };
}
