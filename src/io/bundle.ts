// What a tensor bundle (TensorFlow's V2 checkpoint) consists of: `PREFIX.index`, a sorted table of BundleEntryProtos under
// the names of tensors and of their slices, and the bytes in `PREFIX.data-00000-of-00001`, …
import { DataLossError } from "../errors/index.js";
import type { Shape } from "../tensor/shape.js";
import type { TensorShapeProto } from "../wire/core.js";
import { BundleEntryProto } from "../wire/io.js";
import { readable } from "./byte-text.js";

/** The header's key: it comes first. */
export const HEADER_KEY = "";
/** Version of the format that is written, and the oldest reader of it. */
export const BUNDLE_VERSION = 1;

export const metaName = (prefix: string): string => `${prefix}.index`;

const digits = (value: number): string => String(value).padStart(5, "0");

export const dataName = (prefix: string, shard: number, shards: number): string =>
  `${prefix}.data-${digits(shard)}-of-${digits(shards)}`;

/** Elements that a tensor may have: their bytes are counted in 53 bits. */
const MAX_ELEMENTS = 2 ** 48;

/** @throws DataLossError */
export function parseEntry(key: string, value: Uint8Array): BundleEntryProto {
  try {
    return BundleEntryProto.decode(value);
  } catch (cause) {
    throw new DataLossError(`Entry for key ${readable(key)} not parseable.`, { cause });
  }
}

/** @throws DataLossError */
export function entryShape(key: string, proto: TensorShapeProto | undefined): Shape {
  const dims = proto?.dim ?? [];
  const shape = dims.map(({ size }) => Number(size));
  const valid = proto?.unknownRank !== true && shape.length <= 254 && shape.every((size) => size >= 0);
  const elements = shape.reduce((product, size) => product * Math.max(1, size), 1);
  if (!valid || elements > MAX_ELEMENTS) {
    const text = dims.map(({ size }) => `dim { size: ${size} }`).join(" ");
    throw new DataLossError(`Invalid tensor shape: ${readable(key)} ${text}`);
  }
  return shape;
}
