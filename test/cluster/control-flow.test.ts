// Loops, conditions and functions of the client over two tasks, forwards and backwards: what a body takes from another
// task, and a body of which a part runs there.
import * as assert from "uvu/assert";
import {
  cond,
  DataType,
  Graph,
  globalVariablesInitializer,
  gradients,
  type Output,
  Session,
  Variable,
  whileLoop,
} from "../../src/index.js";
import { TestCluster } from "../support/cluster.js";
import { test } from "../support/suite.js";

const PS = "/job:ps/task:0";
const WORKER = "/job:worker/task:0";

test("a loop and its gradient run over two tasks", async () => {
  await using cluster = await TestCluster.start({ ps: 1, worker: 1 });
  const graph = new Graph();
  const { ops } = graph;
  const w = graph.device(PS, () => new Variable(graph, graph.constant(0.5, DataType.FLOAT), { name: "w" }));
  const scale = graph.function("scale", [DataType.FLOAT, DataType.FLOAT], (body, x, by) => body.ops.mul(x!, by!));
  const [x, y] = graph.device(WORKER, () => {
    const given = graph.placeholder(DataType.FLOAT, [2], "x");
    const loop = whileLoop(
      graph,
      (i) => ops.less(i!, 3),
      (i, v) => {
        const squared = graph.device(PS, () => ops.square(v!));
        const next = cond(
          graph,
          ops.greater(i!, 1),
          () => scale.call([squared, w])[0]!,
          () => ops.mul(v!, w),
        );
        return [ops.addV2(i!, 1), next];
      },
      [0, given],
    );
    return [given, loop[1]!];
  });
  const grads = gradients(y, [x, w]) as Output[];
  await using session = new Session(cluster.target("worker", 0), { graph });
  await session.run(globalVariablesInitializer(graph));
  // y = (x w²)² w
  for (const at of [2, 4]) {
    const values = await session.run([y, ...grads], [[x, [at, 0]]]);
    assert.equal(
      values.map(({ data }) => Number(data[0])),
      [at ** 2 / 32, at / 16, (5 * at ** 2) / 16],
    );
  }
});

test.run();
