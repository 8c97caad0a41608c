// Kernels that wait for something outside their step: the call stays open until it is told, or its step is cancelled.
import { type Activation, type KernelStep, PENDING, type Status } from "../../kernel/kernel.js";
import type { StopWaiting } from "../../resources/queue.js";

type Finish = (error: unknown) => void;

/** Begins to wait, and stops when it is cancelled. @param ended told once, at once or later */
function wait<Outcome extends unknown[]>(
  { cancellation }: KernelStep,
  start: (end: (...outcome: Outcome) => void) => StopWaiting,
  ended: (...outcome: Outcome) => void,
): void {
  let finished = false;
  let onCancel: ((reason: Error) => void) | null = null;
  const stop = start((...outcome) => {
    finished = true;
    if (onCancel !== null) cancellation.remove(onCancel);
    ended(...outcome);
  });
  if (stop === null || finished) return;
  onCancel = stop;
  cancellation.add(onCancel);
}

/** @param start begins to wait: finishes the call through its second argument, at once or later */
export function suspendUntil(step: KernelStep, start: (open: Activation, finish: Finish) => StopWaiting): Status {
  const open = step.suspend();
  wait<[unknown]>(
    open,
    (finish) => start(open, finish),
    (error) => (error === null ? open.done() : open.fail(error)),
  );
  return PENDING;
}

/** The same as a promise, for calls that wait for files as well. @param start calls back with what it waited for */
export function waitFor<T>(
  step: KernelStep,
  start: (done: (error: Error | null, found: T) => void) => StopWaiting,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const { reason } = step.cancellation;
    if (reason !== null) throw reason;
    wait<[Error | null, T]>(step, start, (error, found) => (error === null ? resolve(found) : reject(error)));
  });
}
