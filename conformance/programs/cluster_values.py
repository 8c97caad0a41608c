"""Values of every dtype on their way from task to task."""

import numpy as np
import tensorflow as tf
from support.program import program
from support.tasks import PLAIN, PS, W0, W1

v1 = tf.compat.v1


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
