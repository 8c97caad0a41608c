"""while_loop and cond in both kinds of control flow, nested, with gradients; tf.function in a v1 session."""

import json
import os
import pathlib
import re
import subprocess

import numpy as np
import tensorflow as tf
from support.program import program

v1 = tf.compat.v1


def loops(target, record):
    n = v1.placeholder(tf.int32, [], "n")
    x = v1.placeholder(tf.float32, [], "x")
    i, acc = v1.while_loop(lambda i, a: i < n, lambda i, a: (i + 1, a * x + tf.cast(i, tf.float32)), [0, tf.constant(1.0)])
    grad = tf.gradients(acc, x)[0]

    def outer(i, total):
        _, inner = v1.while_loop(lambda j, t: j < i, lambda j, t: (j + 1, t + tf.cast(j, tf.float32) * x), [0, 0.0])
        return i + 1, total + inner

    _, nested = v1.while_loop(lambda i, t: i < n, outer, [0, 0.0])
    nested_grad = tf.gradients(nested, x)[0]
    w = v1.get_variable("w", initializer=np.float32(2), use_resource=True)
    _, branch = v1.while_loop(
        lambda i, a: i < n,
        lambda i, a: (i + 1, v1.cond(tf.equal(i % 2, 0), lambda: a * w, lambda: a + x)),
        [0, tf.constant(0.5)],
    )
    branch_grads = tf.gradients(branch, [w, x])
    serial = v1.while_loop(lambda i: i < n, lambda i: i + 2, [0], parallel_iterations=1)
    with v1.Session(target) as sess:
        sess.run(v1.global_variables_initializer())
        for k in (0, 1, 7):
            feeds = {n: k, x: 1.5}
            record(f"loop {k}", sess.run([i, acc, serial], feeds), rel=1e-6)
            record(f"gradient {k}", sess.run(grad, feeds), rel=1e-6)
            record(f"nested {k}", sess.run([nested, nested_grad], feeds), rel=1e-6)
            record(f"branch {k}", sess.run(branch, feeds), rel=1e-6)
            record(f"branch gradients {k}", sess.run(branch_grads, feeds), rel=1e-6)
        record("many", sess.run(i, {n: 3000, x: 0.5}))


def conds(target, record):
    x, y = v1.placeholder(tf.float32, [], "x"), v1.placeholder(tf.float32, [], "y")
    w = v1.get_variable("w", initializer=np.float32(3), use_resource=True)
    counter = v1.get_variable("counter", initializer=np.int32(0), use_resource=True)
    up = lambda: counter.assign_add(1, read_value=False)  # noqa: E731

    def counted(value):
        with tf.control_dependencies([up()]):
            return tf.identity(value)

    r = v1.cond(x < y, lambda: counted(x * w), lambda: y - w)
    nested = v1.cond(x < 0.0, lambda: v1.cond(y < 0.0, lambda: x * y * w, lambda: x - y), lambda: tf.square(x))
    grads = tf.gradients([r, nested], [x, w])
    with v1.Session(target) as sess:
        sess.run(v1.global_variables_initializer())
        for a, b in ((1, 2), (3, 2), (-1, -2), (-1, 2)):
            feeds = {x: a, y: b}
            record(f"cond {a} {b}", sess.run([r, nested], feeds))
            record(f"gradients {a} {b}", sess.run(grads, feeds), rel=1e-6)
            record(f"counter {a} {b}", sess.run(counter))


def mapped(target, record):
    x = v1.placeholder(tf.float32, [None, 2], "x")
    m = tf.map_fn(lambda r: tf.reduce_sum(r) * 2.0, x)
    s = v1.scan(lambda a, r: a * 0.5 + r, x)
    g = tf.gradients(tf.reduce_sum(s), x)[0]
    with v1.Session(target) as sess:
        for rows in (1, 4):
            record(f"rows {rows}", sess.run([m, s, g], {x: np.arange(2 * rows, dtype=np.float32).reshape(rows, 2)}))


def define(body):
    for kind in ("v1", "v2"):

        def run(target, record, two=kind == "v2"):
            (v1.enable_control_flow_v2 if two else v1.disable_control_flow_v2)()
            body(target, record)

        run.__name__ = f"{body.__name__}_{kind}"
        program()(run)


for _body in (loops, conds, mapped):
    define(_body)


@program()
def functions(target, record):
    @tf.function(input_signature=[tf.TensorSpec(None, tf.float32)])
    def square(v):
        return v * v + 1.0

    @tf.function(input_signature=[tf.TensorSpec([], tf.int32)])
    def factorial(n):
        r = tf.constant(1)
        while n > 1:
            r *= n
            n -= 1
        return r

    w = v1.get_variable("w", initializer=np.float32(2), use_resource=True)

    @tf.function(input_signature=[tf.TensorSpec([], tf.float32)])
    def stateful(v):
        w.assign_add(v)
        tf.debugging.assert_less(v, 100.0, message="too much")
        return w * square(v)

    x, n, v = v1.placeholder(tf.float32, None), v1.placeholder(tf.int32, []), v1.placeholder(tf.float32, [])
    y = square(square(x))
    grad = tf.gradients(y, x)[0]
    out = stateful(v)
    f = factorial(n)
    with v1.Session(target) as sess:
        sess.run(v1.global_variables_initializer())
        record("square", sess.run([y, grad], {x: [1, 2, 3]}))
        record("factorial", [sess.run(f, {n: k}) for k in (0, 1, 5)])
        record("stateful", [sess.run(out, {v: k}) for k in (1, 2)])
        record("w", sess.run(w))


@program()
def lowered_names(target, record):
    """What nodes are called that lowering makes of control flow and its functions, as traces show them."""
    v1.enable_control_flow_v2()
    x, i = v1.placeholder(tf.float32, [], "x"), v1.placeholder(tf.int32, [], "i")
    w = v1.get_variable("w", initializer=np.float32(2), use_resource=True)

    def halved(n, a):
        return n + 1, tf.cond(a > 1.0, lambda: tf.sqrt(a, name="root") * w, lambda: tf.negative(a, name="turned"), name="inner")

    ends = [
        tf.cond(x > 0.0, lambda: tf.negative(x, name="n"), lambda: tf.multiply(x, 2.0, name="m"), name="choice"),
        tf.while_loop(lambda n, a: n < 3, halved, [0, x], name="loop")[1],
        tf.switch_case(i, [lambda: tf.negative(x, name="n"), lambda: tf.cond(x > 1.0, lambda: tf.exp(x, name="e"), lambda: x, name="deep")], name="cases"),
        tf.cond(x < 0.0, lambda: tf.negative(x, name="n"), lambda: w.assign_add(x, name="more"), name="last"),
    ]
    config = v1.ConfigProto()
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    config.graph_options.optimizer_options.opt_level = -1
    with v1.Session(target, config=config) as sess:
        sess.run(w.initializer)
        for values in ({x: 4.0, i: 0}, {x: -4.0, i: 1}, {x: 2.0, i: 1}):
            metadata = v1.RunMetadata()
            sess.run([end.op for end in ends], values, options=v1.RunOptions(trace_level=v1.RunOptions.FULL_TRACE), run_metadata=metadata)
            names = {node.node_name for dev in metadata.step_stats.dev_stats for node in dev.node_stats}
            # Around a body TensorFlow has identities that ours does without.
            inside = {name for name in names if re.search(r"/_\d+/", name) and not re.search("Func/|/(input|done_|output_|branch_executed)", name)}
            made = {name for name in names if re.search(r"^\w+/(switch_pred|pivot_.|output|merge|LoopCond|next_iteration|exit|loop_body_control|x_switch|x|w)/_\d+$", name)}
            record("inside", sorted(inside))
            record("made", sorted(made))


@program()
def recursion(target, record):
    """A function that calls itself through a cond."""
    from tensorflow.python.framework import function

    @function.Defun(tf.int32, func_name="fact")
    def fact(n):
        return v1.cond(n <= 1, lambda: tf.constant(1), lambda: n * fact_call(n - 1))

    def fact_call(n):
        return fact(n)

    try:
        x = v1.placeholder(tf.int32, [])
        y = fact(x)
        with v1.Session(target) as sess:
            record.raises("recursion", lambda: sess.run(y, {x: 5}))
    except Exception as error:  # noqa: BLE001  (Python itself may refuse; then both sides record the same)
        record("refused", type(error).__name__)


@program()
def errors_inside(target, record):
    """Nodes that fail inside calls, conditions and loops are named as in their functions."""
    one = [tf.TensorSpec([], tf.float32)]

    def fail(v, name):
        return tf.debugging.check_numerics(v / 0.0, "here", name=name)

    @tf.function(input_signature=one)
    def called(v):
        return fail(v, "in_call")

    @tf.function(input_signature=one)
    def calls(v):
        return called(v * 1.0) * 2.0

    @tf.function(input_signature=one)
    def chooses(v):
        return tf.cond(v > 0, lambda: fail(v, "in_condition_of_call"), lambda: v)

    @tf.function(input_signature=one)
    def turns(v):
        return tf.while_loop(lambda i: i < 3.0, lambda i: fail(i, "in_loop_of_call"), [v])

    x = v1.placeholder(tf.float32, [], "x")
    fetches = {
        "call": called(x),
        "call in a call": calls(x),
        "condition in a call": chooses(x),
        "loop in a call": turns(x),
        "condition": v1.cond(x > 0, lambda: fail(x, "in_condition"), lambda: x),
        "condition in a condition": v1.cond(x > 0, lambda: tf.cond(x > 0.5, lambda: fail(x, "deep"), lambda: x), lambda: x),
        "loop": v1.while_loop(lambda i: i < 3.0, lambda i: fail(i, "in_loop"), [x]),
        "case": tf.switch_case(tf.cast(x, tf.int32), [lambda: x, lambda: fail(x, "in_case")]),
        "assertion": v1.Assert(x > 1.0, [x], name="must_hold"),
    }
    with v1.Session(target) as sess:
        for name, fetch in fetches.items():
            record.raises(name, lambda: sess.run(fetch, {x: 1.0}))


@program(deadline=120)
def typescript_gradients(target, record):
    """Gradients that the TypeScript client builds of loops, conditions and calls: both servers run them, and alike."""
    script = pathlib.Path(__file__).resolve().parents[2] / "dist/conformance/gradients.js"
    done = subprocess.run([os.environ.get("NODE", "node"), str(script), target], capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stderr
    for name, values in json.loads(done.stdout).items():
        for i, value in enumerate(values):
            record(f"{name} {i}", np.array(value), rel=1e-6 if name == "builder" else 1e-12)
