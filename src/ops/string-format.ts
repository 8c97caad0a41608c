// Texts made from numbers, from other texts' bytes, and from many texts along an axis. Numbers are written as C's printf
// writes them.
import { InvalidArgumentError } from "../errors/index.js";
import { DONE, type Kernel, type KernelNode, kernel } from "../kernel/kernel.js";
import { DataType } from "../tensor/dtype.js";
import { numElements } from "../tensor/shape.js";
import { layOut } from "../tensor/summarize.js";
import { eachIndex } from "./blocks.js";
import { emitTexts, joined, textsOf } from "./strings.js";
import { COMPLEX, partType } from "./support/complex.js";
import { elementsOf } from "./support/elements.js";
import { readInts } from "./support/index-tensor.js";
import { allocateValues } from "./support/rows.js";
import { stridesOf } from "./support/strided.js";
import { TextRoom } from "./support/text-room.js";

const encoder = new TextEncoder();

/** `%.<precision>f`: exact ties go to the even digit, where JavaScript's go up. */
function fixed(value: number, precision: number): string {
  if (Math.abs(value) >= 1e21) return `${BigInt(value)}${precision > 0 ? `.${"0".repeat(precision)}` : ""}`;
  const text = value.toFixed(precision);
  const exact = value.toFixed(100);
  const dropped = exact.slice(exact.length - 100 + precision);
  if (!/^50*$/.test(dropped)) return text;
  const down = exact.slice(0, exact.length - 100 + precision).replace(/\.$/, "");
  return Number(down.at(-1)) % 2 === 0 ? down : text;
}

/** `%.<precision>e`. */
function scientific(value: number, precision: number): string {
  return value.toExponential(precision).replace(/e([+-])(\d)$/, "e$10$2");
}

/** `%.<precision>g`. */
function general(value: number, precision: number): string {
  const digits = Math.max(precision, 1);
  if (value === 0) return Object.is(value, -0) ? "-0" : "0";
  const exponent = Number(value.toExponential(digits - 1).split("e")[1]);
  const strip = (text: string) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
  if (exponent >= -4 && exponent < digits) return strip(fixed(value, digits - 1 - exponent));
  const [mantissa, power] = scientific(value, digits - 1).split("e");
  return `${strip(mantissa!)}e${power}`;
}

function formatter(node: KernelNode): (value: number | bigint) => string {
  const dtype = partType(node.type("T"));
  const float = dtype === DataType.FLOAT || dtype === DataType.DOUBLE;
  const given = node.int("precision");
  const [exponent, shortest] = [node.bool("scientific"), node.bool("shortest")];
  const width = node.int("width");
  const fill = node.string("fill");
  if (exponent && shortest) throw new InvalidArgumentError("Cannot select both scientific and shortest notation");
  if (!float && (exponent || shortest || given > -1))
    throw new InvalidArgumentError(
      `scientific and shortest notation, and precision, not supported for datatype ${dtype}`,
    );
  if (fill.length > 1) throw new InvalidArgumentError(`Fill string must be one or fewer characters, got "${fill}"`);
  const precision = given < 0 ? 6 : given;
  const write = (value: number | bigint): string => {
    if (dtype === DataType.BOOL) return value === 0 ? "false" : "true";
    if (typeof value === "bigint" || !float) return String(value);
    if (Number.isNaN(value)) return "nan";
    if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
    const text = exponent
      ? scientific(value, precision)
      : shortest
        ? general(value, precision)
        : fixed(value, precision);
    return Object.is(value, -0) && !text.startsWith("-") ? `-${text}` : text;
  };
  return (value) => {
    let text = write(value);
    if ((fill === "+" || fill === " ") && !text.startsWith("-")) text = fill + text;
    if (fill === "-") return text.padEnd(width);
    if (fill !== "0") return text.padStart(width);
    const sign = /^[+-]/.exec(text)?.[0] ?? "";
    return sign + text.slice(sign.length).padStart(width - sign.length, "0");
  };
}

const NUMBERS = ["float", "double", "int32", "int64", "int8", "int16", "uint8", "uint16", "uint32", "uint64", "bool"];

const asString = kernel("AsString", "CPU", { T: [...NUMBERS, ...COMPLEX] }, (node) => {
  const format = formatter(node);
  const parts = partType(node.type("T")) === node.type("T") ? 1 : 2;
  const width = parts * Math.max(0, node.int("width"));
  return (step) => {
    const x = step.input(0);
    const { view, base } = elementsOf(step.heap, { dtype: partType(x.dtype), ptr: x.ptr });
    const texts = allocateValues(step, x.shape);
    const room = new TextRoom(step);
    for (let i = 0; i < texts.length; i++) {
      room.take(width);
      const at = base + parts * i;
      const text = format(view[at]!);
      texts[i] = encoder.encode(parts === 1 ? text : `(${text},${format(view[at + 1]!)})`);
    }
    step.setOutput(0, step.tensorOf(DataType.STRING, x.shape, texts));
    return DONE;
  };
});

const ALPHABET = encoder.encode("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
const PADDING = 0x3d;

function encode64(bytes: Uint8Array, pad: boolean): Uint8Array {
  const text = new Uint8Array(Math.ceil(bytes.length / 3) * 4);
  let length = 0;
  for (let i = 0; i < bytes.length; i += 3) {
    const left = bytes.length - i;
    const group = (bytes[i]! << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    for (let j = 0; j < 4; j++) {
      if (j <= left) text[length++] = ALPHABET[(group >>> (18 - 6 * j)) & 63]!;
      else if (pad) text[length++] = PADDING;
    }
  }
  return text.subarray(0, length);
}

function decode64(text: Uint8Array): Uint8Array {
  let length = text.length;
  while (length > 0 && text.length % 4 === 0 && text.length - length < 2 && text[length - 1] === PADDING) length--;
  if (length % 4 === 1) throw new InvalidArgumentError("Base64 string length cannot be 1 modulo 4.");
  const bytes = new Uint8Array(Math.floor((length * 3) / 4));
  let bits = 0;
  let group = 0;
  let at = 0;
  for (let i = 0; i < length; i++) {
    const digit = ALPHABET.indexOf(text[i]!);
    if (digit < 0) throw new InvalidArgumentError("Invalid character found in base64.");
    group = ((group << 6) | digit) & 0xffffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes[at++] = (group >>> bits) & 255;
  }
  return bytes;
}

const each = (op: string, change: (node: KernelNode) => (text: Uint8Array) => Uint8Array): Kernel =>
  kernel(op, "CPU", {}, (node) => {
    const apply = change(node);
    return (step) => {
      const x = step.input(0);
      emitTexts(step, 0, x.shape, textsOf(x).map(apply));
      return DONE;
    };
  });

/** Joins along axes; of several the one named first runs fastest. */
const reduceJoin = kernel("ReduceJoin", "CPU", {}, (node) => {
  const keeps = node.bool("keep_dims");
  const separator = node.bytes("separator");
  return (step) => {
    const x = step.input(0);
    const rank = x.shape.length;
    const axes = readInts(step.heap, step.input(1)).map((axis) => {
      if (axis < -rank || axis >= rank)
        throw new InvalidArgumentError(`Invalid reduction dimension ${axis} for input with ${rank} dimension(s)`);
      return axis < 0 ? axis + rank : axis;
    });
    axes.forEach((axis, i) => {
      if (axes.indexOf(axis) !== i) throw new InvalidArgumentError(`Duplicate reduction dimension ${axis}`);
    });
    const strides = stridesOf(x.shape);
    const kept = x.shape.map((_, d) => d).filter((d) => !axes.includes(d));
    const offsets: number[] = [];
    const slowestFirst = [...axes].reverse();
    eachIndex(
      slowestFirst.map((d) => x.shape[d]!),
      (index) => offsets.push(index.reduce((sum, at, i) => sum + at * strides[slowestFirst[i]!]!, 0)),
    );
    const texts = textsOf(x);
    const sizes = kept.map((d) => x.shape[d]!);
    const results: Uint8Array[] = [];
    const room = new TextRoom(step);
    if (numElements(sizes) > 0)
      eachIndex(sizes, (index) => {
        const start = index.reduce((sum, at, i) => sum + at * strides[kept[i]!]!, 0);
        results.push(
          joined(
            offsets.map((offset) => texts[start + offset]!),
            separator,
            room,
          ),
        );
      });
    const shape = keeps ? x.shape.map((size, d) => (axes.includes(d) ? 1 : size)) : sizes;
    emitTexts(step, 0, shape, results);
    return DONE;
  };
});

/** A template with inputs in place of its placeholders. */
const stringFormat = kernel("StringFormat", "CPU", {}, (node) => {
  const placeholder = node.string("placeholder");
  const pieces = node.string("template").split(placeholder);
  const count = node.inputTypes.length;
  const ends = node.int("summarize");
  if (pieces.length - 1 !== count)
    throw new InvalidArgumentError(
      `num placeholders in template and num inputs must match: ${pieces.length - 1} vs. ${count}`,
    );
  return (step) => {
    const text = pieces.map((piece, i) => (i < count ? piece + layOut(step.input(i), step.heap, ends) : piece));
    emitTexts(step, 0, [], [encoder.encode(text.join(""))]);
    return DONE;
  };
});

export const stringFormatKernels: readonly Kernel[] = [
  asString,
  each("EncodeBase64", (node) => {
    const pad = node.bool("pad");
    return (bytes) => encode64(bytes, pad);
  }),
  each("DecodeBase64", () => decode64),
  reduceJoin,
  stringFormat,
];
