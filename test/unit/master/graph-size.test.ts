// Graphs of 100,000 nodes, wide and deep: made, run, in time that grows as they do. Bounds are generous: they tell a
// square from a line on a busy machine, the bench measures.
import * as assert from "uvu/assert";
import { Cancellation } from "../../../src/kernel/cancellation.js";
import { Engine } from "../../../src/server/engine.js";
import { DataType } from "../../../src/tensor/dtype.js";
import { allocateTensor } from "../../../src/tensor/tensor.js";
import { ConfigProto, GraphDef, type NodeDef } from "../../../src/wire/core.js";
import { FLOAT, floatOp, floats, nodeDef } from "../../support/graphs.js";
import { suite } from "../../support/suite.js";

const test = suite("master/graph-size", { deadlineMs: 60_000 });
const engine = await Engine.open("/job:worker/replica:0/task:0", "worker", null, { log: () => {} });
const { master, heap } = engine;
const { allocator } = engine.devices[0]!;
const LARGE = 100_000;
/** All nodes are to run. */
const OFF = ConfigProto.decode(
  ConfigProto.encode({
    graphOptions: { rewriteOptions: { disableMetaOptimizer: true }, optimizerOptions: { optLevel: -1 } },
  }),
);

const x = nodeDef("x", "Placeholder", [], { dtype: FLOAT });
const chain = (length: number, prefix: string, op = "Neg"): NodeDef[] =>
  Array.from({ length }, (_, i) => floatOp(`${prefix}${i}`, op, i === 0 ? "x" : `${prefix}${i - 1}`));
const wide = (nodes: number): NodeDef[] => {
  const count = Math.floor((nodes - 2) / 2);
  const pairs = Array.from({ length: count }, (_, i) => [floats(`c${i}`, i), floatOp(`s${i}`, "AddV2", "x", `c${i}`)]);
  return [
    x,
    ...pairs.flat(),
    nodeDef(
      "all",
      "NoOp",
      Array.from({ length: count }, (_, i) => `^s${i}`),
    ),
  ];
};
/** Each node waits for the one before it, and that is all they share. */
const controlChain = (length: number): NodeDef[] => [
  x,
  ...Array.from({ length }, (_, i) => nodeDef(`n${i}`, "NoOp", [i === 0 ? "^x" : `^n${i - 1}`])),
];

async function run(handle: string, fetches: string[], targets: string[] = []): Promise<number> {
  const tensor = allocateTensor(allocator, DataType.FLOAT, [])!;
  heap.f32[tensor.ptr / 4] = 1;
  const { fetches: values } = await master.runStep(
    handle,
    [{ name: "x:0", tensor }],
    fetches,
    targets,
    null,
    new Cancellation(),
  );
  const [value] = values.map(({ ptr }) => heap.f32[ptr / 4]!);
  for (const fetched of values) fetched.release();
  return value ?? Number.NaN;
}

/** @returns milliseconds to create a session of the nodes as they come from the wire, and to run it once */
async function firstRun(
  nodes: NodeDef[],
  fetches: string[],
  targets: string[],
  config: ConfigProto | null,
  value: number,
) {
  const bytes = GraphDef.encode({ node: nodes });
  const before = allocator.bytesInUse;
  const start = performance.now();
  const handle = await master.createSession(GraphDef.decode(bytes), config);
  assert.equal(await run(handle, fetches, targets), value);
  const took = performance.now() - start;
  await master.closeSession(handle);
  assert.is(allocator.bytesInUse, before);
  return took;
}

const quickest = async (times: number, body: () => Promise<number>): Promise<number> => {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < times; i++) best = Math.min(best, await body());
  return best;
};

for (const [name, config] of [
  ["as they are", OFF],
  ["with passes", null],
] as const) {
  test(`${name}, 100,000 nodes wide`, async () => {
    const time = (nodes: number) => firstRun(wide(nodes), [], ["all"], config, Number.NaN);
    const small = await quickest(2, () => time(LARGE / 10));
    const large = await time(LARGE);
    assert.ok(large < small * 40, `${small} ms for a tenth, ${large} ms`);
  });

  test(`${name}, a chain 100,000 deep`, async () => {
    const time = (nodes: number) => firstRun([x, ...chain(nodes, "n")], [`n${nodes - 1}:0`], [], config, 1);
    const small = await quickest(2, () => time(LARGE / 10));
    const large = await time(LARGE);
    assert.ok(large < small * 40, `${small} ms for a tenth, ${large} ms`);
  });
}

test("100,000 nodes that wait for each other", async () => {
  await firstRun(controlChain(LARGE), [], [`n${LARGE - 1}`], null, Number.NaN);
});

test("100,000 nodes in the order from end to start", async () => {
  await firstRun([...chain(LARGE, "n").reverse(), x], [`n${LARGE - 1}:0`], [], null, 1);
});

test("an Extend, a new signature and a cached step cost what they ask for, not what the session has", async () => {
  const sides = (prefix: string) => Array.from({ length: 10 }, (_, i) => chain(200, `${prefix}${i}_`)).flat();
  const times = async (rest: number) => {
    const graph = { ...GraphDef.create(), node: [x, ...chain(10, "t"), ...sides("a"), ...chain(rest, "n")] };
    const handle = await master.createSession(graph, null);
    let next = 0;
    const timed = async (body: () => Promise<unknown>) => {
      const start = performance.now();
      await body();
      return performance.now() - start;
    };
    await run(handle, ["t9:0"]);
    const fresh = await quickest(10, () => timed(() => run(handle, [`a${next++}_199:0`])));
    const cached = await quickest(200, () => timed(() => run(handle, ["t9:0"])));
    let version = 0n;
    const extend = await quickest(10, () =>
      timed(async () => {
        version = master.extendSession(handle, { ...GraphDef.create(), node: chain(200, `e${version}_`) }, version);
      }),
    );
    await master.closeSession(handle);
    return { fresh, cached, extend };
  };
  await times(0);
  const small = await times(0);
  const large = await times(LARGE);
  assert.ok(large.fresh < small.fresh * 4 + 5, `signature: ${small.fresh} ms alone, ${large.fresh} ms`);
  assert.ok(large.cached < small.cached * 2 + 0.2, `step: ${small.cached} ms alone, ${large.cached} ms`);
  assert.ok(large.extend < small.extend * 10 + 20, `Extend: ${small.extend} ms alone, ${large.extend} ms`);
});

test.after(() => engine.close());
test.run();
