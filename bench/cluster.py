"""Times steps over a ps and a worker, each a process of its own: TensorFlow's, ours, and mixed. Run by transfer.ts and ps.ts."""

import json
import os
import pathlib
import sys
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "conformance"))
import numpy as np  # noqa: E402
import tensorflow.compat.v1 as tf  # noqa: E402
from support import servers  # noqa: E402
from support.clusters import free_ports  # noqa: E402

tf.disable_eager_execution()
PS, WORKER = "/job:ps/task:0", "/job:worker/task:0"
TURNS = 5

_REAL = """
import json, sys
import tensorflow as tf
jobs, job, threads = json.loads(sys.argv[1])
config = tf.compat.v1.ConfigProto(intra_op_parallelism_threads=threads, inter_op_parallelism_threads=threads)
server = tf.distribute.Server(tf.train.ClusterSpec(jobs), job, 0, config=config)
print("Started server with target: " + server.target, flush=True)
sys.stdin.read()
"""


class Pair:
    """A ps and a worker, the worker being the master."""

    def __init__(self, ps="ours", worker="ours", flags=(), threads=0):
        ports = free_ports(2)
        self.jobs = {job: [f"127.0.0.1:{port}"] for job, port in zip(("ps", "worker"), ports)}
        self.processes = [self._start(job, kind, flags, threads) for job, kind in (("ps", ps), ("worker", worker))]
        self.target = f"grpc://{self.jobs['worker'][0]}"

    def _start(self, job, kind, flags, threads):
        if kind == "real":
            command = [sys.executable, "-c", _REAL, json.dumps([self.jobs, job, threads])]
            # Real tasks as their users run them: with oneDNN's kernels.
            env = {key: value for key, value in servers.real_environment().items() if key != "TF_ENABLE_ONEDNN_OPTS"}
            return servers.ServerProcess(command, env, 120)
        command = [os.environ.get("NODE", "node"), str(servers.ROOT / "dist/lib/cli/main.js"), "serve", *flags]
        command += ["--cluster", json.dumps(self.jobs), "--job", job, "--task", "0"]
        return servers.ServerProcess(command, dict(os.environ), 60)

    def close(self):
        for process in self.processes:
            process.close()


def large():
    """A variable of 64 MiB, of which the worker looks at one element."""
    with tf.device(PS):
        value = tf.get_variable("large", [16 * 2**20], initializer=tf.ones_initializer(), use_resource=True).read_value()
    with tf.device(WORKER):
        return tf.strided_slice(value, [5], [6]), {}, 3


def small():
    """1,000 variables of 1 KB, read by the worker and updated with what it makes of them."""
    updates = []
    for k in range(1000):
        with tf.device(PS):
            v = tf.get_variable(f"small{k}", [256], initializer=tf.ones_initializer(), use_resource=True)
            value = v.read_value()
        with tf.device(WORKER):
            part = value * 0.001
        with tf.device(PS):
            updates.append(v.assign_sub(part, read_value=False))
    return tf.group(*updates), {}, 3


def mlp():
    rng = np.random.RandomState(0)
    x, y = rng.rand(128, 784).astype("f"), rng.randint(0, 10, 128)
    with tf.device(tf.train.replica_device_setter(cluster={"ps": ["_"], "worker": ["_"]}, worker_device=WORKER)):
        image, label = tf.placeholder(tf.float32, [None, 784]), tf.placeholder(tf.int64, [None])
        w1, b1 = tf.get_variable("w1", [784, 512]), tf.get_variable("b1", [512])
        w2, b2 = tf.get_variable("w2", [512, 10]), tf.get_variable("b2", [10])
        logits = tf.matmul(tf.nn.relu(tf.matmul(image, w1) + b1), w2) + b2
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=label, logits=logits))
        train = tf.train.AdamOptimizer().minimize(loss)
    return train, {image: x, label: y}, 20


def time_of(session, fetch, feeds, count):
    start = time.perf_counter()
    for _ in range(count):
        session.run(fetch, feeds)
    return (time.perf_counter() - start) / count


def measure(build, pairs):
    """Steps of one graph on every pair, turn by turn."""
    graph = tf.Graph()
    with graph.as_default():
        fetch, feeds, count = build()
        init = tf.global_variables_initializer()
    sessions = {name: tf.Session(pair.target, graph=graph) for name, pair in pairs.items()}
    for session in sessions.values():
        session.run(init)
        # The first steps compile, and open connections.
        time_of(session, getattr(fetch, "op", fetch), feeds, 10)
    target = getattr(fetch, "op", fetch)
    turns = [{name: time_of(session, target, feeds, count) for name, session in sessions.items()} for _ in range(TURNS)]
    for session in sessions.values():
        session.close()
    for name in sessions:
        times = sorted(turn[name] for turn in turns)
        ratios = sorted(turn[name] / turn["real"] for turn in turns)
        speed = f"  {64 * 2**20 / times[TURNS // 2] / 1e9:5.2f} GB/s" if build is large else ""
        ratio = f"{ratios[TURNS // 2]:.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        print(f"{build.__name__:6} {name:22} {times[TURNS // 2] * 1e3:8.2f} ms{speed}  time to real's {ratio}", flush=True)


def main(bench):
    if bench == "ps":
        pairs, builds = {"real": Pair("real", "real", threads=1), "ours": Pair()}, [mlp]
    else:
        builds = [large, small]
        pairs = {
            "real": Pair("real", "real"),
            "ours": Pair(),
            "ours, RecvTensor alone": Pair(flags=["--no-data-connection"]),
            "ps ours, worker real": Pair(worker="real"),
            "ps real, worker ours": Pair(ps="real"),
        }
    try:
        for build in builds:
            measure(build, pairs)
    finally:
        for pair in pairs.values():
            pair.close()


main(sys.argv[1])
