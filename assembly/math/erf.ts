// The error functions. erf of four f32 lanes is one polynomial in f64, within 0.6 units in the last place; the f64 forms
// are within 3. The coefficients interpolate at Chebyshev points: erf(x)/x over x² ≤ 16 and x² ≤ 1, and
// erfc(x)·e^x²·(1 + 2x) over (x − 2)/(x + 2) in [−1, 1].
import { madd } from "./fma";

const WIDE_DEGREE = 20;
const wide = memory.data<f64>(
  [
    0.35353099564340495, -0.1765762332142376, 0.13167511686631903, -0.1077104489095233, 0.0902089961907006,
    -0.07472772837517466, 0.059886860225133925, -0.045766463466210563, 0.03306107366347555, -0.022466263707243098,
    0.014347216896437105, -0.008629832983801853, 0.004861257452313889, -0.0025306721064139617, 0.001277072805758373,
    -0.0006727975797938545, 0.0002951384370466126, -7.246152144638048e-05, 3.2979383818983124e-05,
    -3.668360645354812e-05, 1.2874054698224224e-05,
  ],
  16,
);
const NEAR_DEGREE = 12;
const near = memory.data<f64>(
  [
    1.1283791670955126, -0.3761263890318375, 0.11283791670954879, -0.026866170645076792, 0.0052239776248180145,
    -0.000854832698083379, 0.0001205533111164271, -1.4925595266831182e-05, 1.6461000484121368e-06,
    -1.6350312701054695e-07, 1.4659775274047436e-08, -1.1372848856791674e-09, 5.957176147748911e-11,
  ],
  16,
);
const TAIL_DEGREE = 24;
const tail = memory.data<f64>(
  [
    1.2769783815525286, -0.09276382658574427, -0.16603039761529628, 0.16405128003325747, -0.05422000099131832,
    -0.008034015076416627, 0.008722653853544008, 0.001271338872607465, -0.001456813629857029,
    -0.00045433999783661087, 0.00020636466939956064, 0.0001510344649546595, -1.4972567823040672e-06,
    -3.640549291523768e-05, -1.3533490182299367e-05, 3.6639699204911323e-06, 5.311193956211715e-06,
    1.5896847437505345e-06, -8.205354213697782e-07, -9.443781909812544e-07, -1.4694084872695033e-07,
    2.3284451089881772e-07, 9.819701889739516e-08, -2.479113481304322e-08, -1.545898505268754e-08,
  ],
  16,
);
const scale = memory.data<f64>([0.125, 1.0]);
const limit = memory.data<f32>([4.0]);

// A function of its own: its loop is long enough that a call costs nothing.
function fourLanes(x: v128): v128 {
  const bound = v128.load32_splat(limit);
  const bounded = f32x4.pmin(f32x4.pmax(x, f32x4.neg(bound)), bound);
  const low = f64x2.promote_low_f32x4(bounded);
  const high = f64x2.promote_low_f32x4(v128.shuffle<f32>(bounded, bounded, 2, 3, 2, 3));
  const eighth = v128.load64_splat(scale);
  const one = v128.load64_splat(scale + 8);
  const s = f64x2.sub(f64x2.mul(f64x2.mul(low, low), eighth), one);
  const t = f64x2.sub(f64x2.mul(f64x2.mul(high, high), eighth), one);
  let p = v128.load64_splat(wide + 8 * WIDE_DEGREE);
  let q = p;
  for (let at = wide + 8 * (WIDE_DEGREE - 1); at >= wide; at -= 8) {
    const c = v128.load64_splat(at);
    p = madd<f64>(p, s, c);
    q = madd<f64>(q, t, c);
  }
  p = f32x4.demote_f64x2_zero(f64x2.mul(p, low));
  q = f32x4.demote_f64x2_zero(f64x2.mul(q, high));
  return v128.shuffle<f32>(p, q, 0, 1, 4, 5);
}

/** erf of four f32; at ±4 it is ±1 in f32. */
// @ts-ignore: decorator
@inline
export function erf_f32x4(x: v128): v128 {
  return fourLanes(x);
}

// @ts-ignore: decorator
@inline
function polynomial(table: usize, degree: i32, x: f64): f64 {
  let p = load<f64>(table + <usize>degree * 8);
  for (let i = degree - 1; i >= 0; i--) p = p * x + load<f64>(table + <usize>i * 8);
  return p;
}

/** erfc for x ≥ 1. The square is split, since an error in it would grow with it. */
function upper(x: f64): f64 {
  if (x > 28) return 0;
  const head = reinterpret<f64>(reinterpret<u64>(x) & 0xfffffffff8000000);
  const decay = Math.exp(-head * head) * Math.exp((head - x) * (head + x));
  return (decay * polynomial(tail, TAIL_DEGREE, (x - 2) / (x + 2))) / (1 + 2 * x);
}

export function erf_f64(x: f64): f64 {
  const magnitude = abs(x);
  if (magnitude < 1) return x * polynomial(near, NEAR_DEGREE, x * x);
  // TensorFlow 2.21 gives NaN at ±∞ in double precision.
  if (x - x != 0) return NaN;
  return copysign<f64>(1 - upper(magnitude), x);
}

export function erfc_f64(x: f64): f64 {
  if (x >= 1) return upper(x);
  if (x <= -1) return 2 - upper(-x);
  return 1 - erf_f64(x);
}
