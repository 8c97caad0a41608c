// Texts taken apart: numbers read, pieces cut.
import { InvalidArgumentError } from "../errors/index.js";
import { DONE, type Kernel, kernel } from "../kernel/kernel.js";
import { shapeString } from "../tensor/shape.js";
import { emitTexts, isSpace, textsOf } from "./strings.js";
import { elementsOf } from "./support/elements.js";
import { writeInts } from "./support/index-tensor.js";
import { numberParser } from "./support/number-text.js";
import { TextRoom } from "./support/text-room.js";

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

const stringToNumber = kernel("StringToNumber", "CPU", { out_type: ["float", "double", "int32", "int64"] }, (node) => {
  const type = node.type("out_type");
  const parse = numberParser(type);
  return (step) => {
    const x = step.input(0);
    const y = step.allocateOutput(0, x.shape);
    const { view, base } = elementsOf(step.heap, y);
    textsOf(x).forEach((bytes, i) => {
      const text = decoder.decode(bytes);
      const value = parse(text);
      if (value === null)
        throw new InvalidArgumentError(`StringToNumberOp could not correctly convert string: ${text}`);
      view[base + i] = value as number;
    });
    return DONE;
  };
});

/** Cuts each text; without a separator at runs of white space, empty pieces left out. */
const splitV2 = kernel("StringSplitV2", "CPU", {}, (node) => {
  const most = node.int("maxsplit");
  return (step) => {
    const x = step.input(0);
    const sep = step.input(1);
    if (x.shape.length !== 1)
      throw new InvalidArgumentError(`input must be a vector, got shape: ${shapeString(x.shape)}`);
    if (sep.shape.length > 0)
      throw new InvalidArgumentError(`sep must be a scalar, got shape: ${shapeString(sep.shape)}`);
    const room = new TextRoom(step);
    const limit = most < 0 ? Number.POSITIVE_INFINITY : most;
    const lists = textsOf(x).map((text) => pieces(text, textsOf(sep)[0]!, limit, room));
    const flat = lists.flat();
    writeInts(
      step.heap,
      step.allocateOutput(0, [flat.length, 2]),
      lists.flatMap((list, row) => list.flatMap((_, column) => [row, column])),
    );
    emitTexts(step, 1, [flat.length], flat);
    const widest = lists.reduce((width, list) => Math.max(width, list.length), 0);
    writeInts(step.heap, step.allocateOutput(2, [2]), [lists.length, widest]);
    return DONE;
  };
});

/** What a piece of a text takes in JavaScript's heap, with the two numbers that tell its place. */
const PIECE_BYTES = 512;

function pieces(text: Uint8Array, separator: Uint8Array, most: number, room: TextRoom): Uint8Array[] {
  const found: Uint8Array[] = [];
  const take = (from: number, to?: number) => {
    const piece = text.slice(from, to);
    room.take(PIECE_BYTES + piece.length);
    found.push(piece);
  };
  let start = 0;
  if (separator.length === 0) {
    for (;;) {
      while (start < text.length && isSpace(text[start]!)) start++;
      if (start === text.length) return found;
      let end = start;
      while (end < text.length && !isSpace(text[end]!)) end++;
      if (found.length === most) end = text.length;
      take(start, end);
      start = end;
    }
  }
  for (let at = 0; at + separator.length <= text.length && found.length < most; ) {
    if (separator.every((byte, i) => byte === text[at + i])) {
      take(start, at);
      start = at += separator.length;
    } else at++;
  }
  take(start);
  return found;
}

export const stringParseKernels: readonly Kernel[] = [stringToNumber, splitV2];
