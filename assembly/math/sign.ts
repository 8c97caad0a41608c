// The sign of a number, for what is computed element by element.

/** −1, 0, 1, or NaN. */
// @ts-ignore: decorator
@inline
export function signOf<T>(x: T): T {
  return x > 0 ? <T>1 : x < 0 ? <T>-1 : x;
}
