// One side of conformance/programs/control_flow.py's `typescript_gradients`: gradients that the TypeScript client builds of
// loops, conditions and calls, run on the server of the run. `gradients.js TARGET` prints them by name.
import {
  DataType,
  type Gradient,
  Graph,
  GraphDef,
  globalVariablesInitializer,
  gradients,
  IndexedSlices,
  initializers,
  type Output,
  Session,
  type TensorValue,
  Variable,
} from "../src/index.js";
import { type FunctionCase, readRecorded, recordedValue } from "../test/support/client-records.js";

const [target] = process.argv.slice(2) as [string];
const { FLOAT, INT32, RESOURCE } = DataType;
const found: Record<string, number[][]> = {};

async function run(
  name: string,
  graph: Graph,
  init: string,
  grads: readonly Gradient[],
  feeds: Record<string, TensorValue>,
) {
  await using session = new Session(target, { graph });
  await session.run(graph.find(init));
  const outputs = grads.flatMap((grad) => (grad instanceof IndexedSlices ? [grad.values, grad.indices] : [grad]));
  const values = await session.run(outputs, feeds, { signal: AbortSignal.timeout(20_000) });
  found[name] = values.map(({ data }) => [...data].map(Number));
}

for (const { name, graph: text, inputs, variables, init, dy } of readRecorded<FunctionCase[]>("functions")) {
  const graph = new Graph();
  graph.importGraphDef(GraphDef.decode(Buffer.from(text, "base64")), { name: "" });
  const xs = [...inputs.map((_, i) => `x${i}`), ...variables].map((input) => graph.findTensor(input));
  const grads = gradients(graph.findTensor("y"), xs, [graph.findTensor("dy")]) as Gradient[];
  const feeds = Object.fromEntries(inputs.map((input, i) => [`x${i}`, recordedValue(input)]));
  await run(name, graph, init, grads, { ...feeds, dy: recordedValue(dy) });
}

// Loops and branches of this builder's functions, over a variable and something drawn at random.
const graph = new Graph();
const { ops } = graph;
const x = graph.placeholder(FLOAT, [], "x");
const v = new Variable(graph, initializers.constant(3), { name: "weight", shape: [] });
const types = [INT32, FLOAT, RESOURCE];
const less = graph.function("less", types, (body, i) => body.ops.less(i!, 3));
const draw = graph.function("draw", [FLOAT, RESOURCE], (body, a, handle) => {
  const random = body.ops.randomUniform([], { dtype: FLOAT, seed: 1, seed2: 2 });
  return body.ops.mul(body.ops.mul(a!, body.ops.readVariableOp(handle!, { dtype: FLOAT })), random);
});
const step = graph.function("step", types, (body, i, a, handle) => [
  body.ops.addV2(i!, 1),
  draw.call([a!, handle!], body)[0]!,
  handle!,
]);
const [, y] = ops.while([0, x, v.handle], { cond: less.name, body: step.name });
const [z] = ops.case(1, [y!, v.handle], { branches: [draw.name, draw.name], tout: [FLOAT] });
const grads = gradients(z!, [x, v]) as Output[];
await run("builder", graph, globalVariablesInitializer(graph).name, [z!, ...grads], {
  x: { dtype: FLOAT, shape: [], data: Float32Array.of(1.5) },
});
console.log(JSON.stringify(found));
