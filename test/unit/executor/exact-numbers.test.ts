// Errors name int64 numbers as exactly as the step was given them.
import * as assert from "uvu/assert";
import { DataType, Graph, Session } from "../../../src/index.js";
import { test } from "../../support/suite.js";

test("a number that no double holds is named in full", async () => {
  const graph = new Graph();
  const indices = graph.placeholder(DataType.INT64, [-1], "indices");
  const rows = graph.ops.gatherV2(graph.constant([1, 2, 3]), indices, 0, { name: "rows" });
  await using session = new Session({ graph });
  for (const number of [2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 60n) - 3n, 7n]) {
    const error: unknown = await session.run(rows, [[indices, [0n, number]]]).catch((thrown: unknown) => thrown);
    assert.match((error as Error).message, `indices[1] = ${number} is not in [0, 3)`);
  }
});

test.run();
