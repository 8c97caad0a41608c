// Reads a regular expression in RE2's syntax into a tree, with RE2's words for what it refuses. No look-around and no
// back-references: what the syntax can say can be matched in time linear to the text. Of RE2's own it lacks `\\C`, a
// byte of a letter.
import { CharSet, namedSet, perlSet, posixSet } from "./char-set.js";

export type Regex =
  | { readonly kind: "set"; readonly set: CharSet }
  | { readonly kind: "assert"; readonly what: Assertion }
  | { readonly kind: "sequence"; readonly parts: readonly Regex[] }
  | { readonly kind: "choice"; readonly parts: readonly Regex[] }
  | { readonly kind: "group"; readonly index: number; readonly body: Regex }
  | {
      readonly kind: "repeat";
      readonly body: Regex;
      readonly min: number;
      readonly max: number;
      readonly greedy: boolean;
    };

export type Assertion = "text start" | "text end" | "line start" | "line end" | "word edge" | "no word edge";

export class RegexError extends Error {}

/** RE2's bounds on counts, by themselves and multiplied. */
const MOST_REPEATS = 1000;
const DEEPEST = 1000;

interface Flags {
  fold: boolean;
  multiLine: boolean;
  dotAll: boolean;
  lazy: boolean;
}

const CONTROLS: Record<string, number> = { a: 7, f: 12, n: 10, r: 13, t: 9, v: 11 };
const isOctal = (c: string | undefined): boolean => c !== undefined && c >= "0" && c <= "7";

export class RegexParser {
  readonly #text: readonly string[];
  #at = 0;
  #depth = 0;
  groups = 0;
  #flags: Flags = { fold: false, multiLine: false, dotAll: false, lazy: false };

  constructor(readonly pattern: string) {
    this.#text = [...pattern];
  }

  parse(): Regex {
    const body = this.#choice();
    if (this.#at < this.#text.length) throw this.#error("unexpected )", this.pattern);
    return body;
  }

  #error(what: string, where = ""): RegexError {
    return new RegexError(where === "" ? what : `${what}: ${where}`);
  }

  #slice(from: number, to = this.#at): string {
    return this.#text.slice(from, to).join("");
  }

  #take(word: string): boolean {
    if (this.#slice(this.#at, this.#at + word.length) !== word) return false;
    this.#at += word.length;
    return true;
  }

  #choice(): Regex {
    if (++this.#depth > DEEPEST) throw this.#error("expression nests too deeply");
    const parts = [this.#sequence()];
    while (this.#take("|")) parts.push(this.#sequence());
    this.#depth--;
    return parts.length === 1 ? parts[0]! : { kind: "choice", parts };
  }

  #sequence(): Regex {
    const parts: Regex[] = [];
    // Where the last repetition began: another one right behind it is refused.
    let repeatedAt = -1;
    let repeatEnd = -1;
    while (this.#at < this.#text.length && this.#text[this.#at] !== "|" && this.#text[this.#at] !== ")") {
      const start = this.#at;
      const counts = this.#repetition();
      if (counts === null) {
        parts.push(...this.#atom());
        continue;
      }
      if (start === repeatEnd) throw this.#error("bad repetition operator", this.#slice(repeatedAt));
      const body = parts.pop();
      if (body === undefined) throw this.#error("no argument for repetition operator", this.#slice(start));
      if (
        counts.min > MOST_REPEATS ||
        (counts.max !== Number.POSITIVE_INFINITY && counts.max > MOST_REPEATS) ||
        counts.max < counts.min
      )
        throw this.#error("invalid repetition size", this.#slice(start));
      const sized = this.#slice(start);
      const greedy = this.#take("?") === this.#flags.lazy;
      const repeat: Regex = { kind: "repeat", body, ...counts, greedy };
      if (repeatsOf(repeat) > MOST_REPEATS) throw this.#error("invalid repetition size", sized);
      parts.push(repeat);
      repeatedAt = start;
      repeatEnd = this.#at;
    }
    return parts.length === 1 ? parts[0]! : { kind: "sequence", parts };
  }

  /** `*`, `+`, `?` or counts in braces; braces of any other kind are letters. */
  #repetition(): { min: number; max: number } | null {
    const infinite = Number.POSITIVE_INFINITY;
    if (this.#take("*")) return { min: 0, max: infinite };
    if (this.#take("+")) return { min: 1, max: infinite };
    if (this.#take("?")) return { min: 0, max: 1 };
    const braces = /^\{(\d+)(,(\d*))?\}/.exec(this.#slice(this.#at, this.#at + 32));
    if (braces === null) return null;
    this.#at += braces[0].length;
    const min = Number(braces[1]);
    return { min, max: braces[2] === undefined ? min : braces[3] === "" ? infinite : Number(braces[3]) };
  }

  /** What a repetition repeats: one tree, none for flags, several for quoted letters. */
  #atom(): Regex[] {
    const start = this.#at;
    const letter = this.#text[this.#at++]!;
    if (letter === "(") return this.#group(start);
    if (letter === "[") return [{ kind: "set", set: this.#class(start) }];
    if (letter === ".")
      return [{ kind: "set", set: this.#flags.dotAll ? CharSet.all() : CharSet.of([10, 10]).negated() }];
    if (letter === "^") return [{ kind: "assert", what: this.#flags.multiLine ? "line start" : "text start" }];
    if (letter === "$") return [{ kind: "assert", what: this.#flags.multiLine ? "line end" : "text end" }];
    if (letter !== "\\") return [this.#literal(letter)];
    if (this.#at >= this.#text.length) throw this.#error("trailing \\");
    if (this.#take("Q")) return this.#quoted();
    for (const [letter, what] of ASSERTIONS) if (this.#take(letter)) return [{ kind: "assert", what }];
    const set = this.#namedClass(start);
    if (set !== null) return [{ kind: "set", set }];
    return [this.#literal(String.fromCodePoint(this.#escape(start)))];
  }

  #literal(letter: string): Regex {
    const code = letter.codePointAt(0)!;
    return { kind: "set", set: CharSet.of([code, code], this.#flags.fold) };
  }

  #quoted(): Regex[] {
    const letters: Regex[] = [];
    while (this.#at < this.#text.length && !this.#take("\\E")) letters.push(this.#literal(this.#text[this.#at++]!));
    return letters;
  }

  #group(start: number): Regex[] {
    const outer = { ...this.#flags };
    let index: number | null = null;
    if (!this.#take("?")) index = ++this.groups;
    else if (this.#take("P<")) {
      const from = this.#at;
      while (this.#at < this.#text.length && this.#text[this.#at] !== ">") this.#at++;
      const name = this.#slice(from);
      if (!this.#take(">")) throw this.#error("invalid named capture group", this.#slice(start, this.#text.length));
      if (!/^[A-Za-z0-9_]+$/.test(name)) throw this.#error("invalid named capture group", this.#slice(start));
      index = ++this.groups;
    } else if (!this.#readFlags(start)) return [];
    const body = this.#choice();
    if (!this.#take(")")) throw this.#error("missing )", this.pattern);
    this.#flags = outer;
    return [index === null ? body : { kind: "group", index, body }];
  }

  /** `(?i)` changes what follows, `(?i:…)` its own group only. @returns whether a group follows */
  #readFlags(start: number): boolean {
    let value = true;
    let bare = false;
    for (;;) {
      const letter = this.#text[this.#at++];
      const ends = letter === ":" || letter === ")";
      if (ends && !bare) return letter === ":";
      bare = letter === "-";
      if (letter === "-" && value) value = false;
      else if (letter === "i") this.#flags.fold = value;
      else if (letter === "m") this.#flags.multiLine = value;
      else if (letter === "s") this.#flags.dotAll = value;
      else if (letter === "U") this.#flags.lazy = value;
      else throw this.#error("invalid perl operator", this.#slice(start));
    }
  }

  /** `\d`, `\pL`, `\p{Greek}` and their opposites, after the backslash. */
  #namedClass(start: number): CharSet | null {
    const letter = this.#text[this.#at]!;
    const perl = perlSet(letter);
    if (perl !== null) {
      this.#at++;
      return perl;
    }
    if (letter !== "p" && letter !== "P") return null;
    this.#at++;
    let name = this.#text[this.#at++] ?? "";
    if (name === "{") {
      const from = this.#at;
      while (this.#at < this.#text.length && this.#text[this.#at] !== "}") this.#at++;
      name = this.#slice(from);
      if (!this.#take("}")) throw this.#error("invalid character class range", this.#slice(start, this.#text.length));
    }
    const set = namedSet(name.replace(/^\^/, ""));
    if (set === null) throw this.#error("invalid character class range", this.#slice(start));
    return name.startsWith("^") === (letter === "P") ? set : set.negated();
  }

  /** A single code point after a backslash. */
  #escape(start: number): number {
    const letter = this.#text[this.#at++]!;
    const refuse = () => this.#error("invalid escape sequence", this.#slice(start));
    if (isOctal(letter)) {
      if (letter !== "0" && !isOctal(this.#text[this.#at])) throw refuse();
      let code = Number(letter);
      for (let i = 0; i < 2 && isOctal(this.#text[this.#at]); i++) code = code * 8 + Number(this.#text[this.#at++]);
      return code;
    }
    if (letter === "x") {
      const rest = this.#slice(this.#at, this.#at + 16);
      const digits = /^(?:\{([0-9A-Fa-f]+)\}|([0-9A-Fa-f]{2}))/.exec(rest);
      if (digits === null) {
        this.#at = Math.min(this.#at + 2, this.#text.length);
        throw refuse();
      }
      this.#at += digits[0].length;
      const code = Number.parseInt(digits[1] ?? digits[2]!, 16);
      if (code > 0x10ffff) throw refuse();
      return code;
    }
    if (letter in CONTROLS) return CONTROLS[letter]!;
    if (/^[!-/:-@[-`{-~ ]$/.test(letter)) return letter.codePointAt(0)!;
    throw refuse();
  }

  #class(start: number): CharSet {
    const negated = this.#take("^");
    let set = new CharSet();
    for (let first = true; first || this.#text[this.#at] !== "]"; first = false) {
      if (this.#at >= this.#text.length) throw this.#error("missing ]", this.#slice(start));
      set = set.with(this.#classItem(start));
    }
    this.#at++;
    const folded = this.#flags.fold ? set.folded() : set;
    return negated ? folded.negated() : folded;
  }

  #classItem(start: number): CharSet {
    const from = this.#at;
    const posix = /^\[:(\^?)(\w*):\]/.exec(this.#slice(from, from + 16));
    if (posix !== null) {
      this.#at += posix[0].length;
      const set = posixSet(posix[2]!);
      if (set === null) throw this.#error("invalid character class range", posix[0]);
      return posix[1] === "^" ? set.negated() : set;
    }
    if (this.#text[from] === "\\" && this.#at + 1 < this.#text.length) {
      this.#at++;
      const named = this.#namedClass(from);
      if (named !== null) return named;
      this.#at = from;
    }
    const low = this.#classLetter(start);
    let high = low;
    if (this.#text[this.#at] === "-" && (this.#text[this.#at + 1] ?? "]") !== "]") {
      this.#at++;
      high = this.#classLetter(start);
    }
    if (high < low) throw this.#error("invalid character class range", this.#slice(from));
    return CharSet.of([low, high]);
  }

  #classLetter(start: number): number {
    const from = this.#at;
    const letter = this.#text[this.#at++];
    if (letter === undefined) throw this.#error("missing ]", this.#slice(start));
    if (letter !== "\\") return letter.codePointAt(0)!;
    if (this.#at >= this.#text.length) throw this.#error("trailing \\");
    return this.#escape(from);
  }
}

const ASSERTIONS: readonly (readonly [string, Assertion])[] = [
  ["A", "text start"],
  ["z", "text end"],
  ["b", "word edge"],
  ["B", "no word edge"],
];

/** Counts inside counts multiply. */
function repeatsOf(regex: Regex): number {
  if (regex.kind === "sequence" || regex.kind === "choice")
    return regex.parts.reduce((most, part) => Math.max(most, repeatsOf(part)), 1);
  if (regex.kind === "group") return repeatsOf(regex.body);
  if (regex.kind !== "repeat") return 1;
  return Math.max(Number.isFinite(regex.max) ? regex.max : regex.min, 1) * repeatsOf(regex.body);
}
