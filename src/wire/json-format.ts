// Reads messages from JSON as protobuf maps it: field names in camelCase or as the .proto has them, 64-bit numbers as
// text or number, enums by name or number, bytes in base64. What doesn't fit is INVALID_ARGUMENT with the path to it.
import { InvalidArgumentError } from "../errors/index.js";
import {
  blankMessage,
  completeMessage,
  enumOf,
  type Field,
  type Fields,
  fieldsOf,
  isMessage,
  isWide,
} from "./descriptor.js";
import { inRange } from "./text-parser.js";

const MAX_DEPTH = 100;

/** @param json what `JSON.parse` gave @throws InvalidArgumentError */
export function messageFromJson<T>(type: string, json: unknown): T {
  return readMessage(type, json, type, 0) as T;
}

const wrong = (path: string, text: string): InvalidArgumentError => new InvalidArgumentError(`${path}: ${text}`);

function readMessage(type: string, json: unknown, path: string, depth: number): Fields {
  if (depth > MAX_DEPTH) throw wrong(path, `messages nest deeper than ${MAX_DEPTH}`);
  const fields = fieldsOf(type);
  const message = blankMessage(fields);
  for (const [name, value] of Object.entries(readObject(json, path))) {
    const field = fields.find((candidate) => candidate.name === name || candidate.key === name);
    if (field === undefined) throw wrong(path, `${type} has no field called ${JSON.stringify(name)}`);
    // `null` is a field's default.
    if (value !== null) message[field.key] = readField(field, value, `${path}.${name}`, depth);
  }
  return completeMessage(type, fields, message);
}

function readField(field: Field, json: unknown, path: string, depth: number): unknown {
  if (field.label === "map") {
    const entries = Object.entries(readObject(json, path)).map(
      ([key, value]) =>
        [readKey(field.keyType, key, path), readValue(field.type, value, `${path}["${key}"]`, depth)] as const,
    );
    return new Map<unknown, unknown>(entries);
  }
  if (field.label !== "repeated") return readValue(field.type, json, path, depth);
  if (!Array.isArray(json)) throw wrong(path, "expected a list");
  return json.map((value, i) => readValue(field.type, value, `${path}[${i}]`, depth));
}

function readObject(json: unknown, path: string): object {
  if (typeof json !== "object" || json === null || Array.isArray(json)) throw wrong(path, "expected an object");
  return json;
}

function readKey(type: string, text: string, path: string): unknown {
  if (type === "string") return text;
  if (type === "bool" && (text === "true" || text === "false")) return text === "true";
  return readInteger(type, text, path);
}

function readValue(type: string, json: unknown, path: string, depth: number): unknown {
  if (isMessage(type)) return readMessage(type, json, path, depth + 1);
  const values = enumOf(type);
  if (values !== null && typeof json === "string") {
    if (!Object.hasOwn(values, json)) throw wrong(path, `${type} has no value called ${JSON.stringify(json)}`);
    return values[json];
  }
  if (type === "string" || type === "bytes") {
    if (typeof json !== "string") throw wrong(path, "expected a string");
    return type === "string" ? json : readBase64(json, path);
  }
  if (type === "bool") {
    if (typeof json !== "boolean") throw wrong(path, "expected true or false");
    return json;
  }
  return type === "float" || type === "double" ? readFloat(type, json, path) : readInteger(type, json, path);
}

function readInteger(type: string, json: unknown, path: string): unknown {
  const whole = typeof json === "string" ? /^-?\d+$/.test(json) : Number.isInteger(json);
  if (!whole) throw wrong(path, "expected a whole number");
  const integer = BigInt(json as string | number);
  if (!inRange(type, integer)) throw wrong(path, `${integer} is out of range`);
  return isWide(type) ? integer : Number(integer);
}

const SPECIAL: Readonly<Record<string, number>> = {
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  "-Infinity": Number.NEGATIVE_INFINITY,
};

function readFloat(type: string, json: unknown, path: string): number {
  let number = Number.NaN;
  if (typeof json === "number") number = json;
  else if (typeof json === "string" && Object.hasOwn(SPECIAL, json)) return SPECIAL[json]!;
  else if (typeof json === "string" && json.trim() !== "") number = Number(json);
  if (Number.isNaN(number)) throw wrong(path, "expected a number");
  return type === "float" ? Math.fround(number) : number;
}

function readBase64(text: string, path: string): Uint8Array {
  try {
    const binary = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    return Uint8Array.from(binary, (char) => char.charCodeAt(0));
  } catch {
    throw wrong(path, "expected bytes in base64");
  }
}
