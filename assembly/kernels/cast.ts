// Casts among numeric dtypes. Types are numbers: 0 f32, 1 f64, 2 i32, 3 i64, 4 u8, 5 i8, 6 i16, 7 u16, 8 u32, 9 u64,
// 10 bool, 11 half, 12 bfloat16. Floats out of an integer's range give what x86 gives: the integer's lowest value.

// @ts-ignore: decorator
@inline
function toInteger<T>(x: f64): T {
  if (sizeof<T>() == 8) {
    if (isSigned<T>()) return <T>(x >= -9.223372036854775808e18 && x < 9.223372036854775808e18 ? <i64>x : i64.MIN_VALUE);
    if (x >= 9.223372036854775808e18) return <T>(x < 1.8446744073709552e19 ? <u64>x : u64.MAX_VALUE);
    return <T>(x > -9.223372036854775808e18 ? <u64>(<i64>x) : <u64>i64.MIN_VALUE);
  }
  if (sizeof<T>() == 4 && !isSigned<T>()) return <T>(x > -9.223372036854775808e18 && x < 9.223372036854775808e18 ? <i64>x : 0);
  // Narrow types take the low bits of the 32-bit result.
  return <T>(x > -2147483649 && x < 2147483648 ? <i32>x : i32.MIN_VALUE);
}

// @ts-ignore: decorator
@inline
function convert<S, D>(x: usize, y: usize, n: i32): void {
  for (let i = 0; i < n; i++) {
    const v = load<S>(x);
    if (isFloat<S>() && isInteger<D>()) store<D>(y, toInteger<D>(<f64>v));
    else store<D>(y, <D>v);
    x += sizeof<S>();
    y += sizeof<D>();
  }
}

// @ts-ignore: decorator
@inline
function toBool<S>(x: usize, y: usize, n: i32): void {
  for (let i = 0; i < n; i++) {
    store<u8>(y, <u8>(load<S>(x) != 0));
    x += sizeof<S>();
    y++;
  }
}

function from<S>(target: i32, x: usize, y: usize, n: i32): void {
  if (target == 0) convert<S, f32>(x, y, n);
  else if (target == 1) convert<S, f64>(x, y, n);
  else if (target == 2) convert<S, i32>(x, y, n);
  else if (target == 3) convert<S, i64>(x, y, n);
  else if (target == 4) convert<S, u8>(x, y, n);
  else if (target == 5) convert<S, i8>(x, y, n);
  else if (target == 6) convert<S, i16>(x, y, n);
  else if (target == 7) convert<S, u16>(x, y, n);
  else if (target == 8) convert<S, u32>(x, y, n);
  else if (target == 9) convert<S, u64>(x, y, n);
  else toBool<S>(x, y, n);
}

/** Four at a time; what isn't within the range of i32 is its lowest value. */
function floatToInt(x: usize, y: usize, n: i32): void {
  const limit = f32x4.splat(2147483648);
  const lowest = i32x4.splat(i32.MIN_VALUE);
  let i = 0;
  for (; i + 4 <= n; i += 4) {
    const v = v128.load(x);
    v128.store(y, v128.bitselect(i32x4.trunc_sat_f32x4_s(v), lowest, f32x4.lt(v, limit)));
    x += 16;
    y += 16;
  }
  convert<f32, i32>(x, y, n - i);
}

export function cast(source: i32, target: i32, x: usize, y: usize, n: i32): void {
  if (source == 0 && target == 2) floatToInt(x, y, n);
  else if (source == 0) from<f32>(target, x, y, n);
  else if (source == 1) from<f64>(target, x, y, n);
  else if (source == 2) from<i32>(target, x, y, n);
  else if (source == 3) from<i64>(target, x, y, n);
  else if (source == 4 || source == 10) from<u8>(target, x, y, n);
  else if (source == 5) from<i8>(target, x, y, n);
  else if (source == 6) from<i16>(target, x, y, n);
  else if (source == 7) from<u16>(target, x, y, n);
  else if (source == 8) from<u32>(target, x, y, n);
  else from<u64>(target, x, y, n);
}

// @ts-ignore: decorator
@inline
function halfToFloat(h: u32): f32 {
  const sign = (h & 0x8000) << 16;
  const exponent = (h >> 10) & 31;
  const fraction = h & 1023;
  if (exponent == 31) return reinterpret<f32>(sign | 0x7f800000 | (fraction << 13));
  if (exponent == 0) {
    const magnitude = <f32>fraction * <f32>5.960464477539063e-8;
    return sign != 0 ? -magnitude : magnitude;
  }
  return reinterpret<f32>(sign | ((exponent + 112) << 23) | (fraction << 13));
}

// @ts-ignore: decorator
@inline
function floatToHalf(f: f32): u32 {
  const bits = reinterpret<u32>(f);
  const sign = (bits >> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x47800000) return sign | 0x7c00;
  if (magnitude < 0x38800000) {
    // Subnormal: adding ½ lines the bits up, and rounds to even.
    const shifted = reinterpret<u32>(reinterpret<f32>(magnitude) + <f32>0.5);
    return sign | (shifted - 0x3f000000);
  }
  const odd = (magnitude >> 13) & 1;
  return sign | ((magnitude - 0x38000000 + 0xfff + odd) >> 13);
}

export function half_to_f32(x: usize, y: usize, n: i32): void {
  for (let i = 0; i < n; i++) store<f32>(y + (<usize>i << 2), halfToFloat(<u32>load<u16>(x + (<usize>i << 1))));
}
export function f32_to_half(x: usize, y: usize, n: i32): void {
  for (let i = 0; i < n; i++) store<u16>(y + (<usize>i << 1), <u16>floatToHalf(load<f32>(x + (<usize>i << 2))));
}
export function bfloat16_to_f32(x: usize, y: usize, n: i32): void {
  for (let i = 0; i < n; i++) store<u32>(y + (<usize>i << 2), <u32>load<u16>(x + (<usize>i << 1)) << 16);
}
export function f32_to_bfloat16(x: usize, y: usize, n: i32): void {
  for (let i = 0; i < n; i++) {
    const bits = load<u32>(x + (<usize>i << 2));
    const nan = (bits & 0x7fffffff) > 0x7f800000;
    store<u16>(y + (<usize>i << 1), nan ? <u16>0x7fc0 : <u16>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16));
  }
}

/** Clears the lowest `bits` bits of the fraction: casts that truncate do so first. */
export function truncate_f32(x: usize, y: usize, n: i32, bits: i32): void {
  const mask = <u32>-1 << bits;
  for (let i = 0; i < n; i++) store<u32>(y + (<usize>i << 2), load<u32>(x + (<usize>i << 2)) & mask);
}
export function truncate_f64(x: usize, y: usize, n: i32, bits: i32): void {
  const mask = <u64>-1 << bits;
  for (let i = 0; i < n; i++) store<u64>(y + (<usize>i << 3), load<u64>(x + (<usize>i << 3)) & mask);
}
