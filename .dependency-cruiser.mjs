// The order of imports, as rules. rooms.json lists the folders of src/ from the top down: a room may import from the
// rooms below it. Type-only imports count like any other, since they couple two rooms just as much.
import { readFileSync } from "node:fs";

const rooms = JSON.parse(readFileSync(new URL("./rooms.json", import.meta.url), "utf8"));
const anyOf = (names) => `^src/(${names.join("|")})/`;

const order = rooms.slice(1).map((room, i) => ({
  name: `room-order-${room}`,
  comment: `src/${room} imports from a room above it (rooms.json has the order)`,
  severity: "error",
  from: { path: anyOf([room]) },
  to: { path: anyOf(rooms.slice(0, i + 1)) },
}));

const only = (name, comment, path, pathNot, to) => ({
  name,
  comment,
  severity: "error",
  from: { path, pathNot },
  to,
});

export default {
  forbidden: [
    ...order,
    only("no-unknown-room", "a folder of src/ that rooms.json doesn't list", "^src/[^/]+/", anyOf(rooms), {}),
    only("no-import-of-entries", "a room imports an entry of the package", "^src/[^/]+/", "^$", {
      path: "^src/[^/]+$",
    }),
    // Looked for in the compiled files, where imports of types alone are gone: what is left would run in a circle.
    // Messages that hold each other are generated so, and call each other only when they are read or written.
    only("no-cycles", "files that import each other", "^dist/src/", "^$", {
      circular: true,
      viaOnly: { pathNot: "^dist/src/wire/generated/" },
    }),
    only("no-unresolved", "an import that names nothing", "", "^$", { couldNotResolve: true }),
    only(
      "runtime-only-in-platform",
      "which runtime this is, only src/platform and src/cli may know",
      "^src/",
      anyOf(["platform", "cli"]),
      {
        dependencyTypes: ["core"],
      },
    ),
    only("generated-only-in-wire", "generated codecs are reached through src/wire", "", "^src/wire/", {
      path: "^src/wire/generated/",
    }),
    only("protobufjs-only-in-wire", "protobufjs never leaves src/wire", "^src/", "^src/wire/", {
      path: "node_modules/(protobufjs|long)/",
    }),
    only("grpc-only-in-transport", "gRPC is known to src/transport and src/rpc", "^src/", anyOf(["transport", "rpc"]), {
      path: "node_modules/@grpc/",
    }),
    only("no-tests-in-src", "the package imports what it doesn't ship", "^src/", "^$", {
      path: "^(test|bench|conformance|examples|scripts)/",
    }),
    only("no-dev-dependencies-in-src", "the package imports what its users don't install", "^src/", "^$", {
      dependencyTypes: ["npm-dev", "npm-no-pkg", "npm-unknown"],
    }),
    only(
      "deadlines",
      "tests take test and suite from test/support/suite.ts, which gives them deadlines",
      "^dist/(test|bench|conformance)/",
      "^dist/test/support/suite\\.js$",
      {
        path: "node_modules/uvu/dist/index",
      },
    ),
  ],
  options: {
    // TypeScript's own parser is native and offers no API; swc reads the same imports, types included.
    parser: "swc",
    tsPreCompilationDeps: true,
    doNotFollow: { path: "node_modules" },
    enhancedResolveOptions: {
      extensions: [".ts", ".js"],
      exportsFields: ["exports"],
      conditionNames: ["import"],
    },
  },
};
