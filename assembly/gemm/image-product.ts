// A convolution with a filter: a GEMM whose A is packed from the image, panel by panel, or by pairs of outputs where
// that takes fewer products. Must not know what the image is (x, or dy of a gradient).
import { rowsOfBlock, rowsPerTile, runBlock } from "./block";
import { gemmScratchBytes } from "./gemm";
import { clearImageScratch, imageScratchBytes, packImage, setGeometry } from "./image";
import { BLOCK_BYTES, BLOCK_K, BLOCK_ROWS, packB, stepsPerBlock } from "./pack";
import { convolvePairs, pairsScratchBytes, suitsPairs } from "./pairs";
import { EDGE_BYTES } from "./tile";

/** From so many outputs on, pairs gain more than it takes to transform the filter. */
const PAIRS_OUTPUTS: i32 = 128;

/** Bytes of scratch for a convolution with elements of `size` bytes. */
export function convolveScratchBytes(inC: i32, kH: i32, kW: i32, outC: i32, size: i32): usize {
  const bytes = imageProductScratchBytes(kH * kW * inC, outC, size);
  return size == 4 && suitsPairs(inC, kH, kW, outC) ? max(bytes, pairsScratchBytes(inC, kH, outC)) : bytes;
}

/** The convolution of a batch of images with a filter. */
export function convolve<T>(
  x: usize, filter: usize, y: usize, batch: i32, inH: i32, inW: i32, inC: i32, kH: i32, kW: i32, outC: i32, outH: i32,
  outW: i32, strideH: i32, strideW: i32, dilH: i32, dilW: i32, padT: i32, padL: i32, scratch: usize,
): void {
  if (isFloat<T>() && sizeof<T>() == 4 && (strideH | strideW | dilH | dilW) == 1 && suitsPairs(inC, kH, kW, outC)) {
    if (outH * outW >= PAIRS_OUTPUTS) {
      if (convolvePairs(x, filter, y, batch, inH, inW, inC, kH, outC, outH, outW, padT, padL, scratch)) return;
    }
  }
  setGeometry(x, inH, inW, inC, kH, kW, outH, outW, strideH, strideW, dilH, dilW, padT, padL);
  imageTimesFilter<T>(batch * outH * outW, kH * kW * inC, outC, filter, y, scratch);
}

function imageProductScratchBytes(k: i32, outC: i32, size: i32): usize {
  const steps = min(k, BLOCK_K);
  const columns = (min(outC * size, BLOCK_BYTES) + 31) & ~31;
  const panels = <usize>steps * columns + <usize>steps * BLOCK_ROWS * size;
  return max(panels + imageScratchBytes(BLOCK_K, size) + EDGE_BYTES, gemmScratchBytes(BLOCK_ROWS, outC, k, size));
}

/** The product of `pixels` rows of the image that setGeometry named with the filter, k = kH · kW · inC. */
function imageTimesFilter<T>(pixels: i32, k: i32, outC: i32, filter: usize, y: usize, scratch: usize): void {
  const size = sizeof<T>();
  const blockRows = rowsOfBlock<T>();
  const edge = scratch;
  const gather = edge + EDGE_BYTES;
  clearImageScratch(gather, BLOCK_K, <i32>size);
  const panelsA = gather + imageScratchBytes(BLOCK_K, <i32>size);
  const steps = stepsPerBlock(k);
  const panelsB = panelsA + <usize>steps * BLOCK_ROWS * size;
  const ldc = <usize>outC * size;
  const totalBytes = <i32>ldc;
  for (let jc = 0; jc < totalBytes; jc += BLOCK_BYTES) {
    const bytes = min(BLOCK_BYTES, totalBytes - jc);
    for (let pc = 0; pc < k; pc += steps) {
      const depth = min(steps, k - pc);
      packB<T>(panelsB, filter + <usize>pc * ldc + <usize>jc, ldc, bytes, depth);
      for (let ic = 0; ic < pixels; ic += blockRows) {
        const rows = min(blockRows, pixels - ic);
        const tall = rowsPerTile<T>(rows);
        let panel = panelsA;
        for (let i = 0; i < rows; i += tall) {
          const high = min(tall, rows - i);
          packImage<T>(panel, ic + i, high, pc, depth, gather);
          panel += <usize>high * depth * size;
        }
        const panelBytes = (<usize>depth) << 5;
        const target = y + <usize>ic * ldc + jc;
        runBlock<T>(rows, bytes, depth, panelsA, size, size, true, panelsB, 32, panelBytes, target, ldc, pc > 0, edge);
      }
    }
  }
}
