"""Loops and conditions that are functions, as TensorFlow's second control flow builds them, for record_client.py: the graph
before gradients were asked for, which the test imports and differentiates itself, and what TensorFlow found.
"""

import base64

import numpy as np
import tensorflow as tf
from tensorflow.python.framework import indexed_slices

v1 = tf.compat.v1


def loop(x, w):
    return tf.while_loop(lambda i, v: i < 4, lambda i, v: (i + 1, tf.tanh(v * w) + x), [0, x])[1]


def fed_count(x, w):
    """How often is decided by a value; the shape changes on the way."""
    def body(i, v):
        return i + 1, tf.concat([v, tf.sin(v[:1]) * w[:1]], 0)

    times = tf.cast(tf.reduce_sum(x * x), tf.int32) + 2
    return tf.while_loop(lambda i, v: i < times, body, [0, x], shape_invariants=[tf.TensorShape([]), tf.TensorShape([None])])[1]


def never(x, w):
    return tf.while_loop(lambda i, v: i < 0, lambda i, v: (i + 1, v * w), [0, x])[1]


def limited(x, w):
    return tf.while_loop(lambda v: tf.reduce_sum(v) < 1e6, lambda v: v * w + 1.0, [x], maximum_iterations=3)[0]


def two_values(x, w):
    """One feeds the other; the third is forgotten every time; the fourth counts for nothing."""
    def body(i, a, b, c, d):
        return i + 1, a * b, b + tf.sin(c), tf.ones_like(c) * 2.0, d * 2.0

    a, b, c, _ = tf.while_loop(lambda i, *_: i < 3, body, [0, x, w, x * w, x])[1:]
    return a + c


def recurrent(x, w):
    """A TensorArray in, a TensorArray out."""
    rows = tf.TensorArray(x.dtype, 3).unstack(x)
    out = tf.TensorArray(x.dtype, 3)

    def body(i, h, out):
        h = tf.tanh(rows.read(i) + tf.linalg.matvec(w, h))
        return i + 1, h, out.write(i, h * 2.0)

    h, out = tf.while_loop(lambda i, *_: i < 3, body, [0, tf.zeros([2], x.dtype), out])[1:]
    return out.stack() * tf.reduce_sum(h)


def scan(x, w):
    return tf.scan(lambda a, row: a * w[0] + row, x)


def map_fn(x, w):
    return tf.map_fn(lambda row: tf.sin(row) * w[0], x)


def nested(x, w):
    def inner(v):
        return tf.while_loop(lambda j, u: j < 2, lambda j, u: (j + 1, tf.sin(u) * w + v), [0, v])[1]

    return tf.while_loop(lambda i, v: i < 3, lambda i, v: (i + 1, inner(v)), [0, x])[1]


def condition(x, w):
    return tf.cond(tf.reduce_sum(x) > 0, lambda: tf.sin(x * w) * tf.exp(x), lambda: x - w)


def one_sided(x, w):
    """Each branch has an input of its own."""
    return tf.cond(tf.reduce_sum(x) < 0, lambda: tf.square(x), lambda: tf.sin(w))


def condition_in_loop(x, w):
    def body(i, v):
        return i + 1, tf.cond(tf.equal(i % 2, 0), lambda: tf.tanh(v * w), lambda: v + tf.square(x))

    return tf.while_loop(lambda i, v: i < 5, body, [0, x])[1]


def loop_in_condition(x, w):
    return tf.cond(tf.reduce_sum(w) > 0, lambda: loop(x, w), lambda: x)


def cases(x, w):
    index = tf.cast(tf.reduce_sum(w) > 0, tf.int32) + 1
    return tf.switch_case(index, [lambda: x, lambda: tf.sin(x) * w, lambda: tf.exp(x * w) + tf.sin(w), lambda: w])


def call(x, w):
    inner = tf.function(lambda a, b: tf.sin(a) * b)
    outer = tf.function(lambda a, b: inner(a, b) + inner(b, tf.exp(a)))
    return outer(x, w)


def gathered(x, w):
    """Rows come back as rows, and are made whole by the loop."""
    return tf.while_loop(lambda i, v: i < 3, lambda i, v: (i + 1, v + tf.gather(x, [i % 2, 0]) * w), [0, w])[1]


def rows_of_call(x, w):
    return tf.function(lambda a: tf.gather(a, [1, 1]))(x) * w


def rows_of_condition(x, w):
    """Rows of the branch that is taken, all of them where it isn't."""
    y = tf.cond(tf.reduce_sum(x) > 0, lambda: tf.gather(x, [1, 1]), lambda: tf.gather(x, np.int64([0, 1])))
    return y * tf.cond(tf.reduce_sum(w) < 0, lambda: tf.gather(w, [1, 0]), lambda: w * w)


def forgotten(x, w):
    return tf.function(lambda a, b: (a * 2.0, b * b))(x, w)[0]


def handed_on(x, w):
    return tf.while_loop(lambda i, *_: i < 3, lambda i, a, b: (i + 1, a * b, b), [0, x, w])[2]


def turns(x, w):
    """None at all, decided by a value; values that change places; a scalar; a dead end."""
    a = tf.while_loop(lambda i, _: i < tf.cast(x[0], tf.int32), lambda i, v: (i + 1, v * w), [0, x])[1]
    b, c = tf.while_loop(lambda i, *_: i < 3, lambda i, u, v: (i + 1, v, u), [0, x, w * 2.0])[1:]
    s = tf.while_loop(lambda i, _: i < 3, lambda i, v: (i + 1, v * tf.reduce_sum(w)), [0, x[0]])[1]
    d = tf.while_loop(lambda i, _: i < 3, lambda i, v: (i + 1, w * tf.cast(i, w.dtype)), [0, x])[1]
    return a * b + c * s + d


def three_deep(x, w):
    def innermost(i, j, v):
        return tf.while_loop(lambda k, _: k < i + j, lambda k, u: (k + 1, u * w + v), [0, v])[1]

    def inner(i, v):
        return tf.while_loop(lambda j, _: j < i, lambda j, u: (j + 1, innermost(i, j, u) * v), [0, v])[1]

    return tf.while_loop(lambda i, _: i < 3, lambda i, v: (i + 1, inner(i, v)), [0, x])[1]


def rows_of_variable(x, w):
    v = v1.get_variable("v", initializer=np.float64([0.5, -0.25]), use_resource=True)
    return tf.cond(tf.reduce_sum(x) > 0, lambda: tf.gather(v, [0, 0]) * w, lambda: x)


def second_order(x, w):
    return tf.gradients(loop(x, w), x)[0]


def second_order_condition(x, w):
    return tf.gradients(condition(x, w), w)[0]


def second_order_other_branch(x, w):
    y = tf.cond(tf.reduce_sum(x) < 0, lambda: tf.sin(x * w) * tf.exp(x), lambda: tf.sin(w))
    return tf.gradients(y, w)[0]


def second_order_nested(x, w):
    return tf.gradients(nested(x, w), w)[0]


def variable(x, w):
    v = v1.get_variable("v", initializer=np.float64([0.5, -0.25]), use_resource=True)
    return tf.while_loop(lambda i, u: i < 3, lambda i, u: (i + 1, tf.sin(u * v) + w), [0, x])[1]


def variable_in_condition(x, w):
    v = v1.get_variable("v", initializer=np.float64([0.5, -0.25]), use_resource=True)
    return tf.cond(tf.reduce_sum(x) > 0, lambda: x * v, lambda: w + x)


VECTORS = [loop, fed_count, never, limited, two_values, nested, condition, one_sided, condition_in_loop, loop_in_condition, cases]
VECTORS += [rows_of_call, rows_of_condition, forgotten, handed_on, turns, three_deep, rows_of_variable]
VECTORS += [call, gathered, second_order, second_order_condition, second_order_other_branch, second_order_nested, variable, variable_in_condition]


def inputs_of(build):
    rng = np.random.RandomState(2)
    if build in (recurrent, scan, map_fn):
        return [rng.uniform(-0.9, 0.9, [3, 2]), rng.uniform(-0.9, 0.9, [2, 2])]
    return [np.array([0.3, 0.7]), np.array([0.9, 1.3])]


def record_gradient(tensor, config, build, inputs):
    with tf.Graph().as_default() as graph:
        xs = [v1.placeholder(x.dtype, x.shape, f"x{i}") for i, x in enumerate(inputs)]
        y = tf.identity(build(*xs), "y")
        dy = v1.placeholder(y.dtype, [None] * y.shape.rank if y.shape.rank is not None else None, "dy")
        variables = v1.global_variables()
        init = v1.variables_initializer(variables).name
        forward = graph.as_graph_def().SerializeToString()
        grads = tf.gradients(y, xs + variables, dy)
        feeds = dict(zip(xs, inputs))
        with v1.Session(config=config) as session:
            session.run(init)
            value = session.run(y, feeds)
            seed = np.random.RandomState(1).uniform(-1, 1, value.shape).astype(value.dtype)
            dense = [None if g is None else tf.convert_to_tensor(g) if isinstance(g, indexed_slices.IndexedSlices) else g for g in grads]
            found = iter(session.run([g for g in dense if g is not None], {**feeds, dy: seed}))
    return {
        "name": build.__name__,
        "graph": base64.b64encode(forward).decode(),
        "inputs": [tensor(x) for x in inputs],
        "variables": [v.op.name for v in variables],
        "init": init,
        "y": tensor(value),
        "dy": tensor(seed),
        "rows": [isinstance(g, indexed_slices.IndexedSlices) for g in grads],
        "expected": [None if g is None else tensor(next(found)) for g in grads],
    }


def function_cases(tensor, config):
    v1.enable_control_flow_v2()
    try:
        made = [*VECTORS, recurrent, scan, map_fn]
        return [record_gradient(tensor, config, build, inputs_of(build)) for build in made]
    finally:
        v1.disable_control_flow_v2()
