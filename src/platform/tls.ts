// TLS as the transport sees it: certificates that are checked before they are used, a door that lets sockets in when
// their handshake is done, and the handshake of who dials. It must not know what is said inside.
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { isIP, type Socket } from "node:net";
import {
  type ConnectionOptions,
  checkServerIdentity,
  connect,
  createSecureContext,
  createServer,
  type SecureContext,
} from "node:tls";

/** Certificates and keys in PEM. */
export interface TlsOptions {
  /** What this end shows of itself: its certificate, behind it those between it and the root. Goes with `key`. */
  readonly cert?: string | Uint8Array | undefined;
  readonly key?: string | Uint8Array | undefined;
  /** Who may have signed the certificates of others; whom the runtime trusts, when left out. */
  readonly ca?: string | Uint8Array | undefined;
  /** The name that a server's certificate is for, when that is not the host that is dialed. */
  readonly serverName?: string | undefined;
  /** Of a server with a CA: lets clients in that show no certificate. */
  readonly anyClient?: boolean | undefined;
}

/** Options that were found good. */
export interface Tls {
  readonly pem: { readonly cert?: string; readonly key?: string; readonly ca?: string };
  readonly context: SecureContext;
  readonly serverName: string | undefined;
  /** Whether clients must show a certificate. */
  readonly mutual: boolean;
}

/** @throws Error with one line for what can't be read or doesn't belong together */
export function openTls({ cert, key, ca, serverName, anyClient = false }: TlsOptions): Tls {
  if ((cert === undefined) !== (key === undefined)) throw new Error("TLS takes a certificate and its key together");
  const pem = { ...named("cert", cert), ...named("key", key), ...named("ca", ca) };
  if (pem.ca !== undefined) certificateOf("CA", pem.ca);
  if (pem.cert !== undefined && !certificateOf("certificate", pem.cert).checkPrivateKey(keyOf(pem.key!))) {
    throw new Error("The TLS key doesn't belong to the certificate");
  }
  try {
    return { pem, context: createSecureContext(pem), serverName, mutual: ca !== undefined && !anyClient };
  } catch (cause) {
    throw new Error(`TLS can't be used: ${(cause as Error).message}`, { cause });
  }
}

const decoder = new TextDecoder();

function named(name: keyof Tls["pem"], pem: string | Uint8Array | undefined): Tls["pem"] {
  return pem === undefined ? {} : { [name]: typeof pem === "string" ? pem : decoder.decode(pem) };
}

/** The first one. OpenSSL would leave those aside that come after one that is broken. */
function certificateOf(what: string, pem: string): X509Certificate {
  const parts = pem.split(/(?=-----BEGIN )/).filter((part) => /^-----BEGIN [A-Z0-9 ]*CERTIFICATE-----/.test(part));
  if (parts.length === 0) throw new Error(`The TLS ${what} can't be read: it holds no certificate in PEM`);
  const certificates = parts.map((part, i) => {
    try {
      return new X509Certificate(part);
    } catch (cause) {
      const which = parts.length === 1 ? "certificate" : `certificate ${i + 1} of ${parts.length}`;
      throw new Error(`The TLS ${what} can't be read: its ${which} is broken`, { cause });
    }
  });
  return certificates[0]!;
}

function keyOf(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw new Error("The TLS key can't be read: it is no private key in PEM without a passphrase", { cause });
  }
}

/**
 * The listening end. Takes sockets as they come in and hands on those whose handshake is done; all others are closed.
 * If it is mutual every client must show a certificate.
 * @param patienceMs how long a handshake may take
 */
export function tlsDoor(
  { pem, mutual }: Tls,
  onSocket: (socket: Socket) => void,
  patienceMs: number,
): (socket: Socket) => void {
  const settings = {
    requestCert: mutual,
    rejectUnauthorized: mutual,
    ALPNProtocols: ["h2"],
    handshakeTimeout: patienceMs,
  };
  const door = createServer({ ...pem, ...settings }, (socket) => {
    socket.on("error", () => {});
    if (mutual && !socket.authorized) socket.destroy();
    else onSocket(socket);
  });
  door.on("tlsClientError", (_, socket) => socket.destroy());
  return (socket) => {
    socket.on("error", () => {});
    door.emit("connection", socket);
  };
}

/** What `node:tls` is told by who dials `host`. */
export function dialing({ context, serverName }: Tls, host: string): ConnectionOptions {
  const name = serverName ?? host;
  return {
    secureContext: context,
    checkServerIdentity: (_, shown) => checkServerIdentity(name, shown),
    // Of an address the certificate must be, but it is no name to ask for.
    ...(isIP(name) === 0 ? { servername: name } : {}),
  };
}

/**
 * The dialing end of HTTP/2, over a socket that is connected. Rejects when it fails, takes longer than `patienceMs`, or
 * `signal` is aborted; then the socket is closed.
 */
export function handshake(
  socket: Socket,
  tls: Tls,
  host: string,
  patienceMs: number,
  signal: AbortSignal,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const secure = connect({ ...dialing(tls, host), socket, host, ALPNProtocols: ["h2"] });
    const timer = setTimeout(() => secure.destroy(new Error(`no answer within ${patienceMs} ms`)), patienceMs);
    const abort = () => secure.destroy(new Error("the channel was closed"));
    const settle = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
    };
    secure.once("secureConnect", () => {
      settle();
      resolve(secure);
    });
    secure.on("error", (error) => {
      settle();
      reject(error);
    });
    secure.once("close", () => {
      settle();
      reject(new Error("Socket closed"));
    });
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
  });
}
