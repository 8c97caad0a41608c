// Resources as kernels see them: objects that outlive a call, found by container and name, and handles to them.
import type { DataType } from "../tensor/dtype.js";
import type { Shape } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";

/** Something that a container holds: a variable, queue, table, generator. */
export interface Resource {
  /** TensorFlow's type name in error texts, e.g. `N10tensorflow3VarE`. */
  readonly typeName: string;
  /** Set once it is removed from its container; holders of a handle look it up anew. */
  dead: boolean;
  /** Lets go of tensors and fails whoever waits. Called once, by the container. */
  dispose(): void;
}

/** The value of a resource tensor (`ResourceHandleProto`). */
export class ResourceHandle {
  /** The resource last found under this handle: saves the look-up while it is alive. */
  cached: Resource | null = null;

  constructor(
    readonly device: string,
    readonly container: string,
    readonly name: string,
    readonly typeName: string,
    readonly hashCode: bigint,
    readonly dtype: DataType = 0,
    readonly shape: Shape | null = null,
  ) {}
}

/** Containers of one task (or of one isolated session): TensorFlow's `ResourceMgr`. */
export interface ResourceStore {
  readonly defaultContainer: string;
  find(container: string, name: string, typeName: string): Resource | null;
  /** Throws ALREADY_EXISTS when the name is taken. */
  create(container: string, name: string, resource: Resource): void;
  /** The one that exists or the one that `make` gives. Throws INVALID_ARGUMENT when it is of another type. */
  findOrCreate<R extends Resource>(container: string, name: string, typeName: string, make: () => R): R;
  /** The resource of a handle; throws NOT_FOUND with TensorFlow's text. */
  resolve(handle: ResourceHandle): Resource;
  destroy(container: string, name: string, typeName: string): boolean;
  /** A name for a resource that no other node shares, as TensorFlow makes it: `_0_q`. */
  privateName(node: string): string;
}

/** Tensors that the step's session keeps under handles. */
export interface StepTensors {
  /** Keeps what a node makes a handle for, and gives the handle. One hold passes. */
  keep(node: string, device: string, tensor: Tensor): string;
  /** The tensor of a handle that an earlier step gave, borrowed; throws INVALID_ARGUMENT. */
  find(handle: string): Tensor;
  delete(handle: string): void;
}

/** Resources that die with their step. */
export interface StepResources {
  find(name: string): Resource | undefined;
  create(name: string, resource: Resource): void;
  /** A number that no other resource of the step got. */
  nextId(): number;
}
