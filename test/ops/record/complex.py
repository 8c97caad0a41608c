"""Complex numbers: functions of one and two, gradients, comparisons, sums and products, matrices, variables.

Parts are compared each by itself, relative to the value that the ops' own errors are relative to: functions are
computed in double here and rounded once, TensorFlow's in the precision of the parts, so that a part that is small beside
the other gets an absolute bound.
"""

from .lib import f32, f64, i32, i64, np, tf

v1 = tf.compat.v1
raw = tf.raw_ops
c64, c128 = np.complex64, np.complex128

ONE = ["Neg", "Square", "Reciprocal", "Inv", "Sqrt", "Rsqrt", "Exp", "Expm1", "Log", "Log1p", "Sigmoid", "Sign", "Sin", "Cos", "Tan"]
ONE += ["Sinh", "Cosh", "Tanh", "Asin", "Acos", "Atan", "Asinh", "Acosh", "Atanh"]
TWO = ["Add", "AddV2", "Sub", "Mul", "Div", "RealDiv", "DivNoNan", "MulNoNan", "Xdivy", "Xlogy", "Pow", "SquaredDifference"]
GRADIENTS = ["InvGrad", "ReciprocalGrad", "SqrtGrad", "RsqrtGrad", "SigmoidGrad", "TanhGrad"]

# Whose results beside zeros, infinities and NaN are C's; of two, floats have some of their own.
BOUNDED = ["Sqrt", "Exp", "Sigmoid", "Sin", "Cos", "Tan", "Sinh", "Cosh", "Tanh", "Asin", "Acos", "Atan", "Asinh", "Acosh", "Atanh"]


def near(dtype, size=1):
    return f"rel:{size * 2e-6},abs:{size * 1e-6}" if dtype is c64 else f"rel:{size * 1e-14},abs:{size * 4e-15}"


def cases(family):
    def n(shape, dtype, scale=1.0):
        return np.asarray(family.normal(shape, f64, scale) + 1j * family.normal(shape, f64, scale)).astype(dtype)

    for dtype in (c64, c128):
        axes = np.array([1 + 0j, -1 + 0j, 1j, -1j, 0.5 + 0j, -0.5 + 0.25j, 2 - 3j, -2 - 0.001j, 3 + 4j, 0.001 + 0.001j, 2 + 0j, -2 + 0j], dtype)
        away = axes[4:]  # from the poles and branch points of some
        for op in ONE:
            points = away if op in ("Atan", "Atanh", "Log1p", "Asin", "Acos", "Acosh", "Asinh") else axes
            family.op(op, [points], [n((2, 11), dtype)], [n((9,), dtype, 3)], [dtype(1.5 - 0.25j)], [np.zeros((0,), dtype)], compare=near(dtype, 4))
        parts = [0.0, -0.0, 1, -2, 1e30, np.inf, -np.inf, np.nan]
        bounds = np.array([complex(re, im) for re in parts for im in parts], dtype)
        for op in BOUNDED:
            if dtype is c64 and op in ("Sqrt", "Exp"):
                continue
            # Below −∞ its root is ∞i there, not −∞i.
            family.op(op, [bounds[~np.isneginf(bounds.real)] if op == "Sqrt" else bounds], compare=near(dtype, 4), label=f"bounds {dtype.__name__}")
        close = np.array([1 + 1e-8j, -1 + 1e-8j, 1 - 1e-3j, -1 - 1e-3j], dtype)
        family.op("Atanh", [close], compare=near(dtype, 4), label=f"near its poles {dtype.__name__}")
        family.op("Atan", [close * dtype(1j)], compare=near(dtype, 4), label=f"near its poles {dtype.__name__}")
        if dtype is c128:
            reach = [1e200, -3e250, 1e-100, 1.0, 0.0, 1e308]
            far = np.array([complex(re, im) for re in reach for im in reach], dtype)
            family.op("RealDiv", [far[:, None], far], compare="rel:4e-15,abs:1e-300", label="far from 1")
            for op in ("Reciprocal", "Sqrt", "Atan", "Atanh", "Tanh"):
                family.op(op, [far], compare=near(dtype, 4), label="far from 1")
        powers = np.array([1, -1, 2, 0, 2j, 20 + 20j, -1 - 1j], dtype)
        family.op("Pow", [np.zeros_like(powers), powers], [np.full_like(powers, np.inf), powers], compare=near(dtype, 4), label=f"bounds {dtype.__name__}")
        family.op("SquaredDifference", [bounds[np.abs(bounds) != 1e30]] * 2, [bounds[:8], bounds[24:32]], compare=near(dtype, 4), label=f"bounds {dtype.__name__}")
        for op in ("SqrtGrad", "RsqrtGrad"):
            family.op(op, [np.array([0, np.inf, 1], dtype), np.zeros(3, dtype)], compare=near(dtype), label=f"of nothing {dtype.__name__}")
        for attrs in ({}, {"precision": 2, "width": 7, "fill": "0"}, {"shortest": True}, {"scientific": True, "precision": 3}):
            family.op("AsString", [np.array([1 + 2j, -3.5 - 0.25j, 1e10j, 0j], dtype)], [dtype(1.5)], [np.zeros((2, 0), dtype)], **attrs)
        x, y = n((3, 4), dtype), n((3, 4), dtype)
        gaps = np.array([0, 1 + 2j, 0, -1j], dtype)
        for op in TWO:
            zeros = [[gaps, gaps[::-1].copy()], [np.zeros(2, dtype), n((2,), dtype)]] if op in ("DivNoNan", "MulNoNan", "Xdivy") else []
            family.op(op, [x, y], [x, y[0]], [y[:, :1], x[:1]], [x, dtype(2 - 1j)], [x[:0], y[:0]], [x, y[:2]], *zeros, compare=near(dtype, 4))
        for op in GRADIENTS:
            family.op(op, [x, y], [x[:0], y[:0]], compare=near(dtype, 4))
        for op in ("Equal", "NotEqual"):
            for strict in (True, False):
                family.op(op, [x, np.where(family.normal((3, 4), bool), x, y)], [x, x[0]], [axes, axes[::-1].copy()], [x, y[:2]], [x[:0], y[:0]], [np.array([np.nan, 0j, -0j], dtype)] * 2, incompatible_shape_error=strict)
        for op in ("Sum", "Prod", "Mean"):
            for keep in (False, True):
                shapes = [((5,), [0]), ((3, 4), [0]), ((3, 4), [1]), ((3, 4), [0, 1]), ((2, 3, 4), [1]), ((2, 3, 4), [0, 2]), ((2, 3, 4), []), ((), []), ((0,), [0]), ((2, 0, 3), [1]), ((7, 19), [1]), ((2, 3, 2, 3, 2), [1, 3]), ((3, 4), [2])]
                family.op(op, *([n(shape, dtype), np.array(list_, i32)] for shape, list_ in shapes), keep_dims=keep, compare=near(dtype, 8))
        for exclusive, reverse in ((False, False), (True, False), (False, True)):
            family.op("Cumprod", [n((3, 4), dtype), i32(0)], [n((2, 3, 4), dtype), i32(-2)], [n((0,), dtype), i32(0)], exclusive=exclusive, reverse=reverse, compare=near(dtype, 8))
            family.op("Cumsum", [n((3, 4), dtype), i32(0)], [n((2, 3, 4), dtype), i32(-1)], [n((0,), dtype), i32(0)], exclusive=exclusive, reverse=reverse, compare=near(dtype, 2))
        family.op("AddN", [[x, y, n((3, 4), dtype)]], [[x, y, y[0]]], [[x[:0]] * 3], compare=near(dtype), label=dtype.__name__)
        parts = np.array([1.5 + 2j, -2.75 + 1j, 0j, 1j, 100 - 3j], dtype)
        for other in (f32, f64, i32, i64, bool, np.uint8, np.float16, tf.bfloat16.as_numpy_dtype, c64 if dtype is c128 else c128):
            positive = np.abs(parts.real) if other is np.uint8 else parts.real
            family.op("Cast", [parts if other is not np.uint8 else np.abs(parts).astype(dtype)], [parts[:0]], SrcT=dtype, DstT=other, label="")
            family.op("Cast", [(parts if other in (c64, c128) else positive).astype(other)], [parts.real[:0].astype(other)], SrcT=other, DstT=dtype, label="")
        for name in ("SegmentSum", "SegmentMean", "SegmentProd"):
            family.op(name, [n((5, 3), dtype), np.array([0, 0, 2, 2, 3], i32)], [n((0, 3), dtype), np.array([], i32)], [n((2, 3), dtype), np.array([1, 0], i32)], compare=near(dtype))
        family.op("UnsortedSegmentProd", [n((5, 3), dtype), np.array([0, 3, -1, 2, 3], i64), i32(5)], [n((2, 3), dtype), np.array([[0, 1, 0], [1, 0, -4]], i32), i32(2)], compare=near(dtype, 4))
        family.op("UnsortedSegmentSum", [n((5, 3), dtype), np.array([0, 3, -1, 2, 3], i64), i32(5)], [n((2, 3), dtype), np.array([0, 7], i64), i32(5)], compare=near(dtype))
        I = lambda *v: np.array(v, i32)  # noqa: E731
        family.op("ScatterNd", [I([0], [2], [0]), n((3, 2), dtype), I(4, 2)], [I([[0, 1]], [[2, 0]]), n((2, 1), dtype), I(3, 2)], [I([7]), n((1, 2), dtype), I(3, 2)], compare=near(dtype), label=dtype.__name__)
        for op in ("TensorScatterAdd", "TensorScatterSub", "TensorScatterUpdate"):
            family.op(op, [n((4, 2), dtype), I([0], [2], [0]), n((3, 2), dtype)], [n((4, 2), dtype), I([3, 1]), n((1,), dtype)], compare=near(dtype))
        for data_format, shape in (("NHWC", (2, 3, 4)), ("NHWC", (3, 4)), ("NCHW", (2, 4, 3, 2))):
            family.op("BiasAdd", [n(shape, dtype), n((4,), dtype)], [n(shape, dtype), n((3,), dtype)], data_format=data_format, compare=near(dtype))
            family.op("BiasAddGrad", [n(shape, dtype)], data_format=data_format, compare=near(dtype))
        for resource in (False, True):
            for name in ("Add", "Sub", "Mul", "Div", "Update"):
                family.program(f"Scatter{name}, {'resource' if resource else 'ref'} {dtype.__name__}", scatter(n, dtype, resource, name, False), compare=near(dtype, 4))
            for name in ("Add", "Sub", "Update"):
                family.program(f"ScatterNd{name}, {'resource' if resource else 'ref'} {dtype.__name__}", scatter(n, dtype, resource, name, True), compare=near(dtype, 4))
        for ta in (False, True):
            for tb in (False, True):
                runs = [[n((k, m) if ta else (m, k), dtype), n((c, k) if tb else (k, c), dtype)] for m, k, c in ((1, 1, 1), (2, 3, 4), (5, 8, 7), (1, 9, 5), (9, 17, 11), (0, 3, 4), (2, 0, 4), (2, 3, 0))]
                family.op("MatMul", *runs, [n((2, 3), dtype), n((7, 9), dtype)], transpose_a=ta, transpose_b=tb, compare=near(dtype, 8))
                runs = [[n(b + ((k, m) if ta else (m, k)), dtype), n(b + ((c, k) if tb else (k, c)), dtype)] for b, m, k, c in (((2,), 3, 4, 5), ((), 3, 4, 5), ((2, 3), 2, 3, 2), ((0,), 2, 2, 2), ((2,), 3, 0, 2))]
                for op in ("BatchMatMul", "BatchMatMulV2", "BatchMatMulV3"):
                    wide = [[n((2, 1) + ((4, 3) if ta else (3, 4)), dtype), n((3,) + ((2, 4) if tb else (4, 2)), dtype)]] if op != "BatchMatMul" else []
                    extra = {"Tout": dtype} if op.endswith("V3") else {}
                    family.op(op, *runs, *wide, adj_x=ta, adj_y=tb, compare=near(dtype, 8), **extra)
        for equation, *operands in (("ij,jk->ik", (2, 3), (3, 4)), ("ij,jk->ki", (2, 3), (3, 4)), ("bij,bkj->bik", (2, 3, 4), (2, 5, 4)), ("ij->", (3, 4)), ("ijk->j", (2, 3, 4)), ("ii->i", (3, 3)), ("ij,ij->", (3, 4), (3, 4))):
            family.op("Einsum", [[n(shape, dtype) for shape in operands]], equation=equation, compare=near(dtype, 8), label=dtype.__name__)
        for resource in (False, True):
            family.program(f"variables, {'resource' if resource else 'ref'} {dtype.__name__}", variable(family, n, dtype, resource), compare=near(dtype))
        for name, function in (("tanh(x)²·y", lambda a, b: tf.square(tf.tanh(a)) * b), ("exp(x)/y", lambda a, b: tf.exp(a) / b), ("|x|·sqrt(y)", lambda a, b: tf.cast(tf.abs(a), a.dtype) * tf.sqrt(b)), ("matmul", lambda a, b: tf.matmul(a, b, adjoint_b=True)), ("log(x)−1/y", lambda a, b: tf.math.log(a) - tf.math.reciprocal(b))):
            family.program(f"gradient of {name} {dtype.__name__}", gradient(n, dtype, function), compare=near(dtype, 16))
        order = np.array([1, 0], np.int32)
        family.op("ConjugateTranspose", [n((2, 3), dtype), order], [n((2, 0), dtype), order], [n((2, 3, 4), dtype), np.array([2, 0, 1], np.int32)])


def variable(family, n, dtype, resource):
    first, more, apart = n((2, 3), dtype), n((2, 3), dtype), n((3,), dtype)

    def build():
        value = v1.placeholder(dtype, None, "value")
        v = v1.get_variable("v", initializer=first, use_resource=resource)
        # A fed constant is no variable's own: updates must leave it as it is.
        put, grow, shrink = v1.assign(v, value), v1.assign_add(v, value), v1.assign_sub(v, value)
        read = raw.ReadVariableOp(resource=v.handle, dtype=dtype) if resource else raw.Identity(input=v)
        return [({}, [v.initializer]), ({}, [read]), ({value: more}, [grow.op]), ({}, [read]), ({value: first}, [shrink.op]), ({}, [read]), ({value: more}, [put.op]), ({value: more}, [grow.op]), ({}, [read]), ({value: apart}, [grow.op])]

    return build


def scatter(n, dtype, resource, name, nd):
    """Rows of a variable that are named twice, and a scalar for all of a row."""
    first, rows, one = n((4, 2), dtype), n((3, 2), dtype), n((), dtype)

    def build():
        updates = v1.placeholder(dtype, None, "updates")
        v = v1.get_variable("v", initializer=first, use_resource=resource)
        function = getattr(raw, f"{'Resource' if resource else ''}Scatter{'Nd' if nd else ''}{name}")
        target = v.handle if resource else v._ref()
        indices = tf.constant([[2], [0], [2]] if nd else [2, 0, 2])
        out = function(**{"resource" if resource and not nd else "ref": target}, indices=indices, updates=updates)
        read = raw.ReadVariableOp(resource=v.handle, dtype=dtype) if resource else raw.Identity(input=v)
        put = out if resource else out.op
        return [({}, [v.initializer]), ({updates: rows}, [put]), ({}, [read]), *([] if nd else [({updates: one}, [put]), ({}, [read])])]

    return build


def gradient(n, dtype, function):
    a, b = n((3, 3), dtype), n((3, 3), dtype)

    def build():
        x, y = v1.placeholder(dtype, [3, 3], "x"), v1.placeholder(dtype, [3, 3], "y")
        z = function(x, y)
        return [({x: a, y: b}, [z, *tf.gradients(tf.math.real(tf.reduce_sum(z)) + tf.math.imag(tf.reduce_mean(z)), [x, y])])]

    return build
