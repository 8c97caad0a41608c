// The shape function of every op that has a kernel.
import { arrayShapes } from "./array.js";
import { collectiveShapes } from "./collective.js";
import { containerShapes } from "./containers.js";
import type { ShapeTable } from "./context.js";
import { controlShapes } from "./control.js";
import { einsumShapes } from "./einsum.js";
import { elementwiseShapes } from "./elementwise.js";
import { indexingShapes } from "./indexing.js";
import { matrixDiagShapes } from "./matrix-diag.js";
import { nnShapes } from "./nn.js";
import { randomShapes } from "./random.js";
import { reduceShapes } from "./reduce.js";
import { sparseShapes } from "./sparse.js";
import { stridedSliceShapes } from "./strided-slice.js";
import { tensorListShapes } from "./tensor-list.js";
import { variableShapes } from "./variables.js";

export const allShapes: ShapeTable = {
  ...controlShapes,
  ...elementwiseShapes,
  ...arrayShapes,
  ...stridedSliceShapes,
  ...indexingShapes,
  ...matrixDiagShapes,
  ...reduceShapes,
  ...nnShapes,
  ...einsumShapes,
  ...randomShapes,
  ...variableShapes,
  ...containerShapes,
  ...collectiveShapes,
  ...tensorListShapes,
  ...sparseShapes,
};
