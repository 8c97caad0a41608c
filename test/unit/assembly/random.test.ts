// The Philox generator: the published answers, the vector path against a plain one, and what is drawn from it. Values of
// TensorFlow itself are compared in test/ops/random.test.ts.
import { createHash } from "node:crypto";
import * as assert from "uvu/assert";
import { philox, scramble } from "../../../src/ops/random/philox.js";
import { test } from "../../support/suite.js";
import { type Bench, benches } from "../../support/wasm.js";

const all = await benches(8);
/** SHA-256 of what StatelessRandomNormalV2 and its truncated kin give for key 5 and counter 9. */
const NORMAL = "68bd59ed015bf03bcfd9e9badc698c3f65ea249495dcd892ac4f6d8bebfe75f9";
const TRUNCATED = "10414000b1aa6503a91328fd1e6fc897b381a75a829fe00326e7eb94866663ec";
const ONES = (1n << 128n) - 1n;

function bits(bench: Bench, counter: bigint, key: bigint, n: number): number[] {
  bench.reset();
  const state = bench.alloc(Uint8Array, 24);
  const words = new BigUint64Array(bench.memory.buffer, state.ptr, 3);
  words[0] = BigInt.asUintN(64, counter);
  words[1] = counter >> 64n;
  words[2] = key;
  // The kernels fill whole calls of the generator.
  const y = bench.alloc(Int32Array, Math.ceil(n / 4) * 4);
  bench.kernels.random_bits(state.ptr, y.ptr, n);
  bench.checkCanaries();
  return [...new Uint32Array(bench.memory.buffer, y.ptr, n)];
}

const wordsOf = (value: bigint): number[] => [0n, 32n, 64n, 96n].map((shift) => Number((value >> shift) & 0xffffffffn));

test("answers of the paper's authors", () => {
  const answers: readonly [bigint, bigint, number[]][] = [
    [0n, 0n, [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]],
    [ONES, ONES >> 64n, [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]],
    [0x0370734413198a2e85a308d3243f6a88n, 0x299f31d0a4093822n, [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1]],
  ];
  for (const [counter, key, want] of answers) {
    assert.equal(wordsOf(philox(counter, key)), want);
    for (const bench of all) assert.equal(bits(bench, counter, key, 4), want);
  }
});

test("four calls at a time are four calls, also where words of the counter wrap", () => {
  const key = 0x123456789abcdef0n;
  for (const bench of all) {
    for (const start of [5n, 0xfffffffdn, (1n << 64n) - 3n, (1n << 96n) - 7n]) {
      const want: number[] = [];
      for (let i = 0n; i < 13n; i++) want.push(...wordsOf(philox((start + i) & ONES, key)));
      for (const n of [1, 4, 15, 16, 17, 50]) assert.equal(bits(bench, start, key, n), want.slice(0, n));
    }
  }
});

test("distributions stay in range and have their moments", () => {
  const n = 20000;
  for (const bench of all) {
    bench.reset();
    const state = bench.alloc(Uint8Array, 24);
    const y = bench.alloc(Float32Array, n);
    const scratch = bench.scratch(16);
    const moments = (): [number, number, number, number] => {
      const mean = y.view.reduce((sum, v) => sum + v, 0) / n;
      const variance = y.view.reduce((sum, v) => sum + (v - mean) ** 2, 0) / n;
      return [mean, variance, Math.min(...y.view), Math.max(...y.view)];
    };
    bench.kernels.random_uniform_f32(state.ptr, y.ptr, n);
    let [mean, variance, lowest, highest] = moments();
    assert.ok(lowest >= 0 && highest < 1 && Math.abs(mean - 0.5) < 0.01 && Math.abs(variance - 1 / 12) < 0.005);
    bench.kernels.random_normal_f32(state.ptr, y.ptr, n);
    [mean, variance] = moments();
    assert.ok(Math.abs(mean) < 0.03 && Math.abs(variance - 1) < 0.03, `${mean} ${variance}`);
    bench.kernels.random_truncated_normal_f32(state.ptr, y.ptr, n, scratch);
    [mean, variance, lowest, highest] = moments();
    assert.ok(lowest > -2 && highest < 2 && Math.abs(mean) < 0.03 && Math.abs(variance - 0.774) < 0.03);
    bench.checkCanaries();
  }
});

test("a hundred thousand normal numbers are TensorFlow's, bit for bit", () => {
  const n = 100_000;
  for (const bench of all) {
    bench.reset();
    const state = bench.alloc(Uint8Array, 24);
    const words = new BigUint64Array(bench.memory.buffer, state.ptr, 3);
    words.set([9n, 0n, 5n]);
    const y = bench.alloc(Float32Array, n);
    const scratch = bench.scratch(16);
    const hash = (): string => createHash("sha256").update(y.view).digest("hex");
    bench.kernels.random_normal_f32(state.ptr, y.ptr, n);
    assert.is(hash(), NORMAL);
    bench.kernels.random_truncated_normal_f32(state.ptr, y.ptr, n, scratch);
    assert.is(hash(), TRUNCATED);
  }
});

test("seeds of stateless ops are scrambled as TensorFlow does", () => {
  assert.equal(scramble(1n, 2n), { key: 0x908502c96d2f7fban, counter: 0xf7734320619cb60bn });
  assert.equal(scramble(-3n, 2n ** 40n), { key: 0x96cc57ac60680a07n, counter: 0x29f7d8ff42495cc5n });
});

test.run();
