// Calls to one address: raw bytes out, raw bytes back, by method path. One connection, made when it is first needed and
// again when it broke. It knows neither messages nor TensorFlow. `Channels` keeps one per address and closes them all.
import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";

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

export class GrpcChannel {
  readonly #client: Client;

  constructor(readonly address: string) {
    this.#client = new Client(address, credentials.createInsecure(), OPTIONS);
  }

  /** @returns cancels the call */
  call(path: string, request: Uint8Array, settings: CallSettings, answered: Answered): () => void {
    const { timeoutMs, waitForReady = false } = settings;
    const options = timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
    const metadata = waitForReady ? patient : failFast;
    const call = this.#client.makeUnaryRequest(path, asBuffer, identity, request, metadata, options, answered);
    return () => call.cancel();
  }

  close(): void {
    this.#client.close();
  }
}

export class Channels {
  readonly #byAddress = new Map<string, GrpcChannel>();

  get(address: string): GrpcChannel {
    let channel = this.#byAddress.get(address);
    if (channel === undefined) {
      channel = new GrpcChannel(address);
      this.#byAddress.set(address, channel);
    }
    return channel;
  }

  close(): void {
    for (const channel of this.#byAddress.values()) channel.close();
    this.#byAddress.clear();
  }
}
