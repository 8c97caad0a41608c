// What a session asks of its master beside plain steps, in process and over gRPC: callables, partial runs, devices, reset,
// deadlines, cancellation, and what it does about a master that can't be reached.
import { execFile } from "node:child_process";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import * as assert from "uvu/assert";
import {
  AbortedError,
  CancelledError,
  DataType,
  DeadlineExceededError,
  FailedPreconditionError,
  type Feedable,
  GraphDef,
  globalVariablesInitializer,
  InvalidArgumentError,
  type Output,
  type RunMetadata,
  Server,
  Session,
  UnavailableError,
  Variable,
} from "../../../src/index.js";
import { Cancellation } from "../../../src/kernel/cancellation.js";
import { toStatus } from "../../../src/rpc/status.js";
import { shapeToProto } from "../../../src/tensor/proto.js";
import { GrpcListener, type RawHandler } from "../../../src/transport/grpc-listener.js";
import { TensorProto } from "../../../src/wire/core.js";
import { CreateSessionResponse, PartialRunSetupRequest } from "../../../src/wire/master.js";
import { notReached, scoped } from "../../support/scoped.js";
import { test } from "../../support/suite.js";

const localServer = () => Server.create({ worker: ["127.0.0.1:0"] }, { log: () => {} });
const FULL_TRACE = 3;

/** Blocks until something is enqueued, which nothing is. */
function blocking(session: Session) {
  const { ops } = session.graph;
  const queue = ops.fifoQueueV2({ componentTypes: [DataType.FLOAT] });
  return ops.queueDequeueV2(queue, { componentTypes: [DataType.FLOAT] })[0]!;
}

async function failure(work: Promise<unknown>): Promise<Error> {
  return work.then(notReached, (error: Error) => error);
}

/** A port that nobody listens on. */
async function deadTarget(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return `grpc://127.0.0.1:${port}`;
}

const INDEX = new URL("../../../src/index.js", import.meta.url).href;

test("a session in process loads no gRPC; one that dials does", async () => {
  const script = `
    import { createRequire } from "node:module";
    const { Session } = await import(${JSON.stringify(INDEX)});
    const loaded = () => Object.keys(createRequire(${JSON.stringify(fileURLToPath(INDEX))}).cache).some((path) => path.includes("@grpc"));
    const session = new Session();
    const { data } = await session.run(session.graph.ops.addV2(1, 2));
    await session.close();
    const before = loaded();
    await new Session("grpc://127.0.0.1:1").run([]);
    await new Session("nothing").listDevices().catch(() => {});
    console.log(data[0], before, loaded());`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script]);
  assert.is(stdout.trim(), "3 false true");
});

test("a call that a signal can end keeps its process alive", async () => {
  const script = `
    import { DataType, Session } from ${JSON.stringify(INDEX)};
    const session = new Session();
    const { ops } = session.graph;
    const queue = ops.fifoQueueV2({ componentTypes: [DataType.INT32] });
    const [item] = ops.queueDequeueV2(queue, { componentTypes: [DataType.INT32] });
    const late = await session.run(item, [], { signal: AbortSignal.timeout(50) }).catch((error) => error);
    await session.close();
    console.log(late.name);`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script]);
  assert.is(stdout.trim(), "DeadlineExceededError");
});

scoped("callables take feeds by position, and are refused when they were released", async (keep) => {
  const server = keep(await localServer());
  for (const target of [server, server.target]) {
    const session = keep(new Session(target));
    const { graph } = session;
    const x = graph.placeholder(DataType.FLOAT, [], "x");
    const y = graph.placeholder(DataType.FLOAT, [], "y");
    const difference = graph.ops.sub(x, y);
    let metadata: RunMetadata | undefined;
    const callable = await session.makeCallable({ difference, done: difference.op }, [x, y], {
      onMetadata: (found) => {
        metadata = found;
      },
    });
    const { difference: found, done } = await callable.run(5, 2);
    assert.equal([...found.data], [3]);
    assert.is(done, undefined);
    assert.ok(metadata !== undefined);
    const few = await failure(callable.run(5));
    assert.is(few.message, "Expected 2 feed tensors, but got 1");
    // The graph may grow meanwhile.
    assert.equal(
      [
        ...(
          await session.run(
            graph.ops.neg(difference),
            new Map([
              [x, 1],
              [y, 3],
            ]),
          )
        ).data,
      ],
      [2],
    );
    await callable.close();
    const released = await failure(callable.run(1, 2));
    assert.instance(released, InvalidArgumentError);
    assert.is(released.message, "Attempted to run callable after handle was released: 0");
  }
});

scoped("a partial run takes feeds and gives fetches in portions", async (keep) => {
  const server = keep(await localServer());
  for (const target of [server, server.target]) {
    const session = keep(new Session(target));
    const { graph } = session;
    const [a, b] = [graph.placeholder(DataType.FLOAT, [], "a"), graph.placeholder(DataType.FLOAT, [], "b")];
    const first = graph.ops.add(a, 1);
    const second = graph.ops.mul(first, b);
    const handle = await session.partialRunSetup([first, second], [a, b]);
    assert.equal([...(await session.partialRun(handle, first, [[a, 2]])).data], [3]);
    assert.equal([...(await session.partialRun(handle, [second], [[b, 5]]))[0].data], [15]);
    const over = await failure(session.partialRun(handle, second));
    assert.is(over.message, "Must run PartialRunSetup before performing partial runs");
  }
});

scoped("devices are listed; reset ends sessions and empties containers", async (keep) => {
  const server = keep(await localServer());
  for (const target of [server, server.target]) {
    const session = new Session(target);
    const devices = await session.listDevices();
    assert.equal(
      devices.map(({ name, deviceType }) => [name, deviceType]),
      [["/job:worker/replica:0/task:0/device:CPU:0", "CPU"]],
    );
    const v = session.graph.container("box", () => new Variable(session.graph, 7, { name: "v" }));
    await session.run(globalVariablesInitializer(session.graph));
    assert.equal([...(await session.run(v)).data], [7]);
    await Session.reset(target, ["box"]);
    assert.instance(await failure(session.run(v)), AbortedError);
    const again = new Session(target, { graph: session.graph });
    assert.instance(await failure(again.run(v)), FailedPreconditionError);
    await again.close();
    assert.instance(await failure(session.close()), AbortedError);
  }
});

scoped("a partial run that is given up between its portions keeps nothing", async (keep) => {
  const server = keep(await localServer());
  const { worker, devices } = server.parts.engine;
  for (const target of [server, server.target]) {
    const session = keep(new Session(target));
    const { graph } = session;
    const [a, b] = [graph.placeholder(DataType.FLOAT, [64], "a"), graph.placeholder(DataType.FLOAT, [], "b")];
    const first = graph.ops.neg(a);
    const handle = await session.partialRunSetup([first, graph.ops.mul(first, b)], [a, b]);
    await session.partialRun(handle, first, [[a, new Float32Array(64)]]);
    assert.is(worker.openSteps, 1);
    assert.ok(devices[0]!.allocator.blocksInUse > 0);
    await session.close();
    assert.is(worker.openSteps, 0);
    assert.is(devices[0]!.allocator.blocksInUse, 0);
  }
});

scoped("a name that holds a blank is not two names", async (keep) => {
  const server = keep(await localServer());
  const session = keep(new Session(server));
  const { graph } = session;
  const [a, b] = [graph.placeholder(DataType.FLOAT, [], "a"), graph.placeholder(DataType.FLOAT, [], "b")];
  const sum = graph.ops.addV2(a, b, { name: "sum" });
  assert.equal(
    [
      ...(
        await session.run(sum, [
          [a, 1],
          [b, 2],
        ])
      ).data,
    ],
    [3],
  );
  const { handle } = server.parts.engine.master.reportSessions()[0]!;
  const tensor = { ...TensorProto.create(), dtype: DataType.FLOAT, tensorShape: shapeToProto([]) };
  const names = { fetches: ["sum:0"], targets: [], options: undefined, partialRunHandle: "" };
  const question = { ...names, feeds: [{ name: "a:0 b:0", tensor }] };
  const error = await failure(server.localMaster().runStep(handle, question, new Cancellation()));
  assert.is(error.message, "FeedInputs: unable to find feed output a:0 b:0");
});

scoped("run options ask for traces; feeds of any kind arrive", async (keep) => {
  const session = keep(new Session());
  const { graph } = session;
  const text = graph.placeholder(DataType.STRING, null, "text");
  const wide = graph.placeholder(DataType.INT64, null, "wide");
  const joined = graph.ops.stringJoin([text, "!"]);
  const more = graph.ops.addV2(wide, 1n);
  let traced = 0;
  const settings = {
    options: { traceLevel: FULL_TRACE, outputPartitionGraphs: true },
    onMetadata: (found: RunMetadata) => {
      traced = found.stepStats?.devStats.length ?? 0;
    },
  };
  const bytes = Uint8Array.of(0xff, 0x00);
  const [strings, numbers] = await session.run(
    [joined, more],
    new Map([
      [text, ["a", "é", bytes]],
      [wide, [2n ** 62n, 1]],
    ] as readonly (readonly [Output, Feedable])[]),
    settings,
  );
  assert.equal(strings.data.slice(0, 2), ["a!", "é!"]);
  assert.equal([...strings.bytes![2]!], [0xff, 0x00, 33]);
  assert.equal([...numbers.data], [2n ** 62n + 1n, 2n]);
  assert.ok(traced > 0);
  const row = graph.placeholder(DataType.FLOAT, [-1, 3], "row");
  const misfit = await failure(session.run(graph.ops.neg(row), [[row, [1, 2, 3]]]));
  assert.is(misfit.message, "Cannot feed value of shape (3,) for Tensor row:0, which has shape (None, 3)");
  const wrong = await failure(session.run(more, [[wide, ["a"]]]));
  assert.is(wrong.message, "Can't convert strings to a tensor of int64");
});

scoped("errors name the node and its op", async (keep) => {
  const server = keep(await localServer());
  for (const target of [server, server.target]) {
    const session = keep(new Session(target));
    const { ops } = session.graph;
    const x = session.graph.placeholder(DataType.FLOAT);
    const product = ops.matMul(x, x, { name: "product" });
    const error = (await failure(session.run(product, [[x, [[1, 2, 3]]]]))) as InvalidArgumentError;
    assert.equal([error.node, error.op], ["product", "MatMul"]);
  }
});

scoped("signals and deadlines end steps, and the wait for a master that isn't there", async (keep) => {
  const server = keep(await localServer());
  for (const target of [server, server.target]) {
    const session = keep(new Session(target));
    const take = blocking(session);
    assert.instance(await failure(session.run(take, [], { options: { timeoutInMs: 30n } })), DeadlineExceededError);
    assert.instance(await failure(session.run(take, [], { signal: AbortSignal.timeout(30) })), DeadlineExceededError);
    assert.instance(await failure(session.run(take, [], { signal: AbortSignal.abort() })), CancelledError);
    const callable = await session.makeCallable(take);
    assert.instance(await failure(callable.runWith([], { signal: AbortSignal.timeout(30) })), DeadlineExceededError);
    for (let i = 0; i < 200 && server.parts.engine.worker.openSteps > 0; i++)
      await new Promise((r) => setTimeout(r, 10));
    assert.is(server.parts.engine.worker.openSteps, 0);
  }
  const lost = keep(new Session(await deadTarget()));
  const controller = new AbortController();
  const waiting = failure(lost.run(lost.graph.constant(1), [], { signal: controller.signal }));
  setTimeout(() => controller.abort(new Error("enough")), 50);
  const error = await waiting;
  assert.instance(error, CancelledError);
  assert.is((error.cause as Error).message, "enough");
  const others = failure(lost.listDevices());
  setTimeout(() => void lost.close(), 20);
  assert.is((await others).message, "Attempted to use a closed Session.");
});

scoped("close ends running steps in TensorFlow's words", async (keep) => {
  const server = keep(await localServer());
  for (const target of [server, server.target]) {
    const session = new Session(target);
    const ended = failure(session.run(blocking(session)));
    await session.run(session.graph.constant(1));
    await session.close();
    const error = await ended;
    assert.instance(error, CancelledError);
    assert.match(error.message, "Step was cancelled by an explicit call to `Session::Close()`.");
    assert.is((await failure(session.run(session.graph.constant(2)))).message, "Attempted to use a closed Session.");
  }
});

scoped("a call is repeated while the master is unavailable, with the same id", async (keep) => {
  const ids: bigint[] = [];
  let created = 0;
  const listener = new GrpcListener({
    handlers: new Map<string, RawHandler>([
      [
        "/tensorflow.MasterService/CreateSession",
        async () => {
          if (++created < 3) throw new UnavailableError("not yet");
          return CreateSessionResponse.encode({ sessionHandle: "00" });
        },
      ],
      [
        "/tensorflow.MasterService/PartialRunSetup",
        async (bytes: Uint8Array) => {
          ids.push(PartialRunSetupRequest.decode(bytes).requestId);
          throw new UnavailableError("never");
        },
      ],
    ]),
    toStatus,
  });
  keep({ [Symbol.asyncDispose]: () => listener.close(50) });
  await listener.bind("127.0.0.1", 0);
  const session = new Session(`grpc://127.0.0.1:${listener.port}`);
  const started = performance.now();
  const error = await failure(session.partialRunSetup(session.graph.constant(1)));
  assert.instance(error, UnavailableError);
  assert.is(error.message, "never");
  assert.is(created, 3);
  assert.is(ids.length, 11);
  assert.is(new Set(ids).size, 1);
  assert.ok(performance.now() - started < 2000);
  await failure(session.close());
});

scoped("a master that is gone is unavailable at once", async (keep) => {
  const server = keep(await localServer());
  const session = new Session(server.target);
  const one = session.graph.constant(1);
  await session.run(one);
  await server.stop();
  const started = performance.now();
  assert.instance(await failure(session.run(one)), UnavailableError);
  assert.ok(performance.now() - started < 2000);
  assert.instance(await failure(session.close()), UnavailableError);
});

scoped("a malformed feed lets go of those before it", async (keep) => {
  const server = keep(await localServer());
  const master = server.localMaster();
  const signal = new Cancellation();
  const handle = await master.createSession(GraphDef.create(), undefined, signal);
  const { allocator } = server.parts.engine.devices[0]!;
  const held = allocator.bytesInUse;
  const proto = (bytes: number) => ({
    ...TensorProto.create(),
    dtype: DataType.FLOAT,
    tensorShape: shapeToProto([4]),
    tensorContent: new Uint8Array(bytes),
  });
  const feeds = [16, 15].map((bytes, i) => ({ name: `x${i}:0`, tensor: proto(bytes) }));
  const question = { feeds, fetches: ["y:0"], targets: [], options: undefined, partialRunHandle: "" };
  const error = await failure(master.runStep(handle, question, signal));
  assert.instance(error, InvalidArgumentError);
  assert.is(error.message, "Invalid TensorProto for feed value 1");
  assert.is(allocator.bytesInUse, held);
  await master.closeSession(handle);
});

test.run();
