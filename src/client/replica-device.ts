// `tf.compat.v1.train.replica_device_setter`: where ops go in between-graph replication. Variables go to the parameter
// servers, in turn unless a strategy says otherwise, all else to the worker. Gives a function for `graph.device`.
import { type ClusterLike, ClusterSpec } from "../cluster/cluster-spec.js";
import { formatDeviceSpec } from "../placement/device-name.js";
import type { Operation } from "./output.js";
import { type DeviceFunction, mergeDevices, parseDevice } from "./scopes.js";

export interface ReplicaDeviceOptions {
  /** How many parameter servers there are; those of the cluster when that is given. */
  readonly psTasks?: number;
  /** `/job:ps` unless told otherwise. */
  readonly psDevice?: string;
  /** `/job:worker` unless told otherwise: `/job:worker/task:1`. */
  readonly workerDevice?: string;
  readonly cluster?: ClusterLike;
  /** Types of the ops that go to parameter servers. */
  readonly psOps?: readonly string[];
  /** The task of the parameter server for such an op. */
  readonly psStrategy?: (operation: Operation) => number;
}

/** What holds state that all replicas share. */
export const STANDARD_PS_OPS: readonly string[] = [
  "Variable",
  "VariableV2",
  "AutoReloadVariable",
  "MutableHashTable",
  "MutableHashTableV2",
  "MutableHashTableOfTensors",
  "MutableHashTableOfTensorsV2",
  "MutableDenseHashTable",
  "MutableDenseHashTableV2",
  "VarHandleOp",
  "BoostedTreesEnsembleResourceHandleOp",
  "BoostedTreesQuantileStreamResourceHandleOp",
  "ResourceConditionalAccumulator",
  "DecisionTreeResource",
];

/** @returns `null` without parameter servers: `graph.device(null, …)` leaves all ops where they are */
export function replicaDeviceSetter(options: ReplicaDeviceOptions): DeviceFunction | null {
  const { psDevice = "/job:ps", workerDevice = "/job:worker", psOps = STANDARD_PS_OPS } = options;
  const psTasks = options.cluster === undefined ? (options.psTasks ?? 0) : tasksOf(options.cluster, psDevice);
  if (psTasks === 0) return null;
  const ps = parseDevice(psDevice);
  const strategy = options.psStrategy ?? roundRobin(psTasks);
  return (operation) => {
    const { device } = operation;
    if (psDevice === "" || !psOps.includes(operation.type)) return mergeDevices(device, workerDevice);
    const { job } = parseDevice(device);
    // What stands on another job already isn't one of the servers' turns.
    const isTurn = ps.job !== null && (job === null || job === ps.job);
    return mergeDevices(device, isTurn ? formatDeviceSpec({ ...ps, task: strategy(operation) }) : psDevice);
  };
}

function tasksOf(cluster: ClusterLike, psDevice: string): number {
  const spec = new ClusterSpec(cluster);
  const { job } = parseDevice(psDevice);
  return job !== null && spec.jobs.includes(job) ? spec.numTasks(job) : 0;
}

function roundRobin(tasks: number): () => number {
  let next = 0;
  return () => next++ % tasks;
}
