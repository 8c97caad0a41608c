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

/** In the order of their numbers. @throws RangeError for a type that isn't in protos/ */
export function fieldsOf(type: string): Field[] {
  const rows = Object.hasOwn(MESSAGES, type) ? MESSAGES[type]! : null;
  if (rows === null) throw new RangeError(`no message is called ${type}`);
  return rows
    .map(([number, name, fieldType, label, keyType = ""]) => ({
      number,
      name,
      key: camelCase(name),
      type: fieldType,
      label,
      keyType,
    }))
    .sort((a, b) => a.number - b.number);
}

/** `null` for a type that is no enum. */
export const enumOf = (type: string): Readonly<Record<string, number>> | null =>
  Object.hasOwn(ENUMS, type) ? ENUMS[type]! : null;

export function enumName(type: string, value: number): string | null {
  for (const [name, number] of Object.entries(enumOf(type) ?? {})) if (number === value) return name;
  return null;
}
