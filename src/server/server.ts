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
import { InvalidArgumentError, UnknownError } from "../errors/index.js";
import type { MasterClient } from "../master/client.js";
import type { TaskReport } from "../observe/report.js";
import * as node from "../platform/node.js";
import type { Connections } from "../rpc/connect.js";
import type { DataService } from "../rpc/data-service.js";
import type { GrpcListener } from "../transport/grpc-listener.js";
import type { KeepAlive } from "../transport/keep-alive.js";
import type { TlsOptions } from "../transport/tls.js";
import type { ServerDef } from "../wire/core.js";
import { printText } from "../wire/text-format.js";
import { Engine, type EngineOptions } from "./engine.js";
import { taskReport } from "./report.js";

export interface ServerOptions extends DefOptions, EngineOptions {
  /** Starts serving at once; `false` only binds. */
  readonly start?: boolean;
  /** Address to listen on, when the task's own isn't one of this machine's. */
  readonly bind?: string | undefined;
  /** Whether tensors go between tasks of this package on a connection of their own; `true` when left out. */
  readonly dataConnection?: boolean;
  /** When a task or client that says nothing counts as gone: asked after 5 s, given 30 s to answer, when left out. */
  readonly keepAlive?: Partial<KeepAlive>;
  /** Whether whoever can reach the task may end it (`tensorfleet end`, `endTask`): a job's chief ends its servers so. */
  readonly endOnRequest?: boolean;
  /**
   * Speaks TLS, with clients and with the other tasks of its cluster, and nothing else; TensorFlow's tasks and clients
   * speak none. With `ca` clients must show a certificate, as this task does to the others.
   */
  readonly tls?: ServerTls | undefined;
  /** Stops by itself when no session was open for this long, the time before the first one included. */
  readonly endWhenIdleMs?: number;
}

export interface ServerTls extends TlsOptions {
  readonly cert: string | Uint8Array;
  readonly key: string | Uint8Array;
}

export interface StopOptions {
  /** Steps in flight may end by themselves for this long; then they are cancelled. */
  readonly graceMs?: number;
}

interface Parts {
  readonly serverDef: ServerDef;
  readonly engine: Engine;
  readonly connections: Connections;
  readonly dataService: DataService;
  readonly listener: GrpcListener;
  readonly host: string;
  readonly port: number;
}

/** A task that is asked to end lets the answer leave, and steps that are under way. */
const END_GRACE_MS = 1000;

/** A ServerDef as TensorFlow prints it in error texts. */
const describeDef = (def: ServerDef): string => `goo.gle/debugproto   \n${printText("ServerDef", def)}`;

export class Server implements AsyncDisposable {
  readonly #joined: Promise<void>;
  #resolveJoined!: () => void;
  #stopping: Promise<void> | null = null;
  readonly #since = node.now();
  #idleTimer: ReturnType<typeof setInterval> | undefined;

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
    // Who only runs steps in this process never loads gRPC.
    const grpc = await import("./grpc.js");
    const { dataConnection = true } = options;
    const keepAlive = { ...grpc.KEEP_ALIVE, ...options.keepAlive };
    const tls = grpc.checkedTls(options.tls);
    let connections!: Connections;
    const engine = await Engine.open(
      taskName(serverDef),
      serverDef.jobName,
      serverDef.defaultSessionConfig ?? null,
      options,
      {
        def: serverDef.cluster!,
        connectWith: (allocator) => {
          connections = new grpc.Connections({
            allocator,
            dataConnection,
            now: node.now,
            wallClock: node.wallClock(),
            keepAlive,
            tls,
          });
          return connections.connect;
        },
      },
    );
    const { master, worker } = engine;
    const { registry, hostname } = master.context;
    const { allocator } = engine.devices[0]!;
    const describe = (type: string, request: object) =>
      `goo.gle/debugonly  ${printText(type, request, { singleLine: true })}`;
    const workerMethods = grpc.workerHandlers({
      worker,
      registry,
      hostname,
      allocator,
      describe,
      recvBufMaxChunk: serverDef.defaultSessionConfig?.experimental?.recvBufMaxChunk ?? 0,
    });
    const dataService = new grpc.DataService({
      worker,
      methods: workerMethods,
      allocator,
      random: node.random,
      now: node.now,
      keepAlive,
    });
    const listener = new grpc.GrpcListener({
      handlers: new Map([
        ...(dataConnection ? dataService.handlers : []),
        ...grpc.taskHandlers({
          report: () => server.report(),
          end: options.endOnRequest === true ? () => server.#stopUnattended({ graceMs: END_GRACE_MS }) : null,
        }),
        ...grpc.masterHandlers({ master, allocator, describe }),
        ...workerMethods,
      ]),
      toStatus: grpc.toStatus,
      onDataConnection: dataService.accept,
      keepAlive,
      tls,
    });
    try {
      if (own.port < 0) throw new Error("negative port");
      await listener.bind(bindHost, own.port % 65536);
    } catch (cause) {
      await engine.close();
      connections.close();
      throw new UnknownError("Could not start gRPC server", { cause });
    }
    const server = new Server({
      serverDef,
      engine,
      connections,
      dataService,
      listener,
      host: own.host,
      port: listener.port,
    });
    if (options.endWhenIdleMs !== undefined) server.#endWhenIdle(options.endWhenIdleMs);
    return server;
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

  /** Sessions, steps in flight, and who waits for which tensor. */
  report(): TaskReport {
    const { engine, listener, connections, dataService } = this.parts;
    return taskReport(this.serverDef, engine, node.now() - this.#since, {
      accepted: listener.openSockets,
      dataIn: connections.openLinks,
      dataOut: dataService.openConnections,
    });
  }

  /** The master of this server for sessions in the same process: no socket. */
  localMaster(): MasterClient {
    return this.parts.engine.localMaster();
  }

  /** Harmless when the server runs already. */
  start(): void {}

  /** Resolves when the server has stopped. */
  join(): Promise<void> {
    return this.#joined;
  }

  /** @throws OpError when the state can't be written to `checkpointOnStop`; the server has stopped all the same */
  stop(options: StopOptions = {}): Promise<void> {
    this.#stopping ??= this.#stop(options);
    return this.#stopping;
  }

  #endWhenIdle(limitMs: number): void {
    const { master, worker } = this.parts.engine;
    let lastUsed = node.now();
    const look = () => {
      const now = node.now();
      if (master.openSessions > 0 || worker.reportSessions().length > 0 || worker.openSteps > 0) lastUsed = now;
      else if (now - lastUsed >= limitMs) this.#stopUnattended();
    };
    this.#idleTimer = setInterval(look, Math.min(1000, Math.max(10, limitMs / 4)));
  }

  /** Nobody waits for this stop: what goes wrong is logged. */
  #stopUnattended(options?: StopOptions): void {
    const { log } = this.parts.engine.master.context;
    this.stop(options).catch((error: Error) => log(`The server stopped with an error: ${error.message}`));
  }

  async #stop({ graceMs = 0 }: StopOptions): Promise<void> {
    clearInterval(this.#idleTimer);
    const { engine, connections, dataService, listener } = this.parts;
    const deadline = node.now() + graceMs;
    while (engine.master.runningSteps > 0 && node.now() < deadline) await new Promise((r) => setTimeout(r, 5));
    try {
      await engine.close(true);
    } finally {
      connections.close();
      dataService.close();
      await listener.close(Math.max(50, deadline - node.now()));
      this.#resolveJoined();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
