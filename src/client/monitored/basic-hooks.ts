// The hooks that come with `tf.compat.v1.train`: stop at a step, wait for one, log tensors and speed, find a loss that is
// no number, feed, fetch at the end. Saving is in checkpoint-saver-hook.ts and summary-saver-hook.ts.
import { InvalidArgumentError } from "../../errors/index.js";
import { logLine } from "../../platform/node.js";
import { narrowCode } from "../../tensor/narrow.js";
import { Summary_Value } from "../../wire/io.js";
import { type FeedKey, type Feeds, type Fetch, nameOf } from "../fetches.js";
import type { FileWriter } from "../file-writer.js";
import type { Graph } from "../graph.js";
import type { Output } from "../output.js";
import type { Session } from "../session.js";
import type { TensorValue } from "../values.js";
import type { Variable } from "../variable.js";
import {
  globalStepFor,
  type Log,
  readStep,
  SecondOrStepTimer,
  type SessionRunArgs,
  type SessionRunContext,
  type SessionRunHook,
  type SessionRunValues,
} from "./hooks.js";
import { pause } from "./pause.js";

/** Between two looks at the global step. */
const WAIT_MS = 500;

function scalarOf({ results }: SessionRunValues): number {
  const { dtype, data } = results as TensorValue;
  const element = Number(data[0]);
  return narrowCode(dtype)?.decode(element) ?? element;
}

export interface StopAtStepOptions {
  /** So many steps from here. */
  readonly numSteps?: number;
  /** This global step. */
  readonly lastStep?: number;
}

/** Ends the training at a global step, whoever of the workers makes it. */
export class StopAtStepHook implements SessionRunHook {
  #lastStep: number | null;
  readonly #numSteps: number;
  #step!: Variable;

  /** @throws InvalidArgumentError unless one of both is given */
  constructor({ numSteps, lastStep }: StopAtStepOptions) {
    if (numSteps === undefined && lastStep === undefined) {
      throw new InvalidArgumentError("One of num_steps or last_step must be specified.");
    }
    if (numSteps !== undefined && lastStep !== undefined) {
      throw new InvalidArgumentError("Only one of num_steps or last_step can be specified.");
    }
    this.#numSteps = numSteps ?? 0;
    this.#lastStep = lastStep ?? null;
  }

  begin(graph: Graph): void {
    this.#step = globalStepFor("StopAtStepHook", graph);
  }

  async afterCreateSession(session: Session): Promise<void> {
    this.#lastStep ??= (await readStep(session, this.#step)) + this.#numSteps;
  }

  beforeRun(): SessionRunArgs {
    return { fetches: this.#step };
  }

  async afterRun({ session, requestStop }: SessionRunContext, values: SessionRunValues): Promise<void> {
    // What was read may be the step before this one: it is read again when that decides.
    if (scalarOf(values) + 1 >= this.#lastStep! && (await readStep(session, this.#step)) >= this.#lastStep!) {
      requestStop();
    }
  }
}

export interface StepCounterOptions {
  /** 100 unless one of both is given. */
  readonly everyNSteps?: number;
  readonly everyNSecs?: number;
  /** Gets the speed as a summary too, `global_step/sec`. */
  readonly summaryWriter?: FileWriter | undefined;
  readonly log?: Log;
}

/** Logs global steps per second. */
export class StepCounterHook implements SessionRunHook {
  readonly #timer: SecondOrStepTimer;
  readonly #log: Log;
  readonly #writer: FileWriter | undefined;
  #step!: Variable;

  constructor({ everyNSteps, everyNSecs, summaryWriter, log = logLine }: StepCounterOptions = {}) {
    const everySteps = everyNSteps ?? (everyNSecs === undefined ? 100 : undefined);
    this.#timer = new SecondOrStepTimer({ everySteps, everySecs: everyNSecs });
    this.#writer = summaryWriter;
    this.#log = log;
  }

  begin(graph: Graph): void {
    this.#step = globalStepFor("StepCounterHook", graph);
  }

  beforeRun(): SessionRunArgs {
    return { fetches: this.#step };
  }

  async afterRun({ session }: SessionRunContext, values: SessionRunValues): Promise<void> {
    if (!this.#timer.isDue(scalarOf(values) + 1)) return;
    const step = await readStep(session, this.#step);
    const since = this.#timer.update(step);
    if (since === null) return;
    const tag = `${this.#step.name}/sec`;
    const simpleValue = since.steps / since.seconds;
    this.#writer?.addSummary({ value: [{ ...Summary_Value.create(), tag, simpleValue }] }, step);
    this.#log(`${tag}: ${Number(simpleValue.toPrecision(6))}`);
  }
}

export interface LoggingTensorOptions {
  /** Every so many steps of this session, or seconds; or only at the end. */
  readonly everyNIter?: number;
  readonly everyNSecs?: number;
  readonly atEnd?: boolean;
  readonly formatter?: (values: Readonly<Record<string, TensorValue>>) => string;
  readonly log?: Log;
}

/** Logs values of tensors: `loss = 0.25, step = 7 (0.125 sec)`. */
export class LoggingTensorHook implements SessionRunHook {
  readonly #tensors: Readonly<Record<string, Output | string>>;
  readonly #timer: SecondOrStepTimer | null;
  readonly #log: Log;
  #iteration = 0;

  /** @param tensors by the names that they are logged under, or a list of them */
  constructor(
    tensors: Readonly<Record<string, FeedKey>> | readonly FeedKey[],
    readonly options: LoggingTensorOptions = {},
  ) {
    const { everyNIter, everyNSecs, atEnd = false, log = logLine } = options;
    this.#tensors = Array.isArray(tensors)
      ? Object.fromEntries((tensors as readonly FeedKey[]).map((tensor) => [nameOf(tensor), tensor]))
      : (tensors as Readonly<Record<string, FeedKey>>);
    if (atEnd && everyNIter === undefined && everyNSecs === undefined) this.#timer = null;
    else
      this.#timer = new SecondOrStepTimer({ everySteps: everyNIter, everySecs: everyNSecs }, [
        "every_n_iter",
        "every_n_secs",
      ]);
    this.#log = log;
  }

  begin(): void {
    this.#timer?.reset();
    this.#iteration = 0;
  }

  beforeRun(): SessionRunArgs | undefined {
    return this.#timer?.isDue(this.#iteration) ? { fetches: this.#tensors } : undefined;
  }

  afterRun(_: SessionRunContext, { results }: SessionRunValues): void {
    if (this.#timer?.isDue(this.#iteration)) this.#tell(results as Record<string, TensorValue>);
    this.#iteration++;
  }

  async end(session: Session): Promise<void> {
    if (this.options.atEnd === true) this.#tell(await session.run(this.#tensors));
  }

  #tell(values: Readonly<Record<string, TensorValue>>): void {
    const since = this.#timer?.update(this.#iteration) ?? null;
    const parts = Object.entries(values).map(([name, { dtype, shape, data }]) => {
      const code = narrowCode(dtype);
      const elements = code === null ? data : Array.from(data as Uint16Array, code.decode);
      return shape.length === 0 ? `${name} = ${elements[0]}` : `${name} = [${elements.join(" ")}]`;
    });
    const seconds = since === null ? "" : ` (${since.seconds.toFixed(3)} sec)`;
    this.#log(this.options.formatter?.(values) ?? `${parts.join(", ")}${seconds}`);
  }
}

/** The loss is no number any more. */
export class NanLossDuringTrainingError extends Error {
  override readonly name = "NanLossDuringTrainingError";

  constructor() {
    super("NaN loss during training.");
  }
}

/** Looks whether the loss is still a number. */
export class NanTensorHook implements SessionRunHook {
  readonly #log: Log;

  /** @param failOnNanLoss throws when it isn't; otherwise the training ends */
  constructor(
    readonly loss: FeedKey,
    readonly failOnNanLoss = true,
    log: Log = logLine,
  ) {
    this.#log = log;
  }

  beforeRun(): SessionRunArgs {
    return { fetches: this.loss };
  }

  afterRun({ requestStop }: SessionRunContext, values: SessionRunValues): void {
    if (!Number.isNaN(scalarOf(values))) return;
    if (this.failOnNanLoss) throw new NanLossDuringTrainingError();
    this.#log("Model diverged with loss = NaN.");
    requestStop();
  }
}

/** Lets no step begin before the global step has come that far: for workers that are to start late. */
export class GlobalStepWaiterHook implements SessionRunHook {
  #step!: Variable;
  #waited = false;

  constructor(
    readonly waitUntilStep: number,
    readonly log: Log = logLine,
  ) {}

  begin(graph: Graph): void {
    this.#step = globalStepFor("_GlobalStepWaiterHook", graph);
  }

  async beforeRun({ session }: SessionRunContext): Promise<undefined> {
    if (this.#waited) return;
    if (this.waitUntilStep > 0) this.log(`Waiting for global step ${this.waitUntilStep} before starting training.`);
    for (let step = 0; this.waitUntilStep > 0; await pause(WAIT_MS, undefined)) {
      step = await readStep(session, this.#step);
      if (step >= this.waitUntilStep) break;
    }
    this.#waited = true;
  }
}

/** Fetches something when all is done; `finalOpsValues` has it. */
export class FinalOpsHook implements SessionRunHook {
  finalOpsValues: unknown;

  constructor(
    readonly finalOps: Fetch,
    readonly finalOpsFeeds: Feeds = [],
  ) {}

  async end(session: Session): Promise<void> {
    this.finalOpsValues = await session.run(this.finalOps as never, this.finalOpsFeeds);
  }
}

/** Feeds every step what a function gives. */
export class FeedFnHook implements SessionRunHook {
  constructor(readonly feedFn: () => Feeds | Promise<Feeds>) {}

  async beforeRun(): Promise<SessionRunArgs> {
    return { feeds: await this.feedFn() };
  }
}
