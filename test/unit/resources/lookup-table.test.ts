// What a table holds counts as memory, however it came and went.
import * as assert from "uvu/assert";
import { ResourceExhaustedError } from "../../../src/errors/index.js";
import { Allocator } from "../../../src/memory/allocator.js";
import { Heap } from "../../../src/memory/heap.js";
import { LookupTable } from "../../../src/resources/lookup-table.js";
import { DataType } from "../../../src/tensor/dtype.js";
import { suite } from "../../support/suite.js";

const test = suite("resources/lookup-table");
const LIMIT = 4096;

function tableOf(mutable: boolean): { table: LookupTable; allocator: Allocator } {
  const allocator = new Allocator(new Heap(new WebAssembly.Memory({ initial: 1 }), 0), LIMIT);
  const options = { keyType: DataType.STRING, valueType: DataType.INT64, mutable };
  return { table: new LookupTable(options, allocator), allocator };
}

test("entries count while they are there, once however often they are set", () => {
  const { table, allocator } = tableOf(true);
  table.insert(["a", "b"], [1n, 2n]);
  const two = allocator.bytesInUse;
  assert.ok(two > 0);
  for (let i = 0; i < 100; i++) table.insert(["a", "a"], [3n, 4n]);
  assert.is(allocator.bytesInUse, two);
  table.remove(["a", "nobody"]);
  assert.is(allocator.bytesInUse, two / 2);
  table.replace(["x".repeat(1000)], [1n]);
  assert.is(allocator.bytesInUse, two / 2 + 999);
  table.dispose();
  assert.is(allocator.bytesInUse, 0);
});

test("more than the limit is refused as a whole, and the table stays as it was", () => {
  for (const mutable of [true, false]) {
    const { table, allocator } = tableOf(mutable);
    const fill = (keys: string[], values: bigint[]) =>
      mutable ? table.insert(keys, values) : table.initialize(keys, values);
    assert.throws(
      () => fill(["short", "x".repeat(LIMIT)], [1n, 2n]),
      (error: unknown) => error instanceof ResourceExhaustedError,
    );
    assert.is(table.size, 0);
    assert.is(allocator.bytesInUse, 0);
    fill(["short"], [1n]);
    assert.is(table.find("short"), 1n);
    table.dispose();
    assert.is(allocator.bytesInUse, 0);
  }
});

test.run();
