// TensorProto, by hand: tensor_content is a view of the message, and numeric lists go straight into typed arrays, since
// these fields are where the bytes are. Everything else of the wire is generated.
import { type Codec, codec, type Init, type Reader, WireError, type Writer } from "./codec.js";
import { ResourceHandleProto, TensorShapeProto, VariantTensorDataProto } from "./generated/core.js";

/** `tensorflow.TensorProto`; `null` is an absent list. */
export interface TensorProto {
  /** A `tensorflow.DataType`. */
  dtype: number;
  tensorShape: TensorShapeProto | undefined;
  versionNumber: number;
  tensorContent: Uint8Array | null;
  halfVal: Int32Array | null;
  floatVal: Float32Array | null;
  doubleVal: Float64Array | null;
  intVal: Int32Array | null;
  stringVal: Uint8Array[] | null;
  scomplexVal: Float32Array | null;
  int64Val: BigInt64Array | null;
  boolVal: Uint8Array | null;
  dcomplexVal: Float64Array | null;
  resourceHandleVal: ResourceHandleProto[] | null;
  variantVal: VariantTensorDataProto[] | null;
  uint32Val: Uint32Array | null;
  uint64Val: BigUint64Array | null;
  float8Val: Uint8Array | null;
}

type List = Int32Array | Uint32Array | Uint8Array | Float32Array | Float64Array | BigInt64Array | BigUint64Array;

export const TensorProto: Codec<TensorProto> = codec({
  create: (): TensorProto => ({
    dtype: 0,
    tensorShape: undefined,
    versionNumber: 0,
    tensorContent: null,
    halfVal: null,
    floatVal: null,
    doubleVal: null,
    intVal: null,
    stringVal: null,
    scomplexVal: null,
    int64Val: null,
    boolVal: null,
    dcomplexVal: null,
    resourceHandleVal: null,
    variantVal: null,
    uint32Val: null,
    uint64Val: null,
    float8Val: null,
  }),
  read(r: Reader, m: TensorProto = TensorProto.create()): TensorProto {
    while (r.pos < r.end) {
      const tag = r.tag();
      switch (tag) {
        case 8:
          m.dtype = r.int32();
          break;
        case 18: {
          const outer = r.open();
          m.tensorShape = TensorShapeProto.read(r, m.tensorShape);
          r.close(outer);
          break;
        }
        case 24:
          m.versionNumber = r.int32();
          break;
        case 34:
          m.tensorContent = r.bytes();
          break;
        case 42:
        case 45:
          m.floatVal = append(m.floatVal, floats(r, tag));
          break;
        case 49:
        case 50:
          m.doubleVal = append(m.doubleVal, doubles(r, tag));
          break;
        case 56:
        case 58:
          m.intVal = append(m.intVal, ints(r, tag, Int32Array));
          break;
        case 66:
          (m.stringVal ??= []).push(r.bytes());
          break;
        case 74:
        case 77:
          m.scomplexVal = append(m.scomplexVal, floats(r, tag));
          break;
        case 80:
        case 82:
          m.int64Val = append(m.int64Val, longs(r, tag, BigInt64Array));
          break;
        case 88:
        case 90:
          m.boolVal = append(m.boolVal, bools(r, tag));
          break;
        case 97:
        case 98:
          m.dcomplexVal = append(m.dcomplexVal, doubles(r, tag));
          break;
        case 104:
        case 106:
          m.halfVal = append(m.halfVal, ints(r, tag, Int32Array));
          break;
        case 114: {
          const outer = r.open();
          (m.resourceHandleVal ??= []).push(ResourceHandleProto.read(r));
          r.close(outer);
          break;
        }
        case 122: {
          const outer = r.open();
          (m.variantVal ??= []).push(VariantTensorDataProto.read(r));
          r.close(outer);
          break;
        }
        case 128:
        case 130:
          m.uint32Val = append(m.uint32Val, ints(r, tag, Uint32Array));
          break;
        case 136:
        case 138:
          m.uint64Val = append(m.uint64Val, longs(r, tag, BigUint64Array));
          break;
        case 146:
          m.float8Val = r.bytes();
          break;
        default:
          r.skip(tag);
      }
    }
    return m;
  },
  write(m: Init<TensorProto>, w: Writer): Writer {
    if (m.dtype) w.uint32(8).int32(m.dtype);
    if (m.tensorShape !== undefined) TensorShapeProto.write(m.tensorShape, w.uint32(18).fork()).ldelim();
    if (m.versionNumber) w.uint32(24).int32(m.versionNumber);
    if (m.tensorContent) w.uint32(34).bytes(m.tensorContent as Uint8Array);
    packRaw(w, 42, m.floatVal);
    packRaw(w, 50, m.doubleVal);
    packInts(w, 58, m.intVal);
    if (m.stringVal) for (const bytes of m.stringVal) w.uint32(66).bytes(bytes as Uint8Array);
    packRaw(w, 74, m.scomplexVal);
    packLongs(w, 82, m.int64Val);
    packBools(w, 90, m.boolVal);
    packRaw(w, 98, m.dcomplexVal);
    packInts(w, 106, m.halfVal);
    if (m.resourceHandleVal) {
      for (const handle of m.resourceHandleVal) ResourceHandleProto.write(handle, w.uint32(114).fork()).ldelim();
    }
    if (m.variantVal) {
      for (const variant of m.variantVal) VariantTensorDataProto.write(variant, w.uint32(122).fork()).ldelim();
    }
    packInts(w, 130, m.uint32Val);
    packLongs(w, 138, m.uint64Val);
    if (m.float8Val) w.uint32(146).bytes(m.float8Val as Uint8Array);
    return w;
  },
});

/**
 * Lists come packed in one piece as a rule; several pieces, or single values, are legal. An empty list is an absent one.
 * Room doubles, so that a message of single values takes time in proportion to its length.
 */
function append<L extends List>(list: L | null, more: L): L | null {
  if (list === null || more.length === 0) return more.length === 0 ? list : more;
  const type = list.constructor as new (buffer: ArrayBufferLike, byteOffset: number, length: number) => L;
  const bytes = list.byteLength + more.byteLength;
  let { buffer } = list;
  if (bytes > buffer.byteLength) {
    buffer = new ArrayBuffer(Math.max(bytes, 2 * buffer.byteLength));
    new type(buffer, 0, list.length).set(list as never);
  }
  const joined = new type(buffer, 0, list.length + more.length);
  joined.set(more as never, list.length);
  return joined;
}

/** The tag of a packed list ends in wire type 2; other tags are of single values. */
const isPacked = (tag: number): boolean => (tag & 7) === 2;

/** Copied: the list may begin anywhere, and typed arrays can't. */
function aligned(r: Reader, size: number): ArrayBuffer {
  const bytes = r.bytes();
  if (bytes.length % size !== 0) throw new WireError("a packed list ends in the middle of a value");
  const copy = new Uint8Array(bytes.length);
  copy.set(bytes);
  return copy.buffer;
}

const floats = (r: Reader, tag: number): Float32Array =>
  isPacked(tag) ? new Float32Array(aligned(r, 4)) : Float32Array.of(r.float());

const doubles = (r: Reader, tag: number): Float64Array =>
  isPacked(tag) ? new Float64Array(aligned(r, 8)) : Float64Array.of(r.double());

/** Varints end where a byte's top bit is clear: that counts them before they are read. */
function countVarints(r: Reader): number {
  const { buf, end } = r;
  let count = 0;
  for (let i = r.pos; i < end; i++) count += (buf[i]! >>> 7) ^ 1;
  if (end > r.pos && buf[end - 1]! > 127) throw new WireError("a varint is cut off");
  return count;
}

function ints<L extends Int32Array | Uint32Array>(r: Reader, tag: number, type: new (length: number) => L): L {
  if (!isPacked(tag)) {
    const one = new type(1);
    one[0] = r.uint32();
    return one;
  }
  const outer = r.open();
  const list = new type(countVarints(r));
  for (let i = 0; i < list.length; i++) list[i] = r.uint32();
  r.close(outer);
  return list;
}

function bools(r: Reader, tag: number): Uint8Array {
  if (!isPacked(tag)) return Uint8Array.of(Number(r.bool()));
  const outer = r.open();
  const list = new Uint8Array(countVarints(r));
  for (let i = 0; i < list.length; i++) list[i] = Number(r.bool());
  r.close(outer);
  return list;
}

function longs<L extends BigInt64Array | BigUint64Array>(
  r: Reader,
  tag: number,
  type: new (buffer: ArrayBuffer) => L,
): L {
  const outer = isPacked(tag) ? r.open() : -1;
  const words = new Uint32Array(2 * (outer < 0 ? 1 : countVarints(r)));
  for (let i = 0; i < words.length; i += 2) {
    words[i] = r.uint32();
    words[i + 1] = r.high;
  }
  if (outer >= 0) r.close(outer);
  return new type(words.buffer);
}

type Maybe<T> = T | null | undefined;

function packRaw(w: Writer, tag: number, list: Maybe<object>): void {
  const values = list as Maybe<Float32Array | Float64Array>;
  if (values && values.length > 0) {
    w.uint32(tag).bytes(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
}

function packInts(w: Writer, tag: number, list: Maybe<object>): void {
  const values = list as Maybe<Int32Array | Uint32Array>;
  if (!values || values.length === 0) return;
  w.uint32(tag).fork();
  if (values instanceof Int32Array) for (let i = 0; i < values.length; i++) w.int32(values[i]!);
  else for (let i = 0; i < values.length; i++) w.uint32(values[i]!);
  w.ldelim();
}

function packLongs(w: Writer, tag: number, list: Maybe<object>): void {
  const values = list as Maybe<BigInt64Array | BigUint64Array>;
  if (!values || values.length === 0) return;
  const words = new Uint32Array(values.buffer, values.byteOffset, 2 * values.length);
  w.uint32(tag).fork();
  for (let i = 0; i < words.length; i += 2) w.varint(words[i]!, words[i + 1]!);
  w.ldelim();
}

function packBools(w: Writer, tag: number, list: Maybe<object>): void {
  const values = list as Maybe<Uint8Array>;
  if (!values || values.length === 0) return;
  w.uint32(tag).fork();
  for (let i = 0; i < values.length; i++) w.bool(values[i] !== 0);
  w.ldelim();
}
