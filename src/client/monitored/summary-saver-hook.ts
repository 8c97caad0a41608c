// `tf.compat.v1.train.SummarySaverHook`: fetches summaries at the first step and every so many steps or seconds, and
// writes them to a file that TensorBoard reads.
import { InvalidArgumentError } from "../../errors/index.js";
import { SessionLog, SessionLog_SessionStatus } from "../../wire/io.js";
import { FileWriter } from "../file-writer.js";
import type { Graph } from "../graph.js";
import type { Output } from "../output.js";
import type { Session } from "../session.js";
import type { TensorValue } from "../values.js";
import type { Variable } from "../variable.js";
import {
  globalStepFor,
  readStep,
  SecondOrStepTimer,
  type SessionRunArgs,
  type SessionRunContext,
  type SessionRunHook,
  type SessionRunValues,
} from "./hooks.js";

export interface SummarySaverOptions {
  readonly saveSteps?: number | undefined;
  readonly saveSecs?: number | undefined;
  /** A scalar string, or several; a monitored session hands in its own. */
  readonly summaryOp: Output | readonly Output[] | (() => Output | undefined);
  /** Where to write: a folder, in which the hook makes a file that it closes; or a writer of the caller's. */
  readonly outputDir?: string | undefined;
  readonly summaryWriter?: FileWriter | undefined;
}

export class SummarySaverHook implements SessionRunHook {
  readonly #timer: SecondOrStepTimer;
  #summaries: readonly Output[] = [];
  #step!: Variable;
  #writer: FileWriter | null = null;
  #nextStep: number | null = null;
  #asked = false;

  constructor(readonly options: SummarySaverOptions) {
    const { saveSteps, saveSecs, outputDir, summaryWriter } = options;
    this.#timer = new SecondOrStepTimer({ everySteps: saveSteps, everySecs: saveSecs }, ["save_steps", "save_secs"]);
    if ((outputDir === undefined) === (summaryWriter === undefined)) {
      throw new InvalidArgumentError("exactly one of output_dir and summary_writer should be provided.");
    }
  }

  begin(graph: Graph): void {
    this.#step = globalStepFor("SummarySaverHook", graph);
  }

  async afterCreateSession(): Promise<void> {
    const { summaryOp, summaryWriter, outputDir } = this.options;
    this.#summaries = [typeof summaryOp === "function" ? (summaryOp() ?? []) : summaryOp].flat();
    this.#writer ??= summaryWriter ?? (await FileWriter.open(outputDir!));
  }

  beforeRun(): SessionRunArgs {
    this.#asked = this.#nextStep === null || this.#timer.isDue(this.#nextStep);
    return { fetches: this.#asked ? [this.#step, ...this.#summaries] : [this.#step] };
  }

  async afterRun({ session }: SessionRunContext, { results }: SessionRunValues): Promise<void> {
    const [seen, ...summaries] = results as readonly TensorValue[];
    let step = Number(seen!.data[0]) + 1;
    if (this.#asked) {
      // What was read may be the step before this one, or one that another worker has made.
      step = await readStep(session, this.#step);
      const writer = this.#writer!;
      if (this.#nextStep === null) {
        writer.addSessionLog({ ...SessionLog.create(), status: SessionLog_SessionStatus.START }, step);
      }
      this.#timer.update(step);
      for (const summary of summaries) writer.addSummary(summary, step);
      await writer.flush();
    }
    this.#nextStep = step + 1;
  }

  async end(_session: Session): Promise<void> {
    if (this.options.summaryWriter === undefined) await this.#writer?.close();
    else await this.#writer?.flush();
  }
}
