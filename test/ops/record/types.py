"""Ops in the dtypes that their own families leave out: integers where floats are usual, strings and booleans in variables.

Integers and what only moves bytes are compared bit by bit; float values are one operation each.
"""

import tensorflow as tf

from .lib import f32, f64, i32, i64, np, specials

v1 = tf.compat.v1
raw = tf.raw_ops
INTS = (i32, i64)


def pools(family):
    n = family.normal
    for dtype in INTS:
        for padding, ksize, strides in (("VALID", [1, 2, 2, 1], [1, 2, 2, 1]), ("SAME", [1, 3, 2, 1], [1, 1, 2, 1])):
            attrs = {"ksize": ksize, "strides": strides, "padding": padding}
            x = n((2, 5, 6, 3), dtype)
            window = [np.array(ksize, i32), np.array(strides, i32)]
            out = tf.nn.max_pool(x.astype(f64), ksize, strides, padding).numpy().astype(dtype)
            grad = n(out.shape, dtype)
            low = np.full((2, 5, 6, 3), np.iinfo(dtype).min, dtype)
            family.op("MaxPool", [x], [low], [n((0, 5, 6, 3), dtype)], [n((5, 6, 3), dtype)], **attrs)
            family.op("MaxPoolV2", [x, *window], [low, *window], padding=padding, label=f"{dtype.__name__} {ksize}")
            family.op("MaxPoolWithArgmax", [x], [low], [n((0, 5, 6, 3), dtype)], **attrs)
            family.op("MaxPoolGrad", [x, out, grad], [x, out, grad[:, :1]], [x * 0, out * 0, grad], **attrs)
            family.op("MaxPoolGradV2", [x, out, grad, *window], padding=padding, label=f"{dtype.__name__} {ksize}")
            family.op("MaxPoolGradGrad", [x, out, n(x.shape, dtype)], [x, out, grad], **attrs)
            family.op("MaxPoolGradGradV2", [x, out, n(x.shape, dtype), *window], padding=padding, label=f"{dtype.__name__} {ksize}")


def variable(op, dtype, resource, inputs, values):
    """One update of part of a [3, 4] variable, each step followed by a look at it."""

    def build():
        numbers = np.arange(12).reshape(3, 4)
        start = tf.strings.as_string(numbers) if dtype == tf.string else tf.cast(numbers % 2 if dtype == tf.bool else numbers, dtype)
        updates = v1.placeholder(dtype, None, "u")
        if resource:
            v = raw.VarHandleOp(dtype=dtype, shape=[3, 4], shared_name="v", name="v")
            init = raw.AssignVariableOp(resource=v, value=start, name="init")
            read = raw.ReadVariableOp(resource=v, dtype=dtype, name="read")
        else:
            v = raw.VariableV2(shape=[3, 4], dtype=dtype, name="v")
            init = raw.Assign(ref=v, value=start, name="init").op
            read = raw.Identity(input=v, name="read")
        function = getattr(raw, ("Resource" if resource else "") + op)
        key = "value" if op.startswith("Strided") else "updates"
        first = "resource" if resource and op.startswith("Scatter") and "Nd" not in op else "ref"
        out = function(**{first: v}, **inputs(), **{key: updates}, name="out")
        target = out if resource else out.op
        steps = [({}, [init])]
        for value in values:
            steps += [({updates: value}, [target]), ({}, [read])]
        return steps

    return build


def variables(family):
    for dtype, make in ((tf.string, lambda *s: family.normal(s, object)), (tf.bool, lambda *s: family.normal(s, bool))):
        for resource in (False, True):
            kind = f"{'resource' if resource else 'ref'} {dtype.name}"
            if dtype == tf.string:
                family.program(f"ScatterUpdate {kind}", variable("ScatterUpdate", dtype, resource, lambda: {"indices": tf.constant([2, 0])}, [make(2, 4), make(), make(1, 4)]))
                family.program(f"ScatterUpdate out of range {kind}", variable("ScatterUpdate", dtype, resource, lambda: {"indices": tf.constant([2, 3])}, [make(2, 4)]))
                family.program(f"StridedSliceAssign {kind}", variable("StridedSliceAssign", dtype, resource, lambda: {"begin": [0, 3], "end": [3, 0], "strides": [2, -2]}, [make(2, 2), make(2), make(), make(3, 2)]))
                family.program(f"ScatterNdUpdate {kind}", variable("ScatterNdUpdate", dtype, resource, lambda: {"indices": tf.constant([[2, 1], [0, 3]])}, [make(2), make(3)]))
                family.program(f"ScatterNdUpdate rows {kind}", variable("ScatterNdUpdate", dtype, resource, lambda: {"indices": tf.constant([[2], [2]])}, [make(2, 4), make(2, 3)]))
            elif resource:
                for op in ("ScatterNdAdd", "ScatterNdSub"):
                    family.program(f"{op} {kind}", variable(op, dtype, resource, lambda: {"indices": tf.constant([[2], [0], [2]])}, [make(3, 4), np.ones((3, 4), bool), make(2, 4)]))


    # The rows before a wrong one are changed.
    for dtype in (tf.float32, tf.int32):
        for op in ("ScatterUpdate", "ScatterAdd"):
            for resource in (False, True):
                first = family.normal((2, 4), dtype.as_numpy_dtype)
                family.program(f"{op} out of range {'resource' if resource else 'ref'} {dtype.name}", variable(op, dtype, resource, lambda: {"indices": tf.constant([2, 3])}, [first]))


def cases(family):
    n = family.normal
    pools(family)
    variables(family)
    for dtype in INTS:
        axes = lambda *v: np.array(v, i32)  # noqa: E731
        family.op("EuclideanNorm", [n((3, 4), dtype), axes(1)], [n((3, 4), dtype), axes()], [n((3, 4), dtype), axes(0, 1)], [n((0, 4), dtype), axes(0)], [specials(dtype), axes(0)], [n((3, 4), dtype), axes(2)])
        family.op("SparseSegmentSum", [n((5, 3), dtype), np.array([4, 0, 2], i32), np.array([0, 0, 2], i32)], [n((5, 3), dtype), np.array([], i32), np.array([], i32)],
                  [n((5, 3), dtype), np.array([5], i32), np.array([0], i32)], [n((5, 3), dtype), np.array([1, 1], i32), np.array([1, 0], i32)])
    for dtype in (f32, f64):
        x = np.concatenate([specials(dtype), family.normal((9,), dtype, 5)])
        family.op("TruncateDiv", [x, np.roll(x, 5)], [x, dtype(2)], [x[:3], x[:2]], [x[:0], x[:0]])
    filters, image = n((3, 2, 2, 3), i32), np.array([2, 5, 6, 2], i32)
    for padding, shape in (("VALID", (2, 3, 5, 3)), ("SAME", (2, 5, 6, 3))):
        family.op("Conv2DBackpropInput", [image, filters, n(shape, i32)], strides=[1, 1, 1, 1], padding=padding, label="int32")
    family.op("Conv2DBackpropInput", [image, filters, n((2, 3, 3, 3), i32)], [image, filters, n((2, 3, 2, 3), i32)], strides=[1, 2, 2, 1], padding="SAME", label="int32")
    for dtype in (np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.uint64):
        x, ids, axis = n((4, 3), dtype), np.array([0, 0, 2, 2], i32), np.array(0, i32)
        for op in ("Sum", "Max", "Min", "Prod", "Mean"):
            family.op(op, [specials(dtype), np.array([0], i32)], [x, np.array([1], i32)], [x[:0], np.array([0], i32)])
            family.op(f"Segment{op}", [x, ids], [x[:0], ids[:0]])
            if op != "Mean":
                family.op(f"UnsortedSegment{op}", [x, np.array([3, -1, 3, 0], i32), np.array(5, i32)])
        for op in ("Cumsum", "Cumprod"):
            family.op(op, [x, axis], exclusive=True)
            family.op(op, [x, axis], reverse=True)
        for op in ("ArgMax", "ArgMin"):
            family.op(op, [x, axis], [specials(dtype), axis])
        family.op("Relu6", [specials(dtype)])
        for op in ("Square", "Invert", "Relu"):
            family.op(op, [specials(dtype)])
    for dtype in (np.uint8, np.int8, np.uint16, np.int16):
        family.op("ClipByValue", [specials(dtype), dtype(2), dtype(100)])
