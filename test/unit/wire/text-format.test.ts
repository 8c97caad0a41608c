// Text and JSON forms of messages, against texts that TensorFlow's own servers and tools gave.
import * as assert from "uvu/assert";
import { InvalidArgumentError } from "../../../src/errors/index.js";
import { type ConfigProto, GraphDef, NodeDef, ServerDef } from "../../../src/wire/core.js";
import { fieldsOf } from "../../../src/wire/descriptor.js";
import { messageFromJson } from "../../../src/wire/json-format.js";
import { CreateSessionRequest, RunStepRequest, RunStepResponse } from "../../../src/wire/master.js";
import { printText } from "../../../src/wire/text-format.js";
import { parseText } from "../../../src/wire/text-parser.js";
import { RunGraphRequest, RunGraphResponse } from "../../../src/wire/worker.js";
import { codecs, recording, recordings } from "../../support/recordings.js";
import { test } from "../../support/suite.js";

const singleLine = { singleLine: true };
const invalid = (text: RegExp) => (error: unknown) =>
  error instanceof InvalidArgumentError && text.test((error as Error).message);

/** What a real server printed for a ServerDef of an unknown protocol. */
const SERVER_DEF = String.raw`cluster {
  job {
    name: "p"
    tasks {
      key: 0
      value: "c:3"
    }
  }
  job {
    name: "w"
    tasks {
      key: 0
      value: "127.0.0.1:1"
    }
    tasks {
      key: 1
      value: "b:2"
    }
  }
}
job_name: "w"
task_index: 1
default_session_config {
  device_count {
    key: "CPU"
    value: 2
  }
  device_filters: "/job:a"
  device_filters: "x\"y\'\n\t\\\001\303\251\342\202\254"
  gpu_options {
    per_process_gpu_memory_fraction: 0.3
  }
  graph_options {
    optimizer_options {
      opt_level: L0
    }
  }
}
protocol: "foo"
`;

test("a real server's text is parsed and printed again to the letter", () => {
  const def = parseText<ServerDef>("ServerDef", SERVER_DEF);
  assert.is(def.defaultSessionConfig!.deviceFilters[1], "x\"y'\n\t\\\x01é€");
  assert.is(def.defaultSessionConfig!.graphOptions!.optimizerOptions!.optLevel, -1);
  assert.is(def.cluster!.job[1]!.tasks.get(1), "b:2");
  assert.is(printText("ServerDef", def), SERVER_DEF);
  assert.equal(ServerDef.decode(ServerDef.encode(def)), def);
});

test("requests that came twice are quoted as real servers quoted them", () => {
  const step = printText("RunStepRequest", recording("28/007 RunStepRequest", RunStepRequest), singleLine);
  const { statusErrorMessage } = recording("28/007 RunStepResponse", RunStepResponse);
  assert.is(statusErrorMessage, `The same RunStep (Master) request was received twice. goo.gle/debugonly  ${step}`);
  const run = printText("RunGraphRequest", recording("35/005 RunGraphRequest", RunGraphRequest), singleLine);
  assert.ok(recording("35/005 RunGraphResponse", RunGraphResponse).statusErrorMessage.endsWith(`  ${run}`));
});

test("numbers are written as C++ writes them", () => {
  const cases: [value: number, double: string, float: string][] = [
    [1 / 3, "0.33333333333333331", "0.333333343"],
    [0.1, "0.1", "0.1"],
    [1e15, "1e+15", "1e+15"],
    [123456789012345680, "1.2345678901234568e+17", "1.23456791e+17"],
    [1e-5, "1e-05", "1e-05"],
    [0.0001, "0.0001", "0.0001"],
    [1e21, "1e+21", "1e+21"],
    [123456.789, "123456.789", "123456.789"],
    [-0, "-0", "-0"],
    [Number.POSITIVE_INFINITY, "inf", "inf"],
    [Number.NEGATIVE_INFINITY, "-inf", "-inf"],
    [Number.NaN, "nan", "nan"],
    [1e6, "1000000", "1e+06"],
    [1e7, "10000000", "1e+07"],
    [0.1 + 0.2, "0.30000000000000004", "0.3"],
  ];
  for (const [value, double, float] of cases) {
    assert.is(printText("DoubleValue", { value }), `value: ${double}\n`);
    assert.is(printText("FloatValue", { value: Math.fround(value) }), `value: ${float}\n`);
  }
  assert.is(printText("DoubleValue", { value: 5e-324 }), "value: 4.94065645841247e-324\n");
});

test("every recorded message comes through print and parse unchanged", () => {
  for (const { name, type, bytes } of recordings) {
    const codec = codecs.get(type)!;
    const message = codec.decode(bytes) as object;
    for (const options of [{}, singleLine]) {
      const parsed = parseText<object>(type, printText(type, message, options));
      assert.is(printText(type, parsed), printText(type, message), name);
      // Text can't tell empty tensor_content from none.
      if (type !== "RecvTensorResponse")
        assert.is(codec.encode(parsed as never).length, codec.encode(message as never).length, name);
    }
  }
});

test("unknown enum values are numbers, empty messages have braces", () => {
  const { attr } = NodeDef.decode(
    NodeDef.encode({
      attr: new Map([
        ["t", { type: 99999 }],
        ["l", { list: {} }],
      ]),
    }),
  );
  assert.is(
    printText("NodeDef", { attr }, singleLine),
    'attr { key: "l" value { list { } } } attr { key: "t" value { type: 99999 } }',
  );
  assert.is(printText("GraphDef", GraphDef.decode(Uint8Array.of(0x22, 0)), singleLine), "versions { }");
});

test("the parser takes all spellings of the format", () => {
  const node = parseText<NodeDef>(
    "NodeDef",
    String.raw`
      name: 'a' "b" # adjacent strings are one
      op: "\x41\102\u00e9\U0001F600\'" ;
      input: ["x", "y:1"], input: "^z"
      attr: < key: "i" value: { i: -0x10 } >
      attr { key: "f" value { f: 1.5f } }
      attr { key: "o" value { i: 017 } }
      attr { key: "inf" value { f: -inf } }
      attr { key: "l" value { list { type: [DT_FLOAT, 3] b: [true, 0, t] f: [] } } }
      attr { value { b: true } key: "b" }`,
  );
  assert.equal([node.name, node.op, node.input], ["ab", "ABé😀'", ["x", "y:1", "^z"]]);
  assert.is(node.attr.get("i")!.i, -16n);
  assert.is(node.attr.get("f")!.f, 1.5);
  assert.is(node.attr.get("o")!.i, 15n);
  assert.is(node.attr.get("inf")!.f, Number.NEGATIVE_INFINITY);
  assert.equal(
    [node.attr.get("l")!.list!.type, node.attr.get("l")!.list!.b],
    [
      [1, 3],
      [true, false, true],
    ],
  );
  assert.is(node.attr.get("b")!.b, true);
});

test("tensors parse into typed arrays", () => {
  const { attr } = parseText<NodeDef>(
    "NodeDef",
    'attr { key: "value" value { tensor { dtype: DT_INT64 int64_val: -1 int64_val: 9223372036854775807 } } }',
  );
  const tensor = attr.get("value")!.tensor!;
  assert.equal(
    [tensor.int64Val, tensor.floatVal, tensor.tensorContent],
    [BigInt64Array.of(-1n, 2n ** 63n - 1n), null, null],
  );
});

test("the parser says where and what is wrong", () => {
  const cases: [text: string, message: RegExp][] = [
    ["job_name: 3", /^1:11: expected a string in quotes/],
    ['\n  jobname: "w"', /^2:3: ServerDef has no field called "jobname"/],
    ['job_name "w"', /^1:10: expected ":" after job_name/],
    ["task_index: 2147483648", /^1:13: 2147483648 is out of range/],
    ["task_index: 1.5", /^1:13: "1.5" is not a whole number/],
    ["cluster {", /^1:10: .*too early/],
    ["cluster { job { } ", /too early/],
    ["cluster { > }", /^1:11: ClusterDef has no field called ">"/],
    ['job_name: "w" job_name: "v"', /^1:15: job_name is given twice/],
    ['job_name: "\\377"', /not UTF-8/],
    ["default_session_config { allow_soft_placement: maybe }", /"maybe" is not true or false/],
    ["default_session_config { gpu_options { per_process_gpu_memory_fraction: x } }", /"x" is not a number/],
    ["job_name: \u0001", /^1:11: unexpected "\\u0001"/],
  ];
  for (const [text, message] of cases) assert.throws(() => parseText("ServerDef", text), invalid(message), text);
  assert.throws(() => parseText("AttrValue", "func { attr { value { ".repeat(200)), invalid(/nest deeper/));
});

test("a ConfigProto comes from JSON in both spellings of names", () => {
  const config = messageFromJson<ConfigProto>("ConfigProto", {
    deviceCount: { CPU: 2 },
    device_filters: ["/job:ps"],
    operationTimeoutInMs: "9007199254740993",
    allow_soft_placement: true,
    gpuOptions: {
      perProcessGpuMemoryFraction: "Infinity",
      experimental: { virtualDevices: [{ memoryLimitMb: [1.5] }] },
    },
    graphOptions: { rewrite_options: { constantFolding: "OFF", remapping: 1, customOptimizers: [] } },
    rpcOptions: null,
  });
  assert.is(config.deviceCount.get("CPU"), 2);
  assert.equal([config.deviceFilters, config.operationTimeoutInMs], [["/job:ps"], 9007199254740993n]);
  assert.is(config.allowSoftPlacement, true);
  assert.is(config.gpuOptions!.perProcessGpuMemoryFraction, Number.POSITIVE_INFINITY);
  assert.equal(config.gpuOptions!.experimental!.virtualDevices[0]!.memoryLimitMb, [1.5]);
  const rewrites = config.graphOptions!.rewriteOptions!;
  assert.equal([rewrites.constantFolding, rewrites.remapping, config.rpcOptions], [2, 1, undefined]);
});

test("bytes in JSON are base64", () => {
  const node = messageFromJson<NodeDef>("NodeDef", { attr: { s: { s: "AP8=" }, u: { s: "-_8" } } });
  assert.equal([node.attr.get("s")!.s, node.attr.get("u")!.s], [Uint8Array.of(0, 255), Uint8Array.of(0xfb, 0xff)]);
});

test("JSON that doesn't fit is refused with the path to it", () => {
  const cases: [json: unknown, message: RegExp][] = [
    [[], /^ConfigProto: expected an object/],
    [{ deviceCounts: {} }, /^ConfigProto: ConfigProto has no field called "deviceCounts"/],
    [{ deviceCount: { CPU: "two" } }, /^ConfigProto\.deviceCount\["CPU"\]: expected a whole number/],
    [{ deviceCount: { CPU: 2 ** 31 } }, /2147483648 is out of range/],
    [{ deviceFilters: "x" }, /^ConfigProto\.deviceFilters: expected a list/],
    [{ deviceFilters: [3] }, /^ConfigProto\.deviceFilters\[0\]: expected a string/],
    [{ allowSoftPlacement: 1 }, /expected true or false/],
    [{ graphOptions: { optimizerOptions: { optLevel: "L9" } } }, /has no value called "L9"/],
    [{ operationTimeoutInMs: 1.5 }, /expected a whole number/],
    [{ gpuOptions: { perProcessGpuMemoryFraction: "much" } }, /expected a number/],
  ];
  for (const [json, message] of cases) {
    assert.throws(() => messageFromJson("ConfigProto", json), invalid(message), JSON.stringify(json));
  }
});

test("names of messages are looked up, never inherited", () => {
  assert.throws(() => fieldsOf("constructor"), /no message is called/);
  assert.throws(() => printText("__proto__", {}), /no message is called/);
  assert.is(fieldsOf("ServerDef").length, 8);
});

test("a whole graph can be printed", () => {
  const { graphDef } = recording("01/000 CreateSessionRequest", CreateSessionRequest);
  const text = printText("GraphDef", graphDef!);
  assert.ok(text.startsWith('node {\n  name: "'), text.slice(0, 40));
  assert.equal(GraphDef.encode(parseText<GraphDef>("GraphDef", text)).length, GraphDef.encode(graphDef!).length);
});

test.run();
