// Variables, of resource and of reference kind. A variable owns its value. Whoever reads it shares the buffer; an
// update of a resource variable copies first if anyone else holds it, so a late reader keeps the old value; a
// reference variable is updated in place, and whoever shares it sees that, as in TensorFlow.
import type { RefVariable } from "../kernel/kernel.js";
import type { Resource } from "../kernel/resource.js";
import type { DataType } from "../tensor/dtype.js";
import type { Tensor } from "../tensor/tensor.js";

export const VARIABLE_TYPE = "N10tensorflow3VarE";
const LEGACY_VARIABLE_TYPE = "N10tensorflow9LegacyVarE";

export class Variable implements Resource, RefVariable {
  dead = false;
  value: Tensor | null = null;

  constructor(
    readonly name: string,
    readonly dtype: DataType,
    readonly typeName: string = VARIABLE_TYPE,
  ) {}

  static reference(name: string, dtype: DataType): Variable {
    return new Variable(name, dtype, LEGACY_VARIABLE_TYPE);
  }

  static readonly referenceType = LEGACY_VARIABLE_TYPE;

  /** Takes over one hold on the new value. */
  set(value: Tensor | null): void {
    this.value?.release();
    this.value = value;
  }

  dispose(): void {
    this.set(null);
  }

  retain(): this {
    return this;
  }

  release(): void {}
}
