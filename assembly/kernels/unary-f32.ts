// Elementwise f32 ops of one input, four lanes at a time: one export an op, `<op>_f32(x, y, n)`. y may be x. Tails go
// through the same code as whole vectors, so an element's value doesn't depend on its place.
// Each op is a function of its own: one function that held them all would take the compiler a minute.
import { erf_f32x4 } from "../math/erf";
import { exp_f32x4, expFlush } from "../math/exp";
import { expm1_f32x4, log1p_f32x4, softplus_f32x4 } from "../math/expm1";
import { log_f32x4 } from "../math/log";
import { sigmoid_f32x4, tanh_f32x4 } from "../math/tanh";
import { cos_f32x4, sin_f32x4 } from "../math/trig";

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
const EXPM1 = 15;
const LOG1P = 16;
const SIN = 17;
const COS = 18;
const ELU = 19;
const SELU = 20;
const SOFTPLUS = 21;
const SOFTSIGN = 22;
const ERF = 23;

const constants = memory.data<f32>([1.0, 6.0, 1.0507009873554805, 1.7580993408473768], 16);
const ONE: usize = 0;
const SIX: usize = 4;
const SCALE: usize = 8;
const SCALE_ALPHA: usize = 12;

// @ts-ignore: decorator
@inline
function constant(offset: usize): v128 {
  return v128.load32_splat(constants + offset);
}

// @ts-ignore: decorator
@inline
function plain(op: i32, x: v128): v128 {
  if (op == NEG) return f32x4.neg(x);
  if (op == ABS) return f32x4.abs(x);
  if (op == SQUARE) return f32x4.mul(x, x);
  if (op == SQRT) return f32x4.sqrt(x);
  if (op == RSQRT) return f32x4.div(constant(ONE), f32x4.sqrt(x));
  if (op == RECIPROCAL) return f32x4.div(constant(ONE), x);
  if (op == RELU) return f32x4.max(x, v128.xor(x, x));
  if (op == RELU6) return f32x4.min(f32x4.max(x, v128.xor(x, x)), constant(SIX));
  if (op == FLOOR) return f32x4.floor(x);
  if (op == CEIL) return f32x4.ceil(x);
  return f32x4.nearest(x);
}

// @ts-ignore: decorator
@inline
function vector(op: i32, x: v128): v128 {
  // What would be subnormal is 0, as in TensorFlow.
  if (op == EXP) return v128.andnot(exp_f32x4(x), f32x4.lt(x, expFlush()));
  if (op == LOG) return log_f32x4(x);
  if (op == TANH) return tanh_f32x4(x);
  if (op == SIGMOID) return sigmoid_f32x4(x);
  if (op == EXPM1) return expm1_f32x4(x);
  if (op == LOG1P) return log1p_f32x4(x);
  if (op == SIN) return sin_f32x4(x);
  if (op == COS) return cos_f32x4(x);
  if (op == ERF) return erf_f32x4(x);
  if (op == SOFTPLUS) return softplus_f32x4(x);
  if (op == SOFTSIGN) return f32x4.div(x, f32x4.add(constant(ONE), f32x4.abs(x)));
  // TensorFlow subtracts 1 from the rounded exponential here, cancellation and all.
  if (op == ELU) return v128.bitselect(f32x4.sub(exp_f32x4(x), constant(ONE)), x, f32x4.lt(x, v128.xor(x, x)));
  if (op == SELU) {
    const negative = f32x4.mul(constant(SCALE_ALPHA), f32x4.sub(exp_f32x4(x), constant(ONE)));
    return v128.bitselect(negative, f32x4.mul(constant(SCALE), x), f32x4.lt(x, v128.xor(x, x)));
  }
  return plain(op, x);
}

/** The last one to three f32, in a vector. */
function loadRest(x: usize, rest: i32): v128 {
  let tail = v128.load32_zero(x);
  if (rest > 1) tail = v128.load32_lane(x, tail, 1, 4);
  if (rest > 2) tail = v128.load32_lane(x, tail, 2, 8);
  return tail;
}

function storeRest(y: usize, tail: v128, rest: i32): void {
  v128.store32_lane(y, tail, 0);
  if (rest > 1) v128.store32_lane(y, tail, 1, 4);
  if (rest > 2) v128.store32_lane(y, tail, 2, 8);
}

/** Two vectors a turn: their chains of dependent operations overlap. */
// @ts-ignore: decorator
@inline
function lanes(op: i32, x: usize, y: usize, n: i32): void {
  const end = y + (<usize>(n & ~7) << 2);
  while (y < end) {
    const a = vector(op, v128.load(x));
    const b = vector(op, v128.load(x, 16));
    v128.store(y, a);
    v128.store(y, b, 16);
    x += 32;
    y += 32;
  }
  let rest = n & 7;
  // One body for what is left: a whole vector, then a partial one.
  while (rest > 0) {
    const some = min(rest, 4);
    const tail = vector(op, some == 4 ? v128.load(x) : loadRest(x, some));
    if (some == 4) v128.store(y, tail);
    else storeRest(y, tail, some);
    x += 16;
    y += 16;
    rest -= 4;
  }
}

export function neg_f32(x: usize, y: usize, n: i32): void {
  lanes(NEG, x, y, n);
}
export function abs_f32(x: usize, y: usize, n: i32): void {
  lanes(ABS, x, y, n);
}
export function square_f32(x: usize, y: usize, n: i32): void {
  lanes(SQUARE, x, y, n);
}
export function sqrt_f32(x: usize, y: usize, n: i32): void {
  lanes(SQRT, x, y, n);
}
export function rsqrt_f32(x: usize, y: usize, n: i32): void {
  lanes(RSQRT, x, y, n);
}
export function reciprocal_f32(x: usize, y: usize, n: i32): void {
  lanes(RECIPROCAL, x, y, n);
}
export function exp_f32(x: usize, y: usize, n: i32): void {
  lanes(EXP, x, y, n);
}
export function log_f32(x: usize, y: usize, n: i32): void {
  lanes(LOG, x, y, n);
}
export function tanh_f32(x: usize, y: usize, n: i32): void {
  lanes(TANH, x, y, n);
}
export function sigmoid_f32(x: usize, y: usize, n: i32): void {
  lanes(SIGMOID, x, y, n);
}
export function relu_f32(x: usize, y: usize, n: i32): void {
  lanes(RELU, x, y, n);
}
export function relu6_f32(x: usize, y: usize, n: i32): void {
  lanes(RELU6, x, y, n);
}
export function floor_f32(x: usize, y: usize, n: i32): void {
  lanes(FLOOR, x, y, n);
}
export function ceil_f32(x: usize, y: usize, n: i32): void {
  lanes(CEIL, x, y, n);
}
export function rint_f32(x: usize, y: usize, n: i32): void {
  lanes(RINT, x, y, n);
}
export function expm1_f32(x: usize, y: usize, n: i32): void {
  lanes(EXPM1, x, y, n);
}
export function log1p_f32(x: usize, y: usize, n: i32): void {
  lanes(LOG1P, x, y, n);
}
export function sin_f32(x: usize, y: usize, n: i32): void {
  lanes(SIN, x, y, n);
}
export function cos_f32(x: usize, y: usize, n: i32): void {
  lanes(COS, x, y, n);
}
export function elu_f32(x: usize, y: usize, n: i32): void {
  lanes(ELU, x, y, n);
}
export function selu_f32(x: usize, y: usize, n: i32): void {
  lanes(SELU, x, y, n);
}
export function softplus_f32(x: usize, y: usize, n: i32): void {
  lanes(SOFTPLUS, x, y, n);
}
export function softsign_f32(x: usize, y: usize, n: i32): void {
  lanes(SOFTSIGN, x, y, n);
}
export function erf_f32(x: usize, y: usize, n: i32): void {
  lanes(ERF, x, y, n);
}

/** y = x > 0 ? x : alpha · x. */
export function leaky_relu_f32(x: usize, y: usize, n: i32, alpha: f32): void {
  const slope = f32x4.splat(alpha);
  const end = y + (<usize>(n & ~3) << 2);
  while (y < end) {
    const v = v128.load(x);
    v128.store(y, v128.bitselect(v, f32x4.mul(slope, v), f32x4.gt(v, v128.xor(v, v))));
    x += 16;
    y += 16;
  }
  for (let i = n & 3; i > 0; i--) {
    const v = load<f32>(x);
    store<f32>(y, v > 0 ? v : alpha * v);
    x += 4;
    y += 4;
  }
}

/** y = x > 0 ? gradient : alpha · gradient. */
export function leaky_relu_grad_f32(gradient: usize, x: usize, y: usize, n: i32, alpha: f32): void {
  for (let i = 0; i < n; i++) {
    const at = <usize>i << 2;
    const g = load<f32>(gradient + at);
    store<f32>(y + at, load<f32>(x + at) > 0 ? g : alpha * g);
  }
}
