// A convolution whose windows are three pixels wide and lie side by side, two outputs of a row at a time: Winograd's
// F(2, 3), four products where there are six. Takes NHWC images of floats; must not know when it is the best way.
//
//   under two windows  d0 d1 d2 d3                a row of the filter  g0 g1 g2
//   m0 = (d0 − d2) · g0                           m1 = (d1 + d2) · (g0 + g1 + g2) / 2
//   m3 = (d1 − d3) · g2                           m2 = (d2 − d1) · (g0 − g1 + g2) / 2
//   y0 = m0 + m1 + m2                             y1 = m1 − m2 − m3
//
// Each m, summed over channels and the rows of the window, is a product of matrices that lie in memory: the sums of a
// pair's pixels follow its neighbour's. As fewer numbers are added up, results are closer to the exact ones than those
// of plain products. Where one isn't finite it may be another than that of plain products, a NaN for an infinity: then
// they have to be made after all.
import { gemm, gemmScratchBytes } from "./gemm";

/** Pairs side by side, and pairs in all, that a block has: its sums and products stay in L2. */
const BLOCK_WIDTH: i32 = 32;
const BLOCK_PAIRS: i32 = 256;
/** A larger filter costs more to transform than it saves. */
const FACTOR_BYTES: u64 = 4194304;

//  Scratch:  factors [4][kH][inC][outC] │ sums [4][rows + kH − 1][pairs][inC] │ products [4][rows][pairs][outC] │ gemm's

function factorBytes(inC: i32, kH: i32, outC: i32): u64 {
  return (<u64>inC * kH * outC) << 4;
}

function sumBytes(inC: i32, kH: i32): usize {
  return <usize>(BLOCK_PAIRS + (kH - 1) * BLOCK_WIDTH) * (<usize>inC << 4);
}

function productBytes(outC: i32): usize {
  return <usize>BLOCK_PAIRS * (<usize>outC << 4);
}

/** Whether a filter can be applied so, and gains by it where there are pixels enough. */
export function suitsPairs(inC: i32, kH: i32, kW: i32, outC: i32): bool {
  if (kW != 3 || ((inC | outC) & 3) != 0 || min(inC, outC) < 16) return false;
  return factorBytes(inC, kH, outC) <= FACTOR_BYTES;
}

export function pairsScratchBytes(inC: i32, kH: i32, outC: i32): usize {
  const gemmBytes = gemmScratchBytes(BLOCK_PAIRS, outC, inC, 4);
  return <usize>factorBytes(inC, kH, outC) + sumBytes(inC, kH) + productBytes(outC) + gemmBytes;
}

/** factors[0 … 3][kh][c][o] of filter[kh][0 … 2][c][o]; `plane` is the size of the last two. */
function makeFactors(to: usize, filter: usize, kH: i32, plane: usize): void {
  const half = f32x4.splat(0.5);
  const part = <usize>kH * plane;
  for (let kh = 0; kh < kH; kh++) {
    for (const end = filter + plane; filter < end; filter += 16) {
      const g0 = v128.load(filter);
      const g2 = v128.load(filter + 2 * plane);
      const outer = f32x4.mul(f32x4.add(g0, g2), half);
      const inner = f32x4.mul(v128.load(filter + plane), half);
      v128.store(to, g0);
      v128.store(to + part, f32x4.add(outer, inner));
      v128.store(to + 2 * part, f32x4.sub(outer, inner));
      v128.store(to + 3 * part, g2);
      to += 16;
    }
    filter += 2 * plane;
  }
}

/** The sums of pixels of a row's pairs, `part` bytes apart; the first pair's windows begin at column `left`. */
function addPixels(to: usize, part: usize, row: usize, left: i32, width: i32, pairs: i32, pixel: usize, zeros: usize): void {
  for (let j = 0; j < pairs; j++) {
    let p0 = <u32>left < <u32>width ? row + <usize>left * pixel : zeros;
    let p1 = <u32>(left + 1) < <u32>width ? row + <usize>(left + 1) * pixel : zeros;
    let p2 = <u32>(left + 2) < <u32>width ? row + <usize>(left + 2) * pixel : zeros;
    let p3 = <u32>(left + 3) < <u32>width ? row + <usize>(left + 3) * pixel : zeros;
    for (const end = to + pixel; to < end; to += 16) {
      const d1 = v128.load(p1);
      const d2 = v128.load(p2);
      v128.store(to, f32x4.sub(v128.load(p0), d2));
      v128.store(to + part, f32x4.add(d1, d2));
      v128.store(to + 2 * part, f32x4.sub(d2, d1));
      v128.store(to + 3 * part, f32x4.sub(d1, v128.load(p3)));
      p0 += 16;
      p1 += 16;
      p2 += 16;
      p3 += 16;
    }
    left += 2;
  }
}

/** One row of outputs, `columns` pixels of `pixel` bytes, from the products of its pairs. @returns `flaw`, NaN where one isn't finite */
function addProducts(y: usize, m: usize, part: usize, columns: i32, pixel: usize, flaw: v128): v128 {
  for (; columns > 0; columns -= 2) {
    const next = columns > 1 ? y + pixel : y;
    // A pair's second half that lies beyond the row is overwritten by the first.
    for (let at: usize = 0; at < pixel; at += 16) {
      const m1 = v128.load(m + part);
      const m2 = v128.load(m + 2 * part);
      const y1 = f32x4.sub(f32x4.sub(m1, m2), v128.load(m + 3 * part));
      const y0 = f32x4.add(f32x4.add(v128.load(m), m1), m2);
      v128.store(next + at, y1);
      v128.store(y + at, y0);
      // Of finite numbers the difference is 0.
      flaw = f32x4.add(flaw, f32x4.sub(f32x4.sub(y0, y0), f32x4.sub(y1, y1)));
      m += 16;
    }
    y += 2 * pixel;
  }
  return flaw;
}

/**
 * y = the convolution of x with a filter that suitsPairs; strides and dilations are 1.
 * @returns whether all of y is finite: otherwise it is to be made by plain products
 */
export function convolvePairs(
  x: usize, filter: usize, y: usize, batch: i32, inH: i32, inW: i32, inC: i32, kH: i32, outC: i32, outH: i32, outW: i32,
  padT: i32, padL: i32, scratch: usize,
): bool {
  let flaw = f32x4.splat(0);
  const inPixel = <usize>inC << 2;
  const outPixel = <usize>outC << 2;
  const plane = <usize>inC * outPixel;
  const sums = scratch + <usize>factorBytes(inC, kH, outC);
  const products = sums + sumBytes(inC, kH);
  const rest = products + productBytes(outC);
  makeFactors(scratch, filter, kH, plane);
  const allPairs = (outW + 1) >> 1;
  const pairs = min(allPairs, BLOCK_WIDTH);
  const rows = BLOCK_PAIRS / pairs;
  for (let n = 0; n < batch; n++) {
    for (let j = 0; j < allPairs; j += pairs) {
      const wide = min(pairs, allPairs - j);
      const sumRow = <usize>wide * inPixel;
      for (let oh = 0; oh < outH; oh += rows) {
        const high = min(rows, outH - oh);
        const sumPart = <usize>(high + kH - 1) * sumRow;
        const productRow = <usize>wide * outPixel;
        const productPart = <usize>high * productRow;
        memory.fill(rest, 0, inPixel);
        for (let i = 0; i < high + kH - 1; i++) {
          const ih = oh + i - padT;
          const width = <u32>ih < <u32>inH ? inW : 0;
          const row = x + <usize>ih * inW * inPixel;
          addPixels(sums + <usize>i * sumRow, sumPart, row, 2 * j - padL, width, wide, inPixel, rest);
        }
        for (let t = 0; t < 4; t++) {
          for (let kh = 0; kh < kH; kh++) {
            const a = sums + <usize>t * sumPart + <usize>kh * sumRow;
            const b = scratch + <usize>(t * kH + kh) * plane;
            const c = products + <usize>t * productPart;
            gemm<f32>(false, false, high * wide, outC, inC, a, inPixel, b, outPixel, c, outPixel, kh > 0, rest);
          }
        }
        const target = y + <usize>(oh * outW + 2 * j) * outPixel;
        const columns = min(2 * wide, outW - 2 * j);
        for (let i = 0; i < high; i++) {
          const to = target + <usize>i * outW * outPixel;
          flaw = addProducts(to, products + <usize>i * productRow, productPart, columns, outPixel, flaw);
        }
      }
    }
    x += <usize>inH * inW * inPixel;
    y += <usize>outH * outW * outPixel;
  }
  return i32x4.all_true(f32x4.eq(flaw, flaw));
}
