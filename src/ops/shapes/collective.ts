// Shapes of what collectives give.
import { type PartialShape, UNKNOWN, withRankAtLeast } from "../../tensor/partial-shape.js";
import { declared, unchanged } from "./common.js";
import { forOps, type ShapeFunction, type ShapeTable } from "./context.js";

/** The members' rows below each other. @param size of the group, `null` where only the call knows it */
const gathered =
  (size: (context: Parameters<ShapeFunction>[0]) => number | null): ShapeFunction =>
  (context) => {
    const shape: PartialShape = withRankAtLeast(context.inputs[0]!, 1);
    const members = size(context);
    return [shape && [members === null || shape[0]! < 0 ? UNKNOWN : shape[0]! * members, ...shape.slice(1)]];
  };

export const collectiveShapes: ShapeTable = {
  ...forOps("CollectiveReduce CollectiveReduceV2 CollectiveBcastSendV2", unchanged),
  ...forOps("CollectiveBcastSend CollectiveBcastRecv", declared),
  CollectiveGather: gathered(({ node }) => node.int("group_size")),
  CollectiveGatherV2: gathered(() => null),
  CollectiveBcastRecvV2: (context) => [context.shapeFrom(3)],
};
