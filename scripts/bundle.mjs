// Puts what the package ships into few files, dist/lib/ from dist/src/: a server of 300 modules would spend most of its
// start on finding and opening them. Entries keep their places, and what they share lies in chunks/, as deep as a room of
// dist/src: paths that a module makes from its own hold in both. Nothing is minified, since users read stack traces.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { root, shipped } from "./build.mjs";

const outdir = join(root, "dist/lib");
rmSync(outdir, { recursive: true, force: true });
await build({
  absWorkingDir: root,
  entryPoints: shipped().map((entry) => entry.replace("/lib/", "/src/")),
  outbase: "dist/src",
  outdir,
  chunkNames: "chunks/[name]-[hash]",
  bundle: true,
  splitting: true,
  format: "esm",
  target: "es2022",
  platform: "neutral",
  packages: "external",
  external: ["node:*"],
  logLevel: "warning",
});
