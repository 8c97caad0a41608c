"""Records what TensorFlow's own client makes, for test/unit/client: names, devices and inputs of graphs under scopes;
gradients of graphs (which the test imports and differentiates itself); loops and conditions; losses, variables
and slots of optimizers, of variables in slices as well.
"""

import base64
import gzip
import json
import os
import pathlib
import sys

os.environ["CUDA_VISIBLE_DEVICES"] = ""

import numpy as np
import tensorflow as tf
from tensorflow.python.framework import indexed_slices

from client_flow import flow_cases
from client_functions import function_cases
from client_partitions import partition_cases

v1 = tf.compat.v1
v1.disable_eager_execution()
v1.disable_control_flow_v2()
DATA = pathlib.Path(__file__).resolve().parents[1] / "test/unit/client/data"
META_OFF = v1.ConfigProto(graph_options=v1.GraphOptions(rewrite_options={"disable_meta_optimizer": True}))


def tensor(array):
    array = np.asarray(array)
    kind = tf.as_dtype(array.dtype).as_datatype_enum
    return {"dtype": kind, "shape": list(array.shape), "bytes": base64.b64encode(array.tobytes()).decode()}


def graph_text(graph):
    def node(n):
        line = {"name": n.name, "op": n.op, "input": list(n.input), "device": n.device}
        if "_class" in n.attr:
            line["class"] = [c.decode() for c in n.attr["_class"].list.s]
        if n.attr["container"].s:
            line["container"] = n.attr["container"].s.decode()
        return line

    return [node(n) for n in graph.as_graph_def().node]


def names():
    """Scopes by scope: names, devices, colocation, control inputs, containers."""
    graph = tf.Graph()
    raw = tf.raw_ops
    with graph.as_default():
        no_op = lambda name=None: raw.NoOp(name=name)  # noqa: E731
        for name in ("a", "a", "A", "a_1", "b/c", "b/c", "b"):
            no_op(name)
        with v1.name_scope("s") as scope:
            no_op()
            no_op("x")
            with v1.name_scope("inner"):
                no_op("x")
            with v1.name_scope(""):
                no_op("root")
            no_op("x")
        with v1.name_scope("s"):
            no_op("x")
        with v1.name_scope(scope):
            no_op("x")
        no_op("s/again/")
        with graph.device("/job:ps/task:1"):
            no_op("d1")
            with graph.device("/cpu:0"):
                no_op("d2")
                with graph.device("/job:worker"):
                    no_op("d3")
                with graph.device(None):
                    no_op("d4")
                    with graph.device("/device:GPU:2"):
                        no_op("d5")
        with graph.device(lambda op: "/job:f" if op.type == "Const" else "/job:g/task:3"):
            no_op("f1")
            v1.constant(1.0, name="f2")
            with graph.device("/cpu:1"):
                no_op("f3")
        with graph.device("/task:4"):
            with graph.device(lambda op: op.device + "/job:h"):
                no_op("f4")
        with graph.device("/job:ps"):
            one = v1.constant(1.0, name="one")
        with graph.device("/job:worker"):
            with graph.colocate_with(one.op):
                raw.Neg(x=one, name="near")
                with graph.device("/cpu:0"):
                    near2 = raw.Neg(x=one, name="near2")
                with graph.colocate_with(graph.get_operation_by_name("a")):
                    raw.Neg(x=one, name="both")
                with graph.colocate_with(graph.get_operation_by_name("a"), ignore_existing=True):
                    raw.Neg(x=one, name="only")
            with graph.colocate_with(near2.op):
                no_op("nearer")
        a = graph.get_operation_by_name("a")
        with graph.control_dependencies([a, one]):
            c1 = raw.Neg(x=one, name="c1")
            raw.Neg(x=c1, name="c2")
            with graph.control_dependencies([graph.get_operation_by_name("b")]):
                no_op("c3")
                raw.Neg(x=c1, name="c4")
            with graph.control_dependencies(None):
                no_op("c5")
            no_op("c6")
        with graph.container("box"):
            raw.VarHandleOp(dtype=tf.float32, shape=[], name="v1")
            raw.VarHandleOp(dtype=tf.float32, shape=[], container="mine", name="v2")
            no_op("v3")
        raw.AddV2(x=one, y=2.0, name="sum")
        raw.Pack(values=[one, one], name="pack")
        raw.Mean(input=[[1.0]], axis=[0, 1], name="mean")
        inner = tf.Graph()
        with inner.as_default():
            p = v1.placeholder(tf.float32, name="p")
            with inner.device("/cpu:0"):
                q = raw.Neg(x=p, name="q")
            with inner.control_dependencies([q]), inner.colocate_with(q.op):
                raw.AddV2(x=p, y=q, name="r")
        definition = inner.as_graph_def()
        with graph.device("/job:ps"):
            tf.import_graph_def(definition)
        tf.import_graph_def(definition, name="under", input_map={"p": one})
        tf.import_graph_def(definition, name="under", input_map={"q:0": one})
    return {"imported": base64.b64encode(definition.SerializeToString()).decode(), "nodes": graph_text(graph)}


def gradient_cases():
    rng = np.random.RandomState(0)
    n = lambda *shape: rng.uniform(-0.9, 0.9, shape)  # noqa: E731
    p = lambda *shape: rng.uniform(0.2, 2.0, shape)  # noqa: E731
    f32 = lambda *shape: rng.uniform(-1, 1, shape).astype(np.float32)  # noqa: E731
    cases = {}

    def case(name, build, *inputs):
        cases[name] = (build, inputs)

    m = tf.math
    for name in ("abs", "negative", "square", "exp", "expm1", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh",
                 "asinh", "atanh", "sigmoid", "erf", "erfc", "sign", "floor", "round"):
        case(name, getattr(m, name), n(2, 3))
    for name in ("reciprocal", "sqrt", "rsqrt", "log", "log1p", "lgamma", "digamma"):
        case(name, getattr(m, name), p(2, 3))
    case("acosh", m.acosh, 1 + p(2, 3))
    case("erfinv", m.erfinv, n(2, 3))
    for name in ("relu", "relu6", "elu", "selu", "softplus", "softsign", "leaky_relu"):
        case(name, getattr(tf.nn, name), n(3, 4))
    shapes = [((2, 3), (2, 3)), ((2, 1, 3), (4, 1)), ((), (3,))]
    for name in ("add", "subtract", "multiply", "divide", "maximum", "minimum", "squared_difference", "floormod", "divide_no_nan",
                 "atan2", "multiply_no_nan"):
        for a, b in shapes:
            case(f"{name} {a} {b}", getattr(m, name), n(*a), p(*b))
    for name in ("xlogy", "xdivy", "pow"):
        case(name, getattr(m, name), p(2, 1, 3), p(4, 1))
    case("pow of negative", m.pow, n(2, 3), np.full((2, 3), 2.0))
    for name in ("reduce_sum", "reduce_mean", "reduce_max", "reduce_min", "reduce_prod", "reduce_logsumexp", "reduce_std"):
        for axis, keep in ((None, False), (1, False), ([0, -1], True), ([2, 0], False), ([], False)):
            if name in ("reduce_std",) and axis == []:
                continue
            case(f"{name} {axis} {keep}", lambda x, f=getattr(m, name), a=axis, k=keep: f(x, axis=a, keepdims=k), p(2, 3, 4))
    case("ties", lambda x: m.reduce_max(x, 1), np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]]))
    for exclusive in (False, True):
        for reverse in (False, True):
            for name in ("cumsum", "cumprod"):
                case(f"{name} {exclusive} {reverse}",
                     lambda x, f=getattr(m, name), e=exclusive, r=reverse: f(x, 1, exclusive=e, reverse=r), p(2, 4))
    for ta in (False, True):
        for tb in (False, True):
            case(f"matmul {ta} {tb}", lambda a, b, ta=ta, tb=tb: v1.matmul(a, b, ta, tb), n(*((4, 2) if ta else (2, 4))), n(*((3, 4) if tb else (4, 3))))
            case(f"batch matmul {ta} {tb}", lambda a, b, ta=ta, tb=tb: tf.raw_ops.BatchMatMulV2(x=a, y=b, adj_x=ta, adj_y=tb),
                 n(5, 1, *((4, 2) if ta else (2, 4))), n(3, *((3, 4) if tb else (4, 3))))
    for equation in ("ij,jk->ik", "abc,cd->abd", "bij,bjk->bik", "ij,kj->i", "i,j->ij", "abc,abd->cd"):
        left, right = equation.split("->")[0].split(",")
        sizes = dict(zip("abcdijk", (2, 3, 4, 5, 3, 4, 2)))
        case(f"einsum {equation}", lambda x, y, e=equation: tf.einsum(e, x, y), n(*(sizes[c] for c in left)), n(*(sizes[c] for c in right)))
    for equation in ("ij->ji", "ij->i", "ijk->", "ii->i", "ijk->kj"):
        case(f"einsum {equation}", lambda x, e=equation: tf.einsum(e, x), n(*(3 for c in equation.split("->")[0])))
    case("matmul through einsum", lambda x, y: tf.einsum("ij,jk", x, y), n(2, 3), n(3, 2))
    case("twice", lambda x: x * x + tf.sin(x) * x, n(3))
    case("unconnected", lambda x, y: tf.identity(x) + tf.stop_gradient(y), n(3), n(3))
    case("through integers", lambda x: tf.cast(tf.cast(x * 3, tf.int32), tf.float64) * x, n(3))
    case("second order tanh", lambda x: tf.gradients(tf.tanh(x), x)[0], n(3))
    case("second order sigmoid", lambda x: tf.gradients(tf.sigmoid(x) * x, x)[0], n(3))
    case("second order matmul", lambda a, b: tf.gradients(tf.matmul(a, tf.matmul(a, b)), a)[0], n(3, 3), n(3, 3))
    case("cast", lambda x: tf.cast(x, tf.float32) * 2, n(3))
    case("reshape", lambda x: tf.reshape(x, [3, 2]), n(2, 3))
    case("expand squeeze", lambda x: tf.squeeze(tf.expand_dims(x, 1) * 2, 1), n(2, 3))
    case("transpose", lambda x: tf.transpose(x, [2, 0, 1]), n(2, 3, 4))
    case("concat", lambda x, y, z: tf.concat([x, y, z], -1), n(2, 3), n(2, 1), n(2, 2))
    case("split", lambda x: tf.split(x, 3, 1)[1], n(2, 6))
    case("split v", lambda x: tf.split(x, [1, 2, 3], 1)[2] * 2, n(2, 6))
    case("stack", lambda x, y: tf.stack([x, y], 1), n(2, 3), n(2, 3))
    case("unstack", lambda x: tf.unstack(x, axis=1)[2] * tf.unstack(x, axis=1)[0], n(2, 3))
    case("slice", lambda x: tf.slice(x, [0, 1], [2, -1]), n(3, 4))
    case("strided slice", lambda x: x[1:, ::-2, tf.newaxis, ..., 0], n(3, 4, 2, 2))
    case("pad", lambda x: tf.pad(x, [[1, 2], [0, 1]]), n(2, 3))
    case("pad v2", lambda x: tf.pad(x, [[1, 2], [0, 1]], constant_values=3), n(2, 3))
    case("mirror pad", lambda x: tf.pad(x, [[1, 1], [0, 2]], "REFLECT"), n(2, 3))
    case("tile", lambda x: tf.tile(x, [2, 3]), n(2, 3))
    case("broadcast", lambda x: tf.broadcast_to(x, [4, 2, 3]), n(2, 1))
    case("fill", lambda x: tf.fill([2, 3], x), n())
    case("where", lambda x, y: tf.where(x > 0, x, y), n(2, 3), n(3))
    case("where v1", lambda x, y: v1.where(x > 0, x, y), n(2, 3), n(2, 3))
    case("reverse", lambda x: tf.reverse(x, [1]), n(2, 3))
    case("roll", lambda x: tf.roll(x, [1, -1], [0, 1]), n(2, 3))
    case("depth to space", lambda x: tf.nn.depth_to_space(x, 2), f32(1, 2, 2, 4))
    case("space to depth", lambda x: tf.nn.space_to_depth(x, 2), f32(1, 4, 4, 1))
    case("space to batch", lambda x: tf.space_to_batch(x, [2, 2], [[0, 0], [1, 1]]), f32(1, 4, 2, 1))
    case("band part", lambda x: tf.linalg.band_part(x, 1, 0), n(3, 3))
    case("gather", lambda x: tf.gather(x, [2, 0, 2]), n(4, 3))
    case("gather 2d", lambda x: tf.gather(x, [[2, 0], [2, 1]]) * 2, n(4, 3))
    case("gather and more", lambda x: tf.gather(x, [2, 0, 2]) + tf.reduce_sum(x), n(4, 3))
    case("gathered twice", lambda x: tf.gather(x, [2, 0, 2]) + tf.gather(x, [1, 1, 3]), n(4, 3))
    case("gather axis", lambda x: tf.gather(x, [[2, 0], [2, 1]], axis=1), n(2, 4, 3))
    case("gather nd", lambda x: tf.gather_nd(x, [[1, 0], [1, 0], [0, 2]]), n(2, 3))
    case("scatter nd", lambda x: tf.scatter_nd([[1], [3], [1]], x, [5, 2]), n(3, 2))
    case("tensor scatter", lambda x, y: tf.tensor_scatter_nd_update(x, [[1], [3]], y), n(4, 2), n(2, 2))
    case("tensor scatter add", lambda x, y: tf.tensor_scatter_nd_add(x, [[1], [3]], y), n(4, 2), n(2, 2))
    case("dynamic partition", lambda x: tf.dynamic_partition(x, [0, 1, 0, 1], 2)[0], n(4, 2))
    case("dynamic stitch", lambda x, y: tf.dynamic_stitch([[0, 2], [1]], [x, y]), n(2, 2), n(1, 2))
    case("top k", lambda x: tf.math.top_k(x, 2).values, n(3, 5))
    case("segment sum", lambda x: tf.math.segment_sum(x, [0, 0, 1]), n(3, 2))
    for name in ("segment_mean", "segment_max", "segment_min"):
        case(name, lambda x, f=getattr(m, name): f(x, [0, 0, 2]), np.array([[1.0, 3.0], [1.0, -2.0], [0.5, 0.25]]))
    for name in ("unsorted_segment_max", "unsorted_segment_min"):
        case(name, lambda x, f=getattr(m, name): f(x, [2, -1, 2, 0], 4), np.array([[1.0, 3.0], [9.0, -9.0], [1.0, 2.0], [0.5, 0.25]]))
    for name in ("segment_sum", "segment_mean", "segment_sqrt_n"):
        case(f"sparse {name}", lambda x, f=getattr(tf.sparse, name): f(x, [2, 0, 2], [0, 0, 2]), n(4, 2))
    case("unsorted segment sum", lambda x: tf.math.unsorted_segment_sum(x, [1, -1, 1], 3), n(3, 2))
    case("add n", lambda x, y: tf.add_n([x, y, x]), n(3), n(3))
    case("l2 loss", tf.nn.l2_loss, n(2, 3))
    case("softmax", tf.nn.softmax, n(2, 3))
    case("log softmax", tf.nn.log_softmax, n(2, 3))
    case("cross entropy", lambda x, y: tf.nn.softmax_cross_entropy_with_logits(labels=y, logits=x), n(2, 3), p(2, 3))
    case("sparse cross entropy", lambda x: tf.nn.sparse_softmax_cross_entropy_with_logits(labels=[2, 0], logits=x), n(2, 3))
    case("sigmoid cross entropy", lambda x, y: tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=x), n(2, 3), p(2, 3))
    case("bias add", tf.nn.bias_add, n(2, 3, 4), n(4))
    for padding in ("SAME", "VALID", [[0, 0], [1, 2], [0, 1], [0, 0]]):
        case(f"conv2d {padding}", lambda x, f, p=padding: tf.nn.conv2d(x, f, [1, 2, 1, 1], p), f32(2, 6, 5, 2), f32(3, 2, 2, 3))
    case("conv2d dilated", lambda x, f: tf.nn.conv2d(x, f, 1, "SAME", dilations=2), f32(1, 6, 6, 2), f32(3, 3, 2, 2))
    case("conv2d transpose", lambda x, f: tf.nn.conv2d_transpose(x, f, [1, 6, 6, 2], 2), f32(1, 3, 3, 3), f32(3, 3, 2, 3))
    case("depthwise", lambda x, f: tf.nn.depthwise_conv2d(x, f, [1, 1, 1, 1], "SAME"), f32(2, 5, 5, 2), f32(3, 3, 2, 2))
    case("max pool", lambda x: tf.nn.max_pool2d(x, 2, 2, "SAME"), f32(2, 5, 5, 2))
    case("avg pool", lambda x: tf.nn.avg_pool2d(x, 3, 2, "SAME"), f32(2, 5, 5, 2))
    for training in (True, False):
        def norm(x, s, o, t=training):
            more = {} if t else {"mean": [0.1, 0.2], "variance": [1.1, 0.9]}
            return v1.nn.fused_batch_norm(x, s, o, is_training=t, **more)[0]
        case(f"batch norm {training}", norm, f32(2, 3, 3, 2), f32(2), f32(2))
    case("lrn", lambda x: tf.nn.local_response_normalization(x, 2), f32(1, 2, 2, 6))
    case("resize bilinear", lambda x: tf.image.resize(x, [5, 3]), f32(1, 3, 4, 2))
    case("resize nearest", lambda x: tf.image.resize(x, [5, 3], "nearest"), f32(1, 3, 4, 2))
    case("moments", lambda x: tf.nn.moments(x, [0])[1], n(4, 2))
    c = lambda *shape: rng.uniform(0.2, 0.9, shape) + 1j * rng.uniform(-0.9, 0.9, shape)  # noqa: E731
    for name in ("square", "exp", "expm1", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "sigmoid",
                 "reciprocal", "sqrt", "rsqrt", "log", "log1p", "real", "imag", "conj", "abs", "negative"):
        case(f"complex {name}", getattr(m, name), c(2, 3))
    for name in ("add", "subtract", "multiply", "divide", "divide_no_nan", "multiply_no_nan"):
        case(f"complex {name}", getattr(m, name), c(2, 1, 3), c(4, 1))
    case("complex of two", tf.complex, n(2, 1, 3), n(4, 1))
    case("complex matmul", lambda a, b: tf.matmul(a, b, transpose_a=True), c(3, 2), c(3, 4))
    case("complex adjoint matmul", lambda a, b: tf.matmul(a, b, adjoint_a=True), c(2, 3, 2), c(2, 3, 4))
    case("complex einsum", lambda a, b: tf.einsum("ij,jk->ki", a, b), c(2, 3), c(3, 4))
    for name in ("reduce_sum", "reduce_mean", "reduce_prod"):
        case(f"complex {name}", lambda x, f=getattr(m, name): f(x, 1), c(2, 3))
    case("complex cumprod", lambda x: m.cumprod(x, 1), c(2, 3))
    case("complex second order", lambda x: tf.gradients(tf.tanh(x), x, tf.sin(x))[0], c(3))
    for name in ("pow", "xlogy", "xdivy"):
        case(f"complex {name}", getattr(m, name), c(2, 1, 3), c(4, 1))
    case("complex conjugate transpose", lambda x: tf.transpose(x, conjugate=True), c(3, 2))
    case("print", lambda x: v1.Print(x * 2, []), n(3))
    case("one of several identities", lambda x, y: tf.identity_n([x, y])[0] * 2, n(3), n(3))
    case("placeholder with default", lambda x: v1.placeholder_with_default(x, [3]) * 2, n(3))
    case("gather nd of rows", lambda x: tf.gather_nd(x, [[1], [1], [0]]), n(2, 3))
    case("diagonal of no square", lambda x: tf.raw_ops.MatrixDiagPart(input=x), n(2, 3, 4))
    case("set diagonal", lambda x, d: tf.raw_ops.MatrixSetDiag(input=x, diagonal=d), n(3, 4), n(3))
    case("diagonals", lambda x: tf.linalg.diag(x, k=(-1, 0)), n(2, 3))
    case("diagonal part", lambda x: tf.linalg.diag_part(x, k=(0, 1)), n(2, 3, 4))
    case("diagonals set", lambda x, d: tf.linalg.set_diag(x, d, k=1), n(3, 4), n(3))
    case("trace", tf.linalg.trace, n(3, 3))
    for axis, keep in ((None, False), (1, True)):
        case(f"euclidean norm {axis}", lambda x, a=axis, k=keep: m.reduce_euclidean_norm(x, a, k), n(2, 3))
    case("polygamma", lambda n, x: m.polygamma(n, x), np.array([1.0, 2.0]), p(3, 2))
    # Each also by what the gradient of its gradient is, which is made from the first.
    twice = lambda name, *rest: case(f"twice {name}", *rest)  # noqa: E731
    for name in ("reciprocal", "sqrt", "rsqrt", "digamma"):
        twice(name, getattr(m, name), p(2, 3))
    for name in ("reciprocal", "sqrt", "rsqrt", "abs"):
        twice(f"complex {name}", getattr(m, name), c(2, 3))
    for name in ("relu", "relu6", "elu", "selu", "softplus", "leaky_relu"):
        twice(name, getattr(tf.nn, name), n(3, 4))
    twice("strided slice", lambda x: x[1:, ::-2] ** 2, n(3, 4))
    twice("mirror pad", lambda x: tf.pad(x, [[1, 1], [0, 2]], "REFLECT") ** 2, n(2, 3))
    twice("cross entropy", lambda x, y: tf.nn.softmax_cross_entropy_with_logits(labels=y, logits=x), n(2, 3), p(2, 3))
    twice("sparse cross entropy", lambda x: tf.nn.sparse_softmax_cross_entropy_with_logits(labels=[2, 0], logits=x), n(2, 3))
    twice("bias add", lambda x, b: tf.nn.bias_add(x, b) ** 2, n(2, 3, 4), n(4))
    twice("bias add of channels first", lambda x, b: tf.nn.bias_add(x, b, "NCHW") ** 2, n(2, 3, 4), n(3))
    twice("conv2d", lambda x, f: tf.nn.conv2d(x, f, [1, 2, 1, 1], "SAME") ** 2, f32(2, 6, 5, 2), f32(3, 2, 2, 3))
    twice("depthwise", lambda x, f: tf.nn.depthwise_conv2d(x, f, [1, 1, 1, 1], "SAME") ** 2, f32(2, 5, 5, 2), f32(3, 3, 2, 2))
    twice("max pool", lambda x: tf.nn.max_pool2d(x, 2, 2, "SAME") ** 2, f32(2, 5, 5, 2))
    twice("avg pool", lambda x: tf.nn.avg_pool2d(x, 3, 2, "SAME") ** 2, f32(2, 5, 5, 2))
    case("cond taken", lambda x, y: v1.cond(tf.reduce_sum(y) > 0, lambda: x * y, lambda: tf.sin(x)), n(3), p(3))
    case("cond not taken", lambda x, y: v1.cond(tf.reduce_sum(y) < 0, lambda: x * y, lambda: tf.sin(x)), n(3), p(3))
    return cases


def random_like(value, seed):
    rng = np.random.RandomState(seed)
    found = rng.uniform(-1, 1, value.shape).astype(value.dtype)
    return found + 1j * rng.uniform(-1, 1, value.shape) if np.iscomplexobj(found) else found


def record_gradient(name, build, inputs):
    with tf.Graph().as_default() as graph:
        xs = [v1.placeholder(x.dtype, x.shape, f"x{i}") for i, x in enumerate(inputs)]
        y = tf.identity(build(*xs), "y")
        dy = v1.placeholder(y.dtype, y.shape, "dy")
        ddys = [v1.placeholder(x.dtype, x.shape, f"ddy{i}") for i, x in enumerate(xs)] if name.startswith("twice ") else []
        forward = graph.as_graph_def()
        grads = tf.gradients(y, xs, dy)
        if ddys:
            grads = tf.gradients(grads, xs, ddys)
        feeds = {**dict(zip(xs, inputs)), **{ddy: random_like(x, 2 + i) for i, (ddy, x) in enumerate(zip(ddys, inputs))}}
        with v1.Session(config=META_OFF) as session:
            value = session.run(y, feeds)
            seed = random_like(value, 1)
            parts = [[g.values, g.indices] if isinstance(g, indexed_slices.IndexedSlices) else [g] for g in grads if g is not None]
            found = iter(session.run(parts, {**feeds, dy: seed}))
    expected = [None if g is None else [tensor(part) for part in next(found)] for g in grads]
    graph_def = base64.b64encode(forward.SerializeToString()).decode()
    seeds = [tensor(feeds[ddy]) for ddy in ddys]
    return {"name": name, "graph": graph_def, "inputs": [tensor(x) for x in inputs], "dy": tensor(seed), "ddys": seeds, "expected": expected}


OPTIMIZERS = {
    "sgd": lambda: v1.train.GradientDescentOptimizer(0.1),
    "momentum": lambda: v1.train.MomentumOptimizer(0.05, 0.9),
    "nesterov": lambda: v1.train.MomentumOptimizer(0.05, 0.9, use_nesterov=True),
    "adam": lambda: v1.train.AdamOptimizer(0.05),
    "rmsprop": lambda: v1.train.RMSPropOptimizer(0.01, momentum=0.5),
    "centered": lambda: v1.train.RMSPropOptimizer(0.01, centered=True),
    "adagrad": lambda: v1.train.AdagradOptimizer(0.1),
    "adadelta": lambda: v1.train.AdadeltaOptimizer(0.5, 0.9, 1e-3),
    "ftrl": lambda: v1.train.FtrlOptimizer(0.2, l1_regularization_strength=0.01, l2_regularization_strength=0.02),
    "ftrl shrinkage": lambda: v1.train.FtrlOptimizer(0.2, -0.4, 0.3, l2_shrinkage_regularization_strength=0.05),
    "proximal sgd": lambda: v1.train.ProximalGradientDescentOptimizer(0.1, 0.02, 0.1),
    "proximal adagrad": lambda: v1.train.ProximalAdagradOptimizer(0.1, 0.2, l1_regularization_strength=0.02, l2_regularization_strength=0.1),
}


# TensorFlow's Proximal optimizers take no doubles; few take half floats for rows.
OTHER_DTYPES = [(name, tf.float64) for name in OPTIMIZERS if not name.startswith("proximal")]
OTHER_DTYPES += [(name, tf.float16) for name in ("sgd", "momentum", "adagrad")]


def optimizer(name, dtype=tf.float32):
    """A small model with a dense layer and a table of rows, 5 steps: losses, and all variables at the end; half floats as floats."""
    rng = np.random.RandomState(3)
    table, w = rng.normal(size=(6, 3)).astype("f"), rng.normal(size=(3, 2)).astype("f")
    wide = lambda value: tensor(value.astype("f") if value.dtype == np.float16 else value)  # noqa: E731
    with tf.Graph().as_default():
        ids = v1.placeholder(tf.int32, [None], "ids")
        rows = v1.Variable(table.astype(dtype.as_numpy_dtype), name="table", use_resource=True)
        weights = v1.Variable(w.astype(dtype.as_numpy_dtype), name="w", use_resource=True)
        bias = v1.get_variable("b", [2], dtype, initializer=v1.zeros_initializer(), use_resource=True)
        y = tf.matmul(rows.sparse_read(ids), weights) + bias
        loss = tf.reduce_mean(tf.square(y - 1.0))
        step = v1.train.get_or_create_global_step()
        train = OPTIMIZERS[name]().minimize(loss, global_step=step)
        variables = v1.global_variables()
        with v1.Session(config=META_OFF) as session:
            session.run(v1.global_variables_initializer())
            losses = []
            for k in range(5):
                losses.append(session.run([loss, train], {ids: [k % 6, 2, 2, 5]})[0])
            values = session.run(variables)
    return {
        "table": tensor(table),
        "w": tensor(w),
        "losses": [float(loss) for loss in losses],
        "variables": {v.op.name: wide(value) for v, value in zip(variables, values)},
        "dtype": dtype.as_datatype_enum,
        "train": train.name,
    }


DEVICE_SETTERS = {
    "one": dict(ps_tasks=1),
    "round robin": dict(ps_tasks=2, worker_device="/job:worker/task:1"),
    "cluster": dict(cluster={"ps": ["a:1", "b:1", "c:1"], "worker": ["d:1"]}, worker_device="/job:worker/task:0"),
    "other job": dict(ps_tasks=2, ps_device="/job:store/device:CPU:0", worker_device=""),
    "ops": dict(ps_tasks=2, ps_ops=["Placeholder"]),
    "strategy": dict(ps_tasks=4, ps_strategy=lambda op: len(op.name) % 4),
    "no ps": dict(ps_tasks=0, worker_device="/job:worker/task:1"),
    "no ps in the cluster": dict(cluster={"worker": ["d:1"]}),
}


def replicas():
    """Devices by replica_device_setter; the whole of a SyncReplicasOptimizer's update, shared names included."""
    raw = tf.raw_ops

    def handle(name):
        raw.VarHandleOp(dtype=tf.float32, shape=[], shared_name=name, name=name)

    def devices(setter):
        with tf.Graph().as_default() as graph, v1.device(v1.train.replica_device_setter(**setter)):
            handle("a")
            v1.placeholder(tf.float32, [], "x")
            handle("b")
            with v1.device("/job:ps/task:1"):
                handle("c")
            with v1.device("/job:other"):
                handle("d")
                raw.NoOp(name="n")
            with v1.device("/device:GPU:1"):
                handle("e")
                raw.NoOp(name="m")
            with v1.device("/job:ps"):
                raw.NoOp(name="o")
            handle("f")
        return {node.name: node.device for node in graph.as_graph_def().node}

    def sync(total):
        with tf.Graph().as_default() as graph:
            with v1.device(v1.train.replica_device_setter(ps_tasks=2, worker_device="/job:worker/task:1")):
                step = v1.train.get_or_create_global_step()
                w = v1.get_variable("w", [3, 2], initializer=v1.zeros_initializer(), use_resource=True)
                table = v1.Variable(np.ones([4, 2], np.float32), name="table", use_resource=True)
                idle = v1.Variable(np.float32(1), name="idle", use_resource=True)
                dense = v1.placeholder(tf.float32, [3, 2], "dense")
                rows = tf.IndexedSlices(*(v1.placeholder(t, s, n) for t, s, n in (
                    (tf.float32, [None, 2], "values"), (tf.int32, [None], "indices"), (tf.int32, [2], "shape"))))
                optimizer = v1.train.SyncReplicasOptimizer(v1.train.GradientDescentOptimizer(0.5), 2, total)
                train = optimizer.apply_gradients([(dense, w), (rows, table), (None, idle)], global_step=step)
                tokens = optimizer.get_init_tokens_op()
                runner = optimizer.get_chief_queue_runner()
        nodes = graph_text(graph)
        for line, node in zip(nodes, graph.as_graph_def().node):
            if node.attr["shared_name"].s:
                line["shared_name"] = node.attr["shared_name"].s.decode()
        made = {
            "train": train.op, "tokens": tokens, "chief_init": optimizer.chief_init_op, "local_init": optimizer.local_step_init_op,
            "enqueue": runner.enqueue_ops[0], "close": runner.close_op, "cancel": runner.cancel_op,
        }
        return {"nodes": nodes, "made": {key: op.name for key, op in made.items()}}

    return {"devices": {name: devices(setter) for name, setter in DEVICE_SETTERS.items()}, "sync": {str(n): sync(n) for n in (2, 3)}}


def initializers():
    """Values by seeds, and what the initializers make of them."""
    seeded = lambda **more: dict(seed=7, **more)  # noqa: E731
    made = {
        "randomUniform": v1.initializers.random_uniform(-1, 3, **seeded()),
        "randomNormal": v1.initializers.random_normal(1, 0.5, **seeded()),
        "truncatedNormal": v1.initializers.truncated_normal(1, 0.5, **seeded()),
        "glorotUniform": v1.initializers.glorot_uniform(**seeded()),
        "glorotNormal": v1.initializers.glorot_normal(**seeded()),
        "heUniform": v1.initializers.he_uniform(**seeded()),
        "heNormal": v1.initializers.he_normal(**seeded()),
        "lecunUniform": v1.initializers.lecun_uniform(**seeded()),
        "lecunNormal": v1.initializers.lecun_normal(**seeded()),
        "varianceScaling": v1.initializers.variance_scaling(3.0, "fan_out", "untruncated_normal", **seeded()),
        "zeros": v1.initializers.zeros(),
        "ones": v1.initializers.ones(),
        "constant": v1.initializers.constant(2.5),
    }
    values = {}
    for name, make in made.items():
        with tf.Graph().as_default():
            v1.set_random_seed(5)
            value = make([3, 2, 4], tf.float32)
            with v1.Session(config=META_OFF) as session:
                values[name] = tensor(session.run(value))
    return values


def main():
    DATA.mkdir(parents=True, exist_ok=True)
    write = lambda name, what: (DATA / f"{name}.json.gz").write_bytes(  # noqa: E731
        gzip.compress(json.dumps(what, separators=(",", ":")).encode(), 9, mtime=0)
    )
    write("scopes", names())
    cases = [record_gradient(name, build, inputs) for name, (build, inputs) in gradient_cases().items()]
    write("gradients", cases)
    others = {f"{name}, {dtype.name}": optimizer(name, dtype) for name, dtype in OTHER_DTYPES}
    write("training", {**{name: optimizer(name) for name in OPTIMIZERS}, **others})
    write("initializers", initializers())
    write("replicas", replicas())
    write("functions", function_cases(tensor, META_OFF))
    write("partitions", partition_cases(tensor, META_OFF))
    flow = flow_cases(tensor, graph_text, META_OFF)
    write("control-flow", flow)
    print(f"{len(cases)} gradients, {len(flow)} loops and conditions, {len(OPTIMIZERS)} optimizers")
    return 0


if __name__ == "__main__":
    sys.exit(main())
