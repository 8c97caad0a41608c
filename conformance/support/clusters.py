"""Clusters of one ps and two workers in every mix of TensorFlow's tasks and ours; all-real is the reference.

All real tasks of all mixes live in one process, since TensorFlow takes seconds to start and a server of it shares no
state with another. Gives a Cluster per mix: targets by task. Must not know which programs run.
"""

import json
import os
import socket
import sys

from support import servers

TASKS = (("ps", 0), ("worker", 0), ("worker", 1))
# Which tasks are ours. Programs use worker 0 as their master unless they say otherwise.
MIXES = {
    "real": (),
    "ps ours": (("ps", 0),),
    "master ours": (("worker", 0),),
    "worker ours": (("worker", 1),),
    "ps real": (("worker", 0), ("worker", 1)),
    "master real": (("ps", 0), ("worker", 1)),
    "all ours": TASKS,
}

_REAL = """
import json, sys
import tensorflow as tf
from google.protobuf import json_format
config = json_format.Parse(sys.argv[2], tf.compat.v1.ConfigProto())
servers = []
for cluster, job, task in json.loads(sys.argv[1]):
    servers.append(tf.distribute.Server(tf.train.ClusterSpec(cluster), job, task, config=config))
print("Started server with target: all", flush=True)
sys.stdin.read()
"""


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Cluster:
    """`jobs` as a ClusterSpec takes them; `target(job, task)` is where a client dials."""

    def __init__(self, ours):
        self.ours = ours
        ports = free_ports(len(TASKS))
        self.jobs = {}
        for (job, _), port in zip(TASKS, ports):
            self.jobs.setdefault(job, []).append(f"127.0.0.1:{port}")

    def target(self, job="worker", task=0):
        return f"grpc://{self.jobs[job][task]}"

    def fresh(self):
        """The same mix on other ports, none of whose tasks runs yet: for programs that end and start them."""
        return Cluster(self.ours)

    def spawn(self, job, task, config=None):
        """A process with this task alone. `config`: a ConfigProto as JSON has it."""
        (process,) = start([(self, job, task)], config)
        return process

    def targets(self):
        return [self.target(job, task) for job, task in TASKS]


def start(tasks, config=None):
    """Processes for `(cluster, job, task)` each: one for all real ones, one for every one of ours."""
    config = json.dumps(config or {})
    processes, real = [], []
    for cluster, job, task in tasks:
        if (job, task) not in cluster.ours:
            real.append((cluster.jobs, job, task))
            continue
        command = [os.environ.get("NODE", "node"), str(servers.ROOT / "dist/lib/cli/main.js"), "serve"]
        command += ["--cluster", json.dumps(cluster.jobs), "--job", job, "--task", str(task), "--config", config]
        processes.append(servers.ServerProcess(command, dict(os.environ), 60))
    if real:
        command = [sys.executable, "-c", _REAL, json.dumps(real), config]
        processes.append(servers.ServerProcess(command, servers.real_environment(), 120))
    return processes


class Clusters:
    """Starts them all with the first one that is asked for, and again when a process has died."""

    def __init__(self):
        self.clusters = {}
        self.processes = []

    def get(self, mix):
        if not self.processes or not all(process.alive for process in self.processes):
            self.close()
            self._start()
        return self.clusters[mix]

    def _start(self):
        self.clusters = {name: Cluster(ours) for name, ours in MIXES.items()}
        self.processes = start([(cluster, job, task) for cluster in self.clusters.values() for job, task in TASKS])

    def log(self):
        return "".join(process.log() for process in self.processes)

    def close(self):
        for process in self.processes:
            process.close()
        self.processes = []
