import * as assert from "uvu/assert";
import { OpError, ResourceExhaustedError } from "../../../src/errors/index.js";
import { mergeBundles } from "../../../src/io/bundle-merge.js";
import { BundleReader } from "../../../src/io/bundle-reader.js";
import { BundleWriter } from "../../../src/io/bundle-writer.js";
import { keyOf } from "../../../src/io/byte-text.js";
import { parseShapeAndSlice, TensorSlice } from "../../../src/io/tensor-slice.js";
import { DataType, dtypeName } from "../../../src/tensor/dtype.js";
import { allocateTensor, Tensor } from "../../../src/tensor/tensor.js";
import { filesOf, MemoryFiles, newAllocator, recordedBundles } from "../../support/bundles.js";
import { test } from "../../support/suite.js";

const bundle = (name: string) => recordedBundles.get(name)!;
const go = (): void => {};

test("writes again what TensorFlow wrote, byte for byte", async () => {
  for (const [name, recorded] of recordedBundles) {
    const allocator = newAllocator();
    const from = filesOf(recorded);
    const reader = await BundleReader.open(from.files, "b");
    const to = new MemoryFiles();
    const writer = await BundleWriter.create(to.files, "b", allocator.heap);
    const entries = await reader.entries();
    entries.sort((a, b) => Number(a.proto.offset - b.proto.offset));
    for (const entry of entries) {
      const slices = entry.proto.slices.map(TensorSlice.fromProto);
      for (const slice of slices) {
        const part = await reader.readSlice(entry, slice, allocator);
        await writer.addSlice(entry.key, entry.shape, slice, part);
        part.release();
      }
      if (slices.length > 0) continue;
      const tensor = await reader.read(entry, allocator);
      await writer.add(entry.key, tensor);
      tensor.release();
    }
    await writer.finish();
    await reader.close();
    assert.equal([...to.contents.keys()].sort(), ["b.data-00000-of-00001", "b.index"]);
    if (name !== "slices") assert.equal(to.contents.get("b.data-00000-of-00001"), recorded.data, name);
    if (name === "plain") assert.equal(to.contents.get("b.index"), recorded.index, name);
    assert.is(allocator.bytesInUse, 0);
    assert.is(from.opened + to.opened, 0);
  }
});

test("lists what a bundle holds", async () => {
  const reader = await BundleReader.open(filesOf(bundle("dtypes")).files, "b");
  const found = (await reader.entries()).map(({ key, dtype, shape }) => `${key} ${dtypeName(dtype)} [${shape}]`);
  await reader.close();
  assert.equal(found, [
    "bfloat16 bfloat16 [3]",
    "bool bool [3]",
    "complex128 complex128 [3]",
    "complex64 complex64 [3]",
    "empty float [0,3]",
    "float32 float [3]",
    "float64 double [3]",
    "half half [3]",
    "int16 int16 [3]",
    "int32 int32 [3]",
    "int64 int64 [3]",
    "int8 int8 [3]",
    "scalar float []",
    "string string [3]",
    "uint16 uint16 [3]",
    "uint32 uint32 [3]",
    "uint64 uint64 [3]",
    "uint8 uint8 [3]",
  ]);
});

test("puts a partitioned tensor together, whole and in parts", async () => {
  const allocator = newAllocator();
  const reader = await BundleReader.open(filesOf(bundle("slices")).files, "b");
  const entry = await reader.entry("p");
  const values = async (spec: string) => {
    const tensor = await reader.readSlice(entry, parseShapeAndSlice(spec).slice, allocator);
    const found = [...allocator.heap.f32.subarray(tensor.ptr / 4, tensor.ptr / 4 + tensor.size)];
    tensor.release();
    return found;
  };
  assert.equal(
    await values("6 4 -:-"),
    Array.from({ length: 24 }, (_, i) => i),
  );
  assert.equal(await values("6 4 2,3:-"), [8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
  assert.equal(await values("6 4 1,4:2,2"), [6, 7, 10, 11, 14, 15, 18, 19]);
  const other = await reader.entry(keyOf("qÿ"));
  await rejects(
    () => reader.read(other, allocator),
    3,
    "Does not have sufficient slices for partitioned tensor qÿ to restore in slice_spec: -:-",
  );
  await reader.close();
  assert.is(allocator.bytesInUse, 0);
});

async function rejects(act: () => Promise<unknown>, code: number, message: string): Promise<void> {
  try {
    await act();
  } catch (error) {
    assert.instance(error, OpError);
    assert.equal([(error as OpError).code, (error as OpError).message], [code, message]);
    return;
  }
  assert.unreachable(`expected ${message}`);
}

test("any damaged byte is refused or harmless, and nothing stays open", async () => {
  const allocator = newAllocator();
  for (const which of ["index", "data"] as const) {
    const recorded = bundle("dtypes");
    for (let at = 0; at < recorded[which].length; at++) {
      for (const bit of [1, 128]) {
        const damaged = { ...recorded, [which]: Uint8Array.from(recorded[which]) };
        damaged[which][at]! ^= bit;
        const memory = filesOf(damaged);
        try {
          const reader = await BundleReader.open(memory.files, "b");
          try {
            for (const entry of await reader.entries()) (await reader.read(entry, allocator)).release();
          } finally {
            await reader.close();
          }
        } catch (error) {
          if (!(error instanceof OpError)) throw error;
        }
        assert.is(memory.opened, 0);
        assert.is(allocator.bytesInUse, 0);
      }
    }
  }
}, 60_000);

test("a file that is cut short takes no memory", async () => {
  const allocator = newAllocator();
  const { index, data } = bundle("plain");
  const memory = filesOf({ index, data: data.subarray(0, 15) });
  const reader = await BundleReader.open(memory.files, "b");
  await rejects(async () => reader.read(await reader.entry("x"), allocator), 11, "Read less bytes than requested");
  await rejects(async () => reader.entry("z"), 5, "Key z not found in checkpoint");
  await reader.close();
  assert.is(allocator.peakBytesInUse, 0);
  memory.contents.set("b.index", index.subarray(0, 47));
  await rejects(() => BundleReader.open(memory.files, "b"), 15, "file is too short to be an sstable");
});

test("a writer that fails leaves no file", async () => {
  const allocator = newAllocator();
  const memory = new MemoryFiles();
  memory.capacity = 3 << 20;
  const writer = await BundleWriter.create(memory.files, "b", allocator.heap);
  const tensor = allocateTensor(allocator, DataType.FLOAT, [1 << 20])!;
  await rejects(
    async () => {
      await writer.add("x", tensor);
      await writer.finish();
    },
    8,
    `${writer.temporary}; No space left on device`,
  );
  await writer.abandon();
  assert.is(memory.contents.size, 0);
  assert.is(memory.opened, 0);
});

test("stops when it is told to", async () => {
  const allocator = newAllocator();
  const memory = new MemoryFiles();
  let pieces = 0;
  const stop = new ResourceExhaustedError("stop");
  const writer = await BundleWriter.create(memory.files, "b", allocator.heap, () => {
    if (++pieces === 3) throw stop;
  });
  const tensor = allocateTensor(allocator, DataType.FLOAT, [2 << 20])!;
  await rejects(() => writer.add("x", tensor), 8, "stop");
  await writer.abandon();
  assert.is(memory.contents.size, 0);
});

test("reading stops when it is told to, and gives its memory back", async () => {
  const allocator = newAllocator();
  const memory = new MemoryFiles();
  const writer = await BundleWriter.create(memory.files, "b", allocator.heap);
  const tensor = allocateTensor(allocator, DataType.FLOAT, [1 << 20])!;
  await writer.add("x", tensor);
  await writer.finish();
  tensor.release();
  for (let stopAt = 1; stopAt <= 4; stopAt++) {
    let pieces = 0;
    const reader = await BundleReader.open(memory.files, "b", () => {
      if (++pieces === stopAt) throw new ResourceExhaustedError("stop");
    });
    await rejects(async () => reader.read(await reader.entry("x"), allocator), 8, "stop");
    await reader.close();
    assert.is(allocator.bytesInUse, 0);
  }
  assert.is(memory.opened, 0);
});

test("long strings and large tensors pass through the buffers", async () => {
  const allocator = newAllocator();
  const memory = new MemoryFiles();
  const texts = [0, 1, 127, 128, 1 << 20, (1 << 20) + 1, 3, 2_500_000].map((length, i) =>
    new Uint8Array(length).fill(i),
  );
  const large = allocateTensor(allocator, DataType.DOUBLE, [300_001])!;
  for (let i = 0; i < large.size; i++) allocator.heap.f64[large.ptr / 8 + i] = Math.sqrt(i);
  const writer = await BundleWriter.create(memory.files, "b", allocator.heap);
  await writer.add("texts", Tensor.ofValues(DataType.STRING, [texts.length], texts));
  await writer.add("large", large);
  await writer.finish();
  const reader = await BundleReader.open(memory.files, "b");
  const found = await reader.read(await reader.entry("texts"), allocator);
  assert.equal(found.values, texts);
  const copy = await reader.read(await reader.entry("large"), allocator);
  const { u8 } = allocator.heap;
  const bytes = ({ ptr, bytes: length }: Tensor) => Buffer.from(u8.buffer as ArrayBuffer, ptr, length);
  assert.is(Buffer.compare(bytes(copy), bytes(large)), 0);
  await reader.close();
});

test("merges bundles, and tells what doesn't fit", async () => {
  const allocator = newAllocator();
  const memory = new MemoryFiles();
  const write = async (prefix: string, key: string, spec: string) => {
    const writer = await BundleWriter.create(memory.files, prefix, allocator.heap);
    const tensor = allocateTensor(allocator, DataType.FLOAT, [2])!;
    const { shape, slice } = parseShapeAndSlice(spec);
    await writer.addSlice(key, shape, slice, tensor);
    await writer.finish();
  };
  await write("one", "p", "4 0,2");
  await write("two", "p", "4 2,2");
  await write("three", "q", "2 -");
  await mergeBundles(memory.files, ["one", "two", "three"], "all", false, go);
  assert.equal([...memory.contents.keys()].sort(), [
    "all.data-00000-of-00003",
    "all.data-00001-of-00003",
    "all.data-00002-of-00003",
    "all.index",
  ]);
  const reader = await BundleReader.open(memory.files, "all");
  assert.equal((await reader.read(await reader.entry("p"), allocator)).shape, [4]);
  await reader.close();
  await write("a", "q", "2 -");
  await write("b", "q", "2 -");
  await rejects(
    () => mergeBundles(memory.files, ["a", "b"], "c", false, go),
    3,
    "Duplicate tensor keyed by q encountered, when merging prefix: b",
  );
  await rejects(
    () => mergeBundles(memory.files, ["a", "x"], "c", false, go),
    3,
    "allow_missing_files was set to false and x did not exist.NOT_FOUND: x not found",
  );
  await rejects(
    () => mergeBundles(memory.files, ["x"], "c", true, go),
    3,
    "At least one prefix checkpoint file must exist, but none existed.",
  );
  assert.is(memory.opened, 0);
});

test.run();
