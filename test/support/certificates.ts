// Certificates for tests, made when they are asked for: Node signs but doesn't write them, so their DER is put together
// here. Nothing is kept, and none is good for more than an hour.
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";

export interface Identity {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateOptions {
  /** Names and IPv4 addresses that the certificate is for. */
  readonly names?: readonly string[];
  readonly expired?: boolean;
}

const der = (tag: number, ...parts: readonly Uint8Array[]): Buffer => {
  const body = Buffer.concat(parts);
  const { length } = body;
  const head = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Uint8Array.of(tag, ...head), body]);
};
const sequence = (...parts: readonly Uint8Array[]): Buffer => der(0x30, ...parts);
const oid = (...bytes: readonly number[]): Buffer => der(0x06, Uint8Array.from(bytes));
const bits = (bytes: Uint8Array): Buffer => der(0x03, Uint8Array.of(0), bytes);
const time = (ms: number): Buffer =>
  der(0x18, Buffer.from(`${new Date(ms).toISOString().replace(/\..*|[-:T]/g, "")}Z`));
const commonName = (name: string): Buffer =>
  sequence(der(0x31, sequence(oid(0x55, 4, 3), der(0x0c, Buffer.from(name)))));
const extension = (id: number, ...value: readonly Uint8Array[]): Buffer =>
  sequence(oid(0x55, 0x1d, id), der(0x04, ...value));

const ECDSA_SHA256 = sequence(oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2));
const VERSION_3 = der(0xa0, der(0x02, Uint8Array.of(2)));
const HOUR_MS = 3_600_000;

const isAddress = (name: string): boolean => /^[\d.]+$/.test(name);
const altName = (name: string): Buffer =>
  isAddress(name) ? der(0x87, Uint8Array.from(name.split("."), Number)) : der(0x82, Buffer.from(name));

/** Who signs certificates, and with whose `cert` they are checked. */
export class Authority {
  readonly cert: string;
  readonly #key: KeyObject;

  constructor(readonly name: string) {
    const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    this.#key = privateKey;
    const isAuthority = extension(19, sequence(der(0x01, Uint8Array.of(255))));
    this.cert = this.#sign(name, publicKey, false, isAuthority);
  }

  issue({ names = ["127.0.0.1", "localhost"], expired = false }: CertificateOptions = {}): Identity {
    const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const cert = this.#sign("task", publicKey, expired, extension(17, sequence(...names.map(altName))));
    return { cert, key: privateKey.export({ type: "pkcs8", format: "pem" }).toString() };
  }

  #sign(subject: string, publicKey: KeyObject, expired: boolean, addition: Uint8Array): string {
    const now = Date.now();
    const serial = der(0x02, Uint8Array.of(1), randomBytes(8));
    const validity = sequence(time(now - 2 * HOUR_MS), time(expired ? now - HOUR_MS : now + HOUR_MS));
    const content = sequence(
      VERSION_3,
      serial,
      ECDSA_SHA256,
      commonName(this.name),
      validity,
      commonName(subject),
      publicKey.export({ type: "spki", format: "der" }),
      der(0xa3, sequence(addition)),
    );
    const whole = sequence(content, ECDSA_SHA256, bits(sign("sha256", content, this.#key)));
    const lines = whole.toString("base64").match(/.{1,64}/g)!;
    return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
  }
}
