"""Collectives of two tasks with two devices each, worker 0 leading: values by either master and from sessions of their
own, errors, members that go away. An error ends the collectives of its tasks for ever: what fails has a cluster of its own."""

import contextlib
import threading
import time

import numpy as np
import tensorflow as tf
from support.clusters import start
from support.program import program
from support.results import failure

v1, raw = tf.compat.v1, tf.raw_ops
MIXES = ("master ours", "worker ours", "all ours")
# Of what takes many clusters: those in which each side hears of the other's errors.
MIXED = ("master ours", "worker ours")
CONFIG = {"deviceCount": {"CPU": 2}, "experimental": {"collectiveGroupLeader": "/job:worker/replica:0/task:0"}}
# In the order of their ranks.
DEVICES = [f"/job:worker/task:{task}/cpu:{index}" for task in (0, 1) for index in (0, 1)]
PAIR = (0, 2)


@contextlib.contextmanager
def clusters(cluster, count):
    made = [cluster.fresh() for _ in range(count)]
    processes = start([(one, "worker", task) for one in made for task in (0, 1)], CONFIG)
    try:
        yield made
    finally:
        for process in processes:
            process.close()


def session(cluster, task, only=None, timeout=20_000):
    """`only`: the one task that the session uses."""
    filters = ["/job:worker" if only is None else f"/job:worker/task:{only}"]
    config = v1.ConfigProto(device_filters=filters, operation_timeout_in_ms=timeout)
    return v1.Session(cluster.target("worker", task), config=config)


def keys(instance, group=1, size=2):
    return dict(group_size=size, group_key=group, instance_key=instance)


def reduce(device, value, key, version=1, **more):
    with tf.device(DEVICES[device]):
        args = dict(input=value, merge_op="Add", final_op="Id", **key)
        if version == 2:
            return raw.CollectiveReduceV2(**{**args, "ordering_token": [], **more})
        return raw.CollectiveReduce(**{**args, "subdiv_offsets": [0], **more})


def gather(device, value, key):
    with tf.device(DEVICES[device]):
        return raw.CollectiveGather(input=value, shape=[1], **key)


def send(device, value, key, shape):
    with tf.device(DEVICES[device]):
        return raw.CollectiveBcastSend(input=value, shape=shape, **key)


def receive(device, key, shape):
    with tf.device(DEVICES[device]):
        return raw.CollectiveBcastRecv(T=tf.float32, shape=shape, **key)


@program(cluster=True, deadline=120, mixes=MIXES)
def values(cluster, record):
    random = np.random.RandomState(1)
    data = [random.randn(3, 5).astype(np.float32) for _ in range(4)]
    with clusters(cluster, 1) as (one,):
        for task in (0, 1):
            with tf.Graph().as_default():
                inputs = [v1.placeholder(tf.float32, [None, None]) for _ in range(4)]
                feeds = dict(zip(inputs, data))
                quad = [reduce(k, inputs[k], keys(1, 2, 4), final_op="Div") for k in range(4)]
                pair = [reduce(k, inputs[k] * 2.0, keys(2), 2, merge_op="Max") for k in PAIR]
                rows = [gather(k, inputs[k], keys(3, 2, 4)) for k in range(4)]
                after = [reduce(k, tf.reduce_sum(quad[k] + rows[k][:3]), keys(4, 2, 4)) for k in range(4)]
                cast = [send(3, inputs[3], keys(5, 2, 4), [3, 5]), *(receive(k, keys(5, 2, 4), [3, 5]) for k in range(3))]
                with session(one, task) as sess:
                    record(f"{task} reductions", sess.run([quad, pair], feeds))
                    record(f"{task} gathers", sess.run(rows, feeds))
                    record(f"{task} chained", [sess.run(after, feeds) for _ in range(3)], ulp=4)
                    record(f"{task} broadcast", sess.run(cast, feeds))
                    options = v1.RunOptions()
                    options.experimental.collective_graph_key = 7
                    record(f"{task} under a key", sess.run(quad, feeds, options=options))


@program(cluster=True, deadline=120, mixes=MIXES)
def in_loops_and_functions(cluster, record):
    v1.disable_control_flow_v2()
    with clusters(cluster, 1) as (one,):
        with tf.Graph().as_default():
            n = v1.placeholder(tf.int32, [])
            def body(i, a, b):
                return i + 1, reduce(0, a, keys(1)), reduce(2, b + 1.0, keys(1))

            _, *out = v1.while_loop(lambda i, *_: i < n, body, [0, tf.constant([1.0, 2.0]), tf.constant([3.0, 4.0])])
            with session(one, 0) as sess:
                for turns in (0, 1, 3):
                    record(f"{turns} turns", sess.run(out, {n: turns}))
        with tf.Graph().as_default():
            halves = [tf.function(lambda x, k=k: reduce(k, x, keys(2)) * 0.5) for k in PAIR]
            out = []
            for k, half in zip(PAIR, halves):
                with tf.device(DEVICES[k]):
                    out.append(half(tf.constant([1.0, 2.0]) * (k + 1)))
            with session(one, 1) as sess:
                record("functions", sess.run(out))


@program(cluster=True, deadline=120, mixes=MIXES)
def between_sessions(cluster, record):
    """Each member runs a graph of its own, by the master of its own task."""
    found = {}

    def member(one, k):
        with tf.Graph().as_default():
            w = v1.get_variable(f"w{k}", initializer=np.float32([k, 1]), use_resource=True)
            with tf.device(DEVICES[2 * k]):
                total = reduce(2 * k, w * 0.5, keys(1), final_op="Div")
                step = v1.assign_add(w, total)
            with session(one, k, k) as sess:
                sess.run(w.initializer)
                found[k] = [sess.run(step) for _ in range(20)]

    with clusters(cluster, 1) as (one,):
        threads = [threading.Thread(target=member, args=(one, k)) for k in (0, 1)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        record("values", [found.get(k) for k in (0, 1)])


def outcome(call):
    try:
        return call()
    except Exception as error:  # noqa: BLE001  (class and text are what is compared)
        return failure(error)


def alone(one, task, build, timeout=20_000):
    """One session on one task."""
    with tf.Graph().as_default():
        out = build()
        with session(one, task, task, timeout) as sess:
            return outcome(lambda: sess.run(out))


def one_after_the_other(one, *members):
    """Sessions of `(task, build)` each, the next when the last waits. Gives what became of each."""
    found = [None] * len(members)

    def run(k, task, build):
        found[k] = alone(one, task, build)

    threads = []
    for k, (task, build) in enumerate(members):
        threads.append(threading.Thread(target=run, args=(k, task, build)))
        threads[-1].start()
        time.sleep(0.7)
    for thread in threads:
        thread.join()
    return found


# Long enough for a piece each: a member waits for the other's as well as for somebody to take its own.
ONES, TWOS = [1.0] * 40, [2.0] * 60
# What does not fit together. Members of task 0 and of task 1; `True` where the group has to be there before.
MISFITS = {
    "sizes": (lambda: reduce(0, ONES, keys(2)), lambda: reduce(2, ONES, keys(2, size=3)), False),
    "shapes": (lambda: reduce(0, ONES, keys(2)), lambda: reduce(2, TWOS, keys(2)), True),
    "shapes of the second form": (lambda: reduce(0, ONES, keys(2), 2), lambda: reduce(2, TWOS, keys(2), 2), True),
    "dtypes": (lambda: reduce(0, ONES, keys(2)), lambda: reduce(2, [1] * 40, keys(2)), True),
    "kinds": (lambda: reduce(0, ONES, keys(2)), lambda: gather(2, ONES, keys(2)), True),
    "no source": (lambda: receive(0, keys(2), [40]), lambda: receive(2, keys(2), [40]), False),
    "two sources": (lambda: send(0, ONES, keys(2), [40]), lambda: send(2, ONES, keys(2), [40]), False),
}


def form(one):
    one_after_the_other(one, (0, lambda: reduce(0, ONES, keys(1))), (1, lambda: reduce(2, ONES, keys(1))))


@program(cluster=True, deadline=200, mixes=MIXED)
def misfits(cluster, record):
    with clusters(cluster, 2 * len(MISFITS)) as made:
        for name, (first, second, formed) in MISFITS.items():
            for members in (((0, first), (1, second)), ((1, second), (0, first))):
                one = made.pop()
                if formed:
                    form(one)
                record(f"{name}, task {members[0][0]} first", one_after_the_other(one, *members))


@program(cluster=True, deadline=120, mixes=("master ours",))
def refused(cluster, record):
    """What one member alone is told."""
    wrong = {
        "size 0": lambda: reduce(0, ONES, keys(1, size=0)),
        "size 0 of the second form": lambda: reduce(0, ONES, keys(1, size=0), 2),
        "a vector as size": lambda: reduce(0, ONES, {**keys(1), "group_size": [2]}, 2),
        "a vector as key": lambda: reduce(0, ONES, {**keys(1), "group_key": [[1]]}, 2),
        "a scalar's rows": lambda: gather(0, v1.placeholder_with_default(1.0, None), keys(1)),
    }
    with clusters(cluster, 6) as made:
        one = made.pop()
        for name, build in wrong.items():
            record(name, alone(one, 0, build))
        record("a group of one", alone(one, 0, lambda: reduce(0, ONES, keys(1, 3, 1), final_op="Div")))
        late = {"timeout_seconds": 1.0}
        for version in (1, 2):
            one = made.pop()
            record(f"nobody comes, v{version}", alone(one, 0, lambda: reduce(0, ONES, keys(1), version, **late)))
            record(f"nor ever, v{version}", alone(one, 0, lambda: reduce(0, ONES, keys(1), version)))
            one = made.pop()
            form(one)
            record(f"nobody answers, v{version}", alone(one, 0, lambda: reduce(0, ONES, keys(2), version, **late)))
        one = made.pop()
        form(one)
        record("one too many", alone(one, 1, lambda: reduce(3, ONES, keys(2))))


@program(cluster=True, deadline=120, mixes=("master ours", "all ours"))
def a_member_goes(cluster, record):
    """Killed while the other waits for its bytes, and back."""
    one = cluster.fresh()
    with one.spawn("worker", 0, CONFIG):
        with one.spawn("worker", 1, CONFIG) as other:
            form(one)
            found = []
            waits = threading.Thread(target=lambda: found.append(alone(one, 0, lambda: reduce(0, ONES, keys(2)))))
            waits.start()
            time.sleep(0.7)
            began = time.monotonic()
            other.process.kill()
            waits.join()
            record("class", found[0][1] if isinstance(found[0], tuple) else "no error")
            record("soon", time.monotonic() - began < 10)
        with one.spawn("worker", 1, CONFIG):
            record("back", alone(one, 1, lambda: reduce(2, ONES, keys(3)))[1])
