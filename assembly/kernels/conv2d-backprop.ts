// The two gradients of Conv2D, by the arguments of the forward kernel; `dy` is [batch, outH, outW, outC].
// Input: with stride 1 and a finite filter it is a convolution of dy with the filter turned by 180° and transposed; otherwise
// rows of dy · filterᵀ are added back onto the image: no zero around dy meets an infinity there. Filter: the image's rows, transposed, times dy, chunk by chunk of pixels.
import { gemm, gemmScratchBytes } from "../gemm/gemm";
import { addImage, clearImageScratch, copyImage, imageScratchBytes, setGeometry } from "../gemm/image";
import { convolve, convolveScratchBytes } from "../gemm/image-product";

/** Bytes of image rows that one chunk holds. */
const CHUNK_BYTES: i32 = 524288;
const CHUNK_ROWS: i32 = 256;

/** Output pixels per chunk: as many rows as fit, whole tiles of any height. */
function rowsOfChunk(k: i32, size: i32): i32 {
  return max(60, min(CHUNK_ROWS, CHUNK_BYTES / max(1, k * size)));
}

function align(bytes: usize): usize {
  return (bytes + 63) & ~63;
}

/** Bytes of scratch for conv2d_backprop_input. */
export function conv2d_backprop_input_scratch_bytes(inC: i32, kH: i32, kW: i32, outC: i32, size: i32): usize {
  const k = kH * kW * inC;
  const turned = align(<usize>k * outC * size) + convolveScratchBytes(outC, kH, kW, inC, size);
  const rows = rowsOfChunk(k, size);
  const chunk = align(<usize>rows * k * size) + align(imageScratchBytes(inC, size));
  return max(turned, chunk + gemmScratchBytes(rows, k, outC, size));
}

/** Bytes of scratch for conv2d_backprop_filter. */
export function conv2d_backprop_filter_scratch_bytes(inC: i32, kH: i32, kW: i32, outC: i32, size: i32): usize {
  const k = kH * kW * inC;
  const rows = rowsOfChunk(k, size);
  const chunk = align(<usize>rows * k * size) + align(imageScratchBytes(kW * inC, size));
  return chunk + gemmScratchBytes(k, outC, rows, size);
}

/** turned[kH − 1 − i][kW − 1 − j][o][c] = filter[i][j][c][o]. @returns whether all of it is finite */
function turnFilter<T>(turned: usize, filter: usize, taps: i32, inC: i32, outC: i32): bool {
  let flaw: T = 0;
  const tapBytes = <usize>inC * outC * sizeof<T>();
  turned += <usize>taps * tapBytes;
  for (let tap = 0; tap < taps; tap++) {
    turned -= tapBytes;
    for (let c = 0; c < inC; c++) {
      let to = turned + <usize>c * sizeof<T>();
      for (let o = 0; o < outC; o++) {
        const value = load<T>(filter);
        // Of finite numbers the difference is 0.
        flaw += value - value;
        store<T>(to, value);
        filter += sizeof<T>();
        to += <usize>inC * sizeof<T>();
      }
    }
  }
  return flaw == 0;
}

// @ts-ignore: decorator
@inline
function backpropInput<T>(
  dy: usize, filter: usize, dx: usize, batch: i32, inH: i32, inW: i32, inC: i32, kH: i32, kW: i32, outC: i32, outH: i32,
  outW: i32, strideH: i32, strideW: i32, dilH: i32, dilW: i32, padT: i32, padL: i32, scratch: usize,
): void {
  const size = sizeof<T>();
  const k = kH * kW * inC;
  const inPixels = batch * inH * inW;
  if (inPixels <= 0 || inC <= 0) return;
  const isConvolution = strideH == 1 && strideW == 1 && outC > 0 && outH > 0 && outW > 0 && k > 0;
  if (isConvolution && turnFilter<T>(scratch, filter, kH * kW, inC, outC)) {
    const top = (kH - 1) * dilH - padT;
    const left = (kW - 1) * dilW - padL;
    const rest = scratch + align(<usize>k * outC * size);
    convolve<T>(dy, scratch, dx, batch, outH, outW, outC, kH, kW, inC, inH, inW, 1, 1, dilH, dilW, top, left, rest);
    return;
  }
  memory.fill(dx, 0, <usize>inPixels * inC * size);
  const pixels = batch * outH * outW;
  if (pixels <= 0 || k <= 0) return;
  setGeometry(dx, inH, inW, inC, kH, kW, outH, outW, strideH, strideW, dilH, dilW, padT, padL);
  const chunkRows = rowsOfChunk(k, <i32>size);
  const gather = scratch + align(<usize>chunkRows * k * size);
  const rest = gather + align(imageScratchBytes(inC, <i32>size));
  const lda = <usize>outC * size;
  for (let first = 0; first < pixels; first += chunkRows) {
    const rows = min(chunkRows, pixels - first);
    const source = dy + <usize>first * lda;
    gemm<T>(false, true, rows, k, outC, source, lda, filter, lda, scratch, <usize>k * size, false, rest);
    addImage<T>(scratch, first, rows, gather);
  }
}

// @ts-ignore: decorator
@inline
function backpropFilter<T>(
  x: usize, dy: usize, dfilter: usize, batch: i32, inH: i32, inW: i32, inC: i32, kH: i32, kW: i32, outC: i32, outH: i32,
  outW: i32, strideH: i32, strideW: i32, dilH: i32, dilW: i32, padT: i32, padL: i32, scratch: usize,
): void {
  const size = sizeof<T>();
  const k = kH * kW * inC;
  const pixels = batch * outH * outW;
  if (k <= 0 || outC <= 0) return;
  const ldb = <usize>outC * size;
  if (pixels <= 0) {
    memory.fill(dfilter, 0, <usize>k * ldb);
    return;
  }
  setGeometry(x, inH, inW, inC, kH, kW, outH, outW, strideH, strideW, dilH, dilW, padT, padL);
  const chunkRows = rowsOfChunk(k, <i32>size);
  const gather = scratch + align(<usize>chunkRows * k * size);
  clearImageScratch(gather, kW * inC, <i32>size);
  const rest = gather + align(imageScratchBytes(kW * inC, <i32>size));
  const pointwise = kH == 1 && kW == 1 && strideH == 1 && strideW == 1 && padT == 0 && padL == 0;
  const asItLies = pointwise && outH == inH && outW == inW;
  const lda = <usize>k * size;
  for (let first = 0; first < pixels; first += chunkRows) {
    const rows = min(chunkRows, pixels - first);
    const chunk = asItLies ? x + <usize>first * lda : scratch;
    if (!asItLies) copyImage<T>(chunk, first, rows, gather);
    const source = dy + <usize>first * ldb;
    gemm<T>(true, false, k, outC, rows, chunk, lda, source, ldb, dfilter, ldb, first > 0, rest);
  }
}

export function conv2d_backprop_input_f32(dy: usize, filter: usize, dx: usize, batch: i32, inH: i32, inW: i32, inC: i32, kH: i32, kW: i32, outC: i32, outH: i32, outW: i32, strideH: i32, strideW: i32, dilH: i32, dilW: i32, padT: i32, padL: i32, scratch: usize): void {
  backpropInput<f32>(dy, filter, dx, batch, inH, inW, inC, kH, kW, outC, outH, outW, strideH, strideW, dilH, dilW, padT, padL, scratch);
}

export function conv2d_backprop_input_f64(dy: usize, filter: usize, dx: usize, batch: i32, inH: i32, inW: i32, inC: i32, kH: i32, kW: i32, outC: i32, outH: i32, outW: i32, strideH: i32, strideW: i32, dilH: i32, dilW: i32, padT: i32, padL: i32, scratch: usize): void {
  backpropInput<f64>(dy, filter, dx, batch, inH, inW, inC, kH, kW, outC, outH, outW, strideH, strideW, dilH, dilW, padT, padL, scratch);
}

export function conv2d_backprop_filter_f32(x: usize, dy: usize, dfilter: usize, batch: i32, inH: i32, inW: i32, inC: i32, kH: i32, kW: i32, outC: i32, outH: i32, outW: i32, strideH: i32, strideW: i32, dilH: i32, dilW: i32, padT: i32, padL: i32, scratch: usize): void {
  backpropFilter<f32>(x, dy, dfilter, batch, inH, inW, inC, kH, kW, outC, outH, outW, strideH, strideW, dilH, dilW, padT, padL, scratch);
}

export function conv2d_backprop_filter_f64(x: usize, dy: usize, dfilter: usize, batch: i32, inH: i32, inW: i32, inC: i32, kH: i32, kW: i32, outC: i32, outH: i32, outW: i32, strideH: i32, strideW: i32, dilH: i32, dilW: i32, padT: i32, padL: i32, scratch: usize): void {
  backpropFilter<f64>(x, dy, dfilter, batch, inH, inW, inC, kH, kW, outC, outH, outW, strideH, strideW, dilH, dilW, padT, padL, scratch);
}

export function conv2d_backprop_input_i32(dy: usize, filter: usize, dx: usize, batch: i32, inH: i32, inW: i32, inC: i32, kH: i32, kW: i32, outC: i32, outH: i32, outW: i32, strideH: i32, strideW: i32, dilH: i32, dilW: i32, padT: i32, padL: i32, scratch: usize): void {
  backpropInput<i32>(dy, filter, dx, batch, inH, inW, inC, kH, kW, outC, outH, outW, strideH, strideW, dilH, dilW, padT, padL, scratch);
}
