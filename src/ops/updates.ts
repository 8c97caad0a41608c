// The optimizers' updates as a table: which variables and scalars each op takes, and how its WebAssembly kernel is
// called. What the ops check, and on which kinds of variables they run, is training.ts.
import type { KernelNode } from "../kernel/kernel.js";
import { DataType } from "../tensor/dtype.js";
import type { WasmFunction } from "./cpu.js";

/** Runs an update over `n` elements: `at` has the addresses of the variables, then the gradient's. */
type Run = (
  compute: WasmFunction,
  flags: Flags,
  at: readonly number[],
  n: number,
  scalars: readonly number[],
  dtype: DataType,
) => void;

export interface Update {
  /** Op name behind `Apply`, `ResourceApply`, `SparseApply` and `ResourceSparseApply`. */
  readonly name: string;
  readonly symbol: string;
  /** How many of the first inputs are variables. */
  readonly variables: number;
  /** What the dense op calls its gradient; `grad` when left out. */
  readonly gradient?: string;
  /** Names of the scalars among the inputs, in the order in which `run` gets them. */
  readonly scalars: readonly string[];
  /** Calls the kernel; the arguments go to it as they are when left out. */
  readonly run?: Run;
  /** Which of the four ops TensorFlow has. */
  readonly refs?: boolean;
  readonly sparse?: boolean;
  /** Whether the update of rows looks at all indices before it changes any row. */
  readonly checksFirst?: boolean;
}

interface Flags {
  readonly nesterov: number;
  readonly updateSlots: number;
  readonly byRate: number;
}

const flag = (node: KernelNode, name: string, missing: boolean): boolean =>
  node.has(name) ? node.bool(name) : missing;

export const flagsOf = (node: KernelNode): Flags => ({
  nesterov: Number(flag(node, "use_nesterov", false)),
  updateSlots: Number(flag(node, "update_slots", true)),
  byRate: Number(flag(node, "multiply_linear_by_lr", false)),
});

export const plain: Run = (compute, _, at, n, scalars) => compute(...at, n, ...scalars);
const nesterov: Run = (compute, flags, at, n, scalars) => compute(...at, n, ...scalars, flags.nesterov);

const rounding = (dtype: DataType): ((x: number) => number) => (dtype === DataType.DOUBLE ? (x) => x : Math.fround);

/** The powers' part of the learning rate is worked out in the variable's type. */
function adamRate(dtype: DataType, b1Power: number, b2Power: number, lr: number): number {
  const round = rounding(dtype);
  return round(round(lr * round(Math.sqrt(round(1 - b2Power)))) / round(1 - b1Power));
}

const adam: Run = (compute, flags, at, n, [b1Power, b2Power, lr, b1, b2, epsilon], dtype) =>
  compute(...at, n, adamRate(dtype, b1Power!, b2Power!, lr!), b1!, b2!, epsilon!, flags.nesterov);

const amsgrad: Run = (compute, _, at, n, [b1Power, b2Power, lr, b1, b2, epsilon], dtype) =>
  compute(...at, n, adamRate(dtype, b1Power!, b2Power!, lr!), b1!, b2!, epsilon!);

const adaMax: Run = (compute, _, at, n, [b1Power, lr, b1, b2, epsilon], dtype) => {
  const round = rounding(dtype);
  compute(...at, n, round(lr! / round(1 - b1Power!)), b1!, b2!, epsilon!);
};

const addSign: Run = (compute, _, at, n, [lr, alpha, decay, beta], dtype) => {
  const round = rounding(dtype);
  compute(...at, n, lr!, beta!, round(alpha! + decay!), alpha!, round(alpha! - decay!));
};

const powerSign: Run = (compute, _, at, n, [lr, logBase, decay, beta], dtype) => {
  const power = rounding(dtype)(logBase! * decay!);
  compute(...at, n, lr!, beta!, Math.exp(power), 1, Math.exp(-power));
};

const ftrl: Run = (compute, flags, at, n, [lr, l1, l2, shrinkage, power]) =>
  compute(...at, n, lr!, l1!, l2!, shrinkage!, power!, flags.byRate);

const ADAM_SCALARS = ["beta1_power", "beta2_power", "lr", "beta1", "beta2", "epsilon"];

export const updates: readonly Update[] = [
  {
    name: "GradientDescent",
    symbol: "gradient_descent",
    variables: 1,
    gradient: "delta",
    scalars: ["alpha"],
    sparse: false,
  },
  { name: "Momentum", symbol: "momentum", variables: 2, scalars: ["lr", "momentum"], run: nesterov },
  {
    name: "KerasMomentum",
    symbol: "keras_momentum",
    variables: 2,
    scalars: ["lr", "momentum"],
    run: nesterov,
    refs: false,
  },
  { name: "Adam", symbol: "adam", variables: 3, scalars: ADAM_SCALARS, run: adam, sparse: false },
  {
    name: "AdamWithAmsgrad",
    symbol: "amsgrad",
    variables: 4,
    scalars: ADAM_SCALARS,
    run: amsgrad,
    refs: false,
    sparse: false,
  },
  {
    name: "AdaMax",
    symbol: "ada_max",
    variables: 3,
    scalars: ["beta1_power", "lr", "beta1", "beta2", "epsilon"],
    run: adaMax,
    sparse: false,
  },
  {
    name: "AddSign",
    symbol: "by_sign",
    variables: 2,
    scalars: ["lr", "alpha", "sign_decay", "beta"],
    run: addSign,
    sparse: false,
  },
  {
    name: "PowerSign",
    symbol: "by_sign",
    variables: 2,
    scalars: ["lr", "logbase", "sign_decay", "beta"],
    run: powerSign,
    sparse: false,
  },
  {
    name: "RMSProp",
    symbol: "rms_prop",
    variables: 3,
    scalars: ["lr", "rho", "momentum", "epsilon"],
    checksFirst: true,
  },
  {
    name: "CenteredRMSProp",
    symbol: "centered_rms_prop",
    variables: 4,
    scalars: ["lr", "rho", "momentum", "epsilon"],
    checksFirst: true,
  },
  {
    name: "Adagrad",
    symbol: "adagrad",
    variables: 2,
    checksFirst: true,
    scalars: ["lr"],
    run: (compute, flags, at, n, [lr]) => compute(...at, n, lr!, 0, flags.updateSlots),
  },
  {
    name: "AdagradV2",
    symbol: "adagrad",
    variables: 2,
    checksFirst: true,
    scalars: ["lr", "epsilon"],
    run: (compute, flags, at, n, [lr, epsilon]) => compute(...at, n, lr!, epsilon!, flags.updateSlots),
  },
  { name: "AdagradDA", symbol: "adagrad_da", variables: 3, scalars: ["lr", "l1", "l2", "global_step"] },
  { name: "ProximalAdagrad", symbol: "proximal_adagrad", variables: 2, scalars: ["lr", "l1", "l2"] },
  { name: "Adadelta", symbol: "adadelta", variables: 3, scalars: ["lr", "rho", "epsilon"], checksFirst: true },
  {
    name: "Ftrl",
    symbol: "ftrl",
    variables: 3,
    scalars: ["lr", "l1", "l2", "lr_power"],
    run: (compute, flags, at, n, [lr, l1, l2, power], dtype) =>
      ftrl(compute, flags, at, n, [lr!, l1!, l2!, 0, power!], dtype),
  },
  {
    name: "FtrlV2",
    symbol: "ftrl",
    variables: 3,
    scalars: ["lr", "l1", "l2", "l2_shrinkage", "lr_power"],
    run: ftrl,
  },
  {
    name: "ProximalGradientDescent",
    symbol: "proximal_gradient_descent",
    variables: 1,
    gradient: "delta",
    scalars: ["alpha", "l1", "l2"],
  },
];
