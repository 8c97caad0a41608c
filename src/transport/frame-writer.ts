// Writes messages to a data connection. Small ones are gathered, so that what is sent in one turn of the event loop
// leaves in one write; large bodies go chunk by chunk straight from their source, in turn with each other, and no faster
// than the socket takes them. It must not know what a message means.
import { copyBytes } from "../platform/copy.js";
import type { Socket } from "../platform/sockets.js";
import { FRAME_HEADER, FrameKind, MESSAGE_PREFIX } from "./frames.js";

/** What a body is read from. */
export interface Source {
  readonly bytes: number;
  /** The bytes from `offset` on. They must not change or move until `release`. */
  view(offset: number, bytes: number): Uint8Array;
  /** Called once, when nothing will be read any more. */
  release(): void;
}

/** A body up to this size travels in its message's frame: nothing else comes between. */
export const INLINE_BYTES = 16 * 1024;
const STAGE_BYTES = 64 * 1024;
const CHUNK_BYTES = 1024 * 1024;
/** Bytes that may wait in the socket before bodies stop being added. */
const HIGH_WATER = 4 * CHUNK_BYTES;

export const bytesSource = (all: Uint8Array): Source => ({
  bytes: all.length,
  view: (offset, count) => all.subarray(offset, offset + count),
  release() {},
});

interface Outgoing {
  readonly id: number;
  readonly source: Source;
  offset: number;
}

export class FrameWriter {
  #stage: Buffer = Buffer.allocUnsafeSlow(STAGE_BYTES);
  #staged = 0;
  #flushing = false;
  #closed = false;
  readonly #spare: Buffer[] = [];
  /** Bodies that are not wholly written, the next one first. */
  #bodies: Outgoing[] = [];

  /** @param taken the socket took some bytes of a body */
  constructor(
    readonly socket: Socket,
    readonly taken: () => void,
  ) {
    socket.on("drain", () => this.#pump());
  }

  message(id: number, head: Uint8Array, source: Source | null): void {
    if (this.#closed) {
      source?.release();
      return;
    }
    const bodyBytes = source === null ? 0 : source.bytes;
    const inline = bodyBytes <= INLINE_BYTES ? bodyBytes : 0;
    const payload = MESSAGE_PREFIX + head.length + inline;
    this.#reserve(FRAME_HEADER + payload);
    this.#header(payload, id, FrameKind.MESSAGE);
    this.#stage.writeDoubleLE(bodyBytes, this.#staged);
    this.#stage.writeUInt32LE(head.length, this.#staged + 8);
    this.#stage.set(head, this.#staged + MESSAGE_PREFIX);
    this.#staged += MESSAGE_PREFIX + head.length;
    if (source === null) return;
    if (inline === bodyBytes) {
      if (inline > 0) copyBytes(source.view(0, inline), this.#stage, this.#staged);
      this.#staged += inline;
      source.release();
    } else {
      this.#bodies.push({ id, source, offset: 0 });
    }
  }

  /** A frame without payload. */
  control(kind: number, id = 0): void {
    if (this.#closed) return;
    this.#reserve(FRAME_HEADER);
    this.#header(0, id, kind);
  }

  /** Lets go of what was not sent. */
  close(): void {
    this.#closed = true;
    const bodies = this.#bodies;
    this.#bodies = [];
    for (const { source } of bodies) source.release();
  }

  #header(payload: number, id: number, kind: number): void {
    this.#stage.writeUInt32LE(payload, this.#staged);
    this.#stage.writeUInt32LE(id, this.#staged + 4);
    this.#stage[this.#staged + 8] = kind;
    this.#staged += FRAME_HEADER;
  }

  /** Room for a frame in the stage; it is sent when this turn of the event loop is over. */
  #reserve(bytes: number): void {
    if (this.#staged + bytes > this.#stage.length) {
      this.#flush();
      if (bytes > this.#stage.length) this.#stage = Buffer.allocUnsafeSlow(bytes);
    }
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      this.#pump();
    });
  }

  #flush(): void {
    if (this.#staged === 0) return;
    const stage = this.#stage;
    this.socket.write(stage.subarray(0, this.#staged), () => {
      if (stage.length === STAGE_BYTES && this.#spare.length < 4) this.#spare.push(stage);
    });
    this.#stage = this.#spare.pop() ?? Buffer.allocUnsafeSlow(STAGE_BYTES);
    this.#staged = 0;
  }

  #pump(): void {
    if (this.#closed) return;
    this.#flush();
    while (this.#bodies.length > 0 && this.socket.writableLength < HIGH_WATER) {
      const body = this.#bodies.shift()!;
      const { id, source, offset } = body;
      const bytes = Math.min(CHUNK_BYTES, source.bytes - offset);
      this.#header(bytes, id, FrameKind.BODY);
      this.#flush();
      body.offset += bytes;
      const last = body.offset === source.bytes;
      if (!last) this.#bodies.push(body);
      this.socket.write(source.view(offset, bytes), () => {
        if (last) source.release();
        this.taken();
      });
    }
  }
}
