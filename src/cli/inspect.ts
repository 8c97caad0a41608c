// `tensorfleet inspect TARGET`: the tasks of a cluster, their sessions, the steps in flight, and who waits for which tensor
// since when. Asks the task named, then all others that it knows.
import { parseArgs } from "node:util";
import { deviceNameOfTask } from "../cluster/server-def.js";
import type { StepReport, TaskReport } from "../observe/report.js";
import { type AskOptions, reportOf } from "../rpc/task-client.js";
import { addressOf } from "./address.js";
import { refuse } from "./refuse.js";
import { DIAL_USAGE, dialFlags, tlsOf } from "./tls.js";

const USAGE = `usage: tensorfleet inspect TARGET [FLAGS]

Lists the tasks of the cluster that TARGET (grpc://host:port) belongs to, their devices, sessions and steps in flight, and
who waits for which tensor since when.

  --json            the reports as JSON
  --timeout MS      how long to wait for each task (3000)
${DIAL_USAGE}`;

const options = {
  json: { type: "boolean" },
  timeout: { type: "string" },
  ...dialFlags,
  help: { type: "boolean" },
} as const;

type Report = Awaited<ReturnType<typeof reportOf>>;
type Asked =
  | { readonly address: string; readonly report: Report }
  | { readonly address: string; readonly error: string };

export async function inspect(args: string[]): Promise<number> {
  try {
    const { values, positionals } = parseArgs({ args, options, strict: true, allowPositionals: true });
    if (values.help) {
      process.stdout.write(USAGE);
      return 0;
    }
    const [target, ...rest] = positionals;
    if (target === undefined || rest.length > 0) throw new Error("takes one target: grpc://host:port");
    const timeoutMs = Number(values.timeout ?? 3000);
    if (!(timeoutMs > 0)) throw new Error(`--timeout takes milliseconds, not '${values.timeout}'`);
    return await show(addressOf(target), { timeoutMs, tls: tlsOf(values) }, values.json ?? false);
  } catch (error) {
    return refuse("inspect", error);
  }
}

async function show(address: string, how: AskOptions, json: boolean): Promise<number> {
  const first = await ask(address, how);
  const others = "report" in first && "cluster" in first.report ? othersOf(first.report) : [];
  const reports = new Map<string, Asked>([
    ["report" in first && "task" in first.report ? first.report.task : address, first],
  ]);
  await Promise.all(others.map(async ([task, at]) => reports.set(task, await ask(at, how))));
  const sorted = [...reports].sort(([a], [b]) => (a < b ? -1 : 1));
  process.stdout.write(json ? `${JSON.stringify(Object.fromEntries(sorted), null, 2)}\n` : sorted.map(textOf).join(""));
  return "error" in first ? 1 : 0;
}

async function ask(address: string, how: AskOptions): Promise<Asked> {
  try {
    return { address, report: await reportOf(address, how) };
  } catch (error) {
    return { address, error: (error as Error).message.split("\n")[0]! };
  }
}

function othersOf({ task, cluster }: TaskReport): [string, string][] {
  return Object.entries(cluster).flatMap(([job, tasks]) =>
    Object.entries(tasks)
      .map(([index, address]): [string, string] => [deviceNameOfTask(job, Number(index)), address])
      .filter(([name]) => name !== task),
  );
}

function textOf([name, asked]: [string, Asked]): string {
  const title = `${name}  ${asked.address}`;
  if ("error" in asked) return `${title}  does not answer: ${asked.error}\n`;
  const { report } = asked;
  if (!("task" in report)) {
    return `${title}  not of this package\n${report.devices.map((device) => `  ${device.name}\n`).join("")}`;
  }
  const lines = [
    `${title}  up ${age(report.upMs)}`,
    ...report.devices.map(
      ({ name: device, bytesInUse, peakBytesInUse }) =>
        `  device ${device}  ${megabytes(bytesInUse)} in use, ${megabytes(peakBytesInUse)} at most`,
    ),
    `  connections  ${connectionsOf(report)}`,
    ...report.sessions.map(
      ({ handle, nodes, runningSteps, idleMs }) =>
        `  session ${handle}  ${nodes} nodes, ${runningSteps > 0 ? `${runningSteps} steps running` : `idle for ${age(idleMs)}`}`,
    ),
    ...report.workerSessions.map(
      ({ handle, masterTask, graphs }) => `  works for session ${handle} of ${masterTask || "?"}  ${graphs} graphs`,
    ),
    ...report.steps.flatMap(stepLines),
  ];
  return `${lines.join("\n")}\n`;
}

const connectionsOf = ({ connections: { accepted, dataIn, dataOut } }: TaskReport): string =>
  `${accepted} accepted, ${dataOut} of them for tensors; ${dataIn} that bring tensors`;

const stepLines = ({ stepId, ageMs, running, waits }: StepReport): string[] => [
  `  step ${stepId}  ${running ? "runs" : "not begun here, first asked for"} since ${age(ageMs)}`,
  ...waits.map(
    ({ tensor, from, to, frameIter, ageMs: waited }) =>
      `    ${to} waits for ${tensor}${frameIter === "0:0" ? "" : ` (iteration ${frameIter})`} of ${from} since ${age(waited)}`,
  ),
];

const age = (ms: number): string => (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`);
const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
