// Shapes of tensors that exist: every dimension known; at the end, partial ones as graphs declare them. A shape is a plain
// frozen-by-convention array of non-negative integers; nobody writes to one after it was given to a tensor, so tensors
// share them freely.

export type Shape = readonly number[];

export const SCALAR: Shape = Object.freeze([]);

export function numElements(shape: Shape): number {
  let n = 1;
  for (let i = 0; i < shape.length; i++) n *= shape[i]!;
  return n;
}

export function sameShape(a: Shape, b: Shape): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** TensorFlow's `TensorShape::DebugString`: `[2,3]`, `[]`. */
export const shapeString = (shape: Shape): string => `[${shape.join(",")}]`;

/** TensorFlow's `PartialTensorShape::DebugString`: −1 is an unknown dimension, `null` an unknown rank. */
export const partialShapeString = (shape: Shape | null): string =>
  shape === null ? "<unknown>" : `[${shape.map((dim) => (dim < 0 ? "?" : dim)).join(",")}]`;

/** Whether a tensor of this shape is one that a partial shape allows. */
export const fitsPartialShape = (shape: Shape, partial: Shape | null): boolean =>
  partial === null || (partial.length === shape.length && partial.every((dim, i) => dim < 0 || dim === shape[i]));
