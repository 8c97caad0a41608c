// Calls to one address: raw bytes out, raw bytes back, by method path. One connection, made when it is first needed and
// again when it broke. It knows neither messages nor TensorFlow. `Channels` keeps one per address and closes them all.
import { Client, type ClientUnaryCall, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";

export interface CallSettings {
  /** Waits for the connection instead of failing while there is none. */
  readonly waitForReady?: boolean;
  readonly timeoutMs?: number;
}

export type Answered = (error: ServiceError | null, answer: Uint8Array | undefined) => void;

const OPTIONS: Record<string, number> = {
  "grpc.max_receive_message_length": -1,
  "grpc.max_send_message_length": -1,
  "grpc-node.flow_control_window": 4 * 1024 * 1024,
  // Who repeats a call decides that by itself: a step must not run twice.
  "grpc.enable_retries": 0,
  // Connections belong to their channel and end with it.
  "grpc.use_local_subchannel_pool": 1,
  // A task that starts late is found soon.
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 1000,
};

const failFast = new Metadata();
const patient = new Metadata({ waitForReady: true });
const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const identity = (bytes: Buffer): Buffer => bytes;
const NOTHING = new Uint8Array(0);
const DEADLINE_EXCEEDED = 4;
const UNAVAILABLE = 14;

/** A call that any living peer answers at once: how a silent one is found out. */
export interface Probe {
  readonly path: string;
  /** Silence that gives rise to it, and how long its answer may take. */
  readonly afterMs: number;
  readonly timeoutMs: number;
}

interface OpenCall {
  readonly call: ClientUnaryCall;
  /** Waits for a peer that isn't there yet: its silence means nothing. */
  readonly patient: boolean;
  silent: boolean;
}

export class GrpcChannel {
  readonly #client: Client;
  readonly #open = new Set<OpenCall>();
  #heardAt = 0;
  #timer: NodeJS.Timeout | null = null;

  /**
   * @param probe without it calls to a peer that hangs wait for ever. HTTP/2's pings are no use here: a gRPC server of
   * TensorFlow's cuts off who sends them more often than every five minutes.
   */
  constructor(
    readonly address: string,
    readonly probe: Probe | null = null,
  ) {
    this.#client = new Client(address, credentials.createInsecure(), OPTIONS);
  }

  /** @returns cancels the call */
  call(path: string, request: Uint8Array, settings: CallSettings, answered: Answered): () => void {
    const { timeoutMs, waitForReady: isPatient = false } = settings;
    const options = timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
    const metadata = isPatient ? patient : failFast;
    const call = this.#client.makeUnaryRequest(
      path,
      asBuffer,
      identity,
      request,
      metadata,
      options,
      (error, answer) => {
        this.#open.delete(open);
        this.#heardAt = Date.now();
        answered(error === null ? null : inTheirWords(error, open.silent), answer);
      },
    );
    const open: OpenCall = { call, patient: isPatient, silent: false };
    this.#open.add(open);
    if (this.#timer === null && this.probe !== null) this.#watch(this.probe);
    return () => call.cancel();
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#client.close();
  }

  #watch(probe: Probe, silentMs = 0): void {
    this.#timer = setTimeout(() => {
      this.#timer = null;
      if (this.#open.size === 0) return;
      const silence = Date.now() - this.#heardAt;
      if (silence < probe.afterMs) this.#watch(probe, silence);
      // This call goes on with the watch.
      else this.call(probe.path, NOTHING, { timeoutMs: probe.timeoutMs }, this.#probed);
    }, probe.afterMs - silentMs).unref();
  }

  readonly #probed: Answered = (error) => {
    if (error?.code === DEADLINE_EXCEEDED) this.#giveUp();
  };

  #giveUp(): void {
    for (const open of this.#open) {
      if (open.patient) continue;
      open.silent = true;
      open.call.cancel();
    }
  }
}

/** What TensorFlow's gRPC says of connections that fail. */
function inTheirWords(error: ServiceError, silent: boolean): ServiceError {
  if (silent) return Object.assign(error, { code: UNAVAILABLE, details: "keepalive watchdog timeout" });
  if (error.code !== UNAVAILABLE) return error;
  if (error.details === "Connection dropped") return Object.assign(error, { details: "Socket closed" });
  const failed = /^No connection established\. Last error: (?:Error: )?(?:connect ECONNREFUSED (\S+)\.|(.*))/.exec(
    error.details,
  );
  if (failed === null) return error;
  const [, refused, other] = failed;
  const reason =
    refused === undefined ? other : `ipv4:${refused}: Failed to connect to remote host: Connection refused`;
  return Object.assign(error, { details: `failed to connect to all addresses; last error: UNKNOWN: ${reason}` });
}

export class Channels {
  readonly #byAddress = new Map<string, GrpcChannel>();

  constructor(readonly probe: Probe | null = null) {}

  get(address: string): GrpcChannel {
    let channel = this.#byAddress.get(address);
    if (channel === undefined) {
      channel = new GrpcChannel(address, this.probe);
      this.#byAddress.set(address, channel);
    }
    return channel;
  }

  close(): void {
    for (const channel of this.#byAddress.values()) channel.close();
    this.#byAddress.clear();
  }
}
