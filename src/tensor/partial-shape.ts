// Partial shapes and the arithmetic of their dimensions, as shape functions use it: −1 is an unknown dimension, `null`
// an unknown rank. What can't be is refused in TensorFlow's words. Must not know ops.
import { InvalidArgumentError } from "../errors/index.js";
import { partialShapeString, SCALAR, type Shape } from "./shape.js";

export type PartialShape = Shape | null;

/** A dimension that isn't known. */
export const UNKNOWN = -1;

export const unknownOfRank = (rank: number): Shape => new Array<number>(rank).fill(UNKNOWN);
export const vector = (dim: number): Shape => [dim];
export const refuse = (text: string): Error => new InvalidArgumentError(text);

/** A dimension by position, negative from the end; unknown where the rank is. */
export const dimOf = (shape: PartialShape, index: number): number => shape?.at(index) ?? UNKNOWN;

export const isFullyKnown = (shape: PartialShape): shape is Shape => shape?.every((dim) => dim >= 0) ?? false;

/** Unknown if any dimension is, unless another one is 0. */
export function elementsOf(shape: PartialShape): number {
  if (shape === null) return UNKNOWN;
  if (shape.includes(0)) return 0;
  return shape.includes(UNKNOWN) ? UNKNOWN : shape.reduce((n, dim) => n * dim, 1);
}

export function withRank(shape: PartialShape, rank: number): Shape {
  if (shape === null) return unknownOfRank(rank);
  if (shape.length !== rank) throw refuse(`Shape must be rank ${rank} but is rank ${shape.length}`);
  return shape;
}

export function withRankAtLeast<S extends PartialShape>(shape: S, rank: number): S {
  if (shape !== null && shape.length < rank) {
    throw refuse(`Shape must be at least rank ${rank} but is rank ${shape.length}`);
  }
  return shape;
}

export function withRankAtMost<S extends PartialShape>(shape: S, rank: number): S {
  if (shape !== null && shape.length > rank) {
    throw refuse(`Shape must be at most rank ${rank} but is rank ${shape.length}`);
  }
  return shape;
}

export function withValue(dim: number, value: number): number {
  if (dim >= 0 && dim !== value) throw refuse(`Dimension must be ${value} but is ${dim}`);
  return value;
}

export function mergeDims(a: number, b: number): number {
  if (a >= 0 && b >= 0 && a !== b) throw refuse(`Dimensions must be equal, but are ${a} and ${b}`);
  return a < 0 ? b : a;
}

/** What both say, where they don't contradict each other. */
export function mergeShapes(a: PartialShape, b: PartialShape): PartialShape {
  if (a === null) return b;
  if (b === null) return a;
  if (a.length !== b.length) throw refuse(`Shapes must be equal rank, but are ${a.length} and ${b.length}`);
  return a.map((dim, i) => {
    const other = b[i]!;
    if (dim >= 0 && other >= 0 && dim !== other) {
      throw refuse(
        `Dimension ${i} in both shapes must be equal, but are ${dim} and ${other}. ` +
          `Shapes are ${partialShapeString(a)} and ${partialShapeString(b)}.`,
      );
    }
    return dim < 0 ? other : dim;
  });
}

/** `shape` with its first dimensions merged with `prefix`; both come back. */
export function mergePrefix(shape: PartialShape, prefix: PartialShape): { shape: PartialShape; prefix: PartialShape } {
  if (shape === null || prefix === null) return { shape, prefix };
  withRankAtLeast(shape, prefix.length);
  const merged = prefix.map((dim, i) => mergeDims(shape[i]!, dim));
  return { shape: [...merged, ...shape.slice(prefix.length)], prefix: merged };
}

export const concatenate = (...shapes: readonly PartialShape[]): PartialShape =>
  shapes.includes(null) ? null : shapes.flatMap((shape) => shape!);

/** From `start` to before `end`, negative from the end. */
export function subshape(shape: PartialShape, start: number, end = Number.POSITIVE_INFINITY): PartialShape {
  if (shape === null) return null;
  const rank = shape.length;
  const from = clip(start, rank, "start");
  const to = clip(end, rank, "end");
  if (from > to) {
    throw refuse(
      `Subshape must have computed start <= end, but is ${from} and ${to} (computed from start ${start} and end ` +
        `${end === Number.POSITIVE_INFINITY ? "9223372036854775807" : end} over shape with rank ${rank})`,
    );
  }
  return shape.slice(from, to);
}

function clip(position: number, rank: number, word: string): number {
  if (position > rank) return rank;
  if (position >= 0) return position;
  if (position + rank < 0) {
    throw refuse(`Subshape ${word} out of bounds: ${position}, for shape with rank ${rank}`);
  }
  return position + rank;
}

/** With one dimension changed; `index` may be negative. */
export function replaceDim(shape: PartialShape, index: number, dim: number): PartialShape {
  if (shape === null) return null;
  const changed = [...shape];
  changed[index < 0 ? index + shape.length : index] = dim;
  return changed;
}

export const withoutDim = (shape: Shape, index: number): Shape => shape.filter((_, i) => i !== index);

export const addDims = (a: number, b: number): number =>
  a === 0
    ? b
    : b === 0
      ? a
      : a < 0 || b < 0
        ? UNKNOWN
        : checked(a + b, `Dimension size overflow from adding ${a} and ${b}`);

export function subtractDims(a: number, b: number): number {
  if (b === 0) return a;
  if (a < 0 || b < 0) return UNKNOWN;
  if (a < b) throw refuse(`Negative dimension size caused by subtracting ${b} from ${a}`);
  return a - b;
}

export function multiplyDims(a: number, b: number): number {
  if (a === 0 || b === 0) return 0;
  if (a === 1) return b;
  if (b === 1) return a;
  if (a < 0 || b < 0) return UNKNOWN;
  return checked(a * b, `Negative dimension size caused by overflow when multiplying ${a} and ${b}`);
}

export function divideDims(a: number, divisor: number, evenly: boolean): number {
  if (divisor === 1) return a;
  if (divisor <= 0) throw refuse(`Divisor must be positive but is ${divisor}`);
  if (a < 0) return UNKNOWN;
  if (evenly && a % divisor !== 0) {
    throw refuse(`Dimension size must be evenly divisible by ${divisor} but is ${a}`);
  }
  return Math.floor(a / divisor);
}

const checked = (dim: number, text: string): number => {
  if (dim > 2 ** 63) throw refuse(text);
  return dim;
};

/** Two shapes broadcast to one; `null` where it can't be told. Where they don't fit, and unless `strict`, a scalar's. */
export function broadcastPartial(a: PartialShape, b: PartialShape, strict = true): PartialShape {
  if (a === null || b === null) return null;
  const rank = Math.max(a.length, b.length);
  const shape = new Array<number>(rank);
  for (let i = 0; i < rank; i++) {
    const x = a[i - rank + a.length] ?? 1;
    const y = b[i - rank + b.length] ?? 1;
    if (x >= 0 && y >= 0) {
      if (x !== y && x !== 1 && y !== 1) {
        if (!strict) return SCALAR;
        mergeDims(x, y);
      }
      shape[i] = x === 1 ? y : x;
    } else if (x > 1 || y > 1) {
      if (!strict) return null;
      shape[i] = Math.max(x, y);
    } else shape[i] = x === 1 ? y : y === 1 ? x : UNKNOWN;
  }
  return shape;
}

/** Elements that windows of `size` reach along a dimension; `pads` only with EXPLICIT. */
export function windowedDim(
  input: number,
  size: number,
  dilation: number,
  stride: number,
  padding: string,
  pads: readonly [number, number],
): number {
  if (stride <= 0) throw refuse(`Stride must be > 0, but got ${stride}`);
  if (dilation < 1) throw refuse(`Dilation rate must be >= 1, but got ${dilation}`);
  if (padding === "SAME") return input < 0 ? UNKNOWN : Math.floor((input + stride - 1) / stride);
  if (size < 0 || input < 0) return UNKNOWN;
  const effective = (size - 1) * dilation + 1;
  return divideDims(addDims(subtractDims(addDims(input, pads[0] + pads[1]), effective), stride), stride, false);
}
