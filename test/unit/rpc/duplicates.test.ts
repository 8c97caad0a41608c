// Ids of requests that come twice.
import * as assert from "uvu/assert";
import { AbortedError } from "../../../src/errors/index.js";
import { RecentRequests } from "../../../src/rpc/duplicates.js";
import { suite } from "../../support/suite.js";

const test = suite("rpc/duplicates");
const STRIDE = 2n ** 14n;

test("an id is refused the second time, of whatever sign, and 0 never is", () => {
  const recent = new RecentRequests();
  for (const id of [7n, -7n, 2n ** 63n - 1n, -(2n ** 63n)]) {
    recent.check(id, "RunStep (Master)", () => "");
    assert.throws(
      () => recent.check(id, "RunStep (Master)", () => "RunStepRequest {}"),
      (error: Error) =>
        error instanceof AbortedError &&
        error.message === "The same RunStep (Master) request was received twice. RunStepRequest {}",
    );
  }
  for (let i = 0; i < 3; i++) recent.check(0n, "RunStep (Master)", () => "");
});

test("it is known until eight newer ones took its set", () => {
  const recent = new RecentRequests();
  const check = (id: bigint) => recent.check(id, "RunStep (Master)", () => "");
  for (let i = 0n; i < 8n; i++) check(5n + i * STRIDE);
  assert.throws(() => check(5n));
  check(5n + 8n * STRIDE);
  check(5n);
  assert.throws(() => check(5n + 2n * STRIDE));
});

test("numbers that count up are known a hundred thousand long", () => {
  const recent = new RecentRequests();
  for (let i = 1n; i <= 100_000n; i++) recent.check(i, "RunGraph (Worker)", () => "");
  for (let i = 1n; i <= 100_000n; i += 997n) assert.throws(() => recent.check(i, "RunGraph (Worker)", () => ""));
});

test.run();
