// Copies between layouts: one kernel for slices, transposes, broadcasts, reversals, padding and their like.
// `plan` lists `rank` dimensions, outermost first, as three i32 each: size, source stride, target stride (elements,
// possibly negative or 0). Strides and sizes are the caller's to check.

// @ts-ignore: decorator
@inline
function copy<T>(x: usize, y: usize, plan: usize, rank: i32): void {
  const n = load<i32>(plan);
  const dx = <isize>load<i32>(plan, 4) * sizeof<T>();
  const dy = <isize>load<i32>(plan, 8) * sizeof<T>();
  if (rank == 1) {
    if (dx == sizeof<T>() && dy == sizeof<T>()) {
      memory.copy(y, x, <usize>n * sizeof<T>());
      return;
    }
    for (let i = 0; i < n; i++) {
      store<T>(y, load<T>(x));
      x += dx;
      y += dy;
    }
    return;
  }
  if (rank == 2) {
    const m = load<i32>(plan, 12);
    const ex = <isize>load<i32>(plan, 16) * sizeof<T>();
    const ey = <isize>load<i32>(plan, 20) * sizeof<T>();
    const dense = ex == sizeof<T>() && ey == sizeof<T>() && m > 8;
    for (let i = 0; i < n; i++) {
      if (dense) memory.copy(y, x, <usize>m * sizeof<T>());
      else {
        let p = x;
        let q = y;
        for (let j = 0; j < m; j++) {
          store<T>(q, load<T>(p));
          p += ex;
          q += ey;
        }
      }
      x += dx;
      y += dy;
    }
    return;
  }
  for (let i = 0; i < n; i++) {
    deeper<T>(x, y, plan + 12, rank - 1);
    x += dx;
    y += dy;
  }
}

function deeper<T>(x: usize, y: usize, plan: usize, rank: i32): void {
  copy<T>(x, y, plan, rank);
}

/** Elements of `size` bytes: 1, 2, 4, 8 or 16. */
export function strided_copy(size: i32, x: usize, y: usize, plan: usize, rank: i32): void {
  if (size == 4) deeper<u32>(x, y, plan, rank);
  else if (size == 8) deeper<u64>(x, y, plan, rank);
  else if (size == 1) deeper<u8>(x, y, plan, rank);
  else if (size == 2) deeper<u16>(x, y, plan, rank);
  else deeper<v128>(x, y, plan, rank);
}

// @ts-ignore: decorator
@inline
function add<T>(x: usize, y: usize, plan: usize, rank: i32): void {
  const n = load<i32>(plan);
  const dx = <isize>load<i32>(plan, 4) * sizeof<T>();
  const dy = <isize>load<i32>(plan, 8) * sizeof<T>();
  for (let i = 0; i < n; i++) {
    if (rank == 1) store<T>(y, (load<T>(y) + load<T>(x)) as T);
    else addDeeper<T>(x, y, plan + 12, rank - 1);
    x += dx;
    y += dy;
  }
}

function addDeeper<T>(x: usize, y: usize, plan: usize, rank: i32): void {
  add<T>(x, y, plan, rank);
}

/** As strided_copy, adding to the target. */
export function strided_add_f32(x: usize, y: usize, plan: usize, rank: i32): void {
  addDeeper<f32>(x, y, plan, rank);
}

/** `n` elements of `size` bytes, all like the one at x. */
export function fill(size: i32, x: usize, y: usize, n: i32): void {
  const step = <usize>size;
  if (n == 0) return;
  memory.copy(y, x, step);
  const total = <usize>n * step;
  let done = step;
  while (done < total) {
    const more = min<usize>(done, total - done);
    memory.copy(y + done, y, more);
    done += more;
  }
}

/**
 * Rows of `rowBytes`, chosen by index. `limit` rows exist.
 * Returns the position of the first index out of range, −1 when all are good.
 */
// @ts-ignore: decorator
@inline
function gather<I>(x: usize, indices: usize, y: usize, n: i32, limit: i32, rowBytes: i32): i32 {
  const step = <usize>rowBytes;
  for (let i = 0; i < n; i++) {
    const index = load<I>(indices + <usize>i * sizeof<I>());
    if (index < 0 || index >= <I>limit) return i;
    const from = x + <usize>index * step;
    if (rowBytes == 4) store<u32>(y, load<u32>(from));
    else memory.copy(y, from, step);
    y += step;
  }
  return -1;
}

export function gather_i32(x: usize, indices: usize, y: usize, n: i32, limit: i32, rowBytes: i32): i32 {
  return gather<i32>(x, indices, y, n, limit, rowBytes);
}
export function gather_i64(x: usize, indices: usize, y: usize, n: i32, limit: i32, rowBytes: i32): i32 {
  return gather<i64>(x, indices, y, n, limit, rowBytes);
}
