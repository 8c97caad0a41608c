// The collectives of one step on one task (TensorFlow's CollectiveExecutor): resolves who takes part, runs the algorithm,
// brings bytes from member to member. What fails one fails all, here and at the peers that wait for its bytes.
import { CancelledError, DeadlineExceededError, InternalError, type OpError, toOpError } from "../errors/index.js";
import { Cancellation } from "../kernel/cancellation.js";
import * as kernel from "../kernel/collective.js";
import type { KernelDevice } from "../kernel/kernel.js";
import type { Heap } from "../memory/heap.js";
import { LONGEST_TIMER_MS } from "../platform/timers.js";
import { BufRendezvous } from "./buf-rendezvous.js";
import type { Part } from "./exchange.js";
import { type Group, offsetsFor, ringsOf } from "./ranks.js";
import type { Instance } from "./resolver.js";
import { ringGather, ringReduce } from "./ring.js";
import type { TaskCollectives } from "./task-collectives.js";
import { broadcast } from "./tree.js";

interface Resolved extends kernel.ResolvedCollective {
  readonly group: Group;
  readonly instance: Instance;
}

export class StepCollectives implements kernel.StepCollectives {
  readonly buffers = new BufRendezvous();
  /** Ends RecvBuf calls. */
  readonly #calls = new Cancellation();
  #error: OpError | null = null;

  constructor(
    readonly task: TaskCollectives,
    readonly stepId: bigint,
    /** The step's. */
    readonly cancellation: Cancellation,
  ) {
    cancellation.add((reason) => {
      this.buffers.cancelLocal();
      this.#calls.cancel(reason);
    });
  }

  resolve(request: kernel.CollectiveRequest, device: KernelDevice): Promise<Resolved> {
    const { resolver } = this.task;
    const { groupKey, groupSize, type: collectiveType, timeoutMs } = request;
    return this.#guard(timeoutMs, "Collective has timed out waiting for other workers.", async () => {
      const attributes = this.task.device(device.name);
      const deviceType = device.type;
      const group = await resolver.completeGroup(
        { groupKey, groupSize, deviceType, collectiveType, device: attributes },
        this.cancellation,
      );
      const instance = await resolver.completeInstance(
        { ...request, deviceType, device: device.name },
        group,
        this.cancellation,
      );
      return { request, group, instance };
    });
  }

  rankOf(resolved: kernel.ResolvedCollective, device: KernelDevice): number {
    return (resolved as Resolved).group.members.findIndex((member) => member.device.name === device.name);
  }

  run(resolved: kernel.ResolvedCollective, work: kernel.CollectiveWork): Promise<void> {
    const { request, group, instance } = resolved as Resolved;
    const { output, combine, device } = work;
    const part: Part = {
      group,
      own: this.rankOf(resolved, device),
      execKey: `${request.groupKey}:${request.instanceKey}:${work.frameIter}`,
      output,
      combine,
      scratch: (elements) => work.allocate(output.dtype, [elements]),
      exchange: {
        send: (key, at, bytes) => this.#send(key, at, bytes),
        receive: (from, key, at, bytes) => this.#receive(group, from, device, key, at, bytes),
        failed: (error) => this.#failed(error),
      },
    };
    return this.#guard(request.timeoutMs, "Collective has timed out during execution.", () => {
      if (request.type === kernel.CollectiveType.BROADCAST) return broadcast(part, instance.sourceRank);
      if (request.type === kernel.CollectiveType.GATHER) return ringGather(part, ringsOf(group, [0]));
      const { subdivOffsets } = instance;
      const offsets = subdivOffsets.length > 0 ? subdivOffsets : offsetsFor(request, group);
      return ringReduce(part, ringsOf(group, offsets));
    });
  }

  abort(error: Error): void {
    if (this.#error !== null) return;
    const failure = toOpError(error);
    const text =
      `Collective ops is aborted by: ${failure.message}\nThe error could be from a previous operation. Restart your ` +
      "program to reset.";
    this.#error = failure.withMessage(text).asDerived();
    this.task.resolver.abort(this.#error);
    this.buffers.abort(this.#error);
    this.#calls.cancel(this.#error);
  }

  /** The step is over: who still waits for bytes of it waits in vain. */
  close(): void {
    this.buffers.abort(new InternalError("Delete called on non-empty BufRendezvous"));
    this.#calls.cancel(new CancelledError(`Cleanup ${this.stepId}`));
  }

  /** @param late what is said when it takes longer than it may */
  async #guard<T>(timeoutMs: number, late: string, work: () => Promise<T>): Promise<T> {
    let expired: OpError | null = null;
    const expire = () => {
      expired = new DeadlineExceededError(late);
      this.abort(expired);
    };
    const timer = timeoutMs > 0 && timeoutMs <= LONGEST_TIMER_MS ? setTimeout(expire, timeoutMs) : undefined;
    try {
      return await work();
    } catch (error) {
      if (expired !== null) throw expired;
      this.#failed(error);
      throw this.#error ?? error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** A failure ends the other collectives; a step that was cancelled ends by itself. */
  #failed(error: unknown): void {
    if (this.cancellation.reason === null) this.abort(toOpError(error));
  }

  #send(key: string, at: number, bytes: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.buffers.provide(key, at, bytes, (error) => (error === null ? resolve() : reject(error)));
    });
  }

  async #receive(
    { members }: Group,
    index: number,
    { heap, name }: KernelDevice,
    key: string,
    at: number,
    bytes: number,
  ): Promise<void> {
    const from = members[index]!;
    if (from.task === this.task.name) return this.#copy(heap, key, at, bytes);
    const pieces = await this.task
      .peer(from.task)
      .receiveBuffer({ stepId: this.stepId, key, bytes, from: from.device, to: name }, this.#calls);
    checkSize(
      pieces.reduce((sum, piece) => sum + piece.length, 0),
      bytes,
    );
    let end = at;
    for (const piece of pieces) {
      heap.u8.set(piece, end);
      end += piece.length;
    }
  }

  #copy(heap: Heap, key: string, at: number, bytes: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.buffers.consume(key, true, (error, from, given) => {
        if (error !== null) {
          reject(error);
          return;
        }
        try {
          checkSize(given, bytes);
          heap.u8.copyWithin(at, from, from + bytes);
          resolve();
        } catch (wrong) {
          reject(wrong);
        }
      });
    });
  }
}

function checkSize(given: number, expected: number): void {
  if (given === expected) return;
  throw new InternalError(`Tensor Size Mismatch: RecvBufResponse returned ${given} bytes, expected: ${expected}`);
}
