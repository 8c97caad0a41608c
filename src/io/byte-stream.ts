// A file from its beginning to its end, unpacked if it is packed: bytes are waited for, looked at, taken. Holds what was
// read and not yet taken, and never reads further ahead than one piece. Who gives up waiting loses nothing.
import { DataLossError, ResourceExhaustedError } from "../errors/index.js";
import type { File, FileSystem } from "./file-system.js";

/** How the bytes of a file are packed; `deflate` is what TensorFlow calls ZLIB. */
export type Packing = "gzip" | "deflate" | null;

/** TensorFlow's words for it; with any other a file is taken as it is. */
export const packingOf = (name: string): Packing => (name === "GZIP" ? "gzip" : name === "ZLIB" ? "deflate" : null);

const PIECE_BYTES = 256 * 1024;
/** What may be held at once: a short packed file may be endless. */
const MAX_HELD = 2 ** 31 - 1;
const NEWLINE = 10;
const NOTHING = new Uint8Array(0);

/** Told how many bytes are held before more are read. @throws what ends the wait */
export type Check = (held: number) => void;

export class ByteStream {
  #held: Uint8Array = NOTHING;
  #passing = 0;
  #ended = false;
  readonly #file: File;
  readonly #next: () => Promise<Uint8Array | null>;

  private constructor(file: File, packing: Packing) {
    this.#file = file;
    const pieces = piecesOf(file);
    this.#next = packing === null ? pieces : unpacked(pieces, packing);
  }

  static async open(files: FileSystem, path: string, packing: Packing = null): Promise<ByteStream> {
    return new ByteStream(await files.open(path), packing);
  }

  close = (): Promise<void> => this.#file.close();

  /** Waits for `count` bytes. @returns how many there are: fewer only at the end */
  async fill(count: number, check: Check): Promise<number> {
    if (!(await this.settle(check))) return 0;
    if (this.#held.length >= count) return this.#held.length;
    const pieces = [this.#held];
    let length = this.#held.length;
    try {
      while (length < count) {
        const piece = await this.#piece(check, length);
        if (piece === null) break;
        pieces.push(piece);
        length += piece.length;
      }
    } finally {
      this.#held = join(pieces, length);
    }
    return length;
  }

  /** Of the bytes that were waited for, the first ones, which stay. */
  peek(count: number): Uint8Array {
    return this.#held.slice(0, count);
  }

  take(count: number): Uint8Array {
    const taken = this.#held.slice(0, count);
    this.#held = this.#held.subarray(count);
    return taken;
  }

  /** Leaves out bytes, once what is next is waited for. */
  pass(count: number): void {
    this.#passing += count;
  }

  /** Waits for the end of what is left out. @returns whether there was so much */
  async settle(check: Check): Promise<boolean> {
    while (this.#passing > this.#held.length) {
      this.#passing -= this.#held.length;
      this.#held = NOTHING;
      const piece = await this.#piece(check, 0);
      if (piece === null) return false;
      this.#held = piece;
    }
    this.#held = this.#held.subarray(this.#passing);
    this.#passing = 0;
    return true;
  }

  /** The bytes up to the next newline, which is left out, or those up to the end; `null` when there are none. */
  async line(check: Check): Promise<Uint8Array | null> {
    const pieces: Uint8Array[] = [];
    let length = 0;
    try {
      for (;;) {
        const at = this.#held.indexOf(NEWLINE);
        const part = at < 0 ? this.#held : this.#held.subarray(0, at);
        this.#held = at < 0 ? NOTHING : this.#held.subarray(at + 1);
        pieces.push(part);
        length += part.length;
        if (at >= 0) return join(pieces, length);
        const piece = await this.#piece(check, length);
        if (piece === null) return length === 0 ? null : join(pieces, length);
        this.#held = piece;
      }
    } catch (error) {
      this.#held = join(pieces, length);
      throw error;
    }
  }

  /** All that is left. */
  async rest(check: Check): Promise<Uint8Array> {
    return this.take(await this.fill(Number.POSITIVE_INFINITY, check));
  }

  async #piece(check: Check, held: number): Promise<Uint8Array | null> {
    check(held);
    if (this.#ended) return null;
    if (held > MAX_HELD)
      throw new ResourceExhaustedError(`${this.#file.path} has more than ${MAX_HELD} bytes without an end of a record`);
    const piece = await this.#next();
    if (piece === null) this.#ended = true;
    return piece;
  }
}

function piecesOf(file: File): () => Promise<Uint8Array | null> {
  let position = 0;
  return async () => {
    const piece = new Uint8Array(PIECE_BYTES);
    const length = await file.read(piece, position);
    position += length;
    return length === 0 ? null : piece.subarray(0, length);
  };
}

function unpacked(
  pieces: () => Promise<Uint8Array | null>,
  packing: "gzip" | "deflate",
): () => Promise<Uint8Array | null> {
  const packed = new ReadableStream<BufferSource>(
    {
      async pull(controller) {
        const piece = await pieces();
        if (piece === null) controller.close();
        else controller.enqueue(piece as Uint8Array<ArrayBuffer>);
      },
    },
    { highWaterMark: 0 },
  );
  const reader = packed.pipeThrough(new DecompressionStream(packing)).getReader();
  return async () => {
    try {
      const { value } = await reader.read();
      return value ?? null;
    } catch (error) {
      throw new DataLossError(`inflate() failed: ${(error as Error).message}`, { cause: error });
    }
  };
}

/** A copy of its own, however few there are: a short record must not keep a whole piece. */
function join(pieces: readonly Uint8Array[], length: number): Uint8Array {
  const all = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}
