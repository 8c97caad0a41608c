// Merges bundles into one as MergeV2Checkpoints does: data files are renamed, never copied, and one table is written
// that lists the tensors of all. What is wrong with them is said in TensorFlow's words.
import { InternalError, InvalidArgumentError } from "../errors/index.js";
import { sameShape } from "../tensor/shape.js";
import { VersionDef } from "../wire/core.js";
import type { BundleEntryProto, BundleHeaderProto } from "../wire/io.js";
import { dataName, entryShape, HEADER_KEY, metaName, parseEntry } from "./bundle.js";
import { BundleReader } from "./bundle-reader.js";
import { bundleTable, makeFolderOf } from "./bundle-writer.js";
import { readable } from "./byte-text.js";
import type { FileSystem } from "./file-system.js";

class Merge {
  readonly entries = new Map<string, BundleEntryProto>();
  /** Data files by their present names → shard of the merged bundle. */
  readonly shards = new Map<string, number>();
  header: BundleHeaderProto | null = null;
  numShards = 0;

  async add(reader: BundleReader): Promise<void> {
    const { header, prefix } = reader;
    this.#checkHeader(header);
    this.numShards += header.numShards;
    for await (const { key, value } of reader.table.entries()) {
      if (key !== HEADER_KEY) this.#addEntry(key, parseEntry(key, value), prefix, header.numShards);
    }
  }

  #checkHeader(header: BundleHeaderProto): void {
    const first = this.header ?? header;
    this.header = first;
    if (first.endianness !== header.endianness) {
      throw new InvalidArgumentError("Merging bundles with conflicting endianness; inputs corrupted?");
    }
    const [merged, current] = [first, header].map(({ version }) =>
      String.fromCharCode(...VersionDef.encode(version ?? {})),
    );
    if (merged !== current) {
      throw new InvalidArgumentError(
        `Merging bundles with different format versions: merged ${merged} vs. curr ${current}`,
      );
    }
  }

  #addEntry(key: string, entry: BundleEntryProto, prefix: string, numShards: number): void {
    const before = this.entries.get(key);
    if (before === undefined) {
      const file = dataName(prefix, entry.shardId, numShards);
      const shard = this.shards.get(file) ?? this.shards.size;
      this.shards.set(file, shard);
      this.entries.set(key, { ...entry, shardId: shard });
      return;
    }
    if (before.slices.length === 0) {
      throw new InvalidArgumentError(
        `Duplicate tensor keyed by ${readable(key)} encountered, when merging prefix: ${prefix}`,
      );
    }
    if (entry.slices.length === 0) {
      throw new InternalError(
        `Duplicate tensor keyed by ${readable(key)}; attempting to merge in a non-slice bundle entry`,
      );
    }
    // Parts of different tensors end TensorFlow's process.
    if (before.dtype !== entry.dtype || !sameShape(entryShape(key, before.shape), entryShape(key, entry.shape))) {
      throw new InvalidArgumentError(`Slices of ${readable(key)} have different data types or full shapes`);
    }
    before.slices.push(...entry.slices);
  }
}

/** @param check called before each piece of work; throws to end it */
export async function mergeBundles(
  files: FileSystem,
  prefixes: readonly string[],
  merged: string,
  allowMissing: boolean,
  check: () => void,
): Promise<void> {
  await makeFolderOf(files, merged);
  const merge = new Merge();
  const found: string[] = [];
  for (const prefix of prefixes) {
    check();
    if (!(await files.isFile(metaName(prefix)))) {
      if (allowMissing) continue;
      throw new InvalidArgumentError(
        `allow_missing_files was set to false and ${prefix} did not exist.NOT_FOUND: ${prefix} not found`,
      );
    }
    const reader = await BundleReader.open(files, prefix, check);
    try {
      await merge.add(reader);
    } finally {
      await reader.close();
    }
    found.push(prefix);
  }
  const { header } = merge;
  if (header === null) {
    throw new InvalidArgumentError("At least one prefix checkpoint file must exist, but none existed.");
  }
  for (const [file, shard] of merge.shards) await files.rename(file, dataName(merged, shard, merge.shards.size));
  await files.replace(metaName(merged), bundleTable({ ...header, numShards: merge.numShards }, merge.entries));
  for (const prefix of found) {
    if (prefix !== merged) await files.removeFile(metaName(prefix)).catch(() => {});
  }
}
