"""Times steps of the same Python client on a real server and on ours, in turn. Run by bench/step.ts."""

import os
import sys
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np  # noqa: E402
import tensorflow.compat.v1 as tf  # noqa: E402

tf.disable_eager_execution()
tf.disable_control_flow_v2()

# Optimizers of both sides would fold the chain away: every op is to run.
CONFIG = tf.ConfigProto()
CONFIG.graph_options.rewrite_options.disable_meta_optimizer = True
CONFIG.graph_options.optimizer_options.opt_level = -1


def constant_add():
    return tf.constant([1.0, 2.0]) + tf.constant([3.0, 4.0]), {}, 1000


def small_feed():
    x = tf.placeholder(tf.float32, [4])
    return x + 1.0, {x: np.ones(4, "f")}, 1000


def chain():
    x = tf.placeholder(tf.float32, [4])
    w = x
    for _ in range(5000):
        w = tf.tanh(w) + x
    return w, {x: np.full(4, 0.1, "f")}, 20


def loop():
    return tf.while_loop(lambda i: i < 10000, lambda i: i + 1, [tf.constant(0)]), {}, 10


def time_of(session, fetch, feeds, count):
    session.run(fetch, feeds)
    start = time.perf_counter()
    for _ in range(count):
        session.run(fetch, feeds)
    return (time.perf_counter() - start) / count


def in_graph(build):
    graph = tf.Graph()
    with graph.as_default():
        return (graph, *build())


def main(real, ours):
    # A server is measured as training finds it: after the steps in which V8 compiles what every step runs.
    for build in (constant_add, small_feed):
        graph, fetch, feeds, count = in_graph(build)
        for target in (real, ours):
            with tf.Session(target, graph=graph, config=CONFIG) as session:
                time_of(session, fetch, feeds, 2 * count)
    for build in (constant_add, small_feed, chain, loop):
        graph, fetch, feeds, count = in_graph(build)
        with tf.Session(real, graph=graph, config=CONFIG) as a, tf.Session(ours, graph=graph, config=CONFIG) as b:
            pairs = [(time_of(a, fetch, feeds, count), time_of(b, fetch, feeds, count)) for _ in range(5)]
        ratios = sorted(y / x for x, y in pairs)
        x, y = (sorted(side)[2] for side in zip(*pairs))
        print(f"{build.__name__:14} real {x * 1e6:9.1f} us  ours {y * 1e6:9.1f} us  ratio {ratios[2]:.2f} ({ratios[0]:.2f} to {ratios[4]:.2f})", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
