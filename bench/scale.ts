// `npm run bench -- scale`: one ps alone in its process, a real one and ours in turn, under the load of 8, 16 and 32
// workers that another process plays. Prints steps a second, what a step costs the ps in CPU time (other load on the
// machine changes that least), and the memory that it holds.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { path } from "./support/python.js";
import { startServers } from "./support/side-by-side.js";

const WORKERS = [8, 16, 32];
const TURNS = 3;
const MILLISECONDS = 1500;

interface Figures {
  readonly stepsPerSecond: number;
  readonly cpuMs: number;
  readonly mib: number;
}

/** CPU time of a process so far; Linux tells, in hundredths of a second. */
function cpuMs({ pid }: ChildProcess): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

const mibOf = ({ pid }: ChildProcess): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]) / 1024;

async function measure(ps: ChildProcess, target: string, workers: number): Promise<Figures> {
  const args = [path("dist/bench/support/worker-load.js"), target, String(workers), String(MILLISECONDS)];
  const load = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const lines = createInterface({ input: load.stdout });
  await once(lines, "line");
  const before = cpuMs(ps);
  const [line] = (await once(lines, "line")) as [string];
  const used = cpuMs(ps) - before;
  const mib = mibOf(ps);
  if (load.exitCode === null) await once(load, "exit");
  const stepsPerSecond = Number(line);
  return { stepsPerSecond, cpuMs: used / ((stepsPerSecond * MILLISECONDS) / 1000), mib };
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1]!;

const servers = await startServers();
const names = ["real", "ours"];
const figures = names.map(() => WORKERS.map((): Figures[] => []));
for (let turn = 0; turn < TURNS; turn++)
  for (const [w, workers] of WORKERS.entries())
    for (const [s, { child, target }] of servers.entries()) figures[s]![w]!.push(await measure(child, target, workers));
for (const { child } of servers) child.kill();

console.log(`Node ${process.version}; medians of ${TURNS} turns, ratios turn by turn`);
const perTurn = (s: number, w: number) => figures[s]![w]!.map(({ stepsPerSecond }) => stepsPerSecond);
for (const [s, name] of names.entries())
  for (const [w, workers] of WORKERS.entries()) {
    const own = perTurn(s, w);
    const toReal = median(perTurn(s, w).map((value, turn) => value / perTurn(0, w)[turn]!));
    const toFew = median(perTurn(s, w).map((value, turn) => value / perTurn(s, 0)[turn]!));
    const cpu = median(figures[s]![w]!.map((one) => one.cpuMs));
    const mib = median(figures[s]![w]!.map((one) => one.mib));
    const speed = `${median(own).toFixed(0).padStart(6)} steps/s  ${cpu.toFixed(2)} ms CPU a step`;
    const ratios = `to real's ${toReal.toFixed(2)}  to that with ${WORKERS[0]} ${toFew.toFixed(2)}`;
    console.log(`${name}  ${String(workers).padStart(2)} workers ${speed}  ${ratios}  ${mib.toFixed(0)} MiB`);
  }
