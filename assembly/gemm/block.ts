// One block of a product: its tiles, and the panels of A that they read.
// Takes blocks that fit the cache; must not know the loops around them.
import { BLOCK_ROWS, packColumns, packRows } from "./pack";
import { maxRows, runTile, runTiles, storeEdge, TILE_BYTES } from "./tile";

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
  const size = sizeof<T>();
  const tall = rowsPerTile<T>(rows);
  const whole = rows / tall;
  const left = rows - whole * tall;
  // A packed panel is as wide as it has rows; panels follow each other.
  const aTile = <usize>tall * (aPacked ? <usize>k * size : aRow);
  const lastA = a + <usize>whole * aTile;
  const lastC = <usize>(whole * tall) * ldc;
  const step = aPacked ? <usize>tall * size : aStep;
  const lastStep = aPacked ? <usize>left * size : aStep;
  for (let j = 0; j < bytes; j += TILE_BYTES) {
    const wide = min(TILE_BYTES, bytes - j);
    const target = c + j;
    if (wide == TILE_BYTES) {
      runTiles<T>(whole, aTile, tall, a, aRow, step, b, bStep, target, ldc, k, add);
      if (left > 0) runTile<T>(left, lastA, aRow, lastStep, b, bStep, target + lastC, ldc, k, add);
    } else {
      for (let i = 0; i < whole; i++) {
        runTile<T>(tall, a + <usize>i * aTile, aRow, step, b, bStep, edge, TILE_BYTES, k, false);
        storeEdge<T>(edge, tall, target + <usize>(i * tall) * ldc, ldc, wide, add);
      }
      if (left > 0) {
        runTile<T>(left, lastA, aRow, lastStep, b, bStep, edge, TILE_BYTES, k, false);
        storeEdge<T>(edge, left, target + lastC, ldc, wide, add);
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
