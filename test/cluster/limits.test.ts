// What a task lets its clients have: memory up to a limit, sessions as long as they are used. Whatever was refused or
// is over gives back all that it held.
import * as assert from "uvu/assert";
import {
  AbortedError,
  AdamOptimizer,
  DataType,
  Graph,
  globalVariablesInitializer,
  type Output,
  ResourceExhaustedError,
  Session,
  Variable,
} from "../../src/index.js";
import { Server, type ServerOptions } from "../../src/server/server.js";
import { TestCluster } from "../support/cluster.js";
import { test } from "../support/suite.js";

const serve = (options: ServerOptions = {}) =>
  Server.create({ worker: ["127.0.0.1:0"] }, { log: () => {}, ...options });
const bytesOf = (server: Server): number => server.parts.engine.devices[0]!.allocator.bytesInUse;
/** Every order of some things. */
const permutations = <T>(of: readonly T[]): T[][] =>
  of.length === 0
    ? [[]]
    : of.flatMap((one) => permutations(of.filter((other) => other !== one)).map((rest) => [one, ...rest]));
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

test("bytes held are the same after every step of a training", async () => {
  await using server = await serve();
  const graph = new Graph();
  const x = graph.placeholder(DataType.FLOAT, [-1, 8]);
  const dense = (input: typeof x, from: number, to: number) => {
    const initial = Float32Array.from({ length: from * to }, (_, i) => Math.sin(i) / from);
    const w = new Variable(graph, graph.constant({ dtype: DataType.FLOAT, shape: [from, to], data: initial }));
    return graph.op("MatMul", [input, w.value]).output();
  };
  const hidden = graph.op("Tanh", [dense(x, 8, 16)]).output();
  const error = graph.op("Square", [dense(hidden, 16, 4)]).output();
  const loss = graph.op("Mean", [error, graph.constant([0, 1], DataType.INT32)]).output();
  const train = new AdamOptimizer(0.01).minimize(loss);
  const session = new Session(server.target, { graph });
  await session.run(globalVariablesInitializer(graph));
  const losses: number[] = [];
  const held = new Set<number>();
  for (let i = 0; i < 300; i++) {
    // Batches of several sizes, so that blocks of several sizes come and go.
    const rows = 1 + (i % 7);
    const data = Float32Array.from({ length: rows * 8 }, (_, k) => Math.cos(i + k));
    const [value] = await session.run([loss, train], [[x, { dtype: DataType.FLOAT, shape: [rows, 8], data }]]);
    losses.push(Number(value.data[0]));
    held.add(bytesOf(server));
  }
  assert.is(held.size, 1, `bytes held: ${[...held]}`);
  assert.ok(losses.at(-1)! < losses[0]! / 10);
  await session.close();
  await Session.reset(server.target);
  assert.is(bytesOf(server), 0);
});

test("beyond the limit a step is refused with its node and shape, and the next one runs", async () => {
  await using server = await serve({ memoryLimit: 4 * 1024 * 1024 });
  const graph = new Graph();
  const size = graph.placeholder(DataType.INT32, [1]);
  const filled = graph.op("Fill", [size, graph.constant(1, DataType.FLOAT)], {}, { name: "filled" }).output();
  const sum = graph.op("Sum", [filled, graph.constant([0], DataType.INT32)]).output();
  const session = new Session(server.target, { graph });
  const run = async (count: number) => (await session.run(sum, [[size, [count]]])).data[0];
  assert.is(await run(1000), 1000);
  const held = bytesOf(server);
  for (let i = 0; i < 3; i++) {
    const refused = await run(2 * 1024 * 1024).catch((error: unknown) => error);
    assert.instance(refused, ResourceExhaustedError);
    assert.match(
      (refused as Error).message,
      "OOM when allocating tensor with shape[2097152] and type float on /job:worker",
    );
    assert.match((refused as Error).message, "[[{{node filled}}]]");
    assert.is(bytesOf(server), held);
    assert.is(await run(500_000), 500_000);
    assert.is(bytesOf(server), held);
  }
  await session.close();
});

test("a feed beyond the limit is refused too", async () => {
  await using server = await serve({ memoryLimit: 1024 * 1024 });
  const graph = new Graph();
  const x = graph.placeholder(DataType.FLOAT);
  const y = graph.op("Neg", [x]).output();
  const session = new Session(server.target, { graph });
  const data = new Float32Array(1024 * 1024);
  const refused = await session.run(y, [[x, { dtype: DataType.FLOAT, shape: [data.length], data }]]).catch((e) => e);
  assert.instance(refused, ResourceExhaustedError);
  assert.is(bytesOf(server), 0);
  assert.equal([...(await session.run(y, [[x, [1]]])).data], [-1]);
  await session.close();
});

test("strings are memory too: fed, made, kept in a queue; refused beyond the limit, given back", async () => {
  await using server = await serve({ memoryLimit: 1024 * 1024 });
  const graph = new Graph();
  const x = graph.placeholder(DataType.STRING, []);
  const queue = graph.op("FIFOQueueV2", [], { component_types: [DataType.STRING] }).output();
  const enqueue = graph.op("QueueEnqueueV2", [queue, [x]]);
  const dequeue = graph.op("QueueDequeueV2", [queue], { component_types: [DataType.STRING] }).output();
  let doubled = x;
  for (let i = 0; i < 20; i++) doubled = graph.op("StringJoin", [[doubled, doubled]]).output();
  const size = graph.op("StringLength", [doubled]).output();
  const session = new Session(server.target, { graph });
  const text = (length: number) => [[x, { dtype: DataType.STRING, shape: [], data: ["a".repeat(length)] }]] as const;
  const refuses = async (run: Promise<unknown>, message: RegExp | string) => {
    const refused = await run.catch((error: unknown) => error);
    assert.instance(refused, ResourceExhaustedError);
    assert.match((refused as Error).message, message);
  };
  await refuses(session.run(enqueue, text(2 * 1024 * 1024)), "OOM when allocating tensor with shape[] and type string");
  assert.is(bytesOf(server), 0);
  await refuses(
    session.run(size, text(1024)),
    /OOM when allocating a string of \d+ bytes on \/job:worker.*StringJoin/s,
  );
  assert.is(bytesOf(server), 0);
  await session.run(enqueue, text(600_000));
  assert.ok(bytesOf(server) > 600_000);
  await refuses(session.run(enqueue, text(600_000)), "OOM when allocating tensor");
  assert.equal((await session.run(dequeue)).data, ["a".repeat(600_000)]);
  assert.is(bytesOf(server), 0);
  await session.run(enqueue, text(600_000));
  await session.close();
  assert.is(bytesOf(server), 0);
});

/** A queue that no other node shares, with an element in it. */
const privateQueue = () => {
  const graph = new Graph();
  const queue = graph.op("FIFOQueueV2", [], { component_types: [DataType.FLOAT] }).output();
  const enqueue = graph.op("QueueEnqueueV2", [queue, [graph.constant([1, 2, 3], DataType.FLOAT)]]);
  const dequeue = graph.op("QueueDequeueV2", [queue], { component_types: [DataType.FLOAT] }).output();
  return { graph, enqueue, dequeue };
};

test("a queue without a shared name is gone with its session", async () => {
  await using server = await serve();
  const { graph, enqueue } = privateQueue();
  const session = new Session(server.target, { graph });
  await session.run(enqueue);
  assert.ok(bytesOf(server) > 0);
  await session.close();
  assert.is(bytesOf(server), 0);
});

test("a session that nobody uses is closed after the idle limit; one that waits in a step is not", async () => {
  await using server = await serve({ idleLimitMs: 150 });
  const { engine } = server.parts;
  const [left, waiting] = [privateQueue(), privateQueue()];
  const [idle, busy] = [new Session(server.target, left), new Session(server.target, waiting)];
  await idle.run(left.enqueue);
  await busy.run(waiting.enqueue);
  await busy.run(waiting.dequeue);
  const element = busy.run(waiting.dequeue);
  for (let i = 0; i < 100 && engine.master.openSessions > 1; i++) await pause(20);
  assert.is(engine.master.openSessions, 1);
  const refused = await idle.run(left.enqueue).catch((error: unknown) => error);
  assert.instance(refused, AbortedError);
  assert.match((refused as Error).message, /^Session [0-9a-f]{16} is not found\.$/);
  await pause(300);
  await busy.run(waiting.enqueue);
  assert.equal([...(await element).data], [1, 2, 3]);
  await busy.close();
  await idle.close().catch(() => {});
});

test("a client with ever new signatures is given so many plans on each task; what has gone comes again", async () => {
  await using cluster = await TestCluster.start({ ps: 1, worker: 1 });
  const graph = new Graph();
  const at = (task: string, make: () => Output) => graph.device(`/job:${task}/task:0`, make);
  const v = graph.device("/job:ps/task:0", () => new Variable(graph, graph.constant(0)));
  const count = at("ps", () =>
    graph.controlDependencies([v.assignAdd(1)], () =>
      graph.op("ReadVariableOp", [v.handle], { dtype: DataType.INT32 }).output(),
    ),
  );
  const random = at("worker", () =>
    graph.op("RandomUniform", [[1]], { dtype: DataType.FLOAT, seed: 7, seed2: 7 }).output(),
  );
  const fetches = [
    count,
    random,
    ...[1, 2, 3, 4].map((by) => at("worker", () => graph.op("Mul", [count, by]).output())),
  ];
  await using session = new Session(cluster.target("worker", 0), { graph });
  await session.run(globalVariablesInitializer(graph));
  const numbers = new Set<number>();
  const step = async (k: number, order: readonly Output[]) => {
    const values = await session.run(order);
    const of = (fetch: Output) => (values[order.indexOf(fetch)]!.data as Float32Array)[0]!;
    assert.equal(
      fetches.filter((fetch) => fetch !== random).map(of),
      [1, 1, 2, 3, 4].map((by) => by * k),
    );
    numbers.add(of(random));
  };
  const orders = permutations(fetches).slice(0, 540);
  let k = 0;
  for (const order of [...orders, ...orders.slice(0, 20)]) await step(++k, order);
  for (const job of ["ps", "worker"]) {
    const { graphs } = cluster.server(job, 0).parts.engine.worker.reportSessions()[0]!;
    assert.ok(graphs <= 500, `${graphs} graphs`);
  }
  // What a stateful kernel has come to doesn't depend on the plan that it is in.
  assert.is(numbers.size, k);
}, 60_000);

test.run();
