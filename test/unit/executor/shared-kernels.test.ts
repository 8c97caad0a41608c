// Nodes of a stateless op with the same attributes share a kernel: what is a node's own must not get mixed up.
import * as assert from "uvu/assert";
import { DataType, Graph, InvalidArgumentError, type Output, Session } from "../../../src/index.js";
import { test } from "../../support/suite.js";

const { BOOL, FLOAT } = DataType;
const shapes = (count: number) => Array.from({ length: count }, (_, i) => i + 1);

test("an error names the node that fails, not the one whose kernel was prepared", async () => {
  const graph = new Graph();
  const x = graph.placeholder(FLOAT);
  const conditions = [graph.placeholder(BOOL), graph.placeholder(BOOL)];
  const fetches = conditions.map((condition, i) =>
    graph.op("Select", [condition, x, x], {}, { name: ["first", "second"][i]! }).output(),
  );
  await using session = new Session(undefined, { graph });
  const run = (first: boolean[], second: boolean[]) =>
    session.run(fetches, [
      [x, [1, 2]],
      [conditions[0]!, first],
      [conditions[1]!, second],
    ]);
  const fits = [true, false];
  const tooLong = [true, false, true];
  for (const [first, second, named] of [
    [tooLong, fits, "first"],
    [fits, tooLong, "second"],
  ] as const) {
    const error = await run(first, second).then(
      () => null,
      (reason: unknown) => reason as Error,
    );
    assert.instance(error, InvalidArgumentError);
    assert.match(error!.message, `Inputs to operation ${named} of type Select must have the same size and shape.`);
  }
  const values = await run(fits, fits);
  for (const { data } of values) assert.equal([...(data as Float32Array)], [1, 2]);
});

test("nodes whose attributes differ have kernels of their own", async () => {
  const graph = new Graph();
  const x = graph.placeholder(FLOAT, [2, 2]);
  const product = (transpose: boolean) => graph.op("MatMul", [x, x], { transpose_b: transpose }).output();
  const fetches = [product(false), product(true), product(false), product(true)];
  await using session = new Session(undefined, { graph });
  const values = await session.run(fetches, [
    [
      x,
      [
        [1, 2],
        [3, 4],
      ],
    ],
  ]);
  const plain = [7, 10, 15, 22];
  const transposed = [5, 11, 11, 25];
  assert.equal(
    values.map(({ data }) => [...(data as Float32Array)]),
    [plain, transposed, plain, transposed],
  );
});

test("one kernel broadcasts more pairs of shapes than it keeps plans of", async () => {
  const graph = new Graph();
  const pairs = shapes(20).map((n): [Output, Output] => [graph.placeholder(FLOAT), graph.constant(n, FLOAT)]);
  const sums = pairs.map(([x, n]) => graph.op("AddV2", [x, n]).output());
  await using session = new Session(undefined, { graph });
  for (let turn = 0; turn < 2; turn++) {
    const values = await session.run(
      sums,
      pairs.map(([x], i) => [x, new Array<number>(i + 1).fill(turn)] as const),
    );
    values.forEach(({ data }, i) => {
      assert.equal([...(data as Float32Array)], new Array<number>(i + 1).fill(turn + i + 1));
    });
  }
});

test.run();
