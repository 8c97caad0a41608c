// e^x − 1 and log(1 + x) for four f32 lanes, without the cancellation that the plain forms have near 0, and softplus,
// log(1 + e^x), made of them. Within 2 units in the last place (test/unit/assembly/unary.test.ts); NaN stays NaN, −0
// stays −0 in the first two.
import {
  exp_nonpositive_f32x4, expCoefficient, expFlush, expLn2Hi, expLn2Lo, expLog2e, expOne, expRounder,
} from "./exp";
import { madd, nmadd } from "./fma";
import { log_f32x4 } from "./log";

const LOWEST: usize = 0;
const HIGHEST: usize = 4;
const HALF: usize = 8;
const TINY: usize = 12;
const ONE: usize = 16;
// Below 2⁻²⁴ the result is x itself, to the last bit.
const table = memory.data<f32>([-18.5, 89.0, 0.5, 5.960464477539063e-8, 1.0], 16);
const one = memory.data<i32>([1]);

// @ts-ignore: decorator
@inline
function constant(offset: usize): v128 {
  return v128.load32_splat(table + offset);
}

/** e^x − 1 of four f32: with x = n·ln 2 + r it is 2ⁿ·(e^r − 1) + (2ⁿ − 1), in halves so that n may be 128. */
// @ts-ignore: decorator
@inline
export function expm1_f32x4(x: v128): v128 {
  const bounded = f32x4.pmin(f32x4.pmax(x, constant(LOWEST)), constant(HIGHEST));
  const shifted = madd<f32>(bounded, expLog2e(), expRounder());
  const n = f32x4.sub(shifted, expRounder());
  const r = nmadd<f32>(n, expLn2Lo(), nmadd<f32>(n, expLn2Hi(), bounded));
  let p = madd<f32>(expCoefficient(6), r, expCoefficient(5));
  p = madd<f32>(p, r, expCoefficient(4));
  p = madd<f32>(p, r, expCoefficient(3));
  p = madd<f32>(p, r, expCoefficient(2));
  p = madd<f32>(f32x4.mul(r, r), p, r);
  const half = i32x4.shl(i32x4.sub(shifted, v128.load32_splat(one)), 23);
  const value = madd<f32>(half, p, f32x4.sub(half, constant(HALF)));
  return v128.bitselect(x, f32x4.add(value, value), f32x4.lt(f32x4.abs(x), constant(TINY)));
}

/** log(1 + x) of four f32: the logarithm of the rounded sum, plus what the sum lost, relative to it. */
// @ts-ignore: decorator
@inline
export function log1p_f32x4(x: v128): v128 {
  const sum = f32x4.add(constant(ONE), x);
  const lost = f32x4.div(f32x4.sub(x, f32x4.sub(sum, constant(ONE))), sum);
  // At −1 and ∞ there is no correction (0/0, ∞ − ∞).
  const value = f32x4.add(log_f32x4(sum), v128.and(lost, f32x4.eq(lost, lost)));
  return v128.bitselect(x, value, f32x4.lt(f32x4.abs(x), constant(TINY)));
}

/** log(1 + e^x) of four f32. What would be subnormal is 0, as in TensorFlow. */
// @ts-ignore: decorator
@inline
export function softplus_f32x4(x: v128): v128 {
  const z = exp_nonpositive_f32x4(
    f32x4.neg(f32x4.abs(x)), expLog2e(), expRounder(), expLn2Hi(), expLn2Lo(), expCoefficient(6), expCoefficient(5),
    expCoefficient(4), expCoefficient(3), expCoefficient(2), expOne(), expFlush(),
  );
  return f32x4.add(f32x4.max(x, v128.xor(x, x)), log1p_f32x4(z));
}
