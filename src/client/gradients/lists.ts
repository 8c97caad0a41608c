// Gradients of lists of tensors: the gradient of a list is a list of the gradients of its elements. Those of optionals, which
// TensorFlow's conditions hand out what only one branch has in, are optionals.
import { DataType } from "../../tensor/dtype.js";
import type { Output } from "../output.js";
import { forAll, type GradientContext, type GradientFunction, type Gradients, notDifferentiable } from "./context.js";

const elementShape = ({ ops }: GradientContext, list: Output): Output =>
  ops.tensorListElementShape(list, { shapeType: DataType.INT32 });

/** A list as long as another; what nobody writes counts as zero. */
const unwritten = (context: GradientContext, list: Output): Output => {
  const { ops, dy } = context;
  const shape = elementShape(context, list);
  return ops.tensorListReserve(shape, ops.tensorListLength(list), { elementDtype: dy.dtype });
};

/** The shape of rows of a tensor. */
const rowShape = ({ ops }: GradientContext, tensor: Output): Output => ops.slice(ops.shape(tensor), [1], [-1]);

const elementDtype = (context: GradientContext): DataType => context.attr("element_dtype").type!;

const pushBack: GradientFunction = (context) => {
  const { ops, x, dy } = context;
  const popped = ops.tensorListPopBack(dy, ops.shape(x[1]!), { elementDtype: elementDtype(context) });
  return [popped.outputHandle, popped.tensor];
};

const popBack: GradientFunction = (context) => {
  const { ops, y, grads } = context;
  const dtype = elementDtype(context);
  const list = grads[0]
    ? context.grad(0)
    : ops.emptyTensorList(elementShape(context, y[0]!), -1, { elementDtype: dtype });
  return [ops.tensorListPushBack(list, context.grad(1))];
};

const getItem: GradientFunction = (context) => {
  const { ops, x, dy } = context;
  return [ops.tensorListSetItem(unwritten(context, x[0]!), x[1]!, dy)];
};

const setItem: GradientFunction = (context) => {
  const { ops, x, dy } = context;
  const [list, index, item] = x as [Output, Output, Output];
  const without = ops.tensorListSetItem(dy, index, ops.zerosLike(item));
  const resized = context.node.attrs.get("resize_if_index_out_of_bounds")?.b === true;
  return [
    resized ? ops.tensorListResize(without, ops.tensorListLength(list)) : without,
    null,
    ops.tensorListGetItem(dy, index, ops.shape(item), { elementDtype: item.dtype }),
  ];
};

const gather: GradientFunction = (context) => {
  const { ops, x, dy } = context;
  return [ops.tensorListScatterIntoExistingList(unwritten(context, x[0]!), dy, x[1]!)];
};

/** @param tensor what was spread, by its place among the inputs */
const gathered = (context: GradientContext, tensor: Output, indices: Output): Output =>
  context.ops.tensorListGather(context.dy, indices, rowShape(context, tensor), { elementDtype: tensor.dtype });

const concat: GradientFunction = (context) => {
  const { ops, x, y } = context;
  return [ops.tensorListSplit(context.grad(0), elementShape(context, x[0]!), y[1]!)];
};

export const listGradients: Gradients = {
  OptionalFromValue: ({ graph, x, dy }) => {
    const [outputTypes, shapes] = [x.map(({ dtype }) => dtype), x.map(({ shape }) => shape)];
    return graph.op("OptionalGetValue", [dy], { output_types: outputTypes, output_shapes: shapes }).outputs;
  },
  OptionalGetValue: (context) => [context.ops.optionalFromValue(context.y.map((_, i) => context.grad(i)))],
  TensorListPushBack: pushBack,
  TensorListPopBack: popBack,
  TensorListStack: (context) => [context.ops.tensorListFromTensor(context.dy, rowShape(context, context.dy))],
  TensorListFromTensor: (context) => {
    const { ops, x, dy } = context;
    const [tensor] = x as [Output];
    const rows = tensor.shape?.[0] ?? -1;
    const options = { elementDtype: tensor.dtype, numElements: rows };
    return [ops.tensorListStack(dy, rowShape(context, tensor), options)];
  },
  TensorListGetItem: getItem,
  TensorListSetItem: setItem,
  TensorListResize: ({ ops, x, dy }) => [ops.tensorListResize(dy, ops.tensorListLength(x[0]!))],
  TensorListGather: gather,
  ...forAll(["TensorListScatter", "TensorListScatterV2"], (context) => {
    const [tensor, indices] = context.x as [Output, Output];
    return [gathered(context, tensor, indices)];
  }),
  TensorListScatterIntoExistingList: (context) => {
    const { ops, x, dy } = context;
    const [, tensor, indices] = x as [Output, Output, Output];
    const without = ops.tensorListScatterIntoExistingList(dy, ops.zerosLike(tensor), indices);
    return [without, gathered(context, tensor, indices)];
  },
  ...forAll(["TensorListConcat", "TensorListConcatV2"], concat),
  TensorListSplit: (context) => {
    const { ops, x, dy } = context;
    const [tensor, , lengths] = x as [Output, Output, Output];
    const rows = ops.concatV2([[-1], rowShape(context, tensor)], 0);
    return [ops.tensorListConcatV2(dy, rows, lengths, { elementDtype: tensor.dtype }).tensor];
  },
  ...forAll(["EmptyTensorList", "TensorListReserve", "TensorListElementShape", "TensorListLength"], notDifferentiable),
};
