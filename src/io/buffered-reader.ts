// Reads a stretch of a file into a heap through two buffers: one is summed up and copied while the other is being filled.
// The heap may grow meanwhile, and not every runtime reads into memory that threads share.
import { OutOfRangeError } from "../errors/index.js";
import type { ByteSource } from "./buffered-writer.js";
import { extendCrc32c } from "./crc32c.js";
import type { File } from "./file-system.js";

const BUFFER_BYTES = 1024 * 1024;

export const readLess = (): OutOfRangeError => new OutOfRangeError("Read less bytes than requested");

export class BufferedReader {
  readonly #buffers: [Uint8Array, Uint8Array];
  readonly #length: number;

  constructor(
    readonly file: File,
    readonly position: number,
    length: number,
  ) {
    this.#length = length;
    const bytes = Math.min(length, BUFFER_BYTES);
    this.#buffers = [new Uint8Array(bytes), new Uint8Array(length > BUFFER_BYTES ? bytes : 0)];
  }

  /** The stretch in pieces; each is gone when the next is asked for. @throws OutOfRangeError when the file ends before it */
  async *pieces(check: () => void): AsyncGenerator<Uint8Array> {
    let done = 0;
    let next = this.#fill(0, 0);
    try {
      for (let turn = 0; done < this.#length; turn++) {
        check();
        const piece = await next;
        done += piece.length;
        next = this.#fill(done, turn + 1);
        // Whoever stops before the next piece never hears of it.
        next.catch(() => {});
        yield piece;
      }
    } finally {
      // The file must not be closed under a read.
      await next.catch(() => {});
    }
  }

  async #fill(done: number, turn: number): Promise<Uint8Array> {
    const buffer = this.#buffers[turn & 1]!;
    const wanted = buffer.subarray(0, Math.min(BUFFER_BYTES, this.#length - done));
    if (wanted.length > 0 && (await this.file.read(wanted, this.position + done)) < wanted.length) throw readLess();
    return wanted;
  }
}

/** Copies the stretch into `into` from `at` on; gives the CRC-32C of it. */
export async function readInto(
  reader: BufferedReader,
  into: ByteSource,
  at: number,
  check: () => void,
): Promise<number> {
  let crc = 0;
  let to = at;
  for await (const piece of reader.pieces(check)) {
    crc = extendCrc32c(crc, piece);
    into.u8.set(piece, to);
    to += piece.length;
  }
  return crc;
}
