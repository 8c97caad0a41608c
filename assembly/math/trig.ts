// Sine and cosine of four f32 lanes, worked out in f64: within 0.6 units in the last place. Lanes beyond ±100,000, where
// the two-part reduction by π/2 wears thin, go one by one through the standard library's f64 functions.
// The coefficients interpolate (sin r − r) / r³ and (cos r − 1 + r²/2) / r⁴ at Chebyshev points of |r| ≤ π/4.
import { madd, nmadd } from "./fma";

const TWO_OVER_PI: usize = 0;
const ROUNDER: usize = 8;
const HALF_PI_HI: usize = 16;
const HALF_PI_LO: usize = 24;
const S0: usize = 32;
const C0: usize = 64;
const ONE: usize = 96;
const HALF: usize = 104;
const table = memory.data<f64>(
  [
    0.6366197723675814, 6755399441055744.0, 1.5707963267341256, 6.077100506506192e-11,
    -0.16666666663624022, 0.00833333178567173, -0.00019840039113012213, 2.7243811975258105e-6,
    0.04166666666412821, -0.0013888887597706746, 2.4800560630606344e-5, -2.7295856339546005e-7,
    1.0, 0.5,
  ],
  16,
);
const limit = memory.data<f32>([100000.0]);
const bits = memory.data<i64>([1, 2]);

// @ts-ignore: decorator
@inline
function constant(offset: usize): v128 {
  return v128.load64_splat(table + offset);
}

/** Two lanes: the sine of x + quarter · π/2. */
// @ts-ignore: decorator
@inline
function sine(x: v128, quarter: bool): v128 {
  const shifted = madd<f64>(x, constant(TWO_OVER_PI), constant(ROUNDER));
  const n = f64x2.sub(shifted, constant(ROUNDER));
  const r = nmadd<f64>(n, constant(HALF_PI_LO), nmadd<f64>(n, constant(HALF_PI_HI), x));
  const z = f64x2.mul(r, r);
  let s = madd<f64>(constant(S0 + 24), z, constant(S0 + 16));
  s = madd<f64>(s, z, constant(S0 + 8));
  s = madd<f64>(s, z, constant(S0));
  s = madd<f64>(f64x2.mul(z, r), s, r);
  let c = madd<f64>(constant(C0 + 24), z, constant(C0 + 16));
  c = madd<f64>(c, z, constant(C0 + 8));
  c = madd<f64>(c, z, constant(C0));
  c = madd<f64>(f64x2.mul(z, z), c, nmadd<f64>(z, constant(HALF), constant(ONE)));
  // The rounded multiple sits in the low bits: bit 0 swaps the functions, bit 1 flips the sign.
  const one = v128.load64_splat(bits);
  const turns = quarter ? i64x2.add(shifted, one) : shifted;
  const swap = i64x2.neg(v128.and(turns, one));
  const flip = i64x2.shl(v128.and(turns, v128.load64_splat(bits + 8)), 62);
  return v128.xor(v128.bitselect(c, s, swap), flip);
}

// @ts-ignore: decorator
@inline
function far(x: f32, quarter: bool): f32 {
  return <f32>(quarter ? Math.cos(<f64>x) : Math.sin(<f64>x));
}

function farSine(x: v128): v128 {
  let y = f32x4.splat(far(f32x4.extract_lane(x, 0), false));
  y = f32x4.replace_lane(y, 1, far(f32x4.extract_lane(x, 1), false));
  y = f32x4.replace_lane(y, 2, far(f32x4.extract_lane(x, 2), false));
  return f32x4.replace_lane(y, 3, far(f32x4.extract_lane(x, 3), false));
}

function farCosine(x: v128): v128 {
  let y = f32x4.splat(far(f32x4.extract_lane(x, 0), true));
  y = f32x4.replace_lane(y, 1, far(f32x4.extract_lane(x, 1), true));
  y = f32x4.replace_lane(y, 2, far(f32x4.extract_lane(x, 2), true));
  return f32x4.replace_lane(y, 3, far(f32x4.extract_lane(x, 3), true));
}

// @ts-ignore: decorator
@inline
function both(x: v128, quarter: bool): v128 {
  const low = f32x4.demote_f64x2_zero(sine(f64x2.promote_low_f32x4(x), quarter));
  const upper = v128.shuffle<f32>(x, x, 2, 3, 2, 3);
  const high = f32x4.demote_f64x2_zero(sine(f64x2.promote_low_f32x4(upper), quarter));
  return v128.shuffle<f32>(low, high, 0, 1, 4, 5);
}

// @ts-ignore: decorator
@inline
export function sin_f32x4(x: v128): v128 {
  if (v128.any_true(f32x4.gt(f32x4.abs(x), v128.load32_splat(limit)))) return farSine(x);
  // Keeps the sign of −0.
  return v128.bitselect(x, both(x, false), f32x4.eq(x, v128.xor(x, x)));
}

// @ts-ignore: decorator
@inline
export function cos_f32x4(x: v128): v128 {
  if (v128.any_true(f32x4.gt(f32x4.abs(x), v128.load32_splat(limit)))) return farCosine(x);
  return both(x, true);
}
