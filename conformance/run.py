"""Runs the programs against a real TensorFlow server and against ours, and compares what they record.

Programs on clusters run on every mix of real tasks and ours.

`run.py [word …]`: programs whose name holds a word, all without one. Each run of a program is a process of its own
with a deadline. The last line is `N passed, N failed`. Needs TensorFlow and grpcio; run.ts sees to that.
"""

import importlib
import json
import os
import pathlib
import pickle
import select
import signal
import sys
import time
import traceback

sys.dont_write_bytecode = True
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import tensorflow as tf  # noqa: E402,F401  (imported once; each program runs in a fork)
from support import servers  # noqa: E402
from support.clusters import MIXES, Clusters  # noqa: E402
from support.program import PROGRAMS  # noqa: E402
from support.results import Record, difference, failure  # noqa: E402

VARIANTS = [(threads, onednn) for threads in (1, 2) for onednn in ("0", "1")]


class Pool:
    """One server of each kind and configuration, started when first needed, and again when it has died."""

    def __init__(self):
        self.servers = {}
        self.clusters = Clusters()

    def get(self, kind, config, threads=None, onednn=None):
        key = (kind, json.dumps(config, sort_keys=True), threads, onednn)
        server = self.servers.get(key)
        if server is not None and not server.alive:
            server.close()
            server = None
        if server is None:
            if kind == "ours":
                server = servers.ours(config)
            else:
                extra = {} if threads is None else {"intra_op_parallelism_threads": threads}
                env = {} if onednn is None else {"TF_ENABLE_ONEDNN_OPTS": onednn}
                server = servers.real({**config, **extra}, env)
            self.servers[key] = server
        return server

    def close(self):
        for server in self.servers.values():
            server.close()
        self.clusters.close()


def brief(error):
    """Where in the program, and what: the frames inside TensorFlow tell nothing."""
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if "programs" in f.filename]
    text = "\n    ".join(str(error).split("\nOriginal stack trace")[0].strip().split("\n")[-8:])
    return f"line {lines[-1] if lines else '?'}: {type(error).__name__}: {text}"[:1200]


def child(program, target, write):
    tf.compat.v1.disable_eager_execution()
    tf.get_logger().setLevel("ERROR")
    record = Record()
    error = None
    try:
        program.function(target, record)
    except BaseException as caught:  # noqa: BLE001  (what ends a program is a result too)
        error = (failure(caught), brief(caught))
    with os.fdopen(write, "wb") as out:
        pickle.dump((record.items, error), out)


def run(program, target):
    """(items, error) of one run in a fork; a deadline or a crash is an error too. What it started ends with it."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setpgid(0, 0)
        os.close(read)
        signal.alarm(program.deadline + 5)
        try:
            child(program, target, write)
        finally:
            os._exit(0)
    os.setpgid(pid, pid)
    os.close(write)
    try:
        data = read_until(read, time.monotonic() + program.deadline)
    finally:
        os.close(read)
        end_group(pid)
    if data is None:
        return [], (("deadline",), f"not finished within {program.deadline} s")
    return pickle.loads(data) if data else ([], (("crash",), "the process ended without a record"))


def read_until(pipe, deadline):
    """All that is written to a pipe until it is closed; None if it isn't by then."""
    chunks = []
    while True:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([pipe], [], [], left)[0]:
            return None
        data = os.read(pipe, 1 << 20)
        if not data:
            return b"".join(chunks)
        chunks.append(data)


def end_group(pid):
    """A process that leads a group, and whatever it has left running in it."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    os.waitpid(pid, 0)


def reset(target):
    """No state of one program may reach the next."""
    from support.master import Failure, Master

    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        master = Master(target)
        try:
            for containers in ([], ["kept"], ["other"]):
                master.call("Reset", 10, container=containers)
        except Failure:
            os.write(write, b"x")
        os._exit(0)
    os.close(write)
    failed = os.read(read, 1)
    os.close(read)
    os.waitpid(pid, 0)
    return not failed


def check_kinds(program):
    """The same of a program that makes servers itself."""
    (real, real_error), ours = run(program, "real"), run(program, "ours")
    if real_error is not None:
        raise RuntimeError(f"the real servers' run failed: {real_error[1]}")
    return compare(real, *ours)


def check(program, pool):
    """None, or what differs first."""
    if program.kind:
        return check_kinds(program)
    real_server = pool.get("real", program.config)
    real, real_error = run(program, real_server.target)
    if real_error is not None:
        if real_error[0][0] == "deadline":
            real_server.close()
        return f"the real server's run failed: {real_error[1]}"
    if not real:
        return "nothing was recorded"
    spreads = []
    if program.spread:
        for threads, onednn in VARIANTS:
            items, error = run(program, pool.get("real", program.config, threads, onednn).target)
            if error is not None:
                return f"a real server's run failed: {error[1]}"
            spreads.append(dict((name, value) for name, value, _ in items))
    our_server = pool.get("ours", program.config)
    ours, our_error = run(program, our_server.target)
    if not our_server.alive:
        return f"our server's process ended\n{our_server.log()}"
    if our_error is not None and our_error[0][0] == "deadline":
        our_server.close()
    else:
        reset(our_server.target)
    reset(real_server.target)
    return compare(real, ours, our_error, spreads)


def compare(real, ours, our_error, spreads=()):
    for index, (name, value, rule) in enumerate(real):
        if index >= len(ours):
            break
        if ours[index][0] != name:
            return f"records {ours[index][0]} in the place of {name}"
        found = difference(value, ours[index][1], rule, [s[name] for s in spreads] if rule.get("spread_after") is not None else ())
        if found is not None:
            return f"{name}: {found}"
    if our_error is not None:
        return our_error[1]
    if len(ours) != len(real):
        return f"{len(ours)} records, expected {len(real)}"
    return None


def check_mixes(program, clusters):
    """Yields (mix, what differs first, or None)."""
    results = {}
    for mix in MIXES if program.mixes is None else ("real", *program.mixes):
        cluster = clusters.get(mix)
        results[mix] = run(program, cluster)
        for target in cluster.targets():
            reset(target)
        real, real_error = results["real"]
        if real_error is not None:
            raise RuntimeError(f"the all-real cluster's run failed: {real_error[1]}")
        if not real:
            raise RuntimeError("nothing was recorded")
        if mix != "real":
            yield mix, compare(real, *results[mix])


def checks(program, pool):
    """Yields (name, seconds, what differs first, or None)."""
    started = time.monotonic()
    try:
        if program.cluster:
            for mix, found in check_mixes(program, pool.clusters):
                yield f"{program.name} [{mix}]", time.monotonic() - started, found
                started = time.monotonic()
            return
        found = check(program, pool)
    except RuntimeError as error:
        found = str(error)
    yield program.name, time.monotonic() - started, found


def main(words):
    for file in sorted((HERE / "programs").glob("*.py")):
        if file.stem != "__init__":
            importlib.import_module(f"programs.{file.stem}")
    chosen = [p for name, p in PROGRAMS.items() if not words or any(word in name for word in words)]
    pool = Pool()
    passed = failed = 0
    if not chosen:
        print(f"no program matches {' '.join(words)}")
        failed = 1
    try:
        for name, seconds, found in (result for program in chosen for result in checks(program, pool)):
            if found is None:
                passed += 1
                print(f"ok   {name}  {seconds:.1f} s", flush=True)
            else:
                failed += 1
                print(f"FAIL {name}  {seconds:.1f} s\n    {found}", flush=True)
    finally:
        pool.close()
    print(f"\n{passed} passed, {failed} failed")
    return 0 if failed == 0 else 1


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main(sys.argv[1:]))
