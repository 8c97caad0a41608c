// Runs one step of a plan: all its parts at once, and afterwards every part cleans up.
import { Cancellation } from "../kernel/cancellation.js";
import type { Tensor } from "../tensor/tensor.js";
import { CostGraphDef, RunMetadata, type RunOptions, StepStats } from "../wire/core.js";
import type { RunGraphResponse } from "../worker/worker-interface.js";
import type { Plan } from "./plan.js";
import { runParts } from "./run-parts.js";

export interface StepResult {
  /** In the order of the plan's fetches; one hold each passes to the caller. */
  readonly fetches: readonly Tensor[];
  readonly metadata: RunMetadata;
}

/** TraceLevel FULL_TRACE; the lower levels record the same. */
const FULL_TRACE = 3;

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
  const trace = options?.traceLevel === FULL_TRACE;
  const costs = plan.recordsCosts();
  const inner = new Cancellation();
  const cancel = (reason: Error) => inner.cancel(reason);
  cancellation.add(cancel);
  let responses: readonly RunGraphResponse[];
  try {
    responses = await runParts(
      plan,
      {
        sessionHandle,
        stepId,
        sends: plan.feedKeys.map((key, i) => ({ key, tensor: request.feeds[i]! })),
        recvKeys: plan.fetchKeys,
        isPartial: false,
        isLastPartialRun: false,
        recordTimeline: trace,
        recordCosts: costs,
        recordPartitionGraphs: options?.outputPartitionGraphs === true,
      },
      inner,
    );
  } catch (error) {
    throw cancellation.reason ?? error;
  } finally {
    cancellation.remove(cancel);
    for (const { worker } of plan.parts) void worker.cleanupGraph(stepId).catch(() => {});
  }
  const client = plan.parts.indexOf(plan.clientPart!);
  const fetches = client < 0 ? [] : responses[client]!.recvs;
  if (cancellation.reason !== null) {
    for (const tensor of fetches) tensor.release();
    throw cancellation.reason;
  }
  return { fetches, metadata: metadataOf(responses, trace, costs) };
}

function metadataOf(responses: readonly RunGraphResponse[], trace: boolean, costs: boolean): RunMetadata {
  const metadata = RunMetadata.create();
  if (trace) {
    metadata.stepStats = StepStats.create();
    for (const response of responses) metadata.stepStats.devStats.push(...(response.stepStats?.devStats ?? []));
  }
  if (costs) {
    const node = responses.flatMap(({ costGraph }) => costGraph?.node ?? []);
    if (node.length > 0) metadata.costGraph = { ...CostGraphDef.create(), node };
  }
  for (const response of responses) metadata.partitionGraphs.push(...response.partitionGraphs);
  return metadata;
}
