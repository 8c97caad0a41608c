// Shapes of queues, barriers, staging areas, accumulators, stacks, TensorArrays, tables, optionals and checkpoints, and of
// what goes into and comes out of them.
import {
  concatenate,
  dimOf,
  isFullyKnown,
  mergeDims,
  mergeShapes,
  type PartialShape,
  subshape,
  UNKNOWN,
  vector,
  withRank,
  withRankAtLeast,
  withRankAtMost,
  withValue,
} from "../../tensor/partial-shape.js";
import { SCALAR } from "../../tensor/shape.js";
import { noOutputs, requireRanks, scalar, unchangedOfRank, unknown } from "./common.js";
import { forOps, type HandleShape, type ShapeContext, type ShapeFunction, type ShapeTable } from "./context.js";

/** What a handle holds, when it is one thing. */
const held = (context: ShapeContext, input: number): HandleShape | null => context.handle(input)?.[0] ?? null;

/** Elements that a queue gives, `many` at once when the second input says how many. */
function dequeued(context: ShapeContext, many: number | null): readonly PartialShape[] {
  const types = context.node.types("component_types");
  const components = context.handle(0);
  if (components === null || components.length !== types.length) return types.map(() => null);
  return components.map(({ shape }) => (many === null ? shape : concatenate(vector(many), shape)));
}

const dequeueMany: ShapeFunction = (context) => {
  withRank(context.inputs[1]!, 0);
  const count = context.constant(1)?.[0];
  return dequeued(context, count ?? UNKNOWN);
};

const tensorArray: ShapeFunction = (context) => {
  const { node } = context;
  withRank(context.inputs[0]!, 0);
  const shape = node.shape("element_shape");
  if (isFullyKnown(shape) || node.bool("identical_element_shapes"))
    context.setHandle(0, [{ dtype: node.type("dtype"), shape }]);
  return [[2], SCALAR];
};

/** A TensorArray's handle has two elements, flow is a scalar. */
function checkArray({ inputs }: ShapeContext): void {
  const handle = withRank(inputs[0]!, 1);
  if (handle[0]! >= 0) mergeShapes(handle, [2]);
}

const arrayFlow: ShapeFunction = (context) => {
  checkArray(context);
  return [SCALAR];
};

/** A table that says what its keys and values are; a plain hash table doesn't. */
const mutableTable: ShapeFunction = (context) => {
  context.setHandle(0, [
    { dtype: context.node.type("key_dtype"), shape: SCALAR },
    { dtype: context.node.type("value_dtype"), shape: SCALAR },
  ]);
  return [SCALAR];
};

/** One value for each key. */
function found(context: ShapeContext, keys: PartialShape): PartialShape {
  const entry = context.handle(0);
  if (entry?.length !== 2) return null;
  const [key, value] = [entry[0]!.shape, entry[1]!.shape];
  if (key === null || keys === null) return null;
  withRankAtLeast(keys, key.length);
  mergeShapes(keys.slice(keys.length - key.length), key);
  return concatenate(keys.slice(0, keys.length - key.length), value);
}

/** A checkpoint's prefix, and as many names as slices. */
function checkNames(context: ShapeContext): PartialShape {
  requireRanks(context, [0, 0], [1, 1], [2, 1]);
  return mergeShapes(context.inputs[1]!, context.inputs[2]!);
}

/** A handle of the first kind: container and name. */
const pairHandle: ShapeFunction = () => [[2]];

export const containerShapes: ShapeTable = {
  ...forOps("FIFOQueueV2 RandomShuffleQueueV2 PaddingFIFOQueueV2 PriorityQueueV2", scalar),
  ...forOps("FIFOQueue RandomShuffleQueue PaddingFIFOQueue PriorityQueue", pairHandle),
  ...forOps("QueueEnqueue QueueEnqueueV2 QueueEnqueueMany QueueEnqueueManyV2 QueueClose QueueCloseV2", noOutputs),
  ...forOps("QueueDequeue QueueDequeueV2", (context) => dequeued(context, null)),
  ...forOps("QueueDequeueMany QueueDequeueManyV2", dequeueMany),
  ...forOps("QueueDequeueUpTo QueueDequeueUpToV2", (context) => dequeued(context, UNKNOWN)),
  ...forOps("QueueSize QueueSizeV2 QueueIsClosed QueueIsClosedV2", scalar),

  ...forOps("ConditionalAccumulator ResourceConditionalAccumulator SparseConditionalAccumulator", pairHandle),
  ...forOps(
    `AccumulatorApplyGradient ResourceAccumulatorApplyGradient SparseAccumulatorApplyGradient
     AccumulatorSetGlobalStep ResourceAccumulatorSetGlobalStep`,
    (context) => {
      withRank(context.inputs[1]!, 0);
      return [];
    },
  ),
  ...forOps("AccumulatorTakeGradient ResourceAccumulatorTakeGradient SparseAccumulatorTakeGradient", (context) => {
    withRank(context.inputs[1]!, 0);
    return unknown(context);
  }),
  ...forOps("AccumulatorNumAccumulated ResourceAccumulatorNumAccumulated", scalar),

  Barrier: pairHandle,
  BarrierInsertMany: ({ inputs }) => {
    const keys = withRank(inputs[1]!, 1);
    mergeDims(keys[0]!, dimOf(withRankAtLeast(inputs[2]!, 1), 0));
    return [];
  },
  BarrierTakeMany: unknown,
  BarrierClose: noOutputs,
  ...forOps("BarrierReadySize BarrierIncompleteSize", scalar),

  ...forOps("Stage StageClear MapStage MapClear OrderedMapStage OrderedMapClear ConsumeMutexLock", noOutputs),
  ...forOps(
    `Unstage StagePeek MapUnstage MapPeek MapUnstageNoKey OrderedMapUnstage OrderedMapPeek
     OrderedMapUnstageNoKey`,
    unknown,
  ),
  ...forOps("StageSize MapSize MapIncompleteSize OrderedMapSize OrderedMapIncompleteSize", scalar),
  ...forOps("MutexV2 MutexLock", scalar),

  ...forOps("TextLineReader TFRecordReader FixedLengthRecordReader WholeFileReader IdentityReader", pairHandle),
  ...forOps("TextLineReaderV2 TFRecordReaderV2 FixedLengthRecordReaderV2 WholeFileReaderV2 IdentityReaderV2", scalar),
  ...forOps(
    `ReaderRead ReaderReadV2 ReaderNumRecordsProduced ReaderNumRecordsProducedV2 ReaderNumWorkUnitsCompleted
     ReaderNumWorkUnitsCompletedV2 ReaderSerializeState ReaderSerializeStateV2`,
    scalar,
  ),
  ...forOps("ReaderReadUpTo ReaderReadUpToV2", (context) => {
    withRank(context.inputs[2]!, 0);
    return [vector(UNKNOWN), vector(UNKNOWN)];
  }),
  ...forOps("ReaderRestoreState ReaderRestoreStateV2", (context) => {
    withRank(context.inputs[1]!, 0);
    return [];
  }),
  ...forOps("ReaderReset ReaderResetV2", noOutputs),
  ReadFile: unchangedOfRank(0),
  WriteFile: (context) => {
    requireRanks(context, [0, 0], [1, 0]);
    return [];
  },
  MatchingFiles: (context) => {
    withRankAtMost(context.inputs[0]!, 1);
    return [vector(UNKNOWN)];
  },

  ...forOps("GetSessionHandle GetSessionHandleV2", scalar),
  GetSessionTensor: (context) => {
    withRank(context.inputs[0]!, 0);
    return [null];
  },
  DeleteSessionTensor: (context) => {
    withRank(context.inputs[0]!, 0);
    return [];
  },

  ...forOps("ScalarSummary HistogramSummary MergeSummary", scalar),

  StackV2: pairHandle,
  StackPushV2: ({ inputs }) => [inputs[1]!],
  StackPopV2: () => [null],
  StackCloseV2: noOutputs,

  TensorArrayV3: tensorArray,
  TensorArrayGradV3: (context) => {
    checkArray(context);
    context.setHandle(0, context.handle(0));
    return [[2], SCALAR];
  },
  TensorArrayWriteV3: (context) => {
    checkArray(context);
    requireRanks(context, [1, 0], [3, 0]);
    const array = held(context, 0);
    if (array !== null) mergeShapes(array.shape, context.inputs[2]!);
    return [SCALAR];
  },
  TensorArrayReadV3: (context) => {
    checkArray(context);
    requireRanks(context, [1, 0], [2, 0]);
    return [held(context, 0)?.shape ?? null];
  },
  TensorArraySizeV3: arrayFlow,
  TensorArrayCloseV3: (context) => {
    checkArray(context);
    return [];
  },
  TensorArrayGatherV3: (context) => {
    checkArray(context);
    withRank(context.inputs[1]!, 1);
    withRank(context.inputs[2]!, 0);
    const array = held(context, 0);
    const element = array === null ? context.node.shape("element_shape") : array.shape;
    return [concatenate(vector(dimOf(context.inputs[1]!, 0)), element)];
  },
  TensorArrayScatterV3: (context) => {
    checkArray(context);
    const indices = withRank(context.inputs[1]!, 1);
    withRank(context.inputs[3]!, 0);
    const value = withRankAtLeast(context.inputs[2]!, 1);
    const array = held(context, 0);
    if (array !== null) mergeShapes(array.shape, subshape(value, 1));
    mergeShapes(indices, value === null ? null : value.slice(0, 1));
    return [SCALAR];
  },
  TensorArrayConcatV3: (context) => {
    checkArray(context);
    withRank(context.inputs[1]!, 0);
    return [null, vector(UNKNOWN)];
  },
  TensorArraySplitV3: (context) => {
    checkArray(context);
    withRank(context.inputs[2]!, 1);
    withRank(context.inputs[3]!, 0);
    return [SCALAR];
  },

  ...forOps("HashTable MutableHashTable", pairHandle),
  InitializeTable: ({ inputs }) => {
    mergeShapes(withRank(inputs[1]!, 1), inputs[2]!);
    return [];
  },
  InitializeTableFromTextFile: ({ inputs }) => {
    withRank(inputs[1]!, 0);
    return [];
  },
  ...forOps("LookupTableInsert LookupTableImport", noOutputs),
  LookupTableFind: unknown,
  LookupTableExport: () => [vector(UNKNOWN), null],
  LookupTableSize: scalar,
  HashTableV2: scalar,
  MutableHashTableV2: mutableTable,
  ...forOps("LookupTableInsertV2 LookupTableImportV2 LookupTableRemoveV2", (context) => {
    withRank(context.inputs[0]!, 0);
    return [];
  }),
  InitializeTableV2: (context) => {
    withRank(context.inputs[0]!, 0);
    const keys = withRank(context.inputs[1]!, 1);
    mergeShapes(keys, context.inputs[2]!);
    return [];
  },
  InitializeTableFromTextFileV2: (context) => {
    requireRanks(context, [0, 0], [1, 0]);
    return [];
  },
  LookupTableFindV2: (context) => {
    withRank(context.inputs[0]!, 0);
    withRankAtMost(context.inputs[2]!, 1);
    return [found(context, context.inputs[1]!)];
  },
  LookupTableSizeV2: (context) => {
    withRank(context.inputs[0]!, 0);
    return [SCALAR];
  },
  LookupTableExportV2: (context) => {
    withRank(context.inputs[0]!, 0);
    const values = found(context, vector(UNKNOWN));
    return [values === null ? null : vector(UNKNOWN), values];
  },

  SaveV2: (context) => {
    const names = checkNames(context);
    withValue(dimOf(names, 0), context.inputs.length - 3);
    return [];
  },
  RestoreV2: (context) => {
    checkNames(context);
    return context.node.outputTypes.map(() => null);
  },
  MergeV2Checkpoints: (context) => {
    requireRanks(context, [0, 1], [1, 0]);
    return [];
  },

  ...forOps("OptionalNone OptionalFromValue OptionalHasValue", scalar),
  OptionalGetValue: ({ node }) => node.shapes("output_shapes"),
};
