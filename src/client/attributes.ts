// Attributes of ops: plain values in, AttrValues of the kind that the op's definition asks for out.
import { InvalidArgumentError } from "../errors/index.js";
import {
  boolsValue,
  boolValue,
  floatsValue,
  floatValue,
  funcsValue,
  funcValue,
  intsValue,
  intValue,
  shapesValue,
  shapeValue,
  stringsValue,
  stringValue,
  tensorsValue,
  tensorValue,
  typesValue,
  typeValue,
} from "../graph/attr-value.js";
import type { DataType } from "../tensor/dtype.js";
import type { Shape } from "../tensor/shape.js";
import { type AttrValue, NameAttrList } from "../wire/core.js";
import { type Feedable, toTensorValue, valueToProto } from "./values.js";

export type Int = number | bigint;
export type Text = string | Uint8Array;
/** −1 where a dimension is unknown, `null` for an unknown rank. */
export type PartialShape = Shape | null;
/** A function of the graph's library, by name or with attributes of its own. */
export type FunctionAttr = string | NameAttrList;

type Single = Int | boolean | Text | PartialShape | Feedable | NameAttrList;
/** Plain values stand for attributes; the op's definition says of which kind. */
export type AttrInput = Single | readonly Single[] | AttrValue;

const tensorProto = (value: Feedable) => valueToProto(toTensorValue(value));
const func = (value: FunctionAttr): NameAttrList =>
  typeof value === "string" ? { ...NameAttrList.create(), name: value } : value;

/** @param type of the definition: `int`, `list(shape)`, … */
export function attrValue(name: string, type: string, value: AttrInput): AttrValue {
  // An AttrValue has all its fields, one of them set.
  if (typeof value === "object" && value !== null && "placeholder" in value) return value as AttrValue;
  if (type.startsWith("list(") && !Array.isArray(value)) {
    throw new InvalidArgumentError(`Expected list for argument '${name}' not ${JSON.stringify(value)}.`);
  }
  switch (type) {
    case "int":
      return intValue(value as Int);
    case "float":
      return floatValue(value as number);
    case "bool":
      return boolValue(value as boolean);
    case "string":
      return stringValue(value as Text);
    case "type":
      return typeValue(value as DataType);
    case "shape":
      return shapeValue(value as PartialShape);
    case "tensor":
      return tensorValue(tensorProto(value as Feedable));
    case "func":
      return funcValue(func(value as FunctionAttr));
    case "list(int)":
      return intsValue(value as Int[]);
    case "list(float)":
      return floatsValue(value as number[]);
    case "list(bool)":
      return boolsValue(value as boolean[]);
    case "list(string)":
      return stringsValue(value as Text[]);
    case "list(type)":
      return typesValue(value as DataType[]);
    case "list(shape)":
      return shapesValue(value as PartialShape[]);
    case "list(tensor)":
      return tensorsValue((value as Feedable[]).map(tensorProto));
    case "list(func)":
      return funcsValue((value as FunctionAttr[]).map(func));
    default:
      throw new InvalidArgumentError(`Attribute '${name}' has a type of its own: ${type}`);
  }
}
