// One side of conformance/programs/control_flow.py's `typescript_gradients`: gradients that the TypeScript client builds of
// loops, conditions and calls, run on the server of the run. `gradients.js TARGET` prints them by name.
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import {
  DataType,
  Graph,
  GraphDef,
  globalVariablesInitializer,
  gradients,
  initializers,
  type Output,
  Session,
  Variable,
} from "../src/index.js";

interface Tensor {
  readonly shape: readonly number[];
  readonly bytes: string;
}

/** As conformance/client_functions.py made them: graphs before their gradients were asked for. */
interface Case {
  readonly name: string;
  readonly graph: string;
  readonly inputs: readonly Tensor[];
  readonly variables: readonly string[];
  readonly init: string;
  readonly dy: Tensor;
}

const [target] = process.argv.slice(2) as [string];
const file = new URL("../../test/unit/client/data/functions.json.gz", import.meta.url);
const cases = JSON.parse(gunzipSync(readFileSync(file)).toString()) as Case[];
const { FLOAT, DOUBLE, INT32, RESOURCE } = DataType;
const found: Record<string, number[][]> = {};

const value = ({ shape, bytes }: Tensor) => ({
  dtype: DOUBLE,
  shape,
  data: new Float64Array(Uint8Array.from(Buffer.from(bytes, "base64")).buffer),
});

async function run(
  name: string,
  graph: Graph,
  init: string,
  outputs: readonly Output[],
  feeds: Record<string, object>,
) {
  await using session = new Session(target, { graph });
  await session.run(graph.find(init));
  const values = await session.run(outputs, feeds as never, { signal: AbortSignal.timeout(20_000) });
  found[name] = values.map(({ data }) => [...data].map(Number));
}

for (const { name, graph: text, inputs, variables, init, dy } of cases) {
  const graph = new Graph();
  graph.importGraphDef(GraphDef.decode(Buffer.from(text, "base64")), { name: "" });
  const xs = [...inputs.map((_, i) => `x${i}`), ...variables].map((input) => graph.findTensor(input));
  const grads = gradients(graph.findTensor("y"), xs, [graph.findTensor("dy")]) as Output[];
  const feeds = Object.fromEntries(inputs.map((input, i) => [`x${i}`, value(input)]));
  await run(name, graph, init, grads, { ...feeds, dy: value(dy) });
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
await run("builder", graph, globalVariablesInitializer(graph).name, [z!, ...grads], { x: 1.5 as never });
console.log(JSON.stringify(found));
