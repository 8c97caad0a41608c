// Functions of complex numbers, in doubles: of one number, of two, and the gradients of some of them. Inverse functions
// follow Kahan's formulas, which keep the sides of their cuts. It must not know where numbers come from.
import type { Pair } from "./complex.js";

export type OfOne = (re: number, im: number) => Pair;
/** Of a + bi and c + di. */
export type OfTwo = (a: number, b: number, c: number, d: number) => Pair;

const ZERO: Pair = [0, 0];
const { abs, atan2, cos, cosh, exp, expm1, hypot, log, log1p, sin, sinh, sqrt, tan, asinh } = Math;

const times: OfTwo = (a, b, c, d) => [a * c - b * d, a * d + b * c];
const sum: OfTwo = (a, b, c, d) => [a + c, b + d];
const difference: OfTwo = (a, b, c, d) => [a - c, b - d];

const quotient: OfTwo = (a, b, c, d) => {
  const size = c * c + d * d;
  return [(a * c + b * d) / size, (b * c - a * d) / size];
};

const reciprocal: OfOne = (re, im) => quotient(1, 0, re, im);

const root: OfOne = (re, im) => {
  if (re === 0 && im === 0) return [0, im];
  const size = sqrt((abs(re) + hypot(re, im)) / 2);
  if (re >= 0) return [size, im / (2 * size)];
  return [abs(im) / (2 * size), im < 0 || Object.is(im, -0) ? -size : size];
};

const exponential: OfOne = (re, im) => {
  const size = exp(re);
  return im === 0 ? [size, im] : [size * cos(im), size * sin(im)];
};

/** Near a size of 1 the logarithm of it would cancel. */
const logSize = (re: number, im: number): number => {
  const size = hypot(re, im);
  if (!(size > 0.5 && size < 2)) return log(size);
  const [large, small] = abs(re) > abs(im) ? [abs(re), abs(im)] : [abs(im), abs(re)];
  return log1p((large - 1) * (large + 1) + small * small) / 2;
};

const logarithm: OfOne = (re, im) => [logSize(re, im), atan2(im, re)];

const hyperbolicTangent: OfOne = (re, im) => {
  if (abs(re) > 22) return [Math.sign(re), 4 * sin(im) * cos(im) * exp(-2 * abs(re))];
  const t = tan(im);
  const beta = 1 + t * t;
  const s = sinh(re);
  const rho = sqrt(1 + s * s);
  const size = 1 + beta * s * s;
  return [(beta * rho * s) / size, t / size];
};

const arcSine: OfOne = (re, im) => {
  const [a, b] = root(1 - re, -im);
  const [c, d] = root(1 + re, im);
  return [atan2(re, a * c - b * d), asinh(a * d - b * c)];
};

const arcCosine: OfOne = (re, im) => {
  const [a, b] = root(1 - re, -im);
  const [c, d] = root(1 + re, im);
  return [2 * atan2(a, c), asinh(c * b - d * a)];
};

const hyperbolicArcCosine: OfOne = (re, im) => {
  const [a, b] = root(re - 1, im);
  const [c, d] = root(re + 1, im);
  return [asinh(a * c + b * d), 2 * atan2(b, c)];
};

const hyperbolicArcTangent: OfOne = (re, im) => [
  log1p((4 * re) / ((1 - re) * (1 - re) + im * im)) / 4,
  atan2(2 * im, (1 - re) * (1 + re) - im * im) / 2,
];

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
  Rsqrt: (re, im) => reciprocal(...root(re, im)),
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
    return reciprocal(1 + a, b);
  },
  Sign: (re, im) => {
    const size = hypot(re, im);
    return size === 0 ? ZERO : [re / size, im / size];
  },
  Sin: (re, im) => [sin(re) * cosh(im), cos(re) * sinh(im)],
  Cos: (re, im) => [cos(re) * cosh(im), -sin(re) * sinh(im)],
  Tan: turned(hyperbolicTangent),
  Sinh: (re, im) => [sinh(re) * cos(im), cosh(re) * sin(im)],
  Cosh: (re, im) => [cosh(re) * cos(im), sinh(re) * sin(im)],
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
  SquaredDifference: (a, b, c, d) => [(a - c) * (a - c) + (b - d) * (b - d), 0],
};

const ofReciprocal: OfTwo = (a, b, c, d) => times(...times(a, -b, a, -b), -c, -d);

/** Of an op's result and the gradient of it: some of TensorFlow's kernels conjugate the result, two don't. */
export const COMPLEX_GRADIENTS: Readonly<Record<string, OfTwo>> = {
  InvGrad: ofReciprocal,
  ReciprocalGrad: ofReciprocal,
  SqrtGrad: (a, b, c, d) => quotient(c / 2, d / 2, a, -b),
  RsqrtGrad: (a, b, c, d) => times(...times(...times(a, -b, a, -b), a, -b), -c / 2, -d / 2),
  SigmoidGrad: (a, b, c, d) => times(...times(a, b, 1 - a, -b), c, d),
  TanhGrad: (a, b, c, d) => times(...difference(1, 0, ...times(a, b, a, b)), c, d),
};
