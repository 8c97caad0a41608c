// Parts that fail, together and one because of another: what the client is told, and what is let go.
import * as assert from "uvu/assert";
import {
  CancelledError,
  Code,
  InternalError,
  InvalidArgumentError,
  type OpError,
  UnavailableError,
} from "../../../src/errors/index.js";
import { Cancellation } from "../../../src/kernel/cancellation.js";
import type { Plan } from "../../../src/master/plan.js";
import { combine, runParts } from "../../../src/master/run-parts.js";
import { DataType } from "../../../src/tensor/dtype.js";
import { Tensor } from "../../../src/tensor/tensor.js";
import type { WorkerInterface } from "../../../src/worker/worker-interface.js";
import { test } from "../../support/suite.js";

const PS = "/job:ps/replica:0/task:0";
const WORKER = "/job:worker/replica:0/task:0";
const REQUEST = {
  sessionHandle: "s",
  stepId: 1n,
  sends: [],
  recvKeys: [],
  isPartial: false,
  isLastPartialRun: false,
  recordTimeline: false,
  recordCosts: false,
  recordPartitionGraphs: false,
};

/** A plan as far as running its parts goes; the first is the client's. */
function planOf(runs: Readonly<Record<string, WorkerInterface["runGraph"]>>): Plan {
  const parts = Object.entries(runs).map(([task, runGraph]) => ({
    task,
    worker: { runGraph } as WorkerInterface,
    graphHandle: "1",
  }));
  return { parts, clientPart: parts[0]! } as Partial<Plan> as Plan;
}

const failing = (error: Error) => async () => {
  throw error;
};

const failure = async (plan: Plan): Promise<OpError> =>
  runParts(plan, REQUEST, new Cancellation()).then(
    () => assert.unreachable() as never,
    (error: OpError) => error,
  );

test("the first failure cancels the other parts, whose complaints don't count", async () => {
  const cancelled: WorkerInterface["runGraph"] = (_, signal) =>
    new Promise((_resolve, reject) => signal.add(() => reject(new CancelledError("RPC was cancelled"))));
  const error = await failure(planOf({ [WORKER]: cancelled, [PS]: failing(new InvalidArgumentError("boom")) }));
  assert.is(error.code, Code.INVALID_ARGUMENT);
  assert.is(error.message, `From ${PS}:\nboom`);
});

test("a failure that is another's consequence doesn't keep the cause from being told", async () => {
  const gone: WorkerInterface["runGraph"] = (_, signal) =>
    new Promise((_resolve, reject) => {
      signal.add(reject);
      setTimeout(() => reject(new UnavailableError("Socket closed")), 20);
    });
  const consequence = new CancelledError("RPC was cancelled by the master").asDerived();
  const error = await failure(planOf({ [WORKER]: failing(consequence), [PS]: gone }));
  assert.is(error.code, Code.UNAVAILABLE);
  assert.is(error.message, `From ${PS}:\nSocket closed`);
});

test("tensors of a part that went well are let go when another fails", async () => {
  const tensor = Tensor.ofValues(DataType.STRING, [], [new Uint8Array(0)]);
  const fine = async () => ({ recvs: [tensor], stepStats: null, costGraph: null, partitionGraphs: [] });
  await failure(planOf({ [WORKER]: fine, [PS]: failing(new InternalError("boom")) }));
  assert.is(tensor.refs, 0);
});

test("several causes are listed, the last in the alphabet first; the same one only once", () => {
  const rule = "=====================";
  const errors = [
    new InvalidArgumentError("a"),
    new InternalError("b"),
    new InvalidArgumentError("a"),
    new CancelledError("c").asDerived(),
  ];
  const error = combine(errors);
  assert.is(error.message, `\n${rule}\nINVALID_ARGUMENT: a\nINTERNAL: b\n${rule}\n`);
  assert.is(error.code, Code.INVALID_ARGUMENT);
  assert.is(combine(errors.slice(2)).message, "a");
  assert.is(combine(errors.slice(3)).message, "c");
});

test.run();
