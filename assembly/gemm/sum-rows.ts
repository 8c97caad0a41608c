// A product with few rows of A: each row of C is a sum of B's rows, which are read once, in order and as they lie.
// Takes columns by whole tiles; nothing is packed, and C's rows are what stays in the cache. Must not know for which
// shapes this is the best way.
import { madd } from "../math/fma";
import { gemvSum } from "./gemv";

/** Bytes of columns at a time: four rows of B stay in L1. */
const PART_BYTES: i32 = 4096;

/** Two rows of C += four steps of k, `bytes` of each. Eight factors and two sums are what V8 keeps in registers. */
function addFour<T>(bytes: i32, a: usize, aRow: usize, aStep: usize, b: usize, ldb: usize, c: usize, ldc: usize): void {
  const x00 = v128.load_splat<T>(a);
  const x01 = v128.load_splat<T>(a + aStep);
  const x02 = v128.load_splat<T>(a + 2 * aStep);
  const x03 = v128.load_splat<T>(a + 3 * aStep);
  a += aRow;
  const x10 = v128.load_splat<T>(a);
  const x11 = v128.load_splat<T>(a + aStep);
  const x12 = v128.load_splat<T>(a + 2 * aStep);
  const x13 = v128.load_splat<T>(a + 3 * aStep);
  let b1 = b + ldb;
  let b2 = b1 + ldb;
  let b3 = b2 + ldb;
  let c1 = c + ldc;
  // A pointer for each row, two vectors to a round: sums of pointer and index would take as long as the products.
  for (let at = 0; at < bytes; at += 32) {
    let v = v128.load(b);
    let s0 = madd<T>(x00, v, v128.load(c));
    let s1 = madd<T>(x10, v, v128.load(c1));
    v = v128.load(b1);
    s0 = madd<T>(x01, v, s0);
    s1 = madd<T>(x11, v, s1);
    v = v128.load(b2);
    s0 = madd<T>(x02, v, s0);
    s1 = madd<T>(x12, v, s1);
    v = v128.load(b3);
    v128.store(c, madd<T>(x03, v, s0));
    v128.store(c1, madd<T>(x13, v, s1));
    v = v128.load(b, 16);
    s0 = madd<T>(x00, v, v128.load(c, 16));
    s1 = madd<T>(x10, v, v128.load(c1, 16));
    v = v128.load(b1, 16);
    s0 = madd<T>(x01, v, s0);
    s1 = madd<T>(x11, v, s1);
    v = v128.load(b2, 16);
    s0 = madd<T>(x02, v, s0);
    s1 = madd<T>(x12, v, s1);
    v = v128.load(b3, 16);
    v128.store(c, madd<T>(x03, v, s0), 16);
    v128.store(c1, madd<T>(x13, v, s1), 16);
    b += 32;
    b1 += 32;
    b2 += 32;
    b3 += 32;
    c += 32;
    c1 += 32;
  }
}

/** C[m × bytes] (+)= A · B, A by its strides between rows and between steps of k; `bytes` is a multiple of 32. */
export function sumRows<T>(
  m: i32, bytes: i32, k: i32, a: usize, aRow: usize, aStep: usize, b: usize, ldb: usize, c: usize, ldc: usize,
  accumulate: bool,
): void {
  for (let jc = 0; jc < bytes; jc += PART_BYTES) {
    const part = min(PART_BYTES, bytes - jc);
    if (!accumulate) for (let i = 0; i < m; i++) memory.fill(c + <usize>i * ldc, 0, part);
    let from = b;
    let factors = a;
    for (let pc = 0; pc < k; pc += 4) {
      const steps = min(4, k - pc);
      let i = 0;
      if (steps == 4) {
        for (; i + 2 <= m; i += 2) {
          addFour<T>(part, factors + <usize>i * aRow, aRow, aStep, from, ldb, c + <usize>i * ldc, ldc);
        }
      }
      // The odd row, and all rows of the last steps.
      for (; i < m; i++) {
        gemvSum<T>(from, ldb, steps, part / <i32>sizeof<T>(), factors + <usize>i * aRow, aStep, c + <usize>i * ldc, true);
      }
      from += <usize>4 * ldb;
      factors += <usize>4 * aStep;
    }
    b += PART_BYTES;
    c += PART_BYTES;
  }
}
