// The tests' door to uvu: the same flat lists of `test("does x", …)`, but every test and hook has a deadline, a thrown
// value that is no Error still reads well, and the runner learns which test is running, so a hang has a name.
// A file that uses it still runs alone with `node`. It must not know how files are found or scheduled.
import { suite as uvuSuite } from "uvu";

export const DEFAULT_DEADLINE_MS = 20_000;

/** What a test file tells the runner that started it. */
export type Report =
  | { readonly kind: "started" | "passed" | "failed"; readonly test: string }
  | { readonly kind: "lingering"; readonly resources: readonly string[] };

/** The signal is aborted when the deadline passes, so what the test began can stop too. */
export type Body = (signal: AbortSignal) => unknown;

export interface Hooks {
  (body: Body): void;
  each(body: Body): void;
}

export interface Test {
  (name: string, body: Body, deadlineMs?: number): void;
  /** For work on one test of a file that runs by itself; the runner refuses it. */
  only(name: string, body: Body, deadlineMs?: number): void;
  readonly before: Hooks;
  readonly after: Hooks;
  run(): void;
}

const report = (message: Report): void => {
  process.send?.(message);
};

const asError = (thrown: unknown): Error =>
  thrown instanceof Error ? thrown : new Error(`thrown, and no Error: ${String(thrown)}`);

async function withinDeadline(what: string, body: Body, deadlineMs: number): Promise<void> {
  const abort = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const error = new Error(`${what}: not finished within its deadline of ${deadlineMs} ms`);
      reject(error);
      abort.abort(error);
    }, deadlineMs);
  });
  try {
    await Promise.race([body(abort.signal), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** uvu swallows what a `before` hook throws and calls the file passed; so it is printed and kept in the exit code. */
async function runHook(what: string, body: Body, deadlineMs: number): Promise<void> {
  try {
    await withinDeadline(what, body, deadlineMs);
  } catch (thrown) {
    console.error(`${what} failed:`, thrown);
    process.once("exit", () => {
      process.exitCode = 1;
    });
    throw asError(thrown);
  }
}

async function runTest(name: string, body: Body, deadlineMs: number): Promise<void> {
  report({ kind: "started", test: name });
  try {
    await withinDeadline(name, body, deadlineMs);
    report({ kind: "passed", test: name });
  } catch (thrown) {
    report({ kind: "failed", test: name });
    throw asError(thrown);
  }
}

/** A few seconds after the last test, if the process is still there: what keeps it. The timer itself keeps nothing. */
function reportLingering(): void {
  if (process.send === undefined) return;
  setTimeout(() => report({ kind: "lingering", resources: process.getActiveResourcesInfo() }), 2_000).unref();
}

export function suite(name = "", { deadlineMs = DEFAULT_DEADLINE_MS } = {}): Test {
  const inner = uvuSuite(name);
  const full = (title: string): string => (name === "" ? title : `${name} ${title}`);
  let waiting = 0;
  process.once("exit", () => {
    if (waiting === 0) return;
    console.error(`${waiting} tests of ${name === "" ? "this file" : `suite ${name}`} never ran: run() is missing`);
    process.exitCode = 1;
  });
  const hooks = (kind: "before" | "after"): Hooks => {
    const hook = (body: Body): void => inner[kind](() => runHook(full(kind), body, deadlineMs));
    const each = (body: Body): void => inner[kind].each(() => runHook(full(`${kind}.each`), body, deadlineMs));
    return Object.assign(hook, { each });
  };
  const add = (title: string, body: Body, ms = deadlineMs): void => {
    waiting++;
    inner(title, () => runTest(full(title), body, ms));
  };
  const only = (title: string, body: Body, ms = deadlineMs): void => {
    if (process.send !== undefined) throw new Error(`"${title}": only() hides the other tests of the file`);
    waiting++;
    inner.only(title, () => runTest(full(title), body, ms));
  };
  const run = (): void => {
    waiting = 0;
    inner.after(reportLingering);
    inner.run();
  };
  return Object.assign(add, { only, before: hooks("before"), after: hooks("after"), run });
}

/** The file's own list, for files that need one only. */
export const test: Test = suite();
