// Windows that slide over NHWC images, for convolutions and pools: how far they step, how they are padded, and where
// that puts them. It takes attributes and sizes, gives plain numbers, and knows nothing of what a window computes.
import { InvalidArgumentError } from "../../errors/index.js";
import type { KernelNode } from "../../kernel/kernel.js";
import type { Shape } from "../../tensor/shape.js";

const FARTHEST = 2 ** 30;

export interface Padding {
  /** `SAME`, `VALID` or `EXPLICIT`. */
  readonly kind: string;
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

/** One image under its windows: the rows and columns of windows, and the padding above and left. */
export interface Windows {
  readonly outH: number;
  readonly outW: number;
  readonly padT: number;
  readonly padL: number;
}

export type Shape4 = readonly [number, number, number, number];

export const isShape4 = (shape: Shape): shape is Shape4 => shape.length === 4;

export function paddingOf(node: KernelNode): Padding {
  const kind = node.string("padding");
  const explicit = node.has("explicit_paddings") ? node.ints("explicit_paddings") : [];
  if (kind !== "EXPLICIT") {
    if (explicit.length > 0)
      throw new InvalidArgumentError(
        "explicit_paddings attribute must be empty if the padding attribute is not EXPLICIT",
      );
    return { kind, top: 0, bottom: 0, left: 0, right: 0 };
  }
  if (explicit.length !== 8)
    throw new InvalidArgumentError(`explicit_paddings attribute must contain 8 values, but got: ${explicit.length}`);
  if (explicit.some((pad) => pad < 0))
    throw new InvalidArgumentError("All elements of explicit_paddings must be nonnegative");
  const [n0, n1, top, bottom, left, right, c0, c1] = explicit as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  if (n0 !== 0 || n1 !== 0 || c0 !== 0 || c1 !== 0)
    throw new InvalidArgumentError("Nonzero explicit padding in the batch or depth dimensions is not supported");
  return { kind, top, bottom, left, right };
}

/** How many windows fit along one axis. @throws InvalidArgumentError where the filter is too large for any */
function windowCount(size: number, filter: number, stride: number, dilation: number, same: boolean, pads: number) {
  if (stride <= 0) throw new InvalidArgumentError(`Stride must be > 0, but got ${stride}`);
  // The kernels count pixels in 32 bits.
  if ((filter - 1) * dilation >= FARTHEST)
    throw new InvalidArgumentError(`A filter of ${filter} with dilation ${dilation} reaches too far`);
  if (same) return Math.ceil(size / stride);
  const reach = (filter - 1) * dilation + 1;
  const count = Math.trunc((size + pads - reach + stride) / stride);
  if (count < 0)
    throw new InvalidArgumentError(
      `Computed output size would be negative: ${count} [input_size: ${size}, effective_filter_size: ${reach}, stride: ${stride}]`,
    );
  return count;
}

/** The pixels that `SAME` adds before the first one. */
const samePad = (size: number, filter: number, stride: number, dilation: number, count: number): number =>
  Math.floor(Math.max(0, (count - 1) * stride + (filter - 1) * dilation + 1 - size) / 2);

export function placeWindows(
  padding: Padding,
  inH: number,
  inW: number,
  kH: number,
  kW: number,
  strideH: number,
  strideW: number,
  dilationH: number,
  dilationW: number,
): Windows {
  const same = padding.kind === "SAME";
  const outH = windowCount(inH, kH, strideH, dilationH, same, padding.top + padding.bottom);
  const outW = windowCount(inW, kW, strideW, dilationW, same, padding.left + padding.right);
  if (!same) return { outH, outW, padT: padding.top, padL: padding.left };
  return {
    outH,
    outW,
    padT: samePad(inH, kH, strideH, dilationH, outH),
    padL: samePad(inW, kW, strideW, dilationW, outW),
  };
}
