"""Families of programs: `draw(family, seed, devices)` gives one, with its steps. Must not know servers."""

import re

import tensorflow as tf

from . import arrays, flow, moves, state
from .program import Program, Refused

DRAWERS = {**arrays.DRAWERS, **moves.DRAWERS}


def expression(p, drawers):
    drawn = p.random.choices(list(drawers), list(drawers.values()))[0](p)
    text, rough = drawn if isinstance(drawn, tuple) else (drawn, False)
    return text, rough or any(word in p.rough for word in re.findall(r"\w+", text))


def grow(p, count, drawers=None):
    """That many lines more; what is refused is drawn again."""
    made = []
    for _ in range(count * 4):
        if len(made) >= count:
            break
        try:
            text, rough = expression(p, drawers or DRAWERS)
            made.append(p.tensor(text, rough))
        except Refused:
            continue
    return [name for names in made for name in names]


def steps(p, names, count=4):
    """Some of the tensors at a time, in changing signatures; now and then one between is fed."""
    for _ in range(count):
        fetches = p.random.sample(names, min(len(names), p.random.choice([1, 1, 2, 3, 5])))
        feeds = dict(p.fed)
        if p.chance(0.3):
            between = p.random.choice(names)
            value = p.values[between]
            kind = "half" if value.dtype.name == "float16" else value.dtype.name
            if between not in p.rough and between not in feeds:
                # The same value: all that follows is as it was.
                feeds[between] = copied(value, kind)
        p.step(fetches, feeds)


def copied(value, kind):
    flat = value.numpy().reshape(-1).tolist() if kind != "string" else [bytes(v) for v in value.numpy().reshape(-1)] if value.shape.rank else [value.numpy()]
    return f"A({flat!r}, {kind!r}, {tuple(value.shape)!r})"


def tensors(p):
    for _ in range(p.random.randint(2, 4)):
        arrays.source(p)
    names = grow(p, p.random.randint(4, 14))
    if names:
        p.step(names, p.fed)
        steps(p, names)


def invalid(p):
    """Sound lines, then one that is not: its kernel must say the same."""
    for _ in range(3):
        arrays.source(p)
    names = grow(p, 3)
    p.wild = True
    for _ in range(60):
        try:
            text, _ = expression(p, DRAWERS)
        except Refused:
            continue
        try:
            p.evaluate(text)
        except Refused:
            try:
                name = p.new()
                p.build(f"{name} = {text}")
            except Refused:
                continue
            p.step([name] if p.chance(0.5) else [f"tf.group({name})"], p.fed)
            break
    if names:
        p.step(names, p.fed)


def parts(p):
    """Tensors by partial runs and by callables."""
    tensors(p)
    feeds, names = dict(p.fed), [name for name in p.values if name not in p.fed]
    if not names:
        return
    chosen = p.random.sample(names, min(len(names), 4))
    p.step(chosen, feeds, way="callable")
    p.step(chosen, feeds, way="callable")
    order = p.random.sample(list(feeds), len(feeds))
    cut = p.random.randint(0, len(order))
    # One fetch at first: which of several is said to lack a feed is by chance.
    middle = p.random.randint(0, 1)
    halves = [(chosen[:middle], order[:cut]), (chosen[middle:], order[cut:])]
    p.step(chosen, feeds, way="partial", halves=[half for half in halves if half[0] or half[1]])


FAMILIES = {
    "tensors": tensors,
    "invalid": invalid,
    "parts": parts,
    "flow": flow.draw,
    "variables": state.variables,
    "queues": state.queues,
    "lists": state.lists,
}

CPUS = ("", "/cpu:0", "/cpu:1")
TASKS = ("", "/job:ps/task:0", "/job:worker/task:0", "/job:worker/task:1", "/job:ps/task:0/cpu:1", "/job:worker/task:1/cpu:1")


def draw(family, seed):
    """One in four on both devices of a task, one in four on several tasks; `invalid` ones on one: what else fails by then is a race."""
    spread = 0 if family == "invalid" else seed % 4
    # A TensorArray that isn't used is no mistake here.
    tf.get_logger().setLevel("CRITICAL")
    program = Program(family, seed, CPUS if spread == 1 else TASKS if spread == 2 else ("",))
    program.cluster = spread == 2
    FAMILIES[family](program)
    return program
