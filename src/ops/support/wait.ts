// Kernels that wait for something outside their step: the call stays open until it is told, or its step is cancelled.
import { type Activation, type KernelStep, PENDING, type Status } from "../../kernel/kernel.js";
import type { StopWaiting } from "../../resources/queue.js";

type Finish = (error: unknown) => void;

/** @param start begins to wait: finishes the call through its second argument, at once or later */
export function suspendUntil(step: KernelStep, start: (open: Activation, finish: Finish) => StopWaiting): Status {
  const open = step.suspend();
  let finished = false;
  let onCancel: ((reason: Error) => void) | null = null;
  const stop = start(open, (error) => {
    finished = true;
    if (onCancel !== null) open.cancellation.remove(onCancel);
    if (error === null) open.done();
    else open.fail(error);
  });
  if (stop !== null && !finished) {
    onCancel = stop;
    open.cancellation.add(onCancel);
  }
  return PENDING;
}

/** The same as a promise, for calls that wait for files as well. @param start calls back with what it waited for */
export function waitFor<T>(
  { cancellation }: KernelStep,
  start: (done: (error: Error | null, found: T) => void) => StopWaiting,
): Promise<T> {
  return new Promise((resolve, reject) => {
    if (cancellation.reason !== null) throw cancellation.reason;
    let finished = false;
    let onCancel: ((reason: Error) => void) | null = null;
    const stop = start((error, found) => {
      finished = true;
      if (onCancel !== null) cancellation.remove(onCancel);
      if (error === null) resolve(found);
      else reject(error);
    });
    if (stop !== null && !finished) {
      onCancel = stop;
      cancellation.add(onCancel);
    }
  });
}
