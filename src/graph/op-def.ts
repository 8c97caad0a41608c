// Op definitions as the runtime keeps them, and the registry a graph is checked against.
// The registry is filled by `src/ops` (generated, compact) and handed to whoever imports a graph.
import type { DataType } from "../tensor/dtype.js";
import type { AttrValue } from "../wire/core.js";

/** One declared input or output: a fixed dtype, a type attribute, a repeated one, or a list. */
export interface ArgDef {
  readonly name: string;
  /** Fixed dtype, 0 when an attribute says it. */
  readonly type: DataType;
  readonly typeAttr: string;
  readonly numberAttr: string;
  readonly typeListAttr: string;
  readonly isRef: boolean;
}

export interface AttrDef {
  readonly name: string;
  /** `int`, `type`, `list(shape)`, … as in TensorFlow's OpDef. */
  readonly type: string;
  readonly defaultValue: AttrValue | null;
  /** Smallest int, or shortest list. */
  readonly minimum: number | null;
  /** Dtype names or strings. */
  readonly allowed: readonly (string | DataType)[] | null;
}

export interface OpDef {
  readonly name: string;
  readonly inputs: readonly ArgDef[];
  readonly outputs: readonly ArgDef[];
  readonly attrs: readonly AttrDef[];
  readonly isStateful: boolean;
  readonly isCommutative: boolean;
  readonly isAggregate: boolean;
  readonly allowsUninitializedInput: boolean;
  /** Whether no CPU of TensorFlow's runs it: a graph that has it is refused. */
  readonly lacksKernel: boolean;
}

export interface OpRegistry {
  find(op: string): OpDef | undefined;
}
