"""Control flow: Switch, Merge, Enter, Exit, NextIteration, LoopCond and what Python's cond and while_loop make of them.

Bit by bit: the loops multiply and add a few small numbers, in an order that the graph fixes.
"""

from tensorflow.python.framework import function

from .lib import S, f32, i32, np, tf

v1 = tf.compat.v1
raw = tf.raw_ops


def switch_merge(dtype):
    def build():
        x, p = v1.placeholder(dtype, None, "x"), v1.placeholder(tf.bool, None, "p")
        s = raw.Switch(data=x, pred=p, name="s")
        f = tf.identity(s.output_false, name="f")
        t = tf.identity(s.output_true, name="t")
        m = raw.Merge(inputs=[f, t], name="m")
        a = np.array([1, 2], tf.as_dtype(dtype).as_numpy_dtype) if dtype != tf.string else S(["a", "b"])
        return [({x: a, p: True}, [m.output, m.value_index]), ({x: a, p: False}, [m.output, m.value_index]), ({x: a, p: True}, [t]), ({x: a, p: False}, [t]),
                ({x: a, p: np.array([True])}, [m.output]), ({x: a, p: np.array([True, False])}, [m.output])]

    return build


def ref_switch():
    p = v1.placeholder(tf.bool, None, "p")
    v = raw.VariableV2(shape=[2], dtype=tf.float32, name="v")
    init = raw.Assign(ref=v, value=[1.0, 2.0], name="init")
    s = raw.RefSwitch(data=v, pred=p, name="s")
    up = raw.AssignAdd(ref=s.output_true, value=[1.0, 1.0], name="up")
    down = raw.AssignSub(ref=s.output_false, value=[1.0, 1.0], name="down")
    m = raw.RefMerge(inputs=[up, down], name="m")
    i = v1.placeholder(tf.int32, None, "i")
    select = raw.RefSelect(index=i, inputs=[v, v], name="select")
    ident = raw.RefIdentity(input=v, name="ident")
    return [({p: True}, [m.output]), ({}, [init.op]), ({p: True}, [m.output, m.value_index]), ({p: False}, [m.output]), ({p: False}, [m.output]), ({}, [v, ident]), ({i: 1}, [select])]


def cond():
    x, y = v1.placeholder(tf.float32, None, "x"), v1.placeholder(tf.float32, None, "y")
    r = v1.cond(x < y, lambda: [x + y, tf.constant(1)], lambda: [x - y, tf.constant(2)])
    nested = v1.cond(x < 0.0, lambda: v1.cond(y < 0.0, lambda: x * y, lambda: x - y), lambda: x + 1.0)
    g = tf.gradients(nested, [x, y])
    steps = []
    for a, b in ((1, 2), (3, 2), (-1, -2), (-1, 2)):
        steps.append(({x: f32(a), y: f32(b)}, [*r, nested, *[t for t in g if t is not None]]))
    return steps


def loops():
    n = v1.placeholder(tf.int32, [], "n")
    x = v1.placeholder(tf.float32, [], "x")
    i, acc = v1.while_loop(lambda i, a: i < n, lambda i, a: (i + 1, a * x), [0, tf.constant(1.0)])
    grad = tf.gradients(acc, x)[0]

    def outer(i, total):
        _, inner = v1.while_loop(lambda j, t: j < i, lambda j, t: (j + 1, t + j), [0, 0])
        return i + 1, total + inner

    _, nested = v1.while_loop(lambda i, t: i < n, outer, [0, 0])
    grow = v1.while_loop(lambda i, v: i < n, lambda i, v: (i + 1, tf.concat([v, [i]], 0)), [0, tf.zeros([0], tf.int32)],
                         shape_invariants=[tf.TensorShape([]), tf.TensorShape([None])])[1]
    branch = v1.while_loop(lambda i, a: i < n, lambda i, a: (i + 1, v1.cond(tf.equal(i % 2, 0), lambda: a + x, lambda: a * 2.0)), [0, tf.constant(0.5)])[1]
    return [({n: i32(k), x: f32(1.5)}, [i, acc, grad, nested, grow, branch]) for k in (0, 1, 5, 12)]


def map_scan():
    x = v1.placeholder(tf.float32, [None, 2], "x")
    m = tf.map_fn(lambda r: tf.reduce_sum(r) * 2.0, x)
    s = v1.scan(lambda a, r: a + r, x)
    f = v1.foldl(lambda a, r: a * 0.5 + r, x)
    g = tf.gradients(tf.reduce_sum(s * 0.25), x)[0]
    return [({x: np.arange(6, dtype=f32).reshape(3, 2)}, [m, s, f, g]), ({x: np.ones((1, 2), f32)}, [m, s, f, g])]


def functions():
    @tf.function(input_signature=[tf.TensorSpec(None, tf.float32)])
    def square(v):
        return v * v + 1.0

    @tf.function(input_signature=[tf.TensorSpec([], tf.int32)])
    def factorial(n):
        r = tf.constant(1)
        while n > 1:
            r *= n
            n -= 1
        return r

    @tf.function(input_signature=[tf.TensorSpec(None, tf.float32)])
    def twice(v):
        return square(square(v))

    x, n = v1.placeholder(tf.float32, None, "x"), v1.placeholder(tf.int32, [], "n")
    y = square(x)
    return [({x: np.array([1, 2], f32)}, [y, twice(x)]), ({n: i32(5)}, [factorial(n)]), ({x: np.array(3, f32)}, [tf.gradients(y, x)[0]])]


def case_op():
    i = v1.placeholder(tf.int32, [], "i")
    x = v1.placeholder(tf.float32, [], "x")
    r = tf.switch_case(i, [lambda: x, lambda: x * 2.0, lambda: x - 1.0])
    return [({i: i32(k), x: f32(3)}, [r]) for k in (0, 1, 2, 3, -1)]


def assertion():
    x = v1.placeholder(tf.float32, None, "x")
    p = v1.placeholder(tf.bool, None, "p")
    a = raw.Assert(condition=p, data=[x, "text", 3, p], summarize=3, name="a")
    with tf.control_dependencies([a]):
        y = tf.identity(x, name="y")
    short = raw.Assert(condition=p, data=[x], summarize=1, name="short")
    all_of_it = raw.Assert(condition=p, data=[x, S(["a", "b"])], summarize=-1, name="all")
    values = np.array([1.5, 2, 3, 4e10], f32)
    return [({x: values, p: True}, [y]), ({x: values, p: False}, [y]), ({x: values, p: False}, [short]), ({x: values.reshape(2, 2), p: False}, [all_of_it]),
            ({x: f32(0.1), p: False}, [all_of_it]), ({x: values, p: np.array([False])}, [short])]


def placeholders():
    x = v1.placeholder(tf.float32, None, "x")
    y = v1.placeholder(tf.float32, [None, 3], "y")
    z = v1.placeholder(tf.int64, [2], "z")
    d = v1.placeholder_with_default(np.array([1.0, 2], f32), [2], "d")
    return [({}, [x]), ({}, [y * 2.0]), ({}, [z]), ({}, [d]), ({d: np.array([3.0, 4], f32)}, [d + 1.0]), ({y: np.ones((2, 2), f32)}, [y + 1.0]), ({z: np.ones((3,), np.int64)}, [z + 1])]


def dependencies():
    a = raw.NoOp(name="a")
    with tf.control_dependencies([a]):
        b = tf.constant(1.0, name="b")
        c = raw.ControlTrigger(name="c")
    with tf.control_dependencies([c]):
        d = tf.identity(b, name="d")
    e = tf.identity_n([d, tf.constant(2)], name="e")
    loop = raw.LoopCond(input=tf.constant(True), name="loop")
    return [({}, [a]), ({}, [d]), ({}, [*e]), ({}, [loop]), ({}, [b, a])]


def functional():
    """If, While and Case themselves, with state in their bodies, lowered and not."""
    w = v1.get_variable("w", initializer=f32(1), use_resource=True)
    p, n = v1.placeholder(tf.bool, [], "p"), v1.placeholder(tf.int32, [], "n")

    def count(amount):
        with tf.control_dependencies([w.assign_add(amount, read_value=False)]):
            return w.read_value()

    r = v1.cond(p, lambda: count(1.0), lambda: count(-1.0))
    i, total = v1.while_loop(lambda i, t: i < n, lambda i, t: (i + 1, t + count(0.5)), [0, 0.0])
    one = tf.function(lambda v: v + 1.0, input_signature=[tf.TensorSpec([], tf.float32)]).get_concrete_function()
    two = tf.function(lambda v: v * 2.0, input_signature=[tf.TensorSpec([], tf.float32)]).get_concrete_function()
    for f in (one, two):
        f.add_to_graph()
    x = v1.placeholder(tf.float32, [], "x")
    plain_if = raw.If(cond=p, input=[x], Tout=[tf.float32], then_branch=one, else_branch=two, output_shapes=[[]], name="plain_if")[0]
    by_number = raw.StatelessIf(cond=n, input=[x], Tout=[tf.float32], then_branch=one, else_branch=two, output_shapes=[[]], name="by_number")[0]
    case = raw.Case(branch_index=n, input=[x], Tout=[tf.float32], branches=[one, two], output_shapes=[[]], name="case")[0]
    call = raw.PartitionedCall(args=[x], Tout=[tf.float32], f=two, name="call")[0]
    stateful = raw.StatefulPartitionedCall(args=[x], Tout=[tf.float32], f=one, name="stateful")[0]
    init = v1.global_variables_initializer()
    steps = [({}, [init]), ({p: True}, [r]), ({p: False}, [r]), ({n: i32(3)}, [i, total]), ({n: i32(0)}, [i, total])]
    steps += [({p: v, n: i32(k), x: f32(5)}, [plain_if, by_number, case, call, stateful]) for v in (True, False) for k in (0, 1, -1, 7)]
    return steps


def for_loop():
    s, l, d = (v1.placeholder(tf.int32, None, name) for name in "sld")
    x = v1.placeholder(tf.float32, None, "x")
    signature = [tf.TensorSpec([], tf.int32), tf.TensorSpec(None, tf.float32)]
    body = tf.function(lambda i, v: v * 2.0 + tf.cast(i, tf.float32), input_signature=signature).get_concrete_function()
    two = tf.function(lambda i, v: (v, v), input_signature=signature).get_concrete_function()
    bad = tf.function(lambda i, v: raw.CheckNumerics(tensor=v / tf.cast(1 - i, tf.float32), message="no", name="check"), input_signature=signature).get_concrete_function()
    for f in (body, two, bad):
        f.add_to_graph()
    plain, more, fails = (raw.For(start=s, limit=l, delta=d, input=[x], body=f, name=name)[0] for f, name in ((body, "plain"), (two, "more"), (bad, "fails")))
    ranges = [(0, 3, 1), (3, 0, -1), (0, 5, 2), (2, 2, 1), (0, 0, 0), (0, 3, 0), (3, 0, 1), (0, 3, -1), (np.array([0]), 3, 1), (0, np.array([3, 4]), 1), (0, 3, np.array([1]))]
    steps = [({s: np.int32(a), l: np.int32(b), d: np.int32(c), x: np.array([1, 2], f32)}, [plain]) for a, b, c in ranges]
    return steps + [({s: i32(0), l: i32(n), d: i32(1), x: f32(1)}, [r]) for r in (more, fails) for n in (0, 1, 3)]


def whole_calls():
    """A function that must not be inlined runs as a whole, whatever is taken of it."""
    x = v1.placeholder(tf.float32, [], "x")

    @function.Defun(tf.float32, noinline=True, func_name="whole")
    def whole(v):
        return v + 1.0, raw.CheckNumerics(tensor=1.0 / v, message="no", name="check")

    a, b = whole(x, name="call")
    return [({x: f32(v)}, [r]) for r in (a, b) for v in (2, 0)]


def loop_without_inputs():
    """All it turns on is a variable that its functions know by name. Asked to lower it, a real server dies."""
    def handle():
        return raw.VarHandleOp(dtype=tf.float32, shape=[], shared_name="turns", container="")

    def read():
        return raw.ReadVariableOp(resource=handle(), dtype=tf.float32)

    goes_on = tf.function(lambda: read() < 3.0).get_concrete_function()

    @tf.function
    def turn():
        raw.AssignAddVariableOp(resource=handle(), value=1.0)

    turn = turn.get_concrete_function()
    for f in (goes_on, turn):
        f.add_to_graph()
    init = raw.AssignVariableOp(resource=handle(), value=0.5, name="init")
    name = lambda f: v1.AttrValue(func=v1.NameAttrList(name=f.name if isinstance(f.name, str) else f.name.decode()))
    empty = v1.AttrValue(list=v1.AttrValue.ListValue())
    attrs = {"T": empty, "cond": name(goes_on), "body": name(turn)}
    loop = v1.get_default_graph().create_op("While", [], [], attrs=attrs, name="loop")
    return [({}, [init]), ({}, [loop]), ({}, [read()]), ({}, [loop])]


def cases(family):
    for dtype in (tf.float32, tf.int32, tf.bool, tf.string):
        family.program(f"switch and merge of {dtype.name}", switch_merge(dtype))
    family.program("reference switch and merge", ref_switch)
    for two in (False, True):
        kind = "v2" if two else "v1"
        family.program(f"cond {kind}", cond, v2_control_flow=two)
        family.program(f"while loops {kind}", loops, v2_control_flow=two, compare="rel:1e-6")
        family.program(f"map, scan, fold {kind}", map_scan, v2_control_flow=two)
        family.program(f"switch_case {kind}", case_op, v2_control_flow=two)
    family.program("functions", functions)
    family.program("functions, v2", functions, v2_control_flow=True)
    family.program("functional control flow with state", functional, v2_control_flow=True)
    family.program("assert", assertion)
    family.program("placeholders", placeholders)
    family.program("control dependencies", dependencies)
    family.program("for loops", for_loop)
    family.program("calls that are not inlined", whole_calls)
    family.program("a loop without inputs", loop_without_inputs)
