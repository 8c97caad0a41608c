// Listens for gRPC calls and hands their raw bytes to handlers by method path; data connections come in at the same
// port, all of it inside TLS if that is asked for. It knows neither messages nor TensorFlow; a handler's failure is a status
// that the caller of this room puts together.

import {
  type ConnectionInjector,
  type Metadata,
  Server,
  ServerCredentials,
  ServerInterceptingCall,
  type ServerInterceptingCallInterface,
  type ServerOptions,
  type ServerUnaryCall,
  type ServiceDefinition,
  type sendUnaryData,
  status,
} from "@grpc/grpc-js";
import { listenTcp, type Socket, type TcpListener } from "../platform/sockets.js";
import { LONGEST_TIMER_MS } from "../platform/timers.js";
import { type Tls, tlsDoor } from "../platform/tls.js";
import { PATIENCE_MS, routeByFirstBytes } from "./first-bytes.js";
import { KEEP_ALIVE, type KeepAlive } from "./keep-alive.js";
import { asBuffer, identity } from "./raw-bytes.js";

export interface RawStatus {
  readonly code: number;
  readonly details: string;
  readonly metadata?: Metadata;
}

/** What a handler sees of its call. */
export interface RawCall {
  /** Calls back once if the caller goes away or its deadline passes. */
  onCancelled(callback: () => void): void;
}

export type RawHandler = (request: Uint8Array, call: RawCall) => Promise<Uint8Array>;

export interface ListenerOptions {
  readonly handlers: ReadonlyMap<string, RawHandler>;
  readonly toStatus: (error: unknown) => RawStatus;
  /** Takes a data connection that presented this token; `false` refuses it. */
  readonly onDataConnection?: (socket: Socket, token: Uint8Array) => boolean;
  /** When a caller that says nothing counts as gone. */
  readonly keepAlive?: KeepAlive;
  /** All that is said on the port is said inside it, when it is given. */
  readonly tls?: Tls | null;
}

/** How long sockets may take to close by themselves. */
const PARTING_MS = 200;
const WINDOW_BYTES = 4 * 1024 * 1024;
/** At once and a second, of each caller. */
const CANCELLATIONS = 100_000;
const UNIT_MS: Record<string, number> = { H: 3_600_000, M: 60_000, S: 1000 };

type Unary = (call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) => void;

/**
 * grpc-js sends the status when the socket has taken the message, which is a turn of the event loop and a system call later.
 * An answer has one message: its status is known when it's sent, so both leave together.
 */
class AnswerInOneWrite extends ServerInterceptingCall {
  override sendMessage(message: unknown, callback: () => void): void {
    super.sendMessage(message, () => {});
    callback();
  }
}

/** When a deadline passes the server may answer before the caller gives up: then in the words of a C++ server. */
function withDeadlineText(call: ServerInterceptingCallInterface): ServerInterceptingCallInterface {
  if (call.getDeadline() === Number.POSITIVE_INFINITY) return call;
  const send = call.sendStatus.bind(call);
  call.sendStatus = (sent) => {
    send(sent.code === status.DEADLINE_EXCEEDED ? { ...sent, details: "Deadline Exceeded" } : sent);
  };
  return call;
}

/** One listening port. */
export class GrpcListener {
  readonly #server: Server;
  readonly #grpc: ConnectionInjector;
  readonly #sockets = new Set<Socket>();
  /** Those that haven't said yet what they are. */
  readonly #undecided = new Set<Socket>();
  #tcp: TcpListener | null = null;
  #closing = false;

  constructor(readonly options: ListenerOptions) {
    const { timeMs, timeoutMs } = options.keepAlive ?? KEEP_ALIVE;
    this.#server = new Server({
      "grpc.max_receive_message_length": -1,
      "grpc.max_send_message_length": -1,
      // Pings from this end trouble nobody: gRPC's clients answer as many as they get.
      "grpc.keepalive_time_ms": timeMs,
      "grpc.keepalive_timeout_ms": timeoutMs,
      // Nobody reads its counts.
      "grpc.enable_channelz": 0,
      interceptors: [(_, call) => new AnswerInOneWrite(withDeadlineText(call))],
    } as ServerOptions);
    const definition: Record<string, object> = {};
    const implementation: Record<string, Unary> = {};
    for (const [path, handler] of options.handlers) {
      definition[path] = {
        path,
        requestStream: false,
        responseStream: false,
        requestSerialize: identity,
        requestDeserialize: identity,
        responseSerialize: identity,
        responseDeserialize: identity,
      };
      implementation[path] = (call, callback) => {
        let open = true;
        // grpc-js says "cancelled" at the end of every call, answered ones too.
        const onCancelled = (cancelled: () => void) => void call.on("cancelled", () => open && cancelled());
        const answer: typeof callback = (status, bytes) => {
          open = false;
          callback(status, bytes);
        };
        handler(call.request, { onCancelled }).then(
          (bytes) => answer(null, asBuffer(bytes)),
          (error: unknown) => answer(options.toStatus(error)),
        );
      };
    }
    allowCancellations(this.#server);
    this.#server.addService(definition as ServiceDefinition, implementation);
    refuseOthers(this.#server);
    this.#grpc = this.#server.createConnectionInjector(ServerCredentials.createInsecure());
    const { http2Servers } = this.#server as unknown as { readonly http2Servers: ReadonlyMap<Http2Server, unknown> };
    for (const http2 of http2Servers.keys()) {
      widenWindows(http2);
      dropEndlessDeadlines(http2);
    }
  }

  get port(): number {
    return this.#tcp?.port ?? 0;
  }

  /** Connections that are open, of either kind. */
  get openSockets(): number {
    return this.#sockets.size;
  }

  /** @param port 0 for any */
  async bind(host: string, port: number): Promise<void> {
    const { onDataConnection = () => false, tls = null } = this.options;
    const routes = { http2: (socket: Socket) => this.#grpc.injectConnection(socket), data: onDataConnection };
    const route = (socket: Socket) => {
      // A handshake may end while calls have time to.
      if (this.#closing) socket.destroy();
      else routeByFirstBytes(socket, routes, this.#undecided);
    };
    const enter = tls === null ? route : tlsDoor(tls, route, PATIENCE_MS);
    this.#tcp = await listenTcp(host, port, (socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
      enter(socket);
    });
  }

  /** Lets calls in flight end for `graceMs`, then cuts them off. */
  async close(graceMs = 0): Promise<void> {
    this.#closing = true;
    const closed = this.#tcp?.close();
    for (const socket of this.#undecided) socket.destroy();
    const drained = new Promise<void>((resolve) => this.#server.tryShutdown(() => resolve()));
    const cutting = setTimeout(() => this.#server.forceShutdown(), graceMs);
    // Peers hang up when they have read the last word. One that is silent doesn't.
    const part = () => this.#sockets.forEach((socket) => void socket.destroy());
    let parting = setTimeout(part, graceMs + PARTING_MS);
    await drained;
    clearTimeout(cutting);
    clearTimeout(parting);
    // No call is open: what is left are those who read the last word, and those who never said one.
    parting = setTimeout(part, PARTING_MS);
    this.#grpc.destroy();
    this.#server.forceShutdown();
    await closed;
    clearTimeout(parting);
  }
}

/**
 * Node hangs up on a caller that resets more than 33 streams a second: a cluster whose steps fail or time out cancels more
 * calls than that. Node 20 has no option for it.
 */
function allowCancellations(server: Server): void {
  const { commonServerOptions } = server as unknown as { readonly commonServerOptions: object };
  Object.assign(commonServerOptions, { streamResetBurst: CANCELLATIONS, streamResetRate: CANCELLATIONS });
}

interface Http2Server {
  updateSettings(settings: { initialWindowSize: number }): void;
  on(event: "session", listener: (session: { setLocalWindowSize(bytes: number): void }) => void): void;
  prependListener(event: "stream", listener: (stream: unknown, headers: Record<string, unknown>) => void): void;
}

/**
 * HTTP/2 lets a caller send 64 KiB until it hears from us again, a call and a connection each. grpc-js has an option for
 * more in its channels, but none in its servers.
 */
function widenWindows(http2: Http2Server): void {
  http2.updateSettings({ initialWindowSize: WINDOW_BYTES });
  http2.on("session", (session) => session.setLocalWindowSize(WINDOW_BYTES));
}

/** Deadlines that a timer can't wait for (24 days) would pass at once. */
function dropEndlessDeadlines(http2: Http2Server): void {
  http2.prependListener("stream", (_, headers) => {
    const timeout = headers["grpc-timeout"];
    if (timeout === undefined) return;
    const [, count, unit] = /^(\d+)([HMS])$/.exec(String(timeout)) ?? [];
    if (count !== undefined && Number(count) * UNIT_MS[unit!]! > LONGEST_TIMER_MS) delete headers["grpc-timeout"];
  });
}

/** Methods that nobody handles are UNIMPLEMENTED without a text, as a C++ server has it; grpc-js would add one of its own. */
function refuseOthers(server: Server): void {
  const refuse: Unary = (_, callback) => callback({ code: status.UNIMPLEMENTED, details: "" });
  const path = "";
  server.register(path, refuse, identity, identity, "unary");
  const { handlers } = server as unknown as { readonly handlers: Map<string, unknown> };
  const fallback = handlers.get(path);
  handlers.delete(path);
  const known = handlers.get.bind(handlers);
  handlers.get = (method) => known(method) ?? fallback;
}
