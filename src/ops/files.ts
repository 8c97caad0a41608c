// Ops that read, write and find files by name: what little input pipelines need beside readers.
import { InvalidArgumentError } from "../errors/index.js";
import { ByteStream } from "../io/byte-stream.js";
import { byteText, textBytes } from "../io/byte-text.js";
import { folderOf } from "../io/file-system.js";
import { matchingPaths } from "../io/glob.js";
import { type Kernel, type KernelStep, kernel } from "../kernel/kernel.js";
import { shapeString } from "../tensor/shape.js";
import { emitTexts, textsOf } from "./strings.js";
import { filesOf, pending, scalar, withinMemory } from "./support/files.js";

const decoder = new TextDecoder();
const encoder = new TextEncoder();

const scalarText = (step: KernelStep, input: number, what: string): Uint8Array =>
  textsOf(scalar(step.input(input), `${what} tensor`))[0]!;

const readFile = kernel("ReadFile", "CPU", {}, () => (step) => {
  const path = decoder.decode(scalarText(step, 0, "Input filename"));
  const files = filesOf(step);
  return pending(step, async (call, check) => {
    const stream = await ByteStream.open(files, path);
    try {
      emitTexts(call, 0, [], [await stream.rest(withinMemory(call, check))]);
    } finally {
      await stream.close();
    }
  });
});

const writeFile = kernel("WriteFile", "CPU", {}, () => (step) => {
  const path = decoder.decode(scalarText(step, 0, "Input filename"));
  const contents = scalarText(step, 1, "Contents");
  const files = filesOf(step);
  return pending(step, async () => {
    await files.makeFolders(folderOf(path));
    const file = await files.open(path, "w");
    try {
      await file.write(contents, 0);
    } finally {
      await file.close();
    }
  });
});

const matchingFiles = kernel("MatchingFiles", "CPU", {}, () => (step) => {
  const patterns = step.input(0);
  if (patterns.shape.length > 1)
    throw new InvalidArgumentError(
      `Input patterns tensor must be scalar or vector, but had shape: ${shapeString(patterns.shape)}`,
    );
  const files = filesOf(step);
  const wanted = textsOf(patterns).map((pattern) => decoder.decode(pattern));
  return pending(step, async (call, check) => {
    const found: string[] = [];
    for (const pattern of wanted) for (const path of await matchingPaths(files, pattern, check)) found.push(path);
    // In the order of their bytes.
    const names = found.map((path) => byteText(encoder.encode(path))).sort();
    emitTexts(call, 0, [names.length], names.map(textBytes));
  });
});

export const fileKernels: readonly Kernel[] = [readFile, writeFile, matchingFiles];
