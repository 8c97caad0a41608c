// Runs all parts of a plan at once, under one step id: the first error cancels the rest, and errors of several parts are
// told apart as TensorFlow does. It must not know how often a step comes by here.
import { Code, InternalError, type OpError, opErrorFromCode, toOpError } from "../errors/index.js";
import type { Cancellation } from "../kernel/cancellation.js";
import type { RunGraphRequest, RunGraphResponse } from "../worker/worker-interface.js";
import type { Plan, PlanPart } from "./plan.js";

/** What all parts of a step have in common, and what is for the one that the client's tensors pass through. */
type PartsRequest = Omit<RunGraphRequest, "graphHandle">;

const NO_KEYS: readonly string[] = [];
const NO_SENDS: RunGraphRequest["sends"] = [];
/** What a failure is a consequence of is told by another part, once its task or the connection to it is missed. */
const CAUSE_MS = 1_000;

/**
 * @param request `sends` and `recvKeys` are for the part that the client's tensors pass through
 * @returns in the order of the plan's parts. @throws the combined error, once all parts have answered
 */
export async function runParts(
  { parts, clientPart }: Plan,
  request: PartsRequest,
  cancellation: Cancellation,
): Promise<readonly RunGraphResponse[]> {
  const errors: OpError[] = [];
  let late: ReturnType<typeof setTimeout> | undefined;
  const run = async (part: PlanPart): Promise<RunGraphResponse | null> => {
    try {
      return await part.worker.runGraph(partRequest(request, part, part === clientPart), cancellation);
    } catch (error) {
      const failure = consequence(toOpError(error), cancellation);
      errors.push(failure.withMessage(`From ${part.task}:\n${failure.message}`));
      if (failure.derived) late ??= setTimeout(() => cancellation.cancel(failure), CAUSE_MS);
      else cancellation.cancel(failure.asDerived());
      return null;
    }
  };
  const responses = parts.length === 1 ? [await run(parts[0]!)] : await Promise.all(parts.map(run));
  clearTimeout(late);
  if (errors.length === 0) return responses as RunGraphResponse[];
  for (const response of responses) for (const tensor of response?.recvs ?? []) tensor.release();
  throw combine(errors);
}

/** Field by field: every step passes here, and spreading an object takes as long as all else that a small one does. */
const partRequest = (request: PartsRequest, { graphHandle }: PlanPart, isClientPart: boolean): RunGraphRequest => ({
  sessionHandle: request.sessionHandle,
  graphHandle,
  stepId: request.stepId,
  sends: isClientPart ? request.sends : NO_SENDS,
  recvKeys: isClientPart ? request.recvKeys : NO_KEYS,
  isPartial: request.isPartial,
  isLastPartialRun: request.isLastPartialRun,
  recordTimeline: request.recordTimeline,
  recordPartitionGraphs: request.recordPartitionGraphs,
  recordCosts: request.recordCosts,
});

/** What a task says that was told to stop is no cause. */
const consequence = (error: OpError, step: Cancellation): OpError =>
  step.reason !== null && error.code === Code.CANCELLED ? error.asDerived() : error;

/** One error for a step: consequences are left out, several causes are listed. */
export function combine(errors: readonly OpError[]): OpError {
  const causes = new Map<string, OpError>();
  for (const error of errors) if (!error.derived) causes.set(`${error.codeName}: ${error.message}`, error);
  const [first] = causes.values();
  if (first === undefined) return errors[0] ?? new InternalError("The step failed without an error");
  if (causes.size === 1) return first;
  const list = [...causes.keys()].sort().reverse();
  const rule = "=====================";
  return opErrorFromCode(causes.get(list[0]!)!.code, `\n${rule}\n${list.join("\n")}\n${rule}\n`);
}
