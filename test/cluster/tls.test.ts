// A cluster whose tasks speak TLS: steps, tensors on data connections, and what a wrong certificate does to a session.
import { connect, createServer, type Socket } from "node:net";
import * as assert from "uvu/assert";
import {
  DataType,
  Graph,
  getOrCreateGlobalStep,
  InvalidArgumentError,
  monitoredTrainingSession,
  Session,
  StopAtStepHook,
  UnavailableError,
  Variable,
} from "../../src/index.js";
import { Authority } from "../support/certificates.js";
import { TestCluster } from "../support/cluster.js";
import { test } from "../support/suite.js";

const authority = new Authority("authority");
const { cert: ca } = authority;
const MUTUAL = { ...authority.issue(), ca };
const CLIENT = { ...authority.issue({ names: ["client"] }), ca };
const PS = "/job:ps/task:0";
const WORKER = "/job:worker/task:0";
/** 4 MiB that nothing but the tensor looks like. */
const MARK = 0x54_46_4c_54;
const FLOATS = 1024 * 1024;

/** Passes bytes on, and keeps what came from who listens. */
async function tap(port: number) {
  const seen: Buffer[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(port, "127.0.0.1");
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on("error", () => {}).on("close", () => to.destroy());
      from.pipe(to);
    }
    far.on("data", (bytes: Buffer) => seen.push(bytes));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  };
  const { port: own } = server.address() as { port: number };
  return { address: `127.0.0.1:${own}`, seen, close };
}

/** Runs until tensors of the ps come on a data connection, then once more. @returns what went over the wire then */
async function bytesOfTensor(tls: boolean): Promise<Buffer> {
  const options = tls ? { tls: MUTUAL } : {};
  const dial = tls ? { tls: CLIENT } : {};
  await using cluster = await TestCluster.start({ ps: 1, worker: 1 }, ["worker/0"], options);
  const road = await tap(Number(cluster.jobs.ps![0]!.split(":")[1]));
  await cluster.startTaskSeeing("worker", 0, { ps: [road.address] }, options);
  const graph = new Graph();
  const size = graph.placeholder(DataType.INT32, [1], "size");
  const filled = graph.device(PS, () => graph.ops.fill(size, graph.constant(MARK, DataType.INT32)));
  const total = graph.device(WORKER, () => graph.ops.size(graph.ops.identity(filled)));
  const first = graph.device(WORKER, () => graph.ops.slice(filled, [FLOATS - 1], [1]));
  const session = new Session(cluster.target("worker", 0), { graph, ...dial });
  const server = cluster.server("worker", 0);
  while (server.report().connections.dataIn === 0) await session.run(total, [[size, [10]]]);
  assert.is(cluster.server("ps", 0).report().connections.dataOut, 1);
  road.seen.length = 0;
  const [count, value] = await session.run([total, first], [[size, [FLOATS]]]);
  assert.is(Number(count!.data[0]), FLOATS);
  assert.equal([...(value!.data as Int32Array)], [MARK]);
  assert.is(server.report().connections.dataIn, 1, "it came on the data connection");
  await session.close();
  await road.close();
  return Buffer.concat(road.seen);
}

test("a large tensor goes over the data connection, in the open without TLS and hidden with it", async () => {
  const mark = Buffer.alloc(64);
  for (let at = 0; at < 64; at += 4) mark.writeInt32LE(MARK, at);
  for (const tls of [false, true]) {
    const wire = await bytesOfTensor(tls);
    assert.ok(wire.length > 4 * FLOATS, `${wire.length} bytes`);
    assert.is(wire.includes(mark), !tls);
  }
});

const failure = (work: Promise<unknown>): Promise<Error> =>
  work.then(
    () => new Error("it worked"),
    (error: Error) => error,
  );

test("sessions of every kind dial with TLS, and leave nothing behind", async () => {
  await using cluster = await TestCluster.start({ ps: 1, worker: 1 }, [], { tls: MUTUAL });
  const master = cluster.target("worker", 0);
  const graph = new Graph();
  const v = graph.device(PS, () => new Variable(graph, graph.constant(1, DataType.FLOAT), { name: "v" }));
  const globalStep = getOrCreateGlobalStep(graph);
  const train = graph.group([v.assignAdd(1), globalStep.assignAdd(1)]);
  const hooks = [new StopAtStepHook({ lastStep: 5 })];
  await monitoredTrainingSession({ graph, master, hooks, tls: CLIENT, log: () => {} }, async (session) => {
    while (!session.shouldStop()) await session.run(train);
  });
  const session = new Session(master, { graph, tls: CLIENT });
  assert.equal((await session.run(v.value)).data, Float32Array.of(6));
  assert.is((await session.listDevices()).length, 2);
  await session.close();
  await Session.reset(master, [], { tls: CLIENT });
  while (cluster.held().blocks > 0 || cluster.held().steps > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(cluster.held(), { steps: 0, sessions: 0, blocks: 0 });
});

test("a session that gets no TLS is told so, instead of waiting for the server", async () => {
  await using cluster = await TestCluster.start({ worker: 1 }, [], { tls: MUTUAL });
  const target = cluster.target("worker", 0);
  for (const [tls, reason] of [
    [{ ...CLIENT, ca: new Authority("stranger").cert }, "certificate"],
    [{ ca }, "Ssl handshake failed: tlsv13 alert certificate required"],
    [{ ...CLIENT, serverName: "elsewhere.example" }, "Host: elsewhere.example. is not in the cert's altnames"],
  ] as const) {
    const session = new Session(target, { tls });
    const error = await failure(session.listDevices());
    assert.instance(error, UnavailableError);
    assert.match(error.message, reason);
    await session.close();
    assert.instance(await failure(Session.reset(target, [], { tls })), UnavailableError);
  }
  const broken = new Session(target, { tls: { cert: MUTUAL.cert } });
  assert.instance(await failure(broken.listDevices()), InvalidArgumentError);
  await broken.close();
  const accepted = () => cluster.server("worker", 0).report().connections.accepted;
  while (accepted() > 0) await new Promise((resolve) => setTimeout(resolve, 5));
});

test("clients without a certificate are let in if the tasks say so; they still look at the tasks' own", async () => {
  await using cluster = await TestCluster.start({ ps: 1, worker: 1 }, [], { tls: { ...MUTUAL, anyClient: true } });
  const session = new Session(cluster.target("worker", 0), { tls: { ca } });
  assert.is((await session.listDevices()).length, 2);
  await session.close();
  const stranger = new Session(cluster.target("worker", 0), { tls: { ca: new Authority("stranger").cert } });
  assert.match((await failure(stranger.listDevices())).message, "certificate");
  await stranger.close();
});

test("a task whose certificate another doesn't trust is named when a session is created", async () => {
  await using cluster = await TestCluster.start({ ps: 1, worker: 1 }, ["ps/0"], { tls: MUTUAL });
  const stranger = new Authority("stranger");
  await cluster.startTask("ps", 0, { tls: { ...stranger.issue(), ca: stranger.cert } });
  const session = new Session(cluster.target("worker", 0), { tls: CLIENT });
  const error = await failure(session.listDevices());
  assert.instance(error, UnavailableError);
  assert.match(error.message, `${cluster.jobs.ps![0]}: Ssl handshake failed: `);
  await session.close();
});

test.run();
