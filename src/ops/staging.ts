// Staging areas' ops: tuples put by one step and taken by another, in lists and in maps with keys. Each op names its
// area itself, by its shared name or its own, and makes it if it is the first.
import { InvalidArgumentError } from "../errors/index.js";
import { DONE, type Kernel, type KernelNode, type KernelStep, kernel, type Status } from "../kernel/kernel.js";
import type { Resource } from "../kernel/resource.js";
import type { StopWaiting } from "../resources/queue.js";
import { STAGING_AREA_TYPE, StagingArea, type Taken } from "../resources/staging-area.js";
import { StagingMap, stagingMapType } from "../resources/staging-map.js";
import { shapeString } from "../tensor/shape.js";
import { readInt, readInts, writeInts } from "./support/index-tensor.js";
import { suspendUntil } from "./support/wait.js";

/** How a call finds its node's area. */
type Find<R> = (step: KernelStep) => R;

/** @param make gives the area of a node that is the first to name it */
function finder<R extends Resource>(node: KernelNode, typeName: string, make: () => R): Find<R> {
  const container = node.string("container");
  const name = node.string("shared_name") || node.name;
  return (step) => step.resources.findOrCreate(container, name, typeName, make);
}

function areaOf(node: KernelNode): Find<StagingArea> {
  const limits = { capacity: node.int("capacity"), memoryLimit: node.int("memory_limit") };
  return finder(node, STAGING_AREA_TYPE, () => new StagingArea(limits));
}

const mapOf =
  (ordered: boolean) =>
  (node: KernelNode): Find<StagingMap> => {
    const limits = { capacity: node.int("capacity"), memoryLimit: node.int("memory_limit") };
    const options = { ...limits, ordered, components: node.types("dtypes").length };
    return finder(node, stagingMapType(ordered), () => new StagingMap(options));
  };

/** Waits for a tuple, and makes it the outputs from `first` on; `refusal` words what is said when there are others. */
function emitTaken(
  step: KernelStep,
  wanted: number,
  first: number,
  refusal: string,
  start: (taken: Taken) => StopWaiting,
): Status {
  return suspendUntil(step, (open, finish) =>
    start((error, tuple) => {
      if (error === null && tuple.length === wanted) {
        tuple.forEach((tensor, i) => {
          open.setOutput(first + i, tensor);
        });
        finish(null);
        return;
      }
      for (const tensor of tuple) tensor.release();
      finish(error ?? new InvalidArgumentError(`${refusal}: ${tuple.length} vs. ${wanted}`));
    }),
  );
}

const stage = kernel("Stage", "CPU", {}, (node) => {
  const find = areaOf(node);
  return (step) => {
    const area = find(step);
    const tuple = node.inputTypes.map((_, i) => step.takeInput(i));
    return suspendUntil(step, (_, finish) => area.put(tuple, finish));
  };
});

const MISMATCH = "Mismatch stage/unstage";

const unstage = kernel("Unstage", "CPU", {}, (node) => {
  const find = areaOf(node);
  const count = node.outputTypes.length;
  return (step) => {
    const area = find(step);
    return emitTaken(step, count, 0, MISMATCH, (taken) => area.take(taken));
  };
});

const peek = kernel("StagePeek", "CPU", {}, (node) => {
  const find = areaOf(node);
  const count = node.outputTypes.length;
  return (step) => {
    const area = find(step);
    if (step.input(0).shape.length > 0) throw new InvalidArgumentError("index must be scalar");
    const index = readInt(step.heap, step.input(0));
    return emitTaken(step, count, 0, MISMATCH, (taken) => area.peek(index, taken));
  };
});

const NOT_SCALAR = "key must be an int64 scalar";

/** Which tuple is put; a key of one element in any shape will do. */
function keyToPut(step: KernelStep): bigint {
  const { size: keys, shape, ptr } = step.input(0);
  if (keys === 0) throw new InvalidArgumentError("key must not be empty");
  if (keys > 1) throw new InvalidArgumentError(`${NOT_SCALAR}, got tensor with shape: ${shapeString(shape)}`);
  return step.heap.i64[ptr / 8]!;
}

function keyToTake(step: KernelStep): bigint {
  const { shape, ptr } = step.input(0);
  if (shape.length > 0) throw new InvalidArgumentError(`${NOT_SCALAR}: ${shapeString(shape)}`);
  return step.heap.i64[ptr / 8]!;
}

const mapStage = (kind: string, ordered: boolean): Kernel =>
  kernel(`${kind}Stage`, "CPU", {}, (node) => {
    const find = mapOf(ordered)(node);
    const count = node.inputTypes.length - 2;
    return (step) => {
      const map = find(step);
      const key = keyToPut(step);
      const indices = readInts(step.heap, step.input(1));
      const tensors = Array.from({ length: count }, (_, i) => step.takeInput(i + 2));
      return suspendUntil(step, (_, finish) => map.put(key, indices, tensors, finish));
    };
  });

const mapTake = (op: string, ordered: boolean, keep: boolean): Kernel =>
  kernel(op, "CPU", {}, (node) => {
    const find = mapOf(ordered)(node);
    const count = node.outputTypes.length;
    return (step) => {
      const map = find(step);
      const key = keyToTake(step);
      const indices = readInts(step.heap, step.input(1));
      return emitTaken(step, count, 0, SIZES_DIFFER, (taken) => map.take(key, indices, keep, taken));
    };
  });

const SIZES_DIFFER = "output/indices size mismatch";

const mapTakeNext = (op: string, ordered: boolean): Kernel =>
  kernel(op, "CPU", {}, (node) => {
    const find = mapOf(ordered)(node);
    const count = node.outputTypes.length - 1;
    return (step) => {
      const map = find(step);
      const indices = readInts(step.heap, step.input(0));
      const key = step.allocateOutput(0, []);
      return emitTaken(step, count, 1, SIZES_DIFFER, (taken) =>
        map.takeNext(indices, (error, tuple, found) => {
          step.heap.i64[key.ptr / 8] = found;
          taken(error, tuple);
        }),
      );
    };
  });

const size = <R>(op: string, find: (node: KernelNode) => Find<R>, sizeOf: (area: R) => number): Kernel =>
  kernel(op, "CPU", {}, (node) => {
    const found = find(node);
    return (step) => {
      writeInts(step.heap, step.allocateOutput(0, []), [sizeOf(found(step))]);
      return DONE;
    };
  });

const clear = (op: string, find: (node: KernelNode) => Find<StagingArea | StagingMap>): Kernel =>
  kernel(op, "CPU", {}, (node) => {
    const found = find(node);
    return (step) => {
      found(step).clear();
      return DONE;
    };
  });

export const stagingKernels: readonly Kernel[] = [
  stage,
  unstage,
  peek,
  size("StageSize", areaOf, (area) => area.size),
  clear("StageClear", areaOf),
  ...[false, true].flatMap((ordered) => {
    const kind = ordered ? "OrderedMap" : "Map";
    return [
      mapStage(kind, ordered),
      mapTake(`${kind}Unstage`, ordered, false),
      mapTake(`${kind}Peek`, ordered, true),
      mapTakeNext(`${kind}UnstageNoKey`, ordered),
      size(`${kind}Size`, mapOf(ordered), (map) => map.size),
      size(`${kind}IncompleteSize`, mapOf(ordered), (map) => map.incompleteSize),
      clear(`${kind}Clear`, mapOf(ordered)),
    ];
  }),
];
