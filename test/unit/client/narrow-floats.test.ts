// Half and bfloat16 in the client: a TensorValue has their bits, plain numbers stay numbers.
import * as assert from "uvu/assert";
import { DataType, gradients, type Output, Session } from "../../../src/index.js";
import { test } from "../../support/suite.js";

test("a client's numbers are numbers in half floats too: constants, feeds, what gradients begin with", async () => {
  await using session = new Session();
  const { graph } = session;
  const { ops } = graph;
  for (const dtype of [DataType.HALF, DataType.BFLOAT16]) {
    const x = graph.placeholder(dtype, [2], `x${dtype}`);
    const y = ops.mul(ops.square(x), 0.5);
    const [slope] = gradients(y, [x]) as [Output];
    const fetches = [y, slope].map((found) => ops.cast(found, { dstT: DataType.FLOAT }));
    for (const value of [
      [1.5, -3],
      Float32Array.of(1.5, -3),
      { dtype: DataType.DOUBLE, shape: [2], data: Float64Array.of(1.5, -3) },
    ]) {
      const found = await session.run(fetches, [[x, value]]);
      assert.equal(
        found.map(({ data }) => [...(data as Float32Array)]),
        [
          [1.125, 4.5],
          [1.5, -3],
        ],
      );
    }
  }
});

test("halves that are fed for floats are widened", async () => {
  await using session = new Session();
  const x = session.graph.placeholder(DataType.FLOAT, [2]);
  const halves = { dtype: DataType.HALF, shape: [2], data: Uint16Array.of(0x3e00, 0x0001) };
  const { data } = await session.run(session.graph.ops.neg(x), [[x, halves]]);
  assert.equal([...(data as Float32Array)], [-1.5, -(2 ** -24)]);
});

test.run();
