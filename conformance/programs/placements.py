"""Who must be with whom: handles and references that contradict requests, classes and each other, hard and soft."""

import numpy as np
import tensorflow as tf
from support.program import program
from support.tasks import PS, W0, W1
from tensorflow.core.framework import attr_value_pb2

v1 = tf.compat.v1


def apart(build, *requests):
    """A node on each task, the later ones brought to the first by their class."""
    nodes = []
    for k, request in enumerate(requests):
        with tf.device(request):
            nodes.append(build(k))
        if k > 0:
            nodes[k].op._set_attr("_class", attr_value_pb2.AttrValue(list=attr_value_pb2.AttrValue.ListValue(s=[b"loc:@" + nodes[0].op.name.encode()])))
    return nodes


def handles(on):
    with tf.device(on):
        return tf.raw_ops.VarHandleOp(dtype=tf.float32, shape=[], shared_name=f"h{on[-1]}", name=f"h{on.split(':')[1][0]}{on[-1]}")


def references(on):
    with tf.device(on):
        return v1.get_variable(f"v{on.split(':')[1][0]}{on[-1]}", initializer=np.float32(1), use_resource=False)._ref()


CASES = {
    "two makers of a handle": lambda: tf.raw_ops.Merge(inputs=[handles(PS), handles(W1)], name="merge")[0],
    "two makers of a reference": lambda: tf.raw_ops.RefMerge(inputs=[references(PS), references(W1)], name="merge")[0],
    "a class across tasks": lambda: apart(lambda k: tf.random.uniform([2], seed=k, name=f"n{k}"), PS, W1),
    "a class across tasks, three": lambda: apart(lambda k: tf.random.uniform([2], seed=k, name=f"n{k}"), "/job:worker", W1, W0),
    "a class across devices": lambda: apart(lambda k: tf.random.uniform([2], seed=k, name=f"n{k}"), PS + "/cpu:0", PS + "/gpu:0"),
    "a class across indices": lambda: apart(lambda k: tf.random.uniform([2], seed=k, name=f"n{k}"), PS + "/cpu:0", PS + "/cpu:1"),
}


def read_elsewhere():
    handle = handles(PS)
    with tf.device(W1):
        # Goes to the handle, and takes who must be with it along.
        tf.raw_ops.ReadVariableOp(resource=handle, dtype=tf.float32, name="read")
        other = tf.random.uniform([], seed=1, name="other")
    other.op._set_attr("_class", attr_value_pb2.AttrValue(list=attr_value_pb2.AttrValue.ListValue(s=[b"loc:@read"])))
    return other


CASES["a class with a reader"] = read_elsewhere


@program(cluster=True)
def contradictions(cluster, record):
    v1.set_random_seed(1)
    for name, build in CASES.items():
        for soft in (False, True):
            with tf.Graph().as_default():
                v1.set_random_seed(1)
                fetch = build()
                config = v1.ConfigProto(allow_soft_placement=soft)
                config.graph_options.rewrite_options.disable_meta_optimizer = True
                with v1.Session(cluster.target(), config=config) as sess:
                    record.raises(f"{name}, {'soft' if soft else 'hard'}", lambda: sess.run(fetch))
