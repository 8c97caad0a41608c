// Who takes part in which collective (TensorFlow's CollectiveParamResolver). The group leader knows by who asks it; the
// other tasks ask the leader once and remember. Nothing is forgotten, as in TensorFlow: a group stays what it was, and an
// error that ended one collective ends all until the task starts anew.
import type { DeviceAttributes } from "../device/device.js";
import {
  CancelledError,
  FailedPreconditionError,
  InternalError,
  InvalidArgumentError,
  type OpError,
  ResourceExhaustedError,
} from "../errors/index.js";
import { Cancellation, type CancellationSignal } from "../kernel/cancellation.js";
import { CollectiveType } from "../kernel/collective.js";
import { sameShape, shapeString } from "../tensor/shape.js";
import type { CollectivePeer, GroupRequest, InstanceRequest } from "./peer.js";
import { checkFullName, type Group, groupOf } from "./ranks.js";
import { underBoth, Waiters } from "./waiting.js";

interface GroupRecord {
  readonly size: number;
  readonly deviceType: string;
  readonly devices: Map<string, DeviceAttributes>;
  readonly waiters: Waiters<Group>;
  /** Once it is complete. */
  group: Group | null;
  error: OpError | null;
}

interface InstanceRecord {
  readonly request: InstanceRequest;
  /** Members of a broadcast that have come; `null` when the leader says that all have. */
  known: Set<number> | null;
  sourceRank: number;
  readonly waiters: Waiters<number>;
  error: OpError | null;
}

/** What the members of a collective agreed on. */
export interface Instance {
  /** As the first of this task asked. */
  readonly subdivOffsets: readonly number[];
  readonly sourceRank: number;
}

/** More than any cluster has, few enough to fit in memory: who asks may be anybody. */
const MOST_GROUPS = 10_000;
const MOST_INSTANCES = 100_000;
/** Members of a group, and requests that wait for one. */
const MOST_MEMBERS = 10_000;

export class CollectiveResolver {
  readonly #groups = new Map<number, GroupRecord>();
  readonly #instances = new Map<string, InstanceRecord>();
  /** Requests to the leader that are under way. */
  readonly #asking = new Cancellation();
  #aborted: OpError | null = null;

  /** @param leader `null` when this task leads */
  constructor(readonly leader: (() => CollectivePeer) | null) {}

  /** Waits for all members. A member here that is cancelled before all have come cancels the group. */
  async completeGroup(request: GroupRequest, signal: CancellationSignal): Promise<Group> {
    await this.#learnGroup(request, signal);
    return this.#join(request, signal, () => this.#cancelGroup(request.groupKey));
  }

  /** The same for a member of another task: its going away changes nothing. */
  async completeGroupFor(request: GroupRequest, signal: CancellationSignal): Promise<Group> {
    checkFullName(request.device.name);
    await this.#learnGroup(request, signal);
    return this.#join(request, signal, () => {});
  }

  async completeInstance(request: InstanceRequest, group: Group, signal: CancellationSignal): Promise<Instance> {
    const key = keyOf(request);
    if (this.leader !== null && !this.#instances.has(key)) {
      const sourceRank = await this.#ask(signal, (leader, either) => leader.completeInstance(request, either));
      this.#learnInstance(key, request, sourceRank);
    }
    return this.#enter(key, request, group, signal);
  }

  /** The same for a member of another task, whose group has to be known. */
  async completeInstanceFor(request: InstanceRequest, signal: CancellationSignal): Promise<Instance> {
    const { groupKey } = request;
    const record = this.#groups.get(groupKey);
    const lost = (what: string) =>
      new FailedPreconditionError(`group ${groupKey} ${what}. This normally means the server has restarted`);
    if (record === undefined) throw lost("not found");
    if (record.error !== null) throw record.error;
    if (record.group === null) throw lost("failed to resolve");
    return this.completeInstance(request, record.group, signal);
  }

  /** Ends all that wait, and all that will be asked. */
  abort(error: OpError): void {
    if (this.#aborted !== null) return;
    this.#aborted = error;
    for (const record of [...this.#groups.values(), ...this.#instances.values()]) {
      record.error = error;
      record.waiters.reject(error);
    }
    this.#asking.cancel(error);
  }

  async #learnGroup(request: GroupRequest, signal: CancellationSignal): Promise<void> {
    const { groupKey, groupSize, deviceType } = request;
    if (this.leader === null || this.#groups.has(groupKey)) return;
    const devices = await this.#ask(signal, (leader, either) => leader.completeGroup(request, either));
    if (this.#groups.has(groupKey)) return;
    if (devices.length !== groupSize)
      throw new InternalError("CompleteGroupResponse group_size doesn't match device_name list");
    for (const { name } of devices) checkFullName(name);
    const record = this.#newGroup(request);
    for (const device of devices) record.devices.set(device.name, device);
    record.group = groupOf(groupKey, deviceType, devices);
  }

  #learnInstance(key: string, request: InstanceRequest, sourceRank: number): void {
    const record = this.#instances.get(key) ?? this.#newInstance(key, request);
    if (record.error !== null) throw record.error;
    if (record.sourceRank >= 0 && record.sourceRank !== sourceRank) {
      record.error = new InternalError(
        `UpdateInstanceCache: CompleteInstanceResponse for instance ${request.instanceKey} gives source_rank=` +
          `${sourceRank} but cache already holds value=${record.sourceRank}`,
      );
      throw record.error;
    }
    record.sourceRank = sourceRank;
    record.known = null;
  }

  async #join(request: GroupRequest, signal: CancellationSignal, cancelled: () => void): Promise<Group> {
    const { device } = request;
    const record = this.#groups.get(request.groupKey) ?? this.#newGroup(request);
    if (this.#aborted !== null) throw this.#aborted;
    if (signal.reason !== null) throw new CancelledError("CompleteGroup is cancelled before it starts");
    record.error ??= refusal(record, request);
    if (record.error !== null) {
      record.waiters.reject(record.error);
      throw record.error;
    }
    if (record.devices.size >= MOST_MEMBERS || record.waiters.size >= MOST_MEMBERS)
      throw new ResourceExhaustedError("Too many members of a collective group");
    record.devices.set(device.name, device);
    if (record.group === null && record.devices.size === record.size) {
      record.group = groupOf(request.groupKey, record.deviceType, [...record.devices.values()]);
      record.waiters.resolve(record.group);
    }
    return record.group ?? record.waiters.wait(signal, cancelled);
  }

  async #enter(key: string, request: InstanceRequest, group: Group, signal: CancellationSignal): Promise<Instance> {
    const record = this.#instances.get(key) ?? this.#newInstance(key, request);
    const { type, dtype, shape, subdivOffsets } = record.request;
    const { instanceKey, device } = request;
    if (type !== request.type || dtype !== request.dtype) {
      throw new InternalError(
        `Collective instance ${instanceKey} expected type ${type} and data_type ${dtype} but got type ` +
          `${request.type} and data_type ${request.dtype}`,
      );
    }
    if (this.#aborted !== null) record.error = this.#aborted;
    if (record.error !== null) throw record.error;
    if (!sameShape(shape, request.shape)) {
      throw new InvalidArgumentError(
        `Shape mismatch in the collective instance ${instanceKey}. Op at device ${device} expected shape ` +
          `${shapeString(request.shape)} but another member in the group expected shape ${shapeString(shape)}. This is ` +
          "likely due to different input shapes at different members of the collective op.",
      );
    }
    if (type === CollectiveType.BROADCAST) await this.#awaitSource(record, request, group, signal);
    return { subdivOffsets, sourceRank: record.sourceRank };
  }

  /** A broadcast knows its source when all members have come. */
  async #awaitSource(
    record: InstanceRecord,
    { device, isSource, instanceKey }: InstanceRequest,
    { members }: Group,
    signal: CancellationSignal,
  ): Promise<void> {
    const { known } = record;
    const rank = members.findIndex((member) => member.device.name === device);
    if (rank < 0) throw new InternalError(`Device ${device} is no member of the group of instance ${instanceKey}`);
    if (known !== null && !known.has(rank)) {
      known.add(rank);
      if (isSource && record.sourceRank >= 0) {
        record.error = new InternalError(
          `Instance ${instanceKey} already has source ${record.sourceRank}, received second claim from ${rank}`,
        );
      } else if (isSource) record.sourceRank = rank;
    }
    if (known !== null && known.size < members.length) {
      await record.waiters.wait(signal);
      return;
    }
    if (record.sourceRank < 0) {
      record.error ??= new InternalError(
        `Instance ${instanceKey} found no source for broadcast.  This could mean that there were group_size=` +
          `${members.length} BcastRecvs but no BcastSend.`,
      );
    }
    if (record.error === null) {
      record.waiters.resolve(record.sourceRank);
      return;
    }
    record.waiters.reject(record.error);
    throw record.error;
  }

  #cancelGroup(key: number): void {
    const record = this.#groups.get(key)!;
    if (record.group !== null) return;
    record.error = new CancelledError("group is cancelled");
    record.waiters.reject(record.error);
  }

  async #ask<T>(
    signal: CancellationSignal,
    question: (leader: CollectivePeer, either: CancellationSignal) => Promise<T>,
  ): Promise<T> {
    if (this.#aborted !== null) throw new CancelledError("collective ops already aborted");
    return underBoth(signal, this.#asking, (either) => question(this.leader!(), either));
  }

  #newGroup({ groupKey, groupSize, deviceType }: GroupRequest): GroupRecord {
    if (this.#groups.size >= MOST_GROUPS) throw new ResourceExhaustedError("Too many collective groups");
    const record: GroupRecord = {
      size: groupSize,
      deviceType,
      devices: new Map(),
      waiters: new Waiters(),
      group: null,
      error: null,
    };
    this.#groups.set(groupKey, record);
    return record;
  }

  #newInstance(key: string, request: InstanceRequest): InstanceRecord {
    if (this.#instances.size >= MOST_INSTANCES) throw new ResourceExhaustedError("Too many collective instances");
    const record: InstanceRecord = {
      request,
      known: new Set(),
      sourceRank: -1,
      waiters: new Waiters(),
      error: null,
    };
    this.#instances.set(key, record);
    return record;
  }
}

const keyOf = ({ groupKey, instanceKey }: InstanceRequest): string => `${groupKey}:${instanceKey}`;

/** Why a device can't be a member of a group. */
function refusal({ size, deviceType, devices }: GroupRecord, request: GroupRequest): OpError | null {
  const { groupKey, groupSize, device } = request;
  if (request.deviceType !== deviceType) {
    return new InternalError(
      `Device ${device.name} is joining a group with incompatible device type${deviceType} (group_key=${groupKey})`,
    );
  }
  if (groupSize !== size) {
    return new InternalError(
      `Device ${device.name} is joining a group with size${groupSize}, but that group has size ${size} (group_key=${groupKey})`,
    );
  }
  const known = devices.get(device.name);
  if (known === undefined && devices.size === size) {
    return new InternalError(`Device ${device.name} is joining a group that is already full (group_key=${groupKey})`);
  }
  if (known !== undefined && known.incarnation !== device.incarnation) {
    return new FailedPreconditionError(
      `Device ${device.name} current incarnation doesn't match with one in the group. This usually means this worker has ` +
        "restarted but the collective leader hasn't, or this worker connects to a wrong cluster.",
    );
  }
  return null;
}
