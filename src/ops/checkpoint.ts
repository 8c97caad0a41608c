// Checkpoints: SaveV2, RestoreV2 and MergeV2Checkpoints, over the step's files. They wait for the disk as pending calls,
// hold what they write until it is written, and end early when their step is cancelled.
import { InvalidArgumentError, NotFoundError } from "../errors/index.js";
import { metaName } from "../io/bundle.js";
import { mergeBundles } from "../io/bundle-merge.js";
import { type BundleEntry, BundleReader } from "../io/bundle-reader.js";
import { BundleWriter } from "../io/bundle-writer.js";
import { byteText, readable } from "../io/byte-text.js";
import { folderOf } from "../io/file-system.js";
import { parseShapeAndSlice } from "../io/tensor-slice.js";
import { type Activation, type Kernel, type KernelStep, kernel } from "../kernel/kernel.js";
import { type DataType, dtypeName } from "../tensor/dtype.js";
import { sameShape, shapeString } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { textsOf } from "./strings.js";
import { filesOf, pending } from "./support/files.js";

const FIXED_INPUTS = 3;
const decoder = new TextDecoder();

/** Names and slices of the tensors to save or restore. */
interface Request {
  readonly prefix: string;
  /** A character a byte. */
  readonly names: readonly string[];
  /** Empty for a whole tensor. */
  readonly slices: readonly string[];
}

function readRequest(step: KernelStep): Request {
  const [prefix, names, slices] = [step.input(0), step.input(1), step.input(2)];
  if (prefix.size !== 1) {
    throw new InvalidArgumentError(`Input prefix should have a single element, got ${prefix.size} instead.`);
  }
  if (names.shape.length !== 1 || slices.shape.length !== 1) {
    throw new InvalidArgumentError(
      `Input tensor_names and shape_and_slices should be an 1-D tensors, got ${shapeString(names.shape)} and ` +
        `${shapeString(slices.shape)} instead.`,
    );
  }
  if (names.size !== slices.size) {
    throw new InvalidArgumentError(
      `tensor_names and shape_and_slices have different number of elements: ${names.size} vs. ${slices.size}`,
    );
  }
  return {
    prefix: decoder.decode(textsOf(prefix)[0]),
    names: textsOf(names).map(byteText),
    slices: textsOf(slices).map((text) => decoder.decode(text)),
  };
}

async function addTensor(writer: BundleWriter, name: string, spec: string, tensor: Tensor): Promise<void> {
  if (spec === "") return writer.add(name, tensor);
  const { shape, slice, sliceShape } = parseShapeAndSlice(spec);
  if (!sameShape(sliceShape, tensor.shape)) {
    throw new InvalidArgumentError(
      `Slice in shape_and_slice specification does not match the shape of the tensor to  save: ${spec}, tensor: ` +
        shapeString(tensor.shape),
    );
  }
  return writer.addSlice(name, shape, slice, tensor);
}

const save = kernel("SaveV2", "CPU", {}, () => (step) => {
  const { prefix, names, slices } = readRequest(step);
  const given = step.inputCount - FIXED_INPUTS;
  if (given !== names.length) {
    throw new InvalidArgumentError(`Got ${names.length} tensor names but ${given} tensors.`);
  }
  const files = filesOf(step);
  return pending(step, async (call, check) => {
    const writer = await BundleWriter.create(files, prefix, call.heap, check);
    try {
      for (const [i, name] of names.entries()) await addTensor(writer, name, slices[i]!, call.input(FIXED_INPUTS + i));
      await writer.finish();
    } catch (error) {
      await writer.abandon();
      throw error;
    }
  });
});

async function restoreAll(call: Activation, reader: BundleReader, request: Request, dtypes: readonly DataType[]) {
  const wanted: { readonly i: number; readonly entry: BundleEntry }[] = [];
  for (const [i, name] of request.names.entries()) wanted.push({ i, entry: await reader.entry(name) });
  // As they lie in the files.
  wanted.sort(
    ({ entry: { proto: a } }, { entry: { proto: b } }) => a.shardId - b.shardId || Number(a.offset - b.offset),
  );
  const mismatches = wanted.flatMap(({ i, entry }) => {
    const [expected, original] = [dtypeName(dtypes[i]!), dtypeName(entry.dtype)];
    if (expected === original) return [];
    return [
      `tensor_name = ${readable(entry.key)}; expected dtype ${expected} does not equal original dtype ${original}`,
    ];
  });
  if (mismatches.length > 0) throw new InvalidArgumentError(mismatches.join("\n"));
  for (const { i, entry } of wanted) {
    const spec = request.slices[i]!;
    if (spec === "") {
      call.setOutput(i, await reader.read(entry, call.device.allocator));
      continue;
    }
    const { shape, slice } = parseShapeAndSlice(spec);
    if (!sameShape(shape, entry.shape)) {
      throw new InvalidArgumentError(
        `tensor_name = ${readable(entry.key)}; shape in shape_and_slice spec ${shapeString(shape)} does not match the ` +
          `shape stored in checkpoint: ${shapeString(entry.shape)}`,
      );
    }
    call.setOutput(i, await reader.readSlice(entry, slice, call.device.allocator));
  }
}

const restore = kernel("RestoreV2", "CPU", {}, (node) => {
  const dtypes = node.types("dtypes");
  return (step) => {
    const names = step.input(1).size;
    if (names !== dtypes.length) {
      throw new InvalidArgumentError(`Got ${names} tensor names, but ${dtypes.length} expected dtypes.`);
    }
    const request = readRequest(step);
    const files = filesOf(step);
    return pending(step, async (call, check) => {
      if (!(await files.isFile(metaName(request.prefix)))) {
        throw new NotFoundError(
          `Unsuccessful TensorSliceReader constructor: Failed to find any matching files for ${request.prefix}`,
        );
      }
      const reader = await BundleReader.open(files, request.prefix, check);
      try {
        await restoreAll(call, reader, request, dtypes);
      } finally {
        await reader.close();
      }
    });
  };
});

const merge = kernel("MergeV2Checkpoints", "CPU", {}, (node) => {
  const deleteOldFolders = node.bool("delete_old_dirs");
  const allowMissing = node.bool("allow_missing_files");
  return (step) => {
    const [prefixes, destination] = [step.input(0), step.input(1)];
    if (prefixes.shape.length !== 1) {
      throw new InvalidArgumentError(
        `Input checkpoint_prefixes should be an 1-D tensor, got ${shapeString(prefixes.shape)} instead.`,
      );
    }
    if (destination.shape.length !== 0) {
      throw new InvalidArgumentError(
        `Input destination_prefix should be a scalar tensor, got ${shapeString(destination.shape)} instead.`,
      );
    }
    const files = filesOf(step);
    const from = textsOf(prefixes).map((text) => decoder.decode(text));
    const to = decoder.decode(textsOf(destination)[0]);
    return pending(step, async (_, check) => {
      await mergeBundles(files, from, to, allowMissing, check);
      if (!deleteOldFolders) return;
      const folders = new Set(from.map(folderOf));
      folders.delete(folderOf(to));
      // A folder that others still write into stays.
      for (const folder of folders) await files.removeFolder(folder).catch(() => {});
    });
  };
});

export const checkpointKernels: readonly Kernel[] = [save, restore, merge];
