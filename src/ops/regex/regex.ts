// Regular expressions as RE2 has them: compiled to a small program, run over all ways to match at once (Pike's machine),
// so that no pattern takes longer than its length times the text's. Matches leftmost, then by the pattern's preferences.
import { type CharSet, isWordLetter } from "./char-set.js";
import { type Assertion, type Regex, RegexError, RegexParser } from "./parse.js";

type Instruction =
  | { readonly op: "set"; readonly set: CharSet }
  | { readonly op: "assert"; readonly what: Assertion }
  | { readonly op: "save"; readonly slot: number }
  /** Goes on at both, the first preferred. */
  | { readonly op: "split"; first: number; second: number }
  | { readonly op: "jump"; to: number }
  | { readonly op: "match" };

const MOST_INSTRUCTIONS = 1 << 16;

function compile(regex: Regex): Instruction[] {
  const program: Instruction[] = [];
  const emit = (instruction: Instruction): number => {
    if (program.length >= MOST_INSTRUCTIONS) throw new RegexError("pattern too large - compile failed");
    return program.push(instruction) - 1;
  };
  const split = (greedy: boolean, body: () => void): void => {
    const at = emit({ op: "split", first: 0, second: 0 });
    body();
    const fork = program[at] as { first: number; second: number };
    [fork.first, fork.second] = greedy ? [at + 1, program.length] : [program.length, at + 1];
  };
  const visit = (node: Regex): void => {
    if (node.kind === "set") emit({ op: "set", set: node.set });
    else if (node.kind === "assert") emit({ op: "assert", what: node.what });
    else if (node.kind === "sequence") for (const part of node.parts) visit(part);
    else if (node.kind === "choice") visitChoice(node.parts);
    else if (node.kind === "repeat") visitRepeat(node);
    else {
      emit({ op: "save", slot: 2 * node.index });
      visit(node.body);
      emit({ op: "save", slot: 2 * node.index + 1 });
    }
  };
  const visitChoice = (parts: readonly Regex[]): void => {
    const ends: number[] = [];
    parts.forEach((part, i) => {
      if (i === parts.length - 1) {
        visit(part);
        return;
      }
      split(true, () => {
        visit(part);
        ends.push(emit({ op: "jump", to: 0 }));
      });
    });
    for (const end of ends) (program[end] as { to: number }).to = program.length;
  };
  const visitRepeat = ({ body, min, max, greedy }: Regex & { kind: "repeat" }): void => {
    for (let i = 0; i < min; i++) visit(body);
    if (max === Number.POSITIVE_INFINITY)
      split(greedy, () => {
        const start = program.length - 1;
        visit(body);
        emit({ op: "jump", to: start });
      });
    else {
      const optional = (left: number): void => {
        if (left === 0) return;
        split(greedy, () => {
          visit(body);
          optional(left - 1);
        });
      };
      optional(max - min);
    }
  };
  visit(regex);
  emit({ op: "match" });
  return program;
}

/** A text as code points with the place of each in its bytes; what isn't UTF-8 is −1, byte by byte. */
export interface Letters {
  readonly codes: Int32Array;
  readonly offsets: Int32Array;
}

export function lettersOf(bytes: Uint8Array): Letters {
  const codes = new Int32Array(bytes.length);
  const offsets = new Int32Array(bytes.length + 1);
  let count = 0;
  for (let at = 0; at < bytes.length; count++) {
    const first = bytes[at]!;
    const size = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
    let code = size <= 1 ? first : first & (0xff >> (size + 1));
    let whole = size > 0 && at + size <= bytes.length;
    for (let i = 1; whole && i < size; i++) {
      whole = (bytes[at + i]! & 0xc0) === 0x80;
      code = (code << 6) | (bytes[at + i]! & 0x3f);
    }
    if (whole && ((size === 3 && code < 0x800) || (size === 4 && (code < 0x10000 || code > 0x10ffff)))) whole = false;
    codes[count] = whole ? code : -1;
    offsets[count] = at;
    at += whole ? size : 1;
  }
  offsets[count] = bytes.length;
  return { codes: codes.subarray(0, count), offsets: offsets.subarray(0, count + 1) };
}

function holds(what: Assertion, codes: Int32Array, at: number): boolean {
  const before = at > 0 ? codes[at - 1]! : -1;
  const after = at < codes.length ? codes[at]! : -1;
  switch (what) {
    case "text start":
      return at === 0;
    case "text end":
      return at === codes.length;
    case "line start":
      return at === 0 || before === 10;
    case "line end":
      return at === codes.length || after === 10;
    default:
      return (isWordLetter(before) !== isWordLetter(after)) === (what === "word edge");
  }
}

/** Positions of groups: start and end, in letters; −1 where a group took no part. */
export type Match = readonly number[];

interface Threads {
  readonly at: number[];
  readonly saved: Match[];
}

export class CompiledRegex {
  readonly groups: number;
  readonly #program: readonly Instruction[];
  /** The turn in which an instruction was last reached. */
  readonly #seen: Int32Array;
  #turn = 0;

  /** @throws RegexError in RE2's words */
  constructor(pattern: string) {
    const parser = new RegexParser(pattern);
    this.#program = compile(parser.parse());
    this.groups = parser.groups;
    this.#seen = new Int32Array(this.#program.length);
  }

  /** Whether the whole text matches. */
  matches(letters: Letters): boolean {
    return this.#run(letters.codes, 0, true) !== null;
  }

  /** The first match from a letter on. */
  find(letters: Letters, from: number): Match | null {
    return this.#run(letters.codes, from, false);
  }

  #run(codes: Int32Array, from: number, whole: boolean): Match | null {
    let now: Threads = { at: [], saved: [] };
    let found: Match | null = null;
    const empty: Match = new Array<number>(2 * (this.groups + 1)).fill(-1);
    for (let at = from; ; at++) {
      // A thread that starts here is preferred least: those before it began further left.
      if (found === null && (!whole || at === from)) this.#join(now, codes, at, at === from, empty);
      const code = at < codes.length ? codes[at]! : null;
      const next: Threads = { at: [], saved: [] };
      this.#turn++;
      for (let i = 0; i < now.at.length; i++) {
        const instruction = this.#program[now.at[i]!]!;
        const saved = now.saved[i]!;
        if (instruction.op === "match") {
          if (whole && code !== null) continue;
          found = saved.with(1, at);
          // Those that are preferred less end here.
          break;
        }
        if (instruction.op === "set" && code !== null && instruction.set.has(code))
          this.#follow(next, codes, at + 1, now.at[i]! + 1, saved);
      }
      now = next;
      if (code === null || (now.at.length === 0 && (found !== null || whole))) return found;
    }
  }

  #join(threads: Threads, codes: Int32Array, at: number, first: boolean, empty: Match): void {
    if (first) this.#turn++;
    this.#follow(threads, codes, at, 0, empty.with(0, at));
  }

  /** Adds the thread at an instruction, or those that it leads to without reading a letter, preferred ones first. */
  #follow(threads: Threads, codes: Int32Array, at: number, start: number, saved: Match): void {
    const waiting: [at: number, saved: Match][] = [[start, saved]];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const [pc, held] = next;
      if (this.#seen[pc] === this.#turn) continue;
      this.#seen[pc] = this.#turn;
      const instruction = this.#program[pc]!;
      if (instruction.op === "jump") waiting.push([instruction.to, held]);
      else if (instruction.op === "save") waiting.push([pc + 1, held.with(instruction.slot, at)]);
      else if (instruction.op === "split") waiting.push([instruction.second, held], [instruction.first, held]);
      else if (instruction.op === "assert") {
        if (holds(instruction.what, codes, at)) waiting.push([pc + 1, held]);
      } else {
        threads.at.push(pc);
        threads.saved.push(held);
      }
    }
  }
}
