// Mutexes' ops: what `tf.CriticalSection` is made of. A lock is a variant, and lasts as long as some edge carries it.
import { InvalidArgumentError } from "../errors/index.js";
import { DONE, type Kernel, kernel } from "../kernel/kernel.js";
import { ResourceHandle } from "../kernel/resource.js";
import { Lock, MUTEX_TYPE, Mutex } from "../resources/mutex.js";
import { DataType } from "../tensor/dtype.js";
import { shapeString } from "../tensor/shape.js";
import { Tensor } from "../tensor/tensor.js";
import { suspendUntil } from "./support/wait.js";
import { typedHandleOf } from "./variables.js";

const handle = kernel("MutexV2", "CPU", {}, (node) => {
  const container = node.string("container");
  const name = node.string("shared_name") || node.name;
  return (step) => {
    const home = container || step.resources.defaultContainer;
    const made = new ResourceHandle(step.device.name, home, name, MUTEX_TYPE, 0n);
    step.setOutput(0, Tensor.ofValues(DataType.RESOURCE, [], [made]));
    return DONE;
  };
});

/** Makes the mutex that the handle names when it is locked first. */
const lock = kernel("MutexLock", "CPU", {}, () => (step) => {
  const { container, name } = typedHandleOf(step, 0, MUTEX_TYPE);
  const mutex = step.resources.findOrCreate(container, name, MUTEX_TYPE, () => new Mutex());
  return suspendUntil(step, (open, finish) =>
    mutex.lock((error, held) => {
      if (held !== null) open.setOutput(0, Tensor.ofValues(DataType.VARIANT, [], [held]));
      finish(error);
    }),
  );
});

const consume = kernel("ConsumeMutexLock", "CPU", {}, () => (step) => {
  const { shape, values } = step.input(0);
  if (shape.length > 0)
    throw new InvalidArgumentError(`Expected input to be a scalar, saw shape: ${shapeString(shape)}`);
  const held = values?.[0];
  if (!(held instanceof Lock))
    throw new InvalidArgumentError("Expected input to contain a SharedLockReleaser object, but saw another variant");
  if (held.refs !== 1) throw new InvalidArgumentError(`Expected use count of lock to be 1, but saw: ${held.refs}`);
  return DONE;
});

export const mutexKernels: readonly Kernel[] = [handle, lock, consume];
