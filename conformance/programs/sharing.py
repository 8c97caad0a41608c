"""What the clients of a cluster share and what they keep to themselves: queues, supervisors' sessions, clusters that a
session brings along, sessions that are isolated."""

import threading
import time

import numpy as np
import tensorflow as tf
from support.program import program

from programs.checkpoints import files, folder
from programs.distributed import Model, parallel, replica

v1 = tf.compat.v1


@program(cluster=True)
def pipeline(cluster, record):
    """Two producers fill a queue of the ps, two consumers empty it; closed, it ends them; cancelled, it frees who waits."""
    spec = "/job:ps/task:0"
    total, taken = 30, {0: [], 1: []}

    def queue(capacity=4):
        with tf.device(spec):
            q = tf.queue.FIFOQueue(capacity, [tf.int32, tf.float32], [[], [2]], shared_name="items")
            return q, q.close(), q.close(cancel_pending_enqueues=True), q.size()

    def produce(task, ended):
        with tf.Graph().as_default():
            q, close, _, _ = queue()
            with tf.device(f"/job:worker/task:{task}"):
                n = v1.placeholder(tf.int32, [])
                put = q.enqueue([n, tf.cast([n, n + 1], tf.float32)])
            with v1.Session(cluster.target("worker", task)) as sess:
                for k in range(task, total, 2):
                    sess.run(put, {n: k})
                ended.wait(20)
                if task == 0:
                    sess.run(close)

    def consume(task):
        with tf.Graph().as_default():
            q, _, _, _ = queue()
            with tf.device(f"/job:worker/task:{task}"):
                n, pair = q.dequeue()
                item = [n, tf.reduce_sum(pair)]
            with v1.Session(cluster.target("worker", task)) as sess:
                try:
                    while True:
                        taken[task].append(tuple(float(v) for v in sess.run(item)))
                except tf.errors.OutOfRangeError:
                    pass

    ended = threading.Barrier(2)
    parallel(lambda: produce(0, ended), lambda: produce(1, ended), lambda: consume(0), lambda: consume(1))
    record("every item once", sorted(taken[0] + taken[1]))
    v1.Session.reset(cluster.target())
    with tf.Graph().as_default():
        q, close, cancel, size = queue(1)
        put, take = q.enqueue([1, [1.0, 2.0]]), q.dequeue()
        with v1.Session(cluster.target("worker", 0)) as a, v1.Session(cluster.target("worker", 1)) as b:
            b.run(put)
            failures = []

            def blocked():
                try:
                    b.run(put)
                except tf.errors.OpError as error:
                    failures.append((type(error).__name__, "was cancelled" in str(error), "is closed" in str(error)))

            waiting = threading.Thread(target=blocked)
            waiting.start()
            time.sleep(0.2)
            a.run(cancel)
            waiting.join(20)
            record("cancelled", failures)
            record("what was in it is left", [a.run(size), a.run(take)])
            record.raises("then it is empty", lambda: a.run(put))


@program(cluster=True)
def runners(cluster, record):
    """Queue runners of one client feed its training, a coordinator stops them."""
    with v1.device(replica(cluster, 0)):
        step = v1.train.get_or_create_global_step()
        total = v1.get_variable("total", initializer=np.int64(0), use_resource=False, trainable=False)
        numbers = v1.train.range_input_producer(10, num_epochs=2, shuffle=False, capacity=4)
        number = numbers.dequeue()
        batch = v1.train.batch([tf.cast(number, tf.int64), tf.strings.as_string(number)], 4, capacity=8, allow_smaller_final_batch=True)
        count = v1.assign_add(total, tf.reduce_sum(batch[0]))
        with tf.control_dependencies([count]):
            counted = v1.assign_add(step, 1)
    with v1.Session(cluster.target()) as sess:
        sess.run([v1.global_variables_initializer(), v1.local_variables_initializer()])
        coordinator = v1.train.Coordinator()
        threads = v1.train.start_queue_runners(sess, coordinator)
        texts = []
        try:
            while not coordinator.should_stop():
                texts.append(sess.run([batch[1], count, counted])[0].tolist())
        except tf.errors.OutOfRangeError:
            coordinator.request_stop()
        coordinator.join(threads, stop_grace_period_secs=20)
        record("batches", texts)
        record("state", sess.run([total, step]))


@program(cluster=True)
def supervisors(cluster, record):
    """A worker's supervisor waits for what the chief's initializes; the chief saves at its end, another one restores."""
    path = folder("supervisors")
    waiting, seen = threading.Event(), {}

    def client(task, until):
        with tf.Graph().as_default(), v1.device(replica(cluster, task)):
            model = Model(lambda: v1.train.GradientDescentOptimizer(0.2))
            supervisor = v1.train.Supervisor(
                is_chief=task == 0, logdir=str(path), global_step=model.step, recovery_wait_secs=1, save_model_secs=0 if task else 600, save_summaries_secs=0, summary_op=None
            )
            if task == 1:
                waiting.set()
            else:
                waiting.wait(20)
                time.sleep(0.3)
            with supervisor.managed_session(cluster.target("worker", task)) as sess:
                while not supervisor.should_stop():
                    _, _, at = model.run(sess, task, model.step)
                    if sess.run(model.step) >= until:
                        break
                seen[task] = int(sess.run(model.step))
                if task == 0:
                    supervisor.saver.save(sess, supervisor.save_path, global_step=100 + until)

    parallel(lambda: client(0, 20), lambda: client(1, 20))
    record("both trained", [seen[task] >= 20 for task in (0, 1)])
    record("files", sorted(name for name in files(path) if "120" in name))
    v1.Session.reset(cluster.target())
    first = seen[0]
    client(0, first + 5)
    record("it went on", seen[0] - first in (5, 6))


@program(cluster=True)
def propagated(cluster, record):
    """A session brings a cluster of its own, under which the tasks have other names."""
    spec = tf.train.ClusterSpec({"params": cluster.jobs["ps"], "trainer": {0: cluster.jobs["worker"][0], 3: cluster.jobs["worker"][1]}})
    config = v1.ConfigProto(cluster_def=spec.as_cluster_def())
    with v1.device(v1.train.replica_device_setter(cluster=spec, ps_device="/job:params", ps_tasks=1, worker_device="/job:trainer/task:3")):
        model = Model(lambda: v1.train.AdamOptimizer(0.01), use_resource=True)
    with v1.Session(cluster.target(), config=config) as sess:
        record("devices", sorted(d.name for d in sess.list_devices()))
        sess.run(v1.global_variables_initializer())
        record("losses", np.array([model.run(sess, k)[0] for k in range(8)]), rel=1e-5)
        record("step", sess.run(model.step))
    with tf.Graph().as_default(), tf.device("/job:ps"):
        there = tf.random.uniform([], name="there")
        with v1.Session(cluster.target(), config=config) as sess:
            record.raises("no such name in it", lambda: sess.run(there))
        with v1.Session(cluster.target()) as sess:
            record("but in the tasks' own", np.shape(sess.run(there)))


@program(cluster=True)
def isolated(cluster, record):
    """Sessions that share nothing, each with its own copy of the state on every task; filters leave tasks alone."""
    with v1.device(replica(cluster, 0)):
        model = Model(lambda: v1.train.GradientDescentOptimizer(0.2), use_resource=True)
    alone = v1.ConfigProto(isolate_session_state=True)
    with v1.Session(cluster.target(), config=alone) as a, v1.Session(cluster.target(), config=alone) as b, v1.Session(cluster.target("worker", 1)) as c:
        for sess in (a, b, c):
            sess.run(v1.global_variables_initializer())
        for k in range(6):
            model.run(a, k)
            if k % 2 == 0:
                model.run(b, k)
        record("steps", [sess.run(model.step) for sess in (a, b, c)])
    filtered = v1.ConfigProto(device_filters=["/job:ps", "/job:worker/task:0"])
    with v1.Session(cluster.target(), config=filtered) as sess:
        record("steps of the common one", sess.run(model.step))
        record("loss", np.array(model.run(sess, 0)[0]), rel=1e-5)
