// Containers of one task, or of one isolated session: named resources that outlive steps and sessions
// (TensorFlow's `ResourceMgr`). The default container is called as the job is.
import { AlreadyExistsError, InvalidArgumentError, NotFoundError } from "../errors/index.js";
import type { Resource, ResourceHandle, ResourceStore } from "../kernel/resource.js";

type Container = Map<string, Resource>;

/** Variables and queues may share a name: the type is part of the key. */
const keyOf = (name: string, typeName: string): string => `${typeName}/${name}`;

export class ResourceManager implements ResourceStore {
  readonly #containers = new Map<string, Container>();
  #privateNames = 0;

  constructor(readonly defaultContainer: string) {}

  find(container: string, name: string, typeName: string): Resource | null {
    return this.#containers.get(container || this.defaultContainer)?.get(keyOf(name, typeName)) ?? null;
  }

  create(container: string, name: string, resource: Resource): void {
    const resources = this.#container(container || this.defaultContainer);
    const key = keyOf(name, resource.typeName);
    if (resources.has(key)) {
      throw new AlreadyExistsError(`Resource ${container || this.defaultContainer}/${name}/${resource.typeName}`);
    }
    resources.set(key, resource);
  }

  findOrCreate<R extends Resource>(container: string, name: string, typeName: string, make: () => R): R {
    const found = this.find(container, name, typeName);
    if (found !== null) return found as R;
    const resource = make();
    this.create(container, name, resource);
    return resource;
  }

  resolve(handle: ResourceHandle): Resource {
    const { cached } = handle;
    if (cached !== null && !cached.dead) return cached;
    const container = handle.container || this.defaultContainer;
    const resources = this.#containers.get(container);
    if (resources === undefined) {
      throw new NotFoundError(
        `Container ${container} does not exist. (Could not find resource: ${container}/${handle.name})`,
      );
    }
    const found = resources.get(keyOf(handle.name, handle.typeName));
    if (found === undefined) {
      throw new NotFoundError(`Resource ${container}/${handle.name}/${handle.typeName} does not exist.`);
    }
    handle.cached = found;
    return found;
  }

  destroy(container: string, name: string, typeName: string): boolean {
    const resources = this.#containers.get(container || this.defaultContainer);
    const key = keyOf(name, typeName);
    const found = resources?.get(key);
    if (found === undefined) return false;
    resources!.delete(key);
    dispose(found);
    return true;
  }

  privateName(node: string): string {
    return `_${this.#privateNames++}_${node}`;
  }

  /** Empties the named containers, the default one when none is named (`CleanupAll`). */
  cleanUp(containers: readonly string[]): void {
    for (const name of containers.length === 0 ? [this.defaultContainer] : containers) {
      const resources = this.#containers.get(name);
      if (resources === undefined) continue;
      this.#containers.delete(name);
      for (const resource of resources.values()) dispose(resource);
    }
  }

  /** Disposes of everything. */
  clear(): void {
    this.cleanUp([...this.#containers.keys()]);
  }

  *entries(): Generator<{ container: string; name: string; resource: Resource }> {
    for (const [container, resources] of this.#containers) {
      for (const [key, resource] of resources) {
        yield { container, name: key.slice(resource.typeName.length + 1), resource };
      }
    }
  }

  /** Resources by container, for `tensorfleet inspect` and tests. */
  list(): { container: string; name: string; typeName: string }[] {
    return [...this.entries()].map(({ container, name, resource: { typeName } }) => ({ container, name, typeName }));
  }

  #container(name: string): Container {
    if (name.includes(";")) throw new InvalidArgumentError(`Illegal container name '${name}'`);
    let resources = this.#containers.get(name);
    if (resources === undefined) {
      resources = new Map();
      this.#containers.set(name, resources);
    }
    return resources;
  }
}

function dispose(resource: Resource): void {
  resource.dead = true;
  resource.dispose();
}
