// The register tile of the matrix product: `rows` × 32 bytes of C stay in registers while k runs.
// Takes A by two byte strides (between rows, between steps of k), B by one (each step gives 32 bytes), so that packed
// panels and matrices as they lie in memory go through the same code. Must not know blocks or packing.
//
// The loop's shape is measured, not taste: `for` with a counter, one step of k, operands loaded once. V8 spills the
// accumulators for `do … while` and for any unrolling of k. `rows` and `packed` are constants after inlining.
import { madd } from "../math/fma";

/** Bytes of a row of the tile: two vectors. */
export const TILE_BYTES: i32 = 32;

/** Stores the first `bytes` of the row (v0, v1), added to what is there if `add`; never touches a byte beyond. */
function storePartial<T>(c: usize, v0: v128, v1: v128, bytes: i32, add: bool): void {
  let v = v0;
  if (bytes >= 16) {
    v128.store(c, add ? v128.add<T>(v, v128.load(c)) : v);
    c += 16;
    bytes -= 16;
    v = v1;
  }
  if (bytes >= 8) {
    v128.store_lane<u64>(c, add ? v128.add<T>(v, v128.load_zero<u64>(c)) : v, 0);
    c += 8;
    bytes -= 8;
    v = v128.shuffle<u64>(v, v, 1, 1);
  }
  if (bytes >= 4) v128.store_lane<u32>(c, add ? v128.add<T>(v, v128.load_zero<u32>(c)) : v, 0);
}

// @ts-ignore: decorator
@inline
function storeRow<T>(c: usize, v0: v128, v1: v128, bytes: i32, add: bool): void {
  if (bytes < TILE_BYTES) {
    storePartial<T>(c, v0, v1, bytes, add);
  } else {
    v128.store(c, add ? v128.add<T>(v0, v128.load(c)) : v0);
    v128.store(c, add ? v128.add<T>(v1, v128.load(c, 16)) : v1, 16);
  }
}

// With packed rows the distance between rows is one element: an immediate of the load.
// @ts-ignore: decorator
@inline
function broadcast<T>(a: usize, row: usize, rowOffset: usize, packed: bool): v128 {
  if (packed) return v128.load_splat<T>(a + row * sizeof<T>());
  return v128.load_splat<T>(a + rowOffset);
}

// @ts-ignore: decorator
@inline
function tile<T>(
  rows: i32, packed: bool,
  a: usize, aRow: usize, aStep: usize, b: usize, bStep: usize, c: usize, ldc: usize, k: i32, bytes: i32, add: bool,
): void {
  const zero = v128.splat<T>(<T>0);
  let c00 = zero, c01 = zero;
  let c10 = zero, c11 = zero;
  let c20 = zero, c21 = zero;
  let c30 = zero, c31 = zero;
  let c40 = zero, c41 = zero;
  let c50 = zero, c51 = zero;
  const a2 = <usize>2 * aRow;
  const a3 = <usize>3 * aRow;
  const a4 = <usize>4 * aRow;
  const a5 = <usize>5 * aRow;
  for (let i = 0; i < k; i++) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    const x0 = v128.load_splat<T>(a);
    c00 = madd<T>(x0, b0, c00);
    c01 = madd<T>(x0, b1, c01);
    if (rows > 1) {
      const x = broadcast<T>(a, 1, aRow, packed);
      c10 = madd<T>(x, b0, c10);
      c11 = madd<T>(x, b1, c11);
    }
    if (rows > 2) {
      const x = broadcast<T>(a, 2, a2, packed);
      c20 = madd<T>(x, b0, c20);
      c21 = madd<T>(x, b1, c21);
    }
    if (rows > 3) {
      const x = broadcast<T>(a, 3, a3, packed);
      c30 = madd<T>(x, b0, c30);
      c31 = madd<T>(x, b1, c31);
    }
    if (rows > 4) {
      const x = broadcast<T>(a, 4, a4, packed);
      c40 = madd<T>(x, b0, c40);
      c41 = madd<T>(x, b1, c41);
    }
    if (rows > 5) {
      const x = broadcast<T>(a, 5, a5, packed);
      c50 = madd<T>(x, b0, c50);
      c51 = madd<T>(x, b1, c51);
    }
    a += aStep;
    b += bStep;
  }
  storeRow<T>(c, c00, c01, bytes, add);
  if (rows > 1) storeRow<T>((c += ldc), c10, c11, bytes, add);
  if (rows > 2) storeRow<T>((c += ldc), c20, c21, bytes, add);
  if (rows > 3) storeRow<T>((c += ldc), c30, c31, bytes, add);
  if (rows > 4) storeRow<T>((c += ldc), c40, c41, bytes, add);
  if (rows > 5) storeRow<T>((c += ldc), c50, c51, bytes, add);
}

function packed1<T>(a: usize, aStep: usize, b: usize, bStep: usize, c: usize, ldc: usize, k: i32, bytes: i32, add: bool): void {
  tile<T>(1, true, a, 0, aStep, b, bStep, c, ldc, k, bytes, add);
}
function packed2<T>(a: usize, aStep: usize, b: usize, bStep: usize, c: usize, ldc: usize, k: i32, bytes: i32, add: bool): void {
  tile<T>(2, true, a, 0, aStep, b, bStep, c, ldc, k, bytes, add);
}
function strided2<T>(
  a: usize, aRow: usize, aStep: usize, b: usize, bStep: usize, c: usize, ldc: usize, k: i32, bytes: i32, add: bool,
): void {
  tile<T>(2, false, a, aRow, aStep, b, bStep, c, ldc, k, bytes, add);
}
function packed3<T>(a: usize, aStep: usize, b: usize, bStep: usize, c: usize, ldc: usize, k: i32, bytes: i32, add: bool): void {
  tile<T>(3, true, a, 0, aStep, b, bStep, c, ldc, k, bytes, add);
}
function strided3<T>(
  a: usize, aRow: usize, aStep: usize, b: usize, bStep: usize, c: usize, ldc: usize, k: i32, bytes: i32, add: bool,
): void {
  tile<T>(3, false, a, aRow, aStep, b, bStep, c, ldc, k, bytes, add);
}
function packed4<T>(a: usize, aStep: usize, b: usize, bStep: usize, c: usize, ldc: usize, k: i32, bytes: i32, add: bool): void {
  tile<T>(4, true, a, 0, aStep, b, bStep, c, ldc, k, bytes, add);
}
function strided4<T>(
  a: usize, aRow: usize, aStep: usize, b: usize, bStep: usize, c: usize, ldc: usize, k: i32, bytes: i32, add: bool,
): void {
  tile<T>(4, false, a, aRow, aStep, b, bStep, c, ldc, k, bytes, add);
}
function packed5<T>(a: usize, aStep: usize, b: usize, bStep: usize, c: usize, ldc: usize, k: i32, bytes: i32, add: bool): void {
  tile<T>(5, true, a, 0, aStep, b, bStep, c, ldc, k, bytes, add);
}
function strided5<T>(
  a: usize, aRow: usize, aStep: usize, b: usize, bStep: usize, c: usize, ldc: usize, k: i32, bytes: i32, add: bool,
): void {
  tile<T>(5, false, a, aRow, aStep, b, bStep, c, ldc, k, bytes, add);
}
function packed6<T>(a: usize, aStep: usize, b: usize, bStep: usize, c: usize, ldc: usize, k: i32, bytes: i32, add: bool): void {
  tile<T>(6, true, a, 0, aStep, b, bStep, c, ldc, k, bytes, add);
}
function strided6<T>(
  a: usize, aRow: usize, aStep: usize, b: usize, bStep: usize, c: usize, ldc: usize, k: i32, bytes: i32, add: bool,
): void {
  tile<T>(6, false, a, aRow, aStep, b, bStep, c, ldc, k, bytes, add);
}

/** Rows of the largest tile that a dtype has. */
// @ts-ignore: decorator
@inline
export function maxRows<T>(): i32 {
  return sizeof<T>() == 4 && isFloat<T>() ? 6 : 4;
}

/**
 * C[rows × bytes] (+)= A · B with 1 ≤ rows ≤ maxRows<T>() and at most 32 bytes of columns; k ≥ 0.
 * B must be readable for 32 bytes at each step.
 */
export function runTile<T>(
  rows: i32, a: usize, aRow: usize, aStep: usize, b: usize, bStep: usize, c: usize, ldc: usize, k: i32, bytes: i32,
  add: bool,
): void {
  if (aRow == sizeof<T>() || rows == 1) {
    switch (rows) {
      case 1: packed1<T>(a, aStep, b, bStep, c, ldc, k, bytes, add); break;
      case 2: packed2<T>(a, aStep, b, bStep, c, ldc, k, bytes, add); break;
      case 3: packed3<T>(a, aStep, b, bStep, c, ldc, k, bytes, add); break;
      case 4: packed4<T>(a, aStep, b, bStep, c, ldc, k, bytes, add); break;
      case 5: if (maxRows<T>() > 4) packed5<T>(a, aStep, b, bStep, c, ldc, k, bytes, add); break;
      case 6: if (maxRows<T>() > 4) packed6<T>(a, aStep, b, bStep, c, ldc, k, bytes, add); break;
    }
  } else {
    switch (rows) {
      case 2: strided2<T>(a, aRow, aStep, b, bStep, c, ldc, k, bytes, add); break;
      case 3: strided3<T>(a, aRow, aStep, b, bStep, c, ldc, k, bytes, add); break;
      case 4: strided4<T>(a, aRow, aStep, b, bStep, c, ldc, k, bytes, add); break;
      case 5: if (maxRows<T>() > 4) strided5<T>(a, aRow, aStep, b, bStep, c, ldc, k, bytes, add); break;
      case 6: if (maxRows<T>() > 4) strided6<T>(a, aRow, aStep, b, bStep, c, ldc, k, bytes, add); break;
    }
  }
}
