"""Tasks of ours are killed in the middle of training and come back: MonitoredTrainingSession goes on by itself, from the
step that was saved last, and gives the losses of a training that nothing disturbed, which is what the all-real cluster runs."""

import threading

import numpy as np
import tensorflow as tf
from support.clusters import TASKS
from support.program import program

from programs.checkpoints import folder
from programs.distributed import QUIET, data, replica

v1 = tf.compat.v1
STEPS, EVERY = 28, 4


def build():
    """Gives (step, loss, train op), the batch chosen by the global step, so that a step done again is the same."""
    x, y = data()
    step = v1.train.get_or_create_global_step()
    at = tf.identity(step, name="at")
    rows = tf.cast(tf.range(16), tf.int64) + at * 16 % len(y)
    random = np.random.RandomState(3)
    w1 = v1.get_variable("w1", initializer=(random.randn(12, 16) * 0.3).astype(np.float32), use_resource=True)
    w2 = v1.get_variable("w2", initializer=(random.randn(16, 5) * 0.3).astype(np.float32), use_resource=False)
    logits = tf.matmul(tf.nn.relu(tf.matmul(tf.gather(tf.constant(x), rows), w1)), w2)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=tf.gather(tf.constant(y), rows), logits=logits)
    loss = tf.reduce_mean(losses)
    return at, loss, v1.train.AdamOptimizer(0.01).minimize(loss, global_step=step)


def train(cluster, path, kills):
    """`kills`: what is called after a step, once, by step. Gives losses by step, where it went on after a fault, how many
    steps were done again, and those that gave another loss then."""
    found, restarts, differ, seen = {}, [], [], []
    with tf.Graph().as_default(), v1.device(replica(cluster, 1)):
        at, loss, train_op = build()
        hooks = [v1.train.StopAtStepHook(last_step=STEPS)]
        with v1.train.MonitoredTrainingSession(cluster.target(), checkpoint_dir=str(path), hooks=hooks, save_checkpoint_steps=EVERY, **QUIET) as sess:
            while not sess.should_stop():
                k, value, _ = sess.run([at, loss, train_op])
                k = int(k)
                if seen and k != seen[-1] + 1:
                    restarts.append(k)
                seen.append(k)
                if not np.isclose(found.setdefault(k, value), value, rtol=1e-5):
                    differ.append((k, float(found[k]), float(value)))
                if k in kills:
                    kills.pop(k)()
    return np.array([found[k] for k in range(STEPS)]), restarts, len(seen) - STEPS, differ


class Tasks:
    """The tasks of a cluster of our own; one that is killed is started again, while the training goes on."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.processes, self.starts = {}, []

    def _begin(self, job, task):
        def start():
            self.processes[job, task] = self.cluster.spawn(job, task)

        self.starts.append(threading.Thread(target=start))
        self.starts[-1].start()

    def __enter__(self):
        for task in TASKS:
            self._begin(*task)
        self._started()
        return self

    def _started(self):
        for start in self.starts:
            start.join()

    def kill(self, job, task):
        with self.processes[job, task] as server:
            server.process.kill()
            server.process.wait()
        self._begin(job, task)

    def __exit__(self, *_):
        self._started()
        for server in self.processes.values():
            server.close()


@program(cluster=True, deadline=120, mixes=("ps real", "master real", "all ours"))
def monitored(cluster, record):
    tf.get_logger().setLevel("FATAL")
    path = folder("recovery")
    if not cluster.ours:
        losses, restarts, again, differ = train(cluster, path, {})
        count = 0
    else:
        with Tasks(cluster.fresh()) as tasks:
            kills = {}
            for n, task in enumerate(tasks.cluster.ours):
                kill = lambda task=task: tasks.kill(*task)  # noqa: E731
                # One between two steps, the next in the middle of one.
                kills[6 + 8 * n] = kill if n % 2 == 0 else lambda kill=kill: threading.Timer(0.004, kill).start()
            count = len(kills)
            losses, restarts, again, differ = train(tasks.cluster, path, kills)
    record("losses", losses, rel=1e-5)
    record("those that came again", differ)
    record("every kill was recovered from", len(restarts) >= count)
    record("from a step that was saved", [k for k in restarts if k % EVERY != 0])
    record("few steps were done again", again <= count * (EVERY + 2))
    record("saved at its end", tf.train.latest_checkpoint(str(path)).rsplit("-", 1)[1])
