// `tf.compat.v1.train.CheckpointSaverHook`: saves at the beginning, every so many steps or seconds, and at the end. Tensors
// go from the tasks to their own disks; only the state file is this process'.
import { InvalidArgumentError } from "../../errors/index.js";
import type { FileSystem } from "../../io/file-system.js";
import { logLine } from "../../platform/node.js";
import { inFolder, localFiles, makeFolders } from "../checkpoint-state.js";
import type { Graph } from "../graph.js";
import type { Saver } from "../saver.js";
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

export interface CheckpointSaverOptions {
  readonly saveSteps?: number | undefined;
  readonly saveSecs?: number | undefined;
  /** A monitored session hands in its own. */
  readonly saver: Saver | (() => Saver | undefined);
  /** `model.ckpt` unless told otherwise. */
  readonly checkpointBasename?: string;
  readonly files?: FileSystem | undefined;
  readonly log?: Log;
}

export class CheckpointSaverHook implements SessionRunHook {
  readonly #timer: SecondOrStepTimer;
  #step!: Variable;

  constructor(
    readonly checkpointDir: string,
    readonly options: CheckpointSaverOptions,
  ) {
    const { saveSteps, saveSecs } = options;
    this.#timer = new SecondOrStepTimer({ everySteps: saveSteps, everySecs: saveSecs }, ["save_steps", "save_secs"]);
  }

  begin(graph: Graph): void {
    this.#step = globalStepFor("CheckpointSaverHook", graph);
  }

  async afterCreateSession(session: Session): Promise<void> {
    await makeFolders(this.options.files ?? (await localFiles()), this.checkpointDir);
    await this.#save(session, await readStep(session, this.#step));
  }

  beforeRun(): SessionRunArgs {
    return { fetches: this.#step };
  }

  async afterRun({ session }: SessionRunContext, { results }: SessionRunValues): Promise<void> {
    if (!this.#timer.isDue(Number((results as TensorValue).data[0]) + 1)) return;
    const step = await readStep(session, this.#step);
    if (this.#timer.isDue(step)) await this.#save(session, step);
  }

  async end(session: Session): Promise<void> {
    const step = await readStep(session, this.#step);
    if (step !== this.#timer.lastStep) await this.#save(session, step);
  }

  async #save(session: Session, step: number): Promise<void> {
    const { checkpointBasename = "model.ckpt", log = logLine } = this.options;
    const saver = typeof this.options.saver === "function" ? this.options.saver() : this.options.saver;
    if (saver === undefined) throw new InvalidArgumentError("No variables to save");
    this.#timer.update(step);
    const prefix = inFolder(this.checkpointDir, checkpointBasename);
    log(`Saving checkpoints for ${step} into ${prefix}.`);
    await saver.save(session, prefix, { globalStep: step });
  }
}
