// Collectives on two tasks of two devices each: values as TensorFlow's tasks gave them, by either master, from independent
// sessions as well; errors, and what they leave behind.
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import * as assert from "uvu/assert";
import { Code } from "../../src/errors/index.js";
import { DataType, Graph, OpError, type RunSettings, Session, type TensorValue } from "../../src/index.js";
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

/** A graph of one task's member alone: a reduction of 40 floats, a piece for either. */
const member = (
  task: number,
  instanceKey: number,
  more: { groupSize?: number; size?: number; timeoutSeconds?: number } = {},
) => {
  const graph = new Graph();
  const { groupSize = 2, size = 40, timeoutSeconds = 0 } = more;
  const sum = graph.device(`/job:worker/task:${task}`, () =>
    graph.ops.collectiveReduce(graph.constant(new Array<number>(size).fill(task + 1), DataType.FLOAT), {
      groupSize,
      groupKey: 1,
      instanceKey,
      mergeOp: "Add",
      finalOp: "Id",
      subdivOffsets: [0],
      timeoutSeconds,
    }),
  );
  return { graph, sum };
};

/** Runs a member by the master of its own task; gives the first element, or the error. */
async function alone(
  cluster: TestCluster,
  task: number,
  { graph, sum }: ReturnType<typeof member>,
  settings: RunSettings = {},
): Promise<number | OpError> {
  const config = ConfigProto.decode(ConfigProto.encode({ deviceFilters: [`/job:worker/task:${task}`] }));
  const session = new Session(cluster.target("worker", task), { graph, config });
  try {
    return Number((await session.run(sum, [], settings)).data[0]);
  } catch (error) {
    assert.instance(error, OpError);
    return error as OpError;
  } finally {
    // Its task may have gone.
    await session.close().catch(() => {});
  }
}

const both = (cluster: TestCluster, instanceKey: number) =>
  Promise.all([0, 1].map((task) => alone(cluster, task, member(task, instanceKey))));

const nothingHeld = async (cluster: TestCluster) => {
  const empty = JSON.stringify({ steps: 0, sessions: 0, blocks: 0 });
  while (JSON.stringify(cluster.held()) !== empty) await pause(5);
};

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const AGAIN = "\nThe error could be from a previous operation. Restart your program to reset.";

test("members in sessions of their own meet, step by step", async () => {
  await using cluster = await start();
  for (const instance of [1, 1, 2]) assert.equal(await both(cluster, instance), [3, 3]);
  await nothingHeld(cluster);
});

test("who doesn't fit ends the collectives of both tasks, in TensorFlow's words", async () => {
  await using cluster = await start();
  const waits = alone(cluster, 0, member(0, 1));
  await pause(200);
  const late = (await alone(cluster, 1, member(1, 1, { groupSize: 3 }))) as OpError;
  const text =
    "Collective ops is aborted by: Device /job:worker/replica:0/task:1/device:CPU:0 is joining a group with size3, but " +
    `that group has size 2 (group_key=1)${AGAIN}\n\t [[{{node CollectiveReduce}}]]`;
  assert.is(late.code, Code.INTERNAL);
  assert.is(late.message, `From /job:worker/replica:0/task:1:\n${text}`);
  assert.is(((await waits) as OpError).message, `From /job:worker/replica:0/task:0:\n${text}`);
  const next = await both(cluster, 2);
  assert.match((next[0] as OpError).message, "Collective ops is aborted by: Collective ops is aborted by: Device");
  assert.match((next[1] as OpError).message, `Collective ops is aborted by: collective ops already aborted${AGAIN}`);
  await nothingHeld(cluster);
});

test("a member with another shape is told at once, who waits for its bytes by it", async () => {
  await using cluster = await start();
  assert.equal(await both(cluster, 1), [3, 3]);
  const waits = alone(cluster, 0, member(0, 2));
  await pause(200);
  const late = (await alone(cluster, 1, member(1, 2, { size: 60 }))) as OpError;
  const cause =
    "Shape mismatch in the collective instance 2. Op at device /job:worker/replica:0/task:1/device:CPU:0 expected shape " +
    "[60] but another member in the group expected shape [40]. This is likely due to different input shapes at " +
    "different members of the collective op.";
  assert.is(late.code, Code.INVALID_ARGUMENT);
  assert.match(late.message, `Collective ops is aborted by: ${cause}${AGAIN}`);
  const told = (await waits) as OpError;
  assert.is(told.code, Code.INVALID_ARGUMENT);
  assert.match(told.message, `Collective ops is aborted by: Collective ops is aborted by: ${cause}${AGAIN}${AGAIN}`);
  await nothingHeld(cluster);
});

test("deadlines of the op: nobody comes, nobody answers", async () => {
  await using cluster = await start();
  assert.equal(await both(cluster, 1), [3, 3]);
  const unanswered = (await alone(cluster, 0, member(0, 2, { timeoutSeconds: 0.2 }))) as OpError;
  assert.is(unanswered.code, Code.DEADLINE_EXCEEDED);
  assert.match(unanswered.message, "Collective has timed out during execution.");
  await using other = await start();
  const uncompleted = (await alone(other, 1, member(1, 1, { timeoutSeconds: 0.2 }))) as OpError;
  assert.is(uncompleted.code, Code.DEADLINE_EXCEEDED);
  assert.match(uncompleted.message, "Collective has timed out waiting for other workers.");
  await nothingHeld(cluster);
  await nothingHeld(other);
});

test("a member that goes away ends the wait of the other, and leaves nothing", async () => {
  await using cluster = await start();
  assert.equal(await both(cluster, 1), [3, 3]);
  const waits = alone(cluster, 0, member(0, 2));
  await pause(200);
  await cluster.stopTask("worker", 1);
  assert.is(((await waits) as OpError).code, Code.UNAVAILABLE);
  await nothingHeld(cluster);
});

test("a client that gives up ends its member, in the ring and before", async () => {
  for (const formed of [true, false]) {
    await using cluster = await start();
    if (formed) assert.equal(await both(cluster, 1), [3, 3]);
    for (const task of [0, 1]) {
      const signal = AbortSignal.timeout(200);
      const ended = (await alone(cluster, task, member(task, 2 + task), { signal })) as OpError;
      assert.ok(ended.code === Code.DEADLINE_EXCEEDED || ended.code === Code.CANCELLED, String(ended));
    }
    await nothingHeld(cluster);
  }
});

test("a server that stops waits for no member", async () => {
  const cluster = await start();
  const waits = [alone(cluster, 0, member(0, 1, { groupSize: 3 })), alone(cluster, 1, member(1, 1, { groupSize: 3 }))];
  await pause(200);
  await cluster[Symbol.asyncDispose]();
  for (const ended of await Promise.all(waits)) assert.instance(ended, OpError);
});

test.run();
