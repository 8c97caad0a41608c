// Which plans a session keeps: those used last, and all that are in use.
import * as assert from "uvu/assert";
import type { Plan } from "../../../src/master/plan.js";
import { PlanCache } from "../../../src/master/plan-cache.js";
import type { Signature } from "../../../src/optimize/signature.js";
import { test } from "../../support/suite.js";

const of = (name: string): Signature => ({ feeds: [], fetches: [name], targets: [] });

function cacheOf(limit: number) {
  const made: string[] = [];
  const dropped: string[] = [];
  const make = async (signature: Signature): Promise<Plan> => {
    made.push(signature.fetches[0]!);
    if (signature.fetches[0] === "bad") throw new Error("bad");
    return { signature } as Partial<Plan> as Plan;
  };
  const cache = new PlanCache(make, ({ signature }) => dropped.push(signature.fetches[0]!), limit);
  const use = async (name: string) => {
    const held = cache.take(of(name));
    await held.plan.finally(() => cache.release(held));
  };
  return { cache, made, dropped, use };
}

test("the plan that was unused longest goes, and is made again when it is wanted", async () => {
  const { cache, made, dropped, use } = cacheOf(3);
  for (const name of ["a", "b", "c", "a", "d", "a", "b"]) await use(name);
  assert.equal(made, ["a", "b", "c", "d", "b"]);
  assert.equal(dropped, ["b", "c"]);
  assert.is(cache.size, 3);
});

test("a plan in use stays, whatever comes", async () => {
  const { cache, made, dropped, use } = cacheOf(2);
  const held = [cache.take(of("a")), cache.take(of("a")), cache.take(of("b"))];
  for (const name of ["c", "d"]) await use(name);
  assert.equal(dropped, ["c"]);
  cache.release(held[0]!);
  await use("e");
  assert.equal(dropped, ["c", "d"]);
  cache.release(held[1]!);
  await use("f");
  assert.equal(dropped, ["c", "d", "a"]);
  await use("b");
  assert.equal(made, ["a", "b", "c", "d", "e", "f"]);
});

test("one that can't be made is asked for anew", async () => {
  const { cache, made, dropped, use } = cacheOf(1);
  for (let i = 0; i < 2; i++) {
    await use("bad").then(
      () => assert.unreachable(),
      (error: Error) => assert.is(error.message, "bad"),
    );
  }
  assert.is(cache.size, 0);
  await use("a");
  assert.equal([made, dropped], [["bad", "bad", "a"], []]);
});

test("names that are divided otherwise make another signature", () => {
  const { cache } = cacheOf(10);
  cache.take({ feeds: ["a:0"], fetches: ["b:0"], targets: [] });
  cache.take({ feeds: [], fetches: ["a:0", "b:0"], targets: [] });
  cache.take({ feeds: [], fetches: ["a:0"], targets: ["b:0"] });
  assert.is(cache.size, 3);
});

test.run();
