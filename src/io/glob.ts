// Files by pattern, as TensorFlow finds them: `*`, `?`, `[a-z]`, `[!a-z]` and `\` within one name of a path each, names
// that begin with a dot included.
import { FailedPreconditionError, NotFoundError } from "../errors/index.js";
import type { FileSystem } from "./file-system.js";

const SPECIAL = /[*?[\\]/;

/** Of files and folders that there are; all of them in no order. */
export async function matchingPaths(files: FileSystem, pattern: string, check: () => void): Promise<string[]> {
  if (!SPECIAL.test(pattern)) return (await files.isFile(pattern)) ? [pattern] : [];
  const names = pattern.split("/");
  const plain = names.findIndex((name) => SPECIAL.test(name));
  let found = [names.slice(0, plain).join("/")];
  for (const [i, name] of names.entries()) {
    if (i < plain) continue;
    const matches = matcher(name);
    const next: string[] = [];
    for (const folder of found) {
      check();
      const below = (child: string) => (i === 0 ? child : `${folder}/${child}`);
      for (const child of await childrenOf(files, i > 0 && folder === "" ? "/" : folder))
        if (matches.test(child)) next.push(below(child));
    }
    found = next;
  }
  return found;
}

async function childrenOf(files: FileSystem, folder: string): Promise<string[]> {
  try {
    return await files.list(folder);
  } catch (error) {
    if (error instanceof NotFoundError || error instanceof FailedPreconditionError) return [];
    throw error;
  }
}

/** One name's pattern; what isn't closed or has nothing after it stands for itself. */
function matcher(pattern: string): RegExp {
  let text = "";
  for (let i = 0; i < pattern.length; i++) {
    const letter = pattern[i]!;
    const close = letter === "[" ? pattern.indexOf("]", i + (/[!^]/.test(pattern[i + 1] ?? "") ? 3 : 2)) : -1;
    if (letter === "*") text += ".*";
    else if (letter === "?") text += ".";
    else if (close > 0) {
      const inside = pattern.slice(i + 1, close);
      text += `[${inside.replace(/^[!^]/, "").replace(/[\\[\]^]/g, "\\$&")}]`.replace(
        "[",
        /^[!^]/.test(inside) ? "[^" : "[",
      );
      i = close;
    } else
      text += (letter === "\\" && i + 1 < pattern.length ? pattern[++i]! : letter).replace(
        /[.*+?^${}()|[\]\\/-]/g,
        "\\$&",
      );
  }
  return new RegExp(`^${text}$`, "su");
}
