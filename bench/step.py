"""Times steps of the same Python client on a real server and on ours, in turn. Run by bench/step.ts."""

import os
import sys
import time
from statistics import median

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np  # noqa: E402
import tensorflow.compat.v1 as tf  # noqa: E402

tf.disable_eager_execution()
tf.disable_control_flow_v2()

TURNS = 10

# Optimizers of both sides would fold the sum of constants away; elsewhere they may do what they do for everybody.
UNOPTIMIZED = tf.ConfigProto()
UNOPTIMIZED.graph_options.rewrite_options.disable_meta_optimizer = True
UNOPTIMIZED.graph_options.optimizer_options.opt_level = -1


def constant_add():
    return tf.constant([1.0, 2.0]) + tf.constant([3.0, 4.0]), {}, 500


def small_feed():
    x = tf.placeholder(tf.float32, [4])
    return x + 1.0, {x: np.ones(4, "f")}, 500


def chain():
    x = tf.placeholder(tf.float32, [4])
    w = x
    for _ in range(5000):
        w = tf.tanh(w) + x
    return w, {x: np.full(4, 0.1, "f")}, 20


def loop():
    return tf.while_loop(lambda i: i < 10000, lambda i: i + 1, [tf.constant(0)]), {}, 10


def config_of(build):
    return UNOPTIMIZED if build is constant_add else None


def times_of(session, fetch, feeds, count):
    session.run(fetch, feeds)
    times = []
    for _ in range(count):
        start = time.perf_counter()
        session.run(fetch, feeds)
        times.append(time.perf_counter() - start)
    return times


def in_graph(build):
    graph = tf.Graph()
    with graph.as_default():
        return (graph, *build())


def main(real, ours):
    # A server is measured as training finds it: after the steps in which V8 compiles what every step runs.
    for build in (constant_add, small_feed):
        graph, fetch, feeds, count = in_graph(build)
        for target in (real, ours):
            with tf.Session(target, graph=graph, config=config_of(build)) as session:
                times_of(session, fetch, feeds, 4 * count)
    for build in (constant_add, small_feed, chain, loop):
        graph, fetch, feeds, count = in_graph(build)
        config = config_of(build)
        with tf.Session(real, graph=graph, config=config) as a, tf.Session(ours, graph=graph, config=config) as b:
            turns = [(times_of(a, fetch, feeds, count), times_of(b, fetch, feeds, count)) for _ in range(TURNS)]
        ratios = sorted(median(y) / median(x) for x, y in turns)
        x, y = ([step for turn in side for step in turn] for side in zip(*turns))
        print(
            f"{build.__name__:14} real {median(x) * 1e6:8.1f} us, ours {median(y) * 1e6:8.1f} us  "
            f"ratio {median(y) / median(x):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}), of the quickest steps {min(y) / min(x):.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
