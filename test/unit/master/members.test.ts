// Which tasks a session uses, and what it says while it waits for them.
import * as assert from "uvu/assert";
import type { DeviceAttributes } from "../../../src/device/device.js";
import {
  CancelledError,
  DeadlineExceededError,
  InternalError,
  InvalidArgumentError,
} from "../../../src/errors/index.js";
import { Cancellation } from "../../../src/kernel/cancellation.js";
import { DeviceFilters, devicesAs, devicesOf, ownTaskIn } from "../../../src/master/members.js";
import type { WorkerInterface } from "../../../src/worker/worker-interface.js";
import { test } from "../../support/suite.js";

const TASKS = ["/job:ps/replica:0/task:0", "/job:worker/replica:0/task:0", "/job:worker/replica:0/task:1"];

/** A worker as far as waiting for it goes. */
const answers = (task: string, getStatus: WorkerInterface["getStatus"]) => ({ task, getStatus }) as WorkerInterface;
const missing = (task: string) =>
  answers(task, (signal) => new Promise((_, reject) => signal!.add((reason) => reject(reason))));
const cpu = (task: string): DeviceAttributes => ({
  name: `${task}/device:CPU:0`,
  deviceType: "CPU",
  memoryLimit: 1n,
  incarnation: 7n,
  physicalDeviceDesc: "",
});
const present = (task: string) => answers(task, async () => [cpu(task)]);

const rejected = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => assert.unreachable(),
    (error: unknown) => error,
  );

test("filters pass what fits any of them", () => {
  const passing = (...filters: string[]) => {
    const all = new DeviceFilters(filters);
    return TASKS.map((task) => (all.passes(task) ? 1 : 0)).join("");
  };
  assert.is(passing(), "111");
  assert.is(passing("/job:ps"), "100");
  assert.is(passing("/job:ps", "/job:worker/task:1"), "101");
  assert.is(passing("/task:0"), "110");
  assert.is(passing("/job:worker/replica:0"), "011");
  assert.is(passing("/job:nobody"), "000");
});

test("who is missing is said again and again, until the deadline", async () => {
  const lines: string[] = [];
  const workers = [present(TASKS[0]!), missing(TASKS[1]!), missing(TASKS[2]!)];
  const settings = { log: (line: string) => void lines.push(line), timeoutMs: 100, reportEveryMs: 30 };
  const error = await rejected(devicesOf(workers, settings));
  assert.instance(error, DeadlineExceededError);
  const says = TASKS.slice(1).map((task) => `CreateSession still waiting for response from worker: ${task}`);
  assert.is((error as Error).message, says.join("\n"));
  assert.equal(lines.slice(0, 4), [...says, ...says]);
});

test("an answer that is an error ends the waiting for all", async () => {
  const lines: string[] = [];
  const failing = answers(TASKS[2]!, async () => {
    throw new InternalError("no devices");
  });
  const settings = { log: (line: string) => void lines.push(line), timeoutMs: 0 };
  const error = await rejected(devicesOf([missing(TASKS[1]!), failing], settings));
  assert.is((error as Error).message, "no devices");
  assert.equal(lines, [`CreateSession failed because worker ${TASKS[2]} returned error: INTERNAL: no devices`]);
});

test("a client that goes away ends the waiting", async () => {
  const signal = new Cancellation();
  const waits = rejected(devicesOf([missing(TASKS[1]!)], { log: () => {}, timeoutMs: 0, signal }));
  signal.cancel(new CancelledError("gone"));
  assert.is(((await waits) as Error).message, "gone");
});

test("a session's own cluster names the task at the address that was dialled", () => {
  const cluster = { job: [{ name: "lead", tasks: new Map([[3, "h:1"]]) }] };
  assert.is(ownTaskIn(cluster, "grpc://h:1", TASKS[1]!), "/job:lead/replica:0/task:3");
  assert.is(
    devicesAs("/job:lead/replica:0/task:3", [cpu(TASKS[1]!)])[0]!.name,
    "/job:lead/replica:0/task:3/device:CPU:0",
  );
  const refused = (text: string) => (error: Error) =>
    error instanceof InvalidArgumentError && error.message.startsWith(text);
  assert.throws(
    () => ownTaskIn(cluster, "grpc://h:2", TASKS[1]!),
    refused("The master (current machine) is not included"),
  );
  assert.throws(
    () => ownTaskIn(cluster, "h:1", "/job:lead/replica:0/task:3"),
    refused(
      "The ClusterSpec names the job and task index to be the same names that were provided when the server booted.",
    ),
  );
});

test.run();
