"""Random ops with fixed seeds, which go on from step to step.

Uniform and integer values are counter-based bits: bit by bit. Normal ones come out of log, sin and cos of them, as the C
library has them: float and half bit by bit, double within 2 units in the last place, since one in a thousand of its sines
isn't the nearest number.
"""

from .lib import f32, f64, i32, i64, np, tf, f16

v1 = tf.compat.v1
raw = tf.raw_ops
NORMAL = {tf.float32: "bits", tf.float64: "ulp:2", tf.float16: "bits"}


def stateful(make, shapes=((5,), (), (0,), (2, 3), (67,), (5,), (4, 3, 2)), bad=()):
    def build():
        s = v1.placeholder(tf.int32, None, "s")
        out = make(s)
        return [({s: np.array(shape, i32)}, [out]) for shape in (*shapes, *bad)]

    return build


def shared_signatures():
    a = raw.RandomUniform(shape=[3], dtype=tf.float32, seed=1, seed2=2, name="a")
    b = raw.RandomUniform(shape=[3], dtype=tf.float32, seed=1, seed2=2, name="b")
    c = tf.identity(a, name="c")
    d = a + b
    return [({}, [a]), ({}, [a]), ({}, [b]), ({}, [c]), ({}, [a, b]), ({}, [d]), ({}, [c, d]), ({}, [a])]


def seeded_by_python():
    v1.set_random_seed(87654321)
    values = [v1.random_uniform([4]), v1.random_normal([4]), v1.truncated_normal([4], seed=5), v1.random_uniform([4], 0, 10, tf.int32), v1.random_uniform([3], -2.0, 2.0, tf.float64, seed=9)]
    glorot = v1.glorot_uniform_initializer()([5, 7])
    return [({}, values), ({}, values), ({}, [glorot])]


def cases(family):
    for seeds in ((1, 2), (87654321, 42), (-5, 2**40)):
        for dtype in (tf.float32, tf.float64, tf.float16):
            if dtype == tf.float16 and seeds != (1, 2):
                continue
            for op in ("RandomUniform", "RandomStandardNormal", "TruncatedNormal"):
                rule = "bits" if op == "RandomUniform" else NORMAL[dtype]
                family.program(f"{op} {dtype.name} {seeds}", stateful(lambda s, op=op: getattr(raw, op)(shape=s, dtype=dtype, seed=seeds[0], seed2=seeds[1], name="r"), bad=((-1,), ((2,),))), compare=rule)
        for dtype in (tf.int32, tf.int64):
            for low, high in ((0, 10), (-7, 1000000), (5, 6), (3, 3)):
                family.program(f"RandomUniformInt {dtype.name} {low} {high} {seeds}",
                               stateful(lambda s: raw.RandomUniformInt(shape=s, minval=tf.constant(low, dtype), maxval=tf.constant(high, dtype), seed=seeds[0], seed2=seeds[1], name="r")))
    family.program("one op under several signatures", shared_signatures)
    family.program("seeded by Python", seeded_by_python, compare="ulp:2,abs:1e-6")
    for n in (0, 1, 2, 5, 7, 9, 20):
        family.program(f"RandomShuffle {n}", lambda: [({}, [r]) for r in [raw.RandomShuffle(value=tf.range(n), seed=3, seed2=4, name="r")] for _ in range(3)])
    family.program("RandomShuffle of rows", lambda: [({}, [raw.RandomShuffle(value=tf.reshape(tf.range(12.0), [6, 2]), seed=3, seed2=4)])])
    family.program("Multinomial", lambda: [({}, [r]) for r in [raw.Multinomial(logits=[[0.0, 1.0, 2.0], [3.0, 0.0, 0.0]], num_samples=7, seed=1, seed2=2, name="r")] for _ in range(2)])
    L = lambda *v: np.array(v, i64)  # noqa: E731
    U = lambda *v: np.array(v, np.uint64)  # noqa: E731
    I = lambda *v: np.array(v, i32)  # noqa: E731
    for seed in (L(1, 2), L(-3, 2**50)):
        family.op("StatelessRandomGetKeyCounter", [seed], [L(1)], [L(1, 2, 3)], label=str(seed[0]))
        for dtype in (tf.float32, tf.float64):
            family.op("StatelessRandomUniform", [I(5), seed], [I(2, 3), seed], [I(), seed], [I(0), seed], dtype=dtype, label=str(seed[0]))
            family.op("StatelessRandomNormal", [I(67), seed], dtype=dtype, label=str(seed[0]), compare=NORMAL[dtype])
            family.op("StatelessTruncatedNormal", [I(67), seed], dtype=dtype, label=str(seed[0]), compare=NORMAL[dtype])
        family.op("StatelessRandomUniformInt", [I(9), seed, i32(-3), i32(12)], dtype=tf.int32, label=str(seed[0]))
        family.op("StatelessRandomUniformInt", [I(9), seed, i64(-3), i64(2**40)], dtype=tf.int64, label=str(seed[0]))
    for alg in (1, 2):
        key, counter = U(123456789012345), U(7, 9)
        for dtype in (tf.float32, tf.float64):
            family.op("StatelessRandomUniformV2", [I(5), key, counter, i32(alg)], [I(2, 35), key, counter, i32(alg)], [I(0), key, counter, i32(alg)], [I(5), key, U(), i32(alg)], [I(5), key, counter, i32(9)],
                      dtype=dtype, label=f"alg {alg}")
            family.op("StatelessRandomNormalV2", [I(67), key, counter, i32(alg)], dtype=dtype, label=f"alg {alg}", compare=NORMAL[dtype])
            family.op("StatelessTruncatedNormalV2", [I(67), key, counter, i32(alg)], dtype=dtype, label=f"alg {alg}", compare=NORMAL[dtype])
        family.op("StatelessRandomUniformIntV2", [I(9), key, counter, i32(alg), i32(-3), i32(12)], [I(9), key, counter, i32(alg), i32(3), i32(3)], dtype=tf.int32, label=f"alg {alg}")
        family.op("StatelessRandomUniformFullIntV2", [I(9), key, counter, i32(alg)], dtype=tf.int64, label=f"alg {alg}")
    family.op("StatelessRandomGetAlg", [], label="")
