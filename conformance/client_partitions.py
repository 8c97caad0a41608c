"""Variables in slices, for record_client.py: how partitioners cut, what lookups give and training makes of them, and a
checkpoint of such a model.
"""

import base64
import pathlib
import tempfile

import numpy as np
import tensorflow as tf

v1 = tf.compat.v1

PARTITIONERS = {
    "fixedSizePartitioner": (v1.fixed_size_partitioner, [dict(num_shards=3), dict(num_shards=2, axis=1)]),
    "variableAxisSizePartitioner": (
        v1.variable_axis_size_partitioner,
        [dict(max_shard_bytes=s, **more) for s in (1, 50, 1000) for more in ({}, dict(axis=1), dict(max_shards=2), dict(bytes_per_string_element=3))],
    ),
    "minMaxVariablePartitioner": (
        v1.min_max_variable_partitioner,
        [dict(max_partitions=p, min_slice_size=s) for p in (1, 4, 100) for s in (10, 64)] + [dict(max_partitions=8, axis=1, min_slice_size=16)],
    ),
}
SHAPES = [([7, 4], tf.float32), ([2, 9], tf.float64), ([5, 3], tf.string)]
OPTIMIZERS = {
    "sgd": lambda: v1.train.GradientDescentOptimizer(0.1),
    "momentum": lambda: v1.train.MomentumOptimizer(0.05, 0.9),
    "adam": lambda: v1.train.AdamOptimizer(0.05),
}


def partitioners():
    for name, (make, options) in PARTITIONERS.items():
        for given in options:
            for shape, dtype in SHAPES:
                made = make(**given)(shape=tf.TensorShape(shape), dtype=dtype)
                yield {"name": name, "options": given, "shape": shape, "dtype": dtype.as_datatype_enum, "slices": list(made)}


def model():
    """A table by rows and by all, a matrix cut along its columns, a bias, a scalar."""
    rng = np.random.RandomState(4)
    values = {"table": rng.normal(size=(7, 3)), "w": rng.normal(size=(3, 5)), "b": rng.normal(size=5)}
    values = {name: value.astype(np.float32) for name, value in values.items()}
    cuts = {"table": v1.fixed_size_partitioner(3), "w": v1.fixed_size_partitioner(2, axis=1), "b": v1.fixed_size_partitioner(4)}
    made = {n: v1.get_variable(n, initializer=tf.constant(x), partitioner=cuts[n], use_resource=True) for n, x in values.items()}
    whole = {n: tf.convert_to_tensor(v) for n, v in made.items()}
    ids = v1.placeholder(tf.int32, [None], "ids")
    rows = {strategy: v1.nn.embedding_lookup(made["table"], ids, partition_strategy=strategy) for strategy in ("div", "mod")}
    loss = tf.reduce_mean(tf.square(rows["div"] @ whole["w"] + whole["b"] - 1.0)) + tf.reduce_sum(tf.square(whole["b"]))
    return values, ids, rows, loss


def training(tensor, config):
    for name, make in OPTIMIZERS.items():
        with tf.Graph().as_default(), tempfile.TemporaryDirectory() as folder:
            values, ids, rows, loss = model()
            train = make().minimize(loss)
            variables = v1.global_variables()
            saver = v1.train.Saver()
            with v1.Session(config=config) as session:
                session.run(v1.global_variables_initializer())
                looked_up = session.run(rows, {ids: [6, 0, 3, 3, 4]})
                losses = [session.run([loss, train], {ids: [k, 2, 6, 5]})[0] for k in range(4)]
                found = session.run(variables)
                saver.save(session, f"{folder}/m", write_meta_graph=False, write_state=False)
            files = {path.name: base64.b64encode(path.read_bytes()).decode() for path in sorted(pathlib.Path(folder).iterdir())}
            shapes = {key: list(shape) for key, shape in tf.train.load_checkpoint(f"{folder}/m").get_variable_to_shape_map().items()}
        yield name, {
            "values": {n: tensor(value) for n, value in values.items()},
            "lookups": {strategy: tensor(value) for strategy, value in looked_up.items()},
            "losses": [float(value) for value in losses],
            "variables": {v.op.name: tensor(value) for v, value in zip(variables, found)},
            "files": files,
            "shapes": dict(sorted(shapes.items())),
        }


def partition_cases(tensor, config):
    return {"partitioners": list(partitioners()), "training": dict(training(tensor, config))}
