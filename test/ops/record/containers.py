"""Queues, stacks, TensorArrays, TensorLists, lookup tables, string and sparse helpers: what holds tensors. Bit by bit."""

from .lib import NUMBERS, S, f32, f64, i32, i64, np, tf

v1 = tf.compat.v1
raw = tf.raw_ops


def queue(kind):
    def build():
        x, n = v1.placeholder(tf.float32, None, "x"), v1.placeholder(tf.int32, None, "n")
        y = v1.placeholder(tf.string, None, "y")
        types = [tf.float32, tf.string]
        if kind == "FIFOQueueV2":
            q = raw.FIFOQueueV2(component_types=types, shapes=[[2], []], capacity=4, name="q")
        elif kind == "PaddingFIFOQueueV2":
            q = raw.PaddingFIFOQueueV2(component_types=types, shapes=[[None], []], capacity=4, name="q")
        elif kind == "PriorityQueueV2":
            q = raw.PriorityQueueV2(component_types=[tf.float32, tf.string], shapes=[[2], []], capacity=4, name="q")
        else:
            q = raw.RandomShuffleQueueV2(component_types=types, shapes=[[2], []], capacity=4, min_after_dequeue=0, seed=3, seed2=7, name="q")
        p = v1.placeholder(tf.int64, None, "p")
        first = [p] if kind == "PriorityQueueV2" else []
        types = [tf.int64] * len(first) + types
        put = raw.QueueEnqueueV2(handle=q, components=first + [x, y], name="put")
        many = raw.QueueEnqueueManyV2(handle=q, components=first + [x, y], name="many")
        get = raw.QueueDequeueV2(handle=q, component_types=types, name="get")
        some = raw.QueueDequeueManyV2(handle=q, n=n, component_types=types, name="some")
        up_to = raw.QueueDequeueUpToV2(handle=q, n=n, component_types=types, name="up_to")
        size = raw.QueueSizeV2(handle=q, name="size")
        closed = raw.QueueIsClosedV2(handle=q, name="closed")
        close = raw.QueueCloseV2(handle=q, name="close")
        a, b = np.array([1, 2], f32), S("one")
        batch = np.arange(6, dtype=f32).reshape(3, 2)
        ids = (lambda *v: {p: np.array(v if len(v) > 1 else v[0], i64)}) if first else (lambda *v: {})
        steps = [({}, [size, closed]), ({x: a, y: b, **ids(5)}, [put]), ({}, [size]), ({}, list(get)), ({x: np.ones((3,), f32), y: b, **ids(5)}, [put]),
                 ({x: a, y: S(["v", "w"]), **ids(5)}, [put]), ({x: batch, y: S(["a", "b", "c"]), **ids(3, 1, 2)}, [many]), ({n: i32(2)}, list(some)), ({}, [size]),
                 ({x: batch, y: S(["a", "b"]), **ids(3, 1, 2)}, [many]), ({n: i32(-1)}, list(some)), ({n: i32(0)}, list(some)),
                 ({x: batch[:2], y: S(["d", "e"]), **ids(9, 8)}, [many])]
        if kind == "PaddingFIFOQueueV2":
            steps += [({n: i32(3)}, list(some)), ({x: np.ones((1,), f32), y: b}, [put]), ({x: np.full((3,), 2, f32), y: b}, [put]), ({n: i32(2)}, list(some)), ({x: batch[:2], y: S(["d", "e"])}, [many]),
                      ({n: i32(1)}, list(some))]
        if kind != "PaddingFIFOQueueV2":
            steps += [({n: i32(1)}, list(up_to))]
        steps += [({}, [close]), ({}, [closed, size]), ({x: a, y: b, **ids(5)}, [put]), ({x: batch, y: S(["a", "b", "c"]), **ids(3, 1, 2)}, [many]), ({n: i32(4)}, list(some)), ({}, list(get)), ({}, [close])]
        if kind != "PaddingFIFOQueueV2":
            steps += [({n: i32(4)}, list(up_to)), ({n: i32(4)}, list(up_to))]
        return steps + [({}, list(get))]

    return build


def stack():
    s = raw.StackV2(max_size=2, elem_type=tf.float32, stack_name="s", name="s")
    a = raw.StackPushV2(handle=s, elem=[1.0, 2.0], name="a")
    with tf.control_dependencies([a]):
        b = raw.StackPushV2(handle=s, elem=[3.0], name="b")
    with tf.control_dependencies([b]):
        c = raw.StackPopV2(handle=s, elem_type=tf.float32, name="c")
        full = raw.StackPushV2(handle=s, elem=[3.0], name="full")
    with tf.control_dependencies([c]):
        d = raw.StackPopV2(handle=s, elem_type=tf.float32, name="d")
    with tf.control_dependencies([d]):
        e = raw.StackPopV2(handle=s, elem_type=tf.float32, name="e")
        close = raw.StackCloseV2(handle=s, name="close")
    return [({}, [c, d, close]), ({}, [c, d]), ({}, [e]), ({}, [full])]


def tensor_array(dtype):
    np_dtype = tf.as_dtype(dtype).as_numpy_dtype

    def build():
        k = v1.placeholder(tf.int32, [], "k")
        x = v1.placeholder(dtype, None, "x")
        h = raw.TensorArrayV3(size=3, dtype=dtype, dynamic_size=False, clear_after_read=True, name="t")
        w0 = raw.TensorArrayWriteV3(handle=h.handle, index=0, value=x, flow_in=h.flow, name="w0")
        w1 = raw.TensorArrayWriteV3(handle=h.handle, index=k, value=x + x if dtype not in (tf.string, tf.bool) else x, flow_in=w0, name="w1")
        r = raw.TensorArrayReadV3(handle=h.handle, index=k, flow_in=w1, dtype=dtype, name="r")
        with tf.control_dependencies([r]):
            again = raw.TensorArrayReadV3(handle=h.handle, index=k, flow_in=w1, dtype=dtype, name="again")
        size = raw.TensorArraySizeV3(handle=h.handle, flow_in=w1, name="size")
        gather = raw.TensorArrayGatherV3(handle=h.handle, indices=[0, 1], flow_in=w1, dtype=dtype, name="gather")
        concat = raw.TensorArrayConcatV3(handle=h.handle, flow_in=w1, dtype=dtype, name="concat")
        y = v1.placeholder(dtype, None, "y")
        h2 = raw.TensorArrayV3(size=0, dtype=dtype, dynamic_size=True, clear_after_read=False, name="u")
        sc = raw.TensorArrayScatterV3(handle=h2.handle, indices=[0, 2, 1], value=y, flow_in=h2.flow, name="sc")
        g2 = raw.TensorArrayGatherV3(handle=h2.handle, indices=tf.range(raw.TensorArraySizeV3(handle=h2.handle, flow_in=sc)), flow_in=sc, dtype=dtype, name="g2")
        sp = raw.TensorArraySplitV3(handle=h2.handle, value=y, lengths=tf.constant([1, 2], tf.int64), flow_in=h2.flow, name="sp")
        c2 = raw.TensorArrayConcatV3(handle=h2.handle, flow_in=sp, dtype=dtype, name="c2")
        a = np.array([1, 2], np_dtype) if dtype != tf.string else S(["a", "b"])
        b = np.arange(6).reshape(3, 2).astype(np_dtype) if dtype != tf.string else S([["a", "b"], ["c", "d"], ["e", "f"]])
        return [({k: i32(1), x: a}, [r, size]), ({k: i32(1), x: a}, [gather]), ({k: i32(0), x: a}, [r]), ({k: i32(5), x: a}, [r]), ({k: i32(-1), x: a}, [r]), ({k: i32(2), x: a}, [gather]),
                ({k: i32(1), x: a}, [again]), ({k: i32(2), x: a}, [concat.value, concat.lengths]), ({y: b}, [g2]), ({y: b[:2]}, [g2]), ({y: b}, [c2.value, c2.lengths]), ({y: b[:2]}, [c2.value])]

    return build


def python_tensor_array():
    x = v1.placeholder(tf.float32, [None, 2], "x")
    a = tf.TensorArray(tf.float32, size=0, dynamic_size=True, clear_after_read=False)
    n = tf.shape(x)[0]
    _, filled = v1.while_loop(lambda i, _: i < n, lambda i, t: (i + 1, t.write(i, x[i] * tf.cast(i, tf.float32))), [0, a])
    y = filled.stack()
    return [({x: np.ones((4, 2), f32)}, [y, filled.concat(), filled.size()]), ({x: np.ones((4, 2), f32)}, [tf.gradients(tf.reduce_sum(y * y), x)[0]])]


def tensor_list(dtype):
    np_dtype = tf.as_dtype(dtype).as_numpy_dtype

    def build():
        x, y = v1.placeholder(dtype, None, "x"), v1.placeholder(dtype, None, "y")
        k = v1.placeholder(tf.int32, [], "k")
        shape = tf.constant([2], tf.int32)
        empty = raw.EmptyTensorList(element_shape=tf.constant(-1), max_num_elements=-1, element_dtype=dtype, name="empty")
        one = raw.TensorListPushBack(input_handle=empty, tensor=x, name="one")
        two = raw.TensorListPushBack(input_handle=one, tensor=y, name="two")
        pop = raw.TensorListPopBack(input_handle=two, element_shape=tf.constant(-1), element_dtype=dtype, name="pop")
        pop_empty = raw.TensorListPopBack(input_handle=empty, element_shape=tf.constant(-1), element_dtype=dtype, name="pop_empty")
        length = raw.TensorListLength(input_handle=two, name="length")
        stack = raw.TensorListStack(input_handle=two, element_shape=tf.constant(-1), element_dtype=dtype, num_elements=-1, name="stack")
        exactly = raw.TensorListStack(input_handle=two, element_shape=tf.constant(-1), element_dtype=dtype, num_elements=3, name="exactly")
        item = raw.TensorListGetItem(input_handle=two, index=k, element_shape=tf.constant(-1), element_dtype=dtype, name="item")
        still = raw.TensorListLength(input_handle=one, name="still")
        reserve = raw.TensorListReserve(element_shape=shape, num_elements=k, element_dtype=dtype, name="reserve")
        reserved = raw.TensorListStack(input_handle=reserve, element_shape=shape, element_dtype=dtype, num_elements=-1, name="reserved")
        set_item = raw.TensorListSetItem(input_handle=reserve, index=1, item=x, resize_if_index_out_of_bounds=False, name="set_item")
        set_stack = raw.TensorListStack(input_handle=set_item, element_shape=shape, element_dtype=dtype, num_elements=-1, name="set_stack")
        resized = raw.TensorListLength(input_handle=raw.TensorListResize(input_handle=two, size=k), name="resized")
        z = v1.placeholder(dtype, None, "z")
        unstacked = raw.TensorListFromTensor(tensor=z, element_shape=tf.constant(-1), name="unstacked")
        back = raw.TensorListStack(input_handle=unstacked, element_shape=tf.constant(-1), element_dtype=dtype, num_elements=-1, name="back")
        gathered = raw.TensorListGather(input_handle=unstacked, indices=[1, 0], element_shape=tf.constant(-1), element_dtype=dtype, name="gathered")
        scattered = raw.TensorListScatterV2(tensor=z, indices=[2, 0], element_shape=tf.constant(-1), num_elements=-1, name="scattered")
        scattered = raw.TensorListGetItem(input_handle=scattered, index=k, element_shape=shape, element_dtype=dtype, name="scattered_item")
        concat = raw.TensorListConcatV2(input_handle=two, element_shape=tf.constant(-1), leading_dims=tf.constant([], tf.int64), element_dtype=dtype, name="concat")
        bounded = raw.EmptyTensorList(element_shape=tf.constant(-1), max_num_elements=1, element_dtype=dtype, name="bounded")
        over = raw.TensorListPushBack(input_handle=raw.TensorListPushBack(input_handle=bounded, tensor=x), tensor=y, name="over")
        over = raw.TensorListLength(input_handle=over, name="over_length")
        joined = raw.TensorListLength(input_handle=raw.TensorListConcatLists(input_a=one, input_b=two, element_dtype=dtype), name="joined")
        a = np.array([1, 2], np_dtype) if dtype != tf.string else S(["a", "b"])
        feeds = {x: a, y: a[::-1].copy()}
        steps = [({**feeds}, [pop.tensor, length, still]), ({**feeds}, [stack]), ({**feeds}, [exactly]), ({x: a, y: a[:1]}, [stack]), ({}, [pop_empty.tensor])]
        steps += [({**feeds, k: i32(v)}, [item]) for v in (0, 1, 2, -1)]
        steps += [({k: i32(3)}, [reserved]), ({k: i32(0)}, [reserved]), ({k: i32(-1)}, [reserved]), ({k: i32(2), x: a}, [set_stack]), ({k: i32(1), x: a}, [set_stack]), ({k: i32(2), x: a[:1]}, [set_stack]),
                  ({**feeds, k: i32(5)}, [resized]), ({**feeds, k: i32(1)}, [resized]), ({z: np.stack([a, a[::-1]])}, [back, gathered]), ({z: np.stack([a, a[::-1]]), k: i32(2)}, [scattered]),
                  ({z: np.stack([a, a[::-1]]), k: i32(1)}, [scattered]), ({**feeds}, [concat.tensor, concat.lengths]), ({**feeds}, [over]), ({**feeds}, [joined]), ({z: a[0] if dtype == tf.string else np.array(a[0])}, [back])]
        if dtype == tf.string:
            steps.pop()
        return steps

    return build


def table(key, value, mutable):
    def build():
        k, v, d = v1.placeholder(key, None, "k"), v1.placeholder(value, None, "v"), v1.placeholder(value, None, "d")
        if mutable:
            h = raw.MutableHashTableV2(key_dtype=key, value_dtype=value, name="h")
            put = raw.LookupTableInsertV2(table_handle=h, keys=k, values=v, name="put")
        else:
            h = raw.HashTableV2(key_dtype=key, value_dtype=value, name="h")
            put = raw.InitializeTableV2(table_handle=h, keys=k, values=v, name="put")
        find = raw.LookupTableFindV2(table_handle=h, keys=k, default_value=d, name="find")
        size = raw.LookupTableSizeV2(table_handle=h, name="size")
        make = lambda dtype, items: S([f"s{i}" for i in items]) if dtype == tf.string else np.array(items, tf.as_dtype(dtype).as_numpy_dtype)  # noqa: E731
        one = S("d") if value == tf.string else np.array(-1, tf.as_dtype(value).as_numpy_dtype)
        keys = make(key, [3, 1, 2])
        steps = [({k: keys, d: one}, [find]), ({}, [size]), ({k: keys, v: make(value, [30, 10, 20])}, [put]), ({}, [size]), ({k: make(key, [2, 9, 3]), d: one}, [find]), ({k: make(key, [2, 9, 3]).reshape(3, 1), d: one}, [find]),
                 ({k: keys, v: make(value, [30, 10, 20])}, [put]), ({k: keys, v: make(value, [31, 10, 20])}, [put]), ({k: keys, v: make(value, [30, 10])}, [put]), ({k: keys, d: one}, [find]),
                 ({k: keys, d: one.reshape(1)}, [find])]
        if mutable:
            steps += [({k: keys[:1]}, [raw.LookupTableRemoveV2(table_handle=h, keys=k, name="remove")]), ({k: keys, d: one}, [find]), ({}, [size])]
        else:
            export = raw.LookupTableExportV2(table_handle=h, Tkeys=key, Tvalues=value, name="export")
            steps += [({}, [tf.sort(export.keys) if key != tf.string else tf.shape(export.keys)])]
        return steps

    return build


def filled_once(imports):
    """What an immutable table takes and refuses, filled by an op of its own or as Python's tables are, by an import."""

    def build():
        k, v = v1.placeholder(tf.string, None, "k"), v1.placeholder(tf.int64, None, "v")
        h = raw.HashTableV2(key_dtype=tf.string, value_dtype=tf.int64, name="h")
        fill = raw.LookupTableImportV2 if imports else raw.InitializeTableV2
        put, insert = fill(table_handle=h, keys=k, values=v, name="put"), raw.LookupTableInsertV2(table_handle=h, keys=k, values=v, name="insert")
        remove = raw.LookupTableRemoveV2(table_handle=h, keys=k, name="remove")
        find = raw.LookupTableFindV2(table_handle=h, keys=k, default_value=tf.constant(-1, tf.int64), name="find")
        size = raw.LookupTableSizeV2(table_handle=h, name="size")
        export = tf.shape(raw.LookupTableExportV2(table_handle=h, Tkeys=tf.string, Tvalues=tf.int64, name="export").keys)
        given = lambda keys, *values: {k: S(list(keys)), v: np.array(values, np.int64)}  # noqa: E731
        a = {k: S(["a", "q"])}
        steps = [({}, [size]), (a, [find]), ({}, [export]), (given("aa", 1, 2), [put]), (a, [find]), ({}, [size]), (given(""), [put]), (given("aab", 1, 1, 2), [put]), (a, [find]), ({}, [export])]
        for more in (given("ab", 1, 2), given("a", 1), given("ab", 1, 3), given("abc", 1, 2, 3), given(""), given("ab", 1)):
            steps += [(more, [put]), (a, [find]), ({}, [size])]
        return steps + [(given("z", 1), [insert]), (given("zy", 1), [insert]), (a, [remove]), (a, [find])]

    return build


def mutable_imports():
    k, v = v1.placeholder(tf.string, None, "k"), v1.placeholder(tf.int64, None, "v")
    h = raw.MutableHashTableV2(key_dtype=tf.string, value_dtype=tf.int64, shared_name="m", name="h")
    put, size = raw.LookupTableImportV2(table_handle=h, keys=k, values=v, name="put"), raw.LookupTableSizeV2(table_handle=h, name="size")
    init = raw.InitializeTableV2(table_handle=h, keys=k, values=v, name="init")
    given = lambda keys, *values: {k: S(list(keys)), v: np.array(values, np.int64)}  # noqa: E731
    return [(given("abc", 1, 2, 3), [put]), ({}, [size]), (given("d", 4), [put]), ({}, [size]), (given(""), [put]), ({}, [size]), (given("a", 1), [init])]


def barriers():
    q = raw.FIFOQueueV2(component_types=[tf.int32], shapes=[], capacity=3, shared_name="shared", name="q")
    same = raw.FIFOQueueV2(component_types=[tf.int32], shapes=[], capacity=3, shared_name="shared", name="same")
    wrong = raw.FIFOQueueV2(component_types=[tf.int64], shapes=[], capacity=3, shared_name="shared", name="wrong")
    small = raw.FIFOQueueV2(component_types=[tf.int32], shapes=[], capacity=2, shared_name="shared", name="small")
    put = raw.QueueEnqueueV2(handle=q, components=[7], name="put")
    size = [raw.QueueSizeV2(handle=h, name=f"size_{n}") for n, h in (("same", same), ("wrong", wrong), ("small", small))]
    get = raw.QueueDequeueV2(handle=same, component_types=[tf.int64], name="get")
    return [({}, [put]), ({}, [size[0]]), ({}, [size[1]]), ({}, [size[2]]), ({}, [*get])]


def sparse_map():
    indices = tf.constant([[0, 0], [0, 2], [2, 1]], tf.int64)
    add = raw.AddManySparseToTensorsMap(sparse_indices=indices, sparse_values=[1.0, 2, 3], sparse_shape=tf.constant([3, 4], tf.int64), shared_name="m", name="add")
    one = raw.AddSparseToTensorsMap(sparse_indices=tf.constant([[1]], tf.int64), sparse_values=[7.0], sparse_shape=tf.constant([4], tf.int64), shared_name="m", name="one")
    h = v1.placeholder(tf.int64, None, "h")
    take = raw.TakeManySparseFromTensorsMap(sparse_handles=h, dtype=tf.float32, shared_name="m", name="take")
    L = lambda *v: np.array(v, i64)  # noqa: E731
    return [({}, [add]), ({}, [one]), ({h: L(2, 0, 1)}, list(take)), ({h: L(0)}, list(take)), ({h: L(3)}, list(take)), ({h: L(9)}, list(take))]


def seed_generator():
    g = raw.DummySeedGenerator(name="g")
    return [({}, [g.op])]


def first_form(family, name, build):
    """The same with the tables' first form, whose handles are references to strings. Nothing is removed in it."""
    family.program(name, build)
    graph = family.cases[-1].graph
    for node in graph.node:
        if "Table" in node.op and node.op != "LookupTableRemoveV2":
            node.op = node.op.removesuffix("V2")
    removing = [node for node in graph.node if node.op == "LookupTableRemoveV2"]
    for node in removing:
        graph.node.remove(node)
    gone = {node.name for node in removing}
    case = family.cases[-1]
    case.steps = [step for step in case.steps if not gone & set(step.targets)]
    case.ops = sorted({node.op for node in graph.node})


def cases(family):
    for kind in ("FIFOQueueV2", "PaddingFIFOQueueV2", "PriorityQueueV2", "RandomShuffleQueueV2"):
        family.program(kind, queue(kind))
    family.program("shared queue", barriers)
    family.program("stack", stack)
    family.program("map of sparse tensors", sparse_map)
    family.program("seed generator", seed_generator)
    for dtype in (tf.float32, tf.int64, tf.string):
        family.program(f"TensorArrayV3 {dtype.name}", tensor_array(dtype))
        family.program(f"TensorList {dtype.name}", tensor_list(dtype))
    for two in (False, True):
        family.program(f"Python's TensorArray {'v2' if two else 'v1'}", python_tensor_array, v2_control_flow=two)
    for key, value in ((tf.string, tf.int64), (tf.int64, tf.string), (tf.int64, tf.float32), (tf.string, tf.string), (tf.int64, tf.int64)):
        for mutable in (False, True):
            if mutable and key == value == tf.string:
                continue
            family.program(f"{'Mutable' if mutable else ''}HashTableV2 {key.name} {value.name}", table(key, value, mutable))
    for key, value in ((tf.string, tf.int64), (tf.int64, tf.string)):
        for mutable in (False, True):
            first_form(family, f"{'Mutable' if mutable else ''}HashTable {key.name} {value.name}", table(key, value, mutable))
    for imports in (False, True):
        first_form(family, f"HashTable filled by {'an import' if imports else 'its op'}", filled_once(imports))
        family.program(f"HashTableV2 filled by {'an import' if imports else 'its op'}", filled_once(imports))
    family.program("MutableHashTableV2 filled by an import", mutable_imports)
    I = lambda *v: np.array(v, i32)  # noqa: E731
    family.op("StringJoin", [[S(["a", "b"]), S("-"), S(["c", "d"])]], [[S("x"), S("y"), S("z")]], [[S(["a"]), S(["b", "c"]), S("")]], separator=":", label="")
    family.op("StringLength", [S(["", "abc", "ä"])], unit="BYTE")
    family.op("StringLength", [S(["", "abc", "ä"])], unit="UTF8_CHAR")
    for dtype in (i32, i64):
        family.op("Substr", [S(["hello", "world"]), dtype(1), dtype(3)], [S("hello"), dtype(-3), dtype(2)], [S(["hello", "wo"]), np.array([1, 0], dtype), np.array([9, 1], dtype)], [S("abc"), dtype(4), dtype(1)],
                  [S("abc"), dtype(-4), dtype(1)], [S(["a", "b"]), np.array([0], dtype), np.array([0, 1], dtype)], unit="BYTE", label=dtype.__name__)
    family.op("StaticRegexFullMatch", [S(["abc", "abd", "xabc"])], [S("abz")], pattern="ab[cz]")
    family.op("RegexFullMatch", [S(["abc", "b"]), S("a.*")], [S("x"), S("(")])
    family.op("StaticRegexReplace", [S(["a1b22", ""])], pattern="[0-9]+", rewrite="#", replace_global=True)
    family.op("RegexReplace", [S(["a1b22"]), S("([0-9])"), S("<\\1>")], replace_global=False)
    family.op("ShardedFilename", [S("base"), i32(3), i32(10)], [S("x"), i32(100000), i32(5)])
    family.op("ShardedFilespec", [S("base"), i32(10)])
    family.op("StringToNumber", [S(["1.5", "-2", "1e3"])], [S("x1")], out_type=f32)
    family.op("StringToNumber", [S(["15", "-2"])], [S("1.5")], out_type=i64)
    for dtype, values in ((f32, [1.5, -0.0, 1e10, 3.14159274, np.nan, np.inf]), (f64, [1.5, 1e-7, 0.1]), (i32, [0, -5, 2147483647]), (i64, [2**40]), (bool, [True, False])):
        family.op("AsString", [np.array(values, dtype)])
    family.op("AsString", [np.array([1.5, 22.25], f32)], precision=2, width=8)
    family.op("AsString", [np.array([1.5, 1e9], f32)], shortest=True)
    family.op("StringSplitV2", [S(["a b", "c", " d  e "]), S("")], [S(["a,b", ",c"]), S(",")], maxsplit=-1)
    family.op("StringStrip", [S([" a ", "b"])])
    family.op("StringLower", [S(["ABC"])])
    family.op("StringUpper", [S(["abc"])])
    family.op("ReduceJoin", [S([["a", "b"], ["c", "d"]]), I(1)], [S([["a", "b"], ["c", "d"]]), I(0, 1)], separator="+")
    for op in ("StringToHashBucketFast", "StringToHashBucket"):
        family.op(op, [S(["a", "hello", ""])], num_buckets=1000)
    family.op("EncodeBase64", [S(["hello", "\x00"])], pad=False)
    family.op("DecodeBase64", [S(["aGVsbG8"])], [S("!")])
    family.op("StringFormat", [[np.array([1, 2, 3, 4], i32), np.array([0.5], f32)]], template="x {} y {}", placeholder="{}", summarize=3, label="")
    L = lambda *v: np.array(v, i64)  # noqa: E731
    family.op("SparseReshape", [L([0, 1], [1, 2]), L(2, 3), L(3, -1)], [L([0, 1], [1, 2]), L(2, 3), L(4, 2)], [L([0, 1]), L(2, 3), L(-1, -1)])
    family.op("SparseReorder", [L([1, 2], [0, 1]), np.array([1, 2], f32), L(2, 3)], [L([5, 2]), np.array([1], f32), L(2, 3)])
    family.op("SparseTensorDenseMatMul", [L([0, 1], [1, 2]), np.array([2, 3], f32), L(2, 3), np.arange(6, dtype=f32).reshape(3, 2)])
    family.op("DenseToDenseSetOperation", [I([1, 2, 3], [4, 5, 5]), I([2, 9], [5, 4])], set_operation="intersection")
    family.op("DenseToDenseSetOperation", [I([1, 2, 3], [4, 5, 5]), I([2, 9], [5, 4])], set_operation="a-b")
    family.op("DenseToDenseSetOperation", [I([1, 2, 3], [4, 5, 5]), I([2, 9], [5, 4])], set_operation="union")
    c64, c128 = np.complex64, np.complex128
    for real, complex_ in ((f32, c64), (f64, c128)):
        z = (family.normal((7,), real) + 1j * family.normal((7,), real)).astype(complex_)
        family.op("Complex", [family.normal((3,), real), family.normal((3,), real)], [family.normal((2, 1), real), family.normal((3,), real)], [family.normal((2,), real), family.normal((3,), real)], Tout=complex_)
        family.op("Real", [z], [z[:0]], Tout=real)
        family.op("Imag", [z], Tout=real)
        family.op("Conj", [z])
        family.op("ComplexAbs", [z], Tout=real, compare="ulp:2")
        family.op("Angle", [z], Tout=real, compare="ulp:6")


