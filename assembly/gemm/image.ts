// The image under a convolution seen as the rows of a matrix: one row per output pixel, kH · kW · channels long.
// Takes NHWC images; packs such rows straight into panels of A, or copies them, without the whole matrix ever existing.
// Pixels outside the image read as zeros.
//
// The geometry sits in globals: sixteen numbers in each inner call would cost more than they do. Globals belong to an
// instance, and each thread has an instance of its own.
import { pack2, pack4 } from "./pack";

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

// Scratch of a packer:  8 row pointers │ 8 × (image, top, left) of the panel's rows │ zeros
const POINTERS: usize = 0;
const CORNERS: usize = 32;
const CORNER_BYTES: usize = 12;
const ZEROS: usize = 128;

/** Bytes of the packers' scratch for runs of at most `run` elements; `clearImageScratch` prepares it. */
export function imageScratchBytes(run: i32, size: i32): usize {
  return ZEROS + ((<usize>run * size + 15) & ~15);
}

export function clearImageScratch(scratch: usize, run: i32, size: i32): void {
  memory.fill(scratch + ZEROS, 0, <usize>run * size);
}

/** Where the window of each of `rows` output pixels from `first` on begins in its image. */
function setCorners<T>(scratch: usize, first: i32, rows: i32): void {
  const perImage = outHeight * outWidth;
  let n = first / perImage;
  let oh = (first % perImage) / outWidth;
  let ow = first % outWidth;
  const imageBytes = <usize>height * width * channels * sizeof<T>();
  let corner = scratch + CORNERS;
  for (let i = 0; i < rows; i++) {
    store<usize>(corner, image + <usize>n * imageBytes);
    store<i32>(corner, oh * strideHeight - padTop, 4);
    store<i32>(corner, ow * strideWidth - padLeft, 8);
    corner += CORNER_BYTES;
    if (++ow == outWidth) {
      ow = 0;
      if (++oh == outHeight) {
        oh = 0;
        n++;
      }
    }
  }
}

/** Whether row `kh` of every window lies within the image's width, so that its pixels are one run of memory. */
function isWhole(scratch: usize, rows: i32): bool {
  if (dilationWidth != 1) return false;
  const last = width - kernelWidth;
  for (let i = 0; i < rows; i++) {
    const left = load<i32>(scratch + CORNERS + <usize>i * CORNER_BYTES, 8);
    if (left < 0 || left > last) return false;
  }
  return true;
}

/** Points each row at element `c` of pixel (kh, kw) of its window, or at zeros outside the image. */
function setPointers<T>(scratch: usize, rows: i32, kh: i32, kw: i32, c: i32): void {
  for (let i = 0; i < rows; i++) {
    const corner = scratch + CORNERS + <usize>i * CORNER_BYTES;
    const ih = load<i32>(corner, 4) + kh * dilationHeight;
    const iw = load<i32>(corner, 8) + kw * dilationWidth;
    const inside = <u32>ih < <u32>height && <u32>iw < <u32>width;
    const at = inside
      ? load<usize>(corner) + ((<usize>ih * width + iw) * channels + c) * sizeof<T>()
      : scratch + ZEROS;
    store<usize>(scratch + POINTERS + ((<usize>i) << 2), at);
  }
}

// @ts-ignore: decorator
@inline
function packPointers<T>(to: usize, scratch: usize, rows: i32, k: i32): void {
  const step = <usize>rows * sizeof<T>();
  let w = 0;
  if (sizeof<T>() == 4) {
    const p = scratch + POINTERS;
    if (rows >= 4) {
      pack4(to, step, load<usize>(p), load<usize>(p, 4), load<usize>(p, 8), load<usize>(p, 12), k);
      w = 4;
    }
    if (w + 2 <= rows) {
      const q = p + ((<usize>w) << 2);
      pack2(to + ((<usize>w) << 2), step, load<usize>(q), load<usize>(q, 4), k);
      w += 2;
    }
  }
  for (; w < rows; w++) {
    let from = load<usize>(scratch + POINTERS + ((<usize>w) << 2));
    let target = to + <usize>w * sizeof<T>();
    for (let i = 0; i < k; i++) {
      store<T>(target, load<T>(from));
      from += sizeof<T>();
      target += step;
    }
  }
}

/**
 * A panel of A: [depth][rows] for the output pixels `first` …, of the elements `start` … of their rows.
 * Runs are as long as memory is contiguous: a window's row where nothing is padded, else one pixel.
 */
export function packImage<T>(to: usize, first: i32, rows: i32, start: i32, depth: i32, scratch: usize): void {
  setCorners<T>(scratch, first, rows);
  const whole = isWhole(scratch, rows);
  const windowRow = kernelWidth * channels;
  let k = start;
  const end = start + depth;
  while (k < end) {
    const kh = k / windowRow;
    const inRow = k - kh * windowRow;
    const kw = inRow / channels;
    const c = inRow - kw * channels;
    const run = min(whole ? windowRow - inRow : channels - c, end - k);
    setPointers<T>(scratch, rows, kh, kw, c);
    packPointers<T>(to, scratch, rows, run);
    to += <usize>run * rows * sizeof<T>();
    k += run;
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
