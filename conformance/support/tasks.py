"""Names of the tasks of a Cluster, and what programs that use several of them share."""

import tensorflow as tf

PS, W0, W1 = "/job:ps/task:0", "/job:worker/task:0", "/job:worker/task:1"
# Values as each op computes them, on the task that it was put on.
PLAIN = tf.compat.v1.ConfigProto()
PLAIN.graph_options.rewrite_options.disable_meta_optimizer = True
PLAIN.graph_options.optimizer_options.opt_level = -1


def failure_of(call):
    try:
        return call()
    except Exception as error:  # noqa: BLE001  (the class is what is compared)
        return error
