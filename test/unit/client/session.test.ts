import * as assert from "uvu/assert";
import {
  AdamOptimizer,
  CancelledError,
  DataType,
  FailedPreconditionError,
  Graph,
  globalVariablesInitializer,
  InvalidArgumentError,
  MomentumOptimizer,
  NotFoundError,
  type Output,
  Server,
  Session,
  type TensorValue,
  Variable,
} from "../../../src/index.js";
import { notReached, scoped } from "../../support/scoped.js";
import { test } from "../../support/suite.js";

const localServer = () => Server.create({ worker: ["127.0.0.1:0"] }, { log: () => {} });

scoped("adds two constants over a socket and in process", async (keep) => {
  const server = keep(await localServer());
  for (const target of [server.target, server] as const) {
    const session = keep(new Session(target));
    const { graph } = session;
    const sum = graph.op("AddV2", [graph.constant([1.5, 2]), graph.constant([10.25, 20])]).output();
    const { data, shape } = await session.run(sum);
    assert.equal([...(data as Float32Array)], [11.75, 22]);
    assert.equal(shape, [2]);
  }
});

scoped("complex numbers are pairs; real ones become such", async (keep) => {
  const session = keep(new Session());
  const { graph } = session;
  const { ops } = graph;
  const z = graph.placeholder(DataType.COMPLEX64, [-1]);
  const square = ops.mul(z, z);
  const pairs = { dtype: DataType.COMPLEX64, shape: [2], data: Float32Array.of(1, 2, 0, -1) };
  assert.equal([...(await session.run(square, [[z, pairs]])).data], [-3, 4, -1, 0]);
  const wide = { dtype: DataType.COMPLEX128, shape: [1], data: Float64Array.of(1, 1) };
  assert.equal([...(await session.run(square, [[z, wide]])).data], [0, 2]);
  for (const real of [[3, -2], Float64Array.of(3, -2)]) {
    assert.equal([...(await session.run(square, [[z, real]])).data], [9, 0, 4, 0]);
  }
  const x = graph.placeholder(DataType.FLOAT, [-1]);
  const refused = (to: Output, feed: TensorValue) => session.run(square, [[to, feed]]).then(notReached, String);
  assert.match(await refused(z, { ...pairs, shape: [4] }), "2 elements don't fill the shape [4]");
  assert.match(await refused(x, pairs), "Can't feed complex64 where float is expected");
});

scoped("a variable is fetched by itself, its handle is no value", async (keep) => {
  const server = keep(await localServer());
  for (const target of [server.target, server] as const) {
    const session = keep(new Session(target));
    const w = new Variable(session.graph, new Float32Array([1, 2]), { name: "w" });
    await session.run(globalVariablesInitializer(session.graph));
    assert.equal([...(await session.run(w)).data], [1, 2]);
    for (const handle of ["w", "w:0", w.handle!]) {
      assert.match(await session.run(handle).then(notReached, String), "A tensor of resource has no value");
    }
  }
});

scoped("nested fetches come back in their shape; the graph grows between runs", async (keep) => {
  const session = keep(new Session());
  const { graph } = session;
  const x = graph.placeholder(DataType.FLOAT, [-1]);
  const double = graph.op("Add", [x, x]).output();
  const first = await session.run({ a: double, b: [x.name, double] }, [[x, [1, 2]]]);
  assert.equal([...first.a.data], [2, 4]);
  // What is fed comes back as it was given.
  assert.equal([...first.b[0].data], [1, 2]);
  const square = graph.op("Square", [double]).output();
  const found = await session.run({ a: square, b: [double, graph.group([double])] }, [[x, [1, 2]]]);
  assert.equal([...(found.a.data as Float32Array)], [4, 16]);
  assert.equal([...(found.b[0].data as Float32Array)], [2, 4]);
  assert.is(found.b[1], undefined);
});

scoped(
  "feeds by name take the dtype of what they name; what is no value is refused where it is given",
  async (keep) => {
    const graph = new Graph();
    const session = keep(new Session({ graph }));
    const count = graph.placeholder(DataType.INT64, [], "count");
    const next = graph.ops.add(count, 1);
    for (const feeds of [{ count: 5 }, { "count:0": 5n }, [["count", 5]] as const, new Map([[count, 5]])]) {
      assert.equal([...(await session.run(next, feeds)).data], [6n]);
    }
    const call = await session.makeCallable(next, ["count"]);
    assert.equal([...(await call.run(7)).data], [8n]);
    await call.close();
    const refuses = (act: () => Promise<unknown>, text: string) =>
      act().then(notReached, (error: Error) => {
        assert.instance(error, InvalidArgumentError);
        assert.is(error.message, text);
      });
    const value = (given: unknown) => () => session.run(next, { count: given as number });
    const text = "Attempt to convert a value (undefined) with an unsupported type (undefined) to a Tensor.";
    await refuses(value(undefined), text);
    await refuses(value([undefined]), text);
    await refuses(
      value(null),
      text.replace("(undefined) with an unsupported type (undefined)", "(null) with an unsupported type (object)"),
    );
    const shape = "Cannot feed value of shape (1,) for Tensor count:0, which has shape ()";
    await refuses(value([1]), shape);
    await refuses(() => session.run(null as never), 'Argument `fetch` = null has invalid type "object".');
  },
);

scoped("errors have TensorFlow's class and name the node", async (keep) => {
  const session = keep(new Session());
  const { graph } = session;
  const a = graph.placeholder(DataType.FLOAT);
  const product = graph.op("MatMul", [a, a], {}, { name: "mm" }).output();
  await session.run(product, [[a, [[1, 2, 3]]]]).then(notReached, (error: Error) => {
    assert.instance(error, InvalidArgumentError);
    assert.match(error.message, "Matrix size-incompatible: In[0]: [1,3], In[1]: [1,3]\n\t [[{{node mm}}]]");
  });
  await session.run("nothing:0").then(notReached, (error: Error) => assert.instance(error, NotFoundError));
  const v = new Variable(graph, graph.constant(1, DataType.FLOAT), { name: "v" });
  await session.run(v.value).then(notReached, (error: Error) => assert.instance(error, FailedPreconditionError));
});

scoped("training lets memory return to the same number after every step", async (keep) => {
  const server = keep(await localServer());
  const session = keep(new Session(server));
  const { graph } = session;
  const x = graph.placeholder(DataType.FLOAT, [-1, 3]);
  const w = new Variable(graph, graph.constant([[1], [1], [1]], DataType.FLOAT), { name: "w" });
  const error = graph
    .op("Sub", [graph.op("MatMul", [x, w.value]).output(), graph.constant(2, DataType.FLOAT)])
    .output();
  const loss = graph.op("Mean", [graph.op("Square", [error]).output(), graph.constant([0, 1])]).output();
  const steps = [new AdamOptimizer(0.01), new MomentumOptimizer(0.01, 0.9)].map((o) => o.minimize(loss));
  await session.run(globalVariablesInitializer(graph));
  const { allocator } = server.parts.engine.devices[0]!;
  const losses: number[] = [];
  let held = -1;
  for (let i = 0; i < 300; i++) {
    const fetched = await session.run(
      [loss, ...steps],
      [
        [
          x,
          [
            [1, 2, 3],
            [0.5, i % 3, 1],
          ],
        ],
      ],
    );
    losses.push(Number(fetched[0]!.data[0]));
    if (i === 2) held = allocator.bytesInUse;
    else if (i > 2) assert.is(allocator.bytesInUse, held, `after step ${i}`);
  }
  assert.ok(losses.at(-1)! < losses[0]! / 2);
  assert.is(server.parts.engine.worker.openSteps, 0);
});

scoped("an aborted step ends as cancelled and leaves nothing", async (keep) => {
  const server = keep(await localServer());
  const session = keep(new Session(server.target));
  const { graph } = session;
  const queue = graph.op("FIFOQueueV2", [], { component_types: [DataType.FLOAT] }).output();
  const take = graph.op("QueueDequeueV2", [queue], { component_types: [DataType.FLOAT] }).output();
  const controller = new AbortController();
  const running = session.run(take, [], { signal: controller.signal });
  setTimeout(() => controller.abort(), 50);
  await running.then(notReached, (error: Error) => assert.instance(error, CancelledError));
  for (let i = 0; i < 100 && server.parts.engine.worker.openSteps > 0; i++) await new Promise((r) => setTimeout(r, 10));
  assert.is(server.parts.engine.worker.openSteps, 0);
  assert.is(server.parts.engine.master.runningSteps, 0);
});

scoped("a memory limit gives RESOURCE_EXHAUSTED, and the next step runs", async (keep) => {
  const server = keep(await Server.create({ worker: ["127.0.0.1:0"] }, { memoryLimit: 1 << 20, log: () => {} }));
  const session = keep(new Session(server));
  const { graph } = session;
  const size = graph.placeholder(DataType.INT32, [1]);
  const filled = graph.op("Fill", [size, graph.constant(3, DataType.FLOAT)], {}, { name: "filled" }).output();
  const sum = graph.op("Sum", [filled, graph.constant([0])]).output();
  await session.run(sum, [[size, [1_000_000]]]).then(notReached, (error: Error) => {
    assert.is(error.name, "ResourceExhaustedError");
    assert.match(error.message, "OOM when allocating tensor with shape[1000000] and type float");
    assert.match(error.message, "{{node filled}}");
  });
  assert.is(Number((await session.run(sum, [[size, [1000]]])).data[0]), 3000);
});

scoped("loops turn and stop, functions aside", async (keep) => {
  const session = keep(new Session());
  const { graph } = session;
  const enter = (value: number) =>
    graph.op("Enter", [graph.constant(value, DataType.INT32)], { frame_name: "loop" }).output();
  const merge = graph.op("Merge", [[enter(0), enter(0)]]);
  const limit = graph.op("Enter", [graph.constant(1000)], { frame_name: "loop", is_constant: true }).output();
  const less = graph.op("Less", [merge.output(), limit]).output();
  const choose = graph.op("Switch", [merge.output(), graph.op("LoopCond", [less]).output()]);
  const one = graph.op("Enter", [graph.constant(1)], { frame_name: "loop", is_constant: true }).output();
  const next = graph.op("NextIteration", [graph.op("AddV2", [choose.output(1), one]).output()]).output();
  merge.node.inputs[1] = { node: next.node, index: 0 };
  const exit = graph.op("Exit", [choose.output(0)]).output();
  assert.is(Number((await session.run(exit)).data[0]), 1000);
});

test.run();
