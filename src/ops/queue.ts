// Queue ops, on resource handles and (V1) on string references: both find the same queues.
import { InvalidArgumentError } from "../errors/index.js";
import {
  type Activation,
  DONE,
  type Kernel,
  type KernelNode,
  type KernelStep,
  kernel,
  PENDING,
} from "../kernel/kernel.js";
import { ResourceHandle } from "../kernel/resource.js";
import { Queue, type QueueOptions, type Tuple } from "../resources/queue.js";
import { DataType, dtypeName, dtypeSize } from "../tensor/dtype.js";
import {
  fitsPartialShape,
  numElements,
  partialShapeString,
  type Shape,
  sameShape,
  shapeString,
} from "../tensor/shape.js";
import { retainValue, Tensor, type Value } from "../tensor/tensor.js";
import { readInt, writeInts } from "./support/index-tensor.js";
import { handleOf } from "./variables.js";

const QUEUE_TYPE = "N10tensorflow14QueueInterfaceE";

const queueOp = (kind: QueueOptions["kind"]): Kernel =>
  kernel(`${kind}V2`, "CPU", {}, (node) => {
    const shared = node.string("shared_name");
    const settings = {
      kind,
      types: node.types("component_types"),
      shapes: node.shapes("shapes"),
      capacity: node.int("capacity") < 0 ? Number.POSITIVE_INFINITY : node.int("capacity"),
      minAfterDequeue: node.has("min_after_dequeue") ? node.int("min_after_dequeue") : 0,
      pick: kind === "RandomShuffleQueue" ? (size: number) => Math.floor(Math.random() * size) : () => 0,
    };
    const container = node.string("container");
    // Without a shared name the queue is this node's own, whatever other sessions call theirs.
    let options: QueueOptions | null = null;
    // A queue that was found once needs no second look at every step.
    let known: Queue | null = null;
    return (step) => {
      options ??= { ...settings, name: shared || step.resources.privateName(node.name) };
      const made = options;
      const queue = step.resources.findOrCreate(container, made.name, QUEUE_TYPE, () => new Queue(made));
      if (queue !== known) checkShared(queue.options, made);
      known = queue;
      const home = container || step.resources.defaultContainer;
      const handle = new ResourceHandle(step.device.name, home, made.name, QUEUE_TYPE, 0n);
      handle.cached = queue;
      step.setOutput(0, Tensor.ofValues(DataType.RESOURCE, [], [handle]));
      return DONE;
    };
  });

/** Whoever names a queue that exists must mean the same queue. */
function checkShared(found: QueueOptions, wanted: QueueOptions): void {
  const refuse = (what: string, has: string | number, requested: string | number, verb: string) => {
    if (has === requested) return;
    throw new InvalidArgumentError(
      `Shared queue '${found.name}' has ${what} ${has} but requested ${what} ${verb} ${requested}`,
    );
  };
  const capacity = (options: QueueOptions) => (Number.isFinite(options.capacity) ? options.capacity : 2 ** 31 - 1);
  const types = (options: QueueOptions) => options.types.map(dtypeName).join(", ");
  const shapes = (options: QueueOptions) => `[${options.shapes.map(partialShapeString).join(", ")}]`;
  refuse("capacity", capacity(found), capacity(wanted), "was");
  refuse("component types", types(found), types(wanted), "were");
  refuse("component shapes", shapes(found), shapes(wanted), "were");
}

const queueOf = (step: KernelStep): Queue => step.resources.resolve(handleOf(step, 0)) as Queue;

/** Lets cancellation end a wait. */
function waiting(
  step: Activation,
  stop: ((error: Error) => void) | null,
  finished: { done: boolean; release?: () => void },
): void {
  if (stop === null || finished.done) return;
  const onCancel = (reason: Error) => stop(reason);
  finished.release = () => step.cancellation.remove(onCancel);
  step.cancellation.add(onCancel);
}

function checkShapes(queue: Queue, tensors: readonly Tensor[], batched: boolean): void {
  const { types, shapes } = queue.options;
  if (tensors.length !== types.length) {
    throw new InvalidArgumentError(
      `Wrong number of components in tuple. Expected ${types.length}, got ${tensors.length}`,
    );
  }
  const batch = tensors[0]?.shape[0] ?? 0;
  tensors.forEach((tensor, i) => {
    const own = tensor.shape;
    if (batched && own.length === 0) {
      throw new InvalidArgumentError(`Input tensor ${i} must have at least one dimension`);
    }
    const element = shapes[i] ?? null;
    if (batched && element === null && own[0] !== batch) {
      throw new InvalidArgumentError(
        `All input tensors must have the same size in the 0th dimension. Component ${i} has ${own[0]}, and should have ${batch}`,
      );
    }
    const expected = element !== null && batched ? [batch, ...element] : element;
    if (!fitsPartialShape(own, expected))
      throw new InvalidArgumentError(
        `Shape mismatch in tuple component ${i}. Expected ${partialShapeString(expected)}, got ${shapeString(own)}`,
      );
  });
}

const enqueue = (op: string, many: boolean): Kernel =>
  kernel(op, "CPU", {}, (node) => {
    const count = node.inputTypes.length - 1;
    return (step) => {
      const queue = queueOf(step);
      const inputs = Array.from({ length: count }, (_, i) => step.input(i + 1));
      checkShapes(queue, inputs, many);
      const tuples = many ? rows(step, inputs) : [inputs.map((_, i) => step.takeInput(i + 1))];
      const open = step.suspend();
      const finished: { done: boolean; release?: () => void } = { done: false };
      const stop = queue.enqueue(tuples, (error) => {
        finished.done = true;
        finished.release?.();
        if (error === null) open.done();
        else open.fail(error);
      });
      waiting(open, stop, finished);
      return PENDING;
    };
  });

/** Cuts batches into tuples along their first dimension. */
function rows(step: KernelStep, inputs: readonly Tensor[]): Tensor[][] {
  return Array.from({ length: inputs[0]!.shape[0]! }, (_, row) => inputs.map((input) => sliceRow(step, input, row)));
}

export function sliceRow(step: KernelStep, input: Tensor, row: number): Tensor {
  const shape = input.shape.slice(1);
  const size = numElements(shape);
  if (input.values !== null) {
    const values = input.values.slice(row * size, (row + 1) * size);
    for (const value of values) retainValue(value);
    return Tensor.ofValues(input.dtype, shape, values);
  }
  const tensor = step.allocate(input.dtype, shape);
  const bytes = size * dtypeSize(input.dtype);
  if (bytes > 0) step.heap.u8.copyWithin(tensor.ptr, input.ptr + row * bytes, input.ptr + (row + 1) * bytes);
  return tensor;
}

const dequeue = (op: string, many: boolean, upTo: boolean): Kernel =>
  kernel(op, "CPU", {}, () => (step) => {
    const queue = queueOf(step);
    const count = many ? readInt(step.heap, step.input(1)) : 1;
    if (count < 0) throw new InvalidArgumentError(`Dequeue${upTo ? "UpTo" : "Many"}Op requested ${count} < 0 elements`);
    const open = step.suspend();
    const finished: { done: boolean; release?: () => void } = { done: false };
    const stop = queue.dequeue(count, upTo, (error, tuples) => {
      finished.done = true;
      finished.release?.();
      if (error !== null) {
        open.fail(error);
        return;
      }
      try {
        if (many) emitBatch(open, queue, tuples);
        else
          tuples[0]!.forEach((tensor, i) => {
            open.setOutput(i, tensor);
          });
      } catch (failure) {
        open.fail(failure);
        return;
      }
      open.done();
    });
    waiting(open, stop, finished);
    return PENDING;
  });

/** Stacks tuples component by component; a padding queue's elements grow to the largest. */
function emitBatch(step: KernelStep, queue: Queue, tuples: readonly Tuple[]): void {
  queue.options.types.forEach((dtype, c) => {
    const parts = tuples.map((tuple) => tuple[c]!);
    const fallback = (queue.options.shapes[c] ?? []).map((dim) => Math.max(dim, 0));
    step.setOutput(c, stack(step, dtype, parts, fallback, { pads: queue.options.kind === "PaddingFIFOQueue" }));
    for (const part of parts) part.release();
  });
}

const differingShapes = (first: Shape, other: Shape): string =>
  `All elements must have the same shape: ${shapeString(first)} vs. ${shapeString(other)}`;

/** Tensors of one shape as rows of a new first dimension; `refusal` words what is said of two that differ. */
export function stack(
  step: KernelStep,
  dtype: DataType,
  parts: readonly Tensor[],
  emptyShape: Shape,
  { pads = false, refusal = differingShapes } = {},
): Tensor {
  const own = parts[0]?.shape ?? emptyShape;
  const shape = pads ? own.map((_, d) => Math.max(...parts.map((part) => part.shape[d]!))) : own;
  for (const part of parts) {
    if (!pads && !sameShape(part.shape, own)) {
      throw new InvalidArgumentError(refusal(own, part.shape));
    }
  }
  if (dtypeSize(dtype) === 0) {
    const values: Value[] = parts.flatMap((part) => [...part.values!]);
    for (const value of values) retainValue(value);
    return Tensor.ofValues(dtype, [parts.length, ...shape], values);
  }
  const y = step.allocate(dtype, [parts.length, ...shape]);
  const rowBytes = parts.length === 0 ? 0 : y.bytes / parts.length;
  const { u8 } = step.heap;
  parts.forEach((part, i) => {
    const at = y.ptr + i * rowBytes;
    if (sameShape(part.shape, shape)) u8.copyWithin(at, part.ptr, part.ptr + part.bytes);
    else padInto(u8, part, at, rowBytes, shape);
  });
  return y;
}

function padInto(u8: Uint8Array, part: Tensor, at: number, rowBytes: number, shape: Shape): void {
  u8.fill(0, at, at + rowBytes);
  const size = dtypeSize(part.dtype);
  for (let i = 0; i < part.size; i++) {
    let rest = i;
    let target = 0;
    let stride = 1;
    for (let d = shape.length - 1; d >= 0; d--) {
      target += (rest % part.shape[d]!) * stride;
      rest = Math.floor(rest / part.shape[d]!);
      stride *= shape[d]!;
    }
    u8.copyWithin(at + target * size, part.ptr + i * size, part.ptr + (i + 1) * size);
  }
}

const close = kernel("QueueCloseV2", "CPU", {}, (node: KernelNode) => {
  const cancelPending = node.bool("cancel_pending_enqueues");
  return (step) => {
    queueOf(step).close(cancelPending);
    return DONE;
  };
});

const size = kernel("QueueSizeV2", "CPU", {}, () => (step) => {
  const queue = queueOf(step);
  writeInts(step.heap, step.allocateOutput(0, []), [queue.size]);
  return DONE;
});

const isClosed = kernel("QueueIsClosedV2", "CPU", {}, () => (step) => {
  const queue = queueOf(step);
  step.heap.u8[step.allocateOutput(0, []).ptr] = Number(queue.closed);
  return DONE;
});

export const queueKernels: readonly Kernel[] = [
  ...(["FIFOQueue", "RandomShuffleQueue", "PaddingFIFOQueue"] as const).map(queueOp),
  enqueue("QueueEnqueueV2", false),
  enqueue("QueueEnqueueManyV2", true),
  dequeue("QueueDequeueV2", false, false),
  dequeue("QueueDequeueManyV2", true, false),
  dequeue("QueueDequeueUpToV2", true, true),
  close,
  size,
  isClosed,
];
