// Collectives on two tasks of two devices each: values as TensorFlow's tasks gave them, by either master, from independent
// sessions as well; errors, and what they leave behind.
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import * as assert from "uvu/assert";
import { Graph, Session, type TensorValue } from "../../src/index.js";
import { ConfigProto, GraphDef } from "../../src/wire/core.js";
import { TestCluster } from "../support/cluster.js";
import { suite } from "../support/suite.js";

interface Recorded {
  readonly name: string;
  /** Base64, as the bytes of the results are. */
  readonly graph: string;
  readonly fetches: readonly string[];
  readonly results: readonly { readonly dtype: number; readonly shape: readonly number[]; readonly bytes: string }[];
}

const test = suite("collectives", { deadlineMs: 60_000 });
const LEADER = "/job:worker/replica:0/task:0";
const file = new URL("../../../test/cluster/data/collectives.json.gz", import.meta.url);
const cases = JSON.parse(gunzipSync(readFileSync(file)).toString()) as readonly Recorded[];

const start = async () => {
  const cluster = await TestCluster.start({ worker: 2 }, ["worker/0", "worker/1"]);
  const config = ConfigProto.decode(
    ConfigProto.encode({ deviceCount: new Map([["CPU", 2]]), experimental: { collectiveGroupLeader: LEADER } }),
  );
  for (const task of [0, 1]) await cluster.startTask("worker", task, { config });
  return cluster;
};

const bytesOf = ({ data }: TensorValue): Buffer => {
  const { buffer, byteOffset, byteLength } = data as Uint8Array;
  return Buffer.from(buffer, byteOffset, byteLength);
};

async function runCase(session: Session, { name, graph, fetches, results }: Recorded): Promise<void> {
  const found = await session.run([...fetches]);
  found.forEach((value, i) => {
    const { dtype, shape, bytes } = results[i]!;
    assert.is(value.dtype, dtype, name);
    assert.equal(value.shape, shape, name);
    assert.ok(bytesOf(value).equals(Buffer.from(bytes, "base64")), `${name}: member ${i} has other bytes`);
  });
  assert.ok(graph !== "");
}

const sessionOf = (cluster: TestCluster, task: number, { graph: text }: Recorded): Session => {
  const graph = new Graph();
  graph.importGraphDef(GraphDef.decode(Buffer.from(text, "base64")), { name: "" });
  return new Session(cluster.target("worker", task), { graph });
};

for (const master of [0, 1]) {
  test(`every recorded collective gives TensorFlow's bytes, task ${master} being the master`, async () => {
    await using cluster = await start();
    for (const recorded of cases) {
      await using session = sessionOf(cluster, master, recorded);
      await runCase(session, recorded);
    }
    for (const task of [0, 1]) await Session.reset(cluster.target("worker", task));
    assert.equal(cluster.held(), { steps: 0, sessions: 0, blocks: 0 });
  });
}

test.run();
