// Loops and conditions node by node as Python builds them, their values and gradients: the cases of
// conformance/client_flow.py, which records what TensorFlow makes of them. Refusals are in TensorFlow's words.
import * as assert from "uvu/assert";
import {
  cond,
  DataType,
  type Gradient,
  Graph,
  gradients,
  IndexedSlices,
  type Input,
  InvalidArgumentError,
  type Output,
  Session,
  Variable,
  whileLoop,
} from "../../../src/index.js";
import {
  distance,
  type NodeText,
  nodesOf,
  type RecordedTensor,
  readRecorded,
  recordedValue,
} from "../../support/client-records.js";
import { test } from "../../support/suite.js";

interface Case {
  readonly nodes: readonly NodeText[];
  readonly known: boolean;
  readonly inputs: readonly RecordedTensor[];
  readonly values: readonly RecordedTensor[];
  readonly gradients: readonly (RecordedTensor | null)[];
  readonly rows: readonly boolean[];
}

type Build = (graph: Graph, x: Output, w: Output) => readonly Output[];

const add = (x: Output, y: Input) => x.graph.ops.addV2(x, y);
const mul = (x: Output, y: Input) => x.graph.ops.mul(x, y);
const total = (x: Output) => x.graph.ops.sum(x, x.graph.ops.range(0, x.graph.ops.rank(x), 1));
const gathered = (x: Output) => x.graph.ops.gatherV2(x, [1, 1, 0], 0);
const isLess = (x: Output, y: Input) => x.graph.ops.less(x, y);
const count =
  (limit: number) =>
  (i: Output): Output =>
    isLess(i, limit);
const positive = (x: Output) => x.graph.ops.less(0, total(x));

const scaling: Build = (graph, x, w) => whileLoop(graph, count(3), (i, v) => [add(i!, 1), mul(v!, w)], [0, x]);

const threeDeep = (graph: Graph, w: Output, depth: number, v: Output): Output[] => {
  const step = (u: Output) => (depth === 0 ? mul(graph.ops.cos(u), w) : threeDeep(graph, w, depth - 1, u)[1]!);
  return whileLoop(graph, count(2), (i, u) => [add(i!, 1), step(u!)], [0, v]);
};

const builds: Record<string, Build> = {
  simple: (graph, x, w) => whileLoop(graph, count(3), (i, v) => [add(i!, 1), mul(mul(v!, v!), w)], [0, x]),
  captured: (graph, x, w) =>
    whileLoop(
      graph,
      (v) => isLess(total(v!), total(w)),
      (v) => add(mul(v!, w), graph.ops.sin(x)),
      [x],
    ),
  limited: (graph, x, w) =>
    whileLoop(
      graph,
      (v) => isLess(total(v!), 1e6),
      (v) => mul(v!, w),
      [x],
      { maximumIterations: 3 },
    ),
  growing: (graph, x, w) =>
    whileLoop(graph, count(3), (i, v) => [add(i!, 1), graph.ops.concatV2([v!, mul(x, w)], 0)], [0, x], {
      shapeInvariants: [[], [-1]],
    }),
  sequential: (graph, x, w) =>
    whileLoop(graph, count(4), (i, v) => [add(i!, 1), graph.ops.tanh(mul(v!, w))], [0, x], { parallelIterations: 1 }),
  "no backprop": (graph, x, w) =>
    whileLoop(graph, count(2), (i, v) => [add(i!, 1), mul(v!, w)], [0, x], { backProp: false }),
  unused: (graph, x, w) =>
    whileLoop(graph, count(3), (i, a, b, c) => [add(i!, 1), mul(w, 2), mul(b!, a!), add(c!, b!)], [0, x, x, x]).slice(
      3,
    ),
  nested: (graph, x, w) =>
    whileLoop(
      graph,
      count(3),
      (i, v) => {
        const inner = whileLoop(
          graph,
          (j) => isLess(j!, add(i!, 1)),
          (j, u) => [add(j!, 1), mul(graph.ops.sin(u!), w)],
          [0, v!],
        );
        return [add(i!, 1), add(inner[1]!, x)];
      },
      [0, x],
    ),
  "three deep": (graph, x, w) => threeDeep(graph, w, 2, x),
  "cond in loop": (graph, x, w) =>
    whileLoop(
      graph,
      count(4),
      (i, v) => [
        add(i!, 1),
        cond(
          graph,
          graph.ops.greater(i!, 1),
          () => mul(v!, w),
          () => graph.ops.square(v!),
        ),
      ],
      [0, x],
    ),
  "cond passes": (graph, x, w) =>
    whileLoop(
      graph,
      count(3),
      (i, v) => [
        add(i!, 1),
        cond(
          graph,
          graph.ops.greater(i!, 0),
          () => v!,
          () => graph.ops.exp(w),
        ),
      ],
      [0, x],
    ),
  "loop in cond": (graph, x, w) => [
    cond(
      graph,
      isLess(total(x), 0),
      () => graph.ops.neg(x),
      () => scaling(graph, x, w)[1]!,
    ),
  ],
  "loop in cond, not taken": (graph, x, w) => [
    cond(
      graph,
      positive(x),
      () => mul(x, 3),
      () => scaling(graph, x, w)[1]!,
    ),
  ],
  "nested conds": (graph, x, w) => [
    cond(
      graph,
      positive(x),
      () =>
        cond(
          graph,
          isLess(total(w), 1),
          () => mul(x, w),
          () => graph.ops.neg(x),
        ),
      () => graph.ops.exp(w),
    ),
  ],
  "cond list": (graph, x, w) =>
    cond(
      graph,
      positive(x),
      () => [mul(x, w), x],
      () => [w, graph.ops.exp(x)],
    ),
  "cond of ops": (graph, x, w) => {
    const done = cond(
      graph,
      positive(x),
      () => graph.ops.noOp(),
      () => graph.ops.noOp(),
    );
    return graph.controlDependencies([done], () => [mul(x, w)]);
  },
  after: (graph, x, w) =>
    graph.controlDependencies([graph.ops.square(w)], () =>
      whileLoop(graph, count(2), (i, v) => [add(i!, 1), mul(add(v!, 1), w)], [0, x]),
    ),
  rows: (graph, x, w) =>
    whileLoop(graph, count(2), (i, v) => [add(i!, 1), mul(v!, graph.ops.gatherV2(w, i!, 0))], [0, x]),
  "rows in cond": (graph, x, w) => [
    cond(
      graph,
      isLess(total(x), total(w)),
      () => gathered(x),
      () => mul(gathered(x), 2),
    ),
    cond(
      graph,
      isLess(total(w), total(x)),
      () => gathered(w),
      () => mul(x, w),
    ),
    gathered(
      cond(
        graph,
        isLess(total(x), total(w)),
        () => mul(x, w),
        () => w,
      ),
    ),
  ],
  "rows in cond in loop": (graph, x, w) =>
    whileLoop(
      graph,
      count(3),
      (i, v) => [
        add(i!, 1),
        cond(
          graph,
          isLess(i!, 1),
          () => mul(v!, gathered(w)),
          () => v!,
        ),
      ],
      [0, x],
    ),
  recurrent: (graph, x, w) =>
    whileLoop(graph, count(4), (i, v) => [add(i!, 1), graph.ops.tanh(graph.ops.matMul(v!, w))], [0, x]),
};

const dense = (gradient: Gradient | null): Output | [] =>
  gradient === null ? [] : gradient instanceof IndexedSlices ? gradient.toDense() : gradient;

const cases = readRecorded<Record<string, Case>>("control-flow");

for (const [name, recorded] of Object.entries(cases)) {
  test(name, async () => {
    await using session = new Session();
    const { graph } = session;
    const [x, w] = recorded.inputs.map(({ dtype, shape }, i) =>
      graph.placeholder(dtype, recorded.known ? shape : null, "xw"[i]),
    ) as [Output, Output];
    const build = builds[name.replace(", shapes unknown", "")]!;
    const ys = build(graph, x, w).filter(({ dtype }) => dtype === DataType.FLOAT);
    const byName = (nodes: readonly NodeText[]) => [...nodes].sort((a, b) => (a.name < b.name ? -1 : 1));
    assert.equal(byName(nodesOf(graph)), byName(recorded.nodes));
    const found = gradients(ys, [x, w]);
    assert.equal(
      found.map((gradient) => gradient instanceof IndexedSlices),
      recorded.rows,
    );
    const feeds = recorded.inputs.map((input, i) => [[x, w][i]!, recordedValue(input)] as const);
    const [values, grads] = await session.run([ys, found.map(dense)], feeds);
    recorded.values.forEach((value, i) => assert.ok(distance(values[i]!, recordedValue(value)) <= 2e-6, `y${i}`));
    recorded.gradients.forEach((gradient, i) => {
      if (gradient === null) assert.is(found[i], null);
      else assert.ok(distance(grads[i] as never, recordedValue(gradient)) <= 2e-6, `gradient ${i}`);
    });
  });
}

const refuses = (build: () => unknown, text: string) =>
  assert.throws(build, (error: Error) => error instanceof InvalidArgumentError && error.message === text);

test("what doesn't fit a loop or a condition is refused in TensorFlow's words", () => {
  const graph = new Graph();
  const { ops } = graph;
  const x = graph.placeholder(DataType.FLOAT, [2], "x");
  const p = graph.placeholder(DataType.BOOL, [], "p");
  refuses(
    () =>
      cond(
        graph,
        p,
        () => graph.constant(1, DataType.FLOAT),
        () => graph.constant(1, DataType.INT32),
      ),
    "Outputs of 'true_fn' and 'false_fn' must have the same type(s). Received float32 from 'true_fn' and int32 from 'false_fn'.",
  );
  refuses(
    () =>
      whileLoop(
        graph,
        () => true,
        (v) => ops.concatV2([v!, v!], 0),
        [x],
      ),
    "Input tensor 'x:0' enters the loop with shape (2,), but has shape (4,) after one iteration. To allow the shape to " +
      "vary across iterations, use the `shape_invariants` argument of tf.while_loop to specify a less-specific shape.",
  );
  refuses(
    () =>
      whileLoop(
        graph,
        () => true,
        (v) => v!,
        [x],
        { shapeInvariants: [[3]] },
      ),
    "The shape invariant specified for x:0 is not compatible with the initial shape of the loop variable. It enters the " +
      "loop with shape (2,), but the specified shape invariant is (3,).",
  );
  refuses(
    () =>
      whileLoop(
        graph,
        () => graph.constant(1, DataType.INT32),
        (v) => v!,
        [x],
      ),
    "Input 'input' of 'LoopCond' Op has type int32 that does not match expected type of bool.",
  );
});

test("a tensor inside a loop can't be used outside, nor twice be differentiated", () => {
  const graph = new Graph();
  const x = graph.placeholder(DataType.FLOAT, [2], "x");
  let inside: Output | null = null;
  const [y] = whileLoop(
    graph,
    (v) => isLess(total(v!), 10),
    (v) => (inside = mul(v!, x)),
    [x],
  );
  refuses(
    () => add(inside!, 1),
    "Cannot use 'while/Mul' as input to 'AddV2' because 'while/Mul' is in a while loop. See info log for more details.",
  );
  refuses(
    () =>
      whileLoop(
        graph,
        (v) => isLess(total(v!), 10),
        (v) => add(v!, inside!),
        [x],
      ),
    "Cannot use 'while/Mul' as input to 'while_1/AddV2' because they are in different while loops. See info log for more details.",
  );
  const [dx] = gradients(y!, [x]) as [Output];
  refuses(() => gradients(dx, [x]), "Second-order gradient for while loops not supported.");
});

test("a loop that was imported can't be differentiated: nothing says what belongs to it", () => {
  const graph = new Graph();
  const x = graph.placeholder(DataType.FLOAT, [2], "x");
  const [y] = whileLoop(
    graph,
    (v) => isLess(total(v!), 10),
    (v) => mul(v!, 2),
    [x],
  );
  const other = new Graph();
  other.importGraphDef(graph.exportGraphDef(), { name: "" });
  refuses(
    () => gradients(other.findTensor(y!.name), [other.findTensor("x:0")]),
    "Failed to call gradients on a while loop without properly serializing graph via MetaGraphDef",
  );
});

test("second derivatives go through conditions", async () => {
  await using session = new Session();
  const { graph } = session;
  const x = graph.placeholder(DataType.FLOAT, [], "x");
  const y = cond(
    graph,
    graph.ops.greater(x, 0),
    () => mul(mul(x, x), x),
    () => graph.ops.square(x),
  );
  const [dx] = gradients(y, [x]) as [Output];
  const [ddx] = gradients(dx, [x]) as [Output];
  const at = async (value: number) => (await session.run([dx, ddx], [[x, value]])).map(({ data }) => Number(data[0]));
  assert.equal(await at(2), [12, 12]);
  assert.equal(await at(-3), [-6, 2]);
});

test("variables that a loop or a branch reads get their gradients", async () => {
  await using session = new Session();
  const { graph } = session;
  const w = new Variable(graph, graph.constant([2, 3], DataType.FLOAT), { name: "w" });
  const read = () => graph.ops.readVariableOp(w.handle, { dtype: DataType.FLOAT });
  const x = graph.placeholder(DataType.FLOAT, [2], "x");
  const looped = whileLoop(graph, count(2), (i, v) => [add(i!, 1), mul(v!, read())], [0, x])[1]!;
  const chosen = cond(
    graph,
    positive(x),
    () => mul(x, read()),
    () => x,
  );
  const grads = [looped, chosen].map((y) => gradients(y, [w])[0] as Output);
  await session.run(w.initializer);
  const [a, b] = await session.run(grads, [[x, [1, 1]]]);
  assert.equal([a!.data, b!.data], [Float32Array.of(4, 6), Float32Array.of(1, 1)]);
  assert.equal((await session.run(grads[1]!, [[x, [-1, -1]]])).data, Float32Array.of(0, 0));
});

test.run();
