// Shapes of TensorLists: the handle knows what shape its elements have, as far as anyone told it.
import {
  concatenate,
  dimOf,
  mergeShapes,
  type PartialShape,
  subshape,
  UNKNOWN,
  vector,
  withRank,
  withRankAtLeast,
} from "../../tensor/partial-shape.js";
import { SCALAR } from "../../tensor/shape.js";
import { scalar } from "./common.js";
import { forOps, type HandleShape, type ShapeContext, type ShapeFunction, type ShapeTable } from "./context.js";

/** What a list holds. */
const held = (context: ShapeContext, input: number): HandleShape | null => context.handle(input)?.[0] ?? null;

const emptyList: ShapeFunction = (context) => {
  const shape = context.shapeFrom(0);
  if (context.inputs[1] !== undefined) withRank(context.inputs[1], 0);
  context.setHandle(0, [{ dtype: context.node.type("element_dtype"), shape }]);
  return [SCALAR];
};

/** The element shape that a list's handle gives, merged with what comes in or is asked for. */
const listElement = (context: ShapeContext, shape: PartialShape): PartialShape =>
  mergeShapes(held(context, 0)?.shape ?? null, shape);

const listWith =
  (item: number): ShapeFunction =>
  (context) => {
    const shape = listElement(context, context.inputs[item]!);
    const list = held(context, 0);
    context.setHandle(0, [{ dtype: context.node.type("element_dtype"), shape: list === null ? null : list.shape }]);
    mergeShapes(shape, list?.shape ?? null);
    return [SCALAR];
  };

/** The same list, or another of the same elements. */
const keepsElements: ShapeFunction = (context) => {
  context.setHandle(0, context.handle(0));
  return [SCALAR];
};

/** Elements one after the other in one tensor: all but their first dimension is alike. */
function concatenated(context: ShapeContext, asked: PartialShape): readonly PartialShape[] {
  const list = held(context, 0)?.shape ?? null;
  const element = mergeShapes(
    list === null ? null : subshape(withRankAtLeast(list, 1), 1),
    asked === null ? null : subshape(withRankAtLeast(asked, 1), 1),
  );
  return [concatenate(vector(UNKNOWN), element), vector(UNKNOWN)];
}

/** A list of the rows of a tensor, whose elements have the shape that input 2 asks for. */
const listOfRows =
  (shapeInput: number): ShapeFunction =>
  (context) => {
    const shape = context.shapeFrom(shapeInput);
    context.setHandle(0, [{ dtype: context.node.type("element_dtype"), shape }]);
    return [SCALAR];
  };

export const tensorListShapes: ShapeTable = {
  EmptyTensorList: emptyList,
  TensorListReserve: emptyList,
  TensorListPushBack: listWith(1),
  TensorListSetItem: listWith(2),
  TensorListPopBack: (context) => {
    const shape = listElement(context, context.shapeFrom(1));
    context.setHandle(0, context.handle(0));
    return [SCALAR, shape];
  },
  TensorListGetItem: (context) => [listElement(context, context.shapeFrom(2))],
  TensorListLength: scalar,
  TensorListStack: (context) => {
    const shape = listElement(context, context.shapeFrom(1));
    return [concatenate(vector(context.node.int("num_elements")), shape)];
  },
  TensorListFromTensor: (context) => {
    const element = subshape(withRankAtLeast(context.inputs[0]!, 1), 1);
    const shape = mergeShapes(element, context.shapeFrom(1));
    context.setHandle(0, [{ dtype: context.node.type("element_dtype"), shape }]);
    return [SCALAR];
  },
  TensorListElementShape: (context) => {
    const list = held(context, 0);
    return [list === null ? null : list.shape === null ? null : vector(list.shape.length)];
  },
  TensorListResize: (context) => {
    withRank(context.inputs[1]!, 0);
    return keepsElements(context);
  },
  TensorListConcatLists: (context) => {
    context.setHandle(0, context.handle(0));
    return [mergeShapes(context.inputs[0]!, context.inputs[1]!)];
  },
  TensorListGather: (context) => [
    concatenate(vector(dimOf(withRank(context.inputs[1]!, 1), 0)), listElement(context, context.shapeFrom(2))),
  ],
  ...forOps("TensorListScatter TensorListScatterV2", listOfRows(2)),
  TensorListSplit: (context) => {
    const tensor = withRankAtLeast(context.inputs[0]!, 1);
    withRank(context.inputs[2]!, 1);
    const pieces = concatenate(vector(UNKNOWN), subshape(tensor, 1));
    const shape = context.shapeFrom(1);
    mergeShapes(pieces, shape);
    context.setHandle(0, [{ dtype: context.node.type("element_dtype"), shape }]);
    return [SCALAR];
  },
  TensorListScatterIntoExistingList: keepsElements,
  TensorListConcat: (context) => concatenated(context, context.node.shape("element_shape")),
  TensorListConcatV2: (context) => concatenated(context, context.shapeFrom(1)),
  TensorListPushBackBatch: (context) => {
    context.setHandle(0, context.handle(0));
    return [context.inputs[0]!];
  },
};
