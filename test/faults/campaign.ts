// One run: a client works, something fails, and what the client was told, what values it saw, and what the tasks still
// hold afterwards is judged. Takes a cluster that is whole and leaves it whole.
import { setTimeout as sleep } from "node:timers/promises";
import { FailedPreconditionError, InternalError, OpError, Session, type TaskReport } from "../../src/index.js";
import { drawFault, type Fault } from "./faults.js";
import { ProxiedCluster } from "./proxied-cluster.js";
import { Random } from "./random.js";
import { PIECES, type Piece, Work } from "./work.js";

export interface Timed {
  readonly what: string;
  readonly ms: number;
}

export interface RunResult {
  readonly fault: string;
  /** A cut may have waited in vain for its bytes. */
  readonly happened: boolean;
  /** Steps that gave the right value. */
  readonly steps: number;
  /** What steps were told, by name of the code. */
  readonly errors: readonly OpError[];
  readonly problems: readonly string[];
  /** From the end of the fault until new sessions worked. */
  readonly recoveryMs: number;
  /** The call that took longest, and how long. */
  readonly slowest: Timed;
}

/** What the processes are told, so that a silent task is given up soon. */
const KEEP_ALIVE = ["--keepalive-time", "0.6", "--keepalive-timeout", "1.4"];
const SILENCE_MS = 2_000;
const STEP_MS = 20_000;
const RECOVERY_MS = 30_000;
const QUIET_MS = 20_000;
/** At once. */
const MOST_FAULTS = 2;
/** Accepted by a task that nobody uses: a gRPC and a data connection of each peer, and who asks for the report. */
const MOST_SOCKETS = 2 * 2 + 1;

const CLASSES = new Set(["UNAVAILABLE", "ABORTED", "CANCELLED", "DEADLINE_EXCEEDED", "FAILED_PRECONDITION"]);

export const startCluster = (): Promise<ProxiedCluster> =>
  ProxiedCluster.start({
    tasks: [
      { job: "ps", index: 0 },
      { job: "worker", index: 0 },
      { job: "worker", index: 1 },
    ],
    masters: ["worker/0", "worker/1"],
    flags: KEEP_ALIVE,
    // One worker's tensors go by data connections and by RecvTensor, in turns.
    flagsOf: (name, start) => (name === "worker/1" && start % 2 === 0 ? ["--no-data-connection"] : []),
  });

class Judge {
  readonly problems: string[] = [];
  readonly errors: OpError[] = [];
  /** Sessions that a master may have made though its client was never told. */
  lostSessions = 0;
  slowest: Timed = { what: "", ms: 0 };
  steps = 0;

  /** @returns whether the step gave its value. What it was told otherwise must be of a class that failures have */
  async step(what: string, step: Promise<unknown>): Promise<boolean> {
    const since = performance.now();
    try {
      await within(step, STEP_MS);
      this.steps++;
      return true;
    } catch (error) {
      if (error instanceof OpError) this.errors.push(error);
      if (!isFitting(error)) this.problems.push(`${what}: ${(error as Error).stack}`);
      return false;
    } finally {
      const ms = performance.now() - since;
      if (ms > this.slowest.ms) this.slowest = { what, ms };
    }
  }
}

function isFitting(error: unknown): boolean {
  if (!(error instanceof OpError)) return false;
  if (error instanceof InternalError) return error.message.includes("Failed to fetch outputs for step");
  return CLASSES.has(error.codeName);
}

class Late extends Error {}

async function within<T>(promise: Promise<T>, ms: number): Promise<T> {
  const stop = new AbortController();
  const late = sleep(ms, undefined, { signal: stop.signal }).then(() => {
    throw new Late(`nothing after ${ms} ms`);
  });
  late.catch(() => {});
  try {
    return await Promise.race([promise, late]);
  } finally {
    stop.abort();
  }
}

export async function oneRun(cluster: ProxiedCluster, seed: number): Promise<RunResult> {
  const random = new Random(seed);
  const worker = random.between(0, 1);
  const master = `worker/${worker}`;
  const fault = drawFault(random, cluster, { silenceMs: SILENCE_MS, master });
  const judge = new Judge();
  const work = new Work(cluster.target(master), worker);
  await within(work.initialize(), RECOVERY_MS);
  const comesAndGoes = async () => {
    // A fault may take the answer of CreateSession: then the client asks again, and nobody knows of the first session.
    judge.lostSessions += MOST_FAULTS;
    while (!stopped) {
      const visitor = new Work(cluster.target(master), worker);
      const done = await judge.step("a new session during the fault", visitor.run("loop", 3));
      await judge.step("closing it during the fault", visitor.session.close());
      if (!done) judge.lostSessions++;
    }
  };

  let stopped = false;
  const count = { done: 0, failed: 0 };
  const pieces = PIECES.filter(() => random.next() < 0.7);
  const goesOn = (pieces.length === 0 ? PIECES : pieces).map(async (piece: Piece) => {
    for (let value = 1; !stopped; value = (value % 50) + 1) {
      const done = await judge.step(`${piece} during the fault`, work.run(piece, value));
      if (piece === "train") count[done ? "done" : "failed"]++;
      if (!done) return;
    }
  });
  if (random.next() < 0.3) goesOn.push(comesAndGoes());
  await sleep(random.between(0, 200));
  const happened = await fault.happen(cluster);
  const since = performance.now();
  await sleep(random.between(0, 100));
  stopped = true;
  await Promise.all(goesOn);

  const fresh = await recovered(cluster, worker, judge, fault, count);
  const recoveryMs = performance.now() - since;
  await judge.step("closing the old session", work.session.close());
  for (const one of fresh) await judge.step("closing a new session", one.session.close());
  judge.problems.push(...cluster.takeCrashes(), ...(await leftOver(cluster, judge.lostSessions)));
  const { steps, errors, problems, slowest } = judge;
  return { fault: fault.text, happened, steps, errors, problems, recoveryMs, slowest };
}

/** Sessions on both masters, new and tried. */
async function recovered(
  cluster: ProxiedCluster,
  first: number,
  judge: Judge,
  { kills }: Fault,
  count: { readonly done: number; readonly failed: number },
): Promise<Work[]> {
  const fresh: Work[] = [];
  for (const worker of [first, 1 - first]) {
    const deadline = performance.now() + RECOVERY_MS;
    for (;;) {
      const work = new Work(cluster.target(`worker/${worker}`), worker);
      fresh.push(work);
      // What was done before the fault is still there, unless the variable's task was killed.
      if (fresh.length === 1 && !kills.includes("ps/0")) {
        const trained = await work.trained().catch((error: unknown) => error);
        const { done, failed } = count;
        if (typeof trained === "number" ? trained < done || trained > done + failed : !isFitting(trained)) {
          judge.problems.push(`trained ${trained} times, not ${done} to ${done + failed}`);
        } else if (trained instanceof FailedPreconditionError) {
          judge.problems.push(`the variable is lost: ${trained.message}`);
        }
      }
      let works = await judge.step("initializing a new session", work.initialize());
      for (const piece of PIECES) works &&= await judge.step(`${piece} in a new session`, work.run(piece, 7));
      if (works) break;
      judge.lostSessions++;
      if (performance.now() > deadline) {
        judge.problems.push(`no new session works ${RECOVERY_MS} ms after the fault`);
        break;
      }
      await sleep(50);
    }
  }
  return fresh;
}

/** What the tasks hold though all clients have gone: nothing, once they had time. */
async function leftOver(cluster: ProxiedCluster, lostSessions: number): Promise<string[]> {
  const held = await settled(() => heldBy(cluster, { sessions: lostSessions, blocks: Number.POSITIVE_INFINITY }));
  for (const worker of [0, 1]) await within(Session.reset(cluster.target(`worker/${worker}`)), STEP_MS);
  return [...held, ...(await settled(() => heldBy(cluster, { sessions: 0, blocks: 0 })))];
}

async function settled(held: () => Promise<string[]>): Promise<string[]> {
  const deadline = performance.now() + QUIET_MS;
  for (;;) {
    const now = await held();
    if (now.length === 0 || performance.now() > deadline) return now;
    await sleep(50);
  }
}

interface Allowed {
  readonly sessions: number;
  readonly blocks: number;
}

const heldBy = async (cluster: ProxiedCluster, allowed: Allowed): Promise<string[]> =>
  (await cluster.reports()).flatMap((report) => heldByTask(report, allowed));

function heldByTask(report: TaskReport, allowed: Allowed): string[] {
  const { task, sessions, workerSessions, steps, devices, connections } = report;
  const blocks = devices.reduce((sum, { blocksInUse }) => sum + blocksInUse, 0);
  const held: [what: string, isHeld: boolean, how: unknown][] = [
    ["sessions", sessions.length > allowed.sessions, sessions],
    // Both masters may have sessions here.
    ["worker sessions", workerSessions.length > 2 * allowed.sessions, workerSessions],
    ["steps", steps.length > 0, steps],
    ["blocks of memory", blocks > allowed.blocks, blocks],
    ["connections", connections.accepted > MOST_SOCKETS, connections],
  ];
  return held.filter(([, isHeld]) => isHeld).map(([what, , how]) => `${task} holds ${what}: ${JSON.stringify(how)}`);
}
