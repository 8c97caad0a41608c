// TLS for both kinds of connection: options that a user gave become credentials, or an error in one line; and gRPC's
// channels make their handshakes with the same certificates, names and deadlines as data connections.
import { CallCredentials, ChannelCredentials } from "@grpc/grpc-js";
import { InvalidArgumentError } from "../errors/index.js";
import { handshake, openTls, type Tls, type TlsOptions } from "../platform/tls.js";
import { socketFailure } from "./socket-failure.js";

export type { Tls, TlsOptions };

/** How a text begins that says why there is no TLS with a peer, behind the peer's address. */
const FAILED = "Ssl handshake failed: ";
export const isHandshakeFailure = (text: string): boolean => text.includes(FAILED);

/** @returns `null` where no TLS is asked for. @throws InvalidArgumentError for certificates that are of no use */
export function checkedTls(options: TlsOptions | undefined): Tls | null {
  if (options === undefined) return null;
  try {
    return openTls(options);
  } catch (cause) {
    throw new InvalidArgumentError((cause as Error).message, { cause });
  }
}

/** A connection that was lost tells nothing of the other end's mind. */
const isLoss = ({ code }: NodeJS.ErrnoException): boolean => /^E(?!RR_)[A-Z]+$/.test(code ?? "");

function reasonOf(error: NodeJS.ErrnoException): string {
  if (isLoss(error)) return "Socket closed";
  const reason = socketFailure(error.message);
  return error.code?.endsWith("WRONG_VERSION_NUMBER") ? `${reason}; the peer doesn't seem to speak TLS` : reason;
}

/** How often in a row a peer must hang up after the handshake for it to be no accident. */
const MOST_HANG_UPS = 5;

const NONE = CallCredentials.createEmpty();

/**
 * What grpc-js has for this waits for a handshake for ever, leaves its socket open when the channel is closed
 * meanwhile, and asks for addresses by name.
 */
export class TlsCredentials extends ChannelCredentials {
  constructor(
    readonly tls: Tls,
    readonly address: string,
    readonly patienceMs: number,
    /** Why there is no TLS with the peer. When it was told so `often` in a row, the next attempt will fail as well. */
    readonly failed: (reason: string, often: number) => void,
  ) {
    super();
  }

  override _isSecure(): boolean {
    return true;
  }

  override _equals(other: ChannelCredentials): boolean {
    return other === this;
  }

  override _createSecureConnector(): ReturnType<ChannelCredentials["_createSecureConnector"]> {
    const { tls, address, patienceMs } = this;
    const host = address.replace(/:\d+$/, "").replace(/^\[|\]$/g, "");
    const closing = new AbortController();
    const fail = (reason: string, often: number): Error => {
      const text = `${address}: ${FAILED}${reason}`;
      if (!closing.signal.aborted) this.failed(text, often);
      return new Error(text);
    };
    const failWith = (error: Error) => fail(reasonOf(error), isLoss(error) ? Number.POSITIVE_INFINITY : 1);
    return {
      async connect(connected) {
        try {
          const socket = await handshake(connected, tls, host, patienceMs, closing.signal);
          // Under TLS 1.3 the other end looks at our certificate when this end is done.
          socket.once("error", failWith);
          socket.once("close", () =>
            fail("Socket closed; the peer may not accept this end's certificate", MOST_HANG_UPS),
          );
          return { socket, secure: true };
        } catch (error) {
          throw failWith(error as Error);
        }
      },
      waitForReady: async () => {},
      getCallCredentials: () => NONE,
      destroy: () => closing.abort(),
    };
  }
}
