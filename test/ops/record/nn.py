"""Neural network ops: convolution, pooling, bias, activations' gradients, losses.

Sums of products come out in another order everywhere: relative 1e-5 and absolute 1e-5 in float, 1e-13 in double (the
sums have some ten to some hundred terms of size one that may cancel). What only selects or adds two numbers (max
pooling, BiasAdd, ReluGrad) is compared bit by bit.
"""

from .lib import FLOATS, NUMBERS, f32, f64, i32, i64, np

SUM = {f32: "rel:1e-5,abs:1e-5", f64: "rel:1e-13,abs:1e-13"}
CLOSE = {f32: "rel:2e-6,abs:1e-6", f64: "rel:1e-14,abs:1e-15"}
I = lambda *v: np.array(v, i32)  # noqa: E731


def convolutions(family):
    n = family.normal
    for dtype in FLOATS:
        for padding in ("VALID", "SAME"):
            for strides in ([1, 1, 1, 1], [1, 2, 2, 1], [1, 1, 3, 1]):
                for dilations in ([1, 1, 1, 1], [1, 2, 2, 1]):
                    if dilations[1] > 1 and (strides != [1, 1, 1, 1] or dtype is f64):
                        continue
                    attrs = {"strides": strides, "padding": padding, "dilations": dilations, "compare": SUM[dtype]}
                    sets = [((1, 7, 6, 2), (3, 3, 2, 4)), ((2, 5, 5, 3), (1, 1, 3, 2)), ((1, 8, 9, 1), (2, 3, 1, 5))]
                    runs = [[n(i, dtype), n(f, dtype)] for i, f in sets] + [[n((0, 7, 6, 2), dtype), n((3, 3, 2, 4), dtype)]]
                    bad = [[n((1, 7, 6, 2), dtype), n((3, 3, 3, 4), dtype)], [n((7, 6, 2), dtype), n((3, 3, 2, 4), dtype)], [n((1, 2, 2, 2), dtype), n((3, 3, 2, 4), dtype)]]
                    family.op("Conv2D", *runs, *bad, **attrs)
                    for i, f in sets:
                        shape = out_shape(i, f, strides, dilations, padding)
                        grad = n(shape, dtype)
                        inputs = [[np.array(i, i32), n(f, dtype), grad], [np.array(i, i32), n(f, dtype), n((shape[0], shape[1] + 1, *shape[2:]), dtype)]]
                        filters = [n(i, dtype), np.array(f, i32), grad]
                        # Dilated ones need oneDNN, which is off here: the client's recorded gradients have them.
                        if dilations[1] == 1:
                            family.op("Conv2DBackpropInput", *inputs, label=f"{dtype.__name__} {i} {f}", **attrs)
                            family.op("Conv2DBackpropFilter", filters, label=f"{dtype.__name__} {i} {f}", **attrs)
        family.op("Conv2D", [n((1, 7, 6, 2), dtype), n((3, 3, 2, 4), dtype)], strides=[1, 2, 2, 1], padding="EXPLICIT", explicit_paddings=[0, 0, 1, 2, 0, 1, 0, 0], compare=SUM[dtype])
        for padding in ("VALID", "SAME"):
            for strides in ([1, 1, 1, 1], [1, 2, 2, 1]):
                image, filter = (2, 6, 7, 3), (3, 2, 3, 2)
                attrs = {"strides": strides, "padding": padding, "compare": SUM[dtype]}
                family.op("DepthwiseConv2dNative", [n(image, dtype), n(filter, dtype)], [n(image, dtype), n((3, 2, 2, 2), dtype)], **attrs)
                shape = out_shape(image, (3, 2, 3, 6), strides, [1] * 4, padding)
                family.op("DepthwiseConv2dNativeBackpropInput", [np.array(image, i32), n(filter, dtype), n(shape, dtype)], label=dtype.__name__, **attrs)
                family.op("DepthwiseConv2dNativeBackpropFilter", [n(image, dtype), np.array(filter, i32), n(shape, dtype)], **attrs)
    for dtype in (*FLOATS, i32):
        rule = SUM.get(dtype, "bits")
        bad = [[n((1, 5, 4, 4), dtype), n((2, 2, 2, 3), dtype)], [n((1, 5, 4, 2), dtype), n((0, 2, 2, 3), dtype)], [n((1, 5, 4, 2), dtype), n((2, 2, 0, 3), dtype)]]
        family.op("Conv2D", [n((2, 5, 4, 6), dtype), n((3, 2, 2, 9), dtype)], [n((1, 5, 4, 2), dtype), n((1, 1, 2, 7), dtype)], *bad, strides=[1, 2, 1, 1], padding="SAME", compare=rule, label=f"{dtype.__name__} groups")


def out_shape(image, filter, strides, dilations, padding):
    shape = [image[0]]
    for k in (0, 1):
        size, window = image[1 + k], (filter[k] - 1) * dilations[1 + k] + 1
        shape.append(-(-size // strides[1 + k]) if padding == "SAME" else (size - window) // strides[1 + k] + 1)
    return (*shape, filter[3])


def pools(family):
    n = family.normal
    for dtype in FLOATS:
        for padding in ("VALID", "SAME"):
            for ksize, strides in (([1, 2, 2, 1], [1, 2, 2, 1]), ([1, 3, 2, 1], [1, 1, 2, 1])):
                attrs = {"ksize": ksize, "strides": strides, "padding": padding}
                image = (2, 5, 7, 3)
                shape = out_shape(image, (ksize[1], ksize[2], 3, 3), strides, [1] * 4, padding)
                x, grad = n(image, dtype), n(shape, dtype)
                family.op("MaxPool", [x], [n((1, 4, 4, 1), dtype)], [n((5, 7, 3), dtype)], **attrs)
                family.op("AvgPool", [x], [n((1, 4, 4, 1), dtype)], [n((5, 7, 3), dtype)], compare=CLOSE[dtype], **attrs)
                out = np.full(shape, -np.inf, dtype)
                pads = [max((shape[1 + k] - 1) * strides[1 + k] + ksize[1 + k] - image[1 + k], 0) // 2 if padding == "SAME" else 0 for k in (0, 1)]
                for y in range(shape[1]):
                    for z in range(shape[2]):
                        top, left = y * strides[1] - pads[0], z * strides[2] - pads[1]
                        window = x[:, max(top, 0):top + ksize[1], max(left, 0):left + ksize[2]]
                        out[:, y, z] = window.max((1, 2))
                family.op("MaxPoolGrad", [x, out, grad], [np.ones(image, dtype), np.ones(shape, dtype), grad], [x, out, grad[:, :1]], compare=CLOSE[dtype], **attrs)
                family.op("AvgPoolGrad", [np.array(image, i32), grad], label=dtype.__name__, compare=CLOSE[dtype], **attrs)
                family.op("MaxPoolWithArgmax", [x], **attrs) if dtype is f32 else None
                family.op("MaxPoolV2", [x, np.array(ksize, i32), np.array(strides, i32)], padding=padding, label=f"{dtype.__name__} {ksize}")


def cases(family):
    n = family.normal
    convolutions(family)
    pools(family)
    for dtype in NUMBERS:
        family.op("BiasAdd", [n((3, 4), dtype), n((4,), dtype)], [n((2, 3, 2, 5), dtype), n((5,), dtype)], [n((0, 4), dtype), n((4,), dtype)], [n((3, 4), dtype), n((3,), dtype)],
                  [n((4,), dtype), n((4,), dtype)], [n((3, 4), dtype), n((4, 1), dtype)])
        family.op("BiasAdd", [n((2, 3, 2, 4), dtype), n((3,), dtype)], data_format="NCHW")
        family.op("BiasAddV1", [n((3, 4), dtype), n((4,), dtype)])
        rule = SUM.get(dtype, "bits")
        family.op("BiasAddGrad", [n((3, 4), dtype)], [n((2, 3, 2, 5), dtype)], [n((0, 4), dtype)], [n((4,), dtype)], compare=rule)
        family.op("BiasAddGrad", [n((2, 3, 2, 4), dtype)], data_format="NCHW", compare=rule)
        family.op("ReluGrad", [n((3, 7), dtype), n((3, 7), dtype)], [n((0,), dtype), n((0,), dtype)], [n((3,), dtype), n((4,), dtype)], [dtype(2), dtype(3)])
        family.op("Relu6Grad", [n((37,), dtype), n((37,), dtype, 5)])
    for dtype in FLOATS:
        y = family.uniform((41,), -0.95, 0.95, dtype)
        dy, x = n((41,), dtype), n((41,), dtype, 3)
        bad = [n((3,), dtype), n((4,), dtype)]
        tight = {f32: "ulp:4", f64: "ulp:4"}[dtype]
        family.op("TanhGrad", [y, dy], bad, compare=CLOSE[dtype])
        family.op("SigmoidGrad", [np.abs(y), dy], bad, compare=CLOSE[dtype])
        family.op("SqrtGrad", [np.abs(x) + dtype(0.1), dy], compare=tight)
        family.op("RsqrtGrad", [np.abs(x) + dtype(0.1), dy], compare=tight)
        family.op("ReciprocalGrad", [x, dy], compare=tight)
        family.op("InvGrad", [x, dy], compare=tight)
        family.op("EluGrad", [dy, y], bad)
        family.op("SeluGrad", [dy, y], compare=tight)
        family.op("SoftplusGrad", [dy, x], compare=CLOSE[dtype])
        family.op("SoftsignGrad", [dy, x], compare=tight)
        family.op("LeakyReluGrad", [dy, x], bad, alpha=0.25)
        labels = np.abs(n((5, 7), dtype))
        labels /= labels.sum(1, keepdims=True)
        family.op("SoftmaxCrossEntropyWithLogits", [n((5, 7), dtype), labels], [n((1, 7), dtype), labels], [n((5, 1), dtype), labels], [n((0, 7), dtype), labels[:0]],
                  [n((5, 7), dtype), labels[:3]], [n((7,), dtype), labels[0]], [np.array([[1000, 0]], dtype), np.array([[0, 1]], dtype)], [n((3, 67), dtype), np.eye(3, 67, dtype=dtype)], compare=CLOSE[dtype])
        for index in (i32, i64):
            family.op("SparseSoftmaxCrossEntropyWithLogits", [n((5, 7), dtype), np.array([0, 6, 3, 3, 1], index)], [n((0, 7), dtype), np.zeros((0,), index)], [n((1, 67), dtype), np.array([5], index)],
                      [n((2, 3), dtype), np.array([0], index)], [n((2, 3), dtype), np.array([[0, 1]], index)], [n((2, 3), dtype), np.array([0, 3], index)], [n((2, 3), dtype), np.array([-1, 0], index)], [n((3,), dtype), np.array([0], index)],
                      compare=CLOSE[dtype], label=f"{dtype.__name__} {index.__name__}")
        family.op("LRN", [n((1, 2, 2, 9), f32)], depth_radius=2, bias=1.0, alpha=0.5, beta=0.5, compare="rel:1e-5") if dtype is f32 else None
    for training in (True, False):
        mean = n((3,)) if not training else np.zeros((0,), f32)
        var = np.abs(n((3,))) + f32(0.1) if not training else np.zeros((0,), f32)
        # Without training, the outputs beyond the third are whatever the memory held.
        for op in ("FusedBatchNorm", "FusedBatchNormV3"):
            extra = {} if op == "FusedBatchNorm" else {"U": f32}
            family.op(op, [n((2, 3, 4, 3)), n((3,)), n((3,)), mean, var], epsilon=0.001, is_training=training, compare="rel:1e-5,abs:2e-6", fetch=range(5) if training else range(3), **extra)
        variance = np.abs(n((3,))) + f32(0.5)
        for op in ("FusedBatchNormGrad", "FusedBatchNormGradV3"):
            extra = {} if op == "FusedBatchNormGrad" else {"U": f32}
            reserved = [] if op == "FusedBatchNormGrad" else [np.zeros((0,), f32)]
            for format, image in (("NHWC", (2, 3, 4, 3)), ("NCHW", (2, 3, 4, 2))):
                family.op(op, [n(image), n(image), n((3,)), n((3,)), variance, *reserved], [n(image), n(image), n((4,)), n((3,)), variance, *reserved],
                          epsilon=0.001, is_training=training, data_format=format, compare="rel:1e-5,abs:5e-6", **extra)
    family.op("FusedBatchNormV3", [n((2, 3, 4, 2)), n((3,)), n((3,)), n((3,)), np.abs(n((3,)))], [n((2, 2)), n((3,)), n((3,)), n((3,)), n((3,))], [n((2, 3, 4, 2)), n((2,)), n((3,)), n((3,)), n((3,))],
              [n((2, 3, 4, 2)), n((3,)), n((3,)), n((0,)), n((0,))], data_format="NCHW", is_training=True, exponential_avg_factor=0.25, U=f32, compare="rel:1e-5,abs:2e-6")
    image = n((1, 2, 2, 9))
    family.op("LRN", [image], [n((2, 2, 9))], depth_radius=1, bias=2.0, alpha=0.25, beta=0.75, compare="rel:1e-5")
    family.op("LRNGrad", [n((1, 2, 2, 9)), image, n((1, 2, 2, 9))], [n((1, 2, 2, 9)), n((1, 2, 2, 8)), n((1, 2, 2, 9))], depth_radius=2, bias=1.0, alpha=0.5, beta=0.75, compare="rel:1e-5,abs:1e-6")
    for corners, half in ((False, False), (False, True), (True, False)):
        flags = {"align_corners": corners, "half_pixel_centers": half}
        bad = [[n((2, 3, 2)), I(4, 5)], [n((1, 2, 3, 2)), I(4, 5, 6)], [n((1, 2, 3, 2)), I(0, 5)], [n((1, 0, 3, 2)), I(4, 5)]]
        sizes = [[n((1, 2, 3, 2)), I(4, 5)], [n((2, 5, 7, 3)), I(3, 4)], [n((1, 4, 4, 5)), I(1, 9)]]
        family.op("ResizeNearestNeighbor", *sizes, *bad, **flags)
        family.op("ResizeNearestNeighbor", [n((1, 3, 3, 2), i32), I(5, 2)], **flags)
        family.op("ResizeBilinear", *sizes, *bad, compare=CLOSE[f32], **flags)
        family.op("ResizeBilinear", [n((1, 3, 3, 2), i32), I(5, 2)], compare=CLOSE[f32], **flags)
        family.op("ResizeNearestNeighborGrad", [n((1, 4, 5, 2)), I(2, 3)], [n((2, 3, 4, 3)), I(5, 7)], [n((1, 4, 5, 2)), I(0, 3)], compare=CLOSE[f32], **flags)
        family.op("ResizeBilinearGrad", [n((1, 4, 5, 2)), n((1, 2, 3, 2))], [n((2, 3, 4, 3)), n((2, 5, 7, 3))], [n((4, 5, 2)), n((1, 2, 3, 2))], compare=CLOSE[f32], **flags)
    x = n((2, 4, 6, 3))
    window = {"ksize": [1, 2, 2, 1], "strides": [1, 2, 2, 1], "padding": "VALID"}
    most = x.reshape(2, 2, 2, 3, 2, 3).max((2, 4))
    family.op("MaxPoolGradGrad", [x, most, n((2, 4, 6, 3))], [x, most, n((2, 4, 5, 3))], **window)
    family.op("MaxPoolGradV2", [x, most, n((2, 2, 3, 3)), I(1, 2, 2, 1), I(1, 2, 2, 1)], padding="VALID")
    family.op("MaxPoolWithArgmax", [x], [x[0]], include_batch_in_index=True, Targmax=i32, **window)
    family.op("MaxPool", [n((1, 3, 3, 4))], [n((1, 3, 3, 3))], ksize=[1, 1, 1, 2], strides=[1, 1, 1, 2], padding="VALID")
    family.op("MaxPool", [n((1, 5, 5, 2))], ksize=[1, 3, 3, 1], strides=[1, 2, 2, 1], padding="EXPLICIT", explicit_paddings=[0, 0, 1, 2, 0, 1, 0, 0])
