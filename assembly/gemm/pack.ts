// Copies blocks of a matrix into panels that the register tile reads front to back: [k][width].
// Takes a source by its leading dimension in bytes; gives panels at `to`, 16-byte aligned if `to` and the width are.

/** Steps of k and rows of A and bytes of columns of B that one block holds: A's block fits L2, a panel of B fits L1. */
export const BLOCK_K: i32 = 384;
export const BLOCK_ROWS: i32 = 48;
export const BLOCK_BYTES: i32 = 2048;

/** Steps of k of each block but the last: as even as they go, in fours. */
// @ts-ignore: decorator
@inline
export function stepsPerBlock(k: i32): i32 {
  const blocks = (k + BLOCK_K - 1) / BLOCK_K;
  return min(k, ((k + blocks - 1) / blocks + 3) & ~3);
}

/** A panel from `width` ≤ 8 source rows, k elements each: panel[k][w] = from[w][k]. */
export function packRows<T>(to: usize, from: usize, ld: usize, width: i32, k: i32): void {
  let w = 0;
  const step = <usize>width * sizeof<T>();
  if (sizeof<T>() == 4) {
    for (; w + 4 <= width; w += 4) {
      pack4Rows(to + ((<usize>w) << 2), step, from + <usize>w * ld, ld, k);
    }
    if (w + 2 <= width) {
      pack2Rows(to + ((<usize>w) << 2), step, from + <usize>w * ld, ld, k);
      w += 2;
    }
  }
  if (sizeof<T>() == 8) {
    for (; w + 2 <= width; w += 2) {
      pack2Wide(to + ((<usize>w) << 3), step, from + <usize>w * ld, ld, k);
    }
  }
  for (; w < width; w++) {
    let source = from + <usize>w * ld;
    let target = to + <usize>w * sizeof<T>();
    for (let i = 0; i < k; i++) {
      store<T>(target, load<T>(source));
      source += sizeof<T>();
      target += step;
    }
  }
}

/** Two rows of 64-bit elements. */
function pack2Wide(to: usize, step: usize, r0: usize, ld: usize, k: i32): void {
  let r1 = r0 + ld;
  let i = 0;
  for (; i + 2 <= k; i += 2) {
    const v0 = v128.load(r0);
    const v1 = v128.load(r1);
    v128.store(to, v128.shuffle<u64>(v0, v1, 0, 2));
    to += step;
    v128.store(to, v128.shuffle<u64>(v0, v1, 1, 3));
    to += step;
    r0 += 16;
    r1 += 16;
  }
  if (i < k) {
    store<u64>(to, load<u64>(r0));
    store<u64>(to, load<u64>(r1), 8);
  }
}

/** Four rows of 32-bit elements, by 4 × 4 transposition. */
export function pack4Rows(to: usize, step: usize, r0: usize, ld: usize, k: i32): void {
  pack4(to, step, r0, r0 + ld, r0 + <usize>2 * ld, r0 + <usize>3 * ld, k);
}

export function pack2Rows(to: usize, step: usize, r0: usize, ld: usize, k: i32): void {
  pack2(to, step, r0, r0 + ld, k);
}

/** As pack4Rows, for rows that lie anywhere. */
export function pack4(to: usize, step: usize, r0: usize, r1: usize, r2: usize, r3: usize, k: i32): void {
  let i = 0;
  for (; i + 4 <= k; i += 4) {
    const v0 = v128.load(r0);
    const v1 = v128.load(r1);
    const v2 = v128.load(r2);
    const v3 = v128.load(r3);
    const low01 = v128.shuffle<u32>(v0, v1, 0, 4, 1, 5);
    const high01 = v128.shuffle<u32>(v0, v1, 2, 6, 3, 7);
    const low23 = v128.shuffle<u32>(v2, v3, 0, 4, 1, 5);
    const high23 = v128.shuffle<u32>(v2, v3, 2, 6, 3, 7);
    v128.store(to, v128.shuffle<u64>(low01, low23, 0, 2));
    to += step;
    v128.store(to, v128.shuffle<u64>(low01, low23, 1, 3));
    to += step;
    v128.store(to, v128.shuffle<u64>(high01, high23, 0, 2));
    to += step;
    v128.store(to, v128.shuffle<u64>(high01, high23, 1, 3));
    to += step;
    r0 += 16;
    r1 += 16;
    r2 += 16;
    r3 += 16;
  }
  for (; i < k; i++) {
    store<u32>(to, load<u32>(r0));
    store<u32>(to, load<u32>(r1), 4);
    store<u32>(to, load<u32>(r2), 8);
    store<u32>(to, load<u32>(r3), 12);
    to += step;
    r0 += 4;
    r1 += 4;
    r2 += 4;
    r3 += 4;
  }
}

export function pack2(to: usize, step: usize, r0: usize, r1: usize, k: i32): void {
  let i = 0;
  for (; i + 4 <= k; i += 4) {
    const v0 = v128.load(r0);
    const v1 = v128.load(r1);
    const low = v128.shuffle<u32>(v0, v1, 0, 4, 1, 5);
    const high = v128.shuffle<u32>(v0, v1, 2, 6, 3, 7);
    v128.store_lane<u64>(to, low, 0);
    to += step;
    v128.store_lane<u64>(to, low, 1);
    to += step;
    v128.store_lane<u64>(to, high, 0);
    to += step;
    v128.store_lane<u64>(to, high, 1);
    to += step;
    r0 += 16;
    r1 += 16;
  }
  for (; i < k; i++) {
    store<u32>(to, load<u32>(r0));
    store<u32>(to, load<u32>(r1), 4);
    to += step;
    r0 += 4;
    r1 += 4;
  }
}

/** A panel from k source rows that hold its `width` elements side by side: panel[k][w] = from[k][w]. */
export function packColumns<T>(to: usize, from: usize, ld: usize, width: i32, k: i32): void {
  const step = <usize>width * sizeof<T>();
  for (let i = 0; i < k; i++) {
    for (let at: usize = 0; at < step; at += 4) store<u32>(to + at, load<u32>(from + at));
    from += ld;
    to += step;
  }
}

/**
 * Panels of B, 32 bytes wide, from k source rows as they lie; the last one is filled up with zeros. Rows are read in
 * order, four at a time: column by column, those a power of two apart would push each other out of the cache.
 */
export function packB<T>(to: usize, from: usize, ld: usize, bytes: i32, k: i32): void {
  const panel = (<usize>k) << 5;
  const whole = bytes & ~31;
  let i = 0;
  let start = to;
  let source = from;
  for (; i + 4 <= k; i += 4) {
    let r0 = source;
    let r1 = r0 + ld;
    let r2 = r1 + ld;
    let r3 = r2 + ld;
    let target = start;
    for (let at = 0; at < whole; at += 32) {
      v128.store(target, v128.load(r0));
      v128.store(target, v128.load(r0, 16), 16);
      v128.store(target, v128.load(r1), 32);
      v128.store(target, v128.load(r1, 16), 48);
      v128.store(target, v128.load(r2), 64);
      v128.store(target, v128.load(r2, 16), 80);
      v128.store(target, v128.load(r3), 96);
      v128.store(target, v128.load(r3, 16), 112);
      target += panel;
      r0 += 32;
      r1 += 32;
      r2 += 32;
      r3 += 32;
    }
    start += 128;
    source += <usize>4 * ld;
  }
  for (; i < k; i++) {
    let target = start;
    for (let at = 0; at < whole; at += 32) {
      v128.store(target, v128.load(source + at));
      v128.store(target, v128.load(source + at, 16), 16);
      target += panel;
    }
    start += 32;
    source += ld;
  }
  if (whole < bytes) packNarrow(to + <usize>(whole >> 5) * panel, from + whole, ld, bytes - whole, k);
}

/** A panel of B from fewer than 32 bytes of columns, filled up with zeros. */
function packNarrow(to: usize, from: usize, ld: usize, bytes: i32, k: i32): void {
  const zero = i32x4.splat(0);
  for (let i = 0; i < k; i++) {
    v128.store(to, zero);
    v128.store(to, zero, 16);
    for (let at = 0; at < bytes; at += 4) store<u32>(to + at, load<u32>(from + at));
    from += ld;
    to += 32;
  }
}

/** Panels of B from its transpose: each of `bytes / sizeof<T>()` source rows holds one column. */
export function packTransposedB<T>(to: usize, from: usize, ld: usize, bytes: i32, k: i32): void {
  const lanes = 32 / <i32>sizeof<T>();
  let columns = bytes / <i32>sizeof<T>();
  for (; columns >= lanes; columns -= lanes) {
    packRows<T>(to, from, ld, lanes, k);
    from += <usize>lanes * ld;
    to += (<usize>k) << 5;
  }
  if (columns > 0) {
    memory.fill(to, 0, (<usize>k) << 5);
    for (let w = 0; w < columns; w++) {
      let source = from + <usize>w * ld;
      let target = to + <usize>w * sizeof<T>();
      for (let i = 0; i < k; i++) {
        store<T>(target, load<T>(source));
        source += sizeof<T>();
        target += 32;
      }
    }
  }
}
