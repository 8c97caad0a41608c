// The image under a convolution seen as the rows of a matrix: one row per output pixel, kH · kW · channels long.
// Takes NHWC images; packs such rows straight into panels of A, or copies them, without the whole matrix ever existing.
// Pixels outside the image read as zeros.
//
// The geometry sits in globals: sixteen numbers in each inner call would cost more than they do. Globals belong to an
// instance, and each thread has an instance of its own.
import { BLOCK_K, pack2, pack4, packRows } from "./pack";

let image: usize = 0;
let height: i32 = 0;
let width: i32 = 0;
let channels: i32 = 0;
let kernelHeight: i32 = 0;
let kernelWidth: i32 = 0;
let outHeight: i32 = 0;
let outWidth: i32 = 0;
let strideHeight: i32 = 0;
let strideWidth: i32 = 0;
let dilationHeight: i32 = 0;
let dilationWidth: i32 = 0;
let padTop: i32 = 0;
let padLeft: i32 = 0;

export function setGeometry(
  x: usize, inH: i32, inW: i32, inC: i32, kH: i32, kW: i32, outH: i32, outW: i32, strideH: i32, strideW: i32, dilH: i32,
  dilW: i32, padT: i32, padL: i32,
): void {
  image = x;
  height = inH;
  width = inW;
  channels = inC;
  kernelHeight = kH;
  kernelWidth = kW;
  outHeight = outH;
  outWidth = outW;
  strideHeight = strideH;
  strideWidth = strideW;
  dilationHeight = dilH;
  dilationWidth = dilW;
  padTop = padT;
  padLeft = padL;
}

// Scratch of a packer:  8 row pointers │ 8 × (address, top, left) of where the panel's rows begin │ stage │ zeros
// An address is that of the window's first pixel, even where that pixel lies outside: only sums of it are read.
const POINTERS: usize = 0;
const CORNERS: usize = 32;
const CORNER_BYTES: usize = 12;
const STAGE: usize = 128;
/** A panel's rows one after the other, the largest: 6 of f64. */
const STAGE_BYTES: usize = 48 * BLOCK_K;
const ZEROS: usize = STAGE + STAGE_BYTES;

/** With fewer channels a run is too short to be worth pointers: rows with zeros are staged first. */
const SHORT_CHANNELS: i32 = 8;

/** Bytes of the packers' scratch for runs of at most `run` elements; `clearImageScratch` prepares it. */
export function imageScratchBytes(run: i32, size: i32): usize {
  return ZEROS + ((<usize>run * size + 15) & ~15);
}

export function clearImageScratch(scratch: usize, run: i32, size: i32): void {
  memory.fill(scratch + ZEROS, 0, <usize>run * size);
}

/** Where the window of each of `rows` output pixels from `first` on begins; true if no window leaves the image. */
function setCorners<T>(scratch: usize, first: i32, rows: i32): bool {
  const perImage = outHeight * outWidth;
  let n = first / perImage;
  let oh = (first % perImage) / outWidth;
  let ow = first % outWidth;
  const imageBytes = <usize>height * width * channels * sizeof<T>();
  const lastTop = height - 1 - (kernelHeight - 1) * dilationHeight;
  const lastLeft = width - 1 - (kernelWidth - 1) * dilationWidth;
  let inside = true;
  let corner = scratch + CORNERS;
  for (let i = 0; i < rows; i++) {
    const top = oh * strideHeight - padTop;
    const left = ow * strideWidth - padLeft;
    if (top < 0 || left < 0 || top > lastTop || left > lastLeft) inside = false;
    const at = image + <usize>n * imageBytes + <usize>((top * width + left) * channels) * sizeof<T>();
    store<usize>(scratch + POINTERS + ((<usize>i) << 2), at);
    store<usize>(corner, at);
    store<i32>(corner, top, 4);
    store<i32>(corner, left, 8);
    corner += CORNER_BYTES;
    if (++ow == outWidth) {
      ow = 0;
      if (++oh == outHeight) {
        oh = 0;
        n++;
      }
    }
  }
  return inside;
}

/** Whether no window leaves the image's width, so that each of its rows is one run of memory or all outside. */
function isWhole(scratch: usize, rows: i32): bool {
  if (dilationWidth != 1) return false;
  const last = width - kernelWidth;
  for (let i = 0; i < rows; i++) {
    const left = load<i32>(scratch + CORNERS + <usize>i * CORNER_BYTES, 8);
    if (left < 0 || left > last) return false;
  }
  return true;
}

/** Bytes from a window's first pixel to element `c` of its pixel (kh, kw). */
// @ts-ignore: decorator
@inline
function offsetOf<T>(kh: i32, kw: i32, c: i32): usize {
  return <usize>((kh * dilationHeight * width + kw * dilationWidth) * channels + c) * sizeof<T>();
}

/** Points each row at element `c` of pixel (kh, kw) of its window, or at zeros outside the image. */
function setPointers<T>(scratch: usize, rows: i32, kh: i32, kw: i32, c: i32): void {
  const offset = offsetOf<T>(kh, kw, c);
  const down = kh * dilationHeight;
  const across = kw * dilationWidth;
  for (let i = 0; i < rows; i++) {
    const corner = scratch + CORNERS + <usize>i * CORNER_BYTES;
    const ih = load<i32>(corner, 4) + down;
    const iw = load<i32>(corner, 8) + across;
    const inside = <u32>ih < <u32>height && <u32>iw < <u32>width;
    store<usize>(scratch + POINTERS + ((<usize>i) << 2), inside ? load<usize>(corner) + offset : scratch + ZEROS);
  }
}

// @ts-ignore: decorator
@inline
function packPointers<T>(to: usize, scratch: usize, offset: usize, rows: i32, k: i32): void {
  const step = <usize>rows * sizeof<T>();
  let w = 0;
  if (sizeof<T>() == 4) {
    const p = scratch + POINTERS;
    if (rows >= 4) {
      const r0 = load<usize>(p) + offset;
      const r1 = load<usize>(p, 4) + offset;
      const r2 = load<usize>(p, 8) + offset;
      pack4(to, step, r0, r1, r2, load<usize>(p, 12) + offset, k);
      w = 4;
    }
    if (w + 2 <= rows) {
      const q = p + ((<usize>w) << 2);
      pack2(to + ((<usize>w) << 2), step, load<usize>(q) + offset, load<usize>(q, 4) + offset, k);
      w += 2;
    }
  }
  for (; w < rows; w++) {
    let from = load<usize>(scratch + POINTERS + ((<usize>w) << 2)) + offset;
    let target = to + <usize>w * sizeof<T>();
    for (let i = 0; i < k; i++) {
      store<T>(target, load<T>(from));
      from += sizeof<T>();
      target += step;
    }
  }
}

// @ts-ignore: decorator
@inline
function copy<T>(to: usize, from: usize, count: i32): void {
  let bytes = <usize>count * sizeof<T>();
  for (; bytes >= 16; bytes -= 16) {
    v128.store(to, v128.load(from));
    to += 16;
    from += 16;
  }
  for (; bytes > 0; bytes -= 4) {
    store<u32>(to, load<u32>(from));
    to += 4;
    from += 4;
  }
}

// @ts-ignore: decorator
@inline
function zero<T>(to: usize, count: i32): void {
  for (let i = 0; i < count; i++) {
    store<T>(to, <T>0);
    to += sizeof<T>();
  }
}

/** One row of the matrix at `to`, elements `start` to `end`: a run for each row of the window, clipped to the image. */
function stageRow<T>(to: usize, corner: usize, start: i32, end: i32): void {
  const windowRow = kernelWidth * channels;
  const imageRow = width * channels;
  const at = load<usize>(corner);
  const top = load<i32>(corner, 4);
  const first = load<i32>(corner, 8) * channels;
  let kh = start / windowRow;
  let inRow = start - kh * windowRow;
  while (start < end) {
    const run = min(windowRow - inRow, end - start);
    const x = first + inRow;
    const ih = top + kh * dilationHeight;
    const outside = <u32>ih >= <u32>height || x + run <= 0 || x >= imageRow;
    const before = outside ? run : max(-x, 0);
    const inside = outside ? 0 : min(run, imageRow - x) - before;
    zero<T>(to, before);
    to += <usize>before * sizeof<T>();
    copy<T>(to, at + <usize>(kh * dilationHeight * imageRow + inRow + before) * sizeof<T>(), inside);
    to += <usize>inside * sizeof<T>();
    zero<T>(to, run - before - inside);
    to += <usize>(run - before - inside) * sizeof<T>();
    start += run;
    inRow = 0;
    kh++;
  }
}

/**
 * A panel of A: [depth][rows] for the output pixels `first` …, of the elements `start` … of their rows.
 * Runs are as long as memory is contiguous: a window's row where nothing is padded, else one pixel.
 */
export function packImage<T>(to: usize, first: i32, rows: i32, start: i32, depth: i32, scratch: usize): void {
  const inside = setCorners<T>(scratch, first, rows);
  const whole = isWhole(scratch, rows);
  if (!whole && channels < SHORT_CHANNELS && dilationWidth == 1) {
    const rowBytes = <usize>depth * sizeof<T>();
    for (let i = 0; i < rows; i++) {
      const corner = scratch + CORNERS + <usize>i * CORNER_BYTES;
      stageRow<T>(scratch + STAGE + <usize>i * rowBytes, corner, start, start + depth);
    }
    packRows<T>(to, scratch + STAGE, rowBytes, rows, depth);
    return;
  }
  const windowRow = kernelWidth * channels;
  let k = start;
  const end = start + depth;
  while (k < end) {
    const kh = k / windowRow;
    const inRow = k - kh * windowRow;
    const kw = inRow / channels;
    const c = inRow - kw * channels;
    const run = min(whole ? windowRow - inRow : channels - c, end - k);
    let offset: usize = 0;
    if (inside) offset = offsetOf<T>(kh, kw, c);
    else setPointers<T>(scratch, rows, kh, kw, c);
    packPointers<T>(to, scratch, offset, rows, run);
    to += <usize>run * rows * sizeof<T>();
    k += run;
  }
}

/** The rows of the output pixels `first` … as they are: [rows][kH · kW · channels]. */
export function copyImage<T>(to: usize, first: i32, rows: i32, scratch: usize): void {
  const windowRow = kernelWidth * channels;
  for (let i = 0; i < rows; i++) {
    setCorners<T>(scratch, first + i, 1);
    const whole = isWhole(scratch, 1);
    for (let kh = 0; kh < kernelHeight; kh++) {
      const pieces = whole ? 1 : kernelWidth;
      const run = whole ? windowRow : channels;
      for (let kw = 0; kw < pieces; kw++) {
        setPointers<T>(scratch, 1, kh, kw, 0);
        copy<T>(to, load<usize>(scratch + POINTERS), run);
        to += <usize>run * sizeof<T>();
      }
    }
  }
}

/** The inverse of copyImage: adds such rows onto the image. */
export function addImage<T>(from: usize, first: i32, rows: i32, scratch: usize): void {
  const pixelBytes = <usize>channels * sizeof<T>();
  const lanes = 16 / <i32>sizeof<T>();
  for (let i = 0; i < rows; i++) {
    setCorners<T>(scratch, first + i, 1);
    for (let kh = 0; kh < kernelHeight; kh++) {
      for (let kw = 0; kw < kernelWidth; kw++) {
        setPointers<T>(scratch, 1, kh, kw, 0);
        let to = load<usize>(scratch + POINTERS);
        let source = from;
        from += pixelBytes;
        if (to == scratch + ZEROS) continue;
        let c = 0;
        for (; c + lanes <= channels; c += lanes) {
          v128.store(to, v128.add<T>(v128.load(to), v128.load(source)));
          to += 16;
          source += 16;
        }
        for (; c < channels; c++) {
          store<T>(to, <T>(load<T>(to) + load<T>(source)));
          to += sizeof<T>();
          source += sizeof<T>();
        }
      }
    }
  }
}
