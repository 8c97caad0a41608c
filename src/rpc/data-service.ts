// The sending end of data connections: gives tokens over gRPC, takes the connections that present them, and answers
// their requests from the worker's rendezvous, straight from the heap.
import { CancelledError, toOpError } from "../errors/index.js";
import { Cancellation } from "../kernel/cancellation.js";
import type { Allocator } from "../memory/allocator.js";
import type { Socket } from "../platform/sockets.js";
import { dtypeSize } from "../tensor/dtype.js";
import type { Tensor } from "../tensor/tensor.js";
import { acceptDataConnection, type DataConnection, type Source } from "../transport/data-connection.js";
import { FrameError } from "../transport/frames.js";
import type { RawHandler } from "../transport/grpc-listener.js";
import type { KeepAlive } from "../transport/keep-alive.js";
import { Tokens } from "../transport/tokens.js";
import { RecvTensorResponse } from "../wire/worker.js";
import type { Worker } from "../worker/worker.js";
import { decodeRequest, encodeError, encodeTensorHead, MESSAGE_HEAD } from "./data-messages.js";
import { leavingView } from "./service.js";

/** Answers with a token; a task that doesn't know it is asked for its tensors by RecvTensor. */
export const OPEN_PATH = "/tensorfleet.DataConnection/Open";

export interface DataServiceContext {
  readonly worker: Worker;
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
        message: (from, id, head, bodyBytes) => {
          if (bodyBytes > 0 || requests.has(id)) throw new FrameError("no request for a tensor");
          const { stepId, key } = decodeRequest(head);
          const cancellation = new Cancellation();
          requests.set(id, cancellation);
          this.#answer(from, id, stepId, key, cancellation).finally(() => requests.delete(id));
          return null;
        },
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

  async #answer(
    connection: DataConnection,
    id: number,
    stepId: bigint,
    key: string,
    cancellation: Cancellation,
  ): Promise<void> {
    try {
      const { tensor, dead } = await this.context.worker.recvTensor(stepId, key, cancellation);
      if (tensor.values === null) connection.send(id, encodeTensorHead(tensor, dead), this.#elements(tensor));
      else connection.send(id, MESSAGE_HEAD, this.#message(tensor, dead));
    } catch (error) {
      connection.send(id, encodeError(toOpError(error)));
    }
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

const bytesSource = (all: Uint8Array): Source => ({
  bytes: all.length,
  view: (offset, count) => all.subarray(offset, offset + count),
  release() {},
});
