// What runs beside the steps of a monitored session (`tf.train.Coordinator` and `QueueRunner`): loops that end together,
// when one of them fails or the session is closed. What made them end is kept for who asks.
import { CancelledError, OutOfRangeError } from "../../errors/index.js";
import type { Graph } from "../graph.js";
import type { Operation, Output } from "../output.js";
import type { Session } from "../session.js";
import { GraphKeys } from "../variable.js";

/** Ops that fill a queue, each in a loop of its own; the same op several times for several loops. */
export class QueueRunner {
  /** Run when all loops have come to their end. */
  readonly closeOp: Operation;
  /** Run when they are told to stop: wakes who waits at the queue. */
  readonly cancelOp: Operation;

  /** @param queue the handle that an op of a queue gives */
  constructor(
    queue: Output,
    readonly enqueueOps: readonly Operation[],
  ) {
    const name = `${queue.node.name.split("/").at(-1)}_Close`;
    const close = (cancelPendingEnqueues: boolean) =>
      queue.graph.ops.queueCloseV2(queue, { cancelPendingEnqueues, name });
    this.closeOp = close(false);
    this.cancelOp = close(true);
  }
}

/** Monitored sessions of the graph run it, and who calls `startQueueRunners`. */
export const addQueueRunner = (graph: Graph, runner: QueueRunner): void =>
  graph.addToCollection(GraphKeys.QUEUE_RUNNERS, runner);

export class Coordinator {
  readonly #stopping = new AbortController();
  readonly #ending = new AbortController();
  readonly #work = new Set<Promise<void>>();
  #error: unknown;

  /** Aborted when all are to stop. */
  get stopping(): AbortSignal {
    return this.#stopping.signal;
  }

  get shouldStop(): boolean {
    return this.stopping.aborted;
  }

  /** What the first one that failed threw. */
  get error(): unknown {
    return this.#error;
  }

  /** @param error why, if something went wrong; only the first counts */
  requestStop(error?: unknown): void {
    if (this.shouldStop) return;
    this.#error = error;
    this.#stopping.abort();
  }

  /** Runs along; what it throws stops the others too. @param work stops when `stopping` says so, gives up when `ending` does */
  start(work: (ending: AbortSignal) => Promise<void>): void {
    const running = work(this.#ending.signal)
      .catch((error) => this.requestStop(error))
      .finally(() => this.#work.delete(running));
    this.#work.add(running);
  }

  /** Waits for all that was started, and makes it end after a while. */
  async join(graceMs: number): Promise<void> {
    this.requestStop();
    const timer = setTimeout(() => this.#ending.abort(), graceMs);
    while (this.#work.size > 0) await Promise.all(this.#work);
    clearTimeout(timer);
  }
}

/** Runs all queue runners of the session's graph. */
export function startQueueRunners(session: Session, coordinator: Coordinator): void {
  const runners = session.graph.collection<QueueRunner>(GraphKeys.QUEUE_RUNNERS);
  for (const runner of runners) startQueueRunner(runner, session, coordinator);
}

/** Runs the loops of a queue runner until its queue is closed or the coordinator says stop. */
export function startQueueRunner(runner: QueueRunner, session: Session, coordinator: Coordinator): void {
  let running = runner.enqueueOps.length;
  for (const op of runner.enqueueOps) {
    coordinator.start(async (signal) => {
      try {
        while (!coordinator.shouldStop) await session.run(op, [], { signal });
      } catch (error) {
        if (coordinator.shouldStop) return;
        if (!(error instanceof OutOfRangeError || error instanceof CancelledError)) throw error;
        // Another runner of the queue may have closed it.
        if (--running === 0) await session.run(runner.closeOp, [], { signal }).catch(() => {});
      }
    });
  }
  coordinator.start(async (signal) => {
    await new Promise<void>((resolve) => {
      if (coordinator.shouldStop) resolve();
      else coordinator.stopping.addEventListener("abort", () => resolve(), { once: true });
    });
    // The session may be what failed.
    await session.run(runner.cancelOp, [], { signal }).catch(() => {});
  });
}
