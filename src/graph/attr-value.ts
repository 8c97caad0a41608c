// Attribute values made here, one field set in each.
import type { DataType } from "../tensor/dtype.js";
import type { Shape } from "../tensor/shape.js";
import { AttrValue, AttrValue_ListValue, type NameAttrList, type TensorProto } from "../wire/core.js";

const encoder = new TextEncoder();
const value = (field: Partial<AttrValue>): AttrValue => Object.assign(AttrValue.create(), field);
const list = (field: Partial<AttrValue_ListValue>): AttrValue =>
  value({ list: Object.assign(AttrValue_ListValue.create(), field) });

const bytes = (text: string | Uint8Array): Uint8Array => (typeof text === "string" ? encoder.encode(text) : text);

export const stringValue = (text: string | Uint8Array): AttrValue => value({ s: bytes(text) });
export const intValue = (i: number | bigint): AttrValue => value({ i: BigInt(i) });
export const floatValue = (f: number): AttrValue => value({ f });
export const boolValue = (b: boolean): AttrValue => value({ b });
export const typeValue = (type: DataType): AttrValue => value({ type });
export const tensorValue = (tensor: TensorProto): AttrValue => value({ tensor });
export const funcValue = (func: NameAttrList): AttrValue => value({ func });
export const shapeValue = (shape: Shape | null): AttrValue => value({ shape: shapeProto(shape) });
export const typesValue = (type: readonly DataType[]): AttrValue => list({ type: [...type] });
export const intsValue = (ints: readonly (number | bigint)[]): AttrValue => list({ i: ints.map(BigInt) });
export const floatsValue = (f: readonly number[]): AttrValue => list({ f: [...f] });
export const boolsValue = (b: readonly boolean[]): AttrValue => list({ b: [...b] });
export const stringsValue = (texts: readonly (string | Uint8Array)[]): AttrValue => list({ s: texts.map(bytes) });
export const shapesValue = (shapes: readonly (Shape | null)[]): AttrValue => list({ shape: shapes.map(shapeProto) });
export const tensorsValue = (tensor: readonly TensorProto[]): AttrValue => list({ tensor: [...tensor] });
export const funcsValue = (func: readonly NameAttrList[]): AttrValue => list({ func: [...func] });

const shapeProto = (shape: Shape | null) =>
  shape === null
    ? { dim: [], unknownRank: true }
    : { dim: shape.map((size) => ({ size: BigInt(size), name: "" })), unknownRank: false };
