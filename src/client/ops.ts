// `graph.ops`: a function for each op of TensorFlow, made from its definition when it is first asked for. The types
// (ops.generated.ts) say what it takes; nothing is written here about any one op.
import { InvalidArgumentError } from "../errors/index.js";
import type { ArgDef, OpDef } from "../graph/op-def.js";
import type { AttrInput } from "./attributes.js";
import type { Graph } from "./graph.js";
import type { Input } from "./inputs.js";
import { isPublicOp, lowerCamel } from "./op-names.js";
import type { Ops } from "./ops.generated.js";
import type { Operation, OpOptions, Output } from "./output.js";

type OpFunction = (...args: never[]) => unknown;

/** @param names of all ops */
export function opFunctions(graph: Graph, names: () => Iterable<string>): Ops {
  const made = new Map<string, OpFunction>();
  let byMethod: Map<string, string> | null = null;
  return new Proxy({} as Ops, {
    get(_, method) {
      if (typeof method !== "string") return undefined;
      const known = made.get(method);
      if (known !== undefined) return known;
      byMethod ??= new Map([...names()].filter(isPublicOp).map((name) => [lowerCamel(name), name]));
      const op = byMethod.get(method);
      if (op === undefined) return undefined;
      const fresh = opFunction(graph, graph.runtime.library.registry.find(op)!);
      made.set(method, fresh);
      return fresh;
    },
  });
}

const SHARED = ["name", "device", "controlInputs"];

function opFunction(graph: Graph, op: OpDef): OpFunction {
  const count = op.inputs.length;
  const attrs = new Map(op.attrs.map(({ name }) => [lowerCamel(name), name]));
  return (...args: unknown[]) => {
    const options = (args[count] ?? {}) as OpOptions & Record<string, AttrInput | undefined>;
    const given: Record<string, AttrInput> = {};
    for (const [key, value] of Object.entries(options)) {
      const attr = attrs.get(key);
      if (attr !== undefined && value !== undefined) given[attr] = value;
      else if (attr === undefined && !SHARED.includes(key)) {
        throw new InvalidArgumentError(`${lowerCamel(op.name)}() got an unexpected option '${key}'`);
      }
    }
    return results(graph.op(op.name, args.slice(0, count) as Input[], given, options));
  };
}

/** Alone when there is one, by name when there are several; an op without outputs stands for itself. */
function results(operation: Operation): Operation | Output | Output[] | Record<string, Output | Output[]> {
  const { node } = operation;
  const { outputs: args } = node.op;
  if (args.length === 0) return operation;
  const outputs = operation.outputs;
  let next = 0;
  const take = (arg: ArgDef): Output | Output[] => {
    if (arg.numberAttr === "" && arg.typeListAttr === "") return outputs[next++]!;
    const length =
      arg.numberAttr === ""
        ? (node.attrs.get(arg.typeListAttr)?.list?.type.length ?? 0)
        : Number(node.attrs.get(arg.numberAttr)?.i ?? 0n);
    next += length;
    return outputs.slice(next - length, next);
  };
  if (args.length === 1) return take(args[0]!);
  return Object.fromEntries(args.map((arg) => [lowerCamel(arg.name), take(arg)]));
}
