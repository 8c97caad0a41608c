// The other tasks of a cluster over gRPC: a channel per address, a worker and a transfer on each. Clusters that share
// an address share its channel.
import { checkAddress, deviceNameOfTask } from "../cluster/server-def.js";
import type { Allocator } from "../memory/allocator.js";
import type { Channels } from "../transport/grpc-channel.js";
import type { Connect, Peer } from "../worker/peers.js";
import { grpcTransfer } from "./recv-tensor.js";
import { remoteWorker } from "./remote-worker.js";

/** @param allocator where tensors of other tasks go */
export function connectWith(channels: Channels, allocator: Allocator): Connect {
  return (cluster, ownTask) => {
    const peers: [string, Peer][] = [];
    for (const { name, tasks } of cluster.job) {
      for (const [index, address] of tasks) {
        const task = deviceNameOfTask(name, index);
        if (task === ownTask) continue;
        checkAddress(address);
        const channel = channels.get(address);
        peers.push([
          task,
          { worker: remoteWorker(task, channel, allocator), transfer: grpcTransfer(channel, allocator) },
        ]);
      }
    }
    return new Map(peers.sort(([a], [b]) => (a < b ? -1 : 1)));
  };
}
