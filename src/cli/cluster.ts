// `tensorfleet cluster`: a cluster on this machine for development. Tasks are processes that run `serve`; with --run,
// workers run a script instead, which finds its place in TF_CONFIG, and the cluster ends with them.
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { LocalCluster, type TaskCommand } from "./local-cluster.js";
import { refuse } from "./refuse.js";
import { type Flags, serverFlags, tlsFlags, tlsOf } from "./tls.js";

const USAGE = `usage: tensorfleet cluster [FLAGS] [-- ARGUMENTS OF THE SCRIPT]

Starts a cluster on this machine, each task a process, and ends it by a signal.

  --ps N            parameter servers (1)
  --workers N       workers (1)
  --chief           a chief as well
  --run SCRIPT      what chief and workers run instead of 'serve', with TF_CONFIG set; the cluster ends when they have
  --quiet           no lines of the servers
  --tls-cert FILE, --tls-key FILE, --tls-ca FILE, --tls-any-client, --tls-server-name NAME   go to every 'serve'
`;

const options = {
  ps: { type: "string" },
  workers: { type: "string" },
  chief: { type: "boolean" },
  run: { type: "string" },
  quiet: { type: "boolean" },
  ...serverFlags,
  help: { type: "boolean" },
} as const;

const main = fileURLToPath(new URL("../cli/main.js", import.meta.url));
const serving = (args: readonly string[]) => ({ command: process.execPath, args: [main, "serve", ...args] });

export async function cluster(args: string[]): Promise<number> {
  try {
    const { values, positionals } = parseArgs({ args, options, strict: true, allowPositionals: true });
    if (values.help) {
      process.stdout.write(USAGE);
      return 0;
    }
    const script = values.run;
    if (script === undefined && positionals.length > 0) throw new Error(`what is '${positionals[0]}'?`);
    const serve = serving(tlsArguments(values));
    const work = script === undefined ? serve : interpreterOf(script, positionals);
    const workers = [
      ...(values.chief ? [{ job: "chief", index: 0, ...work }] : []),
      ...tasksOf("worker", count("workers", values.workers), work),
    ];
    const servers = tasksOf("ps", count("ps", values.ps), serve);
    return await run(servers, workers, script !== undefined, values.quiet ?? false);
  } catch (error) {
    return refuse("cluster", error);
  }
}

async function run(
  servers: readonly TaskCommand[],
  workers: readonly TaskCommand[],
  ends: boolean,
  quiet: boolean,
): Promise<number> {
  const silent = new Set(quiet ? (ends ? servers : [...servers, ...workers]) : []);
  const cluster = await LocalCluster.start({
    tasks: [...servers, ...workers],
    onLine: (task, line, stream) => {
      if (!silent.has(task)) process[stream].write(`[${task.job}/${task.index}] ${line}\n`);
    },
  });
  let signalled = false;
  const stop = () => {
    signalled = true;
    void cluster.stop();
  };
  process.once("SIGTERM", stop).once("SIGINT", stop);
  if (!ends) process.stdout.write(`${JSON.stringify(cluster.jobs)}\n`);
  try {
    const work = ends ? Promise.all(workers.map((task) => cluster.ended(task))) : new Promise<never>(() => {});
    // A server that ends by itself takes the cluster with it; so does a worker that fails.
    const broken = [...servers, ...workers].map(async (task) => {
      const { code } = await cluster.ended(task);
      if (workers.includes(task) && ends && code === 0) return new Promise<never>(() => {});
      return [{ task, code: code === 0 ? 1 : code }];
    });
    const results = await Promise.race([work, ...broken]);
    if (signalled) return 0;
    const failed = results.find(({ code }) => code !== 0);
    if (failed === undefined) return 0;
    process.stderr.write(`tensorfleet cluster: ${failed.task.job}/${failed.task.index} ended with ${failed.code}\n`);
    return failed.code;
  } finally {
    await cluster.stop();
    process.off("SIGTERM", stop).off("SIGINT", stop);
  }
}

const tasksOf = (job: string, count: number, work: { command: string; args: readonly string[] }): TaskCommand[] =>
  Array.from({ length: count }, (_, index) => ({ job, index, ...work }));

/** They are looked through here, so that not every server complains. */
function tlsArguments(values: Flags): string[] {
  tlsOf(values);
  const given = Object.keys(tlsFlags) as (keyof typeof tlsFlags)[];
  const files = given.flatMap((flag) => (values[flag] === undefined ? [] : [`--${flag}`, values[flag]]));
  return values["tls-any-client"] ? [...files, "--tls-any-client"] : files;
}

/** Python and JavaScript by their interpreters, anything else by itself. */
function interpreterOf(script: string, args: readonly string[]): { command: string; args: readonly string[] } {
  const extension = extname(script);
  if (extension === ".py") return { command: "python3", args: [script, ...args] };
  if ([".js", ".mjs", ".cjs", ".ts", ".mts"].includes(extension)) {
    return { command: process.execPath, args: [script, ...args] };
  }
  return { command: script, args };
}

function count(flag: string, text = "1"): number {
  if (!/^\d+$/.test(text) || Number(text) > 1000) throw new Error(`--${flag} takes a whole number, not '${text}'`);
  return Number(text);
}
