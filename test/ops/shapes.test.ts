// The shapes that TensorFlow infers for the graphs of the recorded op cases, their placeholders declared in several ways
// (conformance/record_shapes.py), or its words when it refuses the graph: test/ops/data/shapes.gz.
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { shapeValue, tensorValue } from "../../src/graph/attr-value.js";
import { FunctionLibrary } from "../../src/graph/function-library.js";
import { Graph } from "../../src/graph/graph.js";
import { importGraph } from "../../src/graph/import.js";
import { createOpRegistry } from "../../src/ops/registry.js";
import { allShapes } from "../../src/ops/shapes/all.js";
import { inferShapes } from "../../src/ops/shapes/infer-shapes.js";
import { DataType } from "../../src/tensor/dtype.js";
import { shapeToProto } from "../../src/tensor/proto.js";
import { partialShapeString, type Shape } from "../../src/tensor/shape.js";
import { GraphDef, TensorProto } from "../../src/wire/core.js";
import { type CaseStep, type CaseTensor, type OpCase, readOpFamily } from "../support/op-cases.js";
import { test } from "../support/suite.js";

interface Recorded {
  /** `shape;shape|…`, one group per node, or `!` and the error's text. */
  readonly answers: readonly string[];
  readonly families: Readonly<Record<string, Readonly<Record<string, readonly Entry[]>>>>;
}
type Entry = readonly [step: number, variant: Variant, answer: number];
type Variant = "full" | "first" | "last" | "one" | "ranks" | "const" | "constfirst";

const file = new URL("../../../test/ops/data/shapes.gz", import.meta.url);
const recorded = JSON.parse(gunzipSync(readFileSync(file)).toString()) as Recorded;
const registry = createOpRegistry();

/** How a placeholder is declared, from the shape that the step feeds. */
const declared: Record<Variant, (shape: Shape, position: number) => Shape | null> = {
  full: (shape) => shape,
  first: (shape) => shape.map((dim, i) => (i === 0 ? -1 : dim)),
  last: (shape) => shape.map((dim, i) => (i === shape.length - 1 ? -1 : dim)),
  one: (shape, position) => (position === 0 ? null : shape),
  ranks: (shape) => shape.map(() => -1),
  const: (shape) => shape,
  constfirst: (shape) => shape.map((dim, i) => (i === 0 ? -1 : dim)),
};

const MAX_CONSTANT = 32;
const numbers: readonly number[] = [DataType.STRING, DataType.FLOAT, DataType.DOUBLE, DataType.HALF, DataType.BFLOAT16];
const isConstant = ({ dtype, shape }: CaseTensor): boolean =>
  !numbers.includes(dtype) &&
  dtype !== DataType.COMPLEX64 &&
  dtype !== DataType.COMPLEX128 &&
  shape.reduce((n, dim) => n * dim, 1) <= MAX_CONSTANT;

const constant = ({ dtype, shape, bytes }: CaseTensor): TensorProto => ({
  ...TensorProto.create(),
  dtype,
  tensorShape: shapeToProto(shape),
  tensorContent: bytes,
});

/** The case's graph as one variant declares it. */
function variantOf(opCase: OpCase, step: CaseStep | undefined, variant: Variant): GraphDef {
  const graph = GraphDef.decode(opCase.graphDef);
  const nodes = new Map(graph.node.map((node) => [node.name, node]));
  step?.feeds.forEach(({ name, tensor }, position) => {
    const node = nodes.get(name.split(":")[0]!)!;
    if (node.op !== "Placeholder") return;
    if (variant.startsWith("const") && isConstant(tensor)) {
      node.op = "Const";
      node.attr.delete("shape");
      node.attr.set("value", tensorValue(constant(tensor)));
    } else node.attr.set("shape", shapeValue(declared[variant](tensor.shape, position)));
  });
  return graph;
}

const text = (shape: Shape | null): string => (shape === null ? "?" : partialShapeString(shape));

function infer(graphDef: GraphDef): string {
  const graph = new Graph(new FunctionLibrary(registry, "HOST"));
  graph.library.add(graphDef.library);
  importGraph(graph, graphDef, registry, { hostname: "HOST" });
  try {
    const inference = inferShapes(graph, allShapes);
    return graph.nodes
      .map((node) => node.outputTypes.map((_, index) => text(inference.shape({ node, index }))).join(";"))
      .join("|");
  } catch (error) {
    return `!${(error as Error).message}`;
  }
}

/**
 * Gradients of a list and of sums: TensorFlow doesn't look through as many integer ops as we do, nor we through all that
 * a list holds, or at integers that numbers can't hold. What both know must still be the same.
 */
const NOT_EXACT = new Set([
  "Python's ref variables",
  "Python's resource variables",
  "map, scan, fold v2",
  "Range beyond what numbers count",
]);

const agree = (actual: string, expected: string): boolean =>
  actual.split(/[|;]/).every((shape, i) => {
    const [a, b] = [shape, expected.split(/[|;]/)[i]!].map((text) =>
      text === "?" ? null : text.slice(1, -1).split(","),
    );
    if (!a || !b) return true;
    return a.length === b.length && a.every((dim, k) => dim === "?" || b[k] === "?" || dim === b[k]);
  });

/** Only the nodes that differ. */
function difference(graphDef: GraphDef, actual: string, expected: string): string {
  if (actual.startsWith("!") || expected.startsWith("!")) return `${actual}\n    expected ${expected}`;
  const right = expected.split("|");
  const nodes = actual.split("|").flatMap((shapes, i) => {
    const { name, op } = graphDef.node[i]!;
    return shapes === right[i] ? [] : [`${name} (${op}) ${shapes}, expected ${right[i]}`];
  });
  return nodes.join(" | ");
}

for (const [family, cases] of Object.entries(recorded.families)) {
  const count = Object.values(cases).reduce((n, entries) => n + entries.length, 0);
  test(`${family}: ${count} graphs`, () => {
    const differences: string[] = [];
    for (const opCase of readOpFamily(family).cases) {
      // Ops without a kernel here.
      if (opCase.ops.some((op) => allShapes[op] === undefined)) continue;
      for (const [step, variant, answer] of cases[opCase.name] ?? []) {
        const expected = recorded.answers[answer]!;
        const graphDef = variantOf(opCase, opCase.steps[step], variant);
        const actual = infer(graphDef);
        if (actual === expected || (NOT_EXACT.has(opCase.name) && agree(actual, expected))) continue;
        differences.push(`${opCase.name}, step ${step}, ${variant}: ${difference(graphDef, actual, expected)}`);
      }
    }
    if (differences.length > 0) throw new Error(`${differences.length} differ\n  ${differences.join("\n  ")}`);
  }, 60_000);
}

test.run();
