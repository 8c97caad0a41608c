// What a task holds for a master or client that has gone without a word: steps, sessions, and how they go.
import { spawn } from "node:child_process";
import * as assert from "uvu/assert";
import { DataType, Graph, type Output, Session } from "../../src/index.js";
import { Cancellation } from "../../src/kernel/cancellation.js";
import { remoteMaster } from "../../src/rpc/remote-master.js";
import { TestCluster } from "../support/cluster.js";
import { test } from "../support/suite.js";
import { TcpProxy } from "../support/tcp-proxy.js";

const until = async (what: () => boolean): Promise<void> => {
  while (!what()) await new Promise((resolve) => setTimeout(resolve, 5));
};

const dequeue = (graph: Graph, name: string): Output => {
  const types = { component_types: [DataType.FLOAT] };
  const queue = graph.op("FIFOQueueV2", [], { ...types, shared_name: name }).output();
  return graph.op("QueueDequeueV2", [queue], types).output();
};

test("a partial run goes with its session, though no portion of it is under way", async () => {
  await using cluster = await TestCluster.start({ ps: 1, worker: 1 });
  const graph = new Graph();
  const [a, b] = [graph.placeholder(DataType.FLOAT, [], "a"), graph.placeholder(DataType.FLOAT, [], "b")];
  const first = graph.device("/job:ps", () => graph.ops.neg(a));
  const second = graph.device("/job:ps", () => graph.ops.add(first, b));
  const session = new Session(cluster.target("worker", 0), { graph });
  const handle = await session.partialRunSetup([first, second], [a, b]);
  assert.is(Number((await session.partialRun(handle, first, [[a, 1]])).data[0]), -1);
  const { worker } = cluster.server("ps", 0).parts.engine;
  assert.is(worker.openSteps, 1);
  // As a master that was started anew would say it: the old one cleans up nothing.
  await worker.createWorkerSession({
    sessionHandle: "new",
    task: "",
    cluster: null,
    isolateSessionState: false,
    masterTask: "/job:worker/replica:0/task:0",
    masterIncarnation: 1n,
  });
  await until(() => worker.openSteps === 0);
  assert.is(cluster.server("ps", 0).parts.engine.devices[0]!.allocator.stats().blocksInUse, 0);
  await worker.deleteWorkerSession("new");
  await session.close();
});

test("CleanupGraph ends a step that still runs", async () => {
  await using cluster = await TestCluster.start({ ps: 1, worker: 1 });
  const graph = new Graph();
  const taken = graph.device("/job:ps", () => dequeue(graph, "q"));
  await using session = new Session(cluster.target("worker", 0), { graph });
  const waits = session.run(taken).catch((error: unknown) => error);
  const { worker } = cluster.server("ps", 0).parts.engine;
  await until(() => worker.openSteps === 1 && worker.reportSteps()[0]!.running);
  await worker.cleanupGraph(BigInt(worker.reportSteps()[0]!.stepId));
  assert.match(String(await waits), "Cleanup");
  await until(() => cluster.held().steps === 0);
});

test("a task that couldn't be told of a step's end is told once it can be reached again", async () => {
  await using cluster = await TestCluster.start({ ps: 1, worker: 1 }, ["worker/0"]);
  const [psAddress] = cluster.jobs.ps!;
  await using road = await TcpProxy.start(Number(psAddress!.split(":")[1]));
  const { target } = await cluster.startTaskSeeing("worker", 0, { ps: [road.address] });
  const { worker } = cluster.server("ps", 0).parts.engine;
  const cleanUp = worker.cleanupGraph.bind(worker);
  let told = 0;
  // The first word of the end of a step goes down with its connection.
  worker.cleanupGraph = async (stepId) => {
    if (++told > 1) return cleanUp(stepId);
    assert.is(worker.openSteps, 1);
    road.cut("close");
    return new Promise(() => {});
  };
  const graph = new Graph();
  const y = graph.device("/job:ps", () => graph.ops.neg(graph.constant(1, DataType.FLOAT)));
  await using session = new Session(target, { graph });
  await session.run(y);
  await until(() => worker.openSteps === 0);
  assert.is(told, 2);
});

test("a task that couldn't be told of a session's end is told when the next one begins", async () => {
  await using cluster = await TestCluster.start({ ps: 1, worker: 1 }, ["worker/0"]);
  const [psAddress] = cluster.jobs.ps!;
  await using road = await TcpProxy.start(Number(psAddress!.split(":")[1]));
  const { server, target } = await cluster.startTaskSeeing("worker", 0, { ps: [road.address] });
  const held = () => cluster.server("ps", 0).parts.engine.worker.openSessions;
  const graph = new Graph();
  const y = graph.device("/job:ps", () => graph.ops.neg(graph.constant(1, DataType.FLOAT)));
  const first = new Session(target, { graph });
  await first.run(y);
  assert.is(held(), 1);
  road.stall("up", "down");
  const closed = first.close();
  await until(() => server.parts.engine.master.openSessions === 0);
  road.cut("close");
  await closed;
  road.heal();
  assert.is(held(), 1);
  const second = new Session(target, { graph });
  await second.run(y);
  await until(() => held() === 1);
  await second.close();
  assert.is(held(), 0);
});

test("a client that goes away in the middle of a step leaves none on any task", async () => {
  await using cluster = await TestCluster.start({ ps: 1, worker: 1 });
  const [address] = cluster.jobs.worker!;
  await using road = await TcpProxy.start(Number(address!.split(":")[1]));
  const graph = new Graph();
  const taken = graph.device("/job:ps", () => dequeue(graph, "q"));
  const shown = graph.device("/job:worker", () => graph.ops.neg(taken));
  const session = new Session(`grpc://${road.address}`, { graph });
  const waits = session.run(shown).catch((error: unknown) => error);
  await until(() => cluster.held().steps === 2);
  road.cut("reset");
  await waits;
  await until(() => cluster.held().steps === 0 && cluster.held().blocks === 0);
  await session.close();
  assert.equal(cluster.held(), { steps: 0, sessions: 0, blocks: 0 });
});

test("a client process that is killed leaves its session, as TensorFlow's do, and nothing of its steps", async () => {
  await using cluster = await TestCluster.start({ ps: 1, worker: 1 });
  const module = JSON.stringify(new URL("../../src/index.js", import.meta.url).href);
  const script = `
    import { DataType, Graph, Session } from ${module};
    const graph = new Graph();
    const types = { component_types: [DataType.FLOAT] };
    const taken = graph.device("/job:ps", () =>
      graph.op("QueueDequeueV2", [graph.op("FIFOQueueV2", [], types).output()], types).output());
    const shown = graph.device("/job:worker", () => graph.ops.neg(taken));
    await new Session(${JSON.stringify(cluster.target("worker", 0))}, { graph }).run(shown);`;
  const client = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: "inherit" });
  await until(() => cluster.held().steps === 2);
  client.kill("SIGKILL");
  await until(() => cluster.held().steps === 0 && cluster.held().blocks === 0);
  assert.is(cluster.held().sessions, 2);
  await Session.reset(cluster.target("worker", 0));
  assert.is(cluster.held().sessions, 0);
});

test("a client is told of a master that has fallen silent, once", async () => {
  await using cluster = await TestCluster.start({ worker: 1 });
  const [address] = cluster.jobs.worker!;
  await using road = await TcpProxy.start(Number(address!.split(":")[1]));
  const master = remoteMaster(`grpc://${road.address}`, { keepAlive: { timeMs: 30, timeoutMs: 200 } });
  assert.is((await master.listDevices("", new Cancellation())).length, 1);
  road.stall("up", "down");
  const since = performance.now();
  const error = await master.listDevices("", new Cancellation()).catch((thrown: unknown) => thrown);
  assert.is(String(error), "UnavailableError: keepalive watchdog timeout");
  assert.ok(performance.now() - since < 2_000);
  await master.close();
});

test.run();
