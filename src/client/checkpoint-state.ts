// The file `checkpoint` that Savers keep in a folder: which checkpoints are there and which is the latest, in protobuf's
// text, as Python's Savers read and write it.
import { NotFoundError, type OpError } from "../errors/index.js";
import { metaName } from "../io/bundle.js";
import { FileSystem } from "../io/file-system.js";
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

/** Says what is in a folder now. Paths that were given relative are written relative to it. */
export async function updateCheckpointState(
  folder: string,
  latest: string,
  all: readonly string[],
  { latestFilename = STATE_FILE, files }: StateOptions = {},
): Promise<void> {
  const relative = (path: string) => (isAbsolute(folder) || isAbsolute(path) ? path : relativePath(folder, path));
  const state: CheckpointState = {
    modelCheckpointPath: relative(latest),
    allModelCheckpointPaths: all.map(relative),
    allModelCheckpointTimestamps: [],
    lastPreservedTimestamp: 0,
  };
  const text = new TextEncoder().encode(printText("CheckpointState", state));
  await (files ?? (await localFiles())).replace(inFolder(folder, latestFilename), text);
}

/** The way from one folder to what is given from the same place as it. */
function relativePath(folder: string, path: string): string {
  const [from, to] = [steps(folder), steps(path)];
  let same = 0;
  while (same < from.length && from[same] === to[same]) same++;
  return [...from.slice(same).map(() => ".."), ...to.slice(same)].join("/");
}

/** Folders on a way, without those that lead nowhere. */
function steps(path: string): string[] {
  const found: string[] = [];
  for (const step of path.split("/")) {
    if (step === "" || step === ".") continue;
    if (step === ".." && found.length > 0 && found.at(-1) !== "..") found.pop();
    else found.push(step);
  }
  return found;
}

/** What isn't there needs no removing. */
export async function removeQuietly(files: FileSystem, path: string): Promise<void> {
  await files.removeFile(path).catch((error: OpError) => {
    if (!(error instanceof NotFoundError)) throw error;
  });
}
