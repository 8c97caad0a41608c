// Replays recorded conversations between a real client and a real master against a master in this process, request
// by request, with session handles mapped, and says where an answer differs in more than handles, incarnations,
// order and timings. conformance/golden/pack.py makes the fixture; must not know what the requests are about.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { Code } from "../../src/errors/index.js";
import { toStatus } from "../../src/rpc/status.js";
import type { TensorProto } from "../../src/wire/core.js";
import {
  CreateSessionResponse,
  ListDevicesResponse,
  RunCallableResponse,
  RunStepResponse,
} from "../../src/wire/master.js";
import { difference } from "./compare-tensor.js";
import { fromProto, type InProcess } from "./in-process.js";
import type { Rule } from "./op-cases.js";

export interface GoldenCall {
  readonly n: number;
  readonly method: string;
  readonly request: string;
  readonly response?: string;
  readonly error?: readonly [code: keyof typeof Code, details: string];
  /** The client gave up after this long; nothing that was answered counts. */
  readonly cancelAfterMs?: number;
  /** The next request was sent before this answer came. */
  readonly endsAfterNext?: boolean;
}

export interface GoldenFolder {
  readonly name: string;
  readonly conversations: readonly (readonly GoldenCall[])[];
  readonly skipped: readonly (readonly [n: number, method: string, reason: string])[];
}

const root = join(dirname(fileURLToPath(import.meta.url)), "../../..");

export function readGolden(): readonly GoldenFolder[] {
  const file = gunzipSync(readFileSync(join(root, "test/golden/data/master.gz")));
  return (JSON.parse(file.toString()) as { folders: GoldenFolder[] }).folders;
}

type Answer = { readonly bytes: Buffer } | { readonly code: number; readonly text: string };

const OWN_TASK = "/job:worker/replica:0/task:0/";

/** What in a text is a machine's or a run's own. */
const plain = (text: string, handles: ReadonlyMap<string, string>): string =>
  [...handles]
    .reduce((result, [recorded, own]) => result.replaceAll(recorded, own), text)
    .replace(/\nRecent warning and error logs:[\s\S]*/, "")
    .replace(/\nAdditional GRPC error information from remote target [\s\S]*?(?=\n\t \[\[|$)/, "")
    .replace(/ goo\.gle\/debug\w+\s[\s\S]*/, " goo.gle/debug")
    .replace(/running on \S+\. /, "running on HOST. ");

/** @returns a line for each answer that differs */
export async function replay(
  calls: readonly GoldenCall[],
  master: InProcess,
  rule: (call: GoldenCall, fetch: string) => Rule | "shape",
): Promise<string[]> {
  const handles = new Map<string, string>();
  const problems: string[] = [];
  const running: Promise<void>[] = [];
  for (const call of calls) {
    const answered = ask(call, master, handles).then((answer) => {
      if (call.cancelAfterMs !== undefined) return;
      const found = answerDifference(call, answer, handles, (fetch) => rule(call, fetch));
      if (found !== null) problems.push(`${call.n} ${call.method}: ${found}`);
    });
    if (call.endsAfterNext === true) {
      running.push(answered);
      // The other request came into the middle of this one.
      await new Promise((resolve) => setTimeout(resolve, 100));
    } else await answered;
  }
  await Promise.all(running);
  return problems;
}

async function ask(call: GoldenCall, master: InProcess, handles: ReadonlyMap<string, string>): Promise<Answer> {
  let request = Buffer.from(call.request, "base64").toString("latin1");
  for (const [recorded, own] of handles) request = request.replaceAll(recorded, own);
  try {
    const bytes = await master.call(call.method, Buffer.from(request, "latin1"), call.cancelAfterMs);
    return { bytes: Buffer.from(bytes) };
  } catch (error) {
    const { code, details } = toStatus(error);
    return { code, text: details };
  }
}

function answerDifference(
  call: GoldenCall,
  answer: Answer,
  handles: Map<string, string>,
  rule: (fetch: string) => Rule | "shape",
): string | null {
  if (call.error !== undefined) {
    const [name, details] = call.error;
    if (!("code" in answer)) return `succeeds, expected ${name}: ${details}`;
    return textDifference(Code[name], details, answer.code, answer.text, handles);
  }
  if ("code" in answer) return `error ${answer.code}: ${answer.text}\n    expected success`;
  const recorded = Buffer.from(call.response ?? "", "base64");
  switch (call.method) {
    case "CreateSession": {
      const expected = CreateSessionResponse.decode(recorded);
      const own = CreateSessionResponse.decode(answer.bytes);
      handles.set(expected.sessionHandle, own.sessionHandle);
      return own.graphVersion === expected.graphVersion ? null : `graph version ${own.graphVersion}`;
    }
    case "RunStep":
      return stepDifference(RunStepResponse.decode(recorded), RunStepResponse.decode(answer.bytes), handles, rule);
    case "RunCallable": {
      const expected = RunCallableResponse.decode(recorded).fetch;
      const own = RunCallableResponse.decode(answer.bytes).fetch;
      if (own.length !== expected.length) return `${own.length} tensors, expected ${expected.length}`;
      return first(expected.map((tensor, i) => tensorDifference(own[i]!, tensor, rule(String(i)))));
    }
    case "ListDevices": {
      const devices = (bytes: Uint8Array) =>
        ListDevicesResponse.decode(bytes)
          .localDevice.filter(({ name }) => name.startsWith(OWN_TASK))
          .map(({ name, deviceType, memoryLimit }) => `${name} ${deviceType} ${memoryLimit}`)
          .sort()
          .join();
      const [expected, own] = [devices(recorded), devices(answer.bytes)];
      return own === expected ? null : `${own}, expected ${expected}`;
    }
    default:
      return answer.bytes.equals(recorded)
        ? null
        : `${answer.bytes.toString("hex")}, expected ${recorded.toString("hex")}`;
  }
}

function stepDifference(
  expected: RunStepResponse,
  own: RunStepResponse,
  handles: ReadonlyMap<string, string>,
  rule: (fetch: string) => Rule | "shape",
): string | null {
  if (own.statusCode !== 0 || expected.statusCode !== 0) {
    const { statusCode, statusErrorMessage } = expected;
    return textDifference(statusCode, statusErrorMessage, own.statusCode, own.statusErrorMessage, handles);
  }
  if ((own.metadata === undefined) !== (expected.metadata === undefined)) return "metadata is there in one of the two";
  const tensors = new Map(own.tensor.map(({ name, tensor }) => [name, tensor]));
  if (tensors.size !== expected.tensor.length) return `${tensors.size} tensors, expected ${expected.tensor.length}`;
  return first(
    expected.tensor.map(({ name, tensor }) => {
      const actual = tensors.get(name);
      const found = actual === undefined ? "is missing" : tensorDifference(actual, tensor!, rule(name));
      return found === null ? null : `${name} ${found}`;
    }),
  );
}

export const first = (found: readonly (string | null)[]): string | null => found.find((text) => text !== null) ?? null;

export function tensorDifference(own: TensorProto, expected: TensorProto, rule: Rule | "shape"): string | null {
  const [actual, wanted] = [fromProto(own), fromProto(expected)];
  if (rule !== "shape") return difference(actual, wanted, rule);
  const same = actual.dtype === wanted.dtype && actual.shape.join() === wanted.shape.join();
  return same ? null : `is ${actual.dtype} [${actual.shape}], expected ${wanted.dtype} [${wanted.shape}]`;
}

export function textDifference(
  code: number,
  text: string,
  ownCode: number,
  ownText: string,
  handles: ReadonlyMap<string, string>,
): string | null {
  const [expected, own] = [plain(text, handles), plain(ownText, handles)];
  return code === ownCode && expected === own ? null : `error ${ownCode}: ${own}\n    expected ${code}: ${expected}`;
}
