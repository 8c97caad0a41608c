// ClusterSpec row by row as TensorFlow's answers, with its texts.
import * as assert from "uvu/assert";
import { ClusterSpec } from "../../../src/cluster/cluster-spec.js";
import { InvalidArgumentError } from "../../../src/errors/index.js";
import { ClusterDef } from "../../../src/wire/core.js";
import { test } from "../../support/suite.js";

const dense = new ClusterSpec({ worker: ["a:1", "b:2"], ps: ["c:3"] });
const sparse = new ClusterSpec({ worker: { 1: "b:2", 5: "f:6" }, ps: ["c:3"] });
const plain = (spec: ClusterSpec): unknown => ({ ...spec.asDict() });
const of = (cluster: unknown): ClusterSpec => new ClusterSpec(cluster as never);

function throwsWith(kind: new (...args: never[]) => Error, text: string, body: () => unknown): void {
  assert.throws(body, (error: unknown) => {
    assert.instance(error, kind);
    assert.is((error as Error).message, text);
    return true;
  });
}

test("asDict keeps the order of jobs, and lists are lists", () => {
  assert.equal(plain(dense), { worker: ["a:1", "b:2"], ps: ["c:3"] });
  assert.equal(Object.keys(dense.asDict()), ["worker", "ps"]);
  assert.equal(plain(sparse), { worker: { 1: "b:2", 5: "f:6" }, ps: ["c:3"] });
  assert.equal(plain(of({ worker: { 1: "b:2", 0: "f:6" } })), { worker: ["f:6", "b:2"] });
  assert.equal(plain(of({ w: [] })), { w: {} });
  assert.equal(plain(of({ w: {} })), { w: {} });
});

test("asClusterDef sorts jobs by name", () => {
  assert.equal(dense.asClusterDef(), {
    job: [
      { name: "ps", tasks: new Map([[0, "c:3"]]) },
      {
        name: "worker",
        tasks: new Map([
          [0, "a:1"],
          [1, "b:2"],
        ]),
      },
    ],
  });
});

test("accessors", () => {
  assert.equal(dense.jobs, ["worker", "ps"]);
  assert.is(dense.numTasks("worker"), 2);
  assert.equal(dense.taskIndices("worker"), [0, 1]);
  assert.is(dense.taskAddress("worker", 1), "b:2");
  assert.equal(dense.jobTasks("worker"), ["a:1", "b:2"]);
  assert.is(sparse.numTasks("worker"), 2);
  assert.equal(sparse.taskIndices("worker"), [1, 5]);
  assert.equal(sparse.jobTasks("worker"), [null, "b:2", null, null, null, "f:6"]);
  assert.equal([dense.empty, of({}).empty], [false, true]);
});

test("toString is Python's str", () => {
  assert.is(String(dense), "ClusterSpec({'ps': ['c:3'], 'worker': ['a:1', 'b:2']})");
  assert.is(String(of({ b: ["x"], a: { 3: "q" } })), "ClusterSpec({'a': {3: 'q'}, 'b': ['x']})");
  assert.is(String(of({ w: { "-1": "a", 3: "c", 1: "b" } })), "ClusterSpec({'w': {-1: 'a', 1: 'b', 3: 'c'}})");
  assert.is(String(of({ w: [] })), "ClusterSpec({'w': {}})");
  assert.is(String(of({ "w'": ["a'b"] })), `ClusterSpec({"w'": ["a'b"]})`);
  assert.is(String(of({})), "ClusterSpec({})");
});

test("it is made of a Map, a ClusterDef or another spec", () => {
  const map = new Map([
    [
      "worker",
      new Map([
        [0, "a:1"],
        [1, "b:2"],
      ]),
    ],
    ["ps", new Map([[0, "c:3"]])],
  ]);
  assert.equal(plain(of(map)), plain(dense));
  const def = ClusterDef.decode(ClusterDef.encode(sparse.asClusterDef()));
  assert.ok(of(def).equals(sparse));
  assert.equal(of(def).jobs, ["ps", "worker"]);
  assert.ok(of(dense).equals(dense));
  assert.ok(of(ClusterDef.create()).equals(of({})));
  assert.equal(plain(of({ job: ["a:1"] })), { job: ["a:1"] }, "a job may be called job");
});

test("equality ignores the order of jobs, and nothing else is equal", () => {
  assert.ok(dense.equals(of({ ps: ["c:3"], worker: { 1: "b:2", 0: "a:1" } })));
  for (const other of [sparse, dense.asDict(), dense.asClusterDef(), 3, null]) assert.not(dense.equals(other));
});

test("indices are read as Python's int reads them", () => {
  assert.equal(plain(of({ w: { " 5 ": "a" } })), { w: { 5: "a" } });
  assert.equal(plain(of({ w: { "+5": "a" } })), { w: { 5: "a" } });
  assert.equal(plain(of({ w: { "1_0": "a" } })), { w: { 10: "a" } });
  assert.equal(plain(of({ w: new Map([[1.5, "a"]]) })), { w: { 1: "a" } });
  for (const key of ["x", "", "1.0", "1e3", "0x1", "1__0"]) {
    throwsWith(InvalidArgumentError, `invalid literal for int() with base 10: '${key}'`, () =>
      of({ w: { [key]: "a" } }),
    );
  }
});

test("unknown jobs and tasks", () => {
  const text = "No such job in cluster: 'zz'";
  throwsWith(InvalidArgumentError, text, () => dense.numTasks("zz"));
  throwsWith(InvalidArgumentError, text, () => dense.taskIndices("zz"));
  throwsWith(InvalidArgumentError, text, () => dense.taskAddress("zz", 0));
  throwsWith(InvalidArgumentError, text, () => dense.jobTasks("zz"));
  throwsWith(InvalidArgumentError, "No task with index 9 in job 'worker'", () => dense.taskAddress("worker", 9));
  throwsWith(InvalidArgumentError, "No task with index 0 in job 'worker'", () => sparse.taskAddress("worker", 0));
  throwsWith(InvalidArgumentError, "No such job in cluster: '__proto__'", () => dense.numTasks("__proto__"));
});

test("what is no cluster", () => {
  const text =
    "`cluster` must be a dictionary mapping one or more job names to lists of network addresses, or a `ClusterDef` " +
    "protocol buffer";
  for (const value of [["a:1"], null, undefined, "a:1", 3]) throwsWith(TypeError, text, () => of(value));
});

test("jobs and addresses of the wrong type", () => {
  const tasks = "The tasks for job 'w' must be a list or a dictionary from integers to strings.";
  for (const value of ["a:1", 3, null]) throwsWith(TypeError, tasks, () => of({ w: value }));
  throwsWith(TypeError, "Task address 3 must be bytes or unicode", () => of({ w: [3] }));
  throwsWith(TypeError, "Task address None must be bytes or unicode", () => of({ w: [null] }));
  throwsWith(TypeError, "Job name 1 must be bytes or unicode", () => of(new Map([[1, ["a"]]])));
});

test.run();
