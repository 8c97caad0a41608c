// Shapes of constants, placeholders, what passes values on, control flow, calls and messages.
import { shapeOf } from "../../graph/attr.js";
import { isFullyKnown, mergeShapes, type PartialShape, refuse, UNKNOWN, withRank } from "../../tensor/partial-shape.js";
import { SCALAR, sameShape } from "../../tensor/shape.js";
import { allUnchanged, declared, noOutputs, scalar, unknown } from "./common.js";
import { forOps, type ShapeContext, type ShapeFunction, type ShapeTable } from "./context.js";

/** Passes the first input on, with what lies behind it. */
const passed: ShapeFunction = (context) => {
  context.setHandle(0, context.handle(0));
  return [context.inputs[0]!];
};

const switched: ShapeFunction = ({ inputs, node, handle, setHandle }) => {
  withRank(inputs[1]!, 0);
  return node.outputTypes.map((_, i) => {
    setHandle(i, handle(0));
    return inputs[0]!;
  });
};

/** What all that may come have in common; an input that isn't known yet (a loop's) says nothing. */
function merge(context: ShapeContext): PartialShape {
  const [first, ...others] = context.inputs as [PartialShape, ...PartialShape[]];
  if (first === null) return null;
  if (others.some((shape) => shape?.length !== first.length)) return null;
  return first.map((dim, i) => (others.every((shape) => shape![i] === dim) ? dim : UNKNOWN));
}

const enter: ShapeFunction = (context) => {
  context.setHandle(0, context.handle(0));
  return [context.node.bool("is_constant") ? context.inputs[0]! : null];
};

/** Calls say what they give only where an attribute does. */
const byOutputShapes: ShapeFunction = ({ node }) => {
  const shapes = node.has("output_shapes") ? node.shapes("output_shapes") : [];
  const count = node.outputTypes.length;
  if (shapes.length === 0) return new Array<PartialShape>(count).fill(null);
  if (shapes.length !== count) {
    throw refuse(`\`output_shapes\` must be the same length as num outputs (${shapes.length} vs. ${count}`);
  }
  return shapes;
};

/** A loop's values keep their shapes only where the attribute says so. */
const whileShapes: ShapeFunction = (context) => {
  const shapes = context.node.has("output_shapes") ? context.node.shapes("output_shapes") : [];
  if (shapes.length === 0) return context.inputs.map(() => null);
  if (shapes.length !== context.node.outputTypes.length) {
    throw refuse(
      `\`output_shapes\` must be the same length as num outputs (${shapes.length} vs. ${context.node.outputTypes.length}`,
    );
  }
  return shapes;
};

export const controlShapes: ShapeTable = {
  Const: ({ node }) => [shapeOf(node.attr("value").tensor!.tensorShape!)],
  ...forOps("Placeholder PlaceholderV2", declared),
  PlaceholderWithDefault: ({ node, inputs }) => {
    mergeShapes(inputs[0]!, node.shape("shape"));
    return [node.shape("shape")];
  },
  ...forOps("Identity RefIdentity GuaranteeConst StopGradient PreventGradient Snapshot Print", passed),
  IdentityN: (context) => {
    context.inputs.forEach((_, i) => {
      context.setHandle(i, context.handle(i));
    });
    return allUnchanged(context);
  },
  ...forOps("Switch RefSwitch _SwitchN", switched),
  ...forOps("Merge RefMerge", (context) => {
    context.setHandle(0, context.handle(0));
    return [merge(context), SCALAR];
  }),
  ...forOps("Enter RefEnter", enter),
  ...forOps("Exit RefExit NextIteration RefNextIteration", passed),
  LoopCond: ({ inputs }) => [withRank(inputs[0]!, 0)],
  ...forOps("NoOp ControlTrigger Assert PrintV2 _Send _HostSend _Retval _DeviceRetval", noOutputs),
  ...forOps(
    "_Recv _HostRecv _Arg _DeviceArg PartitionedCall StatefulPartitionedCall PyFunc PyFuncStateless EagerPyFunc",
    unknown,
  ),
  ...forOps("If StatelessIf Case StatelessCase", byOutputShapes),
  ...forOps("While StatelessWhile", whileShapes),
  ...forOps("For PyFunc PyFuncStateless EagerPyFunc", unknown),
  RefSelect: ({ inputs: [index, first, ...others] }) => {
    withRank(index!, 0);
    const same = isFullyKnown(first!) && others.every((shape) => isFullyKnown(shape) && sameShape(shape, first));
    return [same ? first : null];
  },
  ToBool: scalar,
  ShardedFilename: scalar,
  ShardedFilespec: scalar,
};
