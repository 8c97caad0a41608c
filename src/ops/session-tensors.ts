// Handles to tensors that a session keeps: made by one step, used by later ones. As in TensorFlow, only sessions in process
// keep any; those of a server refuse.
import { FailedPreconditionError, InvalidArgumentError } from "../errors/index.js";
import { DONE, type Kernel, type KernelStep, kernel } from "../kernel/kernel.js";
import { ResourceHandle, type StepTensors } from "../kernel/resource.js";
import { DataType } from "../tensor/dtype.js";
import { shapeString } from "../tensor/shape.js";
import { Tensor } from "../tensor/tensor.js";
import { emitTexts, textsOf } from "./strings.js";

const HANDLE_TYPE = "TensorHandle";
const encoder = new TextEncoder();
const decoder = new TextDecoder();

function tensorsOf(step: KernelStep, op: string): StepTensors {
  if (step.tensors === null) throw new FailedPreconditionError(`${op} called on null session state`);
  return step.tensors;
}

const getHandle = (version: string): Kernel =>
  kernel(`GetSessionHandle${version}`, "CPU", {}, (node) => {
    const isResource = node.outputTypes[0] === DataType.RESOURCE;
    return (step) => {
      const tensors = tensorsOf(step, "GetSessionHandle");
      const handle = tensors.keep(node.name, step.device.name, step.takeInput(0));
      if (isResource) {
        const { defaultContainer } = step.resources;
        const made = new ResourceHandle(step.device.name, defaultContainer, handle, HANDLE_TYPE, 0n);
        step.setOutput(0, Tensor.ofValues(DataType.RESOURCE, [], [made]));
      } else emitTexts(step, 0, [], [encoder.encode(handle)]);
      return DONE;
    };
  });

function handleIn(step: KernelStep): string {
  const { shape } = step.input(0);
  if (shape.length > 0)
    throw new InvalidArgumentError(`A handle to a tensor must be a scalar, got shape ${shapeString(shape)}`);
  return decoder.decode(textsOf(step.input(0))[0]);
}

const getTensor = kernel("GetSessionTensor", "CPU", {}, () => (step) => {
  const tensors = tensorsOf(step, "GetSessionTensor");
  step.setOutput(0, tensors.find(handleIn(step)).retain());
  return DONE;
});

const deleteTensor = kernel("DeleteSessionTensor", "CPU", {}, () => (step) => {
  tensorsOf(step, "DeleteSessionTensor").delete(handleIn(step));
  return DONE;
});

export const sessionTensorKernels: readonly Kernel[] = [getHandle(""), getHandle("V2"), getTensor, deleteTensor];
