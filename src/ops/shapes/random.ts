// Shapes of random tensors: what the first input says.
import { type PartialShape, vector, withRank, withValue } from "../../tensor/partial-shape.js";
import { SCALAR } from "../../tensor/shape.js";
import { dimFrom, requireRanks } from "./common.js";
import { forOps, type ShapeContext, type ShapeFunction, type ShapeTable } from "./context.js";

const byShape: ShapeFunction = (context) => [context.shapeFrom(0)];

/** Two numbers are a seed. */
function checkSeed(context: ShapeContext, input: number): void {
  const seed = withRank(context.inputs[input]!, 1);
  withValue(seed[0]!, 2);
}

const stateless: ShapeFunction = (context) => {
  checkSeed(context, 1);
  return [context.shapeFrom(0)];
};

const statelessInt: ShapeFunction = (context) => {
  checkSeed(context, 1);
  requireRanks(context, [2, 0], [3, 0]);
  return [context.shapeFrom(0)];
};

/** Checks key, counter and algorithm. */
function checkKey(context: ShapeContext): void {
  const key = withRank(context.inputs[1]!, 1);
  withRank(context.inputs[2]!, 1);
  withRank(context.inputs[3]!, 0);
  withValue(key[0]!, 1);
}

const statelessV2: ShapeFunction = (context) => {
  checkKey(context);
  return [context.shapeFrom(0)];
};

const statelessIntV2: ShapeFunction = (context) => {
  checkKey(context);
  requireRanks(context, [4, 0], [5, 0]);
  return [context.shapeFrom(0)];
};

function multinomial(context: ShapeContext): PartialShape {
  const logits = withRank(context.inputs[0]!, 2);
  withRank(context.inputs[1]!, 0);
  return [logits[0]!, dimFrom(context, 1)];
}

export const randomShapes: ShapeTable = {
  ...forOps("RandomUniform RandomStandardNormal TruncatedNormal", byShape),
  RandomUniformInt: (context) => {
    requireRanks(context, [1, 0], [2, 0]);
    return [context.shapeFrom(0)];
  },
  Multinomial: (context) => [multinomial(context)],
  ...forOps(
    "StatelessRandomUniform StatelessRandomNormal StatelessTruncatedNormal StatelessRandomUniformFullInt",
    stateless,
  ),
  StatelessRandomUniformInt: statelessInt,
  ...forOps(
    "StatelessRandomUniformV2 StatelessRandomNormalV2 StatelessTruncatedNormalV2 StatelessRandomUniformFullIntV2",
    statelessV2,
  ),
  StatelessRandomUniformIntV2: statelessIntV2,
  StatelessRandomGetKeyCounter: (context) => {
    checkSeed(context, 0);
    return [vector(1), vector(2)];
  },
  StatelessRandomGetKeyCounterAlg: (context) => {
    checkSeed(context, 0);
    return [vector(1), vector(2), SCALAR];
  },
  DummySeedGenerator: () => [SCALAR],
  StatelessRandomGetAlg: () => [SCALAR],
};
