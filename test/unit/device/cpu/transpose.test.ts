// Transposition of any rank and element size against index arithmetic.

import * as assert from "uvu/assert";
import { test } from "../../../support/suite.js";
import { type Bench, benches, randomizer } from "../../../support/wasm.js";

const all = await benches();
const sizes = [1, 2, 4, 8, 16] as const;

function check(bench: Bench, size: (typeof sizes)[number], dims: number[], perm: number[]): void {
  bench.reset();
  const count = dims.reduce((a, b) => a * b, 1);
  const x = bench.place(
    Uint8Array,
    Uint8Array.from({ length: count * size }, (_, i) => (i * 167 + (i >> 8) * 31) & 255),
  );
  const y = bench.alloc(Uint8Array, count * size);
  const dimsAt = bench.place(Int32Array, dims).ptr;
  const permAt = bench.place(Int32Array, perm).ptr;
  const scratch = bench.scratch(bench.kernels.transpose_scratch_bytes());
  bench.kernels[`transpose_${size}`](x.ptr, y.ptr, dimsAt, permAt, dims.length, scratch);
  const strides = dims.map((_, i) => dims.slice(i + 1).reduce((a, b) => a * b, 1));
  const outDims = perm.map((axis) => dims[axis]!);
  const index = new Array(dims.length).fill(0);
  for (let i = 0; i < count; i++) {
    let from = 0;
    for (let axis = 0; axis < perm.length; axis++) from += index[axis] * strides[perm[axis]!]!;
    for (let b = 0; b < size; b++) {
      if (y.view[i * size + b] !== x.view[from * size + b]) {
        assert.unreachable(`${bench.variant} size ${size} [${dims}] by [${perm}]: element ${i} is wrong`);
      }
    }
    for (let axis = perm.length - 1; axis >= 0 && ++index[axis] === outDims[axis]; axis--) index[axis] = 0;
  }
  bench.checkCanaries();
}

test("matrices", () => {
  for (const bench of all)
    for (const size of sizes)
      for (const dims of [
        [1, 1],
        [3, 5],
        [4, 4],
        [33, 70],
        [64, 31],
        [100, 1],
        [1, 9],
      ]) {
        check(bench, size, dims, [1, 0]);
        check(bench, size, dims, [0, 1]);
      }
});

test("every permutation of rank three and four", () => {
  const permutations = (items: number[]): number[][] =>
    items.length < 2
      ? [items]
      : items.flatMap((item) => permutations(items.filter((i) => i !== item)).map((p) => [item, ...p]));
  for (const bench of all)
    for (const size of sizes) {
      for (const perm of permutations([0, 1, 2])) check(bench, size, [5, 9, 7], perm);
      for (const perm of permutations([0, 1, 2, 3])) {
        check(bench, size, [2, 5, 3, 4], perm);
        check(bench, size, [3, 1, 6, 1], perm);
      }
    }
});

test("random ranks up to eight with axes of one", () => {
  for (const bench of all) {
    const next = randomizer(51);
    for (let i = 0; i < 200; i++) {
      const rank = 1 + Math.floor(next() * 8);
      const dims = Array.from({ length: rank }, () => (next() < 0.3 ? 1 : 1 + Math.floor(next() * 4)));
      const perm = dims.map((_, axis) => axis);
      for (let axis = rank - 1; axis > 0; axis--) {
        const other = Math.floor(next() * (axis + 1));
        [perm[axis], perm[other]] = [perm[other]!, perm[axis]!];
      }
      check(bench, sizes[i % 5]!, dims, perm);
    }
  }
});

test("scalars and empty tensors", () => {
  for (const bench of all) {
    check(bench, 4, [], []);
    check(bench, 4, [3, 0, 2], [2, 1, 0]);
    check(bench, 8, [0], [0]);
  }
});

test.run();
