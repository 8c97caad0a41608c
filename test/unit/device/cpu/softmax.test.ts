// Softmax, its logarithm and the cross entropies against the same formulas in double precision.

import * as assert from "uvu/assert";
import { test } from "../../../support/suite.js";
import { type Bench, benches, randomizer } from "../../../support/wasm.js";

const all = await benches();
const { exp, log, max, abs } = Math;

/** Rows in double precision: probabilities and log of the sum. */
function reference(x: ArrayLike<number>, start: number, columns: number) {
  const row = Array.from({ length: columns }, (_, i) => x[start + i]!);
  const m = max(...row);
  const e = row.map((v) => exp(v - m));
  const sum = e.reduce((a, b) => a + b, 0);
  return { row, m, p: e.map((v) => v / sum), logSum: log(sum) };
}

/** Relative to 1 + |wanted|: a loss is a difference of numbers of this size. */
function close(got: number, wanted: number, bound: number, where: string): void {
  assert.ok(abs(got - wanted) <= bound * (1 + abs(wanted)), `${where}: ${got}, should be ${wanted}`);
}

const shapes = [
  [1, 1],
  [3, 2],
  [5, 3],
  [4, 4],
  [7, 7],
  [128, 10],
  [3, 15],
  [2, 16],
  [9, 129],
  [1, 1000],
] as const;

function checkRows(bench: Bench, dtype: "f32" | "f64", rows: number, columns: number, next: () => number): void {
  bench.reset();
  const { kernels } = bench;
  const type = (dtype === "f32" ? Float32Array : Float64Array) as typeof Float64Array;
  const size = rows * columns;
  const x = bench.place(
    type,
    Float64Array.from({ length: size }, () => (next() - 0.5) * 40),
  );
  const labels = bench.place(type, Float64Array.from({ length: size }, next));
  const classes = bench.place(
    Int32Array,
    Int32Array.from({ length: rows }, () => Math.floor(next() * columns)),
  );
  const classes64 = bench.place(BigInt64Array, BigInt64Array.from(classes.view, BigInt));
  const [y, logs, d] = [bench.alloc(type, size), bench.alloc(type, size), bench.alloc(type, size)];
  const [ds, ds64] = [bench.alloc(type, size), bench.alloc(type, size)];
  const [loss, ls, ls64] = [bench.alloc(type, rows), bench.alloc(type, rows), bench.alloc(type, rows)];
  kernels[`softmax_${dtype}`](x.ptr, y.ptr, rows, columns);
  kernels[`log_softmax_${dtype}`](x.ptr, logs.ptr, rows, columns);
  kernels[`softmax_cross_entropy_${dtype}`](x.ptr, columns, labels.ptr, columns, loss.ptr, d.ptr, rows, columns);
  assert.is(
    kernels[`sparse_softmax_cross_entropy_${dtype}_i32`](x.ptr, classes.ptr, ls.ptr, ds.ptr, rows, columns),
    -1,
  );
  assert.is(
    kernels[`sparse_softmax_cross_entropy_${dtype}_i64`](x.ptr, classes64.ptr, ls64.ptr, ds64.ptr, rows, columns),
    -1,
  );
  const bound = dtype === "f32" ? 1e-6 : 4e-15;
  const where = `${bench.variant} ${dtype} ${rows}×${columns}`;
  for (let r = 0; r < rows; r++) {
    const { row, m, p, logSum } = reference(x.view, r * columns, columns);
    let total = 0;
    let magnitude = 0;
    for (let c = 0; c < columns; c++) {
      const at = r * columns + c;
      const logP = row[c]! - m - logSum;
      close(y.view[at]!, p[c]!, bound, `${where} softmax`);
      close(logs.view[at]!, logP, bound, `${where} log`);
      close(d.view[at]!, p[c]! - labels.view[at]!, bound, `${where} backprop`);
      close(ds.view[at]!, p[c]! - (classes.view[r] === c ? 1 : 0), bound, `${where} sparse backprop`);
      total -= labels.view[at]! * logP;
      magnitude += abs(labels.view[at]! * logP);
    }
    assert.ok(abs(loss.view[r]! - total) <= bound * (1 + magnitude), `${where} loss`);
    close(ls.view[r]!, -(row[classes.view[r]!]! - m - logSum), bound, `${where} sparse loss`);
  }
  assert.equal(Array.from(ds64.view), Array.from(ds.view));
  assert.equal(Array.from(ls64.view), Array.from(ls.view));
  kernels[`softmax_${dtype}`](x.ptr, x.ptr, rows, columns);
  assert.equal(Array.from(x.view), Array.from(y.view), "in place");
  bench.checkCanaries();
}

test("rows of every remainder", () => {
  for (const bench of all) {
    const next = randomizer(41);
    for (const [rows, columns] of shapes) {
      checkRows(bench, "f32", rows, columns, next);
      checkRows(bench, "f64", rows, columns, next);
    }
  }
});

test("large, infinite and NaN logits", () => {
  const rows: [number[], number[]][] = [
    [
      [1000, 999],
      [0.7310585786300049, 0.2689414213699951],
    ],
    [
      [0, Number.NEGATIVE_INFINITY],
      [1, 0],
    ],
    [
      [-1e30, -1e30],
      [0.5, 0.5],
    ],
    [
      [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY],
      [Number.NaN, Number.NaN],
    ],
    [
      [1, Number.NaN],
      [Number.NaN, Number.NaN],
    ],
    [
      [Number.NaN, 1],
      [Number.NaN, Number.NaN],
    ],
  ];
  for (const bench of all) {
    for (const [input, wanted] of rows) {
      // At every position of a longer row too, so that vectors and the tail both meet it.
      for (const columns of [2, 3, 8, 13]) {
        bench.reset();
        const filled = Array.from({ length: columns }, (_, i) => input[i] ?? Number.NEGATIVE_INFINITY);
        const x = bench.place(Float32Array, filled);
        const x64 = bench.place(Float64Array, filled);
        const y = bench.alloc(Float32Array, columns);
        const y64 = bench.alloc(Float64Array, columns);
        bench.kernels.softmax_f32(x.ptr, y.ptr, 1, columns);
        bench.kernels.softmax_f64(x64.ptr, y64.ptr, 1, columns);
        for (let i = 0; i < columns; i++) {
          const want = Number.isNaN(wanted[0]) ? Number.NaN : (wanted[i] ?? 0);
          if (Number.isNaN(want)) assert.ok(Number.isNaN(y.view[i]) && Number.isNaN(y64.view[i]), `${input}`);
          else assert.ok(abs(y.view[i]! - want) < 1e-7 && abs(y64.view[i]! - want) < 1e-15, `${input} → ${y.view[i]}`);
        }
      }
    }
  }
});

test("cross entropy with infinite logits, and one row for all", () => {
  for (const bench of all) {
    bench.reset();
    const x = bench.place(Float32Array, [1, Number.NEGATIVE_INFINITY]);
    const labels = bench.place(Float32Array, [0, 1, 1, 0]);
    const loss = bench.alloc(Float32Array, 2);
    const d = bench.alloc(Float32Array, 4);
    bench.kernels.softmax_cross_entropy_f32(x.ptr, 0, labels.ptr, 2, loss.ptr, d.ptr, 2, 2);
    assert.is(loss.view[0], Number.POSITIVE_INFINITY);
    assert.ok(Number.isNaN(loss.view[1]), "0 · ∞ is NaN, as TensorFlow has it");
    assert.equal(Array.from(d.view), [1, -1, 0, 0]);
  }
});

test("a label out of range is told by its row, and nothing is written", () => {
  for (const bench of all) {
    for (const [bad, row] of [
      [[0, 2, 1], 1],
      [[0, 1, -1], 2],
    ] as const) {
      bench.reset();
      const x = bench.place(Float32Array, [1, 2, 3, 4, 5, 6]);
      const labels = bench.place(Int32Array, bad);
      const loss = bench.place(Float32Array, [7, 7, 7]);
      const d = bench.alloc(Float32Array, 6);
      const got = bench.kernels.sparse_softmax_cross_entropy_f32_i32(x.ptr, labels.ptr, loss.ptr, d.ptr, 3, 2);
      assert.is(got, row);
      assert.equal(Array.from(loss.view), [7, 7, 7]);
    }
  }
});

test("no rows", () => {
  for (const bench of all) {
    bench.kernels.softmax_f32(0, 0, 0, 10);
    bench.kernels.log_softmax_f32(0, 0, 0, 10);
    assert.is(bench.kernels.sparse_softmax_cross_entropy_f32_i32(0, 0, 0, 0, 0, 10), -1);
  }
});

test.run();
