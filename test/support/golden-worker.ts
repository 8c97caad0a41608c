// Replays what recorded masters and peers asked of a task against a worker in this process, which has the recorded
// task's name and incarnation; other tasks give it the tensors that they gave then. Requests come one after the other
// or at once, as they came. conformance/golden/pack_worker.py makes the fixture.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import type { CollectivePeer } from "../../src/collective/peer.js";
import { Code, opErrorFromCode } from "../../src/errors/index.js";
import { variantCodec } from "../../src/ops/variant-codec.js";
import { toStatus } from "../../src/rpc/status.js";
import { workerHandlers } from "../../src/rpc/worker-service.js";
import { Engine } from "../../src/server/engine.js";
import { tensorFromProto } from "../../src/tensor/proto.js";
import {
  CleanupGraphRequest,
  DeleteWorkerSessionRequest,
  GetStatusResponse,
  RecvTensorRequest,
  RecvTensorResponse,
  RegisterGraphResponse,
  RunGraphRequest,
  RunGraphResponse,
} from "../../src/wire/worker.js";
import type { Connect, PeerTransfer } from "../../src/worker/peers.js";
import type { WorkerInterface } from "../../src/worker/worker-interface.js";
import { first, tensorDifference, textDifference } from "./golden.js";
import type { Rule } from "./op-cases.js";

interface Recorded {
  readonly request: string;
  readonly response?: string;
  readonly error?: readonly [code: keyof typeof Code, details: string];
  readonly cancelled?: boolean;
  /** Microseconds at which it began and ended. */
  readonly times: readonly [number, number];
}

interface Call extends Recorded {
  readonly n: number;
  readonly method: string;
}

export interface Conversation {
  readonly name: string;
  readonly task: string;
  readonly calls: readonly Call[];
  readonly answers: readonly Recorded[];
}

const root = join(dirname(fileURLToPath(import.meta.url)), "../../..");
const bytesOf = (text: string): Buffer => Buffer.from(text, "base64");

export function readConversations(): readonly Conversation[] {
  const file = gunzipSync(readFileSync(join(root, "test/golden/data/worker.gz")));
  return (JSON.parse(file.toString()) as { conversations: Conversation[] }).conversations;
}

/** The last GetStatus, where the task was started anew in between, or any key that names it. */
export function incarnationOf({ calls, answers, task }: Conversation): bigint {
  const status = calls.filter(({ method, response }) => method === "GetStatus" && response !== undefined).at(-1);
  if (status !== undefined) return GetStatusResponse.decode(bytesOf(status.response!)).deviceAttributes[0]!.incarnation;
  const key = [...calls, ...answers].map(({ request }) => bytesOf(request).toString("latin1")).join();
  const digits = new RegExp(`${task}/device:CPU:0;([0-9a-f]{16});`).exec(key);
  return BigInt(`0x${digits![1]}`);
}

/** @returns a line for each answer that differs */
export async function replayWorker(
  conversation: Conversation,
  rule: (call: number) => Rule | "shape" | "none",
): Promise<string[]> {
  const { task, calls, answers } = conversation;
  const connectWith = (): Connect => () => ({
    peers: new Map(othersOf(task).map((other) => [other, { worker, transfer, collectives }])),
    leave() {},
  });
  // A worker runs nothing on its peers.
  const worker = {} as WorkerInterface;
  const collectives = {} as CollectivePeer;
  const given = new Map(answers.map((answer) => [identity(bytesOf(answer.request)), answer]));
  const transfer: PeerTransfer = {
    receive(stepId, key, signal, arrived) {
      const answer = given.get(`${stepId} ${key}`);
      if (answer?.response === undefined) {
        const error = answer?.error;
        if (error === undefined) signal.add((reason) => arrived(reason, null, false, 0));
        else arrived(opErrorFromCode(Code[error[0]], error[1]), null, false, 0);
        return;
      }
      const { tensor, isDead } = RecvTensorResponse.decode(bytesOf(answer.response));
      // What a peer made of tensors of this task comes after them.
      void answeredBefore(answer.times[1]).then(() => {
        arrived(null, tensorFromProto(tensor!, engine.devices[0]!.allocator, variantCodec), isDead, 0);
      });
    },
  };
  const ends = calls.map(() => {
    let resolve = () => {};
    const promise = new Promise<void>((done) => (resolve = done));
    return { promise, resolve };
  });
  const answeredBefore = async (time: number) => {
    await Promise.all(ends.filter((_, i) => calls[i]!.times[1] <= time).map(({ promise }) => promise));
  };
  const newIncarnation = () => incarnationOf(conversation);
  const job = /\/job:(\w+)/.exec(task)![1]!;
  const engine = await Engine.open(
    task,
    job,
    null,
    { log: () => {}, newIncarnation },
    { def: { job: [] }, connectWith },
  );
  const { registry, hostname } = engine.master.context;
  const { allocator } = engine.devices[0]!;
  const handlers = workerHandlers({
    worker: engine.worker,
    registry,
    hostname,
    allocator,
    describe: () => "goo.gle/debugonly x",
  });
  const problems: string[] = [];
  for (const [k, call] of calls.entries()) {
    await answeredBefore(call.times[0]);
    let cancel = () => {};
    void handlers.get(`/tensorflow.WorkerService/${call.method}`)!(bytesOf(call.request), {
      onCancelled: (stop) => (cancel = stop),
    })
      .then(
        (bytes) => ({ bytes: Buffer.from(bytes) }),
        (error: unknown) => toStatus(error),
      )
      .then((answer) => {
        ends[k]!.resolve();
        if (call.cancelled === true) return;
        const how = rule(call.n);
        const found = how === "none" ? null : differs(call, answer, how);
        if (found !== null) problems.push(`${call.n} ${call.method}: ${found}`);
      })
      .catch((error: unknown) => problems.push(`${call.n} ${call.method}: ${error}`));
    if (call.cancelled === true) setTimeout(() => cancel(), Math.min(100, (call.times[1] - call.times[0]) / 1000));
  }
  await answeredBefore(Number.POSITIVE_INFINITY);
  const open = stepsLeftOpen(calls);
  if (engine.worker.openSteps !== open) problems.push(`${engine.worker.openSteps} steps are open, not ${open}`);
  await engine.close();
  if (allocator.blocksInUse > 0) problems.push(`${allocator.blocksInUse} blocks of memory are still held`);
  return problems;
}

export const othersOf = (task: string): string[] =>
  ["ps/replica:0/task:0", "worker/replica:0/task:0", "worker/replica:0/task:1"]
    .map((name) => `/job:${name}`)
    .filter((name) => name !== task);

/** Steps that nobody cleaned up, and whose session wasn't deleted. */
function stepsLeftOpen(calls: readonly Call[]): number {
  const open = new Map<bigint, string>();
  for (const { method, request, error, response } of calls) {
    if (method === "CleanupGraph") open.delete(CleanupGraphRequest.decode(bytesOf(request)).stepId);
    if (method === "DeleteWorkerSession") {
      const { sessionHandle } = DeleteWorkerSessionRequest.decode(bytesOf(request));
      for (const [stepId, session] of open) if (session === sessionHandle) open.delete(stepId);
    }
    if (method !== "RunGraph" || error !== undefined) continue;
    const { statusErrorMessage } = RunGraphResponse.decode(bytesOf(response ?? ""));
    const { stepId, sessionHandle } = RunGraphRequest.decode(bytesOf(request));
    if (!/is not found|received twice/.test(statusErrorMessage)) open.set(stepId, sessionHandle);
  }
  return open.size;
}

const identity = (request: Uint8Array): string => {
  const { stepId, rendezvousKey } = RecvTensorRequest.decode(request);
  return `${stepId} ${rendezvousKey}`;
};

type Answer = { readonly bytes: Buffer } | { readonly code: number; readonly details: string };
const NO_HANDLES = new Map<string, string>();

function differs(call: Call, answer: Answer, rule: Rule | "shape"): string | null {
  if (call.error !== undefined) {
    const [name, details] = call.error;
    if (!("code" in answer)) return `succeeds, expected ${name}: ${details}`;
    return textDifference(Code[name], details, answer.code, answer.details, NO_HANDLES);
  }
  if ("code" in answer) return `error ${answer.code}: ${answer.details}\n    expected success`;
  const recorded = bytesOf(call.response!);
  switch (call.method) {
    case "RunGraph":
      return ranDifference(RunGraphResponse.decode(recorded), RunGraphResponse.decode(answer.bytes), rule);
    case "RecvTensor": {
      const expected = RecvTensorResponse.decode(recorded);
      const own = RecvTensorResponse.decode(answer.bytes);
      if (own.isDead !== expected.isDead) return `dead is ${own.isDead}, expected ${expected.isDead}`;
      return tensorDifference(own.tensor!, expected.tensor!, rule);
    }
    case "RegisterGraph": {
      const [own, expected] = [answer.bytes, recorded].map((bytes) => RegisterGraphResponse.decode(bytes).graphHandle);
      return own === expected ? null : `handle ${own}, expected ${expected}`;
    }
    case "GetStatus":
    case "GetStepSequence":
    case "Logging":
      return null;
    default:
      return answer.bytes.equals(recorded)
        ? null
        : `${answer.bytes.toString("hex")}, expected ${recorded.toString("hex")}`;
  }
}

function ranDifference(expected: RunGraphResponse, own: RunGraphResponse, rule: Rule | "shape"): string | null {
  const { statusCode, statusErrorMessage } = expected;
  const text = textDifference(statusCode, statusErrorMessage, own.statusCode, own.statusErrorMessage, NO_HANDLES);
  if (text !== null) return text;
  if (own.recv.length !== expected.recv.length) return `${own.recv.length} tensors, expected ${expected.recv.length}`;
  return first(
    expected.recv.map(({ name, tensor }) => {
      const actual = own.recv.find((one) => one.name === name);
      const found = actual === undefined ? "is missing" : tensorDifference(actual.tensor!, tensor!, rule);
      return found === null ? null : `${name} ${found}`;
    }),
  );
}
