// e^x for four f32 lanes. Within 1.5 units in the last place over the normal range (checked exhaustively by stride in
// test/unit/device/cpu/math.test.ts); overflow gives +∞, underflow passes through the subnormals to 0, NaN stays NaN.
// A loop that is only about exp does better with `exp_nonpositive_f32x4`, whose constants it holds in locals.
// The coefficients are a minimax fit of (e^r − 1 − r) / r² over |r| ≤ ln 2 / 2, relative error 3.1e-9.
import { madd, nmadd } from "./fma";

// Constants are loaded, one broadcast each: an immediate vector takes V8 four instructions to build.
const LOWEST: usize = 0;
const HIGHEST: usize = 4;
const LOG2E: usize = 8;
const ROUNDER: usize = 12;
const LN2_HI: usize = 16;
const LN2_LO: usize = 20;
const C6: usize = 24;
const C5: usize = 28;
const C4: usize = 32;
const C3: usize = 36;
const C2: usize = 40;
const ONE: usize = 44;
const FLUSH: usize = 48;
const BIASED_ROUNDER: usize = 52;
const table = memory.data<f32>(
  [
    -104.5, 89.0, 1.4426950408889634, 12582912.0, 0.693359375, -2.1219444005469057e-4, 0.0013814320554956794,
    0.00836885068565607, 0.041668400168418884, 0.1666651964187622, 0.4999999403953552, 1.0,
    -87.33654, 12583039.0,
  ],
  16,
);
const bits = memory.data<i32>([0x4b400000, 127]);

// @ts-expect-error: decorator
@inline
function constant(offset: usize): v128 {
  return v128.load32_splat(table + offset);
}

/** e^x of four f32. */
// @ts-expect-error: decorator
@inline
export function exp_f32x4(x: v128): v128 {
  // pmax and pmin keep a NaN in their first operand, and are one instruction each.
  const bounded = f32x4.pmin(f32x4.pmax(x, constant(LOWEST)), constant(HIGHEST));
  // Adding 1.5 · 2²³ rounds to the nearest integer, which then sits in the low bits.
  const shifted = madd<f32>(bounded, constant(LOG2E), constant(ROUNDER));
  const n = f32x4.sub(shifted, constant(ROUNDER));
  const r = nmadd<f32>(n, constant(LN2_LO), nmadd<f32>(n, constant(LN2_HI), bounded));
  let p = madd<f32>(constant(C6), r, constant(C5));
  p = madd<f32>(p, r, constant(C4));
  p = madd<f32>(p, r, constant(C3));
  p = madd<f32>(p, r, constant(C2));
  p = madd<f32>(f32x4.mul(r, r), p, f32x4.add(r, constant(ONE)));
  // 2ⁿ in two factors: n reaches from −151 to 128, beyond what one exponent holds.
  const whole = i32x4.sub(shifted, v128.load32_splat(bits));
  const half = i32x4.shr_s(whole, 1);
  const bias = v128.load32_splat(bits + 4);
  const first = i32x4.shl(i32x4.add(half, bias), 23);
  const second = i32x4.shl(i32x4.add(i32x4.sub(whole, half), bias), 23);
  return f32x4.mul(f32x4.mul(p, first), second);
}

// The constants of exp_nonpositive_f32x4, to be loaded before a loop and passed in this order.
// @ts-ignore: decorator
@inline
export function expLog2e(): v128 {
  return constant(LOG2E);
}
// @ts-ignore: decorator
@inline
export function expRounder(): v128 {
  return constant(BIASED_ROUNDER);
}
// @ts-ignore: decorator
@inline
export function expLn2Hi(): v128 {
  return constant(LN2_HI);
}
// @ts-ignore: decorator
@inline
export function expLn2Lo(): v128 {
  return constant(LN2_LO);
}
/** The coefficient of r^`power`, 2 … 6. */
// @ts-ignore: decorator
@inline
export function expCoefficient(power: usize): v128 {
  return constant(C6 + 4 * (6 - power));
}
// @ts-ignore: decorator
@inline
export function expOne(): v128 {
  return constant(ONE);
}
// @ts-ignore: decorator
@inline
export function expFlush(): v128 {
  return constant(FLUSH);
}

/** e^x for x ≤ 0 (or NaN); what would be subnormal is 0. The rounder also holds the exponent's bias: one shift gives 2ⁿ. */
// @ts-ignore: decorator
@inline
export function exp_nonpositive_f32x4(
  x: v128, log2e: v128, rounder: v128, ln2Hi: v128, ln2Lo: v128, c6: v128, c5: v128, c4: v128, c3: v128, c2: v128,
  one: v128, flush: v128,
): v128 {
  const shifted = madd<f32>(x, log2e, rounder);
  const n = f32x4.sub(shifted, rounder);
  const r = nmadd<f32>(n, ln2Lo, nmadd<f32>(n, ln2Hi, x));
  let p = madd<f32>(c6, r, c5);
  p = madd<f32>(p, r, c4);
  p = madd<f32>(p, r, c3);
  p = madd<f32>(p, r, c2);
  p = madd<f32>(f32x4.mul(r, r), p, f32x4.add(r, one));
  return v128.andnot(f32x4.mul(p, i32x4.shl(shifted, 23)), f32x4.lt(x, flush));
}

// e^x for a row of a softmax, where speed is all and a result counts relative to a sum: one step of the polynomial less,
// its linear term fitted too (a minimax fit of e^r relative to e^r with constant term 1, error 9.5e-8).
const ROW_LOWEST: usize = 20;
const rowTable = memory.data<f32>(
  [0.008290307596325874, 0.0418979786336422, 0.1666763722896576, 0.4999915063381195, 0.9999997019767761, -88.02969],
  16,
);

/** The coefficient of r^`power`, 1 … 5, of `exp_row_f32x4`. */
// @ts-ignore: decorator
@inline
export function rowCoefficient(power: usize): v128 {
  return v128.load32_splat(rowTable + 4 * (5 - power));
}

/** What lies below has the exponent of 0 there. */
// @ts-ignore: decorator
@inline
export function rowLowest(): v128 {
  return v128.load32_splat(rowTable + ROW_LOWEST);
}

/** e^x for x ≤ 0 (or NaN), within 2 units in the last place; 0 where it would be subnormal, as a rule. */
// @ts-ignore: decorator
@inline
export function exp_row_f32x4(
  x: v128, log2e: v128, rounder: v128, ln2Hi: v128, ln2Lo: v128, c5: v128, c4: v128, c3: v128, c2: v128, c1: v128,
  one: v128, lowest: v128,
): v128 {
  // pmax keeps a NaN in its first operand.
  const bounded = f32x4.pmax(x, lowest);
  const shifted = madd<f32>(bounded, log2e, rounder);
  const n = f32x4.sub(shifted, rounder);
  const r = nmadd<f32>(n, ln2Lo, nmadd<f32>(n, ln2Hi, bounded));
  let p = madd<f32>(c5, r, c4);
  p = madd<f32>(p, r, c3);
  p = madd<f32>(p, r, c2);
  p = madd<f32>(p, r, c1);
  p = madd<f32>(p, r, one);
  return f32x4.mul(p, i32x4.shl(shifted, 23));
}

/** e^x of one f32, by the same steps as the vector: a tail gives the values that a full vector would. */
// @ts-expect-error: decorator
@inline
export function exp_f32(x: f32): f32 {
  return f32x4.extract_lane(exp_f32x4(f32x4.splat(x)), 0);
}
