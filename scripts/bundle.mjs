// Puts what the package ships into few files, dist/lib/ from dist/src/: a server of 300 modules would spend most of its
// start on finding and opening them. Entries keep their places, and what they share lies in chunks/, as deep as a room of
// dist/src: paths that a module makes from its own hold in both. Comments go, which Node would read at each start, and
// nothing else, since users read stack traces. A module's constants and classes stay constant: where a bundler makes
// them variables, V8 looks them up at each use.
import { rmSync } from "node:fs";
import { isAbsolute, join, relative } from "node:path";
import { transform } from "esbuild";
import { rollup } from "rollup";
import { root, shipped } from "./build.mjs";

const source = join(root, "dist/src");
const target = join(root, "dist/lib");
rmSync(target, { recursive: true, force: true });
const withoutComments = {
  name: "without-comments",
  renderChunk: (code) => transform(code, { format: "esm", target: "es2022" }),
};
const bundle = await rollup({
  input: shipped().map((entry) => join(root, entry.replace("/lib/", "/src/"))),
  // Packages and Node's own modules.
  external: (name) => !name.startsWith(".") && !isAbsolute(name),
  // dependency-cruiser looks after cycles.
  onwarn: ({ code, message }) => {
    if (code !== "CIRCULAR_DEPENDENCY") throw new Error(message);
  },
});
await bundle.write({
  dir: target,
  format: "es",
  entryFileNames: ({ facadeModuleId }) => relative(source, facadeModuleId).replaceAll("\\", "/"),
  chunkFileNames: "chunks/[name]-[hash].js",
  hoistTransitiveImports: false,
  plugins: [withoutComments],
});
await bundle.close();
