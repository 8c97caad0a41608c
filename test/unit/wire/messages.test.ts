// Generated codecs: recorded messages come through unchanged, and fields behave as protobuf has them.
import * as assert from "uvu/assert";
import type { Codec } from "../../../src/wire/core.js";
import {
  AttrValue,
  ConfigProto,
  DeviceAttributes,
  GraphDef,
  NodeDef,
  TensorProto,
  VersionDef,
  WireError,
} from "../../../src/wire/core.js";
import { CreateSessionRequest, RunStepResponse } from "../../../src/wire/master.js";
import { LoggingRequest, RunGraphRequest } from "../../../src/wire/worker.js";
import { codecs, recording, recordings } from "../../support/recordings.js";
import { test } from "../../support/suite.js";

const refused = (error: unknown): boolean => error instanceof WireError;
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

test("every recorded message survives decode, encode, decode", () => {
  assert.ok(recordings.length > 40);
  for (const { name, type, bytes } of recordings) {
    const codec = codecs.get(type)!;
    const message = codec.decode(bytes);
    assert.equal(codec.decode(codec.encode(message as never)), message, name);
  }
});

test("what real peers wrote is written with the same length, but for zeros they needn't write", () => {
  for (const { name, type, bytes } of recordings) {
    if (type === "RecvTensorResponse") continue;
    const codec = codecs.get(type)!;
    assert.is(codec.encode(codec.decode(bytes) as never).length, bytes.length, name);
  }
});

test("a recorded CreateSession reads as the client meant it", () => {
  const { graphDef, config } = recording("01/000 CreateSessionRequest", CreateSessionRequest);
  assert.equal(
    graphDef!.node.map(({ op }) => op),
    ["Const", "Const", "AddV2"],
  );
  assert.is(graphDef!.versions!.producer, 2474);
  assert.is(graphDef!.node[2]!.attr.get("T")!.type, 1);
  assert.is(config!.experimental!.disableOptimizeForStaticGraph, true);
  assert.equal(
    [...config!.deviceCount],
    [
      ["CPU", 1],
      ["GPU", 0],
    ],
  );
});

test("a recorded incarnation keeps its 64 bits", () => {
  const request = recording("35/005 RunGraphRequest", RunGraphRequest);
  assert.is(request.stepId, 777n);
  const device = { name: "d", incarnation: 2n ** 64n - 1n, memoryLimit: -(2n ** 63n) };
  const read = DeviceAttributes.decode(DeviceAttributes.encode(device));
  assert.equal([read.incarnation, read.memoryLimit], [2n ** 64n - 1n, -(2n ** 63n)]);
});

test("fields at their defaults are not written, empty messages are", () => {
  assert.is(GraphDef.encode(GraphDef.create()).length, 0);
  assert.equal([...GraphDef.encode({ versions: {}, version: 0 })], [0x22, 0]);
  assert.equal(GraphDef.decode(bytes(0x22, 0)).versions, VersionDef.create());
  assert.is(GraphDef.decode(bytes()).versions, undefined);
});

test("a member of a oneof is written at its default, and the last one on the wire is set", () => {
  assert.equal([...AttrValue.encode({ b: false })], [0x28, 0]);
  const value = AttrValue.decode(bytes(0x28, 1, 0x18, 5));
  assert.equal([value.b, value.i], [undefined, 5n]);
});

test("a singular message that comes twice is merged", () => {
  const config = (c: Parameters<typeof ConfigProto.encode>[0]): Uint8Array => ConfigProto.encode(c);
  const both = Buffer.concat([
    config({ gpuOptions: { allowGrowth: true, visibleDeviceList: "0" }, deviceFilters: ["a"] }),
    config({ gpuOptions: { visibleDeviceList: "1" }, deviceFilters: ["b"] }),
  ]);
  const { gpuOptions, deviceFilters } = ConfigProto.decode(both);
  assert.equal([gpuOptions!.allowGrowth, gpuOptions!.visibleDeviceList, deviceFilters], [true, "1", ["a", "b"]]);
});

test("numeric lists are read packed and single, and written packed", () => {
  const message = LoggingRequest.decode(bytes(0x18, 1, 0x1a, 2, 2, 3, 0x18, 4));
  assert.equal(message.fetchStepId, [1n, 2n, 3n, 4n]);
  assert.equal([...LoggingRequest.encode(message)], [0x1a, 4, 1, 2, 3, 4]);
});

test("a map takes any key, __proto__ too, and the last of equal ones", () => {
  const attr = new Map([
    ["__proto__", { i: 1n }],
    ["constructor", { i: 2n }],
  ]);
  const node = NodeDef.decode(NodeDef.encode({ attr }));
  assert.equal([...node.attr.keys()], ["__proto__", "constructor"]);
  assert.is(Object.hasOwn(Object.prototype, "i"), false);
  const twice = NodeDef.decode(
    Buffer.concat([NodeDef.encode({ attr }), NodeDef.encode({ attr: new Map([["__proto__", { i: 9n }]]) })]),
  );
  assert.equal([twice.attr.size, twice.attr.get("__proto__")!.i], [2, 9n]);
});

test("entries of a map may lack key and value", () => {
  assert.equal(NodeDef.decode(bytes(0x2a, 0)).attr, new Map([["", AttrValue.create()]]));
});

test("a field of another wire type is an unknown field", () => {
  assert.equal(NodeDef.decode(bytes(0x08, 5)), NodeDef.create());
  assert.equal(VersionDef.decode(bytes(0x0d, 1, 2, 3, 4)), VersionDef.create());
});

test("text of a status comes through in UTF-8", () => {
  const response = RunStepResponse.decode(
    RunStepResponse.encode({ statusCode: 3, statusErrorMessage: "naïve – 日本" }),
  );
  assert.equal([response.statusCode, response.statusErrorMessage], [3, "naïve – 日本"]);
});

test("messages that nest too deep are refused, from bytes of any length", () => {
  let nested = Buffer.alloc(0);
  for (let i = 0; i < 60; i++) {
    // AttrValue.func.attr[""].value: two messages and a map entry a turn.
    const value = Buffer.concat([Buffer.from([0x12]), varint(nested.length), nested]);
    const entry = Buffer.concat([Buffer.from([0x12]), varint(value.length), value]);
    nested = Buffer.concat([Buffer.from([0x52]), varint(entry.length), entry]);
  }
  assert.throws(
    () => AttrValue.decode(nested),
    (e: unknown) => refused(e) && /nest deeper/.test((e as Error).message),
  );
  const lists = Array.from({ length: 100_000 }, () => [0x0a, 0x7f]).flat();
  assert.throws(() => AttrValue.decode(Uint8Array.from(lists)), refused);
});

function varint(value: number): Buffer {
  const out: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 128) return Buffer.from([...out, rest]);
    out.push((rest & 127) | 128);
  }
}

test("a message of too many parts is refused before it fills the memory", () => {
  const many = (unit: number[], count: number): Uint8Array => {
    const out = new Uint8Array(unit.length * count);
    for (let i = 0; i < out.length; i++) out[i] = unit[i % unit.length]!;
    return out;
  };
  const tooMany = (error: unknown): boolean =>
    refused(error) && /more than 4000000 parts/.test((error as Error).message);
  assert.throws(() => CreateSessionRequest.decode(many([0x0a, 0], 4_000_001)), tooMany);
  assert.throws(() => TensorProto.decode(many([0x42, 0], 4_000_001)), tooMany);
  const packed = Buffer.concat([Buffer.from([0x1a]), varint(33_000_000), Buffer.alloc(33_000_000)]);
  assert.throws(() => LoggingRequest.decode(packed), tooMany);
  assert.is(GraphDef.decode(many([0x0a, 0], 1000)).node.length, 1000);
  const ints = Buffer.concat([Buffer.from([0x3a]), varint(33_000_000), Buffer.alloc(33_000_000)]);
  assert.is(TensorProto.decode(ints).intVal!.length, 33_000_000, "lists of tensors are typed arrays, and not bounded");
});

test("a recorded message that is cut anywhere is read or refused, never anything else", () => {
  for (const { name, type, bytes } of recordings) {
    const codec: Codec<unknown> = codecs.get(type)!;
    for (let length = 0; length < bytes.length; length++) {
      try {
        codec.decode(bytes.subarray(0, length));
      } catch (error) {
        assert.ok(refused(error), `${name} cut at ${length}: ${error}`);
      }
    }
  }
});

test("a recorded message with a changed byte is read or refused, and read ones can be written", () => {
  let state = 12345;
  const random = (below: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  let read = 0;
  for (const { name, type, bytes } of recordings) {
    const codec: Codec<unknown> = codecs.get(type)!;
    for (let i = 0; i < 200 && bytes.length > 0; i++) {
      const changed = bytes.slice();
      for (let n = random(3); n >= 0; n--) changed[random(changed.length)] = random(256);
      let message: unknown;
      try {
        message = codec.decode(changed);
      } catch (error) {
        assert.ok(refused(error), `${name}: ${error}`);
        continue;
      }
      read++;
      assert.equal(codec.decode(codec.encode(message as never)), message, name);
    }
  }
  assert.ok(read > 1000, `only ${read} could be read`);
});

test.run();
