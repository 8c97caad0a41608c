// Queues: who waits for room or for elements, and what closing and giving up do to them.
import * as assert from "uvu/assert";
import { firstInFirstOut, Queue, type Tuple } from "../../../src/resources/queue.js";
import { Tensor } from "../../../src/tensor/tensor.js";
import { test } from "../../support/suite.js";

const queue = (capacity: number): Queue =>
  new Queue({
    kind: "FIFOQueue",
    name: "q",
    types: [7],
    shapes: [],
    capacity,
    minAfterDequeue: 0,
    order: firstInFirstOut,
  });

const texts = (...words: string[]): Tuple[] =>
  words.map((word) => [Tensor.ofValues(7, [], [new TextEncoder().encode(word)])]);
const words = (tuples: readonly Tuple[]): string =>
  tuples.map(([tensor]) => new TextDecoder().decode(tensor!.values![0] as Uint8Array)).join(" ");

function recorder() {
  const seen: string[] = [];
  return {
    seen,
    put: (name: string) => (error: Error | null) => seen.push(`${name}: ${error?.message ?? "in"}`),
    got: (name: string) => (error: Error | null, tuples: readonly Tuple[]) =>
      seen.push(`${name}: ${error?.message ?? words(tuples)}`),
  };
}

test("a batch larger than the queue goes through it piece by piece", () => {
  const { seen, put, got } = recorder();
  const small = queue(2);
  small.enqueue(texts("a", "b", "c", "d", "e"), put("batch"));
  assert.is(small.size, 2);
  small.dequeue(5, false, true, got("all"));
  assert.equal(seen, ["batch: in", "all: a b c d e"]);
});

test("closing waits for those who already wait to enqueue, and refuses who comes later", () => {
  const { seen, put, got } = recorder();
  const one = queue(1);
  one.enqueue(texts("a"), put("first"));
  one.enqueue(texts("b"), put("second"));
  one.close(false, put("close"));
  one.enqueue(texts("c"), put("late"));
  assert.is(one.closed, false);
  one.dequeue(1, false, false, got("get"));
  assert.equal(seen, ["first: in", "get: a", "second: in", "close: in", "late: FIFOQueue 'q' is closed."]);
  one.dequeue(2, false, true, got("two"));
  assert.is(seen.at(-1), "two: FIFOQueue 'q' is closed and has insufficient elements (requested 2, current size 1)");
  one.dequeue(2, true, true, got("up to two"));
  assert.is(seen.at(-1), "up to two: b");
});

test("a dequeue that gives up puts back what it took, in order", () => {
  const { seen, put, got } = recorder();
  const some = queue(9);
  some.enqueue(texts("a", "b"), put("put"));
  const stop = some.dequeue(3, false, true, got("three"));
  some.dequeue(2, false, true, got("two"));
  stop!(new Error("gave up"));
  assert.equal(seen, ["put: in", "three: gave up", "two: a b"]);
});

test("an enqueue that gives up leaves what is in, and its turn to the next", () => {
  const { seen, put, got } = recorder();
  const one = queue(1);
  const stop = one.enqueue(texts("a", "b"), put("two"));
  one.enqueue(texts("c"), put("next"));
  stop!(new Error("gave up"));
  one.dequeue(2, false, true, got("get"));
  assert.equal(seen, ["two: gave up", "next: in", "get: a c"]);
});

test("who is told may come back at once", () => {
  const { seen, got } = recorder();
  const one = queue(1);
  one.dequeue(1, false, false, (_, tuples) => {
    seen.push(words(tuples));
    one.enqueue(texts("b"), () => one.dequeue(1, false, false, got("second")));
  });
  one.enqueue(texts("a"), () => seen.push("in"));
  assert.equal(seen, ["in", "a", "second: b"]);
});

test.run();
