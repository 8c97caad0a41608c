// Variants on the wire: the values that travel between tasks, as TensorFlow packs them (VariantTensorDataProto), so that
// a task of either kind can go on with them. What comes from the network is checked before a value is made of it.
import { InvalidArgumentError } from "../errors/index.js";
import { shapeOf } from "../graph/attr.js";
import type { Allocator } from "../memory/allocator.js";
import type { Heap } from "../memory/heap.js";
import { DataType, dtypeName, isKnownDtype } from "../tensor/dtype.js";
import { packStrings, tensorFromProto, tensorView, unpackStrings, type ValueCodec } from "../tensor/proto.js";
import { type Counted, MAX_VALUES, type Tensor, type Value } from "../tensor/tensor.js";
import { Reader, Writer } from "../wire/codec.js";
import { type TensorProto, TensorShapeProto, VariantTensorDataProto } from "../wire/core.js";
import { Optional } from "./optional.js";
import { TensorList } from "./tensor-list.js";

const LIST = "tensorflow::TensorList";
const OPTIONAL = "tensorflow::data::Optional";
/** Lists within lists that a message may bring. */
const MAX_DEPTH = 32;

export const variantCodec: ValueCodec = codecAt(0);

function codecAt(depth: number): ValueCodec {
  return {
    decode(proto, size, allocator) {
      if (proto.dtype !== DataType.VARIANT) throw invalid(`a ${dtypeName(proto.dtype)} here`);
      if (depth > MAX_DEPTH) throw invalid(`variants nested deeper than ${MAX_DEPTH}`);
      const { tensorContent: content, variantVal } = proto;
      const packed = content !== null && content.length > 0;
      const data = packed
        ? unpackStrings(content, size).map((bytes) => VariantTensorDataProto.decode(bytes))
        : (variantVal ?? []);
      if (data.length !== size) throw invalid(`${data.length} variants for ${size} elements`);
      return all(data, (one) => decodeVariant(one, allocator, codecAt(depth + 1)));
    },
    encode(tensor, heap) {
      if (tensor.dtype !== DataType.VARIANT) throw leaves(dtypeName(tensor.dtype));
      const values = tensor.values!.map((value) => encodeVariant(value, heap, codecAt(depth + 1)));
      return { tensorContent: packStrings(values) };
    },
  };
}

function encodeVariant(value: Value, heap: Heap, codec: ValueCodec): Uint8Array {
  const views = (tensors: readonly (Tensor | null)[]) =>
    tensors.filter((tensor) => tensor !== null).map((tensor) => tensorView(tensor, heap, codec));
  if (value instanceof TensorList) {
    const { elements } = value;
    return VariantTensorDataProto.encode({ typeName: LIST, metadata: listMetadata(value), tensors: views(elements) });
  }
  if (value instanceof Optional) {
    const metadata = Uint8Array.of(Number(value.components !== null));
    return VariantTensorDataProto.encode({ typeName: OPTIONAL, metadata, tensors: views(value.components ?? []) });
  }
  throw leaves("variant");
}

/** How many elements were never written and which, the dtype, the limit of elements, the shape of elements. */
function listMetadata({ elements, dtype, maxElements, elementShape }: TensorList): Uint8Array {
  const writer = new Writer();
  const unwritten = [...elements.keys()].filter((i) => elements[i] === null);
  writer.uint32(unwritten.length);
  for (const index of unwritten) writer.uint32(index);
  writer.uint32(dtype).int32(maxElements);
  const dim = (elementShape ?? []).map((size) => ({ size: BigInt(size), name: "" }));
  return TensorShapeProto.write({ dim, unknownRank: elementShape === null }, writer).finish();
}

function decodeVariant(data: VariantTensorDataProto, allocator: Allocator, codec: ValueCodec): Counted & object {
  const tensors = () => all(data.tensors, (proto: TensorProto) => tensorFromProto(proto, allocator, codec));
  switch (data.typeName) {
    case LIST:
      return decodeList(data, tensors);
    case OPTIONAL:
      return new Optional(data.metadata[0] === 1 ? tensors() : null);
    default:
      throw invalid(`a variant of type '${data.typeName}'`);
  }
}

function decodeList({ metadata, tensors: { length } }: VariantTensorDataProto, tensors: () => Tensor[]): TensorList {
  const reader = new Reader(metadata);
  const unwritten = reader.uint32();
  if (unwritten > metadata.length || length + unwritten > MAX_VALUES) throw invalid(`${unwritten} unwritten elements`);
  const places = Array.from({ length: unwritten }, () => reader.uint32());
  const dtype = reader.uint32();
  const maxElements = reader.int32();
  const elementShape = shapeOf(TensorShapeProto.read(reader));
  if (!isKnownDtype(dtype) || dtype > 100) throw invalid(`a list of dtype ${dtype}`);
  const empty = new Set(places);
  if (empty.size !== unwritten || places.some((place) => place >= length + unwritten)) {
    throw invalid("a list whose unwritten elements are elsewhere");
  }
  const written = tensors();
  if (written.some((tensor) => tensor.dtype !== dtype)) {
    for (const tensor of written) tensor.release();
    throw invalid(`a list of ${dtypeName(dtype)} with other elements`);
  }
  let next = 0;
  const elements = Array.from({ length: length + unwritten }, (_, i) => (empty.has(i) ? null : written[next++]!));
  return new TensorList(dtype, elementShape, elements, maxElements);
}

/** All or none: when one is refused, those before it are let go. */
function all<P, V extends { release(): void }>(from: readonly P[], make: (one: P) => V): V[] {
  const made: V[] = [];
  try {
    for (const one of from) made.push(make(one));
  } catch (error) {
    for (const one of made) one.release();
    throw error;
  }
  return made;
}

const invalid = (what: string): Error => new InvalidArgumentError(`Invalid TensorProto: ${what}`);
const leaves = (what: string): Error => new InvalidArgumentError(`A tensor of type ${what} can't leave its task`);
