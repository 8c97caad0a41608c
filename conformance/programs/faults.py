"""Tasks that die and come back while a session uses them: what its client is told, in every mix of real tasks and ours."""

import threading
import time

import numpy as np
import tensorflow as tf
from support.program import program

v1 = tf.compat.v1
# Two tasks: those that differ.
MIXES = ("ps ours", "master ours", "all ours")


def outcome(call):
    """The class of what is raised, or the value, and whether it took less than ten seconds."""
    started = time.monotonic()
    try:
        found = call()
    except Exception as error:  # noqa: BLE001  (the class is what is compared)
        found = type(error).__name__
    return [found, time.monotonic() - started < 10]


@program(cluster=True, deadline=120, mixes=MIXES)
def a_task_is_killed(cluster, record):
    cluster = cluster.fresh()
    with tf.device("/job:ps"):
        v = v1.get_variable("v", initializer=np.float32(1), use_resource=True)
        take = tf.queue.FIFOQueue(1, tf.float32, shared_name="q").dequeue()
    with tf.device("/job:worker/task:0"):
        doubled, waits = v * 2.0, take + 1.0
    config = v1.ConfigProto(device_filters=["/job:ps", "/job:worker/task:0"])
    with cluster.spawn("worker", 0):
        with cluster.spawn("ps", 0) as ps:
            old = v1.Session(cluster.target(), config=config)
            old.run(v.initializer)
            record("before", outcome(lambda: old.run(doubled)))
            ends = []
            reader = threading.Thread(target=lambda: ends.append(outcome(lambda: old.run(waits))))
            reader.start()
            time.sleep(0.5)
            ps.process.kill()
            ps.process.wait()
            reader.join()
            record("in a step", ends[0])
            record("dead", outcome(lambda: old.run(doubled)))
        with cluster.spawn("ps", 0):
            # The connection is tried again after a moment.
            found = outcome(lambda: old.run(doubled))
            for _ in range(50):
                if found[0] != "UnavailableError":
                    break
                time.sleep(0.1)
                found = outcome(lambda: old.run(doubled))
            record("its session is lost", found)
            record("which can be closed", outcome(old.close))
            with v1.Session(cluster.target(), config=config) as new:
                record("its state is lost", outcome(lambda: new.run(doubled)))
                new.run(v.initializer)
                record("a new session", outcome(lambda: new.run(doubled)))


@program(cluster=True, deadline=120, mixes=MIXES)
def a_task_comes_late(cluster, record):
    cluster = cluster.fresh()
    with tf.device("/job:ps"):
        c = tf.random.uniform([2], seed=3)
    config = v1.ConfigProto(device_filters=["/job:ps", "/job:worker/task:0"])
    with cluster.spawn("worker", 0):
        hurried = v1.ConfigProto(device_filters=["/job:ps"], operation_timeout_in_ms=500)
        with v1.Session(cluster.target(), config=hurried) as sess:
            record("nobody there", outcome(lambda: sess.run(c)))
        with v1.Session(cluster.target(), config=config) as sess:
            shapes = []
            reader = threading.Thread(target=lambda: shapes.append(outcome(lambda: np.shape(sess.run(c)))[0]))
            reader.start()
            time.sleep(0.5)
            with cluster.spawn("ps", 0):
                reader.join()
                record("waited for", shapes)
