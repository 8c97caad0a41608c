// `npm run bench -- startup`: how long a server takes to its ready line, what it holds when idle, and what there is to
// install: a real TensorFlow server and ours, in turn.
import { execFileSync } from "node:child_process";
import { path, runPython } from "./support/python.js";

const listing = execFileSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
  cwd: path("."),
  encoding: "utf8",
  shell: process.platform === "win32",
});
const size = /^\s*"size": (\d+),$/m.exec(listing)?.[1];
console.log(`Node ${process.version}; packed npm package ${(Number(size) / 1e6).toFixed(2)} MB (goal 2)`);
await runPython("bench/startup.py", []);
