// Bundles that TensorFlow 2.21 wrote, in test/data/io/bundles.json, and files in memory to read them from: a file system
// as src/platform gives one, so that tests of the format need no disk.
import { readFileSync } from "node:fs";
import { FileSystem, type RawFile, type RawFiles } from "../../src/io/file-system.js";
import { Allocator } from "../../src/memory/allocator.js";
import { Heap } from "../../src/memory/heap.js";

export interface RecordedBundle {
  readonly index: Uint8Array;
  readonly data: Uint8Array;
}

const file = new URL("../../../test/data/io/bundles.json", import.meta.url);
const decode = (base64: string): Uint8Array => new Uint8Array(Buffer.from(base64, "base64"));

export const recordedBundles: ReadonlyMap<string, RecordedBundle> = new Map(
  Object.entries(JSON.parse(readFileSync(file, "utf8")) as Record<string, { index: string; data: string }>).map(
    ([name, { index, data }]) => [name, { index: decode(index), data: decode(data) }],
  ),
);

const missing = (): Error => Object.assign(new Error("no such file"), { code: "ENOENT" });

/** Files by path; folders are there when something asks for them. */
export class MemoryFiles implements RawFiles {
  readonly contents = new Map<string, Uint8Array>();
  opened = 0;
  /** Bytes that fit; writing more fails as a full disk does. */
  capacity = Number.POSITIVE_INFINITY;

  get files(): FileSystem {
    return new FileSystem(this);
  }

  async open(path: string, mode: "r" | "w"): Promise<RawFile> {
    if (mode === "w") this.contents.set(path, new Uint8Array(0));
    if (!this.contents.has(path)) throw missing();
    this.opened++;
    return {
      read: async (into, position) => {
        const bytes = this.contents.get(path)!.subarray(position, position + into.length);
        into.set(bytes);
        return bytes.length;
      },
      write: async (bytes, position) => {
        if (position + bytes.length > this.capacity) throw Object.assign(new Error("full"), { code: "ENOSPC" });
        const before = this.contents.get(path)!;
        const after = new Uint8Array(Math.max(before.length, position + bytes.length));
        after.set(before);
        after.set(bytes, position);
        this.contents.set(path, after);
      },
      size: async () => this.contents.get(path)!.length,
      close: async () => {
        this.opened--;
      },
    };
  }

  async isFile(path: string): Promise<boolean> {
    return this.contents.has(path);
  }

  async list(folder: string): Promise<string[]> {
    return [...this.contents.keys()].filter((path) => path.startsWith(`${folder}/`));
  }

  async makeFolder(): Promise<void> {}
  async removeFolder(): Promise<void> {}

  async removeFile(path: string): Promise<void> {
    if (!this.contents.delete(path)) throw missing();
  }

  async rename(from: string, to: string): Promise<void> {
    const bytes = this.contents.get(from);
    if (bytes === undefined) throw missing();
    this.contents.delete(from);
    this.contents.set(to, bytes);
  }

  async resolve(path: string): Promise<string> {
    return path;
  }
}

/** A recorded bundle under the prefix `b`. */
export function filesOf({ index, data }: RecordedBundle): MemoryFiles {
  const files = new MemoryFiles();
  files.contents.set("b.index", index);
  files.contents.set("b.data-00000-of-00001", data);
  return files;
}

export function newAllocator(): Allocator {
  return new Allocator(new Heap(new WebAssembly.Memory({ initial: 1, maximum: 1024 }), 1024));
}
