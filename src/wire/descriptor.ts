// Messages as data: which fields a message has and how each is written in text. What the generated tables hold, and the
// look-ups that the text and JSON formats share. Apart from the codecs: a bundle that needs no text carries none of it.
import { ENUMS, MESSAGES } from "./generated/descriptors.js";

export type Label = "single" | "optional" | "repeated" | "map";

/** Number, name, type (a scalar's, or the name of a message or an enum), how often, the type of a map's keys. */
export type FieldRow = readonly [number: number, name: string, type: string, label: Label, keyType?: string];

export interface Field {
  readonly number: number;
  /** As the .proto file has it. */
  readonly name: string;
  /** As the decoded message has it, which is also its name in JSON. */
  readonly key: string;
  readonly type: string;
  readonly label: Label;
  readonly keyType: string;
}

/** A decoded message whose type is known by name only. */
export type Fields = Record<string, unknown>;

export const isMessage = (type: string): boolean => Object.hasOwn(MESSAGES, type);

export const camelCase = (name: string): string => name.replace(/_+([a-z0-9])/g, (_, c: string) => c.toUpperCase());

/** Rows as they are looked at again and again; they never change. */
const known = new Map<string, readonly Field[]>();

/** In the order of their numbers. @throws RangeError for a type that isn't in protos/ */
export function fieldsOf(type: string): readonly Field[] {
  let fields = known.get(type);
  if (fields === undefined) {
    if (!isMessage(type)) throw new RangeError(`no message is called ${type}`);
    fields = MESSAGES[type]!.map(fieldOf).sort((a, b) => a.number - b.number);
    known.set(type, fields);
  }
  return fields;
}

const fieldOf = ([number, name, type, label, keyType = ""]: FieldRow): Field => ({
  number,
  name,
  key: camelCase(name),
  type,
  label,
  keyType,
});

/** `null` for a type that is no enum. */
export const enumOf = (type: string): Readonly<Record<string, number>> | null =>
  Object.hasOwn(ENUMS, type) ? ENUMS[type]! : null;

export function enumName(type: string, value: number): string | null {
  for (const [name, number] of Object.entries(enumOf(type) ?? {})) if (number === value) return name;
  return null;
}

const WIDE = new Set(["int64", "uint64", "sint64", "fixed64"]);
export const isWide = (type: string): boolean => WIDE.has(type);

/** Lists of a TensorProto are typed arrays, and `null` when absent. */
const LISTS: Readonly<Record<string, (values: never[]) => unknown>> = {
  float: (values) => Float32Array.from(values),
  double: (values) => Float64Array.from(values),
  int32: (values) => Int32Array.from(values),
  uint32: (values) => Uint32Array.from(values),
  int64: (values) => BigInt64Array.from(values),
  uint64: (values) => BigUint64Array.from(values),
  bool: (values) => Uint8Array.from(values, Number),
};

/** A message with every field at its default; lists are arrays until `completeMessage`. */
export function blankMessage(fields: readonly Field[]): Fields {
  const message: Fields = {};
  for (const field of fields) message[field.key] = blank(field);
  return message;
}

function blank({ label, type }: Field): unknown {
  if (label === "map") return new Map();
  if (label === "repeated") return [];
  if (label === "optional" || isMessage(type)) return undefined;
  if (isWide(type)) return 0n;
  if (type === "string") return "";
  if (type === "bytes") return new Uint8Array(0);
  return type === "bool" ? false : 0;
}

/** Gives a message read from text the form that its decoder would have given it. */
export function completeMessage(type: string, fields: readonly Field[], message: Fields): Fields {
  if (type !== "TensorProto") return message;
  for (const { key, label, type: fieldType } of fields) {
    const value = message[key];
    if (label === "repeated") {
      const values = value as never[];
      message[key] = values.length === 0 ? null : (LISTS[fieldType]?.(values) ?? values);
    } else if (fieldType === "bytes" && (value as Uint8Array).length === 0) message[key] = null;
  }
  return message;
}
