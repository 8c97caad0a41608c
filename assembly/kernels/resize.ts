// ResizeBilinear and ResizeNearestNeighbor on NHWC images with their gradients. `corners` lays the outermost pixels of
// both images over each other, `half` counts from the middle of a pixel. Coordinates are f32, as TensorFlow's.

// @ts-ignore: decorator
@inline
function scaleOf(inSize: i32, outSize: i32, corners: bool): f32 {
  if (corners && outSize > 1) return <f32>(inSize - 1) / <f32>(outSize - 1);
  return <f32>inSize / <f32>outSize;
}

// @ts-ignore: decorator
@inline
function sourceOf(at: i32, scale: f32, half: bool): f32 {
  return half ? (<f32>at + 0.5) * scale - 0.5 : <f32>at * scale;
}

function nearestOf(at: i32, scale: f32, corners: bool, half: bool, inSize: i32): i32 {
  const source = half ? (<f32>at + 0.5) * scale : <f32>at * scale;
  let index = floor<f32>(source);
  if (corners && source - index >= 0.5) index += 1;
  return max(min(<i32>index, inSize - 1), 0);
}

// The pixels on both sides of a coordinate and the share of the second; set by `between`.
let lower: i32 = 0;
let upper: i32 = 0;
let share: f32 = 0;

function between(at: i32, scale: f32, half: bool, inSize: i32): void {
  const source = sourceOf(at, scale, half);
  const whole = floor<f32>(source);
  lower = max(<i32>whole, 0);
  upper = min(<i32>ceil<f32>(source), inSize - 1);
  share = source - whole;
}

// @ts-ignore: decorator
@inline
function bilinear<T>(x: usize, y: usize, batch: i32, inH: i32, inW: i32, channels: i32, outH: i32, outW: i32, corners: bool, half: bool): void {
  const down = scaleOf(inH, outH, corners);
  const across = scaleOf(inW, outW, corners);
  const pixel = <usize>channels * sizeof<T>();
  const row = <usize>inW * pixel;
  for (let n = 0; n < batch; n++) {
    for (let oh = 0; oh < outH; oh++) {
      between(oh, down, half, inH);
      const above = x + <usize>lower * row;
      const below = x + <usize>upper * row;
      const yShare = share;
      for (let ow = 0; ow < outW; ow++) {
        between(ow, across, half, inW);
        const left = <usize>lower * pixel;
        const right = <usize>upper * pixel;
        const xShare = share;
        for (let c: usize = 0; c < pixel; c += sizeof<T>()) {
          const tl = <f32>load<T>(above + left + c);
          const tr = <f32>load<T>(above + right + c);
          const bl = <f32>load<T>(below + left + c);
          const br = <f32>load<T>(below + right + c);
          const top: f32 = tl + (tr - tl) * xShare;
          const bottom: f32 = bl + (br - bl) * xShare;
          store<f32>(y, top + (bottom - top) * yShare);
          y += 4;
        }
      }
    }
    x += <usize>inH * row;
  }
}

// @ts-ignore: decorator
@inline
function bilinearGrad<T>(dy: usize, dx: usize, batch: i32, inH: i32, inW: i32, channels: i32, outH: i32, outW: i32, corners: bool, half: bool): void {
  const down = scaleOf(inH, outH, corners);
  const across = scaleOf(inW, outW, corners);
  const pixel = <usize>channels * sizeof<T>();
  const row = <usize>inW * pixel;
  memory.fill(dx, 0, <usize>batch * inH * row);
  for (let n = 0; n < batch; n++) {
    for (let oh = 0; oh < outH; oh++) {
      between(oh, down, half, inH);
      const above = dx + <usize>lower * row;
      const below = dx + <usize>upper * row;
      const yShare = share;
      for (let ow = 0; ow < outW; ow++) {
        between(ow, across, half, inW);
        const left = <usize>lower * pixel;
        const right = <usize>upper * pixel;
        const xShare = share;
        for (let c: usize = 0; c < pixel; c += sizeof<T>()) {
          const g = load<f32>(dy);
          add<T>(above + left + c, <T>(g * (1 - yShare) * (1 - xShare)));
          add<T>(above + right + c, <T>(g * (1 - yShare) * xShare));
          add<T>(below + left + c, <T>(g * yShare * (1 - xShare)));
          add<T>(below + right + c, <T>(g * yShare * xShare));
          dy += 4;
        }
      }
    }
    dx += <usize>inH * row;
  }
}

// @ts-ignore: decorator
@inline
function add<T>(at: usize, value: T): void {
  store<T>(at, (load<T>(at) + value) as T);
}

/** Pixels are copied whole, so any dtype will do. */
export function resize_nearest(x: usize, y: usize, batch: i32, inH: i32, inW: i32, pixelBytes: i32, outH: i32, outW: i32, corners: i32, half: i32): void {
  const down = scaleOf(inH, outH, corners != 0);
  const across = scaleOf(inW, outW, corners != 0);
  const row = <usize>inW * pixelBytes;
  for (let n = 0; n < batch; n++) {
    for (let oh = 0; oh < outH; oh++) {
      const from = x + <usize>nearestOf(oh, down, corners != 0, half != 0, inH) * row;
      for (let ow = 0; ow < outW; ow++) {
        memory.copy(y, from + <usize>nearestOf(ow, across, corners != 0, half != 0, inW) * pixelBytes, pixelBytes);
        y += pixelBytes;
      }
    }
    x += <usize>inH * row;
  }
}

// @ts-ignore: decorator
@inline
function nearestGrad<T>(dy: usize, dx: usize, batch: i32, inH: i32, inW: i32, channels: i32, outH: i32, outW: i32, corners: bool, half: bool): void {
  const down = scaleOf(inH, outH, corners);
  const across = scaleOf(inW, outW, corners);
  const pixel = <usize>channels * sizeof<T>();
  const row = <usize>inW * pixel;
  memory.fill(dx, 0, <usize>batch * inH * row);
  for (let n = 0; n < batch; n++) {
    for (let oh = 0; oh < outH; oh++) {
      const to = dx + <usize>nearestOf(oh, down, corners, half, inH) * row;
      for (let ow = 0; ow < outW; ow++) {
        const at = to + <usize>nearestOf(ow, across, corners, half, inW) * pixel;
        for (let c: usize = 0; c < pixel; c += sizeof<T>()) {
          add<T>(at + c, load<T>(dy));
          dy += sizeof<T>();
        }
      }
    }
    dx += <usize>inH * row;
  }
}

export function resize_bilinear_f32(x: usize, y: usize, batch: i32, inH: i32, inW: i32, channels: i32, outH: i32, outW: i32, corners: i32, half: i32): void {
  bilinear<f32>(x, y, batch, inH, inW, channels, outH, outW, corners != 0, half != 0);
}

export function resize_bilinear_f64(x: usize, y: usize, batch: i32, inH: i32, inW: i32, channels: i32, outH: i32, outW: i32, corners: i32, half: i32): void {
  bilinear<f64>(x, y, batch, inH, inW, channels, outH, outW, corners != 0, half != 0);
}

export function resize_bilinear_i32(x: usize, y: usize, batch: i32, inH: i32, inW: i32, channels: i32, outH: i32, outW: i32, corners: i32, half: i32): void {
  bilinear<i32>(x, y, batch, inH, inW, channels, outH, outW, corners != 0, half != 0);
}

export function resize_bilinear_i64(x: usize, y: usize, batch: i32, inH: i32, inW: i32, channels: i32, outH: i32, outW: i32, corners: i32, half: i32): void {
  bilinear<i64>(x, y, batch, inH, inW, channels, outH, outW, corners != 0, half != 0);
}

export function resize_bilinear_u8(x: usize, y: usize, batch: i32, inH: i32, inW: i32, channels: i32, outH: i32, outW: i32, corners: i32, half: i32): void {
  bilinear<u8>(x, y, batch, inH, inW, channels, outH, outW, corners != 0, half != 0);
}

export function resize_bilinear_i8(x: usize, y: usize, batch: i32, inH: i32, inW: i32, channels: i32, outH: i32, outW: i32, corners: i32, half: i32): void {
  bilinear<i8>(x, y, batch, inH, inW, channels, outH, outW, corners != 0, half != 0);
}

export function resize_bilinear_i16(x: usize, y: usize, batch: i32, inH: i32, inW: i32, channels: i32, outH: i32, outW: i32, corners: i32, half: i32): void {
  bilinear<i16>(x, y, batch, inH, inW, channels, outH, outW, corners != 0, half != 0);
}

export function resize_bilinear_u16(x: usize, y: usize, batch: i32, inH: i32, inW: i32, channels: i32, outH: i32, outW: i32, corners: i32, half: i32): void {
  bilinear<u16>(x, y, batch, inH, inW, channels, outH, outW, corners != 0, half != 0);
}

export function resize_bilinear_u32(x: usize, y: usize, batch: i32, inH: i32, inW: i32, channels: i32, outH: i32, outW: i32, corners: i32, half: i32): void {
  bilinear<u32>(x, y, batch, inH, inW, channels, outH, outW, corners != 0, half != 0);
}

export function resize_bilinear_u64(x: usize, y: usize, batch: i32, inH: i32, inW: i32, channels: i32, outH: i32, outW: i32, corners: i32, half: i32): void {
  bilinear<u64>(x, y, batch, inH, inW, channels, outH, outW, corners != 0, half != 0);
}

export function resize_bilinear_grad_f32(dy: usize, dx: usize, batch: i32, inH: i32, inW: i32, channels: i32, outH: i32, outW: i32, corners: i32, half: i32): void {
  bilinearGrad<f32>(dy, dx, batch, inH, inW, channels, outH, outW, corners != 0, half != 0);
}

export function resize_bilinear_grad_f64(dy: usize, dx: usize, batch: i32, inH: i32, inW: i32, channels: i32, outH: i32, outW: i32, corners: i32, half: i32): void {
  bilinearGrad<f64>(dy, dx, batch, inH, inW, channels, outH, outW, corners != 0, half != 0);
}

export function resize_nearest_grad_f32(dy: usize, dx: usize, batch: i32, inH: i32, inW: i32, channels: i32, outH: i32, outW: i32, corners: i32, half: i32): void {
  nearestGrad<f32>(dy, dx, batch, inH, inW, channels, outH, outW, corners != 0, half != 0);
}

export function resize_nearest_grad_f64(dy: usize, dx: usize, batch: i32, inH: i32, inW: i32, channels: i32, outH: i32, outW: i32, corners: i32, half: i32): void {
  nearestGrad<f64>(dy, dx, batch, inH, inW, channels, outH, outW, corners != 0, half != 0);
}

export function resize_nearest_grad_i32(dy: usize, dx: usize, batch: i32, inH: i32, inW: i32, channels: i32, outH: i32, outW: i32, corners: i32, half: i32): void {
  nearestGrad<i32>(dy, dx, batch, inH, inW, channels, outH, outW, corners != 0, half != 0);
}

export function resize_nearest_grad_u8(dy: usize, dx: usize, batch: i32, inH: i32, inW: i32, channels: i32, outH: i32, outW: i32, corners: i32, half: i32): void {
  nearestGrad<u8>(dy, dx, batch, inH, inW, channels, outH, outW, corners != 0, half != 0);
}

export function resize_nearest_grad_i8(dy: usize, dx: usize, batch: i32, inH: i32, inW: i32, channels: i32, outH: i32, outW: i32, corners: i32, half: i32): void {
  nearestGrad<i8>(dy, dx, batch, inH, inW, channels, outH, outW, corners != 0, half != 0);
}
