// Tensors that a session keeps on its device under handles (TensorFlow's SessionState and TensorStore). A step keeps what
// it makes handles for; the session takes over those whose handle was fetched, and lets go of all when it closes.
import { InvalidArgumentError } from "../errors/index.js";
import type { StepTensors } from "../kernel/resource.js";
import type { Tensor } from "../tensor/tensor.js";

export class SessionTensors {
  readonly #tensors = new Map<string, Tensor>();
  #lastId = 0;

  newId(): number {
    return this.#lastId++;
  }

  /** Takes over one hold. */
  add(handle: string, tensor: Tensor): void {
    this.#tensors.set(handle, tensor);
  }

  /** The tensor, borrowed. */
  find(handle: string): Tensor {
    const found = this.#tensors.get(handle);
    if (found !== undefined) return found;
    throw new InvalidArgumentError(`The tensor with handle '${handle}' is not in the session store.`);
  }

  delete(handle: string): void {
    const found = this.#tensors.get(handle);
    if (found === undefined)
      throw new InvalidArgumentError(`Failed to delete a tensor with handle '${handle}' in the session store.`);
    this.#tensors.delete(handle);
    found.release();
  }

  clear(): void {
    for (const tensor of this.#tensors.values()) tensor.release();
    this.#tensors.clear();
  }
}

interface Kept {
  readonly handle: string;
  readonly tensor: Tensor;
}

/** Those of one step. */
export class KeptTensors implements StepTensors {
  /** By the node that made the handle. */
  readonly #kept = new Map<string, Kept>();

  constructor(readonly session: SessionTensors) {}

  keep(node: string, device: string, tensor: Tensor): string {
    const handle = `${node};${this.session.newId()};${device}`;
    this.#kept.get(node)?.tensor.release();
    this.#kept.set(node, { handle, tensor });
    return handle;
  }

  find = (handle: string): Tensor => this.session.find(handle);
  delete = (handle: string): void => this.session.delete(handle);

  /** Passes what these nodes made handles for to the session. */
  save(nodes: Iterable<string>): void {
    if (this.#kept.size === 0) return;
    for (const node of nodes) {
      const kept = this.#kept.get(node);
      if (kept === undefined) continue;
      this.#kept.delete(node);
      this.session.add(kept.handle, kept.tensor);
    }
  }

  dispose(): void {
    for (const { tensor } of this.#kept.values()) tensor.release();
    this.#kept.clear();
  }
}
