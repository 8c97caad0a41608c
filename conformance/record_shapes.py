"""Records the shapes that TensorFlow infers: `npm run record shapes`, a maintainer's job.

Takes the graphs and feeds of test/ops/record/ and imports each graph anew with its placeholders declared in several
ways (VARIANTS), as a Python client would build it. What the shape functions say of every node, or why they refuse the
graph, goes to test/ops/data/shapes.gz. test/ops/shapes.test.ts makes the same variants from the recorded op cases.
"""

import gzip
import importlib
import json
import os
import pathlib
import sys

sys.dont_write_bytecode = True
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "conformance"), str(ROOT / "test/ops")]

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from record.families import FAMILIES  # noqa: E402
from record.lib import Family, dtype_enum  # noqa: E402
from tensorflow.core.framework import graph_pb2  # noqa: E402

DATA = ROOT / "test/ops/data/shapes.gz"
# Steps of a case that are looked at, and elements of a feed whose value may be made a constant.
MAX_STEPS = 6
MAX_CONSTANT = 32

# How a placeholder is declared, from the shape that the step feeds; None is an unknown rank.
VARIANTS = {
    "full": lambda shape, position: shape,
    "first": lambda shape, position: [-1, *shape[1:]] if shape else shape,
    "last": lambda shape, position: [*shape[:-1], -1] if shape else shape,
    "one": lambda shape, position: None if position == 0 else shape,
    "ranks": lambda shape, position: [-1] * len(shape),
    "const": lambda shape, position: shape,
    "constfirst": lambda shape, position: [-1, *shape[1:]] if shape else shape,
}


def declare(shape, attr):
    attr.Clear()
    if shape is None:
        attr.shape.unknown_rank = True
    else:
        attr.shape.SetInParent()
        for size in shape:
            attr.shape.dim.add(size=size)


def is_constant(value):
    """Integers and booleans, whose values say what shape a result has."""
    return value.dtype != object and value.dtype.kind in "iub" and value.size <= MAX_CONSTANT


def variant(graph, feeds, name):
    made = graph_pb2.GraphDef()
    made.CopyFrom(graph)
    nodes = {node.name: node for node in made.node}
    for position, (tensor, value) in enumerate(feeds.items()):
        node = nodes[tensor.split(":")[0]]
        if node.op != "Placeholder":
            continue
        if name.startswith("const") and is_constant(value):
            node.op = "Const"
            node.attr.pop("shape", None)
            node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value, dtype=tf.dtypes.as_dtype(dtype_enum(value))))
        else:
            declare(VARIANTS[name](list(value.shape), position), node.attr["shape"])
    return made


def text(shape):
    return "?" if shape.rank is None else "[" + ",".join("?" if d is None else str(d) for d in shape.as_list()) + "]"


def infer(graph):
    """Shapes of every node's outputs, in the order of the GraphDef, or the error."""
    with tf.Graph().as_default() as imported:
        try:
            tf.graph_util.import_graph_def(graph, name="")
        except (ValueError, tf.errors.OpError) as error:
            return "!" + (error.message if isinstance(error, tf.errors.OpError) else str(error))
        return "|".join(
            ";".join(text(output.shape) for output in imported.get_operation_by_name(node.name).outputs)
            for node in graph.node
        )


def record(case):
    found = {}
    for index, step in enumerate(case.steps[:MAX_STEPS]):
        for name in VARIANTS:
            if not step.feeds and (name != "full" or index > 0):
                continue
            made = variant(case.graph, step.feeds, name)
            key = made.SerializeToString(deterministic=True)
            if key not in found:
                found[key] = [index, name, infer(made)]
    return list(found.values())


def main():
    answers, numbers, total, refused = [], {}, 0, 0
    families = {}
    for name in FAMILIES:
        family = Family(name)
        importlib.import_module(f"record.{name}").cases(family)
        families[name] = {}
        for case in family.cases:
            entries = []
            for index, way, answer in record(case):
                if answer not in numbers:
                    numbers[answer] = len(answers)
                    answers.append(answer)
                entries.append([index, way, numbers[answer]])
                total += 1
                refused += answer.startswith("!")
            families[name][case.name] = entries
    packed = gzip.compress(json.dumps({"answers": answers, "families": families}).encode(), 9, mtime=0)
    DATA.write_bytes(packed)
    print(f"{total} graphs, {refused} refused, {len(answers)} different answers, {len(packed)} bytes")
    return 0


if __name__ == "__main__":
    np.seterr(all="ignore")
    sys.exit(main())
