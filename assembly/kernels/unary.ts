// Elementwise ops of one input, by number (src/ops/opcodes.ts); each export serves one dtype. y may be x.
// f64 is within 2 units in the last place, or what assembly/math says. What is rare in f32 goes through f64 and is
// rounded once; the rest of f32 is in unary-f32.ts.
import { erf_f64, erfc_f64 } from "../math/erf";
import { ndtri_f64, probit_erf_f64 } from "../math/inverse-erf";
import { bessel_i0e_f64, bessel_i1e_f64, digamma_f64, lgamma_f64 } from "../math/gamma";
import {
  neg_f32, abs_f32, square_f32, sqrt_f32, rsqrt_f32, reciprocal_f32, exp_f32, log_f32,
  tanh_f32, sigmoid_f32, relu_f32, relu6_f32, floor_f32, ceil_f32, rint_f32, expm1_f32,
  log1p_f32, sin_f32, cos_f32, elu_f32, selu_f32, softplus_f32, softsign_f32, erf_f32,
} from "./unary-f32";

const NEG = 0;
const ABS = 1;
const SQUARE = 2;
const SQRT = 3;
const RSQRT = 4;
const RECIPROCAL = 5;
const EXP = 6;
const LOG = 7;
const TANH = 8;
const SIGMOID = 9;
const RELU = 10;
const RELU6 = 11;
const FLOOR = 12;
const CEIL = 13;
const RINT = 14;
const SIGN = 15;
const EXPM1 = 16;
const LOG1P = 17;
const SIN = 18;
const COS = 19;
const TAN = 20;
const ASIN = 21;
const ACOS = 22;
const ATAN = 23;
const SINH = 24;
const COSH = 25;
const ASINH = 26;
const ACOSH = 27;
const ATANH = 28;
const ELU = 29;
const SELU = 30;
const SOFTPLUS = 31;
const SOFTSIGN = 32;
const INVERT = 33;
const ERF = 34;
const ERFC = 35;
const LGAMMA = 36;
const DIGAMMA = 37;
const BESSEL_I0E = 38;
const BESSEL_I1E = 39;
const ERFINV = 40;
const NDTRI = 41;

const SELU_SCALE: f64 = 1.0507009873554805;
const SELU_SCALE_ALPHA: f64 = 1.7580993408473768;
// @ts-ignore: decorator
@inline
function floats(op: i32, x: f64): f64 {
  if (op == EXP) return Math.exp(x);
  if (op == LOG) return Math.log(x);
  if (op == TANH) return Math.tanh(x);
  if (op == SIGMOID) return 1 / (1 + Math.exp(-x));
  if (op == EXPM1) return Math.expm1(x);
  if (op == LOG1P) return Math.log1p(x);
  if (op == SIN) return Math.sin(x);
  if (op == COS) return Math.cos(x);
  if (op == TAN) return Math.tan(x);
  if (op == ASIN) return Math.asin(x);
  if (op == ACOS) return Math.acos(x);
  if (op == ATAN) return Math.atan(x);
  if (op == SINH) return Math.sinh(x);
  if (op == COSH) return Math.cosh(x);
  if (op == ASINH) return Math.asinh(x);
  if (op == ACOSH) return Math.acosh(x);
  if (op == ATANH) return Math.atanh(x);
  // TensorFlow subtracts 1 from the rounded exponential here, cancellation and all.
  if (op == ELU) return x < 0 ? Math.exp(x) - 1 : x;
  if (op == SELU) return x < 0 ? SELU_SCALE_ALPHA * (Math.exp(x) - 1) : SELU_SCALE * x;
  if (op == SOFTPLUS) return x > 0 ? x + Math.log1p(Math.exp(-x)) : Math.log1p(Math.exp(x));
  if (op == ERF) return erf_f64(x);
  if (op == ERFC) return erfc_f64(x);
  if (op == LGAMMA) return lgamma_f64(x);
  if (op == DIGAMMA) return digamma_f64(x);
  if (op == BESSEL_I0E) return bessel_i0e_f64(x);
  if (op == BESSEL_I1E) return bessel_i1e_f64(x);
  if (op == NDTRI) return ndtri_f64(x);
  // TensorFlow halves first, and loses what the type can't hold of it.
  if (op == ERFINV) return probit_erf_f64(0.5 * x + 0.5);
  return x / (1 + abs<f64>(x));
}

// @ts-ignore: decorator
@inline
function apply<T>(op: i32, x: T): T {
  if (op == NEG) return (isFloat<T>() ? -x : <T>0 - x) as T;
  if (op == ABS) return isFloat<T>() ? abs<T>(x) : x < 0 ? ((<T>0 - x) as T) : x;
  if (op == SQUARE) return (x * x) as T;
  // NaN passes: it is neither above nor below. −0 becomes 0.
  if (op == RELU) return x <= 0 ? <T>0 : x;
  if (op == RELU6) return x <= 0 ? <T>0 : x > 6 ? <T>6 : x;
  if (op == SIGN) return x > 0 ? <T>1 : x < 0 ? <T>-1 : x == x ? <T>0 : x;
  if (isFloat<T>()) {
    if (op == SQRT) return sqrt<T>(x);
    if (op == RSQRT) return (<T>1 / sqrt<T>(x)) as T;
    if (op == RECIPROCAL) return (<T>1 / x) as T;
    if (op == FLOOR) return floor<T>(x);
    if (op == CEIL) return ceil<T>(x);
    if (op == RINT) return nearest<T>(x);
    return <T>floats(op, <f64>x);
  }
  if (op == INVERT) return isInteger<T>() ? ((x ^ <T>-1) as T) : x;
  if (op == RECIPROCAL) return x == 0 ? <T>0 : ((<T>1 / x) as T);
  return x;
}

// @ts-ignore: decorator
@inline
function loop<T>(op: i32, x: usize, y: usize, n: i32): void {
  for (let i = 0; i < n; i++) {
    store<T>(y, apply<T>(op, load<T>(x)));
    x += sizeof<T>();
    y += sizeof<T>();
  }
}

/** The ops that are an instruction or two, in every type that has them. */
// @ts-ignore: decorator
@inline
function plain<T>(op: i32, x: v128): v128 {
  if (op == NEG) return v128.neg<T>(x);
  if (op == ABS) return v128.abs<T>(x);
  if (isFloat<T>()) {
    if (op == SQUARE) return v128.mul<T>(x, x);
    if (op == SQRT) return v128.sqrt<T>(x);
    if (op == RSQRT) return v128.div<T>(v128.splat<T>(<T>1), v128.sqrt<T>(x));
    if (op == RECIPROCAL) return v128.div<T>(v128.splat<T>(<T>1), x);
    if (op == RELU) return v128.max<T>(x, v128.xor(x, x));
    if (op == RELU6) return v128.min<T>(v128.max<T>(x, v128.xor(x, x)), v128.splat<T>(<T>6));
    if (op == FLOOR) return v128.floor<T>(x);
    if (op == CEIL) return v128.ceil<T>(x);
    if (op == RINT) return v128.nearest<T>(x);
  }
  return x;
}

// @ts-ignore: decorator
@inline
function simple<T>(op: i32, x: usize, y: usize, n: i32): void {
  const width = 16 / <i32>sizeof<T>();
  let i = 0;
  for (; i + width <= n; i += width) {
    v128.store(y, plain<T>(op, v128.load(x)));
    x += 16;
    y += 16;
  }
  loop<T>(op, x, y, n - i);
}

export function unary_f32(op: i32, x: usize, y: usize, n: i32): void {
  if (op == NEG) neg_f32(x, y, n);
  else if (op == ABS) abs_f32(x, y, n);
  else if (op == SQUARE) square_f32(x, y, n);
  else if (op == SQRT) sqrt_f32(x, y, n);
  else if (op == RSQRT) rsqrt_f32(x, y, n);
  else if (op == RECIPROCAL) reciprocal_f32(x, y, n);
  else if (op == EXP) exp_f32(x, y, n);
  else if (op == LOG) log_f32(x, y, n);
  else if (op == TANH) tanh_f32(x, y, n);
  else if (op == SIGMOID) sigmoid_f32(x, y, n);
  else if (op == RELU) relu_f32(x, y, n);
  else if (op == RELU6) relu6_f32(x, y, n);
  else if (op == FLOOR) floor_f32(x, y, n);
  else if (op == CEIL) ceil_f32(x, y, n);
  else if (op == RINT) rint_f32(x, y, n);
  else if (op == EXPM1) expm1_f32(x, y, n);
  else if (op == LOG1P) log1p_f32(x, y, n);
  else if (op == SIN) sin_f32(x, y, n);
  else if (op == COS) cos_f32(x, y, n);
  else if (op == ELU) elu_f32(x, y, n);
  else if (op == SELU) selu_f32(x, y, n);
  else if (op == SOFTPLUS) softplus_f32(x, y, n);
  else if (op == SOFTSIGN) softsign_f32(x, y, n);
  else if (op == ERF) erf_f32(x, y, n);
  else if (op == SIGN) loop<f32>(SIGN, x, y, n);
  else if (op == ERFINV) {
    for (let i = 0; i < n; i++) {
      const half = (<f32>0.5 * load<f32>(x + (<usize>i << 2)) + <f32>0.5) as f32;
      store<f32>(y + (<usize>i << 2), <f32>probit_erf_f64(<f64>half));
    }
  }
  else for (let i = 0; i < n; i++) store<f32>(y + (<usize>i << 2), <f32>rare(op, <f64>load<f32>(x + (<usize>i << 2))));
}

export function unary_f64(op: i32, x: usize, y: usize, n: i32): void {
  if (op == NEG) simple<f64>(NEG, x, y, n);
  else if (op == ABS) simple<f64>(ABS, x, y, n);
  else if (op == SQUARE) simple<f64>(SQUARE, x, y, n);
  else if (op == SQRT) simple<f64>(SQRT, x, y, n);
  else if (op == RSQRT) simple<f64>(RSQRT, x, y, n);
  else if (op == RECIPROCAL) simple<f64>(RECIPROCAL, x, y, n);
  else if (op == RELU) simple<f64>(RELU, x, y, n);
  else if (op == RELU6) simple<f64>(RELU6, x, y, n);
  else if (op == FLOOR) simple<f64>(FLOOR, x, y, n);
  else if (op == CEIL) simple<f64>(CEIL, x, y, n);
  else if (op == RINT) simple<f64>(RINT, x, y, n);
  else if (op == SIGN) loop<f64>(SIGN, x, y, n);
  else if (op == EXP) loop<f64>(EXP, x, y, n);
  else if (op == LOG) loop<f64>(LOG, x, y, n);
  else if (op == SIGMOID) loop<f64>(SIGMOID, x, y, n);
  else if (op == SOFTSIGN) loop<f64>(SOFTSIGN, x, y, n);
  else for (let i = 0; i < n; i++) store<f64>(y + (<usize>i << 3), rare(op, load<f64>(x + (<usize>i << 3))));
}

/** One element of an op that costs more than the branches which find it. */
function rare(op: i32, x: f64): f64 {
  if (op == TANH) return floats(TANH, x);
  if (op == EXPM1) return floats(EXPM1, x);
  if (op == LOG1P) return floats(LOG1P, x);
  if (op == SIN) return floats(SIN, x);
  if (op == COS) return floats(COS, x);
  if (op == TAN) return floats(TAN, x);
  if (op == ASIN) return floats(ASIN, x);
  if (op == ACOS) return floats(ACOS, x);
  if (op == ATAN) return floats(ATAN, x);
  if (op == SINH) return floats(SINH, x);
  if (op == COSH) return floats(COSH, x);
  if (op == ASINH) return floats(ASINH, x);
  if (op == ACOSH) return floats(ACOSH, x);
  if (op == ATANH) return floats(ATANH, x);
  if (op == ELU) return floats(ELU, x);
  if (op == SELU) return floats(SELU, x);
  if (op == SOFTPLUS) return floats(SOFTPLUS, x);
  if (op == ERF) return floats(ERF, x);
  if (op == ERFC) return floats(ERFC, x);
  if (op == LGAMMA) return floats(LGAMMA, x);
  if (op == DIGAMMA) return floats(DIGAMMA, x);
  if (op == BESSEL_I0E) return floats(BESSEL_I0E, x);
  if (op == ERFINV) return floats(ERFINV, x);
  if (op == NDTRI) return floats(NDTRI, x);
  return floats(BESSEL_I1E, x);
}

// @ts-ignore: decorator
@inline
function integral<T>(op: i32, x: usize, y: usize, n: i32): void {
  if (op == NEG) simple<T>(NEG, x, y, n);
  else if (op == ABS) simple<T>(ABS, x, y, n);
  else if (op == SQUARE) loop<T>(SQUARE, x, y, n);
  else if (op == RELU) loop<T>(RELU, x, y, n);
  else if (op == RELU6) loop<T>(RELU6, x, y, n);
  else if (op == SIGN) loop<T>(SIGN, x, y, n);
  else if (op == RECIPROCAL) loop<T>(RECIPROCAL, x, y, n);
  else if (op == INVERT) loop<T>(INVERT, x, y, n);
  // So says TensorFlow 2.21 of the Round of integers, whatever they are.
  else if (op == RINT) memory.fill(y, 0, <usize>n * sizeof<T>());
  else if (x != y) memory.copy(y, x, <usize>n * sizeof<T>());
}

export function unary_i32(op: i32, x: usize, y: usize, n: i32): void {
  integral<i32>(op, x, y, n);
}
export function unary_i64(op: i32, x: usize, y: usize, n: i32): void {
  integral<i64>(op, x, y, n);
}
export function unary_i16(op: i32, x: usize, y: usize, n: i32): void {
  integral<i16>(op, x, y, n);
}
export function unary_i8(op: i32, x: usize, y: usize, n: i32): void {
  integral<i8>(op, x, y, n);
}
// Two's complement makes those of unsigned ones (Square, Invert, Relu) the same.
export function unary_u8(op: i32, x: usize, y: usize, n: i32): void {
  integral<u8>(op, x, y, n);
}

export function unary_u16(op: i32, x: usize, y: usize, n: i32): void {
  integral<u16>(op, x, y, n);
}
export function unary_u32(op: i32, x: usize, y: usize, n: i32): void {
  integral<u32>(op, x, y, n);
}
export function unary_u64(op: i32, x: usize, y: usize, n: i32): void {
  integral<u64>(op, x, y, n);
}

/** y = !x, on booleans. */
export function logical_not(x: usize, y: usize, n: i32): void {
  for (let i = 0; i < n; i++) store<u8>(y + i, load<u8>(x + i) ^ 1);
}

/** y = x > 0 ? x : alpha · x. */
export function leaky_relu_f64(x: usize, y: usize, n: i32, alpha: f64): void {
  for (let i = 0; i < n; i++) {
    const v = load<f64>(x + (<usize>i << 3));
    store<f64>(y + (<usize>i << 3), v > 0 ? v : alpha * v);
  }
}

/** y = x > 0 ? gradient : alpha · gradient. */
export function leaky_relu_grad_f64(gradient: usize, x: usize, y: usize, n: i32, alpha: f64): void {
  for (let i = 0; i < n; i++) {
    const at = <usize>i << 3;
    const g = load<f64>(gradient + at);
    store<f64>(y + at, load<f64>(x + at) > 0 ? g : alpha * g);
  }
}

const IS_NAN = 0;
const IS_INF = 1;

// @ts-ignore: decorator
@inline
function classify<T>(op: i32, x: usize, y: usize, n: i32): void {
  for (let i = 0; i < n; i++) {
    const v = load<T>(x + (<usize>i) * sizeof<T>());
    const r = op == IS_NAN ? v != v : op == IS_INF ? v - v != 0 && v == v : v - v == 0;
    store<u8>(y + i, <u8>r);
  }
}

/** op: 0 is NaN, 1 is infinite, 2 is finite. */
export function classify_f32(op: i32, x: usize, y: usize, n: i32): void {
  classify<f32>(op, x, y, n);
}
export function classify_f64(op: i32, x: usize, y: usize, n: i32): void {
  classify<f64>(op, x, y, n);
}
