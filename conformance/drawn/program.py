"""A program that is drawn from a seed: lines of Python that build a graph, and steps that run it.

Takes a family's name and a seed, and gives text that repeats the program anywhere. A line is run twice as it is added: for
the graph, and eagerly in this process, so that what is drawn next can look at shapes and values. Must not know servers.
"""

import random
import re

import numpy as np
import tensorflow as tf
from tensorflow.python.eager import context

v1 = tf.compat.v1

# All that the lines of a program are written with.
HEAD = '''\
import numpy as np
import tensorflow as tf
v1, raw, nan, inf = tf.compat.v1, tf.raw_ops, float("nan"), float("inf")
def A(values, dtype, shape=()):
    values = np.array(values, object if dtype == "string" else tf.as_dtype(dtype).as_numpy_dtype)
    return values.reshape(shape)
def on(device, call):
    with tf.device(device):
        return call()
def no_sign(value):
    return tf.where(value == 0, tf.zeros_like(value), value)
def in_order(earlier, call):
    with tf.control_dependencies(earlier):
        return call()
'''
# Up to which whole numbers are exact, and how far a rough result may be off: four units in the last place.
EXACT = {"half": 2**11, "bfloat16": 2**8, "float32": 2**24, "float64": 2**53, "complex64": 2**24, "complex128": 2**53}
ROUGH = {"float16": 2.0**-8, "bfloat16": 2.0**-5, "float32": 2.0**-21, "float64": 2.0**-50, "complex64": 2.0**-20, "complex128": 2.0**-49}


WORD = re.compile(r"[a-z]+\d+")
DROP = re.compile(r"\b([a-z]+\d+): A\(\[.*?\], '\w+', \([\d, ]*\)\)(?:, )?")


class Refused(Exception):
    """A line that TensorFlow's Python refuses, or whose value is of no use: another one is drawn."""


class Program:
    def __init__(self, family, seed, devices=("",)):
        self.name = f"{family} {seed}"
        self.random = random.Random(self.name)
        self.devices = devices
        self.lines, self.steps = [], []
        self.values, self.rough, self.fed = {}, set(), {}
        self.count, self.stateful, self.wild, self.cluster = 0, False, False, False
        self.graph = tf.Graph()
        self.names, self.eager = {}, {}
        exec(HEAD, self.names)
        exec(HEAD, self.eager)

    def new(self, letter="t"):
        self.count += 1
        return f"{letter}{self.count}"

    def chance(self, share):
        return self.random.random() < share

    def pick(self, *wanted):
        """The name of a tensor whose value all of `wanted` hold of."""
        found = [name for name, value in self.values.items() if all(test(value) for test in wanted)]
        if not found:
            raise Refused("none")
        # What was made last is picked more often: chains grow longer.
        return found[max(self.random.randrange(len(found)), self.random.randrange(len(found)))]

    def build(self, text):
        """A line for the graph alone."""
        device = self.random.choice(self.devices)
        placed = f"with tf.device({device!r}): {text}" if device and "\n" not in text else text
        with self.graph.as_default():
            try:
                exec(placed, self.names)
            except Exception as error:
                raise Refused(str(error)) from None
        self.lines.append(placed)

    def evaluate(self, text):
        try:
            with context.eager_mode():
                return eval(text, self.eager)
        except Exception as error:
            raise Refused(str(error)) from error

    def tensor(self, text, rough=False, bound=True):
        """A tensor by an expression; several if it gives a list. Gives the names."""
        result = self.evaluate(text)
        many = isinstance(result, (list, tuple))
        with context.eager_mode():
            results = [tf.convert_to_tensor(item) for item in (result if many else [result])]
        if not results or any(item.shape.num_elements() > 4096 for item in results):
            raise Refused("empty list or too large")
        names = [self.new() for _ in results]
        # A field of a named tuple comes by its place, so a list is unpacked as it is.
        self.build(f"{', '.join(names)}{',' if many and len(names) == 1 else ''} = {text}")
        for name, value in zip(names, results):
            self.keep(name, value, rough)
        return names

    def keep(self, name, value, rough=False):
        self.values[name] = self.eager[name] = value
        if rough:
            self.rough.add(name)

    def step(self, fetches, feeds=None, **options):
        """`way`: a run, a callable or a partial run, whose `halves` say the fetches and feeds of each part."""
        self.steps.append((list(fetches), dict(feeds or {}), options))

    def text(self, index=None, fetch=None):
        """Python that repeats the program, or one step of it without the lines that it doesn't need."""
        steps = self.steps if index is None else self.steps[index : index + 1]
        if fetch is not None:
            steps = [([fetch], feeds, options) for _, feeds, options in steps]
        calls = []
        for fetches, feeds, options in steps:
            fed = ", ".join(f"{name}: {value}" for name, value in feeds.items())
            calls.append(f"print(sess.run([{', '.join(fetches)}], {{{fed}}}))")
        needed = set(WORD.findall(" ".join(name for fetches, _, _ in steps for name in fetches)))
        kept = []
        for line in reversed(self.lines):
            made = set(WORD.findall(line.split(" = ")[0])) if " = " in line else None
            if index is None or made is None or made & needed:
                kept.append(line)
                needed |= set(WORD.findall(line))
        calls = [DROP.sub(lambda found: found[0] if found[1] in needed else "", call) for call in calls]
        return "\n".join([HEAD, *reversed(kept), "sess = v1.Session(TARGET, config=CONFIG)", *calls])


def plain(value):
    """What a record can hold; numpy can't say which bfloat16 are the same."""
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype == tf.bfloat16.as_numpy_dtype:
        return ["bfloat16", np.asarray(value).astype(np.float32)]
    if isinstance(value, np.ndarray) and value.dtype == object:
        return ["string", list(value.shape), [bytes(item) for item in value.reshape(-1)]]
    return value


def play(program, target, record, prefix=""):
    """Runs the steps in a session of its own; keeps a value or an error of each."""
    config = v1.ConfigProto(operation_timeout_in_ms=20_000)
    if program.stateful:
        # What the last program has left in the containers.
        v1.Session.reset(target)
    with program.graph.as_default(), v1.Session(target, config=config) as sess:
        for index, (fetches, feeds, options) in enumerate(program.steps):
            name = f"{prefix}step {index}"
            wanted = {text: eval(text, program.names) for text in fetches}
            given = {eval(key, program.names): eval(text, program.names) for key, text in feeds.items()}
            named = dict(zip(feeds, given))
            halves = [(names, [named[key] for key in fed]) for names, fed in options.get("halves", ())]
            try:
                values = run(sess, wanted, given, options.get("way", "run"), halves)
            except Exception as error:  # noqa: BLE001  (the class is what is compared)
                record.raises(name, lambda: raise_(error))
                continue
            for fetch, value in zip(fetches, values):
                rel = allowance(fetch in program.rough, value)
                record(f"{name} {fetch}", plain(value), rel=rel)


def allowance(rough, value):
    dtype = str(getattr(value, "dtype", ""))
    return ROUGH.get(dtype, 0.0) if rough else 0.0


def run(sess, fetches, feeds, way="run", halves=()):
    """`halves`: names of the fetches and feeds of each part."""
    if way == "callable":
        return sess.make_callable(list(fetches.values()), list(feeds))(*feeds.values())
    if way == "run":
        return sess.run(list(fetches.values()), feeds)
    handle = sess.partial_run_setup(list(fetches.values()), list(feeds))
    got = {}
    for names, fed in halves:
        values = sess.partial_run(handle, [fetches[name] for name in names], {key: feeds[key] for key in fed})
        got.update(zip(names, values))
    return [got[name] for name in fetches]


def raise_(error):
    raise error
