// How messages lie on a data connection, and their reader: a state machine over whatever pieces the socket gives. Bodies
// go to where the receiver says as they come; nothing but a message's head is gathered. A sender that lies about
// lengths or ids gets a FrameError, after which the connection is of no use.
//
//   frame    0       4      8      9
//            ├ bytes ┼─ id ─┼ kind ┼─ payload of that many bytes ─┤        all numbers little-endian
//   MESSAGE  0            8            12
//            ├ body bytes ┼ head bytes ┼ head ┼ as much of the body as fits ─┤   (body bytes: a float64)
//   BODY     the next bytes of message `id`'s body
//   CANCEL, PING, PONG    no payload

import { copyBytes } from "../platform/copy.js";
import type { ByteReader } from "../platform/sockets.js";

export const FrameKind = { MESSAGE: 0, BODY: 1, CANCEL: 2, PING: 3, PONG: 4 } as const;

export const FRAME_HEADER = 9;
export const MESSAGE_PREFIX = 12;
export const MAX_HEAD = 1024 * 1024;
/** No frame of ours is longer; one that is comes from something else. */
const MAX_PAYLOAD = 16 * 1024 * 1024;

export class FrameError extends Error {}

/** Where a message's body goes: memory of its size. Exactly one of `end` and `fail` is called, then it is let go. */
export interface Sink {
  /** Whether views stay good until `end` or `fail`, so that the socket may read into them. */
  readonly stable: boolean;
  view(offset: number, bytes: number): Uint8Array;
  end(): void;
  fail(error: Error): void;
}

/** A body that is only wanted whole. */
export function gathered(bytes: number, end: (body: Uint8Array) => void): Sink {
  const body = new Uint8Array(bytes);
  return {
    stable: true,
    view: (offset, count) => body.subarray(offset, offset + count),
    end: () => end(body),
    fail() {},
  };
}

export interface FrameEvents {
  /** A message began; `head` is valid during the call only. `null` drops the body. */
  message(id: number, head: Uint8Array, bodyBytes: number): Sink | null;
  cancel(id: number): void;
  ping(): void;
}

interface OpenBody {
  readonly sink: Sink | null;
  readonly bytes: number;
  offset: number;
}

/** What is being gathered while no body is open. */
const State = { HEADER: 0, PREFIX: 1, HEAD: 2 } as const;

const SCRATCH_BYTES = 64 * 1024;

export class FrameReader implements ByteReader {
  readonly #bodies = new Map<number, OpenBody>();
  readonly #scratch = new Uint8Array(SCRATCH_BYTES);
  /** Whether the last memory given was a body's own. */
  #direct = false;
  #state: number = State.HEADER;
  /** What is being gathered: a frame's header, a message's prefix, or its head. */
  #gathered = new Uint8Array(4096);
  #view = new DataView(this.#gathered.buffer);
  #count = 0;
  #wanted = FRAME_HEADER;
  #id = 0;
  /** Bytes of the payload that are still to come. */
  #payload = 0;
  #bodyBytes = 0;
  #body: OpenBody | null = null;

  constructor(readonly events: FrameEvents) {}

  space(): Uint8Array {
    const body = this.#body;
    this.#direct = body !== null && body.sink?.stable === true && this.#payload > SCRATCH_BYTES;
    return this.#direct ? body!.sink!.view(body!.offset, this.#payload) : this.#scratch;
  }

  /** @throws FrameError */
  filled(count: number): void {
    if (this.#direct) this.#advance(count);
    else this.#parse(this.#scratch, count);
  }

  #parse(bytes: Uint8Array, count: number): void {
    let at = 0;
    while (at < count) {
      const wanted = this.#body === null ? this.#wanted - this.#count : this.#payload;
      const piece = bytes.subarray(at, Math.min(count, at + wanted));
      at += piece.length;
      if (this.#body !== null) {
        const { sink, offset } = this.#body;
        if (sink !== null) copyBytes(piece, sink.view(offset, piece.length));
        this.#advance(piece.length);
      } else {
        this.#gathered.set(piece, this.#count);
        this.#count += piece.length;
        if (this.#count === this.#wanted) this.#next();
      }
    }
  }

  /** Fails every body that is open. */
  fail(error: Error): void {
    const bodies = [...this.#bodies.values()];
    this.#bodies.clear();
    for (const { sink } of bodies) sink?.fail(error);
  }

  #gather(state: number, wanted: number): void {
    if (wanted > this.#gathered.length) {
      this.#gathered = new Uint8Array(MAX_HEAD);
      this.#view = new DataView(this.#gathered.buffer);
    }
    this.#state = state;
    this.#count = 0;
    this.#wanted = wanted;
  }

  #next(): void {
    const view = this.#view;
    if (this.#state === State.HEADER) {
      this.#payload = view.getUint32(0, true);
      this.#id = view.getUint32(4, true);
      this.#begin(view.getUint8(8));
    } else if (this.#state === State.PREFIX) {
      this.#bodyBytes = view.getFloat64(0, true);
      const headBytes = view.getUint32(8, true);
      this.#payload -= MESSAGE_PREFIX;
      if (!Number.isSafeInteger(this.#bodyBytes) || this.#bodyBytes < 0)
        throw new FrameError("a body without a length");
      if (headBytes > MAX_HEAD || headBytes > this.#payload) throw new FrameError(`a head of ${headBytes} bytes`);
      if (headBytes === 0) this.#message(0);
      else this.#gather(State.HEAD, headBytes);
    } else {
      this.#message(this.#wanted);
    }
  }

  #begin(kind: number): void {
    if (this.#payload > MAX_PAYLOAD) throw new FrameError(`a frame of ${this.#payload} bytes`);
    if (kind === FrameKind.MESSAGE) {
      if (this.#payload < MESSAGE_PREFIX) throw new FrameError("a message without a length");
      if (this.#bodies.has(this.#id)) throw new FrameError(`message ${this.#id} begins twice`);
      this.#gather(State.PREFIX, MESSAGE_PREFIX);
    } else if (kind === FrameKind.BODY) {
      const body = this.#bodies.get(this.#id);
      if (body === undefined) throw new FrameError(`a body for message ${this.#id}, which isn't open`);
      const left = body.bytes - body.offset;
      if (this.#payload === 0 || this.#payload > left) throw new FrameError("a body of another length");
      this.#body = body;
    } else {
      if (this.#payload !== 0) throw new FrameError(`a payload in a frame of kind ${kind}`);
      this.#gather(State.HEADER, FRAME_HEADER);
      if (kind === FrameKind.CANCEL) this.events.cancel(this.#id);
      else if (kind === FrameKind.PING) this.events.ping();
      else if (kind !== FrameKind.PONG) throw new FrameError(`a frame of kind ${kind}`);
    }
  }

  #message(headBytes: number): void {
    this.#payload -= headBytes;
    if (this.#payload > this.#bodyBytes) throw new FrameError("a body of another length");
    const sink = this.events.message(this.#id, this.#gathered.subarray(0, headBytes), this.#bodyBytes);
    if (this.#bodyBytes === 0) {
      this.#gather(State.HEADER, FRAME_HEADER);
      sink?.end();
      return;
    }
    const body = { sink, bytes: this.#bodyBytes, offset: 0 };
    this.#bodies.set(this.#id, body);
    if (this.#payload > 0) this.#body = body;
    else this.#gather(State.HEADER, FRAME_HEADER);
  }

  /** More of the open body has come. */
  #advance(count: number): void {
    const body = this.#body!;
    body.offset += count;
    this.#payload -= count;
    if (this.#payload > 0) return;
    this.#body = null;
    this.#gather(State.HEADER, FRAME_HEADER);
    if (body.offset < body.bytes) return;
    this.#bodies.delete(this.#id);
    body.sink?.end();
  }
}
