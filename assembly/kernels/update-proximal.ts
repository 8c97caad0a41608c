// Updates that pull a variable towards zero, in place, element by element: Ftrl, the proximal ones, dual averaging.
// Arguments as in update.ts.
import { signOf } from "../math/sign";
import { flushed } from "../math/subnormal";

/**
 * `shrinkage` pulls the gradient towards the variable (Ftrl V2); 0 leaves it. With `byRate` the linear slot is kept
 * multiplied by the learning rate.
 */
// @ts-ignore: decorator
@inline
function ftrl<T>(
  v: usize, a: usize, l: usize, g: usize, n: i32, lr: T, l1: T, l2: T, shrinkage: T, power: T, byRate: bool,
): void {
  const plain = power == -0.5;
  const rate: T = byRate ? lr : <T>1;
  const divisor: T = byRate ? <T>1 : lr;
  for (let i = 0; i < n; i++) {
    const at = <usize>i * sizeof<T>();
    const gradient = load<T>(g + at);
    const value = load<T>(v + at);
    const before = load<T>(a + at);
    const after = (before + gradient * gradient) as T;
    const root = plain ? sqrt<T>(after) : <T>Math.pow(<f64>after, <f64>-power);
    const oldRoot = plain ? sqrt<T>(before) : <T>Math.pow(<f64>before, <f64>-power);
    const shrunk = (gradient + <T>2 * shrinkage * value) as T;
    const linear = (load<T>(l + at) + shrunk * rate - ((root - oldRoot) / divisor) * value) as T;
    const bottom = (root / divisor + <T>2 * l2 * rate) as T;
    const limit = (l1 * rate) as T;
    const signed: T = linear > 0 ? limit : linear < 0 ? (-limit as T) : <T>0;
    store<T>(v + at, flushed<T>(abs<T>(linear) > limit ? (((signed - linear) / bottom) as T) : <T>0));
    store<T>(a + at, flushed<T>(after));
    store<T>(l + at, flushed<T>(linear));
  }
}

export function apply_ftrl_f32(
  v: usize, a: usize, l: usize, g: usize, n: i32, lr: f32, l1: f32, l2: f32, shrinkage: f32, power: f32, byRate: i32,
): void {
  ftrl<f32>(v, a, l, g, n, lr, l1, l2, shrinkage, power, byRate != 0);
}
export function apply_ftrl_f64(
  v: usize, a: usize, l: usize, g: usize, n: i32, lr: f64, l1: f64, l2: f64, shrinkage: f64, power: f64, byRate: i32,
): void {
  ftrl<f64>(v, a, l, g, n, lr, l1, l2, shrinkage, power, byRate != 0);
}

// @ts-ignore: decorator
@inline
function proximal<T>(v: usize, g: usize, n: i32, lr: T, l1: T, l2: T): void {
  const scale = (<T>1 + l2 * lr) as T;
  for (let i = 0; i < n; i++) {
    const at = <usize>i * sizeof<T>();
    const moved = (load<T>(v + at) - load<T>(g + at) * lr) as T;
    const shrunk = l1 > 0 ? copysign<T>(max<T>((abs<T>(moved) - lr * l1) as T, <T>0), moved) : moved;
    store<T>(v + at, flushed<T>((shrunk / scale) as T));
  }
}

export function apply_proximal_gradient_descent_f32(v: usize, g: usize, n: i32, lr: f32, l1: f32, l2: f32): void {
  proximal<f32>(v, g, n, lr, l1, l2);
}
export function apply_proximal_gradient_descent_f64(v: usize, g: usize, n: i32, lr: f64, l1: f64, l2: f64): void {
  proximal<f64>(v, g, n, lr, l1, l2);
}

// @ts-ignore: decorator
@inline
function proximalAdagrad<T>(v: usize, a: usize, g: usize, n: i32, lr: T, l1: T, l2: T): void {
  for (let i = 0; i < n; i++) {
    const at = <usize>i * sizeof<T>();
    const gradient = load<T>(g + at);
    const accumulated = (load<T>(a + at) + gradient * gradient) as T;
    store<T>(a + at, flushed<T>(accumulated));
    const rate = (lr / sqrt<T>(accumulated)) as T;
    const moved = (load<T>(v + at) - gradient * rate) as T;
    const shrunk = l1 > 0 ? ((signOf<T>(moved) * max<T>((abs<T>(moved) - rate * l1) as T, <T>0)) as T) : moved;
    store<T>(v + at, flushed<T>((shrunk / (<T>1 + l2 * rate)) as T));
  }
}

export function apply_proximal_adagrad_f32(v: usize, a: usize, g: usize, n: i32, lr: f32, l1: f32, l2: f32): void {
  proximalAdagrad<f32>(v, a, g, n, lr, l1, l2);
}
export function apply_proximal_adagrad_f64(v: usize, a: usize, g: usize, n: i32, lr: f64, l1: f64, l2: f64): void {
  proximalAdagrad<f64>(v, a, g, n, lr, l1, l2);
}

/** Dual averaging: the variable follows from the sums of all gradients and of their squares alone. */
// @ts-ignore: decorator
@inline
function adagradDa<T>(v: usize, a: usize, s: usize, g: usize, n: i32, lr: T, l1: T, l2: T, steps: T): void {
  for (let i = 0; i < n; i++) {
    const at = <usize>i * sizeof<T>();
    const gradient = load<T>(g + at);
    const sum = (load<T>(a + at) + gradient) as T;
    const squares = (load<T>(s + at) + gradient * gradient) as T;
    store<T>(a + at, flushed<T>(sum));
    store<T>(s + at, flushed<T>(squares));
    const kept = l1 > 0 ? ((signOf<T>(sum) * max<T>((abs<T>(sum) - steps * l1) as T, <T>0)) as T) : sum;
    store<T>(v + at, flushed<T>(((-lr * kept) / (l2 * (steps * lr) + sqrt<T>(squares))) as T));
  }
}

export function apply_adagrad_da_f32(
  v: usize, a: usize, s: usize, g: usize, n: i32, lr: f32, l1: f32, l2: f32, steps: f32,
): void {
  adagradDa<f32>(v, a, s, g, n, lr, l1, l2, steps);
}
export function apply_adagrad_da_f64(
  v: usize, a: usize, s: usize, g: usize, n: i32, lr: f64, l1: f64, l2: f64, steps: f64,
): void {
  adagradDa<f64>(v, a, s, g, n, lr, l1, l2, steps);
}
