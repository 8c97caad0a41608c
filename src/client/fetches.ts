// What a step is asked for, in arrays and objects as deep as the caller likes: which tensors and operations that is,
// and how the values go back to where they were asked for.
import { InvalidArgumentError } from "../errors/index.js";
import { fitsPartialShape, type Shape } from "../tensor/shape.js";
import type { Graph } from "./graph.js";
import { isReadable, type Readable } from "./inputs.js";
import { Operation, Output } from "./output.js";
import { type Feedable, type TensorValue, toTensorValue } from "./values.js";

/** A name is `op` for an operation's first output, or `op:1`. */
export type Fetch = Output | Readable | Operation | string | readonly Fetch[] | { readonly [key: string]: Fetch };

/** What comes back for it: a value for a tensor or variable, `undefined` for an operation. */
export type Fetched<F> = F extends Output | Readable | string
  ? TensorValue
  : F extends Operation
    ? undefined
    : { -readonly [K in keyof F]: Fetched<F[K]> };

/** A tensor to feed: itself, or its name. */
export type FeedKey = Output | string;

/** Tensors and what they get: in pairs, or by name in an object. */
export type Feeds =
  | ReadonlyMap<FeedKey, Feedable>
  | readonly (readonly [FeedKey, Feedable])[]
  | Readonly<Record<string, Feedable>>;

export const feedPairs = (feeds: Feeds): (readonly [FeedKey, Feedable])[] =>
  Symbol.iterator in feeds ? [...(feeds as Iterable<readonly [FeedKey, Feedable]>)] : Object.entries(feeds);

export interface FetchPlan {
  readonly tensors: readonly string[];
  readonly targets: readonly string[];
  /** Puts values where the fetches were. */
  readonly build: (values: readonly TensorValue[]) => unknown;
}

export function nameOf(key: FeedKey): string {
  if (typeof key !== "string") return key.name;
  return key.includes(":") ? key : `${key}:0`;
}

/** Each tensor is asked for once, however often it is fetched. */
export function planFetches(fetches: Fetch): FetchPlan {
  const tensors = new Map<string, number>();
  const targets = new Set<string>();
  const visit = (fetch: Fetch): FetchPlan["build"] => {
    if (fetch instanceof Operation) {
      targets.add(fetch.name);
      return () => undefined;
    }
    if (fetch instanceof Output || typeof fetch === "string" || isReadable(fetch)) {
      const name = nameOf(isReadable(fetch) ? fetch.value : fetch);
      const index = tensors.get(name) ?? tensors.size;
      tensors.set(name, index);
      return (values) => values[index];
    }
    if (Array.isArray(fetch)) {
      const parts = (fetch as readonly Fetch[]).map(visit);
      return (values) => parts.map((part) => part(values));
    }
    if (fetch === null || typeof fetch !== "object") {
      throw new InvalidArgumentError(`Argument \`fetch\` = ${fetch} has invalid type "${typeof fetch}".`);
    }
    const parts = Object.entries(fetch).map(([key, inner]) => [key, visit(inner as Fetch)] as const);
    return (values) => Object.fromEntries(parts.map(([key, part]) => [key, part(values)]));
  };
  const build = visit(fetches);
  return { tensors: [...tensors.keys()], targets: [...targets], build };
}

/**
 * A fed value in the dtype that the tensor has.
 * @throws InvalidArgumentError with the text of Python's ValueError for a shape that the tensor can't have
 */
export function feedValue(graph: Graph, given: FeedKey, value: Feedable): TensorValue {
  const key = given instanceof Output ? given : named(graph, given);
  if (key === null) return toTensorValue(value);
  const fed = toTensorValue(value, key.dtype);
  const { shape } = key;
  if (fitsPartialShape(fed.shape, shape)) return fed;
  throw new InvalidArgumentError(
    `Cannot feed value of shape ${pythonShape(fed.shape)} for Tensor ${key.name}, which has shape ${pythonShape(shape!)}`,
  );
}

/** `null` for a name that the graph doesn't know: the master says so. */
function named(graph: Graph, name: string): Output | null {
  const [, op, index] = /^(.+):(\d+)$/.exec(nameOf(name)) ?? [];
  const node = op === undefined ? undefined : graph.runtime.find(op);
  return node !== undefined && Number(index) < node.outputTypes.length ? new Output(graph, node, Number(index)) : null;
}

/** A shape as Python writes a tuple. */
export const pythonShape = (shape: Shape): string =>
  `(${shape.map((size) => (size < 0 ? "None" : size)).join(", ")}${shape.length === 1 ? "," : ""})`;
