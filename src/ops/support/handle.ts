// Handles to resources of a container, in both of TensorFlow's forms: a resource tensor, and (in older ops) a reference
// to two strings, the container and the name. Whoever makes a resource hands it out here; whoever uses one finds it.
import { NotFoundError } from "../../errors/index.js";
import type { KernelNode, KernelStep } from "../../kernel/kernel.js";
import { type Resource, ResourceHandle } from "../../kernel/resource.js";
import { Variable } from "../../resources/variable.js";
import { DataType, isRef } from "../../tensor/dtype.js";
import { Tensor } from "../../tensor/tensor.js";
import { typedHandleOf } from "../variables.js";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Two strings that name a resource; remembers the resource as a handle does. */
class RefHandle extends Variable {
  constructor(
    container: string,
    name: string,
    public cached: Resource,
  ) {
    super(name, DataType.STRING);
    this.set(Tensor.ofValues(DataType.STRING, [2], [encoder.encode(container), encoder.encode(name)]));
  }
}

/** The name that the node's resource shares, or one of its own; that resource is gone with the kernel. */
export function nameFor(
  step: KernelStep,
  node: KernelNode,
  container: string,
  typeName: string,
  shared: string,
): string {
  if (shared !== "") return shared;
  const { resources } = step;
  const name = resources.privateName(node.name);
  node.onClose(() => resources.destroy(container, name, typeName));
  return name;
}

/** Sets output 0 to a handle of the kind that the node's op gives. */
export function emitHandle(step: KernelStep, node: KernelNode, container: string, name: string, found: Resource): void {
  const home = container || step.resources.defaultContainer;
  if (isRef(node.outputTypes[0]!)) {
    step.setOutputRef(0, new RefHandle(home, name, found));
    return;
  }
  const handle = new ResourceHandle(step.device.name, home, name, found.typeName, 0n);
  handle.cached = found;
  step.setOutput(0, Tensor.ofValues(DataType.RESOURCE, [], [handle]));
}

/** The resource that an input names. */
export function resourceOf(step: KernelStep, node: KernelNode, typeName: string, input = 0): Resource {
  if (!isRef(node.inputTypes[input]!)) return step.resources.resolve(typedHandleOf(step, input, typeName));
  const reference = step.inputRef(input);
  if (reference instanceof RefHandle && !reference.cached.dead && reference.cached.typeName === typeName)
    return reference.cached;
  const { container, name } = resourceName(step, node, input);
  const found = step.resources.find(container, name, typeName);
  if (found === null) throw new NotFoundError(`Resource ${container}/${name}/${typeName} does not exist.`);
  return found;
}

/** Where the resource that an input names is kept, and its name there. */
export function resourceName(step: KernelStep, node: KernelNode, input = 0): { container: string; name: string } {
  if (!isRef(node.inputTypes[input]!)) return step.input(input).values![0] as ResourceHandle;
  const texts = step.inputRef(input).value?.values ?? [];
  const [container = "", name = ""] = texts.map((text) => decoder.decode(text as Uint8Array));
  return { container, name };
}
