// `PREFIX.meta`: the graph with its variables and its Saver, so that `tf.compat.v1.train.import_meta_graph` in Python
// finds both again.
import type { Shape } from "../tensor/shape.js";
import {
  CollectionDef,
  MetaGraphDef,
  SaverDef_CheckpointFormatVersion,
  type SaveSliceInfoDef,
  VariableDef,
} from "../wire/io.js";
import type { Graph } from "./graph.js";
import type { Saver } from "./saver.js";
import { GraphKeys, type Variable } from "./variable.js";

/** The release whose formats these are. */
const TENSORFLOW_VERSION = "2.21.0";

export function exportMetaGraph(graph: Graph, saver: Saver): Uint8Array {
  const { maxToKeep = 5, keepCheckpointEveryNHours = 10000, sharded = false } = saver.options;
  const keys = [GraphKeys.GLOBAL_VARIABLES, GraphKeys.LOCAL_VARIABLES, GraphKeys.TRAINABLE_VARIABLES];
  const collections = keys.flatMap((key) => {
    const variables = graph.collection<Variable>(key);
    return variables.length === 0 ? [] : [[key, variableCollection(variables)] as const];
  });
  return MetaGraphDef.encode({
    metaInfoDef: { tensorflowVersion: TENSORFLOW_VERSION },
    graphDef: graph.exportGraphDef(),
    saverDef: {
      filenameTensorName: saver.filename.name,
      saveTensorName: saver.saved.name,
      restoreOpName: saver.restoreOp.name,
      maxToKeep,
      sharded,
      keepCheckpointEveryNHours,
      version: SaverDef_CheckpointFormatVersion.V2,
    },
    collectionDef: new Map(collections),
  });
}

function variableCollection(variables: readonly Variable[]): CollectionDef {
  const value = variables.map((variable) =>
    VariableDef.encode({
      variableName: `${variable.name}:0`,
      initialValueName: variable.initialValue.name,
      initializerName: variable.initializer.name,
      snapshotName: variable.value.name,
      saveSliceInfoDef: sliceInfoDef(variable),
      isResource: true,
      trainable: variable.trainable,
    }),
  );
  return { ...CollectionDef.create(), bytesList: { value } };
}

function sliceInfoDef({ saveSliceInfo }: Variable): SaveSliceInfoDef | undefined {
  if (saveSliceInfo === null) return undefined;
  const { fullName, fullShape, varOffset, varShape } = saveSliceInfo;
  const wide = (sizes: Shape) => sizes.map(BigInt);
  return { fullName, fullShape: wide(fullShape), varOffset: wide(varOffset), varShape: wide(varShape) };
}
