// The wire format itself: numbers over their full range, strings, lengths, and what is refused.
import * as assert from "uvu/assert";
import { Reader, WireError, Writer } from "../../../src/wire/codec.js";
import { test } from "../../support/suite.js";

const read = (bytes: number[]): Reader => new Reader(Uint8Array.from(bytes));
const wide = [0n, 1n, 127n, 128n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 53n + 1n, 2n ** 63n - 1n];

test("signed 64-bit numbers keep every bit", () => {
  for (const value of [...wide, ...wide.map((v) => -v - 1n)]) {
    assert.is(new Reader(new Writer().int64(value).finish()).int64(), value);
    assert.is(new Reader(new Writer().sint64(value).finish()).sint64(), value);
  }
  assert.is(new Writer().int64(-1n).finish().length, 10);
});

test("unsigned 64-bit numbers keep every bit", () => {
  for (const value of [...wide, 2n ** 63n, 2n ** 64n - 1n]) {
    assert.is(new Reader(new Writer().uint64(value).finish()).uint64(), value);
    assert.is(new Reader(new Writer().fixed64(value).finish()).fixed64(), value);
  }
});

test("32-bit numbers keep every bit, and negative ones take ten bytes", () => {
  for (const value of [0, 1, 300, 2 ** 31 - 1, -1, -(2 ** 31)]) {
    assert.is(new Reader(new Writer().int32(value).finish()).int32(), value);
  }
  assert.is(new Writer().int32(-1).finish().length, 10);
  assert.is(new Reader(new Writer().uint32(2 ** 32 - 1).finish()).uint32(), 2 ** 32 - 1);
  assert.is(new Reader(new Writer().fixed32(2 ** 32 - 1).finish()).fixed32(), 2 ** 32 - 1);
});

test("a bool is any varint but 0", () => {
  assert.is(read([0x80, 0x80, 0x80, 0x80, 0x80, 1]).bool(), true);
  assert.is(read([0x80, 0]).bool(), false);
});

test("floats keep their bits", () => {
  for (const value of [0, -0, 1.5, Number.POSITIVE_INFINITY, Number.NaN, 2 ** -149]) {
    assert.is(Object.is(new Reader(new Writer().float(value).finish()).float(), value), true);
    assert.is(Object.is(new Reader(new Writer().double(value).finish()).double(), value), true);
  }
});

test("strings of every length and alphabet", () => {
  for (const text of [
    "",
    "a",
    "x".repeat(48),
    "x".repeat(49),
    "x".repeat(5000),
    "é",
    "a\0b",
    "日本語",
    "😀".repeat(40),
    "\ufeffx",
  ]) {
    assert.is(new Reader(new Writer().string(text).finish()).string(), text);
  }
});

test("equal short strings are read again and again, different ones of one length stay apart", () => {
  const writer = new Writer();
  const texts = Array.from({ length: 5000 }, (_, i) => `node_${String(i % 2500).padStart(5, "0")}`);
  for (const text of texts) writer.string(text);
  const reader = new Reader(writer.finish());
  for (const text of texts) assert.is(reader.string(), text);
});

test("a string that is no UTF-8 is refused", () => {
  for (const bytes of [
    [1, 0xff],
    [2, 0xc3, 0x28],
    [3, 0xed, 0xa0, 0x80],
    [2, 0xc0, 0x80],
  ]) {
    assert.throws(
      () => read(bytes).string(),
      (e: unknown) => e instanceof WireError,
    );
  }
});

test("varints that don't end, or are too long, are refused", () => {
  for (const bytes of [[], [0x80], Array(10).fill(0xff), Array(11).fill(0x80)]) {
    assert.throws(
      () => read(bytes).uint32(),
      (e: unknown) => e instanceof WireError,
    );
    assert.throws(
      () => read(bytes).int64(),
      (e: unknown) => e instanceof WireError,
    );
  }
});

test("values and lengths stay inside their message", () => {
  assert.throws(
    () => read([1, 2, 3]).float(),
    (e: unknown) => e instanceof WireError,
  );
  assert.throws(
    () => read([1, 2, 3, 4, 5, 6, 7]).fixed64(),
    (e: unknown) => e instanceof WireError,
  );
  assert.throws(
    () => read([5, 1]).bytes(),
    (e: unknown) => e instanceof WireError,
  );
  assert.throws(
    () => read([0xff, 0xff, 0xff, 0xff, 0x0f]).bytes(),
    (e: unknown) => e instanceof WireError,
  );
  assert.throws(
    () => new Reader(new Writer().int32(-1).finish()).bytes(),
    (e: unknown) => e instanceof WireError,
  );
  const reader = read([2, 3, 1, 9, 9]);
  const outer = reader.open();
  assert.throws(
    () => reader.bytes(),
    (e: unknown) => e instanceof WireError,
    "3 bytes in a message of 2",
  );
  reader.close(outer);
});

test("unknown fields of every wire type are skipped, groups with what is in them", () => {
  const reader = read([
    0x08, 0x80, 1, 0x11, 1, 2, 3, 4, 5, 6, 7, 8, 0x1a, 2, 9, 9, 0x23, 0x0b, 0x10, 1, 0x0c, 0x24, 0x2d, 1, 2, 3, 4,
  ]);
  for (let i = 0; i < 5; i++) reader.skip(reader.tag());
  assert.is(reader.pos, reader.end);
});

test("bad tags are refused", () => {
  for (const bytes of [[0x00], [0x02, 0], [0x0c], [0x0e], [0x0f], [0x0b, 0x14], [0x0b]]) {
    const reader = read(bytes);
    assert.throws(
      () => reader.skip(reader.tag()),
      (e: unknown) => e instanceof WireError,
      `${bytes}`,
    );
  }
  const deep = read(Array(200).fill(0x0b));
  assert.throws(() => deep.skip(deep.tag()), /nest deeper/);
});

test("lengths of nested messages are right at each size of the length itself", () => {
  for (const size of [0, 1, 100, 127, 128, 300, 4095, 4096, 16383, 16384, 70000, 2 ** 21]) {
    const content = new Uint8Array(size).map((_, i) => i);
    const writer = new Writer().uint32(10).fork().uint32(10).fork().uint32(18).bytes(content);
    const bytes = writer.ldelim().uint32(24).uint32(7).ldelim().uint32(32).uint32(1).finish();
    const reader = new Reader(bytes);
    assert.is(reader.tag(), 10);
    const outer = reader.open();
    assert.is(reader.tag(), 10);
    const middle = reader.open();
    assert.is(reader.tag(), 18);
    assert.is(Buffer.compare(reader.bytes(), content), 0);
    assert.is(reader.pos, reader.end);
    reader.close(middle);
    assert.equal([reader.tag(), reader.uint32(), reader.pos === reader.end], [24, 7, true]);
    reader.close(outer);
    assert.equal([reader.tag(), reader.uint32(), reader.pos === reader.end], [32, 1, true]);
  }
});

test("several large fields keep their places", () => {
  const parts = [5000, 3, 8000, 4096].map((size, i) => new Uint8Array(size).fill(i + 1));
  const writer = new Writer();
  for (const part of parts) writer.uint32(10).fork().uint32(18).bytes(part).ldelim();
  const reader = new Reader(writer.finish());
  for (const part of parts) {
    reader.tag();
    const outer = reader.open();
    reader.tag();
    assert.is(Buffer.compare(reader.bytes(), part), 0);
    reader.close(outer);
  }
  assert.is(reader.pos, reader.end);
});

test.run();
