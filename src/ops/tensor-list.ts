// TensorList variants: immutable lists of tensors that share their elements. An op that is the only holder of its
// input list writes into it, so that a push in a loop costs one element.
import { InvalidArgumentError, ResourceExhaustedError } from "../errors/index.js";
import { DONE, type Kernel, type KernelStep, kernel } from "../kernel/kernel.js";
import { DataType, dtypeName, dtypeSize } from "../tensor/dtype.js";
import { fitsPartialShape, partialShapeString, type Shape, sameShape, shapeString } from "../tensor/shape.js";
import { type Counted, MAX_VALUES, Tensor } from "../tensor/tensor.js";
import { readInt, readInts, writeInts } from "./support/index-tensor.js";
import { sliceRow, stack } from "./support/row-stack.js";
import { allocateValues } from "./support/rows.js";

export class TensorList implements Counted {
  refs = 1;

  constructor(
    readonly dtype: DataType,
    /** Dimensions that are known, −1 where not; `null` for an unknown rank. */
    readonly elementShape: Shape | null,
    /** Held once each; `null` where nothing was written yet. */
    readonly elements: (Tensor | null)[],
    readonly maxElements = -1,
  ) {}

  retain(): void {
    this.refs++;
  }

  release(): void {
    if (--this.refs === 0) for (const element of this.elements) element?.release();
  }
}

export function listOf(step: KernelStep, index: number): TensorList {
  const value = step.input(index).values?.[0];
  if (!(value instanceof TensorList))
    throw new InvalidArgumentError(`Input handle is not a list. Saw: '${step.nodeName}'`);
  return value;
}

/** The input list for writing: itself if nobody else holds it, else a copy that shares the elements. Held once. */
export function writableList(step: KernelStep, index: number): TensorList {
  const tensor = step.input(index);
  const list = listOf(step, index);
  if (tensor.refs === 1 && list.refs === 1) {
    list.retain();
    return list;
  }
  for (const element of list.elements) element?.retain();
  return new TensorList(list.dtype, list.elementShape, [...list.elements], list.maxElements);
}

export const emitList = (step: KernelStep, index: number, list: TensorList): void =>
  step.setOutput(index, Tensor.ofValues(DataType.VARIANT, [], [list]));

/** An element shape as ops pass it: a vector, or the scalar −1 for an unknown rank. */
export function shapeInput(step: KernelStep, index: number): Shape | null {
  const tensor = step.input(index);
  const dims = readInts(step.heap, tensor);
  if (tensor.shape.length > 0) return dims;
  if (dims[0] !== -1)
    throw new InvalidArgumentError("The only valid scalar shape tensor is the fully unknown shape specified as -1.");
  return null;
}

/** The words of `TensorListSetItem` and of all that append. */
const APPEND = "Tried to append a tensor with incompatible shape to a list. Op element shape:";
const SET = "Tried to set a tensor with incompatible shape at a list index. Item element shape:";

function checkElement(list: TensorList, tensor: Tensor, refusal = APPEND): void {
  if (tensor.dtype !== list.dtype) {
    throw new InvalidArgumentError(
      `Invalid data types; list elements ${dtypeName(list.dtype)} but tried to append ${dtypeName(tensor.dtype)}`,
    );
  }
  const { elementShape } = list;
  if (!fitsPartialShape(tensor.shape, elementShape)) {
    throw new InvalidArgumentError(
      `${refusal} ${shapeString(tensor.shape)} list shape: ${partialShapeString(elementShape)}`,
    );
  }
}

const empty = kernel("EmptyTensorList", "CPU", {}, (node) => {
  const dtype = node.type("element_dtype");
  return (step) => {
    emitList(step, 0, new TensorList(dtype, shapeInput(step, 0), [], readInt(step.heap, step.input(1))));
    return DONE;
  };
});

/** An empty element takes memory too: a small graph must not ask for an endless list. */
export function checkLength(step: KernelStep, elements: number): void {
  if (elements > MAX_VALUES)
    throw new ResourceExhaustedError(`OOM when allocating a list of ${elements} tensors on ${step.device.name}`);
}

const reserve = kernel("TensorListReserve", "CPU", {}, (node) => {
  const dtype = node.type("element_dtype");
  return (step) => {
    const count = readInt(step.heap, step.input(1));
    if (count < 0)
      throw new InvalidArgumentError(`The num_elements to reserve must be a non negative number, but got ${count}`);
    checkLength(step, count);
    emitList(step, 0, new TensorList(dtype, shapeInput(step, 0), new Array<null>(count).fill(null)));
    return DONE;
  };
});

const pushBack = kernel("TensorListPushBack", "CPU", {}, () => (step) => {
  const element = step.input(1);
  const given = listOf(step, 0);
  checkElement(given, element);
  if (given.maxElements !== -1 && given.elements.length >= given.maxElements) {
    throw new InvalidArgumentError(
      `Tried to push item into a full list list size: ${given.elements.length} max_num_elements: ${given.maxElements}`,
    );
  }
  const list = writableList(step, 0);
  list.elements.push(element.retain());
  emitList(step, 0, list);
  return DONE;
});

const popBack = kernel("TensorListPopBack", "CPU", {}, (node) => {
  const dtype = node.type("element_dtype");
  return (step) => {
    const given = listOf(step, 0);
    if (given.elements.length === 0) throw new InvalidArgumentError("Trying to pop from an empty list.");
    const last = given.elements[given.elements.length - 1] ?? unwritten(step, dtype, given, shapeInput(step, 1));
    if (given.elements[given.elements.length - 1] !== null) last.retain();
    const list = writableList(step, 0);
    list.elements.pop()?.release();
    emitList(step, 0, list);
    step.setOutput(1, last);
    return DONE;
  };
});

/** Elements that can't be rows of one tensor. */
export const unmergeable = (first: Shape, other: Shape): string =>
  first.length === other.length
    ? `PartialTensorShape: Incompatible shapes during merge: ${partialShapeString(first)} vs. ${partialShapeString(other)}`
    : `PartialTensorShape: Incompatible ranks during merge: ${first.length} vs. ${other.length}`;

export const isFull = (shape: Shape | null): shape is Shape => shape?.every((dim) => dim >= 0) === true;

/** What two shapes that don't say all say together. @throws InvalidArgumentError if they contradict */
export function mergeShapes(a: Shape | null, b: Shape | null): Shape | null {
  if (a === null || b === null) return a ?? b;
  if (a.length !== b.length || a.some((dim, i) => dim >= 0 && b[i]! >= 0 && dim !== b[i]))
    throw new InvalidArgumentError(unmergeable(a, b));
  return a.map((dim, i) => (dim >= 0 ? dim : b[i]!));
}

/** The shape of elements: what the op and the list declare and, where that isn't all, what these were written with. */
export function shapeOfElements(
  list: TensorList,
  declared: Shape | null,
  elements: readonly (Tensor | null)[] = list.elements,
): Shape | null {
  let shape = mergeShapes(declared, list.elementShape);
  if (isFull(shape)) return shape;
  for (const element of elements) if (element !== null) shape = mergeShapes(shape, element.shape);
  return shape;
}

/** What an element reads as before it was written. */
function unwritten(step: KernelStep, dtype: DataType, list: TensorList, declared: Shape | null): Tensor {
  const shape = shapeOfElements(list, declared);
  if (isFull(shape)) return zeros(step, dtype, shape);
  throw new InvalidArgumentError(
    `Trying to read an uninitialized tensor but element_shape is not fully defined: ${partialShapeString(shape)} and no list element is set.`,
  );
}

export function zeros(step: KernelStep, dtype: DataType, shape: Shape): Tensor {
  if (dtypeSize(dtype) === 0) return step.tensorOf(dtype, shape, allocateValues(step, shape, new Uint8Array(0)));
  const tensor = step.allocate(dtype, shape);
  step.heap.u8.fill(0, tensor.ptr, tensor.ptr + tensor.bytes);
  return tensor;
}

const setItem = kernel("TensorListSetItem", "CPU", {}, (node) => {
  const resizes = node.has("resize_if_index_out_of_bounds") && node.bool("resize_if_index_out_of_bounds");
  return (step) => {
    const given = listOf(step, 0);
    const index = readInt(step.heap, step.input(1));
    const element = step.input(2);
    checkElement(given, element, SET);
    if (index < 0 || (index >= given.elements.length && !resizes)) {
      throw new InvalidArgumentError(
        `Trying to modify element ${index} in a list with ${given.elements.length} elements.`,
      );
    }
    checkLength(step, index);
    const list = writableList(step, 0);
    while (list.elements.length <= index) list.elements.push(null);
    list.elements[index]?.release();
    list.elements[index] = element.retain();
    emitList(step, 0, list);
    return DONE;
  };
});

const getItem = kernel("TensorListGetItem", "CPU", {}, (node) => {
  const dtype = node.type("element_dtype");
  return (step) => {
    const list = listOf(step, 0);
    const index = readInt(step.heap, step.input(1));
    if (list.dtype !== dtype)
      throw new InvalidArgumentError(
        `Invalid data types; op elements ${dtypeName(dtype)} but list elements ${dtypeName(list.dtype)}`,
      );
    if (index < 0 || index >= list.elements.length) {
      throw new InvalidArgumentError(
        `Trying to access element ${index} in a list with ${list.elements.length} elements.`,
      );
    }
    step.setOutput(0, list.elements[index]?.retain() ?? unwritten(step, dtype, list, shapeInput(step, 2)));
    return DONE;
  };
});

const length = kernel("TensorListLength", "CPU", {}, () => (step) => {
  const { elements } = listOf(step, 0);
  writeInts(step.heap, step.allocateOutput(0, []), [elements.length]);
  return DONE;
});

const stackOp = kernel("TensorListStack", "CPU", {}, (node) => {
  const dtype = node.type("element_dtype");
  const count = node.int("num_elements");
  return (step) => {
    const list = listOf(step, 0);
    if (count !== -1 && list.elements.length !== count) {
      throw new InvalidArgumentError(
        `Operation expected a list with ${count} elements but got a list with ${list.elements.length} elements.`,
      );
    }
    const shape = shapeOfElements(list, shapeInput(step, 1));
    if (!isFull(shape))
      throw new InvalidArgumentError(
        list.elements.length === 0
          ? `Tried to stack elements of an empty list with non-fully-defined element_shape: ${partialShapeString(shape)}`
          : `Tried to stack list which only contains uninitialized tensors and has a non-fully-defined element_shape: ${partialShapeString(shape)}`,
      );
    const fresh: Tensor[] = [];
    try {
      const parts = list.elements.map((element) => {
        if (element !== null) return element;
        const zero = zeros(step, dtype, shape);
        fresh.push(zero);
        return zero;
      });
      step.setOutput(0, stack(step, dtype, parts, shape, { refusal: unmergeable }));
    } finally {
      for (const zero of fresh) zero.release();
    }
    return DONE;
  };
});

const fromTensor = kernel("TensorListFromTensor", "CPU", {}, (node) => {
  const dtype = node.type("element_dtype");
  return (step) => {
    const x = step.input(0);
    if (x.shape.length === 0) throw new InvalidArgumentError("Tensor must be at least a vector, but saw shape: []");
    checkLength(step, x.shape[0]!);
    const elements: Tensor[] = [];
    // Given away first: a row for which there is no memory must not keep those before it.
    emitList(step, 0, new TensorList(dtype, shapeInput(step, 1), elements));
    for (let row = 0; row < x.shape[0]!; row++) elements.push(sliceRow(step, x, row));
    return DONE;
  };
});

const resize = kernel("TensorListResize", "CPU", {}, () => (step) => {
  listOf(step, 0);
  const size = readInt(step.heap, step.input(1));
  if (size < 0) throw new InvalidArgumentError(`TensorListSlice expects size to be non-negative. Got: ${size}`);
  checkLength(step, size);
  const list = writableList(step, 0);
  for (const element of list.elements.splice(size)) element?.release();
  while (list.elements.length < size) list.elements.push(null);
  emitList(step, 0, list);
  return DONE;
});

/** Lists of equal tensors of lists, each with the other's elements behind its own. */
const concatLists = kernel("TensorListConcatLists", "CPU", {}, (node) => {
  const dtype = node.type("element_dtype");
  return (step) => {
    const [a, b] = [step.input(0), step.input(1)];
    if (!sameShape(a.shape, b.shape))
      throw new InvalidArgumentError(
        `Incompatible input TensorList tensor shapes: ${shapeString(a.shape)} vs. ${shapeString(b.shape)}`,
      );
    const joined: TensorList[] = [];
    for (let i = 0; i < a.size; i++) {
      const [left, right] = [a.values![i], b.values![i]];
      if (!(left instanceof TensorList)) throw new InvalidArgumentError(`input_a[${i}] is not a TensorList`);
      if (!(right instanceof TensorList)) throw new InvalidArgumentError(`input_b[${i}] is not a TensorList`);
      for (const list of [left, right])
        if (list.dtype !== dtype)
          throw new InvalidArgumentError(
            `input_${list === left ? "a" : "b"}[${i}].dtype != element_dtype.  Saw: ${dtypeName(list.dtype)} vs. ${dtypeName(dtype)}`,
          );
      joined.push(new TensorList(dtype, left.elementShape, [...left.elements, ...right.elements], left.maxElements));
    }
    for (const list of joined) for (const element of list.elements) element?.retain();
    step.setOutput(0, Tensor.ofValues(DataType.VARIANT, a.shape, joined));
    return DONE;
  };
});

const elementShape = kernel("TensorListElementShape", "CPU", {}, () => (step) => {
  const { elementShape: shape } = listOf(step, 0);
  if (shape === null) writeInts(step.heap, step.allocateOutput(0, []), [-1]);
  else writeInts(step.heap, step.allocateOutput(0, [shape.length]), shape);
  return DONE;
});

export const tensorListKernels: readonly Kernel[] = [
  empty,
  reserve,
  pushBack,
  popBack,
  setItem,
  getItem,
  length,
  stackOp,
  fromTensor,
  elementShape,
  resize,
  concatLists,
];
