// What a real client asked a real master, spoilt here and there: an answer or one of our errors, in time, and nothing of
// it stays. Graphs are spoilt by field and run node by node, requests by byte.
import * as assert from "uvu/assert";
import { GraphDef } from "../../src/wire/core.js";
import {
  CloseSessionRequest,
  CreateSessionRequest,
  CreateSessionResponse,
  RunStepRequest,
  RunStepResponse,
} from "../../src/wire/master.js";
import { chance, checkFailure, type Draw, FUZZ_DEADLINE_MS, fuzz, pick } from "../support/fuzz.js";
import { spoilBytes, spoilGraph } from "../support/fuzz-message.js";
import { readGolden } from "../support/golden.js";
import { InProcess } from "../support/in-process.js";
import { suite } from "../support/suite.js";

const test = suite("requests", { deadlineMs: FUZZ_DEADLINE_MS });
/** A client gives up after this long; the server must have let go of the call this much later. */
const PATIENCE_MS = 100;
const HANG_MS = 5_000;

/** Texts that JavaScript or WebAssembly wrote. */
const FOREIGN =
  /Cannot (read|set|mix|convert|destructure)|is not (a function|iterable|defined)|Invalid (array|typed array|string) length|out of bounds|call stack|unreachable|BigInt|offset is|undefined/;

const conversations = readGolden().flatMap((folder) => folder.conversations);
const master = await InProcess.create();
const { engine } = master;

/** The answer, or `null` for an error of ours. */
async function ask(method: string, request: Uint8Array): Promise<Uint8Array | null> {
  let timer: NodeJS.Timeout | undefined;
  const hangs = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${method} hangs: ${Buffer.from(request).toString("base64")}`)), HANG_MS);
  });
  try {
    return await Promise.race([master.call(method, request, PATIENCE_MS), hangs]);
  } catch (error) {
    checkFailure(error);
    return null;
  } finally {
    clearTimeout(timer);
  }
}

const held = () => ({
  sessions: engine.master.openSessions,
  workerSessions: engine.worker.openSessions,
  steps: engine.worker.openSteps,
  bytes: engine.devices[0]!.allocator.bytesInUse,
});

/** Runs a case on an empty task, and wants it empty again. */
const alone = (body: (draw: Draw) => Promise<void>) => async (draw: Draw) => {
  const before = held();
  await body(draw);
  await engine.master.reset([], []);
  // A spoilt graph may name any container.
  engine.worker.resources.clear();
  assert.equal(held(), before);
};

async function spoiltConversation(draw: Draw): Promise<void> {
  const handles = new Map<string, string>();
  for (const call of pick(draw, conversations)) {
    let text = Buffer.from(call.request, "base64").toString("latin1");
    for (const [recorded, own] of handles) text = text.replaceAll(recorded, own);
    let request: Uint8Array = Buffer.from(text, "latin1");
    if (chance(draw, 40)) request = spoilBytes(draw, request);
    const answer = await ask(call.method, request);
    if (answer === null) continue;
    if (call.method === "CreateSession" && call.response !== undefined) {
      const recorded = CreateSessionResponse.decode(Buffer.from(call.response, "base64")).sessionHandle;
      handles.set(recorded, CreateSessionResponse.decode(answer).sessionHandle);
    }
    if (call.method === "RunStep") assert.not.match(RunStepResponse.decode(answer).statusErrorMessage, FOREIGN);
  }
}

const graphs = conversations
  .flat()
  .filter(({ method }) => method === "CreateSession")
  .map(({ request }) => CreateSessionRequest.decode(Buffer.from(request, "base64")).graphDef ?? GraphDef.create())
  .filter(({ node }) => node.length > 0 && node.length < 300);

async function spoiltGraph(draw: Draw): Promise<void> {
  const graphDef = spoilGraph(draw, pick(draw, graphs));
  const created = await ask("CreateSession", CreateSessionRequest.encode({ graphDef }));
  if (created !== null) {
    const { sessionHandle } = CreateSessionResponse.decode(created);
    for (let steps = Math.min(graphDef.node.length, 6); steps > 0; steps--) {
      const { name } = pick(draw, graphDef.node);
      const request = chance(draw, 50) ? { fetch: [`${name}:0`] } : { target: [name] };
      await ask("RunStep", RunStepRequest.encode({ sessionHandle, ...request }));
    }
  }
}

test("a loop whose condition doesn't hold its turns: left twice, it is refused and lets go of both values", async () => {
  const source = graphs.find(({ node }) => node.some(({ name }) => name === "while/NextIteration"))!;
  const graphDef = GraphDef.decode(GraphDef.encode(source));
  // A constant of the body makes turn after turn, whatever the condition says.
  graphDef.node.find(({ name }) => name === "while/NextIteration")!.input = ["while/Less/y"];
  const before = held();
  const created = await master.call("CreateSession", CreateSessionRequest.encode({ graphDef }));
  const { sessionHandle } = CreateSessionResponse.decode(created);
  const request = { sessionHandle, fetch: ["while/Exit:0"], storeErrorsInResponseBody: true };
  const answer = RunStepResponse.decode(await master.call("RunStep", RunStepRequest.encode(request)));
  assert.match(answer.statusErrorMessage, "A loop is left by more than one iteration\n\t [[{{node while/Exit}}]]");
  await master.call("CloseSession", CloseSessionRequest.encode({ sessionHandle }));
  assert.equal(held(), before);
});

test("conversations with spoilt bytes", () => fuzz(150, alone(spoiltConversation)));

test("graphs with spoilt nodes, attributes and functions", () => fuzz(400, alone(spoiltGraph)));

test.after(() => engine.close());
test.run();
