"""Functions of two tensors, element by element, with broadcasting.

Bit by bit except Pow, Atan2, Xlogy, Igamma and the like: those are transcendental (see unary). Maximum and Minimum of
0 and -0 may give either zero and of NaN either operand, so such pairs aren't among the inputs.
"""

from .lib import FLOATS, INTS, NUMBERS, S, f16, f32, f64, i32, i64, np, specials, u8

EXACT = {
    "Add": NUMBERS + (u8, f16),
    "AddV2": NUMBERS + (u8, f16),
    "Sub": NUMBERS + (u8, f16),
    "Mul": NUMBERS + (u8, f16),
    "RealDiv": FLOATS + (f16,),
    "Div": NUMBERS + (u8,),
    "DivNoNan": FLOATS,
    "MulNoNan": FLOATS,
    "FloorDiv": NUMBERS + (u8,),
    "FloorMod": NUMBERS,
    "Mod": NUMBERS,
    "TruncateDiv": INTS + (u8,),
    "TruncateMod": INTS,
    "SquaredDifference": NUMBERS,
    "Maximum": NUMBERS + (u8,),
    "Minimum": NUMBERS + (u8,),
    "BitwiseAnd": INTS + (u8,),
    "BitwiseOr": INTS + (u8,),
    "BitwiseXor": INTS + (u8,),
    "LeftShift": INTS,
    "RightShift": INTS,
}
COMPARE = {
    "Equal": NUMBERS + (bool, u8),
    "NotEqual": NUMBERS + (bool, u8),
    "Less": NUMBERS + (u8,),
    "LessEqual": NUMBERS + (u8,),
    "Greater": NUMBERS + (u8,),
    "GreaterEqual": NUMBERS + (u8,),
}
SHAPES = [((37,), (37,)), ((3, 1), (1, 4)), ((2, 3, 4), (4,)), ((), (5,)), ((5,), ()), ((), ()), ((0,), (1,))]
SHAPES += [((2, 0, 3), (3,)), ((2, 1, 3, 1, 2), (1, 4, 1, 2, 2)), ((4, 3), (4, 1)), ((1, 6), (5, 6)), ((1,), (1, 1))]
BAD = [((3,), (4,)), ((2, 3), (3, 2)), ((2, 0), (3, 1, 2))]
DIVIDES = {"RealDiv", "Div", "FloorDiv", "FloorMod", "Mod", "TruncateDiv", "TruncateMod", "DivNoNan"}


def pairs(values):
    a, b = np.meshgrid(values, values)
    return a.reshape(-1).copy(), b.reshape(-1).copy()


def special_pairs(op, dtype):
    a, b = pairs(specials(dtype))
    if op in DIVIDES and dtype is not bool and np.issubdtype(dtype, np.integer):
        # The least integer over -1 ends TensorFlow's process.
        keep = (b != 0) & ~((a == np.iinfo(dtype).min) & (b == dtype(-1 if np.iinfo(dtype).min < 0 else 1)))
        a, b = a[keep], b[keep]
    if op in ("Maximum", "Minimum") and not np.issubdtype(dtype, np.integer):
        keep = ~(np.isnan(a) | np.isnan(b) | ((a == 0) & (b == 0) & (np.signbit(a) != np.signbit(b))))
        a, b = a[keep], b[keep]
    if op in ("FloorMod", "Mod", "FloorDiv") and not np.issubdtype(dtype, np.integer):
        keep = (np.abs(a) < 1e9) & (np.abs(b) < 1e9)
        a, b = a[keep], b[keep]
    if op in ("LeftShift", "RightShift"):
        bits = dtype(0).nbytes * 8
        keep = (b >= 0) & (b < bits)
        a, b = a[keep], b[keep]
    return a, b


def drop_denormals(op, a, b, dtype):
    """Pairs whose result would be a denormal number, or was one on the way."""
    if dtype not in (f32, f64):
        return a, b
    tiny = np.finfo(dtype).tiny
    with np.errstate(all="ignore"):
        wide_a, wide_b = a.astype(np.longdouble), b.astype(np.longdouble)
        results = [wide_a * wide_b, wide_a / wide_b, wide_a - wide_b]
    keep = np.ones(a.shape, bool)
    for r in results:
        keep &= ~((np.abs(r) < 2 * tiny) & (r != 0))
    return a[keep], b[keep]


def operand(family, op, dtype, shape, second):
    x = family.normal(shape, dtype, 3.0)
    if second and op in DIVIDES and dtype is not bool and np.issubdtype(dtype, np.integer):
        x = np.where(x == 0, dtype(3), x)
    if second and op in ("LeftShift", "RightShift"):
        x = np.abs(x)
    return np.asarray(x, dtype)


def cases(family):
    for op, dtypes in {**EXACT, **COMPARE}.items():
        for dtype in dtypes:
            extra = {"incompatible_shape_error": True} if op in ("Equal", "NotEqual") else {}
            runs = []
            if dtype is not f16:
                a, b = drop_denormals(op, *special_pairs(op, dtype), dtype)
                runs.append([a, b])
            shapes = SHAPES if dtype in (f32, i32) else SHAPES[:6]
            for left, right in shapes + (BAD if dtype in (f32, i64) else []):
                runs.append([operand(family, op, dtype, left, False), operand(family, op, dtype, right, True)])
            family.op(op, *runs, **extra)
            if dtype in (f32, i32) and op in ("AddV2", "Mul", "Less", "Sub"):
                family.op(op, [family.normal((4, 5), dtype), dtype(3)], consts=(1,), label=f"{dtype.__name__} const")
    for op in sorted(DIVIDES - {"RealDiv", "DivNoNan"}):
        for dtype in INTS:
            one, zero = dtype(7), dtype(0)
            family.op(op, [one, zero], [np.array([1, 2], dtype), np.array([1, 0], dtype)], label=f"{dtype.__name__} by zero")
    for op in ("Equal", "NotEqual"):
        family.op(op, [S(["a", "b", ""]), S(["a", "c", ""])], [S("x"), S(["x", "y"])], [S(["a"]), S(["a", "b"])],
                  [S(["a", "b", "c"]), S(["a", "b"])])
        family.op(op, [np.zeros((3,), f32), np.zeros((4,), f32)], [np.zeros((3,), f32), np.zeros((3,), f32)],
                  incompatible_shape_error=False, label="float lenient")
    family.op("Add", [S(["a", "b"]), S("c")], [S([b"\xff", b""]), S(["x", "y"])])
    for op in ("LogicalAnd", "LogicalOr"):
        a, b = pairs(np.array([True, False]))
        family.op(op, [a, b], [np.zeros((2, 1), bool), np.ones((1, 3), bool)], [np.ones((), bool), np.zeros((0,), bool)],
                  [np.zeros((2,), bool), np.zeros((3,), bool)])
    for dtype in FLOATS:
        single = dtype is f32
        family.op("Pow", [family.uniform((41,), 0.01, 5, dtype), family.uniform((41,), -4, 4, dtype)],
                  [family.uniform((3, 1), 0.1, 3, dtype), family.uniform((1, 5), -3, 3, dtype)],
                  [family.uniform((7,), -4, 4, dtype), dtype(2)], [family.uniform((7,), -4, 4, dtype), dtype(3)],
                  [family.uniform((7,), 0, 4, dtype), dtype(0.5)], [family.uniform((7,), 1, 4, dtype), dtype(-1)],
                  list(pairs(np.array([0.0, 1.0, -1.0, 2.0, -2.0, 0.5, np.inf, -np.inf, np.nan, 3.0, -0.5], dtype))),
                  [np.zeros((2,), dtype), np.zeros((3,), dtype)],
                  compare="rel:2e-6" if single else "rel:1e-14")
        family.op("Atan2", [family.normal((41,), dtype), family.normal((41,), dtype)],
                  [family.normal((3, 1), dtype), family.normal((4,), dtype)],
                  [np.array([1, -1, 0, 0, 2], dtype), np.array([0, 0, 1, -1, 2], dtype)],
                  compare="ulp:6" if single else "ulp:4")
        family.op("Xlogy", [family.uniform((31,), 0, 5, dtype), family.uniform((31,), 0.05, 5, dtype)],
                  [np.zeros((3,), dtype), np.array([0, 1, 2], dtype)],
                  compare="rel:4e-6,abs:1e-7" if single else "rel:1e-14,abs:1e-16")
        family.op("Xdivy", [family.normal((31,), dtype), family.uniform((31,), 1, 5, dtype)],
                  [np.zeros((3,), dtype), np.array([0, 1, 2], dtype)], compare="ulp:1")
        family.op("ApproximateEqual", [np.array([1, 2, 3], dtype), np.array([1.0000001, 2.1, 3], dtype)],
                  [np.zeros((2,), dtype), np.zeros((3,), dtype)])
    for dtype in INTS:
        family.op("Pow", [np.array([2, -3, 5, 0, 1, 7], dtype), np.array([10, 3, 0, 0, 9, 2], dtype)],
                  [np.array([2, 3], dtype), np.array([[3], [30]], dtype)], [np.array([2], dtype), np.array([-1], dtype)],
                  [np.array([3], dtype), np.array([60], dtype)])
    for dtype in NUMBERS + (bool,):
        family.op("Select", [np.array([True, False, True]), family.normal((3,), dtype), family.normal((3,), dtype)],
                  [np.array([True, False]), family.normal((2, 3), dtype), family.normal((2, 3), dtype)],
                  [np.array(True), family.normal((2, 3), dtype), family.normal((2, 3), dtype)],
                  [np.array(False), family.normal((), dtype), family.normal((), dtype)],
                  [np.array([True]), family.normal((3,), dtype), family.normal((3,), dtype)],
                  [np.array([True, False]), family.normal((3,), dtype), family.normal((3,), dtype)],
                  [np.zeros((2, 3), bool), family.normal((3, 3), dtype), family.normal((3, 3), dtype)],
                  [np.array([True, False]), family.normal((2,), dtype), family.normal((3,), dtype)],
                  [np.zeros((0,), bool), family.normal((0,), dtype), family.normal((0,), dtype)], label=dtype.__name__)
        family.op("SelectV2", [np.array([True, False, True]), family.normal((3,), dtype), family.normal((3,), dtype)],
                  [np.array([[True], [False]]), family.normal((3,), dtype), family.normal((), dtype)],
                  [np.array(True), family.normal((2, 1), dtype), family.normal((1, 3), dtype)],
                  [np.array(False), family.normal((), dtype), family.normal((), dtype)],
                  [np.array([True, False]), family.normal((3,), dtype), family.normal((3,), dtype)],
                  [np.zeros((0,), bool), family.normal((1,), dtype), family.normal((0,), dtype)],
                  [np.zeros((2, 1, 2), bool), family.normal((3, 1), dtype), family.normal((1, 3, 2), dtype)],
                  label=dtype.__name__)
    family.op("Select", [np.array([True, False]), S(["a", "b"]), S(["c", "d"])], label="string")
    family.op("SelectV2", [np.array([True, False]), S(["a", "b"]), S("c")], label="string")
    for dtype in NUMBERS:
        family.op("AddN", [[family.normal((3, 4), dtype) for _ in range(5)]], [[family.normal((), dtype)] * 5],
                  [[family.normal((2, 0), dtype)] * 5], [[family.normal((2,), dtype)] * 4 + [family.normal((3,), dtype)]],
                  label=dtype.__name__, compare="bits" if np.issubdtype(dtype, np.integer) else "ulp:8")
        family.op("AddN", [[family.normal((7,), dtype)]], [[family.normal((), dtype)]], label=f"{dtype.__name__} one")
        family.op("AddN", [[family.normal((7,), dtype), family.normal((7,), dtype)]], label=f"{dtype.__name__} two")
        family.op("ClipByValue", [family.normal((19,), dtype), dtype(-2), dtype(3)],
                  [family.normal((3,), dtype), np.full((3,), -1, dtype), np.full((3,), 1, dtype)],
                  [family.normal((3,), dtype), np.zeros((2,), dtype), dtype(1)])
    for dtype in INTS:
        family.op("BroadcastGradientArgs", *([np.array(a, dtype), np.array(b, dtype)] for a, b in [
            ([2, 3], [3]), ([], [2]), ([2, 1, 3], [4, 1]), ([1], [1]), ([2, 3], [2, 3]), ([0], [1]), ([2, 1], [1, 3]),
            ([2], [3]), ([1, 5], [])]))
        family.op("BroadcastArgs", *([np.array(a, dtype), np.array(b, dtype)] for a, b in [
            ([2, 3], [3]), ([], [2]), ([2, 1, 3], [4, 1]), ([1], [1]), ([2], [3]), ([0], [1])]))
    for dtype in FLOATS:
        x = np.array([1, 2, 3, 4, 1.5, 2.5, 7, 0.5, -1, 2, 2, 3, np.nan], dtype)
        q = np.array([1, 1, 0.5, 10, 2, 0.25, 30, 1, 2, -2, -0.5, -3, 1], dtype)
        near = {f32: "rel:4e-6", f64: "rel:1e-13"}[dtype]
        family.op("Zeta", [x, q], [x[:3], q[:2]], [x[:0], q[:0]], compare=near)
        family.op("Polygamma", [np.array([0, 1, 2, 3, 1, 5, 1, 0.5, -1], dtype), np.array([1, 1, 2, 0.5, 20, 3, -0.5, 1, 1], dtype)], [dtype(1), q], compare=near)
    for dtype in (np.complex64, np.complex128):
        make = lambda *shape: (family.normal(shape, f64) + 1j * family.normal(shape, f64)).astype(dtype)  # noqa: E731,B023
        near = {np.complex64: "rel:1e-6,abs:5e-7", np.complex128: "rel:1e-14,abs:1e-15"}[dtype]
        for op in ("Add", "AddV2", "Sub", "Mul", "Div", "RealDiv"):
            family.op(op, [make(3, 4), make(3, 4)], [make(3, 4), make(4)], [make(3, 1), make()], [make(0, 4), make(4)], [make(3), make(4)], compare=near)
        for op in ("Neg", "Square"):
            family.op(op, [make(3, 4)], [make()], [make(0)], compare=near)
