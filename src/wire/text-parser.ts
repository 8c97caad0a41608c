// Parses protobuf's text format (`cluster { job { name: "w" } }`) into a message of a named type. The text may come from
// a file that a person wrote: what is wrong with it is INVALID_ARGUMENT with line and column.
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

const MAX_DEPTH = 100;
const TOKEN =
  /\s+|#[^\n]*|[A-Za-z_][\w]*|-|0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?[fF]?|"(?:[^"\\\n]|\\[^\n])*"|'(?:[^'\\\n]|\\[^\n])*'|[{}<>[\]:,;]/y;

interface Token {
  readonly text: string;
  readonly at: number;
}

/** @throws InvalidArgumentError */
export function parseText<T>(type: string, text: string): T {
  const parser = new Parser(text);
  return parser.message(type, "", 0) as T;
}

class Parser {
  readonly #tokens: Token[] = [];
  #next = 0;

  constructor(readonly text: string) {
    TOKEN.lastIndex = 0;
    for (let at = 0; at < text.length; at = TOKEN.lastIndex) {
      TOKEN.lastIndex = at;
      const match = TOKEN.exec(text);
      if (match === null) throw this.#error(`unexpected ${JSON.stringify(text[at])}`, at);
      if (!/^[\s#]/.test(match[0])) this.#tokens.push({ text: match[0], at });
    }
  }

  /** Fields up to `closing`, or to the end of the text. */
  message(type: string, closing: string, depth: number): Fields {
    if (depth > MAX_DEPTH) throw this.#error(`messages nest deeper than ${MAX_DEPTH}`);
    const fields = fieldsOf(type);
    const message = blankMessage(fields);
    const seen = new Set<string>();
    while (this.#peek() !== closing) {
      const name = this.#take();
      const field = fields.find((candidate) => candidate.name === name);
      if (field === undefined) throw this.#error(`${type} has no field called ${JSON.stringify(name)}`, this.#last());
      if (seen.has(name) && field.label !== "repeated" && field.label !== "map") {
        throw this.#error(`${name} is given twice`, this.#last());
      }
      seen.add(name);
      const colon = this.#skip(":");
      const hasMessages = isMessage(field.type) || field.label === "map";
      if (!colon && !hasMessages) throw this.#error(`expected ":" after ${name}`);
      if (colon && (field.label === "repeated" || field.label === "map") && this.#skip("[")) {
        if (!this.#skip("]")) {
          do this.#field(message, field, depth);
          while (this.#skip(","));
          this.#expect("]");
        }
      } else this.#field(message, field, depth);
      if (!this.#skip(",")) this.#skip(";");
    }
    if (closing !== "") this.#expect(closing);
    return completeMessage(type, fields, message);
  }

  #field(message: Fields, field: Field, depth: number): void {
    if (field.label === "map") {
      const [key, value] = this.#entry(field, depth);
      (message[field.key] as Map<unknown, unknown>).set(key, value);
      return;
    }
    const value = this.#value(field.type, depth);
    if (field.label === "repeated") (message[field.key] as unknown[]).push(value);
    else message[field.key] = value;
  }

  #value(type: string, depth: number): unknown {
    return isMessage(type) ? this.message(type, this.#open(), depth + 1) : this.#scalar(type);
  }

  #entry(field: Field, depth: number): [unknown, unknown] {
    const closing = this.#open();
    let key: unknown = field.keyType === "string" ? "" : isWide(field.keyType) ? 0n : 0;
    let value: unknown;
    while (this.#peek() !== closing) {
      const name = this.#take();
      const colon = this.#skip(":");
      if (name === "key" && colon) key = this.#scalar(field.keyType);
      else if (name === "value" && (colon || isMessage(field.type))) value = this.#value(field.type, depth + 1);
      else throw this.#error(`expected "key:" or "value:" in an entry of ${field.name}`, this.#last());
      if (!this.#skip(",")) this.#skip(";");
    }
    this.#expect(closing);
    value ??= isMessage(field.type)
      ? completeMessage(field.type, fieldsOf(field.type), blankMessage(fieldsOf(field.type)))
      : blankMessage([{ ...field, key: "value", label: "single" }]).value;
    return [key, value];
  }

  #open(): string {
    if (this.#skip("{")) return "}";
    this.#expect("<");
    return ">";
  }

  #scalar(type: string): unknown {
    if (type === "string") return this.#utf8(this.#strings());
    if (type === "bytes") return this.#strings();
    const negative = this.#skip("-");
    const text = this.#take();
    const at = this.#last();
    const sign = negative ? -1 : 1;
    if (type === "bool") {
      if (!negative && ["true", "True", "t", "1"].includes(text)) return true;
      if (!negative && ["false", "False", "f", "0"].includes(text)) return false;
      throw this.#error(`${JSON.stringify(text)} is not true or false`, at);
    }
    if (type === "float" || type === "double") {
      const number = sign * floatOf(text);
      if (Number.isNaN(number) && !/^nan$/i.test(text))
        throw this.#error(`${JSON.stringify(text)} is not a number`, at);
      return type === "float" ? Math.fround(number) : number;
    }
    const values = enumOf(type);
    if (values !== null && !negative && Object.hasOwn(values, text)) return values[text];
    if (!/^(\d+|0[xX][0-9a-fA-F]+)$/.test(text)) {
      throw this.#error(
        `${JSON.stringify(text)} is not ${values === null ? "a whole number" : `a value of ${type}`}`,
        at,
      );
    }
    const octal = /^0[0-7]+$/.test(text);
    const integer = BigInt(sign) * BigInt(octal ? `0o${text.slice(1)}` : text);
    if (!inRange(type, integer)) throw this.#error(`${integer} is out of range`, at);
    return isWide(type) ? integer : Number(integer);
  }

  /** Adjacent strings are one. */
  #strings(): Uint8Array {
    const bytes: number[] = [];
    if (!/^["']/.test(this.#peek())) throw this.#error("expected a string in quotes");
    while (/^["']/.test(this.#peek())) unescapeInto(this.#take().slice(1, -1), bytes);
    return Uint8Array.from(bytes);
  }

  #utf8(bytes: Uint8Array): string {
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      throw this.#error("a string is not UTF-8", this.#last());
    }
  }

  #peek(): string {
    return this.#tokens[this.#next]?.text ?? "";
  }

  #take(): string {
    const token = this.#tokens[this.#next];
    if (token === undefined) throw this.#error("the text ends too early");
    this.#next++;
    return token.text;
  }

  #skip(text: string): boolean {
    if (this.#peek() !== text) return false;
    this.#next++;
    return true;
  }

  #expect(text: string): void {
    if (!this.#skip(text)) throw this.#error(`expected ${JSON.stringify(text)}, found ${JSON.stringify(this.#peek())}`);
  }

  #last(): number {
    return this.#tokens[this.#next - 1]!.at;
  }

  #error(text: string, at = this.#tokens[this.#next]?.at ?? this.text.length): InvalidArgumentError {
    const before = this.text.slice(0, at).split("\n");
    return new InvalidArgumentError(`${before.length}:${before.at(-1)!.length + 1}: ${text}`);
  }
}

function floatOf(text: string): number {
  if (/^inf(inity)?f?$/i.test(text)) return Number.POSITIVE_INFINITY;
  return /^0[xX]/.test(text) ? Number.NaN : Number(text.replace(/[fF]$/, ""));
}

/** Whether an integer fits its field; enums are 32 bits wide. */
export function inRange(type: string, value: bigint): boolean {
  if (type === "uint64" || type === "fixed64") return value === BigInt.asUintN(64, value);
  if (type === "int64" || type === "sint64") return value === BigInt.asIntN(64, value);
  return type === "uint32" || type === "fixed32"
    ? value === BigInt.asUintN(32, value)
    : value === BigInt.asIntN(32, value);
}

const ESCAPED: Readonly<Record<string, number>> = { a: 7, b: 8, f: 12, n: 10, r: 13, t: 9, v: 11 };
const ESCAPE = /\\([0-7]{1,3}|[xX][0-9a-fA-F]{1,2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[\s\S])|[^\\]+/g;

function unescapeInto(text: string, bytes: number[]): void {
  const encoder = new TextEncoder();
  for (const [all, escaped] of text.matchAll(ESCAPE)) {
    if (escaped === undefined) bytes.push(...encoder.encode(all));
    else if (/^[0-7]/.test(escaped)) bytes.push(Number.parseInt(escaped, 8) & 255);
    else if (/^[xX]./.test(escaped)) bytes.push(Number.parseInt(escaped.slice(1), 16));
    else if (/^[uU]./.test(escaped)) {
      const point = Number.parseInt(escaped.slice(1), 16);
      bytes.push(...encoder.encode(point > 0x10ffff ? "\ufffd" : String.fromCodePoint(point)));
    } else if (escaped in ESCAPED) bytes.push(ESCAPED[escaped]!);
    else bytes.push(...encoder.encode(escaped));
  }
}
