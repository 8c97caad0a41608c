// `npm start`: a parameter server and two workers, processes on this machine, train mnist.ts together. With `-- --local`
// one server process, and a client that trains on it over a socket. Shows how they get on, and ends them all.
import { fileURLToPath } from "node:url";
import { LocalCluster, type TaskCommand } from "../src/cli/local-cluster.js";
import { Progress } from "./support/progress.js";

const WORKERS = 2;
const GOAL = 0.95;

const fileOf = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const script = fileOf("./mnist.js");
const serve = [fileOf("../lib/cli/main.js"), "serve"];
const command = process.execPath;
const nameOf = ({ job, index }: TaskCommand): string => `${job} ${index}`;

const clusters: LocalCluster[] = [];
const stop = () => Promise.all(clusters.map((cluster) => cluster.stop()));
process.once("SIGINT", stop).once("SIGTERM", stop);

/** What no bar shows: said when something fails. */
const said: string[] = [];
let accuracy = "";

async function start(tasks: readonly TaskCommand[], onLine: (task: TaskCommand, line: string) => void) {
  const cluster = await LocalCluster.start({
    tasks,
    onLine: (task, line, stream) => {
      if (stream === "stderr") said.push(`${nameOf(task)}  ${line}`);
      else onLine(task, line);
    },
  });
  clusters.push(cluster);
  return cluster;
}

async function startServer(): Promise<string> {
  const task = { job: "server", index: 0, command, args: serve };
  return new Promise((resolve, reject) => {
    start([task], (_, line) => resolve(line.slice(line.lastIndexOf("grpc://")))).catch(reject);
  });
}

/** Waits for the workers. @returns whether all went well */
async function train(servers: readonly TaskCommand[], workers: readonly TaskCommand[]): Promise<boolean> {
  const progress = new Progress(workers.map(nameOf));
  const cluster = await start([...servers, ...workers], (task, line) => {
    if (!progress.take(nameOf(task), line) && line.startsWith("accuracy")) accuracy = line;
  });
  const failed = [...servers, ...workers].map(async (task) => {
    const { code } = await cluster.ended(task);
    // A worker that is done is no failure, a server that is gone is.
    return code === 0 && workers.includes(task) ? new Promise<never>(() => {}) : false;
  });
  const done = Promise.all(workers.map((task) => cluster.ended(task))).then((ends) =>
    ends.every(({ code }) => code === 0),
  );
  const isGood = await Promise.race([done, ...failed]);
  if (isGood) console.log(progress.plot());
  return isGood;
}

try {
  let isGood: boolean;
  if (process.argv.includes("--local")) {
    const target = await startServer();
    console.log(`Training 784-512-10 on 9000 digits at ${target}`);
    isGood = await train([], [{ job: "client", index: 0, command, args: [script, target] }]);
  } else {
    console.log(`Training 784-512-10 on 9000 digits with 1 parameter server and ${WORKERS} workers`);
    const workers = Array.from({ length: WORKERS }, (_, index) => ({ job: "worker", index, command, args: [script] }));
    isGood = await train([{ job: "ps", index: 0, command, args: serve }], workers);
  }
  if (isGood) console.log(`A${accuracy.slice(1)}`);
  else console.error(said.slice(-20).join("\n"));
  process.exitCode = isGood && Number(accuracy.split(": ")[1]) >= GOAL ? 0 : 1;
} finally {
  await stop();
}
