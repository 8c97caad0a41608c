// Choosing between two elements, keeping one within bounds, and telling whether two are near each other.

// @ts-ignore: decorator
@inline
function choose<T>(condition: usize, a: usize, b: usize, y: usize, n: i32): void {
  for (let i = 0; i < n; i++) {
    const from = load<u8>(condition + i) != 0 ? a : b;
    store<T>(y, load<T>(from));
    a += sizeof<T>();
    b += sizeof<T>();
    y += sizeof<T>();
  }
}

/** Four conditions widened to four masks. */
// @ts-ignore: decorator
@inline
function masks(condition: usize): v128 {
  const words = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(condition)));
  return i32x4.ne(words, v128.xor(words, words));
}

/** y = condition ? a : b, element by element (or row by row) of `size` bytes. y may be a or b. */
export function select(condition: usize, a: usize, b: usize, y: usize, n: i32, size: i32): void {
  if (size == 4) {
    let i = 0;
    for (; i + 4 <= n; i += 4) {
      v128.store(y, v128.bitselect(v128.load(a), v128.load(b), masks(condition)));
      condition += 4;
      a += 16;
      b += 16;
      y += 16;
    }
    choose<u32>(condition, a, b, y, n - i);
  } else if (size == 8) choose<u64>(condition, a, b, y, n);
  else if (size == 1) choose<u8>(condition, a, b, y, n);
  else if (size == 2) choose<u16>(condition, a, b, y, n);
  else {
    const row = <usize>size;
    for (let i = 0; i < n; i++) {
      memory.copy(y, load<u8>(condition + i) != 0 ? a : b, row);
      a += row;
      b += row;
      y += row;
    }
  }
}

/** max(min(x, high), low); NaN stays. The bounds' steps are 1, or 0 for a scalar. */
// @ts-ignore: decorator
@inline
function clip<T>(x: usize, low: usize, high: usize, y: usize, n: i32, lowStep: i32, highStep: i32): void {
  const dl = <usize>lowStep * sizeof<T>();
  const dh = <usize>highStep * sizeof<T>();
  for (let i = 0; i < n; i++) {
    let value = load<T>(x);
    const top = load<T>(high);
    const bottom = load<T>(low);
    value = value > top ? top : value;
    store<T>(y, value < bottom ? bottom : value);
    x += sizeof<T>();
    y += sizeof<T>();
    low += dl;
    high += dh;
  }
}

export function clip_f32(
  x: usize, low: usize, high: usize, y: usize, n: i32, lowStep: i32, highStep: i32,
): void {
  clip<f32>(x, low, high, y, n, lowStep, highStep);
}
export function clip_f64(
  x: usize, low: usize, high: usize, y: usize, n: i32, lowStep: i32, highStep: i32,
): void {
  clip<f64>(x, low, high, y, n, lowStep, highStep);
}
export function clip_i32(
  x: usize, low: usize, high: usize, y: usize, n: i32, lowStep: i32, highStep: i32,
): void {
  clip<i32>(x, low, high, y, n, lowStep, highStep);
}
export function clip_i64(
  x: usize, low: usize, high: usize, y: usize, n: i32, lowStep: i32, highStep: i32,
): void {
  clip<i64>(x, low, high, y, n, lowStep, highStep);
}
export function clip_i8(
  x: usize, low: usize, high: usize, y: usize, n: i32, lowStep: i32, highStep: i32,
): void {
  clip<i8>(x, low, high, y, n, lowStep, highStep);
}
export function clip_u8(
  x: usize, low: usize, high: usize, y: usize, n: i32, lowStep: i32, highStep: i32,
): void {
  clip<u8>(x, low, high, y, n, lowStep, highStep);
}
export function clip_i16(
  x: usize, low: usize, high: usize, y: usize, n: i32, lowStep: i32, highStep: i32,
): void {
  clip<i16>(x, low, high, y, n, lowStep, highStep);
}
export function clip_u16(
  x: usize, low: usize, high: usize, y: usize, n: i32, lowStep: i32, highStep: i32,
): void {
  clip<u16>(x, low, high, y, n, lowStep, highStep);
}

/** |a − b| < tolerance. */
export function approximate_equal_f32(a: usize, b: usize, y: usize, n: i32, tolerance: f32): void {
  for (let i = 0; i < n; i++) {
    const at = <usize>i << 2;
    store<u8>(y + i, <u8>(abs<f32>(load<f32>(a + at) - load<f32>(b + at)) < tolerance));
  }
}
export function approximate_equal_f64(a: usize, b: usize, y: usize, n: i32, tolerance: f64): void {
  for (let i = 0; i < n; i++) {
    const at = <usize>i << 3;
    store<u8>(y + i, <u8>(abs<f64>(load<f64>(a + at) - load<f64>(b + at)) < tolerance));
  }
}
