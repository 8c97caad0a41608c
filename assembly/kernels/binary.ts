// Elementwise ops of two inputs. An op is a number (src/ops/opcodes.ts has the names); each export serves one dtype.
// Two nested loops broadcast: over `outer` with the strides aOuter and bOuter (elements, 0 repeats), then over `inner`
// with aInner and bInner (0 or 1). More dimensions are the caller's loop. Writing over an input is legal.
// A result of 1 tells of an integer division by zero, 2 of a negative integer power.
import { polygamma_f64, zeta_f64 } from "../math/zeta";

const ADD = 0;
const SUB = 1;
const MUL = 2;
const DIV = 3;
const MAXIMUM = 4;
const MINIMUM = 5;
const SQUARED_DIFFERENCE = 6;
const FLOOR_DIV = 7;
const FLOOR_MOD = 8;
const TRUNCATE_MOD = 9;
const POW = 10;
const DIV_NO_NAN = 11;
const MUL_NO_NAN = 12;
const XDIVY = 13;
const XLOGY = 14;
const ATAN2 = 15;
const TANH_GRAD = 16;
const SIGMOID_GRAD = 17;
const SQRT_GRAD = 18;
const RSQRT_GRAD = 19;
const RECIPROCAL_GRAD = 20;
const RELU_GRAD = 21;
const RELU6_GRAD = 22;
const ELU_GRAD = 23;
const SELU_GRAD = 24;
const SOFTPLUS_GRAD = 25;
const SOFTSIGN_GRAD = 26;
const AND = 27;
const OR = 28;
const XOR = 29;
const SHIFT_LEFT = 30;
const SHIFT_RIGHT = 31;
const NEXT_AFTER = 32;
const TRUNCATE_DIV = 33;
const ZETA = 34;
const POLYGAMMA = 35;

const SELU_SCALE: f64 = 1.0507009873554804934193349852946;
const SELU_SCALE_ALPHA: f64 = 1.7580993408473768599402175208123;

let failure: i32 = 0;

/** The representable number beside a on the way to b. */
// @ts-ignore: decorator
@inline
function nextAfter<T>(a: T, b: T): T {
  if (a != a || b != b) return (a + b) as T;
  if (a == b) return b;
  if (sizeof<T>() == 4) {
    if (a == 0) return copysign<T>(<T>reinterpret<f32>(<u32>1), b);
    const bits = reinterpret<u32>(<f32>a);
    return <T>reinterpret<f32>(a < b == a > 0 ? bits + 1 : bits - 1);
  }
  if (a == 0) return copysign<T>(<T>reinterpret<f64>(<u64>1), b);
  const bits = reinterpret<u64>(<f64>a);
  return <T>reinterpret<f64>(a < b == a > 0 ? bits + 1 : bits - 1);
}

// @ts-ignore: decorator
@inline
function floats<T>(op: i32, a: T, b: T): T {
  if (op == DIV) return (a / b) as T;
  if (op == FLOOR_DIV) return <T>Math.floor(<f64>((a / b) as T));
  if (op == TRUNCATE_DIV) return <T>Math.trunc(<f64>((a / b) as T));
  if (op == FLOOR_MOD) {
    const r = <T>(<f64>a % <f64>b);
    return r != 0 && r < 0 != b < 0 ? ((r + b) as T) : r;
  }
  if (op == TRUNCATE_MOD) return <T>(<f64>a % <f64>b);
  // C's pow differs from ECMAScript's here, even with NaN.
  if (op == POW) return a == 1 || (a == -1 && abs<T>(b) == Infinity) ? <T>1 : <T>Math.pow(<f64>a, <f64>b);
  if (op == DIV_NO_NAN) return b == 0 ? <T>0 : ((a / b) as T);
  if (op == MUL_NO_NAN) return b == 0 ? <T>0 : ((a * b) as T);
  if (op == XDIVY) return a == 0 ? a : ((a / b) as T);
  if (op == XLOGY) return a == 0 ? a : <T>(<f64>a * Math.log(<f64>b));
  if (op == NEXT_AFTER) return nextAfter<T>(a, b);
  if (op == ZETA) return <T>zeta_f64(<f64>a, <f64>b);
  if (op == POLYGAMMA) return <T>polygamma_f64(<f64>a, <f64>b);
  if (op == ATAN2) return <T>Math.atan2(<f64>a, <f64>b);
  // Gradients: a is the output (or input) of the forward op as TensorFlow orders them, b what comes back.
  if (op == TANH_GRAD) return (b * (<T>1 - a * a)) as T;
  if (op == SIGMOID_GRAD) return (b * a * (<T>1 - a)) as T;
  // Nothing comes back through what nothing came to, even where the derivative is infinite.
  if (op == SQRT_GRAD) return b == 0 ? <T>0 : (((<T>0.5 * b) / a) as T);
  if (op == RSQRT_GRAD) return b == 0 ? <T>0 : ((<T>-0.5 * b * a * a * a) as T);
  if (op == RECIPROCAL_GRAD) return b == 0 ? <T>0 : ((-b * a * a) as T);
  // These take (gradient, features).
  if (op == ELU_GRAD) return b < 0 ? ((a * (b + <T>1)) as T) : a;
  if (op == SELU_GRAD) return b < 0 ? ((a * (b + <T>SELU_SCALE_ALPHA)) as T) : ((a * <T>SELU_SCALE) as T);
  if (op == SOFTPLUS_GRAD) return <T>(<f64>a / (Math.exp(-(<f64>b)) + 1));
  if (op == SOFTSIGN_GRAD) {
    const d = 1 + abs<f64>(<f64>b);
    return <T>(<f64>a / (d * d));
  }
  return a;
}

// @ts-ignore: decorator
@inline
function integers<T>(op: i32, a: T, b: T): T {
  if (op == AND) return (a & b) as T;
  if (op == OR) return (a | b) as T;
  if (op == XOR) return (a ^ b) as T;
  const last = <T>(8 * sizeof<T>() - 1);
  if (op == SHIFT_LEFT) return (a << (b < 0 ? <T>0 : b > last ? last : b)) as T;
  if (op == SHIFT_RIGHT) return (a >> (b < 0 ? <T>0 : b > last ? last : b)) as T;
  if (op == POW) {
    if (isSigned<T>() && b < 0) {
      failure = 2;
      return <T>0;
    }
    let result = <T>1;
    let base = a;
    for (let e = b; e > 0; e = (e >> 1) as T) {
      if (e & 1) result = (result * base) as T;
      base = (base * base) as T;
    }
    return result;
  }
  if (b == 0) {
    if (op == DIV_NO_NAN) return <T>0;
    failure = 1;
    return <T>0;
  }
  // The one quotient that doesn't fit wraps.
  if (isSigned<T>() && b == <T>-1) {
    if (op == DIV || op == FLOOR_DIV) return (<T>0 - a) as T;
    return <T>0;
  }
  if (op == DIV || op == DIV_NO_NAN) return (a / b) as T;
  if (op == TRUNCATE_MOD) return (a % b) as T;
  const r = (a % b) as T;
  if (op == FLOOR_MOD) return isSigned<T>() && r != 0 && r < 0 != b < 0 ? ((r + b) as T) : r;
  const q = (a / b) as T;
  return isSigned<T>() && r != 0 && r < 0 != b < 0 ? ((q - 1) as T) : q;
}

// @ts-ignore: decorator
@inline
function apply<T>(op: i32, a: T, b: T): T {
  if (op == ADD) return (a + b) as T;
  if (op == SUB) return (a - b) as T;
  if (op == MUL) return (a * b) as T;
  if (op == SQUARED_DIFFERENCE) return ((a - b) * (a - b)) as T;
  // NaN wins on either side, as in TensorFlow.
  if (op == MAXIMUM) return a != a ? a : b != b ? b : a > b ? a : b;
  if (op == MINIMUM) return a != a ? a : b != b ? b : a < b ? a : b;
  // (gradient, features): a product, so that signs of zeros, infinities and NaN come out as in TensorFlow.
  if (op == RELU_GRAD) return (a * (b > 0 ? <T>1 : <T>0)) as T;
  if (op == RELU6_GRAD) return (a * (b > 0 && b < 6 ? <T>1 : <T>0)) as T;
  if (isFloat<T>()) return floats<T>(op, a, b);
  return integers<T>(op, a, b);
}

// @ts-ignore: decorator
@inline
function vector<T>(op: i32, a: v128, b: v128): v128 {
  if (op == ADD) return v128.add<T>(a, b);
  if (op == SUB) return v128.sub<T>(a, b);
  if (isFloat<T>()) {
    if (op == DIV) return v128.div<T>(a, b);
    if (op == RELU_GRAD) {
      return v128.mul<T>(a, v128.and(v128.gt<T>(b, v128.splat<T>(<T>0)), v128.splat<T>(<T>1)));
    }
    if (op == TANH_GRAD) return v128.mul<T>(b, v128.sub<T>(v128.splat<T>(<T>1), v128.mul<T>(a, a)));
    if (op == SIGMOID_GRAD) return v128.mul<T>(v128.mul<T>(b, a), v128.sub<T>(v128.splat<T>(<T>1), a));
  }
  if (isFloat<T>() || sizeof<T>() == 4) {
    if (op == MUL) return v128.mul<T>(a, b);
    if (op == MAXIMUM) return v128.max<T>(a, b);
    if (op == MINIMUM) return v128.min<T>(a, b);
    const d = v128.sub<T>(a, b);
    return v128.mul<T>(d, d);
  }
  return a;
}

// @ts-ignore: decorator
@inline
function loop<T>(op: i32, simd: bool, a: usize, b: usize, y: usize, outer: i32, inner: i32, aOuter: i32, bOuter: i32, aInner: i32, bInner: i32): void {
  const size = sizeof<T>();
  const lanes = <i32>(16 / sizeof<T>());
  for (let o = 0; o < outer; o++) {
    let pa = a + (<usize>o * <usize>aOuter) * size;
    let pb = b + (<usize>o * <usize>bOuter) * size;
    let i = 0;
    if (simd && inner >= lanes && (aInner | bInner) != 0) {
      const whole = inner - lanes;
      if (aInner == 0) {
        const va = v128.splat<T>(load<T>(pa));
        for (; i <= whole; i += lanes) {
          v128.store(y, vector<T>(op, va, v128.load(pb)));
          pb += 16;
          y += 16;
        }
      } else if (bInner == 0) {
        const vb = v128.splat<T>(load<T>(pb));
        for (; i <= whole; i += lanes) {
          v128.store(y, vector<T>(op, v128.load(pa), vb));
          pa += 16;
          y += 16;
        }
      } else {
        for (; i <= whole; i += lanes) {
          v128.store(y, vector<T>(op, v128.load(pa), v128.load(pb)));
          pa += 16;
          pb += 16;
          y += 16;
        }
      }
    }
    const da = <usize>aInner * size;
    const db = <usize>bInner * size;
    for (; i < inner; i++) {
      store<T>(y, apply<T>(op, load<T>(pa), load<T>(pb)));
      pa += da;
      pb += db;
      y += size;
    }
  }
}

// @ts-ignore: decorator
@inline
function arithmetic<T>(simd: bool, op: i32, a: usize, b: usize, y: usize, outer: i32, inner: i32, ao: i32, bo: i32, ai: i32, bi: i32): i32 {
  failure = 0;
  if (op == ADD) loop<T>(ADD, simd, a, b, y, outer, inner, ao, bo, ai, bi);
  else if (op == SUB) loop<T>(SUB, simd, a, b, y, outer, inner, ao, bo, ai, bi);
  else if (op == MUL) loop<T>(MUL, simd && sizeof<T>() != 8, a, b, y, outer, inner, ao, bo, ai, bi);
  else if (op == MAXIMUM) loop<T>(MAXIMUM, simd && sizeof<T>() == 4, a, b, y, outer, inner, ao, bo, ai, bi);
  else if (op == MINIMUM) loop<T>(MINIMUM, simd && sizeof<T>() == 4, a, b, y, outer, inner, ao, bo, ai, bi);
  else if (op == SQUARED_DIFFERENCE) loop<T>(SQUARED_DIFFERENCE, simd && sizeof<T>() != 8, a, b, y, outer, inner, ao, bo, ai, bi);
  else if (op == FLOOR_DIV) loop<T>(FLOOR_DIV, false, a, b, y, outer, inner, ao, bo, ai, bi);
  else if (op == FLOOR_MOD) loop<T>(FLOOR_MOD, false, a, b, y, outer, inner, ao, bo, ai, bi);
  else if (op == TRUNCATE_MOD) loop<T>(TRUNCATE_MOD, false, a, b, y, outer, inner, ao, bo, ai, bi);
  else if (op == POW) loop<T>(POW, false, a, b, y, outer, inner, ao, bo, ai, bi);
  else if (op == DIV) loop<T>(DIV, isFloat<T>() && simd, a, b, y, outer, inner, ao, bo, ai, bi);
  else if (op == TRUNCATE_DIV) loop<T>(isFloat<T>() ? TRUNCATE_DIV : DIV, false, a, b, y, outer, inner, ao, bo, ai, bi);
  else if (op == DIV_NO_NAN) loop<T>(DIV_NO_NAN, false, a, b, y, outer, inner, ao, bo, ai, bi);
  return failure;
}

// @ts-ignore: decorator
@inline
function floating<T>(op: i32, a: usize, b: usize, y: usize, outer: i32, inner: i32, ao: i32, bo: i32, ai: i32, bi: i32): i32 {
  if (op == MUL_NO_NAN) loop<T>(MUL_NO_NAN, false, a, b, y, outer, inner, ao, bo, ai, bi);
  else if (op == ZETA) loop<T>(ZETA, false, a, b, y, outer, inner, ao, bo, ai, bi);
  else if (op == POLYGAMMA) loop<T>(POLYGAMMA, false, a, b, y, outer, inner, ao, bo, ai, bi);
  else if (op == XDIVY) loop<T>(XDIVY, false, a, b, y, outer, inner, ao, bo, ai, bi);
  else if (op == XLOGY) loop<T>(XLOGY, false, a, b, y, outer, inner, ao, bo, ai, bi);
  else if (op == NEXT_AFTER) loop<T>(NEXT_AFTER, false, a, b, y, outer, inner, ao, bo, ai, bi);
  else if (op == ATAN2) loop<T>(ATAN2, false, a, b, y, outer, inner, ao, bo, ai, bi);
  else if (op == TANH_GRAD) loop<T>(TANH_GRAD, true, a, b, y, outer, inner, ao, bo, ai, bi);
  else if (op == SIGMOID_GRAD) loop<T>(SIGMOID_GRAD, true, a, b, y, outer, inner, ao, bo, ai, bi);
  else if (op == SQRT_GRAD) loop<T>(SQRT_GRAD, false, a, b, y, outer, inner, ao, bo, ai, bi);
  else if (op == RSQRT_GRAD) loop<T>(RSQRT_GRAD, false, a, b, y, outer, inner, ao, bo, ai, bi);
  else if (op == RECIPROCAL_GRAD) loop<T>(RECIPROCAL_GRAD, false, a, b, y, outer, inner, ao, bo, ai, bi);
  else if (op == RELU_GRAD) loop<T>(RELU_GRAD, true, a, b, y, outer, inner, ao, bo, ai, bi);
  else if (op == RELU6_GRAD) loop<T>(RELU6_GRAD, false, a, b, y, outer, inner, ao, bo, ai, bi);
  else if (op == ELU_GRAD) loop<T>(ELU_GRAD, false, a, b, y, outer, inner, ao, bo, ai, bi);
  else if (op == SELU_GRAD) loop<T>(SELU_GRAD, false, a, b, y, outer, inner, ao, bo, ai, bi);
  else if (op == SOFTPLUS_GRAD) loop<T>(SOFTPLUS_GRAD, false, a, b, y, outer, inner, ao, bo, ai, bi);
  else if (op == SOFTSIGN_GRAD) loop<T>(SOFTSIGN_GRAD, false, a, b, y, outer, inner, ao, bo, ai, bi);
  else return arithmetic<T>(true, op, a, b, y, outer, inner, ao, bo, ai, bi);
  return 0;
}

// @ts-ignore: decorator
@inline
function integral<T>(simd: bool, op: i32, a: usize, b: usize, y: usize, outer: i32, inner: i32, ao: i32, bo: i32, ai: i32, bi: i32): i32 {
  if (op == AND) loop<T>(AND, false, a, b, y, outer, inner, ao, bo, ai, bi);
  else if (op == OR) loop<T>(OR, false, a, b, y, outer, inner, ao, bo, ai, bi);
  else if (op == XOR) loop<T>(XOR, false, a, b, y, outer, inner, ao, bo, ai, bi);
  else if (op == RELU_GRAD) loop<T>(RELU_GRAD, false, a, b, y, outer, inner, ao, bo, ai, bi);
  else if (op == RELU6_GRAD) loop<T>(RELU6_GRAD, false, a, b, y, outer, inner, ao, bo, ai, bi);
  else if (op == SHIFT_LEFT) loop<T>(SHIFT_LEFT, false, a, b, y, outer, inner, ao, bo, ai, bi);
  else if (op == SHIFT_RIGHT) loop<T>(SHIFT_RIGHT, false, a, b, y, outer, inner, ao, bo, ai, bi);
  else return arithmetic<T>(simd, op, a, b, y, outer, inner, ao, bo, ai, bi);
  return 0;
}

export function binary_f32(op: i32, a: usize, b: usize, y: usize, outer: i32, inner: i32, ao: i32, bo: i32, ai: i32, bi: i32): i32 {
  return floating<f32>(op, a, b, y, outer, inner, ao, bo, ai, bi);
}
export function binary_f64(op: i32, a: usize, b: usize, y: usize, outer: i32, inner: i32, ao: i32, bo: i32, ai: i32, bi: i32): i32 {
  return floating<f64>(op, a, b, y, outer, inner, ao, bo, ai, bi);
}
export function binary_i32(op: i32, a: usize, b: usize, y: usize, outer: i32, inner: i32, ao: i32, bo: i32, ai: i32, bi: i32): i32 {
  return integral<i32>(true, op, a, b, y, outer, inner, ao, bo, ai, bi);
}
export function binary_i64(op: i32, a: usize, b: usize, y: usize, outer: i32, inner: i32, ao: i32, bo: i32, ai: i32, bi: i32): i32 {
  return integral<i64>(true, op, a, b, y, outer, inner, ao, bo, ai, bi);
}
export function binary_i8(op: i32, a: usize, b: usize, y: usize, outer: i32, inner: i32, ao: i32, bo: i32, ai: i32, bi: i32): i32 {
  return integral<i8>(false, op, a, b, y, outer, inner, ao, bo, ai, bi);
}
export function binary_u8(op: i32, a: usize, b: usize, y: usize, outer: i32, inner: i32, ao: i32, bo: i32, ai: i32, bi: i32): i32 {
  return integral<u8>(false, op, a, b, y, outer, inner, ao, bo, ai, bi);
}
export function binary_i16(op: i32, a: usize, b: usize, y: usize, outer: i32, inner: i32, ao: i32, bo: i32, ai: i32, bi: i32): i32 {
  return integral<i16>(false, op, a, b, y, outer, inner, ao, bo, ai, bi);
}
export function binary_u16(op: i32, a: usize, b: usize, y: usize, outer: i32, inner: i32, ao: i32, bo: i32, ai: i32, bi: i32): i32 {
  return integral<u16>(false, op, a, b, y, outer, inner, ao, bo, ai, bi);
}
export function binary_u32(op: i32, a: usize, b: usize, y: usize, outer: i32, inner: i32, ao: i32, bo: i32, ai: i32, bi: i32): i32 {
  return integral<u32>(false, op, a, b, y, outer, inner, ao, bo, ai, bi);
}
export function binary_u64(op: i32, a: usize, b: usize, y: usize, outer: i32, inner: i32, ao: i32, bo: i32, ai: i32, bi: i32): i32 {
  return integral<u64>(false, op, a, b, y, outer, inner, ao, bo, ai, bi);
}
