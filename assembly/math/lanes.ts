// A whole vector, or its first lane where fewer elements are left: a loop's body serves both, written once.
// Takes T of 4 or 8 bytes; a lone element comes with zeros beside it.
import { flushed_v128 } from "./subnormal";

// @ts-ignore: decorator
@inline
export function get<T>(p: usize, whole: bool): v128 {
  if (whole) return v128.load(p);
  return sizeof<T>() == 4 ? v128.load32_zero(p) : v128.load64_zero(p);
}

// @ts-ignore: decorator
@inline
export function put<T>(p: usize, x: v128, whole: bool): void {
  if (whole) v128.store(p, x);
  else if (sizeof<T>() == 4) v128.store32_lane(p, x, 0);
  else v128.store64_lane(p, x, 0);
}

/** What is subnormal as 0. */
// @ts-ignore: decorator
@inline
export function putFlushed<T>(p: usize, x: v128, whole: bool): void {
  put<T>(p, flushed_v128<T>(x), whole);
}

/** Whether what is left fills a vector. */
// @ts-ignore: decorator
@inline
export function isWhole<T>(left: i32): bool {
  return left >= 16 / <i32>sizeof<T>();
}
