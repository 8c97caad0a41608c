// The other tasks of a cluster: a channel per address, a worker on it, and the road that tensors and short calls take.
// Clusters that share an address share its connections; they are closed when the last of those clusters is left.
import { checkAddress, deviceNameOfTask } from "../cluster/server-def.js";
import type { CollectivePeer } from "../collective/peer.js";
import type { Allocator } from "../memory/allocator.js";
import { GrpcChannel } from "../transport/grpc-channel.js";
import type { KeepAlive } from "../transport/keep-alive.js";
import type { Tls } from "../transport/tls.js";
import type { Connect, Peer, PeerTransfer } from "../worker/peers.js";
import { remoteCollectives } from "./collective-peer.js";
import { DataLink } from "./data-link.js";
import { probing } from "./probe.js";
import { grpcTransfer } from "./recv-tensor.js";
import { remoteWorker } from "./remote-worker.js";
import { type Calls, grpcCalls } from "./unary.js";

export interface ConnectionOptions {
  /** Where tensors of other tasks go. */
  readonly allocator: Allocator;
  /** Whether tasks that can are asked for a data connection; RecvTensor alone otherwise. */
  readonly dataConnection: boolean;
  readonly now: () => number;
  /** Milliseconds since 1970. */
  readonly wallClock: () => number;
  /** When a task that says nothing counts as gone. */
  readonly keepAlive: KeepAlive;
  /** How all of them are talked to. */
  readonly tls: Tls | null;
}

/** What leads to an address, and how many clusters in use name it. */
interface Road {
  readonly channel: GrpcChannel;
  readonly link: DataLink | null;
  /** The link, or gRPC alone. */
  readonly way: PeerTransfer & Calls;
  readonly collectives: CollectivePeer;
  members: number;
}

export class Connections {
  readonly #roads = new Map<string, Road>();

  constructor(readonly options: ConnectionOptions) {}

  readonly connect: Connect = (cluster, ownTask) => {
    const addresses = new Map<string, string>();
    for (const { name, tasks } of cluster.job) {
      for (const [index, address] of tasks) addresses.set(deviceNameOfTask(name, index), address);
    }
    addresses.delete(ownTask);
    // All are checked before one is taken.
    for (const address of addresses.values()) checkAddress(address);
    const peers = [...addresses].map(([task, address]): [string, Peer] => {
      const { way, collectives } = this.#take(address);
      const worker = remoteWorker(task, way, this.options.allocator);
      return [task, { worker, transfer: way, collectives }];
    });
    const leave = () => {
      for (const address of addresses.values()) this.#give(address);
      addresses.clear();
    };
    return { peers: new Map(peers.sort(([a], [b]) => (a < b ? -1 : 1))), leave };
  };

  /** Addresses that are connected, or will be when they are first talked to. */
  get size(): number {
    return this.#roads.size;
  }

  /** Data connections that are open. */
  get openLinks(): number {
    return [...this.#roads.values()].filter(({ link }) => link?.open).length;
  }

  close(): void {
    for (const road of this.#roads.values()) closeRoad(road);
    this.#roads.clear();
  }

  #take(address: string): Road {
    const road = this.#roads.get(address) ?? this.#build(address);
    road.members++;
    return road;
  }

  #give(address: string): void {
    const road = this.#roads.get(address);
    if (road === undefined || --road.members > 0) return;
    this.#roads.delete(address);
    closeRoad(road);
  }

  #build(address: string): Road {
    const { allocator, dataConnection, now, keepAlive, tls } = this.options;
    const channel = new GrpcChannel(address, probing(keepAlive), tls);
    const plain = { ...grpcTransfer(channel, this.options), ...grpcCalls(channel) };
    const link = dataConnection ? new DataLink(channel, allocator, plain, now, keepAlive) : null;
    const way = link ?? plain;
    const road = { channel, link, way, collectives: remoteCollectives(way), members: 0 };
    this.#roads.set(address, road);
    return road;
  }
}

function closeRoad({ link, channel }: Road): void {
  link?.close();
  channel.close();
}
