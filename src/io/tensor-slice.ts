// Parts of tensors, as partitioned variables are saved in: a start and a length in each dimension, or all of it. Reads
// the texts that Savers pass (`4 2 0,2:-`: the whole shape, then the slice), and makes the keys that bundles keep
// slices under. Errors are TensorFlow's.
import { InternalError, InvalidArgumentError } from "../errors/index.js";
import { numElements, type Shape, shapeString } from "../tensor/shape.js";
import type { TensorSliceProto } from "../wire/io.js";

/** The length that stands for a whole dimension. */
const ALL = -1;
const MAX_INT64 = 2n ** 63n - 1n;

export class TensorSlice {
  constructor(
    readonly starts: readonly number[],
    readonly lengths: readonly number[],
  ) {}

  static full(rank: number): TensorSlice {
    return new TensorSlice(new Array(rank).fill(0), new Array(rank).fill(ALL));
  }

  /** @throws InvalidArgumentError */
  static parse(text: string): TensorSlice {
    const starts: number[] = [];
    const lengths: number[] = [];
    for (const item of text.split(":").filter((part) => part !== "")) {
      if (item === "-") {
        starts.push(0);
        lengths.push(ALL);
        continue;
      }
      const pair = item.split(",").filter((part) => part !== "");
      const [start, length] = pair.map(parseInt64) as [bigint | null, bigint | null];
      if (pair.length !== 2 || start === null || length === null) {
        throw new InvalidArgumentError(`Expected a pair of numbers or '-' but got '${item}': string = ${text}`);
      }
      if (start < 0n || length <= 0n) {
        throw new InvalidArgumentError(
          `Expected non-negative start and positive length but got start = ${start}, length = ${length}: string = ${text}`,
        );
      }
      starts.push(Number(start));
      lengths.push(Number(length));
    }
    return new TensorSlice(starts, lengths);
  }

  static fromProto({ extent }: TensorSliceProto): TensorSlice {
    return new TensorSlice(
      extent.map(({ start }) => Number(start)),
      extent.map(({ length }) => (length === undefined ? ALL : Number(length))),
    );
  }

  toProto(): TensorSliceProto {
    return {
      extent: this.starts.map((start, d) => ({
        start: BigInt(this.#isAll(d) ? 0 : start),
        length: this.#isAll(d) ? undefined : BigInt(this.lengths[d]!),
      })),
    };
  }

  #isAll(dimension: number): boolean {
    return this.lengths[dimension] === ALL;
  }

  get isFull(): boolean {
    return this.lengths.every((length) => length === ALL);
  }

  /** `0,2:-` */
  toString(): string {
    return this.starts.map((start, d) => (this.#isAll(d) ? "-" : `${start},${this.lengths[d]}`)).join(":");
  }

  /** The shape of this part of a tensor. @throws InternalError when it doesn't fit */
  of(shape: Shape): Shape {
    if (shape.length !== this.starts.length) {
      throw new InternalError(`Mismatching ranks: shape = ${shapeString(shape)}, slice = ${this}`);
    }
    return shape.map((size, d) => {
      if (this.#isAll(d)) return size;
      if (this.starts[d]! < 0 || this.lengths[d]! < 0 || this.starts[d]! + this.lengths[d]! > size) {
        throw new InternalError(
          `Extent in dimension ${d} out of bounds: shape = ${shapeString(shape)}, slice = ${this}`,
        );
      }
      return this.lengths[d]!;
    });
  }

  /** Whether this is all of a tensor, said so or not. */
  covers(shape: Shape): boolean {
    return this.isFull || numElements(this.of(shape)) === numElements(shape);
  }

  /** What both have in common; null when that is nothing. The tensor's shape makes whole dimensions comparable. */
  intersect(other: TensorSlice, shape: Shape): TensorSlice | null {
    const starts: number[] = [];
    const lengths: number[] = [];
    for (let d = 0; d < shape.length; d++) {
      const start = Math.max(this.starts[d]!, other.starts[d]!);
      const end = Math.min(this.#end(d, shape), other.#end(d, shape));
      if (end <= start) return null;
      starts.push(start);
      lengths.push(end - start);
    }
    return new TensorSlice(starts, lengths);
  }

  #end(d: number, shape: Shape): number {
    return this.#isAll(d) ? shape[d]! : this.starts[d]! + this.lengths[d]!;
  }

  /** The key of this slice of a tensor (TensorFlow's `EncodeTensorNameSlice`). `name` is a key: a character a byte. */
  keyFor(name: string): string {
    let key = `${orderedNumber(0)}${orderedText(name)}${orderedNumber(this.starts.length)}`;
    this.starts.forEach((start, d) => {
      key += orderedSigned(start) + orderedSigned(this.lengths[d]!);
    });
    return key;
  }
}

/** `dim … slice`. @throws InvalidArgumentError, InternalError */
export function parseShapeAndSlice(text: string): { shape: Shape; slice: TensorSlice; sliceShape: Shape } {
  const parts = text.split(" ");
  if (parts.length < 2) {
    throw new InvalidArgumentError(`Need least two elements in shape_and_slice specification: ${text}`);
  }
  const slice = TensorSlice.parse(parts.pop()!);
  const shape = parts.map((part) => {
    const size = parseInt64(part);
    // A negative size ends TensorFlow's process.
    if (size === null || size < 0n) {
      throw new InvalidArgumentError(`Non numerical dimension in shape_and_slice: ${text}`);
    }
    return Number(size);
  });
  return { shape, slice, sliceShape: slice.of(shape) };
}

function parseInt64(text: string): bigint | null {
  if (!/^\s*-?\d{1,19}\s*$/.test(text)) return null;
  const value = BigInt(text.trim());
  return value > MAX_INT64 || value < -MAX_INT64 - 1n ? null : value;
}

// Codes whose bytes are in the order of what they stand for (TensorFlow's OrderedCode).

function orderedNumber(value: number): string {
  let bytes = "";
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) bytes = String.fromCharCode(rest % 256) + bytes;
  return String.fromCharCode(bytes.length) + bytes;
}

const orderedText = (text: string): string =>
  `${text.replace(/[\0\xff]/g, (byte) => (byte === "\0" ? "\0\xff" : "\xff\0"))}\0\x01`;

/** The first bits tell how many bytes there are, as those of UTF-8 do; a negative number has them inverted. */
function orderedSigned(value: number): string {
  const wide = BigInt(value);
  const magnitude = wide < 0n ? ~wide : wide;
  const bits = magnitude === 0n ? 0 : magnitude.toString(2).length;
  const length = Math.floor(bits / 7) + 1;
  const header = ((1n << BigInt(length)) - 1n) << BigInt(8 * length - length);
  const code = BigInt.asUintN(8 * length, wide) ^ header;
  let text = "";
  for (let i = length - 1; i >= 0; i--) text += String.fromCharCode(Number((code >> BigInt(8 * i)) & 255n));
  return text;
}
