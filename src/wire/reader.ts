// Reads protobuf's wire format from bytes that may be hostile: every read stays inside the message around it, varints
// and groups are bounded, nesting too, strings are valid UTF-8. Takes bytes, gives values; whatever is wrong with them
// is a WireError. Byte fields are views. Must not know messages.

/** Bytes from a peer that are no message of the expected type. */
export class WireError extends Error {
  override readonly name = "WireError";
}

/** protobuf's own default for nesting. */
export const MAX_DEPTH = 100;

/**
 * Sub-messages, byte fields and eights of packed values in one message. Two bytes on the wire can be hundreds in memory:
 * without a bound a few megabytes of empty messages would end the process. A graph of 100,000 nodes has about a million.
 */
export const MAX_PARTS = 4_000_000;

/** Above this, the runtime's decoder is faster than a loop. */
const SHORT = 48;
const CACHE_SIZE = 1024;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Short strings seen, by hash of their bytes: graphs repeat op, attribute and device names and every node's name, steps
 * their session, feeds and fetches. Common to all messages, since most have few strings and come again.
 */
const strings: (string | undefined)[] = new Array(CACHE_SIZE).fill(undefined);

/** Where the halves of a varint become one value. */
const words = new Uint32Array(2);
const unsigned = new BigUint64Array(words.buffer);
const signed = new BigInt64Array(words.buffer);

const fail = (text: string): never => {
  throw new WireError(text);
};

export class Reader {
  pos = 0;
  /** Where the message being read ends. */
  end: number;
  depth = 0;
  #parts = 0;
  /** Halves of the varint last read: two numbers, so that long lists make no garbage. */
  low = 0;
  high = 0;
  #view: DataView | null = null;

  constructor(readonly buf: Uint8Array) {
    this.end = buf.length;
  }

  get view(): DataView {
    this.#view ??= new DataView(this.buf.buffer, this.buf.byteOffset, this.buf.byteLength);
    return this.#view;
  }

  /** Enters a length-delimited field; gives the end of the message around it, for `close`. */
  open(): number {
    const outer = this.end;
    const length = this.length();
    if (++this.depth > MAX_DEPTH) fail(`messages nest deeper than ${MAX_DEPTH}`);
    this.#charge(1);
    this.end = this.pos + length;
    return outer;
  }

  /** Enters a packed list whose values become an array of their own, as `open` does a message. */
  openPacked(): number {
    const outer = this.open();
    this.#charge((this.end - this.pos) >>> 3);
    return outer;
  }

  #charge(parts: number): void {
    this.#parts += parts;
    if (this.#parts > MAX_PARTS) fail(`a message has more than ${MAX_PARTS} parts`);
  }

  close(outer: number): void {
    this.depth--;
    this.end = outer;
  }

  /** The length of a field that must fit into the message around it. */
  length(): number {
    const length = this.uint32();
    if (this.high !== 0 || length > this.end - this.pos) fail("a field is longer than its message");
    return length;
  }

  /** The low 32 bits of a varint; `high` has the others. */
  uint32(): number {
    const { buf, end } = this;
    if (this.pos < end) {
      const byte = buf[this.pos]!;
      if (byte < 128) {
        this.pos++;
        this.high = 0;
        return byte;
      }
    }
    this.varint();
    return this.low;
  }

  /** Field number and wire type. */
  tag(): number {
    const tag = this.uint32();
    if (this.high !== 0) fail("a field number is too large");
    return tag;
  }

  int32(): number {
    return this.uint32() | 0;
  }

  bool(): boolean {
    return (this.uint32() | this.high) !== 0;
  }

  /** Reads a varint of up to ten bytes into `low` and `high`. */
  varint(): void {
    const { buf, end } = this;
    let { pos } = this;
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (pos >= end) fail("a varint is cut off");
      const byte = buf[pos++]!;
      const bits = byte & 127;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high = bits >>> 4;
      } else high |= bits << (shift - 32);
      if (byte < 128) {
        this.low = low >>> 0;
        this.high = high >>> 0;
        this.pos = pos;
        return;
      }
    }
    fail("a varint is longer than ten bytes");
  }

  uint64(): bigint {
    this.varint();
    words[0] = this.low;
    words[1] = this.high;
    return unsigned[0]!;
  }

  int64(): bigint {
    this.varint();
    words[0] = this.low;
    words[1] = this.high;
    return signed[0]!;
  }

  /** Zigzag: 0, −1, 1, −2, … */
  sint64(): bigint {
    const value = this.uint64();
    return (value >> 1n) ^ -(value & 1n);
  }

  fixed64(): bigint {
    return this.view.getBigUint64(this.#fixed(8), true);
  }

  fixed32(): number {
    return this.view.getUint32(this.#fixed(4), true);
  }

  float(): number {
    return this.view.getFloat32(this.#fixed(4), true);
  }

  double(): number {
    return this.view.getFloat64(this.#fixed(8), true);
  }

  /** A bytes field without copying. */
  bytes(): Uint8Array {
    const length = this.length();
    this.#charge(1);
    const { buf, pos } = this;
    this.pos = pos + length;
    return new Uint8Array(buf.buffer, buf.byteOffset + pos, length);
  }

  string(): string {
    const length = this.length();
    if (length === 0) return "";
    const start = this.pos;
    this.pos = start + length;
    return length <= SHORT ? this.#shortString(start, length) : this.#longString(start, length);
  }

  /** Skips a field that isn't known, or whose wire type isn't the one it should have. */
  skip(tag: number): void {
    if (tag >>> 3 === 0) fail("a field has the number 0");
    switch (tag & 7) {
      case 0:
        this.varint();
        return;
      case 1:
        this.#fixed(8);
        return;
      case 2:
        this.#fixed(this.length());
        return;
      case 3:
        this.#skipGroup(tag >>> 3);
        return;
      case 5:
        this.#fixed(4);
        return;
      default:
        fail(`wire type ${tag & 7} begins no field`);
    }
  }

  #skipGroup(field: number): void {
    if (++this.depth > MAX_DEPTH) fail(`messages nest deeper than ${MAX_DEPTH}`);
    for (;;) {
      const tag = this.tag();
      if ((tag & 7) === 4) {
        if (tag >>> 3 !== field) fail("a group ends that didn't begin");
        this.depth--;
        return;
      }
      this.skip(tag);
    }
  }

  /** Gives the position of a value of `size` bytes and steps over it. */
  #fixed(size: number): number {
    const start = this.pos;
    if (size > this.end - start) fail("a value is cut off");
    this.pos = start + size;
    return start;
  }

  #shortString(start: number, length: number): string {
    const { buf } = this;
    let hash = length;
    let bits = 0;
    for (let i = start, stop = start + length; i < stop; i++) {
      const byte = buf[i]!;
      bits |= byte;
      hash = (Math.imul(hash, 31) + byte) | 0;
    }
    if (bits > 127) return this.#longString(start, length);
    const slot = (hash ^ (hash >>> 15)) & (CACHE_SIZE - 1);
    const known = strings[slot];
    if (known !== undefined && known.length === length && this.#spells(known, start)) return known;
    const text = String.fromCharCode.apply(null, buf.subarray(start, start + length) as unknown as number[]);
    strings[slot] = text;
    return text;
  }

  #spells(text: string, start: number): boolean {
    const { buf } = this;
    for (let i = text.length - 1; i >= 0; i--) if (text.charCodeAt(i) !== buf[start + i]) return false;
    return true;
  }

  #longString(start: number, length: number): string {
    const bytes = this.buf.subarray(start, start + length);
    try {
      return decoder.decode(bytes);
    } catch (cause) {
      throw new WireError("a string is not UTF-8", { cause });
    }
  }
}
