// Hurwitz's zeta function and the polygamma functions, which are made of it, in f64; f32 kernels round their results.
// The first ten or so terms are summed, Euler and Maclaurin's formula gives the rest.
import { digamma_f64, lgamma_f64 } from "./gamma";

const TERMS = 12;
/** Bernoulli numbers over factorials: B(2k) / (2k)!. */
const rest = memory.data<f64>(
  [
    0.08333333333333333, -0.001388888888888889, 3.306878306878307e-05, -8.267195767195768e-07,
    2.08767569878681e-08, -5.284190138687493e-10, 1.3382536530684679e-11, -3.3896802963225827e-13,
    8.586062056277845e-15, -2.174868698558062e-16, 5.5090028283602295e-18, -1.3954464685812522e-19,
  ],
  16,
);
const EPSILON: f64 = 1.1e-16;

/** Σ (q + k)^−x over k from 0 on. */
export function zeta_f64(x: f64, q: f64): f64 {
  if (x == 1) return Infinity;
  if (!(x > 1) || q != q) return NaN;
  if (q <= 0) {
    if (q == Math.floor(q)) return x % 2 == 0 ? Infinity : NaN;
    if (x != Math.floor(x)) return NaN;
  }
  let sum = Math.pow(q, -x);
  let a = q;
  let term: f64 = 0;
  for (let i = 0; i < 9 || a <= 9; i++) {
    a += 1;
    term = Math.pow(a, -x);
    sum += term;
    if (abs<f64>(term) < EPSILON * abs<f64>(sum)) return sum;
  }
  sum += (term * a) / (x - 1) - 0.5 * term;
  let factor: f64 = 1;
  let k: f64 = 0;
  for (let i = 0; i < TERMS; i++) {
    factor *= x + k;
    term /= a;
    const more = factor * term * load<f64>(rest + (<usize>i << 3));
    sum += more;
    if (abs<f64>(more) < EPSILON * abs<f64>(sum)) break;
    factor *= x + k + 1;
    term /= a;
    k += 2;
  }
  return sum;
}

/** The n-th derivative of digamma. */
export function polygamma_f64(n: f64, x: f64): f64 {
  if (n != Math.floor(n) || n < 0) return NaN;
  if (n == 0) return digamma_f64(x);
  const factorial = Math.exp(lgamma_f64(n + 1));
  return (n % 2 == 0 ? -factorial : factorial) * zeta_f64(n + 1, x);
}
