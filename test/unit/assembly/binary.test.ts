// Elementwise kernels of two inputs: every way to broadcast, every length, in place; values at the edges; the integer
// failures; comparisons, selection and clipping.
import * as assert from "uvu/assert";
import { binaryCodes, compareCodes } from "../../../src/ops/opcodes.js";
import { test } from "../../support/suite.js";
import { type Bench, benches, randomizer } from "../../support/wasm.js";

const all = await benches(8);
const { fround } = Math;
type Pair = (a: number, b: number) => number;

const f32: Readonly<Record<string, Pair>> = {
  Add: (a, b) => a + b,
  Sub: (a, b) => a - b,
  Mul: (a, b) => a * b,
  RealDiv: (a, b) => a / b,
  Maximum: Math.max,
  Minimum: Math.min,
  FloorDiv: (a, b) => Math.floor(fround(a / b)),
  TruncateMod: (a, b) => a % b,
  Pow: (a, b) => (Object.is(a, 1) ? 1 : a ** b),
  SquaredDifference: (a, b) => fround(a - b) ** 2,
  DivNoNan: (a, b) => (b === 0 ? 0 : a / b),
  MulNoNan: (a, b) => (b === 0 ? 0 : a * b),
  Xdivy: (a, b) => (a === 0 ? a : a / b),
  Atan2: Math.atan2,
  ReluGrad: (a, b) => (b > 0 ? a : 0),
  TanhGrad: (a, b) => b * fround(1 - fround(a * a)),
};
const i32: Readonly<Record<string, Pair>> = {
  Add: (a, b) => (a + b) | 0,
  Sub: (a, b) => (a - b) | 0,
  Mul: Math.imul,
  Maximum: Math.max,
  Minimum: Math.min,
  TruncateDiv: (a, b) => (a / b) | 0,
  FloorDiv: (a, b) => Math.floor(a / b) | 0,
  TruncateMod: (a, b) => (a % b) | 0,
  FloorMod: (a, b) => (a - b * Math.floor(a / b)) | 0,
  BitwiseAnd: (a, b) => a & b,
  BitwiseOr: (a, b) => a | b,
  BitwiseXor: (a, b) => a ^ b,
};

/** Strides of the two levels for a and for b. */
const MODES = [
  { ao: 1, ai: 1, bo: 1, bi: 1 },
  { ao: 1, ai: 1, bo: 0, bi: 0 },
  { ao: 0, ai: 0, bo: 1, bi: 1 },
  { ao: 1, ai: 1, bo: 0, bi: 1 },
  { ao: 0, ai: 1, bo: 1, bi: 0 },
  { ao: 0, ai: 0, bo: 0, bi: 0 },
];

function checkAll(bench: Bench, dtype: "f32" | "f64" | "i32", table: Readonly<Record<string, Pair>>): void {
  const types = { f32: Float32Array, f64: Float64Array, i32: Int32Array };
  const type = types[dtype] as typeof Float64Array;
  const round = dtype === "f32" ? fround : (x: number) => x;
  const next = randomizer(17);
  const value = dtype === "i32" ? () => Math.floor(next() * 90) - 45 || 3 : () => round(next() * 8 - 4);
  for (const [op, exact] of Object.entries(table)) {
    for (const mode of MODES) {
      for (const [outer, inner] of [
        [1, 0],
        [1, 1],
        [3, 5],
        [2, 16],
        [4, 19],
        [1, 40],
      ] as const) {
        bench.reset();
        const extent = (stride: number, inside: number) => (stride === 0 ? 1 : outer) * (inside === 0 ? 1 : inner);
        const a = bench.place(type, Float64Array.from({ length: extent(mode.ao, mode.ai) }, value));
        const b = bench.place(type, Float64Array.from({ length: extent(mode.bo, mode.bi) }, value));
        const y = bench.alloc(type, outer * inner);
        const aOuter = mode.ao * (mode.ai === 0 ? 1 : inner);
        const bOuter = mode.bo * (mode.bi === 0 ? 1 : inner);
        const call = bench.kernels[`binary_${dtype}`];
        call(binaryCodes[op]!, a.ptr, b.ptr, y.ptr, outer, inner, aOuter, bOuter, mode.ai, mode.bi);
        for (let o = 0; o < outer; o++) {
          for (let i = 0; i < inner; i++) {
            const [u, v] = [a.view[o * aOuter + i * mode.ai]!, b.view[o * bOuter + i * mode.bi]!];
            const [got, want] = [y.view[o * inner + i]!, round(exact(u, v))];
            const near = Object.is(got, want) || got === want || Math.abs(got - want) <= Math.abs(want) * 1e-15;
            if (!near) assert.unreachable(`${dtype} ${op}(${u}, ${v}) is ${got}, should be ${want}`);
          }
        }
        bench.checkCanaries();
      }
    }
  }
}

test("broadcasting in f32", () => {
  for (const bench of all) checkAll(bench, "f32", f32);
});

test("broadcasting in f64", () => {
  // The three others round on the way as f32 does.
  const { FloorDiv: _floor, TanhGrad: _tanh, SquaredDifference: _squared, ...wide } = f32;
  for (const bench of all) checkAll(bench, "f64", wide);
});

test("broadcasting in i32", () => {
  for (const bench of all) checkAll(bench, "i32", i32);
});

test("in place over either input", () => {
  for (const bench of all) {
    for (let n = 0; n <= 40; n++) {
      bench.reset();
      const values = Float32Array.from({ length: n }, (_, i) => i - 7.5);
      const a = bench.place(Float32Array, values);
      const b = bench.place(Float32Array, values);
      bench.kernels.binary_f32(binaryCodes.Sub!, a.ptr, b.ptr, a.ptr, 1, n, 0, 0, 1, 1);
      assert.equal([...a.view], new Array(n).fill(0));
      bench.kernels.binary_f32(binaryCodes.Mul!, b.ptr, b.ptr, b.ptr, 1, n, 0, 0, 1, 1);
      assert.equal(
        [...b.view],
        [...values].map((v) => v * v),
      );
      bench.checkCanaries();
    }
  }
});

test("NaN wins maxima, and powers of one and of minus one are C's", () => {
  const { NaN: nan, POSITIVE_INFINITY: inf } = Number;
  const bench = all[0]!;
  const run = (op: string, x: number[], y: number[]): number[] => {
    bench.reset();
    const a = bench.place(Float32Array, x);
    const b = bench.place(Float32Array, y);
    bench.kernels.binary_f32(binaryCodes[op]!, a.ptr, b.ptr, a.ptr, 1, x.length, 0, 0, 1, 1);
    return [...a.view];
  };
  for (const n of [1, 5])
    for (const op of ["Maximum", "Minimum"]) {
      const full = (v: number) => new Array<number>(n).fill(v);
      assert.equal(run(op, full(nan), full(1)), full(nan));
      assert.equal(run(op, full(1), full(nan)), full(nan));
    }
  assert.equal(run("Pow", [1, 1, -1, -1, 2, -2], [nan, inf, inf, -inf, -1, 0.5]), [1, 1, 1, 1, 0.5, nan]);
  assert.equal(run("FloorMod", [5, -5, 5, -5, 1], [3, 3, -3, -3, -inf]), [2, 1, -1, -2, -inf]);
  assert.equal(run("SqrtGrad", [0, 0, 4], [0, 1, 8]), [0, inf, 1]);
  assert.equal(run("NextAfter", [1, 0, 0], [2, 1, -1]), [1 + 2 ** -23, 2 ** -149, -(2 ** -149)]);
});

test("what integers can't do is told", () => {
  const bench = all[0]!;
  bench.reset();
  const a = bench.place(Int32Array, [7, -2147483648, 2]);
  const b = bench.place(Int32Array, [0, -1, -3]);
  const y = bench.alloc(Int32Array, 3);
  const call = (op: string, from: number, n = 1): number =>
    bench.kernels.binary_i32(binaryCodes[op]!, a.ptr + 4 * from, b.ptr + 4 * from, y.ptr, 1, n, 0, 0, 1, 1);
  for (const op of ["TruncateDiv", "FloorDiv", "FloorMod", "TruncateMod"]) {
    assert.is(call(op, 0, 3), 1);
    assert.is(call(op, 1, 2), 0);
  }
  call("TruncateDiv", 1);
  assert.is(y.view[0], -2147483648);
  assert.is(call("Pow", 2), 2);
  assert.is(call("Pow", 0), 0);
});

test("comparisons of all lengths and modes", () => {
  const tests: readonly [string, (a: number, b: number) => boolean][] = [
    ["Equal", (a, b) => a === b],
    ["NotEqual", (a, b) => a !== b],
    ["Less", (a, b) => a < b],
    ["LessEqual", (a, b) => a <= b],
    ["Greater", (a, b) => a > b],
    ["GreaterEqual", (a, b) => a >= b],
  ];
  const next = randomizer(5);
  for (const bench of all) {
    for (const [op, exact] of tests) {
      for (const n of [0, 1, 15, 16, 17, 40]) {
        for (const [ai, bi] of [
          [1, 1],
          [0, 1],
          [1, 0],
        ] as const) {
          bench.reset();
          const value = () => (next() < 0.1 ? Number.NaN : Math.floor(next() * 4));
          const a = bench.place(Float32Array, Float32Array.from({ length: ai === 0 ? 1 : n }, value));
          const b = bench.place(Float32Array, Float32Array.from({ length: bi === 0 ? 1 : n }, value));
          const y = bench.alloc(Uint8Array, n);
          bench.kernels.compare_f32(compareCodes[op]!, a.ptr, b.ptr, y.ptr, 1, n, 0, 0, ai, bi);
          y.view.forEach((got, i) => {
            assert.is(got, Number(exact(a.view[i * ai]!, b.view[i * bi]!)));
          });
          bench.checkCanaries();
        }
      }
    }
  }
});

test("selection of elements and rows, clipping", () => {
  for (const bench of all) {
    for (let n = 0; n <= 20; n++) {
      bench.reset();
      const condition = bench.place(
        Uint8Array,
        Uint8Array.from({ length: n }, (_, i) => Number(i % 3 === 0)),
      );
      for (const [type, size] of [
        [Uint8Array, 1],
        [Float32Array, 4],
        [Float64Array, 8],
      ] as const) {
        const make = type as typeof Float64Array;
        const a = bench.place(
          make,
          Float64Array.from({ length: n }, (_, i) => i),
        );
        const b = bench.place(
          make,
          Float64Array.from({ length: n }, (_, i) => 100 + i),
        );
        const y = bench.alloc(make, n);
        bench.kernels.select(condition.ptr, a.ptr, b.ptr, y.ptr, n, size);
        assert.equal(
          [...y.view],
          Array.from({ length: n }, (_, i) => (i % 3 === 0 ? i : 100 + i)),
        );
      }
      bench.checkCanaries();
    }
    bench.reset();
    const x = bench.place(Float32Array, [Number.NaN, 1, -1, 5, 0.5]);
    const low = bench.place(Float32Array, [0]);
    const high = bench.place(Float32Array, [1]);
    bench.kernels.clip_f32(x.ptr, low.ptr, high.ptr, x.ptr, 5, 0, 0);
    assert.equal([...x.view], [Number.NaN, 1, 0, 1, 0.5]);
  }
});

test.run();
