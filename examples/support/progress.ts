// What training processes say, as a person sees it: a bar for each on a terminal, a line now and then elsewhere, and the
// losses as a curve of characters.

/** `step 120/2000  48 steps/s  loss 0.0243` */
const LINE = /^step (\d+)\/(\d+) {2}(.* loss ([\d.]+))$/;
const BAR = 30;
/** Lines where there is no terminal: ten a worker. */
const PARTS = 10;

export class Progress {
  readonly #names: readonly string[];
  readonly #bars: string[];
  readonly #told: number[];
  readonly #losses: { readonly step: number; readonly loss: number }[] = [];
  #drawn = false;

  constructor(names: readonly string[]) {
    this.#names = names;
    this.#bars = names.map((name) => `${name}  waits`);
    this.#told = names.map(() => 0);
  }

  /** @returns whether the line told of a step */
  take(name: string, line: string): boolean {
    const [, first, second, rest, third] = LINE.exec(line) ?? [];
    if (first === undefined) return false;
    const [step, steps, loss] = [Number(first), Number(second), Number(third)];
    this.#losses.push({ step, loss });
    const at = this.#names.indexOf(name);
    if (!process.stdout.isTTY) {
      const part = Math.floor((PARTS * step) / steps);
      if (part > this.#told[at]!) console.log(`${name}  ${line}`);
      this.#told[at] = Math.max(part, this.#told[at]!);
      return true;
    }
    const filled = Math.min(BAR, Math.round((BAR * step) / steps));
    this.#bars[at] =
      `${name}  [${"█".repeat(filled)}${"░".repeat(BAR - filled)}] step ${first.padStart(4)}/${second}  ${rest}`;
    const up = this.#drawn ? `\x1b[${this.#names.length}A` : "";
    process.stdout.write(`${up}${this.#bars.map((bar) => `\x1b[2K${bar}\n`).join("")}`);
    this.#drawn = true;
    return true;
  }

  /** The losses of all, averaged by column. */
  plot(width = 60, height = 10): string {
    const last = Math.max(...this.#losses.map(({ step }) => step));
    const sums = Array.from({ length: width }, () => ({ sum: 0, count: 0 }));
    for (const { step, loss } of this.#losses) {
      const column = sums[Math.min(width - 1, Math.floor((width * step) / last))]!;
      column.sum += loss;
      column.count++;
    }
    const columns = sums.map(({ sum, count }) => (count === 0 ? Number.NaN : sum / count));
    const top = Math.max(...columns.filter((value) => !Number.isNaN(value)));
    const rows = Array.from({ length: height }, (_, r) => {
      const low = (top * (height - 1 - r)) / height;
      const high = (top * (height - r)) / height;
      const cells = columns.map((value) => (value > low && value <= high ? "•" : " ")).join("");
      return `${high.toFixed(2).padStart(6)} │${cells}`;
    });
    const axis = `${" ".repeat(7)}└${"─".repeat(width)}\n${" ".repeat(8)}0${`step ${last}`.padStart(width - 1)}`;
    return `loss\n${rows.join("\n")}\n${axis}`;
  }
}
