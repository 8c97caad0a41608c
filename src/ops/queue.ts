// Queue ops, on resource handles and (in their older form) on string references: both find the same queues.
import { InvalidArgumentError } from "../errors/index.js";
import { DONE, type Kernel, type KernelNode, type KernelStep, kernel } from "../kernel/kernel.js";
import {
  firstInFirstOut,
  QUEUE_TYPE,
  Queue,
  type QueueOptions,
  type QueueOrder,
  type Tuple,
} from "../resources/queue.js";
import { DataType, dtypeName } from "../tensor/dtype.js";
import { fitsPartialShape, partialShapeString, shapeString } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { PhiloxState } from "./random/philox.js";
import { emitHandle, nameFor, resourceOf } from "./support/handle.js";
import { readInt, writeInts } from "./support/index-tensor.js";
import { sliceRow, stack } from "./support/row-stack.js";
import { matchSignature } from "./support/signature.js";
import { suspendUntil } from "./support/wait.js";
import { checkLength } from "./tensor-list.js";

/** Takes any element, by a generator of the node's seeds; the last one moves into its place. */
function shuffled(node: KernelNode): QueueOrder {
  const generator = PhiloxState.fromSeeds(node.bigint("seed"), node.bigint("seed2"));
  return {
    insert: (elements, tuple) => elements.push(tuple),
    take: (elements) => {
      const at = generator.word() % elements.length;
      const found = elements[at]!;
      const last = elements.pop()!;
      if (at < elements.length) elements[at] = last;
      return found;
    },
    restore: (elements, taken) => {
      for (let i = taken.length - 1; i >= 0; i--) elements.push(taken[i]!);
    },
  };
}

/** The smallest priority, the first component, comes first. */
export function byPriority(node: KernelNode): QueueOrder {
  const { heap } = node.device;
  const priority = (tuple: Tuple): bigint => heap.i64[tuple[0]!.ptr / 8]!;
  return {
    insert: (elements, tuple) => {
      const own = priority(tuple);
      let [low, high] = [0, elements.length];
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (priority(elements[middle]!) <= own) low = middle + 1;
        else high = middle;
      }
      elements.splice(low, 0, tuple);
    },
    take: firstInFirstOut.take,
    restore: firstInFirstOut.restore,
    wholeBatches: true,
  };
}

const ORDERS: Record<QueueOptions["kind"], (node: KernelNode) => QueueOrder> = {
  FIFOQueue: () => firstInFirstOut,
  PaddingFIFOQueue: () => firstInFirstOut,
  RandomShuffleQueue: shuffled,
  PriorityQueue: byPriority,
};

const queueOp = (kind: QueueOptions["kind"], version: string): Kernel =>
  kernel(`${kind}${version}`, "CPU", {}, (node) => {
    const shared = node.string("shared_name");
    const ranked = kind === "PriorityQueue";
    const shapes = node.shapes("shapes");
    const settings = {
      kind,
      types: [...(ranked ? [DataType.INT64] : []), ...node.types("component_types")],
      shapes: ranked && shapes.length > 0 ? [[], ...shapes] : shapes,
      capacity: node.int("capacity") < 0 ? Number.POSITIVE_INFINITY : node.int("capacity"),
      minAfterDequeue: node.has("min_after_dequeue") ? node.int("min_after_dequeue") : 0,
      order: ORDERS[kind](node),
    };
    if (kind === "PaddingFIFOQueue" && shapes.length !== settings.types.length)
      throw new InvalidArgumentError(
        `Shapes must be provided for all components, but received ${settings.types.length} dtypes and ${shapes.length} shapes.`,
      );
    const container = node.string("container");
    // Without a shared name the queue is this node's own, whatever other sessions call theirs.
    let options: QueueOptions | null = null;
    // A queue that was found once needs no second look at every step.
    let known: Queue | null = null;
    return (step) => {
      options ??= { ...settings, name: nameFor(step, node, container, QUEUE_TYPE, shared) };
      const made = options;
      const queue = step.resources.findOrCreate(container, made.name, QUEUE_TYPE, () => new Queue(made));
      if (queue !== known) checkShared(queue.options, made);
      // TensorFlow compares with a shape for the priority that a queue without shapes doesn't have.
      if (ranked && made.shapes.length === 0) checkShared(made, { ...made, shapes: [[]] });
      known = queue;
      emitHandle(step, node, container, made.name, queue);
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

const queueOf = (step: KernelStep, node: KernelNode): Queue => resourceOf(step, node, QUEUE_TYPE) as Queue;

const handleType = (node: KernelNode): DataType => node.inputTypes[0]!;

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

/** What a component of a batch is to a queue that needs a number to sort by. */
function checkPriority(queue: Queue, priorities: Tensor, many: boolean): void {
  const own = many ? priorities.shape.slice(1) : priorities.shape;
  if (queue.options.order.wholeBatches && own.length > 0)
    throw new InvalidArgumentError(
      `Expected the priority element to be a scalar, but received shape: ${shapeString(own)}`,
    );
}

const enqueue = (op: string, many: boolean): Kernel =>
  kernel(op, "CPU", {}, (node) => {
    const count = node.inputTypes.length - 1;
    return (step) => {
      const queue = queueOf(step, node);
      matchSignature(node, [handleType(node), ...queue.options.types], []);
      const inputs = Array.from({ length: count }, (_, i) => step.input(i + 1));
      checkShapes(queue, inputs, many);
      checkPriority(queue, inputs[0]!, many);
      const tuples = many ? rows(step, inputs) : [inputs.map((_, i) => step.takeInput(i + 1))];
      return suspendUntil(step, (_, finish) => queue.enqueue(tuples, finish));
    };
  });

/** Cuts batches into tuples along their first dimension. */
function rows(step: KernelStep, inputs: readonly Tensor[]): Tensor[][] {
  const tuples: Tensor[][] = [];
  checkLength(step, inputs[0]!.shape[0]!);
  try {
    for (let row = 0; row < inputs[0]!.shape[0]!; row++) {
      const tuple: Tensor[] = [];
      tuples.push(tuple);
      for (const input of inputs) tuple.push(sliceRow(step, input, row));
    }
  } catch (error) {
    for (const tuple of tuples) for (const tensor of tuple) tensor.release();
    throw error;
  }
  return tuples;
}

const dequeue = (op: string, many: boolean, upTo: boolean): Kernel =>
  kernel(op, "CPU", {}, (node) => (step) => {
    const queue = queueOf(step, node);
    const { kind, types, shapes } = queue.options;
    matchSignature(node, [handleType(node), ...(many ? [DataType.INT32] : [])], types);
    const count = many ? readInt(step.heap, step.input(1)) : 1;
    if (count < 0) throw new InvalidArgumentError(`Dequeue${upTo ? "UpTo" : "Many"}Op requested ${count} < 0 elements`);
    if (many && shapes.length === 0)
      throw new InvalidArgumentError(
        kind === "PriorityQueue"
          ? "PriorityQueue's DequeueMany requires the components to have specified shapes."
          : `${kind}'s DequeueMany and DequeueUpTo require the components to have specified shapes.`,
      );
    return suspendUntil(step, (open, finish) =>
      queue.dequeue(count, upTo, many, (error, tuples) => {
        if (error !== null) {
          finish(error);
          return;
        }
        try {
          if (many) emitBatch(open, queue, tuples);
          else
            tuples[0]!.forEach((tensor, i) => {
              open.setOutput(i, tensor);
            });
          finish(null);
        } catch (failure) {
          finish(failure);
        }
      }),
    );
  });

/** Stacks tuples component by component; a padding queue's elements grow to the largest. */
export function emitBatch(step: KernelStep, { options }: Queue, tuples: readonly Tuple[]): void {
  const pads = options.kind === "PaddingFIFOQueue";
  try {
    options.types.forEach((dtype, c) => {
      const parts = tuples.map((tuple) => tuple[c]!);
      const fallback = (options.shapes[c] ?? []).map((dim) => Math.max(dim, 0));
      step.setOutput(c, stack(step, dtype, parts, fallback, { pads }));
    });
  } finally {
    for (const tuple of tuples) for (const tensor of tuple) tensor.release();
  }
}

const close = (op: string): Kernel =>
  kernel(op, "CPU", {}, (node) => {
    const cancelPending = node.bool("cancel_pending_enqueues");
    return (step) => {
      const queue = queueOf(step, node);
      return suspendUntil(step, (_, finish) => queue.close(cancelPending, finish));
    };
  });

const size = (op: string): Kernel =>
  kernel(op, "CPU", {}, (node) => (step) => {
    const queue = queueOf(step, node);
    writeInts(step.heap, step.allocateOutput(0, []), [queue.size]);
    return DONE;
  });

const isClosed = (op: string): Kernel =>
  kernel(op, "CPU", {}, (node) => (step) => {
    const queue = queueOf(step, node);
    const { ptr } = step.allocateOutput(0, []);
    step.heap.u8[ptr] = Number(queue.closed);
    return DONE;
  });

const KINDS = ["FIFOQueue", "RandomShuffleQueue", "PaddingFIFOQueue", "PriorityQueue"] as const;

export const queueKernels: readonly Kernel[] = ["", "V2"].flatMap((version) => [
  ...KINDS.map((kind) => queueOp(kind, version)),
  enqueue(`QueueEnqueue${version}`, false),
  enqueue(`QueueEnqueueMany${version}`, true),
  dequeue(`QueueDequeue${version}`, false, false),
  dequeue(`QueueDequeueMany${version}`, true, false),
  dequeue(`QueueDequeueUpTo${version}`, true, true),
  close(`QueueClose${version}`),
  size(`QueueSize${version}`),
  isClosed(`QueueIsClosed${version}`),
]);
