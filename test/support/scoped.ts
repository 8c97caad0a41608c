// Tests that open things: whatever becomes of them, what they keep is closed, last first.
import { test } from "./suite.js";

export function scoped(
  name: string,
  body: (keep: <T extends AsyncDisposable>(opened: T) => T, signal: AbortSignal) => Promise<void>,
): void {
  test(name, async (signal) => {
    const opened: AsyncDisposable[] = [];
    try {
      await body((one) => {
        opened.push(one);
        return one;
      }, signal);
    } finally {
      const ends = [];
      for (const one of opened.reverse()) ends.push(...(await Promise.allSettled([one[Symbol.asyncDispose]()])));
      for (const end of ends) if (end.status === "rejected") await Promise.reject(end.reason);
    }
  });
}

export const notReached = (): never => {
  throw new Error("the step should have failed");
};
