// Those who wait: who goes on when, who gives up, and what staging areas and mutexes give back when they go.
import * as assert from "uvu/assert";
import { type Lock, Mutex } from "../../../src/resources/mutex.js";
import { StagingArea } from "../../../src/resources/staging-area.js";
import { StagingMap } from "../../../src/resources/staging-map.js";
import { Tensor } from "../../../src/tensor/tensor.js";
import { test } from "../../support/suite.js";

let held = 0;
/** A tensor of one variant that counts who holds it. */
const tensor = (): Tensor => {
  held++;
  return Tensor.ofValues(21, [], [{ retain: () => held++, release: () => held-- }]);
};
const text = (letters: string): Tensor => Tensor.ofValues(7, [], [new TextEncoder().encode(letters)]);

test("areas let in whoever fits, in order, and give back all when they go", () => {
  const area = new StagingArea({ capacity: 2, memoryLimit: 0 });
  const seen: string[] = [];
  const note = (who: string) => (error: Error | null) => seen.push(`${who}: ${error?.message ?? "in"}`);
  for (const who of ["a", "b", "c", "d"]) area.put([tensor()], note(who));
  const stop = area.put([tensor()], note("e"));
  assert.equal(seen, ["a: in", "b: in"]);
  area.peek(5, (error) => seen.push(`peek: ${error!.message}`));
  area.take((_, [taken]) => taken!.release());
  stop!(new Error("gave up"));
  assert.equal(seen.slice(2), ["c: in", "e: gave up"]);
  assert.is(held, 3);
  area.dispose();
  assert.equal(seen.slice(4), ["d: The staging area was removed", "peek: The staging area was removed"]);
  assert.is(held, 0);
});

test("a small tuple passes a large one that waits for memory", () => {
  const area = new StagingArea({ capacity: 0, memoryLimit: 60 });
  const seen: string[] = [];
  const note = (who: string) => (error: Error | null) => seen.push(`${who}: ${error?.message ?? "in"}`);
  area.put([text("six by")], note("first"));
  area.put([text("twelve bytes")], note("second"));
  area.put([text("six by")], note("third"));
  assert.equal(seen, ["first: in", "third: in"]);
  area.take(() => {});
  assert.is(seen.length, 2, "30 and 36 are more than 60");
  area.take(() => {});
  assert.equal(seen.slice(2), ["second: in"]);
  area.put([text("x".repeat(37))], note("fourth"));
  assert.match(seen[3]!, /combined size of '61' bytes into Staging Area with a memory limit of '60'/);
});

test("maps wake who waits for a key, and give back parts that never became whole", () => {
  const map = new StagingMap({ capacity: 1, memoryLimit: 0, ordered: true, components: 2 });
  const seen: string[] = [];
  const note = (who: string) => (error: Error | null) => seen.push(`${who}: ${error?.message ?? "in"}`);
  map.take(2n, [0, 1], false, (error, tuple) => {
    seen.push(`taken: ${error?.message ?? tuple.length}`);
    for (const part of tuple) part.release();
  });
  map.put(1n, [0, 1], [tensor(), tensor()], note("one"));
  map.put(2n, [0, 1], [tensor(), tensor()], note("two"));
  map.put(3n, [0], [tensor()], note("half"));
  assert.equal(seen, ["one: in", "half: in"]);
  map.takeNext([0, 1], (_, tuple, key) => {
    seen.push(`next: ${key}`);
    for (const part of tuple) part.release();
  });
  assert.equal(seen.slice(2).sort(), ["next: 1", "taken: 2", "two: in"]);
  assert.equal([map.size, map.incompleteSize, held], [0, 1, 1]);
  map.dispose();
  assert.is(held, 0);
});

test("a lock goes to who waits longest, when the last edge lets go of it", async () => {
  const mutex = new Mutex();
  const seen: string[] = [];
  const locks: Lock[] = [];
  const wait = (who: string) =>
    mutex.lock((error, lock) => {
      seen.push(`${who}: ${error?.message ?? "locked"}`);
      if (lock !== null) locks.push(lock);
    });
  wait("a");
  const stop = wait("b");
  wait("c");
  locks[0]!.retain();
  locks[0]!.release();
  await Promise.resolve();
  assert.equal(seen, ["a: locked"]);
  stop!(new Error("gave up"));
  locks[0]!.release();
  await Promise.resolve();
  assert.equal(seen, ["a: locked", "b: gave up", "c: locked"]);
  wait("d");
  mutex.dispose();
  assert.is(seen[3], "d: Lock acquisition cancelled.");
});

test.run();
