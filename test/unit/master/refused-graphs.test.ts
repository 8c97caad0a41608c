// What a refused graph or a refused plan leaves behind: nothing. Neither nodes, nor functions, nor memory.
import * as assert from "uvu/assert";
import { InvalidArgumentError } from "../../../src/errors/index.js";
import { funcValue, intValue, typeValue } from "../../../src/graph/attr-value.js";
import { Cancellation } from "../../../src/kernel/cancellation.js";
import { kernel } from "../../../src/kernel/kernel.js";
import { allKernels } from "../../../src/ops/all.js";
import { Engine, type EngineOptions } from "../../../src/server/engine.js";
import { DataType } from "../../../src/tensor/dtype.js";
import { type FunctionDef, OpDef_AttrDef } from "../../../src/wire/core.js";
import { callDef, FLOAT, floatOp, floats, functionDef, graphDefOf, nodeDef } from "../../support/graphs.js";
import { test } from "../../support/suite.js";

/** `name(x)`, as one op on it. */
const unary = (name: string, op: string): FunctionDef =>
  functionDef(name, [floatOp("inner", op, "x")], { y: "inner:y:0" });

async function withEngine(body: (engine: Engine) => Promise<void>, options: EngineOptions = {}): Promise<void> {
  const engine = await Engine.open("/job:worker/replica:0/task:0", "worker", null, { log: () => {}, ...options });
  try {
    await body(engine);
  } finally {
    await engine.close();
  }
}

const messageOf = (refused: () => unknown): string => {
  try {
    refused();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error("was not refused");
};

test("functions of a refused Extend are forgotten", async () => {
  await withEngine(async ({ master }) => {
    const handle = await master.createSession(graphDefOf([nodeDef("x", "Placeholder", [], { dtype: FLOAT })]), null);
    const broken = nodeDef("broken", "Neg", ["nowhere"], { T: FLOAT });
    messageOf(() => master.extendSession(handle, graphDefOf([broken], [unary("f", "Neg")]), 0n));
    // Another function of that name is none too many, and what was made of the first one is gone.
    const call = nodeDef("call", "f", ["x"]);
    const conflict = graphDefOf([call, nodeDef("late", "Neg", ["nowhere"], { T: FLOAT })], [unary("f", "Exp")]);
    messageOf(() => master.extendSession(handle, conflict, 0n));
    assert.is(master.extendSession(handle, graphDefOf([call], [unary("f", "Sqrt")]), 0n), 1n);
    assert.is(
      messageOf(() => master.extendSession(handle, graphDefOf([], [unary("f", "Neg")]), 1n)),
      "Cannot add function 'f' because a different function with the same name already exists.",
    );
  });
});

test("a library with two functions of one name adds neither", async () => {
  await withEngine(async ({ master }) => {
    const handle = await master.createSession(graphDefOf([]), null);
    messageOf(() => master.extendSession(handle, graphDefOf([], [unary("f", "Neg"), unary("f", "Exp")]), 0n));
    assert.is(master.extendSession(handle, graphDefOf([], [unary("f", "Exp")]), 0n), 1n);
  });
});

test("a function's argument that claims an absurd number of tensors is refused in TensorFlow's words", async () => {
  const many = unary("many", "Neg");
  many.signature!.inputArg[0]!.numberAttr = "N";
  many.signature!.attr.push({ ...OpDef_AttrDef.create(), name: "N", type: "int" });
  await withEngine(async ({ master }) => {
    for (const count of [-1n, 1n << 40n]) {
      const call = callDef("call", "many", "x");
      call.attr.set("f", funcValue({ name: "many", attr: new Map([["N", intValue(count)]]) }));
      const graph = graphDefOf([nodeDef("x", "Placeholder", [], { dtype: FLOAT }), call], [many]);
      const refused = await master.createSession(graph, null).catch((error: unknown) => error);
      assert.is((refused as Error).message, `Value for number_attr() ${count} < 0`);
    }
  });
});

test("a node with too few inputs stays until a step needs it; its graph can't be extended", async () => {
  await withEngine(async ({ master, devices }) => {
    const graph = graphDefOf([
      nodeDef("x", "Placeholder", [], { dtype: FLOAT }),
      nodeDef("sum", "Add", ["x"], { T: FLOAT }),
      nodeDef("shape", "Shape", [], { T: FLOAT, out_type: typeValue(DataType.INT32) }),
      nodeDef("after", "NoOp", ["^sum"]),
      nodeDef("still", "NoOp", []),
    ]);
    const handle = await master.createSession(graph, null);
    const run = (fetches: string[], targets: string[] = []) =>
      master.runStep(handle, [], fetches, targets, null, new Cancellation()).then(
        () => "it runs",
        (error: Error) => error.message,
      );
    assert.is(await run([], ["still"]), "it runs");
    assert.is(await run(["sum:0"]), "Incomplete graph, missing 1 inputs for sum");
    assert.is(await run([], ["still", "after"]), "Incomplete graph, missing 1 inputs for sum");
    assert.is(await run(["shape:0"]), "Incomplete graph, missing 1 inputs for shape");
    assert.match(
      messageOf(() => master.extendSession(handle, graphDefOf([]), 0n)),
      /^NodeDef expected inputs 'float, float' do not match 1 inputs specified; Op<name=Add; .*NodeDef: {{node sum}}$/,
    );
    assert.is(devices[0]!.allocator.bytesInUse, 0);
  });
});

test("a plan that can't be made gives its constants back", async () => {
  const keepsAndFails = kernel("Fact", "CPU", {}, (self) => {
    self.tensorOf(DataType.FLOAT, 1);
    throw new InvalidArgumentError("not today");
  });
  const kernels = [...allKernels.filter(({ op }) => op !== "Fact"), keepsAndFails];
  await withEngine(
    async ({ master, devices }) => {
      const { allocator } = devices[0]!;
      const before = allocator.bytesInUse;
      const constant = floats("c", 1, [1000]);
      const handle = await master.createSession(graphDefOf([constant, nodeDef("broken", "Fact", [])]), null);
      const refused = await master
        .runStep(handle, [], ["c:0"], ["broken"], null, new Cancellation())
        .catch((error: unknown) => error);
      assert.match((refused as Error).message, "not today");
      assert.is(allocator.bytesInUse, before);
    },
    { kernels },
  );
});

test.run();
