// The meeting place of a step's tensors as kernels (and the executor's Send and Recv) see it.
import type { Tensor } from "../tensor/tensor.js";

/** `tensor` is held once for the receiver; `dead` values carry TensorFlow's empty float tensor. */
export type Received = (error: Error | null, tensor: Tensor | null, dead: boolean) => void;

/** One step's rendezvous on one task. Keys are TensorFlow's five-part strings. */
export interface StepRendezvous {
  /** Passes one hold on `tensor`. */
  send(key: string, tensor: Tensor, dead: boolean): void;
  /** Calls back at once when the value is there. */
  receive(key: string, received: Received): void;
  /** Fails all who wait and all who come; the error is made when the first of them needs it. */
  abort(error: () => Error): void;
}
