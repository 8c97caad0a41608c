// Regular expressions as RE2 has them, matched in time that grows with pattern × text whatever both are: a graph comes
// from the network, and JavaScript's own expressions can be made to run for years. A pattern becomes a program of a
// few instructions; all ways through it are followed at once. Whole texts only, so nothing is captured.
import { InvalidArgumentError } from "../../errors/index.js";

/** Instructions: a character that passes a test, a place in the text, two ways on, the end. */
type Instruction =
  | { readonly kind: "char"; readonly test: (char: number) => boolean }
  | { readonly kind: "at"; readonly test: (before: number, after: number) => boolean }
  | { readonly kind: "split"; a: number; b: number }
  | { readonly kind: "match" };

/** RE2's bounds on counts, and one on the whole. */
const MAX_REPEAT = 1000;
const MAX_PROGRAM = 100_000;
/** Before the first character and behind the last. */
const NONE = -1;

const code = (char: string): number => char.codePointAt(0)!;
const between = (low: string, high: string) => (char: number) => char >= code(low) && char <= code(high);
const digit = between("0", "9");
const lower = between("a", "z");
const upper = between("A", "Z");
const word = (char: number): boolean => digit(char) || lower(char) || upper(char) || char === code("_");
const space = (char: number): boolean => [9, 10, 12, 13, 32].includes(char);

const CLASSES: Readonly<Record<string, (char: number) => boolean>> = {
  d: digit,
  w: word,
  s: space,
  D: (char) => !digit(char),
  W: (char) => !word(char),
  S: (char) => !space(char),
};
const ESCAPES: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, f: 12, v: 11, a: 7 };

/** A part of a program whose ends are yet to be joined: it is made anew wherever it is repeated. */
type Build = (program: Instruction[]) => void;

class Parser {
  readonly #chars: string[];
  #at = 0;
  #ignoreCase = false;
  #dotAll = false;

  constructor(readonly pattern: string) {
    this.#chars = [...pattern];
  }

  parse(): Instruction[] {
    const build = this.#alternatives(0);
    if (this.#at < this.#chars.length) throw this.#error(`unexpected ): ${this.pattern}`);
    const program: Instruction[] = [];
    build(program);
    program.push({ kind: "match" });
    return program;
  }

  #error(what: string): InvalidArgumentError {
    return new InvalidArgumentError(`Invalid pattern: ${this.pattern}, error: ${what}`);
  }

  #peek(): string | undefined {
    return this.#chars[this.#at];
  }

  #skip(char: string): boolean {
    if (this.#peek() !== char) return false;
    this.#at++;
    return true;
  }

  #alternatives(depth: number): Build {
    if (depth > MAX_REPEAT) throw this.#error("expression nests too deeply");
    const choices = [this.#sequence(depth)];
    while (this.#skip("|")) choices.push(this.#sequence(depth));
    return choices.reduceRight((rest, choice) => (program) => either(program, choice, rest, this.#full));
  }

  readonly #full = (program: readonly Instruction[]): void => {
    if (program.length > MAX_PROGRAM) throw this.#error("pattern too large - compile failed");
  };

  #sequence(depth: number): Build {
    const parts: Build[] = [];
    for (let next = this.#peek(); next !== undefined && next !== "|" && next !== ")"; next = this.#peek()) {
      parts.push(this.#repeated(this.#atom(depth)));
    }
    return (program) => {
      for (const part of parts) part(program);
    };
  }

  #repeated(atom: Build): Build {
    const start = this.#at;
    const counts = this.#counts();
    if (counts === null) return atom;
    // Which way is tried first makes no difference to whether a whole text matches.
    this.#skip("?");
    const [low, high] = counts;
    const again = this.#at;
    if (this.#counts() !== null) {
      const operators = this.#chars.slice(start, this.#at).join("");
      throw this.#error(`bad repetition operator: ${operators}`);
    }
    this.#at = again;
    return (program) => {
      for (let i = 0; i < low; i++) atom(program);
      if (high === Number.POSITIVE_INFINITY) {
        const split: Instruction = { kind: "split", a: program.length + 1, b: 0 };
        const loop = program.push(split) - 1;
        atom(program);
        program.push({ kind: "split", a: loop, b: loop });
        split.b = program.length;
      } else {
        const splits: { b: number }[] = [];
        for (let i = low; i < high; i++) {
          const split = { kind: "split" as const, a: program.length + 1, b: 0 };
          program.push(split);
          splits.push(split);
          atom(program);
        }
        for (const split of splits) split.b = program.length;
      }
      this.#full(program);
    };
  }

  #counts(): readonly [number, number] | null {
    if (this.#skip("*")) return [0, Number.POSITIVE_INFINITY];
    if (this.#skip("+")) return [1, Number.POSITIVE_INFINITY];
    if (this.#skip("?")) return [0, 1];
    const match = /^\{(\d+)(,(\d*))?\}/.exec(this.#chars.slice(this.#at, this.#at + 16).join(""));
    if (match === null) return null;
    this.#at += match[0].length;
    const low = Number(match[1]);
    const high = match[2] === undefined ? low : match[3] === "" ? Number.POSITIVE_INFINITY : Number(match[3]);
    if (low > MAX_REPEAT || (high > MAX_REPEAT && Number.isFinite(high)) || high < low) {
      throw this.#error(`invalid repetition size: ${match[0]}`);
    }
    return [low, high];
  }

  #atom(depth: number): Build {
    const char = this.#chars[this.#at++]!;
    switch (char) {
      case "(":
        return this.#group(depth);
      case "[":
        return one(this.#set());
      case ".": {
        const all = this.#dotAll;
        return one((found) => all || found !== 10);
      }
      case "^":
        return place((before) => before === NONE);
      case "$":
        return place((_, after) => after === NONE);
      case "*":
      case "+":
      case "?":
        throw this.#error(`no argument for repetition operator: ${char}`);
      case "\\":
        return this.#escape();
      default:
        return one(this.#same(code(char)));
    }
  }

  #group(depth: number): Build {
    const [ignoreCase, dotAll] = [this.#ignoreCase, this.#dotAll];
    if (this.#skip("?")) {
      const text = this.#chars.slice(this.#at).join("");
      const match = /^(?:P?<\w+>|([is]*)(?:-([is]*))?([:)]))/.exec(text);
      if (match === null) throw this.#error(`invalid perl operator: (?${text.slice(0, 1)}`);
      this.#at += match[0].length;
      const [, on = "", off = "", end] = match;
      this.#ignoreCase = (this.#ignoreCase || on.includes("i")) && !off.includes("i");
      this.#dotAll = (this.#dotAll || on.includes("s")) && !off.includes("s");
      // Flags without a group go for the rest of the one around them.
      if (end === ")") return () => {};
    }
    const inside = this.#alternatives(depth + 1);
    if (!this.#skip(")")) throw this.#error(`missing ): ${this.pattern}`);
    [this.#ignoreCase, this.#dotAll] = [ignoreCase, dotAll];
    return inside;
  }

  #same(wanted: number): (char: number) => boolean {
    if (!this.#ignoreCase) return (char) => char === wanted;
    const text = String.fromCodePoint(wanted);
    const forms = [text, text.toLowerCase(), text.toUpperCase()].map(code);
    return (char) => forms.includes(char);
  }

  #escape(): Build {
    const char = this.#chars[this.#at++];
    if (char === undefined) throw this.#error("trailing \\");
    if (char === "A") return place((before) => before === NONE);
    if (char === "z") return place((_, after) => after === NONE);
    if (char === "b" || char === "B")
      return place((before, after) => (word(before) !== word(after)) === (char === "b"));
    const known = CLASSES[char];
    return one(known ?? this.#same(this.#escaped(char)));
  }

  #escaped(char: string): number {
    if (char in ESCAPES) return ESCAPES[char]!;
    if (char === "x") {
      const match = /^(?:([0-9a-fA-F]{2})|\{([0-9a-fA-F]{1,6})\})/.exec(
        this.#chars.slice(this.#at, this.#at + 8).join(""),
      );
      const value = Number.parseInt(match?.[1] ?? match?.[2] ?? "", 16);
      if (value <= 0x10ffff) {
        this.#at += match![0].length;
        return value;
      }
    }
    if (/[\p{L}\p{N}]/u.test(char)) throw this.#error(`invalid escape sequence: \\${char}`);
    return code(char);
  }

  #set(): (char: number) => boolean {
    const negated = this.#skip("^");
    const tests: ((char: number) => boolean)[] = [];
    for (let first = true; ; first = false) {
      const char = this.#chars[this.#at++];
      if (char === undefined) throw this.#error(`missing ]: ${this.pattern.slice(this.pattern.indexOf("["))}`);
      if (char === "]" && !first) break;
      if (char === "[" && this.#peek() === ":") throw this.#error("character classes by name are not supported here");
      const escaped = char === "\\" ? this.#chars[this.#at++] : undefined;
      if (escaped !== undefined && escaped in CLASSES) {
        tests.push(CLASSES[escaped]!);
        continue;
      }
      const low = escaped === undefined ? code(char) : this.#escaped(escaped);
      if (this.#peek() !== "-" || this.#chars[this.#at + 1] === "]") {
        tests.push(this.#same(low));
        continue;
      }
      this.#at++;
      const next = this.#chars[this.#at++];
      const high =
        next === "\\" ? this.#escaped(this.#chars[this.#at++] ?? "") : next === undefined ? NONE : code(next);
      if (high < low) throw this.#error(`invalid character class range: ${char}-${next}`);
      const inside = (found: number) => found >= low && found <= high;
      tests.push(this.#ignoreCase ? (found) => caseForms(found).some(inside) : inside);
    }
    return (char) => tests.some((test) => test(char)) !== negated;
  }
}

const caseForms = (char: number): number[] => {
  const text = String.fromCodePoint(char);
  return [text, text.toLowerCase(), text.toUpperCase()].map(code);
};

const one =
  (test: (char: number) => boolean): Build =>
  (program) => {
    program.push({ kind: "char", test });
  };
const place =
  (test: (before: number, after: number) => boolean): Build =>
  (program) => {
    program.push({ kind: "at", test });
  };

function either(program: Instruction[], first: Build, second: Build, full: (program: Instruction[]) => void): void {
  const split = { kind: "split" as const, a: program.length + 1, b: 0 };
  program.push(split);
  first(program);
  const jump = { kind: "split" as const, a: 0, b: 0 };
  program.push(jump);
  split.b = program.length;
  second(program);
  jump.a = program.length;
  jump.b = program.length;
  full(program);
}

/** A test of whole texts. @throws InvalidArgumentError with TensorFlow's text */
export function fullMatcher(pattern: string): (text: string) => boolean {
  const program = new Parser(pattern).parse();
  const seen = new Int32Array(program.length);
  let mark = 0;
  /** Follows everything that takes no character, and adds what does. */
  const follow = (from: number, before: number, after: number, states: number[]): void => {
    const open = [from];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      if (seen[at] === mark) continue;
      seen[at] = mark;
      const instruction = program[at]!;
      if (instruction.kind === "split") open.push(instruction.b, instruction.a);
      else if (instruction.kind !== "at") states.push(at);
      else if (instruction.test(before, after)) open.push(at + 1);
    }
  };
  return (text) => {
    const chars = Array.from(text, code);
    let states: number[] = [];
    mark++;
    follow(0, NONE, chars[0] ?? NONE, states);
    for (let i = 0; i < chars.length && states.length > 0; i++) {
      const char = chars[i]!;
      const next: number[] = [];
      mark++;
      for (const at of states) {
        const instruction = program[at]!;
        if (instruction.kind === "char" && instruction.test(char)) follow(at + 1, char, chars[i + 1] ?? NONE, next);
      }
      states = next;
    }
    return states.some((at) => program[at]!.kind === "match");
  };
}
