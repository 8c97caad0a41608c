"""Lines on tensors: elementwise, broadcasts, reductions, products, gathers, slices, shapes, of any dtype.

Each drawer gives an expression, or (expression, True) where rounding may differ between libraries: such a result is only moved
from then on, never summed. `p.wild` lets indices, axes and shapes be wrong. Must not know how programs are run.
"""

import numpy as np

from . import values
from .program import EXACT, Refused

NOT_OURS = "string bool".split()


def of(*names):
    return lambda value: value.dtype.name in names


def rank(low, high=9):
    return lambda value: low <= len(value.shape) <= high


def numeric(value):
    return value.dtype.name in spelled(values.NUMBERS)


def real(value):
    return value.dtype.name in spelled(values.FLOATS + values.INTS)


def floating(value):
    return value.dtype.name in spelled(values.FLOATS)


def spelled(names):
    return ["float16" if name == "half" else name for name in names]


def summable(value):
    """The sum of all elements, and of their products, is exact in this dtype, whatever the order."""
    limit = EXACT.get("half" if value.dtype.name == "float16" else value.dtype.name)
    if limit is None:
        return numeric(value)
    wide = np.abs(value.numpy().astype(np.complex128))
    return bool(np.all(np.isfinite(wide)) and np.all(wide == np.round(wide)) and (wide**2).sum() * 2 <= limit)


def rough_not(p):
    """Rough values are compared as they are: no arithmetic makes their error grow."""
    rough = {id(p.values[name]) for name in p.rough if name in p.values}
    return lambda value: id(value) not in rough


def size(p, limit):
    """An index or extent: within, or now and then just outside if the program is wild."""
    if p.wild and p.chance(0.3):
        return p.random.choice([limit, limit + 1, -limit - 1, -1, 100, -(2**31), 2**31 - 1])
    return p.random.randrange(max(limit, 1))


def axis(p, name, extra=0):
    dims = len(p.values[name].shape) + extra
    chosen = size(p, dims)
    return chosen - dims if 0 < chosen < dims and p.chance(0.4) else chosen


def like(p, name):
    """A tensor of the same dtype whose shape broadcasts; a new one if there is none."""
    value = p.values[name]
    shape = values.broadcastable(p.random, tuple(value.shape))
    if p.wild and p.chance(0.4):
        shape = values.shape(p.random)
    return operand(p, value.dtype.name, shape)


def operand(p, kind, shape, special=0.1):
    if p.chance(0.5):
        for name in reversed(list(p.values)):
            value = p.values[name]
            if value.dtype.name == kind and tuple(value.shape) == tuple(shape) and name not in p.rough and p.chance(0.5):
                return name
    return source(p, "half" if kind == "float16" else kind, tuple(shape), special)


def source(p, kind=None, shape=None, special=0.1):
    """A tensor from outside: a constant, or fed where more or less is known of its shape."""
    kind = kind or values.dtype(p.random)
    shape = values.shape(p.random) if shape is None else shape
    text = values.literal(p.random, kind, shape, special if p.chance(0.3) else 0.0)
    how = p.random.choice(["constant", "known", "unknown", "unknown", "partial", "default"])
    if p.wild and how in ("constant", "known", "partial"):
        how = "unknown"
    if how == "constant":
        return p.tensor(f"tf.constant({text})")[0]
    known = {"known": list(shape), "partial": [None if p.chance(0.5) else n for n in shape]}.get(how)
    name = p.new("x")
    if how == "default":
        p.build(f"{name} = v1.placeholder_with_default({text}, None)")
    else:
        p.build(f"{name} = v1.placeholder(tf.{kind}, {known})")
        p.fed[name] = text
    p.keep(name, p.evaluate(f"tf.constant({text})"))
    return name


def ints(p, numbers, kind=None):
    """Indices, axes, sizes: a literal, or a tensor that is fed."""
    numbers = np.array(numbers, np.int64)
    kind = kind or p.random.choice(["int32", "int32", "int64"])
    if kind == "int32" and numbers.size and (numbers.max() > 2**31 - 1 or numbers.min() < -(2**31)):
        kind = "int64"
    text = f"A({numbers.reshape(-1).tolist()}, {kind!r}, {numbers.shape})"
    if not p.wild and p.chance(0.6):
        return text
    name = p.new("x")
    p.build(f"{name} = v1.placeholder(tf.{kind}, None)")
    p.fed[name] = text
    p.eager[name] = p.evaluate(f"tf.constant({text})")
    return name


UNARY = {
    "tf.negative tf.square tf.identity tf.zeros_like tf.ones_like tf.stop_gradient": numeric,
    "tf.abs tf.sign tf.nn.relu": real,
    "tf.floor tf.math.ceil tf.round tf.math.rint tf.math.is_nan tf.math.is_inf tf.math.is_finite tf.nn.relu6 tf.sqrt": floating,
    "tf.nn.leaky_relu tf.nn.softsign": floating,
    "tf.logical_not": of("bool"),
    "tf.bitwise.invert": of(*values.INTS),
    "tf.math.conj tf.math.real tf.math.imag": of(*values.COMPLEX),
    "tf.strings.length tf.strings.lower tf.strings.upper tf.strings.strip tf.io.encode_base64": of("string"),
    "tf.shape tf.size tf.rank tf.identity tf.zeros_like": lambda value: True,
    "tf.as_string": of("bool", "int32", "int64", "float32", "float64", "int8", "uint8"),
}
ROUGH_UNARY = "tf.exp tf.math.log tf.tanh tf.sigmoid tf.sin tf.cos tf.math.erf tf.math.softplus tf.nn.elu tf.math.rsqrt tf.math.reciprocal tf.math.log1p tf.math.expm1 tf.atan tf.sinh tf.asinh tf.nn.selu"


def unary(p):
    if p.chance(0.2):
        name = p.pick(of("float32", "float64", "complex64"), rough_not(p))
        functions = ROUGH_UNARY if p.values[name].dtype.name.startswith("f") else "tf.exp tf.sqrt tf.sin tf.tanh tf.abs tf.math.reciprocal tf.math.angle"
        return f"{p.random.choice(functions.split())}({name})", True
    functions, test = p.random.choice(list(UNARY.items()))
    name = p.pick(test, rough_not(p)) if test is not UNARY["tf.shape tf.size tf.rank tf.identity tf.zeros_like"] else p.pick(rough_not(p))
    return f"{p.random.choice(functions.split())}({name})"


BINARY = {
    "tf.add tf.subtract tf.multiply tf.equal tf.not_equal": numeric,
    "tf.maximum tf.minimum tf.less tf.less_equal tf.greater tf.greater_equal": real,
    "tf.math.squared_difference": of("float32", "float64", "half", "int32", "int64", "complex64"),
    "tf.math.floordiv tf.math.floormod raw.TruncateDiv raw.TruncateMod": of(*values.INTS),
    "tf.math.floordiv tf.math.floormod raw.Div raw.RealDiv tf.math.divide_no_nan tf.math.multiply_no_nan": of("float32", "float64", "float16"),
    "tf.logical_and tf.logical_or tf.equal tf.not_equal": of("bool"),
    "tf.bitwise.bitwise_and tf.bitwise.bitwise_or tf.bitwise.bitwise_xor tf.bitwise.left_shift tf.bitwise.right_shift": of(*values.INTS),
    "tf.add tf.equal tf.not_equal": of("string"),
    "tf.pow": of("int32", "int64"),
    "raw.BroadcastArgs": of("nothing"),
}


def binary(p):
    functions, test = p.random.choice(list(BINARY.items()))
    a = p.pick(test, rough_not(p))
    b = like(p, a)
    a, b = (a, b) if p.chance(0.5) else (b, a)
    function = p.random.choice(functions.split())
    return f"{function}(x={a}, y={b})" if function.startswith("raw") else f"{function}({a}, {b})"


def compare_rough(p):
    """Orders and selects by values that are exact."""
    a = p.pick(rough_not(p))
    condition = operand(p, "bool", values.broadcastable(p.random, tuple(p.values[a].shape)))
    function = p.random.choice(["tf.where", "tf.where", "v1.where"])
    return f"{function}({condition}, {a}, {like(p, a)})"


def cast(p):
    name = p.pick(lambda value: value.dtype.name != "string", rough_not(p))
    value = p.values[name]
    to = values.dtype(p.random, values.NUMBERS + ["bool"])
    kind = value.dtype.name
    if kind.startswith("complex") or kind in spelled(values.FLOATS):
        # What becomes of numbers out of range is not defined in C++.
        numbers = np.abs(value.numpy().astype(np.complex128))
        if to in values.INTS and not (np.all(np.isfinite(numbers)) and np.all(numbers < 100) and np.all(value.numpy().astype(np.complex128).real >= 0)):
            raise Refused("not defined")
    return f"tf.cast({name}, tf.{to})"


def reduce(p):
    function = p.random.choice("sum sum prod max min mean any all argmax argmin cumsum cumprod norm lse".split())
    if function in ("any", "all"):
        name = p.pick(of("bool"), rough_not(p))
    elif function in ("max", "min", "argmax", "argmin"):
        name = p.pick(real, rough_not(p))
        if function.startswith("arg"):
            return f"tf.{function}({name}, axis={axis(p, name)}, output_type=tf.{p.random.choice(['int32', 'int64'])})"
    elif function == "lse":
        name = p.pick(of("float32", "float64"), rank(1), rough_not(p))
        which = p.random.choice(["tf.nn.softmax", "tf.nn.log_softmax", "tf.reduce_logsumexp"])
        return f"{which}({name}, axis={axis(p, name)})", True
    else:
        name = p.pick(numeric, summable, rough_not(p))
    if function in ("cumsum", "cumprod"):
        options = f"exclusive={p.chance(0.5)}, reverse={p.chance(0.5)}"
        return f"tf.math.{function}({name}, axis={axis(p, name)}, {options})", function == "cumprod"
    if function == "norm":
        name = p.pick(of("float32", "float64"), summable, rough_not(p))
        return f"tf.nn.l2_loss({name})"
    dims = len(p.values[name].shape)
    axes = [axis(p, name) for _ in range(p.random.randint(0, max(dims, 1)))]
    if not p.wild:
        axes = list({a % dims: a for a in axes}.values()) if dims else []
    which = "None" if p.chance(0.2) else ints(p, axes) if p.chance(0.8) or len(axes) != 1 else ints(p, axes[0])
    return f"tf.reduce_{function}({name}, axis={which}, keepdims={p.chance(0.4)})", function in ("prod", "mean")


def matmul(p):
    name = p.pick(of("float32", "float64", "float16", "bfloat16", "int32", "int64", "complex64", "complex128"), rank(2, 4), summable, rough_not(p))
    value = p.values[name]
    flip_a, flip_b = p.chance(0.3), p.chance(0.3)
    inner = value.shape[-2 if flip_a else -1]
    if p.wild and p.chance(0.5):
        inner = p.random.choice(values.SIZES)
    other = p.random.choice(values.SIZES)
    batch = values.broadcastable(p.random, tuple(value.shape)[:-2])
    b = operand(p, value.dtype.name, (*batch, other, inner) if flip_b else (*batch, inner, other), 0.0)
    if not summable(p.values[b]):
        raise Refused("not exact")
    limit = EXACT.get("half" if value.dtype.name == "float16" else value.dtype.name, 2**63)
    if float(np.abs(value.numpy().astype(np.complex128)).sum() * np.abs(p.values[b].numpy().astype(np.complex128)).sum()) > limit:
        raise Refused("not exact")
    # A sum that begins with a product and one that begins with zero give zeros of different signs.
    return f"no_sign(tf.matmul({name}, {b}, transpose_a={flip_a}, transpose_b={flip_b}))"


def convolve(p):
    n, h, w, c, out = (p.random.choice([1, 2, 3]) for _ in range(5))
    kind = p.random.choice(["float32", "float32", "float64"])
    x = operand(p, kind, (n, h + 3, w + 2, c), 0.0)
    fh, fw = p.random.choice([1, 2, 3]), p.random.choice([1, 2, 3, 9] if p.wild else [1, 2, 3])
    inner = c + 1 if p.wild and p.chance(0.4) else c
    pad = p.random.choice(['"SAME"', '"VALID"', "[[0, 0], [1, 2], [0, 1], [0, 0]]"])
    strides = p.random.choice([1, 1, 2, 3])
    which = p.random.choice(["conv2d", "conv2d", "depthwise", "avg", "max", "max"])
    if which in ("avg", "max"):
        pad = pad if pad[0] == '"' else '"SAME"'
        return f"tf.nn.{which}_pool2d({x}, [{fh}, {min(fw, 3)}], {strides}, {pad})", which == "avg"
    f = operand(p, kind, (fh, fw, inner, out), 0.0)
    if not (summable(p.values[x]) and summable(p.values[f])):
        raise Refused("not exact")
    if which == "depthwise":
        return f"no_sign(tf.nn.depthwise_conv2d({x}, {f}, [1, {strides}, {strides}, 1], {pad if pad[0] == chr(34) else repr('SAME')}))"
    return f"no_sign(tf.nn.conv2d({x}, {f}, {strides}, {pad}, dilations={p.random.choice([1, 1, 2]) if strides == 1 else 1}))"


DRAWERS = {unary: 4, binary: 6, compare_rough: 2, cast: 2, reduce: 4, matmul: 2, convolve: 1}
