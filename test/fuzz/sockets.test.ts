// A server on a real socket under callers who don't keep to the protocol: bytes of any kind on every method, HTTP/2 that
// isn't, connections that say nothing or go away in the middle of a step. It answers, it lives, nothing stays.
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { Client, credentials, type ServiceError, status } from "@grpc/grpc-js";
import * as assert from "uvu/assert";
import { DataType, Graph, Session } from "../../src/index.js";
import { Server } from "../../src/server/server.js";
import { CreateSessionRequest, CreateSessionResponse, RunStepRequest, RunStepResponse } from "../../src/wire/master.js";
import { chance, FUZZ_DEADLINE_MS, fuzz, pick, whole } from "../support/fuzz.js";
import { spoilBytes } from "../support/fuzz-message.js";
import { readGolden } from "../support/golden.js";
import { suite } from "../support/suite.js";

const test = suite("sockets", { deadlineMs: FUZZ_DEADLINE_MS });
const MASTER =
  "CreateSession ExtendSession PartialRunSetup RunStep CloseSession ListDevices Reset MakeCallable RunCallable ReleaseCallable";
const WORKER =
  "GetStatus CreateWorkerSession DeleteWorkerSession RegisterGraph DeregisterGraph RunGraph CleanupGraph CleanupAll " +
  "RecvTensor Logging Tracing MarkRecvFinished RecvBuf CompleteGroup CompleteInstance GetStepSequence";
const paths = [
  ...MASTER.split(" ").map((method) => `/tensorflow.MasterService/${method}`),
  ...WORKER.split(" ").map((method) => `/tensorflow.WorkerService/${method}`),
];

const server = await Server.create({ worker: ["127.0.0.1:0"] }, { log: () => {} });
const { engine, port } = server.parts;
const channelOptions = { "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1 };
const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), channelOptions);

type Answer = { readonly bytes: Buffer } | { readonly code: number; readonly text: string };
const bytesOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes);

function ask(path: string, request: Uint8Array, deadlineMs = 200): Promise<Answer> {
  const settings = { deadline: Date.now() + deadlineMs };
  return new Promise((resolve) => {
    const answered = (error: ServiceError | null, bytes?: Buffer) =>
      resolve(error === null ? { bytes: bytes! } : { code: error.code, text: error.details });
    client.makeUnaryRequest(path, bytesOf, (bytes) => bytes, request, settings, answered);
  });
}

const held = () => [engine.master.openSessions, engine.worker.openSteps, engine.devices[0]!.allocator.bytesInUse];

/** What a client that went away left is let go of as soon as its connection is known to be closed. */
async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 200 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.ok(condition());
}

async function emptyAgain(): Promise<void> {
  await ask("/tensorflow.MasterService/Reset", new Uint8Array(0), 5_000);
  engine.worker.resources.clear();
  await until(() => held().every((count) => count === 0));
}

const recorded = readGolden().flatMap(({ conversations }) => conversations.flat());
const FOREIGN = /Cannot read|is not a function|Invalid array length|out of bounds|call stack|unreachable/;

test("bytes of any kind on every method", async () => {
  await fuzz(300, async (draw) => {
    const path = pick(draw, paths);
    const noise = Uint8Array.from({ length: whole(draw, 0, 24) }, () => whole(draw, 0, 255));
    const request = chance(draw, 50) ? noise : spoilBytes(draw, Buffer.from(pick(draw, recorded).request, "base64"));
    const answer = await ask(path, request, 100);
    if ("text" in answer) assert.not.match(answer.text, FOREIGN);
    else if (path.endsWith("/RunStep")) {
      assert.not.match(RunStepResponse.decode(answer.bytes).statusErrorMessage, FOREIGN);
    }
  });
  await emptyAgain();
});

test("a method that isn't there is UNIMPLEMENTED without a text, what can't be read INTERNAL", async () => {
  for (const path of ["/tensorflow.MasterService/Nope", "/nope", "/tensorflow.EagerServiceX/Enqueue"]) {
    assert.equal(await ask(path, new Uint8Array(0)), { code: status.UNIMPLEMENTED, text: "" });
  }
  const answer = await ask("/tensorflow.MasterService/RunStep", Uint8Array.of(255, 255, 255));
  assert.equal(answer, { code: status.INTERNAL, text: "Unable to parse request" });
});

async function dial(bytes: Uint8Array): Promise<Socket> {
  const socket = connect({ host: "127.0.0.1", port });
  socket.on("error", () => {});
  await once(socket, "connect");
  socket.write(bytes);
  return socket;
}

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

test("connections that aren't HTTP/2, or only begin to be, do no harm", async () => {
  const sockets: Socket[] = [];
  await fuzz(40, async (draw) => {
    const noise = Uint8Array.from({ length: whole(draw, 0, 200) }, () => whole(draw, 0, 255));
    const begins = pick(draw, [Buffer.alloc(0), PREFACE, PREFACE.subarray(0, 9), Buffer.from("GET / HTTP/1.1\r\n")]);
    const socket = await dial(Buffer.concat([begins, noise]));
    if (chance(draw, 30)) socket.destroy();
    else sockets.push(socket);
  });
  assert.ok("bytes" in (await ask("/tensorflow.WorkerService/GetStatus", new Uint8Array(0), 5_000)));
  for (const socket of sockets) socket.destroy();
});

const queueGraph = () => {
  const graph = new Graph();
  const queue = graph.op("FIFOQueueV2", [], { component_types: [DataType.FLOAT], shared_name: "q" }).output();
  const element = graph.op("QueueDequeueV2", [queue], { component_types: [DataType.FLOAT] }).output();
  return { graph, element };
};

test("a client that vanishes in mid-step leaves no step, waiter or tensor; its session stays", async () => {
  const { graph, element } = queueGraph();
  const create = CreateSessionRequest.encode({ graphDef: graph.exportGraphDef() });
  const created = await ask("/tensorflow.MasterService/CreateSession", create, 5_000);
  assert.ok("bytes" in created);
  const { sessionHandle } = CreateSessionResponse.decode(created.bytes);
  const gone = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), channelOptions);
  const request = RunStepRequest.encode({ sessionHandle, fetch: [element.name] });
  const call = gone.makeUnaryRequest(
    "/tensorflow.MasterService/RunStep",
    bytesOf,
    (b) => b,
    request,
    () => {},
  );
  await until(() => engine.worker.openSteps === 1);
  call.cancel();
  gone.close();
  await until(() => engine.worker.openSteps === 0 && engine.master.runningSteps === 0);
  assert.is(engine.master.openSessions, 1);
  assert.is(engine.devices[0]!.allocator.bytesInUse, 0);
  await emptyAgain();
});

test("a connection that breaks in mid-step does the same", async () => {
  const { graph, element } = queueGraph();
  const proxied = new Set<Socket>();
  const { createServer } = await import("node:net");
  const proxy = createServer((from) => {
    const to = connect({ host: "127.0.0.1", port });
    for (const socket of [from, to]) proxied.add(socket.on("error", () => {}));
    from.pipe(to);
    to.pipe(from);
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const session = new Session(`grpc://127.0.0.1:${(proxy.address() as { port: number }).port}`, { graph });
  const failed = session.run(element).then(
    () => assert.unreachable(),
    () => {},
  );
  await until(() => engine.worker.openSteps === 1);
  for (const socket of proxied) socket.destroy();
  proxy.close();
  await failed;
  await until(() => engine.worker.openSteps === 0);
  assert.is(engine.master.openSessions, 1);
  await session.close().catch(() => {});
  await emptyAgain();
});

test("steps of 32 MiB pass both ways", async () => {
  const graph = new Graph();
  const x = graph.placeholder(DataType.FLOAT);
  const doubled = graph.op("Mul", [x, graph.constant(2, DataType.FLOAT)]).output();
  const session = new Session(server.target, { graph });
  const data = Float32Array.from({ length: 8 * 1024 * 1024 }, (_, i) => i % 1024);
  const result = await session.run(doubled, [[x, { dtype: DataType.FLOAT, shape: [data.length], data }]]);
  assert.equal(result.shape, [data.length]);
  assert.ok(data.every((value, i) => result.data[i] === 2 * value));
  await session.close();
  await emptyAgain();
});

test.after(async () => {
  client.close();
  await server.stop();
});
test.run();
