// DepthwiseConv2dNative on NHWC images and its gradients: channel c of the input gives channels c · m … of the output,
// filter [kH, kW, inC, m]. All three run over the same pairs of pixels and differ in what is multiplied and where the
// product is added, so one loop serves them; the common forward case, m = 1, has a faster one.
import { madd } from "../math/fma";

const FORWARD: i32 = 0;
const INPUT: i32 = 1;
const FILTER: i32 = 2;

/** Forward for m = 1: the sums of eight (or four, or two) channels stay in registers while the taps run. */
// @ts-ignore: decorator
@inline
function pixel<T>(
  x: usize, filter: usize, y: usize, ih: i32, iw: i32, inH: i32, inW: i32, channels: i32, kH: i32, kW: i32, dH: i32,
  dW: i32,
): void {
  const pixelBytes = <usize>channels * sizeof<T>();
  const lanes = 16 / <i32>sizeof<T>();
  // Taps that meet the image: ih + kh · dH in [0, inH), likewise across.
  const kh0 = ih < 0 ? (dH - 1 - ih) / dH : 0;
  const kw0 = iw < 0 ? (dW - 1 - iw) / dW : 0;
  const kh1 = min(kH, (inH - ih + dH - 1) / dH);
  const kw1 = min(kW, (inW - iw + dW - 1) / dW);
  const down = <usize>dH * inW * pixelBytes;
  const across = <usize>dW * pixelBytes;
  const corner = x + (<usize>(ih + kh0 * dH) * inW + (iw + kw0 * dW)) * pixelBytes;
  const first = filter + <usize>(kh0 * kW + kw0) * pixelBytes;
  const whole = channels - (channels % lanes);
  const zero = v128.splat<T>(<T>0);
  let c = 0;
  for (; c + 2 * lanes <= channels; c += 2 * lanes) {
    let s0 = zero;
    let s1 = zero;
    let row = corner + <usize>c * sizeof<T>();
    let weights = first + <usize>c * sizeof<T>();
    for (let kh = kh0; kh < kh1; kh++) {
      let at = row;
      let f = weights;
      for (let kw = kw0; kw < kw1; kw++) {
        s0 = madd<T>(v128.load(at), v128.load(f), s0);
        s1 = madd<T>(v128.load(at, 16), v128.load(f, 16), s1);
        at += across;
        f += pixelBytes;
      }
      row += down;
      weights += <usize>kW * pixelBytes;
    }
    v128.store(y, s0);
    v128.store(y, s1, 16);
    y += 32;
  }
  for (; c < channels; c += c < whole ? lanes : 1) {
    const vector = c < whole;
    let s = zero;
    let t: T = 0;
    let row = corner + <usize>c * sizeof<T>();
    let weights = first + <usize>c * sizeof<T>();
    for (let kh = kh0; kh < kh1; kh++) {
      let at = row;
      let f = weights;
      for (let kw = kw0; kw < kw1; kw++) {
        if (vector) s = madd<T>(v128.load(at), v128.load(f), s);
        else t += load<T>(at) * load<T>(f);
        at += across;
        f += pixelBytes;
      }
      row += down;
      weights += <usize>kW * pixelBytes;
    }
    if (vector) {
      v128.store(y, s);
      y += 16;
    } else {
      store<T>(y, t);
      y += sizeof<T>();
    }
  }
}

/** One pixel of x against one tap: y += x · f, dx += y · f or df += x · y, for all channels. */
// @ts-ignore: decorator
@inline
function tap<T>(mode: i32, x: usize, f: usize, y: usize, channels: i32, m: i32): void {
  let c = 0;
  if (m == 1) {
    const lanes = 16 / <i32>sizeof<T>();
    for (; c + lanes <= channels; c += lanes) {
      if (mode == FORWARD) v128.store(y, madd<T>(v128.load(x), v128.load(f), v128.load(y)));
      if (mode == INPUT) v128.store(x, madd<T>(v128.load(y), v128.load(f), v128.load(x)));
      if (mode == FILTER) v128.store(f, madd<T>(v128.load(x), v128.load(y), v128.load(f)));
      x += 16;
      f += 16;
      y += 16;
    }
  }
  for (; c < channels; c++) {
    for (let i = 0; i < m; i++) {
      if (mode == FORWARD) store<T>(y, <T>(load<T>(y) + load<T>(x) * load<T>(f)));
      if (mode == INPUT) store<T>(x, <T>(load<T>(x) + load<T>(y) * load<T>(f)));
      if (mode == FILTER) store<T>(f, <T>(load<T>(f) + load<T>(x) * load<T>(y)));
      f += sizeof<T>();
      y += sizeof<T>();
    }
    x += sizeof<T>();
  }
}

// @ts-ignore: decorator
@inline
function depthwise<T>(
  mode: i32, x: usize, filter: usize, y: usize, batch: i32, inH: i32, inW: i32, channels: i32, kH: i32, kW: i32, m: i32,
  outH: i32, outW: i32, sH: i32, sW: i32, dH: i32, dW: i32, padT: i32, padL: i32,
): void {
  const xPixel = <usize>channels * sizeof<T>();
  const yPixel = xPixel * m;
  if (mode == FORWARD && m != 1) memory.fill(y, 0, <usize>batch * outH * outW * yPixel);
  if (mode == INPUT) memory.fill(x, 0, <usize>batch * inH * inW * xPixel);
  if (mode == FILTER) memory.fill(filter, 0, <usize>kH * kW * yPixel);
  for (let n = 0; n < batch; n++) {
    for (let oh = 0; oh < outH; oh++) {
      for (let ow = 0; ow < outW; ow++) {
        if (mode == FORWARD && m == 1) {
          pixel<T>(x, filter, y, oh * sH - padT, ow * sW - padL, inH, inW, channels, kH, kW, dH, dW);
          y += yPixel;
          continue;
        }
        let f = filter;
        for (let kh = 0; kh < kH; kh++) {
          const ih = oh * sH + kh * dH - padT;
          if (<u32>ih >= <u32>inH) {
            f += <usize>kW * yPixel;
            continue;
          }
          const row = x + <usize>ih * inW * xPixel;
          for (let kw = 0; kw < kW; kw++) {
            const iw = ow * sW + kw * dW - padL;
            if (<u32>iw < <u32>inW) tap<T>(mode, row + <usize>iw * xPixel, f, y, channels, m);
            f += yPixel;
          }
        }
        y += yPixel;
      }
    }
    x += <usize>inH * inW * xPixel;
  }
}

export function depthwise_conv2d_f32(x: usize, filter: usize, y: usize, batch: i32, inH: i32, inW: i32, inC: i32, kH: i32, kW: i32, multiplier: i32, outH: i32, outW: i32, strideH: i32, strideW: i32, dilH: i32, dilW: i32, padT: i32, padL: i32): void {
  depthwise<f32>(FORWARD, x, filter, y, batch, inH, inW, inC, kH, kW, multiplier, outH, outW, strideH, strideW, dilH, dilW, padT, padL);
}

export function depthwise_conv2d_backprop_input_f32(dx: usize, filter: usize, dy: usize, batch: i32, inH: i32, inW: i32, inC: i32, kH: i32, kW: i32, multiplier: i32, outH: i32, outW: i32, strideH: i32, strideW: i32, dilH: i32, dilW: i32, padT: i32, padL: i32): void {
  depthwise<f32>(INPUT, dx, filter, dy, batch, inH, inW, inC, kH, kW, multiplier, outH, outW, strideH, strideW, dilH, dilW, padT, padL);
}

export function depthwise_conv2d_backprop_filter_f32(x: usize, dfilter: usize, dy: usize, batch: i32, inH: i32, inW: i32, inC: i32, kH: i32, kW: i32, multiplier: i32, outH: i32, outW: i32, strideH: i32, strideW: i32, dilH: i32, dilW: i32, padT: i32, padL: i32): void {
  depthwise<f32>(FILTER, x, dfilter, dy, batch, inH, inW, inC, kH, kW, multiplier, outH, outW, strideH, strideW, dilH, dilW, padT, padL);
}

export function depthwise_conv2d_f64(x: usize, filter: usize, y: usize, batch: i32, inH: i32, inW: i32, inC: i32, kH: i32, kW: i32, multiplier: i32, outH: i32, outW: i32, strideH: i32, strideW: i32, dilH: i32, dilW: i32, padT: i32, padL: i32): void {
  depthwise<f64>(FORWARD, x, filter, y, batch, inH, inW, inC, kH, kW, multiplier, outH, outW, strideH, strideW, dilH, dilW, padT, padL);
}

export function depthwise_conv2d_backprop_input_f64(dx: usize, filter: usize, dy: usize, batch: i32, inH: i32, inW: i32, inC: i32, kH: i32, kW: i32, multiplier: i32, outH: i32, outW: i32, strideH: i32, strideW: i32, dilH: i32, dilW: i32, padT: i32, padL: i32): void {
  depthwise<f64>(INPUT, dx, filter, dy, batch, inH, inW, inC, kH, kW, multiplier, outH, outW, strideH, strideW, dilH, dilW, padT, padL);
}

export function depthwise_conv2d_backprop_filter_f64(x: usize, dfilter: usize, dy: usize, batch: i32, inH: i32, inW: i32, inC: i32, kH: i32, kW: i32, multiplier: i32, outH: i32, outW: i32, strideH: i32, strideW: i32, dilH: i32, dilW: i32, padT: i32, padL: i32): void {
  depthwise<f64>(FILTER, x, dfilter, dy, batch, inH, inW, inC, kH, kW, multiplier, outH, outW, strideH, strideW, dilH, dilW, padT, padL);
}
