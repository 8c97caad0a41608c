// The inverse of the normal distribution, in f64; f32 kernels round its results. A guess within 0.2 % is corrected by
// three of Halley's steps, each of which cubes the error: what is left is that of erf and erfc.
import { erf_f64, erfc_f64 } from "./erf";

/** Of Winitzki's guess (2008). */
const BEND: f64 = 0.147;
const ROOT_PI_HALVED: f64 = 0.886226925452758;
const ROOT_TWO: f64 = 1.4142135623730951;

/** The y whose erf is 2p − 1. */
export function probit_erf_f64(p: f64): f64 {
  if (!(p >= 0 && p <= 1)) return NaN;
  const tail = 2 * min(p, 1 - p);
  if (tail == 0) return p == 0 ? -Infinity : Infinity;
  const a = 1 - tail;
  const log = a < 0.5 ? Math.log1p(-a * a) : Math.log(tail * (2 - tail));
  const middle = 2 / (Math.PI * BEND) + log / 2;
  let y = sqrt<f64>(max<f64>(sqrt<f64>(middle * middle - log / BEND) - middle, 0));
  for (let i = 0; i < 3; i++) {
    const error = a < 0.5 ? erf_f64(y) - a : tail - erfc_f64(y);
    const step = error * ROOT_PI_HALVED * Math.exp(y * y);
    y -= step / (1 + y * step);
  }
  return p < 0.5 ? -y : y;
}

/** The x below which p of the normal distribution lies. */
export function ndtri_f64(p: f64): f64 {
  return ROOT_TWO * probit_erf_f64(p);
}
