import * as assert from "uvu/assert";
import { InternalError, InvalidArgumentError } from "../../../src/errors/index.js";
import { parseShapeAndSlice, TensorSlice } from "../../../src/io/tensor-slice.js";
import { test } from "../../support/suite.js";

const hex = (key: string): string => [...key].map((c) => c.charCodeAt(0).toString(16).padStart(2, "0")).join("");

test("makes the keys that TensorFlow does", () => {
  const key = (text: string, name = "n") => hex(TensorSlice.parse(text).keyFor(name));
  const name = "006e0001";
  assert.is(key("-:-"), `${name}0102${"807f807f"}`);
  assert.is(key("0,2:-"), `${name}0102${"8082"}${"807f"}`);
  // From 64 on a number takes two bytes, from 8192 on three.
  assert.is(key("63,64"), `${name}0101${"bf"}${"c040"}`);
  assert.is(key("8191,8192"), `${name}0101${"dfff"}${"e02000"}`);
  assert.is(key("-", "\0a\xff"), "0000ff61ff00" + "0001" + "0101" + "807f");
});

test("reads shapes and slices, and refuses in TensorFlow's words", () => {
  const { shape, slice, sliceShape } = parseShapeAndSlice("4 2 0,3:-");
  assert.equal([shape, `${slice}`, sliceShape], [[4, 2], "0,3:-", [3, 2]]);
  const refused = (text: string, type: typeof InternalError | typeof InvalidArgumentError, message: string) => {
    assert.throws(
      () => parseShapeAndSlice(text),
      (error: unknown) => error instanceof type && error.message === message,
    );
  };
  refused("4", InvalidArgumentError, "Need least two elements in shape_and_slice specification: 4");
  refused("a 0,1", InvalidArgumentError, "Non numerical dimension in shape_and_slice: a 0,1");
  refused("-4 0,1", InvalidArgumentError, "Non numerical dimension in shape_and_slice: -4 0,1");
  refused("4 x", InvalidArgumentError, "Expected a pair of numbers or '-' but got 'x': string = x");
  refused(
    "4 0,0",
    InvalidArgumentError,
    "Expected non-negative start and positive length but got start = 0, length = 0: string = 0,0",
  );
  refused("4 0,5", InternalError, "Extent in dimension 0 out of bounds: shape = [4], slice = 0,5");
  refused("4 -:-", InternalError, "Mismatching ranks: shape = [4], slice = -:-");
});

test("knows what slices have in common", () => {
  const common = (a: string, b: string) => `${TensorSlice.parse(a).intersect(TensorSlice.parse(b), [6, 4])}`;
  assert.is(common("0,3:-", "2,4:1,2"), "2,1:1,2");
  assert.is(common("0,2:-", "2,4:-"), "null");
  assert.is(common("-:-", "-:-"), "0,6:0,4");
});

test.run();
