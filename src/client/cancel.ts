// An AbortSignal and a deadline as a call's cancellation.
import { CancelledError, DeadlineExceededError } from "../errors/index.js";
import { Cancellation } from "../kernel/cancellation.js";
import { LONGEST_TIMER_MS } from "../platform/timers.js";

/** @param timeoutMs 0 for none. @throws CancelledError when it was aborted, DeadlineExceededError when it took too long */
export async function cancellable<T>(
  signal: AbortSignal | undefined,
  timeoutMs: number,
  work: (cancellation: Cancellation) => Promise<T>,
): Promise<T> {
  const cancellation = new Cancellation();
  const abort = () => cancellation.cancel(reasonOf(signal!));
  if (signal?.aborted) throw reasonOf(signal);
  const late = () => cancellation.cancel(new DeadlineExceededError("Deadline Exceeded"));
  // A step of this process may have nothing that keeps the process alive, and the timer of `AbortSignal.timeout` doesn't.
  const alive = signal === undefined ? undefined : setInterval(() => {}, LONGEST_TIMER_MS);
  const timer = timeoutMs > 0 ? setTimeout(late, timeoutMs) : undefined;
  signal?.addEventListener("abort", abort, { once: true });
  try {
    return await work(cancellation);
  } finally {
    clearTimeout(timer);
    clearInterval(alive);
    signal?.removeEventListener("abort", abort);
  }
}

/** Stops waiting when it is cancelled; what is waited for goes on. */
export function waitFor<T>(promise: Promise<T>, cancellation: Cancellation): Promise<T> {
  return new Promise((resolve, reject) => {
    cancellation.add(reject);
    promise.then(resolve, reject).finally(() => cancellation.remove(reject));
  });
}

const reasonOf = ({ reason }: AbortSignal): Error =>
  reason instanceof Error && reason.name === "TimeoutError"
    ? new DeadlineExceededError("Deadline Exceeded", { cause: reason })
    : new CancelledError("The call was cancelled by its caller", { cause: reason });
