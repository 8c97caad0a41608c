"""Misuse of `tf.distribute.Server`, case by case, and what a good one says of itself: TensorFlow's class beside `Server`.

Python's ValueError is an InvalidArgumentError in TypeScript. Not compared: a host of the own task that is no address of
this machine (TensorFlow listens everywhere, ours asks for `bind`), and the job of a local server (`local` in
TensorFlow's documentation and here, `localhost` in its code).
"""

import base64
import json
import os
import re
import socket
import subprocess

import tensorflow as tf
from support import servers
from support.program import program
from tensorflow.core.protobuf import cluster_pb2, config_pb2, tensorflow_server_pb2

OWN = "127.0.0.1:0"
ONE = {"w": [OWN]}
TWO = {"w": [OWN, "127.0.0.1:1"], "p": ["127.0.0.1:2"]}


def server_def(cluster, **fields):
    return tensorflow_server_pb2.ServerDef(cluster=tf.train.ClusterSpec(cluster).as_cluster_def(), **fields)


def with_devices(count):
    return config_pb2.ConfigProto(device_count={"CPU": count})


def occupied():
    """A port that somebody else listens on, and who does."""
    one = socket.socket()
    one.bind(("127.0.0.1", 0))
    one.listen()
    return one, one.getsockname()[1]


def cases(port):
    """Name, source, options."""
    grpc = {"protocol": "grpc"}
    yield "unknown job", TWO, {"job_name": "zz", "task_index": 0}
    yield "task 7", TWO, {"job_name": "w", "task_index": 7}
    yield "task -1", TWO, {"job_name": "w", "task_index": -1}
    yield "no task_index", TWO, {"job_name": "w"}
    yield "no job_name", TWO, {"task_index": 0}
    yield "empty cluster", {}, {}
    yield "unknown job, no task_index", ONE, {"job_name": "zz"}
    yield "empty job", {"w": []}, {}
    yield "port in use", {"w": [f"127.0.0.1:{port}"]}, {}
    yield "negative port", {"w": ["127.0.0.1:-5"]}, {}
    for address in ("127.0.0.1", "127.0.0.1:xx", "127.0.0.1:", "127.0.0.1:0x0", "127.0.0.1:99999999999", ""):
        yield f"own address {address!r}", {"w": [address]}, {}
    for address in ("foo", "", "foo:", "foo:x", "foo:-1", "a/b:1", "http://x:1", "foo:4294967296"):
        yield f"another's address {address!r}", {"w": [OWN, address]}, {"task_index": 0}
    for protocol in ("foo", "", "GRPC", "grpc+verbs"):
        yield f"protocol {protocol!r}", ONE, {"protocol": protocol}
    yield "a ServerDef without a protocol", server_def(ONE, job_name="w"), {}
    yield "replica without a port", server_def(ONE, job_name="w", replica=1, **grpc), {}
    yield "a ServerDef of another job", server_def(ONE, job_name="zz", **grpc), {}
    yield "a ServerDef without a job", server_def(ONE, **grpc), {}
    twice = server_def(ONE, job_name="w", **grpc)
    twice.cluster.job.append(twice.cluster.job[0])
    yield "a job twice", twice, {}
    for source in (3, None, "a:1", ["a:1"], 1.5, True):
        yield f"source {source!r}", source, {}
    for tasks in (3, "a:1", None):
        yield f"job of {tasks!r}", {"w": tasks}, {}
    yield "an address that is a number", {"w": [3]}, {}
    yield "an index that is a word", {"w": {"x": "a:1"}}, {}
    for source, kind in ((ONE, "cluster"), (server_def(ONE, job_name="w", **grpc), "ServerDef")):
        yield f"{kind}: job_name 3", source, {"job_name": 3, "task_index": 0}
        yield f"{kind}: protocol 3", source, {"protocol": 3}
        for index in ("0", 0.5, [0]):
            yield f"{kind}: task_index {index!r}", source, {"task_index": index}
        yield f"{kind}: task_index too large", source, {"task_index": 3_000_000_000}
        for config in (3, "x", [1]):
            yield f"{kind}: config {config!r}", source, {"config": config}
    yield "good: the only task", ONE, {}
    yield "good: a task by its number", TWO, {"job_name": "w", "task_index": 0}
    yield "good: sparse", {"w": {5: OWN}}, {}
    yield "good: addresses that are the same", {"w": [OWN, OWN]}, {"task_index": 1}
    yield "good: not started", ONE, {"start": False}
    yield "good: two devices", ONE, {"config": with_devices(2)}
    yield "good: a ServerDef", server_def(TWO, job_name="w", **grpc), {}
    yield "good: a ServerDef overridden", server_def(TWO, job_name="p", task_index=7, protocol="x"), {"job_name": "w", "task_index": 0, **grpc}
    yield "good: configs merged", server_def(ONE, job_name="w", default_session_config=with_devices(1), **grpc), {"config": config_pb2.ConfigProto(allow_soft_placement=True)}
    yield "good: a ServerDef's port", server_def({"w": ["xx"]}, job_name="w", port=occupied()[1] + 1, **grpc), {}
    yield "good: IPv6", {"w": ["[::1]:0"]}, {}


def real(source, options):
    server = tf.distribute.Server(source, **options)
    server.start()
    server.start()
    return server.target, server.server_def


def plain_def(found):
    """What it says, without what is picked: ports."""
    copy = tensorflow_server_pb2.ServerDef()
    copy.CopyFrom(found)
    copy.ClearField("port")
    return str(copy)


def text_of(error):
    """That word and the blanks after it vary from run to run."""
    return re.sub(r"goo\.gle/debug\w+ +", "goo.gle/debug ", error)


class Failed(Exception):
    """What our Server threw."""

    def __init__(self, name, code, text):
        super().__init__(text)
        self.name, self.code, self.text = name, code, text


class Ours:
    """A process that makes servers of cases."""

    CAMEL = {"job_name": "jobName", "task_index": "taskIndex"}

    def __init__(self):
        command = [os.environ.get("NODE", "node"), str(servers.ROOT / "dist/conformance/servers.js")]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, source, options):
        line = {"source": encoded(source), "options": {self.CAMEL.get(key, key): encoded(value) for key, value in options.items()}}
        self.process.stdin.write(json.dumps(line) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "name" in answer:
            raise Failed(answer["name"], answer["code"], answer["message"])
        return answer["target"], tensorflow_server_pb2.ServerDef.FromString(base64.b64decode(answer["serverDef"]))

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)


def encoded(value):
    if not hasattr(value, "SerializeToString"):
        return value
    return {"message": base64.b64encode(value.SerializeToString()).decode()}


@program(kind=True, deadline=90)
def misuse(kind, record):
    listener, port = occupied()
    make = Ours() if kind == "ours" else real
    for name, source, options in cases(port):
        try:
            target, found = make(source, options)
        except Failed as error:
            record(name, [error.name, error.code, text_of(error.text)])
        except tf.errors.OpError as error:
            record(name, [type(error).__name__, error.error_code, text_of(error.message)])
        except ValueError as error:
            record(name, ["InvalidArgumentError", 3, str(error)])
        except TypeError as error:
            record(name, ["TypeError", None, str(error)])
        else:
            record(name, [re.sub(r":\d+$", ":PORT", target), plain_def(found)])
    if kind == "ours":
        make.close()
    listener.close()
