// The other tasks of a cluster as this task talks to them: whom a master runs graphs on, and where a step's tensors
// come from. Which road they take is chosen by who implements it; it must not be known here.
import type { CollectivePeer } from "../collective/peer.js";
import type { CancellationSignal } from "../kernel/cancellation.js";
import type { Tensor } from "../tensor/tensor.js";
import type { ClusterDef } from "../wire/core.js";
import type { WorkerInterface } from "./worker-interface.js";

/**
 * What a peer sent, as a `Received` is given it.
 * @param beganMs when it was on its way: before, the peer had to make it
 */
export type Arrived = (error: Error | null, tensor: Tensor | null, dead: boolean, beganMs: number) => void;

/** Brings tensors of one other task here. */
export interface PeerTransfer {
  /**
   * Asks for a tensor of a step; `arrived` is called once, after a cancellation with its reason. Several may be under
   * way at once.
   */
  receive(stepId: bigint, key: string, signal: CancellationSignal, arrived: Arrived): void;
}

export interface Peer {
  readonly worker: WorkerInterface;
  readonly transfer: PeerTransfer;
  readonly collectives: CollectivePeer;
}

/** By task name (`/job:ps/replica:0/task:0`), in the order of the names. */
export type Peers = ReadonlyMap<string, Peer>;

/** A cluster in use: its other tasks, until it is left. */
export interface Membership {
  readonly peers: Peers;
  /** Connections that no other cluster uses are closed. */
  readonly leave: () => void;
}

/** @throws InvalidArgumentError for what can't be an address */
export type Connect = (cluster: ClusterDef, ownTask: string) => Membership;

/** A task that is alone has nobody to talk to. */
export const noPeers: Connect = () => ({ peers: new Map(), leave() {} });
