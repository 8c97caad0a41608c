// Texts matched and changed by regular expressions in RE2's syntax.
import { InvalidArgumentError } from "../errors/index.js";
import { DONE, type Kernel, type KernelNode, type KernelStep, kernel } from "../kernel/kernel.js";
import { shapeString } from "../tensor/shape.js";
import { RegexError } from "./regex/parse.js";
import { CompiledRegex, lettersOf, type Match } from "./regex/regex.js";
import { emitTexts, joined, textsOf } from "./strings.js";
import { TextRoom } from "./support/text-room.js";

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const NOTHING = new Uint8Array(0);

function compile(pattern: string): CompiledRegex {
  try {
    return new CompiledRegex(pattern);
  } catch (error) {
    if (!(error instanceof RegexError)) throw error;
    throw new InvalidArgumentError(`Invalid pattern: ${pattern}, error: ${error.message}`);
  }
}

/** An attribute's value, or the text of an input. */
type Source = (step: KernelStep) => Uint8Array;

const fromInput =
  (index: number, name: string): Source =>
  (step) => {
    const tensor = step.input(index);
    if (tensor.shape.length > 0)
      throw new InvalidArgumentError(`${name} must be scalar, but received ${shapeString(tensor.shape)}`);
    return textsOf(tensor)[0]!;
  };

function fromAttr(node: KernelNode, name: string): Source {
  const value = node.bytes(name);
  return () => value;
}

/** Compiles anew only when the pattern isn't the one of the call before. */
function regexSource(pattern: Source): (step: KernelStep) => CompiledRegex {
  let known: { readonly pattern: string; readonly regex: CompiledRegex } | null = null;
  return (step) => {
    const text = decoder.decode(pattern(step));
    if (known?.pattern !== text) known = { pattern: text, regex: compile(text) };
    return known.regex;
  };
}

const fullMatch = (op: string, pattern: (node: KernelNode) => Source): Kernel =>
  kernel(op, "CPU", {}, (node) => {
    const regexOf = regexSource(pattern(node));
    return (step) => {
      const regex = regexOf(step);
      const x = step.input(0);
      const found = textsOf(x).map((text) => Number(regex.matches(lettersOf(text))));
      const { ptr } = step.allocateOutput(0, x.shape);
      step.heap.u8.set(found, ptr);
      return DONE;
    };
  });

const BACKSLASH = 0x5c;
const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x30 && byte <= 0x39;

/** A rewrite's pieces: texts, and numbers of groups. What can't be read ends it. */
interface Rewrite {
  readonly pieces: readonly (Uint8Array | number)[];
  readonly whole: boolean;
  readonly highest: number;
}

function parseRewrite(text: Uint8Array): Rewrite {
  const pieces: (Uint8Array | number)[] = [];
  let highest = 0;
  for (let i = 0; i + 1 < text.length; i++)
    if (text[i] === BACKSLASH && isDigit(text[i + 1])) highest = Math.max(highest, text[i + 1]! - 0x30);
  for (let i = 0; i < text.length; i++) {
    if (text[i] !== BACKSLASH) pieces.push(text.subarray(i, i + 1));
    else if (isDigit(text[++i])) pieces.push(text[i]! - 0x30);
    else if (text[i] === BACKSLASH) pieces.push(text.subarray(i, i + 1));
    else return { pieces, whole: false, highest };
  }
  return { pieces, whole: true, highest };
}

/** What a part of a text takes in JavaScript's heap. */
const PART_BYTES = 128;

/** The text with its first match, or all that don't overlap, rewritten. */
function replace(
  regex: CompiledRegex,
  rewrite: Rewrite,
  text: Uint8Array,
  everywhere: boolean,
  room: TextRoom,
): Uint8Array {
  if (rewrite.highest > regex.groups || (!everywhere && !rewrite.whole)) return text;
  const letters = lettersOf(text);
  const { offsets } = letters;
  const piece = (from: number, to: number) => text.subarray(offsets[from], offsets[to]);
  const rewritten = (match: Match) =>
    rewrite.pieces.map((part) => {
      if (typeof part !== "number") return part;
      const [from, to] = [match[2 * part]!, match[2 * part + 1]!];
      return from < 0 ? NOTHING : piece(from, to);
    });
  const parts: Uint8Array[] = [];
  const add = (...more: readonly Uint8Array[]) => {
    room.take(PART_BYTES * more.length);
    parts.push(...more);
  };
  const length = offsets.length - 1;
  let at = 0;
  let lastEnd = -1;
  while (at <= length) {
    const match = regex.find(letters, at);
    if (match === null) break;
    const [from, to] = [match[0]!, match[1]!];
    add(piece(at, from));
    if (from === lastEnd && to === from) {
      // Nothing may match where the last match ended: the next letter goes by.
      if (from >= length) {
        at = from;
        break;
      }
      add(piece(from, from + 1));
      at = from + 1;
      continue;
    }
    add(...rewritten(match));
    at = to;
    lastEnd = to;
    if (!everywhere) break;
  }
  if (lastEnd < 0) return text;
  add(piece(at, length));
  return joined(parts, NOTHING, room);
}

const replacing = (op: string, pattern: (node: KernelNode) => Source, rewrite: (node: KernelNode) => Source): Kernel =>
  kernel(op, "CPU", {}, (node) => {
    const everywhere = node.bool("replace_global");
    const regexOf = regexSource(pattern(node));
    const rewriteOf = rewrite(node);
    return (step) => {
      const regex = regexOf(step);
      const parsed = parseRewrite(rewriteOf(step));
      const x = step.input(0);
      const room = new TextRoom(step);
      const texts = textsOf(x).map((text) => replace(regex, parsed, text, everywhere, room));
      emitTexts(step, 0, x.shape, texts);
      return DONE;
    };
  });

export const stringRegexKernels: readonly Kernel[] = [
  fullMatch("RegexFullMatch", () => fromInput(1, "Pattern")),
  fullMatch("StaticRegexFullMatch", (node) => fromAttr(node, "pattern")),
  replacing(
    "RegexReplace",
    () => fromInput(1, "Pattern"),
    () => fromInput(2, "Rewrite"),
  ),
  replacing(
    "StaticRegexReplace",
    (node) => fromAttr(node, "pattern"),
    (node) => fromAttr(node, "rewrite"),
  ),
];
