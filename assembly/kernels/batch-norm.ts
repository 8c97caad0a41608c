// Sums over all rows of [rows, channels] and what batch normalization makes of every element. Sums are kept in f64, so
// that a mean far from zero costs no digits; `mean` and the coefficients are one f32 (sums: one f64) a channel.

const SUM: i32 = 0;
const SQUARES: i32 = 1;
const PRODUCTS: i32 = 2;

// @ts-ignore: decorator
@inline
function pair(p: usize): v128 {
  return f64x2.promote_low_f32x4(v128.load64_zero(p));
}

// @ts-ignore: decorator
@inline
function channelSums(mode: i32, a: usize, b: usize, mean: usize, sums: usize, rows: i32, channels: i32): void {
  memory.fill(sums, 0, (<usize>channels << 3) * (mode == PRODUCTS ? 2 : 1));
  const second = <usize>channels << 3;
  for (let r = 0; r < rows; r++) {
    let m = mean;
    let s = sums;
    let c = 0;
    for (; c + 2 <= channels; c += 2) {
      const v = pair(a);
      if (mode == SUM) v128.store(s, f64x2.add(v128.load(s), v));
      if (mode == SQUARES) {
        const d = f64x2.sub(v, pair(m));
        v128.store(s, f64x2.add(v128.load(s), f64x2.mul(d, d)));
      }
      if (mode == PRODUCTS) {
        v128.store(s, f64x2.add(v128.load(s), v));
        v128.store(s + second, f64x2.add(v128.load(s + second), f64x2.mul(v, f64x2.sub(pair(b), pair(m)))));
        b += 8;
      }
      a += 8;
      m += 8;
      s += 16;
    }
    if (c < channels) {
      const v = <f64>load<f32>(a);
      if (mode == SUM) store<f64>(s, load<f64>(s) + v);
      if (mode == SQUARES) {
        const d = v - <f64>load<f32>(m);
        store<f64>(s, load<f64>(s) + d * d);
      }
      if (mode == PRODUCTS) {
        store<f64>(s, load<f64>(s) + v);
        store<f64>(s + second, load<f64>(s + second) + v * (<f64>load<f32>(b) - <f64>load<f32>(m)));
        b += 4;
      }
      a += 4;
    }
  }
}

/** y = (x − mean) · factor + shift, and + dy · gain if there is a `dy`. */
// @ts-ignore: decorator
@inline
function normalize(
  hasGradient: bool, x: usize, dy: usize, mean: usize, factor: usize, shift: usize, gain: usize, y: usize, rows: i32,
  channels: i32,
): void {
  for (let r = 0; r < rows; r++) {
    let at: usize = 0;
    let c = 0;
    for (; c + 4 <= channels; c += 4) {
      let v = f32x4.mul(f32x4.sub(v128.load(x), v128.load(mean + at)), v128.load(factor + at));
      v = f32x4.add(v, v128.load(shift + at));
      if (hasGradient) {
        v = f32x4.add(v, f32x4.mul(v128.load(dy), v128.load(gain + at)));
        dy += 16;
      }
      v128.store(y, v);
      x += 16;
      y += 16;
      at += 16;
    }
    for (; c < channels; c++) {
      let v: f32 = (load<f32>(x) - load<f32>(mean + at)) * load<f32>(factor + at) + load<f32>(shift + at);
      if (hasGradient) {
        v += load<f32>(dy) * load<f32>(gain + at);
        dy += 4;
      }
      store<f32>(y, v);
      x += 4;
      y += 4;
      at += 4;
    }
  }
}

/** sums = Σ x */
export function channel_sums_f32(x: usize, sums: usize, rows: i32, channels: i32): void {
  channelSums(SUM, x, 0, 0, sums, rows, channels);
}

/** sums = Σ (x − mean)² */
export function channel_squares_f32(x: usize, mean: usize, sums: usize, rows: i32, channels: i32): void {
  channelSums(SQUARES, x, 0, mean, sums, rows, channels);
}

/** sums = Σ dy, then Σ dy · (x − mean): two f64 a channel. */
export function channel_products_f32(dy: usize, x: usize, mean: usize, sums: usize, rows: i32, channels: i32): void {
  channelSums(PRODUCTS, dy, x, mean, sums, rows, channels);
}

export function batch_norm_f32(x: usize, mean: usize, factor: usize, shift: usize, y: usize, rows: i32, channels: i32): void {
  normalize(false, x, 0, mean, factor, shift, 0, y, rows, channels);
}

export function batch_norm_grad_f32(x: usize, dy: usize, mean: usize, factor: usize, shift: usize, gain: usize, dx: usize, rows: i32, channels: i32): void {
  normalize(true, x, dy, mean, factor, shift, gain, dx, rows, channels);
}
