// Accumulators: who waits for gradients, who is dropped, what is given back.
import * as assert from "uvu/assert";
import { Accumulator, type Sum } from "../../../src/resources/accumulator.js";
import { test } from "../../support/suite.js";

class Total implements Sum {
  static held = 0;

  constructor(readonly value: number) {
    Total.held++;
  }

  release(): void {
    Total.held--;
  }
}

const make = (): Accumulator => new Accumulator({ name: "a", dtype: 1, shape: null, sparse: false, averages: true });

const add =
  (value: number) =>
  (sum: Sum | null): Sum => {
    const before = sum === null ? 0 : (sum as Total).value;
    sum?.release();
    return new Total(before + value);
  };

test("takers are served in the order in which they came, each with what came before it", () => {
  const accumulator = make();
  const seen: string[] = [];
  const note = (who: string) => (error: Error | null, sum: Sum | null, count: number) => {
    seen.push(`${who} ${error?.message ?? (sum as Total).value} of ${count}`);
    sum?.release();
  };
  accumulator.take(2, note("first"));
  accumulator.take(1, note("second"));
  accumulator.apply(0n, add(1));
  assert.equal(seen, []);
  accumulator.apply(0n, add(2));
  assert.equal(seen, ["first 3 of 2"]);
  accumulator.apply(0n, add(9));
  assert.equal(accumulator.count, 0, "computed before the first take");
  accumulator.apply(1n, add(4));
  assert.equal(seen, ["first 3 of 2", "second 4 of 1"]);
  assert.is(accumulator.globalStep, 2n);
  assert.is(Total.held, 0);
});

test("a taker that stops waiting leaves the sum to the next", () => {
  const accumulator = make();
  const seen: string[] = [];
  const stop = accumulator.take(3, (error) => seen.push(error!.message));
  accumulator.take(1, (_, sum, count) => {
    seen.push(`${(sum as Total).value} of ${count}`);
    sum!.release();
  });
  accumulator.apply(0n, add(5));
  stop!(new Error("cancelled"));
  stop!(new Error("cancelled twice"));
  assert.equal(seen, ["cancelled", "5 of 1"]);
  assert.is(Total.held, 0);
});

test("a refused gradient changes nothing", () => {
  const accumulator = make();
  accumulator.apply(0n, add(1));
  assert.throws(() =>
    accumulator.apply(0n, () => {
      throw new Error("shape");
    }),
  );
  assert.is(accumulator.count, 1);
  accumulator.dispose();
  assert.is(Total.held, 0);
});

test("disposing fails who waits and lets go of the sum", () => {
  const accumulator = make();
  accumulator.apply(0n, add(1));
  const seen: string[] = [];
  accumulator.take(2, (error) => seen.push(error!.message));
  accumulator.dispose();
  assert.equal(seen, ["Accumulator 'a' was removed"]);
  assert.is(Total.held, 0);
});

test.run();
