"""Steps that don't end by themselves: deadlines, close during a run, clients that vanish."""

import threading
import time

import tensorflow as tf
from support.master import Failure, Master
from support.program import program
from tensorflow.core.protobuf import config_pb2

v1 = tf.compat.v1


def blocked_queue():
    q = tf.queue.FIFOQueue(1, [tf.float32], [[]], shared_name="q", name="q")
    return q, q.dequeue()


@program()
def run_timeout(target, record):
    q, get = blocked_queue()
    with v1.Session(target) as sess:
        record.raises("RunOptions", lambda: sess.run(get, options=v1.RunOptions(timeout_in_ms=400)))
        record("the session lives", sess.run(q.size()))
        sess.run(q.enqueue([5.0]))
        record("no element was lost", sess.run(get))
    with v1.Session(target, config=v1.ConfigProto(operation_timeout_in_ms=400)) as sess:
        record.raises("operation_timeout_in_ms", lambda: sess.run(get))


@program()
def close_during_run(target, record):
    q, get = blocked_queue()
    sess = v1.Session(target)
    sess.run(q.size())
    caught = []

    def body():
        try:
            sess.run(get)
        except Exception as error:  # noqa: BLE001
            caught.append(error)

    thread = threading.Thread(target=body, daemon=True)
    thread.start()
    time.sleep(0.4)
    sess.close()
    thread.join(10)
    record("ends", not thread.is_alive())

    def again():
        raise caught[0]

    record.raises("what the step raises", again)


@program()
def vanished_client(target, record):
    """A client goes away in mid-step: the session stays, and what waits for nobody takes no element."""
    q, get = blocked_queue()
    graph = tf.compat.v1.get_default_graph()
    size, put = q.size(), q.enqueue([3.0])
    definition = graph.as_graph_def()
    first = Master(target)
    handle = first.call("CreateSession", graph_def=definition, config=config_pb2.ConfigProto()).session_handle

    def body():
        try:
            first.run(handle, fetches=[get.name], timeout=30)
        except (Failure, ValueError):
            pass

    thread = threading.Thread(target=body, daemon=True)
    thread.start()
    time.sleep(0.4)
    first.close()
    thread.join(10)
    time.sleep(0.4)
    second = Master(target)
    second.run(handle, targets=[put.name])
    results, _ = second.run(handle, fetches=[size.name])
    record("the element is still there", int(tf.make_ndarray(results[size.name])))
    results, _ = second.run(handle, fetches=[get.name])
    record("and can be taken", float(tf.make_ndarray(results[get.name])))
    second.call("CloseSession", session_handle=handle)


@program()
def failing_step_cancels_waiters(target, record):
    q, get = blocked_queue()
    bad = tf.debugging.check_numerics(tf.math.log(v1.placeholder_with_default(-1.0, [])), "bad")
    with v1.Session(target) as sess:
        record.raises("both", lambda: sess.run([get, bad]))
        sess.run(q.enqueue([1.0]))
        record("after", sess.run(get))


@program()
def private_resources(target, record):
    """What no name shares is gone with the session; what one shares stays."""
    private = tf.queue.FIFOQueue(3, [tf.float32], [[]], name="private")
    shared = tf.queue.FIFOQueue(3, [tf.float32], [[]], shared_name="kept", name="shared")
    for turn in range(2):
        with v1.Session(target) as sess:
            record(f"before {turn}", sess.run([private.size(), shared.size()]))
            sess.run([private.enqueue([1.0]), shared.enqueue([1.0])])
            record(f"after {turn}", sess.run([private.size(), shared.size()]))
