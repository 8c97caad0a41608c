// The functions of a graph: FunctionDefs by name, and their bodies as graphs once their attributes are bound.
// A body has `_Arg` and `_Retval` nodes; calls inside it stay calls, so recursion costs nothing here.
import { InvalidArgumentError, NotFoundError } from "../errors/index.js";
import { type DataType, dtypeName } from "../tensor/dtype.js";
import {
  AttrValue,
  type FunctionDef,
  type FunctionDefLibrary,
  GraphDef,
  NodeDef,
  type OpDef_ArgDef,
  type OpDef as OpDefProto,
} from "../wire/core.js";
import { intValue, typeValue } from "./attr-value.js";
import { Graph, type Node } from "./graph.js";
import { importGraph } from "./import.js";
import type { ArgDef, OpDef, OpRegistry } from "./op-def.js";
import { flattenTypes } from "./types.js";

export interface FunctionBody {
  readonly name: string;
  /** Name and attributes: what no other body of the library has. */
  readonly key: string;
  readonly graph: Graph;
  /** `_Arg` and `_Retval` nodes in order. */
  readonly args: readonly Node[];
  readonly rets: readonly Node[];
  /** Nodes that must run whenever the function is called, whatever is taken of its results. */
  readonly controlRets: readonly Node[];
  readonly argTypes: readonly DataType[];
  readonly retTypes: readonly DataType[];
}

export type BoundAttrs = ReadonlyMap<string, AttrValue>;

export class FunctionLibrary {
  readonly #functions = new Map<string, FunctionDef>();
  readonly #opDefs = new Map<string, OpDef>();
  readonly #bodies = new Map<string, FunctionBody>();

  constructor(
    readonly registry: OpRegistry,
    readonly hostname: string,
  ) {}

  /**
   * Adds what is new, all or nothing; the same name with another definition is refused.
   * @returns the names added, for `remove`
   */
  add(library: FunctionDefLibrary | undefined): ReadonlySet<string> {
    const added = new Map<string, FunctionDef>();
    for (const definition of library?.function ?? []) {
      const name = definition.signature?.name ?? "";
      const known = this.#functions.get(name) ?? added.get(name);
      if (known === undefined) added.set(name, definition);
      else if (!sameBytes(known, definition)) {
        throw new InvalidArgumentError(
          `Cannot add function '${name}' because a different function with the same name already exists.`,
        );
      }
    }
    for (const [name, definition] of added) this.#functions.set(name, definition);
    return new Set(added.keys());
  }

  /** Forgets functions and what was made of them: an Extend that failed leaves none behind. */
  remove(names: ReadonlySet<string>): void {
    for (const name of names) {
      this.#functions.delete(name);
      this.#opDefs.delete(name);
    }
    for (const [key, { name }] of this.#bodies) if (names.has(name)) this.#bodies.delete(key);
  }

  get size(): number {
    return this.#functions.size;
  }

  has(name: string): boolean {
    return this.#functions.has(name);
  }

  find(name: string): FunctionDef | undefined {
    return this.#functions.get(name);
  }

  toProto(): FunctionDefLibrary {
    return { function: [...this.#functions.values()], gradient: [], registeredGradients: [] };
  }

  /** The function's signature as an op: a node may name a function as its op. */
  opDef(name: string): OpDef | undefined {
    const known = this.#opDefs.get(name);
    if (known !== undefined) return known;
    const signature = this.#functions.get(name)?.signature;
    if (signature === undefined) return undefined;
    const definition = opDefFromProto(signature);
    this.#opDefs.set(name, definition);
    return definition;
  }

  /** @throws NotFoundError for an unknown function, InvalidArgumentError for a body that doesn't fit its ops */
  instantiate(name: string, attrs: BoundAttrs): FunctionBody {
    const definition = this.#functions.get(name);
    if (definition?.signature === undefined) throw new NotFoundError(`Function ${name} is not defined.`);
    const key = instanceKey(definition.signature, attrs);
    const known = this.#bodies.get(key);
    if (known !== undefined) return known;
    const body = this.#build(name, key, definition, definition.signature, attrs);
    this.#bodies.set(key, body);
    return body;
  }

  #build(name: string, key: string, definition: FunctionDef, signature: OpDefProto, attrs: BoundAttrs): FunctionBody {
    const bound = new Map(attrs);
    for (const attr of signature.attr) {
      if (!bound.has(attr.name) && attr.defaultValue !== undefined) bound.set(attr.name, attr.defaultValue);
    }
    const nodes: NodeDef[] = [];
    // Where `name:out:i` of the body points: node name and its flattened output.
    const flat = new Map<string, { readonly node: string; readonly start: number }>();
    const argTypes = this.#addArgs(signature, bound, nodes, flat);
    const bodyNodes = definition.nodeDef.map((node) => bindNode(node, bound));
    for (const node of bodyNodes) this.#indexOutputs(node, flat);
    const resolve = (input: string) => resolveInput(input, flat);
    for (const node of bodyNodes) nodes.push({ ...node, input: node.input.map(resolve) });
    const retTypes = this.#addRets(definition, signature, bound, nodes, resolve);
    const graph = new Graph(this);
    importGraph(graph, { ...GraphDef.create(), node: nodes }, this.registry, {
      hostname: this.hostname,
      internal: true,
    });
    const byPrefix = (prefix: string, count: number) =>
      Array.from({ length: count }, (_, i) => graph.find(`${prefix}${i}`)!);
    return {
      name,
      key,
      graph,
      args: byPrefix(ARG, argTypes.length),
      rets: byPrefix(RETVAL, retTypes.length),
      controlRets: [...definition.controlRet.values()].map((node) => graph.find(node)!).filter(Boolean),
      argTypes,
      retTypes,
    };
  }

  #addArgs(
    signature: OpDefProto,
    bound: BoundAttrs,
    nodes: NodeDef[],
    flat: Map<string, { node: string; start: number }>,
  ) {
    const types: DataType[] = [];
    for (const arg of signature.inputArg) {
      const argTypes = typesOf(arg, bound);
      // A list argument is several nodes: `name:i` is the i-th of them.
      argTypes.forEach((type, i) => {
        const node = `${ARG}${types.length}`;
        if (i === 0) flat.set(arg.name, { node, start: 0 });
        flat.set(`${arg.name}:${i}`, { node, start: 0 });
        nodes.push(plumbing(node, "_Arg", type, types.length, []));
        types.push(type);
      });
    }
    return types;
  }

  #addRets(
    definition: FunctionDef,
    signature: OpDefProto,
    bound: BoundAttrs,
    nodes: NodeDef[],
    resolve: (input: string) => string,
  ): DataType[] {
    const types: DataType[] = [];
    for (const arg of signature.outputArg) {
      const source = definition.ret.get(arg.name);
      if (source === undefined) throw new InvalidArgumentError(`Return ${arg.name} missing.`);
      typesOf(arg, bound).forEach((type, i) => {
        const input = i === 0 ? resolve(source) : offsetInput(resolve(source), i);
        nodes.push(plumbing(`${RETVAL}${types.length}`, "_Retval", type, types.length, [input]));
        types.push(type);
      });
    }
    return types;
  }

  #indexOutputs(node: NodeDef, flat: Map<string, { node: string; start: number }>): void {
    const op = this.registry.find(node.op) ?? this.opDef(node.op);
    if (op === undefined) return;
    let start = 0;
    for (const arg of op.outputs) {
      flat.set(`${node.name}:${arg.name}`, { node: node.name, start });
      start += countOf(arg, node.attr);
    }
    flat.set(node.name, { node: node.name, start: 0 });
  }
}

/** No client may name a node so: a leading underscore is the runtime's. */
const ARG = "_arg_";
const RETVAL = "_retval_";

function plumbing(name: string, op: string, type: DataType, index: number, input: string[]): NodeDef {
  const attr = new Map([
    ["T", typeValue(type)],
    ["index", intValue(index)],
  ]);
  return { ...NodeDef.create(), name, op, input, attr };
}

function resolveInput(input: string, flat: ReadonlyMap<string, { node: string; start: number }>): string {
  if (input.startsWith("^")) {
    const source = flat.get(input.slice(1));
    return `^${source?.node ?? input.slice(1)}`;
  }
  const exact = flat.get(input);
  if (exact !== undefined) return `${exact.node}:${exact.start}`;
  const colon = input.lastIndexOf(":");
  const prefix = flat.get(input.slice(0, colon));
  if (colon < 0 || prefix === undefined)
    throw new InvalidArgumentError(`Input ${input} is not found in the function's body`);
  return `${prefix.node}:${prefix.start + Number(input.slice(colon + 1))}`;
}

function offsetInput(input: string, by: number): string {
  const colon = input.lastIndexOf(":");
  return `${input.slice(0, colon)}:${Number(input.slice(colon + 1)) + by}`;
}

/** A body's node with the function's own attributes (`placeholder: "T"`) filled in. */
function bindNode(node: NodeDef, bound: BoundAttrs): NodeDef {
  const attr = new Map<string, AttrValue>();
  for (const [name, value] of node.attr) attr.set(name, bindValue(value, bound));
  return { ...node, attr };
}

function bindValue(value: AttrValue, bound: BoundAttrs): AttrValue {
  if (value.placeholder !== undefined) {
    const actual = bound.get(value.placeholder);
    if (actual === undefined) throw new InvalidArgumentError(`Failed to bind all placeholders in ${value.placeholder}`);
    return actual;
  }
  if (value.func === undefined) return value;
  const attr = new Map<string, AttrValue>();
  for (const [name, inner] of value.func.attr) attr.set(name, bindValue(inner, bound));
  return { ...value, func: { name: value.func.name, attr } };
}

function typesOf(arg: OpDef_ArgDef, bound: BoundAttrs): DataType[] {
  const types = flattenTypes([{ ...arg, isRef: false }], bound);
  if (types.includes(0)) throw new InvalidArgumentError(`Argument ${arg.name} has no type`);
  return types;
}

function countOf(arg: ArgDef, attrs: ReadonlyMap<string, AttrValue>): number {
  if (arg.typeListAttr !== "") return attrs.get(arg.typeListAttr)?.list?.type.length ?? 0;
  return arg.numberAttr === "" ? 1 : Number(attrs.get(arg.numberAttr)?.i ?? 0n);
}

export function opDefFromProto(proto: OpDefProto): OpDef {
  const arg = (a: OpDef_ArgDef): ArgDef => ({
    name: a.name,
    type: a.type,
    typeAttr: a.typeAttr,
    numberAttr: a.numberAttr,
    typeListAttr: a.typeListAttr,
    isRef: a.isRef,
  });
  return {
    name: proto.name,
    inputs: proto.inputArg.map(arg),
    outputs: proto.outputArg.map(arg),
    attrs: proto.attr.map((a) => ({
      name: a.name,
      type: a.type,
      defaultValue: a.defaultValue ?? null,
      minimum: a.hasMinimum ? Number(a.minimum) : null,
      allowed: a.allowedValues?.list?.type ?? null,
    })),
    isStateful: proto.isStateful,
    isCommutative: proto.isCommutative,
    isAggregate: proto.isAggregate,
    allowsUninitializedInput: proto.allowsUninitializedInput,
    lacksKernel: false,
  };
}

/** TensorFlow's canonical form: the attributes that the signature declares, by name. */
function instanceKey(signature: OpDefProto, attrs: BoundAttrs): string {
  const parts = signature.attr.map(({ name }) => `${name}=${describe(attrs.get(name))}`).sort();
  return `${signature.name}[${parts.join(",")}]`;
}

function describe(value: AttrValue | undefined): string {
  if (value === undefined) return "";
  if (value.type !== undefined) return dtypeName(value.type);
  return [...AttrValue.encode(value)].join(" ");
}

function sameBytes(a: FunctionDef, b: FunctionDef): boolean {
  return a === b || keyOf(a) === keyOf(b);
}

const keyOf = (definition: FunctionDef): string =>
  JSON.stringify(definition, (_, value: unknown) =>
    typeof value === "bigint" ? `${value}n` : value instanceof Map ? [...value].sort() : value,
  );
