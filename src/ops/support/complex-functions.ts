// Functions of complex numbers, in doubles: of one number, of two, and the gradients of some of them. Inverse functions
// follow Kahan's formulas, which keep the sides of their cuts; at infinity and beside NaN they are C's (annex G), as those of
// TensorFlow are. It must not know where numbers come from.
import type { Pair } from "./complex.js";

export type OfOne = (re: number, im: number) => Pair;
/** Of a + bi and c + di. */
export type OfTwo = (a: number, b: number, c: number, d: number) => Pair;

const ZERO: Pair = [0, 0];
const { abs, atan2, cos, cosh, exp, expm1, hypot, log, log1p, sin, sinh, sqrt, tan, tanh, asinh, atan } = Math;

const { isFinite: finite } = Number;
/** Four times as much, and its inverse, is still a number. */
const HUGE = 1e300;
const INFINITE = Number.POSITIVE_INFINITY;

/** A size with another number's sign. */
const signed = (size: number, sign: number): number => (sign < 0 || Object.is(sign, -0) ? -size : size);
/** Beside 0 the other factor counts for its sign alone, were it infinite or NaN. */
const product = (x: number, y: number): number => (x === 0 ? signed(1, y) * x : y === 0 ? signed(1, x) * y : x * y);
const unbounded = (re: number, im: number): boolean => abs(re) === INFINITE || abs(im) === INFINITE;

const times: OfTwo = (a, b, c, d) => [a * c - b * d, a * d + b * c];
const sum: OfTwo = (a, b, c, d) => [a + c, b + d];
const difference: OfTwo = (a, b, c, d) => [a - c, b - d];

/** Scaled: the square of a divisor may be beyond what a number can be. */
const quotient: OfTwo = (a, b, c, d) => {
  const scale = Math.max(abs(c), abs(d));
  const [x, y] = [c / scale, d / scale];
  const size = x * x + y * y;
  return [(a * x + b * y) / size / scale, (b * x - a * y) / size / scale];
};

const reciprocal: OfOne = (re, im) => quotient(1, 0, re, im);

/** As C divides by numbers without a finite inverse. */
const inverse: OfOne = (re, im) => {
  if (re === 0 && im === 0) return [signed(INFINITE, re), Number.NaN];
  return unbounded(re, im) ? [signed(0, re), signed(0, -im)] : reciprocal(re, im);
};

const root: OfOne = (re, im) => {
  if (abs(im) === INFINITE) return [INFINITE, im];
  if (re === 0 && im === 0) return [0, im];
  const size = sqrt((abs(re) + hypot(re, im)) / 2);
  if (re >= 0) return [size, im / (2 * size)];
  return [abs(im) / (2 * size), signed(size, im)];
};

const exponential: OfOne = (re, im) => {
  const size = exp(re);
  if (im === 0) return [size, im];
  if (abs(re) === INFINITE && !finite(im)) return re < 0 ? ZERO : [re, Number.NaN];
  return [size * cos(im), size * sin(im)];
};

/** Near a size of 1 the logarithm of it would cancel. */
const logSize = (re: number, im: number): number => {
  const size = hypot(re, im);
  if (!(size > 0.5 && size < 2)) return log(size);
  const [large, small] = abs(re) > abs(im) ? [abs(re), abs(im)] : [abs(im), abs(re)];
  return log1p((large - 1) * (large + 1) + small * small) / 2;
};

const logarithm: OfOne = (re, im) => [logSize(re, im), atan2(im, re)];

const hyperbolicSine: OfOne = (re, im) => [
  abs(re) === INFINITE && !finite(im) ? INFINITE : product(sinh(re), cos(im)),
  product(cosh(re), sin(im)),
];

const hyperbolicCosine: OfOne = (re, im) => [
  abs(re) === INFINITE && !finite(im) ? INFINITE : cosh(re) * cos(im),
  product(sinh(re), sin(im)),
];

const hyperbolicTangent: OfOne = (re, im) => {
  if (im === 0) return [tanh(re), im];
  if (re === 0) return [re, tan(im)];
  if (abs(re) === INFINITE || (abs(re) > 22 && finite(im)))
    return [Math.sign(re), product(exp(-2 * abs(re)), 4 * sin(im) * cos(im))];
  const t = tan(im);
  const beta = 1 + t * t;
  const s = sinh(re);
  const rho = sqrt(1 + s * s);
  const size = 1 + beta * s * s;
  return [(beta * rho * s) / size, t / size];
};

const arcSine: OfOne = (re, im) => {
  if (unbounded(re, im)) return [atan2(re, abs(im)), signed(INFINITE, im)];
  if (re === 0) return [re, asinh(im)];
  const [a, b] = root(1 - re, -im);
  const [c, d] = root(1 + re, im);
  return [atan2(re, a * c - b * d), asinh(a * d - b * c)];
};

const arcCosine: OfOne = (re, im) => {
  if (unbounded(re, im)) return [atan2(abs(im), re), -signed(INFINITE, im)];
  if (re === 0) return [Math.PI / 2, asinh(-im)];
  const [a, b] = root(1 - re, -im);
  const [c, d] = root(1 + re, im);
  return [2 * atan2(a, c), asinh(c * b - d * a)];
};

const hyperbolicArcCosine: OfOne = (re, im) => {
  if (unbounded(re, im)) return [INFINITE, atan2(im, re)];
  if (re === 0) return [asinh(abs(im)), signed(Math.PI / 2, im)];
  const [a, b] = root(re - 1, im);
  const [c, d] = root(re + 1, im);
  return [asinh(a * c + b * d), 2 * atan2(b, c)];
};

const hyperbolicArcTangent: OfOne = (re, im) => {
  if (unbounded(re, im) || abs(re) > HUGE || abs(im) > HUGE)
    return [signed(0, re), Number.isNaN(im) ? im : signed(Math.PI / 2, im)];
  if (re === 0) return [re, atan(im)];
  // Of a negative number the fraction would be rounded where it is all that counts.
  const size = abs(re);
  return [
    signed(log1p((4 * size) / ((1 - size) * (1 - size) + im * im)) / 4, re),
    atan2(2 * im, (1 - re) * (1 + re) - im * im) / 2,
  ];
};

/** f(z) as −i g(iz). */
const turned =
  (of: OfOne): OfOne =>
  (re, im) => {
    const [a, b] = of(-im, re);
    return [b, -a];
  };

export const COMPLEX_UNARY: Readonly<Record<string, OfOne>> = {
  Neg: (re, im) => [-re, -im],
  Square: (re, im) => [re * re - im * im, 2 * re * im],
  Reciprocal: reciprocal,
  Inv: reciprocal,
  Sqrt: root,
  Rsqrt: (re, im) => inverse(...root(re, im)),
  Exp: exponential,
  Expm1: (re, im) => {
    const half = sin(im / 2);
    return [expm1(re) * cos(im) - 2 * half * half, exp(re) * sin(im)];
  },
  Log: logarithm,
  Log1p: (re, im) => {
    const small = abs(re) < 0.5 && abs(im) < 0.5;
    return [small ? log1p(re * (2 + re) + im * im) / 2 : logSize(1 + re, im), atan2(im, 1 + re)];
  },
  Sigmoid: (re, im) => {
    const [a, b] = exponential(-re, -im);
    return inverse(1 + a, b);
  },
  Sign: (re, im) => {
    const size = hypot(re, im);
    return size === 0 ? ZERO : [re / size, im / size];
  },
  Sin: (re, im) => {
    const [b, a] = hyperbolicSine(im, re);
    return [a, b];
  },
  Cos: (re, im) => hyperbolicCosine(-im, re),
  Tan: turned(hyperbolicTangent),
  Sinh: hyperbolicSine,
  Cosh: hyperbolicCosine,
  Tanh: hyperbolicTangent,
  Asin: arcSine,
  Acos: arcCosine,
  Atan: turned(hyperbolicArcTangent),
  Asinh: turned(arcSine),
  Acosh: hyperbolicArcCosine,
  Atanh: hyperbolicArcTangent,
};

export const COMPLEX_BINARY: Readonly<Record<string, OfTwo>> = {
  Add: sum,
  AddV2: sum,
  Sub: difference,
  Mul: times,
  Div: quotient,
  RealDiv: quotient,
  DivNoNan: (a, b, c, d) => (c === 0 && d === 0 ? ZERO : quotient(a, b, c, d)),
  MulNoNan: (a, b, c, d) => (c === 0 && d === 0 ? ZERO : times(a, b, c, d)),
  Xdivy: (a, b, c, d) => (a === 0 && b === 0 ? ZERO : quotient(a, b, c, d)),
  Xlogy: (a, b, c, d) => (a === 0 && b === 0 ? ZERO : times(a, b, ...logarithm(c, d))),
  Pow: (a, b, c, d) => exponential(...times(c, d, ...logarithm(a, b))),
  SquaredDifference: (a, b, c, d) => times(a - c, b - d, a - c, d - b),
};

/** Nothing comes back from where nothing came to. */
const unlessNone =
  (of: OfTwo): OfTwo =>
  (a, b, c, d) =>
    c === 0 && d === 0 ? ZERO : of(a, b, c, d);

const ofReciprocal: OfTwo = (a, b, c, d) => times(...times(a, -b, a, -b), -c, -d);

/** Of an op's result and the gradient of it: some of TensorFlow's kernels conjugate the result, two don't. */
export const COMPLEX_GRADIENTS: Readonly<Record<string, OfTwo>> = {
  InvGrad: ofReciprocal,
  ReciprocalGrad: ofReciprocal,
  SqrtGrad: unlessNone((a, b, c, d) => quotient(c / 2, d / 2, a, -b)),
  RsqrtGrad: unlessNone((a, b, c, d) => times(...times(...times(a, -b, a, -b), a, -b), -c / 2, -d / 2)),
  SigmoidGrad: (a, b, c, d) => times(...times(a, b, 1 - a, -b), c, d),
  TanhGrad: (a, b, c, d) => times(...difference(1, 0, ...times(a, b, a, b)), c, d),
};
