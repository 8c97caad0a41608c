"""A program: a Python function that talks to a server as a user would and records what it sees."""

PROGRAMS = {}


class Program:
    def __init__(self, function, name, config, deadline, spread, cluster, mixes, kind):
        self.function, self.name, self.config, self.deadline, self.spread = function, name, config, deadline, spread
        self.cluster, self.mixes, self.kind = cluster, mixes, kind


def program(config=None, deadline=60, spread=False, cluster=False, mixes=None, kind=False):
    """`config`: the server's ConfigProto; `spread`: real runs with other thread counts and oneDNN say what varies.

    `cluster`: the program gets a Cluster instead of a target, and runs once on each mix of real tasks and ours, or on
    those `mixes`. `kind`: the program makes servers itself: it gets "real" or "ours" instead of a target.
    """

    def register(function):
        module = function.__module__.rsplit(".", 1)[-1]
        name = f"{module}.{function.__name__}"
        PROGRAMS[name] = Program(function, name, config or {}, deadline, spread, cluster, mixes, kind)
        return function

    return register
