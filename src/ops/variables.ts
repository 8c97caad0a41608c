// Variables: reference ops (VariableV2, Assign, …) and resource ops (VarHandleOp, ReadVariableOp, …).
import { FailedPreconditionError, InvalidArgumentError, NotFoundError } from "../errors/index.js";
import { DONE, type Kernel, type KernelNode, type KernelStep, kernel } from "../kernel/kernel.js";
import { ResourceHandle } from "../kernel/resource.js";
import { wrongType } from "../resources/resource-types.js";
import { VARIABLE_TYPE, Variable } from "../resources/variable.js";
import { copyTensor } from "../tensor/copy.js";
import { DataType, dtypeName } from "../tensor/dtype.js";
import { fitsPartialShape, partialShapeString, sameShape, shapeString } from "../tensor/shape.js";
import { Tensor } from "../tensor/tensor.js";
import { binaryCodes } from "./opcodes.js";
import { COMPLEX } from "./support/complex.js";
import { inPlace } from "./support/in-place.js";
import { writeInts } from "./support/index-tensor.js";
import { NARROW_FLOATS } from "./support/narrow-floats.js";

const INTS = ["int32", "int64", "uint8", "int8", "int16", "uint16", "uint32", "uint64"];
const NUMBERS = ["float", "double", ...NARROW_FLOATS, ...INTS, ...COMPLEX];

const resourceName = (node: KernelNode): string => node.string("shared_name") || node.name;

const variableV2 = (op: string): Kernel =>
  kernel(op, "CPU", {}, (node) => {
    const container = node.string("container");
    const name = resourceName(node);
    const dtype = node.type("dtype");
    let cached: Variable | null = null;
    return (step) => {
      if (cached === null || cached.dead) {
        cached = step.resources.findOrCreate(container, name, Variable.referenceType, () =>
          Variable.reference(name, dtype),
        );
      }
      step.setOutputRef(0, cached);
      return DONE;
    };
  });

/** A reference variable that lives in its step only, until DestroyTemporaryVariable takes its value. */
const temporaryVariable = kernel("TemporaryVariable", "CPU", {}, (node) => {
  const dtype = node.type("dtype");
  const shape = node.shape("shape") ?? [];
  return (step) => {
    const variable = Variable.reference(node.name, dtype);
    // Each turn of a loop has one of its own.
    step.stepResources.create(`${node.name} ${step.stepResources.nextId()}`, variable);
    variable.set(step.allocate(dtype, shape));
    step.setOutputRef(0, variable);
    return DONE;
  };
});

const destroyTemporaryVariable = kernel("DestroyTemporaryVariable", "CPU", {}, () => (step) => {
  const variable = step.inputRef(0) as Variable;
  const { value } = variable;
  if (value === null) throw new FailedPreconditionError(`Attempting to use uninitialized value ${variable.name}`);
  step.setOutput(0, value.retain());
  variable.dispose();
  return DONE;
});

const assign = kernel("Assign", "CPU", {}, (node) => {
  const validate = node.bool("validate_shape");
  return (step) => {
    const variable = step.inputRef(0) as Variable;
    const value = step.input(1);
    if (validate && variable.value !== null && !sameShape(variable.value.shape, value.shape)) {
      throw new InvalidArgumentError(
        `Assign requires shapes of both tensors to match. lhs shape= ${shapeString(variable.value.shape)} rhs shape= ${shapeString(value.shape)}`,
      );
    }
    const { value: old } = variable;
    if (old !== null && old.block !== null && value.values === null && sameShape(old.shape, value.shape)) {
      // In place: whoever reads through the reference sees the new value.
      if (old.ptr !== value.ptr) step.heap.u8.copyWithin(old.ptr, value.ptr, value.ptr + value.bytes);
    } else {
      variable.set(ownValue(step, 1));
    }
    step.setOutputRef(0, variable);
    return DONE;
  };
});

/** Takes an input as a value that nobody else holds: as it is if the step was its only holder, else a copy. */
function ownValue(step: KernelStep, index: number): Tensor {
  const tensor = step.takeInput(index);
  return tensor.exclusive || tensor.values !== null || tensor.size === 0 ? tensor : copyTensor(tensor, step.device);
}

const assignUpdate = (op: string, code: number): Kernel =>
  kernel(op, "CPU", { T: NUMBERS }, (node) => {
    const update = inPlace(node, node.inputTypes[1]!, code);
    const source = node.inputName(0);
    return (step) => {
      const variable = step.inputRef(0);
      const { value } = variable;
      if (value === null) throw new FailedPreconditionError(`Attempting to use uninitialized value ${source}`);
      const delta = step.input(1);
      if (!sameShape(value.shape, delta.shape)) {
        throw new InvalidArgumentError("Parameters and update must be the same size");
      }
      update(step, value.ptr, delta.ptr, value.size);
      step.setOutputRef(0, variable);
      return DONE;
    };
  });

const isVariableInitialized = kernel("IsVariableInitialized", "CPU", {}, () => (step) => {
  const y = step.allocateOutput(0, []);
  step.heap.u8[y.ptr] = Number(step.inputRef(0).value !== null);
  return DONE;
});

const varHandle = kernel("VarHandleOp", "CPU", {}, (node) => {
  const container = node.string("container");
  const name = resourceName(node);
  const shape = node.shape("shape");
  const dtype = node.type("dtype");
  let tensor: Tensor | null = null;
  return (step) => {
    if (tensor === null) {
      const handle = new ResourceHandle(
        step.device.name,
        container || step.resources.defaultContainer,
        name,
        VARIABLE_TYPE,
        VARIABLE_HASH,
        dtype,
        shape,
      );
      tensor = Tensor.ofValues(DataType.RESOURCE, [], [handle]);
    }
    step.setOutput(0, tensor.retain());
    return DONE;
  };
});

/** Names the C++ type in handles; peers compare it, its value is theirs to choose. */
const VARIABLE_HASH = 0n;

export function handleOf(step: KernelStep, index: number): ResourceHandle {
  const value = step.input(index).values?.[0];
  if (!(value instanceof ResourceHandle))
    throw new InvalidArgumentError(`Input ${index} of ${step.nodeName} is not a resource handle`);
  return value;
}

/** The handle on an input that must be one of a resource of this type. */
export function typedHandleOf(step: KernelStep, index: number, typeName: string): ResourceHandle {
  const handle = handleOf(step, index);
  if (handle.typeName !== typeName) throw wrongType(handle, typeName);
  return handle;
}

/**
 * The variable of a handle.
 * @throws NotFoundError for one that is missing or was never set
 * @param dtype what the op takes its value for: a graph from the network may say anything; 0 when it doesn't matter
 */
export function readVariable(step: KernelStep, index: number, dtype: DataType): Variable {
  const variable = findVariable(step, typedHandleOf(step, index, VARIABLE_TYPE));
  if (dtype !== 0 && variable.dtype !== dtype) {
    throw new InvalidArgumentError(
      `Trying to read variable with wrong dtype. Expected ${dtypeName(variable.dtype)} got ${dtypeName(dtype)}`,
    );
  }
  return variable;
}

/** @throws NotFoundError for one that is missing or was never set */
function findVariable(step: KernelStep, handle: ResourceHandle): Variable {
  const { cached } = handle;
  if (cached !== null && !cached.dead && (cached as Variable).value !== null) return cached as Variable;
  const variable = step.resources.resolve(handle) as Variable;
  if (variable.value !== null) return variable;
  throw new NotFoundError(`Resource ${handle.container}/${handle.name}/${handle.typeName} does not exist.`);
}

/** The variable's value, which only the variable holds: a copy is made first if somebody else reads it. */
export function writableValue(step: KernelStep, variable: Variable): Tensor {
  const value = variable.value!;
  if (value.exclusive || value.values !== null || value.size === 0) return value;
  const copy = copyTensor(value.retain(), step.device);
  variable.set(copy);
  return copy;
}

/** Only a read says what may be the matter. */
function readValue(step: KernelStep): Tensor {
  try {
    return readVariable(step, 0, 0).value!;
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
    const { name, container } = handleOf(step, 0);
    throw new FailedPreconditionError(
      `Could not find variable ${name}. This could mean that the variable has been deleted. In TF1, it can also mean ` +
        `the variable is uninitialized. Debug info: container=${container}, status error message=${error.message}`,
    );
  }
}

const readVariableOp = kernel("ReadVariableOp", "CPU", {}, (node) => {
  const dtype = node.type("dtype");
  return (step) => {
    const value = readValue(step);
    if (value.dtype !== dtype) {
      throw new InvalidArgumentError(
        `Trying to read variable with wrong dtype. Expected ${dtypeName(dtype)} got ${dtypeName(value.dtype)}`,
      );
    }
    step.setOutput(0, value.retain());
    return DONE;
  };
});

const assignVariable = kernel("AssignVariableOp", "CPU", {}, (node) => {
  const dtype = node.type("dtype");
  const validate = node.bool("validate_shape");
  return (step) => {
    const handle = typedHandleOf(step, 0, VARIABLE_TYPE);
    const variable = step.resources.findOrCreate(
      handle.container,
      handle.name,
      VARIABLE_TYPE,
      () => new Variable(handle.name, dtype),
    );
    if (variable.dtype !== dtype) {
      throw new InvalidArgumentError(
        `Trying to assign variable with wrong dtype. Expected ${dtypeName(variable.dtype)} got ${dtypeName(dtype)}`,
      );
    }
    const { shape } = step.input(1);
    if (validate && !fitsPartialShape(shape, handle.shape)) {
      throw new InvalidArgumentError(
        `Trying to assign to variable with tensor with wrong shape. Expected ${partialShapeString(handle.shape)} got ${shapeString(shape)}`,
      );
    }
    handle.cached = variable;
    // The value may be shared: an update copies before it writes.
    variable.set(step.takeInput(1));
    return DONE;
  };
});

const updateVariable = (op: string, code: number): Kernel =>
  kernel(op, "CPU", { dtype: NUMBERS }, (node) => {
    const dtype = node.type("dtype");
    const update = inPlace(node, dtype, code);
    return (step) => {
      const variable = readVariable(step, 0, dtype);
      const delta = step.input(1);
      if (!sameShape(variable.value!.shape, delta.shape)) {
        throw new InvalidArgumentError(
          `Cannot update variable with shape ${shapeString(variable.value!.shape)} using a Tensor with shape ${shapeString(delta.shape)}, shapes must be equal.`,
        );
      }
      const value = writableValue(step, variable);
      update(step, value.ptr, delta.ptr, value.size);
      return DONE;
    };
  });

const varIsInitialized = kernel("VarIsInitializedOp", "CPU", {}, () => (step) => {
  const handle = handleOf(step, 0);
  const found = step.resources.find(handle.container, handle.name, VARIABLE_TYPE) as Variable | null;
  const y = step.allocateOutput(0, []);
  step.heap.u8[y.ptr] = Number(found !== null && found.value !== null);
  return DONE;
});

const variableShape = kernel("VariableShape", "CPU", {}, () => (step) => {
  const { shape } = readVariable(step, 0, 0).value!;
  writeInts(step.heap, step.allocateOutput(0, [shape.length]), shape);
  return DONE;
});

const destroyResource = kernel("DestroyResourceOp", "CPU", {}, (node) => {
  const ignore = node.bool("ignore_lookup_error");
  return (step) => {
    const { container, name, typeName } = handleOf(step, 0);
    if (!step.resources.destroy(container, name, typeName) && !ignore) {
      // The op isn't told of which type the resource is.
      throw new NotFoundError(`Resource ${container}/${name}/<unknown> does not exist.`);
    }
    return DONE;
  };
});

export const variableKernels: readonly Kernel[] = [
  variableV2("VariableV2"),
  variableV2("Variable"),
  temporaryVariable,
  destroyTemporaryVariable,
  assign,
  assignUpdate("AssignAdd", binaryCodes.Add!),
  assignUpdate("AssignSub", binaryCodes.Sub!),
  isVariableInitialized,
  varHandle,
  readVariableOp,
  assignVariable,
  updateVariable("AssignAddVariableOp", binaryCodes.Add!),
  updateVariable("AssignSubVariableOp", binaryCodes.Sub!),
  varIsInitialized,
  variableShape,
  destroyResource,
];
