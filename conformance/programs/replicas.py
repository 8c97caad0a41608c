"""Synchronous training by two workers, each of them Python's or TypeScript's, on every mix of tasks: what they share has
the same names, so any two train together and see the losses and steps that two Python workers see.
"""

import json
import os
import pathlib
import queue
import subprocess
import threading

import tensorflow as tf
from support.program import program

v1 = tf.compat.v1
SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "dist/conformance/replica.js"
BATCHES = [
    [{"x": [[1, 2]], "ids": [0]}, {"x": [[-1, 0.5]], "ids": [2]}],
    [{"x": [[0.25, -1], [2, 0]], "ids": [1, 1]}, {"x": [[1, 1]], "ids": [2]}],
    [{"x": [[-0.5, 0.5]], "ids": [0]}, {"x": [[0, 1], [1.5, -2]], "ids": [0, 1]}],
] * 3


class TypeScript:
    """conformance/replica.ts in a process."""

    def __init__(self, cluster, task):
        command = [os.environ.get("NODE", "node"), str(SCRIPT), cluster.target("worker", task), json.dumps(cluster.jobs), str(task)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def read(self):
        return json.loads(self.process.stdout.readline() or "null")

    def send(self, batch):
        print(json.dumps(batch), file=self.process.stdin, flush=True)

    def close(self):
        self.process.stdin.close()
        try:
            return self.process.wait(20)
        finally:
            self.process.kill()


class Python:
    """The same in a thread."""

    def __init__(self, cluster, task):
        self.batches, self.results = queue.Queue(), queue.Queue()
        self.thread = threading.Thread(target=self.work, args=(cluster, task), daemon=True)
        self.thread.start()

    def read(self):
        return self.results.get(timeout=30)

    def send(self, batch):
        self.batches.put(batch)

    def close(self):
        self.batches.put(None)
        self.thread.join(20)
        return 1 if self.thread.is_alive() else 0

    def work(self, cluster, task):
        this = f"/job:worker/task:{task}"
        with tf.Graph().as_default():
            with v1.device(v1.train.replica_device_setter(cluster=cluster.jobs, worker_device=this)):
                step = v1.train.get_or_create_global_step()
                w = v1.get_variable("w", initializer=[[0.5], [-1.0]], use_resource=True)
                table = v1.get_variable("table", initializer=[[1.0], [2.0], [3.0]], use_resource=True)
                x, ids = v1.placeholder(tf.float32, [None, 2], "x"), v1.placeholder(tf.int32, [None], "ids")
                loss = tf.reduce_mean(tf.square(tf.matmul(x, w) + table.sparse_read(ids) - 1.0))
                optimizer = v1.train.SyncReplicasOptimizer(v1.train.GradientDescentOptimizer(0.1), 2)
                train = optimizer.minimize(loss, global_step=step)
            options = {
                "config": v1.ConfigProto(device_filters=["/job:ps", this]),
                "hooks": [optimizer.make_session_run_hook(task == 0, num_tokens=0)],
                "stop_grace_period_secs": 0,
            }
            session = v1.train.MonitoredTrainingSession(cluster.target("worker", task), task == 0, **options)
            self.results.put("ready")
            for batch in iter(self.batches.get, None):
                value = session.run([loss, train], {x: batch["x"], ids: batch["ids"]})[0]
                self.results.put([float(value), int(session.run(step))])
            session.close()


def train(cluster, record, label, kinds):
    """In turns: every worker has its part in every update."""
    # The chief's thread that waits for gradients is ended by the end of its session, and says so.
    threading.excepthook = lambda _: None
    workers = []
    try:
        for task, kind in enumerate(kinds):
            workers.append(kind(cluster, task))
            record(f"{label}: worker {task}", workers[-1].read())
        for index, batches in enumerate(BATCHES):
            for worker, batch in zip(workers, batches):
                worker.send(batch)
            for task, worker in enumerate(workers):
                loss, step = worker.read()
                record(f"{label}: loss {index} of {task}", float(loss), rel=1e-5)
                record(f"{label}: step {index} of {task}", step)
        with tf.Graph().as_default(), v1.device("/job:ps/task:0"):
            handle = lambda name, shape: tf.raw_ops.VarHandleOp(dtype=tf.float32, shape=shape, shared_name=name)  # noqa: E731
            read = [tf.raw_ops.ReadVariableOp(resource=handle(*one), dtype=tf.float32) for one in (("w", [2, 1]), ("table", [3, 1]))]
            with v1.Session(cluster.target()) as session:
                record(f"{label}: variables", session.run(read), rel=1e-5)
    finally:
        ends = [worker.close() for worker in reversed(workers)]
    record(f"{label}: ends", ends)
    for target in cluster.targets():
        v1.Session.reset(target)


@program(cluster=True, deadline=120)
def synchronous(cluster, record):
    """In the all-real cluster all workers are Python's: that is what the others are compared with."""
    other = TypeScript if cluster.ours else Python
    train(cluster, record, "chief", [other, Python])
    train(cluster, record, "worker", [Python, other])
    train(cluster, record, "both", [other, other])
