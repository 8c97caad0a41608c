// Blocks of TensorFlow's sorted tables (LevelDB's format), made and read. A block may come from a hostile file: every
// length is checked, and what is wrong is DATA_LOSS in TensorFlow's words.
//
//   ├ entry … ├ restart offsets: u32 … ├ their number: u32 ┤ compression: u8 ┤ masked crc of all before: u32 ┤
//     entry: shared bytes of the key, other bytes, bytes of the value (varints) · rest of the key · value
import { DataLossError } from "../errors/index.js";
import { Reader } from "../wire/codec.js";
import { byteText, textBytes } from "./byte-text.js";
import { crc32c, extendCrc32c, maskCrc, unmaskCrc } from "./crc32c.js";
import { snappyUncompress } from "./snappy.js";

/** Behind each block: how it is compressed, and its checksum. */
export const BLOCK_TRAILER = 5;
const NO_COMPRESSION = 0;
const SNAPPY = 1;

/** Where a block is in its file. */
export interface Handle {
  readonly offset: number;
  readonly size: number;
}

export interface BlockEntry {
  readonly key: string;
  readonly value: Uint8Array;
}

export function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest & 127) | 128);
  bytes.push(rest);
  return Uint8Array.from(bytes);
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

export class BlockBuilder {
  readonly #parts: Uint8Array[] = [];
  readonly #restarts: number[] = [0];
  #sinceRestart = 0;
  #size = 0;
  #last = "";

  /** @param restartEvery a key stands whole this often: where a search may begin */
  constructor(readonly restartEvery: number) {}

  get bytes(): number {
    return this.#size + 4 * this.#restarts.length + 4;
  }

  get empty(): boolean {
    return this.#size === 0;
  }

  add(key: string, value: Uint8Array): void {
    let shared = 0;
    if (this.#sinceRestart === this.restartEvery) {
      this.#restarts.push(this.#size);
      this.#sinceRestart = 0;
    } else {
      const limit = Math.min(key.length, this.#last.length);
      while (shared < limit && key.charCodeAt(shared) === this.#last.charCodeAt(shared)) shared++;
    }
    const rest = textBytes(key.slice(shared));
    for (const part of [varint(shared), varint(rest.length), varint(value.length), rest, value]) {
      this.#parts.push(part);
      this.#size += part.length;
    }
    this.#last = key;
    this.#sinceRestart++;
  }

  /** The block with its trailer, as it goes into the file. */
  finish(): Uint8Array {
    const restarts = new DataView(new ArrayBuffer(4 * this.#restarts.length + 4));
    this.#restarts.forEach((restart, i) => {
      restarts.setUint32(4 * i, restart, true);
    });
    restarts.setUint32(4 * this.#restarts.length, this.#restarts.length, true);
    const block = concat([...this.#parts, new Uint8Array(restarts.buffer), new Uint8Array(BLOCK_TRAILER)]);
    const checked = block.subarray(0, -4);
    checked[checked.length - 1] = NO_COMPRESSION;
    new DataView(block.buffer).setUint32(checked.length, maskCrc(crc32c(checked)), true);
    return block;
  }
}

/** The contents of a block as read with its trailer. @throws DataLossError */
export function openBlock(bytes: Uint8Array, size: number): Uint8Array {
  if (bytes.length !== size + BLOCK_TRAILER) throw new DataLossError("truncated block read");
  const contents = bytes.subarray(0, size);
  const stored = new DataView(bytes.buffer, bytes.byteOffset).getUint32(size + 1, true);
  const actual = extendCrc32c(crc32c(contents), bytes.subarray(size, size + 1));
  if (unmaskCrc(stored) !== actual) throw new DataLossError("block checksum mismatch");
  if (bytes[size] === NO_COMPRESSION) return contents;
  if (bytes[size] !== SNAPPY) throw new DataLossError("bad block type");
  const uncompressed = snappyUncompress(contents);
  if (uncompressed === null) throw new DataLossError("corrupted compressed block contents");
  return uncompressed;
}

/** All entries, in order. @throws DataLossError */
export function blockEntries(contents: Uint8Array): BlockEntry[] {
  const bad = (text: string) => new DataLossError(text);
  if (contents.length < 4) throw bad("bad block contents");
  const count = new DataView(contents.buffer, contents.byteOffset).getUint32(contents.length - 4, true);
  const end = contents.length - 4 - 4 * count;
  if (end < 0) throw bad("bad block contents");
  const entries: BlockEntry[] = [];
  const reader = new Reader(contents.subarray(0, end));
  let key = "";
  try {
    while (reader.pos < reader.end) {
      const shared = reader.uint32();
      const other = reader.uint32();
      const valueLength = reader.uint32();
      const at = reader.pos;
      if (shared > key.length || other > end - at || valueLength > end - at - other) throw bad("bad entry in block");
      key = key.slice(0, shared) + byteText(contents.subarray(at, at + other));
      const value = contents.subarray(at + other, at + other + valueLength);
      reader.pos = at + other + valueLength;
      entries.push({ key, value });
    }
  } catch (cause) {
    throw new DataLossError("bad entry in block", { cause });
  }
  return entries;
}
