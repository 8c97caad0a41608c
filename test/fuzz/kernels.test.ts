// Every kernel of the CPU under drawn shapes, values and attributes, within and beyond what its op allows: a result or
// an OpError, no byte outside its blocks, no result that depends on bytes that it wasn't given, and memory returns.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { DeadlineExceededError, toOpError } from "../../src/errors/index.js";
import { Cancellation } from "../../src/kernel/cancellation.js";
import type { Kernel } from "../../src/kernel/kernel.js";
import type { MasterSession } from "../../src/master/session.js";
import { allKernels } from "../../src/ops/all.js";
import { createOpRegistry } from "../../src/ops/registry.js";
import { Engine } from "../../src/server/engine.js";
import { DataType, dtypeSize, makeRef } from "../../src/tensor/dtype.js";
import { tensorsFromProtos } from "../../src/tensor/proto.js";
import type { Tensor } from "../../src/tensor/tensor.js";
import { GraphDef } from "../../src/wire/core.js";
import { checkFailure, FUZZ_DEADLINE_MS, fuzz } from "../support/fuzz.js";
import { drawNode, type FuzzNode } from "../support/fuzz-node.js";
import { guard } from "../support/guarded-heap.js";
import { suite } from "../support/suite.js";

const test = suite("kernels", { deadlineMs: FUZZ_DEADLINE_MS });
const CASES_AN_OP = 5;
const MEMORY_LIMIT = 64 * 1024 * 1024;
/** A step that waits (for an element of a queue) is cancelled after this long. */
const PATIENCE_MS = 50;
/** Their results differ from run to run; a temporary variable holds whatever was there, as TensorFlow's does. */
const UNSTEADY = /Random|Multinomial|Truncated|Shuffle|TemporaryVariable/;

/** Files of any name are made, nowhere else. */
const home = mkdtempSync(join(tmpdir(), "tensorfleet-fuzz-"));
process.chdir(home);
const registry = createOpRegistry();
const engine = await Engine.open("/job:worker/replica:0/task:0", "worker", null, {
  log: () => {},
  memoryLimit: MEMORY_LIMIT,
  fileRoots: [home],
});
const guards = guard(engine.heap);
const { allocator } = engine.devices[0]!;

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

function show(tensor: Tensor): string {
  const { ptr, values, shape } = tensor;
  if (values === null) return `${shape} ${hex(engine.heap.u8.subarray(ptr, ptr + tensor.bytes))}`;
  return `${shape} ${values.map((value) => (value instanceof Uint8Array ? hex(value) : "")).join()}`;
}

async function step(
  session: MasterSession,
  { feeds }: FuzzNode,
  fetches: string[],
  targets: string[],
): Promise<string[]> {
  const tensors = tensorsFromProtos(
    feeds.map(({ tensor }) => tensor),
    allocator,
  );
  const named = feeds.map(({ name }, i) => ({ name, tensor: tensors[i]! }));
  const cancellation = new Cancellation();
  const timer = setTimeout(() => cancellation.cancel(new DeadlineExceededError("waits")), PATIENCE_MS);
  try {
    const results = (await session.run(named, fetches, targets, null, cancellation)).fetches;
    const shown = results.map(show);
    for (const tensor of results) tensor.release();
    return shown;
  } finally {
    clearTimeout(timer);
  }
}

const canBeFetched = (type: DataType): boolean => dtypeSize(type) > 0 || type % 100 === DataType.STRING;

/** The results, or `null` after an error, which must be an answer of ours. */
async function run(made: FuzzNode, pattern: number): Promise<readonly string[] | null> {
  guards.pattern = pattern;
  let handle = "";
  try {
    const node = made.nodes.map((definition) => ({ ...definition, attr: new Map(definition.attr) }));
    handle = await engine.master.createSession({ ...GraphDef.create(), node }, null);
    const session = engine.master.session(handle);
    if (made.before.length > 0) await step(session, made, [], made.before);
    const fetches = made.outputTypes.flatMap((type, i) => (canBeFetched(type) ? [`node:${i}`] : []));
    return await step(session, made, fetches, ["node"]);
  } catch (error) {
    checkFailure(error);
    assert.is.not(toOpError(error).message, "");
    return null;
  } finally {
    if (handle !== "") await engine.master.closeSession(handle);
    await engine.master.reset([], []);
  }
}

/** A reference to strings is the name of a queue, which no other one gets. */
const isSteady = (op: string, { outputTypes }: FuzzNode): boolean =>
  !UNSTEADY.test(op) && !outputTypes.includes(makeRef(DataType.STRING));

const byOp = new Map<string, Kernel[]>();
for (const kernel of allKernels) byOp.set(kernel.op, [...(byOp.get(kernel.op) ?? []), kernel]);

for (const [op, kernels] of byOp) {
  test(op, async () => {
    for (const kernel of kernels) {
      await fuzz(Math.ceil(CASES_AN_OP / kernels.length), async (draw) => {
        const made = drawNode(draw, registry.find(op)!, kernel);
        const first = await run(made, 0x5b);
        assert.is(guards.damage(), null);
        const second = await run(made, 0xd7);
        assert.is(guards.damage(), null);
        if (first !== null && second !== null && isSteady(op, made)) assert.equal(second, first);
        assert.is(engine.worker.openSteps, 0);
        assert.is(allocator.bytesInUse, 0);
      });
    }
  });
}

test.after(async () => {
  await engine.close();
  rmSync(home, { recursive: true });
});
test.run();
