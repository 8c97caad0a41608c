// TensorProto to Tensor: how many values a typed list gives to how many elements, as TensorFlow's parse_tensor takes
// them, and what is refused before it touches the heap. Every refused or released tensor gives its bytes back.
import * as assert from "uvu/assert";
import { InvalidArgumentError } from "../../../src/errors/index.js";
import { Allocator } from "../../../src/memory/allocator.js";
import { Heap } from "../../../src/memory/heap.js";
import { DataType } from "../../../src/tensor/dtype.js";
import { tensorFromProto } from "../../../src/tensor/proto.js";
import { TensorProto } from "../../../src/wire/core.js";
import { test } from "../../support/suite.js";

const heap = new Heap(new WebAssembly.Memory({ initial: 16, maximum: 64 }), 1024);
const allocator = new Allocator(heap);

type Fields = Parameters<typeof TensorProto.encode>[0];

/** The bytes of a tensor that is gone again. */
function bytesOf(dtype: DataType, dims: readonly bigint[], fields: Fields): Uint8Array {
  const tensor = tensorFromProto(proto(dtype, dims, fields), allocator);
  const bytes = heap.u8.slice(tensor.ptr, tensor.ptr + tensor.bytes);
  tensor.release();
  assert.is(allocator.bytesInUse, 0);
  return bytes;
}

const proto = (dtype: DataType, dims: readonly bigint[], fields: Fields): TensorProto =>
  TensorProto.decode(TensorProto.encode({ dtype, tensorShape: { dim: dims.map((size) => ({ size })) }, ...fields }));

const floats = (bytes: Uint8Array): number[] => [...new Float32Array(bytes.buffer)];

test("the last value repeats, values without an element are dropped", () => {
  const floatVal = Float32Array.of(1, 2, 3);
  assert.equal(floats(bytesOf(DataType.FLOAT, [5n], { floatVal })), [1, 2, 3, 3, 3]);
  assert.equal(floats(bytesOf(DataType.FLOAT, [2n], { floatVal })), [1, 2]);
  assert.equal(floats(bytesOf(DataType.FLOAT, [0n], { floatVal })), []);
  assert.equal(floats(bytesOf(DataType.FLOAT, [3n], {})), [0, 0, 0]);
});

test("half a complex number is none", () => {
  const odd = (count: number): Fields => ({ scomplexVal: Float32Array.from({ length: count }, (_, i) => i + 1) });
  assert.equal(floats(bytesOf(DataType.COMPLEX64, [2n], odd(3))), [1, 2, 1, 2]);
  assert.equal(floats(bytesOf(DataType.COMPLEX64, [2n], odd(1))), [0, 0, 0, 0]);
  assert.equal(floats(bytesOf(DataType.COMPLEX64, [1n], odd(5))), [1, 2]);
  const wide = bytesOf(DataType.COMPLEX128, [2n], { dcomplexVal: Float64Array.of(1, 2, 3) });
  assert.equal([...new Float64Array(wide.buffer)], [1, 2, 1, 2]);
});

test("small integers keep their low bits", () => {
  assert.equal([...bytesOf(DataType.INT8, [3n], { intVal: Int32Array.of(300, 1000) })], [44, 232, 232]);
});

test("strings repeat and are dropped as numbers are", () => {
  const strings = (dims: bigint[], stringVal: Uint8Array[]) => {
    const tensor = tensorFromProto(proto(DataType.STRING, dims, { stringVal }), allocator);
    tensor.release();
    return tensor.values;
  };
  const [a, b] = [Uint8Array.of(97), Uint8Array.of(98)];
  assert.equal(strings([3n], [a, b]), [a, b, b]);
  assert.equal(strings([1n], [a, b]), [a]);
  assert.equal(strings([2n], []), [new Uint8Array(0), new Uint8Array(0)]);
});

test("shapes that no tensor can have are refused and hold nothing", () => {
  const refused = (dtype: DataType, dims: readonly bigint[], fields: Fields = {}) =>
    assert.throws(
      () => tensorFromProto(proto(dtype, dims, fields), allocator),
      (error: unknown) => error instanceof InvalidArgumentError,
      dims.join(),
    );
  refused(DataType.FLOAT, [-1n]);
  refused(DataType.FLOAT, [2n ** 62n, 0n]);
  refused(DataType.FLOAT, [2n ** 32n, 2n ** 32n]);
  refused(DataType.FLOAT, Array<bigint>(255).fill(1n));
  refused(DataType.FLOAT, [2n], { tensorContent: new Uint8Array(4) });
  refused(DataType.STRING, [2n ** 24n + 1n]);
  refused(DataType.STRING, [2n], { tensorContent: Uint8Array.of(1) });
  refused(DataType.STRING, [1n], { tensorContent: Uint8Array.of(200, 200, 1, 0) });
  assert.is(allocator.bytesInUse, 0);
});

test.run();
