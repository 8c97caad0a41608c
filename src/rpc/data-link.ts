// The asking end: one data connection to another task, asked for over gRPC when there is first something for it, and
// used from the moment it is open. Until then, and where there is none to be had, tensors come by RecvTensor and calls are
// gRPC's: the same bytes, the same errors. Whoever breaks the rules of the connection loses it.
import { parseHostPort } from "../cluster/server-def.js";
import { type OpError, ResourceExhaustedError, UnavailableError } from "../errors/index.js";
import type { CancellationSignal } from "../kernel/cancellation.js";
import type { Allocator } from "../memory/allocator.js";
import { dtypeName } from "../tensor/dtype.js";
import { shapeString } from "../tensor/shape.js";
import { allocateTensor, type Tensor } from "../tensor/tensor.js";
import { type DataConnection, openDataConnection, type Sink } from "../transport/data-connection.js";
import { bytesSource, INLINE_BYTES } from "../transport/frame-writer.js";
import { FrameError, gathered } from "../transport/frames.js";
import type { GrpcChannel } from "../transport/grpc-channel.js";
import type { KeepAlive } from "../transport/keep-alive.js";
import { socketFailure } from "../transport/socket-failure.js";
import { TOKEN_BYTES } from "../transport/tokens.js";
import type { Arrived, PeerTransfer } from "../worker/peers.js";
import { AnswerKind, decodeError, decodeTensorHead, encodeCall, encodeTensorRequest } from "./data-messages.js";
import { OPEN_PATH } from "./data-service.js";
import { deliver } from "./recv-tensor.js";
import type { Calls } from "./unary.js";

const OPEN_MS = 5_000;
/** A task that has no data connections, or can't be reached that way, isn't asked again for this long. */
const RETRY_MS = 30_000;

/** Who waits for an answer. One of them is called, once. */
interface Wanted {
  /** `null` where no tensor is wanted. One hold passes along. */
  readonly tensor: ((tensor: Tensor, dead: boolean, beganMs: number) => void) | null;
  readonly message: (body: Uint8Array, beganMs: number) => void;
  readonly failed: (error: OpError) => void;
}

export class DataLink implements PeerTransfer, Calls {
  #connection: DataConnection | null = null;
  #opening: AbortController | null = null;
  #retryAt = Number.NEGATIVE_INFINITY;
  #lastId = 0;
  readonly #wanted = new Map<number, Wanted>();

  constructor(
    readonly channel: GrpcChannel,
    readonly allocator: Allocator,
    /** The road until the connection is open. */
    readonly other: PeerTransfer & Calls,
    readonly now: () => number,
    readonly keepAlive: KeepAlive,
  ) {}

  get open(): boolean {
    return this.#connection !== null;
  }

  receive(stepId: bigint, key: string, signal: CancellationSignal, arrived: Arrived): void {
    const connection = this.#connection;
    if (connection === null) {
      this.#openIfDue();
      this.other.receive(stepId, key, signal, arrived);
      return;
    }
    if (signal.reason !== null) {
      arrived(signal.reason, null, false, 0);
      return;
    }
    const id = this.#nextId();
    const cancel = (reason: Error) => {
      this.#wanted.delete(id);
      connection.cancel(id);
      arrived(reason, null, false, 0);
    };
    const received: Arrived = (error, tensor, dead, beganMs) => {
      signal.remove(cancel);
      arrived(error, tensor, dead, beganMs);
    };
    this.#wanted.set(id, {
      tensor: (tensor, dead, beganMs) => received(null, tensor, dead, beganMs),
      // Strings and variants.
      message: (body, beganMs) => deliver(body, this.allocator, () => beganMs, received),
      failed: (error) => received(error, null, false, 0),
    });
    signal.add(cancel);
    connection.send(id, encodeTensorRequest({ stepId, key }));
  }

  /** Short calls go here: through HTTP/2 each costs a step half a millisecond at either end. */
  call(...[path, request, settings, answered]: Parameters<Calls["call"]>): () => void {
    const connection = this.#connection;
    const isPatient = settings.timeoutMs !== undefined || settings.waitForReady === true;
    if (connection === null || isPatient || request.length > INLINE_BYTES) {
      if (!isPatient) this.#openIfDue();
      return this.other.call(path, request, settings, answered);
    }
    const id = this.#nextId();
    this.#wanted.set(id, {
      tensor: null,
      message: (body) => answered(null, body),
      failed: (error) => answered(error, undefined),
    });
    connection.send(id, encodeCall({ path }), bytesSource(request));
    return () => {
      if (this.#wanted.delete(id)) connection.cancel(id);
    };
  }

  close(): void {
    this.#retryAt = Number.POSITIVE_INFINITY;
    this.#opening?.abort(new Error("The server is stopping"));
    this.#connection?.close(new Error("The server is stopping"));
  }

  #openIfDue(): void {
    if (this.#connection === null && this.#opening === null && this.now() >= this.#retryAt) void this.#open();
  }

  async #open(): Promise<void> {
    const opening = new AbortController();
    this.#opening = opening;
    const timer = setTimeout(() => opening.abort(new Error("no data connection in time")), OPEN_MS);
    try {
      const token = await this.#token(opening.signal);
      this.#connection = await openDataConnection(
        this.#address(),
        token,
        {
          message: (_, id, head, bodyBytes) => this.#answer(id, head, bodyBytes),
          cancel() {},
          closed: (_, error) => this.#closed(error),
        },
        opening.signal,
        this.keepAlive,
        this.channel.tls,
      );
    } catch {
      // The other road is as good, only slower.
      this.#retryAt = Math.max(this.#retryAt, this.now() + RETRY_MS);
    } finally {
      clearTimeout(timer);
      this.#opening = null;
    }
  }

  /** The channel's own, which was checked when the cluster was read. */
  #address(): { host: string; port: number } {
    const { host, port } = parseHostPort(this.channel.address)!;
    return { host: host.replace(/^\[|\]$/g, ""), port: port! };
  }

  #token(signal: AbortSignal): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const stop = this.channel.call(OPEN_PATH, new Uint8Array(0), { timeoutMs: OPEN_MS }, (error, token) => {
        if (error !== null) reject(error);
        else if (token?.length !== TOKEN_BYTES) reject(new Error("no token"));
        else resolve(token);
      });
      signal.addEventListener("abort", stop, { once: true });
    });
  }

  #nextId(): number {
    do this.#lastId = (this.#lastId + 1) >>> 0;
    while (this.#wanted.has(this.#lastId));
    return this.#lastId;
  }

  /** What nobody waits for any more is dropped. */
  #take(id: number): Wanted | undefined {
    const wanted = this.#wanted.get(id);
    this.#wanted.delete(id);
    return wanted;
  }

  #answer(id: number, head: Uint8Array, bodyBytes: number): Sink | null {
    const kind = head[0];
    if (kind === AnswerKind.ERROR && bodyBytes === 0) {
      const error = decodeError(head);
      this.#take(id)?.failed(error);
      return null;
    }
    if (kind === AnswerKind.MESSAGE) {
      if (!this.#wanted.has(id)) return null;
      const beganMs = this.now();
      return gathered(bodyBytes, (body) => this.#take(id)?.message(body, beganMs));
    }
    if (kind !== AnswerKind.TENSOR) throw new FrameError(`an answer of kind ${kind}`);
    const { dtype, shape, dead, bytes } = decodeTensorHead(head, bodyBytes);
    const wanted = this.#wanted.get(id);
    if (wanted === undefined) return null;
    if (wanted.tensor === null) throw new FrameError("a tensor where a message is wanted");
    const tensor = allocateTensor(this.allocator, dtype, shape);
    if (tensor === null) {
      const text = `OOM when allocating tensor with shape${shapeString(shape)} and type ${dtypeName(dtype)}`;
      this.#take(id)!.failed(new ResourceExhaustedError(text));
      return null;
    }
    const { heap } = this.allocator;
    const beganMs = this.now();
    return {
      stable: heap.shared,
      view: (offset, count) => heap.u8.subarray(tensor.ptr + offset, tensor.ptr + Math.min(offset + count, bytes)),
      end: () => {
        if (this.#take(id) === undefined) tensor.release();
        else wanted.tensor!(tensor, dead, beganMs);
      },
      fail: () => tensor.release(),
    };
  }

  /** What was asked for will not come; the next request takes the other road and tries for a new connection. */
  #closed(cause: Error): void {
    this.#connection = null;
    const error: OpError = new UnavailableError(socketFailure(cause.message), { cause });
    for (const id of [...this.#wanted.keys()]) this.#take(id)?.failed(error);
  }
}
