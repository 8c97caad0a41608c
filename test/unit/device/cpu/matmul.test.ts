// GEMM against plain loops: every dtype, transposition, stride, tile and odd edge.
import * as assert from "uvu/assert";
import { test } from "../../../support/suite.js";
import { type Bench, benches, randomizer } from "../../../support/wasm.js";

const all = await benches();

interface Case {
  ta: number;
  tb: number;
  m: number;
  n: number;
  k: number;
  padding: number;
  accumulate: number;
}

type Floats = "f32" | "f64";

/** Integers small enough that every product and sum is exact: then each build must give the very same number. */
function checkExact(bench: Bench, dtype: Floats, c: Case, next: () => number): void {
  bench.reset();
  const type = dtype === "f32" ? Float32Array : Float64Array;
  const { ta, tb, m, n, k } = c;
  const lda = (ta ? m : k) + c.padding;
  const ldb = (tb ? k : n) + c.padding;
  const ldc = n + c.padding;
  const small = () => Math.floor(next() * 17) - 8;
  const a = bench.place(type as typeof Float64Array, Float64Array.from({ length: (ta ? k : m) * lda }, small));
  const b = bench.place(type as typeof Float64Array, Float64Array.from({ length: (tb ? n : k) * ldb }, small));
  const out = bench.place(type as typeof Float64Array, Float64Array.from({ length: m * ldc }, small));
  const wanted = Array.from(out.view);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = c.accumulate ? wanted[i * ldc + j]! : 0;
      for (let p = 0; p < k; p++)
        sum += a.view[ta ? p * lda + i : i * lda + p]! * b.view[tb ? j * ldb + p : p * ldb + j]!;
      wanted[i * ldc + j] = sum;
    }
  }
  const scratch = bench.scratch(bench.kernels.gemm_scratch_bytes(m, n, k, type.BYTES_PER_ELEMENT));
  const gemm = bench.kernels[`gemm_${dtype}`];
  gemm(ta, tb, m, n, k, a.ptr, lda, b.ptr, ldb, out.ptr, ldc, c.accumulate, scratch);
  const where = `${bench.variant} ${dtype} ${JSON.stringify(c)}`;
  for (let i = 0; i < wanted.length; i++) {
    if (out.view[i] !== wanted[i]) assert.unreachable(`${where}: [${i}] is ${out.view[i]}, should be ${wanted[i]}`);
  }
  bench.checkCanaries();
}

const flags = [0, 1];

test("small sizes, every transposition, stride and remainder", () => {
  for (const bench of all) {
    const next = randomizer(1);
    for (const ta of flags)
      for (const tb of flags)
        for (const m of [0, 1, 2, 3, 5, 7, 13])
          for (const n of [0, 1, 2, 4, 7, 8, 9, 17])
            for (const k of [0, 1, 3, 4, 9]) {
              const padding = next() < 0.5 ? 0 : 3;
              const accumulate = next() < 0.5 ? 0 : 1;
              checkExact(bench, "f32", { ta, tb, m, n, k, padding, accumulate }, next);
              checkExact(bench, "f64", { ta, tb, m, n, k, padding, accumulate }, next);
            }
  }
});

test("sizes across the edges of the blocks, for every tile", () => {
  for (const bench of all) {
    for (const tile of [4, 5, 6]) {
      bench.kernels.gemm_set_tile(tile);
      const next = randomizer(tile);
      for (const ta of flags)
        for (const tb of flags)
          for (const [m, n, k] of [
            [101, 75, 300],
            [97, 520, 33],
            [30, 1029, 257],
            [203, 12, 513],
          ] as const) {
            checkExact(bench, "f32", { ta, tb, m, n, k, padding: 5, accumulate: tile & 1 }, next);
          }
    }
    const next = randomizer(9);
    checkExact(bench, "f64", { ta: 0, tb: 1, m: 99, n: 261, k: 300, padding: 1, accumulate: 0 }, next);
    checkExact(bench, "f64", { ta: 1, tb: 0, m: 99, n: 261, k: 300, padding: 1, accumulate: 1 }, next);
  }
});

test("few rows of A, around the borders of what is summed row by row", () => {
  for (const bench of all) {
    const next = randomizer(5);
    for (const ta of flags)
      for (const m of [2, 3, 8, 47, 48, 49])
        for (const n of [255, 256, 257, 263, 264, 1024, 1031])
          for (const k of m < 9 ? [1, 3, 4, 6, 13] : [5]) {
            const padding = next() < 0.5 ? 0 : 3;
            const accumulate = next() < 0.5 ? 0 : 1;
            checkExact(bench, "f32", { ta, tb: 0, m, n, k, padding, accumulate }, next);
            checkExact(bench, "f64", { ta, tb: 0, m, n: n >> 1, k, padding, accumulate }, next);
          }
    checkExact(bench, "f32", { ta: 0, tb: 0, m: 5, n: 2060, k: 1026, padding: 0, accumulate: 0 }, next);
    checkExact(bench, "f64", { ta: 1, tb: 0, m: 4, n: 1027, k: 19, padding: 1, accumulate: 1 }, next);
  }
});

test("integers wrap around as they do in TensorFlow", () => {
  for (const bench of all) {
    const next = randomizer(3);
    for (const [ta, tb, m, n, k] of [
      [0, 0, 37, 41, 29],
      [1, 0, 5, 9, 300],
      [0, 1, 1, 7, 11],
      [1, 1, 6, 1, 12],
      [0, 0, 3, 259, 7],
    ] as const) {
      bench.reset();
      const wide = () => Math.floor((next() - 0.5) * 4294967296);
      const a = bench.place(Int32Array, Int32Array.from({ length: m * k }, wide));
      const b = bench.place(Int32Array, Int32Array.from({ length: k * n }, wide));
      const c = bench.alloc(Int32Array, m * n);
      const a64 = bench.place(
        BigInt64Array,
        BigInt64Array.from(a.view, (v) => BigInt(v) * 4294967311n),
      );
      const b64 = bench.place(
        BigInt64Array,
        BigInt64Array.from(b.view, (v) => BigInt(v) * 1099511627791n),
      );
      const c64 = bench.alloc(BigInt64Array, m * n);
      const lda = ta ? m : k;
      const ldb = tb ? k : n;
      const { kernels } = bench;
      const scratch = bench.scratch(kernels.gemm_scratch_bytes(m, n, k, 8));
      kernels.gemm_i32(ta, tb, m, n, k, a.ptr, lda, b.ptr, ldb, c.ptr, n, 0, scratch);
      kernels.gemm_i64(ta, tb, m, n, k, a64.ptr, lda, b64.ptr, ldb, c64.ptr, n, 0, scratch);
      for (let i = 0; i < m; i++) {
        for (let j = 0; j < n; j++) {
          let sum = 0;
          let sum64 = 0n;
          for (let p = 0; p < k; p++) {
            const ai = ta ? p * lda + i : i * lda + p;
            const bi = tb ? j * ldb + p : p * ldb + j;
            sum = (sum + Math.imul(a.view[ai]!, b.view[bi]!)) | 0;
            sum64 = BigInt.asIntN(64, sum64 + a64.view[ai]! * b64.view[bi]!);
          }
          assert.is(c.view[i * n + j], sum);
          assert.is(c64.view[i * n + j], sum64);
        }
      }
      bench.checkCanaries();
    }
  }
});

test("NaN and infinity reach exactly the rows and columns that they touch", () => {
  for (const bench of all) {
    for (const [m, n, k] of [
      [13, 21, 40],
      [1, 21, 40],
      [13, 1, 40],
      [13, 261, 43],
    ] as const) {
      bench.reset();
      const a = bench.place(Float32Array, new Float32Array(m * k).fill(1));
      const b = bench.place(Float32Array, new Float32Array(k * n).fill(1));
      const c = bench.alloc(Float32Array, m * n);
      a.view[(m - 1) * k + 7] = Number.NaN;
      b.view[5 * n] = Number.POSITIVE_INFINITY;
      const scratch = bench.scratch(bench.kernels.gemm_scratch_bytes(m, n, k, 4));
      bench.kernels.gemm_f32(0, 0, m, n, k, a.ptr, k, b.ptr, n, c.ptr, n, 0, scratch);
      for (let i = 0; i < m; i++) {
        for (let j = 0; j < n; j++) {
          const wanted = i === m - 1 ? Number.NaN : j === 0 ? Number.POSITIVE_INFINITY : k;
          assert.ok(Object.is(c.view[i * n + j], wanted), `${bench.variant} [${i},${j}] = ${c.view[i * n + j]}`);
        }
      }
    }
  }
});

test("real numbers stay within the error bound of a float sum", () => {
  for (const bench of all) {
    bench.reset();
    const next = randomizer(7);
    const [m, n, k] = [64, 80, 700];
    const a = bench.place(
      Float32Array,
      Float32Array.from({ length: m * k }, () => next() - 0.5),
    );
    const b = bench.place(
      Float32Array,
      Float32Array.from({ length: k * n }, () => next() - 0.5),
    );
    const c = bench.alloc(Float32Array, m * n);
    const scratch = bench.scratch(bench.kernels.gemm_scratch_bytes(m, n, k, 4));
    bench.kernels.gemm_f32(0, 0, m, n, k, a.ptr, k, b.ptr, n, c.ptr, n, 0, scratch);
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let sum = 0;
        let magnitude = 0;
        for (let p = 0; p < k; p++) {
          const product = a.view[i * k + p]! * b.view[p * n + j]!;
          sum += product;
          magnitude += Math.abs(product);
        }
        // Rounding errors of a sum grow like √k; 2⁻²⁴ is half a unit in the last place.
        assert.ok(Math.abs(c.view[i * n + j]! - sum) <= magnitude * Math.sqrt(k) * 2 ** -24);
      }
    }
  }
});

test.run();
