// The comparison of recorded values says no when it must: a harness that accepts everything would hide every fault.
import * as assert from "uvu/assert";
import { DataType } from "../../../src/tensor/dtype.js";
import { difference, parseRule } from "../../support/compare-tensor.js";
import { type CaseTensor, readOpFamily, splitStatusText } from "../../support/op-cases.js";
import { checkCase, type RunSteps } from "../../support/run-family.js";
import { test } from "../../support/suite.js";

const bytesOf = (array: ArrayBufferView): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

const floats = (...values: number[]): CaseTensor => ({
  dtype: DataType.FLOAT,
  shape: [values.length],
  bytes: bytesOf(Float32Array.from(values)),
  strings: null,
});

const texts = (...values: string[]): CaseTensor => ({
  dtype: DataType.STRING,
  shape: [values.length],
  bytes: new Uint8Array(0),
  strings: values.map((value) => Buffer.from(value)),
});

/** The next float32 away from zero. */
function next(value: number): number {
  const bits = new Uint32Array(Float32Array.of(value).buffer);
  bits[0]! += 1;
  return new Float32Array(bits.buffer)[0]!;
}

test("bits: one unit in the last place and the sign of zero count, the bits of NaN don't", () => {
  assert.is(difference(floats(1, 2), floats(1, 2), "bits"), null);
  assert.match(difference(floats(1, next(2)), floats(1, 2), "bits")!, "1 of 2 elements differ, first at [1]");
  assert.match(difference(floats(-0), floats(0), "bits")!, "-0, expected 0");
  assert.is(difference(floats(Number.NaN), floats(-Number.NaN), "bits"), null);
  assert.ok(difference(floats(Number.NaN), floats(1), "bits") !== null);
  assert.ok(difference(floats(1), floats(Number.NaN), "ulp:1000000") !== null);
});

test("ulp: as many as allowed, also across zero", () => {
  assert.is(difference(floats(next(1)), floats(1), "ulp:1"), null);
  assert.ok(difference(floats(next(next(1))), floats(1), "ulp:1") !== null);
  assert.is(difference(floats(-0), floats(0), "ulp:1"), null);
  assert.is(difference(floats(-next(0)), floats(next(0)), "ulp:2"), null);
  assert.ok(difference(floats(Number.POSITIVE_INFINITY), floats(3.4e38), "ulp:4") !== null);
});

test("rel and abs: infinite values must be equal", () => {
  assert.is(difference(floats(1.0001), floats(1), "rel:2e-4"), null);
  assert.ok(difference(floats(1.0003), floats(1), "rel:2e-4") !== null);
  assert.is(difference(floats(1e-7), floats(0), "rel:1e-6,abs:2e-7"), null);
  assert.ok(difference(floats(Number.POSITIVE_INFINITY), floats(1), "rel:1,abs:1") !== null);
  assert.ok(difference(floats(Number.NEGATIVE_INFINITY), floats(Number.POSITIVE_INFINITY), "rel:1,abs:1") !== null);
});

test("dtype, shape, number of bytes and strings are compared", () => {
  assert.match(difference({ ...floats(1), dtype: DataType.INT32 }, floats(1), "bits")!, "dtype is int32");
  assert.match(difference({ ...floats(1), shape: [] }, floats(1), "bits")!, "shape is []");
  assert.match(difference({ ...floats(1), bytes: new Uint8Array(0) }, floats(1), "bits")!, "has 0 bytes");
  assert.is(difference(texts("a", "é"), texts("a", "é"), "bits"), null);
  assert.match(difference(texts("a", "b"), texts("a", "c"), "bits")!, 'string at [1] is "b", expected "c"');
});

test("an unknown rule is refused", () => {
  assert.throws(() => parseRule("near"), /unknown comparison rule/);
  assert.throws(() => parseRule("ulp:x"), /unknown comparison rule/);
  assert.equal(parseRule("rel:1e-6,abs:2"), { ulp: 0, rel: 1e-6, abs: 2 });
});

test("texts lose the task, the nodes and what is the process's own", () => {
  const text = "From /job:worker/replica:0/task:0:\nTensorArray t_12: no\n\t [[{{node w1}}]]\n\t [[x]]";
  assert.equal(splitStatusText(text), { text: "TensorArray t_N: no", node: "w1" });
  assert.equal(splitStatusText("FIFOQueue '_3_q' is closed."), { text: "FIFOQueue '_N_q' is closed.", node: null });
});

test("a recorded family reads back as it was described, and wrong answers to it are found", async () => {
  const { cases, why } = readOpFamily("matmul");
  assert.ok(why.startsWith("Matrix products."));
  const opCase = cases.find(({ name }) => name.startsWith("MatMul float32 transpose_a=False transpose_b=False"))!;
  const [step] = opCase.steps;
  assert.equal(
    step!.feeds.map(({ name, tensor }) => [name, tensor.dtype, tensor.shape]),
    [
      ["a:0", DataType.FLOAT, [1, 1]],
      ["b:0", DataType.FLOAT, [1, 1]],
    ],
  );
  assert.ok("tensors" in step!.expect && step.expect.tensors[0]!.bytes.length === 4);

  const recorded: RunSteps = async (_, steps) => ({ answers: steps.map(({ expect }) => expect) });
  assert.equal(await checkCase(opCase, recorded), []);
  const wrong: RunSteps = async (_, steps) => ({ answers: steps.map(() => ({ tensors: [floats(0)] })) });
  assert.is((await checkCase(opCase, wrong)).length, opCase.steps.length);
  const refused: RunSteps = async () => ({ createError: { code: 3, text: "no", node: null } });
  assert.match((await checkCase(opCase, refused))[0]!, "the graph is refused: error 3 at no node: no");
});

test.run();
