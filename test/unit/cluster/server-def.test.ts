// Which task a server is: defaults, overrides and refusals as TensorFlow's Server has them.
import * as assert from "uvu/assert";
import { ClusterSpec } from "../../../src/cluster/cluster-spec.js";
import {
  checkPeerAddresses,
  deviceNameOfTask,
  ownAddress,
  parseHostPort,
  resolveServerDef,
  taskName,
} from "../../../src/cluster/server-def.js";
import { InternalError, InvalidArgumentError, NotFoundError, UnknownError } from "../../../src/errors/index.js";
import { ServerDef } from "../../../src/wire/core.js";
import { test } from "../../support/suite.js";

const text = (): string => "goo.gle/debugproto   \nTEXT\n";
const two = new ClusterSpec({ w: ["a:1", "b:2"], p: ["c:3"] });
const given = (fields: Partial<ServerDef>): ServerDef => ({
  ...ServerDef.create(),
  cluster: two.asClusterDef(),
  jobName: "w",
  taskIndex: 1,
  ...fields,
});
const summary = ({ jobName, taskIndex, protocol }: ServerDef): unknown[] => [jobName, taskIndex, protocol];
const resolve = (source: unknown, options: object = {}): ServerDef => resolveServerDef(source as never, options);

function throwsWith(kind: new (...args: never[]) => Error, message: string, body: () => unknown): void {
  assert.throws(body, (error: unknown) => {
    assert.instance(error, kind);
    assert.is((error as Error).message, message);
    return true;
  });
}

test("of a cluster alone, what is clear is filled in", () => {
  assert.equal(summary(resolve({ w: ["a:1"] })), ["w", 0, "grpc"]);
  assert.equal(summary(resolve({ w: { 4: "a:1" } })), ["w", 4, "grpc"]);
  assert.equal(summary(resolve(two, { jobName: "p" })), ["p", 0, "grpc"]);
  assert.equal(summary(resolve(two, { jobName: "w", taskIndex: 1, protocol: "x" })), ["w", 1, "x"]);
  assert.equal(summary(resolve({ w: ["a:1"] }, { taskIndex: -1 })), ["w", -1, "grpc"]);
  assert.equal(summary(resolve({ w: ["a"] }, { protocol: "" })), ["w", 0, ""]);
  assert.equal(summary(resolve({ w: ["a:1"] }, { jobName: "zz", taskIndex: 0 })), ["zz", 0, "grpc"]);
  assert.equal(resolve(two.asClusterDef(), { jobName: "p" }).cluster, two.asClusterDef());
});

test("what isn't clear must be said", () => {
  throwsWith(InvalidArgumentError, "Must specify an explicit `task_index`.", () => resolve({ w: ["a:1", "b"] }));
  throwsWith(InvalidArgumentError, "Must specify an explicit `task_index`.", () => resolve({ w: [] }));
  throwsWith(InvalidArgumentError, "Must specify an explicit `job_name`.", () => resolve(two));
  throwsWith(InvalidArgumentError, "Must specify an explicit `job_name`.", () => resolve({}));
  throwsWith(InvalidArgumentError, "No such job in cluster: 'zz'", () => resolve({ w: ["a:1"] }, { jobName: "zz" }));
  throwsWith(InvalidArgumentError, "No such job in cluster: ''", () => resolve({ w: ["a"] }, { jobName: "" }));
});

test("a ServerDef is copied, options override its fields, nothing is filled in", () => {
  const def = given({ port: 7 });
  const resolved = resolve(def);
  assert.equal(resolved, def);
  assert.is.not(resolved, def);
  assert.equal(summary(resolve(def, { jobName: "p" })), ["p", 1, ""]);
  assert.equal(summary(resolve(def, { taskIndex: 0, protocol: "grpc" })), ["w", 0, "grpc"]);
  assert.equal(summary(resolve({ ...ServerDef.create(), cluster: two.asClusterDef() })), ["", 0, ""]);
});

test("a config is merged into the ServerDef's", () => {
  const base = resolve(given({}), {
    config: { deviceCount: new Map([["GPU", 1]]), gpuOptions: { perProcessGpuMemoryFraction: 0.5 } },
  });
  const merged = resolve(base, { config: { deviceCount: new Map([["CPU", 2]]), gpuOptions: { allowGrowth: true } } });
  const { deviceCount, gpuOptions } = merged.defaultSessionConfig!;
  assert.equal(
    [...deviceCount],
    [
      ["GPU", 1],
      ["CPU", 2],
    ],
  );
  assert.equal([gpuOptions!.allowGrowth, gpuOptions!.perProcessGpuMemoryFraction], [true, 0.5]);
  assert.is(base.defaultSessionConfig!.gpuOptions!.allowGrowth, false);
});

test("arguments of the wrong type", () => {
  const convert = "Could not convert `server_or_cluster_def` to a `tf.train.ServerDef` or `tf.train.ClusterSpec`.";
  for (const source of [3, null, "a:1", ["a:1"], { w: 3 }]) throwsWith(TypeError, convert, () => resolve(source));
  throwsWith(InvalidArgumentError, "invalid literal for int() with base 10: 'x'", () => resolve({ w: { x: "a" } }));
  const one = { w: ["a:1"] };
  for (const source of [one, given({})]) {
    const builtin = "bad argument type for built-in operation";
    throwsWith(TypeError, builtin, () => resolve(source, { jobName: 3, taskIndex: 0 }));
    throwsWith(TypeError, builtin, () => resolve(source, { protocol: 3 }));
    const index = (type: string): string => `'${type}' object cannot be interpreted as an integer`;
    throwsWith(TypeError, index("str"), () => resolve(source, { taskIndex: "0" }));
    throwsWith(TypeError, index("float"), () => resolve(source, { taskIndex: 0.5 }));
    throwsWith(InvalidArgumentError, "Value out of range: 3000000000", () => resolve(source, { taskIndex: 3e9 }));
    const merge =
      "Parameter to MergeFrom() must be instance of same class: expected " +
      "<class 'tensorflow.core.protobuf.config_pb2.ConfigProto'> got <class 'int'>.";
    throwsWith(TypeError, merge, () => resolve(source, { config: 3 }));
  }
});

test("the own address", () => {
  const own = (address: string): unknown => ownAddress(resolve({ w: [address] }), text);
  assert.equal(own("127.0.0.1:2222"), { host: "127.0.0.1", port: 2222 });
  assert.equal(own("[::1]:0"), { host: "[::1]", port: 0 });
  assert.equal(own("a:b:0"), { host: "a:b", port: 0 });
  assert.equal(own(":0"), { host: "localhost", port: 0 });
  assert.equal(own("h: 5 "), { host: "h", port: 5 });
  assert.equal(own("h:+0"), { host: "h", port: 0 });
  assert.equal(own("h:-0"), { host: "h", port: 0 });
  for (const address of ["127.0.0.1", "127.0.0.1:xx", "127.0.0.1:", "h:0x0", "h:99999999999", "", "h:2147483648"]) {
    const message = `Could not parse port for local server from "${address}".`;
    throwsWith(InvalidArgumentError, message, () => own(address));
  }
  throwsWith(UnknownError, "Could not start gRPC server", () => own("127.0.0.1:-5"));
});

test("a ServerDef's port counts more than the cluster's address", () => {
  const def = { ...resolve({ w: ["xx"] }), port: 38123 };
  assert.equal(ownAddress(def, text), { host: "localhost", port: 38123 });
  assert.equal(ownAddress({ ...def, replica: 2 }, text), { host: "localhost", port: 38123 });
  checkPeerAddresses(def);
});

test("servers that can't be, in the order in which TensorFlow asks", () => {
  const def = (fields: Partial<ServerDef>): ServerDef => given({ protocol: "grpc", taskIndex: 0, ...fields });
  const at = (fields: Partial<ServerDef>) => (): unknown => ownAddress(def(fields), text);
  throwsWith(InternalError, 'Job "zz" was not defined in cluster', at({ jobName: "zz" }));
  throwsWith(InternalError, 'Job "" was not defined in cluster', at({ jobName: "" }));
  throwsWith(InternalError, 'Job "zz" was not defined in cluster', at({ jobName: "zz", replica: 1 }));
  throwsWith(InternalError, 'Task 7 was not defined in job "w"', at({ taskIndex: 7 }));
  throwsWith(InternalError, 'Task -1 was not defined in job "w"', at({ taskIndex: -1 }));
  throwsWith(InternalError, 'Task 4 was not defined in job "w"', at({ taskIndex: 4, port: 38125 }));
  throwsWith(
    InvalidArgumentError,
    `An explicit server port must be specified when using jobs with multiple replicas: ${text()}`,
    at({ replica: 1 }),
  );
  for (const protocol of ["foo", "", "GRPC"]) {
    throwsWith(
      NotFoundError,
      "No server factory registered for the given ServerDef: goo.gle/debugproto   \nTEXT\n\n" +
        "The available server factories are: [ GRPC_SERVER ]",
      at({ protocol, jobName: "zz" }),
    );
  }
});

test("other tasks' addresses", () => {
  const check = (address: string): void =>
    checkPeerAddresses(resolve({ w: ["127.0.0.1:0", address] }, { taskIndex: 0 }));
  for (const address of ["foo:1", "foo: 1", "foo:+1", "foo:0", "[::1]:5", "::1:5", ":5", "foo:99999", "foo:010"])
    check(address);
  for (const address of ["foo", "foo:-1", "a/b:1", "http://x:1", "dns:///foo:1", ""]) {
    const message = `Could not interpret "${address}" as a host-port pair.`;
    throwsWith(InvalidArgumentError, message, () => check(address));
  }
  for (const address of ["foo:", "foo:x", "foo:4294967296", "foo:0x10"]) {
    throwsWith(InvalidArgumentError, `Failed to parse port.${address}`, () => check(address));
  }
  checkPeerAddresses(resolve({ w: ["127.0.0.1:0", "127.0.0.1:0"] }, { taskIndex: 1 }));
  const job = { name: "w", tasks: new Map([[0, "127.0.0.1:0"]]) };
  const double = given({ cluster: { job: [job, job] } });
  throwsWith(InvalidArgumentError, "Duplicate job ID in cluster specification: w", () => checkPeerAddresses(double));
});

test("names of tasks", () => {
  assert.is(taskName(given({})), "/job:w/replica:0/task:1");
  assert.is(deviceNameOfTask("ps", 3), "/job:ps/replica:0/task:3");
  assert.equal(parseHostPort("h:x"), { host: "h", port: null });
  assert.is(parseHostPort("h"), null);
});

test.run();
