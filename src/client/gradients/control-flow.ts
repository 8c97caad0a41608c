// Gradients of conditions in TensorFlow's first form (Switch, Merge): the branch that was taken is the one that the
// gradient goes back through. Loops have none here yet.
import { UnimplementedError } from "../../errors/index.js";
import { forAll, type GradientFunction, type Gradients } from "./context.js";

const merge: GradientFunction = ({ ops, y, dy, x }) => {
  // The other inputs get a dead tensor, as the branches that weren't taken have.
  const taken = y[1]!;
  return x.map((_, i) => ops.switch(dy, ops.equal(taken, i)).outputTrue);
};

const choose: GradientFunction = (context) => [context.ops.merge([context.grad(0), context.grad(1)]).output];

const loop: GradientFunction = ({ node }) => {
  throw new UnimplementedError(`Gradients through while loops are not supported (operation '${node.name}')`);
};

export const controlFlowGradients: Gradients = {
  Merge: merge,
  Switch: choose,
  ...forAll(["Enter", "Exit", "NextIteration", "While", "StatelessWhile", "LoopCond"], loop),
};
