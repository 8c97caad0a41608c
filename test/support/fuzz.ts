// What the fuzz tests share: how many cases and from which seed, and what counts as a fault in an answer.
// `TENSORFLEET_FUZZ=20` makes twenty times as many cases, `TENSORFLEET_FUZZ_SEED` other ones; a failure
// prints its seed and its path, and `TENSORFLEET_FUZZ_PATH` runs that case alone.
import fc from "fast-check";
import { OpError } from "../../src/errors/index.js";
import { WireError } from "../../src/wire/core.js";

const times = Number(process.env.TENSORFLEET_FUZZ ?? 1);
const seed = Number(process.env.TENSORFLEET_FUZZ_SEED ?? 2021);
const path = process.env.TENSORFLEET_FUZZ_PATH ?? "";

/** Longest time a fuzz test may take. */
export const FUZZ_DEADLINE_MS = 60_000 * Math.max(1, times);

/** Draws a value that fast-check can shrink. */
export type Draw = fc.GeneratorValue;

/** Runs `body` with `runs` sets of drawn values; a failing one is made smaller and printed with its seed. */
export async function fuzz(runs: number, body: (draw: Draw) => Promise<void>): Promise<void> {
  const settings = { seed, path, numRuns: Math.ceil(runs * times), includeErrorInReport: true };
  await fc.assert(fc.asyncProperty(fc.gen(), body), settings);
}

export const chance = (draw: Draw, percent: number): boolean => draw(fc.integer, { min: 0, max: 99 }) < percent;
export const whole = (draw: Draw, min: number, max: number): number => draw(fc.integer, { min, max });
export const pick = <T>(draw: Draw, from: readonly T[]): T => from[whole(draw, 0, from.length - 1)]!;

/** @throws the error behind it when what was thrown is no answer of ours but a fault of the program's */
export function checkFailure(thrown: unknown): void {
  if (thrown instanceof WireError) return;
  for (let error = thrown; error !== undefined; error = (error as Error).cause) {
    // Behind an answer about a file is what the system said.
    if (error !== thrown && (error as NodeJS.ErrnoException).syscall !== undefined) return;
    if (!(error instanceof OpError)) throw error;
  }
}
