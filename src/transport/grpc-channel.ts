// Calls to one address: raw bytes out, raw bytes back, by method path. One connection, made when it is first needed and
// again when it broke. It knows neither messages nor TensorFlow.
import {
  type CallOptions,
  type ChannelCredentials,
  Client,
  type ClientUnaryCall,
  credentials,
  Metadata,
  type ServiceError,
} from "@grpc/grpc-js";
import { type KeepAlive, SILENT } from "./keep-alive.js";
import { asBuffer, identity } from "./raw-bytes.js";
import { socketFailure } from "./socket-failure.js";
import { type Tls, TlsCredentials } from "./tls.js";

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
const NOTHING = new Uint8Array(0);
const CANCELLED = 1;
const DEADLINE_EXCEEDED = 4;
const UNAVAILABLE = 14;
const CLOSED = "Channel is closed";
/** How long a TLS handshake may take, where the probe is no less patient. */
const HANDSHAKE_MS = 20_000;

/** A call that any living peer answers at once: how a silent one is found out. */
export interface Probe extends KeepAlive {
  readonly path: string;
}

interface OpenCall {
  readonly path: string;
  readonly request: Uint8Array;
  /** Waits for a peer that isn't there yet: its silence ends the connection, not the call. */
  readonly patient: boolean;
  readonly options: CallOptions;
  readonly answered: Answered;
  call: ClientUnaryCall | null;
  /** Given up by the probe; a patient one is made again. */
  silent: boolean;
  /** Given up since there will be no TLS with the peer. */
  refusal: string | null;
  again: boolean;
}

/** Statuses that this side may have made by itself: they say nothing of the peer. */
const isLocal = (code: number): boolean => code === CANCELLED || code === DEADLINE_EXCEEDED || code === UNAVAILABLE;

export class GrpcChannel {
  readonly #credentials: ChannelCredentials;
  #client: Client;
  readonly #open = new Set<OpenCall>();
  #heardAt = 0;
  /** Why the last connection had no TLS. */
  #refusal: string | null = null;
  #refusals = 0;
  #timer: NodeJS.Timeout | null = null;
  #closed = false;

  /**
   * @param probe without it calls to a peer that hangs wait for ever. HTTP/2's pings are no use here: a gRPC server of
   * TensorFlow's cuts off who sends them more often than every five minutes.
   */
  constructor(
    readonly address: string,
    readonly probe: Probe | null = null,
    readonly tls: Tls | null = null,
  ) {
    const patienceMs = Math.min(HANDSHAKE_MS, probe?.timeoutMs ?? HANDSHAKE_MS);
    this.#credentials =
      tls === null
        ? credentials.createInsecure()
        : new TlsCredentials(tls, address, patienceMs, (reason, often) => this.#noTls(reason, often));
    this.#client = this.#connect();
  }

  /** @returns cancels the call */
  call(path: string, request: Uint8Array, settings: CallSettings, answered: Answered): () => void {
    if (this.#closed) {
      queueMicrotask(() => answered(unavailable(CLOSED), undefined));
      return () => {};
    }
    const { timeoutMs, waitForReady: isPatient = false } = settings;
    const options = timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
    const open: OpenCall = {
      path,
      request,
      patient: isPatient,
      options,
      answered,
      call: null,
      silent: false,
      refusal: null,
      again: false,
    };
    this.#start(open);
    if (this.#timer === null && this.probe !== null) this.#watch(this.probe);
    return () => this.#cancel(open);
  }

  #start(open: OpenCall): void {
    const { path, request, patient: isPatient, options } = open;
    this.#open.add(open);
    open.call = this.#client.makeUnaryRequest(
      path,
      asBuffer,
      identity,
      request,
      isPatient ? patient : failFast,
      options,
      (error, answer) => {
        this.#open.delete(open);
        if (open.again) {
          open.again = false;
          this.#start(open);
          return;
        }
        if (error === null || !isLocal(error.code)) {
          this.#heardAt = Date.now();
          this.#refusal = null;
        }
        if (error === null) open.answered(null, answer);
        else if (open.refusal !== null) open.answered(unavailable(noConnection(open.refusal)), undefined);
        else open.answered(inTheirWords(error, open.silent, this.#refusal), undefined);
      },
    );
  }

  #cancel(open: OpenCall): void {
    open.again = false;
    cancelSoon(open);
  }

  #connect(): Client {
    return new Client(this.address, this.#credentials, OPTIONS);
  }

  /** Ends calls that are open: one that is never answered would keep the connection, and the process. */
  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#closed = true;
    for (const open of this.#open) this.#cancel(open);
    this.#client.close();
  }

  #watch(probe: Probe, silentMs = 0): void {
    this.#timer = setTimeout(() => {
      this.#timer = null;
      if (this.#open.size === 0) return;
      const silence = Date.now() - this.#heardAt;
      if (silence < probe.timeMs) this.#watch(probe, silence);
      // This call goes on with the watch.
      else this.call(probe.path, NOTHING, { timeoutMs: probe.timeoutMs }, this.#probed);
    }, probe.timeMs - silentMs).unref();
  }

  /** Who waits for the peer would wait for ever. */
  #noTls(reason: string, often: number): void {
    // A connection that was of use and is lost.
    if (this.#heardAt > 0 && often > 1) return;
    this.#refusal = `UNKNOWN: ${reason}`;
    if (++this.#refusals < often) return;
    for (const open of this.#open) {
      if (!open.patient) continue;
      open.refusal = this.#refusal;
      this.#cancel(open);
    }
  }

  readonly #probed: Answered = (error) => {
    if (error?.code === DEADLINE_EXCEEDED) this.#giveUp();
  };

  /** Nothing comes over this connection any more: the next calls get another. */
  #giveUp(): void {
    const silent = this.#client;
    this.#client = this.#connect();
    for (const open of this.#open) {
      open.again = open.patient;
      open.silent = !open.patient;
      cancelSoon(open);
    }
    silent.close();
  }
}

/** A call whose connection went, as grpc-js tells it: the stream ends by itself, with no status or one of HTTP/2's own. */
const LOST = /^(Connection dropped$|Stream refused by server$|Received RST_STREAM with code [02]\b)/;

/**
 * grpc-js starts a call a few microtasks after it is made, also one that was cancelled meanwhile: the peer would work on it
 * and never hear that nobody waits. In a turn of its own a cancellation finds every call either started or held back.
 */
function cancelSoon({ call }: OpenCall): void {
  setImmediate(() => call?.cancel());
}

const unavailable = (details: string): ServiceError =>
  Object.assign(new Error(details), { code: UNAVAILABLE, details, metadata: new Metadata() });

const noConnection = (reason: string): string => `failed to connect to all addresses; last error: ${reason}`;

/** What TensorFlow's gRPC says of connections that fail. @param refusal what TLS said of the last one */
function inTheirWords(error: ServiceError, silent: boolean, refusal: string | null): ServiceError {
  if (silent) return Object.assign(error, { code: UNAVAILABLE, details: SILENT });
  if (LOST.test(error.details)) return Object.assign(error, { code: UNAVAILABLE, details: "Socket closed" });
  if (error.code !== UNAVAILABLE) return error;
  const failed = /^No connection established\. Last error: (?:Error: )?(?:connect ECONNREFUSED (\S+)\.|(.*))/.exec(
    error.details,
  );
  if (failed === null) return Object.assign(error, { details: socketFailure(error.details) });
  const [, refused, other] = failed;
  let reason = refusal ?? `UNKNOWN: ${other}`;
  if (refused !== undefined) reason = `UNKNOWN: ipv4:${refused}: Failed to connect to remote host: Connection refused`;
  // Who accepted the connection hung up before HTTP/2 began.
  else if (refusal === null && other!.startsWith("Failed to connect (")) reason = "UNAVAILABLE: Socket closed";
  return Object.assign(error, { details: noConnection(reason) });
}
