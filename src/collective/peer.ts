// What collectives ask of another task. `rpc/` asks it by WorkerService.
import type { DeviceAttributes } from "../device/device.js";
import type { CancellationSignal } from "../kernel/cancellation.js";
import type { CollectiveRequest } from "../kernel/collective.js";

export interface GroupRequest {
  readonly groupKey: number;
  readonly groupSize: number;
  readonly deviceType: string;
  readonly collectiveType: number;
  /** Who joins. */
  readonly device: DeviceAttributes;
}

export type InstanceRequest = Pick<
  CollectiveRequest,
  "name" | "type" | "dtype" | "shape" | "groupKey" | "groupSize" | "instanceKey" | "isSource" | "subdivOffsets"
> & { readonly deviceType: string; readonly device: string };

export interface BufferRequest {
  readonly stepId: bigint;
  readonly key: string;
  readonly bytes: number;
  readonly from: DeviceAttributes;
  /** The device that asks. */
  readonly to: string;
}

export interface CollectivePeer {
  /** All devices of the group, once all have joined. */
  completeGroup(request: GroupRequest, signal: CancellationSignal): Promise<readonly DeviceAttributes[]>;
  /** The rank of a broadcast's source, −1 for other collectives. */
  completeInstance(request: InstanceRequest, signal: CancellationSignal): Promise<number>;
  /** The id of the next step of graphs with this key. */
  stepSequence(graphKey: bigint, signal: CancellationSignal): Promise<bigint>;
  /** The bytes, in pieces. */
  receiveBuffer(request: BufferRequest, signal: CancellationSignal): Promise<readonly Uint8Array[]>;
}
