"""Control flow over several tasks, harder than in cluster_loops.py: three loops within each other, branches within loops within
branches, state and queues in bodies, TensorArrays, recurrent nets, functional loops and branches; gradients of all."""

import threading

import numpy as np
import tensorflow as tf
from support.program import program
from support.tasks import PLAIN, PS, W0, W1, failure_of

v1 = tf.compat.v1


def on(task, make):
    with tf.device(task):
        return make()


@program(cluster=True)
def three_loops(cluster, record):
    """Each level's condition on one task and its body on others; values from outside, gradients, several steps at once."""
    v1.disable_control_flow_v2()
    n = v1.placeholder(tf.int32, [])
    start = tf.constant([0.5, -0.25])
    scale = on(PS, lambda: v1.get_variable("scale", initializer=np.float32([0.9, 1.1]), use_resource=False))
    shift = on(W1, lambda: v1.get_variable("shift", initializer=np.float32([0.125, 0.25]), use_resource=True))
    outside = on(W0, lambda: tf.cos(start))

    def innermost(k, z):
        return on(W1, lambda: k + 1), on(PS, lambda: tf.tanh(z * scale) + outside)

    def middle(j, y):
        y = on(W1, lambda: y + shift)
        _, y = v1.while_loop(lambda k, _: on(PS, lambda: k < j), innermost, [0, y], parallel_iterations=2)
        return on(PS, lambda: j + 1), on(W0, lambda: y * 0.5)

    def outer(i, x):
        _, x = v1.while_loop(lambda j, _: on(W1, lambda: j < i + 2), middle, [0, x], parallel_iterations=1)
        return i + 1, on(PS, lambda: x - outside)

    _, out = v1.while_loop(lambda i, _: on(W0, lambda: i < n), outer, [0, start], parallel_iterations=3)
    grads = v1.gradients(out, [start, scale, shift])
    with v1.Session(cluster.target(), config=PLAIN) as sess:
        sess.run(v1.global_variables_initializer())
        for turns in (0, 1, 3):
            found = sess.run([out, *[tf.convert_to_tensor(g) for g in grads]] if turns == 0 else [out, *grads], {n: turns})
            record(f"{turns} turns", found[0], rel=1e-6)
            record(f"{turns} turns: gradients", found[1:], rel=1e-5, abs=1e-7)
        results = {}

        def step(k):
            results[k] = sess.run(out, {n: k % 4})

        threads = [threading.Thread(target=step, args=(k,)) for k in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        record("several steps at once", [results[k] for k in range(8)], rel=1e-6)


@program(cluster=True)
def branches_in_loops(cluster, record):
    """A branch on one task or another by iteration, a loop in one of them, the whole in a branch again."""
    v1.disable_control_flow_v2()
    whole, n = v1.placeholder(tf.bool, []), v1.placeholder(tf.int32, [])
    w = on(PS, lambda: v1.get_variable("w", initializer=np.float32(1.25), use_resource=True))
    start = tf.constant(2.0)

    def body(i, x):
        def odd():
            _, y = v1.while_loop(lambda j, _: j < i, lambda j, y: (j + 1, on(PS, lambda: y * w)), [0, x])
            return on(W1, lambda: tf.sqrt(tf.abs(y)))

        def even():
            return v1.cond(on(W1, lambda: x > 2.0), lambda: on(W1, lambda: x - w), lambda: on(PS, lambda: x + 3.0))

        return i + 1, v1.cond(on(PS, lambda: tf.equal(i % 2, 1)), odd, even)

    def looped():
        return v1.while_loop(lambda i, _: i < n, body, [0, start])[1]

    out = v1.cond(whole, looped, lambda: on(W1, lambda: start * w))
    last = on(W0, lambda: out + 1.0)
    grads = v1.gradients(last, [start, w])
    with v1.Session(cluster.target(), config=PLAIN) as sess:
        sess.run(w.initializer)
        for turns in range(5):
            record(f"{turns} turns", sess.run(last, {whole: True, n: turns}), rel=1e-6)
            if turns > 0:
                record(f"{turns} turns: gradients", sess.run(grads, {whole: True, n: turns}), rel=1e-5)
        record("the other branch", sess.run(last, {whole: False, n: 3}))
        record.raises("the other branch: gradients", lambda: sess.run(grads, {whole: False, n: 3}))


@program(cluster=True)
def state_in_loops(cluster, record):
    """Bodies that count on one task, take from a queue of another and only wait for a third; failures in mid-loop."""
    v1.disable_control_flow_v2()
    n = v1.placeholder(tf.int32, [])
    count = on(PS, lambda: v1.get_variable("count", initializer=np.int64(0), use_resource=False))
    marks = on(W1, lambda: v1.get_variable("marks", initializer=np.int64(0), use_resource=True))
    queue = on(W1, lambda: tf.queue.FIFOQueue(10, tf.float32, [[]], shared_name="numbers"))
    fill, size, close = queue.enqueue_many([np.arange(1, 8, dtype=np.float32)]), queue.size(), queue.close()

    def body(i, x):
        with tf.control_dependencies([x]):
            counted = on(PS, lambda: v1.assign_add(count, 1))
        with tf.control_dependencies([counted]):
            taken = queue.dequeue()
        with tf.control_dependencies([taken]):
            marked = on(W1, lambda: marks.assign_add(2, read_value=False))
        with tf.control_dependencies([marked]):
            return on(W0, lambda: i + 1), on(PS, lambda: x + taken)

    _, total = v1.while_loop(lambda i, _: i < n, body, [0, 0.0], parallel_iterations=1)
    _, checked = v1.while_loop(
        lambda i, _: i < 6, lambda i, x: (i + 1, on(W1, lambda: tf.debugging.check_numerics(tf.math.log(x), "no logarithm"))), [0, on(PS, lambda: tf.constant(3.0))]
    )
    forever = v1.while_loop(lambda x: on(W1, lambda: x < 1.0), lambda x: on(PS, lambda: x * 1.0), [on(W0, lambda: tf.constant(0.5))])
    with v1.Session(cluster.target(), config=PLAIN) as sess:
        sess.run([v1.global_variables_initializer(), fill])
        record("total", [sess.run(total, {n: k}) for k in (2, 0, 3)])
        record("state", sess.run([count, marks, size]))
        error = failure_of(lambda: sess.run(checked))
        record("fails in its second turn", [type(error).__name__, "no logarithm : Tensor had NaN values" in str(error)])
        record.raises("runs for ever", lambda: sess.run(forever, options=v1.RunOptions(timeout_in_ms=300)))
        sess.run(close)
        error = failure_of(lambda: sess.run(total, {n: 5}))
        record("runs out", [type(error).__name__, "is closed and has insufficient elements (requested 1, current size 0)" in str(error)])
        sess.run(v1.global_variables_initializer())
        record("goes on", sess.run([total, count], {n: 0})[0])


@program(cluster=True)
def tensor_arrays(cluster, record):
    """Arrays filled on one task and read on another, by loops, scans and maps; and a gradient through each."""
    v1.disable_control_flow_v2()

    def inputs():
        return (
            on(PS, lambda: tf.constant(np.linspace(-1, 1, 12).reshape(6, 2).astype(np.float32))),
            on(W1, lambda: v1.get_variable("w", initializer=np.float32([[1.0, -0.5], [0.25, 2.0]]), use_resource=True)),
        )

    def looped():
        def body(i, array, y):
            y = on(W1, lambda: tf.tanh(tf.matmul(y, w)))
            return on(PS, lambda: i + 1), on(PS, lambda: array.write(i, y[0])), y

        array = on(PS, lambda: tf.TensorArray(tf.float32, 4))
        _, array, last = v1.while_loop(lambda i, *_: i < 4, body, [0, array, x[:1]])
        return on(PS, lambda: array.stack()) + last

    # An array lies where its first element is made, which reads and writes that are put elsewhere contradict.
    def scanned():
        return tf.scan(lambda a, b: on(W0, lambda: tf.sin(a + b)) * on(PS, lambda: b + 1.5), x)

    def mapped():
        return tf.map_fn(lambda row: on(W1, lambda: tf.linalg.matvec(w, row)) + on(PS, lambda: row * row), x, parallel_iterations=4)

    def folded():
        return tf.foldr(lambda a, row: on(W1, lambda: tf.tanh(a + row)), x)

    for name, make in {"looped": looped, "scanned": scanned, "mapped": mapped, "folded": folded}.items():
        with tf.Graph().as_default():
            x, w = inputs()
            out = make()
            grads = v1.gradients(tf.reduce_sum(out * out), [x, w] if name in ("looped", "mapped") else [x])
            with v1.Session(cluster.target(), config=PLAIN) as sess:
                sess.run(w.initializer)
                record(name, sess.run(out), rel=1e-6, abs=1e-7)
                record(f"{name}: gradients", sess.run(grads), rel=1e-5, abs=1e-6)
    with tf.Graph().as_default(), tf.device(W1):
        x, w = inputs()
        torn = tf.scan(lambda a, b: tf.sin(a + b), x)
        with v1.Session(cluster.target(), config=PLAIN) as sess:
            record.raises("contradiction", lambda: sess.run(torn))


def cell(task, name, units):
    """One layer of a recurrent net, with its variables on a task and its computation on another."""
    rows = units + 3 if name == "first" else 2 * units
    kernel = on(PS, lambda: v1.get_variable(f"{name}/kernel", initializer=(np.random.RandomState(rows).randn(rows, units) * 0.4).astype(np.float32), use_resource=True))

    def step(x, state):
        return on(task, lambda: tf.tanh(tf.matmul(tf.concat([x, state], 1), kernel)))

    return step


def recurrent(lengths):
    """Two layers on two tasks over time, unrolled by a loop that stops where the longest sequence does."""
    random = np.random.RandomState(2)
    x = tf.constant(random.randn(4, 5, 3).astype(np.float32))
    first, second = cell(W0, "first", 4), cell(W1, "second", 4)
    steps = on(PS, lambda: tf.reduce_max(lengths))

    def body(t, a, b, total):
        live = on(W1, lambda: tf.cast(t < lengths, tf.float32)[:, None])
        a = first(on(PS, lambda: x[:, t]), a)
        b = second(a, b)
        return t + 1, a, b, on(W1, lambda: total + live * b)

    zeros = tf.zeros([4, 4])
    return tf.while_loop(lambda t, *_: t < steps, body, [0, zeros, zeros, zeros])[3]


@program(cluster=True)
def recurrent_nets(cluster, record):
    """Training through a loop, in both generations of control flow."""
    for v2 in (False, True):
        (v1.enable_control_flow_v2 if v2 else v1.disable_control_flow_v2)()
        with tf.Graph().as_default():
            lengths = v1.placeholder(tf.int32, [4])
            loss = on(W0, lambda: tf.reduce_mean(tf.square(recurrent(lengths) - 1.0)))
            train = v1.train.MomentumOptimizer(0.05, 0.9).minimize(loss)
            with v1.Session(cluster.target(), config=PLAIN) as sess:
                sess.run(v1.global_variables_initializer())
                found = [sess.run([loss, train], {lengths: [5, k % 4 + 1, 1, 2] if k % 3 else [1, 0, 1, 2]})[0] for k in range(12)]
                record(f"losses, {'functional' if v2 else 'v1'}", np.array(found), rel=1e-5)
        v1.Session.reset(cluster.target())


@program(cluster=True)
def functional(cluster, record):
    """TF2's loops and branches with bodies on several tasks, within each other; lists of tensors go from task to task."""
    v1.enable_control_flow_v2()
    n, which = v1.placeholder(tf.int32, []), v1.placeholder(tf.int32, [])
    start = tf.constant([0.5, 1.5])
    w = on(PS, lambda: v1.get_variable("w", initializer=np.float32([0.75, 1.25]), use_resource=True))
    value = w.read_value()

    def inner(j, y):
        return j + 1, on(W1, lambda: y * value) + on(PS, lambda: tf.cos(y))

    def outer(i, x):
        def turned():
            return tf.while_loop(lambda j, _: j < i + 1, inner, [0, x])[1]

        def plain():
            return on(W1, lambda: tf.square(x) - value)

        return i + 1, on(W0, lambda: tf.tanh(tf.cond(tf.equal(i % 2, 0), turned, plain)))

    looped = tf.while_loop(lambda i, _: i < n, outer, [0, start])[1]
    switched = tf.switch_case(which, [lambda: on(PS, lambda: start * value), lambda: on(W1, lambda: start - value), lambda: on(W0, lambda: tf.exp(value))])
    loop_grads, switch_grads = v1.gradients(looped, [start, value]), v1.gradients(switched, [start, value])
    with v1.Session(cluster.target(), config=PLAIN) as sess:
        sess.run(w.initializer)
        for turns in (0, 1, 2, 5):
            record(f"{turns} turns", sess.run(looped, {n: turns}), rel=1e-6)
            record(f"{turns} turns: gradients", sess.run(loop_grads, {n: turns}), rel=1e-5)
        for case in (0, 1, 2, 7, -1):
            record(f"case {case}", sess.run([switched, *switch_grads], {which: case}), rel=1e-6)
