// What generated message codecs share: the Codec type, what a message may be written from, and the door that bytes
// come in by. Knows no message.
import { Reader } from "./reader.js";
import { Writer } from "./writer.js";

export { Reader, WireError } from "./reader.js";
export { Writer } from "./writer.js";

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
  /** Reads fields up to the reader's end; into `message`, if that field came before: protobuf merges the two. */
  read(reader: Reader, message?: T): T;
  write(message: Init<T>, writer: Writer): Writer;
}

export interface Codec<T> extends MessageParts<T> {
  /** Byte fields of the result are views of `bytes`. @throws WireError */
  decode(bytes: Uint8Array): T;
  encode(message: Init<T>): Uint8Array<ArrayBuffer>;
}

export const EMPTY = new Uint8Array(0);

export function codec<T>(parts: MessageParts<T>): Codec<T> {
  return {
    ...parts,
    decode: (bytes) => parts.read(new Reader(bytes)),
    encode: (message) => parts.write(message, new Writer()).finish(),
  };
}
