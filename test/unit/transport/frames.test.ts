// Frames in whatever pieces they come, and what a peer that lies about them gets.
import * as assert from "uvu/assert";
import {
  FRAME_HEADER,
  FrameError,
  FrameKind,
  FrameReader,
  MAX_HEAD,
  type Sink,
} from "../../../src/transport/frames.js";
import { test } from "../../support/suite.js";

/** A frame as a writer makes it, `payload` any length that the header claims. */
function frame(
  kind: number,
  id: number,
  payload: Uint8Array = new Uint8Array(0),
  claimed = payload.length,
): Uint8Array {
  const bytes = new Uint8Array(FRAME_HEADER + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, claimed, true);
  view.setUint32(4, id, true);
  view.setUint8(8, kind);
  bytes.set(payload, FRAME_HEADER);
  return bytes;
}

function message(id: number, head: readonly number[], bodyBytes: number, body: readonly number[] = []): Uint8Array {
  const payload = new Uint8Array(12 + head.length + body.length);
  const view = new DataView(payload.buffer);
  view.setFloat64(0, bodyBytes, true);
  view.setUint32(8, head.length, true);
  payload.set(head, 12);
  payload.set(body, 12 + head.length);
  return frame(FrameKind.MESSAGE, id, payload);
}

const join = (...parts: Uint8Array[]): Uint8Array => Uint8Array.from(parts.flatMap((part) => [...part]));

class Log {
  readonly lines: string[] = [];
  readonly reader: FrameReader;

  constructor(stable = false) {
    this.reader = new FrameReader({
      message: (id, head, bodyBytes) => {
        this.lines.push(`${id} [${[...head]}] ${bodyBytes}`);
        return head[0] === 255 ? null : this.#sink(id, bodyBytes, stable);
      },
      cancel: (id) => this.lines.push(`cancel ${id}`),
      ping: () => this.lines.push("ping"),
    });
  }

  #sink(id: number, bodyBytes: number, stable: boolean): Sink {
    const memory = new Uint8Array(bodyBytes);
    return {
      stable,
      view: (offset, bytes) => memory.subarray(offset, offset + bytes),
      end: () => this.lines.push(`${id} = ${memory.length > 20 ? memory.reduce((a, b) => a + b, 0) : [...memory]}`),
      fail: (error) => this.lines.push(`${id} failed: ${error.message}`),
    };
  }

  /** As a socket does: into the memory that the reader gives, in pieces of at most `piece` bytes. */
  feed(bytes: Uint8Array, piece = Number.POSITIVE_INFINITY): string[] {
    for (let at = 0; at < bytes.length; ) {
      const space = this.reader.space();
      const count = Math.min(piece, space.length, bytes.length - at);
      space.set(bytes.subarray(at, at + count));
      at += count;
      this.reader.filled(count);
    }
    return this.lines;
  }
}

test("messages arrive whole, whatever the pieces; bodies interleave", () => {
  const bytes = join(
    message(1, [7, 8], 0),
    message(2, [], 4, [1]),
    message(3, [9], 2),
    frame(FrameKind.BODY, 2, Uint8Array.of(2, 3)),
    frame(FrameKind.BODY, 3, Uint8Array.of(5)),
    frame(FrameKind.PING, 0),
    frame(FrameKind.BODY, 2, Uint8Array.of(4)),
    frame(FrameKind.CANCEL, 9),
    frame(FrameKind.PONG, 0),
    frame(FrameKind.BODY, 3, Uint8Array.of(6)),
  );
  const expected = ["1 [7,8] 0", "1 = ", "2 [] 4", "3 [9] 2", "ping", "2 = 1,2,3,4", "cancel 9", "3 = 5,6"];
  for (const piece of [1, 2, 3, 5, 7, 11, 1000]) assert.equal(new Log().feed(bytes, piece), expected);
});

test("a large body is read into its own memory", () => {
  const body = new Uint8Array(1_000_000).fill(1);
  const bytes = join(message(1, [3], body.length + 1, [1]), frame(FrameKind.BODY, 1, body), frame(FrameKind.PING, 0));
  for (const piece of [65_537, 300_001, Number.POSITIVE_INFINITY]) {
    assert.equal(new Log(true).feed(bytes, piece), ["1 [3] 1000001", "1 = 1000001", "ping"]);
  }
});

test("a body that nobody takes is dropped, what follows is read", () => {
  const bytes = join(message(1, [255], 3, [1]), frame(FrameKind.BODY, 1, Uint8Array.of(2, 3)), message(2, [1], 0));
  assert.equal(new Log().feed(bytes, 4), ["1 [255] 3", "2 [1] 0", "2 = "]);
});

test("a head may be as long as its bound", () => {
  const head = Array<number>(MAX_HEAD).fill(255);
  const [line] = new Log().feed(message(1, head, 0));
  assert.is(line!.length, "1 [] 0".length + 4 * MAX_HEAD - 1);
});

test("lies about lengths and ids are refused", () => {
  const open = message(1, [], 4, [1]);
  const nan = message(1, [], Number.NaN);
  const lies = {
    "frame too long": frame(FrameKind.BODY, 1, new Uint8Array(0), 2 ** 31),
    "message without prefix": frame(FrameKind.MESSAGE, 1, new Uint8Array(11)),
    "head longer than its frame": message(1, [1], 0).map((byte, i) => (i === FRAME_HEADER + 8 ? 2 : byte)),
    "head beyond the bound": message(1, Array<number>(MAX_HEAD + 1).fill(0), 0),
    "negative body": message(1, [], -1),
    "half a byte": message(1, [], 0.5),
    "not a number": nan,
    "body longer than said": message(1, [], 1, [1, 2]),
    "body of no message": frame(FrameKind.BODY, 5, Uint8Array.of(1)),
    "empty body": join(open, frame(FrameKind.BODY, 1)),
    "body goes on": join(open, frame(FrameKind.BODY, 1, Uint8Array.of(2, 3, 4, 5))),
    "begins twice": join(open, message(1, [], 0)),
    "payload of a ping": frame(FrameKind.PING, 0, Uint8Array.of(1)),
    "unknown kind": frame(77, 0),
  };
  for (const [name, bytes] of Object.entries(lies)) {
    for (const piece of [1, 1_000_000]) {
      assert.throws(
        () => new Log().feed(bytes, piece),
        (error: unknown) => error instanceof FrameError,
        name,
      );
    }
  }
});

test("open bodies fail with the connection", () => {
  const log = new Log();
  log.feed(join(message(1, [], 4, [1]), message(2, [255], 4), message(3, [], 2, [1, 2])));
  log.reader.fail(new Error("gone"));
  assert.equal(log.lines, ["1 [] 4", "2 [255] 4", "3 [] 2", "3 = 1,2", "1 failed: gone"]);
});

test.run();
