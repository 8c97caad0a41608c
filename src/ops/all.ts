// Every kernel of the CPU: for servers. An edge bundle names the families that it carries instead.
import type { Kernel } from "../kernel/kernel.js";
import { accumulatorKernels } from "./accumulator.js";
import { arrayKernels } from "./array.js";
import { barrierKernels } from "./barrier.js";
import { basicKernels } from "./basic.js";
import { binaryKernels } from "./binary.js";
import { bincountKernels } from "./bincount.js";
import { blockKernels } from "./blocks.js";
import { castKernels } from "./cast.js";
import { checkpointKernels } from "./checkpoint.js";
import { collectiveKernels } from "./collective.js";
import { complexKernels } from "./complex.js";
import { convolutionKernels } from "./convolution.js";
import { einsumKernels } from "./einsum.js";
import { fileKernels } from "./files.js";
import { fillingKernels } from "./filling.js";
import { functionalKernels } from "./functional.js";
import { indexingKernels } from "./indexing.js";
import { joiningKernels } from "./joining.js";
import { lookupTableKernels } from "./lookup-table.js";
import { matmulKernels } from "./matmul.js";
import { matrixDiagKernels } from "./matrix-diag.js";
import { mirrorPadKernels } from "./mirror-pad.js";
import { miscKernels } from "./misc.js";
import { mutexKernels } from "./mutex.js";
import { nnKernels } from "./nn.js";
import { normalizationKernels } from "./normalization.js";
import { optionalKernels } from "./optional.js";
import { poolingKernels } from "./pooling.js";
import { quantizeKernels } from "./quantize.js";
import { queueKernels } from "./queue.js";
import { randomKernels } from "./random.js";
import { randomChoiceKernels } from "./random-choice.js";
import { readerKernels } from "./readers.js";
import { reduceKernels } from "./reduce.js";
import { resizeKernels } from "./resize.js";
import { scatterVariableKernels } from "./scatter-variables.js";
import { segmentKernels } from "./segment.js";
import { selectKernels } from "./select.js";
import { sessionTensorKernels } from "./session-tensors.js";
import { setKernels } from "./sets.js";
import { shapeKernels } from "./shape.js";
import { slicingKernels } from "./slicing.js";
import { sparseKernels } from "./sparse.js";
import { sparseMapKernels } from "./sparse-map.js";
import { stagingKernels } from "./staging.js";
import { statelessRandomKernels } from "./stateless-random.js";
import { stringFormatKernels } from "./string-format.js";
import { stringHashKernels } from "./string-hash.js";
import { stringParseKernels } from "./string-parse.js";
import { stringRegexKernels } from "./string-regex.js";
import { stringKernels } from "./strings.js";
import { summaryKernels } from "./summary.js";
import { inNarrowFloats } from "./support/narrow-floats.js";
import { tableFromFileKernels } from "./table-from-file.js";
import { tensorArrayKernels } from "./tensor-array.js";
import { tensorListKernels } from "./tensor-list.js";
import { tensorListRowKernels } from "./tensor-list-rows.js";
import { topKKernels } from "./top-k.js";
import { trainingKernels } from "./training.js";
import { unaryKernels } from "./unary.js";
import { variableKernels } from "./variables.js";
import { variantMathKernels } from "./variant-math.js";
import { whereKernels } from "./where.js";

/** Families that compute: what they do in float they do in half and bfloat16 as well. */
const numeric: readonly Kernel[] = [
  ...topKKernels,
  ...unaryKernels,
  ...binaryKernels,
  ...reduceKernels,
  ...segmentKernels,
  ...bincountKernels,
  ...matmulKernels,
  ...einsumKernels,
  ...mirrorPadKernels,
  ...summaryKernels,
  ...nnKernels,
  ...convolutionKernels,
  ...poolingKernels,
  ...normalizationKernels,
  ...resizeKernels,
  ...sparseKernels,
  ...selectKernels,
  ...castKernels,
  ...slicingKernels,
  ...fillingKernels,
  ...miscKernels,
  ...randomChoiceKernels,
];

export const allKernels: readonly Kernel[] = [
  ...numeric,
  ...inNarrowFloats(numeric),
  ...indexingKernels,
  ...basicKernels,
  ...shapeKernels,
  ...arrayKernels,
  ...joiningKernels,
  ...blockKernels,
  ...matrixDiagKernels,
  ...variableKernels,
  ...scatterVariableKernels,
  ...trainingKernels,
  ...randomKernels,
  ...statelessRandomKernels,
  ...functionalKernels,
  ...queueKernels,
  ...accumulatorKernels,
  ...barrierKernels,
  ...stagingKernels,
  ...mutexKernels,
  ...readerKernels,
  ...fileKernels,
  ...sessionTensorKernels,
  ...lookupTableKernels,
  ...tableFromFileKernels,
  ...tensorListKernels,
  ...tensorListRowKernels,
  ...tensorArrayKernels,
  ...whereKernels,
  ...stringKernels,
  ...stringParseKernels,
  ...stringHashKernels,
  ...stringRegexKernels,
  ...stringFormatKernels,
  ...complexKernels,
  ...optionalKernels,
  ...sparseMapKernels,
  ...setKernels,
  ...quantizeKernels,
  ...variantMathKernels,
  ...checkpointKernels,
  ...collectiveKernels,
];
