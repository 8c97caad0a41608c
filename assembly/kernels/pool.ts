// Max and average pooling on NHWC images, forward and gradient. A window is clipped to its image: padding neither
// wins a maximum nor counts in an average. As in TensorFlow, a maximum starts at the lowest finite number and ignores
// NaN, and the gradient goes to the first pixel of the window that holds the maximum.

// The clipped window of the current output pixel; set by `window`. An instance runs on one thread.
let top: i32 = 0;
let bottom: i32 = 0;
let left: i32 = 0;
let right: i32 = 0;

function window(oh: i32, ow: i32, inH: i32, inW: i32, kH: i32, kW: i32, sH: i32, sW: i32, padT: i32, padL: i32): void {
  const h = oh * sH - padT;
  const w = ow * sW - padL;
  top = max(h, 0);
  left = max(w, 0);
  bottom = min(h + kH, inH);
  right = min(w + kW, inW);
}

// @ts-ignore: decorator
@inline
function lowest<T>(): T {
  if (isInteger<T>()) return isSigned<T>() ? ((<T>1 << <T>(8 * sizeof<T>() - 1)) as T) : <T>0;
  return sizeof<T>() == 4 ? <T>(-f32.MAX_VALUE) : <T>(-f64.MAX_VALUE);
}

// @ts-ignore: decorator
@inline
function combine<T>(maximum: bool, a: v128, b: v128): v128 {
  if (maximum) {
    if (isFloat<T>()) return v128.pmax<T>(a, b);
    if (sizeof<T>() < 8) return v128.max<T>(a, b);
  }
  return v128.add<T>(a, b);
}

// @ts-ignore: decorator
@inline
function forward<T>(
  maximum: bool, x: usize, y: usize, batch: i32, inH: i32, inW: i32, channels: i32, outH: i32, outW: i32, kH: i32,
  kW: i32, sH: i32, sW: i32, padT: i32, padL: i32,
): void {
  const pixelBytes = <usize>channels * sizeof<T>();
  const rowBytes = <usize>inW * pixelBytes;
  const lanes = 16 / <i32>sizeof<T>();
  // 64-bit integers have no vector maximum.
  const vectors = isFloat<T>() || sizeof<T>() < 8;
  const first: T = maximum ? lowest<T>() : <T>0;
  const start = v128.splat<T>(first);
  for (let n = 0; n < batch; n++) {
    for (let oh = 0; oh < outH; oh++) {
      for (let ow = 0; ow < outW; ow++) {
        window(oh, ow, inH, inW, kH, kW, sH, sW, padT, padL);
        const count = <T>(max(bottom - top, 0) * max(right - left, 0));
        const corner = x + <usize>top * rowBytes + <usize>left * pixelBytes;
        let c = 0;
        for (; vectors && c + lanes <= channels; c += lanes) {
          let v = start;
          let row = corner + <usize>c * sizeof<T>();
          for (let h = top; h < bottom; h++) {
            let at = row;
            for (let w = left; w < right; w++) {
              v = combine<T>(maximum, v, v128.load(at));
              at += pixelBytes;
            }
            row += rowBytes;
          }
          if (isFloat<T>()) v128.store(y, maximum ? v : v128.div<T>(v, v128.splat<T>(count)));
          else v128.store(y, v);
          y += 16;
        }
        for (; c < channels; c++) {
          let v = first;
          let row = corner + <usize>c * sizeof<T>();
          for (let h = top; h < bottom; h++) {
            let at = row;
            for (let w = left; w < right; w++) {
              const value = load<T>(at);
              if (maximum) v = v < value ? value : v;
              else v = (v + value) as T;
              at += pixelBytes;
            }
            row += rowBytes;
          }
          store<T>(y, maximum ? v : ((v / count) as T));
          y += sizeof<T>();
        }
      }
    }
    x += <usize>inH * rowBytes;
  }
}

// @ts-ignore: decorator
@inline
function maxGrad<T>(
  x: usize, dy: usize, dx: usize, batch: i32, inH: i32, inW: i32, channels: i32, outH: i32, outW: i32, kH: i32, kW: i32,
  sH: i32, sW: i32, padT: i32, padL: i32,
): void {
  const pixelBytes = <usize>channels * sizeof<T>();
  const rowBytes = <usize>inW * pixelBytes;
  memory.fill(dx, 0, <usize>batch * inH * rowBytes);
  for (let n = 0; n < batch; n++) {
    for (let oh = 0; oh < outH; oh++) {
      for (let ow = 0; ow < outW; ow++) {
        window(oh, ow, inH, inW, kH, kW, sH, sW, padT, padL);
        if (top >= bottom || left >= right) {
          dy += pixelBytes;
          continue;
        }
        const corner = <usize>top * rowBytes + <usize>left * pixelBytes;
        let c = 0;
        if (isFloat<T>() && sizeof<T>() == 4) {
          for (; c + 4 <= channels; c += 4) {
            let row = corner + ((<usize>c) << 2);
            let best = v128.load(x + row);
            let where = i32x4.splat(<i32>row);
            for (let h = top; h < bottom; h++) {
              let at = row;
              for (let w = left; w < right; w++) {
                const value = v128.load(x + at);
                const wins = f32x4.lt(best, value);
                best = v128.bitselect(value, best, wins);
                where = v128.bitselect(i32x4.splat(<i32>at), where, wins);
                at += pixelBytes;
              }
              row += rowBytes;
            }
            const p0 = dx + <usize>i32x4.extract_lane(where, 0);
            const p1 = dx + <usize>i32x4.extract_lane(where, 1) + 4;
            const p2 = dx + <usize>i32x4.extract_lane(where, 2) + 8;
            const p3 = dx + <usize>i32x4.extract_lane(where, 3) + 12;
            store<f32>(p0, load<f32>(p0) + load<f32>(dy));
            store<f32>(p1, load<f32>(p1) + load<f32>(dy, 4));
            store<f32>(p2, load<f32>(p2) + load<f32>(dy, 8));
            store<f32>(p3, load<f32>(p3) + load<f32>(dy, 12));
            dy += 16;
          }
        }
        for (; c < channels; c++) {
          let row = corner + <usize>c * sizeof<T>();
          let best = load<T>(x + row);
          let where = row;
          for (let h = top; h < bottom; h++) {
            let at = row;
            for (let w = left; w < right; w++) {
              const value = load<T>(x + at);
              if (best < value) {
                best = value;
                where = at;
              }
              at += pixelBytes;
            }
            row += rowBytes;
          }
          store<T>(dx + where, (load<T>(dx + where) + load<T>(dy)) as T);
          dy += sizeof<T>();
        }
      }
    }
    x += <usize>inH * rowBytes;
    dx += <usize>inH * rowBytes;
  }
}

// @ts-ignore: decorator
@inline
function avgGrad<T>(
  dy: usize, dx: usize, batch: i32, inH: i32, inW: i32, channels: i32, outH: i32, outW: i32, kH: i32, kW: i32, sH: i32,
  sW: i32, padT: i32, padL: i32,
): void {
  const pixelBytes = <usize>channels * sizeof<T>();
  const rowBytes = <usize>inW * pixelBytes;
  const lanes = 16 / <i32>sizeof<T>();
  memory.fill(dx, 0, <usize>batch * inH * rowBytes);
  for (let n = 0; n < batch; n++) {
    for (let oh = 0; oh < outH; oh++) {
      for (let ow = 0; ow < outW; ow++) {
        window(oh, ow, inH, inW, kH, kW, sH, sW, padT, padL);
        const share: T = <T>1 / <T>(max(bottom - top, 0) * max(right - left, 0));
        const shares = v128.splat<T>(share);
        for (let h = top; h < bottom; h++) {
          let at = dx + <usize>h * rowBytes + <usize>left * pixelBytes;
          for (let w = left; w < right; w++) {
            let from = dy;
            let c = 0;
            for (; c + lanes <= channels; c += lanes) {
              v128.store(at, v128.add<T>(v128.load(at), v128.mul<T>(v128.load(from), shares)));
              at += 16;
              from += 16;
            }
            for (; c < channels; c++) {
              store<T>(at, <T>(load<T>(at) + load<T>(from) * share));
              at += sizeof<T>();
              from += sizeof<T>();
            }
          }
        }
        dy += pixelBytes;
      }
    }
    dx += <usize>inH * rowBytes;
  }
}

export function max_pool_f32(x: usize, y: usize, batch: i32, inH: i32, inW: i32, channels: i32, outH: i32, outW: i32, kH: i32, kW: i32, strideH: i32, strideW: i32, padT: i32, padL: i32): void {
  forward<f32>(true, x, y, batch, inH, inW, channels, outH, outW, kH, kW, strideH, strideW, padT, padL);
}

export function avg_pool_f32(x: usize, y: usize, batch: i32, inH: i32, inW: i32, channels: i32, outH: i32, outW: i32, kH: i32, kW: i32, strideH: i32, strideW: i32, padT: i32, padL: i32): void {
  forward<f32>(false, x, y, batch, inH, inW, channels, outH, outW, kH, kW, strideH, strideW, padT, padL);
}

export function max_pool_grad_f32(x: usize, dy: usize, dx: usize, batch: i32, inH: i32, inW: i32, channels: i32, outH: i32, outW: i32, kH: i32, kW: i32, strideH: i32, strideW: i32, padT: i32, padL: i32): void {
  maxGrad<f32>(x, dy, dx, batch, inH, inW, channels, outH, outW, kH, kW, strideH, strideW, padT, padL);
}

export function avg_pool_grad_f32(dy: usize, dx: usize, batch: i32, inH: i32, inW: i32, channels: i32, outH: i32, outW: i32, kH: i32, kW: i32, strideH: i32, strideW: i32, padT: i32, padL: i32): void {
  avgGrad<f32>(dy, dx, batch, inH, inW, channels, outH, outW, kH, kW, strideH, strideW, padT, padL);
}

export function max_pool_f64(x: usize, y: usize, batch: i32, inH: i32, inW: i32, channels: i32, outH: i32, outW: i32, kH: i32, kW: i32, strideH: i32, strideW: i32, padT: i32, padL: i32): void {
  forward<f64>(true, x, y, batch, inH, inW, channels, outH, outW, kH, kW, strideH, strideW, padT, padL);
}

export function avg_pool_f64(x: usize, y: usize, batch: i32, inH: i32, inW: i32, channels: i32, outH: i32, outW: i32, kH: i32, kW: i32, strideH: i32, strideW: i32, padT: i32, padL: i32): void {
  forward<f64>(false, x, y, batch, inH, inW, channels, outH, outW, kH, kW, strideH, strideW, padT, padL);
}

export function max_pool_grad_f64(x: usize, dy: usize, dx: usize, batch: i32, inH: i32, inW: i32, channels: i32, outH: i32, outW: i32, kH: i32, kW: i32, strideH: i32, strideW: i32, padT: i32, padL: i32): void {
  maxGrad<f64>(x, dy, dx, batch, inH, inW, channels, outH, outW, kH, kW, strideH, strideW, padT, padL);
}

export function avg_pool_grad_f64(dy: usize, dx: usize, batch: i32, inH: i32, inW: i32, channels: i32, outH: i32, outW: i32, kH: i32, kW: i32, strideH: i32, strideW: i32, padT: i32, padL: i32): void {
  avgGrad<f64>(dy, dx, batch, inH, inW, channels, outH, outW, kH, kW, strideH, strideW, padT, padL);
}

export function max_pool_i32(x: usize, y: usize, batch: i32, inH: i32, inW: i32, channels: i32, outH: i32, outW: i32, kH: i32, kW: i32, strideH: i32, strideW: i32, padT: i32, padL: i32): void {
  forward<i32>(true, x, y, batch, inH, inW, channels, outH, outW, kH, kW, strideH, strideW, padT, padL);
}

export function max_pool_grad_i32(x: usize, dy: usize, dx: usize, batch: i32, inH: i32, inW: i32, channels: i32, outH: i32, outW: i32, kH: i32, kW: i32, strideH: i32, strideW: i32, padT: i32, padL: i32): void {
  maxGrad<i32>(x, dy, dx, batch, inH, inW, channels, outH, outW, kH, kW, strideH, strideW, padT, padL);
}

export function max_pool_i64(x: usize, y: usize, batch: i32, inH: i32, inW: i32, channels: i32, outH: i32, outW: i32, kH: i32, kW: i32, strideH: i32, strideW: i32, padT: i32, padL: i32): void {
  forward<i64>(true, x, y, batch, inH, inW, channels, outH, outW, kH, kW, strideH, strideW, padT, padL);
}

export function max_pool_grad_i64(x: usize, dy: usize, dx: usize, batch: i32, inH: i32, inW: i32, channels: i32, outH: i32, outW: i32, kH: i32, kW: i32, strideH: i32, strideW: i32, padT: i32, padL: i32): void {
  maxGrad<i64>(x, dy, dx, batch, inH, inW, channels, outH, outW, kH, kW, strideH, strideW, padT, padL);
}
