// MirrorPad and its gradient: what lies outside of a tensor is its own mirror image, with the edge or without it.
import { InvalidArgumentError, UnimplementedError } from "../errors/index.js";
import { DONE, type Kernel, type KernelStep, kernel } from "../kernel/kernel.js";
import { type Shape, shapeString } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { eachIndex } from "./blocks.js";
import { elementsOf } from "./support/elements.js";
import { readInts } from "./support/index-tensor.js";
import { emitRows } from "./support/rows.js";
import { stridesOf } from "./support/strided.js";

const NUMBERS = ["float", "double", "int32", "int64", "uint8", "int8", "uint16", "int16", "uint32", "uint64"];
const MOST_DIMENSIONS = 5;

function readPaddings(step: KernelStep, { shape }: Tensor, given: Tensor, comma: string): number[] {
  if (given.shape.length !== 2 || given.shape[1] !== 2)
    throw new InvalidArgumentError(`paddings must be a matrix with 2 columns: ${shapeString(given.shape)}`);
  if (given.shape[0] !== shape.length)
    throw new InvalidArgumentError(
      `The first dimension of paddings must be the rank of inputs${shapeString(given.shape)}${comma}${shapeString(shape)}`,
    );
  return readInts(step.heap, given);
}

/** Mirrors reach as far as the other end, and `SYMMETRIC` ones hold the edge as well. */
function checkReach(symmetric: boolean, before: number, after: number, size: number, what: string): void {
  if (symmetric && (before > size || after > size))
    throw new InvalidArgumentError(
      `paddings must be no greater than the ${what} size: ${before}, ${after} greater than ${size}`,
    );
  if (!symmetric && (before >= size || after >= size))
    throw new InvalidArgumentError(
      `paddings must be less than the ${what} size: ${before}, ${after} not less than ${size}`,
    );
}

/** For each element of the padded shape, in order, the element of the one inside it that it mirrors. */
function eachMirrored(
  padded: Shape,
  inside: Shape,
  pads: readonly number[],
  symmetric: boolean,
  visit: (at: number, position: number) => void,
): void {
  const edge = symmetric ? 1 : 0;
  const strides = stridesOf(inside);
  eachIndex(padded, (index, position) => {
    let at = 0;
    for (let d = 0; d < index.length; d++) {
      const size = inside[d]!;
      let place = index[d]! - pads[2 * d]!;
      if (place < 0) place = -place - edge;
      else if (place >= size) place = 2 * size - 2 - place + edge;
      at += place * strides[d]!;
    }
    visit(at, position);
  });
}

const mirrorPad = kernel("MirrorPad", "CPU", {}, (node) => {
  const symmetric = node.string("mode") === "SYMMETRIC";
  return (step) => {
    const x = step.input(0);
    const pads = readPaddings(step, x, step.input(1), ", ");
    const shape = x.shape.map((size, d) => {
      const [before, after] = [pads[2 * d]!, pads[2 * d + 1]!];
      if (before < 0 || after < 0) throw new InvalidArgumentError(`paddings must be non-negative: ${before} ${after}`);
      checkReach(symmetric, before, after, size, "dimension");
      return size + before + after;
    });
    emitRows(step, 0, x, shape, 1, (sources) => {
      eachMirrored(shape, x.shape, pads, symmetric, (at, position) => {
        sources[position] = at;
      });
    });
    return DONE;
  };
});

/** What came back to a mirror image goes to what it mirrors. */
const mirrorPadGrad = kernel("MirrorPadGrad", "CPU", { T: NUMBERS }, (node) => {
  const symmetric = node.string("mode") === "SYMMETRIC";
  return (step) => {
    const dy = step.input(0);
    if (dy.shape.length > MOST_DIMENSIONS)
      throw new UnimplementedError(`inputs rank not in [0,${MOST_DIMENSIONS}]: ${dy.shape.length}`);
    const pads = readPaddings(step, dy, step.input(1), " ");
    const shape = dy.shape.map((size, d) => {
      const [before, after] = [pads[2 * d]!, pads[2 * d + 1]!];
      if (before < 0 || after < 0) throw new InvalidArgumentError(`Paddings must be non-negative: ${before}, ${after}`);
      if (before + after >= size)
        throw new InvalidArgumentError(
          `Total paddings must be less than the input dimension size: ${before + after} was not less than ${size}`,
        );
      checkReach(symmetric, before, after, size - before - after, "output dimension");
      return size - before - after;
    });
    const dx = step.allocateOutput(0, shape);
    step.heap.u8.fill(0, dx.ptr, dx.ptr + dx.bytes);
    const [from, to] = [elementsOf(step.heap, dy), elementsOf(step.heap, dx)];
    eachMirrored(dy.shape, shape, pads, symmetric, (at, position) => {
      to.view[to.base + at]! += from.view[from.base + position]!;
    });
    return DONE;
  };
});

export const mirrorPadKernels: readonly Kernel[] = [mirrorPad, mirrorPadGrad];
