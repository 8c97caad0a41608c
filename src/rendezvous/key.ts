// Rendezvous keys: `<send device>;<its incarnation>;<receive device>;<tensor name>;<frame>:<iteration>`.
import { InvalidArgumentError } from "../errors/index.js";

export interface RendezvousKey {
  readonly sendDevice: string;
  readonly incarnation: bigint;
  readonly recvDevice: string;
  readonly tensorName: string;
  readonly frameIter: string;
}

const hex = /^[0-9a-f]{1,16}$/i;

/** @param incarnation as TensorFlow's attributes carry it, signed or not */
export function createKey(
  sendDevice: string,
  incarnation: bigint,
  recvDevice: string,
  tensorName: string,
  frameIter = "0:0",
): string {
  const digits = BigInt.asUintN(64, incarnation).toString(16).padStart(16, "0");
  return `${sendDevice};${digits};${recvDevice};${tensorName};${frameIter}`;
}

/** @throws InvalidArgumentError with TensorFlow's text (two blanks) */
export function parseKey(key: string): RendezvousKey {
  const [sendDevice, digits, recvDevice, tensorName, frameIter, ...rest] = key.split(";");
  if (
    frameIter === undefined ||
    rest.length > 0 ||
    !hex.test(digits!) ||
    !sendDevice!.startsWith("/") ||
    !recvDevice!.startsWith("/")
  ) {
    throw new InvalidArgumentError(`Invalid  rendezvous key: ${key}`);
  }
  return {
    sendDevice: sendDevice!,
    incarnation: BigInt(`0x${digits}`),
    recvDevice: recvDevice!,
    tensorName: tensorName!,
    frameIter,
  };
}
