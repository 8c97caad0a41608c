// Writes a tensor bundle as TensorFlow's BundleWriter does, byte for byte: tensors go straight from the heap through a
// buffer to the data file, the table of them follows. Both have temporary names until they are whole; a writer that is
// abandoned leaves no file.
import { AlreadyExistsError, InvalidArgumentError, UnimplementedError } from "../errors/index.js";
import type { Heap } from "../memory/heap.js";
import { DataType, dtypeName, dtypeSize } from "../tensor/dtype.js";
import { shapeToProto } from "../tensor/proto.js";
import { type Shape, sameShape } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { BundleEntryProto, BundleHeaderProto } from "../wire/io.js";
import { BufferedWriter } from "./buffered-writer.js";
import { BUNDLE_VERSION, dataName, entryShape, HEADER_KEY, metaName } from "./bundle.js";
import { readable } from "./byte-text.js";
import { extendCrc32c, maskCrc } from "./crc32c.js";
import { type FileSystem, folderOf, temporaryName } from "./file-system.js";
import { TableBuilder } from "./table.js";
import { varint } from "./table-block.js";
import type { TensorSlice } from "./tensor-slice.js";

const nothing = (): void => {};

export class BundleWriter {
  readonly #entries = new Map<string, BundleEntryProto>();

  private constructor(
    readonly files: FileSystem,
    readonly prefix: string,
    readonly heap: Heap,
    readonly temporary: string,
    readonly out: BufferedWriter,
    readonly check: () => void,
  ) {}

  /** @param check called before each piece of work; throws to end it */
  static async create(
    files: FileSystem,
    prefix: string,
    heap: Heap,
    check: () => void = nothing,
  ): Promise<BundleWriter> {
    await makeFolderOf(files, prefix);
    const temporary = temporaryName(dataName(prefix, 0, 1));
    const out = new BufferedWriter(await files.open(temporary, "w"));
    return new BundleWriter(files, prefix, heap, temporary, out, check);
  }

  /** @param key a character a byte @throws InvalidArgumentError for a key that is there */
  async add(key: string, tensor: Tensor): Promise<void> {
    // An empty name ends TensorFlow's process: it is the header's.
    if (key === HEADER_KEY) throw new InvalidArgumentError("A tensor that is saved needs a name");
    if (this.#entries.has(key)) throw new InvalidArgumentError(`Adding duplicate key: ${readable(key)}`);
    const { out } = this;
    const offset = out.position;
    out.crc = 0;
    if (tensor.dtype === DataType.STRING) await this.#strings((tensor.values ?? []) as readonly Uint8Array[]);
    else if (dtypeSize(tensor.dtype) === 0) {
      throw new UnimplementedError(`Saving data type ${dtypeName(tensor.dtype)} not yet supported`);
    } else await out.append(this.heap, tensor.ptr, tensor.bytes, this.check);
    this.#entries.set(key, {
      ...BundleEntryProto.create(),
      dtype: tensor.dtype,
      shape: shapeToProto(tensor.shape),
      offset: BigInt(offset),
      size: BigInt(out.position - offset),
      crc32c: maskCrc(out.crc),
    });
  }

  /** A part of a tensor of shape `full`; the tensor's own entry lists its parts. */
  async addSlice(key: string, full: Shape, slice: TensorSlice, tensor: Tensor): Promise<void> {
    if (slice.covers(full)) return this.add(key, tensor);
    const entry = this.#entries.get(key);
    // Parts that belong to different tensors end TensorFlow's process.
    if (entry !== undefined && (entry.dtype !== tensor.dtype || !sameShape(entryShape(key, entry.shape), full))) {
      throw new InvalidArgumentError(`Slices of ${readable(key)} have different data types or full shapes`);
    }
    const whole = entry ?? { ...BundleEntryProto.create(), dtype: tensor.dtype, shape: shapeToProto(full) };
    whole.slices.push(slice.toProto());
    this.#entries.set(key, whole);
    await this.add(slice.keyFor(key), tensor);
  }

  async finish(): Promise<void> {
    const { files, prefix, out } = this;
    await out.finish();
    await out.file.close();
    await files.rename(this.temporary, dataName(prefix, 0, 1));
    const header = { numShards: 1, version: { producer: BUNDLE_VERSION, minConsumer: 0, badConsumers: [] } };
    await files.replace(metaName(prefix), bundleTable(header, this.#entries));
  }

  /** Gives back the file of a bundle that will not be finished. */
  async abandon(): Promise<void> {
    await this.out.settle();
    await this.out.file.close().catch(nothing);
    await this.files.removeFile(this.temporary).catch(nothing);
  }

  /** Lengths as varints, the checksum of the lengths as words, then the bytes. */
  async #strings(values: readonly Uint8Array[]): Promise<void> {
    const { out } = this;
    const word = new Uint8Array(4);
    const view = new DataView(word.buffer);
    let crc = 0;
    for (const { length } of values) {
      view.setUint32(0, length, true);
      crc = extendCrc32c(crc, word);
      await this.#append(varint(length));
    }
    view.setUint32(0, maskCrc(crc), true);
    out.crc = crc;
    await this.#append(word);
    for (const value of values) await this.#append(value);
  }

  #append(bytes: Uint8Array): Promise<void> | void {
    if (this.out.room > bytes.length) this.out.put(bytes);
    else return this.out.append({ u8: bytes }, 0, bytes.length, this.check);
  }
}

/** Header and entries as the table of a bundle. */
export function bundleTable(
  header: Parameters<typeof BundleHeaderProto.encode>[0],
  entries: ReadonlyMap<string, BundleEntryProto>,
): Uint8Array {
  const table = new TableBuilder();
  table.add(HEADER_KEY, BundleHeaderProto.encode(header));
  for (const key of [...entries.keys()].sort()) table.add(key, BundleEntryProto.encode(entries.get(key)!));
  return table.finish();
}

/** The folder that a bundle goes into, made if it is missing; those above it must be there. */
export async function makeFolderOf(files: FileSystem, prefix: string): Promise<void> {
  const folder = folderOf(prefix);
  if (folder === "") return;
  try {
    await files.makeFolder(folder);
  } catch (error) {
    if (!(error instanceof AlreadyExistsError)) throw error;
  }
}
