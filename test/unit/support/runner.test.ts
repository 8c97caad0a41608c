// The runner against files that misbehave, each in its own way.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { Children, type FileResult, runFile, totalsOf } from "../../support/runner.js";
import { test } from "../../support/suite.js";

const run = (fixture: string, fileDeadlineMs = 15_000): Promise<FileResult> => {
  const file = fileURLToPath(new URL(`../../support/fixtures/${fixture}.fixture.js`, import.meta.url));
  return runFile(file, { fileDeadlineMs, graceMs: 2_500 }, new Children());
};

test("counts what passes", async () => {
  const { passed, failed, problems } = await run("passes");
  assert.equal({ passed, failed, problems }, { passed: 2, failed: 0, problems: [] });
});

test("ends a test at its deadline, names it, and goes on", async () => {
  const { passed, failed, output } = await run("hangs");
  assert.equal([passed, failed], [1, 1]);
  assert.match(output, "waits for ever: not finished within its deadline of 100 ms");
});

test("kills a file that spins, and names the test", async () => {
  const { passed, failed, problems } = await run("spins", 1_500);
  assert.equal([passed, failed], [0, 1]);
  assert.equal(problems, ['killed at its deadline of 1500 ms, in "spins"']);
});

test("fails a file without tests", async () => {
  const { failed, problems } = await run("empty");
  assert.equal([failed, problems], [1, ["has no test"]]);
});

test("fails a file that never calls run()", async () => {
  const { failed, problems, output } = await run("forgets-run");
  assert.equal([failed, problems.length], [1, 1]);
  assert.match(output, "1 tests of this file never ran: run() is missing");
});

test("counts failures and prints them", async () => {
  const { passed, failed, problems, output } = await run("throws");
  assert.equal([passed, failed, problems], [1, 2, []]);
  assert.match(output, '"differs"');
  assert.match(output, "thrown, and no Error: a plain word");
});

test("fails a file that breaks at import", async () => {
  const { failed, problems, output } = await run("breaks-at-import");
  assert.equal([failed, problems], [1, ["ended with 1 before its tests did"]]);
  assert.match(output, "broken at import");
});

test("fails a file whose hook throws", async () => {
  const { passed, failed, output } = await run("bad-hook");
  assert.is(passed, 0);
  assert.ok(failed > 0);
  assert.match(output, "the hook is broken");
});

test("fails a file that a timer keeps alive, and says what does", async () => {
  const { passed, failed, problems } = await run("leaves-timer");
  assert.equal([passed, failed], [1, 1]);
  assert.match(problems[0] ?? "", /^still alive 2500 ms after its last test: .*Timeout/);
});

test("fails a file that leaves a process, and ends it", async () => {
  const { passed, failed, problems } = await run("leaves-process");
  assert.equal([passed, failed, problems], [1, 1, ["left processes behind"]]);
});

test("fails a file that hides tests", async () => {
  const { failed, output } = await run("hides");
  assert.is(failed, 1);
  assert.match(output, "only() hides the other tests of the file");
});

test("fails when no file matches, and ends with its counts", () => {
  const entry = fileURLToPath(new URL("../../run.js", import.meta.url));
  const { status, stdout } = spawnSync(process.execPath, [entry, "there-is-no-such-test"], { encoding: "utf8" });
  assert.is(status, 1);
  assert.is(stdout, "no test file matches there-is-no-such-test\n\n0 passed, 1 failed\n");
});

test("reads the last totals", () => {
  const totals = (n: number): string => `  Total:     ${n}\n  Passed:    ${n}\n  Skipped:   0\n  Duration:  1ms\n`;
  assert.equal(totalsOf(totals(1) + totals(2)), { total: 2, passed: 2, skipped: 0 });
  assert.is(totalsOf("nothing"), undefined);
});

test.run();
