// The register tile of the matrix product: `rows` × 32 bytes of C stay in registers while k runs.
// Takes A by two byte strides (between rows, between steps of k), B by one (each step gives 32 bytes), so that packed
// panels and matrices as they lie in memory go through the same code. Must not know blocks or packing.
//
// The shape of the code is measured, not taste: V8 keeps twelve accumulators in registers for a `for` with a counter,
// one step of k and a straight run of stores after, alone in its function; with `do … while`, an unrolled k, branches
// around the stores or a loop around it all it spills them, at half the speed. `rows` and `packed` are constants after inlining.
import { madd } from "../math/fma";

/** Bytes of a row of the tile: two vectors. */
export const TILE_BYTES: i32 = 32;
/** Bytes of the scratch tile through which the last, narrower columns go. */
export const EDGE_BYTES: i32 = 192;

// With packed rows the distance between rows is one element: an immediate of the load.
// @ts-ignore: decorator
@inline
function broadcast<T>(a: usize, row: i32, rowOffset: usize, packed: bool): v128 {
  if (packed) {
    if (row == 1) return v128.load_splat<T>(a, 1 * sizeof<T>());
    if (row == 2) return v128.load_splat<T>(a, 2 * sizeof<T>());
    if (row == 3) return v128.load_splat<T>(a, 3 * sizeof<T>());
    if (row == 4) return v128.load_splat<T>(a, 4 * sizeof<T>());
    if (row == 5) return v128.load_splat<T>(a, 5 * sizeof<T>());
  }
  return v128.load_splat<T>(a + rowOffset);
}

// @ts-ignore: decorator
@inline
function tile<T>(
  rows: i32, packed: bool,
  a: usize, aRow: usize, aStep: usize, b: usize, bStep: usize, c: usize, ldc: usize, k: i32, add: bool,
): void {
  // The same addresses, but V8 then knows that their upper halves are zero and doesn't clear them at each step.
  a &= ~3;
  b &= ~3;
  const c1 = c + ldc;
  const c2 = c1 + ldc;
  const c3 = c2 + ldc;
  const c4 = c3 + ldc;
  const c5 = c4 + ldc;
  const a2 = <usize>2 * aRow;
  const a3 = <usize>3 * aRow;
  const a4 = <usize>4 * aRow;
  const a5 = <usize>5 * aRow;
  const zero = i32x4.splat(0);
  let c00 = zero;
  let c01 = zero;
  let c10 = zero;
  let c11 = zero;
  let c20 = zero;
  let c21 = zero;
  let c30 = zero;
  let c31 = zero;
  let c40 = zero;
  let c41 = zero;
  let c50 = zero;
  let c51 = zero;
  if (add) {
    c00 = v128.load(c);
    c01 = v128.load(c, 16);
    if (rows > 1) {
      c10 = v128.load(c1);
      c11 = v128.load(c1, 16);
    }
    if (rows > 2) {
      c20 = v128.load(c2);
      c21 = v128.load(c2, 16);
    }
    if (rows > 3) {
      c30 = v128.load(c3);
      c31 = v128.load(c3, 16);
    }
    if (rows > 4) {
      c40 = v128.load(c4);
      c41 = v128.load(c4, 16);
    }
    if (rows > 5) {
      c50 = v128.load(c5);
      c51 = v128.load(c5, 16);
    }
  }
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
  v128.store(c, c00);
  v128.store(c, c01, 16);
  if (rows > 1) {
    v128.store(c1, c10);
    v128.store(c1, c11, 16);
  }
  if (rows > 2) {
    v128.store(c2, c20);
    v128.store(c2, c21, 16);
  }
  if (rows > 3) {
    v128.store(c3, c30);
    v128.store(c3, c31, 16);
  }
  if (rows > 4) {
    v128.store(c4, c40);
    v128.store(c4, c41, 16);
  }
  if (rows > 5) {
    v128.store(c5, c50);
    v128.store(c5, c51, 16);
  }
}

function packed1<T>(a: usize, aStep: usize, b: usize, bStep: usize, c: usize, ldc: usize, k: i32, add: bool): void {
  tile<T>(1, true, a, 0, aStep, b, bStep, c, ldc, k, add);
}
function packed2<T>(a: usize, aStep: usize, b: usize, bStep: usize, c: usize, ldc: usize, k: i32, add: bool): void {
  tile<T>(2, true, a, 0, aStep, b, bStep, c, ldc, k, add);
}
function strided2<T>(
  a: usize, aRow: usize, aStep: usize, b: usize, bStep: usize, c: usize, ldc: usize, k: i32, add: bool,
): void {
  tile<T>(2, false, a, aRow, aStep, b, bStep, c, ldc, k, add);
}
function packed3<T>(a: usize, aStep: usize, b: usize, bStep: usize, c: usize, ldc: usize, k: i32, add: bool): void {
  tile<T>(3, true, a, 0, aStep, b, bStep, c, ldc, k, add);
}
function strided3<T>(
  a: usize, aRow: usize, aStep: usize, b: usize, bStep: usize, c: usize, ldc: usize, k: i32, add: bool,
): void {
  tile<T>(3, false, a, aRow, aStep, b, bStep, c, ldc, k, add);
}
function packed4<T>(a: usize, aStep: usize, b: usize, bStep: usize, c: usize, ldc: usize, k: i32, add: bool): void {
  tile<T>(4, true, a, 0, aStep, b, bStep, c, ldc, k, add);
}
function strided4<T>(
  a: usize, aRow: usize, aStep: usize, b: usize, bStep: usize, c: usize, ldc: usize, k: i32, add: bool,
): void {
  tile<T>(4, false, a, aRow, aStep, b, bStep, c, ldc, k, add);
}
function packed5<T>(a: usize, aStep: usize, b: usize, bStep: usize, c: usize, ldc: usize, k: i32, add: bool): void {
  tile<T>(5, true, a, 0, aStep, b, bStep, c, ldc, k, add);
}
function strided5<T>(
  a: usize, aRow: usize, aStep: usize, b: usize, bStep: usize, c: usize, ldc: usize, k: i32, add: bool,
): void {
  tile<T>(5, false, a, aRow, aStep, b, bStep, c, ldc, k, add);
}
function packed6<T>(a: usize, aStep: usize, b: usize, bStep: usize, c: usize, ldc: usize, k: i32, add: bool): void {
  tile<T>(6, true, a, 0, aStep, b, bStep, c, ldc, k, add);
}
function strided6<T>(
  a: usize, aRow: usize, aStep: usize, b: usize, bStep: usize, c: usize, ldc: usize, k: i32, add: bool,
): void {
  tile<T>(6, false, a, aRow, aStep, b, bStep, c, ldc, k, add);
}

/** Rows of the largest tile that a dtype has. */
// @ts-ignore: decorator
@inline
export function maxRows<T>(): i32 {
  return isFloat<T>() ? 6 : 4;
}

/** C[rows × 32 bytes] (+)= A · B with 1 ≤ rows ≤ maxRows<T>(); k ≥ 0. */
export function runTile<T>(
  rows: i32, a: usize, aRow: usize, aStep: usize, b: usize, bStep: usize, c: usize, ldc: usize, k: i32, add: bool,
): void {
  if (aRow == sizeof<T>() || rows == 1) {
    switch (rows) {
      case 1: packed1<T>(a, aStep, b, bStep, c, ldc, k, add); break;
      case 2: packed2<T>(a, aStep, b, bStep, c, ldc, k, add); break;
      case 3: packed3<T>(a, aStep, b, bStep, c, ldc, k, add); break;
      case 4: packed4<T>(a, aStep, b, bStep, c, ldc, k, add); break;
      case 5: if (maxRows<T>() > 4) packed5<T>(a, aStep, b, bStep, c, ldc, k, add); break;
      case 6: if (maxRows<T>() > 4) packed6<T>(a, aStep, b, bStep, c, ldc, k, add); break;
    }
  } else {
    switch (rows) {
      case 2: strided2<T>(a, aRow, aStep, b, bStep, c, ldc, k, add); break;
      case 3: strided3<T>(a, aRow, aStep, b, bStep, c, ldc, k, add); break;
      case 4: strided4<T>(a, aRow, aStep, b, bStep, c, ldc, k, add); break;
      case 5: if (maxRows<T>() > 4) strided5<T>(a, aRow, aStep, b, bStep, c, ldc, k, add); break;
      case 6: if (maxRows<T>() > 4) strided6<T>(a, aRow, aStep, b, bStep, c, ldc, k, add); break;
    }
  }
}

/**
 * `tiles` of them below each other, A's rows `aTile` bytes apart. What to call is decided once for all; not by a call of
 * runTile, since a tile with a single caller would be inlined, and V8 spills what two loops hold.
 */
export function runTiles<T>(
  tiles: i32, aTile: usize, rows: i32, a: usize, aRow: usize, aStep: usize, b: usize, bStep: usize, c: usize, ldc: usize,
  k: i32, add: bool,
): void {
  const cTile = <usize>rows * ldc;
  if (aRow == sizeof<T>() || rows == 1) {
    switch (rows) {
      case 1: for (; tiles > 0; tiles--, a += aTile, c += cTile) packed1<T>(a, aStep, b, bStep, c, ldc, k, add); break;
      case 2: for (; tiles > 0; tiles--, a += aTile, c += cTile) packed2<T>(a, aStep, b, bStep, c, ldc, k, add); break;
      case 3: for (; tiles > 0; tiles--, a += aTile, c += cTile) packed3<T>(a, aStep, b, bStep, c, ldc, k, add); break;
      case 4: for (; tiles > 0; tiles--, a += aTile, c += cTile) packed4<T>(a, aStep, b, bStep, c, ldc, k, add); break;
      case 5: if (maxRows<T>() > 4) for (; tiles > 0; tiles--, a += aTile, c += cTile) packed5<T>(a, aStep, b, bStep, c, ldc, k, add); break;
      case 6: if (maxRows<T>() > 4) for (; tiles > 0; tiles--, a += aTile, c += cTile) packed6<T>(a, aStep, b, bStep, c, ldc, k, add); break;
    }
  } else {
    switch (rows) {
      case 2: for (; tiles > 0; tiles--, a += aTile, c += cTile) strided2<T>(a, aRow, aStep, b, bStep, c, ldc, k, add); break;
      case 3: for (; tiles > 0; tiles--, a += aTile, c += cTile) strided3<T>(a, aRow, aStep, b, bStep, c, ldc, k, add); break;
      case 4: for (; tiles > 0; tiles--, a += aTile, c += cTile) strided4<T>(a, aRow, aStep, b, bStep, c, ldc, k, add); break;
      case 5: if (maxRows<T>() > 4) for (; tiles > 0; tiles--, a += aTile, c += cTile) strided5<T>(a, aRow, aStep, b, bStep, c, ldc, k, add); break;
      case 6: if (maxRows<T>() > 4) for (; tiles > 0; tiles--, a += aTile, c += cTile) strided6<T>(a, aRow, aStep, b, bStep, c, ldc, k, add); break;
    }
  }
}

/** C[rows × bytes] (+)= the first `bytes` of each row of a scratch tile; touches nothing beyond. */
export function storeEdge<T>(edge: usize, rows: i32, c: usize, ldc: usize, bytes: i32, add: bool): void {
  for (let i = 0; i < rows; i++) {
    for (let at: usize = 0; at < <usize>bytes; at += sizeof<T>()) {
      const value = load<T>(edge + at);
      store<T>(c + at, add ? <T>(load<T>(c + at) + value) : value);
    }
    edge += TILE_BYTES;
    c += ldc;
  }
}
