import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { type OpError, PermissionDeniedError } from "../../../src/errors/index.js";
import { FileSystem, folderOf, nameIn } from "../../../src/io/file-system.js";
import { nodeFiles } from "../../../src/platform/node-files.js";
import { test } from "../../support/suite.js";

const home = mkdtempSync(join(tmpdir(), "tensorfleet-files-"));
const files = new FileSystem(nodeFiles);
test.after(() => rmSync(home, { recursive: true }));

async function fails(act: () => Promise<unknown>, code: number, message: string): Promise<void> {
  const error = await act().then(
    () => assert.unreachable(`expected ${message}`),
    (caught: OpError) => caught,
  );
  assert.equal([error!.code, error!.message], [code, message]);
}

test("says what went wrong as TensorFlow does", async () => {
  writeFileSync(join(home, "file"), "x");
  await fails(() => files.open(join(home, "none")), 5, `${home}/none; No such file or directory`);
  await fails(() => files.open(join(home, "none/x"), "w"), 5, `${home}/none/x; No such file or directory`);
  await fails(() => files.open(join(home, "file/x"), "w"), 9, `${home}/file/x; Not a directory`);
  await fails(() => files.open(home, "w"), 9, `${home}; Is a directory`);
  await fails(() => files.makeFolder(join(home, "file")), 6, `${home}/file; File exists`);
  await fails(() => files.removeFolder(home), 9, `${home}; Directory not empty`);
  assert.is(await files.isFile(join(home, "file/x")), false);
});

test("replaces a file whole or not at all", async () => {
  const path = join(home, "replaced");
  await files.replace(path, new TextEncoder().encode("old"));
  await files.replace(path, new TextEncoder().encode("new"));
  assert.is(new TextDecoder().decode(await files.readAll(path)), "new");
  mkdirSync(join(home, "taken"));
  await files.replace(join(home, "taken"), new Uint8Array(1)).then(
    () => assert.unreachable("succeeded"),
    () => {},
  );
  assert.equal(readdirSync(home).sort(), ["file", "replaced", "taken"]);
});

test("keeps to its folders, whatever dots and links say", async () => {
  const inside = join(home, "inside");
  mkdirSync(inside);
  symlinkSync(home, join(inside, "out"));
  symlinkSync(join(home, "later"), join(inside, "dangling"));
  const confined = new FileSystem(nodeFiles, [inside]);
  await confined.replace(join(inside, "ok"), new Uint8Array(1));
  assert.is((await confined.readAll(join(inside, "../inside/ok"))).length, 1);
  for (const path of ["../file", "out/file", "dangling", "out/new", "../insider"]) {
    for (const mode of ["r", "w"] as const) {
      const error = await confined.open(join(inside, "x").slice(0, -1) + path, mode).catch((caught) => caught);
      assert.instance(error, PermissionDeniedError, path);
    }
  }
  await confined.rename(join(inside, "ok"), join(home, "ok")).then(
    () => assert.unreachable("succeeded"),
    () => {},
  );
});

test("takes paths apart", () => {
  assert.equal(["/a/b", "/a", "a", "a/b/c", ""].map(folderOf), ["/a", "/", "", "a/b", ""]);
  assert.equal(["/a/b", "a"].map(nameIn), ["b", "a"]);
});

test.run();
