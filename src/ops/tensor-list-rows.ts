// Rows of tensors into TensorLists and back: gather, scatter, concat, split. Elements that nobody wrote read as zeros.
import { InvalidArgumentError } from "../errors/index.js";
import { DONE, type Kernel, type KernelNode, type KernelStep, kernel } from "../kernel/kernel.js";
import { type DataType, dtypeName } from "../tensor/dtype.js";
import { fitsPartialShape, partialShapeString, type Shape, sameShape, shapeString } from "../tensor/shape.js";
import { Tensor } from "../tensor/tensor.js";
import { readInt, readInts, writeInts } from "./support/index-tensor.js";
import { concatenate, sliceRow, stack } from "./support/row-stack.js";
import {
  checkLength,
  emitList,
  isFull,
  listOf,
  mergeShapes,
  shapeInput,
  shapeOfElements,
  TensorList,
  unmergeable,
  writableList,
  zeros,
} from "./tensor-list.js";

function checkDtype(list: TensorList, dtype: DataType): void {
  if (list.dtype !== dtype)
    throw new InvalidArgumentError(
      `Invalid data types; op elements ${dtypeName(dtype)} but list elements ${dtypeName(list.dtype)}`,
    );
}

/** Runs `use` on elements in this order, zeros for those that are missing, held only meanwhile. */
function withElements(
  elements: readonly (Tensor | null)[],
  blank: (index: number) => Tensor,
  use: (parts: readonly Tensor[]) => void,
): void {
  const parts: Tensor[] = [];
  try {
    elements.forEach((element, i) => {
      parts.push(element?.retain() ?? blank(i));
    });
    use(parts);
  } finally {
    for (const part of parts) part.release();
  }
}

const gather = kernel("TensorListGather", "CPU", {}, (node) => {
  const dtype = node.type("element_dtype");
  return (step) => {
    const list = listOf(step, 0);
    checkDtype(list, dtype);
    const indices = readInts(step.heap, step.input(1));
    const declared = mergeShapes(shapeInput(step, 2), list.elementShape);
    const { elements } = list;
    const beyond = isFull(list.elementShape)
      ? undefined
      : indices.find((index) => index < 0 || index >= elements.length);
    if (beyond !== undefined)
      throw new InvalidArgumentError(`Trying to gather element ${beyond} in a list with ${elements.length} elements.`);
    const shape = shapeOfElements(
      list,
      declared,
      indices.map((index) => elements[index] ?? null),
    );
    if (indices.length === 0 && !isFull(shape))
      throw new InvalidArgumentError(
        `Tried to gather 0-elements from a list with non-fully-defined shape: ${partialShapeString(shape)}`,
      );
    const chosen = indices.map((index) => {
      if (index < 0 || index >= elements.length)
        throw new InvalidArgumentError(`Index ${index} out o range; list only has ${elements.length} elements.`);
      if (elements[index] === null && !isFull(shape))
        throw new InvalidArgumentError(
          `Tried to gather uninitialized tensors from a list with non-fully-defined element_shape: ${partialShapeString(shape)}`,
        );
      if (elements[index] !== null) mergeShapes(shape, elements[index]!.shape);
      return elements[index]!;
    });
    const whole = isFull(shape) ? shape : [];
    withElements(
      chosen,
      () => zeros(step, dtype, whole),
      (parts) => step.setOutput(0, stack(step, dtype, parts, whole, { refusal: unmergeable })),
    );
    return DONE;
  };
});

function checkRows(tensor: Tensor, indices: Tensor, shape: Shape | null): void {
  if (tensor.shape.length === 0)
    throw new InvalidArgumentError(`Tensor must be at least a vector, but saw shape: ${shapeString(tensor.shape)}`);
  if (tensor.shape[0] !== indices.size)
    throw new InvalidArgumentError(
      `Invalid number of rows in input tensor. Expected: ${indices.size} Actual: ${tensor.shape[0]}`,
    );
  if (!fitsPartialShape(tensor.shape.slice(1), shape))
    throw new InvalidArgumentError(
      `Specified a list with shape ${partialShapeString(shape)} from a tensor with shape ${shapeString(tensor.shape.slice(1))}`,
    );
}

/** Gives out a list once it is filled; one that can't be is let go. */
function emitFilled(step: KernelStep, list: TensorList, fill: () => void): void {
  try {
    fill();
  } catch (error) {
    list.release();
    throw error;
  }
  emitList(step, 0, list);
}

function put(step: KernelStep, list: TensorList, tensor: Tensor, indices: readonly number[]): void {
  indices.forEach((index, row) => {
    const element = sliceRow(step, tensor, row);
    list.elements[index]?.release();
    list.elements[index] = element;
  });
}

const highest = (indices: readonly number[]): number => indices.reduce((a, b) => Math.max(a, b), -1);

function checkIndices(step: KernelStep, indices: readonly number[]): void {
  if (indices.some((index) => index < 0))
    throw new InvalidArgumentError("Indices in TensorListScatter must all be non-negative.");
  checkLength(step, highest(indices));
}

const scatter = (op: string, sized: boolean): Kernel =>
  kernel(op, "CPU", {}, (node) => {
    const dtype = node.type("element_dtype");
    return (step) => {
      const [tensor, given] = [step.input(0), step.input(1)];
      const shape = shapeInput(step, 2);
      const asked = sized ? readInt(step.heap, step.input(3)) : -1;
      if (asked < -1) throw new InvalidArgumentError(`TensorListScatter expects num_elements >= -1, found: ${asked}`);
      checkRows(tensor, given, shape);
      const indices = readInts(step.heap, given);
      checkIndices(step, indices);
      const last = highest(indices);
      if (asked >= 0 && last >= asked)
        throw new InvalidArgumentError(
          `TensorListScatter: Trying to scatter at index ${last} in list with size ${asked}`,
        );
      checkLength(step, asked);
      const list = new TensorList(dtype, shape, new Array<null>(asked >= 0 ? asked : last + 1).fill(null));
      emitFilled(step, list, () => put(step, list, tensor, indices));
      return DONE;
    };
  });

const scatterInto = kernel("TensorListScatterIntoExistingList", "CPU", {}, () => (step) => {
  const found = listOf(step, 0);
  const [tensor, given] = [step.input(1), step.input(2)];
  checkRows(tensor, given, found.elementShape);
  const indices = readInts(step.heap, given);
  checkIndices(step, indices);
  const list = writableList(step, 0);
  emitFilled(step, list, () => {
    while (list.elements.length <= highest(indices)) list.elements.push(null);
    put(step, list, tensor, indices);
  });
  return DONE;
});

/** What elements have in common behind their first dimension: of all that is declared and all that were written. */
function restOf(list: TensorList, declared: Shape | null): Shape {
  if (declared?.length === 0)
    throw new InvalidArgumentError("Concat requires elements to be at least vectors, found scalars instead.");
  let rest: Shape | null = declared?.slice(1) ?? null;
  if (list.elements.length === 0 && !isFull(rest))
    throw new InvalidArgumentError(
      `All except the first dimension must be fully defined when concating an empty tensor list. element_shape: ${partialShapeString(rest)}`,
    );
  list.elements.forEach((element, i) => {
    if (element === null) return;
    if (element.shape.length === 0)
      throw new InvalidArgumentError(`Concat saw a scalar shape at index ${i} but requires at least vectors.`);
    rest = mergeShapes(rest, element.shape.slice(1));
  });
  if (isFull(rest)) return rest;
  throw new InvalidArgumentError(
    `Trying to concat list with only uninitialized tensors but element_shape_except_first_dim is not fully defined: ${partialShapeString(rest)}`,
  );
}

/** Elements that weren't written have the first dimension that the op's input, a declared shape or all others have. */
function concatElements(
  step: KernelStep,
  list: TensorList,
  dtype: DataType,
  given: Shape | null,
  leading: readonly number[] | null,
): void {
  const declared = mergeShapes(given, list.elementShape);
  const rest = restOf(list, declared);
  const first = declared?.[0] ?? -1;
  const written = list.elements.flatMap((element) => element?.shape[0] ?? []);
  const common = written.every((rows) => rows === written[0]) ? (written[0] ?? -1) : -1;
  const blank = (index: number): Tensor => {
    const rows = leading?.[index] ?? (first >= 0 ? first : common);
    if (rows < 0)
      throw new InvalidArgumentError(
        leading === null
          ? "Concating lists with uninitialized tensors is not supported in this version of TensorListConcat. " +
              "Consider updating your GraphDef to run the newer version."
          : `List contains uninitialized tensor at index ${index} but leading_dims has only ${leading.length} elements.`,
      );
    return zeros(step, dtype, [rows, ...rest]);
  };
  withElements(list.elements, blank, (parts) => {
    step.setOutput(0, concatenate(step, dtype, parts, rest));
    const lengths = step.allocateOutput(1, [parts.length]);
    writeInts(
      step.heap,
      lengths,
      parts.map((part) => part.shape[0]!),
    );
  });
}

const concat = (
  op: string,
  shapeOf: (node: KernelNode) => (step: KernelStep) => Shape | null,
  leads: boolean,
): Kernel =>
  kernel(op, "CPU", {}, (node) => {
    const dtype = node.type("element_dtype");
    const declared = shapeOf(node);
    return (step) => {
      const list = listOf(step, 0);
      checkDtype(list, dtype);
      concatElements(step, list, dtype, declared(step), leads ? readInts(step.heap, step.input(2)) : null);
      return DONE;
    };
  });

const split = kernel("TensorListSplit", "CPU", {}, (node) => {
  const dtype = node.type("element_dtype");
  return (step) => {
    const [tensor, given] = [step.input(0), step.input(2)];
    const shape = shapeInput(step, 1);
    if (given.shape.length !== 1)
      throw new InvalidArgumentError(`Expected lengths to be a vector, received shape: ${shapeString(given.shape)}`);
    if (tensor.shape.length === 0)
      throw new InvalidArgumentError(`Tensor must be at least a vector, but saw shape: ${shapeString(tensor.shape)}`);
    const lengths = readInts(step.heap, given);
    if (shape !== null && !fitsPartialShape(tensor.shape.slice(1), shape.slice(1)))
      throw new InvalidArgumentError(
        `tensor shape ${shapeString(tensor.shape)} is not compatible with element_shape ${partialShapeString(shape)}`,
      );
    let row = 0;
    for (const length of lengths) {
      if (length < 0) throw new InvalidArgumentError(`Invalid value in lengths: ${length}`);
      row += length;
      if (row > tensor.shape[0]!)
        throw new InvalidArgumentError(
          `Attempting to slice [${row - length}, ${row}] from tensor with length ${tensor.shape[0]}`,
        );
    }
    if (row < tensor.shape[0]!)
      throw new InvalidArgumentError(
        `Unused values in tensor. Length of tensor: ${tensor.shape[0]} Values used: ${row}`,
      );
    row = 0;
    checkLength(step, lengths.length);
    const list = new TensorList(dtype, shape, []);
    emitFilled(step, list, () => {
      for (const length of lengths) {
        list.elements.push(sliceRow(step, tensor, row, length));
        row += length;
      }
    });
    return DONE;
  };
});

/** One element to each of a tensor of lists. */
const pushBatch = kernel("TensorListPushBackBatch", "CPU", {}, (node) => {
  const dtype = node.type("element_dtype");
  return (step) => {
    const [handles, rows] = [step.input(0), step.input(1)];
    if (
      handles.shape.length > rows.shape.length ||
      !sameShape(handles.shape, rows.shape.slice(0, handles.shape.length))
    )
      throw new InvalidArgumentError(
        `tensor must be at least the rank of input_handles, and its first dimensions must match: ${shapeString(rows.shape)} vs. ${shapeString(handles.shape)}`,
      );
    const flat = rows.share([handles.size, ...rows.shape.slice(handles.shape.length)]);
    const made: TensorList[] = [];
    try {
      (handles.values ?? []).forEach((value, i) => {
        if (!(value instanceof TensorList)) throw new InvalidArgumentError(`input_handles[${i}] is not a TensorList`);
        checkDtype(value, dtype);
        const element = sliceRow(step, flat, i);
        for (const held of value.elements) held?.retain();
        made.push(new TensorList(dtype, value.elementShape, [...value.elements, element], value.maxElements));
      });
    } catch (error) {
      for (const list of made) list.release();
      throw error;
    } finally {
      flat.release();
    }
    step.setOutput(0, Tensor.ofValues(handles.dtype, handles.shape, made));
    return DONE;
  };
});

export const tensorListRowKernels: readonly Kernel[] = [
  gather,
  scatter("TensorListScatter", false),
  scatter("TensorListScatterV2", true),
  scatterInto,
  concat(
    "TensorListConcat",
    (node) => {
      const shape = node.shape("element_shape");
      return () => shape;
    },
    false,
  ),
  concat("TensorListConcatV2", () => (step) => shapeInput(step, 1), true),
  split,
  pushBatch,
];
