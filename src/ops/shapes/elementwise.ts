// Shapes of ops that go element by element.
import { broadcastPartial, mergeShapes, type PartialShape, refuse, withRank } from "../../tensor/partial-shape.js";
import { partialShapeString, SCALAR } from "../../tensor/shape.js";
import { broadcast, mergeAll, mergeBoth, unchanged } from "./common.js";
import { forOps, type ShapeContext, type ShapeFunction, type ShapeTable } from "./context.js";

/** `condition`, where it is a scalar or a vector over the first dimension, says nothing more of the result. */
function select({ inputs: [condition, then, otherwise] }: ShapeContext): PartialShape {
  const data = mergeShapes(then!, otherwise!);
  if (condition === null || condition === undefined || data === null) return data;
  if (condition.length === 0) return data;
  if (condition.length === 1) {
    if (data.length === 0) return mergeShapes(data, condition);
    mergeShapes(condition, data.slice(0, 1));
    return data;
  }
  return mergeShapes(data, condition);
}

/** Goes by a pattern (and a rewrite) that are scalars. */
const matched: ShapeFunction = ({ inputs: [input, ...patterns] }) => {
  for (const pattern of patterns) withRank(pattern, 0);
  return [input!];
};

export const elementwiseShapes: ShapeTable = {
  ...forOps(
    `Neg Abs Sign Square Exp Log Tanh Sigmoid Sqrt Rsqrt Floor Ceil Rint Expm1 Log1p Sin Cos Tan Asin Acos Atan Sinh
     Cosh Asinh Acosh Atanh Elu Selu Softplus Softsign Erf Erfc Lgamma Digamma BesselI0e BesselI1e Round Reciprocal Inv
     Erfinv Ndtri Relu Relu6 LeakyRelu Invert IsNan IsInf IsFinite LogicalNot Cast Real Imag ComplexAbs Angle ZerosLike OnesLike
     ClipByValue CheckNumerics CheckNumericsV2 AsString EncodeBase64 DecodeBase64 StringToNumber StringLength
     StringLower StringUpper StringStrip TanhGrad SigmoidGrad SqrtGrad RsqrtGrad ReciprocalGrad InvGrad`,
    unchanged,
  ),
  ...forOps(
    `Add AddV2 Sub Mul Maximum Minimum FloorDiv Div FloorMod SquaredDifference Pow RealDiv TruncateDiv Mod TruncateMod
     DivNoNan MulNoNan Xdivy Xlogy Atan2 NextAfter Zeta Polygamma BitwiseAnd BitwiseOr BitwiseXor LeftShift RightShift Less LessEqual
     Greater GreaterEqual LogicalAnd LogicalOr Complex`,
    broadcast,
  ),
  ...forOps("EluGrad SeluGrad SoftplusGrad SoftsignGrad LeakyReluGrad ReluGrad Relu6Grad", mergeBoth),
  ...forOps("Equal NotEqual", ({ node, inputs: [x, y] }) => [
    broadcastPartial(x!, y!, node.bool("incompatible_shape_error")),
  ]),
  ...forOps("RegexFullMatch RegexReplace StaticRegexFullMatch StaticRegexReplace", matched),
  ...forOps("StringToHashBucket StringToHashBucketFast StringToHashBucketStrong", unchanged),
  StringFormat: ({ node, inputs }) => {
    const places = node.string("template").split(node.string("placeholder")).length - 1;
    if (places !== inputs.length)
      throw refuse(`num placeholders in template and num inputs must match: ${places} vs. ${inputs.length}`);
    return [SCALAR];
  },
  ApproximateEqual: ({ inputs }) => {
    mergeShapes(inputs[0]!, inputs[1]!);
    return [inputs[0]!];
  },
  AddN: (context) => {
    context.setHandle(0, context.handle(0));
    return [mergeAll(context.inputs)];
  },
  Conj: (context) => {
    context.setHandle(0, context.handle(0));
    return [context.inputs[0]!];
  },
  Select: (context) => [select(context)],
  SelectV2: ({ inputs: [condition, then, otherwise] }) => [
    broadcastPartial(condition!, broadcastPartial(then!, otherwise!)),
  ],
  Substr: ({ inputs: [input, pos, len] }) => {
    if (pos !== null && len !== null && !pos!.every((dim, i) => dim < 0 || len![i]! < 0 || dim === len![i])) {
      throw refuse(`pos and len shapes must match: ${partialShapeString(pos!)} vs. ${partialShapeString(len!)}`);
    }
    return [broadcastPartial(input!, pos!)];
  },
  StringJoin: ({ inputs }) => {
    const ranked = inputs.filter((shape) => shape?.length !== 0);
    if (ranked.length === 0) return [[]];
    let joined: PartialShape = null;
    for (const shape of ranked) joined = mergeShapes(joined, shape);
    return [joined];
  },
};
