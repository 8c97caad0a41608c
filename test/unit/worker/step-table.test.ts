// Steps that peers ask for before they begin: bounded, and let go in time.
import * as assert from "uvu/assert";
import { DeadlineExceededError, ResourceExhaustedError } from "../../../src/errors/index.js";
import { StepTable } from "../../../src/worker/step-table.js";
import { test } from "../../support/suite.js";

const KEY = "/job:ps/replica:0/task:0/device:CPU:0;1;/job:ps/replica:0/task:0/device:CPU:0;a;0:0";
const now = () => performance.now();

test("so many steps, and so many requests, may wait for a beginning", () => {
  const table = new StepTable(now, { steps: 2, requests: 3, milliseconds: 60_000 });
  const first = table.ask(1n);
  table.ask(2n);
  assert.throws(
    () => table.ask(3n),
    (error: Error) => error instanceof ResourceExhaustedError,
  );
  assert.is(table.ask(1n), first);
  assert.throws(
    () => table.ask(2n),
    (error: Error) => error instanceof ResourceExhaustedError,
  );
  // One that has begun counts no more.
  assert.is(table.begin(1n), first);
  table.ask(1n);
  table.ask(3n);
  table.close();
});

test("a step that never begins is let go with whoever waits for it", async () => {
  const table = new StepTable(now, { steps: 2, requests: 3, milliseconds: 20 });
  const error = await new Promise<Error | null>((resolve) => table.ask(7n).rendezvous.receive(KEY, resolve));
  assert.instance(error, DeadlineExceededError);
  assert.is(table.size, 0);
  table.close();
});

test("a step that began is never let go by the clock", async () => {
  const table = new StepTable(now, { steps: 2, requests: 3, milliseconds: 20 });
  table.ask(7n);
  const step = table.begin(7n);
  await new Promise((resolve) => setTimeout(resolve, 60));
  assert.is(table.remove(7n), step);
  table.close();
});

test.run();
