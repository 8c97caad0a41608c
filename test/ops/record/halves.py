"""What real programs do in half and bfloat16: products, convolutions, losses, reductions and optimizers' updates.

TensorFlow rounds after each operation inside some of these, here it is done once: within 2 units of half's 11 bits
(bfloat16's 8), 4 where several are summed, 8 where an update is a row of operations; so much absolutely, too, since
terms of size one may cancel.
"""

import tensorflow as tf

from .lib import f16, f32, i32, np, specials
from .training import DENSE, dense, sparse

bf16 = tf.bfloat16.as_numpy_dtype
UNIT = {f16: 2.0**-11, bf16: 2.0**-8}


def rule(dtype, units):
    unit = UNIT[dtype] * units
    return f"rel:{unit},abs:{unit}"


def cases(family):
    n = lambda shape, dtype, scale=1.0: np.asarray(family.random.randn(*shape) * scale).astype(dtype)  # noqa: E731
    axes = lambda *v: np.array(v, i32)  # noqa: E731
    for dtype in (f16, bf16):
        near, sums = rule(dtype, 2), rule(dtype, 4)
        labels = np.eye(5)[[0, 3, 4]].astype(dtype)
        family.op("MatMul", [n((3, 4), dtype), n((4, 5), dtype)], [n((0, 4), dtype), n((4, 5), dtype)], [n((3, 4), dtype), n((3, 4), dtype)], compare=sums)
        family.op("BatchMatMulV2", [n((2, 3, 4), dtype), n((1, 4, 5), dtype)], compare=sums)
        family.op("BiasAdd", [n((3, 4), dtype), n((4,), dtype)], [n((3, 4), dtype), n((3,), dtype)], compare=near)
        family.op("BiasAddGrad", [n((3, 4), dtype)], compare=sums)
        family.op("Softmax", [n((3, 5), dtype, 3)], compare=near)
        family.op("LogSoftmax", [n((3, 5), dtype, 3)], compare=sums)
        family.op("SoftmaxCrossEntropyWithLogits", [n((3, 5), dtype), labels], compare=sums)
        family.op("SparseSoftmaxCrossEntropyWithLogits", [n((3, 5), dtype), axes(0, 3, 4)], [n((3, 5), dtype), axes(0, 3, 5)], compare=sums, label=tf.as_dtype(dtype).name)
        family.op("Conv2D", [n((1, 5, 6, 2), dtype), n((3, 3, 2, 3), dtype)], strides=[1, 1, 1, 1], padding="SAME", compare=sums)
        family.op("MaxPool", [n((1, 4, 6, 3), dtype)], ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="VALID")
        family.op("AvgPool", [n((1, 4, 6, 3), dtype)], ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="VALID", compare=near)
        for op in ("Sum", "Mean", "Max", "Min"):
            family.op(op, [n((3, 4), dtype), axes(1)], [n((3, 4), dtype), axes()], [n((0, 4), dtype), axes(0)], [n((3, 4), dtype), axes(2)], compare=sums)
        for op in ("Less", "GreaterEqual", "Equal", "NotEqual"):
            family.op(op, [specials(f16).astype(dtype), specials(f16)[::-1].astype(dtype)], [n((2, 3), dtype), n((3,), dtype)])
        for op in ("ReluGrad", "TanhGrad", "SigmoidGrad"):
            family.op(op, [n((7,), dtype), n((7,), dtype)], compare=sums)
        family.op("LeakyRelu", [n((7,), dtype)], compare=near)
        family.op("AddN", [[n((3, 4), dtype), n((3, 4), dtype), n((3, 4), dtype)]], compare=sums, label=tf.as_dtype(dtype).name)
        # Rows named often, by updates that each alone is lost in rounding.
        often, small = np.array([[1], [1], [0], [1], [1], [1]], i32), np.full((6, 2), 2 * UNIT[dtype] / 5, dtype)
        for op in ("TensorScatterAdd", "TensorScatterSub", "TensorScatterMax"):
            family.op(op, [np.ones((3, 2), dtype), often, small], [n((4, 3), dtype), np.array([[3], [0]], i32), n((2, 3), dtype)], label=tf.as_dtype(dtype).name)
        family.op("ScatterNd", [often, np.concatenate([np.ones((1, 2), dtype), small[1:]]), np.array([3, 2], i32)], label=tf.as_dtype(dtype).name)
        family.op("TopKV2", [n((2, 6), dtype), np.array(3, i32)])
        family.op("CheckNumerics", [n((3,), dtype)], [np.array([1, np.nan], dtype)], [np.array([1, np.inf], dtype)], message="x")
        family.op("ClipByValue", [n((7,), dtype), dtype(-0.5), dtype(0.5)])
        family.op("FusedBatchNormV3", [n((2, 3, 3, 4), dtype), n((4,), f32), n((4,), f32), n((0,), f32), n((0,), f32)], compare=sums)
        for name in ("GradientDescent", "Momentum", "Adagrad", "RMSProp", "Adam"):
            assert name in DENSE
            for resource in (False, True):
                kind = "resource" if resource else "ref"
                family.program(f"{name} {kind} {tf.as_dtype(dtype).name}", dense(name, resource, tf.as_dtype(dtype)), compare=rule(dtype, 8))
        family.program(f"sparse Momentum {tf.as_dtype(dtype).name}", sparse("Momentum", True, tf.int32, tf.as_dtype(dtype)), compare=rule(dtype, 8))
