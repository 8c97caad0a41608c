// Copies a box of one tensor into another: what a stored slice and a wanted slice have in common. In bytes, row by row,
// as few and as long rows as the box allows.
import type { Shape } from "../tensor/shape.js";

/** A part of a tensor: where it begins in it, its shape, and where its bytes are. */
export interface Part {
  readonly starts: Shape;
  readonly shape: Shape;
  readonly ptr: number;
}

/** Bytes of the parts of a row-major shape, by dimension. */
function strides(shape: Shape, elementBytes: number): number[] {
  const result = new Array<number>(shape.length);
  let bytes = elementBytes;
  for (let d = shape.length - 1; d >= 0; d--) {
    result[d] = bytes;
    bytes *= shape[d]!;
  }
  return result;
}

/** @param starts,lengths the box, in the coordinates that both parts start in */
export function copyRegion(
  u8: Uint8Array,
  from: Part,
  to: Part,
  starts: Shape,
  lengths: Shape,
  elementBytes: number,
): void {
  const fromStrides = strides(from.shape, elementBytes);
  const toStrides = strides(to.shape, elementBytes);
  let source = from.ptr;
  let target = to.ptr;
  for (let d = 0; d < lengths.length; d++) {
    source += (starts[d]! - from.starts[d]!) * fromStrides[d]!;
    target += (starts[d]! - to.starts[d]!) * toStrides[d]!;
  }
  // Dimensions that the box takes whole on both sides belong to one row.
  let outer = lengths.length - 1;
  while (outer > 0 && lengths[outer] === from.shape[outer] && lengths[outer] === to.shape[outer]) outer--;
  let row = elementBytes;
  for (let d = Math.max(0, outer); d < lengths.length; d++) row *= lengths[d]!;
  const index = new Array<number>(Math.max(0, outer)).fill(0);
  for (;;) {
    u8.copyWithin(target, source, source + row);
    let d = index.length - 1;
    for (; d >= 0; d--) {
      source += fromStrides[d]!;
      target += toStrides[d]!;
      if (++index[d]! < lengths[d]!) break;
      source -= lengths[d]! * fromStrides[d]!;
      target -= lengths[d]! * toStrides[d]!;
      index[d] = 0;
    }
    if (d < 0) return;
  }
}
