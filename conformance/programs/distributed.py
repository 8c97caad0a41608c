"""Training as people distribute it: a Python client per worker, each with its own master, graph and session; variables on
a parameter server or in parts over several tasks; asynchronous, synchronous, with checkpoints and hooks."""

import threading

import numpy as np
import tensorflow as tf
from support.program import program

from programs.checkpoints import HOME, files, folder

v1 = tf.compat.v1
CLASSES = 5
QUIET = {"save_summaries_steps": None, "save_summaries_secs": None, "log_step_count_steps": None}


def data(seed=11):
    random = np.random.RandomState(seed)
    labels = random.randint(0, CLASSES, 256).astype(np.int32)
    centres = np.random.RandomState(5).randn(CLASSES, 12)
    return (centres[labels] + 0.7 * random.randn(256, 12)).astype(np.float32), labels


def slice_of(info, shape):
    """Which rows of a whole value a part of a variable takes."""
    return slice(0, shape[0]) if info is None else slice(info.var_offset[0], info.var_offset[0] + shape[0])


def replica(cluster, task, **options):
    """The device function that every client of between-graph replication uses."""
    return v1.train.replica_device_setter(cluster=tf.train.ClusterSpec(cluster.jobs), worker_device=f"/job:worker/task:{task}", **options)


def parallel(*clients):
    """Runs them in threads to their end; what the first failing one raised is raised here."""
    errors = []

    def guarded(client):
        try:
            client()
        except BaseException as error:  # noqa: BLE001  (it is raised again)
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(client,), daemon=True) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


class Model:
    """A small net in the default graph; every client builds the same."""

    def __init__(self, optimizer, use_resource=False, sparse=False, partitions=None):
        random = np.random.RandomState(3)
        start = lambda *shape: (random.randn(*shape) * 0.3).astype(np.float32)  # noqa: E731
        get = lambda name, value: v1.get_variable(name, initializer=value, use_resource=use_resource)  # noqa: E731
        self.step = v1.train.get_or_create_global_step()
        self.labels = v1.placeholder(tf.int32, [None])
        if sparse:
            partitioner = None if partitions is None else v1.fixed_size_partitioner(partitions)
            values = start(20, 8)
            first = lambda shape, dtype=None, partition_info=None: values[slice_of(partition_info, shape)]  # noqa: E731
            table = v1.get_variable("table", [20, 8], initializer=first, partitioner=partitioner, use_resource=use_resource)
            self.inputs = v1.placeholder(tf.int32, [None, 3])
            hidden = tf.reduce_sum(v1.nn.embedding_lookup(table, self.inputs, partition_strategy="div"), 1)
            width = 8
        else:
            self.inputs = v1.placeholder(tf.float32, [None, 12])
            hidden = tf.nn.relu(tf.matmul(self.inputs, get("w1", start(12, 16))) + get("b1", np.zeros(16, np.float32)))
            width = 16
        logits = tf.matmul(hidden, get("w2", start(width, CLASSES))) + get("b2", np.zeros(CLASSES, np.float32))
        self.loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=self.labels, logits=logits))
        self.optimizer = optimizer()
        self.train = self.optimizer.minimize(self.loss, global_step=self.step)
        x, self.y = data()
        self.x = np.argsort(x, 1)[:, :3].astype(np.int32) if sparse else x

    def feeds(self, k, size=16):
        at = k * size % len(self.y)
        return {self.inputs: self.x[at : at + size], self.labels: self.y[at : at + size]}

    def run(self, sess, k, *more):
        """(loss, …) of step k."""
        return sess.run([self.loss, self.train, *more], self.feeds(k))


OPTIMIZERS = {"gradient descent": (lambda: v1.train.GradientDescentOptimizer(0.2), False), "adam": (lambda: v1.train.AdamOptimizer(0.01), True)}


@program(cluster=True)
def asynchronous(cluster, record):
    """One worker gives the same losses everywhere; two share their variables and count each other's steps."""
    for name, (optimizer, use_resource) in OPTIMIZERS.items():
        with tf.Graph().as_default(), v1.device(replica(cluster, 0)):
            model = Model(optimizer, use_resource)
            with v1.Session(cluster.target()) as sess:
                sess.run(v1.global_variables_initializer())
                found = [model.run(sess, k, model.step)[0] for k in range(24)]
                record(f"{name}: losses", np.array(found), rel=1e-5)
                record(f"{name}: step", sess.run(model.step))
                sess.run(v1.global_variables_initializer())
        ready, losses = threading.Event(), {}

        def client(task):
            with tf.Graph().as_default(), v1.device(replica(cluster, task)):
                model = Model(optimizer, use_resource)
                uninitialized = v1.report_uninitialized_variables()
                with v1.Session(cluster.target("worker", task)) as sess:
                    if task == 0:
                        sess.run(v1.global_variables_initializer())
                        ready.set()
                    ready.wait(20)
                    assert len(sess.run(uninitialized)) == 0
                    losses[task] = [model.run(sess, 2 * k + task)[0] for k in range(40)]

        parallel(lambda: client(0), lambda: client(1))
        with tf.Graph().as_default(), v1.device(replica(cluster, 0)):
            model = Model(optimizer, use_resource)
            with v1.Session(cluster.target()) as sess:
                record(f"{name}: steps of two", sess.run(model.step))
                record(f"{name}: two learn", [bool(np.mean(losses[task][-8:]) < 0.7 * np.mean(losses[task][:4])) for task in (0, 1)])
        v1.Session.reset(cluster.target())


def synchronously(cluster, optimizer, steps=12, tokens=0, **model_options):
    """Losses by worker, and the global step after every round: in step with each other, on batches of their own."""
    # The chief's thread that waits for gradients is ended by the end of its session, and says so.
    threading.excepthook = lambda _: None
    rounds, chief_ready = threading.Barrier(2), threading.Event()
    losses, counts = {0: [], 1: []}, {0: [], 1: []}

    def client(task):
        with tf.Graph().as_default(), v1.device(replica(cluster, task)):
            model = Model(lambda: v1.train.SyncReplicasOptimizer(optimizer(), replicas_to_aggregate=2, total_num_replicas=2), **model_options)
            hook = model.optimizer.make_session_run_hook(task == 0, num_tokens=tokens)
            # A worker that finds nothing initialized looks again only half a minute later.
            if task == 1:
                chief_ready.wait(20)
            options = {"stop_grace_period_secs": 0, **QUIET}
            with v1.train.MonitoredTrainingSession(cluster.target("worker", task), is_chief=task == 0, hooks=[hook], **options) as sess:
                chief_ready.set()
                for k in range(steps):
                    rounds.wait(20)
                    losses[task].append(model.run(sess, 2 * k + task)[0])
                    rounds.wait(20)
                    counts[task].append(sess.run(model.step))
                rounds.wait(20)

    try:
        parallel(lambda: client(0), lambda: client(1))
    finally:
        rounds.abort()
        v1.Session.reset(cluster.target())
    return losses, counts


@program(cluster=True)
def synchronous(cluster, record):
    for name, (optimizer, use_resource) in OPTIMIZERS.items():
        losses, counts = synchronously(cluster, optimizer, use_resource=use_resource)
        for task in (0, 1):
            record(f"{name}: losses of worker {task}", np.array(losses[task]), rel=1e-5)
            record(f"{name}: global steps of worker {task}", counts[task])
    # With tokens to begin with, the first round's gradients may come twice; those that are stale are dropped.
    losses, counts = synchronously(cluster, OPTIMIZERS["adam"][0], tokens=-1, use_resource=True)
    record("with tokens: it counts", sorted(counts[0]) == counts[0] and counts[0][-1] in (11, 12))
    record("with tokens: it learns", bool(losses[0][-1] < losses[0][0]))


@program(cluster=True)
def synchronous_sparse(cluster, record):
    """Gradients of an embedding come as slices, and are added up by SparseConditionalAccumulators."""
    for use_resource in (False, True):
        losses, counts = synchronously(cluster, lambda: v1.train.AdagradOptimizer(0.3), sparse=True, use_resource=use_resource)
        for task in (0, 1):
            record(f"{use_resource}: losses of worker {task}", np.array(losses[task]), rel=1e-5)
        record(f"{use_resource}: global steps", counts[0])


def in_parts(cluster):
    """A model whose table lies in four parts over both workers, its other variables too; and its sharded Saver."""
    with v1.device(replica(cluster, 0, ps_tasks=2, ps_device="/job:worker")):
        model = Model(lambda: v1.train.AdamOptimizer(0.02), sparse=True, partitions=4, use_resource=True)
    return model, v1.train.Saver(sharded=True)


@program(cluster=True)
def partitioned(cluster, record):
    """Saved in one mix, restored in the next one: both go on with the same losses, which are those of every mix."""
    latest = HOME / "partitioned latest"
    path = folder(f"partitioned {cluster.ours}")
    with tf.Graph().as_default():
        model, saver = in_parts(cluster)
        record("where", {v.op.name: v.device for v in v1.global_variables()})
        with v1.Session(cluster.target()) as sess:
            sess.run(v1.global_variables_initializer())
            record("before", np.array([model.run(sess, k)[0] for k in range(8)]), rel=1e-5)
            saved = saver.save(sess, str(path / "model"), write_meta_graph=False)
            after = [model.run(sess, k)[0] for k in range(8, 16)]
            record("after", np.array(after), rel=1e-5)
            for prefix in (saved, latest.read_text() if cluster.ours else saved):
                saver.restore(sess, prefix)
                again = [model.run(sess, k)[0] for k in range(8, 16)]
                record("after it was restored", np.array(again), rel=1e-5)
                record("bit for bit", prefix != saved or bool(np.array_equal(after, again)))
    record("files", sorted(files(path)))
    reader = tf.train.load_checkpoint(saved)
    record("tensors", {name: list(shape) for name, shape in reader.get_variable_to_shape_map().items()})
    latest.write_text(saved)


@program(cluster=True)
def monitored(cluster, record):
    """A chief that keeps checkpoints and one that finds them; what hooks ran and when."""
    path = folder("monitored_cluster")

    class Seen(v1.train.SessionRunHook):
        def __init__(self):
            self.calls = []

        def begin(self):
            self.calls.append("begin")

        def after_create_session(self, session, coord):
            self.calls.append("created")

        def before_run(self, context):
            return v1.train.SessionRunArgs(v1.train.get_global_step())

        def after_run(self, context, values):
            self.calls.append(int(values.results))

        def end(self, session):
            self.calls.append("end")

    for until in (6, 12):
        seen, losses = Seen(), []
        with tf.Graph().as_default(), v1.device(replica(cluster, 0)):
            model = Model(lambda: v1.train.AdamOptimizer(0.02), use_resource=until == 6)
            hooks = [v1.train.StopAtStepHook(last_step=until), v1.train.NanTensorHook(model.loss), seen]
            with v1.train.MonitoredTrainingSession(cluster.target(), checkpoint_dir=str(path), hooks=hooks, save_checkpoint_steps=4, **QUIET) as sess:
                while not sess.should_stop():
                    losses.append(model.run(sess, len(losses) + until - 6)[0])
        record(f"losses until {until}", np.array(losses), rel=1e-5)
        record(f"calls until {until}", [len(seen.calls), seen.calls[:2], seen.calls[-1]])
        record(f"state after {until}", (path / "checkpoint").read_text())
        v1.Session.reset(cluster.target())
