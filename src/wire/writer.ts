// Writes protobuf's wire format into one growing buffer. A large byte field is only remembered, and copied once, when
// the message is finished. Takes values, gives bytes. Must not know messages.

import { copyBytes } from "../platform/copy.js";

/**
 * Messages are begun in memory that they share, and what they took is theirs: a buffer for each costs more than writing a
 * short one. Nested writers and those that fail get or leave a new one.
 */
const SHARED_BYTES = 16 * 1024;
const LEAST_BYTES = 256;
let shared: Uint8Array<ArrayBuffer> | null = null;

function takeShared(): Uint8Array<ArrayBuffer> {
  const buf = shared ?? new Uint8Array(SHARED_BYTES);
  shared = null;
  return buf;
}

/** From this size on a byte field is copied at the end, not into the growing buffer. */
const LARGE = 4096;

const encoder = new TextEncoder();
const words = new Uint32Array(2);
const wide = new BigUint64Array(words.buffer);

export class Writer {
  #buf: Uint8Array<ArrayBuffer> = takeShared();
  #isShared = true;
  #view: DataView | null = null;
  #pos = 0;
  /** Byte fields left out of the buffer, where they belong in it, and how long they are together. */
  readonly #large: Uint8Array[] = [];
  readonly #largeAt: number[] = [];
  #largeBytes = 0;
  /** Of each open message: position, number of large fields and their bytes when it began. */
  readonly #open: number[] = [];

  /** Begins a length-delimited field whose tag was written. */
  fork(): this {
    this.#open.push(this.#pos + 1, this.#large.length, this.#largeBytes);
    this.#reserve(1);
    this.#pos++;
    return this;
  }

  /** Ends the field begun last: its length goes before it. One byte was left for that, what more it takes is made room for. */
  ldelim(): this {
    const largeBytes = this.#open.pop()!;
    const large = this.#open.pop()!;
    const start = this.#open.pop()!;
    const length = this.#pos - start + this.#largeBytes - largeBytes;
    const more = varintSize(length) - 1;
    if (more > 0) {
      this.#reserve(more);
      this.#buf.copyWithin(start + more, start, this.#pos);
      for (let i = large; i < this.#largeAt.length; i++) this.#largeAt[i]! += more;
    }
    const end = this.#pos + more;
    this.#pos = start - 1;
    this.uint32(length);
    this.#pos = end;
    return this;
  }

  uint32(value: number): this {
    this.#reserve(5);
    const buf = this.#buf;
    let pos = this.#pos;
    let rest = value >>> 0;
    while (rest > 127) {
      buf[pos++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    buf[pos++] = rest;
    this.#pos = pos;
    return this;
  }

  /** Negative ones take ten bytes, as every 64-bit reader needs them. */
  int32(value: number): this {
    return value >= 0 ? this.uint32(value) : this.varint(value >>> 0, 0xffffffff);
  }

  bool(value: boolean): this {
    return this.uint32(value ? 1 : 0);
  }

  uint64(value: bigint): this {
    wide[0] = value;
    return this.varint(words[0]!, words[1]!);
  }

  int64(value: bigint): this {
    return this.uint64(value);
  }

  sint64(value: bigint): this {
    return this.uint64((value << 1n) ^ (value >> 63n));
  }

  fixed64(value: bigint): this {
    this.#reserve(8);
    this.#fixed.setBigUint64(this.#pos, value, true);
    this.#pos += 8;
    return this;
  }

  float(value: number): this {
    this.#reserve(4);
    this.#fixed.setFloat32(this.#pos, value, true);
    this.#pos += 4;
    return this;
  }

  fixed32(value: number): this {
    this.#reserve(4);
    this.#fixed.setUint32(this.#pos, value, true);
    this.#pos += 4;
    return this;
  }

  double(value: number): this {
    this.#reserve(8);
    this.#fixed.setFloat64(this.#pos, value, true);
    this.#pos += 8;
    return this;
  }

  bytes(value: Uint8Array): this {
    this.uint32(value.length);
    if (value.length >= LARGE) {
      this.#large.push(value);
      this.#largeAt.push(this.#pos);
      this.#largeBytes += value.length;
      return this;
    }
    this.#reserve(value.length);
    copyBytes(value, this.#buf, this.#pos);
    this.#pos += value.length;
    return this;
  }

  string(value: string): this {
    const { length } = value;
    const start = this.#pos;
    this.#reserve(5 + length);
    this.uint32(length);
    const buf = this.#buf;
    let pos = this.#pos;
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i);
      if (code > 127) {
        this.#pos = start;
        return this.bytes(encoder.encode(value));
      }
      buf[pos++] = code;
    }
    this.#pos = pos;
    return this;
  }

  /** The message. The writer can't be used after it. */
  finish(): Uint8Array<ArrayBuffer> {
    if (this.#large.length === 0) {
      const message = this.#buf.subarray(0, this.#pos);
      if (this.#isShared) this.#giveBack(this.#pos);
      return message;
    }
    const out = new Uint8Array(this.#pos + this.#largeBytes);
    let from = 0;
    let to = 0;
    for (let i = 0; i < this.#large.length; i++) {
      const at = this.#largeAt[i]!;
      out.set(this.#buf.subarray(from, at), to);
      to += at - from;
      from = at;
      copyBytes(this.#large[i]!, out, to);
      to += this.#large[i]!.length;
    }
    out.set(this.#buf.subarray(from, this.#pos), to);
    if (this.#isShared) this.#giveBack(0);
    return out;
  }

  /** A 64-bit value in halves. */
  varint(low: number, high: number): this {
    this.#reserve(10);
    const buf = this.#buf;
    let pos = this.#pos;
    let l = low;
    let h = high;
    while (h !== 0 || l > 127) {
      buf[pos++] = (l & 127) | 128;
      l = ((l >>> 7) | (h << 25)) >>> 0;
      h >>>= 7;
    }
    buf[pos++] = l;
    this.#pos = pos;
    return this;
  }

  get #fixed(): DataView {
    this.#view ??= new DataView(this.#buf.buffer, this.#buf.byteOffset);
    return this.#view;
  }

  /** What lies behind the first `used` bytes. */
  #giveBack(used: number): void {
    if (this.#buf.length - used >= LEAST_BYTES) shared = this.#buf.subarray(used);
  }

  #reserve(size: number): void {
    const needed = this.#pos + size;
    if (needed <= this.#buf.length) return;
    const grown = new Uint8Array(Math.max(needed, 2 * this.#buf.length));
    grown.set(this.#buf.subarray(0, this.#pos));
    // What is too short for one message is too short for the next like it: it isn't given back.
    this.#isShared = false;
    this.#buf = grown;
    this.#view = null;
  }
}

function varintSize(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x200000) return 3;
  return value < 0x10000000 ? 4 : 5;
}
