"""What people train over several tasks, with the optimizations that a session has unless told otherwise: nets of several
kinds, every optimizer, averages and decays, metrics, tables, queues of examples."""

import numpy as np
import tensorflow as tf
from support.program import program
from support.tasks import PS, W1

v1 = tf.compat.v1


def get(name, value, **options):
    with tf.device(PS):
        return v1.get_variable(name, initializer=np.asarray(value, np.float32), **options)


def weights(name, *shape, **options):
    random = np.random.RandomState(sum(map(ord, name)))
    return get(name, random.randn(*shape) * (2 / np.prod(shape[:-1])) ** 0.5, **options)


def images(count=24):
    random = np.random.RandomState(8)
    labels = random.randint(0, 4, count).astype(np.int32)
    shapes = np.random.RandomState(9).randn(4, 8, 8, 2)
    return (shapes[labels] + 0.5 * random.randn(count, 8, 8, 2)).astype(np.float32), labels


def cross_entropy(labels, logits):
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))


@program(cluster=True)
def convolutional(cluster, record):
    """Convolutions, batch norm with its moving averages, pooling, dropout with a seed, weight decay, clipped gradients."""
    x, y = images()
    training = v1.placeholder_with_default(True, [])
    batch, labels = v1.placeholder(tf.float32, [None, 8, 8, 2]), v1.placeholder(tf.int32, [None])
    step = v1.train.get_or_create_global_step()
    updates = []

    def normalized(h, name):
        scale, offset = get(f"{name}/scale", np.ones(h.shape[-1])), get(f"{name}/offset", np.zeros(h.shape[-1]))
        mean, variance = (get(f"{name}/{k}", np.full(h.shape[-1], v), trainable=False) for k, v in (("mean", 0), ("variance", 1)))
        fused = v1.nn.fused_batch_norm(h, scale, offset, epsilon=1e-3)
        updates.extend(v1.assign_sub(old, 0.1 * (old - new)) for old, new in ((mean, fused[1]), (variance, fused[2])))
        still = tf.nn.batch_normalization(h, mean, variance, offset, scale, 1e-3)
        return v1.cond(training, lambda: tf.identity(fused[0]), lambda: still)

    with tf.device(W1):
        h = tf.nn.relu(normalized(tf.nn.conv2d(batch, weights("c1", 3, 3, 2, 6), 1, "SAME"), "n1"))
        h = tf.nn.max_pool2d(h, 2, 2, "SAME")
        h = tf.nn.relu(normalized(tf.nn.conv2d(h, weights("c2", 3, 3, 6, 8), 2, "VALID"), "n2"))
        h = tf.nn.avg_pool2d(h, 1, 1, "VALID")
        h = tf.nn.dropout(tf.reshape(h, [-1, 8]), 0.25, seed=4)
        logits = tf.matmul(h, weights("d", 8, 4)) + get("b", np.zeros(4))
        loss = cross_entropy(labels, logits) + 1e-3 * tf.add_n([tf.nn.l2_loss(v) for v in v1.trainable_variables()])
        rate = v1.train.exponential_decay(0.1, step, 5, 0.9, staircase=True)
        optimizer = v1.train.MomentumOptimizer(rate, 0.9, use_nesterov=True)
        grads, variables = zip(*optimizer.compute_gradients(loss))
        clipped, norm = tf.clip_by_global_norm(grads, 1.0)
        with tf.control_dependencies(updates):
            train = optimizer.apply_gradients(zip(clipped, variables), global_step=step)
    with v1.Session(cluster.target()) as sess:
        sess.run(v1.global_variables_initializer())
        found = [sess.run([loss, norm, rate, train], {batch: x, labels: y})[:3] for _ in range(12)]
        record("losses", np.array(found), rel=2e-4)
        record("not in training", sess.run(logits, {batch: x, training: False}).shape)
        record("it learns", bool(found[-1][0] < found[0][0]))


@program(cluster=True)
def recurrent(cluster, record):
    """An LSTM over sequences of several lengths, by each generation's loops, on one task with its weights on another."""
    random = np.random.RandomState(1)
    lengths = np.array([5, 3, 1, 4], np.int32)
    x, y = random.randn(4, 5, 3).astype(np.float32), np.array([0, 1, 2, 1], np.int32)
    for v2 in (False, True):
        (v1.enable_control_flow_v2 if v2 else v1.disable_control_flow_v2)()
        with tf.Graph().as_default():
            kernel, bias, out = weights("k", 9, 24, use_resource=False), get("bias", np.zeros(24), use_resource=False), weights("out", 6, 3, use_resource=False)
            with tf.device(W1):
                inputs, sizes = v1.placeholder(tf.float32, [None, None, 3]), v1.placeholder(tf.int32, [None])
                zero = tf.zeros([tf.shape(inputs)[0], 6])
                outputs = tf.TensorArray(tf.float32, tf.shape(inputs)[1])

                def body(t, c, h, outputs):
                    i, j, f, o = tf.split(tf.matmul(tf.concat([inputs[:, t], h], 1), kernel) + bias, 4, 1)
                    new_c = tf.sigmoid(f + 1.0) * c + tf.sigmoid(i) * tf.tanh(j)
                    new_h = tf.sigmoid(o) * tf.tanh(new_c)
                    live = (t < sizes)[:, None]
                    h = tf.where(live, new_h, h)
                    return t + 1, tf.where(live, new_c, c), h, outputs.write(t, h)

                _, _, last, outputs = tf.while_loop(lambda t, *_: t < tf.reduce_max(sizes), body, [0, zero, zero, outputs], swap_memory=True)
                logits = tf.matmul(last, out)
                loss = cross_entropy(y, logits)
                train = v1.train.RMSPropOptimizer(0.02, centered=True, momentum=0.5).minimize(loss)
            with v1.Session(cluster.target()) as sess:
                sess.run(v1.global_variables_initializer())
                found = [sess.run([loss, train], {inputs: x, sizes: lengths})[0] for _ in range(12)]
                record(f"losses, {v2}", np.array(found), rel=1e-4)
                record(f"outputs, {v2}", sess.run(outputs.stack(), {inputs: x, sizes: lengths}), rel=1e-3, abs=1e-5)
        v1.Session.reset(cluster.target())


OPTIMIZERS = {
    "gradient descent": lambda: v1.train.GradientDescentOptimizer(0.1),
    "momentum": lambda: v1.train.MomentumOptimizer(0.1, 0.5),
    "adagrad": lambda: v1.train.AdagradOptimizer(0.1),
    "adadelta": lambda: v1.train.AdadeltaOptimizer(1.0),
    "adam": lambda: v1.train.AdamOptimizer(0.05),
    "ftrl": lambda: v1.train.FtrlOptimizer(0.1, l1_regularization_strength=0.01, l2_regularization_strength=0.01),
    "rmsprop": lambda: v1.train.RMSPropOptimizer(0.05),
    "proximal descent": lambda: v1.train.ProximalGradientDescentOptimizer(0.1, 0.01, 0.01),
    "proximal adagrad": lambda: v1.train.ProximalAdagradOptimizer(0.1, l1_regularization_strength=0.01),
    "dual averaging": lambda: v1.train.AdagradDAOptimizer(0.1, v1.train.get_or_create_global_step()),
}


@program(cluster=True)
def optimizers(cluster, record):
    """Dense and sparse updates of each, of both kinds of variables; a table in parts, looked up by id, weighted and combined."""
    ids = [[0, 7, 3], [3, 3, 9], [1, 2, 8], [5, 0, 6]]
    for name, make in OPTIMIZERS.items():
        for resource in (False, True):
            if name == "dual averaging" and resource:
                continue
            with tf.Graph().as_default():
                step = v1.train.get_or_create_global_step()
                with v1.device(v1.train.replica_device_setter(cluster=tf.train.ClusterSpec(cluster.jobs), ps_tasks=2, ps_device="/job:worker", worker_device="/job:ps/task:0")):
                    start = np.random.RandomState(0).randn(10, 4).astype(np.float32)
                    table = v1.get_variable("table", [10, 4], initializer=v1.constant_initializer(start[:5] if resource else 0.1), partitioner=v1.fixed_size_partitioner(2) if resource else None, use_resource=resource)
                    w = v1.get_variable("w", initializer=start[:4, :1], use_resource=resource)
                    wanted = tf.constant([1.0, -1.0, 0.5, 2.0])
                    features = tf.SparseTensor([[r, c] for r in range(4) for c in range(3)], tf.constant(np.ravel(ids), tf.int64), [4, 3])
                    rows = v1.nn.embedding_lookup_sparse(table, features, None, combiner="mean")
                    loss = tf.reduce_mean(tf.square(tf.matmul(rows, w)[:, 0] - wanted))
                    train = make().minimize(loss, global_step=step)
                with v1.Session(cluster.target()) as sess:
                    sess.run([v1.global_variables_initializer()])
                    found = [sess.run([loss, train])[0] for _ in range(8)]
                    record(f"{name}, {resource}", np.array(found), rel=2e-5, abs=1e-7)
                    record(f"{name}, {resource}: steps", sess.run(step))
            v1.Session.reset(cluster.target())


@program(cluster=True)
def around_training(cluster, record):
    """Moving averages, decays, metrics, histograms, tables of words, mutable ones, examples from a queue, in one graph."""
    step = v1.train.get_or_create_global_step()
    with tf.device(PS):
        words = tf.lookup.StaticVocabularyTable(tf.lookup.KeyValueTensorInitializer(["a", "b", "c"], tf.constant([0, 1, 2], tf.int64)), 2)
        counts = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, 0)
        examples = tf.queue.RandomShuffleQueue(64, 8, [tf.string, tf.float32], [[], []], seed=3, shared_name="examples")
    with tf.device(W1):
        fill = examples.enqueue_many([["a", "b", "c", "zz"] * 8, np.arange(32, dtype=np.float32)])
        text, number = examples.dequeue_many(6)
        ids = words.lookup(text)
        seen = counts.insert(text, counts.lookup(text) + 1)
        table = weights("table", 5, 3, use_resource=True)
        score = tf.reduce_sum(tf.gather(table, ids), 1)
        loss = tf.reduce_mean(tf.square(score - tf.sin(number)))
        rate = v1.train.piecewise_constant(step, [2, 4], [0.1, 0.05, 0.01])
        optimizer = v1.train.GradientDescentOptimizer(rate)
        average = v1.train.ExponentialMovingAverage(0.9, step)
        with tf.control_dependencies([optimizer.minimize(loss, global_step=step), seen]):
            train = average.apply([table])
        mean, update = v1.metrics.mean(loss)
        accuracy, update_accuracy = v1.metrics.accuracy(tf.constant([1, 2, 3]), tf.constant([1, 2, 2]))
        summary = v1.summary.merge([v1.summary.scalar("loss", loss), v1.summary.histogram("table", table)])
    with v1.Session(cluster.target()) as sess:
        sess.run([v1.global_variables_initializer(), v1.local_variables_initializer(), v1.tables_initializer()])
        sess.run(fill)
        losses = []
        for _ in range(4):
            got = sess.run([loss, rate, update, update_accuracy, train, summary])
            losses.append(got[:4])
            parts = v1.Summary.FromString(got[5]).value
            record("summary", [[p.tag for p in parts], parts[1].histo.num])
        record("losses", np.array(losses), rel=1e-5)
        record("metrics", sess.run([mean, accuracy]), rel=1e-5)
        record("averages", sess.run(average.average(table)), rel=1e-5, abs=1e-7)
        record("counts", sess.run(counts.lookup(tf.constant(["a", "b", "c", "zz"]))))
        record("left", sess.run(examples.size()))
