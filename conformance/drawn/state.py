"""Programs of variables of both kinds, queues and TensorArrays: what changes them is in order, by control dependencies, and
what reads them stands between. A step takes some of the operations and all that come before. Must not know how programs are run.
"""

from . import values
from .program import Refused


class Things:
    """Variables or queues, and which lines have touched each last: the next one comes after these."""

    def __init__(self, p):
        self.p = p
        self.last, self.outputs = {}, []

    def after(self, thing, text, output=True):
        p, name = self.p, self.p.new("t" if output else "o")
        # One order for all: after an error, what stands elsewhere may or may not have run.
        earlier = self.last.get(None)
        p.build(f"{name} = in_order([{earlier or ''}], lambda: {text})")
        self.last[None] = name
        self.outputs.append(name if output else f"tf.group({name})")
        return name


VARIABLES = ["float32", "float32", "float64", "int32", "int64", "half"]


def variables(p):
    """Reads, assignments and scatters of reference and resource variables."""
    p.build("v1.disable_control_flow_v2()" if p.chance(0.5) else "v1.enable_control_flow_v2()")
    p.stateful = True
    things, kinds, numbers = Things(p), {}, []
    shape = p.random.choice([(), (3,), (4,), (2, 3)])
    kind = p.random.choice(VARIABLES)
    for _ in range(p.random.choice([1, 2, 3])):
        name = p.new("var")
        resource = p.chance(0.5)
        shared = "" if p.chance(0.7) else ", validate_shape=False"
        p.build(f"{name} = v1.Variable({values.literal(p.random, kind, shape)}, use_resource={resource}{shared})")
        kinds[name] = resource
    x = p.new("x")
    p.build(f"{x} = v1.placeholder(tf.{kind}, {None if p.chance(0.4) else list(shape)})")
    numbers = [x]
    names = list(kinds)
    for _ in range(p.random.randint(4, 12)):
        v = p.random.choice(names)
        try:
            touched(p, things, v, kinds[v], numbers, shape, kind)
        except Refused:
            continue
    # Of several that were never set, which one a step complains of is a race.
    if len(names) > 1 or p.chance(0.7):
        p.step([f"tf.group({', '.join(name + '.initializer' for name in names)})"])
    reads = []
    for name in names:
        read = p.new("r")
        p.build(f"{read} = {name}.read_value() * {2 if kind != 'half' else 1}")
        reads.append(read)
    for _ in range(5):
        if things.outputs:
            fetches = p.random.sample(things.outputs, min(len(things.outputs), p.random.choice([1, 1, 2, 3])))
            odd = tuple(values.shape(p.random)) if p.chance(0.05) else shape
            p.step(fetches, {x: values.literal(p.random, kind, odd)})
        for read in reads:
            p.step([read])


def touched(p, things, v, resource, numbers, shape, kind):
    value = p.random.choice([*numbers, f"tf.constant({values.literal(p.random, kind, shape)})"])
    small = f"tf.clip_by_value({value}, -2, 2)"
    how = p.random.choice(["assign", "add", "sub", "read", "use", "alias", "scatter", "nd", "slice", "cond", "loop", "initialized", "gather", "function", "train", "pair"])
    rows = shape[0] if shape else 1
    indices = [p.random.randrange(rows) for _ in range(p.random.choice([0, 1, 2]))]
    if p.chance(0.05):
        indices = [rows + 1]
    updates = f"tf.constant({values.literal(p.random, kind, (len(indices), *shape[1:]))})"
    if how == "assign":
        things.after(v, f"{v}.assign({value}, read_value=False)" if resource else f"v1.assign({v}, {value}, validate_shape={p.chance(0.7)})", False)
    elif how in ("add", "sub"):
        things.after(v, f"{v}.assign_{how}({small}, read_value=False)", False)
    elif how == "read":
        # A resource's value is kept by whoever reads it; a reference is copied by what is made of it.
        numbers.append(things.after(v, f"{v}.read_value()" if resource else f"{v} * 1 + {small}"))
    elif how == "use":
        numbers.append(things.after(v, f"tf.maximum({v}, {small}) - {small}"))
    elif how == "alias" and not resource:
        # Reads late what an identity of the variable has become by then.
        alias = p.new("a")
        p.build(f"{alias} = in_order([{things.last.get(None) or ''}], lambda: tf.identity({v}))")
        things.last[None] = alias
        things.after(v, f"v1.assign_add({v}, {small})", False)
        things.after(v, f"tf.maximum({alias}, {small}) + {alias}")
    elif how == "scatter" and shape:
        which = p.random.choice(["update", "add", "sub", "mul", "max", "min"])
        if which == "update" and len(set(indices)) < len(indices) or which == "mul" and kind == "half":
            raise Refused("the order would count")
        things.after(v, f"v1.scatter_{which}({v}, A({indices}, 'int32', {(len(indices),)}), {updates})", False)
    elif how == "nd" and shape:
        which = p.random.choice(["add", "sub"])
        things.after(v, f"v1.scatter_nd_{which}({v}, A({indices}, 'int64', {(len(indices), 1)}), {updates})", False)
    elif how == "slice" and shape:
        things.after(v, f"{v}[{p.random.choice(['1:', ':2', '...', '::2'])}].assign(tf.zeros_like({v}[{p.random.choice(['1:', ':2'])}]))", False)
    elif how == "cond":
        first, second = p.random.sample([f"{v}.assign_add({small})", f"{v}.assign({value})", f"{v}.assign_sub({small})", f"tf.identity({v})"], 2)
        things.after(v, f"tf.cond(tf.reduce_sum({value}) > 0, lambda: tf.identity({first}), lambda: tf.identity({second}))", resource)
    elif how == "loop":
        i = p.new("i")
        things.after(v, f"tf.while_loop(lambda {i}: {i} < {p.random.choice([0, 1, 3])}, lambda {i}: in_order([{v}.assign_add({small})], lambda: {i} + 1), [0], parallel_iterations=1)", True)
    elif how == "initialized":
        things.after(v, f"v1.is_variable_initialized({v})")
    elif how == "gather" and shape:
        things.after(v, f"tf.gather({v}, A({indices}, 'int32', {(len(indices),)}))" + ("" if resource else " * 1"))
    elif how == "function" and resource:
        a = p.new("a")
        numbers.append(things.after(v, f"tf.function(lambda {a}: in_order([{v}.assign_add({a})], lambda: {v}.read_value()), autograph=False)({small})"))
    elif how == "train":
        which = p.random.choice(["GradientDescentOptimizer(1.0)", "MomentumOptimizer(1.0, 0.5)"])
        if kind not in ("float32", "float64") or which[0] == "M":
            raise Refused("no such slot")
        things.after(v, f"v1.train.{which}.apply_gradients([({small}, {v})])", False)
    elif how == "pair":
        numbers.append(things.after(v, f"tf.stack([{v} + 0, {small}])[0]"))


QUEUES = ["FIFOQueue", "FIFOQueue", "PaddingFIFOQueue", "PriorityQueue"]


def queues(p):
    """Enqueues and dequeues that needn't wait, sizes, closes; the wrong ones fail at once."""
    p.stateful = True
    things, held, closed = Things(p), {}, set()
    kind = values.dtype(p.random, ["float32", "int32", "int64", "string", "bool", "float64", "complex64", "half", "uint8"])
    shape = values.shape(p.random, p.random.choice([0, 0, 1, 2]))
    for _ in range(p.random.choice([1, 2])):
        name, which = p.new("q"), p.random.choice(QUEUES)
        if which == "PriorityQueue":
            p.build(f"{name} = tf.queue.PriorityQueue(60, [tf.{kind}], [{list(shape)}])")
        else:
            shapes = f"[{list(shape)}, []]" if which[0] == "P" or p.chance(0.6) else "None"
            p.build(f"{name} = tf.queue.{which}(60, [tf.{kind}, tf.int32], {shapes})")
        held[name] = [which, 0]
    x = p.new("x")
    p.build(f"{x} = v1.placeholder(tf.{kind}, None)")
    for _ in range(p.random.randint(4, 12)):
        q = p.random.choice(list(held))
        which, count = held[q]
        how = p.random.choice(["enqueue", "enqueue", "many", "dequeue", "dequeue_many", "up_to", "size", "close", "closed"])
        try:
            if how == "enqueue":
                first = p.random.randint(-2, 5)
                things.after(q, f"{q}.enqueue(({f'tf.constant({first}, tf.int64), {x}' if which == 'PriorityQueue' else f'{x}, {count}'}))", False)
                held[q][1] += 1
            elif how == "many":
                n = p.random.choice([0, 1, 2, 3])
                block = values.literal(p.random, kind, (n, *shape))
                keys = f"A({[p.random.randint(-2, 5) for _ in range(n)]}, '{'int64' if which == 'PriorityQueue' else 'int32'}', ({n},))"
                things.after(q, f"{q}.enqueue_many(({f'{keys}, {block}' if which == 'PriorityQueue' else f'{block}, {keys}'}))", False)
                held[q][1] += n
            elif how == "dequeue" and (count > 0 or q in closed):
                things.after(q, f"{q}.dequeue()")
                held[q][1] -= 1
            elif how in ("dequeue_many", "up_to") and (count > 0 or q in closed):
                n = p.random.randint(0, max(count, 0) + (2 if q in closed else 0))
                things.after(q, f"{q}.dequeue_{'many' if how[0] == 'd' else 'up_to'}({n})")
                held[q][1] -= n
            elif how == "size":
                things.after(q, f"{q}.size()")
            elif how == "close" and p.chance(0.3):
                things.after(q, f"{q}.close(cancel_pending_enqueues={p.chance(0.5)})", False)
                closed.add(q)
            elif how == "closed":
                things.after(q, f"{q}.is_closed()")
        except Refused:
            continue
    for _ in range(5):
        if things.outputs:
            odd = values.shape(p.random) if p.chance(0.15) else shape
            p.step(p.random.sample(things.outputs, min(len(things.outputs), p.random.choice([1, 1, 2, 3]))), {x: values.literal(p.random, kind, odd)})


def lists(p):
    """TensorArrays and TensorLists element by element, the wrong uses too."""
    p.build("v1.disable_control_flow_v2()" if p.chance(0.5) else "v1.enable_control_flow_v2()")
    kind = values.dtype(p.random, ["float32", "int32", "string", "float64", "bool", "complex64", "half", "bfloat16", "int64"])
    shape = values.shape(p.random, p.random.choice([0, 1, 1, 2]))
    x, k = p.new("x"), p.new("x")
    p.build(f"{x} = v1.placeholder(tf.{kind}, None)")
    p.build(f"{k} = v1.placeholder(tf.int32, None)")
    n = p.random.choice([0, 1, 2, 3, 4])
    ta = p.new("ta")
    options = f"dynamic_size={p.chance(0.4)}, clear_after_read={p.chance(0.5)}, infer_shape={p.chance(0.5)}"
    p.build(f"{ta} = tf.TensorArray(tf.{kind}, {n}, {options}{', element_shape=' + repr(list(shape)) if p.chance(0.4) else ''})")
    outputs = []
    for _ in range(p.random.randint(3, 9)):
        at = p.random.choice([p.random.randrange(max(n, 1)), p.random.randrange(max(n, 1)), n, -1]) if p.chance(0.9) else k
        value = p.random.choice([x, f"tf.constant({values.literal(p.random, kind, shape)})"])
        several = f"tf.constant({values.literal(p.random, kind, (p.random.choice([n, n, 2]), *shape))})"
        how = p.random.choice(["write", "write", "write", "read", "stack", "gather", "unstack", "scatter", "concat", "split", "size", "push"])
        new, out = p.new("ta"), p.new("t")
        try:
            if how == "write":
                p.build(f"{new} = {ta}.write({at}, {value})")
            elif how == "unstack":
                p.build(f"{new} = {ta}.unstack({several})")
            elif how == "scatter":
                p.build(f"{new} = {ta}.scatter([{at}, 0], tf.stack([{value}, {value}]))")
            elif how == "split":
                p.build(f"{new} = {ta}.split({several}, [{', '.join('1' for _ in range(n))}])")
            else:
                p.build(f"{out} = {ta}." + {"read": f"read({at})", "stack": "stack()", "gather": f"gather([{at}, 0])", "concat": "concat()", "size": "size()", "push": f"write({at}, {value}).size()"}[how])
                outputs.append(out)
                continue
            ta = new
        except Refused:
            continue
    if not outputs:
        return
    for _ in range(3):
        odd = values.shape(p.random) if p.chance(0.15) else shape
        # One at a time: which of several errors comes first is a race.
        p.step([p.random.choice(outputs)], {x: values.literal(p.random, kind, odd), k: str(p.random.choice([0, 1, 2, n, -1]))})
