// Makes a test of each recorded case of a family. Who runs the graphs is passed in, so the same cases serve every
// device and every way to reach a master. Each step's answer is compared, errors by code, text and node.

import { readFileSync } from "node:fs";
import { difference } from "./compare-tensor.js";
import { type CaseError, type CaseStep, type CaseTensor, type OpCase, readOpFamily } from "./op-cases.js";
import { test } from "./suite.js";

export type StepAnswer = { readonly tensors: readonly CaseTensor[] } | { readonly error: CaseError };

/** Creates a session with the graph, runs the steps in it one by one, closes it. State of earlier cases is gone. */
export type RunSteps = (
  graphDef: Uint8Array,
  steps: readonly CaseStep[],
) => Promise<{ readonly createError: CaseError } | { readonly answers: readonly StepAnswer[] }>;

const describe = ({ code, text, node }: CaseError): string => `error ${code} at ${node ?? "no node"}: ${text}`;

function stepDifference(answer: StepAnswer, step: CaseStep, opCase: OpCase): string | null {
  const { expect } = step;
  if ("error" in expect) {
    if (!("error" in answer)) return `succeeds, expected ${describe(expect.error)}`;
    const same = describe(answer.error) === describe(expect.error);
    return same ? null : `${describe(answer.error)}\n    expected ${describe(expect.error)}`;
  }
  if ("error" in answer) return `${describe(answer.error)}\n    expected ${expect.tensors.length} tensors`;
  for (const [i, tensor] of expect.tensors.entries()) {
    const rule = opCase.compare[Math.min(i, opCase.compare.length - 1)]!;
    const actual = answer.tensors[i];
    const found = actual === undefined ? "is missing" : difference(actual, tensor, rule);
    if (found !== null) return `${step.fetches[i]} ${found}`;
  }
  return null;
}

const inputs = (step: CaseStep): string =>
  step.feeds.map(({ name, tensor }) => `${name}[${tensor.shape.join()}]`).join(" ");

/** @returns a line for each step that differs */
export async function checkCase(opCase: OpCase, runSteps: RunSteps): Promise<string[]> {
  const run = await runSteps(opCase.graphDef, opCase.steps);
  const { createError } = opCase;
  if (createError !== null) {
    if (!("createError" in run)) return [`the graph is accepted, expected ${describe(createError)}`];
    const same = describe(run.createError) === describe(createError);
    return same ? [] : [`${describe(run.createError)}\n    expected ${describe(createError)}`];
  }
  if ("createError" in run) return [`the graph is refused: ${describe(run.createError)}`];
  const problems: string[] = [];
  for (const [i, step] of opCase.steps.entries()) {
    const found = stepDifference(run.answers[i]!, step, opCase);
    if (found !== null) problems.push(`step ${i} (${inputs(step)}): ${found}`);
  }
  return problems;
}

/**
 * Cases that don't match TensorFlow yet, by family: a list that may only shrink. They are no tests of their own; one
 * test a family tells how many there are, and fails as soon as one of them is right and should leave the list.
 */
const gaps = JSON.parse(readFileSync(new URL("../../../test/ops/gaps.json", import.meta.url), "utf8")) as Record<
  string,
  string[]
>;

/** Registers one test for each case of the family; the file still calls `test.run()`. */
export function runFamily(name: string, runSteps: RunSteps): void {
  const { cases } = readOpFamily(name);
  if (cases.length === 0) throw new Error(`family ${name} has no cases`);
  const known = new Set(gaps[name] ?? []);
  for (const opCase of cases) {
    if (known.has(opCase.name)) continue;
    test(`${name}: ${opCase.name}`, async () => {
      const problems = await checkCase(opCase, runSteps);
      if (problems.length > 0) throw new Error(`${problems.length} steps differ\n  ${problems.join("\n  ")}`);
    });
  }
  if (known.size === 0) return;
  test(`${name}: ${known.size} of ${cases.length} recorded cases are known gaps`, async () => {
    const right: string[] = [];
    for (const opCase of cases) {
      if (known.has(opCase.name) && (await checkCase(opCase, runSteps)).length === 0) right.push(opCase.name);
    }
    if (right.length > 0) throw new Error(`right now, take them off test/ops/gaps.json:\n  ${right.join("\n  ")}`);
  });
}
