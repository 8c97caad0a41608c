// The product of an image's rows with a filter: a GEMM whose A is packed from the image, panel by panel.
// Takes the geometry that setGeometry was given; must not know what the image is (x, or dy of a gradient).
import { rowsOfBlock, rowsPerTile, runBlock } from "./block";
import { gemmScratchBytes } from "./gemm";
import { clearImageScratch, imageScratchBytes, packImage } from "./image";
import { BLOCK_BYTES, BLOCK_K, BLOCK_ROWS, packB, stepsPerBlock } from "./pack";
import { EDGE_BYTES } from "./tile";

/** Bytes of scratch for a product with k = kH · kW · inC and elements of `size` bytes. */
export function imageProductScratchBytes(k: i32, outC: i32, size: i32): usize {
  const steps = min(k, BLOCK_K);
  const columns = (min(outC * size, BLOCK_BYTES) + 31) & ~31;
  const panels = <usize>steps * columns + <usize>steps * BLOCK_ROWS * size;
  return max(panels + imageScratchBytes(BLOCK_K, size) + EDGE_BYTES, gemmScratchBytes(BLOCK_ROWS, outC, k, size));
}

/** The product of `pixels` rows of the image that setGeometry named with the filter, k = kH · kW · inC. */
export function imageTimesFilter<T>(pixels: i32, k: i32, outC: i32, filter: usize, y: usize, scratch: usize): void {
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
