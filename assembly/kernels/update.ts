// Optimizer updates in place, in the order of operations of TensorFlow's CPU kernels, so that losses track. Arrays first
// (the variable, its slots, the gradient), then how many elements, then scalars by value. Each body is written once, for
// vectors of f32 or f64; what is left over runs through it one lane at a time.

// @ts-ignore: decorator
@inline
function get<T>(p: usize, whole: bool): v128 {
  if (whole) return v128.load(p);
  return sizeof<T>() == 4 ? v128.load32_zero(p) : v128.load64_zero(p);
}

// @ts-ignore: decorator
@inline
function put<T>(p: usize, x: v128, whole: bool): void {
  if (whole) v128.store(p, x);
  else if (sizeof<T>() == 4) v128.store32_lane(p, x, 0);
  else v128.store64_lane(p, x, 0);
}

// @ts-ignore: decorator
@inline
function square<T>(x: v128): v128 {
  return v128.mul<T>(x, x);
}

/** slot + (x − slot) · rate: a moving average. */
// @ts-ignore: decorator
@inline
function towards<T>(slot: v128, x: v128, rate: T): v128 {
  return v128.add<T>(slot, v128.mul<T>(v128.sub<T>(x, slot), v128.splat<T>(rate)));
}

/** By how many bytes, and whether it is a whole vector, the next turn goes. */
// @ts-ignore: decorator
@inline
function isWhole<T>(left: i32): bool {
  return left >= 16 / <i32>sizeof<T>();
}

// @ts-ignore: decorator
@inline
function gradientDescentStep<T>(v: usize, g: usize, whole: bool, lr: T): void {
  put<T>(v, v128.sub<T>(get<T>(v, whole), v128.mul<T>(get<T>(g, whole), v128.splat<T>(lr))), whole);
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
  put<T>(a, accumulated, whole);
  let step = v128.mul<T>(accumulated, v128.splat<T>(lr));
  if (nesterov) {
    const ahead = v128.mul<T>(v128.mul<T>(accumulated, v128.splat<T>(m)), v128.splat<T>(lr));
    step = v128.add<T>(v128.mul<T>(gradient, v128.splat<T>(lr)), ahead);
  }
  put<T>(v, v128.sub<T>(get<T>(v, whole), step), whole);
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
  put<T>(a, kept, whole);
  const ahead = nesterov ? v128.sub<T>(v128.mul<T>(kept, v128.splat<T>(m)), step) : kept;
  put<T>(v, v128.add<T>(get<T>(v, whole), ahead), whole);
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

/** `alpha` is lr · √(1 − β₂ᵗ) / (1 − β₁ᵗ). */
// @ts-ignore: decorator
@inline
function adamStep<T>(
  v: usize, m: usize, u: usize, g: usize, whole: bool, alpha: T, b1: T, b2: T, eps: T, nesterov: bool,
): void {
  const gradient = get<T>(g, whole);
  const first = towards<T>(get<T>(m, whole), gradient, (<T>1 - b1) as T);
  const second = towards<T>(get<T>(u, whole), square<T>(gradient), (<T>1 - b2) as T);
  put<T>(m, first, whole);
  put<T>(u, second, whole);
  let top = first;
  if (nesterov) {
    top = v128.mul<T>(gradient, v128.splat<T>((<T>1 - b1) as T));
    top = v128.add<T>(top, v128.mul<T>(v128.splat<T>(b1), first));
  }
  const bottom = v128.add<T>(v128.sqrt<T>(second), v128.splat<T>(eps));
  const step = v128.div<T>(v128.mul<T>(top, v128.splat<T>(alpha)), bottom);
  put<T>(v, v128.sub<T>(get<T>(v, whole), step), whole);
}

// @ts-ignore: decorator
@inline
function adam<T>(v: usize, m: usize, u: usize, g: usize, n: i32, alpha: T, b1: T, b2: T, eps: T, nesterov: bool): void {
  while (n > 0) {
    const whole = isWhole<T>(n);
    if (whole) adamStep<T>(v, m, u, g, true, alpha, b1, b2, eps, nesterov);
    else adamStep<T>(v, m, u, g, false, alpha, b1, b2, eps, nesterov);
    const bytes: usize = whole ? 16 : sizeof<T>();
    v += bytes;
    m += bytes;
    u += bytes;
    g += bytes;
    n -= whole ? 16 / <i32>sizeof<T>() : 1;
  }
}

export function apply_adam_f32(
  v: usize, m: usize, u: usize, g: usize, n: i32, alpha: f32, b1: f32, b2: f32, eps: f32, nesterov: i32,
): void {
  adam<f32>(v, m, u, g, n, alpha, b1, b2, eps, nesterov != 0);
}
export function apply_adam_f64(
  v: usize, m: usize, u: usize, g: usize, n: i32, alpha: f64, b1: f64, b2: f64, eps: f64, nesterov: i32,
): void {
  adam<f64>(v, m, u, g, n, alpha, b1, b2, eps, nesterov != 0);
}

// @ts-ignore: decorator
@inline
function rmsPropStep<T>(v: usize, ms: usize, mom: usize, g: usize, whole: bool, lr: T, rho: T, m: T, eps: T): void {
  const gradient = get<T>(g, whole);
  const mean = towards<T>(get<T>(ms, whole), square<T>(gradient), (<T>1 - rho) as T);
  put<T>(ms, mean, whole);
  const root = v128.sqrt<T>(v128.add<T>(mean, v128.splat<T>(eps)));
  const push = v128.div<T>(v128.mul<T>(gradient, v128.splat<T>(lr)), root);
  const step = v128.add<T>(v128.mul<T>(get<T>(mom, whole), v128.splat<T>(m)), push);
  put<T>(mom, step, whole);
  put<T>(v, v128.sub<T>(get<T>(v, whole), step), whole);
}

// @ts-ignore: decorator
@inline
function rmsProp<T>(v: usize, ms: usize, mom: usize, g: usize, n: i32, lr: T, rho: T, m: T, eps: T): void {
  while (n > 0) {
    const whole = isWhole<T>(n);
    if (whole) rmsPropStep<T>(v, ms, mom, g, true, lr, rho, m, eps);
    else rmsPropStep<T>(v, ms, mom, g, false, lr, rho, m, eps);
    const bytes: usize = whole ? 16 : sizeof<T>();
    v += bytes;
    ms += bytes;
    mom += bytes;
    g += bytes;
    n -= whole ? 16 / <i32>sizeof<T>() : 1;
  }
}

export function apply_rms_prop_f32(
  v: usize, ms: usize, mom: usize, g: usize, n: i32, lr: f32, rho: f32, m: f32, eps: f32,
): void {
  rmsProp<f32>(v, ms, mom, g, n, lr, rho, m, eps);
}
export function apply_rms_prop_f64(
  v: usize, ms: usize, mom: usize, g: usize, n: i32, lr: f64, rho: f64, m: f64, eps: f64,
): void {
  rmsProp<f64>(v, ms, mom, g, n, lr, rho, m, eps);
}

// @ts-ignore: decorator
@inline
function centeredRmsPropStep<T>(
  v: usize, mg: usize, ms: usize, mom: usize, g: usize, whole: bool, lr: T, rho: T, m: T, eps: T,
): void {
  const gradient = get<T>(g, whole);
  const mean = towards<T>(get<T>(ms, whole), square<T>(gradient), (<T>1 - rho) as T);
  const centre = towards<T>(get<T>(mg, whole), gradient, (<T>1 - rho) as T);
  put<T>(ms, mean, whole);
  put<T>(mg, centre, whole);
  const variance = v128.add<T>(v128.sub<T>(mean, square<T>(centre)), v128.splat<T>(eps));
  const push = v128.div<T>(v128.mul<T>(gradient, v128.splat<T>(lr)), v128.sqrt<T>(variance));
  const step = v128.add<T>(v128.mul<T>(get<T>(mom, whole), v128.splat<T>(m)), push);
  put<T>(mom, step, whole);
  put<T>(v, v128.sub<T>(get<T>(v, whole), step), whole);
}

// @ts-ignore: decorator
@inline
function centeredRmsProp<T>(
  v: usize, mg: usize, ms: usize, mom: usize, g: usize, n: i32, lr: T, rho: T, m: T, eps: T,
): void {
  while (n > 0) {
    const whole = isWhole<T>(n);
    if (whole) centeredRmsPropStep<T>(v, mg, ms, mom, g, true, lr, rho, m, eps);
    else centeredRmsPropStep<T>(v, mg, ms, mom, g, false, lr, rho, m, eps);
    const bytes: usize = whole ? 16 : sizeof<T>();
    v += bytes;
    mg += bytes;
    ms += bytes;
    mom += bytes;
    g += bytes;
    n -= whole ? 16 / <i32>sizeof<T>() : 1;
  }
}

export function apply_centered_rms_prop_f32(
  v: usize, mg: usize, ms: usize, mom: usize, g: usize, n: i32, lr: f32, rho: f32, m: f32, eps: f32,
): void {
  centeredRmsProp<f32>(v, mg, ms, mom, g, n, lr, rho, m, eps);
}
export function apply_centered_rms_prop_f64(
  v: usize, mg: usize, ms: usize, mom: usize, g: usize, n: i32, lr: f64, rho: f64, m: f64, eps: f64,
): void {
  centeredRmsProp<f64>(v, mg, ms, mom, g, n, lr, rho, m, eps);
}

// @ts-ignore: decorator
@inline
function adagradStep<T>(v: usize, a: usize, g: usize, whole: bool, lr: T, eps: T, update: bool): void {
  const gradient = get<T>(g, whole);
  let accumulated = get<T>(a, whole);
  if (update) {
    accumulated = v128.add<T>(accumulated, square<T>(gradient));
    put<T>(a, accumulated, whole);
  }
  const bottom = v128.add<T>(v128.sqrt<T>(accumulated), v128.splat<T>(eps));
  const step = v128.div<T>(v128.mul<T>(gradient, v128.splat<T>(lr)), bottom);
  put<T>(v, v128.sub<T>(get<T>(v, whole), step), whole);
}

// @ts-ignore: decorator
@inline
function adagrad<T>(v: usize, a: usize, g: usize, n: i32, lr: T, eps: T, update: bool): void {
  while (n > 0) {
    const whole = isWhole<T>(n);
    if (whole) adagradStep<T>(v, a, g, true, lr, eps, update);
    else adagradStep<T>(v, a, g, false, lr, eps, update);
    const bytes: usize = whole ? 16 : sizeof<T>();
    v += bytes;
    a += bytes;
    g += bytes;
    n -= whole ? 16 / <i32>sizeof<T>() : 1;
  }
}

export function apply_adagrad_f32(v: usize, a: usize, g: usize, n: i32, lr: f32, eps: f32, update: i32): void {
  adagrad<f32>(v, a, g, n, lr, eps, update != 0);
}
export function apply_adagrad_f64(v: usize, a: usize, g: usize, n: i32, lr: f64, eps: f64, update: i32): void {
  adagrad<f64>(v, a, g, n, lr, eps, update != 0);
}

// @ts-ignore: decorator
@inline
function adadeltaStep<T>(v: usize, a: usize, d: usize, g: usize, whole: bool, lr: T, rho: T, eps: T): void {
  const gradient = get<T>(g, whole);
  const keep = v128.splat<T>(rho);
  const rest = v128.splat<T>((<T>1 - rho) as T);
  const accumulated = v128.add<T>(v128.mul<T>(get<T>(a, whole), keep), v128.mul<T>(square<T>(gradient), rest));
  put<T>(a, accumulated, whole);
  const before = get<T>(d, whole);
  const top = v128.sqrt<T>(v128.add<T>(before, v128.splat<T>(eps)));
  const bottom = v128.sqrt<T>(v128.add<T>(accumulated, v128.splat<T>(eps)));
  const step = v128.mul<T>(v128.div<T>(top, bottom), gradient);
  put<T>(d, v128.add<T>(v128.mul<T>(before, keep), v128.mul<T>(square<T>(step), rest)), whole);
  put<T>(v, v128.sub<T>(get<T>(v, whole), v128.mul<T>(step, v128.splat<T>(lr))), whole);
}

// @ts-ignore: decorator
@inline
function adadelta<T>(v: usize, a: usize, d: usize, g: usize, n: i32, lr: T, rho: T, eps: T): void {
  while (n > 0) {
    const whole = isWhole<T>(n);
    if (whole) adadeltaStep<T>(v, a, d, g, true, lr, rho, eps);
    else adadeltaStep<T>(v, a, d, g, false, lr, rho, eps);
    const bytes: usize = whole ? 16 : sizeof<T>();
    v += bytes;
    a += bytes;
    d += bytes;
    g += bytes;
    n -= whole ? 16 / <i32>sizeof<T>() : 1;
  }
}

export function apply_adadelta_f32(v: usize, a: usize, d: usize, g: usize, n: i32, lr: f32, rho: f32, eps: f32): void {
  adadelta<f32>(v, a, d, g, n, lr, rho, eps);
}
export function apply_adadelta_f64(v: usize, a: usize, d: usize, g: usize, n: i32, lr: f64, rho: f64, eps: f64): void {
  adadelta<f64>(v, a, d, g, n, lr, rho, eps);
}

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
    store<T>(v + at, abs<T>(linear) > limit ? (((signed - linear) / bottom) as T) : <T>0);
    store<T>(a + at, after);
    store<T>(l + at, linear);
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
    store<T>(v + at, (shrunk / scale) as T);
  }
}

export function apply_proximal_gradient_descent_f32(v: usize, g: usize, n: i32, lr: f32, l1: f32, l2: f32): void {
  proximal<f32>(v, g, n, lr, l1, l2);
}
export function apply_proximal_gradient_descent_f64(v: usize, g: usize, n: i32, lr: f64, l1: f64, l2: f64): void {
  proximal<f64>(v, g, n, lr, l1, l2);
}
