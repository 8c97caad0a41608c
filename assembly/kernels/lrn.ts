// Local response normalization over the channels of [rows, depth]: y = x · (bias + alpha · Σ x² of the window) ^ −beta,
// where a channel's window reaches `radius` channels to both sides.

// @ts-ignore: decorator
@inline
function norm(x: usize, c: i32, depth: i32, radius: i32, bias: f32, alpha: f32): f32 {
  let sum: f32 = 0;
  const end = radius < depth - c ? min(c + radius + 1, depth) : depth;
  for (let i = max(c - radius, 0); i < end; i++) {
    const value = load<f32>(x + (<usize>i << 2));
    sum += value * value;
  }
  return bias + alpha * sum;
}

export function lrn_f32(x: usize, y: usize, rows: i32, depth: i32, radius: i32, bias: f32, alpha: f32, beta: f32): void {
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < depth; c++) {
      const n = norm(x, c, depth, radius, bias, alpha);
      const scale = beta == 0.5 ? <f32>1 / sqrt<f32>(n) : <f32>NativeMath.pow(<f64>n, -(<f64>beta));
      store<f32>(y, load<f32>(x + (<usize>c << 2)) * scale);
      y += 4;
    }
    x += <usize>depth << 2;
  }
}

export function lrn_grad_f32(dy: usize, x: usize, y: usize, dx: usize, rows: i32, depth: i32, radius: i32, bias: f32, alpha: f32, beta: f32): void {
  memory.fill(dx, 0, (<usize>rows * depth) << 2);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < depth; c++) {
      const own = <usize>c << 2;
      const n = norm(x, c, depth, radius, bias, alpha);
      const gradient = load<f32>(dy + own);
      const share = (<f32>-2 * alpha * beta * load<f32>(y + own)) / n;
      const end = radius < depth - c ? min(c + radius + 1, depth) : depth;
      for (let i = max(c - radius, 0); i < end; i++) {
        const at = <usize>i << 2;
        let d = share * load<f32>(x + at);
        if (i == c) d += <f32>NativeMath.pow(<f64>n, -(<f64>beta));
        store<f32>(dx + at, load<f32>(dx + at) + d * gradient);
      }
    }
    dy += <usize>depth << 2;
    x += <usize>depth << 2;
    y += <usize>depth << 2;
    dx += <usize>depth << 2;
  }
}
