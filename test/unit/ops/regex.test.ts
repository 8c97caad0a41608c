import { readFileSync } from "node:fs";
import * as assert from "uvu/assert";
import { fullMatcher } from "../../../src/ops/support/regex.js";
import { test } from "../../support/suite.js";

/** What TensorFlow's RegexFullMatch says of each pattern: a number a text, or its error. */
const { texts, patterns } = JSON.parse(
  readFileSync(new URL("../../../../test/data/regex.json", import.meta.url), "utf8"),
) as { texts: string[]; patterns: [pattern: string, found: number[] | string][] };

test("matches and refuses what RE2 does", () => {
  for (const [pattern, wanted] of patterns) {
    let found: number[] | string;
    try {
      const matches = fullMatcher(pattern);
      found = texts.map((text) => Number(matches(text)));
    } catch (error) {
      found = (error as Error).message;
    }
    assert.equal(found, wanted, pattern);
  }
});

test("takes time in proportion, whatever the pattern", () => {
  assert.is(fullMatcher("(x*)*y")("x".repeat(5000)), false);
  assert.is(fullMatcher("(x|x)*")("x".repeat(5000)), true);
  assert.throws(() => fullMatcher("((a{1000}){1000}){1000}"), /pattern too large - compile failed/);
  assert.throws(() => fullMatcher("(".repeat(100_000)));
});

test.run();
