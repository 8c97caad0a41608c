// Reads the recorded op cases of test/ops/data/<family>.gz, which conformance/record_ops.py writes: what real
// TensorFlow answered, step by step, to small graphs. Gives typed cases; must not know who runs them.
//
// Unpacked: u32 length of the header, u32 zero, the header in JSON, then bytes that the header points into. A tensor
// is [dtype, shape, offset]; strings are their u32 lengths, then their bytes. Integers are little-endian.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { DataType, dtypeSize } from "../../src/tensor/dtype.js";

/** `bits`, `ulp:N` or `rel:R[,abs:A]`. */
export type Rule = string;

export interface CaseTensor {
  readonly dtype: number;
  readonly shape: readonly number[];
  /** Elements as they lie in memory; empty for strings. */
  readonly bytes: Uint8Array;
  readonly strings: readonly Uint8Array[] | null;
}

export interface CaseError {
  readonly code: number;
  /** Without `From <task>:` and without the suffix that names nodes. */
  readonly text: string;
  /** The first node that the suffix names. */
  readonly node: string | null;
}

export interface CaseStep {
  readonly feeds: readonly { readonly name: string; readonly tensor: CaseTensor }[];
  readonly fetches: readonly string[];
  readonly targets: readonly string[];
  /** By position of the fetch. */
  readonly expect: { readonly tensors: readonly CaseTensor[] } | { readonly error: CaseError };
}

export interface OpCase {
  readonly name: string;
  readonly ops: readonly string[];
  readonly graphDef: Uint8Array;
  /** One rule per fetch, the last one for all that follow. */
  readonly compare: readonly Rule[];
  /** Where TensorFlow refuses the graph itself; then there are no steps. */
  readonly createError: CaseError | null;
  readonly steps: readonly CaseStep[];
}

export interface OpFamily {
  readonly family: string;
  /** Why the family is compared as it is. */
  readonly why: string;
  readonly cases: readonly OpCase[];
}

type TensorEntry = readonly [dtype: number, shape: readonly number[], offset: number];
type ErrorEntry = readonly [code: number, text: string, node: string | null];

interface StepEntry {
  readonly feed: Readonly<Record<string, TensorEntry>>;
  readonly fetch?: readonly string[];
  readonly target?: readonly string[];
  readonly want?: readonly TensorEntry[];
  readonly error?: ErrorEntry;
}

interface Header {
  readonly family: string;
  readonly why: string;
  readonly cases: readonly {
    readonly name: string;
    readonly ops: readonly string[];
    readonly compare: Rule | readonly Rule[];
    readonly graph: readonly [offset: number, length: number];
    readonly create?: ErrorEntry;
    readonly steps: readonly StepEntry[];
  }[];
}

const HEADER_START = 8;

/** The checkout, from `dist/test/support`. */
const root = join(dirname(fileURLToPath(import.meta.url)), "../../..");

export function readOpFamily(name: string): OpFamily {
  const file = gunzipSync(readFileSync(join(root, "test/ops/data", `${name}.gz`)));
  // A copy of its own, so that no tensor is misaligned by where Node's pool has put the file.
  const data = new Uint8Array(file);
  const view = new DataView(data.buffer);
  const blobStart = HEADER_START + view.getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(data.subarray(HEADER_START, blobStart))) as Header;

  const readTensor = ([dtype, shape, offset]: TensorEntry): CaseTensor => {
    const size = shape.reduce((product, dim) => product * dim, 1);
    const start = blobStart + offset;
    if (dtype !== DataType.STRING) {
      return { dtype, shape, bytes: data.subarray(start, start + size * dtypeSize(dtype)), strings: null };
    }
    const strings: Uint8Array[] = [];
    let at = start + 4 * size;
    for (let i = 0; i < size; i++) {
      const length = view.getUint32(start + 4 * i, true);
      strings.push(data.subarray(at, at + length));
      at += length;
    }
    return { dtype, shape, bytes: new Uint8Array(0), strings };
  };
  const readError = ([code, text, node]: ErrorEntry): CaseError => ({ code, text, node });
  const readStep = (step: StepEntry): CaseStep => ({
    feeds: Object.entries(step.feed).map(([fed, entry]) => ({ name: fed, tensor: readTensor(entry) })),
    fetches: step.fetch ?? [],
    targets: step.target ?? [],
    expect:
      step.error === undefined ? { tensors: (step.want ?? []).map(readTensor) } : { error: readError(step.error) },
  });
  return {
    family: header.family,
    why: header.why,
    cases: header.cases.map(({ name, ops, compare, graph: [offset, length], create, steps }) => ({
      name,
      ops,
      compare: typeof compare === "string" ? [compare] : compare,
      graphDef: data.subarray(blobStart + offset, blobStart + offset + length),
      createError: create === undefined ? null : readError(create),
      steps: steps.map(readStep),
    })),
  };
}

/** A status text as the recorder keeps it: no task prefix, node suffix apart, no counters of the process. */
export function splitStatusText(text: string): { readonly text: string; readonly node: string | null } {
  const plain = text
    .replace(/^From \/job:[^\n]*:\n/, "")
    .replace(/'_\d+_/g, "'_N_")
    .replace(/(TensorArray |Stack\[)(\w+?)_\d+/g, "$1$2_N")
    .replace(/\bstep \d+/g, "step N")
    .replace(/;[0-9a-f]{16};/g, ";N;")
    .replace(/goo\.gle\/debug\w+\s+/g, "goo.gle/debug ");
  const suffix = /\n\t \[\[(?:\{\{node )?([^\]}]*)(?:\}\})?\]\]/.exec(plain);
  return suffix === null ? { text: plain, node: null } : { text: plain.slice(0, suffix.index), node: suffix[1]! };
}
