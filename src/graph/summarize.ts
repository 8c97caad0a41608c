// Nodes, ops and attribute values as TensorFlow's error texts show them. For messages only: nothing parses this.
import { type DataType, dtypeName } from "../tensor/dtype.js";
import { floatText } from "../tensor/summarize.js";
import type { AttrValue, NameAttrList, TensorProto, TensorShapeProto } from "../wire/core.js";
import type { Node } from "./graph.js";
import type { ArgDef, AttrDef, OpDef } from "./op-def.js";

/** Longer strings are cut in the middle. */
const MAX_STRING = 80;
const MAX_LIST = 5;

/** `{{node b}} = Identity[T=DT_FLOAT, _device="/cpu:0"](a, ^c)` */
export function summarizeNode(node: Node): string {
  const attrs = [...node.attrs]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${summarizeAttr(value)}`);
  if (node.requestedDevice !== "") attrs.push(`_device=${quote(node.requestedDevice)}`);
  const inputs = [
    ...node.inputs.map(({ node: source, index }) => (index === 0 ? source.name : `${source.name}:${index}`)),
    ...node.controlInputs.map((control) => `^${control.name}`),
  ];
  return `{{node ${node.name}}} = ${node.op.name}[${attrs.join(", ")}](${inputs.join(", ")})`;
}

/** `T=DT_FLOAT, shared_name="x"`, as the text about a missing kernel lists them. */
export const summarizeAttrs = (node: Node): string =>
  [...node.attrs]
    .filter(([name]) => !name.startsWith("_"))
    .map(([name, value]) => `${name}=${summarizeAttr(value)}`)
    .join(", ");

/** `Op<name=Identity; signature=input:T -> output:T; attr=T:type>` */
export function summarizeOp(op: OpDef): string {
  const parts = [`name=${op.name}`, `signature=${signature(op.inputs)} -> ${signature(op.outputs)}`];
  for (const attr of op.attrs) parts.push(`attr=${summarizeAttrDef(attr)}`);
  if (op.isCommutative) parts.push("is_commutative=true");
  if (op.isAggregate) parts.push("is_aggregate=true");
  if (op.isStateful) parts.push("is_stateful=true");
  if (op.allowsUninitializedInput) parts.push("allows_uninitialized_input=true");
  return `Op<${parts.join("; ")}>`;
}

const signature = (args: readonly ArgDef[]): string =>
  args
    .map((arg) => {
      const count = arg.numberAttr === "" ? "" : `${arg.numberAttr}*`;
      const type = `${count}${arg.typeAttr || arg.typeListAttr || dtypeName(arg.type)}`;
      return `${arg.name}:${arg.isRef ? `Ref(${type})` : type}`;
    })
    .join(", ");

function summarizeAttrDef({ name, type, defaultValue, minimum, allowed }: AttrDef): string {
  let text = `${name}:${type}`;
  if (defaultValue !== null) text += `,default=${summarizeAttr(defaultValue)}`;
  if (minimum !== null) text += `,min=${minimum}`;
  if (allowed !== null) {
    const items = allowed.map((item) => (typeof item === "number" ? typeName(item) : quote(item)));
    text += `,allowed=[${items.join(", ")}]`;
  }
  return text;
}

/** The enum's own name, `DT_FLOAT`. */
const typeName = (type: DataType): string => `DT_${dtypeName(type).toUpperCase()}`;

export function summarizeAttr(value: AttrValue): string {
  if (value.s !== undefined) return quoteBytes(value.s);
  if (value.i !== undefined) return String(value.i);
  if (value.f !== undefined) return floatText(value.f);
  if (value.b !== undefined) return String(value.b);
  if (value.type !== undefined) return typeName(value.type);
  if (value.shape !== undefined) return shape(value.shape);
  if (value.tensor !== undefined) return tensor(value.tensor);
  if (value.func !== undefined) return func(value.func);
  if (value.placeholder !== undefined) return `$${value.placeholder}`;
  const { list } = value;
  if (list === undefined) return "<Unknown AttrValue type>";
  const items = [
    ...list.s.map(quoteBytes),
    ...list.i.map(String),
    ...list.f.map(floatText),
    ...list.b.map(String),
    ...list.type.map(typeName),
    ...list.shape.map(shape),
    ...list.tensor.map(tensor),
    ...list.func.map(func),
  ];
  if (items.length > MAX_LIST + 1) items.splice(MAX_LIST - 2, items.length - MAX_LIST, "...");
  return `[${items.join(", ")}]`;
}

const decoder = new TextDecoder();
const quoteBytes = (bytes: Uint8Array): string => quote(decoder.decode(bytes));

function quote(text: string): string {
  const escaped = text
    .replace(/["\\']/g, "\\$&")
    .replace(/\n/g, "\\n")
    .replace(/\t/g, "\\t");
  if (escaped.length <= MAX_STRING) return `"${escaped}"`;
  return `"${escaped.slice(0, MAX_STRING / 2)}...${escaped.slice(-MAX_STRING / 2)}"`;
}

const shape = (proto: TensorShapeProto): string =>
  proto.unknownRank ? "<unknown>" : `[${proto.dim.map(({ size }) => (size < 0n ? "?" : size)).join(",")}]`;

function tensor(proto: TensorProto): string {
  const dims = proto.tensorShape === undefined ? "[]" : shape(proto.tensorShape);
  return `Tensor<type: ${dtypeName(proto.dtype)} shape: ${dims}>`;
}

function func({ name, attr }: NameAttrList): string {
  const attrs = [...attr].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => `${key}=${summarizeAttr(value)}`);
  return `${name}[${attrs.join(", ")}]`;
}
