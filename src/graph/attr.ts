// Typed reading of a node's attributes. A missing attribute is NOT_FOUND, one of another type INVALID_ARGUMENT, both
// in TensorFlow's words.
import { InvalidArgumentError, NotFoundError } from "../errors/index.js";
import type { DataType } from "../tensor/dtype.js";
import type { Shape } from "../tensor/shape.js";
import type { AttrValue, AttrValue_ListValue, NameAttrList, TensorProto, TensorShapeProto } from "../wire/core.js";
import type { Node } from "./graph.js";

type Fields = Omit<AttrValue, "list">;
const decoder = new TextDecoder();

function field<K extends keyof Fields>(node: Node, name: string, kind: K, word: string = kind): NonNullable<Fields[K]> {
  const value = attr(node, name)[kind];
  if (value === undefined) throw wrongType(node, name, word);
  return value as NonNullable<Fields[K]>;
}

function list<K extends keyof AttrValue_ListValue>(node: Node, name: string, kind: K): AttrValue_ListValue[K] {
  const value = attr(node, name);
  if (value.list === undefined) throw wrongType(node, name, `list(${kind})`);
  return value.list[kind];
}

function wrongType(node: Node, name: string, expected: string): Error {
  return new InvalidArgumentError(
    `AttrValue of '${name}' had value with another type when '${expected}' was expected\n\t for attr '${name}'` +
      `\n\t; NodeDef: {{node ${node.name}}}`,
  );
}

export function attr(node: Node, name: string): AttrValue {
  const value = node.attrs.get(name);
  if (value === undefined) {
    throw new NotFoundError(`No attr named '${name}' in NodeDef:\n\t [[{{node ${node.name}}}]]`);
  }
  return value;
}

export const bigintAttr = (node: Node, name: string): bigint => field(node, name, "i", "int");
export const intAttr = (node: Node, name: string): number => Number(bigintAttr(node, name));
export const floatAttr = (node: Node, name: string): number => field(node, name, "f", "float");
export const boolAttr = (node: Node, name: string): boolean => field(node, name, "b", "bool");
export const bytesAttr = (node: Node, name: string): Uint8Array => field(node, name, "s", "string");
export const stringAttr = (node: Node, name: string): string => decoder.decode(bytesAttr(node, name));
export const typeAttr = (node: Node, name: string): DataType => field(node, name, "type");
export const shapeAttr = (node: Node, name: string): Shape | null => shapeOf(field(node, name, "shape"));
export const tensorAttr = (node: Node, name: string): TensorProto => field(node, name, "tensor");
export const funcAttr = (node: Node, name: string): NameAttrList => field(node, name, "func");
export const bigintsAttr = (node: Node, name: string): bigint[] => list(node, name, "i");
export const intsAttr = (node: Node, name: string): number[] => bigintsAttr(node, name).map(Number);
export const floatsAttr = (node: Node, name: string): number[] => list(node, name, "f");
export const stringsAttr = (node: Node, name: string): string[] => list(node, name, "s").map((s) => decoder.decode(s));
export const typesAttr = (node: Node, name: string): DataType[] => list(node, name, "type");
export const shapesAttr = (node: Node, name: string): (Shape | null)[] => list(node, name, "shape").map(shapeOf);
export const funcsAttr = (node: Node, name: string): NameAttrList[] => list(node, name, "func");

/** Whether two nodes of one op have the same attributes, all of them scalars: others are not looked into. */
export function sameScalarAttrs(a: Node, b: Node): boolean {
  for (const [name, value] of a.attrs) {
    // What is not of the op's definition is not read by its kernel.
    if (name.startsWith("_")) continue;
    const other = b.attrs.get(name);
    if (other === undefined || !sameScalar(value, other)) return false;
  }
  return true;
}

const sameScalar = (a: AttrValue, b: AttrValue): boolean =>
  (a.type !== undefined && a.type === b.type) ||
  (a.b !== undefined && a.b === b.b) ||
  (a.i !== undefined && a.i === b.i) ||
  (a.f !== undefined && a.f === b.f) ||
  (a.s !== undefined && b.s !== undefined && a.s.length === b.s.length && a.s.every((byte, i) => byte === b.s![i]));

/** −1 where a dimension is unknown, `null` for an unknown rank. */
export function shapeOf(proto: TensorShapeProto): Shape | null {
  return proto.unknownRank ? null : proto.dim.map((dim) => Number(dim.size));
}
