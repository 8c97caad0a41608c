// Shapes of variables, of what reads and updates them, and of optimizers' steps.
import {
  concatenate,
  mergeShapes,
  type PartialShape,
  subshape,
  UNKNOWN,
  vector,
  withRank,
  withRankAtLeast,
} from "../../tensor/partial-shape.js";
import { SCALAR } from "../../tensor/shape.js";
import { declared, mergeBoth, scalar, unchanged } from "./common.js";
import { forOps, type ShapeContext, type ShapeFunction, type ShapeTable } from "./context.js";
import { checkScatterNd, gatherNd } from "./indexing.js";

/** The shape of the variable behind a handle. */
const variableShape = (context: ShapeContext, input: number): PartialShape => context.handle(input)?.[0]?.shape ?? null;

/** The variable itself, or the one that a handle names. */
const slotShape = (context: ShapeContext, input: number): PartialShape =>
  context.node.op.startsWith("Resource") ? variableShape(context, input) : context.inputs[input]!;

function assign({ node, inputs }: ShapeContext): PartialShape {
  return node.bool("validate_shape") ? mergeShapes(inputs[0]!, inputs[1]!) : inputs[1]!;
}

/** Assigns to a resource: value and variable must fit. */
const updateResource: ShapeFunction = (context) => {
  mergeShapes(variableShape(context, 0), context.inputs[1]!);
  return [];
};

/** `ScatterAdd` and its kin: updates are rows of the variable. */
function checkRows(target: PartialShape, indices: PartialShape, updates: PartialShape): void {
  if (updates?.length === 0) return;
  const expected = concatenate(indices, subshape(withRankAtLeast(target, 1), 1));
  mergeShapes(updates, expected);
}

const scatterRef: ShapeFunction = ({ inputs }) => {
  checkRows(inputs[0]!, inputs[1]!, inputs[2]!);
  return [inputs[0]!];
};

const scatterResource: ShapeFunction = (context) => {
  checkRows(variableShape(context, 0), context.inputs[1]!, context.inputs[2]!);
  return [];
};

const scatterNdRef: ShapeFunction = ({ inputs }) => {
  checkScatterNd(withRankAtLeast(inputs[1]!, 1), inputs[2]!, inputs[0]!);
  return [inputs[0]!];
};

const scatterNdResource: ShapeFunction = (context) => {
  checkScatterNd(context.inputs[1]!, context.inputs[2]!, variableShape(context, 0));
  return [];
};

/**
 * An optimizer's step, from its inputs: `v` a slot of the variable's shape, `0` a scalar, `g` the gradient, `i` indices
 * of the gradient's rows where it is sparse.
 */
const applyStep =
  (inputs: string): ShapeFunction =>
  (context) => {
    let shape: PartialShape = null;
    let first = true;
    const gradient = inputs.indexOf("g");
    const indices = inputs.indexOf("i");
    [...inputs].forEach((role, input) => {
      if (role === "v") {
        const slot = slotShape(context, input);
        shape = first ? slot : mergeShapes(shape, slot);
        first = false;
      } else if (role === "0") withRank(context.inputs[input]!, 0);
      else if (role === "g" && indices < 0) shape = mergeShapes(shape, context.inputs[input]!);
      else if (role === "i") {
        const rows = withRank(context.inputs[input]!, 1);
        const grad = context.inputs[gradient]!;
        mergeShapes(vector(rows[0]!), grad === null ? null : subshape(withRankAtLeast(grad, 1), 0, 1));
        mergeShapes(subshape(withRankAtLeast(shape, 1), 1), grad === null ? null : subshape(grad, 1));
      }
    });
    return context.node.outputTypes.length === 0 ? [] : [shape];
  };

/** The four forms of an optimizer: dense and sparse, on references and on resources. */
const optimizer = (name: string, dense: string, sparse = ""): ShapeTable => ({
  ...forOps(`Apply${name} ResourceApply${name}`, applyStep(dense)),
  ...(sparse === "" ? {} : forOps(`SparseApply${name} ResourceSparseApply${name}`, applyStep(sparse))),
});

export const variableShapes: ShapeTable = {
  ...forOps("VariableV2 Variable", declared),
  TemporaryVariable: declared,
  DestroyTemporaryVariable: unchanged,
  Assign: (context) => [assign(context)],
  ...forOps("AssignAdd AssignSub", mergeBoth),
  ...forOps("IsVariableInitialized VarIsInitializedOp", scalar),
  VarHandleOp: (context) => {
    context.setHandle(0, [{ dtype: context.node.type("dtype"), shape: context.node.shape("shape") }]);
    return [SCALAR];
  },
  ReadVariableOp: (context) => [variableShape(context, 0)],
  AssignVariableOp: updateResource,
  ...forOps("AssignAddVariableOp AssignSubVariableOp", updateResource),
  VariableShape: (context) => [vector(variableShape(context, 0)?.length ?? UNKNOWN)],
  DestroyResourceOp: () => [],
  CountUpTo: ({ inputs }) => [withRank(inputs[0]!, 0)],
  ResourceCountUpTo: (context) => [withRank(variableShape(context, 0), 0)],
  ...forOps("ScatterUpdate ScatterAdd ScatterSub ScatterMul ScatterDiv ScatterMin ScatterMax", scatterRef),
  ...forOps(
    `ResourceScatterUpdate ResourceScatterAdd ResourceScatterSub ResourceScatterMul ResourceScatterDiv
     ResourceScatterMin ResourceScatterMax`,
    scatterResource,
  ),
  ...forOps("ScatterNdUpdate ScatterNdAdd ScatterNdSub ScatterNdMin ScatterNdMax", scatterNdRef),
  ...forOps(
    "ResourceScatterNdUpdate ResourceScatterNdAdd ResourceScatterNdSub ResourceScatterNdMin ResourceScatterNdMax",
    scatterNdResource,
  ),
  ResourceGather: (context) => {
    const params = withRankAtLeast(variableShape(context, 0), 1);
    const batch = context.node.int("batch_dims");
    const indices = context.inputs[1]!;
    return [concatenate(indices, subshape(params, batch + 1))];
  },
  ResourceGatherNd: (context) => [gatherNd(variableShape(context, 0), context.inputs[1]!)],

  ...optimizer("GradientDescent", "v0g"),
  ...optimizer("ProximalGradientDescent", "v000g", "v000gi"),
  ...optimizer("Momentum", "vv0g0", "vv0gi0"),
  ResourceApplyKerasMomentum: applyStep("vv0g0"),
  ResourceSparseApplyKerasMomentum: applyStep("vv0gi0"),
  ...optimizer("Adam", "vvv000000g"),
  ResourceApplyAdamWithAmsgrad: applyStep("vvvv000000g"),
  ...optimizer("AdaMax", "vvv00000g"),
  ...optimizer("AddSign", "vv0000g"),
  ...optimizer("PowerSign", "vv0000g"),
  ...optimizer("AdagradDA", "vvvg0000", "vvvgi0000"),
  ...optimizer("ProximalAdagrad", "vv000g", "vv000gi"),
  ...optimizer("RMSProp", "vvv0000g", "vvv0000gi"),
  ...optimizer("CenteredRMSProp", "vvvv0000g", "vvvv0000gi"),
  ...optimizer("Adagrad", "vv0g", "vv0gi"),
  ...optimizer("AdagradV2", "vv00g", "vv00gi"),
  ...optimizer("Adadelta", "vvv000g", "vvv000gi"),
  ...optimizer("Ftrl", "vvvg0000", "vvvgi0000"),
  ...optimizer("FtrlV2", "vvvg00000", "vvvgi00000"),
};
