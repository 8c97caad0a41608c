"""Checkpoints: written here and read by TensorFlow, and the reverse; the files themselves, byte for byte; errors.

The server of a run and this process share a disk. What the server writes is read by TensorFlow in this process, and what
that writes is restored by the server.
"""

import os
import pathlib
import shutil
import struct
import tempfile

import numpy as np
import tensorflow as tf
from support.program import program
from tensorflow.core.protobuf import tensor_bundle_pb2

v1 = tf.compat.v1
raw = tf.raw_ops
HOME = pathlib.Path(tempfile.gettempdir()) / "tensorfleet-conformance-checkpoints"
DTYPES = ["float32", "float64", "int32", "int64", "int16", "int8", "uint8", "uint16", "uint32", "uint64", "bool"]
DTYPES += ["half", "bfloat16", "complex64", "complex128"]


def folder(name):
    """Empty, and called the same in every run: paths are part of error texts."""
    path = HOME / name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


def loose(value, dtype=None):
    """A value whose shape the graph doesn't know, so that wrong ones reach the kernel."""
    return v1.placeholder_with_default(tf.convert_to_tensor(value, dtype), None)


def save(prefix, names, slices, tensors):
    return raw.SaveV2(prefix=loose(str(prefix)), tensor_names=loose(names, tf.string), shape_and_slices=loose(slices, tf.string), tensors=tensors)


def restore(prefix, names, slices, dtypes):
    return raw.RestoreV2(prefix=loose(str(prefix)), tensor_names=loose(names, tf.string), shape_and_slices=loose(slices, tf.string), dtypes=dtypes)


def run(target, build):
    with tf.Graph().as_default():
        fetch = build()
        with v1.Session(target) as sess:
            return sess.run(fetch)


def files(path):
    return {str(file.relative_to(path)): file.read_bytes() for file in sorted(path.rglob("*")) if file.is_file()}


def samples():
    """Name → value, of every dtype that a variable may have: empty ones, scalars, and one of several buffers."""
    random = np.random.RandomState(5)
    values = {}
    for name in DTYPES:
        dtype = tf.as_dtype(name)
        if dtype == tf.bool:
            value = random.rand(3, 5) < 0.5
        else:
            value = (random.rand(3, 5) * 100).astype(dtype.as_numpy_dtype)
        values[f"{name}/matrix"] = value
        values[f"{name}/scalar"] = np.array(value[0, 0])
        values[f"{name}/empty"] = value[:, :0]
    values["large"] = random.rand(700, 1000).astype(np.float32)
    values["texts"] = np.array([[b"", b"a\0\xff"], [b"x" * 300, "ü".encode()]], object)
    values["text"] = np.array(b"one", object)
    values["no texts"] = np.array([], object).reshape(0, 3)
    values["many texts"] = np.array([b"%d" % k * (k % 50) for k in range(30000)], object)
    return values


def tensors(values):
    return [tf.constant(value, tf.string if value.dtype == object else None, value.shape) for value in values.values()]


@program(deadline=120)
def every_dtype(target, record):
    path = folder("every_dtype")
    values = samples()
    names, whole = list(values), [""] * len(values)
    dtypes = [t.dtype for t in tensors(values)]
    run(target, lambda: save(path / "written", names, whole, tensors(values)))
    record("files", {name: bytes for name, bytes in files(path).items()})
    reader = tf.train.load_checkpoint(str(path / "written"))
    record("dtypes", {name: dtype.name for name, dtype in reader.get_variable_to_dtype_map().items()})
    for name, value in values.items():
        record(f"read by TensorFlow: {name}", np.array_equal(reader.get_tensor(name), value))
    run("", lambda: save(path / "given", names, whole, tensors(values)))
    for label in ("written", "given"):
        restored = run(target, lambda: restore(path / label, names, whole, dtypes))
        for name, value, found in zip(values, values.values(), restored):
            same = np.shape(found) == value.shape and np.array_equal(found, value)
            record(f"restored from {label}: {name}", bool(same))


@program()
def slices(target, record):
    path = folder("slices")
    whole = np.arange(6 * 4 * 5, dtype=np.float32).reshape(6, 4, 5)
    parts = {"6 4 5 0,2:-:-": whole[:2], "6 4 5 2,3:0,4:-": whole[2:5], "6 4 5 5,1:0,1:-": whole[5:, :1], "6 4 5 5,1:1,3:-": whole[5:, 1:]}
    run(target, lambda: save(path / "x", ["x"] * 4 + ["y", "n\0\xff"], [*parts, "2 -", "70 300 64,6:0,64"], [tf.constant(p) for p in parts.values()] + [tf.constant([1.0, 2]), tf.constant(np.ones((6, 64), np.int8))]))
    record("files", files(path))
    record("read by TensorFlow", np.array_equal(tf.train.load_checkpoint(str(path / "x")).get_tensor("x"), whole))
    wanted = ["", "6 4 5 -:-:-", "6 4 5 0,2:-:-", "6 4 5 1,3:1,2:2,3", "6 4 5 5,1:-:-", "6 4 5 4,2:0,4:0,1", "6 4 5 0,6:0,4:0,5"]
    for spec in wanted:
        record(f"slice {spec}", run(target, lambda: restore(path / "x", ["x"], [spec], [tf.float32])))
    record("a slice of a whole one", run(target, lambda: restore(path / "x", ["y"], ["2 1,1"], [tf.float32])))
    run("", lambda: save(path / "part", ["x"], ["6 4 5 0,2:-:-"], [tf.constant(whole[:2])]))
    record("what is there", run(target, lambda: restore(path / "part", ["x"], ["6 4 5 1,1:-:-"], [tf.float32])))
    for spec in ("", "6 4 5 1,2:-:-", "6 4 5 3,1:-:-"):
        record.raises(f"missing part {spec}", lambda: run(target, lambda: restore(path / "part", ["x"], [spec], [tf.float32])))
    run("", lambda: save(path / "over", ["x", "x"], ["4 0,3", "4 2,2"], [tf.constant([1.0, 2, 3]), tf.constant([4.0, 5])]))
    record.raises("overlap", lambda: run(target, lambda: restore(path / "over", ["x"], [""], [tf.float32])))


@program()
def save_errors(target, record):
    path = folder("save_errors")
    (path / "file").write_text("x")
    (path / "taken.index").mkdir()
    c = lambda: tf.constant([[1.0, 2], [3, 4]])  # noqa: E731
    cases = {
        "duplicate": ("b", ["x", "x"], ["", ""], 2),
        "no folder": ("no/such/b", ["x"], [""], 1),
        "a file as folder": ("file/b", ["x"], [""], 1),
        "index is a folder": ("taken", ["x"], [""], 1),
        "too few names": ("b", ["x"], [""], 2),
        "too few slices": ("b", ["x", "y"], [""], 2),
        "names of rank 2": ("b", [["x"]], [[""]], 1),
    }
    for spec in ("4 2", "4", "a b 0,2:-", "4 2 0,2:x", "4 2 0,2", "4 2 3,2:-", "4 2 0,-1:-", "4 2 0,0:-", "4 2 0,3:-", "4 2 99999999999999999999,2:-", "4 2 -:-", "3  -", "2 2 0:0,2"):
        cases[f"slice {spec}"] = ("b", ["x"], [spec], 1)
    for name, (prefix, names, specs, count) in cases.items():
        record.raises(name, lambda: run(target, lambda: save(path / prefix, names, specs, [c() for _ in range(count)])))
    record.raises("two prefixes", lambda: run(target, lambda: raw.SaveV2(prefix=loose(["a", "b"]), tensor_names=loose(["x"]), shape_and_slices=loose([""]), tensors=[c()])))
    run(target, lambda: save(path / "made/b", ["x"], ["8 2 0,2:-"], [c()]))
    record("files", files(path / "made"))


@program()
def restore_errors(target, record):
    path = folder("restore_errors")
    run("", lambda: save(path / "a", ["x", "y"], ["", ""], [tf.constant([[1.0, 2], [3, 4]]), tf.constant(["a", "bc"])]))
    (path / "folder.index").mkdir()
    (path / "file").write_text("x")
    f, s = tf.float32, tf.string
    cases = {
        "no file": ("nope", ["x"], [""], [f]),
        "no folder": ("nope/a", ["x"], [""], [f]),
        "a file as folder": ("file/a", ["x"], [""], [f]),
        "index is a folder": ("folder", ["x"], [""], [f]),
        "no tensor": ("a", ["x", "zz"], ["", ""], [f, s]),
        "no tensors": ("a", ["q", "p"], ["", ""], [f, s]),
        "dtype": ("a", ["x", "y"], ["", ""], [tf.int32, s]),
        "dtypes": ("a", ["y", "x"], ["", ""], [tf.int64, tf.int32]),
        "too few names": ("a", ["x"], [""], [f, s]),
        "too few slices": ("a", ["x", "y"], [""], [f, s]),
        "empty name": ("a", [""], [""], [f]),
        "part of texts": ("a", ["y"], ["2 1,1"], [s]),
        "shape": ("a", ["x"], ["4 2 0,1:-"], [f]),
        "slice beyond": ("a", ["x"], ["2 2 1,2:-"], [f]),
        "slice text": ("a", ["x"], ["2 2"], [f]),
    }
    for name, (prefix, names, specs, dtypes) in cases.items():
        record.raises(name, lambda: run(target, lambda: restore(path / prefix, names, specs, dtypes)))
    index, data = (path / "a.index").read_bytes(), (path / "a.data-00000-of-00001").read_bytes()
    record("both", run(target, lambda: restore(path / "a", ["y", "x"], ["", ""], [s, f])))

    def flipped(bytes, at):
        changed = bytearray(bytes)
        changed[at] ^= 1
        return changed

    damaged = {f"data byte {at}": (index, flipped(data, at)) for at in range(len(data))}
    damaged |= {f"index byte {at}": (flipped(index, at), data) for at in range(0, len(index) - 48, 7)}
    damaged |= {f"magic {at}": (flipped(index, -at), data) for at in (1, 8)}
    damaged |= {f"data of {size} bytes": (index, data[:size]) for size in (0, 10, 16, 17, 20, 24)}
    damaged |= {f"index of {size} bytes": (index[:size], data) for size in (0, 20, 47)}
    for name, (index, data) in damaged.items():
        (path / "c.index").write_bytes(index)
        (path / "c.data-00000-of-00001").write_bytes(data)
        record.raises(f"x, {name}", lambda: repr(run(target, lambda: restore(path / "c", ["x"], [""], [f]))))
        record.raises(f"y, {name}", lambda: repr(run(target, lambda: restore(path / "c", ["y"], [""], [s]))))
    (path / "c.data-00000-of-00001").unlink()
    (path / "c.index").write_bytes((path / "a.index").read_bytes())
    record.raises("no data", lambda: repr(run(target, lambda: restore(path / "c", ["x"], [""], [f]))))


@program()
def many_names(target, record):
    """A table of several blocks, one of them damaged."""
    path = folder("many_names")
    names = [f"a variable of a long name {k:05}/{'x' * (k % 40)}" for k in range(20000)]
    run(target, lambda: save(path / "m", names, [""] * len(names), [tf.constant(k, tf.int32) for k in range(3)] * 6666 + [tf.constant(9)] * 2))
    record("files", files(path))
    some = names[::1999]
    record("some", run(target, lambda: restore(path / "m", some, [""] * len(some), [tf.int32] * len(some))))
    index = bytearray((path / "m.index").read_bytes())
    index[len(index) // 2] ^= 1
    (path / "m.index").write_bytes(index)
    for k in (0, 5000, 9000, 10000, 11000, 15000, 19999):
        record.raises(f"name {k} of a damaged table", lambda: repr(run(target, lambda: restore(path / "m", [names[k]], [""], [tf.int32]))))


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0x82F63B78 if crc & 1 else crc >> 1
    return crc ^ 0xFFFFFFFF


def snappy_table(entries, compress):
    """A table as TensorFlow's writers with compression make it: each block goes through `compress`."""
    out = b""

    def block(items):
        nonlocal out
        body = b"".join(varint(0) + varint(len(k)) + varint(len(v)) + k + v for k, v in items)
        body = compress(body + struct.pack("<II", 0, 1)) + b"\x01"
        crc = crc32c(body)
        handle = varint(len(out)) + varint(len(body) - 1)
        out += body + struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)
        return handle

    first = block(entries)
    meta = block([])
    index = block([(b"\xff", first)])
    footer = meta + index
    return out + footer + bytes(40 - len(footer)) + bytes.fromhex("57fb808b247547db")


def literals(data):
    return varint(len(data)) + b"".join(bytes([59 << 2]) + data[k : k + 60] if len(data[k : k + 60]) == 60 else bytes([(len(data[k:]) - 1) << 2]) + data[k:] for k in range(0, len(data), 60))


def runs(data):
    """Literals of one byte and copies of it: a copy that reaches into itself."""
    out, at = varint(len(data)), 0
    while at < len(data):
        length = 1
        while length < 65 and at + length < len(data) and data[at + length] == data[at]:
            length += 1
        out += b"\x00" + data[at : at + 1]
        rest = length - 1
        if 4 <= rest <= 11:
            out += bytes([1 | rest - 4 << 2, 1])
        elif rest > 0:
            out += bytes([2 | rest - 1 << 2, 1, 0])
        at += length
    return out


@program()
def snappy(target, record):
    path = folder("snappy")
    values = {f"name{k}": np.arange(k, dtype=np.float32) for k in range(20)}
    run("", lambda: save(path / "a", list(values), [""] * 20, [tf.constant(v) for v in values.values()]))
    header = tensor_bundle_pb2.BundleHeaderProto(num_shards=1)
    header.version.producer = 1
    entries = [(b"", header.SerializeToString())]
    data = (path / "a.data-00000-of-00001").read_bytes()
    at = 0
    for name in sorted(values):
        size = values[name].nbytes
        at = data.index(values[name].tobytes()) if size else at
        crc = crc32c(data[at : at + size])
        entry = tensor_bundle_pb2.BundleEntryProto(dtype=1, offset=at, size=size, crc32c=((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)
        entry.shape.dim.add(size=len(values[name]))
        entries.append((name.encode(), entry.SerializeToString()))
    broken = lambda text: varint(10**6) + literals(text)[1:]  # noqa: E731
    for label, compress in {"literals": literals, "runs": runs, "a wrong length": broken}.items():
        (path / "a.index").write_bytes(snappy_table(entries, compress))
        read = lambda: run(target, lambda: restore(path / "a", list(values), [""] * 20, [tf.float32] * 20))  # noqa: E731
        if compress is broken:
            record.raises(label, read)
        else:
            record(label, read())


@program()
def merge(target, record):
    path = folder("merge")

    def prepare(at=target):
        shutil.rmtree(path)
        path.mkdir()
        run(at, lambda: save(path / "tmp/one", ["a", "p"], ["", "4 0,2"], [tf.constant(1.0), tf.constant([1, 2])]))
        run(at, lambda: save(path / "tmp/two", ["b", "p"], ["", "4 2,2"], [tf.constant(["b"]), tf.constant([3, 4])]))

    def merged(names, to, **attrs):
        return run(target, lambda: raw.MergeV2Checkpoints(checkpoint_prefixes=loose([str(path / n) for n in names], tf.string), destination_prefix=loose(str(path / to)), **attrs))

    for at in (target, ""):
        prepare(at)
        merged(["tmp/one", "tmp/two"], "done")
        record(f"files {at == target}", files(path))
        record(f"folder {at == target}", os.path.exists(path / "tmp"))
        reader = tf.train.load_checkpoint(str(path / "done"))
        record(f"read {at == target}", [reader.get_tensor(name) for name in ("a", "b", "p")])
        record(f"restored {at == target}", run(target, lambda: restore(path / "done", ["a", "b", "p"], [""] * 3, [tf.float32, tf.string, tf.int32])))
    prepare()
    merged(["tmp/one", "tmp/two"], "other/done", delete_old_dirs=False)
    record("kept", [sorted(files(path)), os.path.exists(path / "tmp")])
    prepare()
    record.raises("missing", lambda: merged(["tmp/one", "tmp/three"], "done"))
    record("missing allowed", merged(["tmp/one", "tmp/three"], "done", allow_missing_files=True))
    record("what it left", sorted(files(path)))
    prepare()
    record.raises("none", lambda: merged([], "done"))
    record.raises("none found", lambda: merged(["x"], "done", allow_missing_files=True))
    run(target, lambda: save(path / "tmp/plain", ["a"], [""], [tf.constant(1.0)]))
    record.raises("duplicate", lambda: merged(["tmp/plain", "tmp/plain"], "done"))
    record.raises("matrix", lambda: run(target, lambda: raw.MergeV2Checkpoints(checkpoint_prefixes=loose([["a"]]), destination_prefix=loose("b"))))
    record.raises("vector", lambda: run(target, lambda: raw.MergeV2Checkpoints(checkpoint_prefixes=loose(["a"]), destination_prefix=loose(["b"]))))
