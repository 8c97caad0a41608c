// Files by `node:fs`, which Deno and Bun have too. All of it asynchronous: a slow disk never holds up the event loop.
import { mkdir, open, readdir, readlink, realpath, rename, rmdir, stat, unlink } from "node:fs/promises";
import { resolve as absolute, basename, dirname, join } from "node:path";

/** Links that lead on to links, at most: as many as Linux follows. */
const MAX_LINKS = 40;

async function openFile(path: string, mode: "r" | "w") {
  const handle = await open(path, mode);
  return {
    async read(into: Uint8Array, position: number): Promise<number> {
      let done = 0;
      while (done < into.length) {
        const { bytesRead } = await handle.read(into, done, into.length - done, position + done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
      return done;
    },
    async write(bytes: Uint8Array, position: number): Promise<void> {
      let done = 0;
      while (done < bytes.length) {
        const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done);
        done += bytesWritten;
      }
    },
    size: async (): Promise<number> => (await handle.stat()).size,
    close: (): Promise<void> => handle.close(),
  };
}

async function isFile(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === "ENOENT" || code === "ENOTDIR") return false;
    throw error;
  }
}

/** What of the path exists is freed of links, one that leads nowhere yet too; the rest is as it says. */
async function resolve(path: string): Promise<string> {
  let real = absolute(path);
  let rest = "";
  for (let links = 0; ; ) {
    try {
      return join(await realpath(real), rest);
    } catch (error) {
      const target = await readlink(real).catch(() => null);
      const parent = dirname(real);
      if (parent === real || links > MAX_LINKS) throw error;
      if (target !== null) {
        real = absolute(parent, target);
        links++;
      } else {
        rest = join(basename(real), rest);
        real = parent;
      }
    }
  }
}

export const nodeFiles = {
  open: openFile,
  isFile,
  list: (folder: string): Promise<string[]> => readdir(folder === "" ? "." : folder),
  makeFolder: async (path: string): Promise<void> => {
    await mkdir(path);
  },
  removeFile: unlink,
  removeFolder: rmdir,
  rename,
  resolve,
};
