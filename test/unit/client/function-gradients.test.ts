// Gradients of loops, conditions and calls that are functions: of graphs that Python made, beside those that TensorFlow found
// (conformance/client_functions.py), and of what only this builder makes, beside what is known of it.
import * as assert from "uvu/assert";
import {
  DataType,
  FailedPreconditionError,
  Graph,
  GraphDef,
  globalVariablesInitializer,
  gradients,
  IndexedSlices,
  initializers,
  type Output,
  Session,
  Variable,
  whileLoop,
} from "../../../src/index.js";
import { distance, type FunctionCase, readRecorded, recordedValue } from "../../support/client-records.js";
import { test } from "../../support/suite.js";

/** A few roundings. */
const TOLERANCE = 1e-14;

for (const one of readRecorded<FunctionCase[]>("functions")) {
  test(one.name, async () => {
    const graph = new Graph();
    graph.importGraphDef(GraphDef.decode(Buffer.from(one.graph, "base64")), { name: "" });
    const xs = one.inputs.map((_, i) => graph.findTensor(`x${i}`));
    const [y, seed] = [graph.findTensor("y"), graph.findTensor("dy")];
    const found = gradients(y, [...xs, ...one.variables.map((name) => graph.findTensor(name))], [seed]);
    assert.equal(
      found.map((gradient) => gradient === null),
      one.expected.map((gradient) => gradient === null),
    );
    assert.equal(
      found.map((gradient) => gradient instanceof IndexedSlices),
      one.rows,
    );
    const whole = found.map((gradient) => (gradient instanceof IndexedSlices ? gradient.toDense() : gradient));
    await using session = new Session(undefined, { graph });
    await session.run(graph.find(one.init));
    const feeds = [
      ...one.inputs.map((input, i) => [xs[i]!, recordedValue(input)] as const),
      [seed, recordedValue(one.dy)] as const,
    ];
    const [value, values] = await session.run([y, whole as Output[]], feeds);
    assert.ok(distance(value, recordedValue(one.y)) <= TOLERANCE);
    one.expected.forEach((gradient, i) => {
      const apart = distance(values[i]!, recordedValue(gradient!));
      assert.ok(apart <= TOLERANCE, `${i}: ${apart} apart`);
    });
  });
}

const { FLOAT, INT32, RESOURCE } = DataType;
const numbers = (values: readonly { readonly data: ArrayLike<unknown> }[]) => values.map(({ data }) => Number(data[0]));
const gradientOf = (y: Output, x: Output): Output => gradients(y, [x])[0] as Output;

test("what a body draws and changes happens once: gradients take it from there", async () => {
  await using session = new Session();
  const { graph } = session;
  const { ops } = graph;
  const x = graph.placeholder(FLOAT, [], "x");
  const count = new Variable(graph, initializers.zeros(), { name: "count", shape: [] });
  const noisy = graph.function("noisy", [FLOAT, RESOURCE], (body, v, handle) => {
    body.ops.assignAddVariableOp(handle!, body.constant(1, FLOAT));
    return body.ops.mul(v!, body.ops.randomUniform([], { dtype: FLOAT }));
  });
  const small = graph.function("small", [INT32, FLOAT, RESOURCE], (body, i) => body.ops.less(i!, 3));
  const step = graph.function("step", [INT32, FLOAT, RESOURCE], (body, i, v, handle) => [
    body.ops.addV2(i!, 1),
    noisy.call([v!, handle!], body)[0]!,
    handle!,
  ]);
  const plain = graph.function("plain", [FLOAT, RESOURCE], (_, v) => v!);
  const called = noisy.call([x, count])[0]!;
  const looped = ops.while([0, x, count.handle], { cond: small.name, body: step.name })[1]!;
  const branches = { thenBranch: noisy.name, elseBranch: plain.name, tout: [FLOAT] };
  const chosen = ops.if(ops.greater(x, 0), [x, count.handle], branches)[0]!;
  const picked = ops.case(1, [x, count.handle], { branches: [plain.name, noisy.name], tout: [FLOAT] })[0]!;
  const ys = [called, looped, chosen, picked];
  const grads = ys.map((y) => gradientOf(y, x));
  await session.run(globalVariablesInitializer(graph));
  const [values, slopes] = await session.run([ys, grads], [[x, 4]]);
  numbers(slopes).forEach((slope, i) => {
    const ratio = numbers(values)[i]! / 4;
    assert.ok(Math.abs(slope - ratio) < 1e-6 && slope > 0 && slope < 1, `${i}: ${slope}, not ${ratio}`);
  });
  assert.equal(numbers([await session.run(count)]), [6]);
});

test("gradients of one loop for several ys and of higher order share its lists", async () => {
  await using session = new Session();
  const { graph } = session;
  const x = graph.placeholder(FLOAT, [], "x");
  const less = graph.function("less", [INT32, FLOAT], ({ ops }, i) => ops.less(i!, 3));
  const cube = graph.function("cube", [INT32, FLOAT], ({ ops }, i, v) => [
    ops.addV2(i!, 1),
    ops.mul(v!, ops.mul(v!, v!)),
  ]);
  const [, y] = graph.ops.statelessWhile([0, x], { cond: less.name, body: cube.name });
  const first = gradientOf(y!, x);
  const outputs = y!.op.outputs.length;
  const again = gradients(y!, [x], [graph.constant(2, FLOAT)])[0] as Output;
  assert.is(y!.op.outputs.length, outputs);
  const second = gradientOf(first, x);
  const third = gradientOf(second, x);
  const found = await session.run([y!, first, again, second, third], [[x, 1]]);
  assert.equal(numbers(found), [1, 27, 54, 27 * 26, 27 * 26 * 25]);
});

test("a node that a session has is copied for its gradient, unless it would do something twice", async () => {
  await using session = new Session();
  const { graph } = session;
  const x = graph.placeholder(FLOAT, [], "x");
  const square = graph.function("wave", [FLOAT], ({ ops }, v) => ops.sin(ops.mul(v!, v!)));
  const draw = graph.function("draw", [FLOAT], ({ ops }, v) => ops.mul(ops.randomUniform([], { dtype: FLOAT }), v!));
  const v = new Variable(graph, 2, { name: "v" });
  const types = [INT32, FLOAT, RESOURCE];
  const less = graph.function("less", types, ({ ops }, i) => ops.less(i!, 3));
  const scale = graph.function("scale", types, (body, i, a, handle) => {
    const read = body.ops.readVariableOp(handle!, { dtype: FLOAT });
    return [body.ops.addV2(i!, 1), square.call([body.ops.mul(a!, read)], body)[0]!, handle!];
  });
  const looped = graph.ops.while([0, x, v.handle], { cond: less.name, body: scale.name })[1]!;
  const [y, drawn] = [square.call([x])[0]!, draw.call([x])[0]!];
  await session.run(globalVariablesInitializer(graph));
  await session.run([y, drawn, looped], [[x, 0.5]]);
  const [found, dx, dv] = numbers(
    await session.run([gradientOf(y, x), ...(gradients(looped, [x, v]) as Output[])], [[x, 0.5]]),
  );
  assert.ok(Math.abs(found! - Math.cos(0.25)) < 1e-6);
  // The same by central differences in double precision.
  const thrice = (a: number, by: number) => [1, 2, 3].reduce((at) => Math.sin((at * by) ** 2), a);
  const slope = (f: (by: number) => number) => (f(1e-5) - f(-1e-5)) / 2e-5;
  assert.ok(Math.abs(dx! - slope((by) => thrice(0.5 + by, 2))) < 1e-5);
  assert.ok(Math.abs(dv! - slope((by) => thrice(0.5, 2 + by))) < 1e-5);
  assert.throws(
    () => gradientOf(drawn, x),
    (error: Error) =>
      error instanceof FailedPreconditionError && error.message.startsWith(`Operation '${drawn.op.name}'`),
  );
});

test("functions that call themselves, by calls and by branches", async () => {
  await using session = new Session();
  const { graph } = session;
  const x = graph.placeholder(FLOAT, [], "x");
  const n = graph.placeholder(INT32, [], "n");
  const branch = { tout: [FLOAT] };
  graph.function("one", [FLOAT, INT32], (body) => body.constant(1, FLOAT));
  graph.function("more", [FLOAT, INT32], (body, v, k) => {
    const rest = body.op("PartitionedCall", [[v!, body.ops.sub(k!, 1)]], { f: "power", Tout: [FLOAT] }).output();
    return body.ops.mul(rest, v!);
  });
  const power = graph.function("power", [FLOAT, INT32], ({ ops }, v, k) =>
    ops.statelessIf(ops.greater(k!, 0), [v!, k!], { thenBranch: "more", elseBranch: "one", ...branch }),
  );
  graph.function("deeper", [FLOAT, INT32], ({ ops }, v, k) =>
    ops.statelessIf(ops.greater(k!, 0), [ops.sin(v!), ops.sub(k!, 1)], {
      thenBranch: "deeper",
      elseBranch: "same",
      ...branch,
    }),
  );
  graph.function("same", [FLOAT, INT32], (_, v) => v!);
  const y = power.call([x, n])[0]!;
  const [z] = graph.ops.statelessIf(graph.ops.greater(n, 0), [x, n], {
    thenBranch: "deeper",
    elseBranch: "same",
    ...branch,
  });
  const [dy, dz] = [gradientOf(y, x), gradientOf(z!, x)];
  const ddy = gradientOf(dy, x);
  const feeds = (times: number) =>
    [
      [x, 1.5],
      [n, times],
    ] as const;
  assert.equal(numbers(await session.run([y, dy, ddy], feeds(4))), [1.5 ** 4, 4 * 1.5 ** 3, 12 * 1.5 ** 2]);
  assert.equal(numbers(await session.run([y, dy], feeds(0))), [1, 0]);
  const slope = Math.cos(1.5) * Math.cos(Math.sin(1.5)) * Math.cos(Math.sin(Math.sin(1.5)));
  assert.ok(Math.abs(numbers(await session.run([dz], feeds(2)))[0]! - slope) < 1e-6);
});

test("variables behind branches, loops in each other's forms", async () => {
  await using session = new Session();
  const { graph } = session;
  const { ops } = graph;
  const x = graph.placeholder(FLOAT, [], "x");
  const v = new Variable(graph, 3, { name: "v", dtype: FLOAT });
  const times = graph.function("times", [FLOAT, RESOURCE], (body, a, handle) =>
    body.ops.mul(a!, body.ops.readVariableOp(handle!, { dtype: FLOAT })),
  );
  const plain = graph.function("plain", [FLOAT, RESOURCE], (_, a) => a!);
  const choose = { thenBranch: times.name, elseBranch: plain.name, tout: [FLOAT], outputShapes: [[]] };
  const y = ops.if(ops.greater(x, 0), [x, v.handle], choose)[0]!;
  const [dx, dv] = gradients(y, [x, v]) as Output[];
  // A loop of the first form around conditions of the second.
  const [, u] = whileLoop(
    graph,
    (i) => ops.less(i, 2),
    (i, a) => [ops.addV2(i, 1), ops.if(ops.greater(a, 0), [a, v.handle], choose)[0]!],
    [0, x],
  );
  const [du, dw] = gradients(u!, [x, v]) as Output[];
  await session.run(globalVariablesInitializer(graph));
  assert.equal(numbers(await session.run([y, dx!, dv!, u!, du!, dw!], [[x, 2]])), [6, 3, 2, 18, 9, 12]);
  assert.equal(numbers(await session.run([y, dx!, dv!, u!, du!, dw!], [[x, -2]])), [-2, 1, 0, -2, 1, 0]);
});

test("complex numbers go through calls and loops as they do through ops", async () => {
  await using session = new Session();
  const { graph } = session;
  const { ops } = graph;
  const { COMPLEX128 } = DataType;
  const z = graph.placeholder(COMPLEX128, [1], "z");
  const seed = graph.placeholder(COMPLEX128, [1], "seed");
  const wave = graph.function("wave", [COMPLEX128], (body, a) => body.ops.mul(a!, body.ops.sin(a!)));
  const less = graph.function("less", [INT32, COMPLEX128], (body, i) => body.ops.less(i!, 2));
  const turn = graph.function("turn", [INT32, COMPLEX128], (body, i, a) => [
    body.ops.addV2(i!, 1),
    body.ops.mul(a!, body.ops.sin(a!)),
  ]);
  const once = ops.mul(z, ops.sin(z));
  const twice = ops.mul(once, ops.sin(once));
  const called = wave.call([wave.call([z])[0]!])[0]!;
  const looped = ops.while([0, z], { cond: less.name, body: turn.name })[1]!;
  const found = [twice, called, looped].map((y) => gradients(y, [z], [seed])[0] as Output);
  const complex = (re: number, im: number) => ({ dtype: COMPLEX128, shape: [1], data: Float64Array.of(re, im) });
  const [plain, ...others] = await session.run(found, { z: complex(0.6, -0.4), seed: complex(0.3, 0.7) });
  for (const other of others) assert.ok(distance(other!, plain!) <= TOLERANCE);
});

test.run();
