// What makes a model ready (`tf.compat.v1.train.Scaffold` and `SessionManager`): the ops that initialize it and tell whether
// it is, the saver that restores it. The chief initializes or restores, workers wait until it has.
import { DeadlineExceededError, FailedPreconditionError } from "../../errors/index.js";
import type { FileSystem } from "../../io/file-system.js";
import { getCheckpointState } from "../checkpoint-state.js";
import type { Feeds } from "../fetches.js";
import type { Graph } from "../graph.js";
import type { Operation, Output } from "../output.js";
import { Saver } from "../saver.js";
import type { CallSettings, Session } from "../session.js";
import { mergeAll } from "../summary.js";
import { reportUninitializedVariables } from "../uninitialized.js";
import { GraphKeys, globalVariables, globalVariablesInitializer, localVariablesInitializer } from "../variable.js";
import { pause } from "./pause.js";

export interface ScaffoldOptions {
  /** Initializes what isn't restored: all global variables unless told otherwise. */
  readonly initOp?: Operation;
  readonly initFeeds?: Feeds;
  /** Called after `initOp`. */
  readonly initFn?: (session: Session) => void | Promise<void>;
  /** Run by each worker: all local variables unless told otherwise. */
  readonly localInitOp?: Operation;
  /** Names of variables without a value: the model is ready when there are none. */
  readonly readyOp?: Output;
  readonly readyForLocalInitOp?: Output;
  /** Of all global variables, sharded, unless told otherwise. */
  readonly saver?: Saver;
  /** What is saved every so many steps: all summaries of the graph, merged, unless told otherwise. */
  readonly summaryOp?: Output;
}

export interface Scaffold extends ScaffoldOptions {
  readonly initOp: Operation;
  readonly localInitOp: Operation;
  readonly readyOp: Output;
  readonly readyForLocalInitOp: Output;
}

/** What is there already, or was made for the graph before. */
function summaryOpOf(graph: Graph): { readonly summaryOp?: Output } {
  const known = graph.collection<Output>(GraphKeys.SUMMARY_OP)[0];
  const summaryOp = known ?? mergeAll(graph);
  if (summaryOp === null) return {};
  if (known === undefined) graph.addToCollection(GraphKeys.SUMMARY_OP, summaryOp);
  return { summaryOp };
}

/** Adds the ops that aren't given. */
export function completeScaffold(graph: Graph, given: ScaffoldOptions, files?: FileSystem): Scaffold {
  return graph.nameScope("", () => ({
    ...(given.summaryOp === undefined ? summaryOpOf(graph) : {}),
    ...given,
    initOp: given.initOp ?? globalVariablesInitializer(graph),
    readyOp: given.readyOp ?? reportUninitializedVariables(graph),
    readyForLocalInitOp: given.readyForLocalInitOp ?? reportUninitializedVariables(graph, globalVariables(graph)),
    localInitOp: given.localInitOp ?? localVariablesInitializer(graph),
    ...(given.saver === undefined && globalVariables(graph).length > 0
      ? { saver: new Saver(graph, undefined, { sharded: true, ...(files === undefined ? {} : { files }) }) }
      : {}),
  }));
}

/** Why the model isn't ready, `null` when it is. */
export async function missingVariables(
  session: Session,
  readyOp: Output,
  settings: CallSettings = {},
): Promise<string | null> {
  try {
    const { data } = await session.run(readyOp, [], settings);
    return data.length === 0 ? null : `Variables not initialized: ${(data as readonly string[]).join(", ")}`;
  } catch (error) {
    if (error instanceof FailedPreconditionError) return error.message;
    throw error;
  }
}

export interface PrepareOptions extends CallSettings {
  readonly checkpointDir?: string | undefined;
  readonly files?: FileSystem | undefined;
}

/** The chief's part: restores the latest checkpoint of the folder, or initializes. @throws FailedPreconditionError */
export async function prepareSession(session: Session, scaffold: Scaffold, options: PrepareOptions): Promise<void> {
  const { signal } = options;
  if (!(await restored(session, scaffold, options))) {
    await session.run(scaffold.initOp, scaffold.initFeeds, { signal });
    await scaffold.initFn?.(session);
  }
  const describe = (state: string, more: string, error: string) =>
    new FailedPreconditionError(
      `Init operations did not make model ready${state}.  Init op: ${scaffold.initOp.name}, ` +
        `init fn: ${scaffold.initFn?.name ?? "None"}, ${more}error: ${error}`,
    );
  const early = await initializeLocals(session, scaffold, options);
  if (early !== null) throw describe(" for local_init", "", early);
  const missing = await missingVariables(session, scaffold.readyOp, options);
  if (missing !== null) throw describe("", `local_init_op: ${scaffold.localInitOp.name}, `, missing);
}

/** A worker's part: asks every so often. @throws DeadlineExceededError */
export async function waitForModel(
  session: Session,
  scaffold: Scaffold,
  { signal, everyMs, maxWaitMs, log }: CallSettings & WaitOptions,
): Promise<void> {
  for (const started = performance.now(); ; ) {
    const early = await initializeLocals(session, scaffold, { signal });
    const missing = early ?? (await missingVariables(session, scaffold.readyOp, { signal }));
    if (missing === null) return;
    if (performance.now() + everyMs > started + maxWaitMs) {
      throw new DeadlineExceededError(`Session was not ready after waiting ${Math.floor(maxWaitMs / 1000)} secs.`);
    }
    log(`Waiting for model to be ready.  ${missing}`);
    await pause(everyMs, signal);
  }
}

export interface WaitOptions {
  readonly everyMs: number;
  readonly maxWaitMs: number;
  readonly log: (line: string) => void;
}

async function restored(session: Session, { saver }: Scaffold, options: PrepareOptions): Promise<boolean> {
  const { checkpointDir, files, signal } = options;
  if (saver === undefined || checkpointDir === undefined) return false;
  const state = await getCheckpointState(checkpointDir, files === undefined ? {} : { files });
  if (state === null || state.modelCheckpointPath === "") return false;
  await saver.restore(session, state.modelCheckpointPath, { signal });
  await saver.recoverLastCheckpoints(state.allModelCheckpointPaths);
  return true;
}

/** @returns why it is too early for that, `null` when it is done */
async function initializeLocals(session: Session, scaffold: Scaffold, settings: CallSettings): Promise<string | null> {
  const missing = await missingVariables(session, scaffold.readyForLocalInitOp, settings);
  if (missing === null) await session.run(scaffold.localInitOp, [], settings);
  return missing;
}
