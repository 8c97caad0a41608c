"""Programs of branches, loops, functions and lists in each other, of both forms of control flow, and gradients through them.

All tensors of a program have one shape and hold whole numbers that stay small, so that sums in any order are the same bits.
Must not know how programs are run.
"""

import numpy as np

from . import values
from .program import Refused

LIMIT = 2**20


class Flow:
    def __init__(self, p):
        self.p = p
        self.shape = p.random.choice([(), (3,), (3,), (2, 2), (1,)])
        self.kind = p.random.choice(["float64", "float64", "float64", "float32", "int32"])
        self.second = p.chance(0.6)
        self.functions = []

    def leaf(self, scope):
        p = self.p
        return p.random.choice(scope) if p.chance(0.85) else f"tf.constant({values.literal(p.random, self.kind, self.shape)})"

    def flag(self, scope, depth):
        a = self.expression(scope, depth)
        return f"tf.reduce_sum({a}) {self.p.random.choice(['>', '<', '>=', '<='])} {self.p.random.choice([0, 1, 3])}"

    def expression(self, scope, depth):
        p = self.p
        if depth <= 0:
            return self.simple(scope)
        kinds = {self.simple: 3, self.cond: 3, self.loop: 3, self.case: 1, self.call: 2, self.mapped: 1, self.array: 1, self.folded: 1, self.carried: 1}
        return p.random.choices(list(kinds), list(kinds.values()))[0](scope, depth)

    def simple(self, scope, depth=0):
        p = self.p
        a, b = self.leaf(scope) if depth == 0 else self.expression(scope, depth - 1), self.leaf(scope)
        forms = [f"({a} + {b})", f"({a} - {b})", f"tf.minimum({a}, {b})", f"tf.maximum({a}, {b})", f"(-{a})", f"tf.identity({a})",
                 f"tf.where({a} > {b}, {a}, {b})", f"(tf.reduce_max({a}) + {b})", f"tf.clip_by_value({a}, -3, 3)", f"tf.stop_gradient({a})",
                 f"(tf.clip_by_value({a}, -2, 2) * {b})", f"tf.square(tf.clip_by_value({a}, -2, 2))", f"tf.add_n([{a}, {b}, {a}])"]  # fmt: skip
        if self.shape:
            forms += [f"tf.reverse({a}, [0])", f"tf.concat([{a}[1:], {b}[:1]], 0)", f"tf.gather({a}, tf.range(tf.shape({b})[0]))", f"tf.reshape(tf.reshape({a}, [-1]), tf.shape({b}))"]
        text = p.random.choice(forms)
        if len(p.devices) > 1 and p.chance(0.3):
            return f"on({p.random.choice(p.devices)!r}, lambda: {text})"
        return text

    def cond(self, scope, depth):
        test = self.flag(scope, depth - 2)
        yes, no = self.expression(scope, depth - 1), self.expression(scope, depth - 1)
        if self.p.chance(0.2):
            # One branch gives a tensor from outside as it is.
            no = self.leaf(scope)
        return f"tf.cond({test}, lambda: {yes}, lambda: {no})"

    def case(self, scope, depth):
        branches = ", ".join(f"lambda: {self.expression(scope, depth - 1)}" for _ in range(self.p.random.choice([2, 3])))
        return f"tf.switch_case(tf.cast(tf.reduce_sum({self.leaf(scope)}), tf.int32), [{branches}])"

    def loop(self, scope, depth):
        p = self.p
        i, x = p.new("i"), p.new("u")
        inner = [*scope, x, x] + ([f"tf.cast({i}, {x}.dtype)"] if p.chance(0.3) else [])
        body = self.expression(inner, depth - 1)
        test = f"{i} < {p.random.choice([0, 1, 2, 3])}"
        if p.chance(0.3):
            test = f"tf.logical_and({test}, tf.reduce_sum({x}) < 20)"
        options = p.random.choice(["", ", parallel_iterations=1", ", maximum_iterations=2", ", back_prop=True"])
        return f"tf.while_loop(lambda {i}, {x}: {test}, lambda {i}, {x}: ({i} + 1, {body}), [0, {self.expression(scope, depth - 2)}]{options})[1]"

    def carried(self, scope, depth):
        """Two carried tensors that change places."""
        p = self.p
        i, x, y = p.new("i"), p.new("u"), p.new("w")
        body = self.expression([*scope, x, y], depth - 1)
        return (
            f"tf.while_loop(lambda {i}, {x}, {y}: {i} < {p.random.choice([1, 2, 3])}, lambda {i}, {x}, {y}: ({i} + 1, {y}, {body}), "
            f"[0, {self.leaf(scope)}, {self.leaf(scope)}])[{p.random.choice([1, 2])}]"
        )

    def call(self, scope, depth):
        """A function of two arguments that takes what else it needs from around it."""
        p = self.p
        a, b, name = p.new("a"), p.new("b"), p.new("f")
        body = self.expression([a, a, b, *scope[:2]], depth - 1)
        # A lambda in place: what it captures is in scope there.
        options = ", experimental_attributes={'_noinline': True}" if p.chance(0.15) else ""
        return f"tf.function(lambda {a}, {b}: {body}, autograph=False{options})({self.leaf(scope)}, {self.leaf(scope)})"

    def mapped(self, scope, depth):
        p = self.p
        x = p.new("m")
        body = self.expression([*scope, x], depth - 1)
        stacked = f"tf.stack([{self.leaf(scope)}, {self.leaf(scope)}])"
        if p.chance(0.5):
            return f"tf.reduce_sum(tf.map_fn(lambda {x}: {body}, {stacked}), 0)"
        y = p.new("m")
        return f"tf.scan(lambda {y}, {x}: {body} + {y}, {stacked})[-1]"

    def folded(self, scope, depth):
        p = self.p
        x, y = p.new("m"), p.new("m")
        body = self.expression([*scope, x, y], depth - 1)
        return f"tf.fold{p.random.choice('lr')}(lambda {y}, {x}: {body}, tf.stack([{self.leaf(scope)}, {self.leaf(scope)}]))"

    def array(self, scope, depth):
        p = self.p
        i, ta, n = p.new("i"), p.new("ta"), p.random.choice([1, 2, 3])
        body = self.expression([*scope, f"tf.cast({i}, tf.{self.kind}) * tf.ones({list(self.shape)}, tf.{self.kind})"], depth - 1)
        made = f"tf.TensorArray(tf.{self.kind}, {n}{', element_shape=' + repr(list(self.shape)) if p.chance(0.5) else ''})"
        loop = f"tf.while_loop(lambda {i}, {ta}: {i} < {n}, lambda {i}, {ta}: ({i} + 1, {ta}.write({i}, {body})), [0, {made}])[1]"
        return f"tf.reduce_sum({loop}.stack(), 0)" if p.chance(0.6) else f"{loop}.read({n - 1})"


def draw(p):
    """Expressions, gradients of them, gradients of those."""
    f = Flow(p)
    p.build(f"v1.{'enable' if f.second else 'disable'}_control_flow_v2()")
    scope = []
    for _ in range(p.random.choice([2, 3])):
        name = p.new("x")
        known = None if p.chance(0.3) else list(f.shape)
        text = values.literal(p.random, f.kind, f.shape)
        p.build(f"{name} = v1.placeholder(tf.{f.kind}, {known})")
        p.keep(name, p.evaluate(f"tf.constant({text})"))
        p.fed[name] = text
        scope.append(name)
    inputs, made = list(scope), []
    for _ in range(p.random.choice([1, 2, 3])):
        for _ in range(10):
            try:
                made += p.tensor(f.expression(scope, p.random.choice([1, 2, 3])))
                break
            except Refused:
                continue
        scope = [*inputs, *made]
    if not made or any(np.abs(p.values[name].numpy().astype(np.float64)).max(initial=0) > LIMIT for name in made):
        return
    if f.kind != "int32":
        made += gradients(p, made[-1], inputs)
    p.step(made, p.fed)
    for _ in range(3):
        feeds = {name: values.literal(p.random, f.kind, f.shape) for name in inputs}
        p.step(p.random.sample(made, p.random.randint(1, len(made))), feeds)


def gradients(p, y, inputs):
    found = []
    for order in range(2):
        try:
            name = p.new("g")
            p.build(f"{name} = [d for d in tf.gradients({y}, [{', '.join(inputs)}]) if d is not None]")
        except Refused:
            break
        count = len(p.names[name])
        found += [f"{name}[{k}]" for k in range(count)]
        if not count or p.chance(0.5):
            break
        y = f"{name}[0]"
    return found
