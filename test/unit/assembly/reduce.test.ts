// Reductions, arg-min and arg-max, running sums, segments and optimizer updates against plain loops.
import * as assert from "uvu/assert";
import { reduceCodes, segmentCodes } from "../../../src/ops/opcodes.js";
import { test } from "../../support/suite.js";
import { benches, randomizer } from "../../support/wasm.js";

const all = await benches(32);
const { fround } = Math;

const folds: Readonly<Record<string, readonly [number, (sum: number, x: number) => number]>> = {
  Sum: [0, (a, x) => a + x],
  Prod: [1, (a, x) => a * x],
  Max: [Number.NEGATIVE_INFINITY, Math.max],
  Min: [Number.POSITIVE_INFINITY, Math.min],
  L2Loss: [0, (a, x) => a + x * x],
};

test("rows, columns and blocks of all sizes", () => {
  const next = randomizer(8);
  for (const bench of all) {
    for (const [op, [start, fold]] of Object.entries(folds)) {
      for (const [outer, n, inner] of [
        [1, 0, 3],
        [1, 1, 1],
        [3, 7, 1],
        [2, 40, 1],
        [2, 65, 1],
        [1, 9, 5],
        [3, 4, 17],
        [2, 6, 32],
      ] as const) {
        bench.reset();
        // Small integers: sums are exact whatever their order.
        const values = Float32Array.from({ length: outer * n * inner }, () => Math.floor(next() * 3) + 1);
        const x = bench.place(Float32Array, values);
        const y = bench.alloc(Float32Array, outer * inner);
        bench.kernels.reduce_f32(reduceCodes[op]!, x.ptr, y.ptr, outer, n, inner);
        for (let o = 0; o < outer; o++)
          for (let i = 0; i < inner; i++) {
            let want = start;
            for (let r = 0; r < n; r++) want = fold(want, values[(o * n + r) * inner + i]!);
            const got = y.view[o * inner + i]!;
            if (!(got === want || Math.abs(got / want - 1) < 1e-6))
              assert.unreachable(`${op} [${outer},${n},${inner}] is ${got}, should be ${want}`);
          }
        bench.checkCanaries();
      }
    }
  }
});

test("long sums keep their precision", () => {
  const n = 1 << 20;
  const next = randomizer(1);
  for (const bench of all) {
    bench.reset();
    const x = bench.alloc(Float32Array, n);
    let exact = 0;
    for (let i = 0; i < n; i++) exact += x.view[i] = next();
    const y = bench.alloc(Float32Array, 1);
    bench.kernels.reduce_f32(reduceCodes.Sum!, x.ptr, y.ptr, 1, n, 1);
    assert.ok(Math.abs(y.view[0]! / exact - 1) < 2e-7, `${y.view[0]} ${exact}`);
    bench.kernels.reduce_f32(reduceCodes.Mean!, x.ptr, y.ptr, 1, n, 1);
    assert.ok(Math.abs((y.view[0]! * n) / exact - 1) < 1e-6);
  }
});

test("NaN goes through sums and extremes, but is no arg-max", () => {
  const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
  for (const bench of all) {
    for (const n of [3, 40]) {
      bench.reset();
      const values = new Float32Array(n).fill(1);
      values[n - 2] = nan;
      const x = bench.place(Float32Array, values);
      const y = bench.alloc(Float32Array, 1);
      for (const op of ["Sum", "Prod", "Max", "Min", "Mean"]) {
        bench.kernels.reduce_f32(reduceCodes[op]!, x.ptr, y.ptr, 1, n, 1);
        assert.ok(Number.isNaN(y.view[0]), op);
      }
    }
    bench.reset();
    const x = bench.place(Float32Array, [1, nan, 2, nan, 1, 0, inf, -inf, 1, nan, nan, nan, 4, 9, 9]);
    const y = bench.alloc(BigInt64Array, 5);
    bench.kernels.arg_f32(0, x.ptr, y.ptr, 5, 3, 1);
    assert.equal([...y.view], [2n, 1n, 0n, 0n, 1n]);
    bench.kernels.arg_f32(1, x.ptr, y.ptr, 5, 3, 1);
    assert.equal([...y.view], [0n, 2n, 1n, 0n, 0n]);
  }
});

test("running sums and products in every direction", () => {
  const bench = all[0]!;
  bench.reset();
  const x = bench.place(Int32Array, [1, 2, 3, 4]);
  const y = bench.alloc(Int32Array, 4);
  const run = (product: number, exclusive: number, reverse: number): number[] => {
    bench.kernels.scan_i32(product, x.ptr, y.ptr, 1, 4, 1, exclusive, reverse);
    return [...y.view];
  };
  assert.equal(run(0, 0, 0), [1, 3, 6, 10]);
  assert.equal(run(0, 1, 0), [0, 1, 3, 6]);
  assert.equal(run(0, 0, 1), [10, 9, 7, 4]);
  assert.equal(run(0, 1, 1), [9, 7, 4, 0]);
  assert.equal(run(1, 0, 0), [1, 2, 6, 24]);
  assert.equal(run(1, 1, 1), [24, 12, 4, 1]);
});

test("segments: sorted with gaps, picked rows, unsorted with negative ids", () => {
  const bench = all[0]!;
  bench.reset();
  const data = bench.place(Float32Array, [1, 2, 3, 4, 5, 6, 7, 8]);
  const ids = bench.place(Int32Array, [0, 0, 2, 2]);
  const y = bench.alloc(Float32Array, 6);
  const sorted = (op: string, rows = 0): number[] => {
    bench.kernels.segment_f32(segmentCodes[op]!, data.ptr, rows, 0, ids.ptr, 0, y.ptr, 4, 3, 2);
    return [...y.view];
  };
  assert.equal(sorted("Sum"), [4, 6, 0, 0, 12, 14]);
  assert.equal(sorted("Mean"), [2, 3, 0, 0, 6, 7]);
  assert.equal(sorted("Prod"), [3, 8, 1, 1, 35, 48]);
  assert.equal(sorted("Max"), [3, 4, 0, 0, 7, 8]);
  assert.equal(sorted("Sum", bench.place(Int32Array, [3, 3, 0, 1]).ptr), [14, 16, 0, 0, 4, 6]);
  const loose = bench.place(BigInt64Array, [2n, -1n, 0n, 2n]);
  const unsorted = (op: string): number[] => {
    bench.kernels.unsorted_segment_f32(segmentCodes[op]!, data.ptr, loose.ptr, 1, y.ptr, 4, 3, 2);
    return [...y.view];
  };
  assert.equal(unsorted("Sum"), [5, 6, 0, 0, 8, 10]);
  assert.equal(unsorted("Min"), [5, 6, 3.4028234663852886e38, 3.4028234663852886e38, 1, 2]);
  bench.checkCanaries();
});

test("Adam, element by element, at every length", () => {
  const [alpha, b1, b2, eps] = [fround(0.01), fround(0.9), fround(0.999), fround(1e-8)] as const;
  const next = randomizer(2);
  for (const bench of all) {
    for (let n = 0; n <= 20; n++) {
      bench.reset();
      const make = () =>
        bench.place(
          Float32Array,
          Float32Array.from({ length: n }, () => next()),
        );
      const [v, m, u, g] = [make(), make(), make(), make()];
      const want = [...v.view].map((value, i) => {
        const first = fround(m.view[i]! + fround(fround(g.view[i]! - m.view[i]!) * fround(1 - b1)));
        const square = fround(g.view[i]! * g.view[i]!);
        const second = fround(u.view[i]! + fround(fround(square - u.view[i]!) * fround(1 - b2)));
        return fround(value - fround(fround(first * alpha) / fround(fround(Math.sqrt(second)) + eps)));
      });
      bench.kernels.apply_adam_f32(v.ptr, m.ptr, u.ptr, g.ptr, n, alpha, b1, b2, eps, 0);
      assert.equal([...v.view], want);
      bench.checkCanaries();
    }
  }
});

test.run();
