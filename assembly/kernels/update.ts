// Optimizer updates in place, in the order of operations of TensorFlow's CPU kernels. Scalars come by value.

// @ts-ignore: decorator
@inline
function gradientDescent<T>(v: usize, g: usize, n: i32, lr: T): void {
  for (let i = 0; i < n; i++) {
    const at = <usize>i * sizeof<T>();
    store<T>(v + at, (load<T>(v + at) - load<T>(g + at) * lr) as T);
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
function momentum<T>(v: usize, a: usize, g: usize, n: i32, lr: T, m: T, nesterov: bool): void {
  for (let i = 0; i < n; i++) {
    const at = <usize>i * sizeof<T>();
    const gradient = load<T>(g + at);
    const accumulated = (load<T>(a + at) * m + gradient) as T;
    store<T>(a + at, accumulated);
    const step = nesterov ? ((gradient * lr + accumulated * m * lr) as T) : ((accumulated * lr) as T);
    store<T>(v + at, (load<T>(v + at) - step) as T);
  }
}

export function apply_momentum_f32(v: usize, a: usize, g: usize, n: i32, lr: f32, m: f32, nesterov: i32): void {
  momentum<f32>(v, a, g, n, lr, m, nesterov != 0);
}
export function apply_momentum_f64(v: usize, a: usize, g: usize, n: i32, lr: f64, m: f64, nesterov: i32): void {
  momentum<f64>(v, a, g, n, lr, m, nesterov != 0);
}

/** `alpha` is lr · √(1 − β₂ᵗ) / (1 − β₁ᵗ). */
// @ts-ignore: decorator
@inline
function adam<T>(v: usize, m: usize, u: usize, g: usize, n: i32, alpha: T, b1: T, b2: T, eps: T, nesterov: bool): void {
  const one = <T>1;
  for (let i = 0; i < n; i++) {
    const at = <usize>i * sizeof<T>();
    const gradient = load<T>(g + at);
    let first = load<T>(m + at);
    first = (first + (gradient - first) * (one - b1)) as T;
    let second = load<T>(u + at);
    second = (second + (gradient * gradient - second) * (one - b2)) as T;
    store<T>(m + at, first);
    store<T>(u + at, second);
    const top = nesterov ? ((gradient * (one - b1) + b1 * first) as T) : first;
    store<T>(v + at, (load<T>(v + at) - (top * alpha) / (sqrt<T>(second) + eps)) as T);
  }
}

/** Four lanes of the same steps: a square root and a division an element are what it costs. */
export function apply_adam_f32(v: usize, m: usize, u: usize, g: usize, n: i32, alpha: f32, b1: f32, b2: f32, eps: f32, nesterov: i32): void {
  let i = 0;
  if (nesterov == 0) {
    const va = f32x4.splat(alpha);
    const vc1 = f32x4.splat(<f32>1 - b1);
    const vc2 = f32x4.splat(<f32>1 - b2);
    const ve = f32x4.splat(eps);
    for (; i + 4 <= n; i += 4) {
      const gradient = v128.load(g);
      let first = v128.load(m);
      first = f32x4.add(first, f32x4.mul(f32x4.sub(gradient, first), vc1));
      let second = v128.load(u);
      second = f32x4.add(second, f32x4.mul(f32x4.sub(f32x4.mul(gradient, gradient), second), vc2));
      v128.store(m, first);
      v128.store(u, second);
      v128.store(v, f32x4.sub(v128.load(v), f32x4.div(f32x4.mul(first, va), f32x4.add(f32x4.sqrt(second), ve))));
      v += 16;
      m += 16;
      u += 16;
      g += 16;
    }
  }
  adam<f32>(v, m, u, g, n - i, alpha, b1, b2, eps, nesterov != 0);
}
export function apply_adam_f64(v: usize, m: usize, u: usize, g: usize, n: i32, alpha: f64, b1: f64, b2: f64, eps: f64, nesterov: i32): void {
  adam<f64>(v, m, u, g, n, alpha, b1, b2, eps, nesterov != 0);
}

// @ts-ignore: decorator
@inline
function rmsProp<T>(v: usize, ms: usize, mom: usize, g: usize, n: i32, lr: T, rho: T, m: T, eps: T): void {
  for (let i = 0; i < n; i++) {
    const at = <usize>i * sizeof<T>();
    const gradient = load<T>(g + at);
    let square = load<T>(ms + at);
    square = (square + (gradient * gradient - square) * (<T>1 - rho)) as T;
    store<T>(ms + at, square);
    const step = (load<T>(mom + at) * m + (gradient * lr) / sqrt<T>((square + eps) as T)) as T;
    store<T>(mom + at, step);
    store<T>(v + at, (load<T>(v + at) - step) as T);
  }
}

export function apply_rms_prop_f32(v: usize, ms: usize, mom: usize, g: usize, n: i32, lr: f32, rho: f32, m: f32, eps: f32): void {
  rmsProp<f32>(v, ms, mom, g, n, lr, rho, m, eps);
}
export function apply_rms_prop_f64(v: usize, ms: usize, mom: usize, g: usize, n: i32, lr: f64, rho: f64, m: f64, eps: f64): void {
  rmsProp<f64>(v, ms, mom, g, n, lr, rho, m, eps);
}

// @ts-ignore: decorator
@inline
function adagrad<T>(v: usize, a: usize, g: usize, n: i32, lr: T, eps: T, update: bool): void {
  for (let i = 0; i < n; i++) {
    const at = <usize>i * sizeof<T>();
    const gradient = load<T>(g + at);
    let accumulated = load<T>(a + at);
    if (update) {
      accumulated = (accumulated + gradient * gradient) as T;
      store<T>(a + at, accumulated);
    }
    store<T>(v + at, (load<T>(v + at) - (gradient * lr) / (sqrt<T>(accumulated) + eps)) as T);
  }
}

export function apply_adagrad_f32(v: usize, a: usize, g: usize, n: i32, lr: f32, eps: f32, update: i32): void {
  adagrad<f32>(v, a, g, n, lr, eps, update != 0);
}
export function apply_adagrad_f64(v: usize, a: usize, g: usize, n: i32, lr: f64, eps: f64, update: i32): void {
  adagrad<f64>(v, a, g, n, lr, eps, update != 0);
}
