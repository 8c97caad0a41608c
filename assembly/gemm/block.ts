// One block of a product: its tiles, and the panels of A that they read.
// Takes blocks that fit the cache; must not know the loops around them.
import { BLOCK_ROWS, packColumns, packRows } from "./pack";
import { maxRows, runTile, storeEdge, TILE_BYTES } from "./tile";

// The best tile measured on V8: a fused multiply-add leaves room for six rows, mul + add for five.
let tileRows: i32 = ASC_FEATURE_RELAXED_SIMD ? 6 : 5;

/** Chooses the rows (4, 5 or 6) of the float tiles. */
export function setTile(rows: i32): void {
  tileRows = rows;
}

// @ts-ignore: decorator
@inline
export function rowsOfTile<T>(): i32 {
  return isFloat<T>() ? tileRows : maxRows<T>();
}

/** Rows of each tile of a block but the last: as even as they go, since a tile of one or two rows is slow. */
// @ts-ignore: decorator
@inline
export function rowsPerTile<T>(rows: i32): i32 {
  const tiles = (rows + rowsOfTile<T>() - 1) / rowsOfTile<T>();
  return (rows + tiles - 1) / tiles;
}

/** Rows of C that one block holds: a whole number of tiles. */
// @ts-ignore: decorator
@inline
export function rowsOfBlock<T>(): i32 {
  return BLOCK_ROWS - (BLOCK_ROWS % rowsOfTile<T>());
}

/** All tiles of a block: A and B by their strides, panels of B `panelStep` bytes apart. */
export function runBlock<T>(
  rows: i32, bytes: i32, k: i32, a: usize, aRow: usize, aStep: usize, aPacked: bool, b: usize, bStep: usize,
  panelStep: usize, c: usize, ldc: usize, add: bool, edge: usize,
): void {
  const tall = rowsPerTile<T>(rows);
  for (let j = 0; j < bytes; j += 32) {
    const wide = min(32, bytes - j);
    for (let i = 0; i < rows; i += tall) {
      const high = min(tall, rows - i);
      // A packed panel is as wide as it has rows; panels follow each other.
      const panel = aPacked ? a + <usize>i * k * sizeof<T>() : a + <usize>i * aRow;
      const step = aPacked ? <usize>high * sizeof<T>() : aStep;
      const target = c + <usize>i * ldc + j;
      // Two calls, not one with chosen arguments: a tile with a single caller would be inlined, and spill.
      if (wide == TILE_BYTES) {
        runTile<T>(high, panel, aRow, step, b, bStep, target, ldc, k, add);
      } else {
        runTile<T>(high, panel, aRow, step, b, bStep, edge, TILE_BYTES, k, false);
        storeEdge<T>(edge, high, target, ldc, wide, add);
      }
    }
    b += panelStep;
  }
}

/** Panels of A, each as wide as it has rows, from `rows` rows (or columns, if transposed). */
export function packA<T>(to: usize, a: usize, lda: usize, transposed: bool, rows: i32, k: i32): void {
  const tall = rowsPerTile<T>(rows);
  for (let i = 0; i < rows; i += tall) {
    const high = min(tall, rows - i);
    if (transposed) packColumns<T>(to, a + <usize>i * sizeof<T>(), lda, high, k);
    else packRows<T>(to, a + <usize>i * lda, lda, high, k);
    to += <usize>high * k * sizeof<T>();
  }
}
