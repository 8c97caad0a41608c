// Runs test files, each as a child process of its own, and judges them. Takes paths of compiled files, gives counts and
// the words that explain a failure. A file that hangs, has no test, never calls run() or leaves anything behind fails.
// It must not know what is tested; what a child says besides its output comes from suite.ts.
import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { stripVTControlCharacters } from "node:util";
import type { Report } from "./suite.js";

export interface RunnerOptions {
  /** Longest time that one file may take, its start included. */
  readonly fileDeadlineMs: number;
  /** How long a file may stay alive after its last test. */
  readonly graceMs: number;
}

export const DEFAULTS: RunnerOptions = { fileDeadlineMs: 180_000, graceMs: 5_000 };

export interface FileResult {
  readonly file: string;
  readonly passed: number;
  readonly failed: number;
  readonly milliseconds: number;
  /** Why the file fails, apart from tests that did: one line each. */
  readonly problems: readonly string[];
  readonly output: string;
}

interface Totals {
  readonly total: number;
  readonly passed: number;
  readonly skipped: number;
}

const MAX_OUTPUT = 1 << 20;

/** uvu's closing lines; the last ones, as a test may print such lines of its own. */
export function totalsOf(output: string): Totals | undefined {
  const lines = /^ {2}Total: {5}(\d+)\n {2}Passed: {4}(\d+)\n {2}Skipped: {3}(\d+)\n {2}Duration:/gm;
  const last = [...stripVTControlCharacters(output).matchAll(lines)].at(-1);
  return last && { total: Number(last[1]), passed: Number(last[2]), skipped: Number(last[3]) };
}

/** The processes that are running now, so that whoever ends the runner can end them too. */
export class Children {
  readonly #running = new Set<ChildProcess>();

  start(file: string): ChildProcess {
    const child = spawn(process.execPath, ["--enable-source-maps", file], {
      // A group of its own: one signal reaches whatever the file started.
      detached: process.platform !== "win32",
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    this.#running.add(child);
    child.once("exit", () => this.#running.delete(child));
    return child;
  }

  killAll(): void {
    for (const child of this.#running) killGroup(child);
  }
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals | 0): boolean {
  if (child.pid === undefined) return false;
  try {
    return process.kill(process.platform === "win32" ? child.pid : -child.pid, signal);
  } catch {
    return false;
  }
}

const killGroup = (child: ChildProcess): boolean => signalGroup(child, "SIGKILL");

/** Gives processes that a file has stopped a moment to end; true if some stay. */
async function groupStays(child: ChildProcess): Promise<boolean> {
  if (process.platform === "win32") return false;
  for (let tries = 0; tries < 20; tries++) {
    if (!signalGroup(child, 0)) return false;
    await sleep(50);
  }
  return true;
}

export async function runFile(file: string, options: RunnerOptions, children: Children): Promise<FileResult> {
  const started = performance.now();
  const child = children.start(file);
  const problems: string[] = [];
  let output = "";
  let running = "";
  let passed = 0;
  let failed = 0;
  let resources: readonly string[] = [];
  let grace: NodeJS.Timeout | undefined;

  child.on("message", (message: Report) => {
    if (message.kind === "lingering") resources = message.resources;
    else running = message.kind === "started" ? message.test : "";
    if (message.kind === "passed") passed++;
    if (message.kind === "failed") failed++;
  });
  const collect = (chunk: string): void => {
    output = (output + chunk).slice(-MAX_OUTPUT);
    if (grace !== undefined || totalsOf(output.slice(-1_000)) === undefined) return;
    grace = setTimeout(() => {
      const held = resources.length > 0 ? `: ${resources.join(", ")}` : "";
      problems.push(`still alive ${options.graceMs} ms after its last test${held}`);
      killGroup(child);
    }, options.graceMs);
  };
  child.stdout?.setEncoding("utf8").on("data", collect);
  child.stderr?.setEncoding("utf8").on("data", collect);
  const deadline = setTimeout(() => {
    const where = running === "" ? "outside any test" : `in "${running}"`;
    problems.push(`killed at its deadline of ${options.fileDeadlineMs} ms, ${where}`);
    killGroup(child);
  }, options.fileDeadlineMs);

  const closed = new Promise((resolve) => child.once("close", resolve));
  const code = await new Promise<number | NodeJS.Signals | null>((resolve) => {
    child.once("exit", (exitCode, signal) => resolve(exitCode ?? signal));
    child.once("error", (error) => {
      problems.push(`could not be started: ${error.message}`);
      resolve(null);
    });
  });
  clearTimeout(deadline);
  clearTimeout(grace);
  if (await groupStays(child)) {
    if (problems.length === 0) problems.push("left processes behind");
    killGroup(child);
  }
  if (child.pid !== undefined) await closed;

  const totals = totalsOf(output);
  if (totals !== undefined) {
    passed = totals.passed;
    failed = totals.total - totals.passed;
    if (totals.total === 0) problems.push("has no test");
    if (totals.skipped > 0) problems.push(`hides ${totals.skipped} tests by skip() or only()`);
  } else if (problems.length === 0) {
    problems.push(code === 0 ? "ran no test: run() is missing" : `ended with ${code} before its tests did`);
  }
  if (problems.length === 0 && failed === 0 && code !== 0) problems.push(`ended with ${code}, though its tests passed`);
  const milliseconds = performance.now() - started;
  return { file, passed, failed: failed + problems.length, milliseconds, problems, output };
}

/** All files, `width` at a time; `done` sees each result as it comes. */
export async function runFiles(
  files: readonly string[],
  width: number,
  options: RunnerOptions,
  children: Children,
  done: (result: FileResult) => void,
): Promise<void> {
  const queue = files[Symbol.iterator]();
  const lane = async (): Promise<void> => {
    for (const file of queue) done(await runFile(file, options, children));
  };
  await Promise.all(Array.from({ length: width }, lane));
}
