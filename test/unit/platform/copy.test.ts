// Bytes arrive whole wherever they lie, in shared memory and out of it, and nothing beside them changes.
import * as assert from "uvu/assert";
import { copyBytes } from "../../../src/platform/copy.js";
import { test } from "../../support/suite.js";

const numbered = (bytes: Uint8Array): Uint8Array => bytes.map((_, i) => 1 + (i % 251));

test("between shared and own memory, few bytes and many, however they lie", () => {
  for (const count of [0, 1, 8, 1023, 1024, 5000])
    for (const [from, to] of [
      [new Uint8Array(6000), new Uint8Array(new SharedArrayBuffer(6000))],
      [new Uint8Array(new SharedArrayBuffer(6000)), new Uint8Array(6000)],
    ] as const)
      for (const start of [0, 3])
        for (const at of [0, 5, 8]) {
          from.set(numbered(from));
          to.fill(0);
          const view = to.subarray(16);
          copyBytes(from.subarray(start, start + count), view, at);
          const expected = new Uint8Array(6000);
          for (let i = 0; i < count; i++) expected[16 + at + i] = from[start + i]!;
          assert.is(Buffer.compare(to, expected), 0, `${count} bytes from ${start} to ${at}`);
        }
});

test("what has no room is refused", () => {
  for (const count of [10, 2000]) assert.throws(() => copyBytes(new Uint8Array(count), new Uint8Array(count), 1));
});

test.run();
