// What real masters and peers asked of a worker, spoilt while its handles are alive: partitions registered with wrong
// nodes, runs of them that send and ask for wrong keys, tensors that nobody makes. An answer or one of our errors, in
// time, and after CleanupGraph and DeleteWorkerSession nothing of it stays.
import * as assert from "uvu/assert";
import type { CollectivePeer } from "../../src/collective/peer.js";
import { UnavailableError } from "../../src/errors/index.js";
import { workerHandlers } from "../../src/rpc/worker-service.js";
import { Engine } from "../../src/server/engine.js";
import { GraphDef } from "../../src/wire/core.js";
import * as wire from "../../src/wire/worker.js";
import type { Connect, PeerTransfer } from "../../src/worker/peers.js";
import { LEGACY_SESSION } from "../../src/worker/worker.js";
import type { WorkerInterface } from "../../src/worker/worker-interface.js";
import { chance, checkFailure, type Draw, FUZZ_DEADLINE_MS, fuzz, pick, whole } from "../support/fuzz.js";
import { spoilBytes, spoilGraph } from "../support/fuzz-message.js";
import { type Conversation, incarnationOf, othersOf, readConversations } from "../support/golden-worker.js";
import { suite } from "../support/suite.js";

const test = suite("worker", { deadlineMs: FUZZ_DEADLINE_MS });
/** A master gives up after this long; the worker must have let go of the call this much later. */
const PATIENCE_MS = 40;
const HANG_MS = 5_000;
const FOREIGN =
  /Cannot (read|set|mix|convert|destructure)|is not (a function|iterable|defined)|Invalid (array|typed array|string) length|out of bounds|call stack|unreachable|BigInt|offset is|undefined/;

/** Tasks that never send, or are gone. */
const transfer: PeerTransfer = {
  receive(stepId, _, signal, arrived) {
    if (stepId % 2n === 0n) arrived(new UnavailableError("gone"), null, false, 0);
    else signal.add((reason) => arrived(reason, null, false, 0));
  },
};
const worker = {} as WorkerInterface;
const collectives = {} as CollectivePeer;

interface Target {
  readonly engine: Engine;
  readonly ask: (method: string, request: Uint8Array) => Promise<Uint8Array | null>;
  readonly registrations: readonly wire.RegisterGraphRequest[];
  readonly runs: readonly wire.RunGraphRequest[];
  readonly keys: readonly string[];
}

async function open(conversation: Conversation): Promise<Target> {
  const { task, calls } = conversation;
  const connectWith = (): Connect => () => ({
    peers: new Map(othersOf(task).map((other) => [other, { worker, transfer, collectives }])),
    leave() {},
  });
  const options = { log: () => {}, newIncarnation: () => incarnationOf(conversation) };
  const engine = await Engine.open(task, /\/job:(\w+)/.exec(task)![1]!, null, options, {
    def: { job: [] },
    connectWith,
  });
  const { registry, hostname } = engine.master.context;
  const { allocator } = engine.devices[0]!;
  const handlers = workerHandlers({ worker: engine.worker, registry, hostname, allocator, describe: (name) => name });
  const requests = (method: string) =>
    calls.filter((call) => call.method === method).map(({ request }) => Buffer.from(request, "base64"));
  const runs = requests("RunGraph").map((bytes) => wire.RunGraphRequest.decode(bytes));
  return {
    engine,
    registrations: requests("RegisterGraph").map((bytes) => wire.RegisterGraphRequest.decode(bytes)),
    runs,
    keys: [
      ...runs.flatMap(({ send, recvKey }) => [...send.map(({ name }) => name), ...recvKey]),
      ...requests("RecvTensor").map((bytes) => wire.RecvTensorRequest.decode(bytes).rendezvousKey),
    ],
    async ask(method, request) {
      let timer: NodeJS.Timeout | undefined;
      let patience: NodeJS.Timeout | undefined;
      const hangs = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error(`${method} hangs`)), HANG_MS);
      });
      const onCancelled = (cancel: () => void) => {
        patience = setTimeout(cancel, PATIENCE_MS);
      };
      try {
        return await Promise.race([
          handlers.get(`/tensorflow.WorkerService/${method}`)!(request, { onCancelled }),
          hangs,
        ]);
      } catch (error) {
        checkFailure(error);
        assert.not.match((error as Error).message, FOREIGN);
        return null;
      } finally {
        clearTimeout(timer);
        clearTimeout(patience);
      }
    },
  };
}

const conversations = readConversations()
  .filter(({ calls }) => ["RegisterGraph", "RunGraph"].every((method) => calls.some((call) => call.method === method)))
  .filter((_, i) => i % 4 === 0);
const targets = await Promise.all(conversations.map(open));

/** Keys as they were, of other steps, cut, without parts. */
function spoilKey(draw: Draw, { keys }: Target, key: string): string {
  const parts = key.split(";");
  switch (whole(draw, 0, 6)) {
    case 0:
      return pick(draw, keys);
    case 1:
      return key.slice(0, whole(draw, 0, key.length));
    case 2:
      return parts.slice(0, -1).join(";");
    case 3:
      return parts.map((part, i) => (i === 1 ? "0000000000000001" : part)).join(";");
    case 4:
      return `${parts.slice(0, -1).join(";")};${pick(draw, ["1:0", "0:18446744073709551616", "x:y", "-1:-1"])}`;
    case 5:
      return `${key};`;
    default:
      return "";
  }
}

async function session(draw: Draw): Promise<void> {
  const target = pick(draw, targets);
  const { engine, ask } = target;
  const own = { sessionHandle: "s", createWorkerSessionCalled: true };
  await ask("CreateWorkerSession", wire.CreateWorkerSessionRequest.encode({ sessionHandle: "s" }));
  const registration = pick(draw, target.registrations);
  const given = registration.graphDef ?? GraphDef.create();
  const graphDef = chance(draw, 80) ? spoilGraph(draw, given) : given;
  let bytes: Uint8Array = wire.RegisterGraphRequest.encode({ ...registration, ...own, graphDef });
  if (chance(draw, 20)) bytes = spoilBytes(draw, bytes);
  const registered = await ask("RegisterGraph", bytes);
  const graphHandle =
    registered === null ? "0000000000000001" : wire.RegisterGraphResponse.decode(registered).graphHandle;
  for (let steps = whole(draw, 1, 3); steps > 0; steps--) {
    const recorded = pick(draw, target.runs);
    const spoil = (key: string) => (chance(draw, 40) ? spoilKey(draw, target, key) : key);
    const stepId = BigInt(whole(draw, 1, 4));
    const run = {
      ...recorded,
      ...own,
      graphHandle,
      stepId,
      requestId: 0n,
      send: recorded.send.map((one) => ({ ...one, name: spoil(one.name) })),
      recvKey: recorded.recvKey.map(spoil),
      isPartial: chance(draw, 20),
      isLastPartialRun: chance(draw, 20),
    };
    let request: Uint8Array = wire.RunGraphRequest.encode(run);
    if (chance(draw, 15)) request = spoilBytes(draw, request);
    const wanted = { stepId, rendezvousKey: spoil(pick(draw, target.keys)) };
    const [answer] = await Promise.all([
      ask("RunGraph", request),
      ask("RecvTensor", wire.RecvTensorRequest.encode(wanted)),
    ]);
    if (answer !== null) assert.not.match(wire.RunGraphResponse.decode(answer).statusErrorMessage, FOREIGN);
    if (chance(draw, 50)) await ask("CleanupGraph", wire.CleanupGraphRequest.encode({ stepId }));
  }
  await ask("DeleteWorkerSession", wire.DeleteWorkerSessionRequest.encode({ sessionHandle: "s" }));
  // Bytes may have named any session, and any step.
  for (const { handle } of engine.worker.reportSessions()) await engine.worker.deleteWorkerSession(handle);
  await engine.worker.deleteWorkerSession(LEGACY_SESSION);
  for (const { stepId } of engine.worker.reportSteps()) {
    await ask("CleanupGraph", wire.CleanupGraphRequest.encode({ stepId: BigInt(stepId) }));
  }
  engine.worker.resources.clear();
  assert.equal([engine.worker.openSteps, engine.devices[0]!.allocator.bytesInUse], [0, 0]);
}

test("partitions and runs of them, spoilt", () => fuzz(120, session));

test.after(async () => {
  for (const { engine } of targets) await engine.close();
});
test.run();
