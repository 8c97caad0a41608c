// Recorded cases again, every block of memory fresh and above 2 GiB: an address that is taken for a signed number goes
// wrong there, and so does a view of the memory that is older than what is written through it.
import { Block, type Heap } from "../../src/memory/heap.js";
import { InProcess } from "../support/in-process.js";
import { runFamily } from "../support/run-family.js";
import { test } from "../support/suite.js";

const PAGE = 65536;
const TWO_GIB_OF_PAGES = 2 ** 31 / PAGE;

/** Nothing is used twice: the memory grows for each block, as seldom happens by itself. */
function growForEachBlock(heap: Heap): void {
  const { memory } = heap;
  memory.grow(TWO_GIB_OF_PAGES);
  heap.take = (bytes) => {
    const pages = Math.max(1, Math.ceil(bytes / PAGE));
    const ptr = memory.grow(pages) * PAGE;
    const { buffer } = memory;
    heap.u8 = new Uint8Array(buffer);
    heap.i8 = new Int8Array(buffer);
    heap.u16 = new Uint16Array(buffer);
    heap.i16 = new Int16Array(buffer);
    heap.u32 = new Uint32Array(buffer);
    heap.i32 = new Int32Array(buffer);
    heap.f32 = new Float32Array(buffer);
    heap.f64 = new Float64Array(buffer);
    heap.i64 = new BigInt64Array(buffer);
    heap.u64 = new BigUint64Array(buffer);
    return new Block(ptr, pages * PAGE, -1);
  };
  heap.give = () => {};
}

// The families whose kernels write much from TypeScript.
for (const family of ["containers", "lists", "nn", "sparse", "strings"]) {
  let task: InProcess | null = null;
  runFamily(family, async (graphDef, steps) => {
    if (task === null) {
      task = await InProcess.create();
      growForEachBlock(task.engine.heap);
    }
    return task.runSteps(graphDef, steps);
  });
  test.after(async () => task?.[Symbol.asyncDispose]());
}

test.run();
