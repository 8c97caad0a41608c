"""One graph over several tasks: training, control flow that crosses, state common to masters, every dtype, errors."""

import re

import numpy as np
import tensorflow as tf
from support.program import program

v1 = tf.compat.v1
PS, W0, W1 = "/job:ps/task:0", "/job:worker/task:0", "/job:worker/task:1"
# Values as each op computes them, on the task that it was put on.
PLAIN = v1.ConfigProto()
PLAIN.graph_options.rewrite_options.disable_meta_optimizer = True
PLAIN.graph_options.optimizer_options.opt_level = -1


def train(cluster, record, optimizer, resource):
    random = np.random.RandomState(7)
    centres = random.randn(5, 20)
    y = random.randint(0, 5, 256).astype(np.int32)
    x = (centres[y] + 0.8 * random.randn(256, 20)).astype(np.float32)
    weights = [random.randn(20, 32) * 0.2, np.zeros(32), random.randn(32, 5) * 0.2, np.zeros(5)]
    with tf.device(PS):
        w1, b1, w2, b2 = (
            v1.get_variable(f"v{k}", initializer=w.astype(np.float32), use_resource=resource) for k, w in enumerate(weights)
        )
        step = v1.get_variable("step", initializer=np.int64(0), use_resource=resource, trainable=False)
    with tf.device(W1):
        images, labels = v1.placeholder(tf.float32, [None, 20]), v1.placeholder(tf.int32, [None])
        logits = tf.matmul(tf.nn.relu(tf.matmul(images, w1) + b1), w2) + b2
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))
        train_op = optimizer.minimize(loss, global_step=step)
    with v1.Session(cluster.target()) as sess:
        sess.run(v1.global_variables_initializer())
        losses = []
        for k in range(30):
            at = k * 32 % len(x)
            losses.append(sess.run([loss, train_op], {images: x[at : at + 32], labels: y[at : at + 32]})[0])
        record("losses", np.array(losses), rel=1e-5)
        record("step", sess.run(step))
        record("it learns", bool(np.mean(losses[-5:]) < np.mean(losses[:5])))


@program(cluster=True)
def mlp_gradient_descent(cluster, record):
    train(cluster, record, v1.train.GradientDescentOptimizer(0.1), False)


@program(cluster=True)
def mlp_adam(cluster, record):
    train(cluster, record, v1.train.AdamOptimizer(0.005), True)




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
    with v1.Session(cluster.target(), config=PLAIN) as sess:
        record("value", sess.run([a, b]))


DTYPES = [
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "bfloat16", "float32",
    "float64", "complex64", "complex128", "string", "qint8", "quint8", "qint32", "qint16", "quint16", "float8_e5m2", "float8_e4m3fn",
]  # fmt: skip


@program(cluster=True)
def dtypes(cluster, record):
    fetches, names = [], []
    for name in DTYPES:
        dtype = tf.dtypes.as_dtype(name)
        for shape in ([], [3], [0, 2], [70, 80]):
            size = int(np.prod(shape))
            if name == "string":
                value = tf.constant(np.reshape(np.array([b"%d" % k * (k % 5) for k in range(size)], object), shape))
            else:
                numbers = np.reshape(np.arange(size) % 100, shape)
                value = numbers.astype(dtype.as_numpy_dtype)
                value = tf.constant(numbers.astype(np.int32) if dtype.is_quantized else value)
            with tf.device(PS):
                here = tf.bitcast(tf.cast(value, tf.int8 if dtype.size == 1 else tf.int16 if dtype.size == 2 else tf.int32), dtype) if dtype.is_quantized else tf.identity(value)
            with tf.device(W1):
                there = tf.identity(here)
            with tf.device(W0):
                fetches.append(tf.identity(there))
            names.append(f"{name} {shape}")
    with v1.Session(cluster.target(), config=PLAIN) as sess:
        for name, value in zip(names, sess.run(fetches)):
            value = np.asarray(value)
            record(name, [str(value.dtype), list(value.shape), value.tolist() if value.dtype == object else value.tobytes()])


@program(cluster=True)
def variants(cluster, record):
    with tf.device(PS):
        items = tf.raw_ops.TensorListReserve(element_shape=[2], num_elements=3, element_dtype=tf.float32)
        items = tf.raw_ops.TensorListSetItem(input_handle=items, index=1, item=tf.constant([1.0, 2.0]))
        text = tf.raw_ops.TensorListFromTensor(tensor=tf.constant(["a", "bc"]), element_shape=tf.constant([], tf.int32))
        empty = tf.raw_ops.EmptyTensorList(element_shape=-1, max_num_elements=5, element_dtype=tf.int64)
        nested = tf.raw_ops.TensorListFromTensor(tensor=tf.stack([items, text]), element_shape=tf.constant([], tf.int32))
        zeros = tf.zeros_like(items)
        given = tf.raw_ops.OptionalFromValue(components=[tf.constant(5), tf.constant("x")])
        none = tf.raw_ops.OptionalNone()
    with tf.device(W1):
        stacked = tf.raw_ops.TensorListStack(input_handle=items, element_shape=[2], element_dtype=tf.float32)
        strings = tf.raw_ops.TensorListStack(input_handle=text, element_shape=tf.constant([], tf.int32), element_dtype=tf.string)
        length = tf.raw_ops.TensorListLength(input_handle=empty)
        pushed = tf.raw_ops.TensorListPushBack(input_handle=empty, tensor=tf.constant(np.int64(7)))
        size = tf.raw_ops.TensorListLength(input_handle=pushed)
        inner = tf.raw_ops.TensorListGetItem(input_handle=nested, index=0, element_shape=tf.constant([], tf.int32), element_dtype=tf.variant)
        inner = tf.raw_ops.TensorListStack(input_handle=inner, element_shape=[2], element_dtype=tf.float32)
        zeros = tf.raw_ops.TensorListStack(input_handle=zeros, element_shape=[2], element_dtype=tf.float32)
        values = tf.raw_ops.OptionalGetValue(optional=given, output_types=[tf.int32, tf.string], output_shapes=[[], []])
        has = [tf.raw_ops.OptionalHasValue(optional=o) for o in (given, none)]
    with v1.Session(cluster.target(), config=PLAIN) as sess:
        for name, fetch in {"stacked": stacked, "strings": strings, "length": length, "size": size, "inner": inner, "zeros": zeros, "values": values, "has": has}.items():
            record.raises(name, lambda: sess.run(fetch))


@program(cluster=True)
def shared_state(cluster, record):
    """State of a task is common to all sessions and all masters; a graph without devices lives on its master."""
    with tf.device(PS):
        v = v1.get_variable("v", initializer=np.float32(1), use_resource=False)
        r = v1.get_variable("r", initializer=np.float32(10), use_resource=True)
    up = [v1.assign_add(v, 1), v1.assign_add(r, 1)]
    own = v1.get_variable("own", initializer=np.float32(5), use_resource=True)
    with v1.Session(cluster.target()) as a, v1.Session(cluster.target("worker", 1)) as b:
        a.run([v.initializer, r.initializer, own.initializer])
        record("a", a.run(up))
        record("b sees it", b.run([v, r]))
        record("b", b.run(up))
        record("a sees it", a.run([v, r]))
        record("b has no own", type(failure_of(lambda: b.run(own))).__name__)
    with v1.Session(cluster.target("ps", 0)) as c:
        record("c", c.run([v, r]))
    alone = v1.ConfigProto(isolate_session_state=True)
    with v1.Session(cluster.target(), config=alone) as d, v1.Session(cluster.target()) as e:
        record("d has nothing", [type(failure_of(lambda: d.run(x))).__name__ for x in (v, r)])
        d.run([v.initializer, r.initializer])
        record("d", d.run(up))
        record("e sees the common ones", e.run([v, r]))


def failure_of(call):
    try:
        return call()
    except Exception as error:  # noqa: BLE001  (the class is what is compared)
        return error


@program(cluster=True)
def resets(cluster, record):
    with tf.device(PS):
        v = v1.get_variable("v", initializer=np.float32(1), use_resource=True)
        with v1.container("kept") if hasattr(v1, "container") else tf.compat.v1.get_default_graph().container("kept"):
            k = v1.get_variable("k", initializer=np.float32(2), use_resource=True)
    unset = v1.report_uninitialized_variables([v, k])
    sess, other = v1.Session(cluster.target()), v1.Session(cluster.target("worker", 1))
    sess.run([v.initializer, k.initializer])
    record("before", other.run([v, k]))
    v1.Session.reset(cluster.target())
    record.raises("its sessions are gone", lambda: sess.run(v))
    record("the default container is empty on all tasks", sorted(other.run(unset).tolist()))
    other.run(v.initializer)
    v1.Session.reset(cluster.target(), ["kept"])
    record("a named one", sorted(other.run(unset).tolist()))
    other.close()


@program(cluster=True)
def device_filters(cluster, record):
    def names(config, job="worker", task=0):
        with v1.Session(cluster.target(job, task), config=config) as sess:
            return sorted((d.name, d.device_type, d.memory_limit_bytes) for d in sess.list_devices())

    record("all", names(None))
    record("from the ps", names(None, "ps"))
    for filters in (["/job:ps"], ["/job:ps", "/job:worker/task:0"], ["/job:worker/task:1"], ["/job:nope"], ["/job:worker/replica:0"], ["/task:1"]):
        record(f"{filters}", names(v1.ConfigProto(device_filters=filters)))
    with tf.device(W1):
        c = tf.constant(1.0) + 1.0
    with v1.Session(cluster.target(), config=v1.ConfigProto(device_filters=["/job:ps"])) as sess:
        record.raises("unplaceable", lambda: sess.run(c))


@program(cluster=True)
def placement(cluster, record):
    requests = ["", "/cpu:0", "/replica:0", "/job:worker", "/job:ps", "/job:ps/cpu:0", "/task:1", "/task:0", "/device:CPU:*",
                "/job:worker/task:1", "/job:worker/replica:0/task:1/device:CPU:0"]  # fmt: skip
    nodes = []
    for k, request in enumerate(requests):
        with tf.device(request or None):
            nodes.append(tf.random.uniform([1], name=f"n{k}"))
    # What only makes a value, or only looks at one, has no place of its own.
    alone, between = tf.constant(1.0, name="alone"), tf.constant([1.0], name="between")
    with tf.device(PS):
        there = [tf.negative(alone, name="there"), tf.negative(between, name="there2")]
    with tf.device(W1):
        there.append(tf.negative(between, name="there3"))
    sizes = [tf.raw_ops.Shape(input=there[0], name="shape"), tf.raw_ops.Rank(input=there[2], name="rank"), tf.raw_ops.Size(input=between, name="size")]
    with tf.device(PS):
        v = v1.get_variable("v", initializer=np.float32(1), use_resource=False)
        r = v1.get_variable("r", initializer=np.float32(1), use_resource=True)
    with tf.device(W1), v1.get_default_graph().colocate_with(v, ignore_existing=False):
        beside = tf.random.uniform([1], name="beside")
    added = [v1.assign_add(v, 1.0, name="add_v"), v1.assign_add(r, 1.0, name="add_r")]
    with v1.Session(cluster.target(), config=PLAIN) as sess:
        sess.run([v.initializer, r.initializer])
        metadata = v1.RunMetadata()
        options = v1.RunOptions(output_partition_graphs=True)
        sess.run([*nodes, *there, *sizes, beside, *added], options=options, run_metadata=metadata)
        where = {n.name: n.device for graph in metadata.partition_graphs for n in graph.node}
        for k, request in enumerate(requests):
            record(f"{request!r}", where[f"n{k}/RandomUniform"])
        record("makers", {name: where[name] for name in ("alone", "shape", "rank", "size")})
        record("colocated", [where[name] for name in ("beside/RandomUniform", "v", "r")])
        record("partitions", sorted({n.device for graph in metadata.partition_graphs for n in graph.node}))
    for request in ("/gpu:0", "/job:ps/device:GPU:0", "/job:nope", "/job:worker/task:7", "/cpu:3"):
        for soft in (False, True):
            with tf.Graph().as_default():
                with tf.device(request):
                    c = tf.random.uniform([1], name="c")
                config = v1.ConfigProto(allow_soft_placement=soft)
                with v1.Session(cluster.target(), config=config) as sess:
                    record.raises(f"{request} {soft}", lambda: np.shape(sess.run(c)))


@program(cluster=True)
def partial_runs(cluster, record):
    with tf.device(PS):
        a, b = v1.placeholder(tf.float32, []), v1.placeholder(tf.float32, [])
        c = a + 1.0
    with tf.device(W1):
        d = c * b
        e = d + a
    with v1.Session(cluster.target(), config=PLAIN) as sess:
        for k in range(2):
            handle = sess.partial_run_setup([c, d, e], [a, b])
            record(f"{k} first", sess.partial_run(handle, c, {a: 2.0 + k}))
            record(f"{k} second", sess.partial_run(handle, [d, e], {b: 3.0}))
            record.raises(f"{k} over", lambda: sess.partial_run(handle, c, {a: 1.0}))


@program(cluster=True)
def callables(cluster, record):
    with tf.device(PS):
        x = v1.placeholder(tf.float32, [None])
        y = x * 2.0
    with tf.device(W1):
        z = y + 1.0
    with v1.Session(cluster.target(), config=PLAIN) as sess:
        call = sess.make_callable([y, z], [x])
        record("callable", [call([1.0, k]) for k in range(3)])


@program(cluster=True)
def queues(cluster, record):
    """A queue of the ps that two masters share: what blocks in one is freed by the other."""
    import threading

    with tf.device(PS):
        q = tf.queue.FIFOQueue(2, [tf.int32, tf.string], [[], []], shared_name="shared")
        n, s = v1.placeholder(tf.int32, []), v1.placeholder(tf.string, [])
        put, take, size, close = q.enqueue([n, s]), q.dequeue(), q.size(), q.close()
    with v1.Session(cluster.target()) as a, v1.Session(cluster.target("worker", 1)) as b:
        got = []
        reader = threading.Thread(target=lambda: got.extend(b.run(take) for _ in range(4)))
        reader.start()
        for k in range(4):
            a.run(put, {n: k, s: "x" * k})
        reader.join()
        record("order", [(int(k), text) for k, text in got])
        record("size", a.run(size))
        waits = []
        reader = threading.Thread(target=lambda: waits.append(failure_of(lambda: b.run(take))))
        reader.start()
        a.run(close)
        reader.join()
        record("closed", type(waits[0]).__name__)
        record("closed text", "is closed and has insufficient elements (requested 1, current size 0)" in str(waits[0]))
        record("closed put", type(failure_of(lambda: a.run(put, {n: 1, s: ""}))).__name__)


@program(cluster=True)
def errors(cluster, record):
    """Class and text of what fails on one task while the others wait for it."""
    with tf.device(PS):
        x = v1.placeholder(tf.float32, None, name="x")
        checked = tf.debugging.check_numerics(x, "not a number here", name="checked")
        ref = v1.get_variable("ref", initializer=np.float32(1), use_resource=False)
        res = v1.get_variable("res", initializer=np.float32(1), use_resource=True)
        small = tf.zeros([2, 3], name="small")
    with tf.device(W1):
        product = tf.matmul(small, small, name="product") if False else tf.raw_ops.MatMul(a=x, b=small, name="product")
        after = tf.identity(checked, name="after")
    with tf.device(W0):
        own = product * 2.0
        chained = after * 2.0
    with tf.device(PS):
        v1.disable_v2_tensorshape()
        asserted = v1.Assert(tf.less(x, 0.0), [x, "was not below"], name="asserted")
    cases = {
        "ps": ([checked], {x: np.nan}, "not a number here : Tensor had NaN values", "checked"),
        "ps, read by a worker": ([after], {x: np.nan}, "not a number here : Tensor had NaN values", "checked"),
        "ps, read by all": ([chained], {x: np.nan}, "not a number here : Tensor had NaN values", "checked"),
        "worker": ([own], {x: np.zeros((2, 3))}, "Matrix size-incompatible: In[0]: [2,3], In[1]: [2,3]", "product"),
        "unset": ([ref], {}, "Attempting to use uninitialized value ref", None),
        "unset resource": ([res], {}, "Could not find variable res", None),
        "not fed": ([checked], {}, "You must feed a value for placeholder tensor 'x' with dtype float", "x"),
        "assert": ([asserted], {x: 1.0}, "assertion failed: [1] [was not below]", None),
    }
    with v1.Session(cluster.target(), config=PLAIN) as sess:
        for _ in range(2):
            for name, (fetches, feeds, text, node) in cases.items():
                error = failure_of(lambda: sess.run(fetches, feeds))
                record(f"{name}: class", type(error).__name__)
                record(f"{name}: text", text in str(error))
                if node is not None:
                    record(f"{name}: node", "{{node %s}}" % node in error.message)
        sess.run([ref.initializer, res.initializer])
        record("it goes on", sess.run([ref, res]))


@program(cluster=True)
def timeouts(cluster, record):
    """A step that blocks on another task ends with its client's deadline, on all tasks."""
    with tf.device(PS):
        q = tf.queue.FIFOQueue(2, tf.float32, shared_name="empty")
        take, put, size = q.dequeue(), q.enqueue(1.0), q.size()
    with tf.device(W1):
        waits = take + 1.0
    with v1.Session(cluster.target(), config=PLAIN) as sess:
        record.raises("late", lambda: sess.run(waits, options=v1.RunOptions(timeout_in_ms=300)))
        # A dequeue that still waited would take this element.
        sess.run(put)
        import time

        time.sleep(0.3)
        record("nobody waits", sess.run(size))
        record("later", sess.run(waits))


@program(cluster=True)
def traces(cluster, record):
    with tf.device(PS):
        a = tf.random.uniform([2], name="a")
    with tf.device(W1):
        b = tf.add(a, 1.0, name="b")
    with tf.device(W0):
        c = tf.multiply(b, 2.0, name="c")
    with v1.Session(cluster.target(), config=PLAIN) as sess:
        sess.run(c)
        metadata = v1.RunMetadata()
        sess.run(c, options=v1.RunOptions(trace_level=v1.RunOptions.FULL_TRACE), run_metadata=metadata)
        ran = {}
        for dev in metadata.step_stats.dev_stats:
            for node in dev.node_stats:
                ran.setdefault(node.node_name, set()).add(dev.device)
        names = {"a": "a/RandomUniform", "b": "b", "c": "c"}
        record("where", {short: any(task in device for device in ran.get(name, ())) for (short, name), task in zip(names.items(), ("/job:ps/", "/task:1", "/job:worker/replica:0/task:0"))})
        labels = [n.timeline_label for d in metadata.step_stats.dev_stats for n in d.node_stats if n.node_name == "RecvTensor"]
        record("transfers", sorted(re.sub(r"\[[\d.]+[MG]b/s\] edge_\d+_", "", label) for label in labels))
        record("times", all(n.all_start_micros > 0 for d in metadata.step_stats.dev_stats for n in d.node_stats if n.node_name in names.values()))


@program(cluster=True)
def many_signatures(cluster, record):
    """Every fetch alone and in pairs, over one session that grows."""
    v1.set_random_seed(3)
    nodes = []
    for k, device in enumerate((PS, W0, W1, PS, W1)):
        with tf.device(device):
            nodes.append((nodes[-1] if nodes else tf.constant(1.0)) * 1.5 + k)
    with v1.Session(cluster.target(), config=PLAIN) as sess:
        for n in nodes:
            record(n.name, sess.run(n))
        for a in nodes:
            for b in nodes:
                if a is not b:
                    record(f"{a.name} {b.name}", sess.run([a, b]))
        with tf.device(PS):
            more = nodes[-1] + nodes[0]
        record("more", sess.run(more))
        with tf.control_dependencies([nodes[2]]), tf.device(PS):
            last = tf.identity(more)
        record("after control", sess.run(last))


@program(cluster=True)
def propagated_cluster(cluster, record):
    """A session that brings a cluster of its own: the same tasks under other names."""
    jobs = {"lead": [cluster.jobs["worker"][0]], "trainer": {3: cluster.jobs["worker"][1]}, "store": [cluster.jobs["ps"][0]]}
    config = v1.ConfigProto(cluster_def=tf.train.ClusterSpec(jobs).as_cluster_def())
    config.graph_options.CopyFrom(PLAIN.graph_options)
    with tf.device("/job:store"):
        v = v1.get_variable("v", initializer=np.float32([1, 2]), use_resource=False)
        r = v1.get_variable("r", initializer=np.float32(3), use_resource=True)
    with tf.device("/job:trainer"):
        y = v * r
    with tf.device("/job:lead"):
        z = y + 1.0
    up = v1.assign_add(r, 1.0)
    with v1.Session(cluster.target(), config=config) as sess:
        record("devices", sorted(d.name for d in sess.list_devices()))
        sess.run(v1.global_variables_initializer())
        record("values", sess.run([y, z]))
        sess.run(up.op)
        record("values again", sess.run([y, z]))
        metadata = v1.RunMetadata()
        sess.run(z, options=v1.RunOptions(output_partition_graphs=True), run_metadata=metadata)
        record("partitions", sorted({n.device for graph in metadata.partition_graphs for n in graph.node}))
        with tf.device("/job:worker/task:0"):
            nowhere = tf.random.uniform([1], name="nowhere")
        record.raises("the old names", lambda: sess.run(nowhere))
    with tf.Graph().as_default():
        c = tf.constant(1.0)
        same = v1.ConfigProto(cluster_def=tf.train.ClusterSpec(cluster.jobs).as_cluster_def())
        with v1.Session(cluster.target(), config=same) as sess:
            record.raises("the booted names", lambda: sess.run(c))
        other = v1.ConfigProto(cluster_def=tf.train.ClusterSpec({"x": ["localhost:1"]}).as_cluster_def())
        with v1.Session(cluster.target(), config=other) as sess:
            error = failure_of(lambda: sess.run(c))
            record("without the master", [type(error).__name__, "The master (current machine) is not included in the provided cluster_def." in str(error)])
