// The server: devices, worker, master and listener of one task, composed. `tf.distribute.Server` in TypeScript, with
// what TensorFlow's never had: it can be stopped, and then nothing of it stays open.

import type { ClusterLike } from "../cluster/cluster-spec.js";
import {
  checkPeerAddresses,
  type ServerOptions as DefOptions,
  ownAddress,
  resolveServerDef,
  taskName,
} from "../cluster/server-def.js";
import { cpuFactory } from "../device/cpu/cpu-device.js";
import { createKernelMemory, instantiateKernels, selectVariant } from "../device/cpu/wasm-kernels.js";
import type { Device } from "../device/device.js";
import { DeviceRegistry } from "../device/registry.js";
import { InvalidArgumentError, UnavailableError, UnknownError } from "../errors/index.js";
import { isExecutorOp } from "../executor/executable.js";
import type { Node } from "../graph/graph.js";
import type { Kernel } from "../kernel/kernel.js";
import { Master } from "../master/master.js";
import { Heap } from "../memory/heap.js";
import { allKernels } from "../ops/all.js";
import { createOpRegistry } from "../ops/registry.js";
import * as node from "../platform/node.js";
import { enableRelaxedSimd, loadKernelModule } from "../platform/wasm-node.js";
import { ResourceManager } from "../resources/resource-manager.js";
import { masterHandlers } from "../rpc/master-service.js";
import { toStatus } from "../rpc/status.js";
import { GrpcListener } from "../transport/grpc-listener.js";
import type { ServerDef } from "../wire/core.js";
import { Worker } from "../worker/worker.js";

export interface ServerOptions extends DefOptions {
  /** Starts serving at once; `false` only binds. */
  readonly start?: boolean;
  /** Address to listen on, when the task's own isn't one of this machine's. */
  readonly bind?: string;
  /** Bytes that each device may hold. */
  readonly memoryLimit?: number;
  /** Device types that a server can open; the CPU alone when left out. */
  readonly devices?: DeviceRegistry;
  readonly kernels?: readonly Kernel[];
  readonly log?: (text: string) => void;
}

export interface StopOptions {
  /** Steps in flight may end by themselves for this long; then they are cancelled. */
  readonly graceMs?: number;
}

interface Parts {
  readonly serverDef: ServerDef;
  readonly devices: readonly Device[];
  readonly heap: Heap;
  readonly worker: Worker;
  readonly master: Master;
  readonly listener: GrpcListener;
  readonly host: string;
  readonly port: number;
}

/** Prints a ServerDef for error texts. */
const describeDef = (def: ServerDef): string =>
  `goo.gle/debugproto  \njob_name: "${def.jobName}"\nprotocol: "${def.protocol}"\n`;

export class Server implements AsyncDisposable {
  readonly #joined: Promise<void>;
  #resolveJoined!: () => void;
  #stopping: Promise<void> | null = null;

  private constructor(readonly parts: Parts) {
    this.#joined = new Promise((resolve) => {
      this.#resolveJoined = resolve;
    });
  }

  /** @throws OpError or TypeError with the texts of `tf.distribute.Server` */
  static async create(serverOrClusterDef: ServerDef | ClusterLike, options: ServerOptions = {}): Promise<Server> {
    const serverDef = resolveServerDef(serverOrClusterDef, options);
    const own = ownAddress(serverDef, describeDef);
    checkPeerAddresses(serverDef);
    const bindHost = options.bind ?? (await node.ownAddressOf(own.host));
    if (bindHost === null) {
      throw new InvalidArgumentError(
        `"${own.host}" is not an address of this machine: name the one to listen on with --bind (option \`bind\`)`,
      );
    }
    const engine = await openEngine(serverDef, options);
    const listener = new GrpcListener({
      handlers: masterHandlers({
        master: engine.master,
        allocator: engine.devices[0]!.allocator,
        describe: (message) => `goo.gle/debugonly  ${message}`,
      }),
      toStatus,
    });
    let port: number;
    try {
      if (own.port < 0) throw new Error("negative port");
      port = await listener.bind(`${bindHost.includes(":") ? `[${bindHost}]` : bindHost}:${own.port % 65536}`);
    } catch (cause) {
      for (const device of engine.devices) device.close();
      throw new UnknownError("Could not start gRPC server", { cause });
    }
    return new Server({ serverDef, ...engine, listener, host: own.host, port });
  }

  /** A cluster of one task, job `local`, on a free port of the loopback interface. */
  static createLocalServer(options: Omit<ServerOptions, "jobName" | "taskIndex"> = {}): Promise<Server> {
    return Server.create({ local: ["localhost:0"] }, { ...options, jobName: "local", taskIndex: 0 });
  }

  get serverDef(): ServerDef {
    return this.parts.serverDef;
  }

  get target(): string {
    return `grpc://${this.parts.host}:${this.parts.port}`;
  }

  /** `host:port` as bound. */
  get address(): string {
    return `${this.parts.host}:${this.parts.port}`;
  }

  /** Harmless when the server runs already. */
  start(): void {}

  /** Resolves when the server has stopped. */
  join(): Promise<void> {
    return this.#joined;
  }

  stop(options: StopOptions = {}): Promise<void> {
    this.#stopping ??= this.#stop(options);
    return this.#stopping;
  }

  async #stop({ graceMs = 0 }: StopOptions): Promise<void> {
    const { master, worker, listener, devices } = this.parts;
    const deadline = node.now() + graceMs;
    while (master.runningSteps > 0 && node.now() < deadline) await new Promise((r) => setTimeout(r, 5));
    await master.close();
    await worker.close(new UnavailableError("The server is stopping"));
    await listener.close(Math.max(50, deadline - node.now()));
    for (const device of devices) device.close();
    this.#resolveJoined();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/** Everything of a task but its socket. */
async function openEngine(serverDef: ServerDef, options: ServerOptions) {
  await enableRelaxedSimd();
  const variant = await selectVariant();
  const memory = createKernelMemory(variant);
  const wasm = instantiateKernels(await loadKernelModule(variant), memory);
  const heap = new Heap(memory, wasm.heap_base());
  const types = options.devices ?? new DeviceRegistry();
  if (!types.types.includes("CPU")) types.registerDevice("CPU", cpuFactory(wasm));
  const task = taskName(serverDef);
  const devices = await types.open({
    taskName: task,
    config: serverDef.defaultSessionConfig ?? null,
    heap,
    memoryLimit: options.memoryLimit ?? Number.POSITIVE_INFINITY,
    kernels: options.kernels ?? allKernels,
    newIncarnation,
  });
  const log = options.log ?? node.logLine;
  const worker = new Worker(task, devices, new ResourceManager(serverDef.jobName), {
    now: node.now,
    yieldThen: node.yieldThen,
    log,
  });
  const byType = new Map(devices.map((device) => [device.type, device]));
  const master = new Master({
    task,
    local: worker,
    peers: () => [],
    registry: createOpRegistry(),
    hostname: node.machineName(),
    hasKernel: (op: Node, type: string) =>
      isExecutorOp(op.op.name) ||
      byType.get(type)?.findKernel(op.op.name, (attr) => op.attrs.get(attr)?.type ?? 0) !== undefined,
    random: node.random,
    now: node.now,
    defaultConfig: serverDef.defaultSessionConfig ?? null,
  });
  return { devices, heap, worker, master };
}

/** Random and never 0: names this run of the device in rendezvous keys. */
function newIncarnation(): bigint {
  const bytes = new Uint8Array(8);
  node.random(bytes);
  return new DataView(bytes.buffer).getBigUint64(0) | 1n;
}
