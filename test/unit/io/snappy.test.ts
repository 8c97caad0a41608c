import * as assert from "uvu/assert";
import { snappyUncompress } from "../../../src/io/snappy.js";
import { test } from "../../support/suite.js";

const text = (bytes: Uint8Array | null): string | null => (bytes === null ? null : new TextDecoder().decode(bytes));
const code = (text: string): number[] => [...new TextEncoder().encode(text)];

test("reads literals and copies of every kind", () => {
  assert.is(text(snappyUncompress(Uint8Array.of(0))), "");
  assert.is(text(snappyUncompress(Uint8Array.of(3, 2 << 2, ...code("abc")))), "abc");
  // One byte of offset, a copy that reaches into itself.
  assert.is(text(snappyUncompress(Uint8Array.of(9, 0, ...code("a"), 1 | (4 << 2), 1))), "aaaaaaaaa");
  assert.is(text(snappyUncompress(Uint8Array.of(5, 2 << 2, ...code("abc"), 2 | (1 << 2), 3, 0))), "abcab");
  assert.is(text(snappyUncompress(Uint8Array.of(5, 2 << 2, ...code("abc"), 3 | (1 << 2), 3, 0, 0, 0))), "abcab");
  // A literal whose length takes a byte of its own.
  const long = "x".repeat(100);
  assert.is(text(snappyUncompress(Uint8Array.of(100, 60 << 2, 99, ...code(long)))), long);
});

test("refuses what isn't whole", () => {
  const bad: number[][] = [
    [],
    [128],
    [5, 0],
    [3, 2 << 2, 97, 98],
    [2, 2 << 2, 97, 98, 99],
    [9, 0, 97, 1 | (4 << 2)],
    [9, 0, 97, 1 | (4 << 2), 2],
    [9, 0, 97, 1 | (4 << 2), 0],
    [9, 0, 97, 1 | (5 << 2), 1],
    [9, 0, 97, 2 | (7 << 2), 1],
    [100, 60 << 2],
    [255, 255, 255, 255, 15, 0, 97],
    [255, 255, 255, 255, 255, 15, 0, 97],
  ];
  for (const bytes of bad) assert.is(snappyUncompress(Uint8Array.from(bytes)), null, bytes.join());
});

test.run();
