// What patterns match and what hostile ones may cost; what they capture is recorded in test/ops/strings.test.ts.
import { readFileSync } from "node:fs";
import * as assert from "uvu/assert";
import { CompiledRegex, lettersOf } from "../../../src/ops/regex/regex.js";
import { test } from "../../support/suite.js";

const letters = (text: string) => lettersOf(new TextEncoder().encode(text));

/** What TensorFlow's RegexFullMatch says of each pattern: a number a text, or its error. */
const { texts, patterns } = JSON.parse(
  readFileSync(new URL("../../../../test/data/regex.json", import.meta.url), "utf8"),
) as { texts: string[]; patterns: [pattern: string, found: number[] | string][] };

test("matches and refuses what RE2 does", () => {
  for (const [pattern, wanted] of patterns) {
    let found: number[] | string;
    try {
      const regex = new CompiledRegex(pattern);
      found = texts.map((text) => Number(regex.matches(letters(text))));
    } catch (error) {
      found = `Invalid pattern: ${pattern}, error: ${(error as Error).message}`;
    }
    assert.equal(found, wanted, pattern);
  }
});

test("nested repetitions take time linear to the text", () => {
  const regex = new CompiledRegex("(a*)*(a|aa)*b");
  assert.is(regex.matches(letters("a".repeat(20_000))), false);
  assert.is(regex.matches(letters(`${"a".repeat(20_000)}b`)), true);
}, 5_000);

test("patterns that are too large or too deep are refused", () => {
  assert.throws(() => new CompiledRegex("(a{100}b{100}){9}|".repeat(100)), /pattern too large - compile failed/);
  assert.throws(() => new CompiledRegex("(".repeat(100_000)), /nests too deeply/);
  assert.not.throws(() => new CompiledRegex(`${"(".repeat(900)}a${")".repeat(900)}`));
});

test("offsets are in bytes, and what is no UTF-8 is no letter", () => {
  const { codes, offsets } = lettersOf(Uint8Array.of(0x61, 0xc3, 0xa4, 0xff, 0xe2, 0x82, 0x62, 0xf0, 0x9f, 0x98, 0x80));
  assert.equal([...codes], [0x61, 0xe4, -1, -1, -1, 0x62, 0x1f600]);
  assert.equal([...offsets], [0, 1, 3, 4, 5, 6, 7, 11]);
});

test.run();
