// Listens for gRPC calls and hands their raw bytes to handlers by method path. It knows neither messages nor
// TensorFlow; a handler's failure is a status that the caller of this room puts together.
import {
  type Metadata,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceDefinition,
  type sendUnaryData,
} from "@grpc/grpc-js";

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
  readonly credentials?: ServerCredentials;
}

const identity = (bytes: Buffer): Buffer => bytes;

/** One listening port. */
export class GrpcListener {
  readonly #server: Server;
  #port = 0;

  constructor(options: ListenerOptions) {
    this.#server = new Server({
      "grpc.max_receive_message_length": -1,
      "grpc.max_send_message_length": -1,
      "grpc-node.flow_control_window": 4 * 1024 * 1024,
      "grpc.so_reuseport": 0,
    } as Record<string, number>);
    const definition: Record<string, object> = {};
    const implementation: Record<
      string,
      (call: ServerUnaryCall<Buffer, Buffer>, callback: sendUnaryData<Buffer>) => void
    > = {};
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
    this.#server.addService(definition as ServiceDefinition, implementation);
  }

  get port(): number {
    return this.#port;
  }

  /** Binds `host:port`, port 0 for any; resolves with the port bound. */
  bind(address: string, credentials: ServerCredentials = ServerCredentials.createInsecure()): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.bindAsync(address, credentials, (error, port) => {
        if (error !== null) reject(error);
        else {
          this.#port = port;
          resolve(port);
        }
      });
    });
  }

  /** Lets calls in flight end for `graceMs`, then cuts them off. */
  async close(graceMs = 0): Promise<void> {
    const drained = new Promise<void>((resolve) => this.#server.tryShutdown(() => resolve()));
    const timer = setTimeout(() => this.#server.forceShutdown(), graceMs);
    await drained;
    clearTimeout(timer);
    this.#server.forceShutdown();
  }
}

const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
