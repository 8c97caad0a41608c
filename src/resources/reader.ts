// Readers: take names of files from a queue and give the records of each, counted. Whoever reads waits until those before
// it have theirs. Where records come from is handed in.
import { CancelledError, InvalidArgumentError, UnimplementedError } from "../errors/index.js";
import type { Check } from "../io/byte-stream.js";
import type { FileSystem } from "../io/file-system.js";
import type { FoundRecord, OpenSource, RecordSource } from "../io/record-sources.js";
import type { Resource } from "../kernel/resource.js";
import { ReaderBaseState } from "../wire/io.js";
import { escapeBytes, printText } from "../wire/text-format.js";
import type { StopWaiting } from "./queue.js";
import { Waiters } from "./waiters.js";

export const READER_TYPE = "N10tensorflow15ReaderInterfaceE";

export interface ReaderOptions {
  /** As errors call it: `TextLineReader 'lines'`. */
  readonly name: string;
  readonly open: OpenSource;
  /** Whether what it has done so far is all of its state, so that it can be saved. */
  readonly saves: boolean;
}

const UNUSED: ReaderBaseState = {
  workStarted: 0n,
  workFinished: 0n,
  numRecordsProduced: 0n,
  currentWork: new Uint8Array(0),
};

export class Reader implements Resource {
  readonly typeName = READER_TYPE;
  dead = false;
  #state: ReaderBaseState = { ...UNUSED };
  #source: RecordSource | null = null;
  #busy = false;
  readonly #turns = new Waiters();

  constructor(readonly options: ReaderOptions) {}

  get recordsProduced(): bigint {
    return this.#state.numRecordsProduced;
  }

  get unitsCompleted(): bigint {
    return this.#state.workFinished;
  }

  /** Waits for a turn. @param done must be followed by `leave`, unless there is an error */
  enter(done: (error: Error | null) => void): StopWaiting {
    return this.#turns.wait(() => {
      if (this.#busy) return null;
      this.#busy = true;
      return () => done(null);
    }, done);
  }

  leave(): void {
    this.#busy = false;
    if (this.dead) this.#close();
    this.#turns.changed();
  }

  /** Up to `limit` records of one file, and of the files before it that had none. Asked within a turn only. */
  async read(
    limit: number,
    files: FileSystem,
    nextName: () => Promise<Uint8Array>,
    check: Check,
  ): Promise<FoundRecord[]> {
    const state = this.#state;
    const records: FoundRecord[] = [];
    let bytes = 0;
    const checkAll: Check = (held) => check(held + bytes);
    while (records.length < limit) {
      if (state.workFinished >= state.workStarted) {
        state.currentWork = new Uint8Array(0);
        state.currentWork = await nextName();
        this.#source = await this.options.open(files, state.currentWork, check);
        state.workStarted++;
      }
      const record = await this.#source!.next(checkAll);
      if (record !== null) {
        records.push(record);
        bytes += record.key.length + record.value.length;
        state.numRecordsProduced++;
      }
      if (record !== null && record.last !== true) continue;
      this.#close();
      state.workFinished = state.workStarted;
      if (records.length > 0) break;
    }
    return records;
  }

  save(): Uint8Array {
    if (!this.options.saves) throw new UnimplementedError("Reader SerializeState");
    return ReaderBaseState.encode(this.#state);
  }

  /** Asked within a turn only; a state that is refused leaves an unused reader. */
  restore(bytes: Uint8Array): void {
    this.reset();
    if (!this.options.saves) throw new UnimplementedError("Reader RestoreState");
    const state = this.#parse(bytes);
    const { workStarted, workFinished, numRecordsProduced } = state;
    const refuse = (why: string) => {
      const shown = `goo.gle/debugproto   \n${printText("ReaderBaseState", state)}`;
      throw new InvalidArgumentError(`${why} when restoring in ${this.options.name}: ${shown}`);
    };
    if (workStarted < 0n || workFinished < 0n || numRecordsProduced < 0n) refuse("Unexpected negative value");
    if (workStarted > workFinished) refuse("Inconsistent work started vs. finished");
    this.#state = { ...state, currentWork: state.currentWork.slice() };
  }

  /** Asked within a turn only. */
  reset(): void {
    this.#close();
    this.#state = { ...UNUSED };
  }

  dispose(): void {
    this.#turns.failAll(new CancelledError(`${this.options.name} was removed`));
    if (!this.#busy) this.#close();
  }

  #parse(bytes: Uint8Array): ReaderBaseState {
    try {
      return ReaderBaseState.decode(bytes);
    } catch (cause) {
      throw new InvalidArgumentError(`Could not parse state for ${this.options.name}: ${escapeBytes(bytes)}`, {
        cause,
      });
    }
  }

  /** Nobody waits for a file that was only read. */
  #close(): void {
    this.#source?.close().catch(() => {});
    this.#source = null;
  }
}
