// The file `checkpoint` that Savers keep in a folder: which checkpoints are there and which is the latest, in protobuf's
// text, as Python's Savers read and write it.
import { AlreadyExistsError, NotFoundError, type OpError } from "../errors/index.js";
import { metaName } from "../io/bundle.js";
import { FileSystem, folderOf } from "../io/file-system.js";
import type { CheckpointState } from "../wire/io.js";
import { printText } from "../wire/text-format.js";
import { parseText } from "../wire/text-parser.js";

export const STATE_FILE = "checkpoint";

/** This process' files; what loads them is left out of a bundle that hands in its own. */
export async function localFiles(): Promise<FileSystem> {
  const { nodeFiles } = await import("../platform/node-files.js");
  return new FileSystem(nodeFiles);
}

const isAbsolute = (path: string): boolean => /^(\/|[A-Za-z]:[\\/]|\w+:\/\/)/.test(path);
export const inFolder = (folder: string, name: string): string => (folder === "" ? name : `${folder}/${name}`);
const withoutSlash = (folder: string): string => (folder.length > 1 ? folder.replace(/\/+$/, "") : folder);

/** @returns `null` when the folder has none. Relative paths are those of the folder. */
export async function getCheckpointState(
  folder: string,
  { latestFilename = STATE_FILE, files }: StateOptions = {},
): Promise<CheckpointState | null> {
  const home = withoutSlash(folder);
  let text: Uint8Array;
  try {
    text = await (files ?? (await localFiles())).readAll(inFolder(home, latestFilename));
  } catch (error) {
    if (error instanceof NotFoundError) return null;
    throw error;
  }
  const state = parseText<CheckpointState>("CheckpointState", new TextDecoder().decode(text));
  const full = (path: string) => (path === "" || isAbsolute(path) ? path : inFolder(home, path));
  return {
    ...state,
    modelCheckpointPath: full(state.modelCheckpointPath),
    allModelCheckpointPaths: state.allModelCheckpointPaths.map(full),
  };
}

/** Those above it too; what is there already is as good. */
export async function makeFolders(files: FileSystem, path: string): Promise<void> {
  if (path === "" || path === "/" || (await files.isFile(path))) return;
  await makeFolders(files, folderOf(path));
  await files.makeFolder(path).catch((error: Error) => {
    if (!(error instanceof AlreadyExistsError)) throw error;
  });
}

export interface StateOptions {
  /** `checkpoint` when left out. */
  readonly latestFilename?: string;
  /** Where to look; this process' files when left out. */
  readonly files?: FileSystem;
}

/** The prefix of the newest checkpoint of a folder (`tf.train.latest_checkpoint`), or `null`. */
export async function latestCheckpoint(folder: string, options: StateOptions = {}): Promise<string | null> {
  const path = (await getCheckpointState(folder, options))?.modelCheckpointPath ?? "";
  if (path === "") return null;
  const files = options.files ?? (await localFiles());
  return (await files.isFile(metaName(path))) ? path : null;
}

/** Says what is in a folder now. Paths that lie in it are kept relative when they were given so. */
export async function updateCheckpointState(
  folder: string,
  latest: string,
  all: readonly string[],
  { latestFilename = STATE_FILE, files }: StateOptions = {},
): Promise<void> {
  const relative = (path: string) =>
    !isAbsolute(path) && folder !== "" && folderOf(path) === folder ? path.slice(folder.length + 1) : path;
  const state: CheckpointState = {
    modelCheckpointPath: relative(latest),
    allModelCheckpointPaths: all.map(relative),
    allModelCheckpointTimestamps: [],
    lastPreservedTimestamp: 0,
  };
  const text = new TextEncoder().encode(printText("CheckpointState", state));
  await (files ?? (await localFiles())).replace(inFolder(folder, latestFilename), text);
}

/** What isn't there needs no removing. */
export async function removeQuietly(files: FileSystem, path: string): Promise<void> {
  await files.removeFile(path).catch((error: OpError) => {
    if (!(error instanceof NotFoundError)) throw error;
  });
}
