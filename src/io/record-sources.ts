// What the kinds of readers find in a file: lines, records of a TFRecord file, stretches of one length, the whole. Takes
// the name of a file, gives keys and values one by one.
import { DataLossError, OutOfRangeError } from "../errors/index.js";
import { ByteStream, type Check, type Packing } from "./byte-stream.js";
import { byteText, textBytes } from "./byte-text.js";
import { crc32c, unmaskCrc } from "./crc32c.js";
import type { FileSystem } from "./file-system.js";

export interface FoundRecord {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  /** Whether the file is known to have no other. */
  readonly last?: boolean;
}

/** A file that is being read. */
export interface RecordSource {
  /** `null` at the end. What it throws it will throw again. */
  next(check: Check): Promise<FoundRecord | null>;
  close(): Promise<void>;
}

/** Begins to read the file of that name. */
export type OpenSource = (files: FileSystem, name: Uint8Array, check: Check) => Promise<RecordSource>;

const decoder = new TextDecoder();
const LENGTH_BYTES = 8;
const CHECKSUM_BYTES = 4;
const HEADER_BYTES = LENGTH_BYTES + CHECKSUM_BYTES;
const RETURN = 13;

const nothing = async (): Promise<void> => {};

/** @param begin reads what is before the first record, and says how the next one is found: `null` at the end */
const streamed =
  (
    packing: Packing,
    begin: (
      stream: ByteStream,
      check: Check,
    ) => Promise<(check: Check) => Promise<readonly [at: number, Uint8Array] | null>>,
  ): OpenSource =>
  async (files, name, check) => {
    const stream = await ByteStream.open(files, decoder.decode(name), packing);
    const prefix = byteText(name);
    try {
      const next = await begin(stream, check);
      return {
        async next(check) {
          const found = await next(check);
          return found && { key: textBytes(`${prefix}:${found[0]}`), value: found[1] };
        },
        close: stream.close,
      };
    } catch (error) {
      await stream.close();
      throw error;
    }
  };

/** Lines, numbered from 1; a file with fewer than are skipped has none. */
export const textLines = (skipped: number): OpenSource =>
  streamed(null, async (stream, check) => {
    let number = 0;
    while (number < skipped && (await stream.line(check)) !== null) number++;
    return async (check) => {
      const line = await stream.line(check);
      if (line === null) return null;
      return [++number, line.at(-1) === RETURN ? line.subarray(0, -1) : line];
    };
  });

/** Records of a TFRecord file, numbered by where they begin. */
export const tfRecords = (packing: Packing): OpenSource =>
  streamed(packing, async (stream) => {
    let offset = 0;
    let failure: Error | null = null;
    const fail = (text: string): never => {
      failure = new DataLossError(text);
      throw failure;
    };
    const checked = (at: number, bytes: Uint8Array, sum: Uint8Array): Uint8Array => {
      const expected = new DataView(sum.buffer, sum.byteOffset).getUint32(0, true);
      return unmaskCrc(expected) === crc32c(bytes)
        ? bytes
        : fail(`corrupted record at ${at}${at === 0 ? " (Is this even a TFRecord file?)" : ""}`);
    };
    return async (check) => {
      if (failure !== null) throw failure;
      if ((await stream.fill(HEADER_BYTES, check)) < HEADER_BYTES) return null;
      const header = stream.peek(HEADER_BYTES);
      const at = offset;
      checked(at, header.subarray(0, LENGTH_BYTES), header.subarray(LENGTH_BYTES));
      const length = Number(new DataView(header.buffer).getBigUint64(0, true));
      const all = HEADER_BYTES + length + CHECKSUM_BYTES;
      if ((await stream.fill(all, check)) < all)
        fail(`truncated record at ${at}' failed with Read less bytes than requested`);
      stream.take(HEADER_BYTES);
      offset += all;
      return [at, checked(at + HEADER_BYTES, stream.take(length), stream.take(CHECKSUM_BYTES))];
    };
  });

export interface FixedLengths {
  readonly header: number;
  readonly record: number;
  readonly footer: number;
  /** From the beginning of one record to that of the next. */
  readonly hop: number;
}

/** Stretches of one length, numbered from 0. */
export const fixedLengths = ({ header, record, footer, hop }: FixedLengths, packing: Packing): OpenSource =>
  streamed(packing, async (stream, check) => {
    stream.pass(header);
    if (!(await stream.settle(check))) throw new OutOfRangeError("reached end of file");
    let number = 0;
    return async (check) => {
      if (!(await stream.settle(check)) || (await stream.fill(record + footer, check)) < record + footer) return null;
      stream.pass(hop);
      return [number++, stream.peek(record)];
    };
  });

/** The file's name is the key; a file that can't be read is tried again. */
export const wholeFiles: OpenSource = async (files, name) => ({
  async next(check) {
    const stream = await ByteStream.open(files, decoder.decode(name));
    try {
      return { key: name, value: await stream.rest(check), last: true };
    } finally {
      await stream.close();
    }
  },
  close: nothing,
});

/** No file at all: the name is the value too. */
export const namesOnly: OpenSource = async (_, name) => ({
  next: async () => ({ key: name, value: name, last: true }),
  close: nothing,
});
