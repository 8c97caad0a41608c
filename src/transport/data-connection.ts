// A connection that carries messages with large bodies both ways, many at once: what HTTP/2 can't do fast in JavaScript.
// The one who opens it presents a token that it got over another road. It gives bytes; what they mean and where a body
// goes, the owner says. A peer that breaks the framing is cut off, and one that falls silent is found.
import { type ByteReader, connectTcp, readInto, type Socket } from "../platform/sockets.js";
import type { Tls } from "../platform/tls.js";
import { MAGIC } from "./first-bytes.js";
import { FrameWriter, type Source } from "./frame-writer.js";
import { FrameKind, FrameReader, type Sink } from "./frames.js";
import { KEEP_ALIVE, type KeepAlive, SILENT } from "./keep-alive.js";

export type { Sink, Source };

export interface DataEvents {
  /** A message began; `head` is valid during the call only. `null` drops its body. */
  message(connection: DataConnection, id: number, head: Uint8Array, bodyBytes: number): Sink | null;
  /** The peer wants no answer to `id` any more. */
  cancel(connection: DataConnection, id: number): void;
  /** Nothing more will come; open bodies have failed. */
  closed(connection: DataConnection, error: Error): void;
}

/** The byte by which a token is accepted. */
const ACCEPTED = 1;

/** What is there to read is read within this time. */
const READING_MS = 10;

export class DataConnection implements ByteReader {
  readonly #reader: FrameReader;
  readonly #writer: FrameWriter;
  #timer: ReturnType<typeof setTimeout>;
  /** Whether the peer gave a sign of life since the last look: it sent something, or took something. */
  #heard = true;
  #error: Error | null = null;

  constructor(
    readonly socket: Socket,
    readonly events: DataEvents,
    readonly keepAlive: KeepAlive = KEEP_ALIVE,
  ) {
    this.#reader = new FrameReader({
      message: (id, head, bodyBytes) => events.message(this, id, head, bodyBytes),
      cancel: (id) => events.cancel(this, id),
      ping: () => this.#writer.control(FrameKind.PONG),
    });
    this.#writer = new FrameWriter(socket, () => {
      this.#heard = true;
    });
    this.#timer = setTimeout(() => this.#look(), keepAlive.timeMs);
    socket.on("error", (error) => this.close(error));
    // Only a closed socket reads and writes no more: what lent it memory is told then, not before.
    socket.on("close", () => {
      this.close(new Error("Socket closed"));
      this.#writer.close();
      this.#reader.fail(this.#error!);
      events.closed(this, this.#error!);
    });
  }

  get closed(): boolean {
    return this.#error !== null;
  }

  /** Sends a message; takes over the source, which is released once. */
  send(id: number, head: Uint8Array, source: Source | null = null): void {
    this.#writer.message(id, head, source);
  }

  /** Tells the peer that nobody waits for its answer to `id`. */
  cancel(id: number): void {
    this.#writer.control(FrameKind.CANCEL, id);
  }

  space(): Uint8Array {
    return this.#reader.space();
  }

  filled(count: number): void {
    if (this.#error !== null) return;
    this.#heard = true;
    try {
      this.#reader.filled(count);
    } catch (error) {
      this.close(error as Error);
    }
  }

  close(error: Error = new Error("The connection was closed")): void {
    if (this.#error !== null) return;
    this.#error = error;
    clearTimeout(this.#timer);
    this.socket.destroy();
  }

  #look(): void {
    const { timeMs, timeoutMs } = this.keepAlive;
    if (this.#heard) {
      this.#heard = false;
      this.#timer = setTimeout(() => this.#look(), timeMs);
      return;
    }
    this.#writer.control(FrameKind.PING);
    this.#timer = setTimeout(() => {
      // A process that was stopped looks at its clock before it reads what came meanwhile.
      this.#timer = setTimeout(() => (this.#heard ? this.#look() : this.close(new Error(SILENT))), READING_MS);
    }, timeoutMs);
  }
}

/** The accepting side: a socket whose token was good. */
export function acceptDataConnection(
  socket: Socket,
  events: DataEvents,
  keepAlive: KeepAlive = KEEP_ALIVE,
): DataConnection {
  const connection = new DataConnection(socket, events, keepAlive);
  socket.write(Uint8Array.of(ACCEPTED));
  readInto(connection, socket);
  return connection;
}

/** The side that asked for the token. Rejects when the peer can't be reached or doesn't accept it. */
export async function openDataConnection(
  address: { readonly host: string; readonly port: number },
  token: Uint8Array,
  events: DataEvents,
  signal: AbortSignal,
  keepAlive: KeepAlive = KEEP_ALIVE,
  tls: Tls | null = null,
): Promise<DataConnection> {
  let connection: DataConnection | null = null;
  let accept!: () => void;
  const accepted = new Promise<void>((resolve) => {
    accept = resolve;
  });
  const byte = new Uint8Array(1);
  const reader: ByteReader = {
    space: () => connection?.space() ?? byte,
    filled(count) {
      if (connection !== null) connection.filled(count);
      else if (byte[0] !== ACCEPTED) socket.destroy();
      else {
        // At once: the next bytes are the connection's.
        connection = new DataConnection(socket, events, keepAlive);
        accept();
      }
    },
  };
  const socket = await connectTcp(address.host, address.port, reader, signal, tls);
  const refused = new Promise<never>((_, reject) => {
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("The data connection was refused")));
  });
  const abort = () => socket.destroy(signal.reason as Error);
  signal.addEventListener("abort", abort, { once: true });
  try {
    socket.write(Buffer.concat([MAGIC, token]));
    await Promise.race([accepted, refused]);
    return connection!;
  } finally {
    refused.catch(() => {});
    signal.removeEventListener("abort", abort);
  }
}
