// Matrix times vector, straight from the matrix as it lies: these are bound by memory, so nothing is packed.
import { madd } from "../math/fma";

// @ts-ignore: decorator
@inline
function sumLanes<T>(v: v128): T {
  if (sizeof<T>() == 8) return <T>(v128.extract_lane<T>(v, 0) + v128.extract_lane<T>(v, 1));
  const half = v128.add<T>(v, v128.shuffle<u64>(v, v, 1, 0));
  return <T>(v128.extract_lane<T>(half, 0) + v128.extract_lane<T>(half, 1));
}

// @ts-ignore: decorator
@inline
function put<T>(y: usize, value: T, add: bool): void {
  store<T>(y, add ? <T>(load<T>(y) + value) : value);
}

/** y[i] (+)= Σ_j matrix[i][j] · x[j]: both contiguous in j. y's elements are `yStep` bytes apart. */
export function gemvDot<T>(
  matrix: usize, ld: usize, rows: i32, length: i32, x: usize, y: usize, yStep: usize, add: bool,
): void {
  const lanes = 16 / <i32>sizeof<T>();
  const zero = v128.splat<T>(<T>0);
  const whole = length - (length % lanes);
  let i = 0;
  for (; i + 4 <= rows; i += 4) {
    let m0 = matrix, m1 = m0 + ld, m2 = m1 + ld, m3 = m2 + ld, p = x;
    let s0 = zero, s1 = zero, s2 = zero, s3 = zero;
    for (let j = 0; j < whole; j += lanes) {
      const v = v128.load(p);
      s0 = madd<T>(v128.load(m0), v, s0);
      s1 = madd<T>(v128.load(m1), v, s1);
      s2 = madd<T>(v128.load(m2), v, s2);
      s3 = madd<T>(v128.load(m3), v, s3);
      m0 += 16;
      m1 += 16;
      m2 += 16;
      m3 += 16;
      p += 16;
    }
    let t0 = sumLanes<T>(s0), t1 = sumLanes<T>(s1), t2 = sumLanes<T>(s2), t3 = sumLanes<T>(s3);
    for (let j = whole; j < length; j++) {
      const v = load<T>(p);
      t0 += load<T>(m0) * v;
      t1 += load<T>(m1) * v;
      t2 += load<T>(m2) * v;
      t3 += load<T>(m3) * v;
      m0 += sizeof<T>();
      m1 += sizeof<T>();
      m2 += sizeof<T>();
      m3 += sizeof<T>();
      p += sizeof<T>();
    }
    put<T>(y, t0, add);
    put<T>((y += yStep), t1, add);
    put<T>((y += yStep), t2, add);
    put<T>((y += yStep), t3, add);
    y += yStep;
    matrix += <usize>4 * ld;
  }
  for (; i < rows; i++) {
    let m = matrix, p = x, s = zero;
    for (let j = 0; j < whole; j += lanes) {
      s = madd<T>(v128.load(m), v128.load(p), s);
      m += 16;
      p += 16;
    }
    let t = sumLanes<T>(s);
    for (let j = whole; j < length; j++) {
      t += load<T>(m) * load<T>(p);
      m += sizeof<T>();
      p += sizeof<T>();
    }
    put<T>(y, t, add);
    y += yStep;
    matrix += ld;
  }
}

/** y[j] (+)= Σ_i x[i] · matrix[i][j]: y contiguous, x's elements `xStep` bytes apart. Four rows to a pass over y. */
export function gemvSum<T>(
  matrix: usize, ld: usize, rows: i32, length: i32, x: usize, xStep: usize, y: usize, add: bool,
): void {
  const lanes = 16 / <i32>sizeof<T>();
  const whole = length - (length % lanes);
  if (!add) memory.fill(y, 0, <usize>length * sizeof<T>());
  let i = 0;
  for (; i + 4 <= rows; i += 4) {
    const x0 = v128.load_splat<T>(x);
    const x1 = v128.load_splat<T>(x + xStep);
    const x2 = v128.load_splat<T>(x + <usize>2 * xStep);
    const x3 = v128.load_splat<T>(x + <usize>3 * xStep);
    let m0 = matrix, m1 = m0 + ld, m2 = m1 + ld, m3 = m2 + ld, p = y;
    for (let j = 0; j < whole; j += lanes) {
      let v = madd<T>(v128.load(m0), x0, v128.load(p));
      v = madd<T>(v128.load(m1), x1, v);
      v = madd<T>(v128.load(m2), x2, v);
      v128.store(p, madd<T>(v128.load(m3), x3, v));
      m0 += 16;
      m1 += 16;
      m2 += 16;
      m3 += 16;
      p += 16;
    }
    for (let j = whole; j < length; j++) {
      let t: T = load<T>(p);
      t += load<T>(m0) * load<T>(x);
      t += load<T>(m1) * load<T>(x + xStep);
      t += load<T>(m2) * load<T>(x + <usize>2 * xStep);
      t += load<T>(m3) * load<T>(x + <usize>3 * xStep);
      store<T>(p, t);
      m0 += sizeof<T>();
      m1 += sizeof<T>();
      m2 += sizeof<T>();
      m3 += sizeof<T>();
      p += sizeof<T>();
    }
    matrix += <usize>4 * ld;
    x += <usize>4 * xStep;
  }
  for (; i < rows; i++) {
    const x0 = v128.load_splat<T>(x);
    let m = matrix, p = y;
    for (let j = 0; j < whole; j += lanes) {
      v128.store(p, madd<T>(v128.load(m), x0, v128.load(p)));
      m += 16;
      p += 16;
    }
    for (let j = whole; j < length; j++) {
      store<T>(p, <T>(load<T>(p) + load<T>(m) * load<T>(x)));
      m += sizeof<T>();
      p += sizeof<T>();
    }
    matrix += ld;
    x += xStep;
  }
}
