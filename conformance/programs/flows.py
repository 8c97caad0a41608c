"""What the clients of a cluster wait on beside queues: barriers, staging areas, critical sections, readers of files."""

import threading
import time

import numpy as np
import tensorflow as tf
from support.program import program

from programs.checkpoints import folder
from programs.distributed import parallel

v1 = tf.compat.v1
raw = tf.raw_ops


@program(cluster=True)
def barriers(cluster, record):
    """Two workers bring the halves of tuples to a barrier of the ps, a third client takes them; a close frees who waits.

    One session stays from the first use on: a real server forgets a barrier's shapes with the session that made it.
    """

    def ops(task):
        with tf.device("/job:ps/task:0"):
            barrier = raw.Barrier(component_types=[tf.float32, tf.string], shapes=[[2], []], shared_name="pairs")
            keys, floats, texts = v1.placeholder(tf.string, [None]), v1.placeholder(tf.float32, [None, 2]), v1.placeholder(tf.string, [None])
            with tf.device(f"/job:worker/task:{task}"):
                floats_there, texts_there = tf.identity(floats), tf.identity(texts)
            return {
                "keys": keys, "floats": floats, "texts": texts,
                "put": [raw.BarrierInsertMany(handle=barrier, keys=keys, values=v, component_index=i) for i, v in enumerate((floats_there, texts_there))],
                "take": raw.BarrierTakeMany(handle=barrier, num_elements=3, component_types=[tf.float32, tf.string]),
                "rest": raw.BarrierTakeMany(handle=barrier, num_elements=9, component_types=[tf.float32, tf.string], allow_small_batch=True),
                "sizes": [raw.BarrierReadySize(handle=barrier), raw.BarrierIncompleteSize(handle=barrier)],
                "close": raw.BarrierClose(handle=barrier), "cancel": raw.BarrierClose(handle=barrier, cancel_pending_enqueues=True),
            }

    def client(task, act, job="worker"):
        with tf.Graph().as_default():
            made = ops(task)
            with v1.Session(cluster.target(job, task)) as sess:
                act(sess, made)

    batches, failures, waits = [], [], threading.Event()

    def take(sess, o):
        waits.set()
        for _ in range(2):
            batches.append(sess.run(o["take"]))

    def halves(i):
        def put(sess, o):
            waits.wait(20)
            for at in range(3):
                rows = np.arange(2 * at, 2 * at + 2)
                feed = {o["floats"]: np.stack([rows, rows + 0.5], 1)} if i == 0 else {o["texts"]: [f"text {r}" for r in rows]}
                sess.run(o["put"][i], {o["keys"]: [f"key {r}" for r in rows], **feed})

        return put

    owner = v1.Session(cluster.target(), graph=tf.Graph())
    with owner.graph.as_default():
        record("empty", owner.run(ops(0)["sizes"]))
    parallel(lambda: client(0, take), lambda: client(0, halves(0)), lambda: client(1, halves(1)))
    record("every tuple once", sorted((k.decode(), *f, t.decode()) for b in batches for k, f, t in zip(b.keys, b.values[0], b.values[1])))

    def blocked(sess, o):
        try:
            sess.run(o["take"])
        except tf.errors.OpError as error:
            failures.append((type(error).__name__, "insufficient elements (requested 3, current size 1)" in error.message))

    def end(sess, o):
        time.sleep(0.3)
        record("sizes", sess.run(o["sizes"]))
        sess.run(o["put"][0], {o["keys"]: ["last", "lost"], o["floats"]: np.ones((2, 2))})
        sess.run(o["put"][1], {o["keys"]: ["last"], o["texts"]: ["one"]})
        record("sizes before the close", sess.run(o["sizes"]))
        sess.run(o["cancel"])
        record("sizes after it", sess.run(o["sizes"]))

    parallel(lambda: client(0, blocked), lambda: client(1, end))
    record("who waited", failures)

    def afterwards(sess, o):
        record("what was complete", list(sess.run(o["rest"]).keys))
        record.raises("then nothing", lambda: sess.run(o["rest"]))
        record.raises("no new keys", lambda: sess.run(o["put"][0], {o["keys"]: ["new"], o["floats"]: np.ones((1, 2))}))
        record.raises("closed twice", lambda: sess.run(o["close"]))

    # By the ps alone: which of two tasks tells its master first is a race.
    client(0, afterwards, "ps")
    owner.close()

    def cancelled(sess, o):
        raised = []

        def wait():
            try:
                sess.run(o["take"])
            except tf.errors.OpError as error:
                raised.append(type(error).__name__)

        thread = threading.Thread(target=wait)
        thread.start()
        time.sleep(0.3)
        sess.close()
        thread.join(20)
        record("a session that closes ends its takers", raised)

    v1.Session.reset(cluster.target())
    client(1, cancelled)


@program(cluster=True)
def staging(cluster, record):
    """One worker fills areas of the ps, the other empties them: whoever finds no room or nothing waits for the other."""
    total, taken = 12, {"Stage": [], "Map": [], "OrderedMap": []}

    def ops(task):
        with tf.device("/job:ps/task:0"):
            named = lambda kind: {"capacity": 2, "dtypes": [tf.int32, tf.float32], "shared_name": f"area of {kind}"}  # noqa: E731
            with tf.device(f"/job:worker/task:{task}"):
                n = v1.placeholder(tf.int32, [])
                values = [n, tf.cast([n, n + 1], tf.float32)]
                key = tf.cast(n * 7 % total, tf.int64)
            made = {"n": n, "Stage": (raw.Stage(values=values, capacity=2, shared_name="area of Stage"), raw.Unstage(**named("Stage")), raw.StageSize(**named("Stage")))}
            for kind in ("Map", "OrderedMap"):
                op = lambda name: getattr(raw, kind + name)  # noqa: B023, E731
                made[kind] = (op("Stage")(key=key, indices=[0, 1], values=values, **named(kind)), op("Unstage")(key=key, indices=[0, 1], **named(kind)), op("Size")(**named(kind)))
            return made

    def client(task, act):
        with tf.Graph().as_default():
            made = ops(task)
            with v1.Session(cluster.target("worker", task)) as sess:
                for kind in taken:
                    act(sess, kind, made["n"], *made[kind])

    def fill(sess, kind, n, put, _, __):
        for k in range(total):
            sess.run(put, {n: k})

    def empty(sess, kind, n, _, get, size):
        for k in range(total):
            number, pair = sess.run(get, {n: k} if kind != "Stage" else {})
            taken[kind].append((int(number), *map(float, pair)))
        record(f"nothing is left in {kind}", sess.run(size))

    parallel(lambda: client(0, fill), lambda: client(1, empty))
    for kind, values in taken.items():
        record(kind, values)
    v1.Session.reset(cluster.target())
    with tf.Graph().as_default():
        made = ops(0)
        with v1.Session(cluster.target("worker", 0)) as sess:
            sess.run(made["Stage"][0], {made["n"]: 1})
            record("before a reset", sess.run(made["Stage"][2]))
        v1.Session.reset(cluster.target())
        with v1.Session(cluster.target("worker", 1)) as sess:
            record("after it", sess.run(made["Stage"][2]))


@program(cluster=True)
def critical_sections(cluster, record):
    """Workers read, wait and write under one lock of the ps: no update is lost, whoever else is at it."""
    rounds = 10

    def client(task, ready):
        with tf.Graph().as_default():
            with tf.device("/job:ps/task:0"):
                count = v1.get_variable("count", [], initializer=v1.zeros_initializer(), use_resource=True)
                section = tf.CriticalSection(name="section", shared_name="section")

                def add():
                    with tf.device(f"/job:worker/task:{task}"):
                        there = tf.identity(count.read_value()) + 1.0
                    with tf.control_dependencies([count.assign(there)]):
                        return tf.identity(there)

                added = section.execute(add)
            with v1.Session(cluster.target("worker", task)) as sess:
                if task == 0:
                    sess.run(count.initializer)
                ready.wait(20)
                return [float(sess.run(added)) for _ in range(rounds)]

    seen, ready = {}, threading.Barrier(2)

    def run(task):
        seen[task] = client(task, ready)

    parallel(lambda: run(0), lambda: run(1))
    record("every update once", sorted(seen[0] + seen[1]))
    record("in turn", [seen[task] == sorted(seen[task]) for task in (0, 1)])


@program(cluster=True)
def readers(cluster, record):
    """Input pipelines of old: a producer's queue of file names and a reader on the ps, batches on a worker, queue runners around them."""
    path = folder("readers")
    lines = {f"lines.{i}": [f"{i} {k}" for k in range(5 + i)] for i in range(3)}
    for name, texts in lines.items():
        (path / name).write_text("header\n" + "\n".join(texts))
    with tf.io.TFRecordWriter(str(path / "records"), "GZIP") as writer:
        for k in range(7):
            writer.write(b"record %d" % k)

    def run(reader, names, shuffle=False):
        with tf.Graph().as_default(), tf.device("/job:worker/task:0"):
            with tf.device("/job:ps/task:0"):
                queue = v1.train.string_input_producer([str(path / n) for n in names], num_epochs=2, shuffle=shuffle, capacity=2)
                made = reader()
                key, value = made.read(queue)
                counts = [made.num_records_produced(), made.num_work_units_completed()]
            pairs = v1.train.batch([key, value], 4, capacity=8, allow_smaller_final_batch=True)
            with v1.Session(cluster.target()) as sess:
                sess.run([v1.global_variables_initializer(), v1.local_variables_initializer()])
                coordinator, seen = v1.train.Coordinator(), []
                threads = v1.train.start_queue_runners(sess, coordinator)
                try:
                    while not coordinator.should_stop():
                        keys, values = sess.run(pairs)
                        seen += [(k.decode().rsplit("/", 1)[1], v.decode()) for k, v in zip(keys, values)]
                except tf.errors.OutOfRangeError:
                    coordinator.request_stop()
                coordinator.join(threads, stop_grace_period_secs=20)
                return sorted(seen) if shuffle else seen, sess.run(counts)

    packed = tf.io.TFRecordOptions(compression_type="GZIP")
    record("lines", run(lambda: v1.TextLineReader(skip_header_lines=1), sorted(lines)))
    record("shuffled", run(lambda: v1.TextLineReader(), sorted(lines), shuffle=True))
    record("whole files", run(lambda: v1.WholeFileReader(), sorted(lines)))
    record("records", run(lambda: v1.TFRecordReader(options=packed), ["records"]))
    record("stretches", run(lambda: v1.FixedLengthRecordReader(4, header_bytes=7), sorted(lines)))
    with tf.Graph().as_default(), tf.device("/job:ps/task:0"):
        found = v1.train.match_filenames_once(str(path / "lines.*"))
        contents = tf.io.read_file(str(path / "lines.0"))
        with tf.device("/job:worker/task:0"):
            upper = tf.strings.upper(contents)
        with v1.Session(cluster.target()) as sess:
            sess.run(v1.local_variables_initializer())
            record("found", [n.decode().rsplit("/", 1)[1] for n in sess.run(found)])
            record("one file", sess.run(upper))
        with v1.Session(cluster.target("ps", 0)) as sess:
            record.raises("none", lambda: sess.run(tf.io.read_file("/nowhere/at/all")))
