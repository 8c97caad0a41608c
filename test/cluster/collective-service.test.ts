// The methods of WorkerService that members of a group call, as bytes: who waits, for how long, and what is answered.
import * as assert from "uvu/assert";
import {
  AbortedError,
  FailedPreconditionError,
  InternalError,
  InvalidArgumentError,
  OpError,
} from "../../src/errors/index.js";
import { Graph } from "../../src/index.js";
import { workerHandlers } from "../../src/rpc/worker-service.js";
import { Engine } from "../../src/server/engine.js";
import { ConfigProto } from "../../src/wire/core.js";
import * as wire from "../../src/wire/worker.js";
import { test } from "../support/suite.js";

const TASK = "/job:worker/replica:0/task:0";
const DEVICE = `${TASK}/device:CPU:0`;

const open = async (leader = TASK) => {
  const config = ConfigProto.decode(ConfigProto.encode({ experimental: { collectiveGroupLeader: leader } }));
  const engine = await Engine.open(TASK, "worker", config, { log: () => {} });
  const { registry, hostname } = engine.master.context;
  const { allocator } = engine.devices[0]!;
  const describe = (name: string) => name;
  const handlers = workerHandlers({ worker: engine.worker, registry, hostname, allocator, describe });
  const call = (method: string, request: Uint8Array, onCancelled: (cancel: () => void) => void = () => {}) =>
    handlers.get(`/tensorflow.WorkerService/${method}`)!(request, { onCancelled });
  const { incarnation } = engine.devices[0]!.attributes;
  return {
    engine,
    incarnation,
    call,
    async join(task: number, more: Partial<wire.CompleteGroupRequest> = {}, incarnationOf = 5n) {
      const name = `/job:worker/replica:0/task:${task}/device:CPU:0`;
      const deviceAttributes = { name, deviceType: "CPU", incarnation: incarnationOf };
      const request = { groupKey: 7, groupSize: 2, deviceType: "CPU", deviceAttributes, ...more };
      const answer = await call("CompleteGroup", wire.CompleteGroupRequest.encode(request as never));
      return wire.CompleteGroupResponse.decode(answer);
    },
    async instance(task: number, more: Partial<wire.CompleteInstanceRequest> = {}) {
      const device = `/job:worker/replica:0/task:${task}/device:CPU:0`;
      const request = {
        groupKey: 7,
        groupSize: 2,
        instanceKey: 3,
        deviceType: "CPU",
        device,
        type: 1,
        dataType: 1,
        ...more,
      };
      const answer = await call("CompleteInstance", wire.CompleteInstanceRequest.encode(request));
      return wire.CompleteInstanceResponse.decode(answer);
    },
    recvBuf(stepId: bigint, key: string, more: object = {}, onCancelled?: (cancel: () => void) => void) {
      const request = { stepId, bufRendezvousKey: key, srcDevice: DEVICE, srcIncarnation: incarnation, ...more };
      return call("RecvBuf", wire.RecvBufRequest.encode(request), onCancelled);
    },
    [Symbol.asyncDispose]: () => engine.close(),
  };
};

const refused = async (promise: Promise<unknown>, kind: new (...args: never[]) => OpError, text: string) => {
  try {
    await promise;
  } catch (error) {
    assert.instance(error, kind);
    assert.is((error as OpError).message, text);
    return;
  }
  throw new Error("it was answered");
};

/** A request that waits has been looked at. */
const joined = () => new Promise((resolve) => setImmediate(resolve));

test("a group is complete when all have joined; whoever asks later is answered at once", async () => {
  await using task = await open();
  const first = task.join(2);
  await joined();
  await refused(
    task.instance(2),
    FailedPreconditionError,
    "group 7 failed to resolve. This normally means the server has restarted",
  );
  const second = await task.join(10);
  assert.equal(
    second.deviceAttributes.map(({ name }) => name),
    [10, 2].map((index) => `/job:worker/replica:0/task:${index}/device:CPU:0`),
  );
  assert.is(second.numTasks, 2);
  assert.equal(await first, second);
  assert.equal(await task.join(2), second);
  await refused(
    task.join(2, {}, 6n),
    FailedPreconditionError,
    "Device /job:worker/replica:0/task:2/device:CPU:0 current incarnation doesn't match with one in the group. This " +
      "usually means this worker has restarted but the collective leader hasn't, or this worker connects to a wrong cluster.",
  );
});

test("a device of another type fails the group for all", async () => {
  await using task = await open();
  const waits = task.join(1);
  await joined();
  const text =
    "Device /job:worker/replica:0/task:2/device:CPU:0 is joining a group with incompatible device typeCPU (group_key=7)";
  await refused(task.join(2, { deviceType: "GPU" }), InternalError, text);
  await refused(waits, InternalError, text);
});

test("a broadcast is told its source when all members have come", async () => {
  await using task = await open();
  await refused(
    task.instance(1, { groupKey: 55 }),
    FailedPreconditionError,
    "group 55 not found. This normally means the server has restarted",
  );
  await Promise.all([task.join(1), task.join(2)]);
  const first = task.instance(1);
  assert.equal(await task.instance(2, { isSource: true }), { instanceKey: 3, sourceRank: 1 });
  assert.equal(await first, { instanceKey: 3, sourceRank: 1 });
  assert.is((await task.instance(1, { type: 0, instanceKey: 4 })).sourceRank, -1);
  await refused(
    task.instance(2, { type: 0, instanceKey: 4, dataType: 3 }),
    InternalError,
    "Collective instance 4 expected type 0 and data_type 1 but got type 0 and data_type 3",
  );
  await refused(
    task.instance(9, { instanceKey: 5 }),
    InternalError,
    "Device /job:worker/replica:0/task:9/device:CPU:0 is no member of the group of instance 5",
  );
});

test("a broadcast's bytes come in pieces of a page, to who asked before its step began", async () => {
  await using task = await open();
  const graph = new Graph();
  const values = Float32Array.from({ length: 2500 }, (_, i) => i);
  const shape = [values.length];
  graph.device(DEVICE, () =>
    graph.ops.collectiveBcastSend(graph.constant(values), { groupSize: 2, groupKey: 7, instanceKey: 3, shape }),
  );
  const register = (collectiveGraphKey: bigint) =>
    task.call(
      "RegisterGraph",
      wire.RegisterGraphRequest.encode({ graphDef: graph.exportGraphDef(), collectiveGraphKey }),
    );
  const run = async (registered: Promise<Uint8Array>, stepId: bigint) => {
    const { graphHandle } = wire.RegisterGraphResponse.decode(await registered);
    return task.call("RunGraph", wire.RunGraphRequest.encode({ graphHandle, stepId }));
  };
  const early = task.recvBuf(6n, "7:3:0:0:0:0:1");
  const ran = run(register(1n), 6n);
  await task.join(1);
  const { dim } = { dim: [{ size: BigInt(values.length), name: "" }] };
  assert.is((await task.instance(1, { shape: { dim, unknownRank: false } })).sourceRank, 0);
  const { transportOptions } = wire.RecvBufResponse.decode(await early);
  assert.is(transportOptions!.typeUrl, "type.googleapis.com/tensorflow.RecvBufRespExtra");
  const { tensorContent } = wire.RecvBufRespExtra.decode(transportOptions!.value);
  assert.equal(
    tensorContent.map((piece) => piece.length),
    [4096, 4096, 1808],
  );
  assert.equal(Buffer.concat(tensorContent), Buffer.from(values.buffer));
  await ran;
  const unanswered = task.recvBuf(6n, "7:3:0:0:0:0:1");
  await task.call("CleanupGraph", wire.CleanupGraphRequest.encode({ stepId: 6n }));
  await refused(unanswered, InternalError, "Delete called on non-empty BufRendezvous");
  assert.is(task.engine.worker.openSteps, 0);
  // A master that saw no collectives in a graph gave its step an id of its own: nobody could meet it.
  await refused(
    run(register(0n), 7n),
    InternalError,
    "Failed to get CollectiveExecutor from OpKernelContext for Op CollectiveBcastSend\n\t [[{{node CollectiveBcastSend}}]]",
  );
});

test("who asks for bytes twice, of another process, of no device, or goes away", async () => {
  await using task = await open();
  const { worker } = task.engine;
  let cancel = () => {};
  const waits = task.recvBuf(8n, "k", {}, (stop) => (cancel = stop));
  await refused(task.recvBuf(8n, "k"), InternalError, "Second consumer arrived for key k");
  await refused(
    task.recvBuf(8n, "k", { srcIncarnation: 1n }),
    FailedPreconditionError,
    `RecvBuf expects a different device incarnation: 1 vs. ${task.incarnation}. Your worker job that contains the device ` +
      `("${DEVICE}") was probably restarted. Check your worker job for the reason why it was restarted.`,
  );
  await refused(
    task.recvBuf(8n, "k", { srcDevice: "/job:worker/replica:0/task:5/device:CPU:0" }),
    InvalidArgumentError,
    "/job:worker/replica:0/task:5/device:CPU:0 unknown device.",
  );
  await refused(task.recvBuf(8n, "j", { requestId: 4n, srcDevice: "x" }), InvalidArgumentError, "x unknown device.");
  await refused(
    task.recvBuf(8n, "j", { requestId: 4n }),
    AbortedError,
    "The same RecvBuf (GrpcWorker) request was received twice. RecvBufRequest",
  );
  assert.is(worker.openSteps, 1);
  cancel();
  await waits.then(
    () => assert.unreachable(),
    (error: Error) => assert.instance(error, OpError),
  );
  assert.is(worker.openSteps, 0);
});

test("the leader tells ids of steps, which go on when a step has succeeded; others don't", async () => {
  await using task = await open();
  const ask = async (...graphKey: bigint[]) => {
    const answer = await task.call("GetStepSequence", wire.GetStepSequenceRequest.encode({ graphKey }));
    return wire.GetStepSequenceResponse.decode(answer).stepSequence.map(({ nextStepId }) => nextStepId);
  };
  const [first, other] = await ask(1n, -2n);
  assert.equal(await ask(-2n, 1n), [other, first]);
  const { sequences } = task.engine.worker.runtime.collectives;
  sequences.retire(1n, first!);
  assert.equal(await ask(1n, -2n), [first! + 1n, other]);
  await using follower = await open("/job:worker/replica:0/task:1");
  await refused(
    follower.call("GetStepSequence", wire.GetStepSequenceRequest.encode({ graphKey: [1n] })),
    InternalError,
    "GetStepSequenceAsync called at non-group-leader",
  );
});

test.run();
