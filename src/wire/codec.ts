// What generated message codecs share: the Codec type, 64-bit fields as BigInt, bounds on nesting and lengths.
// Works on protobufjs' Reader and Writer; its Long stays unused. A message that can't be decoded is a WireError.
import protobuf from "protobufjs/minimal.js";

export type Reader = protobuf.Reader;
export type Writer = protobuf.Writer;

/** Bytes from a peer that are no message of the expected type. */
export class WireError extends Error {
  override readonly name = "WireError";
}

/** What a message may be written from: any of its fields may be missing. */
export type Init<T> = T extends Uint8Array | bigint | string | number | boolean
  ? T
  : T extends ReadonlyMap<infer K, infer V>
    ? ReadonlyMap<K, Init<V>>
    : T extends readonly (infer U)[]
      ? readonly Init<U>[]
      : T extends object
        ? { readonly [K in keyof T]?: Init<T[K]> | undefined }
        : T;

export interface MessageParts<T> {
  /** The message with every field at its default. */
  create(): T;
  /** Reads fields up to `end`; `depth` counts the messages around it. */
  read(reader: Reader, end: number, depth: number): T;
  write(message: Init<T>, writer: Writer): Writer;
}

export interface Codec<T> extends MessageParts<T> {
  /** Byte fields of the result are views of `bytes`. @throws WireError */
  decode(bytes: Uint8Array): T;
  encode(message: Init<T>): Uint8Array;
}

export const EMPTY = new Uint8Array(0);

/** protobuf's own default for nesting. */
const MAX_DEPTH = 100;

export function codec<T>(parts: MessageParts<T>): Codec<T> {
  return {
    ...parts,
    decode(bytes) {
      try {
        const reader = protobuf.Reader.create(bytes);
        const message = parts.read(reader, reader.len, 0);
        if (reader.pos !== reader.len) throw new WireError("message ends in the middle of a field");
        return message;
      } catch (error) {
        if (error instanceof WireError) throw error;
        throw new WireError(error instanceof Error ? error.message : String(error), { cause: error });
      }
    },
    encode: (message) => parts.write(message, protobuf.Writer.create()).finish(),
  };
}

export function depthOf(depth: number): number {
  if (depth >= MAX_DEPTH) throw new WireError(`messages nest deeper than ${MAX_DEPTH}`);
  return depth + 1;
}

/** Reads a length and gives where it ends, which must lie inside the message around it. */
export function subEnd(reader: Reader, outerEnd: number): number {
  const end = reader.uint32() + reader.pos;
  if (end > outerEnd) throw new WireError("a field is longer than its message");
  return end;
}

/** A bytes field without copying. */
export function bytesView(reader: Reader): Uint8Array {
  const end = subEnd(reader, reader.len);
  const view = reader.buf.subarray(reader.pos, end);
  reader.pos = end;
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

/** Low and high halves of the varint last read: two numbers, so that long lists make no garbage. */
export const halves = { low: 0, high: 0 };

export function readHalves(reader: Reader): void {
  const { buf, len } = reader;
  let low = 0;
  let high = 0;
  let shift = 0;
  for (; shift < 70; shift += 7) {
    if (reader.pos >= len) throw new WireError("a varint is cut off");
    const byte = buf[reader.pos++]!;
    const bits = byte & 127;
    if (shift < 28) low |= bits << shift;
    else if (shift === 28) {
      low |= bits << 28;
      high |= bits >>> 4;
    } else high |= bits << (shift - 32);
    if (byte < 128) {
      halves.low = low >>> 0;
      halves.high = high >>> 0;
      return;
    }
  }
  throw new WireError("a varint is longer than ten bytes");
}

export function readUint64(reader: Reader): bigint {
  readHalves(reader);
  return halves.high === 0 ? BigInt(halves.low) : (BigInt(halves.high) << 32n) | BigInt(halves.low);
}

export function readInt64(reader: Reader): bigint {
  readHalves(reader);
  if (halves.high === 0) return BigInt(halves.low);
  return (BigInt(halves.high | 0) << 32n) | BigInt(halves.low);
}

/** Zigzag: 0, −1, 1, −2, … */
export function readSint64(reader: Reader): bigint {
  const value = readUint64(reader);
  return (value >> 1n) ^ -(value & 1n);
}

export function readFixed64(reader: Reader): bigint {
  const low = reader.fixed32();
  return (BigInt(reader.fixed32()) << 32n) | BigInt(low);
}

const split = (value: bigint) => ({
  low: Number(BigInt.asIntN(32, value)),
  high: Number(BigInt.asIntN(32, value >> 32n)),
  unsigned: true,
});

type LongLike = Parameters<protobuf.Writer["uint64"]>[0];

export const writeUint64 = (writer: Writer, value: bigint): Writer => writer.uint64(split(value) as LongLike);
export const writeInt64 = writeUint64;
export const writeSint64 = (writer: Writer, value: bigint): Writer =>
  writeUint64(writer, (value << 1n) ^ (value >> 63n));
export const writeFixed64 = (writer: Writer, value: bigint): Writer => writer.fixed64(split(value) as LongLike);
