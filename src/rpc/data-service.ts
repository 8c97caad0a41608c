// The serving end of data connections: gives tokens over gRPC, takes the connections that present them, answers their
// requests for tensors from the worker's rendezvous, straight from the heap, and their calls as gRPC's are answered.
import { CancelledError, UnimplementedError } from "../errors/index.js";
import { Cancellation } from "../kernel/cancellation.js";
import type { Allocator } from "../memory/allocator.js";
import type { Socket } from "../platform/sockets.js";
import { dtypeSize } from "../tensor/dtype.js";
import type { Tensor } from "../tensor/tensor.js";
import { acceptDataConnection, type DataConnection, type Sink, type Source } from "../transport/data-connection.js";
import { bytesSource, INLINE_BYTES } from "../transport/frame-writer.js";
import { FrameError, gathered } from "../transport/frames.js";
import type { RawCall, RawHandler } from "../transport/grpc-listener.js";
import type { KeepAlive } from "../transport/keep-alive.js";
import { Tokens } from "../transport/tokens.js";
import { RecvTensorResponse } from "../wire/worker.js";
import type { Worker } from "../worker/worker.js";
import {
  type CallRequest,
  decodeRequest,
  encodeError,
  encodeTensorHead,
  MESSAGE_HEAD,
  type TensorRequest,
} from "./data-messages.js";
import { leavingView } from "./service.js";
import { toCalled } from "./status.js";

/** Answers with a token; a task that doesn't know it is asked for its tensors by RecvTensor. */
export const OPEN_PATH = "/tensorfleet.DataConnection/Open";

export interface DataServiceContext {
  readonly worker: Worker;
  /** Methods that may be called, by path. */
  readonly methods: ReadonlyMap<string, RawHandler>;
  readonly allocator: Allocator;
  readonly random: (bytes: Uint8Array) => void;
  readonly now: () => number;
  readonly keepAlive: KeepAlive;
}

export class DataService {
  readonly #connections = new Set<DataConnection>();
  readonly #tokens: Tokens;

  constructor(readonly context: DataServiceContext) {
    this.#tokens = new Tokens(context.random, context.now);
  }

  get handlers(): ReadonlyMap<string, RawHandler> {
    return new Map([[OPEN_PATH, async () => this.#tokens.issue()]]);
  }

  get openConnections(): number {
    return this.#connections.size;
  }

  /** @returns whether the token was good */
  readonly accept = (socket: Socket, token: Uint8Array): boolean => {
    if (!this.#tokens.take(token)) return false;
    const requests = new Map<number, Cancellation>();
    const connection = acceptDataConnection(
      socket,
      {
        message: (from, id, head, bodyBytes) => this.#request(from, id, head, bodyBytes, requests),
        cancel: (_, id) => requests.get(id)?.cancel(new CancelledError("The request was cancelled by the receiver")),
        closed: (from, cause) => {
          this.#connections.delete(from);
          for (const request of requests.values())
            request.cancel(new CancelledError("The receiver is gone", { cause }));
        },
      },
      this.context.keepAlive,
    );
    this.#connections.add(connection);
    return true;
  };

  close(): void {
    for (const connection of this.#connections) connection.close();
  }

  #request(
    connection: DataConnection,
    id: number,
    head: Uint8Array,
    bodyBytes: number,
    open: Map<number, Cancellation>,
  ): Sink | null {
    if (open.has(id)) throw new FrameError(`request ${id} begins twice`);
    const begin = (answer: (cancellation: Cancellation) => Promise<void>) => {
      const cancellation = new Cancellation();
      open.set(id, cancellation);
      answer(cancellation)
        .catch((error) => connection.send(id, encodeError(toCalled(error))))
        .finally(() => open.delete(id));
    };
    const request = decodeRequest(head);
    if ("path" in request) {
      if (bodyBytes > INLINE_BYTES) throw new FrameError(`a call of ${bodyBytes} bytes`);
      return gathered(bodyBytes, (body) =>
        begin((cancellation) => this.#call(connection, id, request, body, cancellation)),
      );
    }
    if (bodyBytes > 0) throw new FrameError("a request for a tensor has no body");
    begin((cancellation) => this.#tensor(connection, id, request, cancellation));
    return null;
  }

  async #tensor(
    connection: DataConnection,
    id: number,
    { stepId, key }: TensorRequest,
    cancellation: Cancellation,
  ): Promise<void> {
    const { tensor, dead } = await this.context.worker.recvTensor(stepId, key, cancellation);
    if (tensor.values === null) connection.send(id, encodeTensorHead(tensor, dead), this.#elements(tensor));
    else connection.send(id, MESSAGE_HEAD, this.#message(tensor, dead));
  }

  async #call(
    connection: DataConnection,
    id: number,
    { path }: CallRequest,
    body: Uint8Array,
    cancellation: Cancellation,
  ): Promise<void> {
    const method = this.context.methods.get(path);
    if (method === undefined) throw new UnimplementedError("");
    const call: RawCall = { onCancelled: (callback) => cancellation.add(callback) };
    connection.send(id, MESSAGE_HEAD, bytesSource(await method(body, call)));
  }

  /** The tensor's bytes where they lie. A heap that isn't shared moves when it grows: then they are copied. */
  #elements(tensor: Tensor): Source {
    const { heap } = this.context.allocator;
    const bytes = tensor.size * dtypeSize(tensor.dtype);
    if (!heap.shared && bytes > 0) {
      const copy = heap.u8.slice(tensor.ptr, tensor.ptr + bytes);
      tensor.release();
      return bytesSource(copy);
    }
    return {
      bytes,
      view: (offset, count) => heap.u8.subarray(tensor.ptr + offset, tensor.ptr + offset + count),
      release: () => tensor.release(),
    };
  }

  /** Strings and variants. */
  #message(tensor: Tensor, isDead: boolean): Source {
    try {
      const proto = leavingView(tensor, this.context.allocator.heap);
      return bytesSource(RecvTensorResponse.encode({ tensor: proto, isDead }));
    } finally {
      tensor.release();
    }
  }
}
