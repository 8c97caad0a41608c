// The state of a Philox generator as TensorFlow keeps it: a counter of 128 bits and a key of 64. Kernels read it from
// the heap (assembly/math/philox.ts has the layout). Must not know what is drawn.
import type { Heap } from "../../memory/heap.js";

/** Four counter words and two key words. */
export const STATE_BYTES = 24;

const WORD = 0xffffffffn;

export class PhiloxState {
  #counter: bigint;
  readonly #key: bigint;
  /** Words of a result that were not handed out yet. */
  readonly #words: number[] = [];

  constructor(counter: bigint, key: bigint) {
    this.#counter = counter;
    this.#key = key;
  }

  /** Of an op's attributes: seed is the key, seed2 the upper half of the counter; both 0 asks for a random start. */
  static fromSeeds(seed: bigint, seed2: bigint): PhiloxState {
    if (seed === 0n && seed2 === 0n) {
      const words = crypto.getRandomValues(new BigUint64Array(2));
      return new PhiloxState(words[1]! << 64n, words[0]!);
    }
    return new PhiloxState(BigInt.asUintN(64, seed2) << 64n, BigInt.asUintN(64, seed));
  }

  /** Writes the state where a kernel reads it, and moves on by `calls` of the generator. */
  take(heap: Heap, at: number, calls: number): void {
    writeState(heap, at, this.#counter, this.#key);
    this.#counter = BigInt.asUintN(128, this.#counter + BigInt(calls));
  }

  /** One word at a time: TensorFlow's `SingleSampleAdapter`. */
  word(): number {
    if (this.#words.length === 0) {
      const result = philox(this.#counter, this.#key);
      this.#counter = BigInt.asUintN(128, this.#counter + 1n);
      for (let shift = 96n; shift >= 0n; shift -= 32n) this.#words.push(Number((result >> shift) & WORD));
    }
    return this.#words.pop()!;
  }
}

export function writeState(heap: Heap, at: number, counter: bigint, key: bigint): void {
  const { u32 } = heap;
  const base = at >>> 2;
  for (let i = 0; i < 4; i++) u32[base + i] = Number((counter >> BigInt(32 * i)) & WORD);
  u32[base + 4] = Number(key & WORD);
  u32[base + 5] = Number((key >> 32n) & WORD);
}

/** One call of the generator: four words as one number, lowest first. */
export function philox(counter: bigint, key: bigint): bigint {
  let [a, b, c, d] = [0n, 32n, 64n, 96n].map((shift) => (counter >> shift) & WORD) as [bigint, bigint, bigint, bigint];
  let x = key & WORD;
  let y = (key >> 32n) & WORD;
  for (let round = 0; round < 10; round++) {
    const p = 0xd2511f53n * a;
    const q = 0xcd9e8d57n * c;
    [a, b, c, d] = [(q >> 32n) ^ b ^ x, q & WORD, (p >> 32n) ^ d ^ y, p & WORD];
    x = (x + 0x9e3779b9n) & WORD;
    y = (y + 0xbb67ae85n) & WORD;
  }
  return a | (b << 32n) | (c << 64n) | (d << 96n);
}

/** The key with which the seeds of stateless ops are scrambled into a key and a counter of their own. */
const SCRAMBLE = 0x02461e293ec8f720n;

/** @returns the key and the upper half of the counter that a stateless op's two seeds stand for */
export function scramble(seed0: bigint, seed1: bigint): { readonly key: bigint; readonly counter: bigint } {
  const mixed = philox((BigInt.asUintN(64, seed1) << 64n) | BigInt.asUintN(64, seed0), SCRAMBLE);
  return { key: BigInt.asUintN(64, mixed), counter: mixed >> 64n };
}
