// What the server needs of Node: clocks, the event loop, random bytes, this machine's name and addresses.
import { randomFillSync } from "node:crypto";
import { lookup } from "node:dns/promises";
import { hostname, networkInterfaces } from "node:os";

export const now = (): number => performance.now();

/** Milliseconds since 1970, as fine as `now`: the whole ones that the clock gives leave out up to one. */
export function wallClock(): () => number {
  let offset = Number.NEGATIVE_INFINITY;
  return () => {
    const passed = now();
    const seen = Date.now() - passed;
    // Unless somebody has set the clock back.
    if (seen > offset || seen < offset - 2) offset = seen;
    return passed + offset;
  };
}

/** Runs `resume` after sockets and timers had their turn. */
export const yieldThen = (resume: () => void): void => {
  setImmediate(resume);
};

/** Work may go on for this long before others get their turn. */
const SLICE_MS = 8;

/** To be asked again and again by long work: a promise to wait for when others should have their turn, else `null`. */
export function pauses(): () => Promise<void> | null {
  let last = now();
  return () => {
    if (now() - last < SLICE_MS) return null;
    return new Promise((resolve) => {
      setImmediate(() => {
        last = now();
        resolve();
      });
    });
  };
}

export const random = (bytes: Uint8Array): void => {
  randomFillSync(bytes);
};

export const machineName = (): string => hostname();

/** The addresses of `host` if they are this machine's, `null` if it is another machine or unknown. */
export async function ownAddressOf(host: string): Promise<string | null> {
  const wanted = host.replace(/^\[|\]$/g, "");
  const own = new Set(Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address)));
  if (wanted === "" || wanted === "0.0.0.0" || wanted === "::") return wanted === "" ? "0.0.0.0" : wanted;
  try {
    const found = await lookup(wanted, { all: true });
    const mine = found.find(({ address }) => own.has(address) || address.startsWith("127.") || address === "::1");
    return mine?.address ?? null;
  } catch {
    return null;
  }
}

/** A line on standard error: where a server logs unless told otherwise. */
export const logLine = (text: string): void => {
  process.stderr.write(`${text}\n`);
};
