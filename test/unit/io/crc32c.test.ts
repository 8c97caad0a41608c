import * as assert from "uvu/assert";
import { crc32c, extendCrc32c, maskCrc, unmaskCrc } from "../../../src/io/crc32c.js";
import { test } from "../../support/suite.js";

// RFC 3720, B.4.
const VECTORS: readonly (readonly [Uint8Array, number])[] = [
  [new Uint8Array(32), 0x8a9136aa],
  [new Uint8Array(32).fill(0xff), 0x62a8ab43],
  [Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
  [Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
  [new TextEncoder().encode("123456789"), 0xe3069283],
];

test("gives the sums of RFC 3720", () => {
  for (const [bytes, sum] of VECTORS) assert.is(crc32c(bytes), sum);
});

test("sums at any alignment and in any pieces", () => {
  const bytes = Uint8Array.from({ length: 300 }, (_, i) => (i * 73) & 255);
  for (let start = 0; start < 5; start++) {
    for (let end = start; end < 60; end++) {
      const whole = crc32c(Uint8Array.from(bytes.subarray(start, end)));
      for (let cut = start; cut <= end; cut++) {
        assert.is(extendCrc32c(crc32c(bytes.subarray(start, cut)), bytes.subarray(cut, end)), whole);
      }
    }
  }
});

test("masks and unmasks", () => {
  assert.is(maskCrc(0x8a9136aa), ((((0x8a9136aa >>> 15) | (0x8a9136aa << 17)) >>> 0) + 0xa282ead8) % 2 ** 32);
  for (const crc of [0, 1, 0x8a9136aa, 0xffffffff]) assert.is(unmaskCrc(maskCrc(crc)), crc);
});

test.run();
