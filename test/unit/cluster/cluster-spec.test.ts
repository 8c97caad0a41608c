import * as assert from "uvu/assert";
import { ClusterSpec } from "../../../src/cluster/cluster-spec.js";
import { InvalidArgumentError } from "../../../src/errors/index.js";
import { test } from "../../support/suite.js";

const C = new ClusterSpec({ worker: ["a:1", "b:2"], ps: ["c:3"] });
const S = new ClusterSpec({ worker: { 1: "b:2", 5: "f:6" }, ps: ["c:3"] });

test("accessors give jobs, tasks and addresses", () => {
  assert.equal({ ...C.asDict() }, { worker: ["a:1", "b:2"], ps: ["c:3"] });
  assert.equal(C.jobs, ["worker", "ps"]);
  assert.is(C.numTasks("worker"), 2);
  assert.equal(C.taskIndices("worker"), [0, 1]);
  assert.is(C.taskAddress("worker", 1), "b:2");
  assert.equal(C.jobTasks("worker"), ["a:1", "b:2"]);
  assert.is(String(C), "ClusterSpec({'ps': ['c:3'], 'worker': ['a:1', 'b:2']})");
});

test("sparse tasks stay sparse", () => {
  assert.equal({ ...S.asDict() }, { worker: { 1: "b:2", 5: "f:6" }, ps: ["c:3"] });
  assert.is(S.numTasks("worker"), 2);
  assert.equal(S.taskIndices("worker"), [1, 5]);
  assert.equal(S.jobTasks("worker"), [null, "b:2", null, null, null, "f:6"]);
  assert.equal({ ...new ClusterSpec({ worker: { 1: "b:2", 0: "f:6" } }).asDict() }, { worker: ["f:6", "b:2"] });
  assert.equal({ ...new ClusterSpec({ w: [] }).asDict() }, { w: {} });
});

test("a cluster def has its jobs sorted, and makes the same spec", () => {
  const def = C.asClusterDef();
  assert.equal(
    def.job.map((job) => job.name),
    ["ps", "worker"],
  );
  assert.ok(new ClusterSpec(def).equals(C));
  assert.ok(new ClusterSpec({ ps: ["c:3"], worker: ["a:1", "b:2"] }).equals(C));
  assert.not.ok(C.equals(def));
});

const refusals: readonly [
  name: string,
  make: () => unknown,
  type: abstract new (...args: never[]) => Error,
  text: string,
][] = [
  ["unknown job", () => C.numTasks("zz"), InvalidArgumentError, "No such job in cluster: 'zz'"],
  ["unknown task", () => C.taskAddress("worker", 9), InvalidArgumentError, "No task with index 9 in job 'worker'"],
  [
    "not a cluster",
    () => new ClusterSpec(3 as never),
    TypeError,
    "`cluster` must be a dictionary mapping one or more job names to lists of network addresses, or a `ClusterDef` protocol buffer",
  ],
  [
    "tasks of a job as text",
    () => new ClusterSpec({ w: "a:1" as never }),
    TypeError,
    "The tasks for job 'w' must be a list or a dictionary from integers to strings.",
  ],
  [
    "an address that is no text",
    () => new ClusterSpec({ w: [3 as never] }),
    TypeError,
    "Task address 3 must be bytes or unicode",
  ],
  [
    "an index that is no number",
    () => new ClusterSpec({ w: { x: "a:1" } as never }),
    InvalidArgumentError,
    "invalid literal for int() with base 10: 'x'",
  ],
];

for (const [name, make, type, text] of refusals) {
  test(`refuses: ${name}`, () => {
    assert.throws(make, (error: unknown) => error instanceof type && error.message === text);
  });
}

test.run();
