// tanh and the logistic function of four f32 lanes. tanh x = t / (t + 2) with t = e^2x − 1: no case distinction, and
// near 0 as exact as t. Within 2.5 units in the last place; NaN stays NaN, −0 stays −0, beyond ±9.02 the result is ±1.
import { exp_f32x4 } from "./exp";
import { expm1_f32x4 } from "./expm1";

const LIMIT: usize = 0;
const TWO: usize = 4;
const ONE: usize = 8;
const table = memory.data<f32>([9.02, 2.0, 1.0], 16);

// @ts-ignore: decorator
@inline
function constant(offset: usize): v128 {
  return v128.load32_splat(table + offset);
}

// @ts-ignore: decorator
@inline
export function tanh_f32x4(x: v128): v128 {
  const limit = constant(LIMIT);
  const bounded = f32x4.pmin(f32x4.pmax(x, f32x4.neg(limit)), limit);
  const t = expm1_f32x4(f32x4.add(bounded, bounded));
  return f32x4.div(t, f32x4.add(t, constant(TWO)));
}

/** 1 / (1 + e^−x). */
// @ts-ignore: decorator
@inline
export function sigmoid_f32x4(x: v128): v128 {
  const one = constant(ONE);
  return f32x4.div(one, f32x4.add(one, exp_f32x4(f32x4.neg(x))));
}
