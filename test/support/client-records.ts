// What TensorFlow's own client made, recorded by conformance/record_client.py in test/unit/client/data.
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { DataType, type TensorValue } from "../../src/index.js";

export interface RecordedTensor {
  readonly dtype: number;
  readonly shape: readonly number[];
  readonly bytes: string;
}

export function readRecorded<T>(name: string): T {
  const file = new URL(`../../../test/unit/client/data/${name}.json.gz`, import.meta.url);
  return JSON.parse(gunzipSync(readFileSync(file)).toString()) as T;
}

const arrays = {
  [DataType.FLOAT]: Float32Array,
  [DataType.DOUBLE]: Float64Array,
  [DataType.INT32]: Int32Array,
  [DataType.INT64]: BigInt64Array,
} as const;

export function recordedValue({ dtype, shape, bytes }: RecordedTensor): TensorValue {
  const raw = Uint8Array.from(Buffer.from(bytes, "base64"));
  return { dtype, shape, data: new arrays[dtype as keyof typeof arrays](raw.buffer) };
}

/** The largest difference, relative to the largest element. */
export function distance(found: TensorValue, expected: TensorValue): number {
  if (found.dtype !== expected.dtype || found.shape.join() !== expected.shape.join()) return Number.POSITIVE_INFINITY;
  const [a, b] = [Array.from(found.data, Number), Array.from(expected.data, Number)];
  const scale = Math.max(...b.map(Math.abs), 1e-30);
  return Math.max(0, ...a.map((value, i) => (Object.is(value, b[i]) ? 0 : Math.abs(value - b[i]!) / scale)));
}
