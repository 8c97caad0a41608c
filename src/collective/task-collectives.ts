// All that a task knows of collectives: groups and instances, ids of steps, the devices that take part and the peers that
// have the others. One for each server; steps get theirs from it.
import type { DeviceAttributes } from "../device/device.js";
import { InternalError, type OpError } from "../errors/index.js";
import type { Cancellation } from "../kernel/cancellation.js";
import type { CollectivePeer } from "./peer.js";
import { CollectiveResolver } from "./resolver.js";
import { StepCollectives } from "./step-collectives.js";
import { StepSequences } from "./step-sequences.js";

export interface TaskCollectivesOptions {
  /** `/job:worker/replica:0/task:0` */
  readonly task: string;
  /** The task that knows all groups; `""` when every task does so for itself. */
  readonly leader: string;
  readonly devices: readonly DeviceAttributes[];
  readonly peerOf: (task: string) => CollectivePeer | undefined;
  readonly newStepId: () => bigint;
}

export class TaskCollectives {
  readonly resolver: CollectiveResolver;
  readonly sequences: StepSequences;

  constructor(readonly options: TaskCollectivesOptions) {
    const { task, leader, newStepId } = options;
    // A leader that isn't there fails who asks it, not the task.
    const asked = leader === "" || leader === task ? null : () => this.peer(leader);
    this.resolver = new CollectiveResolver(asked);
    this.sequences = new StepSequences(asked, newStepId);
  }

  get name(): string {
    return this.options.task;
  }

  device(name: string): DeviceAttributes {
    const found = this.options.devices.find((device) => device.name === name);
    if (found === undefined) throw new InternalError(`${name} is no device of ${this.name}`);
    return found;
  }

  /** @throws InternalError */
  peer(task: string): CollectivePeer {
    const peer = this.options.peerOf(task);
    if (peer === undefined) throw new InternalError(`No worker known as ${task}`);
    return peer;
  }

  forStep(stepId: bigint, cancellation: Cancellation): StepCollectives {
    return new StepCollectives(this, stepId, cancellation);
  }

  close(reason: OpError): void {
    this.resolver.abort(reason);
  }
}
