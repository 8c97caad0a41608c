// `npm run bench -- checkpoint [GIB] [FOLDER]`: saves and restores a state of 1 GiB on our server and, where there is a
// Python with TensorFlow, on a real one, in turn; prints seconds, and by how much each server's memory grew over what the
// variables take. The folder is on the disk to be measured.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { DataType, Graph, globalVariablesInitializer, Saver, Session, Variable } from "../src/index.js";

const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const python = process.env.TENSORFLEET_CONFORMANCE_PYTHON ?? path(".cache/conformance-venv/bin/python");
const gib = Number(process.argv[2] ?? 1);
const folder = mkdtempSync(join(process.argv[3] ?? tmpdir(), "tensorfleet-bench-"));
const TURNS = 3;
/** Sixteen variables, as rows of a thousand floats. */
const COUNT = 16;
const ROWS = Math.round((gib * 2 ** 30) / COUNT / 4000);

interface Side {
  readonly name: string;
  readonly child: ChildProcess;
  readonly target: string;
}

async function start(name: string, command: string, args: string[]): Promise<Side> {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "ignore"] });
  const [line] = (await once(createInterface({ input: child.stdout! }), "line")) as [string];
  return { name, child, target: line.slice(line.lastIndexOf("grpc://")) };
}

/** MiB that a process holds, now or at most since it began; Linux tells. */
function memory({ child }: Side, field: "VmRSS" | "VmHWM"): number {
  const file = `/proc/${child.pid}/status`;
  if (!existsSync(file)) return Number.NaN;
  return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync(file, "utf8"))![1]) / 1024;
}

function model(): { graph: Graph; init: ReturnType<typeof globalVariablesInitializer>; saver: Saver; check: Variable } {
  const graph = new Graph();
  const variables = Array.from({ length: COUNT }, (_, i) => {
    const initial = graph.ops.fill([ROWS, 1000], i + 0.5);
    return new Variable(graph, initial, { name: `v${i}`, dtype: DataType.FLOAT, shape: [ROWS, 1000] });
  });
  return { graph, init: globalVariablesInitializer(graph), saver: new Saver(graph), check: variables[COUNT - 1]! };
}

async function seconds(act: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await act();
  return (performance.now() - begun) / 1000;
}

async function measure(side: Side): Promise<void> {
  const { graph, init, saver, check } = model();
  const last = graph.ops.max(check, [0, 1]);
  await using session = new Session(side.target, { graph });
  await session.run(init);
  const prefix = join(folder, side.name);
  const before = memory(side, "VmRSS");
  const saves: number[] = [];
  const restores: number[] = [];
  for (let turn = 0; turn < TURNS; turn++) {
    saves.push(await seconds(() => saver.save(session, prefix, { writeMetaGraph: false, writeState: false })));
  }
  const afterSave = memory(side, "VmHWM") - before;
  for (let turn = 0; turn < TURNS; turn++) restores.push(await seconds(() => saver.restore(session, prefix)));
  const afterRestore = memory(side, "VmHWM") - before;
  const { data } = await session.run(last);
  if (data[0] !== COUNT - 0.5) throw new Error(`${side.name} restored ${data[0]}, not ${COUNT - 0.5}`);
  const list = (times: number[]) => times.map((time) => time.toFixed(2)).join(" ");
  console.log(`${side.name}: save ${list(saves)} s, memory +${afterSave.toFixed(0)} MiB at most`);
  console.log(`${side.name}: restore ${list(restores)} s, memory +${afterRestore.toFixed(0)} MiB at most`);
}

const sides: Side[] = [];
try {
  console.log(
    `Node ${process.version}; ${COUNT} variables, ${((COUNT * ROWS * 4000) / 2 ** 30).toFixed(2)} GiB, ${folder}`,
  );
  for (const [name, command, args] of [
    ["ours", process.execPath, [path("dist/lib/cli/main.js"), "serve"]],
    ...(existsSync(python) ? [["real", python, [path("bench/step.py"), "server"]] as const] : []),
  ] as const) {
    const side = await start(name, command, [...args]);
    sides.push(side);
    await measure(side);
    side.child.kill();
  }
} finally {
  for (const { child } of sides) child.kill();
  rmSync(folder, { recursive: true });
}
