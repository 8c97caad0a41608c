// The flags of commands that speak TLS, the same for all: files with certificates in PEM become a library's options.
import { readFileSync } from "node:fs";
import { openTls, type Tls, type TlsOptions } from "../platform/tls.js";

export const tlsFlags = {
  "tls-cert": { type: "string" },
  "tls-key": { type: "string" },
  "tls-ca": { type: "string" },
  "tls-server-name": { type: "string" },
} as const;

/** A server may let anybody in. */
export const serverFlags = { ...tlsFlags, "tls-any-client": { type: "boolean" } } as const;

/** Who only dials may need none of the files. */
export const dialFlags = { tls: { type: "boolean" }, ...tlsFlags } as const;

export const DIAL_USAGE = `  --tls                     the tasks speak TLS with certificates that this machine trusts
  --tls-ca FILE             who signs their certificates, in PEM
  --tls-cert FILE --tls-key FILE  what this end shows of itself
  --tls-server-name NAME    the name in their certificates, when that is not the host of their addresses
`;

export type Flags = { readonly [K in keyof typeof tlsFlags]?: string | undefined } & {
  readonly tls?: boolean | undefined;
  readonly "tls-any-client"?: boolean | undefined;
};

/** @returns `undefined` when none was given. @throws Error with one line */
export function tlsOptions(flags: Flags): TlsOptions | undefined {
  const cert = read(flags, "tls-cert");
  const key = read(flags, "tls-key");
  const ca = read(flags, "tls-ca");
  const serverName = flags["tls-server-name"];
  const anyClient = flags["tls-any-client"];
  if ((cert === undefined) !== (key === undefined)) throw new Error("--tls-cert and --tls-key go together");
  if (flags.tls !== true && cert === undefined && ca === undefined && serverName === undefined) return undefined;
  return { cert, key, ca, serverName, anyClient };
}

/** The same, looked through. @returns `null` when none was given. @throws Error with one line */
export function tlsOf(flags: Flags): Tls | null {
  const options = tlsOptions(flags);
  return options === undefined ? null : openTls(options);
}

function read(flags: Flags, flag: keyof typeof tlsFlags): string | undefined {
  const file = flags[flag];
  if (file === undefined) return undefined;
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new Error(`--${flag}: ${(error as Error).message}`);
  }
}
