// Lookup tables, on resource handles and on string references: made, filled, asked, changed, listed. Tables live in
// containers as variables do.
import { InvalidArgumentError } from "../errors/index.js";
import { textBytes } from "../io/byte-text.js";
import { DONE, type Kernel, type KernelNode, type KernelStep, kernel } from "../kernel/kernel.js";
import { LookupTable, TABLE_TYPE, type TableValue } from "../resources/lookup-table.js";
import { DataType, dtypeName } from "../tensor/dtype.js";
import { type Shape, sameShape, shapeString } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { elementsOf, listOf } from "./support/elements.js";
import { emitHandle, nameFor, resourceName, resourceOf } from "./support/handle.js";
import { writeInts } from "./support/index-tensor.js";
import { keysOf } from "./where.js";

const table = (op: string, mutable: boolean): Kernel =>
  kernel(op, "CPU", {}, (node: KernelNode) => {
    const container = node.string("container");
    const given = node.string("shared_name") || (node.bool("use_node_name_sharing") ? node.name : "");
    const options = { keyType: node.type("key_dtype"), valueType: node.type("value_dtype"), mutable };
    // Without a shared name the table is this node's own, whatever other sessions call theirs.
    let name = given;
    return (step) => {
      if (name === "") name = nameFor(step, node, container, TABLE_TYPE, "");
      const found = step.resources.findOrCreate(
        container,
        name,
        TABLE_TYPE,
        () => new LookupTable(options, step.device.allocator),
      );
      emitHandle(step, node, container, name, found);
      return DONE;
    };
  });

const tableOf = (step: KernelStep, node: KernelNode): LookupTable => resourceOf(step, node, TABLE_TYPE) as LookupTable;

function checkTypes(found: LookupTable, keys: Tensor, values: Tensor): void {
  const { keyType, valueType } = found.options;
  if (keys.dtype !== keyType)
    throw new InvalidArgumentError(`Key must be type ${dtypeName(keyType)} but got ${dtypeName(keys.dtype)}`);
  if (values.dtype !== valueType)
    throw new InvalidArgumentError(`Value must be type ${dtypeName(valueType)} but got ${dtypeName(values.dtype)}`);
}

function valuesOf(step: KernelStep, tensor: Tensor): TableValue[] {
  if (tensor.values !== null) return [...tensor.values] as Uint8Array[];
  return listOf(step.heap, tensor);
}

function emit(step: KernelStep, output: number, dtype: DataType, shape: Shape, values: readonly TableValue[]): void {
  if (dtype === DataType.STRING) {
    step.setOutput(output, step.tensorOf(dtype, shape, values as readonly Uint8Array[]));
    return;
  }
  const y = step.allocateOutput(output, shape);
  const { view, base } = elementsOf(step.heap, y);
  values.forEach((value, i) => {
    view[base + i] = value as number;
  });
}

/** A table that is filled once. */
export function initializableTable(step: KernelStep, node: KernelNode): LookupTable {
  const found = tableOf(step, node);
  if (!found.options.mutable) return found;
  const { container, name } = resourceName(step, node);
  throw new InvalidArgumentError(`Table ${container} ${name} is not initializable`);
}

const initialize = (version: string): Kernel =>
  kernel(`InitializeTable${version}`, "CPU", {}, (node) => (step) => {
    const found = initializableTable(step, node);
    const [keys, values] = [step.input(1), step.input(2)];
    if (keys.shape.length !== 1)
      throw new InvalidArgumentError(`Keys must be a vector, but received shape${shapeString(keys.shape)}`);
    if (values.shape.length !== 1)
      throw new InvalidArgumentError(`Values must be a vector, but received shape${shapeString(values.shape)}`);
    if (keys.size !== values.size)
      throw new InvalidArgumentError(`Keys and values must have the same size ${keys.size} vs ${values.size}`);
    checkTypes(found, keys, values);
    found.initialize(keysOf(step, keys), valuesOf(step, values));
    return DONE;
  });

const find = (version: string): Kernel =>
  kernel(`LookupTableFind${version}`, "CPU", {}, (node) => (step) => {
    const found = tableOf(step, node);
    const [keys, blank] = [step.input(1), step.input(2)];
    checkTypes(found, keys, blank);
    const scalar = blank.shape.length === 0;
    if (!scalar && !sameShape(blank.shape, keys.shape))
      throw new InvalidArgumentError(
        `Expected shape [] or ${shapeString(keys.shape)} for default value, got ${shapeString(blank.shape)}`,
      );
    const otherwise = valuesOf(step, blank);
    const values = keysOf(step, keys).map((key, i) => found.find(key) ?? otherwise[scalar ? 0 : i]!);
    emit(step, 0, found.options.valueType, keys.shape, values);
    return DONE;
  });

const insert = (op: string, replaces: boolean): Kernel =>
  kernel(op, "CPU", {}, (node) => (step) => {
    const found = tableOf(step, node);
    const [keys, values] = [step.input(1), step.input(2)];
    checkTypes(found, keys, values);
    if (!sameShape(keys.shape, values.shape))
      throw new InvalidArgumentError(
        `Expected shape ${shapeString(keys.shape)} for value, got ${shapeString(values.shape)}`,
      );
    if (replaces) found.replace(keysOf(step, keys), valuesOf(step, values));
    else found.insert(keysOf(step, keys), valuesOf(step, values));
    return DONE;
  });

const remove = kernel("LookupTableRemoveV2", "CPU", {}, (node) => (step) => {
  const found = tableOf(step, node);
  found.remove(keysOf(step, step.input(1)));
  return DONE;
});

const size = (version: string): Kernel =>
  kernel(`LookupTableSize${version}`, "CPU", {}, (node) => (step) => {
    writeInts(step.heap, step.allocateOutput(0, []), [tableOf(step, node).size]);
    return DONE;
  });

const exportAll = (version: string): Kernel =>
  kernel(`LookupTableExport${version}`, "CPU", {}, (node) => (step) => {
    const found = tableOf(step, node);
    found.checkExportable();
    const { entries, options } = found;
    const keys = [...entries.keys()].map((key) =>
      options.keyType === DataType.STRING ? textBytes(key as string) : (key as number),
    );
    emit(step, 0, options.keyType, [entries.size], keys);
    emit(step, 1, options.valueType, [entries.size], [...entries.values()]);
    return DONE;
  });

export const lookupTableKernels: readonly Kernel[] = [
  ...["", "V2"].flatMap((version) => [
    table(`HashTable${version}`, false),
    table(`MutableHashTable${version}`, true),
    initialize(version),
    find(version),
    insert(`LookupTableInsert${version}`, false),
    insert(`LookupTableImport${version}`, true),
    size(version),
    exportAll(version),
  ]),
  remove,
];
