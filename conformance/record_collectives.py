"""Records what collectives give on two tasks of two devices each: `npm run record collectives`, a maintainer's job.

Every case is a graph of its own, inputs inside, whose fetches stand for the members of the group. Graphs and values go to
test/cluster/data/collectives.json.gz; test/cluster/collectives.test.ts runs the graphs on two tasks of this package.
"""

import base64
import gzip
import json
import os
import pathlib
import socket
import sys

sys.dont_write_bytecode = True
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

v1, raw = tf.compat.v1, tf.raw_ops
v1.disable_eager_execution()
DATA = pathlib.Path(__file__).resolve().parents[1] / "test/cluster/data/collectives.json.gz"
LEADER = "/job:worker/replica:0/task:0"
# In the order of their ranks.
DEVICES = [f"/job:worker/replica:0/task:{task}/device:CPU:{index}" for task in (0, 1) for index in (0, 1)]
random = np.random.RandomState(5)


def values(dtype, shape, members):
    """One array a member."""
    if dtype == tf.bool:
        return [random.rand(*shape) > 0.5 for _ in members]
    if dtype.is_integer:
        return [random.randint(-20, 20, shape).astype(dtype.as_numpy_dtype) for _ in members]
    return [np.asarray(random.randn(*shape)).astype(dtype.as_numpy_dtype) for _ in members]


def reduce(dtype, shape, members=range(4), merge="Add", final="Id", offsets=(0,), version=1):
    def build(keys):
        for member, value in zip(members, values(dtype, shape, members)):
            with tf.device(DEVICES[member]):
                args = dict(input=tf.constant(value, dtype), merge_op=merge, final_op=final, **keys)
                if version == 1:
                    yield raw.CollectiveReduce(**args, subdiv_offsets=list(offsets))
                else:
                    yield raw.CollectiveReduceV2(**args, ordering_token=[], max_subdivs_per_device=2)

    return f"reduce v{version} {dtype.name}{list(shape)} {merge} {final} {list(offsets)}", members, build


def gather(dtype, shape, members=range(4), version=1):
    def build(keys):
        for member, value in zip(members, values(dtype, shape, members)):
            with tf.device(DEVICES[member]):
                args = dict(input=tf.constant(value, dtype), **keys)
                if version == 1:
                    yield raw.CollectiveGather(**args, shape=[len(members) * shape[0], *shape[1:]])
                else:
                    yield raw.CollectiveGatherV2(**args, ordering_token=[])

    return f"gather v{version} {dtype.name}{list(shape)} of {len(members)}", members, build


def broadcast(dtype, shape, source, members=range(4), version=1):
    def build(keys):
        (value,) = values(dtype, shape, [source])
        for member in members:
            with tf.device(DEVICES[member]):
                if member == source:
                    given = tf.constant(value, dtype)
                    yield (
                        raw.CollectiveBcastSend(input=given, shape=shape, **keys)
                        if version == 1
                        else raw.CollectiveBcastSendV2(input=given, **keys)
                    )
                elif version == 1:
                    yield raw.CollectiveBcastRecv(T=dtype, shape=shape, **keys)
                else:
                    yield raw.CollectiveBcastRecvV2(T=dtype, shape=list(shape), **keys)

    return f"broadcast v{version} {dtype.name}{list(shape)} from {source} to {len(members)}", members, build


NUMBERS = (tf.float32, tf.float64, tf.int32, tf.int64, tf.half, tf.bfloat16)
CASES = [
    *(reduce(dtype, [37], merge=merge) for dtype in NUMBERS for merge in ("Add", "Mul", "Min", "Max")),
    *(reduce(dtype, [5, 3], final="Div", version=version) for dtype in NUMBERS for version in (1, 2)),
    *(reduce(tf.float32, [size]) for size in (0, 1, 64, 128, 300)),
    reduce(tf.float32, []),
    *(reduce(tf.float32, [300], offsets=offsets, final="Div") for offsets in ((), (1,), (-1,), (0, -1), (0, 1, -1))),
    *(reduce(tf.float32, [100], members=members) for members in ((0, 1), (1, 2), (0, 2, 3), (3,))),
    *(gather(dtype, [3, 2], version=version) for dtype in NUMBERS[:-1] for version in (1, 2)),
    *(gather(tf.float32, [2], members=members) for members in ((0, 1), (1, 2), (1, 2, 3), (2,))),
    *(broadcast(dtype, [4], 2) for dtype in (tf.bool, *NUMBERS[:-1])),
    *(broadcast(tf.float32, [2, 3], source, version=version) for source in range(4) for version in (1, 2)),
    *(broadcast(tf.float32, [], source, members) for members in ((0, 1), (0, 3), (1, 2, 3)) for source in members),
]


def start():
    ports = []
    for _ in range(2):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            ports.append(probe.getsockname()[1])
    cluster = tf.train.ClusterSpec({"worker": [f"127.0.0.1:{port}" for port in ports]})
    config = v1.ConfigProto(device_count={"CPU": 2})
    config.experimental.collective_group_leader = LEADER
    return [tf.distribute.Server(cluster, "worker", task, config=config) for task in (0, 1)]


def encode(value):
    value = np.asarray(value)
    return {
        "dtype": tf.as_dtype(value.dtype).as_datatype_enum,
        "shape": list(value.shape),
        "bytes": base64.b64encode(value.tobytes()).decode(),
    }


def main():
    servers = start()
    recorded, groups = [], {}
    for instance, (name, members, build) in enumerate(CASES, 1):
        # A group stays what it was first.
        key = groups.setdefault(tuple(members), len(groups) + 1)
        graph = tf.Graph()
        with graph.as_default():
            fetches = list(build(dict(group_size=len(members), group_key=key, instance_key=instance)))
        with v1.Session(servers[0].target, graph=graph, config=v1.ConfigProto(operation_timeout_in_ms=20_000)) as session:
            results = session.run(fetches)
        text = base64.b64encode(graph.as_graph_def().SerializeToString()).decode()
        recorded.append({"name": name, "graph": text, "fetches": [f.name for f in fetches], "results": [encode(r) for r in results]})
    DATA.parent.mkdir(exist_ok=True)
    DATA.write_bytes(gzip.compress(json.dumps(recorded).encode(), 9, mtime=0))
    print(f"{len(recorded)} cases in {DATA.name}, {DATA.stat().st_size} bytes", flush=True)
    os._exit(0)


main()
