// Writes a file front to back through two buffers: one is filled and summed up while the other is on its way to the disk.
// What is written may lie in a heap that grows and changes meanwhile; bytes are copied first and summed up as copied.
import { extendCrc32c } from "./crc32c.js";
import type { File } from "./file-system.js";

const BUFFER_BYTES = 1024 * 1024;

/** Where bytes come from: a heap's view is another one after each time it grew. */
export interface ByteSource {
  readonly u8: Uint8Array;
}

export class BufferedWriter {
  #buffer = new Uint8Array(BUFFER_BYTES);
  #other = new Uint8Array(BUFFER_BYTES);
  #used = 0;
  #flushed = 0;
  #writing: Promise<void> = Promise.resolve();
  /** CRC-32C of everything appended since it was last set to 0. */
  crc = 0;

  constructor(readonly file: File) {}

  /** Bytes appended so far. */
  get position(): number {
    return this.#flushed + this.#used;
  }

  /** Bytes that the buffer still takes. */
  get room(): number {
    return BUFFER_BYTES - this.#used;
  }

  /** Appends what fits into the buffer; gives how many bytes that were. */
  put(bytes: Uint8Array): number {
    const count = Math.min(bytes.length, this.room);
    this.#buffer.set(count === bytes.length ? bytes : bytes.subarray(0, count), this.#used);
    this.crc = extendCrc32c(this.crc, this.#buffer.subarray(this.#used, this.#used + count));
    this.#used += count;
    return count;
  }

  /** @param check called before each buffer is filled; throws to end it */
  async append(source: ByteSource, at: number, length: number, check: () => void): Promise<void> {
    for (let done = 0; done < length; ) {
      check();
      done += this.put(source.u8.subarray(at + done, at + length));
      if (this.room === 0) await this.#flush();
    }
  }

  async finish(): Promise<void> {
    await this.#flush();
    await this.#writing;
  }

  /** Waits for what is on its way, whether it fails or not. */
  async settle(): Promise<void> {
    await this.#writing.catch(() => {});
  }

  async #flush(): Promise<void> {
    await this.#writing;
    const full = this.#buffer.subarray(0, this.#used);
    this.#writing = this.file.write(full, this.#flushed);
    // Whoever waits for it hears of a failure; until then it isn't unhandled.
    this.#writing.catch(() => {});
    [this.#buffer, this.#other] = [this.#other, this.#buffer];
    this.#flushed += this.#used;
    this.#used = 0;
  }
}
