// A step over two tasks of ours, over sockets: values, strings, errors, cancellation, and nothing left behind.
import * as assert from "uvu/assert";
import {
  DataType,
  FailedPreconditionError,
  GradientDescentOptimizer,
  Graph,
  globalVariablesInitializer,
  InvalidArgumentError,
  type RunMetadata,
  Server,
  Session,
  Variable,
} from "../../src/index.js";
import { ConfigProto, GraphOptions, JobDef, OptimizerOptions, RewriterConfig } from "../../src/wire/core.js";
import { TestCluster } from "../support/cluster.js";
import { test } from "../support/suite.js";

/** Without folding: what is constant is computed where it was put. */
const UNOPTIMIZED = {
  ...ConfigProto.create(),
  graphOptions: {
    ...GraphOptions.create(),
    rewriteOptions: { ...RewriterConfig.create(), disableMetaOptimizer: true },
    optimizerOptions: { ...OptimizerOptions.create(), optLevel: -1 },
  },
};

const PS = "/job:ps/task:0";
const WORKER = "/job:worker/task:0";

/** y = x · w, w on the parameter server; and one step of training it. */
const linear = () => {
  const graph = new Graph();
  const w = graph.device(
    PS,
    () => new Variable(graph, graph.constant([[1], [2], [3]], DataType.FLOAT), { name: "w", shape: [3, 1] }),
  );
  return graph.device(WORKER, () => {
    const x = graph.placeholder(DataType.FLOAT, null, "x");
    const y = graph.op("MatMul", [x, w.value]).output();
    const axes = graph.constant([0, 1], DataType.INT32);
    const loss = graph.op("Sum", [graph.op("Square", [y]).output(), axes]).output();
    const train = new GradientDescentOptimizer(0.25).minimize(loss);
    return { graph, w, x, y, loss, train, init: globalVariablesInitializer(graph) };
  });
};

test("a variable on one task, the computation on the other: either may be the master", async () => {
  await using cluster = await TestCluster.start({ ps: 1, worker: 1 });
  for (const job of ["worker", "ps"]) {
    const { graph, x, y, w, loss, train, init } = linear();
    const session = new Session(cluster.target(job, 0), { graph });
    await session.run(init);
    assert.equal((await session.run(y, [[x, [[1, 1, 1]]]])).data, Float32Array.of(6));
    assert.equal((await session.run([loss, train], [[x, [[1, 0, 0]]]]))[0].data, Float32Array.of(1));
    assert.equal((await session.run(w.value)).data, Float32Array.of(0.5, 2, 3));
    await session.close();
  }
  await Session.reset(cluster.target("worker", 0));
  assert.equal(cluster.held(), { steps: 0, sessions: 0, blocks: 0 });
});

test("a failure on another task names the task and the node, and the session goes on", async () => {
  await using cluster = await TestCluster.start({ ps: 1, worker: 1 });
  const { graph, x, y, init } = linear();
  await using session = new Session(cluster.target("worker", 0), { graph });
  const fails = async (kind: new (...args: never[]) => Error, text: string) => {
    try {
      await session.run(y, [[x, [[1, 1, 1]]]]);
    } catch (error) {
      assert.instance(error, kind);
      assert.ok((error as Error).message.includes(text), (error as Error).message);
      return;
    }
    throw new Error("the step should have failed");
  };
  await fails(FailedPreconditionError, "Could not find variable w");
  await session.run(init);
  assert.equal((await session.run(y, [[x, [[1, 1, 1]]]])).data, Float32Array.of(6));
  assert.equal((await session.run(y, [[x, [[0, 0, 2]]]])).data, Float32Array.of(6));
  const wrong = session.run(y, [[x, [[1, 1]]]]);
  await wrong.then(
    () => assert.unreachable(),
    (error) => {
      assert.instance(error, InvalidArgumentError);
      assert.ok(
        error.message.startsWith(
          "From /job:worker/replica:0/task:0:\nMatrix size-incompatible: In[0]: [1,2], In[1]: [3,1]",
        ),
      );
    },
  );
});

test("a traced step tells what came from another task, whichever road it took", async () => {
  for (const dataConnection of [true, false]) {
    await using cluster = await TestCluster.start({ ps: 1, worker: 1 }, ["worker/0"]);
    await cluster.startTask("worker", 0, { dataConnection });
    const graph = new Graph();
    const [large, text] = graph.device(PS, () => {
      const numbers = graph.constant([1, 20, 300], DataType.INT32);
      const sizes = graph.constant([64, 1000], DataType.INT32);
      return [
        graph.op("Fill", [sizes, graph.constant(1)], {}, { name: "large" }).output(),
        graph.op("AsString", [numbers], {}, { name: "text" }).output(),
      ];
    });
    const results = graph.device(WORKER, () => [
      graph.op("Neg", [large!]).output(),
      graph.op("StringLength", [text!]).output(),
    ]);
    await using session = new Session(cluster.target("worker", 0), { graph, config: UNOPTIMIZED });
    for (let metadata: RunMetadata | undefined, turn = 0; turn < 3; turn++) {
      await session.run(results, [], { options: { traceLevel: 3 }, onMetadata: (given) => (metadata = given) });
      const nodes = metadata!.stepStats!.devStats.flatMap(({ device, nodeStats }) =>
        nodeStats.filter(({ nodeName }) => nodeName === "RecvTensor").map((stats) => ({ device, ...stats })),
      );
      const labels = nodes.map(({ timelineLabel }) => timelineLabel.replace(/\[[\d.]+[MG]b\/s\] edge_\d+_/, "")).sort();
      const road = "from /job:ps/replica:0/task:0/device:CPU:0 to /job:worker/replica:0/task:0/device:CPU:0";
      assert.equal(labels, [`[0.2MB] large ${road}`, `[78B] text ${road}`]);
      for (const { device, allStartMicros, allEndRelMicros } of nodes) {
        assert.is(device, "/job:worker/replica:0/task:0/device:CPU:0");
        assert.ok(allEndRelMicros > 0n && allEndRelMicros < 5_000_000n);
        assert.ok(Math.abs(Number(allStartMicros) / 1000 - Date.now()) < 10_000);
      }
    }
    await session.run(results);
  }
});

test("strings and empty tensors travel", async () => {
  await using cluster = await TestCluster.start({ ps: 1, worker: 1 });
  const graph = new Graph();
  const text = graph.device(PS, () => graph.op("AsString", [graph.constant([1, 20, 300], DataType.INT32)]).output());
  const none = graph.device(PS, () =>
    graph.op("Fill", [graph.constant([0, 3], DataType.INT32), graph.constant(1)]).output(),
  );
  const [joined, shape] = graph.device(WORKER, () => [
    graph.op("StringLength", [text]).output(),
    graph.op("Shape", [none]).output(),
  ]);
  await using session = new Session(cluster.target("worker", 0), { graph });
  const [lengths, sizes] = await session.run([joined!, shape!]);
  assert.equal([...(lengths.data as Int32Array)], [1, 2, 3]);
  assert.equal([...(sizes.data as Int32Array)], [0, 3]);
});

test("a session that brings its cluster takes its connections along when it closes", async () => {
  const servers = [
    await Server.createLocalServer({ log: () => {} }),
    await Server.createLocalServer({ log: () => {} }),
  ];
  const { connections, engine } = servers[0]!.parts;
  const addresses = servers.map(({ address }) => address);
  const clusterOf = (tasks: readonly string[]) => ({
    ...ConfigProto.create(),
    clusterDef: { job: [{ ...JobDef.create(), name: "own", tasks: new Map(tasks.entries()) }] },
  });
  const graph = new Graph();
  const there = graph.device("/job:own/task:1", () => graph.constant(2, DataType.FLOAT));
  const x = graph.device("/job:own/task:0", () => graph.placeholder(DataType.FLOAT, [], "x"));
  const y = graph.device("/job:own/task:1", () => graph.op("Mul", [x, there]).output());
  for (let i = 0; i < 3; i++) {
    const session = new Session(servers[0]!.target, { graph, config: clusterOf(addresses) });
    assert.equal([...(await session.run(y, [[x, i]])).data], [2 * i]);
    assert.is(connections.size, 1);
    await session.close();
    assert.is(connections.size, 0);
  }
  const config = clusterOf([addresses[0]!, "no address"]);
  const refused = new Session(servers[0]!.target, { graph, config });
  assert.instance(await refused.run(y, [[x, 1]]).catch((error) => error), InvalidArgumentError);
  assert.is(connections.size, 0);
  assert.is(engine.master.openSessions, 0);
  for (const server of servers) await server.stop();
});

test.run();
