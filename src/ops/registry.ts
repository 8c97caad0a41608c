// TensorFlow's op definitions, parsed from their compact form op by op as graphs ask for them.
import type { ArgDef, AttrDef, OpDef, OpRegistry } from "../graph/op-def.js";
import { type DataType, dtypeFromName } from "../tensor/dtype.js";
import { AttrValue, AttrValue_ListValue, TensorProto, TensorShapeProto } from "../wire/core.js";
import { definitions } from "./definitions.generated.js";

type Line = [name: string, inputs: string[], outputs: string[], attrs: AttrLine[], flags: number];
type AttrLine = [
  name: string,
  type: string,
  defaultValue?: [unknown] | null,
  minimum?: number | null,
  allowed?: string[] | null,
];

const STATEFUL = 1;
const COMMUTATIVE = 2;
const AGGREGATE = 4;
const ALLOWS_UNINITIALIZED = 8;
const LACKS_KERNEL = 16;

/** All ops of TensorFlow 2.21, or those of another list in the same form. */
export function createOpRegistry(lines: string = definitions): OpRegistry {
  let index: Map<string, string> | null = null;
  const parsed = new Map<string, OpDef>();
  return {
    find(op) {
      const known = parsed.get(op);
      if (known !== undefined) return known;
      index ??= indexByName(lines);
      const line = index.get(op);
      if (line === undefined) return undefined;
      const definition = parseLine(JSON.parse(line) as Line);
      parsed.set(op, definition);
      return definition;
    },
  };
}

/** The names of all ops of TensorFlow. */
export const opNames = (): Iterable<string> => indexByName(definitions).keys();

function indexByName(lines: string): Map<string, string> {
  const index = new Map<string, string>();
  for (const line of lines.split("\n")) index.set(line.slice(2, line.indexOf('"', 2)), line);
  return index;
}

function parseLine([name, inputs, outputs, attrs, flags]: Line): OpDef {
  return {
    name,
    inputs: inputs.map(parseArg),
    outputs: outputs.map(parseArg),
    attrs: attrs.map(parseAttr),
    isStateful: (flags & STATEFUL) !== 0,
    isCommutative: (flags & COMMUTATIVE) !== 0,
    isAggregate: (flags & AGGREGATE) !== 0,
    allowsUninitializedInput: (flags & ALLOWS_UNINITIALIZED) !== 0,
    lacksKernel: (flags & LACKS_KERNEL) !== 0,
  };
}

function parseArg(text: string): ArgDef {
  const colon = text.indexOf(":");
  let spec = text.slice(colon + 1);
  const isRef = spec.startsWith("&");
  if (isRef) spec = spec.slice(1);
  const star = spec.indexOf("*");
  const numberAttr = star < 0 ? "" : spec.slice(0, star);
  spec = spec.slice(star + 1);
  return {
    name: text.slice(0, colon),
    type: spec.startsWith("$") || spec.startsWith("#") ? 0 : dtypeFromName(spec),
    typeAttr: spec.startsWith("$") ? spec.slice(1) : "",
    numberAttr,
    typeListAttr: spec.startsWith("#") ? spec.slice(1) : "",
    isRef,
  };
}

function parseAttr([name, type, value, minimum, allowed]: AttrLine): AttrDef {
  return {
    name,
    type,
    defaultValue: Array.isArray(value) ? attrValue(type, value[0]) : null,
    minimum: minimum ?? null,
    allowed: !allowed ? null : type.includes("type") ? allowed.map((text): DataType => dtypeFromName(text)) : allowed,
  };
}

const encoder = new TextEncoder();

function attrValue(type: string, json: unknown): AttrValue {
  const value = AttrValue.create();
  if (type.startsWith("list(")) {
    const list = AttrValue_ListValue.create();
    const item = type.slice(5, -1);
    for (const element of json as unknown[]) addTo(list, item, element);
    value.list = list;
    return value;
  }
  if (type === "string") value.s = encoder.encode(json as string);
  else if (type === "int") value.i = BigInt(json as number | string);
  else if (type === "float") value.f = float(json);
  else if (type === "bool") value.b = json as boolean;
  else if (type === "type") value.type = dtypeFromName(json as string);
  else if (type === "shape") value.shape = shape(json);
  else if (type === "tensor") value.tensor = tensor(json);
  return value;
}

function addTo(list: AttrValue_ListValue, type: string, json: unknown): void {
  if (type === "string") list.s.push(encoder.encode(json as string));
  else if (type === "int") list.i.push(BigInt(json as number | string));
  else if (type === "float") list.f.push(float(json));
  else if (type === "bool") list.b.push(json as boolean);
  else if (type === "type") list.type.push(dtypeFromName(json as string));
  else if (type === "shape") list.shape.push(shape(json));
  else if (type === "tensor") list.tensor.push(tensor(json));
}

/** JSON has no infinities and no NaN: they are words. */
const float = (json: unknown): number =>
  typeof json === "number" ? json : Number(String(json).replace("inf", "Infinity"));

function shape(json: unknown): TensorShapeProto {
  const proto = TensorShapeProto.create();
  if (json === null) proto.unknownRank = true;
  else for (const size of json as number[]) proto.dim.push({ size: BigInt(size), name: "" });
  return proto;
}

function tensor(json: unknown): TensorProto {
  const { dtype, shape: dims, ints } = json as { dtype: string; shape: number[]; ints: number[] };
  return {
    ...TensorProto.create(),
    dtype: dtypeFromName(dtype),
    tensorShape: shape(dims),
    intVal: Int32Array.from(ints),
  };
}
