"""Times what the size of a graph costs on a real server and on ours. Run by bench/graph.ts.

Requests are made before the clock starts and sent as they are: what Python takes to build a graph is no server's time.
"""

import os
import pathlib
import statistics
import sys
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "conformance"))
import tensorflow as tf  # noqa: E402
from support.master import Failure, Master, messages  # noqa: E402
from tensorflow.core.framework import graph_pb2  # noqa: E402

PATIENCE = 300  # seconds that a server may take for one request
SIDE = 200  # nodes of a side chain, and of a new signature
SIDES = 8


class Builder:
    """A GraphDef node by node, of float scalars."""

    def __init__(self):
        self.graph = graph_pb2.GraphDef()

    def node(self, name, op, *inputs, dtype="T", value=None):
        node = self.graph.node.add(name=name, op=op, input=inputs)
        if dtype:
            node.attr[dtype].type = tf.float32.as_datatype_enum
        if value is not None:
            node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value, tf.float32))
        return name

    def chain(self, prefix, length, start):
        for i in range(length):
            start = self.node(f"{prefix}{i}", "Tanh", start)
        return start


def wide(nodes):
    """Half constants, half sums of one and the feed; a group asks for all."""
    build = Builder()
    build.node("x", "Placeholder", dtype="dtype")
    count = (nodes - 2) // 2
    for i in range(count):
        build.node(f"c{i}", "Const", dtype="dtype", value=float(i))
        build.node(f"a{i}", "AddV2", "x", f"c{i}")
    build.node("all", "NoOp", *(f"^a{i}" for i in range(count)), dtype=None)
    return build.graph


def deep(nodes):
    build = Builder()
    build.node("x", "Placeholder", dtype="dtype")
    build.node("all", "NoOp", "^" + build.chain("t", nodes - 2, "x"), dtype=None)
    return build.graph


def session_of(nodes):
    """A step of ten nodes among `nodes`, and chains that no step has asked for."""
    build = Builder()
    build.node("x", "Placeholder", dtype="dtype")
    build.chain("t", 9, "x")
    if nodes > 10:
        for side in range(SIDES):
            build.chain(f"s{side}_", SIDE - 1, "x")
        build.chain("rest", nodes - 10 - SIDES * (SIDE - 1), "x")
    return build.graph


FEED = [{"name": "x:0", "tensor": tf.make_tensor_proto(0.5)}]


class Server:
    def __init__(self, name, target):
        self.name, self.master, self.alive = name, Master(target), True

    def send(self, method, data):
        start = time.perf_counter()
        answer = self.master.raw(method, data, timeout=PATIENCE)
        return time.perf_counter() - start, messages[f"{method}Response"].FromString(answer)

    def create(self, graph):
        took, answer = self.send("CreateSession", messages["CreateSessionRequest"](graph_def=graph).SerializeToString())
        return took, answer.session_handle

    def run(self, handle, fetch=(), target=()):
        request = messages["RunStepRequest"](session_handle=handle, feed=FEED, fetch=fetch, target=target, options={})
        return self.send("RunStep", request.SerializeToString())[0]

    def close(self, handle):
        self.send("CloseSession", messages["CloseSessionRequest"](session_handle=handle).SerializeToString())


def first_run(server, graph):
    created, handle = server.create(graph)
    ran = server.run(handle, target=["all"])
    server.close(handle)
    return created + ran


def cached_step(server, handle):
    times = [server.run(handle, fetch=["t8:0"]) for _ in range(300)]
    return statistics.median(times[100:])


def attempt(server, work):
    """Milliseconds, or `None` from the time on when a server has died of its work."""
    if not server.alive:
        return None
    try:
        return work(server) * 1e3
    except Failure as failure:
        server.alive = False
        print(f"  {server.name} died, or took more than {PATIENCE} s: {failure}", flush=True)
        return None


def show(what, real, ours):
    text = [f"{name} {'-' if ms is None else f'{ms:.2f}':>10} ms" for name, ms in (("real", real), ("ours", ours))]
    ratio = f"  ratio {ours / real:.3f}" if real and ours else ""
    print(f"{what:44} {text[0]}  {text[1]}{ratio}", flush=True)


def compare(what, servers, work, turns):
    """Medians of some turns, one server after the other in each."""
    pairs = [[attempt(server, work) for server in servers] for _ in range(turns)]
    real, ours = (statistics.median(side) if None not in side else None for side in zip(*pairs))
    show(what, real, ours)
    return ours


def sessions(servers, big):
    """New signatures and cached steps, the last of them turn by turn."""
    handles = {}
    for server in servers:
        # A real server optimizes the whole session for each signature: it gets a smaller one.
        nodes = big if server.name == "ours" else min(big, 10_000)
        handles[server] = (server.create(session_of(10))[1], server.create(session_of(nodes))[1], nodes)
    times = [[server.run(handles[server][1], fetch=[f"s{side}_{SIDE - 2}:0"]) * 1e3 for server in servers] for side in range(SIDES)]
    sizes = ", ".join(f"{server.name} {handles[server][2]}" for server in servers)
    show(f"new signature of {SIDE} in {sizes}", *(statistics.median(side) for side in zip(*times)))
    steps = [[[cached_step(server, handles[server][i]) * 1e3 for server in servers] for i in (0, 1)] for _ in range(9)]
    for i, name in enumerate(("small", "big")):
        show(f"cached step of 10 in the {name} session", *(statistics.median(turn[i][k] for turn in steps) for k in (0, 1)))
    ratios = sorted(large[1] / small[1] for small, large in steps)
    print(f"  ours, big to small, turn by turn: {ratios[4]:.3f} ({ratios[0]:.3f} to {ratios[8]:.3f})", flush=True)
    for server in servers:
        for handle in handles[server][:2]:
            server.close(handle)


def main(targets, sizes):
    servers = [Server(name, target) for name, target in zip(("real", "ours"), targets)]
    show("the first graph of all, 1000 wide", *(first_run(server, wide(1000)) * 1e3 for server in servers))
    # From here on servers are measured as training finds them: after graphs in which V8 compiles what every graph runs.
    for _ in range(10):
        for server in servers:
            first_run(server, wide(1000))
            first_run(server, deep(1000))
    sessions(servers, max(sizes))
    per_node = {kind: [] for kind in (deep, wide)}
    for size in sizes:
        turns = 5 if size <= 1000 else 3 if size <= 10_000 else 1
        for kind, costs in per_node.items():
            graph = kind(size)
            ours = compare(f"first run, {size} {kind.__name__}", servers, lambda server: first_run(server, graph), turns)
            costs.append(f"{ours / size * 1e3:.1f}")
    for kind, costs in per_node.items():
        print(f"  ours, us a node, {kind.__name__}: {', '.join(costs)}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:3], [int(size) for size in sys.argv[3:]] or [1000, 10_000, 100_000])
