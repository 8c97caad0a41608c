// Messages that real clients and servers of TensorFlow 2.21 sent each other, in test/data/wire/recordings.json, and the
// codecs of all services by message name.
import { readFileSync } from "node:fs";
import * as coordination from "../../src/wire/coordination.js";
import type { Codec } from "../../src/wire/core.js";
import * as core from "../../src/wire/core.js";
import * as eager from "../../src/wire/eager.js";
import * as io from "../../src/wire/io.js";
import * as master from "../../src/wire/master.js";
import * as worker from "../../src/wire/worker.js";

export interface Recording {
  readonly name: string;
  readonly type: string;
  readonly bytes: Uint8Array;
}

const isCodec = (value: unknown): value is Codec<unknown> =>
  typeof value === "object" && value !== null && "decode" in value && "encode" in value;

export const codecs: ReadonlyMap<string, Codec<unknown>> = new Map(
  [core, master, worker, eager, coordination, io]
    .flatMap((group) => Object.entries(group))
    .filter((entry): entry is [string, Codec<unknown>] => isCodec(entry[1])),
);

const file = new URL("../../../test/data/wire/recordings.json", import.meta.url);

export const recordings: readonly Recording[] = Object.entries(
  JSON.parse(readFileSync(file, "utf8")) as Record<string, [type: string, base64: string]>,
).map(([name, [type, base64]]) => ({ name, type, bytes: new Uint8Array(Buffer.from(base64, "base64")) }));

export function recording<T>(name: string, codec: Codec<T>): T {
  const found = recordings.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`no recording is called ${name}`);
  return codec.decode(found.bytes);
}
