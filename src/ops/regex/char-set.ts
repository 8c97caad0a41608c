// Sets of characters: ranges of code points, Unicode's own classes, and opposites of both.

type Test = (code: number) => boolean;

export class CharSet {
  constructor(
    /** First and last of each range. */
    readonly ranges: readonly number[] = [],
    readonly tests: readonly Test[] = [],
    readonly opposite = false,
    readonly folds = false,
  ) {}

  static of(ranges: readonly number[], folds = false): CharSet {
    return new CharSet(ranges, [], false, folds);
  }

  static all(): CharSet {
    return CharSet.of([0, 0x10ffff]);
  }

  negated(): CharSet {
    return new CharSet(this.ranges, this.tests, !this.opposite, this.folds);
  }

  folded(): CharSet {
    return new CharSet(this.ranges, this.tests, this.opposite, true);
  }

  /** Both together, not folded. */
  with(other: CharSet): CharSet {
    if (other.opposite) return new CharSet(this.ranges, [...this.tests, (code) => other.has(code)]);
    return new CharSet([...this.ranges, ...other.ranges], [...this.tests, ...other.tests]);
  }

  /** @param code a code point; −1, a byte that isn't UTF-8, is in no set */
  has(code: number): boolean {
    if (code < 0) return false;
    return (this.#includes(code) || (this.folds && otherCases(code).some((c) => this.#includes(c)))) !== this.opposite;
  }

  #includes(code: number): boolean {
    const { ranges } = this;
    for (let i = 0; i < ranges.length; i += 2) if (code >= ranges[i]! && code <= ranges[i + 1]!) return true;
    for (const test of this.tests) if (test(code)) return true;
    return false;
  }
}

/** The same letter in its other cases, where that is one letter. */
function otherCases(code: number): number[] {
  const letter = String.fromCodePoint(code);
  return [letter.toLowerCase(), letter.toUpperCase(), letter.toUpperCase().toLowerCase()]
    .filter((other) => other.length === String.fromCodePoint(other.codePointAt(0)!).length)
    .map((other) => other.codePointAt(0)!);
}

const span = (text: string): CharSet => CharSet.of([...text].map((letter) => letter.codePointAt(0)!));

const DIGITS = span("09");
const WORD = span("09AZaz__");

const POSIX: Record<string, CharSet> = {
  alnum: span("09AZaz"),
  alpha: span("AZaz"),
  ascii: span("\x00\x7f"),
  blank: span("\t\t  "),
  cntrl: span("\x00\x1f\x7f\x7f"),
  digit: DIGITS,
  graph: span("!~"),
  lower: span("az"),
  print: span(" ~"),
  punct: span("!/:@[`{~"),
  space: span("\t\r  "),
  upper: span("AZ"),
  word: WORD,
  xdigit: span("09AFaf"),
};

export const posixSet = (name: string): CharSet | null => POSIX[name] ?? null;

const PERL: Record<string, CharSet> = {
  d: DIGITS,
  s: span("\t\n\f\r  "),
  w: WORD,
};

/** The class of `\d`, `\S` and their kin. */
export function perlSet(letter: string): CharSet | null {
  const set = PERL[letter.toLowerCase()];
  return set === undefined ? null : letter === letter.toLowerCase() ? set : set.negated();
}

/** A general category or a script. */
export function namedSet(name: string): CharSet | null {
  if (name === "Any") return CharSet.all();
  if (!/^[A-Za-z_]+$/.test(name)) return null;
  for (const property of [`General_Category=${name}`, `Script=${name}`]) {
    // RE2 knows categories by their short names only.
    if (property.startsWith("G") && name.length > 2) continue;
    try {
      const pattern = new RegExp(`^\\p{${property}}$`, "u");
      return new CharSet([], [(code) => pattern.test(String.fromCodePoint(code))]);
    } catch {
      // Not a property of this kind.
    }
  }
  return null;
}

export const isWordLetter = (code: number): boolean => WORD.has(code);
