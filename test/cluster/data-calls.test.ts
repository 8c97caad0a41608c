// Calls of methods on a data connection, as a peer sends them: answered as gRPC's are, in the same words, and a peer that
// doesn't keep to the rules is cut off.
import { once } from "node:events";
import * as assert from "uvu/assert";
import { DataType, Graph, Session } from "../../src/index.js";
import { AnswerKind, decodeError, encodeCall } from "../../src/rpc/data-messages.js";
import { OPEN_PATH } from "../../src/rpc/data-service.js";
import { type DataConnection, openDataConnection, type Sink } from "../../src/transport/data-connection.js";
import { bytesSource } from "../../src/transport/frame-writer.js";
import { gathered } from "../../src/transport/frames.js";
import { GrpcChannel } from "../../src/transport/grpc-channel.js";
import * as wire from "../../src/wire/worker.js";
import { TestCluster } from "../support/cluster.js";
import { test } from "../support/suite.js";

const METHOD = "/tensorflow.WorkerService/";
const DEVICE = "/job:ps/replica:0/task:0/device:CPU:0";

type Answer = { kind: number; head: Uint8Array; body: Uint8Array };

/** A peer that says on its connection what it likes. */
class Peer {
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  connection!: DataConnection;
  cut = false;

  static async open(address: string): Promise<Peer> {
    const channel = new GrpcChannel(address);
    const token = await new Promise<Uint8Array>((resolve, reject) => {
      channel.call(OPEN_PATH, new Uint8Array(0), {}, (error, answer) => (error ? reject(error) : resolve(answer!)));
    });
    channel.close();
    const [host, port] = address.split(":");
    const peer = new Peer();
    const events = {
      message: (_: DataConnection, id: number, head: Uint8Array, bytes: number): Sink => {
        const kept = head.slice();
        return gathered(bytes, (body) => peer.#waiting.get(id)?.({ kind: kept[0]!, head: kept, body }));
      },
      cancel() {},
      closed: () => {
        peer.cut = true;
      },
    };
    const { signal } = new AbortController();
    peer.connection = await openDataConnection({ host: host!, port: Number(port) }, token, events, signal);
    return peer;
  }

  call(id: number, method: string, request: Uint8Array): Promise<Answer> {
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.connection.send(id, encodeCall({ path: METHOD + method }), bytesSource(request));
    });
  }
}

test("a method answers, and fails in gRPC's words", async () => {
  await using cluster = await TestCluster.start({ ps: 1 });
  const peer = await Peer.open(cluster.jobs.ps![0]!);
  const status = await peer.call(1, "GetStatus", wire.GetStatusRequest.encode({}));
  assert.is(status.kind, AnswerKind.MESSAGE);
  const [device] = wire.GetStatusResponse.decode(status.body).deviceAttributes;
  assert.is(device!.name, DEVICE);
  const failures = [
    ["Nothing", new Uint8Array(0), "UNIMPLEMENTED", ""],
    ["GetStatus", Uint8Array.of(255), "INTERNAL", "Unable to parse request"],
    [
      "DeregisterGraph",
      wire.DeregisterGraphRequest.encode({ graphHandle: "x" }),
      "ABORTED",
      "Graph handle is not found: x. Possibly, this worker just restarted.",
    ],
  ] as const;
  for (const [method, request, code, message] of failures) {
    const { kind, head } = await peer.call(2, method, request);
    assert.is(kind, AnswerKind.ERROR);
    const error = decodeError(head);
    assert.equal([error.codeName, error.message], [code, message]);
  }
  peer.connection.close();
});

test("a call whose caller gives up or goes away is cancelled", async () => {
  await using cluster = await TestCluster.start({ ps: 1 });
  const graph = new Graph();
  graph.device(DEVICE, () => {
    const queue = graph.op("FIFOQueueV2", [], { component_types: [DataType.FLOAT] }).output();
    graph.op("QueueDequeueV2", [queue], { component_types: [DataType.FLOAT] });
  });
  const graphDef = graph.exportGraphDef();
  const runGraph = (graphHandle: string, stepId: bigint) => wire.RunGraphRequest.encode({ graphHandle, stepId });
  const peer = await Peer.open(cluster.jobs.ps![0]!);
  const registered = await peer.call(1, "RegisterGraph", wire.RegisterGraphRequest.encode({ graphDef }));
  const { graphHandle } = wire.RegisterGraphResponse.decode(registered.body);
  const { worker } = cluster.server("ps", 0).parts.engine;
  for (const end of ["cancel", "close"] as const) {
    const answer = peer.call(2, "RunGraph", runGraph(graphHandle, 7n));
    while (worker.openSteps === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    if (end === "cancel") {
      peer.connection.cancel(2);
      assert.is(decodeError((await answer).head).codeName, "CANCELLED");
    } else peer.connection.close();
    while (worker.openSteps > 0) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assert.is(cluster.held().blocks, 0);
});

test("who sends too much, or two calls under one id, is cut off", async () => {
  await using cluster = await TestCluster.start({ ps: 1 });
  const breaks: ((peer: Peer) => void)[] = [
    (peer) => void peer.call(1, "GetStatus", new Uint8Array(16 * 1024 + 1)),
    (peer) => peer.connection.send(1, Uint8Array.of(9)),
    (peer) => peer.connection.send(1, new Uint8Array(0)),
    (peer) => {
      const request = wire.CreateWorkerSessionRequest.encode({ sessionHandle: "a" });
      void peer.call(1, "CreateWorkerSession", request);
      void peer.call(1, "CreateWorkerSession", request);
    },
  ];
  for (const rule of breaks) {
    const peer = await Peer.open(cluster.jobs.ps![0]!);
    const closed = once(peer.connection.socket, "close");
    rule(peer);
    await closed;
    assert.ok(peer.cut);
  }
});

test("steps of a session take the connection once it is there", async () => {
  await using cluster = await TestCluster.start({ ps: 1, worker: 1 });
  const graph = new Graph();
  const x = graph.placeholder(DataType.FLOAT, [], "x");
  const there = graph.device("/job:ps/task:0", () => graph.op("Neg", [x]).output());
  const here = graph.device("/job:worker/task:0", () => graph.op("Neg", [there]).output());
  await using session = new Session(cluster.target("worker", 0), { graph });
  const { connections } = cluster.server("worker", 0).parts;
  while (connections.openLinks === 0) await session.run(here, [[x, 1]]);
  const made: string[] = [];
  const { call } = GrpcChannel.prototype;
  GrpcChannel.prototype.call = function (path, ...rest) {
    made.push(path);
    return call.call(this, path, ...rest);
  };
  try {
    for (let i = 0; i < 5; i++) assert.equal((await session.run(here, [[x, i]])).data, Float32Array.of(i));
  } finally {
    GrpcChannel.prototype.call = call;
  }
  // The client's own, to the master.
  assert.equal(made, new Array(5).fill("/tensorflow.MasterService/RunStep"));
});

test.run();
