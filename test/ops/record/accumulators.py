"""Accumulators of dense and sparse gradients, stale ones dropped, and synchronous training with them. Bit by bit."""

from .lib import f32, f64, i32, i64, np, tf

v1 = tf.compat.v1
raw = tf.raw_ops
L = lambda *v: np.array(v, i64)  # noqa: E731


def dense(form, dtype, shape, reduction):
    np_dtype = tf.as_dtype(dtype).as_numpy_dtype

    def build():
        g, s, n = v1.placeholder(dtype, None, "g"), v1.placeholder(tf.int64, None, "s"), v1.placeholder(tf.int32, None, "n")
        h = getattr(raw, form + "ConditionalAccumulator")(dtype=dtype, shape=shape, reduction_type=reduction, name="h")
        put = getattr(raw, form + "AccumulatorApplyGradient")(handle=h, local_step=s, gradient=g, name="put")
        get = getattr(raw, form + "AccumulatorTakeGradient")(handle=h, num_required=n, dtype=dtype, name="get")
        count = getattr(raw, form + "AccumulatorNumAccumulated")(handle=h, name="count")
        step = getattr(raw, form + "AccumulatorSetGlobalStep")(handle=h, new_global_step=s, name="step")
        f = lambda value, at: {g: np.array(value, np_dtype), s: i64(at)}  # noqa: E731
        a = [[1, 2, 3], [4, 5, 6]]
        return [({}, [count]), (f(a, 0), [put]), ({}, [count]), (f([[0.1, 0.2, 0.3]] * 2, 5), [put]), (f([[9, 9, 9]] * 2, -1), [put]), ({}, [count]), ({n: i32(2)}, [get]), ({}, [count]),
                (f(a, 0), [put]), ({}, [count]), (f(a, 1), [put]), (f([1, 2], 1), [put]), (f([[1, 2]], 0), [put]), (f(a, 1), [put]), (f([[np.inf, np.nan, -0.0]] * 2, 1), [put]), ({n: i32(1)}, [get]),
                ({n: i32(0)}, [get]), ({n: i32(-3)}, [get]), ({s: i64(7)}, [step]), (f(a, 6), [put]), (f(a, 7), [put]), ({}, [count]), ({s: i64(3)}, [step]), (f(a, 3), [put]), ({}, [count]), ({n: i32(2)}, [get]),
                (f(np.zeros((0, 3)), 99), [put]), ({}, [count])]

    return build


def sparse(dtype, shape, reduction, known):
    np_dtype = tf.as_dtype(dtype).as_numpy_dtype

    def build():
        i, v, d = v1.placeholder(tf.int64, None, "i"), v1.placeholder(dtype, None, "v"), v1.placeholder(tf.int64, None, "d")
        s, n = v1.placeholder(tf.int64, None, "s"), v1.placeholder(tf.int32, None, "n")
        h = raw.SparseConditionalAccumulator(dtype=dtype, shape=shape, reduction_type=reduction, name="h")
        put = raw.SparseAccumulatorApplyGradient(handle=h, local_step=s, gradient_indices=i, gradient_values=v, gradient_shape=d, has_known_shape=known, name="put")
        get = raw.SparseAccumulatorTakeGradient(handle=h, num_required=n, dtype=dtype, name="get")
        count = raw.AccumulatorNumAccumulated(handle=h, name="count")
        step = raw.AccumulatorSetGlobalStep(handle=h, new_global_step=s, name="step")
        f = lambda at, indices, values, dims=(5, 2): {s: i64(at), i: np.array(indices, i64), v: np.array(values, np_dtype), d: np.array(dims, i64)}  # noqa: E731
        return [(f(0, [0, 3], [[1, 2], [3, 4]]), [put]), (f(0, [1, 3, 4], [[5, 6], [7, 8], [0.1, 0.3]]), [put]), (f(-1, [0], [[9, 9]]), [put]), ({}, [count]), (f(0, [3], [[0.7, 0.9]]), [put]), ({n: i32(3)}, list(get)),
                (f(0, [0], [[9, 9]]), [put]), ({}, [count]), (f(1, [2, 1], [[1, 2], [3, 4]]), [put]), (f(1, [0, 1], [[1, 2], [3, 4]]), [put]), (f(1, [0], [[1, 2, 3]]), [put]), (f(1, [0], [1]), [put]), ({n: i32(1)}, list(get)),
                (f(2, [5], [[1, 2]]), [put]), (f(2, [9], [[1, 2]], (10, 2)), [put]), (f(2, [0], [[1, 2, 3]], (5, 3)), [put]), (f(2, [0, 1], [[1, 2]]), [put]), (f(2, [[0]], [[1, 2]]), [put]), (f(2, 0, [[1, 2]]), [put]),
                (f(2, [0], 1), [put]), (f(2, [0], [1], (5,)), [put]), (f(2, [0], [[1, 2]], ()), [put]) if not known else ({}, [count]), (f(2, [], np.zeros((0, 2))), [put]), (f(2, [1], [[[1, 2]]], (5, 1, 2)), [put]), ({}, [count]), ({n: i32(1)}, list(get)),
                ({n: i32(0)}, list(get)), ({s: i64(8)}, [step]), (f(7, [1], [[1, 2]]), [put]), ({}, [count])]

    return build


def synchronous(make, resource):
    """Two workers' worth of gradients a step, by Python's own optimizer, run one after the other."""

    def build():
        x = v1.placeholder(tf.float32, [None, 3], "x")
        with v1.variable_scope("", use_resource=resource):
            w = v1.get_variable("w", initializer=np.array([[0.1, -0.2], [0.3, 0.4], [-0.5, 0.6]], f32))
            table = v1.get_variable("table", initializer=np.arange(8, dtype=f32).reshape(4, 2) / 8)
            step = v1.train.get_or_create_global_step()
        ids = v1.placeholder(tf.int32, [None], "ids")
        loss = tf.reduce_mean(tf.square(tf.tanh(tf.matmul(x, w)) - tf.nn.embedding_lookup(table, ids)))
        optimizer = v1.train.SyncReplicasOptimizer(make(), replicas_to_aggregate=2, total_num_replicas=2)
        pairs = optimizer.compute_gradients(loss)
        optimizer.apply_gradients(pairs, global_step=step)
        hook = optimizer.make_session_run_hook(True, num_tokens=0)
        hook.begin()
        graph = tf.compat.v1.get_default_graph()
        puts = [op for op in graph.get_operations() if op.type.endswith("AccumulatorApplyGradient")]
        counts = [graph.get_operation_by_name(op.inputs[0].op.name) for op in puts]
        counts = [raw.AccumulatorNumAccumulated(handle=op.outputs[0]) if op.type.startswith("Sparse") or op.type.startswith("Cond") else raw.ResourceAccumulatorNumAccumulated(handle=op.outputs[0]) for op in counts]
        k = v1.placeholder(tf.int64, [], "k")
        # What a worker does with the token that it gets from the chief.
        catch_up = v1.assign(optimizer._local_step, k)
        init = [v1.global_variables_initializer(), optimizer.local_step_init_op, optimizer.chief_init_op]
        feed = lambda a, b: {x: np.array([a, b], f32), ids: np.array([0, 2], i32)}  # noqa: E731
        one, two = feed([1, 2, 3], [0.5, -1, 0]), feed([0, 1, -1], [2, 0.25, 1])
        chief = hook._q_runner.enqueue_ops[0]
        turn = lambda at: [(one, puts), (two, puts), ({}, [chief]), ({k: i64(at)}, [catch_up]), (one, [loss, w, table, step])]  # noqa: E731
        late = [({k: i64(0)}, [catch_up]), (two, puts), ({}, counts)]
        return [({}, [op]) for op in init] + turn(1) + turn(2) + late

    return build


def cases(family):
    for form in ("", "Resource"):
        for dtype in (tf.float32, tf.float64, tf.float16):
            for reduction in ("MEAN", "SUM"):
                family.program(f"{form}ConditionalAccumulator {dtype.name} {reduction}", dense(form, dtype, [2, 3], reduction))
        family.program(f"{form}ConditionalAccumulator of any rows", dense(form, tf.float32, [None, 3], "MEAN"))
        family.program(f"{form}ConditionalAccumulator of any shape", dense(form, tf.float32, None, "MEAN"))
    for dtype in (tf.float32, tf.float64, tf.float16):
        for reduction in ("MEAN", "SUM"):
            for known in (False, True):
                family.program(f"SparseConditionalAccumulator {dtype.name} {reduction}{' known' if known else ''}", sparse(dtype, [5, 2], reduction, known))
    family.program("SparseConditionalAccumulator of any rows", sparse(tf.float32, [None, 2], "MEAN", True))
    family.program("SparseConditionalAccumulator of any shape", sparse(tf.float32, None, "MEAN", True))
    for resource in (False, True):
        family.program(f"SyncReplicasOptimizer, {'resource' if resource else 'ref'} variables", synchronous(lambda: v1.train.GradientDescentOptimizer(0.3), resource), compare="rel:3e-6,abs:1e-6")
        family.program(f"SyncReplicasOptimizer with Momentum, {'resource' if resource else 'ref'} variables", synchronous(lambda: v1.train.MomentumOptimizer(0.1, 0.9), resource), compare="rel:3e-6,abs:1e-6")
