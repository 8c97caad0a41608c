// Updates by the gradient's sign and by the largest gradient so far, in place, element by element. Arguments as in
// update.ts.
import { signOf } from "../math/sign";
import { flushed, product, towards } from "../math/subnormal";

/** As in TensorFlow a number that is NaN leaves what was the largest. */
// @ts-ignore: decorator
@inline
function larger<T>(kept: T, x: T): T {
  return x > kept ? x : kept;
}

// @ts-ignore: decorator
@inline
function adaMax<T>(v: usize, m: usize, u: usize, g: usize, n: i32, rate: T, b1: T, b2: T, eps: T): void {
  for (let i = 0; i < n; i++) {
    const at = <usize>i * sizeof<T>();
    const gradient = load<T>(g + at);
    const first = towards<T>(load<T>(m + at), gradient, (<T>1 - b1) as T);
    const largest = larger<T>((b2 * load<T>(u + at)) as T, abs<T>(gradient));
    store<T>(m + at, flushed<T>(first));
    store<T>(u + at, flushed<T>(largest));
    store<T>(v + at, flushed<T>((load<T>(v + at) - rate * (first / (largest + eps))) as T));
  }
}

export function apply_ada_max_f32(v: usize, m: usize, u: usize, g: usize, n: i32, rate: f32, b1: f32, b2: f32, eps: f32): void {
  adaMax<f32>(v, m, u, g, n, rate, b1, b2, eps);
}
export function apply_ada_max_f64(v: usize, m: usize, u: usize, g: usize, n: i32, rate: f64, b1: f64, b2: f64, eps: f64): void {
  adaMax<f64>(v, m, u, g, n, rate, b1, b2, eps);
}

/** `alpha` is lr · √(1 − β₂ᵗ) / (1 − β₁ᵗ); `w` keeps the largest second moment. */
// @ts-ignore: decorator
@inline
function amsgrad<T>(v: usize, m: usize, u: usize, w: usize, g: usize, n: i32, alpha: T, b1: T, b2: T, eps: T): void {
  for (let i = 0; i < n; i++) {
    const at = <usize>i * sizeof<T>();
    const gradient = load<T>(g + at);
    const first = towards<T>(load<T>(m + at), gradient, (<T>1 - b1) as T);
    const second = towards<T>(load<T>(u + at), (gradient * gradient) as T, (<T>1 - b2) as T);
    const largest = larger<T>(load<T>(w + at), second);
    store<T>(m + at, flushed<T>(first));
    store<T>(u + at, flushed<T>(second));
    store<T>(w + at, flushed<T>(largest));
    store<T>(v + at, flushed<T>((load<T>(v + at) - product<T>(first, alpha) / (sqrt<T>(largest) + eps)) as T));
  }
}

export function apply_amsgrad_f32(
  v: usize, m: usize, u: usize, w: usize, g: usize, n: i32, alpha: f32, b1: f32, b2: f32, eps: f32,
): void {
  amsgrad<f32>(v, m, u, w, g, n, alpha, b1, b2, eps);
}
export function apply_amsgrad_f64(
  v: usize, m: usize, u: usize, w: usize, g: usize, n: i32, alpha: f64, b1: f64, b2: f64, eps: f64,
): void {
  amsgrad<f64>(v, m, u, w, g, n, alpha, b1, b2, eps);
}

/** Steps `same` times the gradient where it points as its average does, `opposite` times where it points back. */
// @ts-ignore: decorator
@inline
function bySign<T>(v: usize, m: usize, g: usize, n: i32, lr: T, beta: T, same: T, even: T, opposite: T): void {
  for (let i = 0; i < n; i++) {
    const at = <usize>i * sizeof<T>();
    const gradient = load<T>(g + at);
    const average = (load<T>(m + at) * beta + gradient * (<T>1 - beta)) as T;
    store<T>(m + at, flushed<T>(average));
    const sign = (signOf<T>(gradient) * signOf<T>(average)) as T;
    const scale: T = sign > 0 ? same : sign < 0 ? opposite : ((even + sign) as T);
    store<T>(v + at, flushed<T>((load<T>(v + at) - lr * scale * gradient) as T));
  }
}

export function apply_by_sign_f32(
  v: usize, m: usize, g: usize, n: i32, lr: f32, beta: f32, same: f32, even: f32, opposite: f32,
): void {
  bySign<f32>(v, m, g, n, lr, beta, same, even, opposite);
}
export function apply_by_sign_f64(
  v: usize, m: usize, g: usize, n: i32, lr: f64, beta: f64, same: f64, even: f64, opposite: f64,
): void {
  bySign<f64>(v, m, g, n, lr, beta, same, even, opposite);
}
