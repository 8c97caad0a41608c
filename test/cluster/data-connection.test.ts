// Tensors between two tasks of ours on their data connection: the same values, errors and cancellation as by RecvTensor,
// used when it is open and never needed, and nothing left behind.
import { once } from "node:events";
import { connect as connectSocket } from "node:net";
import * as assert from "uvu/assert";
import {
  CancelledError,
  DataType,
  Graph,
  InvalidArgumentError,
  OpError,
  Session,
  UnavailableError,
} from "../../src/index.js";
import { TestCluster } from "../support/cluster.js";
import { test } from "../support/suite.js";
import { TcpProxy } from "../support/tcp-proxy.js";

const PS = "/job:ps/task:0";
const WORKER = "/job:worker/task:0";

const links = (cluster: TestCluster): number => cluster.server("worker", 0).parts.connections.openLinks;

/** Runs steps until the worker has its connection to the ps. */
async function connect(cluster: TestCluster): Promise<void> {
  const graph = new Graph();
  const x = graph.placeholder(DataType.FLOAT, null, "x");
  const there = graph.device(PS, () => graph.op("Neg", [x]).output());
  const here = graph.device(WORKER, () => graph.op("Neg", [there]).output());
  await using session = new Session(cluster.target("worker", 0), { graph });
  while (links(cluster) === 0) await session.run(here, [[x, 1]]);
}

const returned = { steps: 0, sessions: 0, blocks: 0 };

async function allReturned(cluster: TestCluster): Promise<void> {
  while (cluster.held().steps > 0 || cluster.held().blocks > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(cluster.held(), returned);
}

test("numbers, strings, empty, dead and large tensors arrive, many at once", async () => {
  await using cluster = await TestCluster.start({ ps: 1, worker: 1 });
  await connect(cluster);
  const graph = new Graph();
  const x = graph.placeholder(DataType.FLOAT, null, "x");
  const p = graph.placeholder(DataType.BOOL, [], "p");
  const there = graph.device(PS, () => {
    const branches = graph.op("Switch", [x, p]);
    return {
      wide: Array.from({ length: 500 }, (_, i) => graph.op("Mul", [x, graph.constant(i, DataType.FLOAT)]).output()),
      text: graph.op("AsString", [graph.op("Cast", [x], { DstT: DataType.INT32 }).output()]).output(),
      large: graph.op("Fill", [graph.constant([3_000_000]), graph.constant(7, DataType.FLOAT)]).output(),
      none: graph.op("Fill", [graph.constant([0, 2]), graph.constant(7, DataType.INT64)]).output(),
      no: graph.op("Neg", [branches.output(0)]).output(),
      yes: graph.op("Identity", [branches.output(1)]).output(),
    };
  });
  const here = graph.device(WORKER, () => ({
    sum: graph.op("AddN", [there.wide]).output(),
    length: graph.op("StringLength", [there.text]).output(),
    large: graph.op("Sum", [there.large, graph.constant([0])]).output(),
    none: graph.op("Shape", [there.none]).output(),
    either: graph.op("Merge", [[there.no, there.yes]]).output(),
  }));
  const session = new Session(cluster.target("worker", 0), { graph });
  for (const positive of [true, false, true]) {
    const [sum, length, large, none, either] = await session.run(
      [here.sum, here.length, here.large, here.none, here.either],
      [
        [x, [1, 100]],
        [p, positive],
      ],
    );
    assert.equal([...(sum!.data as Float32Array)], [124_750, 12_475_000]);
    assert.equal([...(length!.data as Int32Array)], [1, 3]);
    assert.is((large!.data as Float32Array)[0], 21_000_000);
    assert.equal([...(none!.data as Int32Array)], [0, 2]);
    assert.equal([...(either!.data as Float32Array)], positive ? [1, 100] : [-1, -100]);
  }
  assert.is(links(cluster), 1);
  await session.close();
  await allReturned(cluster);
});

test("errors and cancellation take it too", async () => {
  await using cluster = await TestCluster.start({ ps: 1, worker: 1 });
  await connect(cluster);
  const graph = new Graph();
  const x = graph.placeholder(DataType.FLOAT, null, "x");
  const [checked, queued] = graph.device(PS, () => {
    const queue = graph.op("FIFOQueueV2", [], { component_types: [DataType.FLOAT] }).output();
    return [
      graph.op("CheckNumerics", [x], { message: "bad" }).output(),
      graph.op("QueueDequeueV2", [queue], { component_types: [DataType.FLOAT] }).output(),
    ];
  });
  const [y, waits] = graph.device(WORKER, () => [
    graph.op("Neg", [checked!]).output(),
    graph.op("Neg", [queued!]).output(),
  ]);
  const session = new Session(cluster.target("worker", 0), { graph });
  await session.run(y!, [[x, [Number.NaN]]]).then(
    () => assert.unreachable(),
    (error) => {
      assert.instance(error, InvalidArgumentError);
      assert.match(error.message, "bad : Tensor had NaN values");
    },
  );
  const abort = new AbortController();
  const run = session.run(waits!, [], { signal: abort.signal });
  setTimeout(() => abort.abort(), 50);
  await run.then(
    () => assert.unreachable(),
    (error) => assert.instance(error, CancelledError),
  );
  assert.equal((await session.run(y!, [[x, [2]]])).data, Float32Array.of(-2));
  assert.is(links(cluster), 1);
  await session.close();
  await allReturned(cluster);
});

test("a task that dies takes the connection with it; when it is back there is another", async () => {
  await using cluster = await TestCluster.start({ ps: 1, worker: 1 });
  await connect(cluster);
  const graph = new Graph();
  const waits = graph.device(PS, () => {
    const queue = graph.op("FIFOQueueV2", [], { component_types: [DataType.FLOAT] }).output();
    return graph.op("QueueDequeueV2", [queue], { component_types: [DataType.FLOAT] }).output();
  });
  const y = graph.device(WORKER, () => graph.op("Neg", [waits]).output());
  const session = new Session(cluster.target("worker", 0), { graph });
  const run = session.run(y);
  setTimeout(() => cluster.stopTask("ps", 0), 100);
  await run.then(
    () => assert.unreachable(),
    (error) => assert.instance(error, OpError),
  );
  await session.close();
  assert.is(links(cluster), 0);
  await cluster.startTask("ps", 0);
  await connect(cluster);
  await allReturned(cluster);
});

test("either side can do without it", async () => {
  for (const off of ["ps", "worker"]) {
    await using cluster = await TestCluster.start({ ps: 1, worker: 1 }, ["ps/0", "worker/0"]);
    for (const job of ["ps", "worker"]) await cluster.startTask(job, 0, { dataConnection: job !== off });
    const graph = new Graph();
    const x = graph.placeholder(DataType.FLOAT, null, "x");
    const there = graph.device(PS, () => graph.op("Neg", [x]).output());
    const here = graph.device(WORKER, () => graph.op("Neg", [there]).output());
    await using session = new Session(cluster.target("worker", 0), { graph });
    for (let i = 0; i < 20; i++) assert.equal((await session.run(here, [[x, i]])).data, Float32Array.of(i));
    assert.is(links(cluster), 0);
  }
});

test("a connection that has said nothing yet doesn't hold up a server that stops", async () => {
  await using cluster = await TestCluster.start({ ps: 1 });
  const [host, port] = cluster.jobs.ps![0]!.split(":");
  const silent = connectSocket(Number(port), host!);
  await once(silent, "connect");
  const cut = once(silent, "close");
  await cluster.stopTask("ps", 0);
  await cut;
}, 5000);

test("cut in the middle of a tensor, the step fails and nothing of it is kept", async () => {
  await using cluster = await TestCluster.start({ ps: 1, worker: 1 }, ["worker/0"]);
  const [address] = cluster.jobs.ps!;
  await using road = await TcpProxy.start(Number(address!.split(":")[1]));
  await cluster.startTaskSeeing("worker", 0, { ps: [road.address] });
  const graph = new Graph();
  const x = graph.placeholder(DataType.FLOAT, [], "x");
  const large = graph.device(PS, () => graph.ops.fill(graph.constant([1_000_000]), x));
  const sum = graph.device(WORKER, () => graph.ops.sum(large, graph.constant([0])));
  for (const how of ["close", "reset", "half-close"] as const) {
    await connect(cluster);
    const session = new Session(cluster.target("worker", 0), { graph });
    assert.is(Number((await session.run(sum, [[x, 7]])).data[0]), 7_000_000);
    road.cutAfter(1_000_000, "down", how);
    const error = await session.run(sum, [[x, 7]]).catch((thrown: unknown) => thrown);
    assert.instance(error, UnavailableError, how);
    await session.close();
    await allReturned(cluster);
  }
});

test.run();
