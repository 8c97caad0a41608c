// The other tasks of a cluster: a channel per address, a worker on it, and the road that tensors take from there.
// Clusters that share an address share its connections. All of them are closed together.
import { checkAddress, deviceNameOfTask } from "../cluster/server-def.js";
import type { Allocator } from "../memory/allocator.js";
import { Channels, type GrpcChannel } from "../transport/grpc-channel.js";
import type { Connect, Peer, PeerTransfer } from "../worker/peers.js";
import { DataLink } from "./data-link.js";
import { grpcTransfer } from "./recv-tensor.js";
import { remoteWorker } from "./remote-worker.js";

/** One kernel may keep a task of this package from answering for seconds; one that is silent for longer has stopped. */
const PROBE = { path: "/tensorflow.WorkerService/GetStatus", afterMs: 5_000, timeoutMs: 30_000 };

export interface ConnectionOptions {
  /** Where tensors of other tasks go. */
  readonly allocator: Allocator;
  /** Whether tasks that can are asked for a data connection; RecvTensor alone otherwise. */
  readonly dataConnection: boolean;
  readonly now: () => number;
}

export class Connections {
  readonly #channels = new Channels(PROBE);
  readonly #links = new Map<GrpcChannel, DataLink>();

  constructor(readonly options: ConnectionOptions) {}

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
    const { allocator, dataConnection, now } = this.options;
    const plain = grpcTransfer(channel, allocator);
    if (!dataConnection) return plain;
    let link = this.#links.get(channel);
    if (link === undefined) {
      link = new DataLink(channel, allocator, plain, now);
      this.#links.set(channel, link);
    }
    return link;
  }
}
