"""First steps: constants, feeds, extending the graph, listing devices, large tensors."""

import numpy as np
import tensorflow as tf
from support.program import program
from tensorflow.core.protobuf import config_pb2

v1 = tf.compat.v1


@program()
def constant_add_and_extend(target, record):
    a = tf.constant([1.0, 2.0], name="a")
    b = tf.constant([10.0, 20.0], name="b")
    c = tf.add(a, b, name="c")
    with v1.Session(target) as sess:
        record("c", sess.run(c))
        record("again", sess.run([c, a, c]))
        x = v1.placeholder(tf.float32, [2], "x")
        d = tf.multiply(c, x, name="d")
        record("extended", sess.run(d, {x: [3, 4]}))
        record("fed", sess.run({"d": d, "pair": (a, [b])}, {x: [1, 1], c: [7, 8]}))
        record("nothing", sess.run([]))
        record("target", sess.run(d.op, {x: [1, 1]}))
        devices = sess.list_devices()
        record("devices", [(d.name, d.device_type, d.memory_limit_bytes) for d in devices])


@program()
def every_dtype(target, record):
    with v1.Session(target) as sess:
        for dtype in (tf.float32, tf.float64, tf.int32, tf.int64, tf.bool, tf.uint8, tf.int8, tf.int16, tf.uint16, tf.uint32, tf.uint64, tf.float16, tf.bfloat16, tf.complex64, tf.complex128):
            x = v1.placeholder(dtype, None)
            value = np.array([[1, 0], [1, 3]]).astype(dtype.as_numpy_dtype)
            got, shape = sess.run([tf.identity(x), tf.shape(x)], {x: value})
            record(dtype.name, got.astype(np.complex128) if dtype in (tf.bfloat16, tf.complex64, tf.complex128) else got)
            record(f"{dtype.name} shape", shape)
        s = v1.placeholder(tf.string, None)
        record("string", [bytes(v) for v in sess.run(tf.identity(s), {s: [b"a", b"", b"\xff\x00bc"]})])
        record("scalar string", sess.run(s + "!", {s: "x"}))
        record("empty", sess.run(tf.identity(x), {x: np.zeros((0, 3), np.complex128)}).shape[1])


@program(deadline=120)
def large_steps(target, record):
    """32 MiB both ways."""
    x = v1.placeholder(tf.float32, [None], "x")
    data = np.arange(8 << 20, dtype=np.float32)
    with v1.Session(target) as sess:
        got = sess.run(x + 1.0, {x: data})
        record("size", got.size)
        record("sum", got[::4097].copy())
        record("same", bool(np.array_equal(got, data + 1)))
        strings = [b"s" * (k % 100) for k in range(20000)]
        s = v1.placeholder(tf.string, [None], "s")
        record("strings", list(sess.run(tf.identity(s), {s: strings})) == strings)


@program(config={"device_count": {"CPU": 2}})
def two_devices(target, record):
    with tf.device("/cpu:0"):
        a = tf.constant([1.0, 2.0], name="a")
        v = v1.get_variable("v", initializer=np.float32([1, 1]), use_resource=False)
    with tf.device("/cpu:1"):
        b = tf.multiply(a, 3.0, name="b")
        w = v1.get_variable("w", initializer=np.float32([2, 2]), use_resource=True)
        n = tf.reduce_sum(b * w)
    with tf.device("/cpu:0"):
        c = v1.assign_add(v, b) + n
    with v1.Session(target) as sess:
        record("devices", [d.name for d in sess.list_devices()])
        sess.run(v1.global_variables_initializer())
        record("c", sess.run(c))
        record("v", sess.run([v, w, n]))
        options, metadata = v1.RunOptions(output_partition_graphs=True), v1.RunMetadata()
        record("c again", sess.run(c, options=options, run_metadata=metadata))
        record("parts", len(metadata.partition_graphs))
        i = v1.while_loop(lambda i, x: i < 5, lambda i, x: (i + 1, on_second(x)), [0, tf.constant(1.0)])
        record("loop across devices", sess.run(i))
        p = v1.placeholder(tf.bool, [])
        r = v1.cond(p, lambda: on_second(n), lambda: n - 1.0)
        record("cond across devices", [sess.run(r, {p: True}), sess.run(r, {p: False})])


def on_second(x):
    with tf.device("/cpu:1"):
        return x * 2.0


@program()
def trace(target, record):
    """The shape of FULL_TRACE metadata: which devices and which of the client's nodes it holds."""
    x = v1.placeholder(tf.float32, [2, 2], "x")
    y = tf.matmul(x, x, name="y")
    options, metadata = v1.RunOptions(trace_level=v1.RunOptions.FULL_TRACE), v1.RunMetadata()
    with v1.Session(target) as sess:
        record("y", sess.run(y, {x: [[1, 2], [3, 4]]}, options=options, run_metadata=metadata))
    stats = metadata.step_stats
    record("devices", sorted({dev.device for dev in stats.dev_stats if dev.node_stats}))
    nodes = [node for dev in stats.dev_stats for node in dev.node_stats]
    record("has y", any(node.node_name == "y" for node in nodes))
    record("has times", all(node.all_start_micros > 0 and node.all_end_rel_micros >= 0 for node in nodes))


@program()
def traces(target, record):
    """What FULL_TRACE tells of each node, a loop's and a function's included, and what other levels tell."""
    v1.disable_control_flow_v2()
    x = v1.placeholder(tf.float32, [2, 3], "x")
    w = v1.get_variable("w", initializer=np.ones((3, 2), np.float32), use_resource=True)
    z = tf.nn.relu(tf.matmul(x, w, name="y"), name="z")
    first, second = tf.split(z, 2, axis=1, name="parts")
    turned = v1.while_loop(lambda i: i < 3, lambda i: i + 1, [tf.constant(0)], name="loop")
    chosen = v1.cond(tf.reduce_sum(z) > 0.0, lambda: first + 1.0, lambda: second * 2.0, name="chosen")
    off = config_pb2.ConfigProto()
    off.graph_options.rewrite_options.disable_meta_optimizer = True
    off.graph_options.optimizer_options.opt_level = -1
    feed = {x: [[1, 2, 3], [4, 5, 6]]}
    levels = config_pb2.RunOptions
    with v1.Session(target, config=off) as sess:
        sess.run(w.initializer)

        def traced(fetches, **options):
            metadata = config_pb2.RunMetadata()
            sess.run(fetches, feed, options=levels(**options), run_metadata=metadata)
            return metadata

        stats = traced([second, turned, chosen], trace_level=levels.FULL_TRACE).step_stats.dev_stats
        record("devices", [dev.device for dev in stats])
        nodes = [node for dev in stats for node in dev.node_stats]
        record("labels", sorted(node.timeline_label for node in nodes))
        record("names", all(node.timeline_label.startswith(f"{node.node_name} = ") for node in nodes))
        record("times", all(node.all_start_micros > 0 and node.scheduled_micros > 0 and node.all_start_nanos > 0 for node in nodes))
        outputs = {node.node_name: [(out.slot, out.tensor_description.dtype, [dim.size for dim in out.tensor_description.shape.dim], out.tensor_description.allocation_description.requested_bytes) for out in node.output] for node in nodes}
        record("outputs", {name: outputs[name] for name in ("y", "z", "parts", "y/ReadVariableOp")})
        for level in ("NO_TRACE", "SOFTWARE_TRACE", "HARDWARE_TRACE"):
            record(level, [field.name for field, _ in traced(z, trace_level=getattr(levels, level)).ListFields()])
        parts = traced(second, output_partition_graphs=True)
        record("partition graphs alone", [field.name for field, _ in parts.ListFields()])
        record("its nodes", [sorted(f"{node.name} {node.op} {node.device}" for node in part.node) for part in parts.partition_graphs])
        record("defaults are there", {node.name: sorted(key for key in node.attr if not key.startswith("_")) for part in parts.partition_graphs for node in part.node if node.name in ("y", "z", "w")})


@program()
def cost_graphs(target, record):
    """Which steps tell what nodes cost, and what they tell: aliases and times apart, which differ from run to run."""
    x = v1.placeholder(tf.float32, [None, 2], "x")
    v = v1.get_variable("v", initializer=np.ones((2, 2), np.float32), use_resource=False)
    y = tf.matmul(x, v, name="y")
    total = tf.reduce_sum(tf.reshape(y, [-1], name="flat"), name="total")
    with tf.control_dependencies([total]):
        first, second = tf.split(y, 2, axis=1, name="halves")
    text = tf.strings.as_string(total, name="text")

    def metadata_of(sess, fetches, rows, **options):
        metadata = config_pb2.RunMetadata()
        sess.run(fetches, {x: [[1, 2]] * rows}, options=config_pb2.RunOptions(**options), run_metadata=metadata)
        return metadata

    for every, after in ((1, 0), (2, 0), (2, 1), (3, 5), (0, 1), (-1, 0)):
        config = _switched(rewrite_options__disable_meta_optimizer=True)
        config.graph_options.build_cost_model, config.graph_options.build_cost_model_after = every, after
        with v1.Session(target, config=config) as sess:
            sess.run(v.initializer)
            told = [[field.name for field, _ in metadata_of(sess, [first, text], 1).ListFields()] for _ in range(7)]
            record(f"every {every} after {after}", told)
            told = [len(metadata_of(sess, y, 1).cost_graph.node) for _ in range(3)]
            record(f"every {every} after {after}: another signature", told)
    config.graph_options.build_cost_model = 1
    with v1.Session(target, config=config) as sess:
        sess.run(v.initializer)
        # The largest values of all steps are told.
        for rows in (2, 4, 3):
            metadata = metadata_of(sess, [first, text], rows, trace_level=config_pb2.RunOptions.FULL_TRACE)
        record("beside a trace", [field.name for field, _ in metadata.ListFields()])
        nodes = metadata.cost_graph.node
        names = [node.name for node in nodes]
        record("ids", [node.id for node in nodes])
        record("nodes", sorted(f"{node.name} on {node.device!r} {node.is_final}" for node in nodes))
        record("inputs", {node.name: [f"{names[info.preceding_node]}:{info.preceding_port}" for info in node.input_info] for node in nodes})
        record("control inputs", {node.name: sorted({names[one] for one in node.control_input}) for node in nodes})
        record("outputs", {node.name: [(out.size, out.dtype, [dim.size for dim in out.shape.dim], out.shape.unknown_rank) for out in node.output_info] for node in nodes})
        record("memory", {node.name: [node.persistent_memory_size, node.temporary_memory_size] for node in nodes})
        record("costs", all(node.compute_cost > 0 for node in nodes if node.name in ("y", "total", "halves", "text")))
        v1.disable_control_flow_v2()
        turned = v1.while_loop(lambda i, a: i < 3, lambda i, a: (i + 1, tf.concat([a, a], 0)), [0, y], name="loop", shape_invariants=[tf.TensorShape([]), tf.TensorShape([None, 2])])
        chosen = v1.cond(total > 0.0, lambda: y + 1.0, lambda: y * 2.0, name="chosen")
        nodes = metadata_of(sess, [turned, chosen], 2).cost_graph.node
        # TensorFlow merges equal Switches.
        record("control flow", {node.name: [(out.dtype, [dim.size for dim in out.shape.dim], out.shape.unknown_rank) for out in node.output_info] for node in nodes if node.name != "chosen/mul/Switch"})


def _switched(**options):
    config = v1.ConfigProto()
    for name, value in options.items():
        holder, field = name.split("__")
        setattr(getattr(config.graph_options, holder), field, value)
    return config


@program()
def plan_passes(target, record):
    """Constants that fold, fail or hold NaNs and nodes that are equal, under every switch of the passes."""
    x = v1.placeholder(tf.float32, [2], "x")
    half, odd = tf.constant([0.5, -0.0], name="half"), tf.constant([np.nan, -np.inf], name="odd")
    folded = tf.identity(tf.negative(half) * 3.0 - odd, name="folded")
    equal = [tf.sqrt(x, name=f"root{i}") * tf.constant(2.0) for i in range(3)]
    total = tf.add_n(equal, name="total") + folded
    draws = [tf.random.uniform([2], seed=3, name=f"draw{i}") for i in range(2)]
    divided = tf.math.floordiv(tf.constant(1, name="one"), tf.constant(0, name="none"), name="divided")
    checked = tf.debugging.check_numerics(odd + half, "here", name="checked")
    with tf.control_dependencies([tf.raw_ops.Assert(condition=tf.constant(False), data=[half], name="must_hold")]):
        asserted = tf.identity(half, name="asserted")
    with tf.control_dependencies([tf.reshape(x, tf.cast(x, tf.int32), name="unfit")]):
        waited = tf.identity(half, name="waited")
    two = tf.split(tf.constant([1.0, 2.0]), 2, name="two")
    configs = {
        "default": None,
        "no grappler": _switched(rewrite_options__disable_meta_optimizer=True),
        "L0": _switched(optimizer_options__opt_level=-1),
        "none": _switched(rewrite_options__disable_meta_optimizer=True, optimizer_options__opt_level=-1),
    }
    for name, config in configs.items():
        with v1.Session(target, config=config) as sess:
            feeds = {x: [0.25, 4]}
            record(f"{name}: values", sess.run([total, folded, two, equal], feeds))
            record(f"{name}: draws", [sess.run(draws) for _ in range(2)])
            record(f"{name}: a fed constant", sess.run([folded, two[1]], {half: [1, 2]}))
            for node in (divided, checked, asserted):
                record.raises(f"{name}: {node.op.name}", lambda: sess.run(node, feeds))
            # Without Grappler it runs, and fails.
            outcome = record if name in ("default", "L0") else record.raises
            outcome(f"{name}: unused work", sess.run(waited, feeds) if outcome is record else lambda: sess.run(waited, feeds))
