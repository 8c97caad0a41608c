// What a hook of a monitored session is (`tf.estimator.SessionRunHook`), and when one that does something every so often is
// due. It must not know which hooks there are.
import { InvalidArgumentError } from "../../errors/index.js";
import type { RunMetadata, RunOptions } from "../../wire/core.js";
import type { Feeds, Fetch } from "../fetches.js";
import type { Graph } from "../graph.js";
import type { Session } from "../session.js";
import { GraphKeys, type Variable } from "../variable.js";
import type { Coordinator } from "./coordinator.js";

/** What a hook wants beside what the caller asked for. */
export interface SessionRunArgs {
  readonly fetches?: Fetch;
  readonly feeds?: Feeds;
  readonly options?: Partial<RunOptions>;
}

export interface SessionRunContext {
  /** What the caller asked for. */
  readonly originalArgs: SessionRunArgs;
  readonly session: Session;
  /** No more steps after this one. */
  requestStop(): void;
}

export interface SessionRunValues {
  /** What `beforeRun` asked for, in its shape. */
  readonly results: unknown;
  readonly metadata: RunMetadata | undefined;
}

type Awaitable<T> = T | Promise<T>;

export interface SessionRunHook {
  /** Once, before the session is made: the graph may still grow. */
  begin?(graph: Graph): void;
  /** Each time that a session is there: at first, and after a failure. */
  afterCreateSession?(session: Session, coordinator: Coordinator): Awaitable<void>;
  beforeRun?(context: SessionRunContext): Awaitable<SessionRunArgs | undefined>;
  /** Not called when the step failed. */
  afterRun?(context: SessionRunContext, values: SessionRunValues): Awaitable<void>;
  /** At the end of it all, unless something failed. */
  end?(session: Session): Awaitable<void>;
}

/** Where lines go that tell of progress. */
export type Log = (line: string) => void;

/** @throws InvalidArgumentError with the hook's name when the graph has none */
export function globalStepFor(hook: string, graph: Graph): Variable {
  const [step] = graph.collection<Variable>(GraphKeys.GLOBAL_STEP);
  if (step === undefined) throw new InvalidArgumentError(`Global step should be created to use ${hook}.`);
  return step;
}

export const readStep = async (session: Session, step: Variable): Promise<number> =>
  Number((await session.run(step)).data[0]);

export interface Interval {
  readonly everySteps?: number | undefined;
  readonly everySecs?: number | undefined;
}

/** Due at the first step, then so many steps or seconds after the last time. */
export class SecondOrStepTimer {
  lastStep: number | null = null;
  #lastMs = 0;

  /** @throws InvalidArgumentError unless one of both is given */
  constructor(
    readonly interval: Interval,
    names: readonly [steps: string, secs: string] = ["every_steps", "every_secs"],
  ) {
    if ((interval.everySteps === undefined) !== (interval.everySecs === undefined)) return;
    throw new InvalidArgumentError(`exactly one of ${names[0]} and ${names[1]} should be provided.`);
  }

  isDue(step: number): boolean {
    if (this.lastStep === null) return true;
    if (this.lastStep === step) return false;
    const { everySteps, everySecs } = this.interval;
    if (everySecs !== undefined) return performance.now() >= this.#lastMs + everySecs * 1000;
    return step >= this.lastStep + everySteps!;
  }

  /** @returns seconds and steps since the last time, `null` the first time */
  update(step: number): { readonly seconds: number; readonly steps: number } | null {
    const now = performance.now();
    const since = this.lastStep === null ? null : { seconds: (now - this.#lastMs) / 1000, steps: step - this.lastStep };
    this.lastStep = step;
    this.#lastMs = now;
    return since;
  }

  reset(): void {
    this.lastStep = null;
  }
}
