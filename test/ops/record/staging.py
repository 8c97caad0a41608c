"""Staging areas, lists and maps of tuples that wait to be taken, mutexes, and handles to tensors, which servers don't keep. Bit by bit."""

from .lib import S, f32, i32, i64, np, tf

v1 = tf.compat.v1
raw = tf.raw_ops


def area():
    x, y, i = v1.placeholder(tf.float32, None, "x"), v1.placeholder(tf.string, None, "y"), v1.placeholder(tf.int32, None, "i")
    named = {"dtypes": [tf.float32, tf.string], "capacity": 3, "shared_name": "area"}
    put = raw.Stage(values=[x, y], capacity=3, shared_name="area", name="put")
    get, peek = raw.Unstage(**named, name="get"), raw.StagePeek(index=i, **named, name="peek")
    size, clear = raw.StageSize(**named, name="size"), raw.StageClear(**named, name="clear")
    one = raw.Unstage(dtypes=[tf.float32], shared_name="area", name="one")
    other = raw.Unstage(dtypes=[tf.int32, tf.string], shared_name="area", name="other")
    peek_one = raw.StagePeek(index=i, dtypes=[tf.float32], shared_name="area", name="peek_one")
    f = lambda *v: {x: np.array(v, f32), y: S([f"s{n}" for n in v])}  # noqa: E731
    return [({}, [size]), (f(1, 2), [put]), (f(3), [put]), ({}, [size]), ({i: i32(1)}, peek), ({i: i32(0)}, peek), ({}, get), ({}, [size]), (f(), [put]), ({}, get), ({}, get), ({}, [size]),
            (f(4), [put]), (f(5), [put]), (f(6), [put]), ({i: i32(2)}, peek), ({i: np.array([1], i32)}, peek), ({}, one), ({}, other), ({}, [size]), ({i: i32(0)}, peek_one), ({}, [size]), ({}, [clear]), ({}, [size]),
            (f(7), [put]), ({}, get)]


def limited(kind):
    """A string of three letters counts 27 bytes: 40 are the limit. A map's tuples have one component."""

    def build():
        x, y, k = v1.placeholder(tf.float32, None, "x"), v1.placeholder(tf.string, None, "y"), v1.placeholder(tf.int64, None, "k")
        named = {"memory_limit": 40, "shared_name": "area"}
        if kind == "Stage":
            put = raw.Stage(values=[x, y], **named, name="put")
            named["dtypes"] = [tf.float32, tf.string]
            get, size, clear = raw.Unstage(**named, name="get"), raw.StageSize(**named, name="size"), raw.StageClear(**named, name="clear")
            refused = [(5, 1), (0, 2)]
        else:
            named["dtypes"] = [tf.float32]
            put = getattr(raw, f"{kind}Stage")(key=k, indices=[0], values=[x], **named, name="put")
            get = getattr(raw, f"{kind}Unstage")(key=k, indices=[0], **named, name="get")
            size, clear = getattr(raw, f"{kind}Size")(**named, name="size"), getattr(raw, f"{kind}Clear")(**named, name="clear")
            refused = []
        f = lambda n, floats, texts=0: {k: i64(n), x: np.ones(floats, f32), y: S(["abc"] * texts).reshape(texts)}  # noqa: E731
        return [(f(0, 11), [put]), *((f(0, *sizes), [put]) for sizes in refused), (f(0, 3, 1), [put]), ({}, [size]), ({k: i64(0)}, get), (f(1, 2), [put]), (f(2, 3), [put]), (f(3, 2), [put]), ({}, [size]), ({}, [clear]), (f(4, 10), [put]), ({k: i64(4)}, get), ({}, [size])]

    return build


def maps(kind):
    def build():
        k, i, x, y = v1.placeholder(tf.int64, None, "k"), v1.placeholder(tf.int32, None, "i"), v1.placeholder(tf.float32, None, "x"), v1.placeholder(tf.string, None, "y")
        op = lambda name: getattr(raw, kind + name)  # noqa: E731
        dtypes = [tf.float32, tf.string, tf.float32]
        named = {"dtypes": dtypes, "shared_name": "map"}
        put = op("Stage")(key=k, indices=i, values=[x, y, x], **named, name="put")
        floats = op("Stage")(key=k, indices=i, values=[x], **named, name="floats")
        both = op("Stage")(key=k, indices=i, values=[y, x], **named, name="both")
        get, text = op("Unstage")(key=k, indices=i, **named, name="get"), op("Unstage")(key=k, indices=i, dtypes=[tf.string], shared_name="map", name="text")
        peek, pop = op("Peek")(key=k, indices=i, **named, name="peek"), op("UnstageNoKey")(indices=i, **named, name="pop")
        peek_text, pop_text = op("Peek")(key=k, indices=i, dtypes=[tf.string], shared_name="map", name="peek_text"), op("UnstageNoKey")(indices=i, dtypes=[tf.string], shared_name="map", name="pop_text")
        sizes, clear = [op("Size")(**named, name="size"), op("IncompleteSize")(**named, name="incomplete")], op("Clear")(**named, name="clear")
        f = lambda key, indices, *v: {k: i64(key), i: np.array(indices, i32)} | ({x: np.array(v, f32), y: S([f"s{n}" for n in v])} if v else {})  # noqa: E731
        at = lambda key, indices: f(key, indices)  # noqa: E731
        every = [0, 1, 2]
        popped = [pop.key, *pop.values]
        steps = [({}, sizes), (f(7, every, 1, 2), [put]), (f(3, every, 3), [put]), ({}, sizes), (at(7, every), peek), (at(7, [1]), peek_text), (at(3, every), get), ({}, sizes), ({i: np.array(every, i32)}, popped), ({}, sizes),
                 # Part by part: in, and out again.
                 (f(5, [0], 1), [floats]), ({}, sizes), (f(5, [1, 2], 2), [both]), ({}, sizes), (at(5, every), peek), (at(5, [1]), text), ({}, sizes), (at(5, every), get), (at(5, [1]), peek_text), (at(5, [0]), text), (at(5, [2, 1]), get), (at(5, [2]), [clear]), ({}, sizes),
                 (f(-9, every, 1), [put]), (f(4, every, 2), [put]), (f(1, every, 3), [put])]
        if kind == "OrderedMap":
            steps += [({i: np.array(every, i32)}, popped)] * 2
        steps += [({i: np.array([1], i32)}, [pop_text.key, *pop_text.values])] if kind == "OrderedMap" else []
        return steps + [({}, sizes), ({}, [clear]), ({}, sizes),
                        # What is refused.
                        (f(1, [0, 0, 1], 1), [put]), (f(1, [2, 1, 0], 1), [put]), (f(1, [0, 1, 3], 1), [put]), ({}, sizes), (f(2, [5], 1), [floats]), (f(2, [-1], 1), [floats]), ({}, sizes), (f(2, [2], 1), [floats]), (f(2, [2], 1), [floats]), ({}, sizes),
                        (f(2, [1, 2], 2), [both]), ({}, sizes), (f(2, [0], 2), [floats]), ({}, sizes), (f(6, every, 1), [put]), (f(6, every, 2), [put]), (at(6, every), peek), ({}, sizes), (at(6, [0, 9]), get), (at(6, [-1]), text), (at(6, [0]), text), ({}, sizes), (f([6], every, 1), [put]), (f([[1, 2]], every, 1), [put]),
                        ({}, sizes), ({k: np.array([6, 7], i64), i: np.array(every, i32)}, peek), ({k: np.array([6], i64), i: np.array([1], i32)}, peek_text), (f(8, [[0], [1], [2]], 1), [put]), ({}, sizes), (f(11, [0], 1), [put]), ({}, sizes), ({}, [clear]), ({}, sizes)]

    return build


def empties(kind):
    """Without an index there is nothing to put or take."""

    def build():
        k, i = v1.placeholder(tf.int64, None, "k"), v1.placeholder(tf.int32, None, "i")
        op = lambda name: getattr(raw, kind + name)  # noqa: E731
        named = {"dtypes": [tf.float32], "shared_name": "map"}
        put = op("Stage")(key=k, indices=i, values=[1.0], **named, name="put")
        get, sizes = op("Unstage")(key=k, indices=i, **named, name="get"), [op("Size")(**named, name="size"), op("IncompleteSize")(**named, name="incomplete")]
        peek, pop = op("Peek")(key=k, indices=i, **named, name="peek"), op("UnstageNoKey")(indices=i, **named, name="pop")
        none, first, key = np.zeros(0, i32), np.zeros(1, i32), i64(1)
        return [({k: key, i: first}, [put]), ({}, sizes), ({k: key, i: none}, [put]), ({k: key, i: none}, peek), ({k: key, i: none}, get), ({k: key, i: i32(0)}, peek), ({}, sizes), ({k: np.zeros(0, i64), i: first}, [put]), ({k: np.zeros(0, i64), i: first}, get), ({i: none}, [pop.key]), ({}, sizes)]

    return build


def critical():
    section = tf.CriticalSection(name="section", shared_name="section")
    v = v1.get_variable("v", [], initializer=v1.ones_initializer(), use_resource=True)
    x = v1.placeholder(tf.float32, [], "x")

    def twice():
        with tf.control_dependencies([v.assign(v * x)]):
            return tf.identity(v.read_value())

    first = section.execute(twice)
    second = section.execute(lambda: v.assign_add(x))
    return [({}, [v.initializer]), ({x: f32(3)}, [first]), ({x: f32(2)}, [first]), ({x: f32(1)}, [second])]


def mutex():
    m, same = raw.MutexV2(shared_name="m", name="m"), raw.MutexV2(shared_name="m", name="same")
    lock = raw.MutexLock(mutex=m, name="lock")
    with tf.control_dependencies([lock]):
        held = tf.identity(1.0, name="held")
    with tf.control_dependencies([held]):
        free = raw.ConsumeMutexLock(mutex_lock=lock, name="free")
    with tf.control_dependencies([free]):
        again = raw.MutexLock(mutex=same, name="again")
        free_again = raw.ConsumeMutexLock(mutex_lock=again, name="free_again")
    kept = raw.MutexLock(mutex=m, name="kept")
    copy = raw.Pack(values=[kept, kept], name="copy")
    both = raw.ConsumeMutexLock(mutex_lock=copy, name="both")
    q = raw.FIFOQueueV2(component_types=[tf.float32], name="q")
    wrong = raw.MutexLock(mutex=q, name="wrong")
    unused = raw.MutexLock(mutex=m, name="unused")
    return [({}, [held]), ({}, [free]), ({}, [free_again]), ({}, [unused.op]), ({}, [free]), ({}, [both]), ({}, [wrong.op]), ({}, [free_again])]


def handles():
    x, h = v1.placeholder(tf.float32, None, "x"), v1.placeholder(tf.string, None, "h")
    make, other = raw.GetSessionHandle(value=x, name="make"), raw.GetSessionHandleV2(value=x, name="other")
    get, drop = raw.GetSessionTensor(handle=h, dtype=tf.float32, name="get"), raw.DeleteSessionTensor(handle=h, name="drop")
    return [({x: f32(1)}, [make]), ({x: f32(1)}, [other.op]), ({h: S("make;0;")}, [get]), ({h: S("make;0;")}, [drop]), ({x: f32(1)}, [tf.identity(x)])]


def cases(family):
    family.program("Stage", area)
    for kind in ("Map", "OrderedMap"):
        family.program(kind, maps(kind))
        family.program(f"{kind} without indices", empties(kind))
    for kind in ("Stage", "Map", "OrderedMap"):
        family.program(f"{kind} within a limit of memory", limited(kind))
    family.program("MutexLock", mutex)
    family.program("handles to tensors", handles)
    family.program("CriticalSection", critical)
