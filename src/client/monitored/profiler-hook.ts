// `tf.compat.v1.train.ProfilerHook`: traces a step every so many steps or seconds, for Chrome's trace viewer and, with a writer,
// for TensorBoard's view of the graph.

import type { FileSystem } from "../../io/file-system.js";
import { chromeTrace } from "../../observe/chrome-trace.js";
import { logLine } from "../../platform/node.js";
import { RunOptions_TraceLevel } from "../../wire/core.js";
import { inFolder, localFiles } from "../checkpoint-state.js";
import type { FileWriter } from "../file-writer.js";
import type { Graph } from "../graph.js";
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

export interface ProfilerOptions {
  readonly saveSteps?: number;
  readonly saveSecs?: number;
  /** Where the files `timeline-STEP.json` go: the current folder unless told otherwise. */
  readonly outputDir?: string;
  readonly summaryWriter?: FileWriter;
  readonly files?: FileSystem;
  readonly log?: Log;
}

export class ProfilerHook implements SessionRunHook {
  readonly #timer: SecondOrStepTimer;
  #step!: Variable;
  #nextStep: number | null = null;
  #asked = false;

  /** @throws InvalidArgumentError unless one of `saveSteps` and `saveSecs` is given */
  constructor(readonly options: ProfilerOptions) {
    const { saveSteps, saveSecs } = options;
    this.#timer = new SecondOrStepTimer({ everySteps: saveSteps, everySecs: saveSecs });
  }

  begin(graph: Graph): void {
    this.#step = globalStepFor("ProfilerHook", graph);
    this.#nextStep = null;
  }

  async afterCreateSession(): Promise<void> {
    const { outputDir = "", files } = this.options;
    await (files ?? (await localFiles())).makeFolders(outputDir);
  }

  beforeRun(): SessionRunArgs {
    // The first step makes the session's plans: what it takes says little.
    this.#asked = this.#nextStep !== null && this.#timer.isDue(this.#nextStep);
    const options = this.#asked ? { options: { traceLevel: RunOptions_TraceLevel.FULL_TRACE } } : {};
    return { fetches: this.#step, ...options };
  }

  async afterRun({ session }: SessionRunContext, { results, metadata }: SessionRunValues): Promise<void> {
    const stale = Number((results as TensorValue).data[0]);
    if (this.#nextStep === null) this.#timer.update(stale);
    let step = stale + 1;
    if (this.#asked) {
      step = await readStep(session, this.#step);
      this.#timer.update(step);
      const { outputDir = "", files, summaryWriter, log = logLine } = this.options;
      const path = inFolder(outputDir, `timeline-${step}.json`);
      log(`Saving timeline for ${step} into '${path}'.`);
      const text = new TextEncoder().encode(chromeTrace(metadata!.stepStats!));
      await (files ?? (await localFiles())).replace(path, text);
      summaryWriter?.addRunMetadata(metadata!, `step_${step}`);
    }
    this.#nextStep = step + 1;
  }
}
