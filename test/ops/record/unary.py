"""Functions of one tensor, element by element.

Compared bit by bit where IEEE 754 says what the result is. Transcendental functions in float are within 6 units in the
last place: TensorFlow's own vector code is up to 4 from the true value (and its scalar tail gives other bits than its
vector body), a correct implementation is within 1 or 2. In double: 4 units. Beyond that an absolute bound where the
result passes through zero away from zero (Sin, Cos, Tan, Lgamma, Digamma, Log1p never need one near 0). A float's reciprocal is
a true division here; TensorFlow refines the processor's estimate, which differs between processors by up to two such units.
"""

from .lib import FLOATS, INTS, NUMBERS, f16, f32, f64, np, specials, u8

EXACT = {
    "Neg": NUMBERS + (f16,),
    "Abs": NUMBERS + (f16,),
    "Square": NUMBERS + (f16,),
    "Sign": NUMBERS,
    "Floor": FLOATS + (f16,),
    "Ceil": FLOATS,
    "Rint": FLOATS,
    "Round": NUMBERS,
    "Sqrt": FLOATS,
    "Reciprocal": FLOATS,
    "Inv": FLOATS,
    "IsNan": FLOATS + (f16,),
    "IsInf": FLOATS + (f16,),
    "IsFinite": FLOATS + (f16,),
    "ZerosLike": NUMBERS + (bool, u8),
    "OnesLike": NUMBERS + (bool, u8),
    "Identity": NUMBERS + (bool, u8, f16),
    "StopGradient": NUMBERS + (bool,),
    "PreventGradient": (f32,),
    "Snapshot": (f32, f64),
    "Relu": NUMBERS + (u8,),
    "Relu6": NUMBERS,
    "LogicalNot": (bool,),
    "Invert": INTS + (u8,),
}
CLOSE = ["Exp", "Expm1", "Log", "Log1p", "Tanh", "Sigmoid", "Rsqrt", "Sin", "Cos", "Tan", "Asin", "Acos", "Atan"]
CLOSE += ["Sinh", "Cosh", "Asinh", "Acosh", "Atanh", "Erf", "Erfc", "Elu", "Selu", "Softplus", "Softsign"]
CLOSE += ["Lgamma", "Digamma", "BesselI0e", "BesselI1e", "LeakyRelu"]
DOMAIN = {"Acosh": (1, 50), "Log": (1e-6, 50), "Rsqrt": (1e-6, 50), "Lgamma": (0.05, 30), "Digamma": (0.05, 30)}
DOMAIN |= {"Asin": (-1, 1), "Acos": (-1, 1), "Atanh": (-0.99, 0.99), "Log1p": (-0.9, 50), "Exp": (-80, 80)}
DOMAIN |= {"Sinh": (-30, 30), "Cosh": (-30, 30), "Tan": (-1.5, 1.5), "Expm1": (-80, 80)}
# Far arguments: range reduction differs from one libm to the next, and no training graph has them.
FAR = {"Sin", "Cos", "Tan", "Lgamma", "Digamma"}
RULES = {
    "Lgamma": ("rel:3e-6,abs:2e-6", "rel:1e-13,abs:1e-13"),
    "Digamma": ("rel:3e-6,abs:2e-6", "rel:1e-12,abs:1e-12"),
    "Tan": ("rel:2e-6,abs:1e-7", "rel:1e-14,abs:1e-15"),
    "Sin": ("rel:1e-6,abs:2e-7", "rel:1e-14,abs:4e-16"),
    "Cos": ("rel:1e-6,abs:2e-7", "rel:1e-14,abs:4e-16"),
    "BesselI0e": ("rel:2e-6", "rel:1e-14"),
    "BesselI1e": ("rel:2e-6", "rel:1e-14"),
    "Asinh": ("rel:2e-6", "rel:1e-14"),
    "Acosh": ("rel:2e-6", "rel:1e-14"),
    "Atanh": ("rel:2e-6", "rel:1e-14"),
    "Softplus": ("rel:1e-6", "rel:1e-14"),
    "Erfc": ("rel:4e-6,abs:1e-37", "rel:1e-13,abs:1e-300"),
    "LeakyRelu": ("bits", "bits"),
    "Softsign": ("ulp:1", "ulp:1"),
    "Rsqrt": ("ulp:2", "ulp:2"),
}


def inputs(family, dtype, low=-9, high=9):
    values = specials(dtype)
    yield [values]
    if dtype is bool:
        yield [family.normal((3, 5), bool)]
    elif np.issubdtype(dtype, np.integer):
        yield [family.normal((3, 5, 7), dtype)]
    else:
        yield [family.uniform((67,), low, high, dtype)]
        yield [family.uniform((3, 5, 7), low / 4 if low < 0 else low, high / 4, dtype)]
    yield [values[2 % len(values)].reshape(())]
    yield [np.zeros((0,), dtype)]
    yield [np.zeros((2, 0, 3), dtype)]


def cases(family):
    for op, dtypes in EXACT.items():
        for dtype in dtypes:
            nearly = op in ("Reciprocal", "Inv") and dtype is f32
            family.op(op, *inputs(family, dtype), compare="ulp:2" if nearly else "bits")
    for op in CLOSE:
        for dtype in FLOATS:
            low, high = DOMAIN.get(op, (-9, 9))
            runs = list(inputs(family, dtype, low, high))
            if op in FAR:
                runs = runs[1:]
            single, double = RULES.get(op, ("ulp:6", "ulp:4"))
            attrs = {"alpha": 0.3} if op == "LeakyRelu" else {}
            family.op(op, *runs, compare=single if dtype is f32 else double, **attrs)
    for op in ("Identity", "ZerosLike", "StopGradient"):
        family.op(op, [np.array([b"a", b"", b"\xff\x00"], object)], [np.array(b"x", object)])
    for dtype in FLOATS:
        family.op("CheckNumerics", [family.normal((3, 4), dtype)], [np.array([1, np.nan], dtype)],
                  [np.array([1, np.inf], dtype)], [np.array([-np.inf, np.nan], dtype)], [np.array([-np.inf], dtype)],
                  [np.zeros((0,), dtype)], message="bad value")
        family.op("NextAfter", [specials(dtype), specials(dtype)[::-1].copy()])
    for op in ("Exp", "Log", "Tanh", "Sigmoid", "Sqrt", "Rsqrt"):
        family.op(op, [family.uniform((19,), 0.01, 4, f16)], compare="ulp:1")
    family.op("Log", [np.array([-1.0, 0.0], f64)])
    family.op("EnsureShape", [np.zeros((2, 3), f32)], [np.zeros((3, 3), f32)], [np.zeros((3,), f32)], shape=[2, None])
    for dtype in FLOATS:
        inside = np.array([0, -0.0, 1e-7, -1e-3, 0.1, -0.25, 0.5, -0.75, 0.9, -0.99, 0.9999, 1, -1, 1.5, -2, np.nan, np.inf], dtype)
        near = {f32: "rel:2e-6,abs:1e-7", f64: "rel:1e-13,abs:1e-15"}[dtype]
        family.op("Erfinv", [inside], [dtype(0.3)], [inside[:0]], compare=near)
        family.op("Ndtri", [inside], [np.abs(inside)], [np.array([1e-30, 1e-10, 0.01, 0.5, 0.99], dtype)], compare=near)
