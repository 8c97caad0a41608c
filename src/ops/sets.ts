// Set operations along the last dimension of two tensors, each dense or sparse: every group, the indices before the last,
// holds a set. Results are sparse, each group's values in rising order.
import { InvalidArgumentError } from "../errors/index.js";
import { textBytes } from "../io/byte-text.js";
import { DONE, type Kernel, type KernelNode, type KernelStep, kernel } from "../kernel/kernel.js";
import { DataType } from "../tensor/dtype.js";
import { MAX_VALUES, type Tensor } from "../tensor/tensor.js";
import { bigints, checkIndices } from "./sparse.js";
import { elementsOf, listOf } from "./support/elements.js";
import { checkListed } from "./support/index-tensor.js";
import { keysOf } from "./where.js";

type Key = string | number | bigint;

/** A set of values by group; groups in the order of their indices. */
interface Grouped {
  readonly shape: readonly bigint[];
  readonly groups: ReadonlyMap<string, Group>;
}

interface Group {
  readonly indices: readonly bigint[];
  readonly keys: Set<Key>;
}

/** Values that compare as their keys do: strings by their bytes. */
function keys(step: KernelStep, x: Tensor): Key[] {
  if (x.values !== null) return keysOf(step, x);
  return listOf(step.heap, x);
}

function grouped(shape: readonly bigint[], rows: Iterable<readonly bigint[]>, values: readonly Key[]): Grouped {
  const groups = new Map<string, Group>();
  let i = 0;
  for (const row of rows) {
    const indices = row.slice(0, -1);
    const name = indices.join();
    let group = groups.get(name);
    if (group === undefined) {
      group = { indices, keys: new Set() };
      groups.set(name, group);
    }
    group.keys.add(values[i++]!);
  }
  return { shape, groups };
}

const checkRank = (shape: readonly bigint[]): void => {
  if (shape.length < 2) throw new InvalidArgumentError(`Shape [${shape.join(",")}] has rank ${shape.length} < 2`);
};

function* indicesOf(shape: readonly number[]): Iterable<bigint[]> {
  const size = shape.reduce((a, b) => a * b, 1);
  for (let i = 0; i < size; i++) {
    const row = new Array<bigint>(shape.length);
    for (let d = shape.length - 1, rest = i; d >= 0; d--) {
      row[d] = BigInt(rest % shape[d]!);
      rest = Math.floor(rest / shape[d]!);
    }
    yield row;
  }
}

function readDense(step: KernelStep, input: number): Grouped {
  const x = step.input(input);
  const shape = x.shape.map(BigInt);
  checkRank(shape);
  checkListed(x, MAX_VALUES);
  return grouped(shape, indicesOf(x.shape), keys(step, x));
}

function readSparse(step: KernelStep, first: number, validates: boolean): Grouped {
  const [indices, values, sizes] = [step.input(first), step.input(first + 1), step.input(first + 2)];
  if (sizes.shape.length !== 1) throw new InvalidArgumentError("Shape must be a 1D tensor.");
  const shape = [...bigints(step, sizes)];
  const negative = shape.findIndex((size) => size < 0n);
  if (negative >= 0) throw new InvalidArgumentError(`Dimension ${shape[negative]} must be >= 0`);
  if (shape.length < 2) throw new InvalidArgumentError(`Invalid rank ${shape.length}.`);
  if (indices.shape.length !== 2 || values.shape.length !== 1 || indices.shape[1] !== shape.length)
    throw new InvalidArgumentError(`Expected rank 2 indices, rank 1 values and as many sizes as indices have columns`);
  if (indices.shape[0] !== values.size)
    throw new InvalidArgumentError(
      `Expected indices to have as many rows as there are values: ${indices.shape[0]} vs. ${values.size}`,
    );
  checkListed(indices, MAX_VALUES);
  const flat = bigints(step, indices);
  const rank = shape.length;
  const rows = Array.from({ length: values.size }, (_, i) => [...flat.subarray(i * rank, (i + 1) * rank)]);
  if (validates) checkIndices(rows, shape);
  return grouped(shape, rows, keys(step, values));
}

type Combine = (a: ReadonlySet<Key>, b: ReadonlySet<Key>) => Key[];

const minus: Combine = (a, b) => [...a].filter((key) => !b.has(key));

const OPERATIONS: Record<string, Combine> = {
  "a-b": minus,
  "b-a": (a, b) => minus(b, a),
  intersection: (a, b) => [...a].filter((key) => b.has(key)),
  union: (a, b) => [...new Set([...a, ...b])],
};

const NOTHING: ReadonlySet<Key> = new Set();

const rising = (a: Key, b: Key): number => (a < b ? -1 : a > b ? 1 : 0);

function compareIndices(a: readonly bigint[], b: readonly bigint[]): number {
  const at = a.findIndex((index, d) => index !== b[d]);
  return at < 0 ? 0 : a[at]! < b[at]! ? -1 : 1;
}

function combine(step: KernelStep, a: Grouped, b: Grouped, operation: Combine, dtype: DataType): void {
  const [left, right] = [a.shape.slice(0, -1), b.shape.slice(0, -1)];
  if (left.join() !== right.join())
    throw new InvalidArgumentError(`Mismatched shapes [${left.join(",")}] vs [${right.join(",")}]`);
  const names = new Set([...a.groups.keys(), ...b.groups.keys()]);
  const results = [...names].map((name) => ({
    indices: (a.groups.get(name) ?? b.groups.get(name))!.indices,
    keys: operation(a.groups.get(name)?.keys ?? NOTHING, b.groups.get(name)?.keys ?? NOTHING).sort(rising),
  }));
  results.sort((x, y) => compareIndices(x.indices, y.indices));
  const indices = results.flatMap((group) => group.keys.flatMap((_, i) => [...group.indices, BigInt(i)]));
  const values = results.flatMap((group) => group.keys);
  const most = results.reduce((size, group) => Math.max(size, group.keys.length), 0);
  bigints(step, step.allocateOutput(0, [values.length, a.shape.length])).set(indices);
  emitValues(step, values, dtype);
  bigints(step, step.allocateOutput(2, [a.shape.length])).set([...left, BigInt(most)]);
}

function emitValues(step: KernelStep, values: readonly Key[], dtype: DataType): void {
  if (dtype === DataType.STRING) {
    const bytes = values.map((key) => textBytes(key as string));
    step.setOutput(1, step.tensorOf(dtype, [bytes.length], bytes));
    return;
  }
  const { view, base } = elementsOf(step.heap, step.allocateOutput(1, [values.length]));
  values.forEach((key, i) => {
    view[base + i] = key as number;
  });
}

const TYPES = { T: ["int8", "int16", "int32", "int64", "uint8", "uint16", "string"] };

const validatesIn = (node: KernelNode): boolean => node.bool("validate_indices");

/** @param sparse how many of the two are sparse: the second, or both */
const setOperation = (op: string, sparse: 0 | 1 | 2): Kernel =>
  kernel(op, "CPU", TYPES, (node) => {
    const name = node.string("set_operation").toLowerCase();
    const operation = OPERATIONS[name];
    if (operation === undefined) throw new InvalidArgumentError(`Invalid set_operation ${name}.`);
    const validates = validatesIn(node);
    const dtype = node.type("T");
    return (step) => {
      const a = sparse === 2 ? readSparse(step, 0, validates) : readDense(step, 0);
      const b = sparse === 0 ? readDense(step, 1) : readSparse(step, sparse === 2 ? 3 : 1, validates);
      combine(step, a, b, operation, dtype);
      return DONE;
    };
  });

const setSize = kernel("SetSize", "CPU", TYPES, (node) => {
  const validates = validatesIn(node);
  return (step) => {
    const { shape, groups } = readSparse(step, 0, validates);
    const sizes = shape.slice(0, -1).map(Number);
    const y = step.allocateOutput(0, sizes);
    const counts = step.heap.i32.subarray(y.ptr >>> 2, (y.ptr >>> 2) + y.size).fill(0);
    for (const { indices, keys: set } of groups.values()) {
      const at = indices.reduce((sum, index, d) => sum * sizes[d]! + Number(index), 0);
      if (at < 0 || at >= y.size) throw new InvalidArgumentError(`Index out of range, ${at} vs [${sizes.join(",")}]`);
      counts[at] = set.size;
    }
    return DONE;
  };
});

export const setKernels: readonly Kernel[] = [
  setOperation("DenseToDenseSetOperation", 0),
  setOperation("DenseToSparseSetOperation", 1),
  setOperation("SparseToSparseSetOperation", 2),
  setSize,
];
