// Prints messages in protobuf's text format, as TensorFlow's servers do in error texts: fields by number, maps by key,
// numbers as C++ writes them. Takes a message and its type's name, gives text. Parsing is text-parser.ts.
import { enumName, enumOf, type Field, type Fields, fieldsOf, isMessage, isWide } from "./descriptor.js";

export interface PrintOptions {
  /** All in one line, as in texts about a request; otherwise indented lines. */
  readonly singleLine?: boolean;
}

export function printText(type: string, message: object, { singleLine = false }: PrintOptions = {}): string {
  const lines: string[] = [];
  printMessage(type, message as Fields, singleLine ? "" : "  ", 0, lines);
  return singleLine ? lines.join(" ") : lines.map((line) => `${line}\n`).join("");
}

function printMessage(type: string, message: Fields, step: string, level: number, lines: string[]): void {
  const indent = step.repeat(level);
  for (const field of fieldsOf(type)) {
    for (const value of valuesOf(field, message[field.key])) {
      if (field.label === "map") {
        const [key, mapped] = value as [unknown, unknown];
        lines.push(`${indent}${field.name} {`);
        printField("key", field.keyType, key, step, level + 1, lines);
        printField("value", field.type, mapped, step, level + 1, lines);
        lines.push(`${indent}}`);
      } else printField(field.name, field.type, value, step, level, lines);
    }
  }
}

function printField(name: string, type: string, value: unknown, step: string, level: number, lines: string[]): void {
  const indent = step.repeat(level);
  if (isMessage(type)) {
    lines.push(`${indent}${name} {`);
    printMessage(type, value as Fields, step, level + 1, lines);
    lines.push(`${indent}}`);
  } else lines.push(`${indent}${name}: ${printScalar(type, value)}`);
}

/** What of a field is printed: nothing when it is absent or, without presence of its own, at its default. */
function valuesOf({ label, type }: Field, value: unknown): Iterable<unknown> {
  if (value === undefined || value === null) return [];
  if (label === "map") return [...(value as Map<unknown, unknown>)].sort(([a], [b]) => (compareKeys(a, b) ? -1 : 1));
  if (label === "repeated") return value as Iterable<unknown>;
  if (label === "optional" || isMessage(type)) return [value];
  const isDefault = value instanceof Uint8Array ? value.length === 0 : value === "" || !(value as number);
  return isDefault && !Object.is(value, -0) && !Number.isNaN(value) ? [] : [value];
}

const compareKeys = (a: unknown, b: unknown): boolean => (a as number) < (b as number);

const utf8 = new TextEncoder();

function printScalar(type: string, value: unknown): string {
  if (type === "string") return quote(utf8.encode(value as string));
  if (type === "bytes") return quote(value as Uint8Array);
  if (type === "bool") return value ? "true" : "false";
  if (type === "float") return printFloat(value as number, 6, 9, Math.fround);
  if (type === "double") return printFloat(value as number, 15, 17, (number) => number);
  if (enumOf(type) !== null) return enumName(type, value as number) ?? String(value);
  return isWide(type) ? (value as bigint).toString() : String(value);
}

const ESCAPES: Readonly<Record<number, string>> = { 9: "\\t", 10: "\\n", 13: "\\r", 34: '\\"', 39: "\\'", 92: "\\\\" };

const quote = (bytes: Uint8Array): string => `"${escapeBytes(bytes)}"`;

/** Bytes as C++ shows them: what can't be printed in octal. */
export function escapeBytes(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) {
    if (byte in ESCAPES) text += ESCAPES[byte];
    else if (byte >= 32 && byte < 127) text += String.fromCharCode(byte);
    else text += `\\${byte.toString(8).padStart(3, "0")}`;
  }
  return text;
}

/** As C's `%g`, with `digits` if that reads back as the same number, otherwise with `enough`. */
function printFloat(value: number, digits: number, enough: number, round: (value: number) => number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (value === 0) return Object.is(value, -0) ? "-0" : "0";
  const short = general(value, digits);
  return round(Number(short)) === value ? short : general(value, enough);
}

function general(value: number, digits: number): string {
  const [mantissa, exponent] = value.toExponential(digits - 1).split("e") as [string, string];
  const power = Number(exponent);
  const trim = (text: string): string => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
  if (power >= -4 && power < digits) return trim(value.toFixed(Math.max(0, digits - 1 - power)));
  return `${trim(mantissa)}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
}
