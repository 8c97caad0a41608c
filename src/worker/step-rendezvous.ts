// A step's rendezvous as the executors of one task see it: what is made here is met here, what another task makes is
// asked of that task. It must not know how.
import { InternalError } from "../errors/index.js";
import type { CancellationSignal } from "../kernel/cancellation.js";
import type { Received, StepRendezvous } from "../kernel/rendezvous.js";
import { taskOf } from "../placement/device-name.js";
import type { LocalRendezvous } from "../rendezvous/local.js";
import type { Tensor } from "../tensor/tensor.js";
import type { Peers } from "./peers.js";
import type { StepTrace } from "./step-trace.js";

export class PeerRendezvous implements StepRendezvous {
  readonly #own: string;

  constructor(
    readonly stepId: bigint,
    readonly local: LocalRendezvous,
    task: string,
    readonly peers: Peers,
    readonly cancellation: CancellationSignal,
    /** Told of what came from other tasks, if the step is traced. */
    readonly trace: StepTrace | null,
  ) {
    this.#own = `${task}/`;
  }

  send(key: string, tensor: Tensor, dead: boolean): void {
    this.local.send(key, tensor, dead);
  }

  receive(key: string, received: Received): void {
    if (key.startsWith(this.#own)) {
      this.local.receive(key, received);
      return;
    }
    const task = taskOf(key);
    const peer = this.peers.get(task);
    if (peer === undefined) received(new InternalError(`No worker known as ${task}`), null, false);
    else peer.transfer.receive(this.stepId, key, this.cancellation, this.trace?.arrival(key, received) ?? received);
  }

  abort(error: () => Error): void {
    this.local.abort(error);
  }
}
