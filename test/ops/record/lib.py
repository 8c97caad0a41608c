"""What the families of op cases are written with: a case is a graph and the steps that are run on it.

A family's description gives ops, attributes and inputs; this file makes the GraphDef that a Python client would send,
with default attributes filled in, every input a placeholder of unknown shape (or a Const where asked), so that wrong
shapes reach the kernel. Must not know how steps are run or how results are stored.
"""

import zlib

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import attr_value_pb2, graph_pb2
from tensorflow.python.framework import op_def_registry

PRODUCER = tf.version.GRAPH_DEF_VERSION

f32, f64, i32, i64, u8, f16 = np.float32, np.float64, np.int32, np.int64, np.uint8, np.float16
FLOATS = (f32, f64)
INTS = (i32, i64)
NUMBERS = (f32, f64, i32, i64)
REAL = NUMBERS + (u8,)


def S(values):
    """A string tensor from (nested lists of) bytes or str."""
    array = np.array(values, dtype=object)
    return np.frompyfunc(lambda v: v.encode() if isinstance(v, str) else v, 1, 1)(array) if array.shape else np.array(
        values.encode() if isinstance(values, str) else values, dtype=object
    )


def as_input(value):
    """Whatever a description gives, as an array; strings of any length are objects."""
    array = value if isinstance(value, np.ndarray) else np.asarray(value)
    return array.astype(object) if array.dtype.kind == "S" else array


def dtype_enum(array):
    return tf.dtypes.as_dtype(tf.string if array.dtype == object else array.dtype).as_datatype_enum


def type_name(dtype):
    return tf.dtypes.as_dtype(tf.string if dtype is object else dtype).name


def _class(array):
    return object if array.dtype == object else array.dtype.type


def _attr(kind, value):
    attr = attr_value_pb2.AttrValue()
    if kind.startswith("list("):
        attr.list.SetInParent()
        item = kind[5:-1]
        for v in value:
            if item == "shape":
                attr.list.shape.append(tf.TensorShape(v).as_proto())
            elif item == "type":
                attr.list.type.append(tf.dtypes.as_dtype(v).as_datatype_enum)
            elif item == "string":
                attr.list.s.append(v.encode() if isinstance(v, str) else v)
            else:
                getattr(attr.list, {"int": "i", "float": "f", "bool": "b"}[item]).append(v)
    elif kind == "shape":
        attr.shape.CopyFrom(tf.TensorShape(value).as_proto())
    elif kind == "type":
        attr.type = tf.dtypes.as_dtype(value).as_datatype_enum
    elif kind == "string":
        attr.s = value.encode() if isinstance(value, str) else value
    elif kind == "tensor":
        attr.tensor.CopyFrom(tf.make_tensor_proto(value))
    else:
        setattr(attr, {"int": "i", "float": "f", "bool": "b"}[kind], value)
    return attr


class Step:
    """One RunStep: feeds by tensor name, fetched tensors, targets."""

    def __init__(self, feeds=None, fetches=(), targets=()):
        self.feeds = {k: (v if isinstance(v, np.ndarray) else np.asarray(v)) for k, v in (feeds or {}).items()}
        self.fetches = list(fetches)
        self.targets = list(targets)


class Case:
    def __init__(self, name, graph, steps, compare, ops):
        self.name, self.graph, self.steps, self.compare, self.ops = name, graph, steps, compare, ops


def _ops_of(graph):
    nodes = list(graph.node)
    for function in graph.library.function:
        nodes.extend(function.node_def)
    return sorted({node.op for node in nodes})


class Family:
    """Collects the cases of one family. `compare` rules: bits | ulp:N | rel:R[,abs:A], one for all outputs or a list."""

    def __init__(self, name):
        self.name = name
        self.cases = []
        self.random = np.random.RandomState(zlib.crc32(name.encode()) & 0x7FFFFFFF)
        self._names = set()

    def _add(self, case):
        name, n = case.name, 2
        while case.name in self._names:
            case.name = f"{name} ({n})"
            n += 1
        self._names.add(case.name)
        self.cases.append(case)

    def op(self, op, *steps, compare="bits", consts=(), label=None, fetch=None, **attrs):
        """One op; each step is the list of its inputs (arrays; a list of arrays for a list argument)."""
        definition = op_def_registry.get(op)
        graph = graph_pb2.GraphDef()
        graph.versions.producer = PRODUCER
        graph.library.SetInParent()
        node_inputs, placeholders, kinds = [], [], {}
        first = steps[0]
        for position, arg in enumerate(definition.input_arg):
            value = first[position]
            many = bool(arg.number_attr or arg.type_list_attr)
            values = [as_input(v) for v in (value if many else [value])]
            if arg.number_attr:
                kinds[arg.number_attr] = len(values)
            if arg.type_list_attr:
                kinds[arg.type_list_attr] = [tf.dtypes.as_dtype(dtype_enum(v)) for v in values]
            for k, v in enumerate(values):
                name = f"{arg.name}_{k}" if many else arg.name
                node = graph.node.add(name=name)
                if position in consts:
                    node.op = "Const"
                    node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(v, dtype=tf.dtypes.as_dtype(dtype_enum(v))))
                else:
                    node.op = "Placeholder"
                    node.attr["shape"].shape.unknown_rank = True
                    placeholders.append((position, k if many else None, f"{name}:0"))
                node.attr["dtype"].type = dtype_enum(v)
                node_inputs.append(name)
                if arg.type_attr and arg.type_attr not in attrs:
                    kinds[arg.type_attr] = tf.dtypes.as_dtype(dtype_enum(v))
        kinds.update(attrs)
        node = graph.node.add(name="op", op=op)
        node.input.extend(node_inputs)
        for attr in definition.attr:
            if attr.name in kinds:
                node.attr[attr.name].CopyFrom(_attr(attr.type, kinds[attr.name]))
            elif attr.HasField("default_value"):
                node.attr[attr.name].CopyFrom(attr.default_value)
            else:
                raise ValueError(f"{op}: attribute {attr.name} is missing")
        outputs = 0
        for arg in definition.output_arg:
            if arg.number_attr:
                outputs += node.attr[arg.number_attr].i
            elif arg.type_list_attr:
                outputs += len(node.attr[arg.type_list_attr].list.type)
            else:
                outputs += 1
        fetches = [f"op:{k}" for k in (fetch if fetch is not None else range(outputs))]
        runs = []
        for inputs in steps:
            feeds = {}
            for position, k, name in placeholders:
                value = inputs[position] if k is None else inputs[position][k]
                feeds[name] = as_input(value)
            runs.append(Step(feeds, fetches, [] if outputs else ["op"]))
        if label is None:
            types = [type_name(_class(as_input(first[p]))) for p, arg in enumerate(definition.input_arg)
                     if not (arg.number_attr or arg.type_list_attr)]
            label = types[0] if types else ""
        name = f"{op} {label}".strip()
        for key, value in attrs.items():
            if not isinstance(value, (type, tf.DType)):
                name += f" {key}={value}"
            else:
                name += f" {key}={tf.dtypes.as_dtype(value).name}"
        self._add(Case(name, graph, runs, compare, [op]))

    def program(self, name, build, compare="bits", v2_control_flow=False):
        """A graph that Python builds: `build()` runs inside a new tf.Graph and gives the list of steps.

        A step is (feeds, fetches) or (feeds, fetches, targets) in tensors and operations of that graph.
        """
        v1 = tf.compat.v1
        graph = tf.Graph()
        (v1.enable_control_flow_v2 if v2_control_flow else v1.disable_control_flow_v2)()
        with graph.as_default():
            described = build()
        steps = []
        for feeds, fetches, *rest in described:
            fetches = [t if isinstance(t, (tf.Tensor, tf.Operation)) else t._as_graph_element() for t in fetches]
            targets = [t.name for t in fetches if isinstance(t, tf.Operation)]
            targets += [t.name for t in (rest[0] if rest else [])]
            named = [t.name for t in fetches if not isinstance(t, tf.Operation)]
            fed = {
                key.name: (value if isinstance(value, np.ndarray) else np.array(value, key.dtype.as_numpy_dtype))
                for key, value in feeds.items()
            }
            steps.append(Step(fed, list(dict.fromkeys(named)), list(dict.fromkeys(targets))))
        definition = graph.as_graph_def()
        definition.library.SetInParent()
        self._add(Case(name, definition, steps, compare, _ops_of(definition)))

    # Inputs that most families share.

    def normal(self, shape, dtype=f32, scale=1.0):
        """Random values of a dtype; integers are spread over -9…9 (0…18 when unsigned)."""
        if dtype is bool:
            return np.asarray(self.random.rand(*shape) < 0.5)
        if dtype is object:
            return S([b"s%d" % v for v in self.random.randint(0, 1000, int(np.prod(shape)))]).reshape(shape)
        if np.issubdtype(dtype, np.integer):
            low = 0 if np.issubdtype(dtype, np.unsignedinteger) else -9
            return np.asarray(self.random.randint(low, 19 + low, size=shape)).astype(dtype)
        return np.asarray(self.random.randn(*shape) * scale).astype(dtype)

    def uniform(self, shape, low, high, dtype=f32):
        return np.asarray(self.random.uniform(low, high, size=shape)).astype(dtype)


def specials(dtype):
    """Values at which functions are most often wrong. No denormals: TensorFlow's threads flush them to zero."""
    if dtype is bool:
        return np.array([True, False])
    if np.issubdtype(dtype, np.integer):
        info = np.iinfo(dtype)
        wanted = [0, 1, 2, 3, 7, 100, -1, -2, -3, -7, -100, info.max, info.max - 1, info.min, info.min + 1, info.max // 2]
        return np.array([v for v in wanted if info.min <= v <= info.max], dtype)
    values = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, -1.5, 2.5, -2.5, 3.0, 1e-3, -1e-3, 10.0, -10.0, 100.25, -100.25]
    values += [np.inf, -np.inf, np.nan, 0.1, 0.9999, 1.0001]
    if dtype is not f16:
        values += [1e10, -1e10, 1e30, -1e30, 1e-30, 16777217.0, 8388607.5, -8388608.5]
    return np.array(values, dtype)
