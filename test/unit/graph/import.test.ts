// Graphs that a real server refused, and those it took, with its codes and texts (refused-graphs.json: one graph a case,
// sent to a cluster of worker 0, worker 1 and ps 0). The host's name is HOST there.
import { readFileSync } from "node:fs";
import * as assert from "uvu/assert";
import { toOpError } from "../../../src/errors/index.js";
import { FunctionLibrary } from "../../../src/graph/function-library.js";
import { Graph } from "../../../src/graph/graph.js";
import { importGraph } from "../../../src/graph/import.js";
import { createOpRegistry } from "../../../src/ops/registry.js";
import { place } from "../../../src/placement/place.js";
import { GraphDef, NodeDef } from "../../../src/wire/core.js";
import { suite } from "../../support/suite.js";

const test = suite("graph/import");
const registry = createOpRegistry();

interface Case {
  readonly name: string;
  readonly graph: string;
  readonly code: number;
  readonly text: string;
}

const path = new URL("../../../../test/unit/graph/refused-graphs.json", import.meta.url);
const cases: Case[] = JSON.parse(readFileSync(path, "utf8"));

/** A real server takes these and fails in the step, or not at all if nobody runs the node; here the door is shut. */
const REFUSED_EARLIER = new Set([
  "wrong bool",
  "wrong list",
  "string not allowed",
  "below minimum",
  "list below minimum",
  "maxpool short ksize",
  "too few inputs",
  "N mismatch",
]);
/** Lowering finds it, not import. */
const ELSEWHERE = new Set(["undefined function"]);

const task = (name: string) => ({ name: `/job:${name}/device:CPU:0`, type: "CPU" });
const devices = ["worker/replica:0/task:0", "ps/replica:0/task:0", "worker/replica:0/task:1"].map(task);

const newGraph = () => new Graph(new FunctionLibrary(registry, "HOST"));

function outcome(graph: Graph, graphDef: GraphDef): { code: number; text: string } {
  try {
    const first = importGraph(graph, graphDef, registry, { hostname: "HOST" });
    place(graph, first, {
      devices,
      allowSoftPlacement: false,
      hasKernel: (node) => node.op.name !== "NcclAllReduce",
    });
    return { code: 0, text: "" };
  } catch (error) {
    const { code, message } = toOpError(error);
    return { code, text: message };
  }
}

/** The order of the attributes in this text is that of a hash table. */
const sortAttrs = (text: string): string =>
  text.replace(/with these attrs: \[(.*)\]/, (_, list: string) => list.split(", ").sort().join(", "));

for (const { name, graph, code, text } of cases) {
  if (ELSEWHERE.has(name)) continue;
  test(name, () => {
    const answer = outcome(newGraph(), GraphDef.decode(Buffer.from(graph, "base64")));
    if (REFUSED_EARLIER.has(name)) {
      assert.is(code, 0);
      assert.is(answer.code, 3);
      return;
    }
    assert.is(sortAttrs(answer.text), sortAttrs(text));
    assert.is(answer.code, code);
  });
}

const noOps = (names: readonly string[], input: (i: number) => string[]): GraphDef => ({
  ...GraphDef.create(),
  node: names.map((name, i) => ({ ...NodeDef.create(), name, op: "NoOp", input: input(i) })),
});

test("a graph that is refused leaves nothing behind", () => {
  const graph = newGraph();
  outcome(
    graph,
    noOps(["a"], () => []),
  );
  const refused = outcome(
    graph,
    noOps(["b", "c"], (i) => (i === 1 ? ["^nobody"] : ["^a"])),
  );
  assert.is(refused.code, 3);
  assert.is(graph.nodes.length, 1);
  assert.is(graph.find("b"), undefined);
  assert.is(
    outcome(
      graph,
      noOps(["b"], () => ["^a"]),
    ).code,
    0,
  );
  assert.is(graph.find("b")!.controlInputs[0], graph.find("a"));
});

const SIZE = 100_000;
const names = Array.from({ length: SIZE }, (_, i) => `n${i}`);

test("a chain of 100,000 nodes", () => {
  const graph = newGraph();
  const deep = noOps(names, (i) => (i === 0 ? [] : [`^n${i - 1}`]));
  assert.is(outcome(graph, deep).code, 0);
  assert.is(graph.nodes.length, SIZE);
});

test("a node that waits for 100,000 others, each named twice", () => {
  const graph = newGraph();
  const wide = noOps([...names, "all"], (i) => (i === SIZE ? [...names, ...names].map((name) => `^${name}`) : []));
  assert.is(outcome(graph, wide).code, 0);
  assert.is(graph.find("all")!.controlInputs.length, SIZE);
});

test.run();
