// Elementwise ops of one input. An op is a number (src/ops/opcodes.ts); each export serves one dtype. y may be x.
// Float32 exp, log, tanh, sigmoid and their like run four lanes at a time; what is rare goes through f64 and is
// rounded once, which is within 1 unit in the last place.
import { exp_f32x4 } from "../math/exp";
import { log_f32x4 } from "../math/log";
import { tanh_f32x4 } from "../math/tanh";

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

// @ts-ignore: decorator
@inline
function floats(op: i32, x: f64): f64 {
  if (op == EXP) return Math.exp(x);
  if (op == LOG) return Math.log(x);
  if (op == TANH) return Math.tanh(x);
  if (op == SIGMOID) return 1 / (1 + Math.exp(-x));
  if (op == FLOOR) return Math.floor(x);
  if (op == CEIL) return Math.ceil(x);
  if (op == RINT) return nearest<f64>(x);
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
  if (op == ELU) return x < 0 ? Math.expm1(x) : x;
  if (op == SELU) return x < 0 ? 1.7580993408473768 * Math.expm1(x) : 1.0507009873554805 * x;
  if (op == SOFTPLUS) return x > 0 ? x + Math.log1p(Math.exp(-x)) : Math.log1p(Math.exp(x));
  return x / (1 + abs<f64>(x));
}

// @ts-ignore: decorator
@inline
function apply<T>(op: i32, x: T): T {
  if (op == NEG) return (isFloat<T>() ? -x : <T>0 - x) as T;
  if (op == ABS) return isFloat<T>() ? abs<T>(x) : x < 0 ? ((<T>0 - x) as T) : x;
  if (op == SQUARE) return (x * x) as T;
  // NaN passes: it is neither above nor below.
  if (op == RELU) return x < 0 ? <T>0 : x;
  if (op == RELU6) return x < 0 ? <T>0 : x > 6 ? <T>6 : x;
  if (op == SIGN) return x > 0 ? <T>1 : x < 0 ? <T>-1 : x;
  if (op == INVERT) return isInteger<T>() ? ((x ^ <T>-1) as T) : x;
  if (isFloat<T>()) {
    if (op == SQRT) return sqrt<T>(x);
    if (op == RSQRT) return (<T>1 / sqrt<T>(x)) as T;
    if (op == RECIPROCAL) return (<T>1 / x) as T;
    return <T>floats(op, <f64>x);
  }
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

// @ts-ignore: decorator
@inline
function vector(op: i32, x: v128): v128 {
  if (op == NEG) return f32x4.neg(x);
  if (op == ABS) return f32x4.abs(x);
  if (op == SQUARE) return f32x4.mul(x, x);
  if (op == SQRT) return f32x4.sqrt(x);
  if (op == RSQRT) return f32x4.div(f32x4.splat(1), f32x4.sqrt(x));
  if (op == RECIPROCAL) return f32x4.div(f32x4.splat(1), x);
  if (op == EXP) return exp_f32x4(x);
  if (op == LOG) return log_f32x4(x);
  if (op == TANH) return tanh_f32x4(x);
  if (op == SIGMOID) {
    const one = f32x4.splat(1);
    return f32x4.div(one, f32x4.add(one, exp_f32x4(f32x4.neg(x))));
  }
  if (op == RELU) return f32x4.max(x, f32x4.splat(0));
  if (op == RELU6) return f32x4.min(f32x4.max(x, f32x4.splat(0)), f32x4.splat(6));
  if (op == FLOOR) return f32x4.floor(x);
  if (op == CEIL) return f32x4.ceil(x);
  return f32x4.nearest(x);
}

/** Whole vectors in place; the tail goes through a vector of its own so that its values are the same. */
// @ts-ignore: decorator
@inline
function lanes(op: i32, x: usize, y: usize, n: i32): void {
  const end = y + (<usize>(n & ~3) << 2);
  while (y < end) {
    v128.store(y, vector(op, v128.load(x)));
    x += 16;
    y += 16;
  }
  const rest = n & 3;
  if (rest == 0) return;
  let tail = v128.load32_zero(x);
  if (rest > 1) tail = f32x4.replace_lane(tail, 1, load<f32>(x, 4));
  if (rest > 2) tail = f32x4.replace_lane(tail, 2, load<f32>(x, 8));
  tail = vector(op, tail);
  store<f32>(y, f32x4.extract_lane(tail, 0));
  if (rest > 1) store<f32>(y, f32x4.extract_lane(tail, 1), 4);
  if (rest > 2) store<f32>(y, f32x4.extract_lane(tail, 2), 8);
}

// @ts-ignore: decorator
@inline
function floating<T>(op: i32, x: usize, y: usize, n: i32): void {
  if (op == NEG) loop<T>(NEG, x, y, n);
  else if (op == ABS) loop<T>(ABS, x, y, n);
  else if (op == SQUARE) loop<T>(SQUARE, x, y, n);
  else if (op == SQRT) loop<T>(SQRT, x, y, n);
  else if (op == RSQRT) loop<T>(RSQRT, x, y, n);
  else if (op == RECIPROCAL) loop<T>(RECIPROCAL, x, y, n);
  else if (op == EXP) loop<T>(EXP, x, y, n);
  else if (op == LOG) loop<T>(LOG, x, y, n);
  else if (op == TANH) loop<T>(TANH, x, y, n);
  else if (op == SIGMOID) loop<T>(SIGMOID, x, y, n);
  else if (op == RELU) loop<T>(RELU, x, y, n);
  else if (op == RELU6) loop<T>(RELU6, x, y, n);
  else if (op == FLOOR) loop<T>(FLOOR, x, y, n);
  else if (op == CEIL) loop<T>(CEIL, x, y, n);
  else if (op == RINT) loop<T>(RINT, x, y, n);
  else rare<T>(op, x, y, n);
}

// @ts-ignore: decorator
@inline
function rare<T>(op: i32, x: usize, y: usize, n: i32): void {
  if (op == SIGN) loop<T>(SIGN, x, y, n);
  else if (op == EXPM1) loop<T>(EXPM1, x, y, n);
  else if (op == LOG1P) loop<T>(LOG1P, x, y, n);
  else if (op == SIN) loop<T>(SIN, x, y, n);
  else if (op == COS) loop<T>(COS, x, y, n);
  else if (op == TAN) loop<T>(TAN, x, y, n);
  else if (op == ASIN) loop<T>(ASIN, x, y, n);
  else if (op == ACOS) loop<T>(ACOS, x, y, n);
  else if (op == ATAN) loop<T>(ATAN, x, y, n);
  else if (op == SINH) loop<T>(SINH, x, y, n);
  else if (op == COSH) loop<T>(COSH, x, y, n);
  else if (op == ASINH) loop<T>(ASINH, x, y, n);
  else if (op == ACOSH) loop<T>(ACOSH, x, y, n);
  else if (op == ATANH) loop<T>(ATANH, x, y, n);
  else if (op == ELU) loop<T>(ELU, x, y, n);
  else if (op == SELU) loop<T>(SELU, x, y, n);
  else if (op == SOFTPLUS) loop<T>(SOFTPLUS, x, y, n);
  else loop<T>(SOFTSIGN, x, y, n);
}

export function unary_f32(op: i32, x: usize, y: usize, n: i32): void {
  if (op == NEG) lanes(NEG, x, y, n);
  else if (op == ABS) lanes(ABS, x, y, n);
  else if (op == SQUARE) lanes(SQUARE, x, y, n);
  else if (op == SQRT) lanes(SQRT, x, y, n);
  else if (op == RSQRT) lanes(RSQRT, x, y, n);
  else if (op == RECIPROCAL) lanes(RECIPROCAL, x, y, n);
  else if (op == EXP) lanes(EXP, x, y, n);
  else if (op == LOG) lanes(LOG, x, y, n);
  else if (op == TANH) lanes(TANH, x, y, n);
  else if (op == SIGMOID) lanes(SIGMOID, x, y, n);
  else if (op == RELU) lanes(RELU, x, y, n);
  else if (op == RELU6) lanes(RELU6, x, y, n);
  else if (op == FLOOR) lanes(FLOOR, x, y, n);
  else if (op == CEIL) lanes(CEIL, x, y, n);
  else if (op == RINT) lanes(RINT, x, y, n);
  else rare<f32>(op, x, y, n);
}

export function unary_f64(op: i32, x: usize, y: usize, n: i32): void {
  floating<f64>(op, x, y, n);
}

// @ts-ignore: decorator
@inline
function integral<T>(op: i32, x: usize, y: usize, n: i32): void {
  if (op == NEG) loop<T>(NEG, x, y, n);
  else if (op == ABS) loop<T>(ABS, x, y, n);
  else if (op == SQUARE) loop<T>(SQUARE, x, y, n);
  else if (op == RELU) loop<T>(RELU, x, y, n);
  else if (op == RELU6) loop<T>(RELU6, x, y, n);
  else if (op == SIGN) loop<T>(SIGN, x, y, n);
  else if (op == RECIPROCAL) loop<T>(RECIPROCAL, x, y, n);
  else if (op == INVERT) loop<T>(INVERT, x, y, n);
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
export function unary_u8(op: i32, x: usize, y: usize, n: i32): void {
  integral<u8>(op, x, y, n);
}

/** y = !x, on booleans. */
export function logical_not(x: usize, y: usize, n: i32): void {
  for (let i = 0; i < n; i++) store<u8>(y + i, load<u8>(x + i) ^ 1);
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
