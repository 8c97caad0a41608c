// `tf.compat.v1.train.CheckpointSaverHook`: saves at the beginning, every so many steps or seconds, and at the end. Tensors
// go from the tasks to their own disks; only the state file is this process'.
import { InvalidArgumentError } from "../../errors/index.js";
import type { FileSystem } from "../../io/file-system.js";
import { logLine } from "../../platform/node.js";
import { SessionLog, SessionLog_SessionStatus } from "../../wire/io.js";
import { printText } from "../../wire/text-format.js";
import { inFolder, localFiles } from "../checkpoint-state.js";
import type { FileWriter } from "../file-writer.js";
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
  readonly listeners?: readonly CheckpointSaverListener[];
  /** Whether the graph is written beside the checkpoints: `graph.pbtxt`, and each one's `.meta`; true unless told otherwise. */
  readonly saveGraphDef?: boolean;
  /** Gets the graph, and a note of each checkpoint. */
  readonly summaryWriter?: FileWriter | undefined;
  readonly files?: FileSystem | undefined;
  readonly log?: Log;
}

/** Hears of checkpoints (`tf.estimator.CheckpointSaverListener`). */
export interface CheckpointSaverListener {
  /** Once, before the session is made: the graph may still grow. */
  begin?(graph: Graph): void;
  beforeSave?(session: Session, globalStep: number): void | Promise<void>;
  /** @returns `true` to end the training */
  afterSave?(session: Session, globalStep: number): unknown;
  end?(session: Session, globalStep: number): void | Promise<void>;
}

export class CheckpointSaverHook implements SessionRunHook {
  readonly #timer: SecondOrStepTimer;
  readonly #listeners: readonly CheckpointSaverListener[];
  #graph!: Graph;
  #step!: Variable;

  constructor(
    readonly checkpointDir: string,
    readonly options: CheckpointSaverOptions,
  ) {
    const { saveSteps, saveSecs, listeners = [] } = options;
    this.#listeners = listeners;
    this.#timer = new SecondOrStepTimer({ everySteps: saveSteps, everySecs: saveSecs }, ["save_steps", "save_secs"]);
  }

  begin(graph: Graph): void {
    this.#graph = graph;
    this.#step = globalStepFor("CheckpointSaverHook", graph);
    for (const listener of this.#listeners) listener.begin?.(graph);
  }

  async afterCreateSession(session: Session): Promise<void> {
    const { saveGraphDef = true, summaryWriter } = this.options;
    const files = this.options.files ?? (await localFiles());
    await files.makeFolders(this.checkpointDir);
    if (saveGraphDef) {
      const text = printText("GraphDef", this.#graph.exportGraphDef());
      await files.replace(inFolder(this.checkpointDir, "graph.pbtxt"), new TextEncoder().encode(text));
    }
    summaryWriter?.addGraph(this.#graph);
    await this.#save(session, await readStep(session, this.#step));
  }

  beforeRun(): SessionRunArgs {
    return { fetches: this.#step };
  }

  async afterRun({ session, requestStop }: SessionRunContext, { results }: SessionRunValues): Promise<void> {
    if (!this.#timer.isDue(Number((results as TensorValue).data[0]) + 1)) return;
    const step = await readStep(session, this.#step);
    if (this.#timer.isDue(step) && (await this.#save(session, step))) requestStop();
  }

  async end(session: Session): Promise<void> {
    const step = await readStep(session, this.#step);
    if (step !== this.#timer.lastStep) await this.#save(session, step);
    for (const listener of this.#listeners) await listener.end?.(session, step);
  }

  /** @returns whether a listener wants the training to end */
  async #save(session: Session, step: number): Promise<boolean> {
    const { checkpointBasename = "model.ckpt", saveGraphDef = true, summaryWriter, log = logLine } = this.options;
    const saver = typeof this.options.saver === "function" ? this.options.saver() : this.options.saver;
    if (saver === undefined) throw new InvalidArgumentError("No variables to save");
    this.#timer.update(step);
    const prefix = inFolder(this.checkpointDir, checkpointBasename);
    for (const listener of this.#listeners) await listener.beforeSave?.(session, step);
    log(`Saving checkpoints for ${step} into ${prefix}.`);
    await saver.save(session, prefix, { globalStep: step, writeMetaGraph: saveGraphDef });
    const noted = { ...SessionLog.create(), status: SessionLog_SessionStatus.CHECKPOINT, checkpointPath: prefix };
    summaryWriter?.addSessionLog(noted, step);
    let stop = false;
    for (const listener of this.#listeners) if ((await listener.afterSave?.(session, step)) === true) stop = true;
    return stop;
  }
}
