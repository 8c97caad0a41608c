// What is subnormal becomes 0 of its sign, as in the threads that TensorFlow computes in. A slot that decays would end
// among the subnormals and stay there (a tenth of the smallest is rounded to nothing), where arithmetic takes a hundred
// times as long.

// @ts-ignore: decorator
@inline
export function leastNormal<T>(): T {
  return sizeof<T>() == 4 ? <T>f32.MIN_NORMAL_VALUE : <T>f64.MIN_NORMAL_VALUE;
}

/** In vectors of T, f32 or f64: what is smaller than `least` is 0 of its sign. A NaN is smaller than nothing, and stays. */
// @ts-ignore: decorator
@inline
function without<T>(x: v128, least: T): v128 {
  const sign = sizeof<T>() == 4 ? i32x4.splat(i32.MIN_VALUE) : i64x2.splat(i64.MIN_VALUE);
  return v128.andnot(x, v128.andnot(v128.lt<T>(v128.abs<T>(x), v128.splat<T>(least)), sign));
}

// @ts-ignore: decorator
@inline
export function flushed_v128<T>(x: v128): v128 {
  return without<T>(x, leastNormal<T>());
}

// @ts-ignore: decorator
@inline
export function flushed<T>(x: T): T {
  return abs<T>(x) < leastNormal<T>() ? copysign<T>(<T>0, x) : x;
}

/** x · rate, which isn't made where it would be subnormal: that alone would take long. */
// @ts-ignore: decorator
@inline
export function product_v128<T>(x: v128, rate: T): v128 {
  return v128.mul<T>(without<T>(x, (leastNormal<T>() / rate) as T), v128.splat<T>(rate));
}

// @ts-ignore: decorator
@inline
export function product<T>(x: T, rate: T): T {
  return abs<T>(x) < ((leastNormal<T>() / rate) as T) ? <T>0 : ((x * rate) as T);
}

/** slot + (x − slot) · rate: a moving average. */
// @ts-ignore: decorator
@inline
export function towards_v128<T>(slot: v128, x: v128, rate: T): v128 {
  return v128.add<T>(slot, product_v128<T>(v128.sub<T>(x, slot), rate));
}

// @ts-ignore: decorator
@inline
export function towards<T>(slot: T, x: T, rate: T): T {
  return (slot + product<T>((x - slot) as T, rate)) as T;
}
