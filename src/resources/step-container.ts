// Resources that die with their step: TensorArrays, stacks, temporary variables.
import { AlreadyExistsError } from "../errors/index.js";
import type { Resource, StepResources } from "../kernel/resource.js";

export class StepContainer implements StepResources {
  readonly #resources = new Map<string, Resource>();
  #lastId = 0;

  find(name: string): Resource | undefined {
    return this.#resources.get(name);
  }

  create(name: string, resource: Resource): void {
    if (this.#resources.has(name)) throw new AlreadyExistsError(`Resource ${name} exists in this step`);
    this.#resources.set(name, resource);
  }

  nextId(): number {
    return this.#lastId++;
  }

  dispose(): void {
    for (const resource of this.#resources.values()) {
      resource.dead = true;
      resource.dispose();
    }
    this.#resources.clear();
  }
}
