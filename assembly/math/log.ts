// The natural logarithm of four f32 lanes. Within 1.5 units in the last place (checked in
// test/unit/device/cpu/math.test.ts); log 0 = −∞, log of a negative number is NaN, ∞ and NaN stay, subnormals count.
// The coefficients are a minimax fit of (log(1 + z) − z + z²/2) / z³ over [√½ − 1, √2 − 1], relative error 7.5e-10.
import { madd, nmadd } from "./fma";

const SMALLEST_NORMAL: usize = 0;
const SCALE: usize = 4;
const HALF: usize = 8;
const SQRT_HALF: usize = 12;
const ONE: usize = 16;
const LN2_LO: usize = 20;
const LN2_HI: usize = 24;
const INFINITE: usize = 28;
const NOT_A_NUMBER: usize = 32;
const MINUS_INFINITE: usize = 36;
const P0: usize = 40;
const table = memory.data<f32>(
  [
    1.1754943508222875e-38, 33554432.0, 0.5, 0.7071067811865476, 1.0, -2.1219444005469057e-4, 0.693359375, Infinity, NaN,
    -Infinity, 0.3333331346511841, -0.25000008940696716, 0.2000211924314499, -0.1666799634695053, 0.14219552278518677,
    -0.1240558847784996, 0.11888162046670914, -0.11675652116537094, 0.06746642291545868,
  ],
  16,
);
const bits = memory.data<i32>([0x007fffff, 0x3f000000, 126, 25]);

// @ts-expect-error: decorator
@inline
function constant(offset: usize): v128 {
  return v128.load32_splat(table + offset);
}

/** log x of four f32. */
// @ts-expect-error: decorator
@inline
export function log_f32x4(x: v128): v128 {
  const tiny = f32x4.lt(x, constant(SMALLEST_NORMAL));
  const scaled = v128.bitselect(f32x4.mul(x, constant(SCALE)), x, tiny);
  // x = m · 2ᵉ with m in [½, 1), then moved to [√½, √2) so that z = m − 1 is small.
  let exponent = i32x4.sub(i32x4.shr_u(scaled, 23), v128.load32_splat(bits + 8));
  exponent = i32x4.sub(exponent, v128.and(tiny, v128.load32_splat(bits + 12)));
  const m = v128.or(v128.and(scaled, v128.load32_splat(bits)), v128.load32_splat(bits + 4));
  const low = f32x4.lt(m, constant(SQRT_HALF));
  // The mask is −1 in lanes that are low: their exponent falls by one and m doubles.
  const e = f32x4.convert_i32x4_s(i32x4.add(exponent, low));
  const z = f32x4.add(f32x4.sub(m, constant(ONE)), v128.and(m, low));
  const z2 = f32x4.mul(z, z);
  let p = madd<f32>(constant(P0 + 32), z, constant(P0 + 28));
  p = madd<f32>(p, z, constant(P0 + 24));
  p = madd<f32>(p, z, constant(P0 + 20));
  p = madd<f32>(p, z, constant(P0 + 16));
  p = madd<f32>(p, z, constant(P0 + 12));
  p = madd<f32>(p, z, constant(P0 + 8));
  p = madd<f32>(p, z, constant(P0 + 4));
  p = madd<f32>(p, z, constant(P0));
  let tail = f32x4.mul(f32x4.mul(z2, z), p);
  tail = madd<f32>(e, constant(LN2_LO), tail);
  tail = nmadd<f32>(z2, constant(HALF), tail);
  const value = madd<f32>(e, constant(LN2_HI), f32x4.add(z, tail));
  // Where x isn't a positive finite number: ∞ and NaN give themselves, 0 gives −∞, the rest NaN.
  const zero = v128.xor(x, x);
  const ordinary = v128.and(f32x4.gt(x, zero), f32x4.lt(x, constant(INFINITE)));
  let special = v128.bitselect(constant(MINUS_INFINITE), constant(NOT_A_NUMBER), f32x4.eq(x, zero));
  special = v128.bitselect(x, special, f32x4.gt(x, zero));
  return v128.bitselect(value, special, ordinary);
}

/** log x of one f32, by the same steps as the vector. */
// @ts-expect-error: decorator
@inline
export function log_f32(x: f32): f32 {
  return f32x4.extract_lane(log_f32x4(f32x4.splat(x)), 0);
}
