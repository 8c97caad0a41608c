// `tf.compat.v1.report_uninitialized_variables`: names of variables that have no value yet, as an op of the graph.
import { DataType } from "../tensor/dtype.js";
import type { Graph } from "./graph.js";
import type { Output } from "./output.js";
import { globalVariables, localVariables, type Variable } from "./variable.js";

/** @param variables all of the graph when left out @returns a list of strings, empty when all have one */
export function reportUninitializedVariables(
  graph: Graph,
  variables: readonly Variable[] = [...globalVariables(graph), ...localVariables(graph)],
): Output {
  const { ops } = graph;
  return graph.nameScope("report_uninitialized_variables", () => {
    const initialized = variables.map((variable) => variable.isInitialized());
    return graph.device("/device:CPU:0", () => {
      const names = { dtype: DataType.STRING, shape: [variables.length], data: variables.map(({ name }) => name) };
      const all = graph.constant(names, DataType.STRING);
      if (variables.length === 0) return all;
      const missing = ops.logicalNot(ops.pack(initialized, { name: "stack" }));
      return ops.gatherV2(all, ops.squeeze(ops.where(missing), { squeezeDims: [1] }), 0);
    });
  });
}
