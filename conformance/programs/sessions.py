"""What a session is: queues that block, partial runs, callables, containers, variables read late, monitored training."""

import threading
import time

import numpy as np
import tensorflow as tf
from support.program import program
from tensorflow.core.protobuf import config_pb2

v1 = tf.compat.v1


def in_thread(call):
    """Starts the call; the result's function waits for it and gives what it returned or raised."""
    box = {}

    def body():
        try:
            box["value"] = call()
        except Exception as error:  # noqa: BLE001
            box["error"] = error

    thread = threading.Thread(target=body, daemon=True)
    thread.start()

    def result():
        thread.join(20)
        if thread.is_alive():
            raise TimeoutError("the call is still blocked")
        if "error" in box:
            raise box["error"]
        return box["value"]

    return thread, result


@program()
def queues(target, record):
    q = tf.queue.FIFOQueue(2, [tf.float32, tf.int32], [[2], []], name="q")
    x = v1.placeholder(tf.float32, [2])
    put, get, size = q.enqueue([x, 7]), q.dequeue(), q.size()
    many = q.dequeue_many(3)
    close, cancel = q.close(), q.close(cancel_pending_enqueues=True)
    with v1.Session(target) as sess:
        thread, result = in_thread(lambda: sess.run(get))
        time.sleep(0.3)
        record("dequeue blocks", thread.is_alive())
        sess.run(put, {x: [1, 2]})
        record("dequeued", result())
        sess.run(put, {x: [3, 4]})
        sess.run(put, {x: [5, 6]})
        thread, result = in_thread(lambda: sess.run(put, {x: [7, 8]}))
        time.sleep(0.3)
        record("enqueue blocks", thread.is_alive())
        record("full", sess.run(size))
        record("three", sess.run(many))
        result()
        thread, result = in_thread(lambda: sess.run(many))
        time.sleep(0.3)
        sess.run(close)
        record.raises("too few at the end", result)
        record.raises("after close", lambda: sess.run(put, {x: [1, 1]}))
        record("left", sess.run(size))
    fresh = tf.queue.FIFOQueue(1, [tf.float32], [[]], name="fresh")
    put, cancel = fresh.enqueue([1.0]), fresh.close(cancel_pending_enqueues=True)
    with v1.Session(target) as sess:
        sess.run(put)
        thread, result = in_thread(lambda: sess.run(put))
        time.sleep(0.3)
        sess.run(cancel)
        record.raises("cancelled enqueue", result)


@program()
def queue_runners(target, record):
    q = tf.queue.FIFOQueue(3, [tf.int32], [[]])
    counter = v1.get_variable("counter", initializer=np.int32(0), use_resource=True)
    runner = v1.train.QueueRunner(q, [q.enqueue([v1.assign_add(counter, 1)])])
    v1.train.add_queue_runner(runner)
    get = q.dequeue()
    with v1.Session(target) as sess:
        sess.run(v1.global_variables_initializer())
        coordinator = tf.train.Coordinator()
        threads = v1.train.start_queue_runners(sess, coordinator)
        record("values", [sess.run(get) for _ in range(10)])
        coordinator.request_stop()
        sess.run(q.close(cancel_pending_enqueues=True))
        coordinator.join(threads, stop_grace_period_secs=10)


@program()
def partial_run(target, record):
    a, b = v1.placeholder(tf.float32, [], "a"), v1.placeholder(tf.float32, [], "b")
    p = tf.add(a, 1.0, name="p")
    q = tf.multiply(p, b, name="q")
    z = tf.constant(5.0, name="z")
    with v1.Session(target) as sess:
        handle = sess.partial_run_setup([p, q], [a, b])
        record("p", sess.partial_run(handle, p, {a: 2}))
        record("q", sess.partial_run(handle, q, {b: 10}))
        record.raises("after the end", lambda: sess.partial_run(handle, q))
        handle = sess.partial_run_setup([p, q], [a, b])
        record.raises("too early", lambda: sess.partial_run(handle, q, {a: 1}))
        handle = sess.partial_run_setup([p], [a])
        record.raises("not announced", lambda: sess.partial_run(handle, z, {a: 1}))
        handle = sess.partial_run_setup([p, q], [a, b])
        record("both", sess.partial_run(handle, [p, q], {a: 1, b: 2}))


@program()
def callables(target, record):
    x = v1.placeholder(tf.float32, [2], "x")
    y = tf.multiply(x, 2.0, name="y")
    v = v1.get_variable("v", initializer=np.float32([0, 0]), use_resource=True)
    add = v.assign_add(x, read_value=False)
    with v1.Session(target) as sess:
        sess.run(v1.global_variables_initializer())
        by_step = sess.make_callable([y, y], feed_list=[x])
        record("make_callable", by_step([1, 2]))
        options = config_pb2.CallableOptions(feed=["x:0"], fetch=["y:0"], target=[add.name])
        fast = sess._make_callable_from_options(options)
        record("callable", fast(np.float32([3, 4])))
        record("again", fast(np.float32([5, 6])))
        record("v", sess.run(v))
        z = tf.add(y, 1.0, name="z")
        later = sess._make_callable_from_options(config_pb2.CallableOptions(feed=["x:0"], fetch=["z:0", "y:0"]))
        record("after extending", later(np.float32([1, 1])))
        record("first still", fast(np.float32([0, 0])))


@program()
def monitored(target, record):
    step = v1.train.get_or_create_global_step()
    w = v1.get_variable("w", initializer=np.float32([1, 2]), use_resource=False)
    loss = tf.reduce_sum(tf.square(w - 3.0))
    train = v1.train.GradientDescentOptimizer(0.1).minimize(loss, global_step=step)
    with v1.train.MonitoredTrainingSession(target, is_chief=True, hooks=[v1.train.StopAtStepHook(num_steps=4)], log_step_count_steps=None, save_summaries_steps=None) as sess:
        losses = []
        while not sess.should_stop():
            losses.append(sess.run([loss, train])[0])
    record("losses", np.array(losses), rel=1e-6)


@program()
def containers(target, record):
    def graph(container, value, resource):
        g = tf.Graph()
        with g.as_default():
            with g.container(container):
                v = v1.get_variable("v", initializer=np.float32(value), use_resource=resource)
            return g, v, v1.global_variables_initializer(), v1.report_uninitialized_variables([v])

    for resource in (False, True):
        kind = "resource" if resource else "ref"
        g, v, init, unset = graph("", 1, resource)
        k, kept, kept_init, kept_unset = graph("kept", 2, resource)
        with v1.Session(target, graph=g) as sess:
            sess.run(init)
        with v1.Session(target, graph=k) as sess:
            sess.run(kept_init)
        with v1.Session(target, graph=g) as sess:
            record(f"{kind}: outlives its session", sess.run(v))
        open_session = v1.Session(target, graph=g)
        open_session.run(v)
        v1.Session.reset(target)
        record.raises(f"{kind}: a session after reset", lambda: open_session.run(v))
        with v1.Session(target, graph=g) as sess:
            record(f"{kind}: reset", len(sess.run(unset)))
        with v1.Session(target, graph=k) as sess:
            record(f"{kind}: another container", sess.run(kept))
        v1.Session.reset(target, ["kept"])
        with v1.Session(target, graph=k) as sess:
            record(f"{kind}: named reset", len(sess.run(kept_unset)))


@program()
def isolated_state(target, record):
    v = v1.get_variable("v", initializer=np.float32(1), use_resource=False)
    w = v1.get_variable("w", initializer=np.float32(2), use_resource=True)
    init = v1.global_variables_initializer()
    up = [v1.assign_add(v, 1), v1.assign_add(w, 1)]
    alone = v1.ConfigProto(isolate_session_state=True)
    with v1.Session(target, config=alone) as a, v1.Session(target, config=alone) as b, v1.Session(target) as c:
        a.run(init)
        record("a", a.run(up))
        record.raises("b", lambda: b.run(v))
        record.raises("b's resource", lambda: b.run(w))
        c.run(init)
        record("c", c.run(up))
        record("a again", a.run([v, w]))
    with v1.Session(target) as d:
        record("d sees c's", d.run([v, w]))


@program()
def seeded_signatures(target, record):
    """One random op goes on across the signatures that fetch it."""
    v1.set_random_seed(99)
    r = v1.random_uniform([3], seed=7, name="r")
    n = v1.random_uniform([2], 0, 100, tf.int32, seed=8, name="n")
    a, b = r + 1.0, r * 2.0
    shuffled = v1.random_shuffle(tf.range(9), seed=5)
    with v1.Session(target) as sess:
        for k, fetches in enumerate(([r], [a], [r, a], [b, n], [n], [r, n, a, b], [shuffled], [r], [shuffled, n])):
            record(f"{k}", sess.run(fetches))
    with v1.Session(target) as sess:
        record("a new session begins anew", sess.run([r, n]))


@program()
def late_readers(target, record):
    for resource in (False, True):
        kind = "resource" if resource else "ref"
        v = v1.get_variable(f"v_{kind}", initializer=np.zeros(4, np.float32), use_resource=resource)
        before = v.read_value() if resource else tf.identity(v)
        with tf.control_dependencies([before]):
            update = v.assign_add([1.0, 1, 1, 1], read_value=True)
        with tf.control_dependencies([update]):
            after = v.read_value()
            late = before * 10.0
        twice = v1.assign(v, v + 1.0)
        with v1.Session(target) as sess:
            sess.run(v.initializer)
            for k in range(3):
                # Whether an Identity of a ref variable sees the update is a race there; a resource read never does.
                got = sess.run([before, update, after, late] if resource else [update, after])
                record(f"{kind} {k}", got)
            record(f"{kind} assign", sess.run(twice))
            record(f"{kind} end", sess.run(v))


@program()
def handles(target, record):
    """Two sessions of one client, and a graph used by both."""
    v = v1.get_variable("v", initializer=np.float32(1), use_resource=True)
    with v1.Session(target) as a, v1.Session(target) as b:
        a.run(v.initializer)
        record("b reads", b.run(v))
        b.run(v.assign_add(1.0, read_value=False))
        record("a reads", a.run(v))
        a.close()
        record("b lives", b.run(v))
        record.raises("closed", lambda: a.run(v))
