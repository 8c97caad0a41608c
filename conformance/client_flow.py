"""Loops and conditions as TensorFlow's own client builds them without control flow v2: nodes, values, gradients. Each case
has its twin of the same name in test/unit/client/control-flow.test.ts.
"""

import numpy as np
import tensorflow as tf
from tensorflow.python.framework import indexed_slices

v1 = tf.compat.v1
raw = tf.raw_ops


def add(x, y):
    return raw.AddV2(x=x, y=y)


def mul(x, y):
    return raw.Mul(x=x, y=y)


def less(x, y):
    return raw.Less(x=x, y=y)


def total(x):
    return raw.Sum(input=x, axis=raw.Range(start=0, limit=raw.Rank(input=x), delta=1))


def count(limit):
    return lambda i, *_: less(i, limit)


def simple(x, w):
    return v1.while_loop(count(3), lambda i, v: (add(i, 1), mul(mul(v, v), w)), [0, x])


def captured(x, w):
    """The condition takes tensors from outside too, and the first variable is a float."""
    return v1.while_loop(lambda v: less(total(v), total(w)), lambda v: add(mul(v, w), raw.Sin(x=x)), [x])


def limited(x, w):
    return v1.while_loop(lambda v: less(total(v), 1e6), lambda v: mul(v, w), [x], maximum_iterations=3)


def growing(x, w):
    body = lambda i, v: (add(i, 1), raw.ConcatV2(values=[v, mul(x, w)], axis=0))  # noqa: E731
    return v1.while_loop(count(3), body, [0, x], shape_invariants=[tf.TensorShape([]), tf.TensorShape([None])])


def sequential(x, w):
    return v1.while_loop(count(4), lambda i, v: (add(i, 1), raw.Tanh(x=mul(v, w))), [0, x], parallel_iterations=1)


def no_backprop(x, w):
    return v1.while_loop(count(2), lambda i, v: (add(i, 1), mul(v, w)), [0, x], back_prop=False)


def unused(x, w):
    """Only the last variable counts; the one before feeds it, the first of the floats is forgotten each time."""
    body = lambda i, a, b, c: (add(i, 1), mul(w, 2.0), mul(b, a), add(c, b))  # noqa: E731
    return v1.while_loop(count(3), body, [0, x, x, x])[3:]


def nested(x, w):
    def body(i, v):
        inner = v1.while_loop(lambda j, u: less(j, add(i, 1)), lambda j, u: (add(j, 1), mul(raw.Sin(x=u), w)), [0, v])
        return add(i, 1), add(inner[1], x)

    return v1.while_loop(count(3), body, [0, x])


def three_deep(x, w):
    def loop(depth, v):
        step = (lambda u: mul(raw.Cos(x=u), w)) if depth == 0 else (lambda u: loop(depth - 1, u)[1])
        return v1.while_loop(count(2), lambda i, u: (add(i, 1), step(u)), [0, v])

    return loop(2, x)


def cond_in_loop(x, w):
    def body(i, v):
        return add(i, 1), v1.cond(raw.Greater(x=i, y=1), lambda: mul(v, w), lambda: raw.Square(x=v))

    return v1.while_loop(count(4), body, [0, x])


def cond_passes(x, w):
    """One branch gives what is there already, the other takes a tensor from outside of the loop."""

    def body(i, v):
        return add(i, 1), v1.cond(raw.Greater(x=i, y=0), lambda: v, lambda: raw.Exp(x=w))

    return v1.while_loop(count(3), body, [0, x])


def loop_in_cond(x, w):
    loop = lambda: v1.while_loop(count(3), lambda i, v: (add(i, 1), mul(v, w)), [0, x])[1]  # noqa: E731
    return [v1.cond(less(total(x), 0.0), lambda: raw.Neg(x=x), loop)]


def loop_not_taken(x, w):
    loop = lambda: v1.while_loop(count(3), lambda i, v: (add(i, 1), mul(v, w)), [0, x])[1]  # noqa: E731
    return [v1.cond(less(0.0, total(x)), lambda: mul(x, 3.0), loop)]


def nested_conds(x, w):
    inner = lambda: v1.cond(less(total(w), 1.0), lambda: mul(x, w), lambda: raw.Neg(x=x))  # noqa: E731
    return [v1.cond(less(0.0, total(x)), inner, lambda: raw.Exp(x=w))]


def cond_list(x, w):
    return v1.cond(less(0.0, total(x)), lambda: [mul(x, w), x], lambda: [w, raw.Exp(x=x)])


def cond_ops(x, w):
    """Branches of operations alone."""
    done = v1.cond(less(0.0, total(x)), lambda: raw.NoOp(), lambda: raw.NoOp())
    with tf.control_dependencies([done]):
        return [mul(x, w)]


def after(x, w):
    """A loop in a block of control dependencies: its ops wait through its Enters."""
    with tf.control_dependencies([raw.Square(x=w)]):
        return v1.while_loop(count(2), lambda i, v: (add(i, 1), mul(add(v, 1.0), w)), [0, x])


def rows(x, w):
    """Rows of a tensor from outside: what comes back are rows of all iterations."""
    body = lambda i, v: (add(i, 1), mul(v, raw.GatherV2(params=w, indices=i, axis=0)))  # noqa: E731
    return v1.while_loop(count(2), body, [0, x])


def rows_in_cond(x, w):
    """Rows in both branches, in one, and of what a condition gives."""
    both = v1.cond(less(total(x), total(w)), lambda: gathered(x), lambda: mul(gathered(x), 2.0))
    one = v1.cond(less(total(w), total(x)), lambda: gathered(w), lambda: mul(x, w))
    given = gathered(v1.cond(less(total(x), total(w)), lambda: mul(x, w), lambda: w))
    return [both, one, given]


def gathered(x):
    return raw.GatherV2(params=x, indices=[1, 1, 0], axis=0)


def rows_in_cond_in_loop(x, w):
    body = lambda i, v: (add(i, 1), v1.cond(less(i, 1), lambda: mul(v, gathered(w)), lambda: v))  # noqa: E731
    return v1.while_loop(count(3), body, [0, x])


def recurrent(x, w):
    body = lambda i, v: (add(i, 1), raw.Tanh(x=raw.MatMul(a=v, b=w)))  # noqa: E731
    return v1.while_loop(count(4), body, [0, x])


VECTORS = (np.float32([0.5, -0.25, 1.5]), np.float32([0.75, 1.25, 0.5]))
SCALAR = (VECTORS[0], np.float32(0.5))
MATRICES = (np.float32([[0.5, -1], [0.25, 2], [1, 0.125]]), np.float32([[0.5, 0.25], [-0.75, 1]]))

CASES = {
    "simple": (simple, SCALAR, True),
    "simple, shapes unknown": (simple, SCALAR, False),
    "captured": (captured, (np.float32([0.1, 0.2, 0.3]), np.float32([1.5, 2, 1.75])), True),
    "limited": (limited, SCALAR, True),
    "growing": (growing, SCALAR, True),
    "sequential": (sequential, VECTORS, True),
    "no backprop": (no_backprop, SCALAR, True),
    "unused": (unused, VECTORS, True),
    "unused, shapes unknown": (unused, VECTORS, False),
    "nested": (nested, SCALAR, True),
    "nested, shapes unknown": (nested, VECTORS, False),
    "three deep": (three_deep, SCALAR, True),
    "cond in loop": (cond_in_loop, SCALAR, True),
    "cond in loop, shapes unknown": (cond_in_loop, VECTORS, False),
    "cond passes": (cond_passes, VECTORS, True),
    "loop in cond": (loop_in_cond, SCALAR, True),
    "loop in cond, not taken": (loop_not_taken, SCALAR, True),
    "nested conds": (nested_conds, VECTORS, True),
    "cond list": (cond_list, VECTORS, True),
    "cond of ops": (cond_ops, VECTORS, True),
    "after": (after, SCALAR, True),
    "rows": (rows, (MATRICES[1][0], MATRICES[0]), True),
    "rows in cond": (rows_in_cond, VECTORS, True),
    "rows in cond in loop": (rows_in_cond_in_loop, VECTORS, True),
    "recurrent": (recurrent, MATRICES, True),
}


def record(build, inputs, known, tensor, graph_text, config):
    with tf.Graph().as_default() as graph:
        xs = [v1.placeholder(x.dtype, x.shape if known else None, name) for x, name in zip(inputs, "xw")]
        built = build(*xs)
        ys = [y for y in (built if isinstance(built, (list, tuple)) else [built]) if y.dtype == tf.float32]
        nodes = graph_text(graph)
        grads = tf.gradients(ys, xs)
        dense = [g if g is None else tf.convert_to_tensor(g) for g in grads]
        with v1.Session(config=config) as session:
            feeds = dict(zip(xs, inputs))
            values = session.run(ys, feeds)
            found = iter(session.run([g for g in dense if g is not None], feeds))
    return {
        "nodes": nodes,
        "known": known,
        "inputs": [tensor(x) for x in inputs],
        "values": [tensor(value) for value in values],
        "gradients": [None if g is None else tensor(next(found)) for g in dense],
        "rows": [isinstance(g, indexed_slices.IndexedSlices) for g in grads],
    }


def flow_cases(tensor, graph_text, config):
    return {name: record(*case, tensor, graph_text, config) for name, case in CASES.items()}
