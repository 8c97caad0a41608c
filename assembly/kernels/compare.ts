// Comparisons, boolean algebra and selection. Booleans are bytes 0 and 1. Broadcasting as in binary.ts.

const EQUAL = 0;
const NOT_EQUAL = 1;
const LESS = 2;
const LESS_EQUAL = 3;
const GREATER = 4;
const GREATER_EQUAL = 5;
const LOGICAL_AND = 6;
const LOGICAL_OR = 7;

// @ts-ignore: decorator
@inline
function test<T>(op: i32, a: T, b: T): bool {
  if (op == EQUAL) return a == b;
  if (op == NOT_EQUAL) return a != b;
  if (op == LESS) return a < b;
  if (op == LESS_EQUAL) return a <= b;
  if (op == GREATER) return a > b;
  if (op == GREATER_EQUAL) return a >= b;
  if (op == LOGICAL_AND) return a != 0 && b != 0;
  return a != 0 || b != 0;
}

/** Four comparisons at once: all ones where it holds. */
// @ts-ignore: decorator
@inline
function vector<T>(op: i32, a: v128, b: v128): v128 {
  if (op == EQUAL) return v128.eq<T>(a, b);
  if (op == NOT_EQUAL) return v128.ne<T>(a, b);
  if (op == LESS) return v128.lt<T>(a, b);
  if (op == LESS_EQUAL) return v128.le<T>(a, b);
  if (op == GREATER) return v128.gt<T>(a, b);
  return v128.ge<T>(a, b);
}

/** Sixteen results of 4-byte types: their masks are narrowed twice to bytes. */
// @ts-ignore: decorator
@inline
function sixteen<T>(op: i32, a: usize, b: usize, ai: i32, bi: i32): v128 {
  const a0 = ai != 0 ? v128.load(a) : v128.load32_splat(a);
  const b0 = bi != 0 ? v128.load(b) : v128.load32_splat(b);
  const r0 = vector<T>(op, a0, b0);
  const r1 = vector<T>(op, ai != 0 ? v128.load(a, 16) : a0, bi != 0 ? v128.load(b, 16) : b0);
  const r2 = vector<T>(op, ai != 0 ? v128.load(a, 32) : a0, bi != 0 ? v128.load(b, 32) : b0);
  const r3 = vector<T>(op, ai != 0 ? v128.load(a, 48) : a0, bi != 0 ? v128.load(b, 48) : b0);
  const bytes = i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(r0, r1), i16x8.narrow_i32x4_s(r2, r3));
  return v128.and(bytes, i8x16.splat(1));
}

// @ts-ignore: decorator
@inline
function loop<T>(op: i32, a: usize, b: usize, y: usize, outer: i32, inner: i32, ao: i32, bo: i32, ai: i32, bi: i32): void {
  const da = <usize>ai * sizeof<T>();
  const db = <usize>bi * sizeof<T>();
  for (let o = 0; o < outer; o++) {
    let pa = a + <usize>o * <usize>ao * sizeof<T>();
    let pb = b + <usize>o * <usize>bo * sizeof<T>();
    let i = 0;
    if (sizeof<T>() == 4 && op <= GREATER_EQUAL) {
      for (; i + 16 <= inner; i += 16) {
        v128.store(y, sixteen<T>(op, pa, pb, ai, bi));
        pa += da << 4;
        pb += db << 4;
        y += 16;
      }
    }
    for (; i < inner; i++) {
      store<u8>(y, <u8>test<T>(op, load<T>(pa), load<T>(pb)));
      pa += da;
      pb += db;
      y++;
    }
  }
}

// @ts-ignore: decorator
@inline
function compare<T>(op: i32, a: usize, b: usize, y: usize, outer: i32, inner: i32, ao: i32, bo: i32, ai: i32, bi: i32): i32 {
  if (op == EQUAL) loop<T>(EQUAL, a, b, y, outer, inner, ao, bo, ai, bi);
  else if (op == NOT_EQUAL) loop<T>(NOT_EQUAL, a, b, y, outer, inner, ao, bo, ai, bi);
  else if (op == LESS) loop<T>(LESS, a, b, y, outer, inner, ao, bo, ai, bi);
  else if (op == LESS_EQUAL) loop<T>(LESS_EQUAL, a, b, y, outer, inner, ao, bo, ai, bi);
  else if (op == GREATER) loop<T>(GREATER, a, b, y, outer, inner, ao, bo, ai, bi);
  else if (op == GREATER_EQUAL) loop<T>(GREATER_EQUAL, a, b, y, outer, inner, ao, bo, ai, bi);
  else if (op == LOGICAL_AND) loop<T>(LOGICAL_AND, a, b, y, outer, inner, ao, bo, ai, bi);
  else loop<T>(LOGICAL_OR, a, b, y, outer, inner, ao, bo, ai, bi);
  return 0;
}

export function compare_f32(op: i32, a: usize, b: usize, y: usize, outer: i32, inner: i32, ao: i32, bo: i32, ai: i32, bi: i32): i32 {
  return compare<f32>(op, a, b, y, outer, inner, ao, bo, ai, bi);
}
export function compare_f64(op: i32, a: usize, b: usize, y: usize, outer: i32, inner: i32, ao: i32, bo: i32, ai: i32, bi: i32): i32 {
  return compare<f64>(op, a, b, y, outer, inner, ao, bo, ai, bi);
}
export function compare_i32(op: i32, a: usize, b: usize, y: usize, outer: i32, inner: i32, ao: i32, bo: i32, ai: i32, bi: i32): i32 {
  return compare<i32>(op, a, b, y, outer, inner, ao, bo, ai, bi);
}
export function compare_i64(op: i32, a: usize, b: usize, y: usize, outer: i32, inner: i32, ao: i32, bo: i32, ai: i32, bi: i32): i32 {
  return compare<i64>(op, a, b, y, outer, inner, ao, bo, ai, bi);
}
export function compare_i8(op: i32, a: usize, b: usize, y: usize, outer: i32, inner: i32, ao: i32, bo: i32, ai: i32, bi: i32): i32 {
  return compare<i8>(op, a, b, y, outer, inner, ao, bo, ai, bi);
}
export function compare_u8(op: i32, a: usize, b: usize, y: usize, outer: i32, inner: i32, ao: i32, bo: i32, ai: i32, bi: i32): i32 {
  return compare<u8>(op, a, b, y, outer, inner, ao, bo, ai, bi);
}
export function compare_i16(op: i32, a: usize, b: usize, y: usize, outer: i32, inner: i32, ao: i32, bo: i32, ai: i32, bi: i32): i32 {
  return compare<i16>(op, a, b, y, outer, inner, ao, bo, ai, bi);
}
export function compare_u16(op: i32, a: usize, b: usize, y: usize, outer: i32, inner: i32, ao: i32, bo: i32, ai: i32, bi: i32): i32 {
  return compare<u16>(op, a, b, y, outer, inner, ao, bo, ai, bi);
}
export function compare_u32(op: i32, a: usize, b: usize, y: usize, outer: i32, inner: i32, ao: i32, bo: i32, ai: i32, bi: i32): i32 {
  return compare<u32>(op, a, b, y, outer, inner, ao, bo, ai, bi);
}
export function compare_u64(op: i32, a: usize, b: usize, y: usize, outer: i32, inner: i32, ao: i32, bo: i32, ai: i32, bi: i32): i32 {
  return compare<u64>(op, a, b, y, outer, inner, ao, bo, ai, bi);
}
