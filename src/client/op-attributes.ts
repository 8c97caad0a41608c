// The attributes of an op that is added: those that were given, those that the inputs tell, defaults, and what the blocks
// around say. It must not know graphs.
import { InvalidArgumentError } from "../errors/index.js";
import { stringsValue, stringValue } from "../graph/attr-value.js";
import type { OpDef } from "../graph/op-def.js";
import type { DataType } from "../tensor/dtype.js";
import type { AttrValue } from "../wire/core.js";
import { type AttrInput, attrValue } from "./attributes.js";
import { inferredAttrs } from "./inputs.js";
import type { Output } from "./output.js";
import { colocationGroups, type Scope } from "./scopes.js";

/** @throws InvalidArgumentError when one is missing or of another kind */
export function attributesOf(
  op: OpDef,
  given: Readonly<Record<string, AttrInput>>,
  inputs: readonly (readonly Output[])[],
  types: ReadonlyMap<string, DataType>,
  scope: Scope,
): Map<string, AttrValue> {
  const all = new Map<string, AttrValue>();
  const kinds = new Map(op.attrs.map(({ name, type }) => [name, type]));
  inferredAttrs(op, inputs, types, (name, value) => all.set(name, attrValue(name, kinds.get(name)!, value)));
  for (const { name, type, defaultValue } of op.attrs) {
    if (Object.hasOwn(given, name)) all.set(name, attrValue(name, type, given[name]!));
    else if (!all.has(name)) {
      if (defaultValue === null) throw new InvalidArgumentError(`${op.name} needs an attribute '${name}' (${type})`);
      all.set(name, defaultValue);
    }
  }
  for (const name in given) if (name.startsWith("_")) all.set(name, given[name] as AttrValue);
  const { container } = scope;
  if (container !== "" && op.isStateful && all.get("container")?.s?.length === 0) {
    all.set("container", stringValue(container));
  }
  const groups = colocationGroups(scope);
  if (groups !== null) all.set("_class", stringsValue(groups));
  return all;
}
