// Sine and cosine of floats by the steps of the C library that TensorFlow's wheels call (glibc's sincosf, of ARM's optimized
// routines): worked out in f64 and rounded once. Correctly rounded ones would differ in one of eighty. No multiply-add is
// fused, so that every build gives the same bits.

const COS_2 = -0.49999999725108224;
const COS_4 = 0.041666623324344516;
const COS_6 = -0.001388676379437604;
const COS_8 = 2.4390450703564542e-5;
const SIN_3 = -0.16666654943701084;
const SIN_5 = 0.008332178146138854;
const SIN_7 = -0.00019517298981385725;
const TWO_OVER_PI = 0.6366197723675814;
const HALF_PI = 1.5707963267948966;
/** A number of this size keeps its whole part in its lowest bits. */
const ROUNDER = 6755399441055744.0;

// @ts-ignore: decorator
@inline
function times(x: v128, by: f64): v128 {
  return f64x2.mul(x, f64x2.splat(by));
}

// @ts-ignore: decorator
@inline
function plus(by: f64, x: v128): v128 {
  return f64x2.add(f64x2.splat(by), x);
}

/** Bit 1 as the sign of a number. */
// @ts-ignore: decorator
@inline
function sign(quarters: v128): v128 {
  return i64x2.shl(v128.and(quarters, i64x2.splat(2)), 62);
}

/** Of the angles x and y, of a few turns at most, in the lower two lanes of f32: sin x, cos x, sin y, cos y. */
// @ts-ignore: decorator
@inline
export function sincos_f32x2(angles: v128): v128 {
  const x = f64x2.promote_low_f32x4(angles);
  const quarters = plus(ROUNDER, times(x, TWO_OVER_PI));
  const r = f64x2.sub(x, times(plus(-ROUNDER, quarters), HALF_PI));
  const r2 = f64x2.mul(r, r);
  const r3 = f64x2.mul(r, r2);
  const r4 = f64x2.mul(r2, r2);
  const s = f64x2.add(
    f64x2.add(r, times(r3, SIN_3)),
    f64x2.mul(f64x2.mul(r3, r2), plus(SIN_5, times(r2, SIN_7))),
  );
  const c = f64x2.add(
    f64x2.add(plus(1, times(r2, COS_2)), times(r4, COS_4)),
    f64x2.mul(f64x2.mul(r4, r2), plus(COS_6, times(r2, COS_8))),
  );
  // The rounded number of quarters: bit 0 swaps the functions, bit 1 flips the sign.
  const one = i64x2.splat(1);
  const swap = i64x2.neg(v128.and(quarters, one));
  const sine = v128.xor(v128.bitselect(c, s, swap), sign(quarters));
  const cosine = v128.xor(v128.bitselect(s, c, swap), sign(i64x2.add(quarters, one)));
  return v128.shuffle<f32>(f32x4.demote_f64x2_zero(sine), f32x4.demote_f64x2_zero(cosine), 0, 4, 1, 5);
}
