// Byte streams over files: what is waited for, what is left out, what stays when somebody gives up, what isn't unpacked.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import * as assert from "uvu/assert";
import { ByteStream, type Packing } from "../../../src/io/byte-stream.js";
import { FileSystem } from "../../../src/io/file-system.js";
import { nodeFiles } from "../../../src/platform/node-files.js";
import { test } from "../../support/suite.js";

const PIECE = 256 * 1024;
const files = new FileSystem(nodeFiles);
const folder = await mkdtemp(join(tmpdir(), "tensorfleet-stream-"));
const go = () => {};
const stop = () => {
  throw new Error("stopped");
};

async function streamOf(bytes: Uint8Array, packing: Packing = null): Promise<ByteStream> {
  const path = join(folder, "file");
  await writeFile(path, bytes);
  return ByteStream.open(files, path, packing);
}

const rising = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i % 251);

test("bytes come across pieces, and fewer only at the end", async () => {
  const all = rising(3 * PIECE + 5);
  const stream = await streamOf(all);
  assert.is(await stream.fill(PIECE + 1, go), 2 * PIECE);
  assert.equal(stream.take(PIECE + 1), all.slice(0, PIECE + 1));
  assert.is(await stream.fill(9 * PIECE, go), 2 * PIECE + 4);
  assert.equal(await stream.rest(go), all.slice(PIECE + 1));
  assert.is(await stream.fill(1, go), 0);
  await stream.close();
});

test("who gives up loses nothing: neither bytes, nor a line, nor what is left out", async () => {
  const all = rising(2 * PIECE).fill(10, PIECE + 7, PIECE + 8);
  const stream = await streamOf(all.map((byte, i) => (byte === 10 && i !== PIECE + 7 ? 11 : byte)));
  await stream.fill(1, go);
  let calls = 0;
  const second = () => {
    if (++calls > 1) stop();
  };
  for (const wait of [() => stream.fill(2 * PIECE + 1, stop), () => stream.line(stop), () => stream.line(second)]) {
    calls = 1;
    await wait().then(
      () => assert.unreachable(),
      ({ message }: Error) => assert.is(message, "stopped"),
    );
  }
  stream.pass(5);
  assert.is(await stream.settle(go), true);
  assert.is((await stream.line(go))!.length, PIECE + 2);
  stream.pass(PIECE);
  await stream.settle(stop).catch(() => {});
  assert.is(await stream.settle(go), false);
  await stream.close();
});

test("an endless line of a short packed file is unpacked only as far as it is waited for", async () => {
  const stream = await streamOf(gzipSync(new Uint8Array(64 * PIECE)), "gzip");
  const before = process.memoryUsage().arrayBuffers;
  assert.ok((await stream.fill(10, go)) < 4 * PIECE);
  assert.ok(process.memoryUsage().arrayBuffers - before < 16 * PIECE);
  await stream.close();
});

test("what isn't packed isn't unpacked", async () => {
  const stream = await streamOf(rising(100), "gzip");
  await stream.fill(1, go).then(
    () => assert.unreachable(),
    (error: Error) => {
      assert.is(error.constructor.name, "DataLossError");
      assert.match(error.message, /^inflate\(\) failed/);
    },
  );
  await stream.close();
});

test.after(() => rm(folder, { recursive: true, force: true }));
test.run();
