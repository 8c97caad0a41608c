// Tasks that aren't there, go away, or come back as somebody else: what the client is told, and that nothing is left.
import * as assert from "uvu/assert";
import {
  AbortedError,
  ConfigProto,
  DataType,
  DeadlineExceededError,
  FailedPreconditionError,
  Graph,
  GraphDef,
  globalVariablesInitializer,
  type OpError,
  type Output,
  Session,
  UnavailableError,
  Variable,
} from "../../src/index.js";
import { TestCluster } from "../support/cluster.js";
import { test } from "../support/suite.js";

const configOf = (init: Parameters<typeof ConfigProto.encode>[0]): ConfigProto =>
  ConfigProto.decode(ConfigProto.encode(init));

/** y = 2 · v on the worker, v on the parameter server. */
const doubled = () => {
  const graph = new Graph();
  const v = graph.device("/job:ps", () => new Variable(graph, graph.constant(3, DataType.FLOAT), { name: "v" }));
  const y = graph.device("/job:worker", () => graph.ops.mul(v.value, graph.constant(2, DataType.FLOAT)));
  return { graph, y, init: globalVariablesInitializer(graph) };
};

const failure = async (run: Promise<unknown>, kind: new (...args: never[]) => Error): Promise<OpError> => {
  const error = await run.then(
    () => new Error("it was answered"),
    (thrown: unknown) => thrown,
  );
  assert.instance(error, kind, String(error));
  return error as OpError;
};

const value = async (session: Session, y: Output): Promise<number> => Number((await session.run(y)).data[0]);

test("a session waits for a task that isn't there yet", async () => {
  await using cluster = await TestCluster.start({ ps: 1, worker: 1 }, ["ps/0"]);
  const { graph, y, init } = doubled();
  await using session = new Session(cluster.target("worker", 0), { graph });
  const started = session.run(init);
  await new Promise((resolve) => setTimeout(resolve, 300));
  await cluster.startTask("ps", 0);
  await started;
  assert.is(await value(session, y), 6);
});

test("with a timeout it says who is missing; filters leave the missing task out", async () => {
  await using cluster = await TestCluster.start({ ps: 1, worker: 1 }, ["ps/0"]);
  const { master } = cluster.server("worker", 0).parts.engine;
  const late = master.createSession(GraphDef.create(), configOf({ operationTimeoutInMs: 200n }));
  const error = await failure(late, DeadlineExceededError);
  assert.is(error.message, "CreateSession still waiting for response from worker: /job:ps/replica:0/task:0");
  const alone = new Graph();
  const config = configOf({ deviceFilters: ["/job:worker"] });
  await using session = new Session(cluster.target("worker", 0), { graph: alone, config });
  assert.is(await value(session, alone.constant(4, DataType.FLOAT)), 4);
  assert.equal(
    (await session.listDevices()).map(({ name }) => name),
    ["/job:worker/replica:0/task:0/device:CPU:0"],
  );
});

test("a task that is gone is unavailable; one that came back knows no session, and its state is lost", async () => {
  await using cluster = await TestCluster.start({ ps: 1, worker: 1 });
  const { graph, y, init } = doubled();
  const old = new Session(cluster.target("worker", 0), { graph });
  await old.run(init);
  assert.is(await value(old, y), 6);
  await cluster.stopTask("ps", 0);
  const gone = await failure(old.run(y), UnavailableError);
  assert.match(gone.message, "From /job:");
  await cluster.startTask("ps", 0);
  // The connection may take a moment to be tried again.
  let restarted: OpError;
  do restarted = await failure(old.run(y), Error as never);
  while (restarted instanceof UnavailableError);
  assert.instance(restarted, AbortedError, restarted.message);
  await old.close();
  await using session = new Session(cluster.target("worker", 0), { graph });
  await failure(session.run(y), FailedPreconditionError);
  await session.run(init);
  assert.is(await value(session, y), 6);
  assert.is(cluster.held().steps, 0);
});

test("a master that goes away in the middle of a step leaves nothing on the other tasks", async () => {
  await using cluster = await TestCluster.start({ ps: 1, worker: 1 });
  const graph = new Graph();
  const take = graph.device("/job:ps", () => {
    const queue = graph
      .op("FIFOQueueV2", [], { component_types: [DataType.FLOAT], shared_name: "q" } as never)
      .output();
    return graph.op("QueueDequeueV2", [queue], { component_types: [DataType.FLOAT] } as never).output();
  });
  const session = new Session(cluster.target("worker", 0), { graph });
  const waits = session.run(take).catch((error: unknown) => error);
  while (cluster.held().steps < 2) await new Promise((resolve) => setTimeout(resolve, 10));
  await cluster.stopTask("worker", 0);
  assert.instance(await waits, Error);
  while (cluster.held().steps > 0) await new Promise((resolve) => setTimeout(resolve, 10));
  await session.close().catch(() => {});
});

test.run();
