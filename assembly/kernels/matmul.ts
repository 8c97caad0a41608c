// C = op(A) · op(B), or C += with `accumulate`, for f32, f64, i32 and i64; op transposes where its flag is set.
// Leading dimensions are in elements, as in BLAS: A is m × k (k × m if transposed), B is k × n (n × k), C is m × n.
// Batches, shapes and checks are the caller's.
import { setTile } from "../gemm/block";
import { gemm, gemmScratchBytes } from "../gemm/gemm";

/** Chooses the rows (4, 5 or 6) of the float tiles: which is fastest depends on the engine. */
export function gemm_set_tile(rows: i32): void {
  setTile(rows);
}

/** Bytes of scratch for a product with elements of `size` bytes. */
export function gemm_scratch_bytes(m: i32, n: i32, k: i32, size: i32): usize {
  return gemmScratchBytes(m, n, k, size);
}

export function gemm_f32(ta: i32, tb: i32, m: i32, n: i32, k: i32, a: usize, lda: i32, b: usize, ldb: i32, c: usize, ldc: i32, accumulate: i32, scratch: usize): void {
  gemm<f32>(ta != 0, tb != 0, m, n, k, a, <usize>lda << 2, b, <usize>ldb << 2, c, <usize>ldc << 2, accumulate != 0, scratch);
}

export function gemm_f64(ta: i32, tb: i32, m: i32, n: i32, k: i32, a: usize, lda: i32, b: usize, ldb: i32, c: usize, ldc: i32, accumulate: i32, scratch: usize): void {
  gemm<f64>(ta != 0, tb != 0, m, n, k, a, <usize>lda << 3, b, <usize>ldb << 3, c, <usize>ldc << 3, accumulate != 0, scratch);
}

export function gemm_i32(ta: i32, tb: i32, m: i32, n: i32, k: i32, a: usize, lda: i32, b: usize, ldb: i32, c: usize, ldc: i32, accumulate: i32, scratch: usize): void {
  gemm<i32>(ta != 0, tb != 0, m, n, k, a, <usize>lda << 2, b, <usize>ldb << 2, c, <usize>ldc << 2, accumulate != 0, scratch);
}

export function gemm_i64(ta: i32, tb: i32, m: i32, n: i32, k: i32, a: usize, lda: i32, b: usize, ldb: i32, c: usize, ldc: i32, accumulate: i32, scratch: usize): void {
  gemm<i64>(ta != 0, tb != 0, m, n, k, a, <usize>lda << 3, b, <usize>ldb << 3, c, <usize>ldc << 3, accumulate != 0, scratch);
}
