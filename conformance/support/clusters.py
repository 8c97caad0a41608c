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
servers = []
for cluster, job, task in json.loads(sys.argv[1]):
    servers.append(tf.distribute.Server(tf.train.ClusterSpec(cluster), job, task))
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

    def spawn(self, job, task):
        """A process with this task alone."""
        if (job, task) not in self.ours:
            command = [sys.executable, "-c", _REAL, json.dumps([(self.jobs, job, task)])]
            return servers.ServerProcess(command, servers.real_environment(), 120)
        command = [os.environ.get("NODE", "node"), str(servers.ROOT / "dist/lib/cli/main.js"), "serve"]
        command += ["--cluster", json.dumps(self.jobs), "--job", job, "--task", str(task)]
        return servers.ServerProcess(command, dict(os.environ), 60)

    def targets(self):
        return [self.target(job, task) for job, task in TASKS]


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
        real = []
        for name, ours in MIXES.items():
            cluster = self.clusters[name]
            for job, task in TASKS:
                if (job, task) in ours:
                    self.processes.append(cluster.spawn(job, task))
                else:
                    real.append((cluster.jobs, job, task))
        command = [sys.executable, "-c", _REAL, json.dumps(real)]
        self.processes.append(servers.ServerProcess(command, servers.real_environment(), 120))

    def log(self):
        return "".join(process.log() for process in self.processes)

    def close(self):
        for process in self.processes:
            process.close()
        self.processes = []
