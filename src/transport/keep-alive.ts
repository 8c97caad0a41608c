// When a peer that says nothing counts as gone. Both ends of a connection watch the other: who asks, so that its calls
// end; who answers, so that what was begun for the other ends.

export interface KeepAlive {
  /** Silence after which a peer is asked whether it lives. */
  readonly timeMs: number;
  /** How long it may take to answer that. */
  readonly timeoutMs: number;
}

/** What is said of a peer that didn't answer. */
export const SILENT = "keepalive watchdog timeout";

/** One kernel may keep a task of this package from answering for seconds; one that is silent for longer has stopped. */
export const KEEP_ALIVE: KeepAlive = { timeMs: 5_000, timeoutMs: 30_000 };
