// WorkerService as a master and a peer use it: requests as bytes, answers decoded.
import * as assert from "uvu/assert";
import {
  AbortedError,
  CancelledError,
  Code,
  InternalError,
  InvalidArgumentError,
  OpError,
} from "../../src/errors/index.js";
import { boolValue, intValue, stringValue, typeValue } from "../../src/graph/attr-value.js";
import { createKey } from "../../src/rendezvous/key.js";
import { workerHandlers } from "../../src/rpc/worker-service.js";
import { Engine } from "../../src/server/engine.js";
import { DataType } from "../../src/tensor/dtype.js";
import { type AttrValue, FunctionDefLibrary, GraphDef } from "../../src/wire/core.js";
import * as wire from "../../src/wire/worker.js";
import { floatOp, functionDef } from "../support/graphs.js";
import { test } from "../support/suite.js";

const TASK = "/job:ps/replica:0/task:0";
const DEVICE = `${TASK}/device:CPU:0`;
const PEER = "/job:worker/replica:0/task:0/device:CPU:0";

const open = async () => {
  const engine = await Engine.open(TASK, "ps", null, { log: () => {} });
  const { registry, hostname } = engine.master.context;
  const handlers = workerHandlers({
    worker: engine.worker,
    registry,
    hostname,
    allocator: engine.devices[0]!.allocator,
    describe: (name) => name,
  });
  const call = (method: string, request: Uint8Array, onCancelled: (cancel: () => void) => void = () => {}) =>
    handlers.get(`/tensorflow.WorkerService/${method}`)!(request, { onCancelled });
  const status = wire.GetStatusResponse.decode(await call("GetStatus", new Uint8Array(0)));
  const { incarnation } = status.deviceAttributes[0]!;
  const session = { sessionHandle: "s", createWorkerSessionCalled: true };
  await call("CreateWorkerSession", wire.CreateWorkerSessionRequest.encode({ sessionHandle: "s" }));
  return {
    engine,
    call,
    incarnation,
    key: (name: string, to = PEER) => createKey(DEVICE, incarnation, to, name),
    async register(graphDef: GraphDef) {
      const answer = await call("RegisterGraph", wire.RegisterGraphRequest.encode({ ...session, graphDef }));
      return wire.RegisterGraphResponse.decode(answer).graphHandle;
    },
    async run(graphHandle: string, stepId: bigint, more: object = {}) {
      const request = { ...session, graphHandle, stepId, storeErrorsInResponseBody: true, ...more };
      return wire.RunGraphResponse.decode(await call("RunGraph", wire.RunGraphRequest.encode(request)));
    },
    async recv(stepId: bigint, rendezvousKey: string, onCancelled?: (cancel: () => void) => void) {
      const request = wire.RecvTensorRequest.encode({ stepId, rendezvousKey });
      return wire.RecvTensorResponse.decode(await call("RecvTensor", request, onCancelled));
    },
    [Symbol.asyncDispose]: () => engine.close(),
  };
};

/** A graph as a master sends it: defaults left out, attributes that nobody knows. */
const graphOf = (nodes: readonly [name: string, op: string, input: string[], attrs: Record<string, AttrValue>][]) => {
  const graphDef = GraphDef.create();
  for (const [name, op, input, attrs] of nodes) {
    const attr = new Map(Object.entries({ ...attrs, _unheard_of: boolValue(true) }));
    graphDef.node.push({
      ...GraphDef.decode(GraphDef.encode({ node: [{ name, op }] })).node[0]!,
      input,
      device: DEVICE,
      attr,
    });
  }
  return graphDef;
};

const transfer = (name: string, incarnation: bigint, to: string) => ({
  tensor_name: stringValue(name),
  send_device: stringValue(DEVICE),
  recv_device: stringValue(to),
  send_device_incarnation: intValue(BigInt.asIntN(64, incarnation)),
  client_terminated: boolValue(to === DEVICE),
});

/** Doubles what is put at `x`, for a peer and for the caller. */
const doubling = (incarnation: bigint, type: DataType = DataType.FLOAT) =>
  graphOf([
    ["in", "_Recv", [], { ...transfer("x", incarnation, DEVICE), tensor_type: typeValue(type) }],
    ["y", "Add", ["in", "in"], { T: typeValue(type) }],
    ["out", "_Send", ["y"], { ...transfer("edge", incarnation, PEER), T: typeValue(type) }],
    ["back", "_Send", ["y"], { ...transfer("y", incarnation, DEVICE), T: typeValue(type) }],
  ]);

const floats = (...values: number[]) => ({
  dtype: DataType.FLOAT,
  tensorShape: { dim: [{ size: BigInt(values.length) }] },
  floatVal: Float32Array.from(values),
});

const rejected = async (promise: Promise<unknown>, kind: new (...args: never[]) => OpError): Promise<OpError> => {
  try {
    await promise;
  } catch (error) {
    assert.instance(error, kind);
    return error as OpError;
  }
  throw new Error("it was answered");
};

test("a peer that asks before the step begins gets the tensor; so does the caller", async () => {
  await using worker = await open();
  const handle = await worker.register(doubling(worker.incarnation));
  assert.is(handle, "0000000000000001");
  const early = worker.recv(7n, worker.key("edge"));
  const answer = await worker.run(handle, 7n, {
    send: [{ name: worker.key("x", DEVICE), tensor: floats(1, 2.5) }],
    recvKey: [worker.key("y", DEVICE)],
  });
  assert.is(answer.statusErrorMessage, "");
  assert.equal([...answer.recv[0]!.tensor!.tensorContent!], [...new Uint8Array(Float32Array.of(2, 5).buffer)]);
  const { tensor, isDead } = await early;
  assert.not(isDead);
  assert.equal([...tensor!.tensorContent!], [...new Uint8Array(Float32Array.of(2, 5).buffer)]);
  await worker.call("CleanupGraph", wire.CleanupGraphRequest.encode({ stepId: 7n }));
  assert.is(worker.engine.worker.openSteps, 0);
});

test("strings travel packed", async () => {
  await using worker = await open();
  const handle = await worker.register(doubling(worker.incarnation, DataType.STRING));
  const text = { dtype: DataType.STRING, stringVal: [new TextEncoder().encode("ab")] };
  const ran = worker.run(handle, 8n, { send: [{ name: worker.key("x", DEVICE), tensor: text }] });
  const { tensor } = await worker.recv(8n, worker.key("edge"));
  assert.equal([...tensor!.tensorContent!], [4, 97, 98, 97, 98]);
  assert.is((await ran).statusCode, 0);
});

test("a failed step fails who waits for its tensors", async () => {
  await using worker = await open();
  const handle = await worker.register(doubling(worker.incarnation));
  const waits = rejected(worker.recv(9n, worker.key("edge")), InternalError);
  const ints = { dtype: DataType.INT32, intVal: Int32Array.of(3) };
  const answer = await worker.run(handle, 9n, { send: [{ name: worker.key("x", DEVICE), tensor: ints }] });
  assert.is(answer.statusCode, Code.INTERNAL);
  assert.is((await waits).message, answer.statusErrorMessage);
  await worker.call("CleanupGraph", wire.CleanupGraphRequest.encode({ stepId: 9n }));
  assert.is(worker.engine.worker.openSteps, 0);
});

test("a peer that goes away leaves nothing behind", async () => {
  await using worker = await open();
  let cancel = () => {};
  const waits = rejected(
    worker.recv(10n, worker.key("edge"), (callback) => (cancel = callback)),
    CancelledError,
  );
  assert.is(worker.engine.worker.openSteps, 1);
  cancel();
  await waits;
  assert.is(worker.engine.worker.openSteps, 0);
});

test("keys are checked: form, device, incarnation", async () => {
  await using worker = await open();
  const bad = await rejected(worker.recv(1n, "bad"), InvalidArgumentError);
  assert.is(bad.message, "Invalid  rendezvous key: bad");
  const device = await rejected(
    worker.recv(1n, createKey(`${TASK}/device:CPU:9`, worker.incarnation, PEER, "a")),
    InvalidArgumentError,
  );
  assert.is(device.message, "/device:CPU:9 unknown device.");
  const other = await rejected(worker.recv(1n, createKey(DEVICE, 1n, PEER, "a")), OpError);
  assert.is(other.code, Code.ABORTED);
  assert.is(
    other.message,
    `RecvTensor expects a different device incarnation: 1 vs. ${worker.incarnation}. Your worker job ("${TASK}") was ` +
      "probably restarted. Check your worker job for the reason why it was restarted.",
  );
  assert.is(other.payloads.size, 1);
  assert.is(worker.engine.worker.openSteps, 0);
});

test("unknown sessions and graphs, and requests that come twice", async () => {
  await using worker = await open();
  const graph = await worker.run("nope", 1n);
  assert.is(graph.statusCode, Code.ABORTED);
  assert.is(graph.statusErrorMessage, "Graph handle is not found: nope");
  const session = await worker.run("nope", 1n, { sessionHandle: "gone" });
  assert.is(
    session.statusErrorMessage,
    `Session handle is not found: gone. Possibly this worker ("${TASK}") just restarted.`,
  );
  const again = await worker.run("nope", 1n, { requestId: 5n });
  assert.is(again.statusErrorMessage, "Graph handle is not found: nope");
  const twice = await worker.run("nope", 1n, { requestId: 5n });
  assert.is(twice.statusErrorMessage, "The same RunGraph (Worker) request was received twice. RunGraphRequest");
  const empty = worker.call("CreateWorkerSession", wire.CreateWorkerSessionRequest.encode({}));
  assert.is((await rejected(empty, InvalidArgumentError)).message, "Session must be non-empty.");
  const unknown = wire.DeregisterGraphRequest.encode({ graphHandle: "nope" });
  const gone = await rejected(worker.call("DeregisterGraph", unknown), AbortedError);
  assert.is(gone.message, "Graph handle is not found: nope. Possibly, this worker just restarted.");
});

test("a step that is cleaned up while it still runs ends, and so does who waits for its tensors", async () => {
  await using task = await open();
  const graphHandle = await task.register(doubling(task.incarnation));
  await task.run(graphHandle, 1n, { isPartial: true });
  const waits = task.recv(1n, task.key("edge")).catch((error: unknown) => error);
  assert.is(task.engine.worker.openSteps, 1);
  await task.call("CleanupGraph", wire.CleanupGraphRequest.encode({ stepId: 1n }));
  assert.is(task.engine.worker.openSteps, 0);
  const error = await waits;
  assert.instance(error, AbortedError);
  assert.is((error as Error).message, "Cleanup 1");
});

test("a master may leave a node whose op is a function of its library", async () => {
  await using worker = await open();
  const graphDef = doubling(worker.incarnation);
  graphDef.library = {
    ...FunctionDefLibrary.create(),
    function: [functionDef("turn", [floatOp("n", "Neg", "x")], { r: "n:y:0" })],
  };
  graphDef.node.splice(1, 1, ...graphOf([["y", "turn", ["in"], { _XlaHasReferenceVars: boolValue(false) }]]).node);
  const handle = await worker.register(graphDef);
  const key = (name: string) => worker.key(name, DEVICE);
  const send = [{ name: key("x"), tensor: floats(1, -2) }];
  const { recv, statusErrorMessage } = await worker.run(handle, 1n, { send, recvKey: [key("y")] });
  assert.is(statusErrorMessage, "");
  const { tensor } = recv[0]!;
  assert.equal(new Float32Array(tensor!.tensorContent!.slice().buffer), Float32Array.of(-1, 2));
});

test.run();
