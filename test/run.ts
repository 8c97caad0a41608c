// `npm test`: finds the compiled test files beside it, runs them two at a time and ends with "N passed, N failed".
// Takes words: a file runs when its path holds one of them (`npm test -- unit/graph`); none means all.
import { readdirSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { Children, DEFAULTS, type FileResult, runFiles } from "./support/runner.js";

const WIDTH = 2;

/** `./dist/test/x.test.js` and `test/x.test.ts` mean the same file. */
const plain = (path: string): string =>
  path
    .split(sep)
    .join("/")
    .replace(/^(\.\/)?(dist\/)?(test\/)?/, "")
    .replace(/\.[jt]s$/, "");

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function main(words: readonly string[]): Promise<boolean> {
  const folder = dirname(fileURLToPath(import.meta.url));
  const label = (file: string): string => plain(relative(folder, file));
  const wanted = words.map(plain);
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".test.js"))
    .filter((name) => wanted.length === 0 || wanted.some((word) => plain(name).includes(word)))
    .sort()
    .map((name) => join(folder, name));
  if (files.length === 0) print(`no test file matches ${words.join(" ")}`);

  const children = new Children();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.once(signal, () => {
      children.killAll();
      process.exit(1);
    });
  }

  const results: FileResult[] = [];
  await runFiles(files, WIDTH, DEFAULTS, children, (result) => {
    results.push(result);
    const { passed, failed, milliseconds } = result;
    const counts = failed === 0 ? `${passed} passed` : `${passed} passed, ${failed} failed`;
    print(`${failed === 0 ? "ok  " : "FAIL"} ${label(result.file)}  ${counts}  ${(milliseconds / 1000).toFixed(1)} s`);
  });
  for (const result of results.filter(({ failed }) => failed > 0)) {
    print(`\n--- ${label(result.file)}`);
    print(result.output.trimEnd());
    for (const problem of result.problems) print(`FAIL ${label(result.file)}: ${problem}`);
  }
  const passed = results.reduce((sum, result) => sum + result.passed, 0);
  const failed = results.reduce((sum, result) => sum + result.failed, 0) + (files.length === 0 ? 1 : 0);
  print(`\n${passed} passed, ${failed} failed`);
  return failed === 0;
}

process.exitCode = (await main(process.argv.slice(2))) ? 0 : 1;
