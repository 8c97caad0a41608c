// Sine and cosine of doubles, rounded correctly but for one in thousands, as those of the C library are that TensorFlow's
// wheels call: with 10 bits more the two agree but for those. What decides them is kept in two parts, a number and the error of
// its rounding, which products and sums tell exactly (Dekker, "A floating-point technique", 1971).

const TWO_OVER_PI = 0.6366197723675814;
/** π/2 in three parts, of which small multiples of the first two are exact. */
const HALF_PI_1 = 1.5707963267341256;
const HALF_PI_2 = 6.077100506303966e-11;
const HALF_PI_3 = 2.0222662487959506e-21;
/** What rounding cuts off 1/6. */
const SIXTH_REST = 9.25185853854297e-18;

/** The angle less so many quarters, in [-π/4, π/4]: a number and what is missing to it. */
let quarters: i32 = 0;
let r: f64 = 0;
let rest: f64 = 0;
/** Its square likewise. */
let z: f64 = 0;
let zRest: f64 = 0;

/** The upper 26 bits. */
// @ts-ignore: decorator
@inline
function upper(x: f64): f64 {
  const shifted = x * 134217729;
  return shifted - (shifted - x);
}

/** What rounding cut off x · y. */
// @ts-ignore: decorator
@inline
function productRest(x: f64, y: f64, product: f64): f64 {
  const x1 = upper(x);
  const y1 = upper(y);
  const x2 = x - x1;
  const y2 = y - y1;
  return x1 * y1 - product + x1 * y2 + x2 * y1 + x2 * y2;
}

/** What rounding cut off x + y, whichever is larger. */
// @ts-ignore: decorator
@inline
function sumRest(x: f64, y: f64, sum: f64): f64 {
  const added = sum - x;
  return x - (sum - added) + (y - added);
}

function reduce(angle: f64): void {
  const n = nearest(angle * TWO_OVER_PI);
  const near = angle - n * HALF_PI_1;
  const less = -n * HALF_PI_2;
  const sum = near + less;
  const left = sumRest(near, less, sum) - n * HALF_PI_3;
  quarters = <i32>n;
  r = sum + left;
  rest = sum - r + left;
  z = r * r;
  zRest = productRest(r, r, z) + 2 * r * rest;
}

/** A sum, and what rounding cut off it. */
let total: f64 = 0;
let totalRest: f64 = 0;

/** total = a + a · z · (c + tail), where `aRest` and `cRest` are missing to a and c. */
// @ts-ignore: decorator
@inline
function grow(a: f64, aRest: f64, c: f64, cRest: f64, tail: f64): void {
  const w = c + tail;
  const b = z * w;
  const bRest = productRest(z, w, b) + z * (c - w + tail + cRest) + zRest * w;
  const more = a * b;
  const moreRest = productRest(a, b, more) + a * bRest + aRest * b;
  total = a + more;
  totalRest = sumRest(a, more, total) + moreRest + aRest;
}

/** Of r, by Taylor's series. */
function seriesOfSine(): f64 {
  let tail = 1.0 / 6227020800 + z * (-1.0 / 1307674368000 + z * (1.0 / 355687428096000));
  tail = 1.0 / 120 + z * (-1.0 / 5040 + z * (1.0 / 362880 + z * (-1.0 / 39916800 + z * tail)));
  grow(r, rest, -1.0 / 6, -SIXTH_REST, z * tail);
  return total + totalRest;
}

function seriesOfCosine(): f64 {
  let tail = 1.0 / 43589145600 + z * (-1.0 / 10461394944000 + z * (1.0 / 3201186852864000));
  tail = 1.0 / 360 + z * (-1.0 / 20160 + z * (1.0 / 1814400 + z * (-1.0 / 239500800 + z * tail)));
  grow(-0.5 * z, -0.5 * zRest, -1.0 / 12, -0.5 * SIXTH_REST, z * tail);
  const sum = 1 + total;
  return sum + (sumRest(1, total, sum) + totalRest);
}

/** Writes sine and cosine of an angle of a few turns to y. */
export function sincos_f64(angle: f64, y: usize): void {
  reduce(angle);
  const s = seriesOfSine();
  const c = seriesOfCosine();
  const swapped = (quarters & 1) != 0;
  const sine = swapped ? c : s;
  const cosine = swapped ? s : c;
  store<f64>(y, quarters & 2 ? -sine : sine);
  store<f64>(y, (quarters + 1) & 2 ? -cosine : cosine, 8);
}
