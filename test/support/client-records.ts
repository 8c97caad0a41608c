// What TensorFlow's own client made, recorded by conformance/record_client.py in test/unit/client/data.
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { DataType, type Graph, type TensorValue } from "../../src/index.js";

export interface RecordedTensor {
  readonly dtype: number;
  readonly shape: readonly number[];
  readonly bytes: string;
}

/** A graph with functions as conformance/client_functions.py made it, before its gradients were asked for, and those. */
export interface FunctionCase {
  readonly name: string;
  readonly graph: string;
  readonly inputs: readonly RecordedTensor[];
  readonly variables: readonly string[];
  readonly init: string;
  readonly y: RecordedTensor;
  readonly dy: RecordedTensor;
  /** Which of the gradients are IndexedSlices. */
  readonly rows: readonly boolean[];
  /** Made whole. */
  readonly expected: readonly (RecordedTensor | null)[];
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
  [DataType.COMPLEX128]: Float64Array,
} as const;

export function recordedValue({ dtype, shape, bytes }: RecordedTensor): TensorValue {
  const raw = Uint8Array.from(Buffer.from(bytes, "base64"));
  return { dtype, shape, data: new arrays[dtype as keyof typeof arrays](raw.buffer) };
}

/** A node as the recorder writes it. */
export interface NodeText {
  readonly name: string;
  readonly op: string;
  readonly input: readonly string[];
  readonly device: string;
  readonly class?: readonly string[];
  readonly container?: string;
}

const decoder = new TextDecoder();

export function nodesOf(graph: Graph): NodeText[] {
  return graph.exportGraphDef().node.map(({ name, op, input, device, attr }) => {
    const classes = attr.get("_class")?.list?.s;
    const container = attr.get("container")?.s;
    const [data, control] = [input.filter((text) => text[0] !== "^"), input.filter((text) => text[0] === "^")];
    return {
      name,
      op,
      // TensorFlow writes control inputs in the order of their names.
      input: [...data, ...control.sort()],
      device,
      ...(classes === undefined ? {} : { class: classes.map((text) => decoder.decode(text)) }),
      ...(container === undefined || container.length === 0 ? {} : { container: decoder.decode(container) }),
    };
  });
}

/** The largest difference, relative to the largest element. */
export function distance(found: TensorValue, expected: TensorValue): number {
  if (found.dtype !== expected.dtype || found.shape.join() !== expected.shape.join()) return Number.POSITIVE_INFINITY;
  const [a, b] = [Array.from(found.data, Number), Array.from(expected.data, Number)];
  const scale = Math.max(...b.map(Math.abs), 1e-30);
  return Math.max(0, ...a.map((value, i) => (Object.is(value, b[i]) ? 0 : Math.abs(value - b[i]!) / scale)));
}
