"""Barriers: tuples whose components come one by one under a key, taken in the order of their keys. Bit by bit."""

from .lib import S, f32, i32, np, tf

v1 = tf.compat.v1
raw = tf.raw_ops


def barrier(types, shapes, values, allow_small, cancel):
    """Two components a key: who waits for more than is there would wait for ever, so that takers ask for what there is."""

    def build():
        k, n = v1.placeholder(tf.string, None, "k"), v1.placeholder(tf.int32, None, "n")
        b = raw.Barrier(component_types=types, shapes=shapes, shared_name="b", name="b")
        v = [v1.placeholder(t, None, f"v{i}") for i, t in enumerate(types)]
        put = [raw.BarrierInsertMany(handle=b, keys=k, values=v[i], component_index=i, name=f"put{i}") for i in range(len(types))]
        take = raw.BarrierTakeMany(handle=b, num_elements=n, component_types=types, allow_small_batch=allow_small, name="take")
        ready, incomplete = raw.BarrierReadySize(handle=b, name="ready"), raw.BarrierIncompleteSize(handle=b, name="incomplete")
        close, end = raw.BarrierClose(handle=b, name="close"), raw.BarrierClose(handle=b, cancel_pending_enqueues=True, name="end")
        sizes, all_of = [ready, incomplete], [take.indices, take.keys, *take.values]
        f = lambda i, keys, at: {k: S(keys), v[i]: values[i][np.array(at, i32)]}  # noqa: E731
        steps = [({}, sizes), (f(0, ["a", "b"], [0, 1]), [put[0]]), ({}, sizes), (f(1, ["b"], [0]), [put[1]]), ({}, sizes), (f(0, ["c"], [2]), [put[0]]), (f(1, ["a", "d", "c"], [1, 2, 3]), [put[1]]), ({}, sizes),
                 ({n: i32(2)}, all_of), ({}, sizes), ({n: i32(0)}, all_of), ({n: i32(1)}, all_of),
                 # A key that has the value already, a key that is taken anew, twice in one call.
                 (f(1, ["d"], [0]), [put[1]]), (f(0, ["a", "e"], [0, 1]), [put[0]]), (f(0, ["g", "g"], [0, 1]), [put[0]]), ({}, sizes), (f(1, ["e", "g"], [0, 1]), [put[1]]), ({}, sizes), ({n: i32(2)}, all_of),
                 # Tuples that were complete when another one of the call is refused.
                 (f(1, ["a", "d"], [0, 1]), [put[1]]), ({}, sizes), (f(0, ["d"], [1]), [put[0]]), ({}, sizes),
                 ({k: S(["h"]), v[0]: values[0][:0]}, [put[0]]), ({k: S([]).reshape(0), v[0]: values[0][:0]}, [put[0]]), ({}, sizes), ({n: np.array([1], i32)}, all_of)]
        if cancel:
            return steps + [({}, [end]), ({}, sizes), (f(1, ["a"], [0]), [put[1]]), ({k: S([]).reshape(0), v[0]: values[0][:0]}, [put[0]]), ({n: i32(9)}, all_of), ({}, [close]), ({}, [end]), ({n: i32(1)}, all_of), ({n: i32(1)}, all_of)]
        return steps + [(f(0, ["y", "z"], [0, 1]), [put[0]]), ({}, [close]), ({}, sizes), ({}, [close]), (f(0, ["new"], [0]), [put[0]]), (f(1, ["y", "newer"], [1, 0]), [put[1]]), ({}, sizes), (f(1, ["z"], [0]), [put[1]]), ({}, sizes),
                        (f(1, ["z"], [0]), [put[1]]), ({n: i32(9)}, all_of), ({n: i32(1)}, all_of), ({n: i32(3)}, all_of), ({n: i32(0)}, all_of)]

    return build


def misfits():
    k, v, n = v1.placeholder(tf.string, None, "k"), v1.placeholder(tf.float32, None, "v"), v1.placeholder(tf.int32, None, "n")
    make = lambda name, **attrs: raw.Barrier(**{"component_types": [tf.float32], "shapes": [[2]], "shared_name": "shared", "name": name, **attrs})  # noqa: E731
    b = make("b")
    put = raw.BarrierInsertMany(handle=b, keys=k, values=v, component_index=0, name="put")
    size = raw.BarrierReadySize(handle=b, name="size")
    other = [raw.BarrierReadySize(handle=make(name, **attrs)) for name, attrs in (
        ("same", {}), ("types", {"component_types": [tf.int32]}), ("shapes", {"shapes": [[3]]}), ("more", {"component_types": [tf.float32, tf.string], "shapes": [[2], []]}),
        ("unnamed", {"shared_name": ""}), ("elsewhere", {"container": "other"}), ("bounded", {"capacity": 3}), ("shapeless", {"shapes": []}), ("partial", {"shapes": [[None]]}))]
    wrong = [raw.BarrierInsertMany(handle=b, keys=k, values=v, component_index=5, name="beyond"),
             raw.BarrierInsertMany(handle=b, keys=k, values=[1], component_index=0, name="ints")]
    takes = [raw.BarrierTakeMany(handle=b, num_elements=n, component_types=[tf.int32], name="ints_out").keys, raw.BarrierTakeMany(handle=b, num_elements=n, component_types=[tf.float32] * 2, name="two").keys,
             raw.BarrierTakeMany(handle=b, num_elements=n, component_types=[tf.float32], timeout_ms=5, name="timed").keys]
    rows = np.arange(6, dtype=f32).reshape(3, 2)
    return [({}, [size]), *(({}, [o]) for o in other), *(({k: S(["a"]), v: rows[:1]}, [op]) for op in wrong), *(({n: i32(1)}, [t]) for t in takes),
            ({k: S(["a", "b"]), v: np.ones((2, 3), f32)}, [put]), ({k: S(["a", "b"]), v: rows[:2]}, [put]), ({k: S(["c"]), v: f32(1)}, [put]), ({k: S([["p", "q"]]), v: rows[:2]}, [put]), ({k: S("s"), v: rows[:1]}, [put]), ({}, [size])]


def cases(family):
    floats, texts = np.arange(8, dtype=f32).reshape(4, 2), S(["one", "two", "three", "four"])
    for small in (False, True):
        for cancel in (False, True):
            name = f"Barrier{' in small batches' if small else ''}{' cancelled' if cancel else ''}"
            family.program(name, barrier([tf.float32, tf.string], [[2], []], [floats, texts], small, cancel))
    family.program("Barrier of bools and complex numbers", barrier([tf.bool, tf.complex64], [[], [1]], [np.array([True, False, True, True]), np.arange(4).reshape(4, 1).astype(np.complex64) * 1j], True, False))
    family.program("shared barriers", misfits)
