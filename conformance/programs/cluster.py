"""One graph over several tasks: training, every kind of request, what fails and what is told of it."""

import re

import numpy as np
import tensorflow as tf
from support.program import program
from support.tasks import PLAIN, PS, W0, W1, failure_of

v1 = tf.compat.v1


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
        transfers = set()
        # A real master begins the step before all tasks have heard that they are to log it.
        for _ in range(10):
            metadata = v1.RunMetadata()
            sess.run(c, options=v1.RunOptions(trace_level=v1.RunOptions.FULL_TRACE), run_metadata=metadata)
            labels = [n.timeline_label for d in metadata.step_stats.dev_stats for n in d.node_stats if n.node_name == "RecvTensor"]
            transfers.update(re.sub(r"\[[\d.]+[MG]b/s\] edge_\d+_", "", label) for label in labels)
        record("transfers", sorted(transfers))
        ran = {}
        for dev in metadata.step_stats.dev_stats:
            for node in dev.node_stats:
                ran.setdefault(node.node_name, set()).add(dev.device)
        names = {"a": "a/RandomUniform", "b": "b", "c": "c"}
        record("where", {short: any(task in device for device in ran.get(name, ())) for (short, name), task in zip(names.items(), ("/job:ps/", "/task:1", "/job:worker/replica:0/task:0"))})
        record("times", all(n.all_start_micros > 0 for d in metadata.step_stats.dev_stats for n in d.node_stats if n.node_name in names.values()))
    costs = v1.ConfigProto()
    costs.CopyFrom(PLAIN)
    costs.graph_options.build_cost_model = 2
    with v1.Session(cluster.target(), config=costs) as sess:
        for step in range(4):
            metadata = v1.RunMetadata()
            sess.run(c, run_metadata=metadata)
            told = {node.name: [node.device, node.compute_cost > 0, [[dim.size for dim in out.shape.dim] for out in node.output_info]] for node in metadata.cost_graph.node}
            record(f"costs of step {step}", {short: told.get(name) for short, name in names.items()})


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
