// Two protocols on one port, told apart by a connection's first bytes: HTTP/2 goes to gRPC untouched, a data connection
// begins with MAGIC and a one-time token. Anything else, or nothing in time, is closed.
import type { Socket } from "../platform/sockets.js";
import { TOKEN_BYTES } from "./tokens.js";

/** First bytes of a data connection; HTTP/2 begins with `PRI * HTTP/2.0`. The token follows. */
export const MAGIC = Uint8Array.from("tflt-d1\n", (c) => c.charCodeAt(0));
const GREETING = MAGIC.length + TOKEN_BYTES;
/** A connection that says nothing for this long is closed. */
export const PATIENCE_MS = 10_000;

export interface Routes {
  readonly http2: (socket: Socket) => void;
  /** The socket is paused behind its token; `false` refuses the token. */
  readonly data: (socket: Socket, token: Uint8Array) => boolean;
}

/** @param undecided holds the socket until it is known whose it is */
export function routeByFirstBytes(socket: Socket, routes: Routes, undecided: Set<Socket>): void {
  undecided.add(socket);
  const timer = setTimeout(() => socket.destroy(), PATIENCE_MS);
  const done = () => {
    clearTimeout(timer);
    undecided.delete(socket);
    socket.off("readable", look).off("close", done).off("error", done);
  };
  // Kept here, not given back to the socket: it would offer them again at once, and for ever.
  let bytes: Buffer = Buffer.alloc(0);
  const look = () => {
    const more = socket.read() as Buffer | null;
    if (more === null) return;
    bytes = Buffer.concat([bytes, more]);
    if (bytes[0] !== MAGIC[0]) {
      done();
      socket.unshift(bytes);
      routes.http2(socket);
    } else if (bytes.length >= GREETING) {
      done();
      if (bytes.length > GREETING) socket.unshift(bytes.subarray(GREETING));
      const known = MAGIC.every((byte, i) => bytes[i] === byte);
      if (!known || !routes.data(socket, bytes.subarray(MAGIC.length, GREETING))) socket.destroy();
    }
  };
  socket.on("readable", look).on("close", done).on("error", done);
}
