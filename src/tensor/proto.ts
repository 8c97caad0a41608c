// TensorProto to Tensor and back, in every form that TensorFlow writes: raw content, typed lists (where the last value
// repeats), packed strings. What comes from the network is checked before it touches the heap.
import { InvalidArgumentError } from "../errors/index.js";
import type { Allocator } from "../memory/allocator.js";
import type { Heap } from "../memory/heap.js";
import { copyBytes } from "../platform/copy.js";
import { type TensorProto, TensorProto as TensorProtoCodec, type TensorShapeProto } from "../wire/core.js";
import { DataType, dtypeName, dtypeSize, isKnownDtype } from "./dtype.js";
import { numElements, type Shape, shapeString } from "./shape.js";
import { allocateTensor, exhausted, MAX_VALUES, Tensor, tensorOfValues, type Value } from "./tensor.js";

/** Elements that a shape from the network may ask for: what 4 GiB of bytes can hold. */
const MAX_ELEMENTS = 2 ** 32;

/** Turns values that only a device can make (resources, variants) into elements. */
export interface ValueCodec {
  /** @param size elements that the proto's shape asks for */
  decode(proto: TensorProto, size: number, allocator: Allocator): Value[];
  encode(tensor: Tensor, heap: Heap): Partial<TensorProto>;
}

/** @throws InvalidArgumentError for a malformed proto, ResourceExhaustedError when memory is short. Held once. */
export function tensorFromProto(proto: TensorProto, allocator: Allocator, codec?: ValueCodec): Tensor {
  const { dtype } = proto;
  if (!isKnownDtype(dtype) || dtype > 100) throw invalid(`dtype ${dtype}`);
  const shape = shapeFromProto(proto.tensorShape);
  const size = numElements(shape);
  if (dtype === DataType.STRING) {
    return tensorOfValues(allocator, dtype, shape, strings(proto, size)) ?? exhausted(dtype, shape);
  }
  if (dtypeSize(dtype) === 0) {
    if (codec === undefined) throw invalid(`a ${dtypeName(dtype)} here`);
    return Tensor.ofValues(dtype, shape, codec.decode(proto, size, allocator));
  }
  const bytes = size * dtypeSize(dtype);
  const content = proto.tensorContent;
  if (content !== null && content.length > 0 && content.length !== bytes) {
    throw invalid(`content of ${content.length} bytes for shape ${shapeString(shape)}`);
  }
  const values = content !== null && content.length > 0 ? null : valueBytes(proto, size);
  const tensor = allocateTensor(allocator, dtype, shape) ?? exhausted(dtype, shape);
  if (size === 0) return tensor;
  const { u8 } = allocator.heap;
  if (values === null) copyBytes(content!, u8, tensor.ptr);
  else {
    copyBytes(values, u8, tensor.ptr);
    fillRest(u8, tensor.ptr, values.length, bytes, dtypeSize(dtype));
  }
  return tensor;
}

/**
 * All or none: when one is refused, those before it are let go. One hold each passes to the caller.
 * @param explain what to throw instead of the error of the proto at this index
 */
export function tensorsFromProtos(
  protos: readonly TensorProto[],
  allocator: Allocator,
  explain: (error: unknown, index: number) => unknown = (error) => error,
): Tensor[] {
  const tensors: Tensor[] = [];
  try {
    for (const proto of protos) tensors.push(tensorFromProto(proto, allocator));
  } catch (error) {
    for (const tensor of tensors) tensor.release();
    throw explain(error, tensors.length);
  }
  return tensors;
}

export function shapeFromProto(proto: TensorShapeProto | undefined): Shape {
  if (proto === undefined) return [];
  if (proto.unknownRank) throw invalid("unknown rank");
  if (proto.dim.length > 254) throw invalid(`rank ${proto.dim.length}`);
  const shape = proto.dim.map((dim) => Number(dim.size));
  const broken = shape.some((dim) => dim < 0 || !Number.isSafeInteger(dim));
  if (broken || numElements(shape) > MAX_ELEMENTS) throw invalid(`shape ${shapeString(shape)}`);
  return shape;
}

export const shapeToProto = (shape: Shape): TensorShapeProto => ({
  dim: shape.map((size) => ({ size: BigInt(size), name: "" })),
  unknownRank: false,
});

/**
 * The form that TensorFlow's RecvTensor and feeds use: raw content, strings packed into it. The content is a view of
 * the heap: encode the proto before anything else can touch the tensor.
 */
export function tensorView(tensor: Tensor, heap: Heap, codec?: ValueCodec): TensorProto {
  const proto = TensorProtoCodec.create();
  proto.dtype = tensor.dtype;
  proto.tensorShape = shapeToProto(tensor.shape);
  if (tensor.values === null) proto.tensorContent = heap.u8.subarray(tensor.ptr, tensor.ptr + tensor.bytes);
  else if (tensor.dtype === DataType.STRING) proto.tensorContent = packStrings(tensor.values as Uint8Array[]);
  else if (codec !== undefined) Object.assign(proto, codec.encode(tensor, heap));
  return proto;
}

const invalid = (what: string): Error => new InvalidArgumentError(`Invalid TensorProto: ${what}`);

/** Bytes of the leading values of a typed list, of whole elements only, as many as the tensor has room for. */
function valueBytes(proto: TensorProto, size: number): Uint8Array {
  const { buffer, byteOffset, byteLength } = listOf(proto);
  const elementSize = dtypeSize(proto.dtype);
  const given = Math.floor(byteLength / elementSize);
  return new Uint8Array(buffer, byteOffset, Math.min(given, size) * elementSize);
}

function listOf(proto: TensorProto): ArrayBufferView {
  switch (proto.dtype) {
    case DataType.FLOAT:
      return proto.floatVal ?? new Float32Array(0);
    case DataType.DOUBLE:
      return proto.doubleVal ?? new Float64Array(0);
    case DataType.INT32:
    case DataType.QINT32:
      return proto.intVal ?? new Int32Array(0);
    case DataType.INT64:
      return proto.int64Val ?? new BigInt64Array(0);
    case DataType.UINT32:
      return proto.uint32Val ?? new Uint32Array(0);
    case DataType.UINT64:
      return proto.uint64Val ?? new BigUint64Array(0);
    case DataType.BOOL:
      return proto.boolVal ?? new Uint8Array(0);
    case DataType.INT16:
    case DataType.QINT16:
      return Int16Array.from(proto.intVal ?? []);
    case DataType.UINT16:
    case DataType.QUINT16:
      return Uint16Array.from(proto.intVal ?? []);
    case DataType.HALF:
    case DataType.BFLOAT16:
      return Uint16Array.from(proto.halfVal ?? []);
    case DataType.COMPLEX64:
      return proto.scomplexVal ?? new Float32Array(0);
    case DataType.COMPLEX128:
      return proto.dcomplexVal ?? new Float64Array(0);
    default:
      if (dtypeSize(proto.dtype) !== 1) throw invalid(dtypeName(proto.dtype));
      return proto.float8Val ?? Uint8Array.from(proto.intVal ?? []);
  }
}

function fillRest(u8: Uint8Array, ptr: number, written: number, bytes: number, elementSize: number): void {
  if (written === 0) {
    u8.fill(0, ptr, ptr + bytes);
    return;
  }
  if (written === bytes) return;
  u8.copyWithin(ptr + written, ptr + written - elementSize, ptr + written);
  // Doubling: the filled part is a run of the last element.
  const start = ptr + written - elementSize;
  for (let run = 2 * elementSize; start + run < ptr + bytes; ) {
    const more = Math.min(run, ptr + bytes - start - run);
    u8.copyWithin(start + run, start, start + more);
    run += more;
  }
}

function strings(proto: TensorProto, size: number): Uint8Array[] {
  if (proto.tensorContent !== null && proto.tensorContent.length > 0) return unpackStrings(proto.tensorContent, size);
  const given = proto.stringVal ?? [];
  if (size > MAX_VALUES && given.length < size) throw invalid(`${size} strings from ${given.length}`);
  const values = given.slice(0, size).map((value) => Uint8Array.from(value));
  const last = values.at(-1) ?? new Uint8Array(0);
  while (values.length < size) values.push(last);
  return values;
}

/** All lengths as varints, then all bytes. */
export function unpackStrings(content: Uint8Array, size: number): Uint8Array[] {
  if (size > content.length) throw invalid(`${size} strings in ${content.length} bytes`);
  const lengths = new Float64Array(size);
  let at = 0;
  for (let i = 0; i < size; i++) {
    let shift = 1;
    let byte: number;
    do {
      if (at >= content.length || shift > 2 ** 35) throw invalid("string lengths are cut off");
      byte = content[at++]!;
      lengths[i]! += (byte & 127) * shift;
      shift *= 128;
    } while (byte >= 128);
  }
  return Array.from(lengths, (length) => {
    if (at + length > content.length) throw invalid("strings are cut off");
    at += length;
    return content.slice(at - length, at);
  });
}

export function packStrings(values: readonly Uint8Array[]): Uint8Array {
  const head: number[] = [];
  let total = 0;
  for (const value of values) {
    let length = value.length;
    total += length;
    while (length >= 128) {
      head.push((length & 127) | 128);
      length = Math.floor(length / 128);
    }
    head.push(length);
  }
  const content = new Uint8Array(head.length + total);
  content.set(head);
  let at = head.length;
  for (const value of values) {
    content.set(value, at);
    at += value.length;
  }
  return content;
}
