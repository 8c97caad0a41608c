// How much text a call may make: a small graph can ask for more than any machine has (a text joined with itself again
// and again), and what is made is only counted once it is a tensor. So each text is asked for before it is made.
import { ResourceExhaustedError } from "../../errors/index.js";
import type { KernelDevice, KernelStep } from "../../kernel/kernel.js";

export const tooMuchText = ({ name }: KernelDevice, bytes: number): Error =>
  new ResourceExhaustedError(`OOM when allocating a string of ${bytes} bytes on ${name}`);

export class TextRoom {
  #left: number;

  constructor(private readonly step: KernelStep) {
    this.#left = step.device.allocator.room;
  }

  /** @throws ResourceExhaustedError */
  take(bytes: number): void {
    this.#left -= bytes;
    if (this.#left < 0) throw tooMuchText(this.step.device, bytes);
  }
}
