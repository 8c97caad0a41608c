// `npm run bench -- executor`: what the executor's loop takes a node, in this process and without a socket. The graphs of
// bench/step.py, each in a fresh process, then all one after the other in one: a loop that is slower after other
// sessions has lost what V8 compiled for the first.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Graph } from "../src/client/graph.js";
import type { Output } from "../src/client/output.js";
import { Session } from "../src/client/session.js";
import { Engine } from "../src/server/engine.js";
import { DataType } from "../src/tensor/dtype.js";
import { ConfigProto } from "../src/wire/core.js";

interface Case {
  readonly fetch: Output;
  readonly feed: Output | null;
  /** Nodes that a step runs. */
  readonly nodes: number;
  readonly steps: number;
}

const CHAIN = 5000;
const TURNS = 10_000;

const cases: Readonly<Record<string, (graph: Graph) => Case>> = {
  constant_add(graph) {
    const fetch = graph
      .op("AddV2", [graph.constant([1, 2], DataType.FLOAT), graph.constant([3, 4], DataType.FLOAT)])
      .output();
    return { fetch, feed: null, nodes: 4, steps: 2000 };
  },
  small_feed(graph) {
    const feed = graph.placeholder(DataType.FLOAT, [4]);
    return {
      fetch: graph.op("AddV2", [feed, graph.constant(1, DataType.FLOAT)]).output(),
      feed,
      nodes: 4,
      steps: 2000,
    };
  },
  chain(graph) {
    const feed = graph.placeholder(DataType.FLOAT, [4]);
    let fetch = feed;
    for (let i = 0; i < CHAIN; i++) fetch = graph.op("AddV2", [graph.op("Tanh", [fetch]).output(), feed]).output();
    return { fetch, feed, nodes: 2 * CHAIN, steps: 100 };
  },
  loop(graph) {
    const enter = graph.op("Enter", [graph.constant(0, DataType.INT32)], { frame_name: "loop" }).output();
    const merge = graph.op("Merge", [[enter, enter]]);
    const int = (value: number, after: Output) =>
      graph.controlDependencies([after], () => graph.constant(value, DataType.INT32));
    const less = graph.op("Less", [merge.output(), int(TURNS, merge.output())]).output();
    const gate = graph.op("Switch", [merge.output(), graph.op("LoopCond", [less]).output()]);
    const body = graph.op("Identity", [gate.output(1)]).output();
    const next = graph.op("NextIteration", [graph.op("AddV2", [body, int(1, body)]).output()]).output();
    merge.node.inputs[1] = { node: next.node, index: 0 };
    return { fetch: graph.op("Exit", [gate.output(0)]).output(), feed: null, nodes: 9 * TURNS, steps: 50 };
  },
};

async function time(engine: Engine, name: string): Promise<string> {
  const graph = new Graph();
  const { fetch, feed, nodes, steps } = cases[name]!(graph);
  // Every node is to run: nothing may fold it away.
  const config = ConfigProto.decode(
    ConfigProto.encode({
      graphOptions: { rewriteOptions: { disableMetaOptimizer: true }, optimizerOptions: { optLevel: -1 } },
    }),
  );
  await using session = new Session(engine, { graph, config });
  const feeds = feed === null ? [] : ([[feed, Float32Array.of(0.1, 0.1, 0.1, 0.1)]] as const);
  const times: number[] = [];
  for (let i = 0; i < steps; i++) {
    const start = performance.now();
    await session.run(fetch, feeds);
    times.push(performance.now() - start);
  }
  const warm = times.slice(steps >> 1).sort((a, b) => a - b);
  const ns = (ms: number) => `${((1e6 * ms) / nodes).toFixed(0).padStart(6)}`;
  return `${ns(warm[0]!)} ${ns(warm[warm.length >> 1]!)} ns a node, first step ${times[0]!.toFixed(2)} ms`;
}

async function run(names: readonly string[]): Promise<void> {
  const engine = await Engine.open("/job:localhost/replica:0/task:0", "localhost", null);
  for (const name of names) console.log(`${name.padEnd(14)} ${await time(engine, name)}`);
  await engine.close();
}

const names = process.argv.slice(2);
if (names.length > 0) await run(names);
else {
  console.log(`Node ${process.version}; the least and the median of the later half of the steps`);
  const self = fileURLToPath(import.meta.url);
  const turn = (cases: readonly string[]) => spawnSync(process.execPath, [self, ...cases], { stdio: "inherit" });
  console.log("each in a process of its own:");
  for (const name of Object.keys(cases)) turn([name]);
  console.log("one after the other:");
  turn([...Object.keys(cases), "chain"]);
}
