"""The servers that the programs talk to, each a process of its own: TensorFlow's and ours.

Gives their target and ends them. Must not know which programs run. TensorFlow's writes no log lines into error texts
(TF_WORKER_NUM_FORWARDED_LOG_MESSAGES=0), since nobody can be asked to imitate its log.
"""

import json
import os
import pathlib
import queue
import subprocess
import sys
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
READY = "Started server with target: "

_REAL = """
import json, sys
import tensorflow as tf
def main(settings):
    config = tf.compat.v1.ConfigProto()
    for name, value in settings.get("config", {}).items():
        if isinstance(value, dict):
            getattr(config, name).update(value)
        else:
            setattr(config, name, value)
    server = tf.distribute.Server(tf.train.ClusterSpec({"worker": ["localhost:0"]}), "worker", 0, config=config)
    print("Started server with target: " + server.target, flush=True)
    sys.stdin.read()
main(json.loads(sys.argv[1]))
"""


class ServerProcess:
    """A server in a process of its own; `target` is known once it is up, `close()` ends it."""

    def __init__(self, command, env, seconds):
        self.process = subprocess.Popen(
            command, env=env, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self._first = queue.Queue()
        self.errors = []
        self._threads = [
            threading.Thread(target=self._read_output, daemon=True),
            threading.Thread(target=self._read_errors, daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        try:
            line = self._first.get(timeout=seconds)
        except queue.Empty:
            line = None
        if line is None or not line.startswith(READY):
            self.close()
            raise RuntimeError(f"the server did not start: {line!r}\n{self.log()}")
        self.target = line.removeprefix(READY).strip()

    def _read_output(self):
        for line in self.process.stdout:
            self._first.put(line)
        self._first.put(None)

    def _read_errors(self):
        for line in self.process.stderr:
            self.errors.append(line)
            del self.errors[:-200]

    def log(self):
        return "".join(self.errors[-40:])

    @property
    def alive(self):
        return self.process.poll() is None

    def close(self):
        if self.alive:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            try:
                stream.close()
            except OSError:
                pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def real_environment(env=None):
    return {
        **os.environ,
        "TF_WORKER_NUM_FORWARDED_LOG_MESSAGES": "0",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        # oneDNN's kernels of the same ops have error texts of their own; a program may ask for them.
        "TF_ENABLE_ONEDNN_OPTS": "0",
        "CUDA_VISIBLE_DEVICES": "-1",
        **(env or {}),
    }


def real(config=None, env=None):
    """TensorFlow's own server, one task of a job called worker."""
    command = [sys.executable, "-c", _REAL, json.dumps({"config": config or {}})]
    return ServerProcess(command, real_environment(env), 120)


def ours(config=None):
    """This package's server for the same cluster, by its command line."""
    command = [os.environ.get("NODE", "node"), str(ROOT / "dist/lib/cli/main.js"), "serve"]
    command += ["--cluster", json.dumps({"worker": ["127.0.0.1:0"]}), "--job", "worker", "--task", "0"]
    if config:
        command += ["--config", json.dumps(config)]
    return ServerProcess(command, dict(os.environ), 60)
