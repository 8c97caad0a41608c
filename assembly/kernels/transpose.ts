// Transposition of tensors of any rank by element size: y's axis i is x's axis perm[i].
// Takes dims and perm as i32 arrays in memory. Axes of size 1 vanish and axes that stay side by side become one; what
// remains is either runs copied whole, or matrices transposed in blocks. Checks of perm are the caller's.

const MAX_RANK: usize = 32;
/** Rows and columns of a block: 32 lines of either side stay in L1. */
const BLOCK: i32 = 32;

// Scratch, i32 each:  dims of x │ perm │ x's strides │ per axis of y: size, bytes to step in x, bytes to step in y, counter
const DIMS: usize = 0;
const PERM: usize = MAX_RANK * 4;
const STRIDES: usize = MAX_RANK * 8;
const SIZE: usize = MAX_RANK * 12;
const X_STEP: usize = MAX_RANK * 16;
const Y_STEP: usize = MAX_RANK * 20;
const COUNTER: usize = MAX_RANK * 24;

/** Bytes of scratch for a transposition of rank up to 32. */
export function transpose_scratch_bytes(): usize {
  return MAX_RANK * 28;
}

// @ts-ignore: decorator
@inline
function get(base: usize, i: i32): i32 {
  return load<i32>(base + ((<usize>i) << 2));
}

// @ts-ignore: decorator
@inline
function put(base: usize, i: i32, value: i32): void {
  store<i32>(base + ((<usize>i) << 2), value);
}

/** Writes the simplified dims and perm to scratch; gives the rank left. */
function simplify(dims: usize, perm: usize, rank: i32, scratch: usize): i32 {
  const newDims = scratch + DIMS;
  const newPerm = scratch + PERM;
  // Runs of axes of y that are consecutive axes of x, axes of size 1 aside: where each begins in x, and its size.
  let runs = 0;
  let previous = -2;
  for (let i = 0; i < rank; i++) {
    const axis = get(perm, i);
    if (get(dims, axis) == 1) continue;
    let next = previous + 1;
    while (next > 0 && next < rank && get(dims, next) == 1) next++;
    if (axis != next || runs == 0) {
      put(scratch + X_STEP, runs, axis);
      put(scratch + SIZE, runs, 1);
      runs++;
    }
    put(scratch + SIZE, runs - 1, get(scratch + SIZE, runs - 1) * get(dims, axis));
    previous = axis;
  }
  // Runs in the order of x become the new axes: a run's axis is how many runs begin before it.
  for (let i = 0; i < runs; i++) {
    let axis = 0;
    for (let j = 0; j < runs; j++) {
      if (get(scratch + X_STEP, j) < get(scratch + X_STEP, i)) axis++;
    }
    put(newPerm, i, axis);
    put(newDims, axis, get(scratch + SIZE, i));
  }
  return runs;
}

/** y[c][r] = x[r][c]; rows of x are xStep bytes apart, rows of y yStep bytes. */
function transposeMatrix<T>(x: usize, xStep: usize, y: usize, yStep: usize, rows: i32, columns: i32): void {
  for (let r0 = 0; r0 < rows; r0 += BLOCK) {
    const r1 = min(rows, r0 + BLOCK);
    for (let c0 = 0; c0 < columns; c0 += BLOCK) {
      const c1 = min(columns, c0 + BLOCK);
      let r = r0;
      if (sizeof<T>() == 4) {
        for (; r + 4 <= r1; r += 4) {
          let from = x + <usize>r * xStep + ((<usize>c0) << 2);
          let to = y + <usize>c0 * yStep + ((<usize>r) << 2);
          let c = c0;
          for (; c + 4 <= c1; c += 4) {
            const v0 = v128.load(from);
            const v1 = v128.load(from + xStep);
            const v2 = v128.load(from + <usize>2 * xStep);
            const v3 = v128.load(from + <usize>3 * xStep);
            const low01 = v128.shuffle<u32>(v0, v1, 0, 4, 1, 5);
            const high01 = v128.shuffle<u32>(v0, v1, 2, 6, 3, 7);
            const low23 = v128.shuffle<u32>(v2, v3, 0, 4, 1, 5);
            const high23 = v128.shuffle<u32>(v2, v3, 2, 6, 3, 7);
            v128.store(to, v128.shuffle<u64>(low01, low23, 0, 2));
            to += yStep;
            v128.store(to, v128.shuffle<u64>(low01, low23, 1, 3));
            to += yStep;
            v128.store(to, v128.shuffle<u64>(high01, high23, 0, 2));
            to += yStep;
            v128.store(to, v128.shuffle<u64>(high01, high23, 1, 3));
            to += yStep;
            from += 16;
          }
          for (; c < c1; c++) {
            store<u32>(to, load<u32>(from));
            store<u32>(to, load<u32>(from + xStep), 4);
            store<u32>(to, load<u32>(from + <usize>2 * xStep), 8);
            store<u32>(to, load<u32>(from + <usize>3 * xStep), 12);
            to += yStep;
            from += 4;
          }
        }
      }
      for (; r < r1; r++) {
        let from = x + <usize>r * xStep + <usize>c0 * sizeof<T>();
        let to = y + <usize>c0 * yStep + <usize>r * sizeof<T>();
        for (let c = c0; c < c1; c++) {
          if (isVector<T>()) v128.store(to, v128.load(from));
          else store<T>(to, load<T>(from));
          from += sizeof<T>();
          to += yStep;
        }
      }
    }
  }
}

function copyRun(y: usize, x: usize, bytes: usize): void {
  if (bytes >= 512) {
    memory.copy(y, x, bytes);
    return;
  }
  for (; bytes >= 16; bytes -= 16) {
    v128.store(y, v128.load(x));
    x += 16;
    y += 16;
  }
  for (; bytes >= 4; bytes -= 4) {
    store<u32>(y, load<u32>(x));
    x += 4;
    y += 4;
  }
  for (; bytes > 0; bytes--) store<u8>(y++, load<u8>(x++));
}

// @ts-ignore: decorator
@inline
function transpose<T>(x: usize, y: usize, dims: usize, perm: usize, rank: i32, scratch: usize): void {
  const size = sizeof<T>();
  let total: usize = 1;
  for (let i = 0; i < rank; i++) total *= <usize>get(dims, i);
  if (total == 0) return;
  const n = simplify(dims, perm, rank, scratch);
  if (n <= 1) {
    memory.copy(y, x, total * size);
    return;
  }
  const newDims = scratch + DIMS;
  const newPerm = scratch + PERM;
  const strides = scratch + STRIDES;
  let stride = <i32>size;
  for (let i = n - 1; i >= 0; i--) {
    put(strides, i, stride);
    stride *= get(newDims, i);
  }
  // The axes of y that the inner loop takes: the last one, and the one that is contiguous in x if that is another.
  let inner = n - 1;
  while (get(newPerm, inner) != n - 1) inner--;
  const last = n - 1;
  let loops = 0;
  let yStride = <i32>size;
  let innerYStep = 0;
  for (let i = last; i >= 0; i--) {
    const axis = get(newPerm, i);
    if (i == inner) innerYStep = yStride;
    if (i != inner && i != last) {
      put(scratch + SIZE, loops, get(newDims, axis));
      put(scratch + X_STEP, loops, get(strides, axis));
      put(scratch + Y_STEP, loops, yStride);
      put(scratch + COUNTER, loops, 0);
      loops++;
    }
    yStride *= get(newDims, axis);
  }
  const columns = get(newDims, n - 1);
  const rows = get(newDims, get(newPerm, last));
  const xStep = <usize>get(strides, get(newPerm, last));
  for (;;) {
    if (inner == last) copyRun(y, x, <usize>columns * size);
    else transposeMatrix<T>(x, xStep, y, <usize>innerYStep, rows, columns);
    let i = 0;
    for (; i < loops; i++) {
      const count = get(scratch + COUNTER, i) + 1;
      x += <usize>get(scratch + X_STEP, i);
      y += <usize>get(scratch + Y_STEP, i);
      if (count < get(scratch + SIZE, i)) {
        put(scratch + COUNTER, i, count);
        break;
      }
      x -= <usize>count * get(scratch + X_STEP, i);
      y -= <usize>count * get(scratch + Y_STEP, i);
      put(scratch + COUNTER, i, 0);
    }
    if (i == loops) return;
  }
}

export function transpose_1(x: usize, y: usize, dims: usize, perm: usize, rank: i32, scratch: usize): void {
  transpose<u8>(x, y, dims, perm, rank, scratch);
}

export function transpose_2(x: usize, y: usize, dims: usize, perm: usize, rank: i32, scratch: usize): void {
  transpose<u16>(x, y, dims, perm, rank, scratch);
}

export function transpose_4(x: usize, y: usize, dims: usize, perm: usize, rank: i32, scratch: usize): void {
  transpose<u32>(x, y, dims, perm, rank, scratch);
}

export function transpose_8(x: usize, y: usize, dims: usize, perm: usize, rank: i32, scratch: usize): void {
  transpose<u64>(x, y, dims, perm, rank, scratch);
}

export function transpose_16(x: usize, y: usize, dims: usize, perm: usize, rank: i32, scratch: usize): void {
  transpose<v128>(x, y, dims, perm, rank, scratch);
}
