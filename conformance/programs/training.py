"""Python trains on fixed data from seeded random values: an MLP and a small CNN under four optimizers."""

import numpy as np
import tensorflow as tf
from support.program import program

v1 = tf.compat.v1
STEPS = 50
OPTIMIZERS = {
    "gradient_descent": lambda: v1.train.GradientDescentOptimizer(0.1),
    "momentum": lambda: v1.train.MomentumOptimizer(0.02, 0.9),
    "adam": lambda: v1.train.AdamOptimizer(0.005),
    "rmsprop": lambda: v1.train.RMSPropOptimizer(0.002),
}


def train(target, record, build, data, optimizer, spread):
    # One with which no maximum of a pool is so near another that rounding decides between them.
    v1.set_random_seed(1)
    x, y = data
    images = v1.placeholder(tf.float32, [None, *x.shape[1:]], "images")
    labels = v1.placeholder(tf.int32, [None], "labels")
    logits = build(images)
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))
    accuracy = tf.reduce_mean(tf.cast(tf.equal(tf.argmax(logits, 1, output_type=tf.int32), labels), tf.float32))
    step = v1.train.get_or_create_global_step()
    train_op = OPTIMIZERS[optimizer]().minimize(loss, global_step=step)
    normal = [v for v in v1.trainable_variables() if "normal" in v.name]
    uniform = [v for v in v1.trainable_variables() if "normal" not in v.name]
    with v1.Session(target) as sess:
        sess.run(v1.global_variables_initializer())
        for v, value in zip(uniform, sess.run(uniform)):
            record(f"initial {v.name}", value)
        for v, value in zip(normal, sess.run(normal)):
            record(f"initial {v.name}", value, ulp=2)
        losses = []
        for k in range(STEPS):
            at = k * 32 % len(x)
            losses.append(sess.run([loss, train_op], {images: x[at : at + 32], labels: y[at : at + 32]})[0])
        record("losses", np.array(losses), rel=1e-5, **({"spread_after": 5} if spread else {}))
        record("step", sess.run(step))
        record("it learns", bool(np.mean(losses[-5:]) < np.mean(losses[:5])))
        sess.run(accuracy, {images: x[:64], labels: y[:64]})


def blobs(shape, classes, seed):
    random = np.random.RandomState(seed)
    centres = random.randn(classes, *shape)
    y = random.randint(0, classes, 256)
    return (centres[y] + 0.8 * random.randn(256, *shape)).astype(np.float32), y.astype(np.int32)


def mlp(images):
    w1 = v1.get_variable("w1", [20, 32], initializer=v1.glorot_uniform_initializer())
    b1 = v1.get_variable("b1", [32], initializer=v1.zeros_initializer())
    w2 = v1.get_variable("w2_normal", [32, 5], initializer=v1.random_normal_initializer(stddev=0.1))
    b2 = v1.get_variable("b2", [5], initializer=v1.zeros_initializer())
    return tf.matmul(tf.nn.relu(tf.matmul(images, w1) + b1), w2) + b2


def cnn(images):
    f1 = v1.get_variable("f1", [3, 3, 1, 8], initializer=v1.glorot_uniform_initializer())
    c1 = v1.get_variable("c1", [8], initializer=v1.zeros_initializer())
    f2 = v1.get_variable("f2_normal", [3, 3, 8, 8], initializer=v1.truncated_normal_initializer(stddev=0.1))
    x = tf.nn.max_pool2d(tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(images, f1, 1, "SAME"), c1)), 2, 2, "VALID")
    x = tf.nn.max_pool2d(tf.nn.relu(tf.nn.conv2d(x, f2, 1, "SAME")), 2, 2, "SAME")
    x = tf.reshape(x, [-1, 3 * 3 * 8])
    w = v1.get_variable("w", [72, 5], initializer=v1.glorot_uniform_initializer())
    b = v1.get_variable("b", [5], initializer=v1.zeros_initializer())
    return tf.matmul(x, w) + b


def define(kind, optimizer):
    spread = kind == "cnn"

    def run(target, record):
        if spread:
            train(target, record, cnn, blobs((12, 12, 1), 5, 7), optimizer, True)
        else:
            train(target, record, mlp, blobs((20,), 5, 3), optimizer, False)

    run.__name__ = f"{kind}_{optimizer}"
    program(spread=spread, deadline=120)(run)


for _kind in ("mlp", "cnn"):
    for _optimizer in OPTIMIZERS:
        define(_kind, _optimizer)
