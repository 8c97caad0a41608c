// Constants, and ops that pass their input on.
import { InvalidArgumentError } from "../errors/index.js";
import { DONE, type Kernel, kernel } from "../kernel/kernel.js";
import { dtypeName } from "../tensor/dtype.js";
import { partialShapeString } from "../tensor/shape.js";

const constant = kernel("Const", "CPU", {}, (node) => {
  const value = node.tensor("value");
  return (step) => {
    step.setOutput(0, value.retain());
    return DONE;
  };
});

/** Input 0 goes on as output 0. */
const passes = (op: string): Kernel =>
  kernel(op, "CPU", {}, () => (step) => {
    step.forwardInput(0, 0);
    return DONE;
  });

const identityN = kernel("IdentityN", "CPU", {}, (node) => {
  const count = node.inputTypes.length;
  return (step) => {
    for (let i = 0; i < count; i++) step.forwardInput(i, i);
    return DONE;
  };
});

const placeholder = (op: string): Kernel =>
  kernel(op, "CPU", {}, (node) => {
    const shape = node.has("shape") ? node.shape("shape") : null;
    const text = shape === null ? "" : ` and shape ${partialShapeString(shape)}`;
    const dtype = dtypeName(node.type("dtype"));
    return (step) => {
      throw new InvalidArgumentError(
        `You must feed a value for placeholder tensor '${step.nodeName}' with dtype ${dtype}${text}`,
      );
    };
  });

export const basicKernels: readonly Kernel[] = [
  constant,
  identityN,
  ...[
    "Identity",
    "GuaranteeConst",
    "RefIdentity",
    "StopGradient",
    "PreventGradient",
    "Snapshot",
    "PlaceholderWithDefault",
  ].map(passes),
  ...["Placeholder", "PlaceholderV2"].map(placeholder),
];
