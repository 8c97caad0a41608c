"""What tensors of drawn programs hold: shapes that are odd, empty, scalar; whole numbers small enough to add up exactly in
every dtype; now and then NaN, infinities and the extremes. Gives texts of Python. Must not know programs' graphs.
"""

import tensorflow as tf

FLOATS = ["float32", "float64", "half", "bfloat16"]
COMPLEX = ["complex64", "complex128"]
INTS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
NUMBERS = FLOATS + COMPLEX + INTS
DTYPES = NUMBERS + ["bool", "string"]
# As programs use them.
WEIGHTS = {"float32": 8, "float64": 3, "int32": 4, "int64": 3, "bool": 2, "string": 2, "half": 2, "bfloat16": 2}
SIZES = [0, 1, 1, 2, 2, 3, 3, 4, 5, 7, 9]


def dtype(random, of=DTYPES):
    return random.choices(of, [WEIGHTS.get(name, 1) for name in of])[0]


def shape(random, rank=None):
    rank = random.choice([0, 1, 1, 2, 2, 2, 3, 3, 4]) if rank is None else rank
    return tuple(random.choice(SIZES) for _ in range(rank))


def broadcastable(random, other):
    """A shape that broadcasts with another."""
    kept = other[random.randrange(len(other) + 1) :] if random.random() < 0.4 else other
    return tuple(1 if random.random() < 0.25 else size for size in kept)


def number(random, kind, special):
    if kind == "string":
        return random.choice([b"", b"a", b"bc", b"\xff\x00", b"TensorFlow", b"7", b"-1.5"])
    if kind == "bool":
        return random.random() < 0.5
    whole = random.randint(0 if kind.startswith("uint") else -4, 4)
    if random.random() >= special:
        return complex(whole, random.randint(-3, 3)) if kind in COMPLEX else whole
    if kind in FLOATS:
        limits = tf.as_dtype(kind)
        return random.choice([float("nan"), float("inf"), float("-inf"), -0.0, 0.5, float(limits.max), float(limits.min)])
    if kind in COMPLEX:
        return complex(random.choice([float("inf"), 0.0, -0.0]), random.choice([-0.0, 1.0]))
    return random.choice([tf.as_dtype(kind).max, tf.as_dtype(kind).min])


def literal(random, kind, shape, special=0.0):
    """`A([…], dtype, shape)`."""
    count = 1
    for size in shape:
        count *= size
    numbers = [number(random, kind, special) for _ in range(count)]
    return f"A({numbers!r}, {kind!r}, {shape!r})"
