// String kernels against what real TensorFlow answered for the same inputs.
import * as assert from "uvu/assert";
import type { KernelNode, KernelStep } from "../../../src/kernel/kernel.js";
import { stringKernels } from "../../../src/ops/strings.js";
import { DataType } from "../../../src/tensor/dtype.js";
import { Tensor } from "../../../src/tensor/tensor.js";
import { test } from "../../support/suite.js";

const memory = new ArrayBuffer(256);
const heap = { i32: new Int32Array(memory) };
const strings = (shape: number[], ...texts: string[]) =>
  Tensor.ofValues(
    DataType.STRING,
    shape,
    texts.map((text) => new TextEncoder().encode(text)),
  );
/** Numbers lie at fixed places of a little memory. */
const ints = (address: number, shape: number[], ...values: number[]) => {
  heap.i32.set(values, address / 4);
  return new Tensor(DataType.INT32, shape, values.length, address, null, null);
};

function run(op: string, attrs: Record<string, string>, ...inputs: Tensor[]): (string | number)[] {
  let output: Tensor | null = null;
  const node = {
    inputTypes: inputs.map((input) => input.dtype),
    string: (name: string) => attrs[name] ?? "",
    bytes: (name: string) => new TextEncoder().encode(attrs[name] ?? ""),
  } as unknown as KernelNode;
  const step = {
    heap,
    device: { allocator: { room: 1000 } },
    tensorOf: Tensor.ofValues,
    input: (index: number) => inputs[index],
    setOutput: (_: number, tensor: Tensor) => (output = tensor),
    allocateOutput: (_: number, shape: number[]) =>
      (output = new Tensor(
        DataType.INT32,
        shape,
        shape.reduce((a, b) => a * b, 1),
        128,
        null,
        null,
      )),
  } as unknown as KernelStep;
  stringKernels.find((kernel) => kernel.op === op)!.prepare(node)(step);
  const y = output as unknown as Tensor;
  if (y.values === null) return [...heap.i32.subarray(y.ptr / 4, y.ptr / 4 + y.size)];
  return y.values.map((value) => new TextDecoder().decode(value as Uint8Array));
}

const refuses = (text: string, call: () => unknown) => assert.throws(call, (error: Error) => error.message === text);
const substr = (unit: string, text: string, at: number, size: number) =>
  run("Substr", { unit }, strings([1], text), ints(0, [1], at), ints(64, [1], size))[0];

test("join: scalars go with every element", () => {
  assert.equal(run("StringJoin", { separator: "-" }, strings([2], "a", "b"), strings([], "x")), ["a-x", "b-x"]);
  refuses("Input shapes do not match: [2] vs. [3]", () =>
    run("StringJoin", {}, strings([2], "a", "b"), strings([3], "c", "d", "e")),
  );
});

test("length and case, in bytes and in characters", () => {
  assert.equal(run("StringLength", { unit: "BYTE" }, strings([2], "aé", "")), [3, 0]);
  assert.equal(run("StringLength", { unit: "UTF8_CHAR" }, strings([2], "aé", "")), [2, 0]);
  assert.equal(run("StringLower", {}, strings([1], "AÉ")), ["aÉ"]);
  assert.equal(run("StringLower", { encoding: "utf-8" }, strings([1], "AÉ")), ["aé"]);
  assert.equal(run("StringUpper", { encoding: "utf-8" }, strings([1], "aéß")), ["AÉSS"]);
  assert.equal(run("StringStrip", {}, strings([1], " \t\n\v\f\ra b\u00a0 ")), ["a b\u00a0"]);
  refuses("only utf-8 or '' (no encoding) is supported, received latin", () =>
    run("StringUpper", { encoding: "latin" }, strings([1], "a")),
  );
});

test("substr: from the end, past it, and by broadcast", () => {
  assert.is(substr("BYTE", "abcé", -2, 9), "é");
  assert.is(substr("UTF8_CHAR", "abcé", -2, 9), "cé");
  assert.is(substr("BYTE", "abc", 1, -1), "bc");
  assert.is(substr("UTF8_CHAR", "abc", 1, -1), "");
  assert.is(substr("BYTE", "abc", 3, 1), "");
  refuses("pos -7 out of range for string b'abc' at index 0", () => substr("BYTE", "abc", -7, 1));
  refuses("pos 7 out of range for string at index 0", () => substr("UTF8_CHAR", "abc", 7, 1));
  const both = run(
    "Substr",
    { unit: "BYTE" },
    strings([1, 2], "abcd", "x"),
    ints(0, [2, 1], 0, 1),
    ints(64, [2, 1], 1, 2),
  );
  assert.equal(both, ["a", "x", "bc", ""]);
  refuses("pos and len should have the same shape, got: [2] vs. [1]", () =>
    run("Substr", {}, strings([2], "a", "b"), ints(0, [2], 0, 1), ints(64, [1], 1)),
  );
});

test.run();
