// What real masters and peers asked of a real worker, asked of ours: the same tensors, the same refusals.
import * as assert from "uvu/assert";
import { readConversations, replayWorker } from "../support/golden-worker.js";
import { test } from "../support/suite.js";

const conversations = readConversations();

/** Answers that aren't compared bit by bit, by number of the call. */
const EXCEPTIONS: Readonly<Record<string, Readonly<Record<number, "shape" | "none">>>> = {
  // A variant: the tensors inside it may be written in more than one way.
  "34_recv_dtypes ps0": { 163: "shape" },
  // A real worker keeps the kernel of a _Recv by its name, and receives under the attributes of an earlier graph.
  "35_raw_worker_client ps0": { 18: "none" },
};

test("all recorded conversations are there", () => {
  assert.is(conversations.length, 18);
  assert.is(conversations.flatMap(({ calls }) => calls).length, 402);
});

for (const conversation of conversations) {
  test(`${conversation.name}: ${conversation.calls.length} requests`, async () => {
    const problems = await replayWorker(conversation, (call) => EXCEPTIONS[conversation.name]?.[call] ?? "bits");
    if (problems.length > 0) throw new Error(`${problems.length} answers differ\n  ${problems.join("\n  ")}`);
  });
}

test.run();
