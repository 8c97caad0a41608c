// Reductions over the middle of [outer, reduce, inner], and arg-min/max. An op is a number (src/ops/opcodes.ts).
// Float sums keep four accumulators along the row, or whole rows of partial sums across it, so their error stays small.

const SUM = 0;
const PROD = 1;
const MAX = 2;
const MIN = 3;
const ANY = 4;
const ALL = 5;
const SUM_SQUARES = 6;
const MEAN = 7;
const NORM = 8;

// @ts-ignore: decorator
@inline
function lowest<T>(): T {
  if (isFloat<T>()) return <T>-Infinity;
  return isSigned<T>() ? ((<T>1 << <T>(8 * sizeof<T>() - 1)) as T) : <T>0;
}

// @ts-ignore: decorator
@inline
function highest<T>(): T {
  if (isFloat<T>()) return <T>Infinity;
  return isSigned<T>() ? ((~(<T>1 << <T>(8 * sizeof<T>() - 1))) as T) : ((~(<T>0)) as T);
}

// @ts-ignore: decorator
@inline
function identity<T>(op: i32): T {
  if (op == PROD || op == ALL) return <T>1;
  if (op == MAX) return lowest<T>();
  if (op == MIN) return highest<T>();
  return <T>0;
}

// @ts-ignore: decorator
@inline
function combine<T>(op: i32, a: T, x: T): T {
  if (op == PROD) return (a * x) as T;
  if (op == MAX) return a != a ? a : x > a || x != x ? x : a;
  if (op == MIN) return a != a ? a : x < a || x != x ? x : a;
  if (op == ANY) return a != 0 || x != 0 ? <T>1 : <T>0;
  if (op == ALL) return a != 0 && x != 0 ? <T>1 : <T>0;
  if (op == SUM_SQUARES) return (a + x * x) as T;
  return (a + x) as T;
}

// @ts-ignore: decorator
@inline
function vector<T>(op: i32, a: v128, x: v128): v128 {
  if (op == SUM_SQUARES) return v128.add<T>(a, v128.mul<T>(x, x));
  if (op == MAX) return v128.max<T>(a, x);
  if (op == MIN) return v128.min<T>(a, x);
  if (op == PROD) return v128.mul<T>(a, x);
  return v128.add<T>(a, x);
}

// Elements that one set of accumulators sees: the error of a long sum grows with this and with the number of chunks,
// not with their product.
const CHUNK = 8192;

/** One row of `n` elements, contiguous. */
// @ts-ignore: decorator
@inline
function row<T>(op: i32, x: usize, n: i32): T {
  let result = identity<T>(op);
  let i = 0;
  if (isFloat<T>()) {
    const lanes = <i32>(16 / sizeof<T>());
    if (n >= 4 * lanes) {
      const join = op == SUM_SQUARES ? SUM : op;
      const start = v128.splat<T>(result);
      let total = start;
      while (i + 4 * lanes <= n) {
        const end = min(n, i + CHUNK);
        let a0 = start;
        let a1 = start;
        let a2 = start;
        let a3 = start;
        for (; i + 4 * lanes <= end; i += 4 * lanes) {
          a0 = vector<T>(op, a0, v128.load(x));
          a1 = vector<T>(op, a1, v128.load(x, 16));
          a2 = vector<T>(op, a2, v128.load(x, 32));
          a3 = vector<T>(op, a3, v128.load(x, 48));
          x += 64;
        }
        total = vector<T>(join, total, vector<T>(join, vector<T>(join, a0, a1), vector<T>(join, a2, a3)));
      }
      result = v128.extract_lane<T>(total, 0);
      result = combine<T>(join, result, v128.extract_lane<T>(total, 1));
      if (sizeof<T>() == 4) {
        result = combine<T>(join, result, v128.extract_lane<T>(total, sizeof<T>() == 4 ? 2 : 0));
        result = combine<T>(join, result, v128.extract_lane<T>(total, sizeof<T>() == 4 ? 3 : 0));
      }
    }
  }
  for (; i < n; i++) {
    result = combine<T>(op, result, load<T>(x));
    x += sizeof<T>();
  }
  return result;
}

/** `n` rows into one, element by element: y starts as the identity. */
// @ts-ignore: decorator
@inline
function across<T>(op: i32, x: usize, y: usize, n: i32, inner: i32): void {
  const start = identity<T>(op);
  for (let i = 0; i < inner; i++) store<T>(y + <usize>i * sizeof<T>(), start);
  const lanes = <i32>(16 / sizeof<T>());
  for (let r = 0; r < n; r++) {
    let p = y;
    let i = 0;
    if (isFloat<T>()) {
      for (; i + lanes <= inner; i += lanes) {
        v128.store(p, vector<T>(op, v128.load(p), v128.load(x)));
        p += 16;
        x += 16;
      }
    }
    for (; i < inner; i++) {
      store<T>(p, combine<T>(op, load<T>(p), load<T>(x)));
      p += sizeof<T>();
      x += sizeof<T>();
    }
  }
}

// @ts-ignore: decorator
@inline
function run<T>(op: i32, x: usize, y: usize, outer: i32, n: i32, inner: i32): void {
  const size = sizeof<T>();
  const blockBytes = <usize>n * <usize>inner * size;
  for (let o = 0; o < outer; o++) {
    if (inner == 1) store<T>(y, row<T>(op, x, n));
    else across<T>(op, x, y, n, inner);
    x += blockBytes;
    y += <usize>inner * size;
  }
}

/** Means of integers that are narrower than 64 bits are worked out in 64, as TensorFlow does: no sum wraps. */
function wideMean<T>(x: usize, y: usize, outer: i32, n: i32, inner: i32): void {
  const stride = <usize>inner * sizeof<T>();
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      let total: i64 = 0;
      let at = x + <usize>i * sizeof<T>();
      for (let r = 0; r < n; r++) {
        total += <i64>load<T>(at);
        at += stride;
      }
      store<T>(y, n == 0 ? <T>0 : <T>(total / <i64>n));
      y += sizeof<T>();
    }
    x += <usize>n * stride;
  }
}

/** A sum of integers' squares that has wrapped has no root: x86 then writes the lowest 32 or 64-bit integer. */
// @ts-ignore: decorator
@inline
function root<T>(x: T): T {
  if (isFloat<T>()) return sqrt<T>(x);
  if (isSigned<T>() && x < 0) return sizeof<T>() < 4 ? <T>0 : lowest<T>();
  return <T>sqrt<f64>(<f64>x);
}

// @ts-ignore: decorator
@inline
function reduce<T>(op: i32, x: usize, y: usize, outer: i32, n: i32, inner: i32): void {
  if (op == SUM) run<T>(SUM, x, y, outer, n, inner);
  else if (op == PROD) run<T>(PROD, x, y, outer, n, inner);
  else if (op == MAX) run<T>(MAX, x, y, outer, n, inner);
  else if (op == MIN) run<T>(MIN, x, y, outer, n, inner);
  else if (op == SUM_SQUARES) run<T>(SUM_SQUARES, x, y, outer, n, inner);
  else if (op == NORM) {
    run<T>(SUM_SQUARES, x, y, outer, n, inner);
    for (let i = 0; i < outer * inner; i++) {
      const p = y + <usize>i * sizeof<T>();
      store<T>(p, root<T>(load<T>(p)));
    }
  } else if (op == MEAN) {
    if (isInteger<T>() && sizeof<T>() < 8) {
      wideMean<T>(x, y, outer, n, inner);
      return;
    }
    run<T>(SUM, x, y, outer, n, inner);
    const count = outer * inner;
    for (let i = 0; i < count; i++) {
      const p = y + <usize>i * sizeof<T>();
      store<T>(p, isFloat<T>() ? ((load<T>(p) / <T>n) as T) : n == 0 ? <T>0 : ((load<T>(p) / <T>n) as T));
    }
  }
}

export function reduce_f32(op: i32, x: usize, y: usize, outer: i32, n: i32, inner: i32): void {
  reduce<f32>(op, x, y, outer, n, inner);
}
export function reduce_f64(op: i32, x: usize, y: usize, outer: i32, n: i32, inner: i32): void {
  reduce<f64>(op, x, y, outer, n, inner);
}
export function reduce_i32(op: i32, x: usize, y: usize, outer: i32, n: i32, inner: i32): void {
  reduce<i32>(op, x, y, outer, n, inner);
}
export function reduce_i64(op: i32, x: usize, y: usize, outer: i32, n: i32, inner: i32): void {
  reduce<i64>(op, x, y, outer, n, inner);
}
export function reduce_u8(op: i32, x: usize, y: usize, outer: i32, n: i32, inner: i32): void {
  reduce<u8>(op, x, y, outer, n, inner);
}
export function reduce_i8(op: i32, x: usize, y: usize, outer: i32, n: i32, inner: i32): void {
  reduce<i8>(op, x, y, outer, n, inner);
}
export function reduce_i16(op: i32, x: usize, y: usize, outer: i32, n: i32, inner: i32): void {
  reduce<i16>(op, x, y, outer, n, inner);
}
export function reduce_u16(op: i32, x: usize, y: usize, outer: i32, n: i32, inner: i32): void {
  reduce<u16>(op, x, y, outer, n, inner);
}
export function reduce_u32(op: i32, x: usize, y: usize, outer: i32, n: i32, inner: i32): void {
  reduce<u32>(op, x, y, outer, n, inner);
}
export function reduce_u64(op: i32, x: usize, y: usize, outer: i32, n: i32, inner: i32): void {
  reduce<u64>(op, x, y, outer, n, inner);
}
export function reduce_bool(op: i32, x: usize, y: usize, outer: i32, n: i32, inner: i32): void {
  if (op == ANY) run<u8>(ANY, x, y, outer, n, inner);
  else run<u8>(ALL, x, y, outer, n, inner);
}

/** Index of the first largest (or smallest) element, as i64. NaN is never chosen, unless there is nothing else. */
// @ts-ignore: decorator
@inline
function arg<T>(smallest: bool, x: usize, y: usize, outer: i32, n: i32, inner: i32): void {
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      const start = x + (<usize>o * <usize>n * <usize>inner + <usize>i) * sizeof<T>();
      let best = smallest ? highest<T>() : lowest<T>();
      let at = 0;
      for (let r = 0; r < n; r++) {
        const v = load<T>(start + <usize>r * <usize>inner * sizeof<T>());
        if (smallest ? v < best : v > best) {
          best = v;
          at = r;
        }
      }
      store<i64>(y, <i64>at);
      y += 8;
    }
  }
}

export function arg_f32(smallest: i32, x: usize, y: usize, outer: i32, n: i32, inner: i32): void {
  arg<f32>(smallest != 0, x, y, outer, n, inner);
}
export function arg_f64(smallest: i32, x: usize, y: usize, outer: i32, n: i32, inner: i32): void {
  arg<f64>(smallest != 0, x, y, outer, n, inner);
}
export function arg_i32(smallest: i32, x: usize, y: usize, outer: i32, n: i32, inner: i32): void {
  arg<i32>(smallest != 0, x, y, outer, n, inner);
}
export function arg_i64(smallest: i32, x: usize, y: usize, outer: i32, n: i32, inner: i32): void {
  arg<i64>(smallest != 0, x, y, outer, n, inner);
}
export function arg_u8(smallest: i32, x: usize, y: usize, outer: i32, n: i32, inner: i32): void {
  arg<u8>(smallest != 0, x, y, outer, n, inner);
}
export function arg_i8(smallest: i32, x: usize, y: usize, outer: i32, n: i32, inner: i32): void {
  arg<i8>(smallest != 0, x, y, outer, n, inner);
}
export function arg_i16(smallest: i32, x: usize, y: usize, outer: i32, n: i32, inner: i32): void {
  arg<i16>(smallest != 0, x, y, outer, n, inner);
}
export function arg_u16(smallest: i32, x: usize, y: usize, outer: i32, n: i32, inner: i32): void {
  arg<u16>(smallest != 0, x, y, outer, n, inner);
}
export function arg_u32(smallest: i32, x: usize, y: usize, outer: i32, n: i32, inner: i32): void {
  arg<u32>(smallest != 0, x, y, outer, n, inner);
}
export function arg_u64(smallest: i32, x: usize, y: usize, outer: i32, n: i32, inner: i32): void {
  arg<u64>(smallest != 0, x, y, outer, n, inner);
}

// @ts-ignore: decorator
@inline
function scan<T>(product: bool, x: usize, y: usize, outer: i32, n: i32, inner: i32, exclusive: bool, reverse: bool): void {
  const stride = <usize>inner * sizeof<T>();
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      const start = (<usize>o * <usize>n * <usize>inner + <usize>i) * sizeof<T>();
      let total = product ? <T>1 : <T>0;
      for (let r = 0; r < n; r++) {
        const offset = start + <usize>(reverse ? n - 1 - r : r) * stride;
        const v = load<T>(x + offset);
        if (exclusive) store<T>(y + offset, total);
        total = product ? ((total * v) as T) : ((total + v) as T);
        if (!exclusive) store<T>(y + offset, total);
      }
    }
  }
}

export function scan_f32(product: i32, x: usize, y: usize, outer: i32, n: i32, inner: i32, exclusive: i32, reverse: i32): void {
  scan<f32>(product != 0, x, y, outer, n, inner, exclusive != 0, reverse != 0);
}
export function scan_f64(product: i32, x: usize, y: usize, outer: i32, n: i32, inner: i32, exclusive: i32, reverse: i32): void {
  scan<f64>(product != 0, x, y, outer, n, inner, exclusive != 0, reverse != 0);
}
export function scan_i32(product: i32, x: usize, y: usize, outer: i32, n: i32, inner: i32, exclusive: i32, reverse: i32): void {
  scan<i32>(product != 0, x, y, outer, n, inner, exclusive != 0, reverse != 0);
}
export function scan_i64(product: i32, x: usize, y: usize, outer: i32, n: i32, inner: i32, exclusive: i32, reverse: i32): void {
  scan<i64>(product != 0, x, y, outer, n, inner, exclusive != 0, reverse != 0);
}
export function scan_u8(product: i32, x: usize, y: usize, outer: i32, n: i32, inner: i32, exclusive: i32, reverse: i32): void {
  scan<u8>(product != 0, x, y, outer, n, inner, exclusive != 0, reverse != 0);
}
export function scan_i8(product: i32, x: usize, y: usize, outer: i32, n: i32, inner: i32, exclusive: i32, reverse: i32): void {
  scan<i8>(product != 0, x, y, outer, n, inner, exclusive != 0, reverse != 0);
}
export function scan_u16(product: i32, x: usize, y: usize, outer: i32, n: i32, inner: i32, exclusive: i32, reverse: i32): void {
  scan<u16>(product != 0, x, y, outer, n, inner, exclusive != 0, reverse != 0);
}
export function scan_i16(product: i32, x: usize, y: usize, outer: i32, n: i32, inner: i32, exclusive: i32, reverse: i32): void {
  scan<i16>(product != 0, x, y, outer, n, inner, exclusive != 0, reverse != 0);
}
export function scan_u32(product: i32, x: usize, y: usize, outer: i32, n: i32, inner: i32, exclusive: i32, reverse: i32): void {
  scan<u32>(product != 0, x, y, outer, n, inner, exclusive != 0, reverse != 0);
}
export function scan_u64(product: i32, x: usize, y: usize, outer: i32, n: i32, inner: i32, exclusive: i32, reverse: i32): void {
  scan<u64>(product != 0, x, y, outer, n, inner, exclusive != 0, reverse != 0);
}
