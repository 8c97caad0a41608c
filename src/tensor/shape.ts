// Shapes of tensors that exist: every dimension known. A shape is a plain frozen-by-convention array of
// non-negative integers; nobody writes to one after it was given to a tensor, so tensors share them freely.

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
