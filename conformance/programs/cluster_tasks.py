"""What a session sees of the tasks: where nodes go, which devices there are, state that masters share, clusters under other names."""

import numpy as np
import tensorflow as tf
from support.program import program
from support.tasks import PLAIN, PS, W1, failure_of

v1 = tf.compat.v1


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
