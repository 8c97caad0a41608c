// How long the files are, room by room, so that growth shows up in review. Fails for a file of more than 600 lines;
// generated code and tables of data are left out of that. `--files` lists every file.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./build.mjs";

const LIMIT = 600;
const LOOK_HARD = 400;
const folders = ["src", "assembly", "test", "conformance", "bench", "examples", "scripts"];
const isExempt = (path) => /\/generated\/|\.generated\.|\.table\./.test(path);

function files(folder) {
  try {
    return readdirSync(join(root, folder), { recursive: true })
      .filter((name) => /\.(ts|mjs|py)$/.test(name))
      .map((name) => `${folder}/${name.replaceAll("\\", "/")}`);
  } catch {
    return [];
  }
}

/** `src/graph`, or the folder itself for what lies beside `src`. */
const roomOf = (path) => (path.startsWith("src/") ? path.split("/").slice(0, 2).join("/") : path.split("/")[0]);

const counted = folders
  .flatMap(files)
  .filter((path) => !isExempt(path) && !path.includes("__pycache__"))
  .map((path) => ({ path, lines: readFileSync(join(root, path), "utf8").split("\n").length - 1 }))
  .sort((a, b) => b.lines - a.lines);

const rooms = new Map();
for (const { path, lines } of counted) {
  const room = rooms.get(roomOf(path)) ?? { files: 0, lines: 0, longest: 0 };
  rooms.set(roomOf(path), {
    files: room.files + 1,
    lines: room.lines + lines,
    longest: Math.max(room.longest, lines),
  });
}

const row = (...cells) =>
  console.log(cells.map((cell, i) => String(cell)[i === 0 ? "padEnd" : "padStart"](i === 0 ? 18 : 8)).join(""));
row("room", "files", "lines", "longest");
for (const [name, { files: count, lines, longest }] of [...rooms].sort(([a], [b]) => (a < b ? -1 : 1))) {
  row(name, count, lines, longest);
}
row(
  "all",
  counted.length,
  counted.reduce((sum, { lines }) => sum + lines, 0),
  counted[0]?.lines ?? 0,
);

const listed = process.argv.includes("--files") ? counted : counted.filter(({ lines }) => lines > LOOK_HARD);
for (const { path, lines } of listed) {
  console.log(`${lines > LIMIT ? "FAIL" : lines > LOOK_HARD ? "long" : "    "} ${path}: ${lines} lines`);
}
if (counted.some(({ lines }) => lines > LIMIT)) process.exitCode = 1;
