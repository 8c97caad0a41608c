// The dtypes of a node's inputs and outputs, from its op definition and attributes: lists and repetitions flattened.
import { InvalidArgumentError } from "../errors/index.js";
import { type DataType, makeRef } from "../tensor/dtype.js";
import type { AttrValue } from "../wire/core.js";
import type { ArgDef } from "./op-def.js";

/** No op has as many inputs; a graph from the network may claim any number. */
const MAX_REPEAT = 1 << 20;

export function flattenTypes(args: readonly ArgDef[], attrs: ReadonlyMap<string, AttrValue>): DataType[] {
  const types: DataType[] = [];
  for (const arg of args) {
    if (arg.typeListAttr !== "") {
      for (const type of attrs.get(arg.typeListAttr)?.list?.type ?? []) types.push(arg.isRef ? makeRef(type) : type);
      continue;
    }
    const base = arg.typeAttr === "" ? arg.type : (attrs.get(arg.typeAttr)?.type ?? 0);
    const type = arg.isRef ? makeRef(base) : base;
    const count = arg.numberAttr === "" ? 1 : Number(attrs.get(arg.numberAttr)?.i ?? 0n);
    if (count < 0 || count > MAX_REPEAT) throw new InvalidArgumentError(`Value for number_attr() ${count} < 0`);
    for (let i = 0; i < count; i++) types.push(type);
  }
  return types;
}
