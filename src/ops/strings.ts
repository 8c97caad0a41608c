// Texts element by element: join, cut, length, case, stripping. Strings are bytes in JavaScript, never in the heap;
// only what asks for UTF-8 looks at characters.
import { InvalidArgumentError } from "../errors/index.js";
import { DONE, type Kernel, type KernelStep, kernel } from "../kernel/kernel.js";
import { DataType } from "../tensor/dtype.js";
import { type Shape, sameShape, shapeString } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { forEachPair } from "./binary.js";
import { planBroadcast } from "./support/broadcast.js";
import { readInts } from "./support/index-tensor.js";
import { allocateValues } from "./support/rows.js";
import { TextRoom } from "./support/text-room.js";

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const encoder = new TextEncoder();

const NO_SEPARATOR = new Uint8Array(0);

export const textsOf = (tensor: Tensor): readonly Uint8Array[] => (tensor.values ?? []) as readonly Uint8Array[];
export const emitTexts = (step: KernelStep, output: number, shape: Shape, values: readonly Uint8Array[]): void =>
  step.setOutput(output, step.tensorOf(DataType.STRING, shape, values));

/** Continuation bytes belong to the character before them. */
const startsCharacter = (byte: number): boolean => (byte & 0xc0) !== 0x80;

function countCharacters(text: Uint8Array): number {
  let count = 0;
  for (const byte of text) if (startsCharacter(byte)) count++;
  return count;
}

export function joined(parts: readonly Uint8Array[], separator: Uint8Array, room: TextRoom): Uint8Array {
  const bytes = parts.reduce((sum, part) => sum + part.length, separator.length * Math.max(0, parts.length - 1));
  room.take(bytes);
  const text = new Uint8Array(bytes);
  let at = 0;
  for (let i = 0; i < parts.length; i++) {
    if (i > 0) {
      text.set(separator, at);
      at += separator.length;
    }
    text.set(parts[i]!, at);
    at += parts[i]!.length;
  }
  return text;
}

/** Scalars join with every element of the others. */
const join = kernel("StringJoin", "CPU", {}, (node) => {
  const separator = node.bytes("separator");
  const count = node.inputTypes.length;
  return (step) => {
    let shape: Shape = [];
    for (let i = 0; i < count; i++) {
      const found = step.input(i).shape;
      if (found.length === 0) continue;
      if (shape.length === 0) shape = found;
      else if (!sameShape(shape, found))
        throw new InvalidArgumentError(`Input shapes do not match: ${shapeString(shape)} vs. ${shapeString(found)}`);
    }
    const inputs = Array.from({ length: count }, (_, i) => step.input(i));
    const size = shape.reduce((a, b) => a * b, 1);
    const room = new TextRoom(step);
    const values = Array.from({ length: size }, (_, k) => {
      const parts = inputs.map((input) => textsOf(input)[input.shape.length === 0 ? 0 : k]!);
      return joined(parts, separator, room);
    });
    emitTexts(step, 0, shape, values);
    return DONE;
  };
});

/** Strings add by joining, and broadcast as numbers do. */
const add = kernel("Add", "CPU", { T: ["string"] }, () => (step) => {
  const [a, b] = [step.input(0), step.input(1)];
  const plan = planBroadcast(a.shape, b.shape);
  const values = allocateValues(step, plan.shape);
  const [left, right] = [textsOf(a), textsOf(b)];
  const room = new TextRoom(step);
  forEachPair(plan, (i, j, k) => {
    values[k] = joined([left[i]!, right[j]!], NO_SEPARATOR, room);
  });
  step.setOutput(0, step.tensorOf(a.dtype, plan.shape, values));
  return DONE;
});

const length = kernel("StringLength", "CPU", {}, (node) => {
  const characters = node.string("unit") === "UTF8_CHAR";
  return (step) => {
    const texts = textsOf(step.input(0));
    const y = step.allocateOutput(0, step.input(0).shape);
    const { i32 } = step.heap;
    for (let i = 0; i < y.size; i++)
      i32[(y.ptr >>> 2) + i] = characters ? countCharacters(texts[i]!) : texts[i]!.length;
    return DONE;
  };
});

/** Where each character starts, and the end. */
function boundaries(text: Uint8Array): number[] {
  const found: number[] = [];
  for (let i = 0; i < text.length; i++) if (startsCharacter(text[i]!)) found.push(i);
  found.push(text.length);
  return found;
}

/** Negative positions count from the end; a negative length is the rest in bytes and nothing in characters. */
function cut(text: Uint8Array, at: number, length: number, characters: boolean, index: number): Uint8Array {
  const starts = characters ? boundaries(text) : null;
  const total = starts === null ? text.length : starts.length - 1;
  if (at > total || at < -total) {
    const shown = characters ? "" : ` b'${decoder.decode(text)}'`;
    throw new InvalidArgumentError(`pos ${at} out of range for string${shown} at index ${index}`);
  }
  const start = at < 0 ? at + total : at;
  const end = length >= 0 ? Math.min(start + length, total) : characters ? start : total;
  return starts === null ? text.slice(start, end) : text.slice(starts[start]!, starts[end]!);
}

const substr = kernel("Substr", "CPU", { T: ["int32", "int64"] }, (node) => {
  const characters = node.string("unit") === "UTF8_CHAR";
  return (step) => {
    const input = step.input(0);
    const position = step.input(1);
    const size = step.input(2);
    if (!sameShape(position.shape, size.shape))
      throw new InvalidArgumentError(
        `pos and len should have the same shape, got: ${shapeString(position.shape)} vs. ${shapeString(size.shape)}`,
      );
    const plan = planBroadcast(input.shape, position.shape);
    const texts = textsOf(input);
    const positions = readInts(step.heap, position);
    const sizes = readInts(step.heap, size);
    const values = allocateValues(step, plan.shape);
    forEachPair(plan, (i, j, k) => {
      values[k] = cut(texts[i]!, positions[j]!, sizes[j]!, characters, k);
    });
    step.setOutput(0, step.tensorOf(input.dtype, plan.shape, values));
    return DONE;
  };
});

/** Without an encoding only ASCII letters change. */
const changeCase = (op: string, first: number, last: number, unicode: (text: string) => string): Kernel =>
  kernel(op, "CPU", {}, (node) => {
    const encoding = node.string("encoding");
    if (encoding !== "" && encoding !== "utf-8")
      throw new InvalidArgumentError(`only utf-8 or '' (no encoding) is supported, received ${encoding}`);
    const ascii = (text: Uint8Array) => text.map((byte) => (byte >= first && byte <= last ? byte ^ 0x20 : byte));
    const change = encoding === "" ? ascii : (text: Uint8Array) => encoder.encode(unicode(decoder.decode(text)));
    return (step) => {
      const input = step.input(0);
      emitTexts(step, 0, input.shape, textsOf(input).map(change));
      return DONE;
    };
  });

export const isSpace = (byte: number): boolean => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);

function stripSpace(text: Uint8Array): Uint8Array {
  let start = 0;
  let end = text.length;
  while (start < end && isSpace(text[start]!)) start++;
  while (end > start && isSpace(text[end - 1]!)) end--;
  return text.slice(start, end);
}

const strip = kernel("StringStrip", "CPU", {}, () => (step) => {
  const input = step.input(0);
  emitTexts(step, 0, input.shape, textsOf(input).map(stripSpace));
  return DONE;
});

/** `name-00003-of-00010`, and the pattern that finds all of them. */
const sharded = (op: string, withShard: boolean): Kernel =>
  kernel(op, "CPU", {}, () => (step) => {
    const [basename] = textsOf(step.input(0));
    const numbers = [1, 2].slice(0, withShard ? 2 : 1).map((input) => readInts(step.heap, step.input(input))[0] ?? 0);
    if (basename === undefined) throw new InvalidArgumentError("basename must be a scalar");
    const five = (value: number) => String(value).padStart(5, "0");
    const shard = withShard ? five(numbers[0]!) : "?????";
    const suffix = encoder.encode(`-${shard}-of-${five(numbers.at(-1)!)}`);
    emitTexts(step, 0, [], [joined([basename, suffix], NO_SEPARATOR, new TextRoom(step))]);
    return DONE;
  });

export const stringKernels: readonly Kernel[] = [
  join,
  add,
  length,
  substr,
  sharded("ShardedFilename", true),
  sharded("ShardedFilespec", false),
  changeCase("StringLower", 0x41, 0x5a, (text) => text.toLowerCase()),
  changeCase("StringUpper", 0x61, 0x7a, (text) => text.toUpperCase()),
  strip,
];
