// tanh of four f32 lanes: a rational approximation for |x| ≤ 9 (beyond it the result is ±1 in f32), and x itself where
// it is tiny. Within 3 units in the last place. NaN stays NaN, −0 stays −0.
import { madd } from "./fma";

const LIMIT: usize = 0;
const TINY: usize = 4;
const A1: usize = 8;
const B0: usize = 36;
const table = memory.data<f32>(
  [
    7.90531110763549805, 0.0004, 4.89352455891786e-3, 6.37261928875436e-4, 1.48572235717979e-5, 5.12229709037114e-8,
    -8.60467152213735e-11, 2.00018790482477e-13, -2.76076847742355e-16, 4.89352518554385e-3, 2.26843463243900e-3,
    1.18534705686654e-4, 1.19825839466702e-6,
  ],
  16,
);

// @ts-expect-error: decorator
@inline
function constant(offset: usize): v128 {
  return v128.load32_splat(table + offset);
}

// @ts-expect-error: decorator
@inline
export function tanh_f32x4(x: v128): v128 {
  const limit = constant(LIMIT);
  const bounded = f32x4.pmin(f32x4.pmax(x, f32x4.neg(limit)), limit);
  const x2 = f32x4.mul(bounded, bounded);
  let p = madd<f32>(constant(A1 + 24), x2, constant(A1 + 20));
  p = madd<f32>(p, x2, constant(A1 + 16));
  p = madd<f32>(p, x2, constant(A1 + 12));
  p = madd<f32>(p, x2, constant(A1 + 8));
  p = madd<f32>(p, x2, constant(A1 + 4));
  p = madd<f32>(p, x2, constant(A1));
  p = f32x4.mul(p, bounded);
  let q = madd<f32>(constant(B0 + 12), x2, constant(B0 + 8));
  q = madd<f32>(q, x2, constant(B0 + 4));
  q = madd<f32>(q, x2, constant(B0));
  const small = f32x4.lt(f32x4.abs(x), constant(TINY));
  return v128.bitselect(x, f32x4.div(p, q), small);
}
