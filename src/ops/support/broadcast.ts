// How two shapes broadcast to one: neighbouring dimensions that step alike are merged, so that most pairs become one
// or two loops inside the kernel.
import { InvalidArgumentError } from "../../errors/index.js";
import { type Shape, sameShape, shapeString } from "../../tensor/shape.js";

export interface BroadcastPlan {
  readonly a: Shape;
  readonly b: Shape;
  readonly shape: Shape;
  /** Merged dimensions, outermost first; strides in elements, 0 where the input repeats. */
  readonly sizes: readonly number[];
  readonly aStrides: readonly number[];
  readonly bStrides: readonly number[];
}

/** `null` where the shapes don't fit. */
export function broadcastShape(a: Shape, b: Shape): Shape | null {
  if (sameShape(a, b)) return a;
  const rank = Math.max(a.length, b.length);
  const shape = new Array<number>(rank);
  for (let i = 0; i < rank; i++) {
    const x = a[i - rank + a.length] ?? 1;
    const y = b[i - rank + b.length] ?? 1;
    if (x !== y && x !== 1 && y !== 1) return null;
    shape[i] = x === 1 ? y : x;
  }
  return shape;
}

/** Axes of the common shape that each of two shapes was repeated along; `null` where they don't fit. */
export function broadcastReductions(a: Shape, b: Shape): readonly [a: number[], b: number[]] | null {
  const shape = broadcastShape(a, b);
  if (shape === null) return null;
  const same = sameShape(a, b);
  const axes = (own: Shape, other: Shape): number[] => {
    const result: number[] = [];
    if (same) return result;
    for (let i = 0; i < shape.length; i++) {
      const mine = own[i - shape.length + own.length] ?? 1;
      const theirs = other[i - shape.length + other.length] ?? 1;
      const absent = i < shape.length - own.length;
      if (mine === 1 && (absent || theirs !== 1 || shape[i] === 1)) result.push(i);
    }
    return result;
  };
  return [axes(a, b), axes(b, a)];
}

/** @throws InvalidArgumentError with TensorFlow's text */
export function planBroadcast(a: Shape, b: Shape): BroadcastPlan {
  const shape = broadcastShape(a, b);
  if (shape === null) throw new InvalidArgumentError(`Incompatible shapes: ${shapeString(a)} vs. ${shapeString(b)}`);
  const sizes: number[] = [];
  const aStrides: number[] = [];
  const bStrides: number[] = [];
  let aStep = 1;
  let bStep = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    const size = shape[i]!;
    const aSize = a[i - shape.length + a.length] ?? 1;
    const bSize = b[i - shape.length + b.length] ?? 1;
    const aStride = aSize === 1 ? 0 : aStep;
    const bStride = bSize === 1 ? 0 : bStep;
    aStep *= aSize;
    bStep *= bSize;
    if (size === 1) continue;
    const last = sizes.length - 1;
    if (last >= 0 && aStride === aStrides[last]! * sizes[last]! && bStride === bStrides[last]! * sizes[last]!) {
      sizes[last]! *= size;
    } else {
      sizes.push(size);
      aStrides.push(aStride);
      bStrides.push(bStride);
    }
  }
  return { a, b, shape, sizes: sizes.reverse(), aStrides: aStrides.reverse(), bStrides: bStrides.reverse() };
}

const PLANS_KEPT = 8;

/** Plans of the pairs of shapes that came last: a kernel serves many nodes, and each of them mostly sees the same pair. */
export class BroadcastPlans {
  readonly #plans: BroadcastPlan[] = [];
  #next = 0;

  of(a: Shape, b: Shape): BroadcastPlan {
    const plans = this.#plans;
    for (let i = 0; i < plans.length; i++) {
      const plan = plans[i]!;
      if (sameShape(plan.a, a) && sameShape(plan.b, b)) return plan;
    }
    const plan = planBroadcast(a, b);
    plans[this.#next] = plan;
    this.#next = (this.#next + 1) % PLANS_KEPT;
    return plan;
  }
}

export type PairLoop = (
  a: number,
  b: number,
  y: number,
  outer: number,
  inner: number,
  ao: number,
  bo: number,
  ai: number,
  bi: number,
) => number;

/** Calls `loop` for the two innermost dimensions, over all the outer ones. Offsets are bytes. @returns worst result */
export function runBroadcast(
  plan: BroadcastPlan,
  loop: PairLoop,
  a: number,
  b: number,
  y: number,
  size: number,
  ySize: number,
): number {
  const { sizes, aStrides, bStrides } = plan;
  const rank = sizes.length;
  if (rank <= 1)
    return loop(
      a,
      b,
      y,
      1,
      rank === 0 ? 1 : sizes[0]!,
      0,
      0,
      rank === 0 ? 0 : aStrides[0]!,
      rank === 0 ? 0 : bStrides[0]!,
    );
  const inner = sizes[rank - 1]!;
  const outer = sizes[rank - 2]!;
  const index = new Array<number>(rank - 2).fill(0);
  let result = 0;
  for (;;) {
    result |= loop(
      a,
      b,
      y,
      outer,
      inner,
      aStrides[rank - 2]!,
      bStrides[rank - 2]!,
      aStrides[rank - 1]!,
      bStrides[rank - 1]!,
    );
    y += outer * inner * ySize;
    let d = rank - 3;
    for (; d >= 0; d--) {
      a += aStrides[d]! * size;
      b += bStrides[d]! * size;
      if (++index[d]! < sizes[d]!) break;
      a -= aStrides[d]! * sizes[d]! * size;
      b -= bStrides[d]! * sizes[d]! * size;
      index[d] = 0;
    }
    if (d < 0) return result;
  }
}
