"""Records what TensorFlow's ops give: `npm run record [family …]`, a maintainer's job.

Runs every case of test/ops/record/ on a TensorFlow server of its own process, over the wire, with graph rewriting and
oneDNN switched off and one thread, and writes test/ops/data/<family>.gz (its layout: test/support/op-cases.ts).
Recording again gives the same bytes. A case that ends TensorFlow's process is left out and named.
"""

import gzip
import importlib
import json
import os
import pathlib
import re
import struct
import sys
import time

sys.dont_write_bytecode = True

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "conformance"), str(ROOT / "test/ops")]

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from record.families import FAMILIES  # noqa: E402
from record.lib import Family, dtype_enum  # noqa: E402
from support import servers  # noqa: E402
from support.master import Failure, Master, to_array  # noqa: E402
from tensorflow.core.protobuf import config_pb2  # noqa: E402

DATA = ROOT / "test/ops/data"
FROM = re.compile(r"^From /job:[^\n]*:\n")
NODE = re.compile(r"\n\t \[\[(?:\{\{node )?([^\]}]*)(?:\}\})?\]\]")


def config():
    proto = config_pb2.ConfigProto(intra_op_parallelism_threads=1)
    proto.graph_options.rewrite_options.disable_meta_optimizer = True
    proto.graph_options.optimizer_options.opt_level = config_pb2.OptimizerOptions.L0
    proto.experimental.disable_optimize_for_static_graph = True
    return proto


class Engine:
    """TensorFlow's server, started again when a case has ended it."""

    def __init__(self):
        self.server = None

    def master(self):
        if self.server is None or not self.server.alive:
            self.close()
            self.server = servers.real(
                {"intra_op_parallelism_threads": 1}, {"TF_ENABLE_ONEDNN_OPTS": "0"}
            )
            self.client = Master(self.server.target)
        return self.client

    def close(self):
        if self.server is not None:
            self.client.close()
            self.server.close()
            self.server = None


class Blob:
    """Bytes of graphs and tensors, each different one once."""

    def __init__(self):
        self.parts, self.known, self.size = [], {}, 0

    def add(self, data):
        if data not in self.known:
            self.known[data] = self.size
            pad = -len(data) % 8
            self.parts.append(data + b"\0" * pad)
            self.size += len(data) + pad
        return self.known[data]

    def tensor(self, array):
        if array.dtype == object:
            values = [bytes(v) for v in array.reshape(-1)]
            data = b"".join(struct.pack("<I", len(v)) for v in values) + b"".join(values)
        else:
            data = np.ascontiguousarray(array).tobytes()
        return [dtype_enum(array), list(array.shape), self.add(data)]


# Counters and incarnations of a process; test/support/op-cases.ts takes the same out of our texts.
OWN = [
    (re.compile(r"'_\d+_"), "'_N_"),
    (re.compile(r"(TensorArray |Stack\[)(\w+?)_\d+"), r"\1\2_N"),
    (re.compile(r"\bstep \d+"), "step N"),
    (re.compile(r";[0-9a-f]{16};"), ";N;"),
    (re.compile(r"goo\.gle/debug\w+\s+"), "goo.gle/debug "),
]


def failure(error):
    text = FROM.sub("", error.text)
    for pattern, replacement in OWN:
        text = pattern.sub(replacement, text)
    found = NODE.search(text)
    plain = text[: found.start()] if found else text
    return [error.code, plain, found.group(1) if found else None]


def run_case(engine, case, blob):
    master = engine.master()
    entry = {"name": case.name, "ops": case.ops, "compare": case.compare}
    graph = case.graph.SerializeToString(deterministic=True)
    entry["graph"] = [blob.add(graph), len(graph)]
    entry["steps"] = []
    try:
        handle = master.call("CreateSession", graph_def=case.graph, config=config()).session_handle
    except Failure as error:
        if error.code == 14:
            raise
        entry["create"] = failure(error)
        return entry
    for step in case.steps:
        item = {"feed": {name: blob.tensor(value) for name, value in step.feeds.items()}}
        if step.fetches:
            item["fetch"] = step.fetches
        if step.targets:
            item["target"] = step.targets
        feeds = [
            (name, tf.make_tensor_proto(value, dtype=tf.dtypes.as_dtype(dtype_enum(value))))
            for name, value in step.feeds.items()
        ]
        try:
            results, _ = master.run(handle, feeds, step.fetches, step.targets, timeout=60)
            item["want"] = [blob.tensor(to_array(results[name])) for name in step.fetches]
        except Failure as error:
            if error.code in (4, 14):
                raise
            item["error"] = failure(error)
        entry["steps"].append(item)
    master.call("CloseSession", session_handle=handle)
    # A case must not see what an earlier one has left in the default container.
    master.call("Reset", container=[])
    master.call("Reset", container=["other"])
    return entry


def record(engine, name):
    family = Family(name)
    module = importlib.import_module(f"record.{name}")
    module.cases(family)
    blob, entries, problems = Blob(), [], []
    for case in family.cases:
        try:
            entry = run_case(engine, case, blob)
            # Once in some ten thousand steps a real server takes its own request for a repeated one.
            while any("request was received twice" in step.get("error", [0, ""])[1] for step in entry["steps"]):
                entry = run_case(engine, case, blob)
        except Failure as error:
            problems.append(f"{case.name}: left out, TensorFlow's answer was {error}"[:300])
            engine.close()
            continue
        errors = [step["error"] for step in entry["steps"] if "error" in step]
        first = entry.get("create") or (errors[0] if errors and len(errors) == len(entry["steps"]) else None)
        if first and re.search("No OpKernel|No registered|not in the list of allowed|Op type not registered", first[1]):
            problems.append(f"{case.name}: left out, {first[1][:160]!r}")
            continue
        if first and not getattr(module, "ONLY_ERRORS", False):
            problems.append(f"{case.name}: has errors only: {first[1][:160]!r}")
        entries.append(entry)
    header = {"family": name, "why": " ".join((module.__doc__ or "").split()), "cases": entries}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=True).encode()
    text += b" " * (-len(text) % 8)
    data = struct.pack("<II", len(text), 0) + text + b"".join(blob.parts)
    packed = gzip.compress(data, 9, mtime=0)
    (DATA / f"{name}.gz").write_bytes(packed)
    return entries, problems, len(packed)


def scope_line(op, families):
    """As the formatter has it: a list that makes its line too long has a line for each item."""
    line = f"  {json.dumps(op)}: {json.dumps(families)}"
    if len(line) < 120:
        return line
    items = ",\n".join(f"    {json.dumps(family)}" for family in families)
    return f"  {json.dumps(op)}: [\n{items}\n  ]"


def main(words):
    names = [name for name in FAMILIES if not words or name in words]
    DATA.mkdir(parents=True, exist_ok=True)
    scope_file = DATA / "scope.json"
    scope = json.loads(scope_file.read_text()) if words and scope_file.exists() else {}
    scope = {op: [f for f in families if f not in names and f in FAMILIES] for op, families in scope.items()}
    engine = Engine()
    try:
        for name in names:
            started = time.time()
            entries, problems, size = record(engine, name)
            steps = sum(len(entry["steps"]) for entry in entries)
            bad = sum("error" in step for entry in entries for step in entry["steps"])
            bad += sum("create" in entry for entry in entries)
            for problem in problems:
                print(f"  {problem}")
            print(f"{name}: {len(entries)} cases, {steps} steps, {bad} errors, {size} bytes, {time.time() - started:.1f} s")
            for entry in entries:
                for op in entry["ops"]:
                    families = scope.setdefault(op, [])
                    if name not in families:
                        families.append(name)
    finally:
        engine.close()
    scope = {op: sorted(families) for op, families in sorted(scope.items()) if families}
    scope_file.write_text("{\n" + ",\n".join(scope_line(op, families) for op, families in scope.items()) + "\n}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
