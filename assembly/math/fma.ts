// Multiply-add in the best form of the build: fused with relaxed SIMD, two roundings without.
// Takes and gives vectors of T (f32 or f64); integers go through the two-step form, which is exact for them.

/** a · b + c. */
// @ts-expect-error: decorator
@inline
export function madd<T>(a: v128, b: v128, c: v128): v128 {
  if (isFloat<T>() && ASC_FEATURE_RELAXED_SIMD) return v128.relaxed_madd<T>(a, b, c);
  // The sum comes first: V8 then keeps an accumulator in its register.
  return v128.add<T>(c, v128.mul<T>(a, b));
}

/** c − a · b. */
// @ts-expect-error: decorator
@inline
export function nmadd<T>(a: v128, b: v128, c: v128): v128 {
  if (isFloat<T>() && ASC_FEATURE_RELAXED_SIMD) return v128.relaxed_nmadd<T>(a, b, c);
  return v128.sub<T>(c, v128.mul<T>(a, b));
}
