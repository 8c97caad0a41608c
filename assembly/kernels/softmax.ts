// Softmax, its logarithm and the cross entropies over rows of `columns` classes, the gradients of the cross entropies
// included. f32 goes four lanes at a time; f64 is plain. A row's maximum is taken off first, so nothing overflows;
// probabilities that would be subnormal are 0, but for some just below the smallest normal number.
// NaN in a row, or a row without a finite maximum, makes the row NaN, as in TensorFlow.
import {
  exp_row_f32x4, expLn2Hi, expLn2Lo, expLog2e, expOne, expRounder, rowCoefficient, rowLowest,
} from "../math/exp";
import { log_f32 } from "../math/log";

/** The last `count` (1 … 3) f32 of a row in the low lanes, `fill` in the others. */
// @ts-ignore: decorator
@inline
function loadTail(p: usize, count: i32, fill: v128): v128 {
  let v = v128.load_lane<u32>(p, fill, 0);
  if (count > 1) v = v128.load_lane<u32>(p + 4, v, 1);
  if (count > 2) v = v128.load_lane<u32>(p + 8, v, 2);
  return v;
}

// @ts-ignore: decorator
@inline
function storeTail(p: usize, v: v128, count: i32): void {
  v128.store_lane<u32>(p, v, 0);
  if (count > 1) v128.store_lane<u32>(p + 4, v, 1);
  if (count > 2) v128.store_lane<u32>(p + 8, v, 2);
}

/** The largest of a row, NaN aside: a NaN reaches the result through the sum. */
function maxOf<T>(x: usize, columns: i32): T {
  if (sizeof<T>() == 4) {
    let v0 = f32x4.splat(-Infinity);
    let v1 = v0;
    let v2 = v0;
    let v3 = v0;
    let i = 0;
    for (; i + 16 <= columns; i += 16) {
      v0 = f32x4.pmax(v0, v128.load(x));
      v1 = f32x4.pmax(v1, v128.load(x, 16));
      v2 = f32x4.pmax(v2, v128.load(x, 32));
      v3 = f32x4.pmax(v3, v128.load(x, 48));
      x += 64;
    }
    v1 = f32x4.pmax(v1, f32x4.pmax(v2, v3));
    for (; i + 4 <= columns; i += 4) {
      v0 = f32x4.pmax(v0, v128.load(x));
      x += 16;
    }
    if (i < columns) v1 = f32x4.pmax(v1, loadTail(x, columns - i, f32x4.splat(-Infinity)));
    v0 = f32x4.pmax(v0, v1);
    v0 = f32x4.pmax(v0, v128.shuffle<u64>(v0, v0, 1, 0));
    return <T>max(f32x4.extract_lane(v0, 0), f32x4.extract_lane(v0, 1));
  }
  let best: T = <T>-Infinity;
  for (let i = 0; i < columns; i++) {
    const value = load<T>(x);
    if (best < value) best = value;
    x += sizeof<T>();
  }
  return best;
}

/** Σ e^(x − m) of a row; the summands go to `y` if `keeps`. */
// @ts-ignore: decorator
@inline
function expOf<T>(keeps: bool, x: usize, y: usize, columns: i32, m: T): T {
  if (sizeof<T>() == 4) {
    const shift = f32x4.splat(<f32>m);
    const k0 = expLog2e();
    const k1 = expRounder();
    const k2 = expLn2Hi();
    const k3 = expLn2Lo();
    const k4 = rowCoefficient(5);
    const k5 = rowCoefficient(4);
    const k6 = rowCoefficient(3);
    const k7 = rowCoefficient(2);
    const k8 = rowCoefficient(1);
    const k9 = expOne();
    const k10 = rowLowest();
    let s0 = f32x4.splat(0);
    let s1 = s0;
    let i = 0;
    for (; i + 8 <= columns; i += 8) {
      const e0 = exp_row_f32x4(f32x4.sub(v128.load(x), shift), k0, k1, k2, k3, k4, k5, k6, k7, k8, k9, k10);
      const e1 = exp_row_f32x4(f32x4.sub(v128.load(x, 16), shift), k0, k1, k2, k3, k4, k5, k6, k7, k8, k9, k10);
      s0 = f32x4.add(s0, e0);
      s1 = f32x4.add(s1, e1);
      if (keeps) {
        v128.store(y, e0);
        v128.store(y, e1, 16);
        y += 32;
      }
      x += 32;
    }
    s0 = f32x4.add(s0, s1);
    for (; i < columns; i += 4) {
      const left = columns - i;
      const v = left >= 4 ? v128.load(x) : loadTail(x, left, f32x4.splat(-Infinity));
      const e = exp_row_f32x4(f32x4.sub(v, shift), k0, k1, k2, k3, k4, k5, k6, k7, k8, k9, k10);
      s0 = f32x4.add(s0, e);
      if (keeps) {
        if (left >= 4) v128.store(y, e);
        else storeTail(y, e, left);
        y += 16;
      }
      x += 16;
    }
    s0 = f32x4.add(s0, v128.shuffle<u64>(s0, s0, 1, 0));
    return <T>(f32x4.extract_lane(s0, 0) + f32x4.extract_lane(s0, 1));
  }
  let sum: T = 0;
  for (let i = 0; i < columns; i++) {
    const e = <T>NativeMath.exp(<f64>(load<T>(x) - m));
    sum += e;
    if (keeps) {
      store<T>(y, e);
      y += sizeof<T>();
    }
    x += sizeof<T>();
  }
  return sum;
}

// @ts-ignore: decorator
@inline
function logOf<T>(value: T): T {
  if (sizeof<T>() == 4) return <T>log_f32(<f32>value);
  return <T>NativeMath.log(<f64>value);
}

// @ts-ignore: decorator
@inline
function softmax<T>(x: usize, y: usize, rows: i32, columns: i32): void {
  const lanes = 16 / <i32>sizeof<T>();
  const rowBytes = <usize>columns * sizeof<T>();
  for (let r = 0; r < rows; r++) {
    const factor: T = <T>1 / expOf<T>(true, x, y, columns, maxOf<T>(x, columns));
    const factors = v128.splat<T>(factor);
    let at = y;
    let i = 0;
    for (; i + 4 * lanes <= columns; i += 4 * lanes) {
      v128.store(at, v128.mul<T>(v128.load(at), factors));
      v128.store(at, v128.mul<T>(v128.load(at, 16), factors), 16);
      v128.store(at, v128.mul<T>(v128.load(at, 32), factors), 32);
      v128.store(at, v128.mul<T>(v128.load(at, 48), factors), 48);
      at += 64;
    }
    for (; i < columns; i++) {
      store<T>(at, <T>(load<T>(at) * factor));
      at += sizeof<T>();
    }
    x += rowBytes;
    y += rowBytes;
  }
}

// @ts-ignore: decorator
@inline
function logSoftmax<T>(x: usize, y: usize, rows: i32, columns: i32): void {
  const lanes = 16 / <i32>sizeof<T>();
  for (let r = 0; r < rows; r++) {
    const m = maxOf<T>(x, columns);
    const sum = logOf<T>(expOf<T>(false, x, 0, columns, m));
    const shift = v128.splat<T>(m);
    const sums = v128.splat<T>(sum);
    let i = 0;
    for (; i + lanes <= columns; i += lanes) {
      v128.store(y, v128.sub<T>(v128.sub<T>(v128.load(x), shift), sums));
      x += 16;
      y += 16;
    }
    for (; i < columns; i++) {
      store<T>(y, <T>(load<T>(x) - m - sum));
      x += sizeof<T>();
      y += sizeof<T>();
    }
  }
}

// @ts-ignore: decorator
@inline
function crossEntropy<T>(
  logits: usize, logitsStep: usize, labels: usize, labelsStep: usize, loss: usize, backprop: usize, rows: i32,
  columns: i32,
): void {
  const lanes = 16 / <i32>sizeof<T>();
  for (let r = 0; r < rows; r++) {
    const m = maxOf<T>(logits, columns);
    const sum = expOf<T>(true, logits, backprop, columns, m);
    const logSum = logOf<T>(sum);
    const shift = v128.splat<T>(m);
    const sums = v128.splat<T>(sum);
    const logSums = v128.splat<T>(logSum);
    let parts = v128.splat<T>(<T>0);
    let x = logits;
    let label = labels;
    let i = 0;
    for (; i + lanes <= columns; i += lanes) {
      const p = v128.load(label);
      const surprise = v128.sub<T>(logSums, v128.sub<T>(v128.load(x), shift));
      parts = v128.add<T>(parts, v128.mul<T>(p, surprise));
      v128.store(backprop, v128.sub<T>(v128.div<T>(v128.load(backprop), sums), p));
      x += 16;
      label += 16;
      backprop += 16;
    }
    let total: T = 0;
    for (; i < columns; i++) {
      const p = load<T>(label);
      total += p * (logSum - (load<T>(x) - m));
      store<T>(backprop, <T>(load<T>(backprop) / sum - p));
      x += sizeof<T>();
      label += sizeof<T>();
      backprop += sizeof<T>();
    }
    total += v128.extract_lane<T>(parts, 0) + v128.extract_lane<T>(parts, 1);
    if (sizeof<T>() == 4) total += <T>(f32x4.extract_lane(parts, 2) + f32x4.extract_lane(parts, 3));
    store<T>(loss, total);
    loss += sizeof<T>();
    logits += logitsStep;
    labels += labelsStep;
  }
}

// @ts-ignore: decorator
@inline
function sparseCrossEntropy<T, L>(
  logits: usize, labels: usize, loss: usize, backprop: usize, rows: i32, columns: i32,
): i32 {
  for (let r = 0; r < rows; r++) {
    const label = <i64>load<L>(labels + <usize>r * sizeof<L>());
    if (<u64>label >= <u64>columns) return r;
  }
  const lanes = 16 / <i32>sizeof<T>();
  const rowBytes = <usize>columns * sizeof<T>();
  for (let r = 0; r < rows; r++) {
    const at = <usize>load<L>(labels) * sizeof<T>();
    const m = maxOf<T>(logits, columns);
    const sum = expOf<T>(true, logits, backprop, columns, m);
    store<T>(loss, <T>(logOf<T>(sum) - (load<T>(logits + at) - m)));
    const sums = v128.splat<T>(sum);
    let p = backprop;
    let i = 0;
    for (; i + lanes <= columns; i += lanes) {
      v128.store(p, v128.div<T>(v128.load(p), sums));
      p += 16;
    }
    for (; i < columns; i++) {
      store<T>(p, <T>(load<T>(p) / sum));
      p += sizeof<T>();
    }
    store<T>(backprop + at, <T>(load<T>(backprop + at) - <T>1));
    logits += rowBytes;
    backprop += rowBytes;
    labels += sizeof<L>();
    loss += sizeof<T>();
  }
  return -1;
}

/** `y` may be `x`. */
export function softmax_f32(x: usize, y: usize, rows: i32, columns: i32): void {
  softmax<f32>(x, y, rows, columns);
}

export function softmax_f64(x: usize, y: usize, rows: i32, columns: i32): void {
  softmax<f64>(x, y, rows, columns);
}

/** `y` may be `x`. */
export function log_softmax_f32(x: usize, y: usize, rows: i32, columns: i32): void {
  logSoftmax<f32>(x, y, rows, columns);
}

export function log_softmax_f64(x: usize, y: usize, rows: i32, columns: i32): void {
  logSoftmax<f64>(x, y, rows, columns);
}

/** A step of 0 (in elements) gives every row the same logits or labels: TensorFlow broadcasts [1, columns]. */
export function softmax_cross_entropy_f32(logits: usize, logitsStep: i32, labels: usize, labelsStep: i32, loss: usize, backprop: usize, rows: i32, columns: i32): void {
  crossEntropy<f32>(logits, <usize>logitsStep << 2, labels, <usize>labelsStep << 2, loss, backprop, rows, columns);
}

export function softmax_cross_entropy_f64(logits: usize, logitsStep: i32, labels: usize, labelsStep: i32, loss: usize, backprop: usize, rows: i32, columns: i32): void {
  crossEntropy<f64>(logits, <usize>logitsStep << 3, labels, <usize>labelsStep << 3, loss, backprop, rows, columns);
}

/** −1, or the first row whose label is out of range; nothing is written then. */
export function sparse_softmax_cross_entropy_f32_i32(logits: usize, labels: usize, loss: usize, backprop: usize, rows: i32, columns: i32): i32 {
  return sparseCrossEntropy<f32, i32>(logits, labels, loss, backprop, rows, columns);
}

export function sparse_softmax_cross_entropy_f32_i64(logits: usize, labels: usize, loss: usize, backprop: usize, rows: i32, columns: i32): i32 {
  return sparseCrossEntropy<f32, i64>(logits, labels, loss, backprop, rows, columns);
}

export function sparse_softmax_cross_entropy_f64_i32(logits: usize, labels: usize, loss: usize, backprop: usize, rows: i32, columns: i32): i32 {
  return sparseCrossEntropy<f64, i32>(logits, labels, loss, backprop, rows, columns);
}

export function sparse_softmax_cross_entropy_f64_i64(logits: usize, labels: usize, loss: usize, backprop: usize, rows: i32, columns: i32): i32 {
  return sparseCrossEntropy<f64, i64>(logits, labels, loss, backprop, rows, columns);
}
