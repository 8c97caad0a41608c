// The device that computes nothing, opened beside CPUs by a server's configuration: graphs run on it with the right
// shapes, tensors go to and fro, nothing of it stays held.
import * as assert from "uvu/assert";
import {
  AdamOptimizer,
  ConfigProto,
  DataType,
  type Feeds,
  type Graph,
  globalVariablesInitializer,
  gradients,
  InvalidArgumentError,
  MomentumOptimizer,
  type Output,
  Server,
  Session,
  Variable,
} from "../../../../src/index.js";
import { test } from "../../../support/suite.js";

const NULL = "/device:NULL:0";

/** Runs with a server of these devices, and asks that nothing is held once its sessions are closed. */
async function withDevices(
  counts: Record<string, number>,
  body: (server: Server, session: Session) => Promise<void>,
  more: Partial<ConfigProto> = {},
): Promise<void> {
  const config = { ...ConfigProto.create(), ...more, deviceCount: new Map(Object.entries(counts)) };
  const server = await Server.create({ worker: ["127.0.0.1:0"] }, { config, log: () => {} });
  try {
    const session = new Session(server);
    await body(server, session);
    await session.close();
    await Session.reset(server);
    for (const { allocator, name } of server.parts.engine.devices) assert.is(allocator.bytesInUse, 0, name);
  } finally {
    await server.stop();
  }
}

const refusal = async (promise: Promise<unknown>): Promise<Error> => {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error("should have failed");
};

const filled = (graph: Graph, shape: number[]) =>
  graph.ops.fill(graph.constant(shape, DataType.INT32), graph.constant(0.1, DataType.FLOAT));

/** A convolution, a dense layer and their loss, all with batches of unknown size. */
function smallNet(graph: Graph) {
  const x = graph.placeholder(DataType.FLOAT, [-1, 8, 8, 1]);
  const labels = graph.placeholder(DataType.FLOAT, [-1, 3]);
  const filter = new Variable(graph, filled(graph, [3, 3, 1, 4]));
  const weights = new Variable(graph, filled(graph, [64, 3]));
  const bias = new Variable(graph, graph.constant([1, 2, 3], DataType.FLOAT));
  const convolved = graph.ops.relu(graph.ops.conv2D(x, filter.value, { strides: [1, 1, 1, 1], padding: "SAME" }));
  const pooled = graph.ops.maxPool(convolved, { ksize: [1, 2, 2, 1], strides: [1, 2, 2, 1], padding: "SAME" });
  const flat = graph.ops.reshape(pooled, graph.constant([-1, 64], DataType.INT32));
  const logits = graph.ops.biasAdd(graph.ops.matMul(flat, weights.value), bias.value);
  const { loss: losses } = graph.ops.softmaxCrossEntropyWithLogits(logits, labels);
  const loss = graph.ops.mean(losses, graph.constant([0], DataType.INT32));
  return { x, labels, filter, weights, bias, logits, loss };
}

test("a network trains on it: every fetch has its shape, every number is zero", async () => {
  await withDevices({ NULL: 1 }, async (server, session) => {
    const { graph } = session;
    const net = graph.device(NULL, () => {
      const made = smallNet(graph);
      const grads = gradients(made.loss, [made.filter.value, made.weights.value, made.bias.value]);
      return {
        ...made,
        grads,
        steps: [new AdamOptimizer(0.1), new MomentumOptimizer(0.1, 0.9)].map((o) => o.minimize(made.loss)),
      };
    });
    await session.run(globalVariablesInitializer(graph));
    const fetches = [net.logits, net.loss, ...net.grads] as Output[];
    const held: number[] = [];
    for (const batch of [5, 2, 5, 5]) {
      const feeds: Feeds = [
        [net.x, { dtype: DataType.FLOAT, data: new Float32Array(batch * 64).fill(1), shape: [batch, 8, 8, 1] }],
        [net.labels, { dtype: DataType.FLOAT, data: new Float32Array(batch * 3), shape: [batch, 3] }],
      ];
      const tensors = await session.run(fetches, feeds);
      await session.run(net.steps, feeds);
      assert.equal(
        tensors.map(({ shape }) => shape),
        [[batch, 3], [], [3, 3, 1, 4], [64, 3], [3]],
      );
      for (const { data } of tensors) assert.ok((data as Float32Array).every((value) => value === 0));
      held.push(server.parts.engine.devices.find(({ type }) => type === "NULL")!.allocator.bytesInUse);
    }
    assert.is(held[2], held[3]);
    // Variables keep what they were given: nothing was learnt.
    const { data } = await session.run(net.bias.value);
    assert.equal([...(data as Float32Array)], [1, 2, 3]);
  });
});

test("tensors go from a CPU to it and back by the rendezvous", async () => {
  await withDevices({ CPU: 2, NULL: 1 }, async (_, session) => {
    const { graph } = session;
    const feed = graph.placeholder(DataType.FLOAT, [-1]);
    const x = graph.device("/device:CPU:1", () => graph.ops.square(feed));
    const zero = graph.device(NULL, () => graph.ops.exp(x));
    const sum = graph.device("/device:CPU:0", () => graph.ops.addV2(zero, x));
    const kept = graph.device(NULL, () => graph.ops.identity(x));
    const found = await session.run([zero, sum, kept], [[feed, [1, 2, 3]]]);
    assert.equal(
      found.map(({ data }) => [...(data as Float32Array)]),
      [
        [0, 0, 0],
        [1, 4, 9],
        [1, 4, 9],
      ],
    );
  });
});

test("what decides shapes is true: integers are computed, random numbers are not", async () => {
  await withDevices({ NULL: 1 }, async (_, session) => {
    const { graph } = session;
    const x = graph.placeholder(DataType.FLOAT, [-1, -1]);
    const { noise, count } = graph.device(NULL, () => {
      const shape = graph.ops.shape(x, {});
      const twice = graph.ops.mul(shape, graph.constant([2, 3], DataType.INT32));
      return { noise: graph.ops.randomUniform(twice, { dtype: DataType.FLOAT }), count: twice };
    });
    const [random, sizes] = await session.run([noise, count], [[x, [[1, 2, 3]]]]);
    assert.equal([...(sizes!.data as Int32Array)], [2, 9]);
    assert.equal(random!.shape, [2, 9]);
  });
});

test("shapes that don't fit are refused in the step, by node", async () => {
  await withDevices({ NULL: 1 }, async (_, session) => {
    const { graph } = session;
    const [a, b] = [graph.placeholder(DataType.FLOAT), graph.placeholder(DataType.FLOAT)];
    const product = graph.device(NULL, () => graph.op("MatMul", [a, b], {}, { name: "mm" }).output());
    const error = await refusal(
      session.run(product, [
        [a, [[1, 2]]],
        [b, [[1, 2]]],
      ]),
    );
    assert.instance(error, InvalidArgumentError);
    assert.match(error.message, "Dimensions must be equal, but are 2 and 1");
    assert.match(error.message, "{{node mm}}");
  });
});

test("device_count opens it or not, and its devices are listed", async () => {
  const types = (session: Session) =>
    session.listDevices().then((list) => list.map(({ name }) => name.replace(/.*device:/, "")));
  await withDevices({ CPU: 2, NULL: 2 }, async (_, session) => {
    assert.equal(await types(session), ["CPU:0", "CPU:1", "NULL:0", "NULL:1"]);
  });
  await withDevices({}, async (_, session) => {
    assert.equal(await types(session), ["CPU:0"]);
    const { graph } = session;
    const x = graph.placeholder(DataType.FLOAT, [1]);
    const y = graph.device(NULL, () => graph.ops.exp(x));
    const error = await refusal(session.run(y, [[x, [1]]]));
    assert.match(error.message, /was explicitly assigned to \/device:NULL:0 but available devices are \[ .*CPU:0 \]/);
  });
});

test("where nothing is asked, a node runs on the CPU", async () => {
  await withDevices({ NULL: 1 }, async (_, session) => {
    const x = session.graph.placeholder(DataType.FLOAT, [1]);
    const { data } = await session.run(session.graph.ops.square(x), [[x, [3]]]);
    assert.equal([...(data as Float32Array)], [9]);
  });
});

test.run();
