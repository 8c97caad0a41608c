// `npm run faults -- RUNS SEED`: many random faults over one cluster, and what came of them.
import { oneRun, type RunResult, startCluster } from "./campaign.js";

const [runs = 200, seed = 1] = process.argv.slice(2).map(Number);

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
await using cluster = await startCluster();
const results: RunResult[] = [];
for (let i = 0; i < runs; i++) {
  const result = await oneRun(cluster, seed + i);
  results.push(result);
  const { fault, happened, steps, errors, problems, recoveryMs, slowest } = result;
  const codes = [...new Set(errors.map(({ codeName }) => codeName))].sort().join(" ");
  const verdict = problems.length === 0 ? "ok  " : "FAIL";
  const told = `${happened ? "" : "(waited in vain) "}${steps} steps, ${codes || "no error"}, whole in ${Math.round(recoveryMs)} ms`;
  print(`${verdict} ${seed + i}: ${fault}; ${told}; ${slowest.what} took ${Math.round(slowest.ms)} ms`);
  for (const problem of problems) print(`     ${problem}`);
}

const texts = new Map<string, number>();
for (const { codeName, message } of results.flatMap(({ errors }) => errors)) {
  const text = `${codeName}: ${message
    .replace(/\d{2,}|[0-9a-f]{16}/g, "N")
    .split("\n")
    .slice(0, 2)
    .join(" ")}`;
  texts.set(text, (texts.get(text) ?? 0) + 1);
}
for (const [text, count] of [...texts].sort(([, a], [, b]) => b - a)) print(`${count} × ${text}`);
const most = (of: (result: RunResult) => number) => Math.round(Math.max(...results.map(of)));
print(
  `slowest call ${most(({ slowest }) => slowest.ms)} ms, slowest recovery ${most(({ recoveryMs }) => recoveryMs)} ms`,
);
const failed = results.filter(({ problems }) => problems.length > 0).length;
print(`${runs - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
