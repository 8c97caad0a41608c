// Between-graph replication over tasks of ours: variables on the parameter servers, a session of each worker on its own
// master. Synchronous workers make the updates that one worker with both batches would; lost tasks are recovered from.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import {
  AdamOptimizer,
  ConfigProto,
  DataType,
  GradientDescentOptimizer,
  Graph,
  getOrCreateGlobalStep,
  globalVariables,
  InvalidArgumentError,
  initializers,
  MonitoredSession,
  type MonitoredSessionOptions,
  monitoredTrainingSession,
  OutOfRangeError,
  replicaDeviceSetter,
  Session,
  StopAtStepHook,
  SyncReplicasOptimizer,
  Variable,
} from "../../src/index.js";
import { TestCluster } from "../support/cluster.js";
import { test } from "../support/suite.js";

const RATE = 0.125;

/** loss = mean((x · w + rows of a table − 1)²), w and the table on different parameter servers. */
function model(cluster: TestCluster, task: number, replicas = 2) {
  const graph = new Graph();
  const { ops } = graph;
  const place = replicaDeviceSetter({ cluster: cluster.jobs, workerDevice: `/job:worker/task:${task}` });
  return graph.device(place, () => {
    const globalStep = getOrCreateGlobalStep(graph);
    const w = new Variable(graph, [[0.5], [-1]], { name: "w", dtype: DataType.FLOAT });
    const table = new Variable(graph, initializers.ones(), { name: "table", shape: [3, 1] });
    const x = graph.placeholder(DataType.FLOAT, [-1, 2], "x");
    const ids = graph.placeholder(DataType.INT32, [-1], "ids");
    const y = ops.addV2(ops.matMul(x, w), table.gather(ids));
    const loss = ops.mean(ops.square(ops.sub(y, 1)), [0, 1]);
    const inner = new GradientDescentOptimizer(RATE);
    const optimizer = new SyncReplicasOptimizer(inner, { replicasToAggregate: replicas });
    const train = optimizer.minimize(loss, { globalStep });
    return { graph, globalStep, w, table, x, ids, loss, optimizer, train };
  });
}

type Model = ReturnType<typeof model>;

const batches = [
  { x: [[1, 2]], ids: [0] },
  { x: [[-1, 0.5]], ids: [2] },
];

const feedsOf = ({ x, ids }: Model, task: number) =>
  [
    [x, batches[task]!.x],
    [ids, batches[task]!.ids],
  ] as const;

const optionsFor = (
  cluster: TestCluster,
  { graph, optimizer }: Model,
  task: number,
  numTokens: number,
): MonitoredSessionOptions => ({
  graph,
  master: cluster.server("worker", task),
  isChief: task === 0,
  hooks: [optimizer.makeSessionRunHook(task === 0, numTokens)],
  config: { ...ConfigProto.create(), deviceFilters: ["/job:ps", `/job:worker/task:${task}`] },
  recoveryWaitSecs: 0.02,
  log: () => {},
});

/** The same updates in this process: numbers are few and exact enough for any order of sums. */
function expectedLosses(steps: number): number[][] {
  const w = [0.5, -1];
  const table = [1, 1, 1];
  return Array.from({ length: steps }, () => {
    const residuals = batches.map(({ x: [x], ids: [id] }) => x![0]! * w[0]! + x![1]! * w[1]! + table[id!]! - 1);
    const slope = (task: number) => 2 * residuals[task]!;
    for (const i of [0, 1]) {
      w[i]! -= (RATE * batches.reduce((sum, { x: [x] }, task) => sum + slope(task) * x![i]!, 0)) / 2;
    }
    // A mean over those that have the row.
    batches.forEach(({ ids: [id] }, task) => {
      table[id!]! -= RATE * slope(task);
    });
    return residuals.map((residual) => residual ** 2);
  });
}

test("two synchronous workers: losses and steps are those of one with both batches", async () => {
  await using cluster = await TestCluster.start({ ps: 2, worker: 2 });
  const models = [model(cluster, 0), model(cluster, 1)];
  const before = cluster.held();
  // Without tokens to begin with, each worker has its part in each update.
  const sessions = await Promise.all(
    models.map((made, task) => MonitoredSession.open(optionsFor(cluster, made, task, 0))),
  );
  const expected = expectedLosses(5);
  for (let step = 0; step < 5; step++) {
    const found = await Promise.all(
      sessions.map((session, task) =>
        session.run([models[task]!.loss, models[task]!.train], feedsOf(models[task]!, task)),
      ),
    );
    found.forEach(([{ data }], task) => {
      const want = expected[step]![task]!;
      assert.ok(
        Math.abs((data[0] as number) - want) <= 1e-6 * Math.max(want, 1e-3),
        `step ${step}: ${data[0]}, ${want}`,
      );
    });
    const [{ data }] = await sessions[1]!.run([models[1]!.globalStep]);
    assert.equal(data, BigInt64Array.of(BigInt(step + 1)));
  }
  // When the chief ends it closes the queue: who waits for a token hears of the end of the input.
  const waiting = sessions[1]!.run(models[1]!.train, feedsOf(models[1]!, 1)).catch((error) => error);
  await sessions[0]!.close();
  assert.instance(await waiting, OutOfRangeError);
  await sessions[1]!.close();
  await Promise.all([0, 1].map((task) => Session.reset(cluster.server("worker", task))));
  await Session.reset(cluster.server("ps", 1));
  assert.equal(cluster.held(), before);
});

test("what goes wrong in the chief's loop is what its next step says", async () => {
  await using cluster = await TestCluster.start({ ps: 1, worker: 1 });
  const made = model(cluster, 0, 1);
  const { graph, optimizer } = made;
  const broken = graph.ops.checkNumerics(graph.constant(Number.NaN, DataType.FLOAT), { message: "broken" });
  const { queueRunner } = optimizer.syncOps;
  const once = graph.op("NoOp", [], {}, { controlInputs: [broken] });
  Object.assign(queueRunner, { enqueueOps: [once] });
  const session = await MonitoredSession.open(optionsFor(cluster, made, 0, 0));
  const error = await session.run(made.train, feedsOf(made, 0)).catch((thrown) => thrown);
  assert.instance(error, InvalidArgumentError);
  assert.match(error.message, /broken : Tensor had NaN values/);
  assert.ok(session.shouldStop());
  await session.close();
  assert.is(cluster.held().sessions, 0);
});

test("asynchronous workers: a parameter server dies, comes back, and both go on from the checkpoint", async () => {
  const folder = await mkdtemp(join(tmpdir(), "replicas-"));
  await using cluster = await TestCluster.start({ ps: 1, worker: 2 });
  const steps = [0, 0];
  let created = 0;
  const lastStep = 60;
  const work = async (task: number) => {
    const graph = new Graph();
    const { ops } = graph;
    const place = replicaDeviceSetter({ cluster: cluster.jobs, workerDevice: `/job:worker/task:${task}` });
    const { loss, train } = graph.device(place, () => {
      const globalStep = getOrCreateGlobalStep(graph);
      const w = new Variable(graph, initializers.ones(), { name: "w", shape: [4, 4] });
      const mean = ops.mean(ops.square(w), [0, 1]);
      return { loss: mean, train: new AdamOptimizer(0.01).minimize(mean, { globalStep }) };
    });
    assert.equal(new Set(globalVariables(graph).map(({ handle }) => handle.device)), new Set(["/job:ps/task:0"]));
    const options = {
      graph,
      master: cluster.server("worker", task),
      isChief: task === 0,
      checkpointDir: folder,
      saveCheckpointSteps: 10,
      logStepCountSteps: 0,
      recoveryWaitSecs: 0.02,
      hooks: [new StopAtStepHook({ lastStep }), { afterCreateSession: () => void created++ }],
      config: { ...ConfigProto.create(), deviceFilters: ["/job:ps", `/job:worker/task:${task}`] },
      log: () => {},
    };
    await monitoredTrainingSession(options, async (session) => {
      while (!session.shouldStop()) {
        const [{ data }] = await session.run([loss, train]);
        assert.ok((data[0] as number) <= 1);
        steps[task]!++;
        if (steps[0]! + steps[1]! === 25) {
          await cluster.stopTask("ps", 0);
          await cluster.startTask("ps", 0);
        }
      }
    });
  };
  await Promise.all([work(0), work(1)]);
  // Steps that were lost with the server are made again.
  assert.ok(steps[0]! + steps[1]! >= lastStep);
  assert.ok(created >= 3, `${created} sessions`);
  assert.is(cluster.held().sessions, 0);
  await rm(folder, { recursive: true });
});

test.run();
