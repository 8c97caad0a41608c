// The other tasks of a cluster: a channel per address, a worker on it, and the road that tensors take from there.
// Clusters that share an address share its connections. All of them are closed together.
import { checkAddress, deviceNameOfTask } from "../cluster/server-def.js";
import type { Allocator } from "../memory/allocator.js";
import { Channels, type GrpcChannel } from "../transport/grpc-channel.js";
import type { KeepAlive } from "../transport/keep-alive.js";
import type { Connect, Peer, PeerTransfer } from "../worker/peers.js";
import { DataLink } from "./data-link.js";
import { probing } from "./probe.js";
import { grpcTransfer } from "./recv-tensor.js";
import { remoteWorker } from "./remote-worker.js";

export interface ConnectionOptions {
  /** Where tensors of other tasks go. */
  readonly allocator: Allocator;
  /** Whether tasks that can are asked for a data connection; RecvTensor alone otherwise. */
  readonly dataConnection: boolean;
  readonly now: () => number;
  /** When a task that says nothing counts as gone. */
  readonly keepAlive: KeepAlive;
}

export class Connections {
  readonly #channels: Channels;
  readonly #links = new Map<GrpcChannel, DataLink>();

  constructor(readonly options: ConnectionOptions) {
    this.#channels = new Channels(probing(options.keepAlive));
  }

  readonly connect: Connect = (cluster, ownTask) => {
    const { allocator } = this.options;
    const peers: [string, Peer][] = [];
    for (const { name, tasks } of cluster.job) {
      for (const [index, address] of tasks) {
        const task = deviceNameOfTask(name, index);
        if (task === ownTask) continue;
        checkAddress(address);
        const channel = this.#channels.get(address);
        peers.push([task, { worker: remoteWorker(task, channel, allocator), transfer: this.#transfer(channel) }]);
      }
    }
    return new Map(peers.sort(([a], [b]) => (a < b ? -1 : 1)));
  };

  /** Data connections that are open. */
  get openLinks(): number {
    return [...this.#links.values()].filter(({ open }) => open).length;
  }

  close(): void {
    for (const link of this.#links.values()) link.close();
    this.#channels.close();
  }

  #transfer(channel: GrpcChannel): PeerTransfer {
    const { allocator, dataConnection, now, keepAlive } = this.options;
    const plain = grpcTransfer(channel, allocator);
    if (!dataConnection) return plain;
    let link = this.#links.get(channel);
    if (link === undefined) {
      link = new DataLink(channel, allocator, plain, now, keepAlive);
      this.#links.set(channel, link);
    }
    return link;
  }
}
