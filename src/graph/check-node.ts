// Checks a NodeDef against its op definition: name, attributes with defaults filled in, number of inputs.
// Everything that a graph from the network can get wrong about one node is refused here, in TensorFlow's words.
import { InvalidArgumentError, NotFoundError } from "../errors/index.js";
import { type DataType, dtypeName } from "../tensor/dtype.js";
import type { AttrValue, NodeDef } from "../wire/core.js";
import type { AttrDef, OpDef } from "./op-def.js";

const LEGAL_NAME = /^[A-Za-z0-9.][A-Za-z0-9_.\\/>-]*$/;
/** Names that only TensorFlow's own rewriting makes begin with an underscore. */
const LEGAL_INTERNAL_NAME = /^[A-Za-z0-9._][A-Za-z0-9_.\\/>-]*$/;

export const summary = (name: string): string => `{{node ${name}}}`;
const suffix = (name: string): string => `\n\t [[${summary(name)}]]`;

export function checkName(name: string, internal: boolean): void {
  if (!(internal ? LEGAL_INTERNAL_NAME : LEGAL_NAME).test(name)) {
    throw new InvalidArgumentError(`Illegal op name '${name}'${suffix(name)}`);
  }
}

export function unknownOp(op: string, hostname: string): Error {
  return new NotFoundError(
    `Op type not registered '${op}' in binary running on ${hostname}. Make sure the Op and Kernel are registered in ` +
      "the binary running in this process. Note that if you are loading a saved graph which used ops from tf.contrib " +
      "(e.g. `tf.contrib.resampler`), accessing should be done before importing the graph, as contrib ops are lazily " +
      "registered when the module is first accessed.",
  );
}

/** The node's attributes with defaults added; attributes that the op doesn't define pass if they begin with `_`. */
export function checkAttrs(node: NodeDef, op: OpDef): Map<string, AttrValue> {
  const attrs = node.attr;
  for (const definition of op.attrs) {
    const value = attrs.get(definition.name);
    if (value === undefined) {
      if (definition.defaultValue === null) {
        throw new NotFoundError(
          `No attr named '${definition.name}' in NodeDef:${suffix(node.name)}${named(node.name)}`,
        );
      }
      attrs.set(definition.name, definition.defaultValue);
    } else {
      checkValue(node.name, definition, value);
    }
  }
  return attrs;
}

const named = (name: string): string => `\n\t [[${name}]]`;

function checkValue(node: string, definition: AttrDef, value: AttrValue): void {
  const { type, name, minimum, allowed } = definition;
  if (!hasType(value, type)) {
    throw new InvalidArgumentError(
      `AttrValue must not have reference type value or must be of type '${type}' for attr '${name}'` +
        `\n\t; NodeDef: ${summary(node)}${suffix(node)}`,
    );
  }
  const size = type === "int" ? Number(value.i) : type.startsWith("list(") ? listLength(value) : null;
  if (minimum !== null && size !== null && size < minimum && (type === "int" || minimum > 0)) {
    throw new InvalidArgumentError(
      type === "int"
        ? `Value for attr '${name}' of ${size} must be at least minimum ${minimum}\n\t; NodeDef: ${summary(node)}${suffix(node)}`
        : `Length for attr '${name}' of ${size} must be at least minimum ${minimum}\n\t; NodeDef: ${summary(node)}${suffix(node)}`,
    );
  }
  if (allowed !== null) checkAllowed(node, definition, value);
}

function checkAllowed(node: string, { name, allowed, type }: AttrDef, value: AttrValue): void {
  if (type === "string") {
    const text = decoder.decode(value.s);
    if (allowed!.includes(text)) return;
    const list = allowed!.map((item) => `"${item}"`).join(", ");
    throw new InvalidArgumentError(
      `Value for attr '${name}' of "${text}" is not in the list of allowed values: ${list}\n\t; NodeDef: ` +
        `${summary(node)}${suffix(node)}`,
    );
  }
  const types = type === "type" ? [value.type!] : (value.list?.type ?? []);
  for (const dtype of types) {
    if (allowed!.includes(dtype)) continue;
    const list = allowed!.map((item) => dtypeName(item as DataType)).join(", ");
    throw new InvalidArgumentError(
      `Value for attr '${name}' of ${dtypeName(dtype)} is not in the list of allowed values: ${list}\n\t; NodeDef: ` +
        `${summary(node)}${suffix(node)}`,
    );
  }
}

const decoder = new TextDecoder();

function hasType(value: AttrValue, type: string): boolean {
  switch (type) {
    case "string":
      return value.s !== undefined;
    case "int":
      return value.i !== undefined;
    case "float":
      return value.f !== undefined;
    case "bool":
      return value.b !== undefined;
    case "type":
      return value.type !== undefined;
    case "shape":
      return value.shape !== undefined;
    case "tensor":
      return value.tensor !== undefined;
    case "func":
      return value.func !== undefined;
    default:
      return type.startsWith("list(") && value.list !== undefined;
  }
}

function listLength(value: AttrValue): number {
  const list = value.list!;
  return Math.max(
    list.s.length,
    list.i.length,
    list.f.length,
    list.b.length,
    list.type.length,
    list.shape.length,
    list.tensor.length,
    list.func.length,
  );
}
