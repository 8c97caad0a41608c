"""Drawn programs on a real TensorFlow server and on ours: `run_random.py [COUNT [SEED]] [family …]`; run.ts sees to TensorFlow.

Prints what differs, and Python that repeats it. A program that ends the real server or TensorFlow's client, or whose record
changes from one real run to the next, is counted apart: there is nothing to compare with. The last line is `N passed, N failed`.
"""

import multiprocessing
import os
import re
import signal
import sys
import time
import traceback

sys.dont_write_bytecode = True
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import tensorflow as tf  # noqa: E402
from drawn import families  # noqa: E402
from drawn.program import play  # noqa: E402
from run import Pool, compare, end_group  # noqa: E402
from support.clusters import TASKS, Cluster, start  # noqa: E402
from support.results import Record, short  # noqa: E402

CONFIG = {"device_count": {"CPU": 2}}
# Programs of one fork, and seconds that a program may take.
BATCH, DEADLINE = 20, 60


def outcome(program, target):
    record = Record()
    play(program, target, record)
    return record.items


def contrast(expected, given):
    found = compare(expected, given, None)
    if found is None or not found.startswith("records"):
        return found
    a, b = next((a, b) for a, b in zip(given, expected) if a[0] != b[0])
    return f"{a[0]}: {short(a[1])}\n      expected {short(b[1])}"


def judge(program, real, ours):
    expected = outcome(program, real)
    found = contrast(expected, outcome(program, ours))
    if found is None:
        return "passed", ""
    if any(contrast(expected, outcome(program, real)) for _ in range(3)):
        return "unsteady", found
    return "failed", f"{found}\n{reduced(program, found)}"


def reduced(program, found):
    """The step that differs, alone where it can be."""
    if program.stateful:
        return program.text()
    index, fetch = re.match(r"step (\d+)(?: (\w+))?", found).groups()
    return program.text(int(index), fetch)


def batch(tasks, real, ours, pipe):
    tf.get_logger().setLevel("ERROR")
    for family, seed in tasks:
        pipe.send(("drawing", ""))
        program = families.draw(family, seed)
        pipe.send(("running", program.text()))
        place = "cluster" if program.cluster else "task"
        pipe.send(judge(program, real[place], ours[place]))


class Side:
    """A task with two devices, and a parameter server with a worker; started again when a process has died."""

    def __init__(self, kind):
        self.kind, self.pool, self.processes = kind, Pool(), []

    def targets(self):
        self.single = self.pool.get(self.kind, CONFIG)
        if not self.processes or not all(process.alive for process in self.processes):
            self.close_cluster()
            self.cluster = Cluster(TASKS if self.kind == "ours" else ())
            self.processes = start([(self.cluster, job, task) for job, task in TASKS], CONFIG)
        return {"task": self.single.target, "cluster": self.cluster.target()}

    @property
    def alive(self):
        return self.single.alive and all(process.alive for process in self.processes)

    def close_cluster(self):
        for process in self.processes:
            process.close()

    def close(self):
        self.close_cluster()
        self.pool.close()


def forked(tasks, real, ours):
    """Yields what a fork says of the tasks. It ends early with a server or TensorFlow's own client, or at a deadline."""
    targets = real.targets(), ours.targets()
    inward, outward = multiprocessing.Pipe(duplex=False)
    pid = os.fork()
    if pid == 0:
        os.setpgid(0, 0)
        try:
            batch(tasks, *targets, outward)
        except BaseException:  # noqa: BLE001  (told by its end)
            traceback.print_exc()
        finally:
            os._exit(0)
    os.setpgid(pid, pid)
    outward.close()
    heard = time.monotonic()
    try:
        while real.alive and ours.alive and time.monotonic() < heard + DEADLINE:
            if inward.poll(0.5):
                yield inward.recv()
                heard = time.monotonic()
    except EOFError:
        pass
    finally:
        end_group(pid)


def run(tasks, real, ours, counts):
    """Says what came of the first tasks, and gives how many that were."""
    done, text, doing = 0, "", ""
    for verdict, found in forked(tasks[:BATCH], real, ours):
        doing = verdict
        if verdict in ("drawing", "running"):
            text = found
            continue
        counts[verdict] += 1
        if verdict != "passed":
            print(f"{'FAIL' if verdict == 'failed' else verdict} {' '.join(map(str, tasks[done]))}: {found}\n", flush=True)
        done += 1
    if done == min(BATCH, len(tasks)):
        return done
    ended = "our server" if not ours.alive else "the real server" if not real.alive else "the client"
    counts["failed" if ended == "our server" else "ended"] += 1
    mark = "FAIL" if ended == "our server" else "ended"
    print(f"{mark} {' '.join(map(str, tasks[done]))}: {ended} ended {doing}\n{text}\n", flush=True)
    return done + 1


def main(words):
    numbers = [int(word) for word in words if word.isdigit()]
    count, first = [*numbers, *(100, 1)[len(numbers) :]][:2]
    chosen = [word for word in words if not word.isdigit()] or list(families.FAMILIES)
    tasks = [(chosen[k % len(chosen)], first + k // len(chosen)) for k in range(count)]
    counts = dict.fromkeys(["passed", "failed", "unsteady", "ended"], 0)
    real, ours = Side("real"), Side("ours")
    try:
        while tasks:
            tasks = tasks[run(tasks, real, ours, counts) :]
    finally:
        real.close()
        ours.close()
    print(f"\n{counts['unsteady']} unsteady, {counts['ended']} that ended TensorFlow")
    print(f"{counts['passed']} passed, {counts['failed']} failed")
    return 0 if counts["failed"] == 0 else 1


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main(sys.argv[1:]))
