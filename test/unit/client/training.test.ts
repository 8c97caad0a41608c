// Optimizers and initializers beside TensorFlow's: losses, variables and slots by name after five steps of a model with a
// dense layer and a table of which single rows are read (conformance/record_client.py).
import * as assert from "uvu/assert";
import {
  AdadeltaOptimizer,
  AdagradOptimizer,
  AdamOptimizer,
  DataType,
  FtrlOptimizer,
  type FtrlOptions,
  GradientDescentOptimizer,
  Graph,
  getOrCreateGlobalStep,
  globalVariables,
  globalVariablesInitializer,
  InvalidArgumentError,
  initializers,
  localVariables,
  localVariablesInitializer,
  MomentumOptimizer,
  type Optimizer,
  type Output,
  ProximalAdagradOptimizer,
  ProximalGradientDescentOptimizer,
  RMSPropOptimizer,
  Session,
  trainableVariables,
  Variable,
} from "../../../src/index.js";
import { distance, type RecordedTensor, readRecorded, recordedValue } from "../../support/client-records.js";
import { test } from "../../support/suite.js";

interface Training {
  readonly table: RecordedTensor;
  readonly w: RecordedTensor;
  readonly losses: readonly number[];
  readonly variables: Readonly<Record<string, RecordedTensor>>;
  readonly dtype: number;
  readonly train: string;
}

const optimizers: Readonly<Record<string, () => Optimizer>> = {
  sgd: () => new GradientDescentOptimizer(0.1),
  momentum: () => new MomentumOptimizer(0.05, 0.9),
  nesterov: () => new MomentumOptimizer(0.05, 0.9, { useNesterov: true }),
  adam: () => new AdamOptimizer(0.05),
  rmsprop: () => new RMSPropOptimizer(0.01, { momentum: 0.5 }),
  centered: () => new RMSPropOptimizer(0.01, { centered: true }),
  adagrad: () => new AdagradOptimizer(0.1),
  adadelta: () => new AdadeltaOptimizer(0.5, { rho: 0.9, epsilon: 1e-3 }),
  ftrl: () => new FtrlOptimizer(0.2, { l1RegularizationStrength: 0.01, l2RegularizationStrength: 0.02 }),
  "ftrl shrinkage": () =>
    new FtrlOptimizer(0.2, {
      learningRatePower: -0.4,
      initialAccumulatorValue: 0.3,
      l2ShrinkageRegularizationStrength: 0.05,
    }),
  "proximal sgd": () =>
    new ProximalGradientDescentOptimizer(0.1, { l1RegularizationStrength: 0.02, l2RegularizationStrength: 0.1 }),
  "proximal adagrad": () =>
    new ProximalAdagradOptimizer(0.1, {
      initialAccumulatorValue: 0.2,
      l1RegularizationStrength: 0.02,
      l2RegularizationStrength: 0.1,
    }),
};
const recorded = readRecorded<Record<string, Training>>("training");

/** Five steps of roundings. */
const TOLERANCES: Record<number, number> = { [DataType.FLOAT]: 2e-6, [DataType.DOUBLE]: 1e-14, [DataType.HALF]: 2e-3 };

for (const [name, { table, w, losses, variables, dtype, train: trainName }] of Object.entries(recorded)) {
  test(`${name} trains as TensorFlow's does, with slots of the same names`, async () => {
    const make = optimizers[name.split(",")[0]!]!;
    const tolerance = TOLERANCES[dtype]!;
    const session = new Session();
    const { graph } = session;
    const { ops } = graph;
    const wide = (x: Output) => (x.dtype === DataType.HALF ? ops.cast(x, { dstT: DataType.FLOAT }) : x);
    const ids = graph.placeholder(DataType.INT32, [-1], "ids");
    const rows = new Variable(graph, recordedValue(table), { name: "table", dtype });
    const weights = new Variable(graph, recordedValue(w), { name: "w", dtype });
    const bias = new Variable(graph, initializers.zeros(), { name: "b", shape: [2], dtype });
    const y = ops.addV2(ops.matMul(rows.gather(ids), weights), bias);
    const loss = ops.mean(ops.square(ops.sub(y, 1)), [0, 1]);
    const globalStep = getOrCreateGlobalStep(graph);
    const train = make().minimize(loss, { globalStep });
    assert.is(train.name, trainName);
    assert.equal(
      globalVariables(graph)
        .map((variable) => variable.name)
        .sort(),
      Object.keys(variables).sort(),
    );
    await session.run(globalVariablesInitializer(graph));
    for (let k = 0; k < losses.length; k++) {
      const [found] = await session.run([wide(loss), train], [[ids, [k % 6, 2, 2, 5]]]);
      assert.ok(Math.abs(Number(found.data[0]) / losses[k]! - 1) < tolerance, `step ${k}: ${found.data[0]}`);
    }
    for (const variable of globalVariables(graph)) {
      const expected = recordedValue(variables[variable.name]!);
      const found = await session.run(wide(variable.value));
      assert.is(found.dtype, expected.dtype, variable.name);
      const apart = distance(found, expected);
      assert.ok(apart < tolerance, `${variable.name} is ${apart} apart`);
    }
    await session.close();
  });
}

test("Ftrl refuses what it can't work with, in TensorFlow's words", () => {
  const refuses = (options: FtrlOptions, text: string) =>
    assert.throws(
      () => new FtrlOptimizer(0.1, options),
      (error: Error) => error instanceof InvalidArgumentError && error.message === text,
    );
  refuses({ learningRatePower: 0.5 }, "learning_rate_power 0.500000 needs to be negative or zero");
  refuses({ l1RegularizationStrength: -1 }, "l1_regularization_strength -1.000000 needs to be positive or zero");
  refuses({ initialAccumulatorValue: -0.1 }, "initial_accumulator_value -0.100000 needs to be positive or zero");
});

test("initializers draw what TensorFlow draws from the same seeds", async () => {
  const values = readRecorded<Record<string, RecordedTensor>>("initializers");
  const seeds = { seed: 5, seed2: 7 };
  const made = {
    randomUniform: initializers.randomUniform(-1, 3, seeds),
    randomNormal: initializers.randomNormal(1, 0.5, seeds),
    truncatedNormal: initializers.truncatedNormal(1, 0.5, seeds),
    glorotUniform: initializers.glorotUniform(seeds),
    glorotNormal: initializers.glorotNormal(seeds),
    heUniform: initializers.heUniform(seeds),
    heNormal: initializers.heNormal(seeds),
    lecunUniform: initializers.lecunUniform(seeds),
    lecunNormal: initializers.lecunNormal(seeds),
    varianceScaling: initializers.varianceScaling({
      scale: 3,
      mode: "fanOut",
      distribution: "untruncatedNormal",
      ...seeds,
    }),
    zeros: initializers.zeros(),
    ones: initializers.ones(),
    constant: initializers.constant(2.5),
  };
  assert.equal(Object.keys(made), Object.keys(values));
  const session = new Session();
  for (const [name, initializer] of Object.entries(made)) {
    const value = await session.run(initializer(session.graph, [3, 2, 4], undefined));
    const apart = distance(value, recordedValue(values[name]!));
    assert.ok(apart <= (/normal|Scaling/i.test(name) ? 2e-7 : 0), `${name}: ${apart} apart`);
  }
  await session.close();
});

test("variables are read, assigned and changed by rows; collections tell them apart", async () => {
  const session = new Session();
  const { graph } = session;
  const v = new Variable(graph, [1.5, 2, 3], { name: "v" });
  const counter = new Variable(graph, 0, {
    name: "counter",
    dtype: DataType.INT64,
    trainable: false,
    collections: ["local_variables"],
  });
  assert.equal([globalVariables(graph), localVariables(graph), trainableVariables(graph)], [[v], [counter], [v]]);
  const ready = v.isInitialized();
  assert.equal([...(await session.run(ready)).data], [0]);
  await session.run([globalVariablesInitializer(graph), localVariablesInitializer(graph)]);
  assert.equal([...(await session.run(ready)).data], [1]);
  for (const change of [
    v.assignAdd([1, 1, 1]),
    v.assignSub([0.5, 0, 0]),
    v.scatterAdd([2], [10]),
    v.scatterSub([0], [1]),
    v.scatterUpdate([1], [-7]),
    counter.assign(5),
  ]) {
    await session.run(change);
  }
  const [value, count] = await session.run([v, counter]);
  assert.equal([...value.data], [1, -7, 14]);
  assert.equal([...count.data], [5n]);
  await session.close();
});

test("plain numbers are floats where they are trainable, what TensorFlow makes of them elsewhere", () => {
  const graph = new Graph();
  const dtypes = [
    new Variable(graph, 0),
    new Variable(graph, [[1, 2]]),
    new Variable(graph, 0, { trainable: false }),
    new Variable(graph, 0n),
    new Variable(graph, new Int32Array(2)),
    new Variable(graph, 0, { dtype: DataType.DOUBLE }),
  ].map(({ dtype }) => dtype);
  const { FLOAT, INT32, INT64, DOUBLE } = DataType;
  assert.equal(dtypes, [FLOAT, FLOAT, INT32, INT64, INT32, DOUBLE]);
});

test("gradients may be changed on their way; a loss without variables is refused", async () => {
  const session = new Session();
  const { graph } = session;
  const { ops } = graph;
  const v = new Variable(graph, 3, { name: "v", dtype: DataType.FLOAT });
  const other = new Variable(graph, 1, { name: "other", dtype: DataType.FLOAT });
  const rate = graph.placeholder(DataType.FLOAT, []);
  const optimizer = new GradientDescentOptimizer(rate);
  const pairs = optimizer.computeGradients(ops.square(v));
  assert.equal(
    pairs.map(([gradient, variable]) => [gradient === null, variable.name]),
    [
      [false, "v"],
      [true, "other"],
    ],
  );
  const step = optimizer.applyGradients(pairs);
  await session.run(globalVariablesInitializer(graph));
  await session.run(step, [[rate, 0.5]]);
  assert.equal([...(await session.run(v)).data], [0]);
  assert.throws(
    () => optimizer.applyGradients([[null, other]]),
    (error: Error) =>
      error instanceof InvalidArgumentError && error.message === "No gradients provided for any variable: 'other:0'.",
  );
  assert.throws(() => optimizer.minimize(new Graph().constant(1.5)), /No variables to optimize/);
  await session.close();
});

test.run();
