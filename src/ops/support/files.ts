// What ops over files share: the step's files, and a call that stays open while it waits for them.
import { InvalidArgumentError, UnimplementedError } from "../../errors/index.js";
import type { Check } from "../../io/byte-stream.js";
import type { FileSystem } from "../../io/file-system.js";
import { type Activation, type KernelStep, PENDING, type Status } from "../../kernel/kernel.js";
import { shapeString } from "../../tensor/shape.js";
import type { Tensor } from "../../tensor/tensor.js";
import { tooMuchText } from "./text-room.js";

export function filesOf(step: KernelStep): FileSystem {
  if (step.files === null) throw new UnimplementedError("There is no file system here");
  return step.files;
}

/** @throws InvalidArgumentError for what isn't one value */
export function scalar(tensor: Tensor, what: string): Tensor {
  if (tensor.shape.length === 0) return tensor;
  throw new InvalidArgumentError(`${what} must be scalar, but had shape: ${shapeString(tensor.shape)}`);
}

/** Leaves the call open while `work` waits for files. */
export function pending(step: KernelStep, work: (call: Activation, check: () => void) => Promise<void>): Status {
  const call = step.suspend();
  const check = () => {
    if (call.cancellation.reason !== null) throw call.cancellation.reason;
  };
  work(call, check).then(
    () => call.done(),
    (error) => call.fail(error),
  );
  return PENDING;
}

/** A check for reading texts: what is read only counts as memory once it is a tensor, so it is looked at on the way. */
export function withinMemory({ device }: KernelStep, check: () => void): Check {
  const { room } = device.allocator;
  return (held) => {
    check();
    if (held > room) throw tooMuchText(device, held);
  };
}
