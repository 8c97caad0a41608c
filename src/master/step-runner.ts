// Runs one step of a plan: the same step id on every part, in parallel; the first error cancels the rest; afterwards
// every part cleans up. Errors of several parts are told apart as TensorFlow does.
import { Code, InternalError, type OpError, opErrorFromCode, toOpError } from "../errors/index.js";
import { Cancellation } from "../kernel/cancellation.js";
import type { Tensor } from "../tensor/tensor.js";
import { RunMetadata, type RunOptions, StepStats } from "../wire/core.js";
import type { RunGraphResponse } from "../worker/worker-interface.js";
import type { Plan, PlanPart } from "./plan.js";

export interface StepResult {
  /** In the order of the plan's fetches; one hold each passes to the caller. */
  readonly fetches: readonly Tensor[];
  readonly metadata: RunMetadata;
}

/** TraceLevel FULL_TRACE; the lower levels record the same. */
const NO_TRACE = 0;

export interface StepRequest {
  readonly sessionHandle: string;
  readonly stepId: bigint;
  /** By index of the plan's feeds; one hold each passes to the step. */
  readonly feeds: readonly Tensor[];
  readonly options: RunOptions | null;
}

const IDS_DRAWN = 64;

/** Random, positive, 57 bits: as a real master draws them. Many at once, since a draw costs as much as a small step. */
export function stepIds(random: (bytes: Uint8Array) => void): () => bigint {
  const ids = new BigUint64Array(IDS_DRAWN);
  let next = IDS_DRAWN;
  return () => {
    if (next === IDS_DRAWN) {
      random(new Uint8Array(ids.buffer));
      next = 0;
    }
    const id = BigInt.asUintN(57, ids[next++]!);
    return id === 0n ? 1n : id;
  };
}

export async function runStep(plan: Plan, request: StepRequest, cancellation: Cancellation): Promise<StepResult> {
  const { stepId, sessionHandle, options } = request;
  const trace = (options?.traceLevel ?? NO_TRACE) !== NO_TRACE;
  const errors: OpError[] = [];
  const inner = new Cancellation();
  const cancel = (reason: Error) => inner.cancel(reason);
  cancellation.add(cancel);
  const runPart = async (part: PlanPart): Promise<RunGraphResponse | null> => {
    const isClient = part === plan.clientPart;
    try {
      return await part.worker.runGraph(
        {
          sessionHandle,
          graphHandle: part.graphHandle,
          stepId,
          sends: isClient ? plan.feedKeys.map((key, i) => ({ key, tensor: request.feeds[i]! })) : [],
          recvKeys: isClient ? plan.fetchKeys : [],
          isPartial: false,
          isLastPartialRun: false,
          recordTimeline: trace,
          recordPartitionGraphs: options?.outputPartitionGraphs === true,
        },
        inner,
      );
    } catch (error) {
      const failure = consequence(toOpError(error), inner);
      errors.push(failure.withMessage(`From ${part.task}:\n${failure.message}`));
      inner.cancel(failure.asDerived());
      return null;
    }
  };
  let responses: (RunGraphResponse | null)[];
  try {
    responses = plan.parts.length === 1 ? [await runPart(plan.parts[0]!)] : await Promise.all(plan.parts.map(runPart));
  } finally {
    cancellation.remove(cancel);
    for (const { worker } of plan.parts) void worker.cleanupGraph(stepId).catch(() => {});
  }
  if (errors.length > 0 || cancellation.reason !== null) {
    for (const response of responses) for (const tensor of response?.recvs ?? []) tensor.release();
    throw cancellation.reason ?? combine(errors);
  }
  const client = plan.parts.indexOf(plan.clientPart!);
  return { fetches: client < 0 ? [] : responses[client]!.recvs, metadata: metadataOf(responses, trace) };
}

/** What a task says that was told to stop is no cause. */
const consequence = (error: OpError, step: Cancellation): OpError =>
  step.reason !== null && error.code === Code.CANCELLED ? error.asDerived() : error;

function metadataOf(responses: readonly (RunGraphResponse | null)[], trace: boolean): RunMetadata {
  const metadata = RunMetadata.create();
  if (trace) {
    metadata.stepStats = StepStats.create();
    for (const response of responses) metadata.stepStats.devStats.push(...(response?.stepStats?.devStats ?? []));
  }
  for (const response of responses) metadata.partitionGraphs.push(...(response?.partitionGraphs ?? []));
  return metadata;
}

/** One error for a step: consequences are left out, several causes are listed. */
export function combine(errors: readonly OpError[]): OpError {
  const causes = errors.filter((error) => !error.derived);
  if (causes.length === 0) return errors[0] ?? new InternalError("The step failed without an error");
  if (causes.length === 1) return causes[0]!;
  const sorted = [...causes].sort((a, b) => (a.message < b.message ? 1 : -1));
  const rule = "=====================";
  const list = sorted.map((error) => `${error.codeName}: ${error.message}`).join("\n");
  return opErrorFromCode(sorted[0]!.code, `\n${rule}\n${list}\n${rule}\n`);
}
