"""Variables, reference and resource: state that outlives a step. Bit by bit."""

from .lib import NUMBERS, FLOATS, INTS, S, f32, f64, i32, i64, np, tf

v1 = tf.compat.v1
raw = tf.raw_ops


def placeholder(dtype, name=None):
    return v1.placeholder(dtype, None, name)


def three(dtype):
    """Three values; of half and bfloat16 such that their sums are rounded."""
    if dtype == tf.string:
        return S(["a", "b", "c"])
    return np.array([1.1, 2.7, 3000] if dtype.size == 2 else [1, 2, 3], dtype.as_numpy_dtype)


def ref_program(dtype):
    def build():
        x = placeholder(dtype, "x")
        v = raw.VariableV2(shape=[3], dtype=dtype, name="v")
        init = raw.Assign(ref=v, value=x, name="init")
        loose = raw.Assign(ref=v, value=x, validate_shape=False, name="loose")
        known = raw.IsVariableInitialized(ref=v, name="known")
        read = tf.identity(v, name="read")
        a = three(dtype)
        b = a[::-1].copy()
        steps = [({}, [known]), ({}, [read]), ({}, [v]), ({x: a}, [init]), ({}, [known, read]), ({}, [v])]
        if dtype.is_floating or dtype.is_integer:
            add = raw.AssignAdd(ref=v, value=x, name="add")
            sub = raw.AssignSub(ref=v, value=x, name="sub")
            steps += [({x: b}, [add]), ({x: b}, [add]), ({x: a}, [sub]), ({}, [read]), ({x: a[:2]}, [add])]
        steps += [({x: b}, [init.op]), ({}, [read]), ({x: np.resize(a, (2, 2))}, [init]), ({x: np.resize(a, (2, 2))}, [loose]), ({}, [read])]
        return steps

    return build


def resource_program(dtype):
    def build():
        x = placeholder(dtype, "x")
        h = raw.VarHandleOp(dtype=dtype, shape=[3], shared_name="v", name="v")
        init = raw.AssignVariableOp(resource=h, value=x, name="init")
        known = raw.VarIsInitializedOp(resource=h, name="known")
        read = raw.ReadVariableOp(resource=h, dtype=dtype, name="read")
        shape = raw.VariableShape(input=h, name="shape")
        destroy = raw.DestroyResourceOp(resource=h, ignore_lookup_error=False, name="destroy")
        a = three(dtype)
        b = a[::-1].copy()
        steps = [({}, [known]), ({}, [read]), ({x: a}, [init]), ({}, [known, read, shape])]
        if dtype.is_floating or dtype.is_integer:
            add = raw.AssignAddVariableOp(resource=h, value=x, name="add")
            sub = raw.AssignSubVariableOp(resource=h, value=x, name="sub")
            with tf.control_dependencies([add]):
                after = raw.ReadVariableOp(resource=h, dtype=dtype, name="after")
            steps += [({x: b}, [after]), ({x: a}, [sub]), ({}, [read]), ({x: a[:2]}, [add])]
        steps += [({x: np.resize(a, (2, 2))}, [init]), ({}, [read]), ({}, [destroy]), ({}, [known]), ({}, [read]), ({}, [destroy]), ({x: a}, [init]), ({}, [read])]
        return steps

    return build


def scatter_ref(op, dtype, ids):
    def build():
        i, u = placeholder(ids, "i"), placeholder(dtype, "u")
        v = raw.VariableV2(shape=[4, 2], dtype=dtype, name="v")
        np_dtype = tf.as_dtype(dtype).as_numpy_dtype
        init = raw.Assign(ref=v, value=tf.constant(np.arange(1, 9).reshape(4, 2), dtype), name="init")
        out = getattr(raw, op)(ref=v, indices=i, updates=u, name="out")
        I = np.dtype(tf.as_dtype(ids).as_numpy_dtype).type  # noqa: E741
        u2 = np.array([[1, 2], [3, 4]], np_dtype)
        return [({i: np.array([3, 0], I), u: u2}, [out]), ({}, [init.op]), ({i: np.array([3, 0], I), u: u2}, [out]), ({i: np.array([1, 1], I), u: u2}, [out]),
                ({i: np.array(2, I), u: u2[0]}, [out]), ({i: np.array([], I), u: u2[:0]}, [out]), ({i: np.array([4], I), u: u2[:1]}, [out]),
                ({i: np.array([-1], I), u: u2[:1]}, [out]), ({i: np.array([0, 1], I), u: u2[:1]}, [out]), ({i: np.array([0, 1], I), u: np.array(2, np_dtype)}, [out]),
                ({}, [v])]

    return build


def scatter_resource(op, dtype, ids):
    def build():
        i, u = placeholder(ids, "i"), placeholder(dtype, "u")
        h = raw.VarHandleOp(dtype=dtype, shape=[4, 2], shared_name="v", name="v")
        np_dtype = tf.as_dtype(dtype).as_numpy_dtype
        init = raw.AssignVariableOp(resource=h, value=tf.constant(np.arange(1, 9).reshape(4, 2), dtype), name="init")
        out = getattr(raw, op)(resource=h, indices=i, updates=u, name="out")
        gather = raw.ResourceGather(resource=h, indices=i, dtype=dtype, name="gather")
        read = raw.ReadVariableOp(resource=h, dtype=dtype, name="read")
        I = np.dtype(tf.as_dtype(ids).as_numpy_dtype).type  # noqa: E741
        u2 = np.array([[1, 2], [3, 4]], np_dtype)
        # Without a value, TensorFlow's process ends.
        return [({}, [init]), ({i: np.array([3, 0], I), u: u2}, [out]), ({}, [read]), ({i: np.array([1, 1], I), u: u2}, [out]),
                ({}, [read]), ({i: np.array([4], I), u: u2[:1]}, [out]), ({i: np.array([0, 1], I), u: u2[:1]}, [out]), ({i: np.array([0, 1], I), u: np.array(2, np_dtype)}, [out]),
                ({i: np.array([3, 0], I)}, [gather]), ({i: np.array([[1]], I)}, [gather]), ({i: np.array([9], I)}, [gather]), ({}, [read])]

    return build


def slices(dtype):
    def build():
        v = raw.VariableV2(shape=[3, 4], dtype=dtype, name="v")
        init = raw.Assign(ref=v, value=tf.constant(np.arange(12).reshape(3, 4), dtype), name="init")
        assign = raw.StridedSliceAssign(ref=v, begin=[0, 1], end=[2, 3], strides=[1, 1], value=tf.ones([2, 2], dtype), name="sliced")
        nd = raw.ScatterNdUpdate(ref=v, indices=[[0, 0], [2, 3]], updates=tf.constant([9.0, 8.0], dtype), name="nd")
        add = raw.ScatterNdAdd(ref=v, indices=[[0], [0]], updates=tf.fill([2, 4], tf.constant(0.3, dtype)), name="add")
        return [({}, [init.op]), ({}, [assign]), ({}, [nd]), ({}, [add]), ({}, [v])]

    return build


def resource_slices(dtype):
    def build():
        h = raw.VarHandleOp(dtype=dtype, shape=[3, 4], shared_name="v", name="v")
        init = raw.AssignVariableOp(resource=h, value=tf.constant(np.arange(12).reshape(3, 4), dtype), name="init")
        assign = raw.ResourceStridedSliceAssign(ref=h, begin=[0, 1], end=[2, 3], strides=[1, 1], value=tf.ones([2, 2], dtype), name="sliced")
        nd = raw.ResourceScatterNdUpdate(ref=h, indices=[[0, 0], [2, 3]], updates=tf.constant([9.0, 8.0], dtype), name="nd")
        add = raw.ResourceScatterNdAdd(ref=h, indices=[[0], [0]], updates=tf.fill([2, 4], tf.constant(0.3, dtype)), name="add")
        gather = raw.ResourceGatherNd(resource=h, indices=[[0, 0], [2, 3]], dtype=dtype, name="gather")
        read = raw.ReadVariableOp(resource=h, dtype=dtype, name="read")
        return [({}, [init]), ({}, [assign]), ({}, [nd]), ({}, [add]), ({}, [read, gather])]

    return build


def shared():
    a = raw.VariableV2(shape=[], dtype=tf.float32, shared_name="s", name="a")
    b = raw.VariableV2(shape=[], dtype=tf.float32, shared_name="s", name="b")
    c = raw.VariableV2(shape=[], dtype=tf.float32, container="other", shared_name="s", name="c")
    wrong = raw.VariableV2(shape=[2], dtype=tf.float32, shared_name="s", name="wrong")
    init = raw.Assign(ref=a, value=5.0, name="init")
    return [({}, [init]), ({}, [b]), ({}, [c]), ({}, [wrong])]


def shared_resource():
    a = raw.VarHandleOp(dtype=tf.float32, shape=[], shared_name="s", name="a")
    b = raw.VarHandleOp(dtype=tf.float32, shape=[], shared_name="s", name="b")
    c = raw.VarHandleOp(dtype=tf.float32, shape=[], container="other", shared_name="s", name="c")
    other = raw.VarHandleOp(dtype=tf.int32, shape=[], shared_name="s", name="other")
    init = raw.AssignVariableOp(resource=a, value=5.0, name="init")
    reads = [raw.ReadVariableOp(resource=h, dtype=d, name=n) for h, d, n in [(b, tf.float32, "rb"), (c, tf.float32, "rc"), (other, tf.int32, "ro")]]
    typed = raw.AssignVariableOp(resource=other, value=5, name="typed")
    return [({}, [init]), ({}, [reads[0]]), ({}, [reads[1]]), ({}, [reads[2]]), ({}, [typed])]


def python_variables(resource):
    def build():
        x = placeholder(tf.float32, "x")
        w = v1.get_variable("w", initializer=np.array([[1.0, 2], [3, 4]], f32), use_resource=resource)
        b = v1.get_variable("b", shape=[2], initializer=v1.zeros_initializer(), use_resource=resource)
        step = v1.train.get_or_create_global_step()
        y = tf.matmul(x, w) + b
        up = v1.assign_add(b, [1.0, -1.0])
        loss = tf.reduce_sum(y)
        train = v1.train.GradientDescentOptimizer(0.5).minimize(loss, global_step=step)
        init = v1.global_variables_initializer()
        known = v1.report_uninitialized_variables()
        a = np.array([[1, 1], [2, 0]], f32)
        return [({}, [known]), ({}, [init]), ({}, [known]), ({x: a}, [y]), ({}, [up]), ({x: a}, [y, loss]), ({x: a}, [train]), ({}, [w, b, step]), ({x: a}, [y])]

    return build


def temporary():
    v = raw.TemporaryVariable(shape=[2], dtype=tf.float32, var_name="t", name="t")
    v = raw.Assign(ref=v, value=[1.0, 2], name="a")
    v = raw.AssignAdd(ref=v, value=[1.0, 2], name="b")
    out = raw.DestroyTemporaryVariable(ref=v, var_name="t", name="out")
    return [({}, [out]), ({}, [out])]


def missing():
    """What each op says of a resource variable that was never set: the container is there, the value isn't."""
    there = raw.AssignVariableOp(resource=raw.VarHandleOp(dtype=tf.float32, shape=[3], shared_name="there"), value=tf.constant([1.0, 2, 3]), name="there")
    h, one = raw.VarHandleOp(dtype=tf.float32, shape=[3], shared_name="gone", name="h"), tf.constant([1.0, 2, 3])
    ops = [raw.ReadVariableOp(resource=h, dtype=tf.float32, name="read"), raw.AssignAddVariableOp(resource=h, value=one, name="add"),
           raw.AssignSubVariableOp(resource=h, value=one, name="sub"), raw.ResourceScatterAdd(resource=h, indices=[0], updates=[1.0], name="scatter"),
           raw.ResourceScatterUpdate(resource=h, indices=[0], updates=[1.0], name="update"), raw.ResourceScatterNdAdd(ref=h, indices=[[0]], updates=[1.0], name="nd"),
           raw.ResourceScatterNdUpdate(ref=h, indices=[[0]], updates=[1.0], name="nd_update"), raw.ResourceGather(resource=h, indices=[0], dtype=tf.float32, name="gather"),
           raw.ResourceGatherNd(resource=h, indices=[[0]], dtype=tf.float32, name="gather_nd"), raw.VariableShape(input=h, name="shape"),
           raw.ResourceStridedSliceAssign(ref=h, begin=[0], end=[1], strides=[1], value=[1.0], name="slice"),
           raw.ResourceApplyGradientDescent(var=h, alpha=1.0, delta=one, name="train")]  # fmt: skip
    return [step for op in ops for step in (({}, [op]),)] + [({}, [there])] + [({}, [op]) for op in ops]


def count():
    v = raw.VariableV2(shape=[], dtype=tf.int32, name="v")
    init = raw.Assign(ref=v, value=0, name="init")
    up = raw.CountUpTo(ref=v, limit=2, name="up")
    h = raw.VarHandleOp(dtype=tf.int64, shape=[], shared_name="h", name="h")
    init2 = raw.AssignVariableOp(resource=h, value=tf.constant(0, tf.int64), name="init2")
    up2 = raw.ResourceCountUpTo(resource=h, limit=1, T=tf.int64, name="up2")
    return [({}, [init.op, init2]), ({}, [up, up2]), ({}, [up]), ({}, [up]), ({}, [up2])]


def cases(family):
    for dtype in (tf.float32, tf.float64, tf.half, tf.bfloat16, tf.int32, tf.int64, tf.bool, tf.string):
        family.program(f"ref {dtype.name}", ref_program(dtype))
        family.program(f"resource {dtype.name}", resource_program(dtype))
    for op in ("ScatterUpdate", "ScatterAdd", "ScatterSub", "ScatterMul", "ScatterDiv", "ScatterMin", "ScatterMax"):
        for dtype in (tf.float32, tf.int32, tf.half, tf.bfloat16):
            family.program(f"{op} {dtype.name}", scatter_ref(op, dtype, tf.int32 if dtype.is_floating else tf.int64))
            family.program(f"Resource{op} {dtype.name}", scatter_resource("Resource" + op, dtype, tf.int32 if dtype.is_floating else tf.int64))
    for dtype in (tf.float32, tf.half, tf.bfloat16):
        family.program(f"slices of a ref variable {dtype.name}", slices(dtype))
        family.program(f"slices of a resource variable {dtype.name}", resource_slices(dtype))
    family.program("shared ref variable", shared)
    family.program("shared resource variable", shared_resource)
    family.program("Python's ref variables", python_variables(False))
    family.program("Python's resource variables", python_variables(True))
    family.program("temporary variable", temporary)
    family.program("variables that were never set", missing)
    family.program("count up to", count)
