// Numbers as bits of half and bfloat16, beside what NumPy and TensorFlow make of them.
import * as assert from "uvu/assert";
import { DataType } from "../../../src/tensor/dtype.js";
import { narrowCode } from "../../../src/tensor/narrow.js";
import { test } from "../../support/suite.js";

const half = narrowCode(DataType.HALF)!;
const bfloat16 = narrowCode(DataType.BFLOAT16)!;

const SPECIAL = [
  0.1,
  -0,
  1,
  65504,
  65519.99,
  65520,
  -1e9,
  2 ** -24,
  2 ** -25,
  1.0001 * 2 ** -25,
  1 + 2 ** -11,
  1 + 3 * 2 ** -11,
];

test("numbers become the nearest half, of two as near the even one", () => {
  const bits = [
    ...[0x2e66, 0x8000, 0x3c00, 0x7bff, 0x7bff, 0x7c00, 0xfc00],
    ...[0x0001, 0x0000, 0x0001, 0x3c00, 0x3c02],
  ];
  assert.equal(SPECIAL.map(half.encode), bits);
  assert.is(half.encode(Number.NaN), 0x7e00);
});

test("numbers become the nearest bfloat16", () => {
  const values = [0.1, -0, 1, 3e38, 3.4e38, -1e39, 1 + 2 ** -8, 1 + 3 * 2 ** -8, 1e-40];
  assert.equal(values.map(bfloat16.encode), [0x3dcd, 0x8000, 0x3f80, 0x7f62, 0x7f80, 0xff80, 0x3f80, 0x3f82, 0x0001]);
  assert.is(bfloat16.encode(Number.NaN), 0x7fc0);
});

test("bits that are decoded are encoded to what they were", () => {
  for (let bits = 0; bits < 0x10000; bits++) {
    for (const code of [half, bfloat16]) {
      const value = code.decode(bits);
      if (!Number.isNaN(value) && code.encode(value) !== bits) assert.is(code.encode(value), bits);
    }
  }
  assert.ok(Number.isNaN(half.decode(0x7c01)) && Number.isNaN(bfloat16.decode(0x7f81)));
});

test.run();
