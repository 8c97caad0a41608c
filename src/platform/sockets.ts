// TCP as the transport sees it: listen, connect, and a socket whose incoming bytes land in one reused buffer.
import { connect, createServer, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";

import { copyBytes } from "./copy.js";
import { dialing, type Tls } from "./tls.js";

export type { Socket };

export interface TcpListener {
  readonly port: number;
  /** Stops accepting; connections that are open stay. */
  close(): Promise<void>;
}

/** @param host an address of this machine, without brackets; port 0 takes any */
export function listenTcp(host: string, port: number, onSocket: (socket: Socket) => void): Promise<TcpListener> {
  const server = createServer({ noDelay: true }, onSocket);
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port }, () => {
      server.off("error", reject);
      // What fails later is one connection that could not be accepted.
      server.on("error", () => {});
      const bound = server.address();
      resolve({
        port: typeof bound === "object" && bound !== null ? bound.port : port,
        close: () => new Promise((closed) => server.close(() => closed())),
      });
    });
  });
}

/** Who takes the bytes of a socket. */
export interface ByteReader {
  /** Memory for the next bytes; asked again after each `filled`. */
  space(): Uint8Array;
  /** That many bytes lie at the beginning of the memory that `space` gave last. */
  filled(count: number): void;
}

/** Hands a socket's bytes to `reader`, by copying: for a socket that somebody else opened. */
export function readInto(reader: ByteReader, socket: Socket): void {
  socket.on("data", (bytes: Uint8Array) => {
    for (let at = 0; at < bytes.length && !socket.destroyed; ) {
      const space = reader.space();
      const count = Math.min(space.length, bytes.length - at);
      copyBytes(bytes.subarray(at, at + count), space);
      at += count;
      reader.filled(count);
    }
  });
}

/**
 * Connects, under `tls` if there is one, and reads straight into the memory that `reader` gives. Rejects when the
 * connection fails or `signal` is aborted first.
 */
export function connectTcp(
  host: string,
  port: number,
  reader: ByteReader,
  signal: AbortSignal,
  tls: Tls | null = null,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const onread = {
      buffer: () => reader.space(),
      callback: (count: number) => {
        reader.filled(count);
        return true;
      },
    };
    const to = { host, port, noDelay: true, onread };
    const socket = tls === null ? connect(to) : connectTls({ ...to, ...dialing(tls, host) });
    const abort = () => socket.destroy(signal.reason instanceof Error ? signal.reason : new Error("aborted"));
    const settle = () => {
      signal.removeEventListener("abort", abort);
      socket.off("error", fail).off("close", fail);
    };
    const fail = (error?: unknown) => {
      settle();
      socket.on("error", () => {});
      reject(error instanceof Error ? error : new Error(`${host}:${port} closed the connection`));
    };
    socket.once("error", fail).once("close", fail);
    socket.once(tls === null ? "connect" : "secureConnect", () => {
      settle();
      // Under TLS it is not taken from the options.
      socket.setNoDelay();
      // A runtime that knows nothing of `onread` gives bytes as events.
      readInto(reader, socket);
      resolve(socket);
    });
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
  });
}
