// Recorded cases again, with every single allocation refused once: a step that fails for want of memory keeps nothing of
// what it took before, whatever kernel it fails in.
import * as assert from "uvu/assert";
import { InProcess } from "../support/in-process.js";
import { type OpCase, readOpFamily } from "../support/op-cases.js";
import { test } from "../support/suite.js";

const FAMILIES =
  "accumulators array barriers binary cast containers control_flow lists matmul nn random_ops reduce sparse staging strings training unary variables".split(
    " ",
  );
/** Of each op, its last case; of each case, so many steps and allocations. */
const STEPS = 2;
const ALLOCATIONS = 30;
const DEADLINE_MS = 60_000;

const task = await InProcess.create();
const { allocator } = task.engine.devices[0]!;
const allocate = allocator.allocate.bind(allocator);
/** Allocations until one is refused; none is when it is below 1. */
let left = 0;
let count = 0;
allocator.allocate = (bytes) => {
  count++;
  return --left === 0 ? null : allocate(bytes);
};

/** Blocks that are held afterwards and weren't before. */
async function kept({ graphDef, steps }: OpCase, refused: number): Promise<number> {
  const before = allocator.blocksInUse;
  left = refused;
  count = 0;
  // What a refused graph or a failed step says is another test's matter.
  await task.runSteps(graphDef, steps.slice(0, STEPS)).catch(() => {});
  left = 0;
  return allocator.blocksInUse - before;
}

for (const family of FAMILIES) {
  test(
    `${family}: a step that runs out of memory gives back all`,
    async () => {
      const byOp = new Map(readOpFamily(family).cases.map((opCase) => [opCase.name.split(" ")[0], opCase]));
      for (const opCase of byOp.values()) {
        assert.is(await kept(opCase, 0), 0, opCase.name);
        for (let refused = 1, most = Math.min(count, ALLOCATIONS); refused <= most; refused++) {
          assert.is(await kept(opCase, refused), 0, `${opCase.name}, allocation ${refused}`);
        }
      }
    },
    DEADLINE_MS,
  );
}

test.after(() => task[Symbol.asyncDispose]());
test.run();
