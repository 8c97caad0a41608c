import * as assert from "uvu/assert";
import { Allocator } from "../../../src/memory/allocator.js";
import { type Block, Heap } from "../../../src/memory/heap.js";
import { test } from "../../support/suite.js";

const makeHeap = (maximumBytes = 1 << 28) =>
  new Heap(new WebAssembly.Memory({ initial: 2, maximum: 65536, shared: true }), 5000, { maximumBytes });

test("blocks are aligned, large enough, and don't overlap", () => {
  const allocator = new Allocator(makeHeap());
  const sizes = [0, 1, 63, 64, 65, 1024, 1025, 1281, 2048, 2049, 16384, 16385, 70_000, 1_000_000];
  const blocks = sizes.map((size) => allocator.allocate(size)!);
  blocks.forEach((block, i) => {
    assert.is(block.ptr % 64, 0);
    assert.ok(block.ptr >= 5000);
    assert.ok(block.bytes >= sizes[i]!);
  });
  const sorted = [...blocks].sort((a, b) => a.ptr - b.ptr);
  for (let i = 1; i < sorted.length; i++) assert.ok(sorted[i - 1]!.ptr + sorted[i - 1]!.bytes <= sorted[i]!.ptr);
});

test("a block goes back when its last holder lets go", () => {
  const allocator = new Allocator(makeHeap());
  const block = allocator.allocate(100)!;
  block.retain();
  block.release();
  assert.is(allocator.blocksInUse, 1);
  block.release();
  assert.is(allocator.blocksInUse, 0);
  assert.is(allocator.bytesInUse, 0);
  assert.ok(allocator.peakBytesInUse >= 100);
});

test("no block ends where addresses do", () => {
  const heap = makeHeap(2 ** 32);
  const allocator = new Allocator(heap);
  for (const size of [2 ** 29, 2 ** 24, 2 ** 20, 2 ** 16]) {
    for (let block = allocator.allocate(size); block !== null; block = allocator.allocate(size)) {
      assert.ok(block.ptr + block.bytes < 2 ** 32);
    }
  }
  assert.ok(heap.size > 2 ** 32 - 2 ** 17);
});

test("large blocks merge again: a heap that was full in pieces holds one of the whole", () => {
  const heap = makeHeap(64 * 1024 * 1024);
  const allocator = new Allocator(heap);
  const blocks: Block[] = [];
  for (let block = allocator.allocate(1 << 20); block !== null; block = allocator.allocate(1 << 20)) blocks.push(block);
  assert.ok(blocks.length > 50);
  for (const i of [...blocks.keys()].sort((a, b) => (a % 7) - (b % 7))) blocks[i]!.release();
  assert.is.not(allocator.allocate(blocks.length << 20), null);
});

test("so does one that was full in small pieces, whatever their sizes; those still held stay where they are", () => {
  const heap = makeHeap(64 * 1024 * 1024);
  const allocator = new Allocator(heap);
  const blocks: Block[] = [];
  for (const size of [64, 700, 5000, 16_384]) {
    const most = blocks.length + (15 << 20) / size;
    while (blocks.length < most) blocks.push(allocator.allocate(size)!);
  }
  assert.is(allocator.allocate(16 << 20), null);
  const kept = blocks.filter((_, i) => i % 50_000 === 7);
  for (const block of kept) heap.u8.fill(171, block.ptr, block.ptr + block.bytes);
  for (const block of blocks) if (!kept.includes(block)) block.release();
  const large = allocator.allocate(32 << 20);
  assert.is.not(large, null);
  heap.u8.fill(0, large!.ptr, large!.ptr + large!.bytes);
  assert.ok(kept.every(({ ptr, bytes }) => heap.u8.subarray(ptr, ptr + bytes).every((byte) => byte === 171)));
  large!.release();
  for (const block of kept) block.release();
  assert.is(allocator.blocksInUse, 0);
  assert.is.not(allocator.allocate(60 << 20), null);
});

test("a limit refuses, and what was held stays usable", () => {
  const allocator = new Allocator(makeHeap(), 4096);
  const first = allocator.allocate(3000)!;
  assert.is(allocator.allocate(3000), null);
  first.release();
  assert.is.not(allocator.allocate(3000), null);
});

test("what lies outside the heap is counted until its last holder lets go, and limited by itself too", () => {
  const allocator = new Allocator(makeHeap(), 4096);
  const charge = allocator.charge(3000)!;
  assert.is(allocator.bytesInUse, 3000);
  assert.is(allocator.room, 1096);
  assert.is(allocator.charge(1097), null);
  assert.is(allocator.allocate(2000), null);
  charge.retain();
  charge.release();
  assert.is(allocator.bytesInUse, 3000);
  charge.release();
  assert.is(allocator.bytesInUse, 0);
  const unlimited = new Allocator(makeHeap());
  assert.is(unlimited.charge(2 ** 31 + 1), null);
  assert.is(unlimited.charge(Number.NaN), null);
  unlimited.charge(2 ** 31)!.release();
  assert.is(unlimited.room, 2 ** 31);
});

test("random allocations and releases leave nothing behind", () => {
  const allocator = new Allocator(makeHeap());
  const held: Block[] = [];
  let seed = 1;
  const random = (n: number) => {
    seed = (Math.imul(seed, 48271) >>> 0) % 2147483647;
    return seed % n;
  };
  for (let i = 0; i < 20_000; i++) {
    if (held.length > 0 && random(2) === 0) held.splice(random(held.length), 1)[0]!.release();
    else held.push(allocator.allocate(random(3) === 0 ? random(200_000) : random(3000))!);
  }
  for (const block of held) block.release();
  assert.is(allocator.bytesInUse, 0);
  assert.is(allocator.blocksInUse, 0);
});

test.run();
