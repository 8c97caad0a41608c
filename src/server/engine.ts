// Everything of a task but its socket: devices, worker and master, composed. A server puts a listener before it; a
// session in process uses it as it is.
import { TaskCollectives } from "../collective/task-collectives.js";
import { cpuFactory } from "../device/cpu/cpu-device.js";
import { createKernelMemory, instantiateKernels, selectVariant } from "../device/cpu/wasm-kernels.js";
import type { Device } from "../device/device.js";
import { describeKernels } from "../device/kernel-table.js";
import { type DeviceFactory, DeviceRegistry, deviceCount } from "../device/registry.js";
import { UnavailableError } from "../errors/index.js";
import { isExecutorOp } from "../executor/layout.js";
import type { Node } from "../graph/graph.js";
import { FileSystem } from "../io/file-system.js";
import type { Kernel } from "../kernel/kernel.js";
import type { MasterClient } from "../master/client.js";
import { localMaster } from "../master/local-client.js";
import { Master } from "../master/master.js";
import { stepIds } from "../master/step-runner.js";
import type { Allocator } from "../memory/allocator.js";
import { Heap } from "../memory/heap.js";
import { allKernels } from "../ops/all.js";
import { createOpRegistry } from "../ops/registry.js";
import * as node from "../platform/node.js";
import { nodeFiles } from "../platform/node-files.js";
import { enableRelaxedSimd, loadKernelModule } from "../platform/wasm-node.js";
import { ResourceManager } from "../resources/resource-manager.js";
import type { ClusterDef, ConfigProto } from "../wire/core.js";
import { type Connect, noPeers } from "../worker/peers.js";
import { Worker } from "../worker/worker.js";
import { checkPlace, restoreState, saveState } from "./state.js";

export interface EngineOptions {
  /** Bytes that each device may hold. */
  readonly memoryLimit?: number;
  /** Sessions that nobody used for this long are closed; they stay for ever without. */
  readonly idleLimitMs?: number;
  /** Device types that can be opened beside the CPU. */
  readonly devices?: DeviceRegistry;
  readonly kernels?: readonly Kernel[];
  readonly log?: (text: string) => void;
  /** Names this run of each device in rendezvous keys; random and never 0 unless given. */
  readonly newIncarnation?: () => bigint;
  /** Folders that graphs may read and write files in; all, as in TensorFlow, without. */
  readonly fileRoots?: readonly string[];
  /** Prefix of a checkpoint that the task's variables are written to when it stops and read from when it starts. */
  readonly checkpointOnStop?: string;
  /** Whether sessions keep tensors under handles (`GetSessionHandle`): those of a server don't, as in TensorFlow. */
  readonly keepsTensors?: boolean;
}

/** The cluster of the task, and how its other tasks are found. */
export interface EngineCluster {
  readonly def: ClusterDef;
  /** @param allocator where tensors of other tasks go */
  readonly connectWith: (allocator: Allocator) => Connect;
}

const ALONE: EngineCluster = { def: { job: [] }, connectWith: () => noPeers };

export class Engine {
  private constructor(
    readonly heap: Heap,
    readonly devices: readonly Device[],
    readonly worker: Worker,
    readonly master: Master,
    readonly options: EngineOptions,
  ) {}

  static async open(
    task: string,
    job: string,
    config: ConfigProto | null,
    options: EngineOptions = {},
    cluster: EngineCluster = ALONE,
  ): Promise<Engine> {
    await enableRelaxedSimd();
    const variant = await selectVariant();
    const memory = createKernelMemory(variant);
    const wasm = instantiateKernels(await loadKernelModule(variant), memory);
    const heap = new Heap(memory, wasm.heap_base());
    const types = options.devices ?? new DeviceRegistry();
    const kernels = options.kernels ?? allKernels;
    if (!types.types.includes("CPU")) types.registerDevice("CPU", cpuFactory(wasm));
    if (!types.types.includes("NULL")) {
      const factory: DeviceFactory = async (context) => {
        if (deviceCount(context.config, "NULL", 0) === 0) return [];
        const { nullDevices } = await import("./null.js");
        return nullDevices(wasm, kernels)(context);
      };
      types.registerDevice("NULL", factory, { priority: -1 });
    }
    const devices = await types.open({
      taskName: task,
      config,
      heap,
      memoryLimit: options.memoryLimit ?? Number.POSITIVE_INFINITY,
      kernels,
      newIncarnation: options.newIncarnation ?? newIncarnation,
    });
    const log = options.log ?? node.logLine;
    const connect = cluster.connectWith(devices[0]!.allocator);
    const { peers } = connect(cluster.def, task);
    const files = new FileSystem(nodeFiles, options.fileRoots ?? null);
    const newStepId = stepIds(node.random);
    const collectives = new TaskCollectives({
      task,
      leader: config?.experimental?.collectiveGroupLeader ?? "",
      devices: devices.map(({ attributes }) => attributes),
      peerOf: (name) => peers.get(name)?.collectives,
      newStepId,
    });
    const { keepsTensors = false } = options;
    const { now, yieldThen } = node;
    const runtime = { now, wallClock: node.wallClock(), yieldThen, log, files, collectives, keepsTensors };
    const worker = new Worker(task, devices, new ResourceManager(job), runtime, peers, connect);
    await restore(worker, options, log);
    const byType = new Map(devices.map((device) => [device.type, device]));
    const master = new Master({
      task,
      local: worker,
      peers,
      connect,
      sequences: collectives.sequences,
      newStepId,
      registry: createOpRegistry(),
      hostname: node.machineName(),
      // An op that has a kernel in TensorFlow but none here yet is refused by the step that needs it, not by the graph that holds it.
      hasKernel: (op: Node, type: string) => {
        const device = byType.get(type);
        if (device === undefined) return false;
        if (isExecutorOp(op.op.name)) return true;
        if (device.findKernel(op.op.name, (attr) => op.attrs.get(attr)?.type ?? 0) !== undefined) return true;
        return type === "CPU" && !op.op.lacksKernel && device.kernelsOf(op.op.name).length === 0;
      },
      kernelsOf: (op) =>
        [...byType.values()].map((device) => describeKernels(device.kernelsOf(op))).join("") ||
        "  <no registered kernels>\n",
      deviceTypes: types.types,
      host: { device: devices[0]!, pause: node.pauses() },
      random: node.random,
      now: node.now,
      log,
      defaultConfig: config,
      idleLimitMs: options.idleLimitMs ?? 0,
    });
    return new Engine(heap, devices, worker, master, options);
  }

  localMaster(): MasterClient {
    return localMaster(this.master, this.devices[0]!.allocator);
  }

  /**
   * Cancels steps, closes sessions, lets go of all memory.
   * @param keep whether variables are written to the checkpoint that the options name
   * @throws OpError when they can't be; everything is closed all the same
   */
  async close(keep = false): Promise<void> {
    const { checkpointOnStop: prefix } = this.options;
    const { allocator } = this.devices[0]!;
    const stopping = new UnavailableError("The server is stopping");
    await this.master.close(stopping);
    try {
      await this.worker.close(stopping, async (resources) => {
        if (keep && prefix !== undefined) await saveState(new FileSystem(nodeFiles), prefix, resources, allocator);
      });
    } finally {
      for (const device of this.devices) device.close();
    }
  }
}

async function restore({ resources, devices }: Worker, options: EngineOptions, log: (text: string) => void) {
  const { checkpointOnStop: prefix } = options;
  if (prefix === undefined) return;
  const files = new FileSystem(nodeFiles);
  const { allocator } = devices[0]!;
  await checkPlace(files, prefix, allocator);
  const count = await restoreState(files, prefix, resources, allocator);
  if (count !== null) log(`Restored ${count} variables from ${prefix}`);
}

/** A task of its own, for sessions that name no server. */
export const openLocalEngine = (): Promise<Engine> =>
  Engine.open("/job:localhost/replica:0/task:0", "localhost", null, { keepsTensors: true });

/** Random and never 0: names this run of the device in rendezvous keys. */
function newIncarnation(): bigint {
  const bytes = new Uint8Array(8);
  node.random(bytes);
  return new DataView(bytes.buffer).getBigUint64(0) | 1n;
}
