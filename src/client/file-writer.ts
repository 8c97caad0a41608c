// `tf.compat.v1.summary.FileWriter`: a file of events in a folder, as TensorBoard reads it. Takes summaries, as a step
// fetches them; they are in the file after `flush` or `close`. It must not know who makes them.
import { FailedPreconditionError } from "../errors/index.js";
import type { File, FileSystem } from "../io/file-system.js";
import { frameRecord } from "../io/record.js";
import { machineName } from "../platform/node.js";
import { GraphDef, RunMetadata } from "../wire/core.js";
import { Event, type SessionLog, Summary } from "../wire/io.js";
import { inFolder, localFiles } from "./checkpoint-state.js";
import type { Graph } from "./graph.js";
import type { TensorValue } from "./values.js";

export interface FileWriterOptions {
  /** Appended to the file's name. */
  readonly filenameSuffix?: string;
  /** Where to write; this process' files when left out. */
  readonly files?: FileSystem;
}

export class FileWriter {
  #file: File | null = null;
  #position = 0;
  #pending: Uint8Array[] = [];
  /** Writes follow each other. */
  #written: Promise<void> = Promise.resolve();

  private constructor(file: File) {
    this.#file = file;
    const sourceMetadata = { writer: "tensorfleet" };
    this.#add({ fileVersion: "brain.Event:2", sourceMetadata });
  }

  /** Begins a new file, in a folder that is made if it isn't there. @throws OpError as the file system gives it */
  static async open(logdir: string, options: FileWriterOptions = {}): Promise<FileWriter> {
    const files = options.files ?? (await localFiles());
    await files.makeFolders(logdir);
    const seconds = String(Math.floor(Date.now() / 1000)).padStart(10, "0");
    const base = inFolder(logdir, `events.out.tfevents.${seconds}.${machineName()}`);
    const suffix = options.filenameSuffix ?? "";
    let name = base + suffix;
    // Another writer may have begun in the same second.
    for (let i = 1; await files.isFile(name); i++) name = `${base}.${i}${suffix}`;
    return new FileWriter(await files.open(name, "w"));
  }

  /** @param summary as an op makes it, or the message */
  addSummary(summary: TensorValue | Summary, globalStep: number): void {
    const message = "value" in summary ? summary : Summary.decode(bytesOf(summary));
    this.#add({ summary: message, step: BigInt(globalStep) });
  }

  addSessionLog(sessionLog: SessionLog, globalStep: number): void {
    this.#add({ sessionLog, step: BigInt(globalStep) });
  }

  /** For TensorBoard's view of the graph. */
  addGraph(graph: Graph, globalStep = 0): void {
    this.#add({ graphDef: GraphDef.encode(graph.exportGraphDef()), step: BigInt(globalStep) });
  }

  /** What a traced step took: its tag is what the view of the graph lists. */
  addRunMetadata(metadata: RunMetadata, tag: string, globalStep = 0): void {
    const taggedRunMetadata = { tag, runMetadata: RunMetadata.encode(metadata) };
    this.#add({ taggedRunMetadata, step: BigInt(globalStep) });
  }

  flush(): Promise<void> {
    this.#written = this.#written.then(() => this.#write());
    return this.#written;
  }

  async close(): Promise<void> {
    const file = this.#file;
    if (file === null) return;
    try {
      await this.flush();
    } finally {
      this.#file = null;
      await file.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #add(event: Partial<Event>): void {
    if (this.#file === null) throw new FailedPreconditionError("The writer is closed");
    const wallTime = Date.now() / 1000;
    this.#pending.push(frameRecord(Event.encode({ ...Event.create(), ...event, wallTime })));
  }

  async #write(): Promise<void> {
    const pending = this.#pending;
    this.#pending = [];
    for (const record of pending) {
      await this.#file!.write(record, this.#position);
      this.#position += record.length;
    }
  }
}

function bytesOf({ bytes, data }: TensorValue): Uint8Array {
  return bytes?.[0] ?? new TextEncoder().encode(String(data[0]));
}
