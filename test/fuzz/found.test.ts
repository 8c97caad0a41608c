// What fuzzing found, each fault once: how it is refused now, in the words of a real server (which ends its process over
// a negative length, an endless list).
import * as assert from "uvu/assert";
import { Graph } from "../../src/client/graph.js";
import type { Operation, Output } from "../../src/client/output.js";
import { Session } from "../../src/client/session.js";
import { Code, OpError } from "../../src/errors/index.js";
import { Engine } from "../../src/server/engine.js";
import { DataType } from "../../src/tensor/dtype.js";
import { test } from "../support/suite.js";

const { FLOAT, DOUBLE, INT32, INT64, STRING } = DataType;

/** How a step of this graph is refused. Nothing of it may stay. */
async function refusal(build: (graph: Graph) => readonly Operation[]): Promise<OpError> {
  const engine = await Engine.open("/job:worker/replica:0/task:0", "worker", null, { log: () => {} });
  try {
    const graph = new Graph();
    const operations = build(graph);
    const session = new Session(engine, { graph });
    try {
      for (const operation of operations) await session.run(operation);
    } catch (error) {
      assert.instance(error, OpError);
      await session.close();
      await engine.master.reset([], []);
      assert.is(engine.devices[0]!.allocator.bytesInUse, 0);
      return error as OpError;
    }
  } finally {
    await engine.close();
  }
  throw new Error("it was answered");
}

function refuses(name: string, code: number, text: string, build: (graph: Graph) => readonly Operation[]): void {
  test(name, async () => {
    const error = await refusal(build);
    assert.is(error.code, code);
    assert.match(error.message, text);
  });
}

const queue = (graph: Graph): Output =>
  graph.op("FIFOQueueV2", [], { component_types: [FLOAT], shared_name: "q" }).output();
const variable = (graph: Graph): Output =>
  graph.op("VarHandleOp", [], { dtype: FLOAT, shape: null, shared_name: "v" }).output();
const assigned = (graph: Graph, to: Output): Operation =>
  graph.op("AssignVariableOp", [to, graph.constant([1, 2, 3, 4], FLOAT)]);

refuses(
  "a queue is no variable",
  Code.INVALID_ARGUMENT,
  "Trying to access a handle's resource using the wrong type. The handle points to a resource (name 'q') of type " +
    "'tensorflow::QueueInterface' (hash code 9040823170352039474) but you are trying to access the resource as type " +
    "'tensorflow::Var' (hash code 17454915466513971685)",
  (graph) => [graph.op("VariableShape", [queue(graph)])],
);

refuses(
  "a variable is no queue",
  Code.INVALID_ARGUMENT,
  "of type 'tensorflow::Var' (hash code 17454915466513971685) but you are trying to access the resource as type " +
    "'tensorflow::QueueInterface' (hash code 9040823170352039474)",
  (graph) => [graph.op("QueueSizeV2", [variable(graph)])],
);

refuses(
  "a variable is no table",
  Code.INVALID_ARGUMENT,
  "but you are trying to access the resource as type 'tensorflow::lookup::LookupInterface' (hash code 8115731599990610490)",
  (graph) => [graph.op("LookupTableSizeV2", [variable(graph)])],
);

refuses(
  "a variable is no stack",
  Code.INVALID_ARGUMENT,
  "but you are trying to access the resource as type 'tensorflow::Stack' (hash code 11783358439878174618)",
  (graph) => [graph.op("StackPopV2", [variable(graph)], { elem_type: FLOAT })],
);

refuses(
  "an update of another dtype than the variable's",
  Code.INVALID_ARGUMENT,
  "Trying to read variable with wrong dtype. Expected float got double",
  (graph) => {
    const v = variable(graph);
    return [assigned(graph, v), graph.op("AssignAddVariableOp", [v, graph.constant([1, 2, 3, 4], DOUBLE)])];
  },
);

refuses("an optimizer of another dtype than the variable's", Code.INTERNAL, "Invalid variable reference.", (graph) => {
  const v = variable(graph);
  const gradient = graph.constant([1, 2, 3, 4], DOUBLE);
  return [assigned(graph, v), graph.op("ResourceApplyGradientDescent", [v, graph.constant(1, DOUBLE), gradient])];
});

refuses(
  "two reference variables of one name",
  Code.INTERNAL,
  "Output 0 of type float_ref does not match declared output type int32_ref for node {{node VariableV2_1}}",
  (graph) => {
    const first = graph.op("VariableV2", [], { dtype: FLOAT, shape: [], shared_name: "r" }).output();
    const second = graph.op("VariableV2", [], { dtype: INT32, shape: [], shared_name: "r" }).output();
    return [
      graph.op("Assign", [first, graph.constant(1, FLOAT)]),
      graph.op("AssignAdd", [second, graph.constant(1, INT32)]),
    ];
  },
);

refuses(
  "a range that begins nowhere",
  Code.INVALID_ARGUMENT,
  "Requires start <= limit when delta > 0: NaN/1",
  (graph) => [
    graph.op("Range", [graph.constant(Number.NaN, FLOAT), graph.constant(1, FLOAT), graph.constant(1, FLOAT)]),
  ],
);

refuses(
  "a list without an end",
  Code.RESOURCE_EXHAUSTED,
  "OOM when allocating a list of 2147483647 tensors",
  (graph) => [
    graph.op("TensorListReserve", [graph.constant([], INT32), graph.constant(2147483647, INT32)], {
      element_dtype: FLOAT,
    }),
  ],
);

refuses(
  "a TensorArray without an end",
  Code.RESOURCE_EXHAUSTED,
  "OOM when allocating a list of 2147483647",
  (graph) => [graph.op("TensorArrayV3", [graph.constant(2147483647, INT32)], { dtype: FLOAT })],
);

/** Writes the values into a TensorArray; gives its handle and flow. */
function filled(graph: Graph, values: readonly Output[]): [Output, Output] {
  const made = graph.op("TensorArrayV3", [graph.constant(values.length, INT32)], { dtype: FLOAT });
  let flow = made.output(1);
  values.forEach((value, i) => {
    flow = graph.op("TensorArrayWriteV3", [made.output(0), graph.constant(i, INT32), value, flow]).output();
  });
  return [made.output(0), flow];
}

const joined = (graph: Graph, values: readonly Output[], dtype: number): readonly Operation[] => [
  graph.op("TensorArrayConcatV3", filled(graph, values), { dtype }),
];

refuses(
  "parts that don't fit together",
  Code.INVALID_ARGUMENT,
  "TensorArray has inconsistent shapes.  Index 0 has (excepting dimension 0) shape: [2] but index 1 has (excepting " +
    "dimension 0) shape: [3]",
  (graph) => joined(graph, [graph.constant([[1, 2]], FLOAT), graph.constant([[1, 2, 3]], FLOAT)], FLOAT),
);

refuses(
  "a TensorArray of another dtype",
  Code.INVALID_ARGUMENT,
  "TensorArray dtype is float but Op requested dtype double.",
  (graph) => joined(graph, [graph.constant([1], FLOAT)], DOUBLE),
);

const cut = (graph: Graph, dtype: number, lengths: readonly number[]): readonly Operation[] => {
  const made = graph.op("TensorArrayV3", [graph.constant(2, INT32)], { dtype });
  const value = graph.constant([1, 2, 3], FLOAT);
  return [graph.op("TensorArraySplitV3", [made.output(0), value, graph.constant([...lengths], INT64), made.output(1)])];
};

refuses(
  "pieces that are longer than the whole",
  Code.INVALID_ARGUMENT,
  "Expected sum of lengths to be equal to values.shape[0], but sum of lengths is 6 and value's shape is: [3]",
  (graph) => cut(graph, FLOAT, [1, 5]),
);

refuses("a negative length", Code.INVALID_ARGUMENT, "Expected sum of lengths", (graph) => cut(graph, FLOAT, [-1, 4]));

refuses(
  "pieces of another dtype: what was cut is given back",
  Code.INVALID_ARGUMENT,
  "TensorArray dtype is double but Op is trying to write dtype float.",
  (graph) => cut(graph, DOUBLE, [1, 2]),
);

test("an unwritten element of a list of strings is empty strings", async () => {
  const engine = await Engine.open("/job:worker/replica:0/task:0", "worker", null, { log: () => {} });
  const graph = new Graph();
  const list = graph.op("TensorListReserve", [graph.constant([2], INT32), graph.constant(1, INT32)], {
    element_dtype: STRING,
  });
  const element = graph.op("TensorListGetItem", [list.output(), graph.constant(0, INT32), graph.constant([2], INT32)], {
    element_dtype: STRING,
  });
  const session = new Session(engine, { graph });
  const { shape, data } = await session.run(element.output());
  assert.equal([shape, data.length], [[2], 2]);
  await session.close();
  await engine.close();
});

test.run();
