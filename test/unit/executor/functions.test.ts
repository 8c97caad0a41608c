// Functions that run as nested activations: what belongs to which, and that they end with their step.
import * as assert from "uvu/assert";
import { DeadlineExceededError } from "../../../src/errors/index.js";
import { boolValue, funcValue, intValue, typesValue, typeValue } from "../../../src/graph/attr-value.js";
import { Cancellation } from "../../../src/kernel/cancellation.js";
import { Engine } from "../../../src/server/engine.js";
import { DataType } from "../../../src/tensor/dtype.js";
import {
  type AttrValue,
  FunctionDef,
  GraphDef,
  type NodeDef,
  OpDef,
  OpDef_ArgDef,
  OpDef_AttrDef,
} from "../../../src/wire/core.js";
import { FLOAT, floats, INT32, ints, nodeDef } from "../../support/graphs.js";
import { notReached } from "../../support/scoped.js";
import { test } from "../../support/suite.js";

const engine = await Engine.open("/job:localhost/replica:0/task:0", "localhost", null, { log: () => {} });
const { heap, allocator } = engine.devices[0]!;

const argument = (name: string, type: DataType, typeAttr = "") => ({ ...OpDef_ArgDef.create(), name, type, typeAttr });
const result = (type: DataType, typeAttr = "") => argument("y", type, typeAttr);

/** `name(x) -> y`, kept as a call. */
const define = (
  name: string,
  [x, y]: readonly [OpDef_ArgDef, OpDef_ArgDef],
  nodeDefs: NodeDef[],
  ret: string,
): FunctionDef => ({
  ...FunctionDef.create(),
  signature: { ...OpDef.create(), name, inputArg: [x], outputArg: [y] },
  nodeDef: nodeDefs,
  ret: new Map([["y", ret]]),
  attr: new Map([["_noinline", boolValue(true)]]),
});

const call = (name: string, callee: string, input: string, types: [DataType, DataType], bound = {}): NodeDef =>
  nodeDef(name, "StatefulPartitionedCall", [input], {
    f: funcValue({ name: callee, attr: new Map<string, AttrValue>(Object.entries(bound)) }),
    Tin: typesValue([types[0]]),
    Tout: typesValue([types[1]]),
  });

const create = (functions: FunctionDef[], node: NodeDef[]): Promise<string> => {
  const library = { function: functions, gradient: [], registeredGradients: [] };
  return engine.master.createSession({ ...GraphDef.create(), node, library }, null);
};

test("two instances of a function have stateful kernels of their own", async () => {
  const random = define(
    "random",
    [argument("x", DataType.INT32), result(0, "T")],
    [
      nodeDef("r", "RandomUniform", ["x"], {
        T: INT32,
        dtype: { ...FLOAT, type: undefined, placeholder: "T" },
        seed: intValue(1n),
        seed2: intValue(2n),
      }),
    ],
    "r:output:0",
  );
  random.signature!.attr.push({ ...OpDef_AttrDef.create(), name: "T", type: "type" });
  const { INT32: SHAPE, FLOAT: F, DOUBLE: D } = DataType;
  const handle = await create(
    [random],
    [
      ints("shape", [2]),
      call("narrow", "random", "shape", [SHAPE, F], { T: typeValue(F) }),
      call("wide", "random", "shape", [SHAPE, D], { T: typeValue(D) }),
    ],
  );
  const fetches = ["narrow:0", "wide:0"];
  const step = await engine.master.runStep(handle, [], fetches, [], null, new Cancellation());
  const [narrow, wide] = step.fetches;
  // What TensorFlow draws with these seeds.
  assert.equal([...heap.f32.slice(narrow!.ptr / 4, narrow!.ptr / 4 + 2)], [0.40639675, 0.8575996].map(Math.fround));
  assert.equal(
    [...heap.f64.slice(wide!.ptr / 8, wide!.ptr / 8 + 2)].map((value) => value.toFixed(8)),
    ["0.25117450", "0.44316677"],
  );
  for (const tensor of step.fetches) tensor.release();
  await engine.master.closeSession(handle);
});

test("a loop without end in a function ends with its step", async () => {
  const { FLOAT: F, BOOL } = DataType;
  const always = define(
    "always",
    [argument("x", F), result(BOOL)],
    [nodeDef("same", "GreaterEqual", ["x", "x"], { T: FLOAT })],
    "same:z:0",
  );
  const negate = define("negate", [argument("x", F), result(F)], [nodeDef("n", "Neg", ["x"], { T: FLOAT })], "n:y:0");
  const loop = nodeDef("loop", "StatelessWhile", ["x"], {
    cond: funcValue({ name: "always", attr: new Map() }),
    body: funcValue({ name: "negate", attr: new Map() }),
    T: typesValue([F]),
    _lower_using_switch_merge: boolValue(true),
  });
  const outer = define("outer", [argument("x", F), result(F)], [loop], "loop:output:0");
  for (const inlined of [true, false]) {
    for (const inner of [always, negate]) inner.attr = new Map(inlined ? [] : [["_noinline", boolValue(true)]]);
    const handle = await create([always, negate, outer], [floats("one", 1), call("c", "outer", "one", [F, F])]);
    const cancellation = new Cancellation();
    const running = engine.master.runStep(handle, [], ["c:0"], [], null, cancellation);
    setTimeout(() => cancellation.cancel(new DeadlineExceededError("late")), 50);
    const error = await running.then(notReached, (reason: Error) => reason);
    assert.is(error.message, "late");
    await engine.master.closeSession(handle);
  }
  assert.is(engine.worker.openSteps, 0);
  assert.is(allocator.blocksInUse, 0);
});

test.after(() => engine.close());
test.run();
