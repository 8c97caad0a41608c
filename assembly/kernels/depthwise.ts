// DepthwiseConv2dNative on NHWC images and its gradients: channel c of the input gives channels c · m … of the output,
// filter [kH, kW, inC, m]. All three run over the same pairs of pixels and differ in what is multiplied and where the
// product is added, so one loop serves them.
import { madd } from "../math/fma";

const FORWARD: i32 = 0;
const INPUT: i32 = 1;
const FILTER: i32 = 2;

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
  if (mode == FORWARD) memory.fill(y, 0, <usize>batch * outH * outW * yPixel);
  if (mode == INPUT) memory.fill(x, 0, <usize>batch * inH * inW * xPixel);
  if (mode == FILTER) memory.fill(filter, 0, <usize>kH * kW * yPixel);
  for (let n = 0; n < batch; n++) {
    for (let oh = 0; oh < outH; oh++) {
      for (let ow = 0; ow < outW; ow++) {
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
