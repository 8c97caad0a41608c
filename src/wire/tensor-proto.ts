// TensorProto, by hand: tensor_content is a view of the message, and numeric lists go straight into typed arrays, since
// these fields are where the bytes are. Everything else of the wire is generated.
import {
  bytesView,
  type Codec,
  codec,
  depthOf,
  halves,
  type Init,
  type Reader,
  readHalves,
  subEnd,
  type Writer,
  writeInt64,
  writeUint64,
} from "./codec.js";
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
  read(r: Reader, end: number, depth: number): TensorProto {
    const m = TensorProto.create();
    while (r.pos < end) {
      const tag = r.uint32();
      const packed = (tag & 7) === 2;
      switch (tag >>> 3) {
        case 1:
          m.dtype = r.int32();
          break;
        case 2:
          m.tensorShape = TensorShapeProto.read(r, subEnd(r, end), depthOf(depth));
          break;
        case 3:
          m.versionNumber = r.int32();
          break;
        case 4:
          m.tensorContent = bytesView(r);
          break;
        case 5:
          m.floatVal = append(m.floatVal, floats(r, end, packed));
          break;
        case 6:
          m.doubleVal = append(m.doubleVal, doubles(r, end, packed));
          break;
        case 7:
          m.intVal = append(m.intVal, ints(r, end, packed));
          break;
        case 8:
          (m.stringVal ??= []).push(bytesView(r));
          break;
        case 9:
          m.scomplexVal = append(m.scomplexVal, floats(r, end, packed));
          break;
        case 10:
          m.int64Val = append(m.int64Val, longs(r, end, packed, BigInt64Array));
          break;
        case 11:
          m.boolVal = append(
            m.boolVal,
            Uint8Array.from(ints(r, end, packed), (v) => Number(v !== 0)),
          );
          break;
        case 12:
          m.dcomplexVal = append(m.dcomplexVal, doubles(r, end, packed));
          break;
        case 13:
          m.halfVal = append(m.halfVal, ints(r, end, packed));
          break;
        case 14:
          (m.resourceHandleVal ??= []).push(ResourceHandleProto.read(r, subEnd(r, end), depthOf(depth)));
          break;
        case 15:
          (m.variantVal ??= []).push(VariantTensorDataProto.read(r, subEnd(r, end), depthOf(depth)));
          break;
        case 16:
          m.uint32Val = append(m.uint32Val, Uint32Array.from(ints(r, end, packed)));
          break;
        case 17:
          m.uint64Val = append(m.uint64Val, longs(r, end, packed, BigUint64Array));
          break;
        case 18:
          m.float8Val = bytesView(r);
          break;
        default:
          r.skipType(tag & 7);
      }
    }
    return m;
  },
  write(m: Init<TensorProto>, w: Writer): Writer {
    if (m.dtype) w.uint32(8).int32(m.dtype);
    if (m.tensorShape !== undefined) TensorShapeProto.write(m.tensorShape, w.uint32(18).fork()).ldelim();
    if (m.versionNumber) w.uint32(24).int32(m.versionNumber);
    if (m.tensorContent) w.uint32(34).bytes(m.tensorContent as Uint8Array);
    pack(w, 5, m.floatVal, (v: number) => w.float(v));
    pack(w, 6, m.doubleVal, (v: number) => w.double(v));
    pack(w, 7, m.intVal, (v: number) => w.int32(v));
    for (const bytes of m.stringVal ?? []) w.uint32(66).bytes(bytes as Uint8Array);
    pack(w, 9, m.scomplexVal, (v: number) => w.float(v));
    pack(w, 10, m.int64Val, (v: bigint) => writeInt64(w, v));
    pack(w, 11, m.boolVal, (v: number) => w.bool(v !== 0));
    pack(w, 12, m.dcomplexVal, (v: number) => w.double(v));
    pack(w, 13, m.halfVal, (v: number) => w.int32(v));
    for (const handle of m.resourceHandleVal ?? []) ResourceHandleProto.write(handle, w.uint32(114).fork()).ldelim();
    for (const variant of m.variantVal ?? []) VariantTensorDataProto.write(variant, w.uint32(122).fork()).ldelim();
    pack(w, 16, m.uint32Val, (v: number) => w.uint32(v));
    pack(w, 17, m.uint64Val, (v: bigint) => writeUint64(w, v));
    if (m.float8Val) w.uint32(146).bytes(m.float8Val as Uint8Array);
    return w;
  },
});

/** Lists come packed in one piece as a rule; several pieces, or single values, are legal. */
function append<L extends List>(list: L | null, more: L): L {
  if (list === null) return more;
  const joined = new (list.constructor as new (length: number) => L)(list.length + more.length);
  joined.set(list as never);
  joined.set(more as never, list.length);
  return joined;
}

function floats(r: Reader, end: number, packed: boolean): Float32Array {
  if (!packed) return Float32Array.of(r.float());
  const stop = subEnd(r, end);
  const bytes = r.buf.slice(r.pos, stop);
  r.pos = stop;
  return new Float32Array(Uint8Array.from(bytes).buffer, 0, bytes.length >>> 2);
}

function doubles(r: Reader, end: number, packed: boolean): Float64Array {
  if (!packed) return Float64Array.of(r.double());
  const stop = subEnd(r, end);
  const bytes = r.buf.slice(r.pos, stop);
  r.pos = stop;
  return new Float64Array(Uint8Array.from(bytes).buffer, 0, bytes.length >>> 3);
}

/** Varints of a packed field end where a byte's top bit is clear: that counts them before they are read. */
function countVarints(r: Reader, stop: number): number {
  let count = 0;
  for (let i = r.pos; i < stop; i++) if (r.buf[i]! < 128) count++;
  return count;
}

function ints(r: Reader, end: number, packed: boolean): Int32Array {
  if (!packed) return Int32Array.of(r.int32());
  const stop = subEnd(r, end);
  const list = new Int32Array(countVarints(r, stop));
  for (let i = 0; i < list.length; i++) list[i] = r.int32();
  r.pos = stop;
  return list;
}

function longs<L extends BigInt64Array | BigUint64Array>(
  r: Reader,
  end: number,
  packed: boolean,
  type: new (buffer: ArrayBuffer) => L,
): L {
  const stop = packed ? subEnd(r, end) : end;
  const count = packed ? countVarints(r, stop) : 1;
  const words = new Uint32Array(2 * count);
  for (let i = 0; i < count; i++) {
    readHalves(r);
    words[2 * i] = halves.low;
    words[2 * i + 1] = halves.high;
  }
  if (packed) r.pos = stop;
  return new type(words.buffer);
}

function pack<V>(w: Writer, field: number, list: unknown, one: (value: V) => void): void {
  const values = list as { readonly length: number; readonly [index: number]: V } | null | undefined;
  if (!values || values.length === 0) return;
  w.uint32((field << 3) | 2).fork();
  for (let i = 0; i < values.length; i++) one(values[i]!);
  w.ldelim();
}
