// Ten thousand steps of training with a parameter server: what its tasks hold after them is what they held after the
// first few hundred, byte for byte in the kernels' memory, and but for the collector's whims in JavaScript's.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import * as assert from "uvu/assert";
import {
  DataType,
  GradientDescentOptimizer,
  Graph,
  globalVariablesInitializer,
  Session,
  Variable,
} from "../../src/index.js";
import { TestCluster } from "../support/cluster.js";
import { test } from "../support/suite.js";

const STEPS = 10_000;
const SETTLED = 500;
const IN_FLIGHT = 8;
const MiB = 2 ** 20;

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** A small net whose variables are on the ps; gives (loss, train op, the feeds of step k). */
const build = () => {
  const graph = new Graph();
  const { ops } = graph;
  const step = graph.device("/job:ps", () => new Variable(graph, 0n, { dtype: DataType.INT64, trainable: false }));
  const dense = (from: number, to: number) => {
    const data = Float32Array.from({ length: from * to }, (_, i) => Math.sin(i) / from);
    return graph.device(
      "/job:ps",
      () => new Variable(graph, graph.constant({ dtype: DataType.FLOAT, shape: [from, to], data })),
    );
  };
  const [w1, w2] = [dense(8, 16), dense(16, 4)];
  return graph.device("/job:worker", () => {
    const x = graph.placeholder(DataType.FLOAT, [-1, 8]);
    const hidden = ops.tanh(ops.matMul(x, w1.value));
    const loss = ops.mean(ops.square(ops.matMul(hidden, w2.value)), graph.constant([0, 1], DataType.INT32));
    const train = new GradientDescentOptimizer(0.001).minimize(loss, { globalStep: step });
    // Batches of several sizes, so that blocks of several sizes come and go.
    const feeds = Array.from({ length: 7 }, (_, k) => {
      const shape = [1 + k * 10, 8];
      return {
        dtype: DataType.FLOAT,
        shape,
        data: Float32Array.from({ length: shape[0]! * 8 }, (_, i) => Math.cos(i + k)),
      };
    });
    return { graph, x, loss, train, step, feeds };
  });
};

test(`memory is flat over ${STEPS} steps of a ps and a worker`, async () => {
  await using cluster = await TestCluster.start({ ps: 1, worker: 1 });
  const { graph, x, loss, train, step, feeds } = build();
  await using session = new Session(cluster.target("worker", 0), { graph });
  await session.run(globalVariablesInitializer(graph));
  const rss: number[] = [];
  const heapUsed: number[] = [];
  const held: object[] = [];
  for (let done = 0; done < STEPS; done += SETTLED) {
    // As many in flight as a few workers have, each on to its next when its last is through.
    let next = done;
    const work = async () => {
      while (next < done + SETTLED) await session.run([loss, train], [[x, feeds[next++ % feeds.length]!]]);
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, work));
    // A step is answered before its other tasks have cleaned up.
    while (cluster.held().steps > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    collect();
    const usage = process.memoryUsage();
    rss.push(usage.rss);
    heapUsed.push(usage.heapUsed);
    const sockets = process.getActiveResourcesInfo().filter((name) => name.startsWith("TCP")).length;
    held.push({ ...cluster.held(), sockets });
  }
  for (const one of held) assert.equal(one, held[0]);
  // The heap settles for a while, since functions are compiled again as they get hot: on a busy machine later.
  const growth = (values: readonly number[]) => values.at(-1)! - values[values.length / 2]!;
  assert.ok(growth(heapUsed) < MiB, `JavaScript's heap grew by ${growth(heapUsed)} bytes: ${heapUsed}`);
  assert.ok(growth(rss) < 16 * MiB, `the process grew by ${growth(rss)} bytes: ${rss}`);
  assert.is((await session.run(step.value)).data[0], BigInt(STEPS));
}, 170_000);

test.run();
