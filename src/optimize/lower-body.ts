// What happens to a function's body before it runs as a nested activation.
import type { FunctionBody } from "../graph/function-library.js";

/** Side effects must happen whether or not anything takes their results: every node of a body runs. */
export const lowerBody = (body: FunctionBody): FunctionBody => body;
