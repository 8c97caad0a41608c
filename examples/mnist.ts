// Trains a classifier of handwritten digits on a tensorfleet server in another process: a real graph over a real
// socket, from TypeScript. Shows progress, a plot of the loss, and the accuracy on digits that it did not train on.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import {
  AdamOptimizer,
  DataType,
  Graph,
  globalVariablesInitializer,
  initializers,
  type Output,
  Session,
  Variable,
} from "../src/index.js";

const BATCH = 128;
const STEPS = 2400;
const TRAINED_ON = 9000;
const WIDTH = 28;
const PIXELS = WIDTH * WIDTH;
const CLASSES = 10;

interface Digits {
  readonly images: Float32Array;
  readonly labels: Int32Array;
  readonly count: number;
}

/** The 10,000 digits that the package `mnist` ships, mixed with a fixed seed. */
function loadDigits(): Digits {
  const require = createRequire(import.meta.url);
  const images: number[][] = [];
  const labels: number[] = [];
  for (let digit = 0; digit < CLASSES; digit++) {
    const { data } = require(`mnist/src/digits/${digit}.json`) as { data: number[] };
    for (let i = 0; i + PIXELS <= data.length; i += PIXELS) {
      images.push(data.slice(i, i + PIXELS));
      labels.push(digit);
    }
  }
  const order = shuffled(images.length);
  const all = new Float32Array(images.length * PIXELS);
  order.forEach((from, to) => {
    all.set(images[from]!, to * PIXELS);
  });
  return { images: all, labels: Int32Array.from(order, (i) => labels[i]!), count: images.length };
}

/** A small generator (mulberry32), so that every run sees the same split. */
function generator(state: number): () => number {
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Fisher–Yates. */
function shuffled(count: number): number[] {
  const order = Array.from({ length: count }, (_, i) => i);
  const random = generator(1);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

/** A batch whose digits are moved by a pixel or none: with so few of them, it is what keeps the model from learning them by heart. */
function jittered(digits: Digits, from: number, count: number, random: () => number): Float32Array {
  const batch = new Float32Array(count * PIXELS);
  for (let i = 0; i < count; i++) {
    const shift = Math.floor(random() * 3 - 1) * WIDTH + Math.floor(random() * 3 - 1);
    const image = digits.images.subarray((from + i) * PIXELS, (from + i + 1) * PIXELS);
    batch.set(image.subarray(Math.max(0, -shift), PIXELS - Math.max(0, shift)), i * PIXELS + Math.max(0, shift));
  }
  return batch;
}

function buildModel(graph: Graph) {
  const { ops } = graph;
  const image = graph.placeholder(DataType.FLOAT, [-1, PIXELS], "image");
  const label = graph.placeholder(DataType.INT32, [-1], "label");
  const dense = (x: Output, width: number, name: string) => {
    const shape = [x.shape!.at(-1)!, width];
    const weights = new Variable(graph, initializers.heNormal({ seed: 1 }), { name: `${name}/weights`, shape });
    const bias = new Variable(graph, initializers.zeros(), { name: `${name}/bias`, shape: [width] });
    return ops.biasAdd(ops.matMul(x, weights), bias);
  };
  const logits = dense(ops.relu(dense(image, 512, "hidden")), CLASSES, "logits");
  const loss = ops.mean(ops.sparseSoftmaxCrossEntropyWithLogits(logits, label).loss, 0, { name: "loss" });
  const train = new AdamOptimizer(0.001).minimize(loss);
  const guess = ops.argMax(logits, 1, { outputType: DataType.INT32 });
  return { image, label, loss, train, guess, init: globalVariablesInitializer(graph) };
}

async function startServer(): Promise<{ target: string; stop: () => Promise<void> }> {
  const cli = fileURLToPath(new URL("../src/cli/main.js", import.meta.url));
  const child: ChildProcess = spawn(process.execPath, [cli, "serve", "--cluster", '{"local":["127.0.0.1:0"]}'], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout! });
  const [line] = (await once(lines, "line")) as [string];
  return {
    target: line.slice(line.lastIndexOf("grpc://")),
    stop: async () => {
      const exited = once(child, "exit");
      child.kill("SIGTERM");
      await exited;
    },
  };
}

/** A bar that redraws itself on a terminal, a line now and then elsewhere. */
function showProgress(step: number, loss: number, started: number): void {
  const speed = step / ((performance.now() - started) / 1000);
  const text = `step ${String(step).padStart(4)}/${STEPS}  ${speed.toFixed(0)} steps/s  loss ${loss.toFixed(4)}`;
  if (process.stdout.isTTY) {
    const filled = Math.round((30 * step) / STEPS);
    process.stdout.write(`\r[${"█".repeat(filled)}${"░".repeat(30 - filled)}] ${text} `);
    if (step === STEPS) process.stdout.write("\n");
  } else if (step % 100 === 0) console.log(text);
}

/** The losses as a curve of characters, averaged by column. */
function plot(losses: readonly number[], width = 60, height = 10): string {
  const columns = Array.from({ length: width }, (_, c) => {
    const part = losses.slice(Math.floor((c * losses.length) / width), Math.floor(((c + 1) * losses.length) / width));
    return part.reduce((a, b) => a + b, 0) / part.length;
  });
  const top = Math.max(...columns);
  const rows = Array.from({ length: height }, (_, r) => {
    const low = (top * (height - 1 - r)) / height;
    const high = (top * (height - r)) / height;
    const cells = columns.map((value) => (value > low && value <= high ? "•" : " ")).join("");
    return `${high.toFixed(2).padStart(6)} │${cells}`;
  });
  return `loss\n${rows.join("\n")}\n${" ".repeat(7)}└${"─".repeat(width)}\n${" ".repeat(8)}0${`step ${losses.length}`.padStart(width - 1)}`;
}

const digits = loadDigits();
const server = await startServer();
console.log(`Training 784-512-10 on ${TRAINED_ON} digits at ${server.target}`);
const graph = new Graph();
const model = buildModel(graph);
const session = new Session(server.target, { graph });
await session.run(model.init);

const imagesOf = (data: Float32Array) => ({ dtype: DataType.FLOAT, shape: [data.length / PIXELS, PIXELS], data });
const losses: number[] = [];
const random = generator(2);
const started = performance.now();
for (let step = 1; step <= STEPS; step++) {
  const from = ((step - 1) * BATCH) % (TRAINED_ON - BATCH + 1);
  const [loss] = await session.run(
    [model.loss, model.train],
    [
      [model.image, imagesOf(jittered(digits, from, BATCH, random))],
      [model.label, digits.labels.subarray(from, from + BATCH)],
    ],
  );
  losses.push(Number(loss.data[0]));
  showProgress(step, losses.at(-1)!, started);
}
console.log(plot(losses));

const unseen = digits.count - TRAINED_ON;
const guesses = await session.run(model.guess, [[model.image, imagesOf(digits.images.subarray(TRAINED_ON * PIXELS))]]);
const right = (guesses.data as Int32Array).filter((guess, i) => guess === digits.labels[TRAINED_ON + i]).length;
console.log(`Accuracy on ${unseen} digits that it did not train on: ${(right / unseen).toFixed(4)}`);

await session.close();
await server.stop();
process.exitCode = right / unseen >= 0.95 ? 0 : 1;
