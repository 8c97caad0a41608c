// log |Γ|, its derivative and the scaled modified Bessel functions of order 0 and 1, in f64; f32 kernels round their
// results. Within 5 units in the last place away from the zeros, where the error is that of 1e-16 absolute.
// Stirling's series serve large arguments, recurrences and reflections the rest. The coefficients interpolate at
// Chebyshev points: log Γ(2 + z) / z over |z| ≤ ½, and the Bessel functions over [0, 8] and [0, 1/8] in 1/x.

const GAMMA_DEGREE = 18;
const gamma = memory.data<f64>(
  [
    0.42278433509846713, 0.32246703342411326, -0.0673523010531981, 0.02058080842778038, -0.0073855510286719986,
    0.002890510331034267, -0.0011927539118428156, 0.0005096695154115458, -0.00022315475400520507,
    9.945767355819498e-05, -4.49263133791557e-05, 2.0505590755833454e-05, -9.438715099211532e-06,
    4.38470440459836e-06, -2.0439048107029907e-06, 9.200527894968101e-07, -4.3252393445604814e-07,
    2.78740805211359e-07, -1.3219945666117874e-07,
  ],
  16,
);
const NEAR_TERMS = 29;
const i0Near = memory.data<f64>(
  [
    0.33839763720473803, -0.3046826723431984, 0.17162090152220877, -0.09490109704804764, 0.04930528423967071,
    -0.02373741480589947, 0.010546460394594998, -0.004324309995050576, 0.0016394756169413357, -0.0005763755745385824,
    0.00018850288509584165, -5.754195010082104e-05, 1.6448448070728896e-05, -4.4167383584587505e-06,
    1.1173875391201037e-06, -2.670793853940612e-07, 6.046995022541919e-08, -1.300025009986248e-08,
    2.6598237246823866e-09, -5.189795601635263e-10, 9.675809035373236e-11, -1.7268262914415413e-11,
    2.9550526631282743e-12, -4.85644678298545e-13, 7.676185487201674e-14, -1.1685331877940562e-14,
    1.715382761005715e-15, -2.430574136478709e-16, 3.274102738753023e-17,
  ],
  16,
);
const i1Near = memory.data<f64>(
  [
    0.12629359322181682, -0.17641651835783406, 0.1026436586898471, -0.05294598120809499, 0.024726449030626516,
    -0.010564084894626197, 0.004156422944312888, -0.0015135724506312532, 0.0005122859561685758,
    -0.00016176081582589674, 4.781565107550054e-05, -1.3273163656039436e-05, 3.4702513081376785e-06,
    -8.568720264695455e-07, 2.0032947535521353e-07, -4.445059128796328e-08, 9.381537386495773e-09,
    -1.8872497517228294e-09, 3.625590281552117e-10, -6.663489723502027e-11, 1.1736186298890901e-11,
    -1.9839743977649348e-12, 3.2237933659447124e-13, -5.042185504645533e-14, 7.600684287066731e-15,
    -1.1055968782256856e-15, 1.5536258274081601e-16, -2.1108955413599085e-17, 2.7341210851944957e-18,
  ],
  16,
);
const FAR_TERMS = 25;
const i0Far = memory.data<f64>(
  [
    0.4022452055070544, 0.0033691164782556943, 6.889758346916825e-05, 2.8913705208347567e-06, 2.0489185894690638e-07,
    2.266668990498178e-08, 3.396232025708386e-09, 4.940602388224957e-10, 1.1889147107849741e-11,
    -3.1499165279630827e-11, -1.3215811840464323e-11, -1.794178531494118e-12, 7.180124451993766e-13,
    3.852778381476947e-13, 1.5400862025000743e-14, -4.150569271788972e-14, -9.554846711511285e-15,
    3.811676982420339e-15, 1.772563403871537e-15, -3.425325424186502e-16, -2.827912585676212e-16,
    3.4547782110000875e-17, 4.4850056848383685e-17, -4.581633502229098e-18, -8.426831378720737e-18,
  ],
  16,
);
const i1Far = memory.data<f64>(
  [
    0.38928811750914005, -0.009761097491361469, -0.00011058893876262371, -3.882564808877691e-06,
    -2.512236237870209e-07, -2.6314688468895196e-08, -3.835380385964237e-09, -5.58974346219657e-10,
    -1.897495812350882e-11, 3.252603583015345e-11, 1.4125807436630689e-11, 2.0356285441333268e-12,
    -7.198551776857574e-13, -4.083551109773972e-13, -2.1015418282447554e-14, 4.2724399391119764e-14,
    1.0420277041999177e-14, -3.81439932041906e-15, -1.8803583364247466e-15, 3.3080410267357634e-16,
    2.962933978891187e-16, -3.203131654805155e-17, -4.670574812329891e-17, 4.172920651126219e-18,
    8.759489586036996e-18,
  ],
  16,
);
const HALF_LOG_TWO_PI: f64 = 0.9189385332046727;

/** |sin πx|, exact in the reduction. */
function sinPi(x: f64): f64 {
  const part = x - Math.floor(x);
  return Math.sin(Math.PI * (part > 0.5 ? 1 - part : part));
}

/** log Γ(2 + z), |z| ≤ ½. */
function aroundTwo(z: f64): f64 {
  let p = load<f64>(gamma + 8 * GAMMA_DEGREE);
  for (let i = GAMMA_DEGREE - 1; i >= 0; i--) p = p * z + load<f64>(gamma + <usize>i * 8);
  return p * z;
}

function positive(x: f64): f64 {
  if (x < 0.5) return aroundTwo(x) - Math.log(x * (x + 1));
  if (x < 1.5) return aroundTwo(x - 1) - Math.log(x);
  if (x < 8) {
    let product: f64 = 1;
    while (x >= 2.5) {
      x -= 1;
      product *= x;
    }
    return aroundTwo(x - 2) + Math.log(product);
  }
  const t = 1 / x;
  const s = t * t;
  let p = (s * (1.0 / 156) - 691.0 / 360360) * s + 1.0 / 1188;
  p = ((p * s - 1.0 / 1680) * s + 1.0 / 1260) * s - 1.0 / 360;
  return (x - 0.5) * Math.log(x) - x + HALF_LOG_TWO_PI + (p * s + 1.0 / 12) * t;
}

/** log |Γ(x)|: +∞ at 0, the negative integers and both infinities. */
export function lgamma_f64(x: f64): f64 {
  if (x != x) return x;
  if (abs(x) == Infinity || (x <= 0 && Math.floor(x) == x)) return Infinity;
  if (x > 0) return positive(x);
  return Math.log(Math.PI / (sinPi(x) * -x)) - positive(-x);
}

/** The derivative of log Γ; NaN where that has poles. */
export function digamma_f64(x: f64): f64 {
  if (x <= 0 && Math.floor(x) == x) return NaN;
  if (x == Infinity) return x;
  let result: f64 = 0;
  if (x < 0) {
    const part = x - Math.floor(x);
    result = -Math.PI / Math.tan(Math.PI * (part > 0.5 ? part - 1 : part));
    x = 1 - x;
  }
  while (x < 10) {
    result -= 1 / x;
    x += 1;
  }
  const s = 1 / (x * x);
  let p = ((s * (691.0 / 32760) - 1.0 / 132) * s + 1.0 / 240) * s - 1.0 / 252;
  p = (p * s + 1.0 / 120) * s - 1.0 / 12;
  return result + Math.log(x) - 0.5 / x + p * s;
}

/** A sum of Chebyshev polynomials, by Clenshaw's recurrence. */
function series(table: usize, terms: i32, x: f64): f64 {
  let a: f64 = 0;
  let b: f64 = 0;
  for (let i = terms - 1; i > 0; i--) {
    const next = 2 * x * a - b + load<f64>(table + <usize>i * 8);
    b = a;
    a = next;
  }
  return x * a - b + load<f64>(table);
}

/** e^−|x| I₀(x). */
export function bessel_i0e_f64(x: f64): f64 {
  const magnitude = abs(x);
  if (magnitude <= 8) return series(i0Near, NEAR_TERMS, magnitude / 4 - 1);
  return series(i0Far, FAR_TERMS, 16 / magnitude - 1) / Math.sqrt(magnitude);
}

/** e^−|x| I₁(x). */
export function bessel_i1e_f64(x: f64): f64 {
  const magnitude = abs(x);
  if (magnitude <= 8) return x * series(i1Near, NEAR_TERMS, magnitude / 4 - 1);
  return copysign<f64>(series(i1Far, FAR_TERMS, 16 / magnitude - 1) / Math.sqrt(magnitude), x);
}
