// What happens to a function's body before it runs as a nested activation: its own calls and control flow are lowered,
// except calls of itself. Every node of a body runs, so that side effects happen whatever is taken of the results.
import type { FunctionBody } from "../graph/function-library.js";
import { lowerGraph } from "./lower.js";

export function lowerBody(body: FunctionBody): FunctionBody {
  lowerGraph(body.graph, 0, () => "", [body.name]);
  for (const node of body.graph.nodes) node.requestedDevice = "";
  return body;
}
