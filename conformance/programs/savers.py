"""Savers and sessions that keep checkpoints, as training uses them: the graphs that Python builds, against the server of
the run; what is left on the disk; training that goes on from a checkpoint as if it had never stopped."""

import os
import pathlib
import subprocess

import numpy as np
import tensorflow as tf
from support.program import program

from programs.checkpoints import files, folder

v1 = tf.compat.v1


def model(optimizer="adam", use_resource=True, partitions=None):
    """A small net on fixed data. Gives (loss, train op, feeds of a step)."""
    v1.set_random_seed(7)
    random = np.random.RandomState(3)
    x = random.randn(64, 6).astype(np.float32)
    y = (x[:, :1] * 2 - x[:, 1:2] + 0.1 * random.randn(64, 1)).astype(np.float32)
    partitioner = None if partitions is None else v1.fixed_size_partitioner(partitions)
    step = v1.train.get_or_create_global_step()
    images, labels = v1.placeholder(tf.float32, [None, 6]), v1.placeholder(tf.float32, [None, 1])
    with v1.variable_scope("net", use_resource=use_resource, partitioner=partitioner):
        w = v1.get_variable("w", [6, 8])
        b = v1.get_variable("b", [8], initializer=v1.zeros_initializer())
        out = v1.get_variable("out", [8, 1])
    if partitions is not None:
        w, b, out = (tf.convert_to_tensor(v) for v in (w, b, out))
    loss = tf.reduce_mean(tf.square(tf.tanh(images @ w + b) @ out - labels))
    optimizers = {"adam": lambda: v1.train.AdamOptimizer(0.01), "momentum": lambda: v1.train.MomentumOptimizer(0.05, 0.9)}
    train = optimizers[optimizer]().minimize(loss, global_step=step)

    def feeds(k):
        at = k * 16 % 64
        return {images: x[at : at + 16], labels: y[at : at + 16]}

    return loss, train, feeds


def losses(sess, built, first, last):
    loss, train, feeds = built
    return np.array([sess.run([loss, train], feeds(k))[0] for k in range(first, last)])


def resumes(target, record, path, rel, saver=lambda: v1.train.Saver(), **options):
    """Losses of twelve steps in one go, and of six, a checkpoint, another session, another graph, six."""
    with tf.Graph().as_default():
        built = model(**options)
        with v1.Session(target) as sess:
            sess.run(v1.global_variables_initializer())
            start = sess.run(v1.global_variables())
            whole = losses(sess, built, 0, 12)
        names = [v.name for v in v1.global_variables()]
    v1.Session.reset(target)
    with tf.Graph().as_default():
        built = model(**options)
        keeper = saver()
        with v1.Session(target) as sess:
            for variable, value in zip(v1.global_variables(), start):
                variable.load(value, sess)
            first = losses(sess, built, 0, 6)
            saved = keeper.save(sess, str(path / "model"), global_step=6)
    v1.Session.reset(target)
    with tf.Graph().as_default():
        built = model(**options)
        keeper = saver()
        with v1.Session(target) as sess:
            keeper.restore(sess, saved)
            last = losses(sess, built, 6, 12)
        with v1.Session() as sess:
            keeper.restore(sess, saved)
            here = losses(sess, built, 6, 12)
    record("variables", names)
    record("resumes bit for bit", bool(np.array_equal(whole, np.concatenate([first, last]))))
    record("losses", whole, rel=rel)
    record("TensorFlow goes on the same", bool(np.allclose(here, last, rtol=1e-5)))
    reader = tf.train.load_checkpoint(saved)
    record("tensors", sorted((name, tuple(shape)) for name, shape in reader.get_variable_to_shape_map().items()) and {n: list(s) for n, s in reader.get_variable_to_shape_map().items()})
    record("on the disk", sorted(name for name in files(path) if not name.endswith(".meta")))


@program()
def resume_resource(target, record):
    resumes(target, record, folder("resume_resource"), 1e-5)


@program()
def resume_reference(target, record):
    resumes(target, record, folder("resume_reference"), 1e-5, use_resource=False, optimizer="momentum")


@program()
def resume_partitioned(target, record):
    resumes(target, record, folder("resume_partitioned"), 1e-5, partitions=2)


@program()
def resume_sharded(target, record):
    resumes(target, record, folder("resume_sharded"), 1e-5, saver=lambda: v1.train.Saver(sharded=True))


@program()
def resume_sharded_partitioned(target, record):
    resumes(target, record, folder("resume_sharded_partitioned"), 1e-5, saver=lambda: v1.train.Saver(sharded=True), partitions=3, use_resource=False)


@program()
def keeps_a_few(target, record):
    path = folder("keeps_a_few")
    v = v1.get_variable("v", initializer=np.float32(0), use_resource=True)
    w = v1.get_variable("w", initializer=np.float32([1, 2]), use_resource=False)
    up = v1.assign_add(v, 1.0)
    saver = v1.train.Saver(max_to_keep=2)
    only = v1.train.Saver({"other name": v})
    with v1.Session(target) as sess:
        sess.run(v1.global_variables_initializer())
        for step in range(4):
            sess.run(up)
            saver.save(sess, str(path / "m"), global_step=step, write_meta_graph=False)
            record(f"files {step}", sorted(files(path)))
        record("state", (path / "checkpoint").read_text())
        latest = tf.train.latest_checkpoint(str(path))
        record("latest", latest)
        record("last checkpoints", saver.last_checkpoints)
        sess.run(up)
        saver.restore(sess, str(path / "m-2"))
        record("restored", sess.run([v, w]))
        saver.restore(sess, latest)
        record("latest restored", sess.run([v, w]))
        record.raises("deleted", lambda: saver.restore(sess, str(path / "m-0")))
        only.save(sess, str(path / "n"), write_meta_graph=False, write_state=False)
        sess.run(up)
        only.restore(sess, str(path / "n"))
        record("another name", sess.run(v))
        record("its tensors", sorted(name for name, _ in tf.train.list_variables(str(path / "n"))))
        record.raises("no such folder", lambda: saver.save(sess, str(path / "no/such/folder/m"), write_meta_graph=False))
    with tf.Graph().as_default():
        v1.get_variable("v", initializer=np.float32([0, 0]), use_resource=True)
        missing = v1.get_variable("missing", initializer=np.float32(0), use_resource=True)
        wrong, absent = v1.train.Saver([v1.global_variables()[0]]), v1.train.Saver([missing])
        with v1.Session(target) as sess:
            record.raises("wrong shape", lambda: wrong.restore(sess, latest))
            record.raises("missing", lambda: absent.restore(sess, latest))


@program(deadline=120)
def monitored(target, record):
    """A MonitoredTrainingSession that ends and one that finds its checkpoint."""
    path = folder("monitored")

    def train(until):
        with tf.Graph().as_default():
            built = model("momentum")
            hooks = [v1.train.StopAtStepHook(last_step=until)]
            with v1.train.MonitoredTrainingSession(
                target, is_chief=True, checkpoint_dir=str(path), hooks=hooks, save_checkpoint_steps=4, save_summaries_steps=None, save_summaries_secs=None, log_step_count_steps=None
            ) as sess:
                found = []
                while not sess.should_stop():
                    loss, train_op, feeds = built
                    found.append(sess.run([loss, train_op], feeds(len(found) + (0 if until == 6 else 6)))[0])
                return np.array(found)

    first = train(6)
    names = sorted(name for name in files(path) if "events" not in name and not name.endswith(".meta"))
    record("first", first, rel=1e-5)
    record("files", names)
    v1.Session.reset(target)
    record("second", train(12), rel=1e-5)
    record("state", (path / "checkpoint").read_text())
    record("step", int(tf.train.load_checkpoint(str(path)).get_tensor("global_step")))


@program()
def typescript(target, record):
    """Python imports what the TypeScript Saver wrote, graph included; that restores what Python's Saver writes."""
    path = folder("typescript")
    script = pathlib.Path(__file__).resolve().parents[2] / "dist/conformance/saver.js"

    def client(*words):
        done = subprocess.run([os.environ.get("NODE", "node"), str(script), target, *words], capture_output=True, text=True, timeout=50)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    record("saves", client("save", str(path / "m")))
    record("files", sorted(files(path)))
    record("state", (path / "checkpoint").read_text())
    for prefix in (tf.train.latest_checkpoint(str(path)), str(path / "m-7")):
        with tf.Graph().as_default():
            saver = v1.train.import_meta_graph(f"{prefix}.meta")
            variables = v1.global_variables()
            record(f"variables {prefix}", [v.name for v in variables])
            with v1.Session() as sess:
                saver.restore(sess, prefix)
                values = sess.run(variables)
                record(f"restored {prefix}", dict(zip([v.name for v in variables], [v if isinstance(v, np.generic) else np.array(v) for v in values])))
                sess.run([v1.assign(variables[0], variables[0] * 2), v1.assign(variables[2], 9)])
                saver.save(sess, str(path / "back"), write_meta_graph=False, write_state=False)
        record(f"restores {prefix}", client("restore", str(path / "back")))
        for cut in (None, 1, 3, 5):
            with tf.Graph().as_default(), v1.variable_scope("", partitioner=None if cut is None else v1.fixed_size_partitioner(cut)):
                table = v1.get_variable("table", [5, 2], use_resource=True)
                saver = v1.train.Saver()
                with v1.Session() as sess:
                    saver.restore(sess, prefix)
                    record(f"cut in {cut}", sess.run(tf.convert_to_tensor(table)))
                    changed = [v1.assign(v, v * np.float32(0.1)) for v in v1.global_variables()]
                    sess.run(changed)
                    saver.save(sess, str(path / "table"), write_meta_graph=False, write_state=False)
            record(f"restores what was cut in {cut}", client("restore-table", str(path / "table")))


@program(cluster=True, deadline=120)
def across_tasks(cluster, record):
    """Variables on the ps and on both workers, one of them in parts: saved by all, sharded and not; found again."""
    path = folder("across_tasks")

    def build():
        with tf.device("/job:ps/task:0"):
            a = v1.get_variable("a", initializer=np.arange(6, dtype=np.float32).reshape(2, 3), use_resource=True)
            names = v1.get_variable("names", initializer=np.array([b"x", b"y\0"], object), use_resource=False, dtype=tf.string)
        with tf.device("/job:worker/task:1"):
            b = v1.get_variable("b", initializer=np.int64([1, 2, 3]), use_resource=False)
        with v1.device(v1.train.replica_device_setter(ps_tasks=1, worker_device="/job:worker/task:0")):
            parts = v1.get_variable("parts", [7, 2], initializer=v1.ones_initializer(), partitioner=v1.fixed_size_partitioner(3), use_resource=True)
        return a, b, names, list(parts)

    for sharded in (False, True):
        label = "sharded" if sharded else "whole"
        with tf.Graph().as_default():
            a, b, names, parts = build()
            saver = v1.train.Saver(sharded=sharded)
            change = [v1.assign_add(a, a), v1.assign_add(b, b)] + [v1.assign(p, p * (k + 2.0)) for k, p in enumerate(parts)]
            with v1.Session(cluster.target()) as sess:
                sess.run(v1.global_variables_initializer())
                sess.run(change)
                saved = saver.save(sess, str(path / label), write_meta_graph=False)
                sess.run(change)
                saver.restore(sess, saved)
                record(f"{label}: restored", sess.run([a, b, names, *parts]))
                record(f"{label}: files", files(path) if not sharded else sorted(files(path)))
            v1.Session.reset(cluster.target())
        reader = tf.train.load_checkpoint(str(path / label))
        record(f"{label}: read", {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()})
