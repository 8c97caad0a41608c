// Draws a node of a given op: attributes that its definition allows (now and then others), and for each input a feed or
// the small graph that makes a variable, a queue, a list. Must not know what the op computes.
import { boolValue, floatValue, funcValue, intValue, stringValue, typeValue } from "../../src/graph/attr-value.js";
import type { ArgDef, AttrDef, OpDef } from "../../src/graph/op-def.js";
import type { Kernel } from "../../src/kernel/kernel.js";
import { DataType, dtypeFromName, dtypeSize, makeRef } from "../../src/tensor/dtype.js";
import { AttrValue, AttrValue_ListValue, NodeDef, TensorProto } from "../../src/wire/core.js";
import { chance, type Draw, pick, whole } from "./fuzz.js";

export interface FuzzNode {
  readonly nodes: NodeDef[];
  readonly feeds: { readonly name: string; readonly tensor: TensorProto }[];
  /** Nodes to run before it: what gives variables their values. */
  readonly before: string[];
  readonly outputTypes: readonly DataType[];
}

const COMMON = [1, 2, 3, 9, 10].map((type): DataType => type);
const encoder = new TextEncoder();

export function drawNode(draw: Draw, op: OpDef, kernel: Kernel): FuzzNode {
  const attrs = new Map<string, AttrValue>();
  for (const definition of op.attrs) {
    if (definition.defaultValue !== null && !(definition.name in kernel.types) && chance(draw, 55)) continue;
    attrs.set(definition.name, drawAttr(draw, definition, kernel.types[definition.name]));
  }
  const attrOf = (name: string) => attrs.get(name) ?? op.attrs.find((attr) => attr.name === name)?.defaultValue;
  const typesOf = (args: readonly ArgDef[]): DataType[] =>
    args.flatMap((arg) => {
      const list = arg.typeListAttr === "" ? null : (attrOf(arg.typeListAttr)?.list?.type ?? []);
      if (list !== null) return list;
      const type = arg.type !== 0 ? arg.type : (attrOf(arg.typeAttr)?.type ?? 0);
      const count = arg.numberAttr === "" ? 1 : Number(attrOf(arg.numberAttr)?.i ?? 0n);
      return Array.from({ length: Math.min(Math.max(count, 0), 8) }, () => (arg.isRef ? makeRef(type) : type));
    });
  const made: FuzzNode = { nodes: [], feeds: [], before: [], outputTypes: typesOf(op.outputs) };
  const shape = drawShape(draw);
  const input = typesOf(op.inputs).map((type, i) => drawInput(draw, `i${i}`, type, shape, made));
  made.nodes.push({ ...NodeDef.create(), name: "node", op: op.name, input, attr: attrs });
  return made;
}

const add = (made: FuzzNode, name: string, op: string, input: string[], attrs: Record<string, AttrValue>): string => {
  made.nodes.push({ ...NodeDef.create(), name, op, input, attr: new Map(Object.entries(attrs)) });
  return name;
};

function drawInput(draw: Draw, name: string, type: DataType, common: readonly number[], made: FuzzNode): string {
  const shape = chance(draw, 50) ? common : drawShape(draw);
  if (type > 100) return drawVariable(draw, name, type - 100, shape, made, true);
  if (type === DataType.RESOURCE) return drawResource(draw, name, shape, made);
  if (type === DataType.VARIANT) return drawVariant(draw, name, made);
  made.feeds.push({ name: `${name}:0`, tensor: drawTensor(draw, type, shape) });
  return add(made, name, "Placeholder", [], { dtype: typeValue(type) });
}

function drawVariable(
  draw: Draw,
  name: string,
  dtype: DataType,
  shape: readonly number[],
  made: FuzzNode,
  isRef: boolean,
): string {
  const anyShape = Object.assign(AttrValue.create(), { shape: { dim: [], unknownRank: true } });
  add(made, name, isRef ? "VariableV2" : "VarHandleOp", [], { dtype: typeValue(dtype), shape: anyShape });
  if (dtypeSize(dtype) === 0 || chance(draw, 5)) return name;
  const from = `${name}_from`;
  add(made, from, "Placeholder", [], { dtype: typeValue(dtype) });
  made.feeds.push({ name: `${from}:0`, tensor: drawTensor(draw, dtype, shape) });
  if (isRef)
    add(made, `${name}_set`, "Assign", [name, from], { T: typeValue(dtype), validate_shape: boolValue(false) });
  else add(made, `${name}_set`, "AssignVariableOp", [name, from], { dtype: typeValue(dtype) });
  made.before.push(`${name}_set`);
  return name;
}

function drawResource(draw: Draw, name: string, shape: readonly number[], made: FuzzNode): string {
  const typeAttr = [...made.nodes, { attr: new Map<string, AttrValue>() }].at(-1)!.attr.get("dtype")?.type;
  const dtype = typeAttr ?? pick(draw, COMMON);
  const types = Object.assign(AttrValue.create(), {
    list: { ...AttrValue_ListValue.create(), type: [dtype] },
  });
  switch (whole(draw, 0, 5)) {
    case 0:
      return add(made, name, pick(draw, ["FIFOQueueV2", "RandomShuffleQueueV2"]), [], { component_types: types });
    case 1:
      return add(made, name, "HashTableV2", [], { key_dtype: typeValue(9), value_dtype: typeValue(9) });
    case 2:
      add(made, `${name}_size`, "Placeholder", [], { dtype: typeValue(3) });
      made.feeds.push({ name: `${name}_size:0`, tensor: drawTensor(draw, 3, []) });
      return add(made, name, pick(draw, ["StackV2", "TensorArrayV3"]), [`${name}_size`], {
        dtype: typeValue(dtype),
        elem_type: typeValue(dtype),
      });
    default:
      return drawVariable(draw, name, dtype, shape, made, false);
  }
}

function drawVariant(draw: Draw, name: string, made: FuzzNode): string {
  if (chance(draw, 15)) return add(made, name, "OptionalNone", [], {});
  const dtype = pick(draw, COMMON);
  for (const [part, size] of [
    ["shape", chance(draw, 50) ? [whole(draw, 0, 3)] : []],
    ["count", []],
  ] as const) {
    add(made, `${name}_${part}`, "Placeholder", [], { dtype: typeValue(3) });
    made.feeds.push({ name: `${name}_${part}:0`, tensor: drawTensor(draw, 3, size) });
  }
  const attrs = { element_dtype: typeValue(dtype), shape_type: typeValue(3) };
  return add(
    made,
    name,
    pick(draw, ["TensorListReserve", "EmptyTensorList"]),
    [`${name}_shape`, `${name}_count`],
    attrs,
  );
}

export function drawShape(draw: Draw): number[] {
  const rank = pick(draw, [0, 0, 1, 1, 1, 2, 2, 2, 3, 4, 4, 5, 7]);
  return Array.from({ length: rank }, () =>
    chance(draw, 6) ? 0 : chance(draw, 4) ? 33 : whole(draw, 1, rank > 4 ? 2 : 4),
  );
}

const WILD = [-1, -2147483648, 2147483647, 1 << 20, 0x7fff_0000, -33];
const WILD_FLOATS = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 3e38, -0, 1e-40, 0.5];

export function drawTensor(draw: Draw, dtype: DataType, shape: readonly number[]): TensorProto {
  const proto = TensorProto.create();
  proto.dtype = dtype;
  proto.tensorShape = { dim: shape.map((size) => ({ size: BigInt(size), name: "" })), unknownRank: false };
  const size = shape.reduce((product, dim) => product * dim, 1);
  if (dtype === DataType.STRING) {
    const texts = ["", "a", "12", "-7.5e3", "é", "%d %s", "^(a", "\u0000", "YWJj"];
    proto.stringVal = Array.from({ length: size }, () => encoder.encode(pick(draw, texts)));
    return proto;
  }
  const low = chance(draw, 20) ? -3 : 0;
  // Only the first values are drawn, the rest repeat: a large shape costs no more than a small one.
  const drawn = Array.from({ length: Math.min(size, 12) }, () => {
    if (chance(draw, 4)) return pick(draw, isFloat(dtype) ? WILD_FLOATS : WILD);
    return whole(draw, low, 4);
  });
  const values = Array.from({ length: size }, (_, i) => drawn[i % drawn.length]!);
  proto.tensorContent = contentOf(dtype, values);
  return proto;
}

const isFloat = (dtype: DataType): boolean => dtype === DataType.FLOAT || dtype === DataType.DOUBLE;

function contentOf(dtype: DataType, values: readonly number[]): Uint8Array {
  if (dtype === DataType.FLOAT) return new Uint8Array(Float32Array.from(values).buffer);
  if (dtype === DataType.DOUBLE) return new Uint8Array(Float64Array.from(values).buffer);
  if (dtype === DataType.COMPLEX64) return new Uint8Array(Float32Array.from(values.flatMap((v) => [v, 1])).buffer);
  if (dtype === DataType.COMPLEX128) return new Uint8Array(Float64Array.from(values.flatMap((v) => [v, 1])).buffer);
  if (dtype === DataType.BOOL) return Uint8Array.from(values, (value) => value & 1);
  const bytes = dtypeSize(dtype);
  if (bytes === 8) return new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
  if (bytes === 4) return new Uint8Array(Int32Array.from(values).buffer);
  return bytes === 2 ? new Uint8Array(Int16Array.from(values).buffer) : Uint8Array.from(values);
}

function drawAttr(draw: Draw, definition: AttrDef, kernelTypes: readonly string[] | undefined): AttrValue {
  const { type, allowed, minimum } = definition;
  if (type.startsWith("list(")) {
    const length = Math.max(minimum ?? 0, whole(draw, 0, 4)) - (chance(draw, 3) ? 1 : 0);
    const item = { ...definition, type: type.slice(5, -1), minimum: null };
    const list = AttrValue_ListValue.create();
    for (let i = 0; i < length; i++) {
      const value = drawAttr(draw, item, kernelTypes);
      if (value.i !== undefined) list.i.push(value.i);
      if (value.f !== undefined) list.f.push(value.f);
      if (value.s !== undefined) list.s.push(value.s);
      if (value.b !== undefined) list.b.push(value.b);
      if (value.type !== undefined) list.type.push(value.type);
      if (value.shape !== undefined) list.shape.push(value.shape);
      if (value.func !== undefined) list.func.push(value.func);
    }
    return Object.assign(AttrValue.create(), { list });
  }
  switch (type) {
    case "type": {
      const types = kernelTypes?.map(dtypeFromName) ?? (allowed as DataType[] | null) ?? COMMON;
      return typeValue(pick(draw, types));
    }
    case "string":
      return stringValue(allowed !== null ? String(pick(draw, allowed)) : pick(draw, ["", "a", "ij,jk->ik", "%d"]));
    case "int": {
      const low = minimum ?? -2;
      return intValue(chance(draw, 4) ? pick(draw, WILD) : whole(draw, low, Math.max(low, 3)));
    }
    case "float":
      return floatValue(chance(draw, 10) ? pick(draw, WILD_FLOATS) : whole(draw, 0, 4) / 4);
    case "bool":
      return boolValue(chance(draw, 50));
    case "shape": {
      const dim = drawShape(draw).map((size) => ({ size: BigInt(chance(draw, 20) ? -1 : size), name: "" }));
      const unknownRank = chance(draw, 30);
      return Object.assign(AttrValue.create(), { shape: { dim: unknownRank ? [] : dim, unknownRank } });
    }
    case "tensor":
      return Object.assign(AttrValue.create(), { tensor: drawTensor(draw, pick(draw, COMMON), drawShape(draw)) });
    case "func":
      return funcValue({ name: pick(draw, ["negate", "negate", "nope"]), attr: new Map() });
    default:
      return AttrValue.create();
  }
}
