// TensorFlow's names for the types of resources, as texts show them, and the refusal of a handle of another type.
import { InvalidArgumentError } from "../errors/index.js";
import type { ResourceHandle } from "../kernel/resource.js";

/** What TensorFlow's hash of a type's name comes to. */
const HASH_CODES: Readonly<Record<string, string>> = {
  "tensorflow::Var": "17454915466513971685",
  "tensorflow::QueueInterface": "9040823170352039474",
  "tensorflow::lookup::LookupInterface": "8115731599990610490",
  "tensorflow::TensorArray": "17404284069006640434",
  "tensorflow::ReaderInterface": "13438509206727821711",
  "tensorflow::Stack": "11783358439878174618",
  "tensorflow::(anonymous namespace)::Mutex": "2855411912371506197",
};

/** `N10tensorflow3VarE` is how a compiler spells `tensorflow::Var`: each part after its length. */
function readable(typeName: string): string {
  const parts: string[] = [];
  for (let at = 1; at < typeName.length - 1; ) {
    const length = Number.parseInt(typeName.slice(at), 10);
    at += String(length).length + length;
    const part = typeName.slice(at - length, at);
    parts.push(part === "_GLOBAL__N_1" ? "(anonymous namespace)" : part);
  }
  return parts.join("::");
}

const describe = (typeName: string): string => {
  const name = readable(typeName);
  return `type '${name}' (hash code ${HASH_CODES[name] ?? 0})`;
};

export const wrongType = (handle: ResourceHandle, wanted: string): Error =>
  new InvalidArgumentError(
    "Trying to access a handle's resource using the wrong type. The handle points to a resource (name " +
      `'${handle.name}') of ${describe(handle.typeName)} but you are trying to access the resource as ${describe(wanted)}`,
  );
