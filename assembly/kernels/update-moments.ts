// Updates whose steps are measured by the gradient's squares, summed or averaged, in place. Arguments and form as in
// update.ts.
import { get, isWhole, putFlushed } from "../math/lanes";
import { product_v128, towards_v128 } from "../math/subnormal";

// @ts-ignore: decorator
@inline
function square<T>(x: v128): v128 {
  return v128.mul<T>(x, x);
}

/** `alpha` is lr · √(1 − β₂ᵗ) / (1 − β₁ᵗ). */
// @ts-ignore: decorator
@inline
function adamStep<T>(
  v: usize, m: usize, u: usize, g: usize, whole: bool, alpha: T, b1: T, b2: T, eps: T, nesterov: bool,
): void {
  const gradient = get<T>(g, whole);
  const first = towards_v128<T>(get<T>(m, whole), gradient, (<T>1 - b1) as T);
  const second = towards_v128<T>(get<T>(u, whole), square<T>(gradient), (<T>1 - b2) as T);
  putFlushed<T>(m, first, whole);
  putFlushed<T>(u, second, whole);
  let top = first;
  if (nesterov) {
    top = v128.mul<T>(gradient, v128.splat<T>((<T>1 - b1) as T));
    top = v128.add<T>(top, v128.mul<T>(v128.splat<T>(b1), first));
  }
  const bottom = v128.add<T>(v128.sqrt<T>(second), v128.splat<T>(eps));
  const step = v128.div<T>(product_v128<T>(top, alpha), bottom);
  putFlushed<T>(v, v128.sub<T>(get<T>(v, whole), step), whole);
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
  const mean = towards_v128<T>(get<T>(ms, whole), square<T>(gradient), (<T>1 - rho) as T);
  putFlushed<T>(ms, mean, whole);
  const root = v128.sqrt<T>(v128.add<T>(mean, v128.splat<T>(eps)));
  const push = v128.div<T>(v128.mul<T>(gradient, v128.splat<T>(lr)), root);
  const step = v128.add<T>(v128.mul<T>(get<T>(mom, whole), v128.splat<T>(m)), push);
  putFlushed<T>(mom, step, whole);
  putFlushed<T>(v, v128.sub<T>(get<T>(v, whole), step), whole);
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
  const mean = towards_v128<T>(get<T>(ms, whole), square<T>(gradient), (<T>1 - rho) as T);
  const centre = towards_v128<T>(get<T>(mg, whole), gradient, (<T>1 - rho) as T);
  putFlushed<T>(ms, mean, whole);
  putFlushed<T>(mg, centre, whole);
  const variance = v128.add<T>(v128.sub<T>(mean, square<T>(centre)), v128.splat<T>(eps));
  const push = v128.div<T>(v128.mul<T>(gradient, v128.splat<T>(lr)), v128.sqrt<T>(variance));
  const step = v128.add<T>(v128.mul<T>(get<T>(mom, whole), v128.splat<T>(m)), push);
  putFlushed<T>(mom, step, whole);
  putFlushed<T>(v, v128.sub<T>(get<T>(v, whole), step), whole);
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
    putFlushed<T>(a, accumulated, whole);
  }
  const bottom = v128.add<T>(v128.sqrt<T>(accumulated), v128.splat<T>(eps));
  const step = v128.div<T>(v128.mul<T>(gradient, v128.splat<T>(lr)), bottom);
  putFlushed<T>(v, v128.sub<T>(get<T>(v, whole), step), whole);
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
  putFlushed<T>(a, accumulated, whole);
  const before = get<T>(d, whole);
  const top = v128.sqrt<T>(v128.add<T>(before, v128.splat<T>(eps)));
  const bottom = v128.sqrt<T>(v128.add<T>(accumulated, v128.splat<T>(eps)));
  const step = v128.mul<T>(v128.div<T>(top, bottom), gradient);
  putFlushed<T>(d, v128.add<T>(v128.mul<T>(before, keep), v128.mul<T>(square<T>(step), rest)), whole);
  putFlushed<T>(v, v128.sub<T>(get<T>(v, whole), v128.mul<T>(step, v128.splat<T>(lr))), whole);
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
