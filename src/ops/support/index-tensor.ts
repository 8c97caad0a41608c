// Small int32 or int64 tensors (shapes, axes, paddings, begins) as numbers, and axes brought into range.
import { InvalidArgumentError, ResourceExhaustedError } from "../../errors/index.js";
import type { Heap } from "../../memory/heap.js";
import { DataType } from "../../tensor/dtype.js";
import { shapeString } from "../../tensor/shape.js";
import type { Tensor } from "../../tensor/tensor.js";

/** Elements that a list in JavaScript may have: a graph of two nodes makes a tensor of gigabytes. */
const MAX_LISTED = 2 ** 24;

/** @param most of the elements, where each becomes more than a number @throws ResourceExhaustedError */
export function checkListed(tensor: Tensor, most: number = MAX_LISTED): void {
  if (tensor.size > most)
    throw new ResourceExhaustedError(
      `OOM when listing the elements of a tensor with shape${shapeString(tensor.shape)}`,
    );
}

export function readInts(heap: Heap, tensor: Tensor): number[] {
  checkListed(tensor);
  const values = new Array<number>(tensor.size);
  if (tensor.dtype === DataType.INT64) {
    for (let i = 0; i < values.length; i++) values[i] = Number(heap.i64[tensor.ptr / 8 + i]!);
  } else {
    for (let i = 0; i < values.length; i++) values[i] = heap.i32[(tensor.ptr >>> 2) + i]!;
  }
  return values;
}

export const readInt = (heap: Heap, tensor: Tensor): number =>
  tensor.dtype === DataType.INT64 ? Number(heap.i64[tensor.ptr / 8]!) : heap.i32[tensor.ptr >>> 2]!;

export function writeInts(heap: Heap, tensor: Tensor, values: ArrayLike<number>): void {
  if (tensor.dtype === DataType.INT64) {
    for (let i = 0; i < values.length; i++) heap.i64[tensor.ptr / 8 + i] = BigInt(values[i]!);
  } else {
    for (let i = 0; i < values.length; i++) heap.i32[(tensor.ptr >>> 2) + i] = values[i]!;
  }
}

/** A float or double scalar as a number. */
export const readFloat = (heap: Heap, tensor: Tensor): number =>
  tensor.dtype === DataType.DOUBLE ? heap.f64[tensor.ptr / 8]! : heap.f32[tensor.ptr >>> 2]!;

/** Axes from −rank on count from the end. */
export function normalizeAxis(axis: number, rank: number, text: (axis: number, rank: number) => string): number {
  if (axis < -rank || axis >= rank) throw new InvalidArgumentError(text(axis, rank));
  return axis < 0 ? axis + rank : axis;
}
