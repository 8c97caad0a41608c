// The loops around the register tile: blocks of columns (jc), of k (pc) and of rows (ic).
// Takes matrices as they lie; packs into the caller's scratch what lies badly for the tile, and nothing else.
import { packA, rowsOfBlock, runBlock } from "./block";
import { gemvDot, gemvSum } from "./gemv";
import { BLOCK_BYTES, BLOCK_K, BLOCK_ROWS, packB, packTransposedB, stepsPerBlock } from "./pack";
import { sumRows } from "./sum-rows";
import { EDGE_BYTES } from "./tile";

/** Up to this many rows are summed from B's rows if they are so many bytes long: C's part of them stays in L2. */
const SUM_ROWS: i32 = 48;
const SUM_BYTES: i32 = 1024;
/** Otherwise B is packed if each of its panels serves at least this many rows of C: packing costs about one pass over B. */
const PACK_B_ROWS: i32 = 25;
/** A is packed if each of its panels serves at least this many bytes of columns. */
const PACK_A_BYTES: i32 = 384;
/** Up to this many bytes B is read from L1 as it lies, unless there are so many rows that packing it costs nothing. */
const SMALL_B_BYTES: u64 = 16384;
const MANY_ROWS: i32 = 512;

/** Bytes of scratch for a product with elements of `size` bytes. */
export function gemmScratchBytes(m: i32, n: i32, k: i32, size: i32): usize {
  const steps = min(k, BLOCK_K);
  const columns = <usize>min<u64>(<u64>n * size, BLOCK_BYTES);
  return <usize>steps * ((columns + 31) & ~31) + <usize>steps * min(m, BLOCK_ROWS) * size + EDGE_BYTES + 16;
}

function clear(c: usize, ldc: usize, m: i32, bytes: usize): void {
  for (let i = 0; i < m; i++) memory.fill(c + <usize>i * ldc, 0, bytes);
}

/** See ../kernels/matmul; leading dimensions in bytes. */
export function gemm<T>(
  ta: bool, tb: bool, m: i32, n: i32, k: i32, a: usize, lda: usize, b: usize, ldb: usize, c: usize, ldc: usize,
  accumulate: bool, scratch: usize,
): void {
  const size = sizeof<T>();
  if (m <= 0 || n <= 0) return;
  if (k <= 0) {
    if (!accumulate) clear(c, ldc, m, <usize>n * size);
    return;
  }
  if (m == 1) {
    const aStep = ta ? lda : size;
    if (!tb) return gemvSum<T>(b, ldb, k, n, a, aStep, c, accumulate);
    if (aStep == size) return gemvDot<T>(b, ldb, n, k, a, c, size, accumulate);
  }
  if (n == 1) {
    const bStep = tb ? size : ldb;
    if (ta && ldc == size) return gemvSum<T>(a, lda, k, m, b, bStep, c, accumulate);
    if (!ta && bStep == size) return gemvDot<T>(a, lda, m, k, b, c, ldc, accumulate);
  }
  let totalBytes = <i32>(<usize>n * size);
  if (!tb && m <= SUM_ROWS && totalBytes >= SUM_BYTES) {
    const whole = totalBytes & ~31;
    sumRows<T>(m, whole, k, a, ta ? size : lda, ta ? lda : size, b, ldb, c, ldc, accumulate);
    // What is left, narrower than a tile, is a product of its own.
    totalBytes -= whole;
    b += whole;
    c += whole;
  }
  const blockRows = rowsOfBlock<T>();
  const steps = stepsPerBlock(k);
  const packsB = tb || (m >= PACK_B_ROWS && (m >= MANY_ROWS || <u64>k * ldb > SMALL_B_BYTES));
  const packsA = ta ? lda >= 2048 && totalBytes >= PACK_A_BYTES : totalBytes >= PACK_A_BYTES;
  const panelsA = scratch + EDGE_BYTES;
  const panelsB = panelsA + (((<usize>steps * min(m, blockRows)) * size + 15) & ~15);
  for (let jc = 0; jc < totalBytes; jc += BLOCK_BYTES) {
    const bytes = min(BLOCK_BYTES, totalBytes - jc);
    const wholeBytes = bytes & ~31;
    for (let pc = 0; pc < k; pc += steps) {
      const depth = min(steps, k - pc);
      const add = accumulate || pc > 0;
      const source = tb ? b + (<usize>jc / size) * ldb + <usize>pc * size : b + <usize>pc * ldb + <usize>jc;
      if (tb) packTransposedB<T>(panelsB, source, ldb, bytes, depth);
      else if (packsB) packB<T>(panelsB, source, ldb, bytes, depth);
      // Unpacked, the last columns would be read beyond the matrix: they always go through a panel of zeros.
      else if (wholeBytes < bytes) packB<T>(panelsB, source + wholeBytes, ldb, bytes - wholeBytes, depth);
      for (let ic = 0; ic < m; ic += blockRows) {
        const rows = min(blockRows, m - ic);
        let block = ta ? a + <usize>pc * lda + <usize>ic * size : a + <usize>ic * lda + <usize>pc * size;
        if (packsA) {
          packA<T>(panelsA, block, lda, ta, rows, depth);
          block = panelsA;
        }
        const aRow = packsA || ta ? size : lda;
        const aStep = ta ? lda : size;
        const target = c + <usize>ic * ldc + jc;
        const panelBytes = (<usize>depth) << 5;
        if (packsB) {
          runBlock<T>(rows, bytes, depth, block, aRow, aStep, packsA, panelsB, 32, panelBytes, target, ldc, add, scratch);
        } else {
          runBlock<T>(rows, wholeBytes, depth, block, aRow, aStep, packsA, source, ldb, 32, target, ldc, add, scratch);
          if (wholeBytes < bytes) {
            runBlock<T>(rows, bytes - wholeBytes, depth, block, aRow, aStep, packsA, panelsB, 32, 0, target + wholeBytes, ldc, add, scratch);
          }
        }
      }
    }
  }
}
