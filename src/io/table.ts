// TensorFlow's sorted tables (LevelDB's format), as bundles keep their metadata in: made in memory, since metadata is
// small beside its tensors, and read block by block. A table that is read may be anything: handles are checked against
// the file, and what is wrong is DATA_LOSS.
//
//   ├ data block … ├ empty meta index ├ index: last key or one behind it → handle ├ two handles, zeros ├ magic ┤
import { DataLossError, InternalError } from "../errors/index.js";
import { Reader } from "../wire/codec.js";
import type { File } from "./file-system.js";
import {
  BLOCK_TRAILER,
  BlockBuilder,
  type BlockEntry,
  blockEntries,
  concat,
  type Handle,
  openBlock,
  varint,
} from "./table-block.js";

const BLOCK_BYTES = 256 * 1024;
const RESTART_EVERY = 16;
/** Two handles take up to 40 bytes; the magic number follows. */
const FOOTER_BYTES = 48;
const MAGIC = 0xdb4775248b80fb57n;

const encodeHandle = ({ offset, size }: Handle): Uint8Array => concat([varint(offset), varint(size)]);

/** Something short that isn't below `last` and is below `next`, if there is one shorter than `last`. */
function separator(last: string, next: string): string {
  const limit = Math.min(last.length, next.length);
  let at = 0;
  while (at < limit && last.charCodeAt(at) === next.charCodeAt(at)) at++;
  const byte = last.charCodeAt(at);
  return at < limit && byte < 0xff && byte + 1 < next.charCodeAt(at)
    ? last.slice(0, at) + String.fromCharCode(byte + 1)
    : last;
}

/** Something short that isn't below `last`. */
function successor(last: string): string {
  for (let at = 0; at < last.length; at++) {
    const byte = last.charCodeAt(at);
    if (byte !== 0xff) return last.slice(0, at) + String.fromCharCode(byte + 1);
  }
  return last;
}

export class TableBuilder {
  readonly #parts: Uint8Array[] = [];
  readonly #index = new BlockBuilder(1);
  #data = new BlockBuilder(RESTART_EVERY);
  #offset = 0;
  #last: string | null = null;
  /** A finished block; its key in the index is known when the next block begins. */
  #pending: Handle | null = null;

  /** Keys come in ascending order. */
  add(key: string, value: Uint8Array): void {
    const last = this.#last;
    if (last !== null && key <= last) throw new InternalError("Keys of a table must ascend");
    if (this.#pending !== null) this.#addIndex(separator(last!, key));
    this.#data.add(key, value);
    this.#last = key;
    if (this.#data.bytes >= BLOCK_BYTES) this.#flush();
  }

  finish(): Uint8Array {
    this.#flush();
    const meta = this.#write(new BlockBuilder(RESTART_EVERY));
    if (this.#pending !== null) this.#addIndex(successor(this.#last!));
    const index = this.#write(this.#index);
    const footer = new Uint8Array(FOOTER_BYTES);
    footer.set(concat([encodeHandle(meta), encodeHandle(index)]));
    new DataView(footer.buffer).setBigUint64(FOOTER_BYTES - 8, MAGIC, true);
    return concat([...this.#parts, footer]);
  }

  #flush(): void {
    if (this.#data.empty) return;
    this.#pending = this.#write(this.#data);
    this.#data = new BlockBuilder(RESTART_EVERY);
  }

  #addIndex(key: string): void {
    this.#index.add(key, encodeHandle(this.#pending!));
    this.#pending = null;
  }

  #write(block: BlockBuilder): Handle {
    const bytes = block.finish();
    const handle = { offset: this.#offset, size: bytes.length - BLOCK_TRAILER };
    this.#parts.push(bytes);
    this.#offset += bytes.length;
    return handle;
  }
}

/** An open table. Blocks that were read are kept, as entries: names are asked for in any order. */
export class Table {
  readonly #blocks = new Map<number, readonly BlockEntry[]>();

  private constructor(
    readonly file: File,
    readonly fileSize: number,
    readonly index: readonly BlockEntry[],
  ) {}

  /** @throws DataLossError */
  static async open(file: File): Promise<Table> {
    const size = await file.size();
    if (size < FOOTER_BYTES) {
      // Who opens a folder hears so from a read.
      await file.read(new Uint8Array(1), 0);
      throw new DataLossError("file is too short to be an sstable");
    }
    const footer = new Uint8Array(FOOTER_BYTES);
    await file.read(footer, size - FOOTER_BYTES);
    if (new DataView(footer.buffer).getBigUint64(FOOTER_BYTES - 8, true) !== MAGIC) {
      throw new DataLossError("not an sstable (bad magic number)");
    }
    const reader = new Reader(footer.subarray(0, FOOTER_BYTES - 8));
    readHandle(reader);
    const index = readHandle(reader);
    return new Table(file, size, blockEntries(await readBlock(file, size, index)));
  }

  async get(key: string): Promise<Uint8Array | null> {
    const at = lowerBound(this.index, key);
    if (at === this.index.length) return null;
    const entries = await this.#entries(at);
    const found = entries[lowerBound(entries, key)];
    return found?.key === key ? found.value : null;
  }

  /** All entries in order. */
  async *entries(): AsyncGenerator<BlockEntry> {
    for (let at = 0; at < this.index.length; at++) yield* await this.#entries(at);
  }

  async #entries(at: number): Promise<readonly BlockEntry[]> {
    let entries = this.#blocks.get(at);
    if (entries === undefined) {
      const handle = readHandle(new Reader(this.index[at]!.value));
      entries = blockEntries(await readBlock(this.file, this.fileSize, handle));
      this.#blocks.set(at, entries);
    }
    return entries;
  }
}

function readHandle(reader: Reader): Handle {
  try {
    return { offset: Number(reader.uint64()), size: Number(reader.uint64()) };
  } catch (cause) {
    throw new DataLossError("bad block handle", { cause });
  }
}

async function readBlock(file: File, fileSize: number, { offset, size }: Handle): Promise<Uint8Array> {
  if (offset + size + BLOCK_TRAILER > fileSize) throw new DataLossError("truncated block read");
  const bytes = new Uint8Array(size + BLOCK_TRAILER);
  return openBlock(bytes.subarray(0, await file.read(bytes, offset)), size);
}

/** The first entry whose key isn't below `key`. */
function lowerBound(entries: readonly BlockEntry[], key: string): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (entries[middle]!.key < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
