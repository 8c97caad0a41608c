// Conv2D on NHWC images: y[n, oh, ow, :] = Σ x[window of the pixel] · filter, filter [kH, kW, inC, outC].
// It is a matrix product whose A is packed straight from the image (../gemm/image); a 1 × 1 convolution without
// strides is a product of what lies in memory. Padding comes as the pixels above and left, plus the output's size.
import { gemm } from "../gemm/gemm";
import { convolve, convolveScratchBytes } from "../gemm/image-product";

/** Bytes of scratch for conv2d with elements of `size` bytes. */
export function conv2d_scratch_bytes(inC: i32, kH: i32, kW: i32, outC: i32, size: i32): usize {
  return convolveScratchBytes(inC, kH, kW, outC, size);
}

// @ts-ignore: decorator
@inline
function conv2d<T>(
  x: usize, filter: usize, y: usize, batch: i32, inH: i32, inW: i32, inC: i32, kH: i32, kW: i32, outC: i32, outH: i32,
  outW: i32, strideH: i32, strideW: i32, dilH: i32, dilW: i32, padT: i32, padL: i32, scratch: usize,
): void {
  const pixels = batch * outH * outW;
  const k = kH * kW * inC;
  if (pixels <= 0 || outC <= 0) return;
  if (k <= 0) {
    memory.fill(y, 0, <usize>pixels * outC * sizeof<T>());
    return;
  }
  const pointwise = kH == 1 && kW == 1 && strideH == 1 && strideW == 1 && padT == 0 && padL == 0;
  if (pointwise && outH == inH && outW == inW) {
    const lda = <usize>inC * sizeof<T>();
    const ldb = <usize>outC * sizeof<T>();
    gemm<T>(false, false, pixels, outC, inC, x, lda, filter, ldb, y, ldb, false, scratch);
    return;
  }
  convolve<T>(x, filter, y, batch, inH, inW, inC, kH, kW, outC, outH, outW, strideH, strideW, dilH, dilW, padT, padL, scratch);
}

export function conv2d_f32(x: usize, filter: usize, y: usize, batch: i32, inH: i32, inW: i32, inC: i32, kH: i32, kW: i32, outC: i32, outH: i32, outW: i32, strideH: i32, strideW: i32, dilH: i32, dilW: i32, padT: i32, padL: i32, scratch: usize): void {
  conv2d<f32>(x, filter, y, batch, inH, inW, inC, kH, kW, outC, outH, outW, strideH, strideW, dilH, dilW, padT, padL, scratch);
}

export function conv2d_f64(x: usize, filter: usize, y: usize, batch: i32, inH: i32, inW: i32, inC: i32, kH: i32, kW: i32, outC: i32, outH: i32, outW: i32, strideH: i32, strideW: i32, dilH: i32, dilW: i32, padT: i32, padL: i32, scratch: usize): void {
  conv2d<f64>(x, filter, y, batch, inH, inW, inC, kH, kW, outC, outH, outW, strideH, strideW, dilH, dilW, padT, padL, scratch);
}

export function conv2d_i32(x: usize, filter: usize, y: usize, batch: i32, inH: i32, inW: i32, inC: i32, kH: i32, kW: i32, outC: i32, outH: i32, outW: i32, strideH: i32, strideW: i32, dilH: i32, dilW: i32, padT: i32, padL: i32, scratch: usize): void {
  conv2d<i32>(x, filter, y, batch, inH, inW, inC, kH, kW, outC, outH, outW, strideH, strideW, dilH, dilW, padT, padL, scratch);
}
