// `npm run bench -- NAME …`: runs dist/bench/NAME.js with the arguments that follow. Without a name, says which there are.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { root } from "./build.mjs";

const [name, ...args] = process.argv.slice(2);
const folder = join(root, "dist/bench");
const names = existsSync(folder)
  ? readdirSync(folder)
      .filter((file) => file.endsWith(".js"))
      .map((file) => file.slice(0, -3))
  : [];
if (name === undefined || !names.includes(name)) {
  console.error(`${name === undefined ? "which bench" : `no bench ${name}`}? There are: ${names.join(", ") || "none"}`);
  process.exitCode = 2;
} else {
  process.exitCode =
    spawnSync(process.execPath, [join(folder, `${name}.js`), ...args], { stdio: "inherit" }).status ?? 1;
}
