// What a task keeps when it stops and finds again when it starts, which TensorFlow's can't: the variables of its
// containers, as a bundle that TensorFlow reads. Queues, tables and isolated sessions' state aren't kept.
//
// Keys are the variables' names. Beside them is one tensor of texts, a row for each key: key, container, name, kind.
import { DataLossError } from "../errors/index.js";
import { metaName } from "../io/bundle.js";
import { BundleReader } from "../io/bundle-reader.js";
import { BundleWriter } from "../io/bundle-writer.js";
import { keyOf } from "../io/byte-text.js";
import type { FileSystem } from "../io/file-system.js";
import type { Resource } from "../kernel/resource.js";
import type { Allocator } from "../memory/allocator.js";
import type { ResourceManager } from "../resources/resource-manager.js";
import { Variable } from "../resources/variable.js";
import { DataType, dtypeSize } from "../tensor/dtype.js";
import { Tensor } from "../tensor/tensor.js";

const LIST_KEY = "_tensorfleet_variables";
const COLUMNS = 4;
const KINDS = ["resource", "reference"] as const;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

interface Row {
  readonly key: string;
  readonly container: string;
  readonly name: string;
  readonly variable: Variable;
}

/** Whether there will be a place for the state is seen when a task starts, not when it stops. @throws OpError */
export async function checkPlace(files: FileSystem, prefix: string, { heap }: Allocator): Promise<void> {
  const writer = await BundleWriter.create(files, prefix, heap);
  await writer.abandon();
}

/** Nothing may run on the task meanwhile. @returns how many variables were saved */
export async function saveState(
  files: FileSystem,
  prefix: string,
  resources: ResourceManager,
  { heap }: Allocator,
): Promise<number> {
  const rows = rowsOf(resources);
  const writer = await BundleWriter.create(files, prefix, heap);
  try {
    for (const { key, variable } of rows) await writer.add(keyOf(key), variable.value!);
    const texts = rows.flatMap(({ key, container, name, variable }) => {
      const kind = variable.typeName === Variable.referenceType ? "reference" : "resource";
      return [key, container, name, kind].map((text) => encoder.encode(text));
    });
    await writer.add(LIST_KEY, Tensor.ofValues(DataType.STRING, [rows.length, COLUMNS], texts));
    await writer.finish();
  } catch (error) {
    await writer.abandon();
    throw error;
  }
  return rows.length;
}

const sortKey = ({ container, name, resource }: { container: string; name: string; resource: Resource }): string =>
  [resource.typeName === Variable.referenceType ? 1 : 0, container, name].join("\0");

/** Variables that have a value which files can hold. */
function rowsOf(resources: ResourceManager): Row[] {
  const taken = new Set([LIST_KEY]);
  const rows: Row[] = [];
  // Resource variables come before references of the same name, so that keys don't depend on which step made which.
  const all = [...resources.entries()].sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
  for (const { container, name, resource } of all) {
    if (!(resource instanceof Variable) || resource.value === null) continue;
    if (dtypeSize(resource.dtype) === 0 && resource.dtype !== DataType.STRING) continue;
    const base = container === resources.defaultContainer ? name : `${container}/${name}`;
    let key = base;
    for (let i = 1; taken.has(key) || key === ""; i++) key = `${base}_${i}`;
    taken.add(key);
    rows.push({ key, container, name, variable: resource });
  }
  return rows;
}

/**
 * Makes the variables of a task that stopped anew. Does nothing where it left no checkpoint.
 * @returns how many there are, `null` without a checkpoint
 * @throws DataLossError for a damaged one
 */
export async function restoreState(
  files: FileSystem,
  prefix: string,
  resources: ResourceManager,
  allocator: Allocator,
): Promise<number | null> {
  if (!(await files.isFile(metaName(prefix)))) return null;
  const reader = await BundleReader.open(files, prefix);
  try {
    const list = await reader.read(await reader.entry(LIST_KEY), allocator);
    if (list.values === null || list.values.length % COLUMNS !== 0) {
      throw new DataLossError(`${prefix} does not tell which variables a task had`);
    }
    const texts = list.values.map((text) => decoder.decode(text as Uint8Array));
    for (let at = 0; at < texts.length; at += COLUMNS) {
      const [key, container, name, kind] = texts.slice(at, at + COLUMNS) as [string, string, string, string];
      if (!(KINDS as readonly string[]).includes(kind)) throw new DataLossError(`${prefix}: unknown kind '${kind}'`);
      const entry = await reader.entry(keyOf(key));
      const variable = kind === "reference" ? Variable.reference(name, entry.dtype) : new Variable(name, entry.dtype);
      variable.set(await reader.read(entry, allocator));
      resources.create(container, name, variable);
    }
    return texts.length / COLUMNS;
  } finally {
    await reader.close();
  }
}
