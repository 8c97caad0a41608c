// Trains a classifier of handwritten digits. As one worker of a cluster, when TF_CONFIG names it: so `npm start`,
// `tensorfleet cluster --ps 1 --workers 2 --run dist/examples/mnist.js` and Kubernetes run it. On one server, whose target
// is its argument; or in this process alone. Prints a line every ten steps and, if it leads, the accuracy at the end.
// STEPS says how many, MODEL_DIR where checkpoints go, BIND where the worker listens when that isn't its own address.
import {
  AdamOptimizer,
  ConfigProto,
  DataType,
  Graph,
  getOrCreateGlobalStep,
  initializers,
  monitoredTrainingSession,
  type Output,
  parseTfConfig,
  replicaDeviceSetter,
  Server,
  type SessionRunHook,
  StopAtStepHook,
  Variable,
} from "../src/index.js";
import { CLASSES, openDigits, PIXELS } from "./support/digits.js";

const STEPS = Number(process.env.STEPS ?? 2000);
const BATCH = 128;

function buildModel(graph: Graph) {
  const { ops } = graph;
  const dense = (x: Output, width: number, name: string) => {
    const shape = [x.shape!.at(-1)!, width];
    const weights = new Variable(graph, initializers.heNormal({ seed: 1 }), { name: `${name}/weights`, shape });
    const bias = new Variable(graph, initializers.zeros(), { name: `${name}/bias`, shape: [width] });
    return ops.biasAdd(ops.matMul(x, weights), bias);
  };
  const globalStep = getOrCreateGlobalStep(graph);
  const image = graph.placeholder(DataType.FLOAT, [-1, PIXELS], "image");
  const label = graph.placeholder(DataType.INT32, [-1], "label");
  const logits = dense(ops.relu(dense(image, 512, "hidden")), CLASSES, "logits");
  const loss = ops.mean(ops.sparseSoftmaxCrossEntropyWithLogits(logits, label).loss, 0, { name: "loss" });
  const train = new AdamOptimizer(0.001).minimize(loss, { globalStep });
  const guess = ops.argMax(logits, 1, { outputType: DataType.INT32 });
  return { globalStep, image, label, loss, train, guess };
}

const [target] = process.argv.slice(2);
const { cluster, jobName, taskIndex, isChief } = parseTfConfig(
  target === undefined ? (process.env.TF_CONFIG ?? "") : "",
);
const index = taskIndex ?? 0;
// A worker is a task of the cluster, and its own master.
const task = { jobName: jobName!, taskIndex: index, bind: process.env.BIND };
await using server = cluster.empty ? null : await Server.create(cluster, task);

const graph = new Graph();
const self = `/job:${jobName}/task:${index}`;
const place = replicaDeviceSetter({ cluster, workerDevice: self });
const model = graph.device(place, () => buildModel(graph));
const digits = openDigits(index + 2);

const evaluation: SessionRunHook = {
  async end(session) {
    const { images, labels } = digits.unseen;
    const { data } = await session.run(model.guess, [[model.image, images]]);
    const right = labels.filter((label, i) => label === data[i]).length;
    console.log(`accuracy on ${labels.length} digits that it did not train on: ${(right / labels.length).toFixed(4)}`);
  },
};

await monitoredTrainingSession(
  {
    graph,
    master: server ?? target,
    isChief,
    checkpointDir: process.env.MODEL_DIR,
    hooks: [new StopAtStepHook({ lastStep: STEPS })],
    chiefOnlyHooks: [evaluation],
    // It needs no other worker: one that is late, or gone, holds up nobody.
    config: { ...ConfigProto.create(), deviceFilters: cluster.empty ? [] : ["/job:ps", self] },
  },
  async (session) => {
    const started = performance.now();
    for (let steps = 1; !session.shouldStop(); steps++) {
      const { images, labels } = digits.next(BATCH);
      const [loss, step] = await session.run(
        [model.loss, model.globalStep, model.train],
        [
          [model.image, images],
          [model.label, labels],
        ],
      );
      if (steps % 10 > 0 && !session.shouldStop()) continue;
      const speed = (1000 * steps) / (performance.now() - started);
      console.log(
        `step ${step.data[0]}/${STEPS}  ${speed.toFixed(0)} steps/s  loss ${Number(loss.data[0]).toFixed(4)}`,
      );
    }
  },
);
