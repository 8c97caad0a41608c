// A while of waiting that a signal ends.
import { cancellable, waitFor } from "../cancel.js";

/** @throws CancelledError when it was aborted, DeadlineExceededError for a signal of `AbortSignal.timeout` */
export function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const passed = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  return cancellable(signal, 0, (cancellation) => waitFor(passed, cancellation)).finally(() => clearTimeout(timer));
}
