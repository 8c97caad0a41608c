// Collectives among members that nobody can trust: a leader and a neighbour whose answers are drawn, and requests of all
// four methods with drawn numbers. An answer or one of our errors, in time, and no step, memory or waiting call stays.
import * as assert from "uvu/assert";
import type { CollectivePeer } from "../../src/collective/peer.js";
import { UnavailableError } from "../../src/errors/index.js";
import { Graph, type Output, Session } from "../../src/index.js";
import type { CancellationSignal } from "../../src/kernel/cancellation.js";
import { workerHandlers } from "../../src/rpc/worker-service.js";
import { Engine } from "../../src/server/engine.js";
import { ConfigProto } from "../../src/wire/core.js";
import * as wire from "../../src/wire/worker.js";
import type { Connect, PeerTransfer } from "../../src/worker/peers.js";
import type { WorkerInterface } from "../../src/worker/worker-interface.js";
import { chance, checkFailure, type Draw, FUZZ_DEADLINE_MS, fuzz, pick, whole } from "../support/fuzz.js";
import { suite } from "../support/suite.js";

const test = suite("collectives", { deadlineMs: FUZZ_DEADLINE_MS });
const OWN = "/job:worker/replica:0/task:0";
const OTHER = "/job:worker/replica:0/task:1";
/** A caller gives up after this long, and so does a collective; all must be over this much later. */
const PATIENCE_MS = 60;
const HANG_MS = 5_000;
const NAMES = [0, 1].flatMap((index) => [OWN, OTHER].map((task) => `${task}/device:CPU:${index}`));
const STRANGE = ["", "CPU:0", "/device:CPU:0", "/job:worker", "/job:x/replica:0/task:99999999/device:CPU:0"];
const KEYS = ["1:1:0:0:0:0:0", "1:1:0:0:1:0:1", "1:1:0:0:0:1:0", "", "x"];

const device = (draw: Draw) => ({
  name: chance(draw, 85) ? pick(draw, NAMES) : pick(draw, STRANGE),
  deviceType: chance(draw, 90) ? "CPU" : "GPU",
  memoryLimit: 0n,
  incarnation: BigInt(whole(draw, 1, 2)),
  physicalDeviceDesc: "",
});

const waitFor = <T>(signal: CancellationSignal): Promise<T> =>
  new Promise((_, reject) => signal.add((reason) => reject(reason)));

/** Says anything, nothing, or that it is gone. */
function stranger(draw: Draw): CollectivePeer {
  const answer = <T>(signal: CancellationSignal, value: () => T): Promise<T> => {
    if (chance(draw, 15)) return Promise.reject(new UnavailableError("gone"));
    return chance(draw, 15) ? waitFor(signal) : Promise.resolve(value());
  };
  return {
    completeGroup: ({ device: asks, groupSize }, signal) =>
      answer(signal, () => {
        const others = Array.from({ length: whole(draw, 0, 3) }, () => device(draw));
        return chance(draw, 70) ? [asks, { ...asks, name: NAMES[1]! }].slice(0, groupSize) : others;
      }),
    completeInstance: (_, signal) => answer(signal, () => whole(draw, -2, 3)),
    stepSequence: (_, signal) => answer(signal, () => BigInt(whole(draw, -1, 3))),
    receiveBuffer: ({ bytes }, signal) =>
      answer(signal, () =>
        chance(draw, 60) ? [new Uint8Array(bytes)] : [new Uint8Array(whole(draw, 0, 200)), new Uint8Array(7)],
      ),
  };
}

async function open(draw: Draw, collectives: CollectivePeer) {
  const config = ConfigProto.decode(
    ConfigProto.encode({
      deviceCount: new Map([["CPU", 2]]),
      experimental: { collectiveGroupLeader: pick(draw, [OWN, OTHER, "", "/job:nobody/replica:0/task:0"]) },
    }),
  );
  const transfer = {} as PeerTransfer;
  const worker = {} as WorkerInterface;
  const connectWith = (): Connect => () => ({
    peers: new Map([[OTHER, { worker, transfer, collectives }]]),
    leave() {},
  });
  return Engine.open(OWN, "worker", config, { log: () => {} }, { def: { job: [] }, connectWith });
}

/** One of the ops on a device of this task. */
function member(draw: Draw, graph: Graph, index: number): Output {
  const keys = { groupSize: whole(draw, 0, 3), groupKey: whole(draw, 0, 1), instanceKey: whole(draw, 0, 1) };
  const shape = pick(draw, [[], [0], [3], [40], [2, 20]]);
  const more = { ...keys, timeoutSeconds: PATIENCE_MS / 1000 };
  return graph.device(`${OWN}/device:CPU:${index}`, () => {
    const { ops } = graph;
    const input = ops.fill(shape, 1.5);
    const offsets = pick(draw, [[], [0], [0, -1], [7, -9]]);
    switch (whole(draw, 0, 4)) {
      case 0:
        return ops.collectiveGather(ops.reshape(input, [-1]), { ...more, shape });
      case 1:
        return ops.collectiveBcastSend(input, { ...more, shape: chance(draw, 80) ? shape : [1] });
      case 2:
        return ops.collectiveBcastRecv({ ...more, t: 1, shape });
      case 3:
        return ops.collectiveBcastSendV2(input, keys.groupSize, keys.groupKey, keys.instanceKey, {
          timeoutSeconds: PATIENCE_MS / 1000,
        });
      default:
        return ops.collectiveReduce(input, { ...more, mergeOp: "Add", finalOp: "Div", subdivOffsets: offsets });
    }
  });
}

async function session(draw: Draw): Promise<void> {
  const engine = await open(draw, stranger(draw));
  const { registry, hostname } = engine.master.context;
  const { worker, devices } = engine;
  const { allocator } = devices[0]!;
  const handlers = workerHandlers({ worker, registry, hostname, allocator, describe: (name) => name });
  const ask = async (method: string, request: Uint8Array) => {
    let patience: NodeJS.Timeout | undefined;
    const onCancelled = (cancel: () => void) => {
      patience = setTimeout(cancel, PATIENCE_MS);
    };
    await inTime(method, handlers.get(`/tensorflow.WorkerService/${method}`)!(request, { onCancelled }));
    clearTimeout(patience);
  };
  const keys = () => ({ groupKey: whole(draw, 0, 1), groupSize: whole(draw, -1, 3), deviceType: "CPU" });
  const requests = Array.from({ length: whole(draw, 1, 6) }, () => {
    switch (whole(draw, 0, 3)) {
      case 0:
        return ask("CompleteGroup", wire.CompleteGroupRequest.encode({ ...keys(), deviceAttributes: device(draw) }));
      case 1: {
        const shape = { dim: [{ size: BigInt(whole(draw, -1, 40)), name: "" }], unknownRank: chance(draw, 10) };
        const what = { type: whole(draw, 0, 3), dataType: whole(draw, 0, 3), shape, isSource: chance(draw, 30) };
        const request = { ...keys(), ...what, instanceKey: whole(draw, 0, 1), device: device(draw).name };
        return ask("CompleteInstance", wire.CompleteInstanceRequest.encode(request));
      }
      case 2: {
        const srcIncarnation = chance(draw, 80) ? devices[0]!.attributes.incarnation : 1n;
        const request = { stepId: 5n, bufRendezvousKey: pick(draw, KEYS), srcDevice: NAMES[0]!, srcIncarnation };
        return ask("RecvBuf", wire.RecvBufRequest.encode(request));
      }
      default:
        return ask("GetStepSequence", wire.GetStepSequenceRequest.encode({ graphKey: [BigInt(whole(draw, -1, 1))] }));
    }
  });
  const graph = new Graph();
  const outputs = Array.from({ length: whole(draw, 1, 2) }, (_, index) => member(draw, graph, index));
  const config = ConfigProto.decode(ConfigProto.encode({ deviceFilters: ["/job:worker/task:0"] }));
  const client = new Session({ localMaster: () => engine.localMaster() }, { graph, config });
  for (let steps = whole(draw, 1, 2); steps > 0; steps--) {
    await inTime("a step", client.run(outputs, [], { options: { timeoutInMs: BigInt(4 * PATIENCE_MS) } }));
  }
  await client.close();
  await Promise.all(requests);
  for (const { stepId } of worker.reportSteps()) await worker.cleanupGraph(BigInt(stepId));
  assert.equal([worker.openSteps, ...devices.map((own) => own.allocator.bytesInUse)], [0, 0, 0]);
  await engine.close();
}

/** Waits for an answer or one of our errors. */
async function inTime(what: string, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const hangs = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} hangs`)), HANG_MS);
  });
  try {
    await Promise.race([work, hangs]);
  } catch (error) {
    checkFailure(error);
  } finally {
    clearTimeout(timer);
  }
}

test("members that can't be trusted", () => fuzz(60, session));
test.run();
