// Readers' ops, on resource handles and on string references: records of the files whose names a queue gives, as the
// input pipelines of queue runners read them.
import { InvalidArgumentError, NotFoundError } from "../errors/index.js";
import { packingOf } from "../io/byte-stream.js";
import {
  type FoundRecord,
  fixedLengths,
  namesOnly,
  type OpenSource,
  textLines,
  tfRecords,
  wholeFiles,
} from "../io/record-sources.js";
import { type Activation, DONE, type Kernel, type KernelNode, type KernelStep, kernel } from "../kernel/kernel.js";
import { QUEUE_TYPE, type Queue, type Tuple } from "../resources/queue.js";
import { READER_TYPE, Reader } from "../resources/reader.js";
import { DataType } from "../tensor/dtype.js";
import { MAX_VALUES } from "../tensor/tensor.js";
import { emitTexts, textsOf } from "./strings.js";
import { filesOf, pending, scalar, withinMemory } from "./support/files.js";
import { emitHandle, nameFor, resourceOf } from "./support/handle.js";
import { waitFor } from "./support/wait.js";

function atLeastZero(node: KernelNode, attr: string): number {
  const value = node.int(attr);
  if (value < 0) throw new InvalidArgumentError(`${attr} must be >= 0 not ${value}`);
  return value;
}

function fixedLengthSource(node: KernelNode): OpenSource {
  const header = atLeastZero(node, "header_bytes");
  const record = atLeastZero(node, "record_bytes");
  const footer = atLeastZero(node, "footer_bytes");
  const hop = atLeastZero(node, "hop_bytes") || record;
  // TensorFlow asks for it in the first form too, which hasn't got it.
  if (!node.has("encoding")) throw new NotFoundError("No attr named 'encoding' in NodeDef:");
  return fixedLengths({ header, record, footer, hop }, packingOf(node.string("encoding")));
}

/** Where the records of each kind come from. */
const SOURCES: Readonly<Record<string, (node: KernelNode) => OpenSource>> = {
  TextLineReader: (node) => textLines(atLeastZero(node, "skip_header_lines")),
  TFRecordReader: (node) => tfRecords(packingOf(node.string("compression_type"))),
  FixedLengthRecordReader: fixedLengthSource,
  WholeFileReader: () => wholeFiles,
  IdentityReader: () => namesOnly,
};

const create = (kind: string, version: string): Kernel =>
  kernel(`${kind}${version}`, "CPU", {}, (node) => {
    const [container, shared] = [node.string("container"), node.string("shared_name")];
    const saves = kind === "WholeFileReader" || kind === "IdentityReader";
    const options = { name: `${kind} '${node.name}'`, open: SOURCES[kind]!(node), saves };
    let name = "";
    return (step) => {
      name ||= nameFor(step, node, container, READER_TYPE, shared);
      const reader = step.resources.findOrCreate(container, name, READER_TYPE, () => new Reader(options));
      emitHandle(step, node, container, name, reader);
      return DONE;
    };
  });

const readerOf = (step: KernelStep, node: KernelNode): Reader => resourceOf(step, node, READER_TYPE) as Reader;

/** The one text that an element of a queue of names is. */
function nameIn(tuple: Tuple): Uint8Array {
  const [first] = tuple;
  if (tuple.length !== 1) throw new InvalidArgumentError("Expected single component queue");
  if (first!.dtype !== DataType.STRING) throw new InvalidArgumentError("Expected queue with single string component");
  if (first!.size !== 1) throw new InvalidArgumentError("Expected to dequeue a one-element string tensor");
  return textsOf(first!)[0]!;
}

async function nextName(call: Activation, queue: Queue): Promise<Uint8Array> {
  const [tuple] = await waitFor<readonly Tuple[]>(call, (done) => queue.dequeue(1, false, false, done));
  try {
    return nameIn(tuple!);
  } finally {
    for (const tensor of tuple!) tensor.release();
  }
}

/** Waits for the reader, which has one caller at a time. */
async function withTurn<T>(call: Activation, reader: Reader, work: () => T | Promise<T>): Promise<T> {
  await waitFor<void>(call, (done) => reader.enter((error) => done(error, undefined)));
  try {
    return await work();
  } finally {
    reader.leave();
  }
}

type Emit = (call: Activation, records: readonly FoundRecord[]) => void;

/** @param limitOf how many records are read at most */
const read = (op: string, limitOf: (step: KernelStep) => number, emit: Emit): Kernel =>
  kernel(op, "CPU", {}, (node) => (step) => {
    const reader = readerOf(step, node);
    const limit = limitOf(step);
    const queue = resourceOf(step, node, QUEUE_TYPE, 1) as Queue;
    const files = filesOf(step);
    return pending(step, async (call, check) => {
      const next = () => nextName(call, queue);
      emit(call, await withTurn(call, reader, () => reader.read(limit, files, next, withinMemory(call, check))));
    });
  });

const emitOne: Emit = (call, [record]) => {
  emitTexts(call, 0, [], [record!.key]);
  emitTexts(call, 1, [], [record!.value]);
};

const emitMany: Emit = (call, records) => {
  const shape = [records.length];
  emitTexts(
    call,
    0,
    shape,
    records.map(({ key }) => key),
  );
  emitTexts(
    call,
    1,
    shape,
    records.map(({ value }) => value),
  );
};

function recordLimit(step: KernelStep): number {
  const wanted = step.heap.i64[scalar(step.input(2), "num_records").ptr / 8]!;
  // A real server's process ends.
  if (wanted < 0n) throw new InvalidArgumentError(`num_records must not be negative, got ${wanted}`);
  return Math.min(Number(wanted), MAX_VALUES);
}

const count = (op: string, countOf: (reader: Reader) => bigint): Kernel =>
  kernel(op, "CPU", {}, (node) => (step) => {
    const found = countOf(readerOf(step, node));
    const { ptr } = step.allocateOutput(0, []);
    step.heap.i64[ptr / 8] = found;
    return DONE;
  });

const save = (op: string): Kernel =>
  kernel(op, "CPU", {}, (node) => (step) => {
    emitTexts(step, 0, [], [readerOf(step, node).save()]);
    return DONE;
  });

/** @param act done within a turn */
const change = (op: string, act: (call: Activation, reader: Reader) => void): Kernel =>
  kernel(op, "CPU", {}, (node) => (step) => {
    const reader = readerOf(step, node);
    return pending(step, (call) => withTurn(call, reader, () => act(call, reader)));
  });

export const readerKernels: readonly Kernel[] = ["", "V2"].flatMap((version) => [
  ...Object.keys(SOURCES).map((kind) => create(kind, version)),
  read(`ReaderRead${version}`, () => 1, emitOne),
  read(`ReaderReadUpTo${version}`, recordLimit, emitMany),
  count(`ReaderNumRecordsProduced${version}`, (reader) => reader.recordsProduced),
  count(`ReaderNumWorkUnitsCompleted${version}`, (reader) => reader.unitsCompleted),
  save(`ReaderSerializeState${version}`),
  change(`ReaderRestoreState${version}`, (call, reader) =>
    reader.restore(textsOf(scalar(call.input(1), "Reader state"))[0]!),
  ),
  change(`ReaderReset${version}`, (_, reader) => reader.reset()),
]);
