// Reads a tensor bundle as TensorFlow's BundleReader does: entries by name, tensors and parts of them straight into a
// heap. A bundle may be anything: what its table claims is checked against the files before memory is taken, and what
// is wrong is DATA_LOSS, NOT_FOUND or OUT_OF_RANGE in TensorFlow's words.
import {
  DataLossError,
  InternalError,
  InvalidArgumentError,
  NotFoundError,
  ResourceExhaustedError,
  UnimplementedError,
} from "../errors/index.js";
import type { Allocator } from "../memory/allocator.js";
import { DataType, dtypeName, dtypeSize, isKnownDtype } from "../tensor/dtype.js";
import { numElements, type Shape, shapeString } from "../tensor/shape.js";
import { allocateTensor, exhausted, MAX_VALUES, type Tensor, tensorOfValues } from "../tensor/tensor.js";
import { type BundleEntryProto, BundleHeaderProto, BundleHeaderProto_Endianness } from "../wire/io.js";
import { BufferedReader, readInto, readLess } from "./buffered-reader.js";
import { BUNDLE_VERSION, dataName, entryShape, HEADER_KEY, metaName, parseEntry } from "./bundle.js";
import { readStrings } from "./bundle-strings.js";
import { readable } from "./byte-text.js";
import { unmaskCrc } from "./crc32c.js";
import type { File, FileSystem } from "./file-system.js";
import { copyRegion } from "./region-copy.js";
import { Table } from "./table.js";
import { TensorSlice } from "./tensor-slice.js";

/** A tensor, or a part of one, as a bundle has it. */
export interface BundleEntry {
  /** A character a byte. */
  readonly key: string;
  readonly dtype: DataType;
  readonly shape: Shape;
  readonly proto: BundleEntryProto;
}

const nothing = (): void => {};

const MAX_SLICES = 4096;

export class BundleReader {
  readonly #data = new Map<number, File>();

  private constructor(
    readonly files: FileSystem,
    readonly prefix: string,
    readonly table: Table,
    readonly header: BundleHeaderProto,
    readonly check: () => void,
  ) {}

  /** @param check called before each piece of work; throws to end it */
  static async open(files: FileSystem, prefix: string, check: () => void = nothing): Promise<BundleReader> {
    const file = await files.open(metaName(prefix));
    try {
      const table = await Table.open(file);
      return new BundleReader(files, prefix, table, await readHeader(table), check);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    for (const file of [this.table.file, ...this.#data.values()]) await file.close();
  }

  /** @throws NotFoundError, also when the part of the table that would have it is damaged, as TensorFlow says */
  async entry(key: string): Promise<BundleEntry> {
    const missing = (cause?: unknown) =>
      new NotFoundError(`Key ${readable(key)} not found in checkpoint`, cause === undefined ? {} : { cause });
    const value = await this.table.get(key).catch((error) => {
      throw error instanceof DataLossError ? missing(error) : error;
    });
    if (value === null) throw missing();
    return toEntry(key, value);
  }

  /** All tensors in the order of their keys. The parts of partitioned ones are told by the tensors' own entries. */
  async entries(): Promise<BundleEntry[]> {
    const entries: BundleEntry[] = [];
    for await (const { key, value } of this.table.entries()) {
      // A part's key begins with a zero, which no name does.
      if (key !== HEADER_KEY && !key.startsWith("\0")) entries.push(toEntry(key, value));
    }
    return entries;
  }

  /** A whole tensor; the caller holds it. */
  async read(entry: BundleEntry, allocator: Allocator): Promise<Tensor> {
    const { dtype, shape, proto } = entry;
    if (proto.slices.length > 0) return this.readSlice(entry, TensorSlice.full(shape.length), allocator);
    if (dtype === DataType.STRING) {
      return tensorOfValues(allocator, dtype, shape, await this.#strings(entry)) ?? tooLarge(shape);
    }
    await this.#checkSize(entry);
    return this.#filled(allocator, dtype, shape, (tensor) => this.#bytes(entry, allocator, tensor.ptr));
  }

  /** Part of a tensor, put together from the parts that the bundle has; the caller holds it. */
  async readSlice(entry: BundleEntry, wanted: TensorSlice, allocator: Allocator): Promise<Tensor> {
    const { dtype, shape, proto } = entry;
    const stored =
      proto.slices.length === 0 ? [TensorSlice.full(shape.length)] : proto.slices.map(TensorSlice.fromProto);
    checkApart(stored, shape);
    const wantedShape = wanted.of(shape);
    const same = stored.find((slice) => `${slice}` === `${wanted}` || (slice.covers(shape) && wanted.covers(shape)));
    if (same !== undefined) return this.read(await this.#part(entry, same), allocator);
    const parts = stored.flatMap((slice) => {
      const common = slice.intersect(wanted, shape);
      return common === null ? [] : [{ slice, common }];
    });
    const covered = parts.reduce((sum, { common }) => sum + numElements(common.lengths), 0);
    if (covered !== numElements(wantedShape)) {
      throw new InvalidArgumentError(
        `Does not have sufficient slices for partitioned tensor ${readable(entry.key)} to restore in slice_spec: ${wanted}`,
      );
    }
    if (dtypeSize(dtype) === 0) throw new InvalidArgumentError(`Dtype ${dtypeName(dtype)} not supported.`);
    return this.#filled(allocator, dtype, wantedShape, async (result) => {
      const to = { starts: wanted.starts, shape: wantedShape, ptr: result.ptr };
      for (const { slice, common } of parts) {
        const part = await this.read(await this.#part(entry, slice), allocator);
        const from = { starts: slice.starts, shape: part.shape, ptr: part.ptr };
        copyRegion(allocator.heap.u8, from, to, common.starts, common.lengths, dtypeSize(dtype));
        part.release();
      }
    });
  }

  /** The entry of one part; the whole tensor has its own. */
  async #part(entry: BundleEntry, slice: TensorSlice): Promise<BundleEntry> {
    const { key, dtype, shape, proto } = entry;
    if (proto.slices.length === 0) return entry;
    const part = await this.entry(slice.keyFor(key));
    const sliceShape = slice.of(shape);
    if (part.dtype !== dtype || shapeString(part.shape) !== shapeString(sliceShape) || part.proto.slices.length > 0) {
      throw new DataLossError(`The slice ${slice} of ${readable(key)} is not what the tensor's own entry says`);
    }
    return part;
  }

  async #filled(
    allocator: Allocator,
    dtype: DataType,
    shape: Shape,
    fill: (tensor: Tensor) => Promise<void>,
  ): Promise<Tensor> {
    const tensor = allocateTensor(allocator, dtype, shape) ?? exhausted(dtype, shape);
    try {
      await fill(tensor);
      return tensor;
    } catch (error) {
      tensor.release();
      throw error;
    }
  }

  async #bytes(entry: BundleEntry, { heap }: Allocator, ptr: number): Promise<void> {
    const size = Number(entry.proto.size);
    const reader = new BufferedReader(await this.#shard(entry), Number(entry.proto.offset), size);
    this.#checkSum(entry, await readInto(reader, heap, ptr, this.check));
    if (this.#swapped) swapBytes(heap.u8.subarray(ptr, ptr + size), entry.dtype);
  }

  async #strings(entry: BundleEntry): Promise<Uint8Array[]> {
    const { key, shape, proto } = entry;
    const count = numElements(shape);
    const size = Number(proto.size);
    // Each string has at least one byte of length, so the file bounds how many there are.
    if (size < count) {
      throw new DataLossError(
        `Invalid size in bundle entry: key ${readable(key)}; stored size ${size}; expected size is at least ${count}`,
      );
    }
    if (count > MAX_VALUES) tooLarge(shape);
    const file = await this.#shard(entry);
    await checkWithin(file, entry.proto);
    const { values, crc } = await readStrings(file, Number(proto.offset), size, count, this.#swapped, this.check);
    this.#checkSum(entry, crc);
    return values;
  }

  get #swapped(): boolean {
    return this.header.endianness === BundleHeaderProto_Endianness.BIG;
  }

  /** Before memory is taken for it: the entry must be about as many bytes as its shape, and the file must have them. */
  async #checkSize(entry: BundleEntry): Promise<void> {
    const { key, dtype, shape, proto } = entry;
    if (dtypeSize(dtype) === 0) {
      throw new UnimplementedError(`Restoring data type ${dtypeName(dtype)} not yet supported`);
    }
    const expected = numElements(shape) * dtypeSize(dtype);
    if (Number(proto.size) !== expected) {
      throw new DataLossError(
        `Invalid size in bundle entry: key ${readable(key)}; stored size ${proto.size}; expected size ${expected}`,
      );
    }
    if (expected > 0) await checkWithin(await this.#shard(entry), proto);
  }

  #checkSum({ proto }: BundleEntry, actual: number): void {
    const stored = unmaskCrc(proto.crc32c);
    if (stored === actual) return;
    throw new DataLossError(
      `TensorBundle at ${this.prefix} shard ${proto.shardId} (${proto.size} bytes): Checksum does not match: stored ` +
        `${String(stored).padStart(8, "0")} vs. calculated on the restored bytes ${actual}`,
    );
  }

  async #shard({ proto: { shardId } }: BundleEntry): Promise<File> {
    let file = this.#data.get(shardId);
    if (file === undefined) {
      file = await this.files.open(dataName(this.prefix, shardId, this.header.numShards));
      this.#data.set(shardId, file);
    }
    return file;
  }
}

/** @throws OutOfRangeError */
async function checkWithin(file: File, { offset, size }: BundleEntryProto): Promise<void> {
  if (offset < 0n || size < 0n || offset + size > BigInt(await file.size())) throw readLess();
}

function tooLarge(shape: Shape): never {
  throw new ResourceExhaustedError(`A string tensor of shape ${shapeString(shape)} is too large`);
}

function toEntry(key: string, value: Uint8Array): BundleEntry {
  const proto = parseEntry(key, value);
  const shape = entryShape(key, proto.shape);
  if (!isKnownDtype(proto.dtype) || proto.dtype > 100) {
    throw new DataLossError(`Entry for key ${readable(key)} has an unknown data type (${proto.dtype})`);
  }
  return { key, dtype: proto.dtype, shape, proto };
}

async function readHeader(table: Table): Promise<BundleHeaderProto> {
  const corrupt = (detail: string, cause: unknown) => {
    const reason = cause instanceof Error ? `: ${cause.message}` : "";
    const text =
      `Unable to read file (${table.file.path}). Perhaps the file is corrupt or was produced by a newer version of ` +
      `TensorFlow with format changes (${detail})${reason}`;
    return cause === null ? new InternalError(text) : new DataLossError(text, { cause });
  };
  let bytes: Uint8Array | null;
  try {
    bytes = await table.get(HEADER_KEY);
  } catch (error) {
    throw corrupt("failed to seek to header entry", error);
  }
  if (bytes === null) throw corrupt("failed to seek to header entry", null);
  let header: BundleHeaderProto;
  try {
    header = BundleHeaderProto.decode(bytes);
  } catch (cause) {
    throw corrupt("unable to parse header", new DataLossError("Entry for key  not parseable.", { cause }));
  }
  const oldest = header.version?.minConsumer ?? 0;
  if (oldest > BUNDLE_VERSION) {
    throw new InvalidArgumentError(
      `Checkpoint min consumer version ${oldest} above current version ${BUNDLE_VERSION} for TensorFlow 2.21.0.  ` +
        "Please upgrade TensorFlow.",
    );
  }
  return header;
}

/** Parts of one tensor fit into it and don't overlap. @throws InternalError, DataLossError */
function checkApart(slices: readonly TensorSlice[], shape: Shape): void {
  // Each is compared with each: nobody has so many that this takes long, except on purpose.
  if (slices.length > MAX_SLICES) throw new DataLossError(`A tensor has ${slices.length} slices`);
  for (const [i, slice] of slices.entries()) {
    slice.of(shape);
    const other = slices.slice(0, i).find((before) => before.intersect(slice, shape) !== null);
    if (other !== undefined) {
      throw new InternalError(`Overlapping slices: existing slice = ${other}, new slice = ${slice}`);
    }
  }
}

/** Elements of a bundle that a big-endian machine wrote, turned round; complex ones are two numbers. */
function swapBytes(bytes: Uint8Array, dtype: DataType): void {
  const complex = dtype === DataType.COMPLEX64 || dtype === DataType.COMPLEX128;
  const size = complex ? dtypeSize(dtype) / 2 : dtypeSize(dtype);
  if (size > 1) for (let at = 0; at < bytes.length; at += size) bytes.subarray(at, at + size).reverse();
}
