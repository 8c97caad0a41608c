// `tf.compat.v1.train.MonitoredTrainingSession`: steps with hooks around them, in a session that is made ready first and
// made anew when a task died or went away. Steps are run again then: who calls sees no AbortedError, no UnavailableError.
import {
  AbortedError,
  FailedPreconditionError,
  InvalidArgumentError,
  OutOfRangeError,
  UnavailableError,
} from "../../errors/index.js";
import type { FileSystem } from "../../io/file-system.js";
import { logLine } from "../../platform/node.js";
import type { TlsOptions } from "../../transport/tls.js";
import type { ConfigProto, RunMetadata, RunOptions } from "../../wire/core.js";
import { type FeedKey, type Feeds, type Fetch, type Fetched, feedPairs, nameOf } from "../fetches.js";
import { FileWriter } from "../file-writer.js";
import type { Graph } from "../graph.js";
import { type CallSettings, type RunSettings, Session, type SessionHost } from "../session.js";
import { StepCounterHook } from "./basic-hooks.js";
import { CheckpointSaverHook } from "./checkpoint-saver-hook.js";
import { Coordinator, startQueueRunners } from "./coordinator.js";
import type { Log, SessionRunArgs, SessionRunContext, SessionRunHook } from "./hooks.js";
import { pause } from "./pause.js";
import { completeScaffold, prepareSession, type Scaffold, type ScaffoldOptions, waitForModel } from "./scaffold.js";
import { SummarySaverHook } from "./summary-saver-hook.js";

export interface MonitoredSessionOptions extends CallSettings {
  readonly graph: Graph;
  /** `grpc://host:port`, or a server in this process. A session without a server when left out. */
  readonly master?: string | SessionHost | undefined;
  /** Whether this task initializes, restores and saves for all; true unless told otherwise. */
  readonly isChief?: boolean;
  readonly scaffold?: ScaffoldOptions;
  readonly hooks?: readonly SessionRunHook[];
  readonly chiefOnlyHooks?: readonly SessionRunHook[];
  /** Where checkpoints are restored from and saved to. */
  readonly checkpointDir?: string | undefined;
  /** 600 unless one of both is given; 0 for no checkpoints. */
  readonly saveCheckpointSecs?: number;
  readonly saveCheckpointSteps?: number;
  /** How often the chief saves `scaffold.summaryOp`, all summaries of the graph: every 100 steps unless one of both is given; 0 for never. */
  readonly saveSummariesSteps?: number;
  readonly saveSummariesSecs?: number;
  /** Where summaries are saved: `checkpointDir` unless told otherwise; nowhere without either. */
  readonly summaryDir?: string | undefined;
  /** Whether the graph is written beside the checkpoints; true unless told otherwise. */
  readonly saveGraphDef?: boolean;
  /** How often the chief logs and saves its speed, where there is a `summaryDir`: 100; 0 for never. */
  readonly logStepCountSteps?: number;
  readonly config?: ConfigProto | undefined;
  /** As a Session takes it. */
  readonly tls?: TlsOptions | undefined;
  /** How long a worker waits for the chief: 7200. */
  readonly maxWaitSecs?: number;
  /** How long it waits between two looks, and any task before it makes a session anew: 0.5. */
  readonly recoveryWaitSecs?: number;
  /** How long queue runners may go on after the end: 0.5. */
  readonly stopGracePeriodSecs?: number;
  /** Standard error unless told otherwise. */
  readonly log?: Log;
  /** This process' files unless told otherwise. */
  readonly files?: FileSystem;
}

/** A session with what belongs to it alone. */
interface Open {
  readonly session: Session;
  readonly coordinator: Coordinator;
  stopRequested: boolean;
}

/** A session that is being made. */
interface Opening {
  readonly made: Promise<Open>;
  stop(): void;
}

const isPreemption = (error: unknown): boolean => error instanceof AbortedError || error instanceof UnavailableError;

export class MonitoredSession implements AsyncDisposable {
  readonly #hooks: readonly SessionRunHook[];
  readonly #scaffold: Scaffold;
  readonly #log: Log;
  #open: Open | null = null;
  #opening: Opening | null = null;
  #closed: Promise<void> | null = null;
  /** Whether the last step failed, as far as anyone knows for good. */
  #failed = false;

  private constructor(
    readonly options: MonitoredSessionOptions,
    readonly summaryWriter: FileWriter | undefined,
  ) {
    const { graph, scaffold = {}, files } = options;
    this.#log = options.log ?? logLine;
    this.#hooks = allHooks(options, this.#log, () => this.#scaffold, summaryWriter);
    for (const hook of this.#hooks) hook.begin?.(graph);
    this.#scaffold = completeScaffold(graph, scaffold, files);
  }

  /**
   * Calls the hooks' `begin`, then makes the session and the model ready; a worker waits for the chief.
   * @throws DeadlineExceededError when it waited too long, OpError as the master gives it
   */
  static async open(options: MonitoredSessionOptions): Promise<MonitoredSession> {
    const { isChief = true, checkpointDir, summaryDir = checkpointDir, files } = options;
    const writes = isChief && summaryDir !== undefined;
    const writer = writes ? await FileWriter.open(summaryDir, files === undefined ? {} : { files }) : undefined;
    try {
      const monitored = new MonitoredSession(options, writer);
      await monitored.#ready(options.signal);
      return monitored;
    } catch (error) {
      await writer?.close();
      throw error;
    }
  }

  get graph(): Graph {
    return this.options.graph;
  }

  /** Whether there are to be no more steps: a hook said so, what runs beside them failed, or it is closed. */
  shouldStop(): boolean {
    if (this.#closed !== null) return true;
    if (this.#open === null) return false;
    const { coordinator, stopRequested } = this.#open;
    return stopRequested || (coordinator.shouldStop && !isPreemption(coordinator.error));
  }

  /**
   * A step with the hooks around it.
   * @throws FailedPreconditionError once it should stop
   */
  run<const F extends Fetch>(fetches: F, feeds: Feeds = [], settings: RunSettings = {}): Promise<Fetched<F>> {
    return this.#run(fetches, feeds, settings) as never;
  }

  /** Calls the hooks' `end` unless the last step failed, and ends what runs. @throws what made the queue runners stop */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** The body of `with` in Python: at the end of the input, and when the work is done, hooks are told of the end. */
  async within(body: (session: MonitoredSession) => Promise<void>): Promise<void> {
    try {
      await body(this);
    } catch (error) {
      if (!(error instanceof OutOfRangeError)) {
        this.#failed = true;
        // The first failure is what the caller hears of.
        await this.close().catch(() => {});
        throw error;
      }
    }
    // Failures that the body has seen to count no more.
    this.#failed = false;
    await this.close();
  }

  async #run(fetches: Fetch, feeds: Feeds, settings: RunSettings): Promise<unknown> {
    for (;;) {
      if (this.shouldStop() && this.#open?.coordinator.error === undefined) {
        throw new FailedPreconditionError("Run called even after should_stop requested.");
      }
      let open: Open | null = null;
      try {
        open = this.#open ?? (await this.#ready(settings.signal));
        const found = await this.#step(open, fetches, feeds, settings);
        this.#failed = false;
        return found;
      } catch (thrown) {
        // What stopped the queue runners is why the step failed.
        const error = isPreemption(thrown) ? thrown : (open?.coordinator.error ?? thrown);
        if (open === null || this.#closed !== null || !isPreemption(error)) {
          this.#failed = !(error instanceof OutOfRangeError);
          throw error;
        }
        // Steps may run side by side: the first one that fails ends the session.
        if (this.#open !== open) continue;
        this.#log(`A task was lost, a new session will be made. Error: ${(error as Error).message}`);
        this.#open = null;
        await this.#end(open.session, open.coordinator);
      }
    }
  }

  async #close(): Promise<void> {
    try {
      await this.#finish();
    } finally {
      await this.summaryWriter?.close();
    }
  }

  async #finish(): Promise<void> {
    this.#opening?.stop();
    await this.#opening?.made.catch(() => {});
    if (this.#open === null) return;
    const { session, coordinator } = this.#open;
    if (this.#failed) return this.#end(session, coordinator);
    let failure: unknown;
    try {
      for (const hook of this.#hooks) await hook.end?.(session);
    } catch (error) {
      failure = error;
    }
    await this.#end(session, coordinator);
    failure = coordinator.error ?? failure;
    if (failure !== undefined) throw failure;
  }

  /** A task that is gone can't be told of the end. */
  async #end(session: Session, coordinator: Coordinator): Promise<void> {
    await coordinator.join(1000 * (this.options.stopGracePeriodSecs ?? 0.5));
    await session.close().catch((error: Error) => this.#log(`The session could not be closed: ${error.message}`));
  }

  /** One session for all who wait for one; the signal of who came first ends the making of it. */
  #ready(signal: AbortSignal | undefined): Promise<Open> {
    if (this.#opening !== null) return this.#opening.made;
    const stopped = new AbortController();
    const stop = () => stopped.abort(signal?.reason);
    if (signal?.aborted) stop();
    signal?.addEventListener("abort", stop, { once: true });
    const make = async (): Promise<Open> => {
      try {
        this.#open = await this.#create(stopped.signal);
        return this.#open;
      } finally {
        signal?.removeEventListener("abort", stop);
        this.#opening = null;
      }
    };
    const made = make();
    this.#opening = { made, stop };
    return made;
  }

  async #create(signal: AbortSignal): Promise<Open> {
    const everyMs = 1000 * (this.options.recoveryWaitSecs ?? 0.5);
    for (;;) {
      const { graph, master, config, tls } = this.options;
      const session = new Session(master, config === undefined ? { graph, tls } : { graph, config, tls });
      const coordinator = new Coordinator();
      try {
        await this.#prepare(session, signal, everyMs);
        startQueueRunners(session, coordinator);
        for (const hook of this.#hooks) await hook.afterCreateSession?.(session, coordinator);
        return { session, coordinator, stopRequested: false };
      } catch (error) {
        await this.#end(session, coordinator);
        if (!isPreemption(error)) throw error;
        this.#log(
          `A task was lost while a session was made, it will be tried again. Error: ${(error as Error).message}`,
        );
        await pause(everyMs, signal);
      }
    }
  }

  #prepare(session: Session, signal: AbortSignal, everyMs: number): Promise<void> {
    const { isChief = true, checkpointDir, files, maxWaitSecs = 7200 } = this.options;
    if (isChief) return prepareSession(session, this.#scaffold, { checkpointDir, files, signal });
    return waitForModel(session, this.#scaffold, { signal, everyMs, maxWaitMs: 1000 * maxWaitSecs, log: this.#log });
  }

  async #step(open: Open, fetches: Fetch, feeds: Feeds, settings: RunSettings): Promise<unknown> {
    const { session } = open;
    const context: SessionRunContext = {
      originalArgs: { fetches, feeds },
      session,
      requestStop: () => {
        open.stopRequested = true;
      },
    };
    const asked: SessionRunArgs[] = [];
    for (const hook of this.#hooks) asked.push((await hook.beforeRun?.(context)) ?? {});
    let metadata: RunMetadata | undefined;
    const all: readonly Fetch[] = [fetches, ...asked.map((args) => args.fetches ?? [])];
    const stepSettings: RunSettings = {
      ...settings,
      options: mergedOptions(settings.options, asked),
      onMetadata: (given) => {
        metadata = given;
        settings.onMetadata?.(given);
      },
    };
    // What hooks ask for has no type that is known here.
    const found: readonly unknown[] = await session.run(all as never, mergedFeeds(feeds, asked), stepSettings);
    for (const [i, hook] of this.#hooks.entries()) {
      await hook.afterRun?.(context, { results: found[i + 1], metadata });
    }
    return found[0];
  }
}

/** Opens a monitored session, runs `body` in it and closes it, as `with` does in Python. */
export async function monitoredTrainingSession(
  options: MonitoredSessionOptions,
  body: (session: MonitoredSession) => Promise<void>,
): Promise<void> {
  const session = await MonitoredSession.open(options);
  await session.within(body);
}

/** Those that the options ask for, in TensorFlow's order. */
function allHooks(
  options: MonitoredSessionOptions,
  log: Log,
  scaffold: () => Scaffold,
  summaryWriter: FileWriter | undefined,
): SessionRunHook[] {
  const { isChief = true, hooks = [], chiefOnlyHooks = [], checkpointDir, logStepCountSteps = 100, files } = options;
  if (!isChief) return [...hooks];
  const all = [...chiefOnlyHooks];
  if (summaryWriter !== undefined) {
    if (logStepCountSteps > 0) all.push(new StepCounterHook({ everyNSteps: logStepCountSteps, summaryWriter, log }));
    const { saveSummariesSecs: saveSecs, saveSummariesSteps } = options;
    const saveSteps = saveSummariesSteps ?? (saveSecs === undefined ? 100 : undefined);
    if ((saveSteps ?? 0) > 0 || (saveSecs ?? 0) > 0) {
      all.push(new SummarySaverHook({ saveSteps, saveSecs, summaryOp: () => scaffold().summaryOp, summaryWriter }));
    }
  }
  if (checkpointDir !== undefined) {
    const { saveGraphDef = true, saveCheckpointSteps: saveSteps, saveCheckpointSecs } = options;
    const saveSecs = saveCheckpointSecs ?? (saveSteps === undefined ? 600 : undefined);
    if ((saveSteps ?? 0) > 0 || (saveSecs ?? 0) > 0) {
      const saver = () => scaffold().saver;
      const more = { saveGraphDef, summaryWriter, files, log };
      all.push(new CheckpointSaverHook(checkpointDir, { saveSteps, saveSecs, saver, ...more }));
    }
  }
  return [...all, ...hooks];
}

/** @throws InvalidArgumentError when a tensor is fed twice */
function mergedFeeds(feeds: Feeds, asked: readonly SessionRunArgs[]): Feeds {
  const own = asked.flatMap((args) => feedPairs(args.feeds ?? []));
  if (own.length === 0) return feeds;
  const named = (pairs: Iterable<readonly [FeedKey, unknown]>) => Array.from(pairs, ([key]) => nameOf(key));
  const byHooks = named(own);
  const twice = byHooks.filter((name, i) => byHooks.indexOf(name) !== i);
  if (twice.length > 0) throw conflict("Same tensor is fed by two hooks.", twice);
  const byUser = named(feedPairs(feeds)).filter((name) => byHooks.includes(name));
  if (byUser.length > 0) throw conflict("Same tensor is fed by a SessionRunHook and user.", byUser);
  return [...feedPairs(feeds), ...own];
}

const conflict = (text: string, names: readonly string[]): Error =>
  new InvalidArgumentError(`${text} Conflict(s): [${names.join(", ")}]`);

/** The most that anyone asks for. */
function mergedOptions(own: Partial<RunOptions> = {}, asked: readonly SessionRunArgs[]): Partial<RunOptions> {
  const all = [own, ...asked.flatMap(({ options }) => (options === undefined ? [] : [options]))];
  if (all.length === 1) return own;
  const longest = all.reduce((most, { timeoutInMs = 0n }) => (timeoutInMs > most ? timeoutInMs : most), 0n);
  return {
    ...own,
    traceLevel: Math.max(...all.map(({ traceLevel = 0 }) => traceLevel)),
    timeoutInMs: longest,
    outputPartitionGraphs: all.some(({ outputPartitionGraphs = false }) => outputPartitionGraphs),
  };
}
