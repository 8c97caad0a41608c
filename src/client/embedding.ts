// `tf.nn.embedding_lookup`: rows by their ids out of a table that may lie in parts. Each part looks up its own rows where it
// is; only those travel.
import { InvalidArgumentError } from "../errors/index.js";
import { DataType } from "../tensor/dtype.js";
import type { Input } from "./inputs.js";
import { Output } from "./output.js";
import { PartitionedVariable } from "./partitioned-variable.js";
import { Variable } from "./variable.js";

export interface EmbeddingOptions {
  /**
   * Where id `i` of a table in `n` parts is: `mod`, row `i / n` of part `i % n`; `div`, where it is when the parts stand
   * one after the other, as those of a PartitionedVariable do. `mod` when left out.
   */
  readonly partitionStrategy?: "mod" | "div";
  readonly name?: string;
}

type Table = Variable | Output;

/** @returns the rows, in the shape of the ids and of a row behind it @throws InvalidArgumentError without any part, for another strategy */
export function embeddingLookup(
  params: PartitionedVariable | Table | readonly Table[],
  ids: Input,
  { partitionStrategy = "mod", name = "embedding_lookup" }: EmbeddingOptions = {},
): Output {
  const tables = params instanceof PartitionedVariable || Array.isArray(params) ? [...params] : [params as Table];
  const [first] = tables as Table[];
  if (first === undefined) {
    throw new InvalidArgumentError("Length of params is currently 0. Need at least one param.");
  }
  const { graph } = first;
  const { ops } = graph;
  const gather = (table: Table, indices: Input) =>
    graph.colocateWith(table instanceof Variable ? table.handle : table, () =>
      table instanceof Variable ? table.gather(indices) : ops.gatherV2(table, indices, 0, { name: "Gather" }),
    );
  return graph.nameScope(name, (scope) => {
    if (tables.length === 1) return ops.identity(gather(first, ids));
    if (partitionStrategy !== "mod" && partitionStrategy !== "div") {
      throw new InvalidArgumentError(
        `Unrecognized partition strategy: ${partitionStrategy}.Must be one of either \`mod\` or \`div\`.`,
      );
    }
    const all = ids instanceof Output ? ids : ops.identity(ids, { name: "ids" });
    const flat = ops.reshape(all, [-1]);
    const places = ops.range(0, ops.size(flat), 1, { name: "range" });
    const { part, row } = partitionStrategy === "mod" ? byRemainder(flat, tables.length) : inOrder(flat, tables);
    const parts = ops.cast(part, { dstT: DataType.INT32 });
    const split = { numPartitions: tables.length };
    const rows = ops.dynamicPartition(row, parts, split);
    const order = ops.dynamicPartition(places, parts, split);
    const found = tables.map((table, i) => graph.device(null, () => gather(table, rows[i]!)));
    const stitched = ops.parallelDynamicStitch(order, found, { name: scope });
    const known = first.shape?.slice(1);
    const rest = known?.every((dim) => dim >= 0)
      ? graph.constant({ dtype: DataType.INT32, shape: [known.length], data: Int32Array.from(known) })
      : graph.ops.stridedSlice(ops.shape(stitched), [1], [0], [1], { endMask: 1 });
    return ops.reshape(stitched, ops.concatV2([ops.shape(all), rest], 0));
  });
}

function byRemainder(ids: Output, count: number): { readonly part: Output; readonly row: Output } {
  const { ops } = ids.graph;
  return { part: ops.floorMod(ids, count), row: ops.floorDiv(ids, count) };
}

/** The first parts have one row more where rows are left over. */
function inOrder(ids: Output, tables: readonly Table[]): { readonly part: Output; readonly row: Output } {
  const { graph, dtype } = ids;
  const { ops } = graph;
  const sizes = tables.map(({ shape }) => shape?.[0] ?? -1);
  const total = sizes.every((size) => size >= 0)
    ? graph.constant(
        sizes.reduce((sum, size) => sum + size, 0),
        dtype,
      )
    : ops.cast(ops.sum(ops.pack(tables.map(rowsOf)), [0]), { dstT: dtype });
  const rows = ops.floorDiv(total, tables.length);
  const more = ops.floorMod(total, tables.length);
  const longer = ops.addV2(rows, 1);
  const part = ops.maximum(ops.floorDiv(ids, longer), ops.floorDiv(ops.sub(ids, more), rows));
  const row = ops.selectV2(ops.less(part, more), ops.floorMod(ids, longer), ops.floorMod(ops.sub(ids, more), rows));
  return { part, row };
}

const rowsOf = (table: Table): Output => {
  const { ops } = table.graph;
  const shape = table instanceof Variable ? ops.variableShape(table.handle) : ops.shape(table);
  return ops.stridedSlice(shape, [0], [1], [1], { shrinkAxisMask: 1 });
};
