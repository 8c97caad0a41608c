// Sums, products, extremes and means of rows that share a segment. An op is a number (src/ops/opcodes.ts has the names).
// `ids` says which row of y each row of data goes to, and `rows` which row of data is meant (address 0: one after the
// other); both are i32, or i64 where the flag beside them is set. They are the caller's to check.

const SUM = 0;
const PROD = 1;
const MAX = 2;
const MIN = 3;
const MEAN = 4;
const SQRT_N = 5;

// @ts-ignore: decorator
@inline
function index(list: usize, wide: i32, i: i32): isize {
  if (wide) return <isize>load<i64>(list + (<usize>i << 3));
  return <isize>load<i32>(list + (<usize>i << 2));
}

// @ts-ignore: decorator
@inline
function combine<T>(op: i32, a: T, b: T): T {
  if (op == PROD) return (a * b) as T;
  if (op == MAX) return a != a || a > b ? a : b;
  if (op == MIN) return a != a || a < b ? a : b;
  return (a + b) as T;
}

// @ts-ignore: decorator
@inline
function join<T>(op: i32, y: usize, x: usize, length: i32): void {
  for (let i = 0; i < length; i++) {
    store<T>(y, combine<T>(op, load<T>(y), load<T>(x)));
    x += sizeof<T>();
    y += sizeof<T>();
  }
}

// @ts-ignore: decorator
@inline
function joinRow<T>(op: i32, y: usize, x: usize, length: i32): void {
  if (op == PROD) join<T>(PROD, y, x, length);
  else if (op == MAX) join<T>(MAX, y, x, length);
  else if (op == MIN) join<T>(MIN, y, x, length);
  else join<T>(SUM, y, x, length);
}

// @ts-ignore: decorator
@inline
function fill<T>(y: usize, n: i32, value: T): void {
  for (let i = 0; i < n; i++) store<T>(y + <usize>i * sizeof<T>(), value);
}

/** Ids don't decrease. A segment without rows is 0, or 1 for products. */
function sorted<T>(
  op: i32, data: usize, rows: usize, rowsWide: i32, ids: usize, idsWide: i32, y: usize, n: i32, segments: i32,
  length: i32,
): void {
  const bytes = <usize>length * sizeof<T>();
  fill<T>(y, segments * length, op == PROD ? <T>1 : <T>0);
  let i = 0;
  while (i < n) {
    const segment = index(ids, idsWide, i);
    const to = y + <usize>segment * bytes;
    const start = i;
    for (; i < n && index(ids, idsWide, i) == segment; i++) {
      const from = data + (rows == 0 ? <usize>i : <usize>index(rows, rowsWide, i)) * bytes;
      if (i == start) memory.copy(to, from, bytes);
      else joinRow<T>(op, to, from, length);
    }
    if (op == MEAN || op == SQRT_N) {
      // A count that wraps to 0 in a small type mustn't divide.
      const count = op == MEAN ? <T>(i - start) : <T>Math.sqrt(<f64>(i - start));
      const divisor = isInteger<T>() && count == 0 ? <T>1 : count;
      for (let k: usize = 0; k < bytes; k += sizeof<T>()) store<T>(to + k, (load<T>(to + k) / divisor) as T);
    }
  }
}

/** Every row that was in a segment gets the segment's row of `grad` once more, times the segment's scale. */
function spread<T>(
  grad: usize, scales: usize, rows: usize, rowsWide: i32, ids: usize, idsWide: i32, y: usize, n: i32, rowsOfY: i32,
  length: i32,
): void {
  const bytes = <usize>length * sizeof<T>();
  memory.fill(y, 0, <usize>rowsOfY * bytes);
  for (let i = 0; i < n; i++) {
    const segment = <usize>index(ids, idsWide, i);
    const from = grad + segment * bytes;
    const to = y + <usize>index(rows, rowsWide, i) * bytes;
    const scale = load<T>(scales + segment * sizeof<T>());
    for (let k: usize = 0; k < bytes; k += sizeof<T>()) {
      store<T>(to + k, (load<T>(to + k) + load<T>(from + k) * scale) as T);
    }
  }
}

export function segment_spread_f32(
  grad: usize, scales: usize, rows: usize, rowsWide: i32, ids: usize, idsWide: i32, y: usize, n: i32, rowsOfY: i32,
  length: i32,
): void {
  spread<f32>(grad, scales, rows, rowsWide, ids, idsWide, y, n, rowsOfY, length);
}
export function segment_spread_f64(
  grad: usize, scales: usize, rows: usize, rowsWide: i32, ids: usize, idsWide: i32, y: usize, n: i32, rowsOfY: i32,
  length: i32,
): void {
  spread<f64>(grad, scales, rows, rowsWide, ids, idsWide, y, n, rowsOfY, length);
}

// @ts-ignore: decorator
@inline
function identity<T>(op: i32): T {
  if (op == PROD) return <T>1;
  // The lowest (or highest) finite number, as TensorFlow has it here.
  if (op == MAX) {
    if (isFloat<T>()) return sizeof<T>() == 4 ? <T>-3.4028234663852886e38 : <T>-1.7976931348623157e308;
    return isSigned<T>() ? ((<T>1 << <T>(8 * sizeof<T>() - 1)) as T) : <T>0;
  }
  if (op == MIN) {
    if (isFloat<T>()) return sizeof<T>() == 4 ? <T>3.4028234663852886e38 : <T>1.7976931348623157e308;
    return isSigned<T>() ? ((~(<T>1 << <T>(8 * sizeof<T>() - 1))) as T) : ((~(<T>0)) as T);
  }
  return <T>0;
}

/** Ids in any order; rows whose id is negative are left out. */
function unsorted<T>(op: i32, data: usize, ids: usize, wide: i32, y: usize, n: i32, segments: i32, length: i32): void {
  const bytes = <usize>length * sizeof<T>();
  fill<T>(y, segments * length, identity<T>(op));
  for (let i = 0; i < n; i++) {
    const segment = index(ids, wide, i);
    if (segment >= 0) joinRow<T>(op, y + <usize>segment * bytes, data, length);
    data += bytes;
  }
}

export function segment_f32(
  op: i32, data: usize, rows: usize, rowsWide: i32, ids: usize, idsWide: i32, y: usize, n: i32, segments: i32,
  length: i32,
): void {
  sorted<f32>(op, data, rows, rowsWide, ids, idsWide, y, n, segments, length);
}
export function unsorted_segment_f32(
  op: i32, data: usize, ids: usize, wide: i32, y: usize, n: i32, segments: i32, length: i32,
): void {
  unsorted<f32>(op, data, ids, wide, y, n, segments, length);
}
export function segment_f64(
  op: i32, data: usize, rows: usize, rowsWide: i32, ids: usize, idsWide: i32, y: usize, n: i32, segments: i32,
  length: i32,
): void {
  sorted<f64>(op, data, rows, rowsWide, ids, idsWide, y, n, segments, length);
}
export function unsorted_segment_f64(
  op: i32, data: usize, ids: usize, wide: i32, y: usize, n: i32, segments: i32, length: i32,
): void {
  unsorted<f64>(op, data, ids, wide, y, n, segments, length);
}
export function segment_i32(
  op: i32, data: usize, rows: usize, rowsWide: i32, ids: usize, idsWide: i32, y: usize, n: i32, segments: i32,
  length: i32,
): void {
  sorted<i32>(op, data, rows, rowsWide, ids, idsWide, y, n, segments, length);
}
export function unsorted_segment_i32(
  op: i32, data: usize, ids: usize, wide: i32, y: usize, n: i32, segments: i32, length: i32,
): void {
  unsorted<i32>(op, data, ids, wide, y, n, segments, length);
}
export function segment_i64(
  op: i32, data: usize, rows: usize, rowsWide: i32, ids: usize, idsWide: i32, y: usize, n: i32, segments: i32,
  length: i32,
): void {
  sorted<i64>(op, data, rows, rowsWide, ids, idsWide, y, n, segments, length);
}
export function unsorted_segment_i64(
  op: i32, data: usize, ids: usize, wide: i32, y: usize, n: i32, segments: i32, length: i32,
): void {
  unsorted<i64>(op, data, ids, wide, y, n, segments, length);
}
export function segment_u8(
  op: i32, data: usize, rows: usize, rowsWide: i32, ids: usize, idsWide: i32, y: usize, n: i32, segments: i32,
  length: i32,
): void {
  sorted<u8>(op, data, rows, rowsWide, ids, idsWide, y, n, segments, length);
}
export function unsorted_segment_u8(
  op: i32, data: usize, ids: usize, wide: i32, y: usize, n: i32, segments: i32, length: i32,
): void {
  unsorted<u8>(op, data, ids, wide, y, n, segments, length);
}
export function segment_i8(
  op: i32, data: usize, rows: usize, rowsWide: i32, ids: usize, idsWide: i32, y: usize, n: i32, segments: i32,
  length: i32,
): void {
  sorted<i8>(op, data, rows, rowsWide, ids, idsWide, y, n, segments, length);
}
export function unsorted_segment_i8(
  op: i32, data: usize, ids: usize, wide: i32, y: usize, n: i32, segments: i32, length: i32,
): void {
  unsorted<i8>(op, data, ids, wide, y, n, segments, length);
}
export function segment_u16(
  op: i32, data: usize, rows: usize, rowsWide: i32, ids: usize, idsWide: i32, y: usize, n: i32, segments: i32,
  length: i32,
): void {
  sorted<u16>(op, data, rows, rowsWide, ids, idsWide, y, n, segments, length);
}
export function unsorted_segment_u16(
  op: i32, data: usize, ids: usize, wide: i32, y: usize, n: i32, segments: i32, length: i32,
): void {
  unsorted<u16>(op, data, ids, wide, y, n, segments, length);
}
export function segment_i16(
  op: i32, data: usize, rows: usize, rowsWide: i32, ids: usize, idsWide: i32, y: usize, n: i32, segments: i32,
  length: i32,
): void {
  sorted<i16>(op, data, rows, rowsWide, ids, idsWide, y, n, segments, length);
}
export function unsorted_segment_i16(
  op: i32, data: usize, ids: usize, wide: i32, y: usize, n: i32, segments: i32, length: i32,
): void {
  unsorted<i16>(op, data, ids, wide, y, n, segments, length);
}
export function segment_u32(
  op: i32, data: usize, rows: usize, rowsWide: i32, ids: usize, idsWide: i32, y: usize, n: i32, segments: i32,
  length: i32,
): void {
  sorted<u32>(op, data, rows, rowsWide, ids, idsWide, y, n, segments, length);
}
export function unsorted_segment_u32(
  op: i32, data: usize, ids: usize, wide: i32, y: usize, n: i32, segments: i32, length: i32,
): void {
  unsorted<u32>(op, data, ids, wide, y, n, segments, length);
}
export function segment_u64(
  op: i32, data: usize, rows: usize, rowsWide: i32, ids: usize, idsWide: i32, y: usize, n: i32, segments: i32,
  length: i32,
): void {
  sorted<u64>(op, data, rows, rowsWide, ids, idsWide, y, n, segments, length);
}
export function unsorted_segment_u64(
  op: i32, data: usize, ids: usize, wide: i32, y: usize, n: i32, segments: i32, length: i32,
): void {
  unsorted<u64>(op, data, ids, wide, y, n, segments, length);
}
