// Attribute values made here, one field set in each.
import type { DataType } from "../tensor/dtype.js";
import type { Shape } from "../tensor/shape.js";
import { AttrValue, AttrValue_ListValue, type NameAttrList, type TensorProto } from "../wire/core.js";

const encoder = new TextEncoder();
const value = (field: Partial<AttrValue>): AttrValue => Object.assign(AttrValue.create(), field);
const list = (field: Partial<AttrValue_ListValue>): AttrValue =>
  value({ list: Object.assign(AttrValue_ListValue.create(), field) });

export const stringValue = (text: string): AttrValue => value({ s: encoder.encode(text) });
export const intValue = (i: number | bigint): AttrValue => value({ i: BigInt(i) });
export const floatValue = (f: number): AttrValue => value({ f });
export const boolValue = (b: boolean): AttrValue => value({ b });
export const typeValue = (type: DataType): AttrValue => value({ type });
export const tensorValue = (tensor: TensorProto): AttrValue => value({ tensor });
export const funcValue = (func: NameAttrList): AttrValue => value({ func });
export const shapeValue = (shape: Shape | null): AttrValue => value({ shape: shapeProto(shape) });
export const typesValue = (type: readonly DataType[]): AttrValue => list({ type: [...type] });
export const intsValue = (ints: readonly (number | bigint)[]): AttrValue => list({ i: ints.map(BigInt) });
export const stringsValue = (texts: readonly string[]): AttrValue => list({ s: texts.map((t) => encoder.encode(t)) });

const shapeProto = (shape: Shape | null) =>
  shape === null
    ? { dim: [], unknownRank: true }
    : { dim: shape.map((size) => ({ size: BigInt(size), name: "" })), unknownRank: false };
