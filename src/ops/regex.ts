// Which texts a regular expression matches whole: the pattern as an attribute or as an input.
import { InvalidArgumentError } from "../errors/index.js";
import { DONE, type Kernel, type KernelStep, kernel } from "../kernel/kernel.js";
import { shapeString } from "../tensor/shape.js";
import { textsOf } from "./strings.js";
import { fullMatcher } from "./support/regex.js";

const decoder = new TextDecoder();

function match(step: KernelStep, matches: (text: string) => boolean): typeof DONE {
  const input = step.input(0);
  const y = step.allocateOutput(0, input.shape);
  const { u8 } = step.heap;
  textsOf(input).forEach((text, i) => {
    u8[y.ptr + i] = Number(matches(decoder.decode(text)));
  });
  return DONE;
}

const staticMatch = kernel("StaticRegexFullMatch", "CPU", {}, (node) => {
  const matches = fullMatcher(node.string("pattern"));
  return (step) => match(step, matches);
});

const dynamicMatch = kernel("RegexFullMatch", "CPU", {}, () => {
  // The same pattern comes again and again.
  let pattern: string | null = null;
  let matches: (text: string) => boolean = () => false;
  return (step) => {
    const given = step.input(1);
    if (given.shape.length !== 0)
      throw new InvalidArgumentError(`Pattern must be scalar, but received ${shapeString(given.shape)}`);
    const text = decoder.decode(textsOf(given)[0]);
    if (text !== pattern) {
      matches = fullMatcher(text);
      pattern = text;
    }
    return match(step, matches);
  };
});

export const regexKernels: readonly Kernel[] = [staticMatch, dynamicMatch];
