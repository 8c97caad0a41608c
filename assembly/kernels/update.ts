// Optimizer updates in place, in the order of operations of TensorFlow's CPU kernels, so that losses track. Here are those
// that go along the gradient, with or without momentum. Arrays come first (the variable, its slots, the gradient), then how
// many elements, then scalars by value. Each body is written once, for vectors of f32 or f64; what is left over runs
// through it one lane at a time.
import { get, isWhole, putFlushed } from "../math/lanes";

// @ts-ignore: decorator
@inline
function gradientDescentStep<T>(v: usize, g: usize, whole: bool, lr: T): void {
  putFlushed<T>(v, v128.sub<T>(get<T>(v, whole), v128.mul<T>(get<T>(g, whole), v128.splat<T>(lr))), whole);
}

// @ts-ignore: decorator
@inline
function gradientDescent<T>(v: usize, g: usize, n: i32, lr: T): void {
  while (n > 0) {
    const whole = isWhole<T>(n);
    if (whole) gradientDescentStep<T>(v, g, true, lr);
    else gradientDescentStep<T>(v, g, false, lr);
    const bytes: usize = whole ? 16 : sizeof<T>();
    v += bytes;
    g += bytes;
    n -= whole ? 16 / <i32>sizeof<T>() : 1;
  }
}

export function apply_gradient_descent_f32(v: usize, g: usize, n: i32, lr: f32): void {
  gradientDescent<f32>(v, g, n, lr);
}
export function apply_gradient_descent_f64(v: usize, g: usize, n: i32, lr: f64): void {
  gradientDescent<f64>(v, g, n, lr);
}

// @ts-ignore: decorator
@inline
function momentumStep<T>(v: usize, a: usize, g: usize, whole: bool, lr: T, m: T, nesterov: bool): void {
  const gradient = get<T>(g, whole);
  const accumulated = v128.add<T>(v128.mul<T>(get<T>(a, whole), v128.splat<T>(m)), gradient);
  putFlushed<T>(a, accumulated, whole);
  let step = v128.mul<T>(accumulated, v128.splat<T>(lr));
  if (nesterov) {
    const ahead = v128.mul<T>(v128.mul<T>(accumulated, v128.splat<T>(m)), v128.splat<T>(lr));
    step = v128.add<T>(v128.mul<T>(gradient, v128.splat<T>(lr)), ahead);
  }
  putFlushed<T>(v, v128.sub<T>(get<T>(v, whole), step), whole);
}

// @ts-ignore: decorator
@inline
function momentum<T>(v: usize, a: usize, g: usize, n: i32, lr: T, m: T, nesterov: bool): void {
  while (n > 0) {
    const whole = isWhole<T>(n);
    if (whole) momentumStep<T>(v, a, g, true, lr, m, nesterov);
    else momentumStep<T>(v, a, g, false, lr, m, nesterov);
    const bytes: usize = whole ? 16 : sizeof<T>();
    v += bytes;
    a += bytes;
    g += bytes;
    n -= whole ? 16 / <i32>sizeof<T>() : 1;
  }
}

export function apply_momentum_f32(v: usize, a: usize, g: usize, n: i32, lr: f32, m: f32, nesterov: i32): void {
  momentum<f32>(v, a, g, n, lr, m, nesterov != 0);
}
export function apply_momentum_f64(v: usize, a: usize, g: usize, n: i32, lr: f64, m: f64, nesterov: i32): void {
  momentum<f64>(v, a, g, n, lr, m, nesterov != 0);
}

/** The slot holds the step itself, learning rate and sign included. */
// @ts-ignore: decorator
@inline
function kerasMomentumStep<T>(v: usize, a: usize, g: usize, whole: bool, lr: T, m: T, nesterov: bool): void {
  const step = v128.mul<T>(get<T>(g, whole), v128.splat<T>(lr));
  const kept = v128.sub<T>(v128.mul<T>(get<T>(a, whole), v128.splat<T>(m)), step);
  putFlushed<T>(a, kept, whole);
  const ahead = nesterov ? v128.sub<T>(v128.mul<T>(kept, v128.splat<T>(m)), step) : kept;
  putFlushed<T>(v, v128.add<T>(get<T>(v, whole), ahead), whole);
}

// @ts-ignore: decorator
@inline
function kerasMomentum<T>(v: usize, a: usize, g: usize, n: i32, lr: T, m: T, nesterov: bool): void {
  while (n > 0) {
    const whole = isWhole<T>(n);
    if (whole) kerasMomentumStep<T>(v, a, g, true, lr, m, nesterov);
    else kerasMomentumStep<T>(v, a, g, false, lr, m, nesterov);
    const bytes: usize = whole ? 16 : sizeof<T>();
    v += bytes;
    a += bytes;
    g += bytes;
    n -= whole ? 16 / <i32>sizeof<T>() : 1;
  }
}

export function apply_keras_momentum_f32(v: usize, a: usize, g: usize, n: i32, lr: f32, m: f32, nesterov: i32): void {
  kerasMomentum<f32>(v, a, g, n, lr, m, nesterov != 0);
}
export function apply_keras_momentum_f64(v: usize, a: usize, g: usize, n: i32, lr: f64, m: f64, nesterov: i32): void {
  kerasMomentum<f64>(v, a, g, n, lr, m, nesterov != 0);
}
