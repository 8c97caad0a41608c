"""Loops, branches and functions whose bodies lie on several tasks, of both generations; gradients through them."""

import numpy as np
import tensorflow as tf
from support.program import program
from support.tasks import PLAIN, PS, W0, W1
from tensorflow.python.framework import function

v1 = tf.compat.v1


@program(cluster=True)
def while_v1(cluster, record):
    v1.disable_control_flow_v2()
    n = v1.placeholder(tf.int32, [])
    with tf.device(PS):
        scale = v1.get_variable("scale", initializer=np.float32([1.5, 0.5]), use_resource=False)

    def body(i, x):
        with tf.device(PS):
            y = x * scale
        with tf.device(W1):
            return i + 1, y + 1.0

    with tf.device(W0):
        _, out = v1.while_loop(lambda i, x: i < n, body, [0, tf.constant([1.0, 2.0])], parallel_iterations=4)
        grad = v1.gradients(out, [scale])[0]
    with v1.Session(cluster.target(), config=PLAIN) as sess:
        sess.run(scale.initializer)
        for k in (0, 1, 2, 7):
            record(f"{k} turns", sess.run(out, {n: k}))
            record(f"{k} turns, gradient", sess.run(grad, {n: k}))


@program(cluster=True)
def nested_while_v1(cluster, record):
    v1.disable_control_flow_v2()
    n, m = v1.placeholder(tf.int32, []), v1.placeholder(tf.int32, [])
    start = tf.constant([1.0, 2.0])

    def inner(j, y):
        with tf.device(W1):
            y = tf.sin(y) + 0.5
        with tf.device(PS):
            return j + 1, y * 1.25

    def outer(i, x):
        with tf.device(PS):
            x = x + 0.25
        _, x = v1.while_loop(lambda j, _: j < m + i, inner, [0, x], parallel_iterations=3)
        with tf.device(W0):
            return i + 1, x * 0.75

    _, out = v1.while_loop(lambda i, _: i < n, outer, [0, start])
    grad = v1.gradients(out, [start])[0]
    with v1.Session(cluster.target(), config=PLAIN) as sess:
        for sizes in ((0, 3), (1, 1), (2, 0), (3, 2)):
            got = sess.run([out, grad], {n: sizes[0], m: sizes[1]})
            record(f"{sizes}", got[0], ulp=4)
            record(f"{sizes} gradient", got[1], rel=1e-6)


@program(cluster=True)
def while_v2(cluster, record):
    v1.enable_control_flow_v2()
    n = v1.placeholder(tf.int32, [])
    start = tf.constant([1.0, 2.0])

    def body(i, x):
        with tf.device(PS):
            y = x * 1.5
        with tf.device(W1):
            return i + 1, y + 1.0

    _, out = tf.while_loop(lambda i, x: i < n, body, [0, start])
    grad = v1.gradients(out, [start])[0]
    with v1.Session(cluster.target(), config=PLAIN) as sess:
        for k in (0, 1, 5):
            record(f"{k} turns", sess.run([out, grad], {n: k}))


@program(cluster=True)
def cond(cluster, record):
    v1.disable_control_flow_v2()
    p = v1.placeholder(tf.bool, [])
    q = v1.placeholder(tf.bool, [])
    with tf.device(PS):
        v = v1.get_variable("v", initializer=np.float32([1, 2]), use_resource=False)
        w = v1.get_variable("w", initializer=np.float32([3, 4]), use_resource=True)

    def on_ps():
        with tf.device(PS):
            return v * 2.0

    def on_worker():
        with tf.device(W1):
            return v1.cond(q, lambda: w - 1.0, lambda: w * w)

    out = v1.cond(p, on_ps, on_worker)
    with tf.device(W0):
        total = tf.reduce_sum(out)
    grads = v1.gradients(total, [v, w])
    with v1.Session(cluster.target(), config=PLAIN) as sess:
        sess.run(v1.global_variables_initializer())
        for k in range(4):
            feeds = {p: k % 2 == 0, q: k // 2 == 0}
            record(f"{k}", sess.run([out, total], feeds))
            record.raises(f"{k} gradient", lambda: [np.asarray(g) for g in sess.run([tf.convert_to_tensor(g) for g in grads], feeds)])


@program(cluster=True)
def cond_in_while(cluster, record):
    v1.disable_control_flow_v2()

    def body(i, x):
        def even():
            with tf.device(PS):
                return x + 1.0

        def odd():
            with tf.device(W1):
                return x * 2.0

        with tf.device(W0):
            return i + 1, v1.cond(tf.equal(i % 2, 0), even, odd)

    start = tf.constant(1.0)
    with tf.device(W1):
        _, out = v1.while_loop(lambda i, _: i < 6, body, [0, start])
    grad = v1.gradients(out, [start])[0]
    with v1.Session(cluster.target(), config=PLAIN) as sess:
        for _ in range(3):
            record("value", sess.run([out, grad]))


@program(cluster=True)
def functional_control_flow(cluster, record):
    """Bodies on the task of the call, which is what a real session can do."""
    v1.enable_control_flow_v2()
    p = v1.placeholder(tf.bool, [])
    with tf.device(PS):
        a = tf.cond(p, lambda: tf.constant(1.0), lambda: tf.constant(2.0))
    with tf.device(W1):
        _, b = tf.while_loop(lambda i, _: i < 5, lambda i, x: (i + 1, x + a), [0, a])
    with v1.Session(cluster.target(), config=PLAIN) as sess:
        record("true", sess.run([a, b], {p: True}))
        record("false", sess.run([a, b], {p: False}))


@program(cluster=True)
def functions(cluster, record):
    @tf.function
    def twice(x):
        return x * 2.0

    with tf.device(PS):
        a = twice(tf.constant([1.0, 2.0]))
    with tf.device(W1):
        b = twice(a) + 1.0
    with tf.device(PS):
        v = v1.get_variable("v", initializer=np.float32(3), use_resource=True)
    with tf.device(W0):
        w = v1.get_variable("w", initializer=np.float32(5), use_resource=True)

    @function.Defun(tf.resource, tf.float32, noinline=True)
    def scaled(handle, x):
        return x * tf.raw_ops.ReadVariableOp(resource=handle, dtype=tf.float32)

    @tf.function
    def on_part_of_a_device(x):
        with tf.device("/device:CPU:0"):
            y = tf.random.uniform([], name="inner")
        return x * v + w + 0.0 * y

    with tf.device(W1):
        c = scaled(v.handle, tf.constant(2.0))
        d = on_part_of_a_device(c)
    with v1.Session(cluster.target(), config=PLAIN) as sess:
        record("value", sess.run([a, b]))
    # Real tasks can do this since Grappler inlines the calls.
    with v1.Session(cluster.target()) as sess:
        sess.run(v1.global_variables_initializer())
        record("of variables elsewhere", sess.run([c, d]))
        metadata = v1.RunMetadata()
        sess.run(d, options=v1.RunOptions(output_partition_graphs=True), run_metadata=metadata)
        record("where", sorted({n.device for graph in metadata.partition_graphs for n in graph.node if n.op == "RandomUniform"}))
