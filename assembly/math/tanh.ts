// tanh and the logistic function of four f32 lanes. tanh x = t / (t + 2) with t = e^2x − 1: no case distinction, and
// near 0 as exact as t. Both are within 2 units in the last place; NaN stays NaN, −0 stays −0, beyond ±9.02 the result is ±1.
import {
  exp_nonpositive_f32x4, expCoefficient, expFlush, expLn2Hi, expLn2Lo, expLog2e, expOne, expRounder,
} from "./exp";
import { expm1_f32x4 } from "./expm1";

const LIMIT: usize = 0;
const TWO: usize = 4;
const ONE: usize = 8;
const MINUS_ZERO: usize = 12;
const table = memory.data<f32>([9.02, 2.0, 1.0, -0.0], 16);

// @ts-ignore: decorator
@inline
function constant(offset: usize): v128 {
  return v128.load32_splat(table + offset);
}

// @ts-ignore: decorator
@inline
export function tanh_f32x4(x: v128): v128 {
  const sign = v128.and(x, constant(MINUS_ZERO));
  // Towards −1 the error of t would count in full: so the magnitude, and its sign afterwards.
  const magnitude = f32x4.pmin(v128.xor(x, sign), constant(LIMIT));
  const t = expm1_f32x4(f32x4.add(magnitude, magnitude));
  return v128.or(f32x4.div(t, f32x4.add(t, constant(TWO))), sign);
}

/** 1 / (1 + e^−x), which for x < 0 is e^x / (1 + e^x). What would be subnormal is 0, as in TensorFlow. */
// @ts-ignore: decorator
@inline
export function sigmoid_f32x4(x: v128): v128 {
  const z = exp_nonpositive_f32x4(
    v128.or(x, constant(MINUS_ZERO)), expLog2e(), expRounder(), expLn2Hi(), expLn2Lo(), expCoefficient(6),
    expCoefficient(5), expCoefficient(4), expCoefficient(3), expCoefficient(2), expOne(), expFlush(),
  );
  const top = v128.bitselect(z, constant(ONE), f32x4.lt(x, v128.xor(x, x)));
  return f32x4.div(top, f32x4.add(z, constant(ONE)));
}
