// Distances between floating-point numbers in units in the last place of the exact value.

/** One unit in the last place of a number of this magnitude: 24 bits of precision for f32, 53 for f64. */
function ulp(value: number, bits: 24 | 53): number {
  const magnitude = Math.abs(value);
  const lowest = bits === 24 ? -149 : -1074;
  if (magnitude === 0) return 2 ** lowest;
  return 2 ** Math.max(Math.floor(Math.log2(magnitude)) - bits + 1, lowest);
}

/** How far `actual` is from the exact value; 0 when both are NaN or the same infinity. */
export function ulpsOff(actual: number, exact: number, bits: 24 | 53): number {
  if (Object.is(actual, exact)) return 0;
  if (!Number.isFinite(actual) || !Number.isFinite(exact)) return Number.POSITIVE_INFINITY;
  return Math.abs(actual - exact) / ulp(exact, bits);
}
