// Nesting as deep as a message can carry: of messages, of functions that call each other, of frames. A success or an
// error of ours, in time; the stack never decides. Nothing of it stays.
import * as assert from "uvu/assert";
import { Code, toOpError } from "../../src/errors/index.js";
import { boolValue, stringValue } from "../../src/graph/attr-value.js";
import { type FunctionDef, type GraphDef, WireError } from "../../src/wire/core.js";
import {
  CloseSessionRequest,
  CreateSessionRequest,
  CreateSessionResponse,
  RunStepRequest,
  RunStepResponse,
} from "../../src/wire/master.js";
import { checkFailure } from "../support/fuzz.js";
import { callDef, FLOAT, floatOp, floats, functionDef, graphDefOf, nodeDef } from "../support/graphs.js";
import { InProcess } from "../support/in-process.js";
import { suite } from "../support/suite.js";

const test = suite("deep", { deadlineMs: 60_000 });
const DEPTH = 20_000;
const MESSAGES = 100_000;
/** A step that isn't through by then is cancelled. */
const PATIENCE_MS = 50_000;
const task = await InProcess.create();
const { engine } = task;

const one = floats("one", 1);

/** The value of a fetch, or the error that the step or the graph got. */
async function outcome(graphDef: GraphDef, fetch: string, patienceMs = PATIENCE_MS): Promise<number | string> {
  let sessionHandle = "";
  try {
    const created = await task.call("CreateSession", CreateSessionRequest.encode({ graphDef }), PATIENCE_MS);
    ({ sessionHandle } = CreateSessionResponse.decode(created));
    const request = { sessionHandle, fetch: [fetch], storeErrorsInResponseBody: true };
    const answer = RunStepResponse.decode(await task.call("RunStep", RunStepRequest.encode(request), patienceMs));
    if (answer.statusCode !== Code.OK) return answer.statusErrorMessage;
    return new DataView(answer.tensor[0]!.tensor!.tensorContent!.slice().buffer).getFloat32(0, true);
  } catch (error) {
    checkFailure(error);
    return toOpError(error).message;
  } finally {
    if (sessionHandle !== "") await task.call("CloseSession", CloseSessionRequest.encode({ sessionHandle }));
    assert.equal([engine.worker.openSteps, engine.devices[0]!.allocator.bytesInUse], [0, 0]);
  }
}

test("frames inside frames", async () => {
  const nodes = [one];
  const last = DEPTH - 1;
  for (let i = 0; i < DEPTH; i++) {
    const attrs = { T: FLOAT, frame_name: stringValue(`f${i}`) };
    nodes.push(nodeDef(`in${i}`, "Enter", [i === 0 ? "one" : `in${i - 1}`], attrs));
  }
  for (let i = 0; i < DEPTH; i++) {
    nodes.push(nodeDef(`out${i}`, "Exit", [i === 0 ? `in${last}` : `out${i - 1}`], { T: FLOAT }));
  }
  assert.is(await outcome(graphDefOf(nodes), `out${last}:0`), 1);
});

/** `f0(one)`, where each function but the last calls the next one that many times and adds. */
function calls(depth: number, times: 1 | 2, attr: FunctionDef["attr"] = new Map()): GraphDef {
  const functions = Array.from({ length: depth }, (_, i): FunctionDef => {
    if (i === depth - 1)
      return { ...functionDef(`f${i}`, [floatOp("sum", "Identity", "x")], { y: "sum:output:0" }), attr };
    const calling = ["a", "b"].slice(0, times).map((name) => callDef(name, `f${i + 1}`, "x"));
    const sum = floatOp("sum", "Add", "a:output:0", times === 1 ? "x" : "b:output:0");
    return { ...functionDef(`f${i}`, [...calling, sum], { y: "sum:z:0" }), attr };
  });
  return graphDefOf([one, callDef("call", "f0", "one")], functions);
}

test("functions that call functions", async () => {
  assert.is(await outcome(calls(DEPTH, 1), "call:0"), DEPTH);
});

// They aren't inlined: each is a step inside its caller's, and ends it.
test("functions that stay calls", async () => {
  const stays = new Map([["_noinline", boolValue(true)]]);
  assert.is(await outcome(calls(9000, 1, stays), "call:0"), 9000);
  const refused = String(await outcome(calls(MESSAGES, 1, stays), "call:0"));
  assert.match(refused, /Calls are nested more than 10000 deep, at function f10000\n/);
  assert.ok(refused.length < 10_000, `an error of ${refused.length} characters`);
});

// Nobody can wait for the end of the second one.
test("functions that call twice functions that call twice", async () => {
  assert.is(await outcome(calls(10, 2), "call:0"), 512);
  assert.match(String(await outcome(calls(60, 2), "call:0", 300)), "cancelled");
});

test("messages inside messages", async () => {
  // attr { key: "a" value { func { attr { … } } } }, from the inside out.
  const parts: Uint8Array[] = [];
  let length = 0;
  const wrap = (tag: number, ...before: number[]) => {
    const bytes = [...before, tag];
    let rest = length;
    for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
    parts.push(Uint8Array.from([...bytes, rest]));
    length += bytes.length + 1;
  };
  const [FUNC, VALUE, ATTR, NODE_ATTR, NODE, GRAPH] = [0x52, 0x12, 0x12, 0x2a, 0x0a, 0x0a] as const;
  for (let i = 0; i < MESSAGES; i++) {
    wrap(FUNC);
    wrap(VALUE, 0x0a, 1, 97);
    wrap(i === MESSAGES - 1 ? NODE_ATTR : ATTR);
  }
  wrap(NODE);
  wrap(GRAPH);
  const refused = await task.call("CreateSession", Buffer.concat(parts.reverse())).catch((error: unknown) => error);
  assert.instance(refused, WireError);
  assert.is((refused as Error).message, "messages nest deeper than 100");
});

test.after(() => engine.close());
test.run();
