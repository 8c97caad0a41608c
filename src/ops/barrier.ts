// Barriers' ops, on string references as the first queues are: tuples put together from components that several
// producers bring, and taken in batches.
import { InvalidArgumentError } from "../errors/index.js";
import { byteText, textBytes } from "../io/byte-text.js";
import { DONE, type Kernel, type KernelNode, type KernelStep, kernel } from "../kernel/kernel.js";
import { BARRIER_TYPE, Barrier, type BarrierOptions, type Lead } from "../resources/barrier.js";
import type { QueueOptions } from "../resources/queue.js";
import { DataType, dtypeName } from "../tensor/dtype.js";
import { partialShapeString, type Shape, shapeString } from "../tensor/shape.js";
import { byPriority, emitBatch } from "./queue.js";
import { textsOf } from "./strings.js";
import { emitHandle, nameFor, resourceOf } from "./support/handle.js";
import { readInt, writeInts } from "./support/index-tensor.js";
import { sliceRow } from "./support/row-stack.js";
import { matchSignature } from "./support/signature.js";
import { suspendUntil } from "./support/wait.js";
import { checkLength } from "./tensor-list.js";

const create = kernel("Barrier", "CPU", {}, (node) => {
  const [container, shared] = [node.string("container"), node.string("shared_name")];
  const types = node.types("component_types");
  const shapes = node.shapes("shapes").map((shape): Shape => {
    if (shape === null || shape.includes(-1))
      throw new InvalidArgumentError(`Shape ${partialShapeString(shape)} is not fully defined`);
    return shape;
  });
  if (shapes.length !== types.length) throw new InvalidArgumentError("All of the component shapes must be specified");
  if (node.int("capacity") !== -1)
    throw new InvalidArgumentError(
      "Barrier only accepts capacity=-1.  Feed the inputs to your Barrier through a queue to enforce a limited capacity.",
    );
  const queue: Omit<QueueOptions, "name"> = {
    kind: "PriorityQueue",
    types: [DataType.INT64, DataType.STRING, ...types],
    shapes: [[], [], ...shapes],
    capacity: Number.POSITIVE_INFINITY,
    minAfterDequeue: 0,
    order: byPriority(node),
  };
  let options: BarrierOptions | null = null;
  return (step) => {
    options ??= { types, shapes, name: nameFor(step, node, container, BARRIER_TYPE, shared) };
    const made = options;
    const { name } = made;
    const make = () => new Barrier(made, { ...queue, name: `${name}_queue` });
    const barrier = step.resources.findOrCreate(container, name, BARRIER_TYPE, make);
    checkShared(barrier.options, made);
    emitHandle(step, node, container, name, barrier);
    return DONE;
  };
});

/** Whoever names a barrier that exists must mean the same barrier. */
function checkShared(found: BarrierOptions, wanted: BarrierOptions): void {
  const refuse = (what: string, has: string, requested: string) => {
    if (has === requested) return;
    const refusal = `has component ${what} ${has} but requested component ${what} were ${requested}`;
    throw new InvalidArgumentError(`Shared barrier '${found.name}' ${refusal}`);
  };
  const types = (options: BarrierOptions) => options.types.map(dtypeName).join(", ");
  const shapes = (options: BarrierOptions) => `[${options.shapes.map(shapeString).join(", ")}]`;
  refuse("types", types(found), types(wanted));
  refuse("shapes", shapes(found), shapes(wanted));
}

const barrierOf = (step: KernelStep, node: KernelNode): Barrier => resourceOf(step, node, BARRIER_TYPE) as Barrier;

const insertMany = kernel("BarrierInsertMany", "CPU", {}, (node) => {
  const component = node.int("component_index");
  return (step) => {
    const barrier = barrierOf(step, node);
    const { name, types } = barrier.options;
    const dtype = types[component];
    if (dtype === undefined)
      throw new InvalidArgumentError(
        `The component ID is out of range ${component} > num_components (= ${types.length})`,
      );
    matchSignature(node, [node.inputTypes[0]!, DataType.STRING, dtype], []);
    const [keys, values] = [step.input(1), step.input(2)];
    const received = shapeString(values.shape);
    if (keys.size > 0 && values.size === 0)
      throw new InvalidArgumentError(`Tensors with no elements are not supported ${name}: received shape ${received}`);
    const rows = values.shape[0] ?? 1;
    // A real server reads beyond its tensor.
    if (keys.size > rows)
      throw new InvalidArgumentError(`Expected ${keys.size} values in barrier ${name}, got ${received}`);
    checkLength(step, keys.size);
    const makeValue = (at: number) => sliceRow(step, values, at);
    barrier.insert(textsOf(keys).map(byteText), component, makeValue, leadOf(step));
    return DONE;
  };
});

const leadOf =
  (step: KernelStep): Lead =>
  (index, key) => {
    const text = step.tensorOf(DataType.STRING, [], [textBytes(key)]);
    try {
      const priority = step.allocate(DataType.INT64, []);
      step.heap.i64[priority.ptr / 8] = index;
      return [priority, text];
    } catch (error) {
      text.release();
      throw error;
    }
  };

const takeMany = kernel("BarrierTakeMany", "CPU", {}, (node) => {
  if (node.bigint("timeout_ms") !== -1n) throw new InvalidArgumentError("Timeout not supported yet.");
  const upTo = node.bool("allow_small_batch");
  return (step) => {
    const barrier = barrierOf(step, node);
    const wanted = step.input(1);
    if (wanted.shape.length > 0) throw new InvalidArgumentError("num_elements must be a scalar.");
    const count = readInt(step.heap, wanted);
    matchSignature(node, [node.inputTypes[0]!, DataType.INT32], barrier.queue.options.types);
    if (count < 0) throw new InvalidArgumentError(`num_elements must not be negative, got ${count}`);
    return suspendUntil(step, (open, finish) =>
      barrier.take(count, upTo, (error, tuples) => {
        if (error !== null) {
          finish(error);
          return;
        }
        try {
          emitBatch(open, barrier.queue, tuples);
          finish(null);
        } catch (failure) {
          finish(failure);
        }
      }),
    );
  };
});

const close = kernel("BarrierClose", "CPU", {}, (node) => {
  const cancelPending = node.bool("cancel_pending_enqueues");
  return (step) => {
    barrierOf(step, node).close(cancelPending);
    return DONE;
  };
});

const size = (op: string, sizeOf: (barrier: Barrier) => number): Kernel =>
  kernel(op, "CPU", {}, (node) => (step) => {
    const count = sizeOf(barrierOf(step, node));
    writeInts(step.heap, step.allocateOutput(0, []), [count]);
    return DONE;
  });

export const barrierKernels: readonly Kernel[] = [
  create,
  insertMany,
  takeMany,
  close,
  size("BarrierReadySize", ({ readySize }) => readySize),
  size("BarrierIncompleteSize", ({ incompleteSize }) => incompleteSize),
];
