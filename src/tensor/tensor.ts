// A tensor: dtype, shape, and either bytes in the WASM heap or JavaScript values (string, resource, variant).
//
// Ownership is counted. `refs` counts who holds this Tensor (edges of a running step, a variable, a fetch);
// its block counts the tensors that share the bytes (reshape, slice). Whoever creates a tensor holds it once,
// `retain` and `release` do the rest. A tensor with one holder, on a block with one holder, may be overwritten.
import { InternalError, ResourceExhaustedError } from "../errors/index.js";
import type { Allocator, Charge } from "../memory/allocator.js";
import type { Block } from "../memory/heap.js";
import { DataType, dtypeName, dtypeSize } from "./dtype.js";
import { numElements, type Shape, shapeString } from "./shape.js";

/** An element that is a JavaScript value; those that hold tensors are counted with them. */
export interface Counted {
  retain(): void;
  release(): void;
}

/** Strings are their bytes; resources are handles; variants hold what they hold. */
export type Value = Uint8Array | object;

/**
 * Elements that a tensor of JavaScript values may have: a short message or a small graph must not fill JavaScript's heap,
 * in which a short string takes 200 bytes.
 */
export const MAX_VALUES = 2 ** 22;
/** What a string takes of it, besides its bytes. */
const STRING_BYTES = 256;

export class Tensor {
  refs = 1;

  /** Use `allocateTensor`, `tensorOfValues` or `share`; the block's reference passes to the tensor. */
  constructor(
    readonly dtype: DataType,
    readonly shape: Shape,
    readonly size: number,
    /** Address of the first element in the heap; 0 for an empty tensor and for JavaScript values. */
    readonly ptr: number,
    readonly block: Block | null,
    readonly values: readonly Value[] | null,
  ) {}

  get bytes(): number {
    return this.size * dtypeSize(this.dtype);
  }

  retain(): this {
    this.refs++;
    return this;
  }

  release(): void {
    if (--this.refs !== 0) return;
    if (this.block !== null) this.block.release();
    else if (this.values !== null) releaseValues(this.values);
  }

  /** Whether its only holder may write into it. */
  get exclusive(): boolean {
    return this.refs === 1 && this.block !== null && this.block.refs === 1;
  }

  /** The same bytes under another shape (and dtype of the same size), `byteOffset` further on. Held once. */
  share(shape: Shape, dtype: DataType = this.dtype, byteOffset = 0): Tensor {
    if (this.values !== null) {
      for (const value of this.values) retainValue(value);
      return Tensor.ofValues(dtype, shape, this.values);
    }
    this.block?.retain();
    return new Tensor(dtype, shape, numElements(shape), this.ptr + byteOffset, this.block, null);
  }

  /** A tensor of JavaScript values; takes over one hold on each counted value. */
  static ofValues(dtype: DataType, shape: Shape, values: readonly Value[]): Tensor {
    return new Tensor(dtype, shape, values.length, 0, null, values);
  }
}

/** Strings that are counted as memory. A class of its own: numbers, which most tensors are, have no room for a charge. */
class Texts extends Tensor {
  /** Takes over one hold on the charge. */
  constructor(
    shape: Shape,
    values: readonly Value[],
    readonly charge: Charge,
  ) {
    super(DataType.STRING, shape, values.length, 0, null, values);
  }

  override release(): void {
    if (this.refs === 1) this.charge.release();
    super.release();
  }

  override share(shape: Shape): Tensor {
    this.charge.retain();
    return new Texts(shape, this.values!, this.charge);
  }
}

/** Kernels count elements in 32 bits. */
const MAX_ELEMENTS = 2 ** 31 - 1;

/** A fresh tensor with undefined contents, or `null` when it is too large. Numeric dtypes only. */
export function allocateTensor(allocator: Allocator, dtype: DataType, shape: Shape): Tensor | null {
  const size = numElements(shape);
  if (size === 0) return new Tensor(dtype, shape, 0, 0, null, dtypeSize(dtype) === 0 ? [] : null);
  const bytes = size * dtypeSize(dtype);
  // A kernel that only moves bytes would give blanks for what are JavaScript values.
  if (bytes === 0) throw new InternalError(`a tensor of ${dtypeName(dtype)} isn't bytes`);
  const block = size > MAX_ELEMENTS ? null : allocator.allocate(bytes);
  return block === null ? null : new Tensor(dtype, shape, size, block.ptr, block, null);
}

/** A tensor of JavaScript values; strings are counted as memory, and `null` is given when they are too much of it. */
export function tensorOfValues(
  allocator: Allocator,
  dtype: DataType,
  shape: Shape,
  values: readonly Value[],
): Tensor | null {
  if (dtype !== DataType.STRING || values.length === 0) return Tensor.ofValues(dtype, shape, values);
  let bytes = STRING_BYTES * values.length;
  for (let i = 0; i < values.length; i++) bytes += (values[i] as Uint8Array).length;
  const charge = allocator.charge(bytes);
  return charge === null ? null : new Texts(shape, values, charge);
}

/** @throws ResourceExhaustedError for a tensor that memory, or a limit, has no room for. @param where the device's words */
export function exhausted(dtype: DataType, shape: Shape, where = ""): never {
  throw new ResourceExhaustedError(
    `OOM when allocating tensor with shape${shapeString(shape)} and type ${dtypeName(dtype)}${where}`,
  );
}

const isCounted = (value: Value): value is Counted & object =>
  !(value instanceof Uint8Array) && typeof (value as Partial<Counted>).retain === "function";

export function retainValue(value: Value): void {
  if (isCounted(value)) value.retain();
}

function releaseValues(values: readonly Value[]): void {
  for (const value of values) if (isCounted(value)) value.release();
}
