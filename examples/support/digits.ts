// The 10,000 handwritten digits that the package `mnist` ships: mixed with a fixed seed, some of them held back.
import { createRequire } from "node:module";
import { DataType, type TensorValue } from "../../src/index.js";

const WIDTH = 28;
export const PIXELS = WIDTH * WIDTH;
export const CLASSES = 10;
/** The others are for the end. */
const TRAINED_ON = 9000;

export interface Batch {
  readonly images: TensorValue;
  readonly labels: Int32Array;
}

interface Digits {
  readonly images: Float32Array;
  readonly labels: Int32Array;
  readonly count: number;
}

/** A small generator (mulberry32), so that every run sees the same split. */
function generator(state: number): () => number {
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Fisher–Yates. */
function shuffled(count: number): number[] {
  const order = Array.from({ length: count }, (_, i) => i);
  const random = generator(1);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

function load(): Digits {
  const require = createRequire(import.meta.url);
  const images: number[][] = [];
  const labels: number[] = [];
  for (let digit = 0; digit < CLASSES; digit++) {
    const { data } = require(`mnist/src/digits/${digit}.json`) as { data: number[] };
    for (let i = 0; i + PIXELS <= data.length; i += PIXELS) {
      images.push(data.slice(i, i + PIXELS));
      labels.push(digit);
    }
  }
  const order = shuffled(images.length);
  const all = new Float32Array(images.length * PIXELS);
  order.forEach((from, to) => {
    all.set(images[from]!, to * PIXELS);
  });
  return { images: all, labels: Int32Array.from(order, (i) => labels[i]!), count: images.length };
}

const asTensor = (data: Float32Array): TensorValue => ({
  dtype: DataType.FLOAT,
  shape: [data.length / PIXELS, PIXELS],
  data,
});

/** @param seed another one for each worker: which digits make a batch */
export function openDigits(seed: number): { next: (count: number) => Batch; unseen: Batch } {
  const digits = load();
  const random = generator(seed);
  /** Moved by a pixel or none: with so few digits, it is what keeps the model from learning them by heart. */
  const next = (count: number): Batch => {
    const images = new Float32Array(count * PIXELS);
    const labels = new Int32Array(count);
    for (let i = 0; i < count; i++) {
      const digit = Math.floor(random() * TRAINED_ON);
      const shift = Math.floor(random() * 3 - 1) * WIDTH + Math.floor(random() * 3 - 1);
      const image = digits.images.subarray(digit * PIXELS, (digit + 1) * PIXELS);
      images.set(image.subarray(Math.max(0, -shift), PIXELS - Math.max(0, shift)), i * PIXELS + Math.max(0, shift));
      labels[i] = digits.labels[digit]!;
    }
    return { images: asTensor(images), labels };
  };
  const unseen = {
    images: asTensor(digits.images.subarray(TRAINED_ON * PIXELS)),
    labels: digits.labels.subarray(TRAINED_ON),
  };
  return { next, unseen };
}
