// `tf.compat.v1.train.Saver`: adds ops that save and restore variables, runs them, and keeps the last few checkpoints of a
// folder and the file that says which is the latest. Tensors go between the tasks and their disks; this process sees
// none. Nodes, files and their names are as Python's Saver has them: it restores what this one saved, and the reverse.
import { InvalidArgumentError } from "../errors/index.js";
import { metaName } from "../io/bundle.js";
import { type FileSystem, folderOf, nameIn } from "../io/file-system.js";
import { formatDeviceSpec, parseDeviceSpec } from "../placement/device-name.js";
import { DataType } from "../tensor/dtype.js";
import { inFolder, localFiles, removeQuietly, STATE_FILE, updateCheckpointState } from "./checkpoint-state.js";
import type { Graph } from "./graph.js";
import { exportMetaGraph } from "./meta-graph.js";
import type { Operation, Output } from "./output.js";
import { PartitionedVariable } from "./partitioned-variable.js";
import type { CallSettings, Session } from "./session.js";
import { globalVariables, type SaveSliceInfo, type Variable } from "./variable.js";

export interface SaverOptions {
  /** Checkpoints that stay; the oldest go. 5 when left out, 0 keeps all. */
  readonly maxToKeep?: number;
  /** One of those that would go stays for each so many hours, counted from when the Saver was made. */
  readonly keepCheckpointEveryNHours?: number;
  /** Each device writes a file of its own, all at once. */
  readonly sharded?: boolean;
  /** Step numbers in names get as many as eight digits. */
  readonly padStepNumber?: boolean;
  /** Scope of its nodes: `save`. */
  readonly name?: string;
  /** Where the kept checkpoints and the state file are; this process' files when left out. */
  readonly files?: FileSystem;
}

export interface SaveOptions extends CallSettings {
  /** Put behind the prefix: `model-7`. */
  readonly globalStep?: number | bigint | Variable | Output;
  /** The file that names the latest checkpoint: `checkpoint`. */
  readonly latestFilename?: string;
  /** Whether `PREFIX.meta` with the graph is written; true unless told otherwise. */
  readonly writeMetaGraph?: boolean;
  /** Whether the folder's state file is kept; true unless told otherwise. */
  readonly writeState?: boolean;
}

interface Kept {
  readonly prefix: string;
  /** Seconds since 1970. */
  readonly time: number;
}

export class Saver {
  readonly graph: Graph;
  /** Feeds the prefix. */
  readonly filename: Output;
  /** Gives the prefix when all is saved. */
  readonly saved: Output;
  readonly restoreOp: Operation;
  #kept: Kept[] = [];
  /** The first checkpoint after that stays. */
  #nextPreserved: number;

  /**
   * @param variables by their names in the checkpoint, or under their own; all global ones when left out. Slices are
   * saved as parts of the whole
   * @throws InvalidArgumentError when there are none, or two of one name
   */
  constructor(
    graph: Graph,
    variables: readonly Saveable[] | Readonly<Record<string, Saveable>> = globalVariables(graph),
    readonly options: SaverOptions = {},
  ) {
    this.graph = graph;
    this.#nextPreserved = Date.now() / 1000 + this.#preservedEvery;
    const items = itemsOf(variables);
    if (items.length === 0) throw new InvalidArgumentError("No variables to save");
    const build = () => buildOps(graph, items, options.sharded ?? false);
    [this.filename, this.saved, this.restoreOp] = graph.controlDependencies(null, () =>
      graph.nameScope(options.name ?? "save", build),
    );
  }

  /** Prefixes of the checkpoints that are kept, the latest last. */
  get lastCheckpoints(): string[] {
    return this.#kept.map(({ prefix }) => prefix);
  }

  /** Those of an earlier run that are still there count among those that are kept. */
  async recoverLastCheckpoints(prefixes: readonly string[]): Promise<void> {
    const files = await this.#files();
    const found: string[] = [];
    for (const prefix of prefixes) if (await files.isFile(metaName(prefix))) found.push(prefix);
    this.setLastCheckpoints(found);
  }

  /** Takes over checkpoints of an earlier run: they count among those that are kept. */
  setLastCheckpoints(prefixes: readonly string[]): void {
    this.#kept = prefixes.map((prefix) => ({ prefix, time: Date.now() / 1000 }));
  }

  /** @returns the prefix that it was saved under @throws OpError as the tasks give it */
  async save(session: Session, prefix: string, options: SaveOptions = {}): Promise<string> {
    const { latestFilename = STATE_FILE, writeMetaGraph = true, writeState = true } = options;
    if (prefix === "") throw new InvalidArgumentError("no path specified");
    if (nameIn(prefix) === latestFilename) {
      throw new InvalidArgumentError(
        `'latest_filename' collides with 'save_path': '${latestFilename}' and '${prefix}'`,
      );
    }
    const full = await this.#numbered(session, prefix, options);
    const { data } = await session.run(this.saved, [[this.filename, full]], { signal: options.signal });
    const [saved] = data as string[];
    const files = await this.#files();
    if (writeState) {
      const old = this.#note(saved!);
      const all = this.lastCheckpoints;
      await updateCheckpointState(folderOf(saved!), saved!, all.length === 0 ? [saved!] : all, {
        latestFilename,
        files,
      });
      // Only what the state file names no more: who comes back after a crash finds what it says.
      for (const kept of old) await removeCheckpoint(files, kept);
    }
    if (writeMetaGraph) await files.replace(`${saved}.meta`, exportMetaGraph(this.graph, this));
    return saved!;
  }

  /** @throws NotFoundError when a file or a variable is missing, DataLossError for a damaged one */
  async restore(session: Session, prefix: string, { signal }: CallSettings = {}): Promise<void> {
    await session.run(this.restoreOp, [[this.filename, prefix]], { signal });
  }

  async #numbered(session: Session, prefix: string, { globalStep, signal }: SaveOptions): Promise<string> {
    if (globalStep === undefined) return prefix;
    let step = globalStep;
    if (typeof step === "object") {
      const { data } = await session.run("value" in step ? step.value : step, [], { signal });
      step = data[0] as number | bigint;
    }
    return `${prefix}-${this.options.padStepNumber ? String(step).padStart(8, "0") : step}`;
  }

  /** Notes the checkpoint as the latest. @returns those that are too many */
  #note(prefix: string): string[] {
    const { maxToKeep = 5 } = this.options;
    if (maxToKeep <= 0) return [];
    this.#kept = this.#kept.filter((kept) => kept.prefix !== prefix);
    this.#kept.push({ prefix, time: Date.now() / 1000 });
    const old: string[] = [];
    while (this.#kept.length > maxToKeep) {
      const oldest = this.#kept.shift()!;
      if (oldest.time > this.#nextPreserved) this.#nextPreserved += this.#preservedEvery;
      else old.push(oldest.prefix);
    }
    return old;
  }

  get #preservedEvery(): number {
    return (this.options.keepCheckpointEveryNHours ?? 10000) * 3600;
  }

  async #files(): Promise<FileSystem> {
    return this.options.files ?? (await localFiles());
  }
}

/** The files of a checkpoint, those of any number of shards. */
async function removeCheckpoint(files: FileSystem, prefix: string): Promise<void> {
  const folder = folderOf(prefix);
  const name = nameIn(prefix);
  const own = (file: string) => file.startsWith(name) && /^\.data-\d{5}-of-\d{5}$/.test(file.slice(name.length));
  for (const file of await files.list(folder)) if (own(file)) await removeQuietly(files, inFolder(folder, file));
  await removeQuietly(files, metaName(prefix));
  await removeQuietly(files, `${prefix}.meta`);
}

type Saveable = Variable | PartitionedVariable;

interface Item {
  /** Of the whole, when it is a slice. */
  readonly name: string;
  readonly variable: Variable;
  readonly slice: SaveSliceInfo | null;
}

/** By name, slices in the order that they were given in. */
function itemsOf(variables: readonly Saveable[] | Readonly<Record<string, Saveable>>): Item[] {
  const partsOf = (whole: PartitionedVariable, name: string) =>
    whole.parts.map((variable) => ({ name, variable, slice: variable.saveSliceInfo }));
  const items: Item[] = Array.isArray(variables)
    ? (variables as readonly Saveable[]).flatMap((variable) => {
        if (variable instanceof PartitionedVariable) return partsOf(variable, variable.name);
        const slice = variable.saveSliceInfo;
        return [{ name: slice?.fullName ?? variable.name, variable, slice }];
      })
    : Object.entries(variables as Readonly<Record<string, Saveable>>).flatMap(([name, variable]) =>
        variable instanceof PartitionedVariable ? partsOf(variable, name) : [{ name, variable, slice: null }],
      );
  const seen = new Map<Variable, string>();
  for (const { name, variable } of items) {
    if ((seen.get(variable) ?? name) !== name) {
      throw new InvalidArgumentError(`The same saveable will be restored with two names: ${name}`);
    }
    seen.set(variable, name);
  }
  items.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  items.forEach(({ name, slice }, i) => {
    const before = items[i - 1];
    if (before?.name !== name || (slice !== null && before.slice !== null)) return;
    const mixed = slice !== null || before.slice !== null;
    throw new InvalidArgumentError(
      mixed
        ? `Mixing slices and non-slices with the same name: ${name}`
        : `At least two variables have the same name: ${name}`,
    );
  });
  return items;
}

/** `784 512 0,392:0,512`: the shape of the whole, then where the slice begins and how long it is, by axis. */
const sliceSpec = ({ fullShape, varOffset, varShape }: SaveSliceInfo): string =>
  `${fullShape.join(" ")} ${varOffset.map((offset, i) => `${offset},${varShape[i]}`).join(":")}`;

type SaverOps = readonly [filename: Output, saved: Output, restore: Operation];

function buildOps(graph: Graph, items: readonly Item[], sharded: boolean): SaverOps {
  const { ops } = graph;
  const model = graph.constant("model", DataType.STRING, "filename/input");
  const given = ops.placeholderWithDefault(model, { shape: [], name: "filename" });
  const filename = ops.placeholderWithDefault(given, { shape: [], name: "Const" });
  if (!sharded) {
    const save = saveOp(graph, filename, items);
    const saved = graph.controlDependencies([save], () => ops.identity(filename, { name: "control_dependency" }));
    const restored = graph.device("/device:CPU:0", () => restoreOp(graph, filename, items));
    return [filename, saved, graph.group(restored, "restore_all")];
  }
  const shards = byDevice(items);
  const saved = saveShards(graph, filename, shards);
  const restored = shards.map(({ device, items: own }) =>
    graph.device(device, () => graph.group(restoreOp(graph, filename, own), "restore_shard")),
  );
  return [filename, saved, graph.group(restored, "restore_all")];
}

/** Each shard is written under a temporary prefix on its task; then one task merges them. */
function saveShards(graph: Graph, filename: Output, shards: readonly Shard[]): Output {
  const { ops } = graph;
  const temporary = ops.stringJoin([filename, graph.constant(`_temp/part`, DataType.STRING)]);
  const total = graph.constant(shards.length, DataType.INT32, "num_shards");
  const parts = shards.map(({ device, items }, i) =>
    graph.device(device, () => {
      const prefix = ops.shardedFilename(temporary, i, total);
      const save = saveOp(graph, prefix, items);
      return { prefix, done: graph.controlDependencies([save], () => ops.identity(prefix)) };
    }),
  );
  const done = parts.map((part) => part.done);
  return graph.device(shards.at(-1)!.device, () => {
    const merged = graph.controlDependencies(done, () =>
      ops.mergeV2Checkpoints(ops.pack(parts.map(({ prefix }) => prefix)), filename),
    );
    return graph.controlDependencies([merged, ...done], () => ops.identity(filename));
  });
}

const slicesOf = (graph: Graph, items: readonly Item[]): Output =>
  graph.constant(
    items.map(({ slice }) => (slice === null ? "" : sliceSpec(slice))),
    DataType.STRING,
    "shape_and_slices",
  );
const namesOf = (graph: Graph, items: readonly Item[]): Output =>
  graph.constant(
    items.map(({ name }) => name),
    DataType.STRING,
    "tensor_names",
  );

function saveOp(graph: Graph, prefix: Output, items: readonly Item[]): Operation {
  const name = graph.uniqueName("SaveV2");
  const [names, slices] = graph.nameScope(`${name}/`, () => [namesOf(graph, items), slicesOf(graph, items)]);
  const values = items.map(({ variable }) => variable.value);
  return graph.ops.saveV2(prefix, names!, slices!, values, { name: `${name}/` });
}

function restoreOp(graph: Graph, prefix: Output, items: readonly Item[]): Operation[] {
  const name = graph.uniqueName("RestoreV2");
  const [names, slices] = graph.nameScope(`${name}/`, () => [namesOf(graph, items), slicesOf(graph, items)]);
  const dtypes = items.map(({ variable }) => variable.dtype);
  const restored = graph.ops.restoreV2(prefix, names!, slices!, { dtypes, name: `${name}/` });
  return items.map(({ variable }, i) =>
    graph.device(null, () =>
      graph.device(variable.handle.device, () =>
        graph.ops.assignVariableOp(variable.handle, graph.ops.identity(restored[i]!)),
      ),
    ),
  );
}

interface Shard {
  readonly device: string;
  readonly items: readonly Item[];
}

/** Variables of one task's disk: those on its devices, as its first CPU sees them. */
function byDevice(items: readonly Item[]): Shard[] {
  const shards = new Map<string, Item[]>();
  for (const item of items) {
    const spec = parseDeviceSpec(item.variable.handle.device)!;
    const device = formatDeviceSpec({ ...spec, type: "CPU", index: 0 });
    shards.set(device, [...(shards.get(device) ?? []), item]);
  }
  return [...shards].sort(([a], [b]) => (a < b ? -1 : 1)).map(([device, own]) => ({ device, items: own }));
}
