// One worker of conformance/programs/replicas.py, in TypeScript: `replica.js TARGET CLUSTER TASK`. Synchronous training with
// dense and sparse gradients; each line on standard input is a batch, each on standard output the loss and the step.
import { createInterface } from "node:readline";
import {
  ConfigProto,
  DataType,
  GradientDescentOptimizer,
  Graph,
  getOrCreateGlobalStep,
  MonitoredSession,
  replicaDeviceSetter,
  SyncReplicasOptimizer,
  Variable,
} from "../src/index.js";

const [master, cluster, task] = process.argv.slice(2) as [string, string, string];
const isChief = task === "0";
const self = `/job:worker/task:${task}`;
const graph = new Graph();
const { ops } = graph;
const place = replicaDeviceSetter({ cluster: JSON.parse(cluster), workerDevice: self });
const model = graph.device(place, () => {
  const globalStep = getOrCreateGlobalStep(graph);
  const w = new Variable(graph, [[0.5], [-1]], { name: "w", dtype: DataType.FLOAT });
  const table = new Variable(graph, [[1], [2], [3]], { name: "table", dtype: DataType.FLOAT });
  const x = graph.placeholder(DataType.FLOAT, [-1, 2], "x");
  const ids = graph.placeholder(DataType.INT32, [-1], "ids");
  const y = ops.addV2(ops.matMul(x, w), table.gather(ids));
  const loss = ops.mean(ops.square(ops.sub(y, 1)), [0, 1]);
  const optimizer = new SyncReplicasOptimizer(new GradientDescentOptimizer(0.1), { replicasToAggregate: 2 });
  return { globalStep, x, ids, loss, optimizer, train: optimizer.minimize(loss, { globalStep }) };
});

const session = await MonitoredSession.open({
  graph,
  master,
  isChief,
  hooks: [model.optimizer.makeSessionRunHook(isChief, 0)],
  config: { ...ConfigProto.create(), deviceFilters: ["/job:ps", self] },
  recoveryWaitSecs: 0.1,
});
console.log(JSON.stringify("ready"));
for await (const line of createInterface({ input: process.stdin })) {
  const { x, ids } = JSON.parse(line) as { readonly x: number[][]; readonly ids: number[] };
  const feeds = [
    [model.x, x],
    [model.ids, ids],
  ] as const;
  const [loss] = await session.run([model.loss, model.train], feeds);
  // The step that this update made: no worker goes on before the others have had their turn.
  const [step] = await session.run([model.globalStep]);
  console.log(JSON.stringify([loss.data[0], Number(step.data[0])]));
}
await session.close();
