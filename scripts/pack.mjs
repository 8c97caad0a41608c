// The package as npm would publish it, made from what is built, at one path. Gives its size.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import { root } from "./build.mjs";

export const tarball = ".cache/tensorfleet.tgz";

export function pack() {
  mkdirSync(join(root, ".cache"), { recursive: true });
  const { name, version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const args = ["pack", "--ignore-scripts", "--loglevel=error", "--pack-destination", ".cache"];
  const { status, stderr } = spawnSync("npm", args, {
    cwd: root,
    encoding: "utf8",
    timeout: 60_000,
    shell: process.platform === "win32",
  });
  if (status !== 0) throw new Error(`npm pack failed\n${stderr}`);
  renameSync(join(root, `.cache/${name}-${version}.tgz`), join(root, tarball));
  return statSync(join(root, tarball)).size;
}
