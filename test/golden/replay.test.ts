// What a real client asked a real master, asked of ours: the same answers but for handles, incarnations and order.
// The requests that can't be replayed on one task are counted here; the fixture lists each with its reason.
import * as assert from "uvu/assert";
import { readGolden, replay } from "../support/golden.js";
import { InProcess } from "../support/in-process.js";
import { test } from "../support/suite.js";

const folders = readGolden();

/** Their graphs draw random values without a seed, so the values have only dtype and shape in common. */
const UNSEEDED: ReadonlySet<string> = new Set(["02_mlp_train"]);

/** Requests of the recordings that aren't in the fixture, by reason. */
const SKIPPED = {
  "the server was down, or went down of it": 33,
  "a real server takes it for an earlier signature": 5,
  "overwritten in the recording by another conversation": 3,
  "the listener's answer, not the master's": 1,
};

test("all recorded requests are replayed but the listed ones", () => {
  assert.is(folders.flatMap(({ conversations }) => conversations.flat()).length, 159);
  const counts: Record<string, number> = {};
  for (const [, , reason] of folders.flatMap(({ skipped }) => skipped)) counts[reason] = (counts[reason] ?? 0) + 1;
  assert.equal(counts, SKIPPED);
});

for (const { name, conversations } of folders) {
  for (const [k, calls] of conversations.entries()) {
    test(`${name}${conversations.length > 1 ? `, conversation ${k + 1}` : ""}: ${calls.length} requests`, async () => {
      await using master = await InProcess.create();
      const problems = await replay(calls, master, () => (UNSEEDED.has(name) ? "shape" : "bits"));
      if (problems.length > 0) throw new Error(`${problems.length} answers differ\n  ${problems.join("\n  ")}`);
    });
  }
}

test.run();
