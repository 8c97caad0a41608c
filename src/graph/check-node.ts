// Checks a NodeDef against its op definition: name, attributes with defaults filled in, number of inputs.
// Everything that a graph from the network can get wrong about one node is refused here, in TensorFlow's words.
import { InvalidArgumentError, NotFoundError } from "../errors/index.js";
import { type DataType, dtypeName } from "../tensor/dtype.js";
import type { AttrValue, NodeDef } from "../wire/core.js";
import type { AttrDef, OpDef } from "./op-def.js";
import { summarizeOp } from "./summarize.js";

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

/** `name`, `name:index` or `^name`. */
const LEGAL_INPUT = /^(?:\^[A-Za-z0-9._][A-Za-z0-9_.\\/>-]*|[A-Za-z0-9._][A-Za-z0-9_.\\/>-]*(?::\d{1,9})?)$/;

export function checkInputName(node: string, input: string): void {
  if (!LEGAL_INPUT.test(input)) throw new InvalidArgumentError(`Illegal op input name '${input}'${suffix(node)}`);
}

/** The node's attributes with defaults added. */
export function withDefaults(node: NodeDef, op: OpDef): Map<string, AttrValue> {
  const attrs = node.attr;
  let missing = "";
  for (const { name, defaultValue } of op.attrs) {
    if (attrs.has(name)) continue;
    if (defaultValue !== null) attrs.set(name, defaultValue);
    // What the outputs' dtypes hang on is missed first.
    else if (missing === "" || op.outputs.some(({ typeAttr }) => typeAttr === name)) missing = name;
  }
  if (missing === "") return attrs;
  throw new NotFoundError(`No attr named '${missing}' in NodeDef:${suffix(node.name)}\n\t [[${node.name}]]`);
}

/**
 * That every attribute has the type, the size and one of the values that the op asks for. Attributes that the op
 * doesn't define pass. A real server finds some of this only when the kernel is made; kernels here count on it.
 */
export function checkAttrs(node: string, op: OpDef, attrs: ReadonlyMap<string, AttrValue>): void {
  for (const definition of op.attrs) {
    const value = attrs.get(definition.name)!;
    if (value === definition.defaultValue) continue;
    const fault = faultOf(definition, value);
    if (fault !== null) {
      throw new InvalidArgumentError(`${fault}\n\t; NodeDef: ${summary(node)}; ${summarizeOp(op)}\n\t [[${node}]]`);
    }
  }
}

function faultOf(definition: AttrDef, value: AttrValue): string | null {
  const { type, name, minimum, allowed } = definition;
  if (!hasType(value, type)) {
    return `AttrValue had value with type '${typeOf(value)}' when '${type}' expected\n\t for attr '${name}'`;
  }
  if (minimum !== null && type === "int" && value.i! < minimum) {
    return `Value for attr '${name}' of ${value.i} must be at least minimum ${minimum}`;
  }
  if (minimum !== null && type.startsWith("list(")) {
    const length = listLength(value);
    if (length < minimum) return `Length for attr '${name}' of ${length} must be at least minimum ${minimum}`;
  }
  return allowed === null ? null : notAllowed(definition, value);
}

function notAllowed({ name, allowed, type }: AttrDef, value: AttrValue): string | null {
  const texts = type === "string" ? [value.s!] : type === "list(string)" ? value.list!.s : null;
  const given =
    texts === null
      ? type === "type"
        ? [value.type!]
        : (value.list?.type ?? [])
      : texts.map((bytes) => decoder.decode(bytes));
  const show = (item: string | DataType) => (typeof item === "number" ? dtypeName(item) : `"${item}"`);
  for (const item of given) {
    if (allowed!.includes(item)) continue;
    const list = allowed!.map(show).join(", ");
    return `Value for attr '${name}' of ${show(item)} is not in the list of allowed values: ${list}`;
  }
  return null;
}

function typeOf(value: AttrValue): string {
  const kinds = ["s", "i", "f", "b", "type", "shape", "tensor", "func", "list"] as const;
  const words = ["string", "int", "float", "bool", "type", "shape", "tensor", "func", "list(any)"];
  const kind = kinds.findIndex((field) => value[field] !== undefined);
  return words[kind] ?? "placeholder";
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
      return type.startsWith("list(") && value.list !== undefined && isListOf(value, type.slice(5, -1));
  }
}

/** Whether the list has no element of another type. */
function isListOf(value: AttrValue, item: string): boolean {
  const { s, i, f, b, type, shape, tensor, func } = value.list!;
  const lengths = { string: s, int: i, float: f, bool: b, type, shape, tensor, func };
  return Object.entries(lengths).every(([kind, list]) => kind === item || list.length === 0);
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
