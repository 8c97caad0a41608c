"""Readers of files, fed by queues of file names, and ops that read, write and find files. Bit by bit."""

import pathlib
import shutil
import zlib

from .lib import S, i32, i64, np, tf

v1 = tf.compat.v1
raw = tf.raw_ops
# Of the same name wherever the cases run, since keys hold it. Files are written by the cases themselves.
HOME = "/tmp/tensorfleet-readers"


def records(*values):
    path = f"{HOME}/made"
    pathlib.Path(HOME).mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(path) as writer:
        for value in values:
            writer.write(value)
    return pathlib.Path(path).read_bytes()


def gzipped(data):
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return packer.compress(data) + packer.flush()


def reader(kind, files, moves=True, rounds=14, **attrs):
    """Writes files, reads them one after the other, then in batches, until the queue is closed and empty."""

    def build():
        name, contents, n, state = v1.placeholder(tf.string, None, "name"), v1.placeholder(tf.string, None, "contents"), v1.placeholder(tf.int64, None, "n"), v1.placeholder(tf.string, None, "state")
        write = raw.WriteFile(filename=name, contents=contents, name="write")
        queue = raw.FIFOQueueV2(component_types=[tf.string], shapes=[[]], shared_name="names", name="queue")
        put, close = raw.QueueEnqueueManyV2(handle=queue, components=[name], name="put"), raw.QueueCloseV2(handle=queue, name="close")
        r = getattr(raw, f"{kind}V2")(shared_name="reader", name="r", **attrs)
        op = lambda name: getattr(raw, f"Reader{name}V2")  # noqa: E731
        read, up_to = op("Read")(reader_handle=r, queue_handle=queue, name="read"), op("ReadUpTo")(reader_handle=r, queue_handle=queue, num_records=n, name="up_to")
        counts = [op("NumRecordsProduced")(reader_handle=r, name="records"), op("NumWorkUnitsCompleted")(reader_handle=r, name="units")]
        save, restore, reset = op("SerializeState")(reader_handle=r, name="save"), op("RestoreState")(reader_handle=r, state=state, name="restore"), op("Reset")(reader_handle=r, name="reset")
        paths = [f"{HOME}/{kind}.{i}" for i in range(len(files))]
        steps = [({}, counts)] + [({name: S(path), contents: S(data)}, [write]) for path, data in zip(paths, files)]
        steps += [({name: S(paths * 2)}, [put])] + [({}, list(read)), ({}, counts)] * 3 + [({n: i64(2)}, list(up_to)), ({}, counts), ({n: i64(0)}, list(up_to)), ({}, [save]), ({n: i64(99)}, list(up_to)), ({}, counts)]
        steps += [({name: S([f"{HOME}/nowhere", *paths])}, [put]), ({}, [close])] + [({}, list(read))] * rounds + [({n: i64(3)}, list(up_to))] * 3 + [({}, counts), ({}, [save])]
        started, twice = b"\x08\x02\x10\x02\x18\x05\x22\x04work", b"\x08\x03\x10\x02"
        for given in (started, twice, b"\xff", b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01") if moves else (started,):
            steps += [({state: S(given)}, [restore]), ({}, counts)]
        return steps + [({state: S([started])}, [restore]), ({state: S(started)}, [restore]), ({}, [save]), ({}, [reset]), ({}, counts), ({}, [save])]

    return build


def first_form(family, name, build):
    """The same in the first form of readers, queues and tables, which only graphs of old have."""
    family.program(name, build)
    graph = family.cases[-1].graph
    for node in graph.node:
        if any(kind in node.op for kind in ("Reader", "Queue", "Table")):
            node.op = node.op.removesuffix("V2")
            node.attr.pop("encoding", None)
    graph.versions.producer = 25
    family.cases[-1].ops = sorted({node.op for node in graph.node})


def misfits():
    name = v1.placeholder(tf.string, None, "name")
    r = raw.IdentityReaderV2(shared_name="reader", name="r")
    make = lambda types, given: (lambda q: (raw.QueueEnqueueV2(handle=q, components=given), raw.ReaderReadV2(reader_handle=r, queue_handle=q).key))(raw.FIFOQueueV2(component_types=types))  # noqa: E731
    pairs, ints, lists, good = make([tf.string, tf.string], ["a", "b"]), make([tf.int32], [1]), make([tf.string], [["a", "b"]]), make([tf.string], [["one"]])
    wrong = raw.ReaderReadV2(reader_handle=raw.FIFOQueueV2(component_types=[tf.string]), queue_handle=raw.FIFOQueueV2(component_types=[tf.string]), name="wrong").key
    other = raw.ReaderNumRecordsProducedV2(reader_handle=raw.TextLineReaderV2(shared_name="reader", name="another"), name="other")
    negative = [raw.ReaderResetV2(reader_handle=made, name=f"reset{i}") for i, made in enumerate((
        raw.TextLineReaderV2(skip_header_lines=-1, name="a"), raw.FixedLengthRecordReaderV2(header_bytes=-1, record_bytes=1, name="b"), raw.FixedLengthRecordReaderV2(record_bytes=-1, name="c"),
        raw.FixedLengthRecordReaderV2(record_bytes=1, footer_bytes=-1, name="d"), raw.FixedLengthRecordReaderV2(record_bytes=1, hop_bytes=-1, name="e"), raw.FixedLengthRecordReaderV2(record_bytes=0, name="f"),
        raw.FixedLengthRecordReaderV2(record_bytes=1, encoding="LZ4", name="g")))]
    return [step for put, get in (pairs, ints, lists, good) for step in (({}, [put]), ({}, [get]))] + [({}, [wrong])] + [({}, [other])] + [({}, [op]) for op in negative]


def files():
    name, contents = v1.placeholder(tf.string, None, "name"), v1.placeholder(tf.string, None, "contents")
    write, read, match = raw.WriteFile(filename=name, contents=contents, name="write"), raw.ReadFile(filename=name, name="read"), raw.MatchingFiles(pattern=name, name="match")
    base = f"{HOME}/files"
    put = lambda path, data: ({name: S(f"{base}/{path}"), contents: S(data)}, [write])  # noqa: E731
    find = lambda *patterns: ({name: S([f"{base}/{p}" for p in patterns] if len(patterns) != 1 else f"{base}/{patterns[0]}")}, [match])  # noqa: E731
    get = lambda path: ({name: S(f"{base}/{path}")}, [read])  # noqa: E731
    return [put("a.txt", "one\ntwo"), put("b.txt", b"\x00\xff"), put("deep/er/c.txt", ""), put("deep/.hidden", "h"), put("x[1]", "brackets"), put("star*", "s"), get("a.txt"), get("b.txt"), get("deep/er/c.txt"), get("none"), get("deep"), get("a.txt/x"), put("a.txt/x", "below a file"),
            put("deep", "a folder"), put("a.txt", "again"), get("a.txt"), ({name: S(["x"])}, [read]), ({name: S(["x"]), contents: S("y")}, [write]), ({name: S("x"), contents: S(["y"])}, [write]),
            find("a.txt"), find("none"), find("*"), find("*.txt"), find("?.txt"), find("[ab].txt"), find("[!a].txt"), find("[b-z].txt"), find("deep/*"), find("*/*"), find("*/*/*.txt"), find("d*p/e?/c*"), find("deep/er"), find("deep/"), find("nowhere/*"), find("x[[]1]"), find("x\\[1]"), find("star\\*"),
            find("*.txt", "a*", "deep/*"), ({name: np.zeros(0, object)}, [match]), find("a.txt/*"), find("{a,b}.txt"), find("**/c.txt"), find("[a"), find(""), ({name: S([["x"]])}, [match])]


def table_from_file(key, value, key_index, value_index, contents, **attrs):
    """A table that a file fills, once and again, then another file; keys are asked for that the first one has."""

    def build():
        name, text = v1.placeholder(tf.string, None, "name"), v1.placeholder(tf.string, None, "text")
        write = raw.WriteFile(filename=name, contents=text, name="write")
        h = raw.HashTableV2(key_dtype=key, value_dtype=value, name="h")
        fill = raw.InitializeTableFromTextFileV2(table_handle=h, filename=name, key_index=key_index, value_index=value_index, name="fill", **attrs)
        entries, size = raw.LookupTableExportV2(table_handle=h, Tkeys=key, Tvalues=value, name="entries"), raw.LookupTableSizeV2(table_handle=h, name="size")
        order = tf.argsort(entries.keys) if key != tf.string else tf.argsort(tf.strings.to_hash_bucket_fast(entries.keys, 2**40))
        listed = [tf.gather(entries.keys, order), tf.gather(entries.values, order)]
        at = lambda i: {name: S(f"{HOME}/table.{i}")}  # noqa: E731
        steps = [({**at(i), text: S(c)}, [write]) for i, c in enumerate((contents, "other\t9\n"))]
        return steps + [({name: S(f"{HOME}/none")}, [fill]), ({name: S(["a"])}, [fill]), (at(0), [fill]), ({}, [size]), ({}, listed), (at(0), [fill]), (at(1), [fill]), ({}, [size])]

    return build


def cases(family):
    shutil.rmtree(HOME, ignore_errors=True)
    digits = ["0123456789", "", "01234", "abcdefghijklmnopqrstuvwxyz"]
    lines = ["first\nsecond\r\nthi\rrd\n\nlast without end", "", "\n\n", "h1\nh2\nh3\n", "x" * 300000 + "\ny\n"]
    for form in ("", "V2"):
        program = family.program if form else lambda name, build: first_form(family, name, build)
        program(f"TextLineReader{form}", reader("TextLineReader", lines, False))
        program(f"WholeFileReader{form}", reader("WholeFileReader", lines))
        program(f"IdentityReader{form}", reader("IdentityReader", lines))
        program(f"TFRecordReader{form}", reader("TFRecordReader", [records(b"one", b"", b"three" * 100, b"four"), b"", records(b"x")], False))
        program(f"FixedLengthRecordReader{form}", reader("FixedLengthRecordReader", digits, False, record_bytes=3))
    family.program("TextLineReaderV2 without headers", reader("TextLineReader", lines, moves=False, skip_header_lines=2))
    good = records(b"one", b"", b"three" * 100, b"four")
    bad_bytes, bad_length, bad_second = bytearray(good), bytearray(good), bytearray(good)
    bad_bytes[13] ^= 1
    bad_length[1] ^= 1
    bad_second[20] ^= 1
    damaged = {"without data": good[:14], "cut in a checksum": good[:17], "cut in a header": good[:24] * 2, "cut at its end": good[:-2], "with other bytes": bytes(bad_bytes), "with another length": bytes(bad_length), "with another second length": bytes(bad_second)}
    for what, data in damaged.items():
        family.program(f"TFRecordReaderV2 of a file {what}", reader("TFRecordReader", [data], moves=False, rounds=2))
    family.program("TFRecordReaderV2 of packed files", reader("TFRecordReader", [gzipped(good), gzipped(b"")], moves=False, compression_type="GZIP"))
    family.program("TFRecordReaderV2 of packed files (ZLIB)", reader("TFRecordReader", [zlib.compress(good), zlib.compress(records(b"x"))], moves=False, compression_type="ZLIB"))
    for attrs in ({"record_bytes": 3, "header_bytes": 2, "footer_bytes": 1}, {"record_bytes": 4, "hop_bytes": 2}, {"record_bytes": 2, "hop_bytes": 5, "header_bytes": 1}, {"record_bytes": 5}):
        family.program("FixedLengthRecordReaderV2 " + " ".join(f"{k}={v}" for k, v in attrs.items()), reader("FixedLengthRecordReader", digits, moves=False, rounds=24, **attrs))
    family.program("FixedLengthRecordReaderV2 of packed files", reader("FixedLengthRecordReader", [gzipped(b"0123456789"), gzipped(b"")], moves=False, record_bytes=3, encoding="GZIP"))
    family.program("readers of other queues", misfits)
    s, l = tf.string, tf.int64
    tables = {
        "lines to numbers": (s, l, -2, -1, "a\nb b\r\nc"), "numbers to lines": (l, s, -1, -2, "a\nb b\nc\n"), "with an offset": (s, l, -2, -1, "a\nb\n", {"offset": 5}), "of columns": (s, l, 1, 0, "1\tx\n-2\ty\tz\n 3 \tw\n"),
        "of floats": (s, tf.float32, 0, 1, "a 1.5\nb -2e3\nc inf\n", {"delimiter": " "}), "of doubles": (s, tf.float64, 0, 1, "a,0.1\nb,1e300\n", {"delimiter": ","}), "of int32": (s, tf.int32, 0, 1, "a\t7\nb\t8\n", {"offset": 3}), "twice the same": (s, l, 0, 1, "a\t1\na\t1\n"),
        "twice another": (s, l, 0, 1, "a\t1\na\t2\n"), "empty": (s, l, -2, -1, ""), "with an empty line": (s, l, -2, -1, "a\n\nb\n"), "of too few columns": (s, l, 0, 1, "a\t1\nb\n"), "of no number": (s, l, 0, 1, "a\t1\nb\tx\n"), "of no float": (s, tf.float32, 0, 1, "a\tx1\n"),
        "of so many": (s, l, -2, -1, "a\nb\nc\n", {"vocab_size": 3}), "of more than wanted": (s, l, -2, -1, "a\nb\nc\n", {"vocab_size": 2}), "of fewer than wanted": (s, l, -2, -1, "a\nb\n", {"vocab_size": 3}), "with a wide delimiter": (s, l, 0, 1, "a\t1\n", {"delimiter": "ab"}),
        "with line numbers of another type": (s, tf.float32, -2, -1, "a\n"), "with whole lines of another type": (s, tf.float32, -1, -2, "a\n"), "with whole lines as numbers": (l, l, -2, -1, "5\n6\n"), "with whole lines as floats": (s, tf.float32, -2, -2, "a\n"), "with an integer too large": (s, tf.int32, 0, 1, "a\t3000000000\n"),
        "with a number and more": (s, l, 0, 1, "a\t12x\n"), "with a sign": (s, l, 0, 1, "a\t+12\n"), "with an empty column": (s, l, 0, 1, "a\t\n"), "with a negative vocabulary": (s, l, -2, -1, "a\n", {"vocab_size": 0}),
    }
    first_form(family, "a table of the first form from a file", table_from_file(s, l, 1, 0, "1\tx\n-2\ty\n"))
    for what, (key, value, key_index, value_index, contents, *rest) in tables.items():
        family.program(f"a table from a file {what}", table_from_file(key, value, key_index, value_index, contents, **(rest[0] if rest else {})))
    shutil.rmtree(HOME, ignore_errors=True)
    family.program("files", files)
