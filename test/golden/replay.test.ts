// What a real client asked a real master, asked of ours: the same answers but for handles, incarnations and order.
// The requests that can't be replayed on one task are counted here; the fixture lists each with its reason.
import * as assert from "uvu/assert";
import { readGolden, replay } from "../support/golden.js";
import { InProcess } from "../support/in-process.js";
import { test } from "../support/suite.js";

const folders = readGolden();

/** Their graphs draw random values without a seed, so the values have only dtype and shape in common. */
const UNSEEDED: ReadonlySet<string> = new Set(["02_mlp_train"]);

const requests = (skipped: (reason: string) => boolean): number =>
  folders.flatMap((folder) => folder.skipped).filter(([, , reason]) => skipped(reason)).length;

test("all recorded requests are replayed but the listed ones", () => {
  const replayed = folders.flatMap(({ conversations }) => conversations.flat()).length;
  assert.is(replayed, 159);
  assert.is(
    requests((reason) => reason.startsWith("the server was down")),
    33,
  );
  assert.is(
    requests((reason) => reason.startsWith("overwritten")),
    3,
  );
  assert.is(1);
  assert.is(
    requests(() => true),
    37,
  );
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
