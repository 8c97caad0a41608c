// Tables filled from a file of text, a line an entry: keys and values are columns, whole lines or the numbers of lines.
import { InvalidArgumentError, OutOfRangeError } from "../errors/index.js";
import { readLess } from "../io/buffered-reader.js";
import { ByteStream, type Check } from "../io/byte-stream.js";
import { byteText, textBytes } from "../io/byte-text.js";
import type { FileSystem } from "../io/file-system.js";
import { type Kernel, type KernelNode, kernel } from "../kernel/kernel.js";
import type { LookupTable, TableKey, TableValue } from "../resources/lookup-table.js";
import { DataType, dtypeName } from "../tensor/dtype.js";
import { shapeString } from "../tensor/shape.js";
import { initializableTable } from "./lookup-table.js";
import { textsOf } from "./strings.js";
import { filesOf, pending, withinMemory } from "./support/files.js";
import { numberParser } from "./support/number-text.js";

const LINE_NUMBER = -1;
const WHOLE_LINE = -2;
const RETURN = 13;
const decoder = new TextDecoder();

interface Layout {
  readonly keyIndex: number;
  readonly valueIndex: number;
  /** Lines to read; −1 for all. */
  readonly vocabSize: number;
  readonly delimiter: string;
  readonly offset: bigint;
}

function layoutOf(node: KernelNode): Layout {
  const delimiter = node.bytes("delimiter");
  if (delimiter.length !== 1) throw new InvalidArgumentError("delimiter should be only 1 char");
  return {
    keyIndex: node.int("key_index"),
    valueIndex: node.int("value_index"),
    vocabSize: node.int("vocab_size"),
    delimiter: byteText(delimiter),
    offset: node.bigint("offset"),
  };
}

const isInteger = (dtype: DataType): boolean => dtype === DataType.INT32 || dtype === DataType.INT64;

function checkTypes({ keyIndex, valueIndex }: Layout, { options }: LookupTable): void {
  const { keyType, valueType } = options;
  const refuse = (rule: string, dtype: DataType) => {
    throw new InvalidArgumentError(`${rule}, got ${dtypeName(dtype)}`);
  };
  const holdsLines = (dtype: DataType) => isInteger(dtype) || dtype === DataType.STRING;
  if (keyIndex === LINE_NUMBER && keyType !== DataType.INT64)
    refuse("Key index for line number requires table key dtype of int64", keyType);
  if (keyIndex === WHOLE_LINE && !holdsLines(keyType))
    refuse("Key index for whole line requires string or integer table key", keyType);
  if (valueIndex === LINE_NUMBER && valueType !== DataType.INT64)
    refuse("Value index for line number requires table value dtype of int64", valueType);
  if (valueIndex === WHOLE_LINE && !holdsLines(valueType))
    refuse("Value index for whole line requires table value dtype of integer or string", valueType);
}

/** What is at an index of a line; texts have a character a byte. */
type Field = (line: string, columns: readonly string[], at: number) => string | number | bigint;

function fieldAt(index: number, dtype: DataType, offset: bigint): Field {
  if (index === LINE_NUMBER) return (_, __, at) => BigInt(at) + offset;
  const text = (line: string, columns: readonly string[]) => (index === WHOLE_LINE ? line : columns[index]!);
  if (dtype === DataType.STRING) return text;
  const parse = numberParser(dtype);
  return (line, columns, at) => {
    const field = text(line, columns);
    const value = parse(field);
    if (value === null)
      throw new InvalidArgumentError(
        `Field ${decoder.decode(textBytes(field))} in line ${at} is not a valid ${dtypeName(dtype)}.`,
      );
    if (dtype === DataType.FLOAT) return Math.fround(value as number);
    // TensorFlow adds the offset to these alone.
    return dtype === DataType.INT32 ? Number(BigInt.asIntN(32, BigInt(value) + offset)) : value;
  };
}

/** Fills the table; of one that is filled already no more than the first line is looked at. */
async function fill(found: LookupTable, files: FileSystem, path: string, layout: Layout, check: Check): Promise<void> {
  const { keyIndex, valueIndex, vocabSize, delimiter, offset } = layout;
  const { keyType, valueType } = found.options;
  const [keyAt, valueAt] = [fieldAt(keyIndex, keyType, offset), fieldAt(valueIndex, valueType, offset)];
  const width = Math.max(keyIndex, valueIndex) + 1;
  const keys: TableKey[] = [];
  const values: TableValue[] = [];
  const stream = await ByteStream.open(files, path);
  let position = 0;
  try {
    for (let at = 0; at === 0 || !found.filled; at++) {
      const bytes = await stream.line((held) => check(held + position));
      if (bytes === null) {
        if (vocabSize !== -1 && at !== vocabSize)
          throw new InvalidArgumentError(`Invalid vocab_size in ${path}: expected ${vocabSize} but got ${at}`);
        if (at === 0) throw readLess();
        break;
      }
      if (vocabSize !== -1 && at >= vocabSize) {
        if (at === 0) throw new OutOfRangeError(`Finished reading ${vocabSize} of lines from ${path}`);
        break;
      }
      position += bytes.length + 1;
      const line = byteText(bytes.at(-1) === RETURN ? bytes.subarray(0, -1) : bytes);
      if (line === "")
        throw new InvalidArgumentError(`Invalid content in ${path}: empty line found at position ${position}.`);
      const columns = width > 0 ? line.split(delimiter) : [];
      if (columns.length < width)
        throw new InvalidArgumentError(
          `Invalid number of columns in ${path} line ${at} (${decoder.decode(textBytes(line))}) : expected at least ` +
            `${width} got ${columns.length}`,
        );
      keys.push(keyAt(line, columns, at));
      const value = valueAt(line, columns, at);
      values.push(typeof value === "string" ? textBytes(value) : value);
    }
  } catch (error) {
    if (values.length > 0 && !found.filled) found.initialize(keys.slice(0, values.length), values, false);
    throw error;
  } finally {
    await stream.close();
  }
  if (!found.filled) found.initialize(keys, values);
}

const fromFile = (op: string): Kernel =>
  kernel(op, "CPU", {}, (node) => {
    const layout = layoutOf(node);
    return (step) => {
      const found = initializableTable(step, node);
      const name = step.input(1);
      if (name.size !== 1 || name.shape.length > 0)
        throw new InvalidArgumentError(`filename should be a single string, but got ${shapeString(name.shape)}`);
      checkTypes(layout, found);
      const path = decoder.decode(textsOf(name)[0]);
      const files = filesOf(step);
      return pending(step, (call, check) => fill(found, files, path, layout, withinMemory(call, check)));
    };
  });

export const tableFromFileKernels: readonly Kernel[] = ["", "V2"].map((version) =>
  fromFile(`InitializeTableFromTextFile${version}`),
);
