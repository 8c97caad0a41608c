// Which passes a configuration asks for, and what a session does with them from plan to close.
import * as assert from "uvu/assert";
import { stringValue, typesValue } from "../../../src/graph/attr-value.js";
import { Cancellation } from "../../../src/kernel/cancellation.js";
import { passesOf } from "../../../src/optimize/passes.js";
import { Engine } from "../../../src/server/engine.js";
import { DataType } from "../../../src/tensor/dtype.js";
import { allocateTensor } from "../../../src/tensor/tensor.js";
import type { Init } from "../../../src/wire/codec.js";
import { ConfigProto, GraphDef, type GraphOptions, type RunMetadata, RunOptions } from "../../../src/wire/core.js";
import { FLOAT, floatOp, floats, nodeDef } from "../../support/graphs.js";
import { suite } from "../../support/suite.js";

const test = suite("optimize/passes");
const OFF = 2;
const GRAPPLER_BYTES = 100 * 1024;
const OPTIMIZER_BYTES = 10 * 1024 * 1024;

const configOf = (graphOptions: Init<GraphOptions>): ConfigProto =>
  ConfigProto.decode(ConfigProto.encode({ graphOptions }));

const asked = (graphOptions: Init<GraphOptions>, nodes = 100): [number, boolean] => {
  const { foldBytes, merge } = passesOf(configOf(graphOptions), nodes);
  return [foldBytes, merge];
};
const L0 = { optLevel: -1 };

test("all passes run unless told otherwise; what Grappler alone does, not in small graphs", () => {
  assert.equal(passesOf(null, 4), { foldBytes: OPTIMIZER_BYTES, merge: true, skipUnused: true, hoist: true });
  assert.equal(passesOf(null, 1), { foldBytes: OPTIMIZER_BYTES, merge: true, skipUnused: false, hoist: false });
  assert.not.ok(passesOf(configOf({ rewriteOptions: { dependencyOptimization: OFF } }), 4).skipUnused);
  assert.not.ok(passesOf(configOf({ rewriteOptions: { disableMetaOptimizer: true } }), 4).skipUnused);
  assert.not.ok(passesOf(configOf({ rewriteOptions: { loopOptimization: OFF } }), 4).hoist);
  assert.equal(asked({}), [OPTIMIZER_BYTES, true]);
});

test("L0 leaves them to Grappler, and Grappler's switches to themselves", () => {
  assert.equal(asked({ optimizerOptions: L0 }), [GRAPPLER_BYTES, true]);
  assert.equal(asked({ optimizerOptions: L0, rewriteOptions: { disableMetaOptimizer: true } }), [0, false]);
  assert.equal(asked({ optimizerOptions: L0, rewriteOptions: { constantFolding: OFF } }), [0, true]);
  assert.equal(asked({ optimizerOptions: L0, rewriteOptions: { commonSubgraphElimination: OFF } }), [
    GRAPPLER_BYTES,
    false,
  ]);
  assert.equal(asked({ optimizerOptions: L0, rewriteOptions: { arithmeticOptimization: OFF } }), [
    GRAPPLER_BYTES,
    false,
  ]);
  assert.equal(asked({ optimizerOptions: L0, rewriteOptions: { optimizers: ["constfold"] } }), [GRAPPLER_BYTES, false]);
  assert.equal(asked({ optimizerOptions: L0, rewriteOptions: { optimizers: ["common_subgraph_elimination"] } }), [
    0,
    true,
  ]);
});

test("small graphs Grappler leaves alone: four nodes, or what min_graph_nodes says; -1 is none", () => {
  assert.equal(asked({ optimizerOptions: L0 }, 3), [0, false]);
  assert.equal(asked({ optimizerOptions: L0 }, 4), [GRAPPLER_BYTES, true]);
  assert.equal(asked({ optimizerOptions: L0, rewriteOptions: { minGraphNodes: 5 } }, 4), [0, false]);
  assert.equal(asked({ optimizerOptions: L0, rewriteOptions: { minGraphNodes: -1 } }, 1), [GRAPPLER_BYTES, true]);
});

test("without Grappler the optimizer's own options hold", () => {
  const rewriteOptions = { disableMetaOptimizer: true };
  assert.equal(asked({ rewriteOptions }), [OPTIMIZER_BYTES, true]);
  assert.equal(asked({ rewriteOptions, optimizerOptions: { ...L0, doConstantFolding: true } }), [
    OPTIMIZER_BYTES,
    false,
  ]);
  assert.equal(asked({ rewriteOptions, optimizerOptions: { ...L0, doCommonSubexpressionElimination: true } }), [
    0,
    true,
  ]);
  assert.equal(asked({ rewriteOptions, optimizerOptions: { maxFoldedConstantInBytes: 8n } }), [8, true]);
});

const nodes = [
  nodeDef("x", "Placeholder", [], { dtype: FLOAT }),
  floats("half", 0.5),
  floats("big", 2, [1000]),
  floatOp("twice", "AddV2", "big", "big"),
  floatOp("a", "Mul", "twice", "x"),
  floatOp("b", "Mul", "twice", "x"),
  floatOp("sum", "AddV2", "a", "b"),
  nodeDef("check", "CheckNumerics", ["quotient"], { T: FLOAT, message: stringValue("here") }),
  floatOp("quotient", "RealDiv", "half", "none"),
  floats("none", 0),
  nodeDef("loud", "Print", ["sum"], { T: FLOAT, U: typesValue([]) }),
];

const graphDef = GraphDef.encode({ node: nodes });

async function ran(
  config: ConfigProto | null,
): Promise<{ ops: string[]; value: number; failure: string; logs: number }> {
  let logs = 0;
  const engine = await Engine.open("/job:worker/replica:0/task:0", "worker", null, { log: () => logs++ });
  try {
    const { master, devices, heap } = engine;
    const { allocator } = devices[0]!;
    const before = allocator.bytesInUse;
    const handle = await master.createSession(GraphDef.decode(graphDef), config);
    const options = { ...RunOptions.create(), traceLevel: 3 };
    const run = (fetches: string[]) => {
      const tensor = allocateTensor(allocator, DataType.FLOAT, [])!;
      heap.f32[tensor.ptr / 4] = 0.5;
      return master.runStep(handle, [{ name: "x:0", tensor }], fetches, [], options, new Cancellation());
    };
    const { fetches, metadata } = await run(["loud:0"]);
    const value = heap.f32[fetches[0]!.ptr / 4]!;
    fetches[0]!.release();
    const held = allocator.bytesInUse;
    (await run(["loud:0"])).fetches[0]!.release();
    assert.is(allocator.bytesInUse, held, "a step keeps nothing");
    const failure = await run(["check:0"]).catch((error: unknown) => (error as Error).message);
    await master.closeSession(handle);
    assert.is(allocator.bytesInUse, before, "a closed session keeps nothing");
    return { ops: traced(metadata), value, failure: failure as string, logs };
  } finally {
    await engine.close();
  }
}

const traced = ({ stepStats }: RunMetadata): string[] =>
  stepStats!.devStats
    .flatMap(({ nodeStats }) => nodeStats.map(({ timelineLabel }) => timelineLabel))
    .filter((label) => !label.startsWith("_"))
    .sort();

test("a session runs what is left, prints as often, fails at the client's node, and gives all memory back", async () => {
  const { ops, value, failure, logs } = await ran(null);
  assert.equal(ops, ["a = Mul(twice, _recv_x_0)", "loud = Print(sum)", "sum = AddV2(a, a)", "twice = Const()"]);
  assert.is(value, 4);
  assert.is(logs, 2);
  assert.is(failure, "From /job:worker/replica:0/task:0:\nhere : Tensor had Inf values\n\t [[{{node check}}]]");
});

test("with passes off every node runs, and nothing else differs", async () => {
  const off = configOf({ optimizerOptions: L0, rewriteOptions: { disableMetaOptimizer: true } });
  const plain = await ran(off);
  assert.is(plain.ops.length, 6);
  const { value, failure, logs } = await ran(null);
  assert.equal([plain.value, plain.failure, plain.logs], [value, failure, logs]);
});

test.run();
