// A heap whose blocks lie between guards: bytes that no kernel may write, nor let its result depend on. What a fresh
// block holds is the same pattern, so a result that wasn't written shows too. Wraps the heap of an engine in place.
import { Block, type Heap } from "../../src/memory/heap.js";

const GUARD = 64;

export interface Guards {
  /** What guards and fresh blocks are filled with from now on. */
  pattern: number;
  /** Damage seen since the last look, `null` when there is none. */
  damage(): string | null;
}

export function guard(heap: Heap): Guards {
  const [take, give] = [heap.take.bind(heap), heap.give.bind(heap)];
  const blocks = new Map<Block, { readonly inner: Block; readonly pattern: number }>();
  let damaged: string | null = null;
  const guards: Guards = {
    pattern: 0x5b,
    damage() {
      for (const block of blocks.keys()) check(block);
      const found = damaged;
      damaged = null;
      return found;
    },
  };
  function check(block: Block): void {
    const { inner, pattern } = blocks.get(block)!;
    const isWhole = (from: number, to: number) => heap.u8.subarray(from, to).every((byte) => byte === pattern);
    if (!isWhole(inner.ptr, block.ptr)) damaged = `written before a block of ${block.bytes} bytes`;
    // Kernels may write whole vectors of 16 bytes: every block ends on such a border.
    const end = block.ptr + Math.ceil(block.bytes / 16) * 16;
    if (!isWhole(end, end + GUARD)) damaged = `written behind a block of ${block.bytes} bytes`;
  }
  heap.take = (bytes) => {
    const inner = take(bytes + 2 * GUARD);
    if (inner === null) return null;
    heap.u8.fill(guards.pattern, inner.ptr, inner.ptr + inner.bytes);
    const block = new Block(inner.ptr + GUARD, bytes, -1);
    blocks.set(block, { inner, pattern: guards.pattern });
    return block;
  };
  heap.give = (block) => {
    const known = blocks.get(block);
    if (known === undefined) return give(block);
    check(block);
    blocks.delete(block);
    give(known.inner);
  };
  return guards;
}
