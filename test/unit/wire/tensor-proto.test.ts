// TensorProto's hand-written codec: typed arrays for lists, a view for the content, every dtype's recorded form.
import * as assert from "uvu/assert";
import { TensorProto, WireError } from "../../../src/wire/core.js";
import { RecvTensorResponse } from "../../../src/wire/worker.js";
import { recording, recordings } from "../../support/recordings.js";
import { test } from "../../support/suite.js";

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const refused = (error: unknown): boolean => error instanceof WireError;
const again = (init: Parameters<typeof TensorProto.encode>[0]): TensorProto =>
  TensorProto.decode(TensorProto.encode(init));

const lists = {
  floatVal: Float32Array.of(0, -0, 1.5, Number.NaN, Number.POSITIVE_INFINITY),
  doubleVal: Float64Array.of(0.1, -5e-324, Number.NEGATIVE_INFINITY),
  intVal: Int32Array.of(0, 1, -1, 2 ** 31 - 1, -(2 ** 31)),
  int64Val: BigInt64Array.of(0n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n),
  uint32Val: Uint32Array.of(0, 2 ** 32 - 1, 128),
  uint64Val: BigUint64Array.of(0n, 2n ** 64n - 1n, 2n ** 63n),
  boolVal: Uint8Array.of(1, 0, 1),
  halfVal: Int32Array.of(0x3c00, 0xffff),
  scomplexVal: Float32Array.of(1, -2),
  dcomplexVal: Float64Array.of(1, -2),
};

/** Of the same class and with the same bits: NaN and −0 too. */
function same(got: unknown, wanted: ArrayBufferView, key: string): void {
  assert.is((got as object).constructor, wanted.constructor, key);
  const bits = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Buffer =>
    Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
  assert.is(Buffer.compare(bits(got as ArrayBufferView), bits(wanted)), 0, key);
}

test("every list comes back as the typed array that it was", () => {
  const all = again(lists);
  for (const [key, list] of Object.entries(lists)) {
    same(all[key as keyof TensorProto], list, key);
    same(again({ [key]: list })[key as keyof TensorProto], list, key);
  }
  assert.is(again({}).floatVal, null);
});

test("a list that begins at an odd place, or is a view, is read and written right", () => {
  const floats = new Float32Array(new Float32Array([9, 1, 2, 9]).buffer, 4, 2);
  const encoded = TensorProto.encode({ versionNumber: 1, floatVal: floats });
  const shifted = new Uint8Array(encoded.length + 1);
  shifted.set(encoded, 1);
  assert.equal(TensorProto.decode(shifted.subarray(1)).floatVal, Float32Array.of(1, 2));
});

test("single values and several packed pieces make one list", () => {
  const proto = TensorProto.decode(bytes(0x50, 1, 0x52, 2, 2, 3, 0x50, 4, 0x38, 5, 0x58, 1, 0x2d, 0, 0, 128, 63));
  assert.equal(proto.int64Val, BigInt64Array.of(1n, 2n, 3n, 4n));
  assert.equal(proto.intVal, Int32Array.of(5));
  assert.equal(proto.boolVal, Uint8Array.of(1));
  assert.equal(proto.floatVal, Float32Array.of(1));
});

test("a long list of single values takes time in proportion to its length", () => {
  const count = 300_000;
  const message = new Uint8Array(5 * count);
  for (let i = 0; i < message.length; i += 5) message.set([0x2d, 0, 0, 128, 63], i);
  const began = performance.now();
  const { floatVal } = TensorProto.decode(message);
  assert.is(floatVal!.length, count);
  assert.ok(floatVal!.every((value) => value === 1));
  assert.ok(performance.now() - began < 2_000, "copied once for each value it takes half a minute");
});

test("tensor_content is a view of the message; empty is not absent", () => {
  const content = new Uint8Array(10_000).map((_, i) => i);
  const encoded = TensorProto.encode({ dtype: 1, tensorContent: content });
  const proto = TensorProto.decode(encoded);
  assert.is(proto.tensorContent!.buffer, encoded.buffer);
  assert.equal(proto.tensorContent, content);
  assert.is(again({ tensorContent: new Uint8Array(0) }).tensorContent!.length, 0);
  assert.is(again({ dtype: 1 }).tensorContent, null);
});

test("an encoded message does not change with the tensor that it was made of", () => {
  const content = new Uint8Array(10_000).fill(7);
  const encoded = TensorProto.encode({ tensorContent: content });
  content.fill(8);
  assert.is(TensorProto.decode(encoded).tensorContent![9_999], 7);
});

test("a shape of unknown rank, of rank 0 and with unknown sizes", () => {
  assert.is(again({ tensorShape: { unknownRank: true } }).tensorShape!.unknownRank, true);
  assert.equal(again({ tensorShape: {} }).tensorShape!.dim, []);
  assert.is(again({}).tensorShape, undefined);
  const dim = [{ size: -1n }, { size: 0n }, { size: 2n ** 40n, name: "x" }];
  assert.equal(
    again({ tensorShape: { dim } }).tensorShape!.dim.map(({ size }) => size),
    [-1n, 0n, 2n ** 40n],
  );
});

test("strings, resource handles and variants", () => {
  const strings = [bytes(), bytes(255, 0), bytes(97)];
  assert.equal(again({ stringVal: strings }).stringVal, strings);
  const handle = again({ resourceHandleVal: [{ name: "v", hashCode: 2n ** 64n - 1n }] }).resourceHandleVal![0]!;
  assert.equal([handle.name, handle.hashCode], ["v", 2n ** 64n - 1n]);
  const inner = { dtype: 9, int64Val: BigInt64Array.of(-5n) };
  const variant = again({ variantVal: [{ typeName: "list", metadata: bytes(1), tensors: [inner] }] }).variantVal![0]!;
  assert.equal([variant.typeName, variant.tensors[0]!.int64Val![0]], ["list", -5n]);
});

test("recorded answers of every dtype hold as many bytes as their shape says", () => {
  const answers = recordings.filter(({ name }) => name.startsWith("34/"));
  assert.ok(answers.length >= 20);
  const sizes: Record<number, number> = {
    1: 4,
    2: 8,
    3: 4,
    4: 1,
    5: 2,
    9: 8,
    10: 1,
    14: 2,
    18: 16,
    19: 2,
    23: 8,
    29: 1,
  };
  let checked = 0;
  for (const { bytes } of answers) {
    const { tensor } = RecvTensorResponse.decode(bytes);
    const size = sizes[tensor!.dtype];
    if (size === undefined) continue;
    const elements = (tensor!.tensorShape?.dim ?? []).reduce((product, { size: d }) => product * Number(d), 1);
    assert.is(tensor!.tensorContent!.length, size * elements, `dtype ${tensor!.dtype}`);
    checked++;
  }
  assert.is(checked, Object.keys(sizes).length);
});

test("a recorded dead tensor, whose fields come in another order", () => {
  const response = recording("18/011 RecvTensorResponse", RecvTensorResponse);
  assert.is(response.isDead, true);
  assert.ok(response.sendStartMicros > 2n ** 50n);
  assert.equal([response.tensor!.dtype, response.tensor!.tensorShape!.dim[0]!.size], [1, 0n]);
  assert.is(response.tensor!.tensorContent!.length, 0);
});

test("hostile lists are refused", () => {
  assert.throws(() => TensorProto.decode(bytes(0x2a, 3, 0, 0, 0)), refused, "three quarters of a float");
  assert.throws(() => TensorProto.decode(bytes(0x32, 7, 0, 0, 0, 0, 0, 0, 0)), refused, "seven eighths of a double");
  assert.throws(() => TensorProto.decode(bytes(0x52, 2, 1, 0x80)), refused, "a cut varint");
  assert.throws(() => TensorProto.decode(bytes(0x52, 11, ...Array(10).fill(0xff), 1)), refused, "a varint of 11 bytes");
  assert.throws(() => TensorProto.decode(bytes(0x22, 0xff, 0xff, 0xff, 0xff, 0x0f)), refused, "4 GiB of content");
});

test.run();
