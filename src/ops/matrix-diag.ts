// Diagonals and bands of matrices: put in, taken out, replaced, cleared. A diagonal d runs through the elements (i, j)
// with j − i = d; several lie one above the other in a tensor, the uppermost first, each aligned to one of its ends.
import { InvalidArgumentError } from "../errors/index.js";
import { DONE, type Kernel, type KernelNode, type KernelStep, kernel } from "../kernel/kernel.js";
import { dtypeSize } from "../tensor/dtype.js";
import { numElements, type Shape, shapeString } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";
import { readInt, readInts } from "./support/index-tensor.js";
import { copyBytes, emitRows } from "./support/rows.js";

/** Which end of a shorter diagonal lies at the start of its row. */
interface Align {
  readonly superRight: boolean;
  readonly subRight: boolean;
}

const ALIGNED_LEFT: Align = { superRight: false, subRight: false };

function alignOf(node: KernelNode): Align {
  if (!node.has("align")) return ALIGNED_LEFT;
  const [upper, lower] = node.string("align").split("_");
  return { superRight: upper === "RIGHT", subRight: lower === "RIGHT" };
}

/** Diagonals lower … upper of matrices of rows × columns. */
class Band {
  /** Length of the longest, which all rows of a tensor of diagonals have. */
  readonly length: number;

  constructor(
    readonly lower: number,
    readonly upper: number,
    readonly rows: number,
    readonly columns: number,
    readonly align: Align,
  ) {
    this.length = Math.min(rows + Math.min(upper, 0), columns - Math.max(lower, 0));
  }

  get count(): number {
    return this.upper - this.lower + 1;
  }

  /** Where the first element of a diagonal lies in its row. */
  start(d: number): number {
    const left = (d >= 0 && !this.align.superRight) || (d <= 0 && !this.align.subRight);
    return left ? 0 : this.length - this.lengthOf(d);
  }

  lengthOf(d: number): number {
    return Math.min(this.rows + Math.min(d, 0), this.columns - Math.max(d, 0));
  }

  /** Position of matrix element (i, j) among the diagonals, −1 outside the band. */
  position(i: number, j: number): number {
    const d = j - i;
    if (d < this.lower || d > this.upper) return -1;
    return (this.upper - d) * this.length + Math.min(i, j) + this.start(d);
  }
}

/** The one or two indices of an input; the main diagonal without one. */
function readBand(step: KernelStep, input: number): [lower: number, upper: number] {
  if (input < 0) return [0, 0];
  const given = step.input(input);
  if (given.shape.length > 1)
    throw new InvalidArgumentError(
      `diag_index must be a scalar or vector, received shape: ${shapeString(given.shape)}`,
    );
  const k = readInts(step.heap, given);
  if (k.length !== 1 && k.length !== 2)
    throw new InvalidArgumentError(`diag_index must have only one or two elements, received ${k.length} elements.`);
  return [k[0]!, k[k.length - 1]!];
}

function checkOrder(lower: number, upper: number): void {
  if (lower > upper)
    throw new InvalidArgumentError(`lower_diag_index must not be larger than upper_diag_index: ${lower} > ${upper}`);
}

function checkBounds(lower: number, upper: number, rows: number, columns: number, stop: string): void {
  const check = (name: string, k: number) => {
    if (k !== 0 && (k <= -rows || k >= columns))
      throw new InvalidArgumentError(`${name} is out of bound: ${k}${stop} It must be between ${-rows} and ${columns}`);
  };
  check("lower_diag_index", lower);
  check("upper_diag_index", upper);
}

function checkMatrix(x: Tensor): void {
  if (x.shape.length < 2)
    throw new InvalidArgumentError(`input must be at least 2-dim, received shape: ${shapeString(x.shape)}`);
}

/** An input that V1 of the op doesn't have. */
const scalar = (step: KernelStep, index: number, otherwise: number): number =>
  index < step.inputCount ? readInt(step.heap, step.input(index)) : otherwise;

const matrixDiag = (op: string): Kernel =>
  kernel(op, "CPU", {}, (node) => {
    const align = alignOf(node);
    return (step) => {
      const x = step.input(0);
      const [lower, upper] = readBand(step, step.inputCount > 1 ? 1 : -1);
      if (x.shape.length < 1)
        throw new InvalidArgumentError(`diagonal must be at least 1-dim, received shape: ${shapeString(x.shape)}`);
      checkOrder(lower, upper);
      const several = lower !== upper;
      if (several && x.shape.length < 2)
        throw new InvalidArgumentError(`diagonal must be at least 2-dim, received shape: ${shapeString(x.shape)}`);
      if (several && x.shape.at(-2) !== upper - lower + 1)
        throw new InvalidArgumentError(
          "The number of diagonals provided in the input does not match the lower_diag_index and upper_diag_index range.",
        );
      const length = x.shape.at(-1)!;
      const leastRows = length - Math.min(upper, 0);
      const leastColumns = length + Math.max(lower, 0);
      let rows = scalar(step, 2, -1);
      let columns = scalar(step, 3, -1);
      if (rows !== -1 && rows < leastRows) throw new InvalidArgumentError("The number of rows is too small.");
      if (columns !== -1 && columns < leastColumns)
        throw new InvalidArgumentError("The number of columns is too small.");
      if (rows === -1 && columns === -1) rows = columns = Math.max(leastRows, leastColumns);
      else if (rows === -1) rows = leastRows;
      else if (columns === -1) columns = leastColumns;
      if (rows !== leastRows && columns !== leastColumns)
        throw new InvalidArgumentError(
          "The number of rows or columns is not consistent with the specified d_lower, d_upper, and diagonal.",
        );
      const band = new Band(lower, upper, rows, columns, align);
      const outer = x.shape.slice(0, several ? -2 : -1);
      emitRows(
        step,
        0,
        x,
        [...outer, rows, columns],
        1,
        (sources) => {
          let at = 0;
          for (let b = 0; b < numElements(outer); b++)
            for (let i = 0; i < rows; i++)
              for (let j = 0; j < columns; j++) {
                const place = band.position(i, j);
                sources[at++] = place < 0 ? -1 : b * band.count * length + place;
              }
        },
        step.inputCount > 4 ? step.input(4) : null,
      );
      return DONE;
    };
  });

const matrixDiagPart = (op: string): Kernel =>
  kernel(op, "CPU", {}, (node) => {
    const align = alignOf(node);
    return (step) => {
      const x = step.input(0);
      const [lower, upper] = readBand(step, step.inputCount > 1 ? 1 : -1);
      checkMatrix(x);
      const [rows, columns] = x.shape.slice(-2) as [number, number];
      checkOrder(lower, upper);
      checkBounds(lower, upper, rows, columns, ".");
      const band = new Band(lower, upper, rows, columns, align);
      const outer = x.shape.slice(0, -2);
      const shape = [...outer, ...(lower === upper ? [] : [band.count]), band.length];
      emitRows(
        step,
        0,
        x,
        shape,
        1,
        (sources) => {
          let at = 0;
          for (let b = 0; b < numElements(outer); b++)
            for (let d = upper; d >= lower; d--)
              for (let n = 0; n < band.length; n++) {
                const place = n - band.start(d);
                const inside = place >= 0 && place < band.lengthOf(d);
                const [i, j] = [place - Math.min(d, 0), place + Math.max(d, 0)];
                sources[at++] = inside ? (b * rows + i) * columns + j : -1;
              }
        },
        step.inputCount > 2 ? step.input(2) : null,
      );
      return DONE;
    };
  });

const matrixSetDiag = (op: string): Kernel =>
  kernel(op, "CPU", {}, (node) => {
    const align = alignOf(node);
    return (step) => {
      const x = step.input(0);
      const diagonal = step.input(1);
      const [lower, upper] = readBand(step, step.inputCount > 2 ? 2 : -1);
      checkMatrix(x);
      if (diagonal.shape.length < 1)
        throw new InvalidArgumentError(
          `diagonal must be at least 1-dim, received shape: ${shapeString(diagonal.shape)}`,
        );
      const [rows, columns] = x.shape.slice(-2) as [number, number];
      checkBounds(lower, upper, rows, columns, "");
      checkOrder(lower, upper);
      const band = new Band(lower, upper, rows, columns, align);
      const outer = x.shape.slice(0, -2);
      const expected = [...outer, ...(lower === upper ? [] : [band.count]), band.length];
      if (expected.length !== diagonal.shape.length || expected.some((size, i) => size !== diagonal.shape[i]))
        throw new InvalidArgumentError(
          "Either first dimensions of diagonal don't match input.shape[:-2], or diagonal.shape[:-1] is not equal to the " +
            `longests diagonal in range [lower_diag_index:upper_diag_index].\nInput shape: ${shapeString(x.shape)}\n` +
            `Diagonal shape: ${shapeString(diagonal.shape)}\nExpected diagonal shape: ${shapeString(expected)}`,
        );
      let y = step.forward(0, 0, x.shape);
      if (y === null) {
        y = step.allocateOutput(0, x.shape);
        step.heap.u8.copyWithin(y.ptr, x.ptr, x.ptr + x.bytes);
      }
      const size = dtypeSize(x.dtype);
      for (let b = 0; b < numElements(outer); b++)
        for (let d = lower; d <= upper; d++) {
          const from = (b * band.count + upper - d) * band.length + band.start(d);
          for (let n = 0; n < band.lengthOf(d); n++) {
            const to = (b * rows + n - Math.min(d, 0)) * columns + n + Math.max(d, 0);
            copyBytes(step.heap, diagonal.ptr + (from + n) * size, y.ptr + to * size, size);
          }
        }
      return DONE;
    };
  });

const bandPart = kernel("MatrixBandPart", "CPU", {}, () => (step) => {
  const x = step.input(0);
  checkMatrix(x);
  const [rows, columns] = x.shape.slice(-2) as [number, number];
  const read = (input: number, name: string, what: string, most: number) => {
    const given = step.input(input);
    if (given.shape.length > 0)
      throw new InvalidArgumentError(`${name} must be scalar, got shape ${shapeString(given.shape)}`);
    const value = readInt(step.heap, given);
    if (value > most)
      throw new InvalidArgumentError(
        `${name} must be negative or less or equal to number of ${what} (${most}) got: ${value}`,
      );
    return value;
  };
  const below = read(1, "num_lower", "rows", rows);
  const above = read(2, "num_upper", "columns", columns);
  emitRows(step, 0, x, x.shape, 1, (sources) => {
    for (let at = 0; at < sources.length; at++) {
      const j = at % columns;
      const i = Math.floor(at / columns) % rows;
      const inside = (below < 0 || i - j <= below) && (above < 0 || j - i <= above);
      sources[at] = inside ? at : -1;
    }
  });
  return DONE;
});

const diag = kernel("Diag", "CPU", {}, () => (step) => {
  const x = step.input(0);
  if (x.shape.length < 1) throw new InvalidArgumentError(`Input must be at least rank 1, got ${x.shape.length}`);
  emitRows(step, 0, x, [...x.shape, ...x.shape], 1, (sources) => {
    sources.fill(-1);
    for (let i = 0; i < x.size; i++) sources[i * x.size + i] = i;
  });
  return DONE;
});

const diagPart = kernel("DiagPart", "CPU", {}, () => (step) => {
  const x = step.input(0);
  const half = x.shape.length / 2;
  if (half === 0 || !Number.isInteger(half))
    throw new InvalidArgumentError(
      `The rank of the tensor should be ${" ".repeat(40)} even and positive, got shape ${shapeString(x.shape)}`,
    );
  const shape: Shape = x.shape.slice(0, half);
  shape.forEach((size, i) => {
    if (size !== x.shape[half + i])
      throw new InvalidArgumentError(
        `Invalid shape ${shapeString(x.shape)}: dimensions ${i} and ${half + i} do not match.`,
      );
  });
  const n = numElements(shape);
  emitRows(step, 0, x, shape, 1, (sources) => {
    for (let i = 0; i < n; i++) sources[i] = i * n + i;
  });
  return DONE;
});

export const matrixDiagKernels: readonly Kernel[] = [
  ...["MatrixDiag", "MatrixDiagV2", "MatrixDiagV3"].map(matrixDiag),
  ...["MatrixDiagPart", "MatrixDiagPartV2", "MatrixDiagPartV3"].map(matrixDiagPart),
  ...["MatrixSetDiag", "MatrixSetDiagV2", "MatrixSetDiagV3"].map(matrixSetDiag),
  bandPart,
  diag,
  diagPart,
];
