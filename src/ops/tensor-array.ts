// TensorArrays (V3) and stacks: what v1 loops and their gradients keep values in. They live with their step.
import { InvalidArgumentError, NotFoundError } from "../errors/index.js";
import { DONE, type Kernel, type KernelNode, type KernelStep, kernel } from "../kernel/kernel.js";
import { type Resource, ResourceHandle } from "../kernel/resource.js";
import { DataType, dtypeName, dtypeSize } from "../tensor/dtype.js";
import { partialShapeString, type Shape, sameShape, shapeString } from "../tensor/shape.js";
import { Tensor } from "../tensor/tensor.js";
import { wasmFunction } from "./cpu.js";
import { readInt, readInts, writeInts } from "./support/index-tensor.js";
import { concatenate, sliceRow, stack } from "./support/row-stack.js";
import { checkLength } from "./tensor-list.js";
import { typedHandleOf } from "./variables.js";

const ARRAY_TYPE = "N10tensorflow11TensorArrayE";
const STACK_TYPE = "N10tensorflow5StackE";

class TensorArray implements Resource {
  readonly typeName = ARRAY_TYPE;
  dead = false;
  readonly elements: (Tensor | null)[];
  readonly written: boolean[];
  /** Set for the array of another one's gradients: writes add up. */
  aggregates = false;
  /** For gradients: the forward array tells the shape of what was never written. */
  readonly shapes: (Shape | null)[] = [];

  constructor(
    readonly name: string,
    readonly dtype: DataType,
    size: number,
    readonly dynamic: boolean,
    readonly clearAfterRead: boolean,
    readonly elementShape: Shape | null,
  ) {
    this.elements = new Array<Tensor | null>(size).fill(null);
    this.written = new Array<boolean>(size).fill(false);
  }

  refusal(text: string): InvalidArgumentError {
    return new InvalidArgumentError(`TensorArray ${this.name}: ${text}`);
  }

  dispose(): void {
    for (const element of this.elements) element?.release();
    this.elements.length = 0;
  }
}

function arrayOf(step: KernelStep, index: number): TensorArray {
  const handle = typedHandleOf(step, index, ARRAY_TYPE);
  const found = handle.cached ?? step.stepResources.find(handle.name);
  if (found === undefined || !(found instanceof TensorArray))
    throw new NotFoundError(`Resource ${handle.container}/${handle.name}/${ARRAY_TYPE} does not exist.`);
  return found;
}

function emitHandle(step: KernelStep, name: string, typeName: string, resource: Resource): void {
  const handle = new ResourceHandle(step.device.name, "_tensor_arrays", name, typeName, 0n);
  handle.cached = resource;
  step.setOutput(0, Tensor.ofValues(DataType.RESOURCE, [], [handle]));
}

const flow = (step: KernelStep, output: number): void => {
  const { ptr } = step.allocateOutput(output, []);
  step.heap.f32[ptr >>> 2] = 0;
};

const create = kernel("TensorArrayV3", "CPU", {}, (node) => {
  const base = node.string("tensor_array_name") || node.name;
  const dtype = node.type("dtype");
  const dynamic = node.bool("dynamic_size");
  const clear = node.bool("clear_after_read");
  const shape = node.shape("element_shape");
  return (step) => {
    const size = readInt(step.heap, step.input(0));
    if (size < 0) throw new InvalidArgumentError("Size should be >= 0.");
    checkLength(step, size);
    const name = `${base}_${step.stepResources.nextId()}`;
    const array = new TensorArray(name, dtype, size, dynamic, clear, shape);
    step.stepResources.create(name, array);
    emitHandle(step, name, ARRAY_TYPE, array);
    flow(step, 1);
    return DONE;
  };
});

const gradient = kernel("TensorArrayGradV3", "CPU", {}, (node) => {
  const source = node.string("source");
  return (step) => {
    const forward = arrayOf(step, 0);
    const name = `${forward.name}@${source}`;
    let array = step.stepResources.find(name) as TensorArray | undefined;
    if (array === undefined) {
      array = new TensorArray(name, forward.dtype, forward.elements.length, false, false, forward.elementShape);
      array.aggregates = true;
      array.shapes.push(...forward.elements.map((element, i) => element?.shape ?? forward.shapes[i] ?? null));
      step.stepResources.create(name, array);
    }
    emitHandle(step, name, ARRAY_TYPE, array);
    flow(step, 1);
    return DONE;
  };
});

function adder(node: KernelNode, dtype: DataType) {
  if (dtype !== DataType.FLOAT && dtype !== DataType.DOUBLE && dtype !== DataType.INT32 && dtype !== DataType.INT64)
    return null;
  return wasmFunction(node, "binary", dtype);
}

type Adder = ReturnType<typeof adder>;

/** Passes one hold on the value, which a refusal gives back. */
function write(step: KernelStep, array: TensorArray, index: number, value: Tensor, add: Adder): void {
  try {
    put(step, array, index, value, add);
  } catch (error) {
    value.release();
    throw error;
  }
  array.written[index] = true;
  array.shapes[index] = array.elements[index]!.shape;
}

function put(step: KernelStep, array: TensorArray, index: number, value: Tensor, add: Adder): void {
  if (value.dtype !== array.dtype) {
    throw new InvalidArgumentError(
      `TensorArray dtype is ${dtypeName(array.dtype)} but Op is trying to write dtype ${dtypeName(value.dtype)}.`,
    );
  }
  if (index < 0 || (index >= array.elements.length && !array.dynamic)) {
    throw array.refusal(
      `Tried to write to index ${index} but array is not resizeable and size is: ${array.elements.length}`,
    );
  }
  checkLength(step, index + 1);
  while (array.elements.length <= index) {
    array.elements.push(null);
    array.written.push(false);
  }
  const old = array.elements[index]!;
  if (old === null) {
    if (array.written[index] && !array.aggregates) {
      throw array.refusal(`Could not write to TensorArray index ${index} because it has already been read.`);
    }
    array.elements[index] = value;
  } else if (!array.aggregates) {
    throw array.refusal(`Could not write to TensorArray index ${index} because it has already been written to.`);
  } else {
    if (!sameShape(old.shape, value.shape) || add === null) {
      throw array.refusal(
        `Could not aggregate to TensorArray index ${index} because the existing shape is ${shapeString(old.shape)} but the new input shape is ${shapeString(value.shape)}.`,
      );
    }
    const sum = step.allocate(old.dtype, old.shape);
    if (sum.size > 0) add(0, old.ptr, value.ptr, sum.ptr, 1, sum.size, 0, 0, 1, 1);
    old.release();
    value.release();
    array.elements[index] = sum;
  }
}

const writeOp = kernel("TensorArrayWriteV3", "CPU", {}, (node) => {
  const add = adder(node, node.type("T"));
  return (step) => {
    write(step, arrayOf(step, 0), readInt(step.heap, step.input(1)), step.input(2).retain(), add);
    flow(step, 0);
    return DONE;
  };
});

/** The array that an op reads: of the dtype that it says. */
function readableArray(step: KernelStep, dtype: DataType): TensorArray {
  const array = arrayOf(step, 0);
  if (array.dtype === dtype) return array;
  throw new InvalidArgumentError(
    `TensorArray dtype is ${dtypeName(array.dtype)} but Op requested dtype ${dtypeName(dtype)}.`,
  );
}

/** Held once. */
function read(step: KernelStep, array: TensorArray, index: number): Tensor {
  if (index < 0 || index >= array.elements.length) {
    throw new InvalidArgumentError(`Tried to read from index ${index} but array size is: ${array.elements.length}`);
  }
  const element = array.elements[index]!;
  if (element === null) {
    if (array.written[index] && array.clearAfterRead) {
      throw array.refusal(
        `Could not read index ${index} twice because it was cleared after a previous read (perhaps try setting clear_after_read = false?).`,
      );
    }
    const shape = array.shapes[index] ?? (array.elementShape?.every((dim) => dim >= 0) ? array.elementShape : null);
    if (shape === null || dtypeSize(array.dtype) === 0) {
      throw array.refusal(
        `Could not read from TensorArray index ${index}.  Furthermore, the element shape is not fully defined: ${partialShapeString(array.elementShape)}.  It is possible you are working with a resizeable TensorArray and stop_gradients is not allowing the gradients to be written.  If you set the full element_shape property on the forward TensorArray, the proper all-zeros tensor will be returned instead of incurring this error.`,
      );
    }
    const zero = step.allocate(array.dtype, shape);
    step.heap.u8.fill(0, zero.ptr, zero.ptr + zero.bytes);
    return zero;
  }
  if (!array.clearAfterRead) return element.retain();
  array.elements[index] = null;
  return element;
}

const readOp = kernel("TensorArrayReadV3", "CPU", {}, (node) => {
  const dtype = node.type("dtype");
  return (step) => {
    step.setOutput(0, read(step, readableArray(step, dtype), readInt(step.heap, step.input(1))));
    return DONE;
  };
});

const size = kernel("TensorArraySizeV3", "CPU", {}, () => (step) => {
  const { elements } = arrayOf(step, 0);
  writeInts(step.heap, step.allocateOutput(0, []), [elements.length]);
  return DONE;
});

const close = kernel("TensorArrayCloseV3", "CPU", {}, () => (step) => {
  arrayOf(step, 0).dispose();
  return DONE;
});

const gather = kernel("TensorArrayGatherV3", "CPU", {}, (node) => {
  const dtype = node.type("dtype");
  const shape = node.shape("element_shape");
  return (step) => {
    const array = readableArray(step, dtype);
    const parts: Tensor[] = [];
    try {
      for (const index of readInts(step.heap, step.input(1))) parts.push(read(step, array, index));
      const fallback = (shape ?? array.elementShape ?? []).map((dim) => Math.max(dim, 0));
      step.setOutput(0, stack(step, dtype, parts, fallback));
    } finally {
      for (const part of parts) part.release();
    }
    return DONE;
  };
});

const scatter = kernel("TensorArrayScatterV3", "CPU", {}, (node) => {
  const add = adder(node, node.type("T"));
  return (step) => {
    const array = arrayOf(step, 0);
    const value = step.input(2);
    const indices = readInts(step.heap, step.input(1));
    if (value.shape.length === 0 || value.shape[0] !== indices.length) {
      throw new InvalidArgumentError(
        `Expected len(indices) == values.shape[0], but saw: ${indices.length} vs. ${value.shape[0] ?? 0}`,
      );
    }
    const last = indices.reduce((most, index) => Math.max(most, index), -1);
    if (last >= array.elements.length && !array.dynamic)
      throw new InvalidArgumentError(`Max scatter index must be < array size (${last} vs. ${array.elements.length})`);
    indices.forEach((index, row) => {
      write(step, array, index, sliceRow(step, value, row), add);
    });
    flow(step, 0);
    return DONE;
  };
});

/** An element that can follow the first one; lets go of it otherwise. */
function concatPart(index: number, part: Tensor, first: Tensor = part): Tensor {
  const [rest, expected] = [part.shape.slice(1), first.shape.slice(1)];
  if (part.shape.length > 0 && sameShape(rest, expected)) return part;
  part.release();
  throw new InvalidArgumentError(
    part.shape.length === 0
      ? `Concat saw a scalar shape at index ${index} but requires at least vectors.  Did you mean to call pack?`
      : `TensorArray has inconsistent shapes.  Index 0 has (excepting dimension 0) shape: ${shapeString(expected)} ` +
          `but index ${index} has (excepting dimension 0) shape: ${shapeString(rest)}`,
  );
}

const concat = kernel("TensorArrayConcatV3", "CPU", {}, (node) => {
  const dtype = node.type("dtype");
  const shape = node.shape("element_shape_except0");
  return (step) => {
    const array = readableArray(step, dtype);
    const parts: Tensor[] = [];
    try {
      for (let i = 0; i < array.elements.length; i++) parts.push(concatPart(i, read(step, array, i), parts[0]));
      const rest = parts[0]?.shape.slice(1) ?? (shape ?? []).map((dim) => Math.max(dim, 0));
      step.setOutput(0, concatenate(step, dtype, parts, rest));
    } finally {
      for (const part of parts) part.release();
    }
    const lengths = parts.map((part) => part.shape[0]!);
    const out = step.allocateOutput(1, [lengths.length]);
    writeInts(step.heap, out, lengths);
    return DONE;
  };
});

const split = kernel("TensorArraySplitV3", "CPU", {}, (node) => {
  const add = adder(node, node.type("T"));
  return (step) => {
    const array = arrayOf(step, 0);
    const value = step.input(1);
    const lengths = readInts(step.heap, step.input(2));
    if (step.input(2).shape.length !== 1)
      throw array.refusal(`Expected lengths to be a vector, received shape: ${shapeString(step.input(2).shape)}`);
    if (value.shape.length === 0) throw array.refusal(`Expected value to be at least a vector, but received shape: []`);
    const sum = lengths.reduce((a, b) => a + b, 0);
    if (sum !== value.shape[0] || lengths.some((length) => length < 0))
      throw new InvalidArgumentError(
        `Expected sum of lengths to be equal to values.shape[0], but sum of lengths is ${sum} and value's shape is: ${shapeString(value.shape)}`,
      );
    if (!array.dynamic && array.elements.length !== lengths.length)
      throw new InvalidArgumentError(
        `TensorArray's size is not equal to the size of lengths (${array.elements.length} vs. ${lengths.length}), and the TensorArray is not marked as dynamically resizeable`,
      );
    let row = 0;
    lengths.forEach((length, i) => {
      write(step, array, i, sliceRow(step, value, row, length), add);
      row += length;
    });
    flow(step, 0);
    return DONE;
  };
});

class Stack implements Resource {
  readonly typeName = STACK_TYPE;
  dead = false;
  readonly elements: Tensor[] = [];

  constructor(
    readonly name: string,
    readonly maxSize: number,
  ) {}

  dispose(): void {
    for (const element of this.elements) element.release();
    this.elements.length = 0;
  }
}

const stackCreate = kernel("StackV2", "CPU", {}, (node) => {
  const base = node.string("stack_name") || node.name;
  return (step) => {
    const name = `${base}_${step.stepResources.nextId()}`;
    const made = new Stack(name, readInt(step.heap, step.input(0)));
    step.stepResources.create(name, made);
    emitHandle(step, name, STACK_TYPE, made);
    return DONE;
  };
});

const stackOf = (step: KernelStep): Stack => typedHandleOf(step, 0, STACK_TYPE).cached as Stack;

const stackPush = kernel("StackPushV2", "CPU", {}, () => (step) => {
  const { name, elements, maxSize } = stackOf(step);
  if (maxSize >= 0 && elements.length >= maxSize)
    throw new InvalidArgumentError(`Stack[${name}] overflowed its max_size (${maxSize})`);
  elements.push(step.input(1).retain());
  step.forwardInput(1, 0);
  return DONE;
});

const stackPop = kernel("StackPopV2", "CPU", {}, () => (step) => {
  const { name, elements } = stackOf(step);
  const element = elements.pop();
  if (element === undefined) throw new InvalidArgumentError(`Stack[${name}] is empty when calling Pop().`);
  step.setOutput(0, element);
  return DONE;
});

const stackClose = kernel("StackCloseV2", "CPU", {}, () => (step) => {
  stackOf(step).dispose();
  return DONE;
});

export const tensorArrayKernels: readonly Kernel[] = [
  create,
  gradient,
  writeOp,
  readOp,
  size,
  close,
  gather,
  scatter,
  concat,
  split,
  stackCreate,
  stackPush,
  stackPop,
  stackClose,
];
