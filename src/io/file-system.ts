// Files as this package needs them. An implementation throws what its runtime throws; `FileSystem` gives it TensorFlow's
// codes and texts (`PATH; No such file or directory`), and may be confined to some folders. Nothing here blocks.
import { AlreadyExistsError, OpError, opErrorFromCode, PermissionDeniedError } from "../errors/index.js";

/** An open file: bytes at a position, whole or not at all. */
export interface RawFile {
  /** How many bytes there were: fewer than asked for only at the end of the file. */
  read(into: Uint8Array, position: number): Promise<number>;
  write(bytes: Uint8Array, position: number): Promise<void>;
  size(): Promise<number>;
  close(): Promise<void>;
}

/** What a runtime offers (src/platform has Node's). Errors carry a `code` as Node's do. */
export interface RawFiles {
  open(path: string, mode: "r" | "w"): Promise<RawFile>;
  isFile(path: string): Promise<boolean>;
  list(folder: string): Promise<string[]>;
  makeFolder(path: string): Promise<void>;
  removeFile(path: string): Promise<void>;
  removeFolder(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** The path without links and dots, as far as it exists. */
  resolve(path: string): Promise<string>;
}

export class FileSystem {
  readonly #files: RawFiles;
  readonly #roots: readonly string[] | null;

  /** @param roots folders that paths must lie in; any path will do without */
  constructor(files: RawFiles, roots: readonly string[] | null = null) {
    this.#files = files;
    this.#roots = roots;
  }

  async open(path: string, mode: "r" | "w" = "r"): Promise<File> {
    const raw = await this.#try(path, () => this.#files.open(path, mode));
    return new File(path, raw);
  }

  isFile(path: string): Promise<boolean> {
    return this.#try(path, () => this.#files.isFile(path));
  }

  list(folder: string): Promise<string[]> {
    return this.#try(folder, () => this.#files.list(folder));
  }

  makeFolder(path: string): Promise<void> {
    return this.#try(path, () => this.#files.makeFolder(path));
  }

  /** Those above it too; what is there already is as good. */
  async makeFolders(path: string): Promise<void> {
    if (path === "" || path === "/" || (await this.isFile(path))) return;
    await this.makeFolders(folderOf(path));
    await this.makeFolder(path).catch((error: Error) => {
      if (!(error instanceof AlreadyExistsError)) throw error;
    });
  }

  removeFile(path: string): Promise<void> {
    return this.#try(path, () => this.#files.removeFile(path));
  }

  removeFolder(path: string): Promise<void> {
    return this.#try(path, () => this.#files.removeFolder(path));
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#check(to);
    await this.#try(from, () => this.#files.rename(from, to));
  }

  async readAll(path: string): Promise<Uint8Array> {
    const file = await this.open(path);
    try {
      const bytes = new Uint8Array(await file.size());
      return bytes.subarray(0, await file.read(bytes, 0));
    } finally {
      await file.close();
    }
  }

  /** Whoever reads the file meanwhile sees the old contents or the new ones. */
  async replace(path: string, bytes: Uint8Array): Promise<void> {
    const written = temporaryName(path);
    try {
      const file = await this.open(written, "w");
      try {
        await file.write(bytes, 0);
      } finally {
        await file.close();
      }
      await this.rename(written, path);
    } catch (error) {
      await this.removeFile(written).catch(() => {});
      throw error;
    }
  }

  async #try<T>(path: string, act: () => Promise<T>): Promise<T> {
    await this.#check(path);
    try {
      return await act();
    } catch (error) {
      throw fileError(path, error);
    }
  }

  async #check(path: string): Promise<void> {
    if (path.includes("\0")) throw new PermissionDeniedError(`${path.replaceAll("\0", "\\0")}; Invalid argument`);
    if (this.#roots === null) return;
    const real = await this.#files.resolve(path);
    for (const root of this.#roots) {
      const folder = (await this.#files.resolve(root)).replace(/[\\/]+$/, "");
      if (real === folder || real.startsWith(`${folder}/`) || real.startsWith(`${folder}\\`)) return;
    }
    throw new PermissionDeniedError(`${path}; Permission denied: it is outside the folders that this server may use`);
  }
}

/** An open file, with errors that name it. */
export class File {
  constructor(
    readonly path: string,
    readonly raw: RawFile,
  ) {}

  read = (into: Uint8Array, position: number): Promise<number> => this.#named(this.raw.read(into, position));
  write = (bytes: Uint8Array, position: number): Promise<void> => this.#named(this.raw.write(bytes, position));
  size = (): Promise<number> => this.#named(this.raw.size());
  close = (): Promise<void> => this.#named(this.raw.close());

  async #named<T>(result: Promise<T>): Promise<T> {
    try {
      return await result;
    } catch (error) {
      throw fileError(this.path, error);
    }
  }
}

/** The folder that a path is in; empty for a plain name. */
export function folderOf(path: string): string {
  const at = path.lastIndexOf("/");
  return at === 0 ? "/" : path.slice(0, Math.max(0, at));
}

/** The name of a path in its folder. */
export const nameIn = (path: string): string => path.slice(path.lastIndexOf("/") + 1);

/** What a file is called until it is whole: no two writers have the same name. */
export const temporaryName = (path: string): string =>
  `${path}.tempstate${crypto.getRandomValues(new BigUint64Array(1))[0]}`;

/** TensorFlow's code and the C library's words for an errno; the others are UNKNOWN. */
const ERRNOS: Readonly<Record<string, readonly [code: number, text: string]>> = {
  EACCES: [7, "Permission denied"],
  EPERM: [7, "Operation not permitted"],
  EROFS: [7, "Read-only file system"],
  ENOENT: [5, "No such file or directory"],
  ENXIO: [5, "No such device or address"],
  ENODEV: [5, "No such device"],
  EEXIST: [6, "File exists"],
  EINVAL: [3, "Invalid argument"],
  ENAMETOOLONG: [3, "File name too long"],
  ESPIPE: [3, "Illegal seek"],
  EBADF: [9, "Bad file descriptor"],
  EBUSY: [9, "Device or resource busy"],
  EISDIR: [9, "Is a directory"],
  ENOTDIR: [9, "Not a directory"],
  ENOTEMPTY: [9, "Directory not empty"],
  ETXTBSY: [9, "Text file busy"],
  EMFILE: [8, "Too many open files"],
  ENFILE: [8, "Too many open files in system"],
  EMLINK: [8, "Too many links"],
  ENOSPC: [8, "No space left on device"],
  ENOMEM: [8, "Cannot allocate memory"],
  EDQUOT: [8, "Disk quota exceeded"],
  EFBIG: [11, "File too large"],
  EAGAIN: [14, "Resource temporarily unavailable"],
  ESTALE: [10, "Stale file handle"],
  EXDEV: [12, "Invalid cross-device link"],
  ELOOP: [2, "Too many levels of symbolic links"],
  EIO: [2, "Input/output error"],
};

function fileError(path: string, error: unknown): OpError {
  if (error instanceof OpError) return error;
  const { code = "", message } = error as { code?: string; message: string };
  const [status, text] = ERRNOS[code] ?? [2, message];
  return opErrorFromCode(status, `${path}; ${text}`, { cause: error });
}
