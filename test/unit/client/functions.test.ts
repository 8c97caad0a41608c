// Functions built by callbacks, called and named as branches and loops of functional control flow, and their gradients.
import * as assert from "uvu/assert";
import {
  DataType,
  Graph,
  gradients,
  InvalidArgumentError,
  type Output,
  Session,
  Variable,
} from "../../../src/index.js";
import { test } from "../../support/suite.js";

const { FLOAT, INT32, BOOL, RESOURCE } = DataType;
const numbers = (values: readonly { readonly data: ArrayLike<unknown> }[]) => values.map(({ data }) => Number(data[0]));

test("a function is called, by itself and out of another one", async () => {
  await using session = new Session();
  const { graph } = session;
  const square = graph.function("square", [FLOAT], ({ ops }, x) => ops.mul(x!, x!));
  const both = graph.function("both", [FLOAT, FLOAT], (body, x, y) => {
    const parts = body.ops.split(0, body.ops.pack([x!, y!]), { numSplit: 2 });
    return [body.ops.add(square.call([x!], body)[0]!, y!), body.ops.reshape(parts[1]!, [])];
  });
  const x = graph.placeholder(FLOAT, [], "x");
  assert.equal(numbers(await session.run(both.call([x, 2]), [[x, 3]])), [11, 2]);
  assert.equal(both.call([x, 2])[0]!.op.type, "PartitionedCall");
  const [y] = both.call([x, x]);
  const [dx] = gradients(y!, [x]) as [Output];
  const [ddx] = gradients(dx, [x]) as [Output];
  assert.equal(numbers(await session.run([dx, ddx], [[x, 3]])), [7, 2]);
});

test("a function that changes a variable is stateful: it runs whatever is taken of it", async () => {
  await using session = new Session();
  const { graph } = session;
  const v = new Variable(graph, graph.constant(1, FLOAT), { name: "v" });
  const bump = graph.function("bump", [RESOURCE, FLOAT], ({ ops }, handle, by) => {
    ops.assignAddVariableOp(handle!, by!);
    return ops.identity(by!);
  });
  const scale = graph.function("scale", [RESOURCE, FLOAT], ({ ops }, handle, by) =>
    ops.mul(ops.readVariableOp(handle!, { dtype: FLOAT }), by!),
  );
  await session.run(v.initializer);
  const call = bump.call([v, 2]);
  assert.is(call[0]!.op.type, "StatefulPartitionedCall");
  await session.run(call);
  assert.equal(numbers([await session.run(v.value)]), [3]);
  const x = graph.placeholder(FLOAT, [], "x");
  const [dv, dx] = gradients(scale.call([v, x]), [v, x]) as [Output, Output];
  assert.equal(numbers(await session.run([dv, dx], [[x, 5]])), [5, 3]);
});

test("functions are branches of If and bodies of While", async () => {
  await using session = new Session();
  const { graph } = session;
  const { ops } = graph;
  const cube = graph.function("cube", [FLOAT, FLOAT], (body, x) => body.ops.mul(body.ops.mul(x!, x!), x!));
  const scaled = graph.function("scaled", [FLOAT, FLOAT], (body, x, w) => body.ops.mul(x!, w!));
  const x = graph.placeholder(FLOAT, [], "x");
  const w = graph.placeholder(FLOAT, [], "w");
  const branches = { thenBranch: cube.name, elseBranch: scaled.name, tout: [FLOAT] };
  const [y] = ops.statelessIf(ops.greater(x, 0), [x, w], branches);
  const found = [y!, ...gradients(y!, [x, w])] as Output[];
  const [dx] = gradients(found[1]!, [x]) as [Output];
  const at = async (value: number) =>
    numbers(
      await session.run(
        [...found, dx],
        [
          [x, value],
          [w, 5],
        ],
      ),
    );
  assert.equal(await at(2), [8, 12, 0, 12]);
  assert.equal(await at(-2), [-10, 5, -2, 0]);
  const small = graph.function("small", [INT32, FLOAT], (body, i) => body.ops.less(i!, 4));
  const next = graph.function("next", [INT32, FLOAT], (body, i, v) => [body.ops.addV2(i!, 1), body.ops.mul(v!, 2)]);
  assert.equal(small.outputTypes, [BOOL]);
  const loop = ops.statelessWhile([0, x], { cond: small.name, body: next.name });
  assert.equal(numbers(await session.run(loop, [[x, 3]])), [4, 48]);
  assert.equal(numbers(await session.run(gradients(loop[1]!, [x]) as Output[], [[x, 3]])), [16]);
  // An op may have a function's name.
  const named = graph.op("cube", [x, w]).output();
  assert.equal(
    numbers(
      await session.run(
        [named, ...(gradients(named, [x]) as Output[])],
        [
          [x, 2],
          [w, 1],
        ],
      ),
    ),
    [8, 12],
  );
});

test("a name is taken once, and arguments are counted", () => {
  const graph = new Graph();
  const f = graph.function("f", [FLOAT], (_, x) => x!);
  const refuses = (build: () => unknown, text: string) =>
    assert.throws(build, (error: Error) => error instanceof InvalidArgumentError && error.message === text);
  refuses(() => graph.function("f", [FLOAT], (_, x) => x!), "A function named 'f' is in the graph already");
  refuses(() => f.call([1, 2]), "Function f takes 1 arguments, not 2");
});

test.run();
