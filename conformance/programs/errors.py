"""Every error that one task can be brought to: the master's request errors, the graph's, the kernels'.

By raw requests where Python refuses to send them. What is left out, and why, stands in conformance/README.md.
"""

import re

import numpy as np
import tensorflow as tf
from support.master import Master
from support.program import program
from tensorflow.core.framework import graph_pb2
from tensorflow.core.protobuf import config_pb2

v1 = tf.compat.v1


def node(graph, name, op, inputs=(), device="", **attrs):
    added = graph.node.add(name=name, op=op, input=inputs, device=device)
    for key, value in attrs.items():
        if isinstance(value, tf.DType):
            added.attr[key].type = value.as_datatype_enum
        elif isinstance(value, (np.ndarray, np.generic)):
            added.attr[key].tensor.CopyFrom(tf.make_tensor_proto(value))
        elif isinstance(value, bool):
            added.attr[key].b = value
        elif isinstance(value, int):
            added.attr[key].i = value
        elif isinstance(value, str):
            added.attr[key].s = value.encode()
    return added


def graph(*nodes):
    result = graph_pb2.GraphDef()
    result.versions.producer = tf.version.GRAPH_DEF_VERSION
    for name, op, inputs, attrs in nodes:
        node(result, name, op, inputs, **attrs)
    return result


F = tf.float32
CONST = {"dtype": F, "value": np.float32(1)}
A = ("a", "Const", [], CONST)
P = ("p", "Placeholder", [], {"dtype": F})
B = ("b", "Add", ["a", "p"], {"T": F})


def tensor(value, dtype=None):
    return tf.make_tensor_proto(value, dtype)


@program()
def unknown_handles(target, record):
    m = Master(target)
    nope = {"session_handle": "nope"}
    record.raises("RunStep", lambda: m.run("nope", fetches=["a:0"]))
    record.raises("RunStep, error as a status", lambda: m.run("nope", fetches=["a:0"], store_errors_in_response_body=False))
    record.raises("ExtendSession", lambda: m.call("ExtendSession", **nope))
    record.raises("PartialRunSetup", lambda: m.call("PartialRunSetup", **nope))
    record.raises("MakeCallable", lambda: m.call("MakeCallable", **nope))
    record.raises("RunCallable", lambda: m.call("RunCallable", **nope, handle=0))
    record.raises("ReleaseCallable", lambda: m.call("ReleaseCallable", **nope, handle=0))
    record.raises("CloseSession", lambda: m.call("CloseSession", **nope))
    record.raises("ListDevices", lambda: m.call("ListDevices", **nope))
    record("devices without a session", len(m.call("ListDevices").local_device))
    record("Reset", m.raw("Reset", b""))
    record.raises("unknown method", lambda: m.raw("Nope", b""))
    record.raises("undecodable request", lambda: m.raw("RunStep", b"\xff\xff\xff"))
    record.raises("undecodable CreateSession", lambda: m.raw("CreateSession", b"\x0a\x7f\x01"))


@program()
def run_step(target, record):
    m = Master(target)
    g = graph(A, P, B, ("z", "Const", [], CONST))
    h = m.call("CreateSession", graph_def=g).session_handle
    one = tensor(np.float32(2))
    value = lambda r: float(tf.make_ndarray(r[0]["b:0"]))  # noqa: E731
    record("works", value(m.run(h, [("p:0", one)], ["b:0"])))
    record.raises("nothing asked for", lambda: m.run(h))
    record.raises("unknown fetch", lambda: m.run(h, fetches=["zz:0"]))
    record.raises("output index too large", lambda: m.run(h, fetches=["a:1"]))
    record.raises("unknown target", lambda: m.run(h, targets=["zz"]))
    record.raises("unknown feed", lambda: m.run(h, [("zz:0", one)], ["a:0"]))
    record.raises("feed twice", lambda: m.run(h, [("a:0", one), ("a:0", one)], ["b:0"]))
    record.raises("fed and fetched", lambda: m.run(h, [("p:0", one)], ["p:0"]))
    bad = tensor(np.float32([1, 2]))
    bad.tensor_content = b"\0\0\0"
    bad.ClearField("float_val")
    record.raises("malformed feed", lambda: m.run(h, [("p:0", bad)], ["b:0"]))
    record.raises("feed of wrong dtype", lambda: m.run(h, [("p:0", tensor(np.int32(1)))], ["b:0"]))
    record.raises("unfed placeholder", lambda: m.run(h, fetches=["b:0"]))
    record("request id", value(m.run(h, [("p:0", one)], ["b:0"], request_id=77)))
    record.raises("request id twice", lambda: m.run(h, [("p:0", one)], ["b:0"], request_id=77))
    record("request id 0 twice", [value(m.run(h, [("p:0", one)], ["b:0"])) for _ in range(2)])
    record("timeout in the options alone", value(m.run(h, [("p:0", one)], ["b:0"], options={"timeout_in_ms": 1})))
    names = list(m.run(h, [("p:0", one)], ["z:0", "b:0", "a:0"])[0])
    record("answer's names", sorted(names))
    m.call("CloseSession", session_handle=h)
    record.raises("after close", lambda: m.run(h, fetches=["a:0"]))


@program()
def extend(target, record):
    m = Master(target)
    created = m.call("CreateSession", graph_def=graph(A))
    h = created.session_handle
    record("first version", created.graph_version)
    record.raises("wrong version", lambda: m.call("ExtendSession", session_handle=h, graph_def=graph(P), current_graph_version=5))
    record.raises("node sent again", lambda: m.call("ExtendSession", session_handle=h, graph_def=graph(A)))
    record("next version", m.call("ExtendSession", session_handle=h, graph_def=graph(P, B)).new_graph_version)
    record.raises("unknown input", lambda: m.call("ExtendSession", session_handle=h, graph_def=graph(("c", "Neg", ["qq"], {"T": F})), current_graph_version=1))
    record("after a refusal", m.call("ExtendSession", session_handle=h, graph_def=graph(("c", "Neg", ["b"], {"T": F})), current_graph_version=1).new_graph_version)
    record("runs", float(tf.make_ndarray(m.run(h, [("p:0", tensor(np.float32(2)))], ["c:0"])[0]["c:0"])))


@program()
def partial_run(target, record):
    m = Master(target)
    h = m.call("CreateSession", graph_def=graph(A, P, B, ("q", "Placeholder", [], {"dtype": F}), ("c", "Add", ["b", "q"], {"T": F}), ("zz", "Const", [], CONST))).session_handle
    one = tensor(np.float32(2))
    setup = lambda **fields: m.call("PartialRunSetup", session_handle=h, **fields).partial_run_handle  # noqa: E731
    first = setup(feed=["p:0", "q:0"], fetch=["b:0", "c:0"])
    record("handle", first)
    run = lambda handle, feeds, fetches: sorted((k, float(tf.make_ndarray(v))) for k, v in m.run(h, feeds, fetches, partial_run_handle=handle)[0].items())  # noqa: E731
    record("b", run(first, [("p:0", one)], ["b:0"]))
    record("c", run(first, [("q:0", one)], ["c:0"]))
    record.raises("after completion", lambda: run(first, [], ["c:0"]))
    record.raises("unknown handle", lambda: run("99", [], ["c:0"]))
    record.raises("unknown fetch in setup", lambda: setup(fetch=["nope:0"]))
    record("next handle", setup(feed=["p:0"], fetch=["b:0"]))
    record.raises("fetch not announced", lambda: run("2", [("p:0", one)], ["zz:0"]))
    third = setup(feed=["p:0"], fetch=["b:0"])
    record.raises("feed not announced", lambda: run(third, [("q:0", one)], ["b:0"]))
    fourth = setup(feed=["p:0"], fetch=["b:0", "zz:0"])
    record("fetch without feed", run(fourth, [], ["zz:0"]))
    record.raises("fetch taken twice", lambda: run(fourth, [], ["zz:0"]))


@program()
def callables(target, record):
    m = Master(target)
    h = m.call("CreateSession", graph_def=graph(A, P, B)).session_handle
    make = lambda **fields: m.call("MakeCallable", session_handle=h, options=fields).handle  # noqa: E731
    one = tensor(np.float32(2))
    run = lambda handle, *feeds: [float(tf.make_ndarray(t)) for t in m.call("RunCallable", session_handle=h, handle=handle, feed=feeds).fetch]  # noqa: E731
    first = make(feed=["p:0"], fetch=["b:0", "a:0"])
    record("handle", first)
    record("runs", run(first, one))
    record("surplus feeds", run(first, one, one))
    record("next handle", make(fetch=["a:0"]))
    record.raises("unknown callable", lambda: run(99))
    m.call("ReleaseCallable", session_handle=h, handle=first)
    record.raises("released", lambda: run(first, one))
    m.call("ReleaseCallable", session_handle=h, handle=99)
    record.raises("unknown fetch", lambda: make(fetch=["zz:0"]))
    record.raises("nothing", lambda: make())
    record.raises("kernel error", lambda: run(make(fetch=["b:0"])))


@program()
def requests_twice(target, record):
    """Every method that tells by its request_id that it was asked before."""
    m = Master(target)
    h = m.call("CreateSession", graph_def=graph(A, P, B)).session_handle
    one = tensor(np.float32(2))
    handle = m.call("MakeCallable", session_handle=h, options={"feed": ["p:0"], "fetch": ["b:0"]}).handle
    asks = {
        "PartialRunSetup": lambda: m.call("PartialRunSetup", session_handle=h, feed=["p:0"], fetch=["b:0"], request_id=101).partial_run_handle,
        "MakeCallable": lambda: m.call("MakeCallable", session_handle=h, options={"fetch": ["a:0"]}, request_id=102).handle,
        "RunCallable": lambda: len(m.call("RunCallable", session_handle=h, handle=handle, feed=[one], request_id=103).fetch),
        "RunStep": lambda: len(m.run(h, fetches=["a:0"], request_id=104)[0]),
        "RunStep that failed": lambda: len(m.run(h, fetches=["nope:0"], request_id=105)[0]),
        "RunStep, as a status": lambda: len(m.run(h, fetches=["a:0"], request_id=106, store_errors_in_response_body=False)[0]),
        "an id of another method": lambda: len(m.run(h, fetches=["a:0"], request_id=101)[0]),
    }
    for name, ask in asks.items():
        record.raises(name, ask)
        record.raises(f"{name}, twice", ask)
    record("id 0", [m.call("MakeCallable", session_handle=h, options={"fetch": ["a:0"]}).handle for _ in range(2)])


@program()
def long_texts(target, record):
    """A status cuts its text, a response's body doesn't."""
    m = Master(target)
    long = node(graph_pb2.GraphDef(), "bad", "CheckNumerics", ["p"], T=F, message="x" * 5000)
    g = graph(P)
    g.node.append(long)
    h = m.call("CreateSession", graph_def=g).session_handle
    nan = [("p:0", tensor(np.float32(np.nan)))]
    record.raises("body", lambda: m.run(h, nan, ["bad:0"]))
    record.raises("status", lambda: m.run(h, nan, ["bad:0"], store_errors_in_response_body=False))
    handle = m.call("MakeCallable", session_handle=h, options={"feed": ["p:0"], "fetch": ["bad:0"]}).handle
    record.raises("callable", lambda: m.call("RunCallable", session_handle=h, handle=handle, feed=[nan[0][1]]))
    for size in (3000, 3040, 3072, 3073):
        record.raises(f"unknown target of {size}", lambda: m.run(h, targets=["y" * size], store_errors_in_response_body=False))


@program()
def first_use_of_a_container(target, record):
    """Nothing was ever made in it: the text tells that apart from a missing variable."""
    with tf.Graph().as_default() as other, other.container("other"):
        v = v1.get_variable("v", shape=[2], use_resource=True)
        w = v1.get_variable("w", shape=[2], use_resource=True)
        set_w = v1.assign(w, [1.0, 2.0])
        with v1.Session(target) as sess:
            record.raises("container", lambda: sess.run(v))
            sess.run(set_w)
            record.raises("variable", lambda: sess.run(v))


@program()
def graphs(target, record):
    m = Master(target)

    def create(*nodes, change=None, **fields):
        g = graph(*nodes)
        if change:
            change(g)
        return len(m.call("CreateSession", graph_def=g, **fields).session_handle)

    accepted = create
    record.raises("unknown op", lambda: create(("a", "Nope", [], {})))
    record.raises("duplicate node", lambda: create(A, A))
    record.raises("unknown input", lambda: create(("b", "Neg", ["qq"], {"T": F})))
    record.raises("unknown control input", lambda: create(("b", "NoOp", ["^qq"], {})))
    record.raises("cycle", lambda: create(("a", "Neg", ["a"], {"T": F})))
    record.raises("cycle of two", lambda: create(("a", "Neg", ["b"], {"T": F}), ("b", "Neg", ["a"], {"T": F})))
    record.raises("dtype mismatch", lambda: create(A, ("b", "Neg", ["a"], {"T": tf.int32})))
    record.raises("missing attribute", lambda: create(("a", "Const", [], {})))
    record.raises("bad node name", lambda: create(("a b", "NoOp", [], {})))
    record.raises("bad device", lambda: create(("a", "NoOp", [], {"device": "/job:bad:/x"})))
    record.raises("attribute not allowed", lambda: create(A, ("b", "BitwiseAnd", ["a", "a"], {"T": F})))
    record.raises("too many inputs", lambda: create(A, ("b", "Neg", ["a", "a"], {"T": F})))
    record.raises("output that isn't there", lambda: create(A, ("b", "Neg", ["a:1"], {"T": F})))
    record.raises("min_consumer too new", lambda: create(A, change=lambda g: setattr(g.versions, "min_consumer", 9999)))
    record.raises("task that isn't there", lambda: create(("nope", "NoOp", [], {"device": "/job:worker/task:7"})))
    record.raises("job that isn't there", lambda: create(("nope", "Const", [], {**CONST, "device": "/job:ps"})))
    record.raises("GPU", lambda: create(("nope", "Const", [], {**CONST, "device": "/gpu:0"})))
    record("GPU with soft placement", accepted(("a", "Const", [], {**CONST, "device": "/gpu:0"}), config=config_pb2.ConfigProto(allow_soft_placement=True)))
    record.raises("task with soft placement", lambda: create(("a", "NoOp", [], {"device": "/job:worker/task:7"}), config=config_pb2.ConfigProto(allow_soft_placement=True)))
    record.raises("thread pools", lambda: create(A, config=config_pb2.ConfigProto(session_inter_op_thread_pool=[config_pb2.ThreadPoolOptionProto()])))
    record("producer too new", accepted(A, change=lambda g: setattr(g.versions, "producer", 9999)))
    record("no versions", accepted(A, change=lambda g: g.ClearField("versions")))
    record("unknown attribute", accepted(("a", "Const", [], {**CONST, "_what": "ever"})))
    record("empty graph", accepted())
    record("no graph", len(m.call("CreateSession").session_handle))
    record.raises("op without a kernel", lambda: create(("k", "NcclAllReduce", ["a"], {"T": F, "reduction": "sum", "num_devices": 1, "shared_name": "x"}), A))
    m.call("Reset")


@program()
def incomplete_nodes(target, record):
    """A node with too few inputs is kept until a step needs it."""
    m = Master(target)
    b, c = ("b", "Add", ["a"], {"T": F}), ("c", "Neg", ["b"], {"T": F})
    two, shape = ("two", "Add", [], {"T": F}), ("shape", "Shape", [], {"T": F, "out_type": tf.int32})
    both, after = ("both", "Add", ["two", "b"], {"T": F}), ("after", "NoOp", ["^b"], {})
    merge = ("merge", "Merge", ["a"], {"T": F, "N": 2})
    h = m.call("CreateSession", graph_def=graph(A, b, c, two, shape, both, after, merge)).session_handle
    record("not needed", len(m.run(h, fetches=["a:0"])[0]))
    for name in ("b", "c", "two", "shape", "merge"):
        record.raises(f"{name} fetched", lambda: m.run(h, fetches=[f"{name}:0"]))
    for name in ("b", "after"):
        record.raises(f"{name} as a target", lambda: m.run(h, targets=[name]))
    fed = [("b:0", tensor(np.float32(3)))]
    record("fed", float(tf.make_ndarray(m.run(h, fed, ["c:0"])[0]["c:0"])))
    record.raises("fed and waited for", lambda: m.run(h, fed, targets=["after"]))
    record.raises("partial run", lambda: m.call("PartialRunSetup", session_handle=h, fetch=["b:0"]))
    record.raises("callable", lambda: m.call("MakeCallable", session_handle=h, options={"fetch": ["b:0"]}))
    record.raises("extended", lambda: m.call("ExtendSession", session_handle=h, graph_def=graph(P)))
    record.raises("sent again", lambda: m.call("ExtendSession", session_handle=h, graph_def=graph(A)))
    h = m.call("CreateSession", graph_def=graph(A)).session_handle
    record.raises("in an extension", lambda: m.call("ExtendSession", session_handle=h, graph_def=graph(b)))
    called = graph(A)
    called.library.function.add().CopyFrom(tf.function(tf.add).get_concrete_function(*[tf.TensorSpec([], F)] * 2).function_def)
    name = called.library.function[0].signature.name
    node(called, "g", name, ["a"])
    h = m.call("CreateSession", graph_def=called).session_handle
    record("call not needed", len(m.run(h, fetches=["a:0"])[0]))
    record.raises("call", lambda: m.run(h, fetches=["g:0"]))


@program()
def kernels(target, record):
    x = v1.placeholder(tf.float32, None, "x")
    y2 = v1.placeholder(tf.float32, [None, None], "y2")
    uninit = v1.get_variable("uninit", shape=[2], use_resource=False)
    uninit_r = v1.get_variable("uninit_r", shape=[2], use_resource=True)
    p = v1.placeholder(tf.bool, [], "p")
    q = tf.queue.FIFOQueue(1, [tf.float32], [[]], shared_name="q1", name="q1")
    mm = tf.matmul(x, x, name="mm")
    checked = tf.debugging.check_numerics(x, "bad value", name="checked")
    asserted = tf.debugging.Assert(p, [[1, 1, 1, 1]], summarize=3, name="asserted")
    gathered = tf.gather(x, [0, 9], name="gathered")
    divided = tf.math.floordiv(tf.constant([1, 2]), tf.cast(x, tf.int32), name="divided")
    reshaped = tf.reshape(x, [5, 7], name="reshaped")
    get = q.dequeue(name="get")
    two = np.ones((2, 3), np.float32)
    with v1.Session(target) as sess:
        record.raises("matmul", lambda: sess.run(mm, {x: two}))
        record.raises("CheckNumerics", lambda: sess.run(checked, {x: [np.nan]}))
        record.raises("infinite", lambda: sess.run(checked, {x: [np.inf]}))
        record.raises("unfed placeholder", lambda: sess.run(y2 * 2.0))
        record.raises("unfed, no shape", lambda: sess.run(x * 2.0))
        record.raises("Assert", lambda: sess.run(asserted, {p: False}))
        record.raises("uninitialized ref variable", lambda: sess.run(uninit))
        record.raises("its consumer", lambda: sess.run(uninit + 1.0))
        record.raises("uninitialized resource variable", lambda: sess.run(uninit_r))
        record.raises("gather", lambda: sess.run(gathered, {x: [1, 2]}))
        record.raises("division by zero", lambda: sess.run(divided, {x: [0, 1]}))
        record.raises("reshape", lambda: sess.run(reshaped, {x: two}))
        sess.run(q.close())
        record.raises("closed queue", lambda: sess.run(get))
        record.raises("closed queue, enqueue", lambda: sess.run(q.enqueue([1.0])))
        callback = v1.py_func(lambda v: v, [x], tf.float32, stateful=False)
        record.raises("a callback of another process", lambda: sess.run(callback, {x: [1.0]}))


@program()
def session_use(target, record):
    c = tf.constant(1.0)
    sess = v1.Session(target)
    record("c", sess.run(c))
    sess.close()
    record.raises("closed session", lambda: sess.run(c))
    record.raises("foreign tensor", lambda: v1.Session(target, graph=tf.Graph()).run(c))
    sess = v1.Session(target)
    sess.run(c)
    v1.Session.reset(target)
    record.raises("run after reset", lambda: sess.run(c))
    record.raises("close after reset", lambda: sess.close())
    x = v1.placeholder(tf.float32, [2])
    with v1.Session(target) as sess:
        record.raises("feed of a wrong shape", lambda: sess.run(x * 1.0, {x: [1, 2, 3]}))
    with tf.device("/job:worker/task:7"):
        far = tf.constant(2.0, name="far")
    with v1.Session(target) as sess:
        record.raises("unplaceable though not fetched", lambda: sess.run(c))


@program()
def variable_of_two_dtypes(target, record):
    floats = tf.raw_ops.VariableV2(shape=[2], dtype=tf.float32, shared_name="both", name="floats")
    ints = tf.raw_ops.VariableV2(shape=[2], dtype=tf.int32, shared_name="both", name="ints")
    with v1.Session(target) as sess:
        sess.run(v1.assign(floats, [1.0, 2.0]))
        record.raises("assigned", lambda: sess.run(v1.assign(ints, [1, 2])))
        record.raises("read", lambda: sess.run(tf.identity(ints)))
        record("still there", sess.run(tf.identity(floats)))


@program()
def large_numbers(target, record):
    """Numbers that no double holds, in the texts of kernels."""
    raw, large = tf.raw_ops, v1.placeholder(tf.int64, None, "large")
    x = tf.constant([1.0, 2.0, 3.0])
    ops = {
        "gather": (raw.GatherV2(params=x, indices=large, axis=0), [1, 2**53 + 1]),
        "gather, the largest": (raw.GatherV2(params=x, indices=large, axis=0), [2**63 - 1]),
        "gather, the least": (raw.GatherV2(params=x, indices=large, axis=0), [-(2**63)]),
        "gather_nd": (raw.GatherNd(params=x, indices=large), [[2**53 + 1]]),
        "scatter_nd": (raw.ScatterNd(indices=large, updates=[1.0], shape=tf.constant([3], tf.int64)), [[2**60 + 1]]),
        "reshape": (raw.Reshape(tensor=x, shape=large), [2**53 + 1]),
        "fill": (raw.Fill(dims=large, value=1.0), [-(2**53) - 1]),
        "slice": (raw.Slice(input=x, begin=large, size=tf.constant([1], tf.int64)), [2**53 + 1]),
        "tile": (raw.Tile(input=x, multiples=large), [-(2**53) - 1]),
        "pad": (raw.Pad(input=x, paddings=large), [[-(2**53) - 1, 0]]),
        "unsorted segments": (raw.UnsortedSegmentSum(data=x, segment_ids=large, num_segments=3), [0, 1, 2**53 + 1]),
        "labels": (raw.SparseSoftmaxCrossEntropyWithLogits(features=[[1.0, 2.0]], labels=large)[0], [2**53 + 1]),
    }
    with v1.Session(target) as sess:
        for name, (output, value) in ops.items():
            try:
                sess.run(output, {large: np.array(value, np.int64)})
            except tf.errors.OpError as error:
                # Long numbers are taken out of the texts that are compared.
                record(name, [int(number) for number in re.findall(r"-?\d{16,}", error.message)])
