"""Queues, TensorLists and TensorArrays at their edges: handles by reference, shapes that aren't declared, bad sizes. Bit by bit."""

from .lib import S, f32, i32, i64, np, tf

v1 = tf.compat.v1
raw = tf.raw_ops
L = lambda *v: np.array(v, i64)  # noqa: E731
I = lambda *v: np.array(v, i32)  # noqa: E731


def undeclared(kind, old):
    """No shapes: single elements of any shape, no batches. The older ops pass their queue by reference."""

    def build():
        suffix = "" if old else "V2"
        x, n, p = v1.placeholder(tf.float32, None, "x"), v1.placeholder(tf.int32, None, "n"), v1.placeholder(tf.int64, None, "p")
        given = {"seed": 5, "seed2": 3, "min_after_dequeue": 1} if kind == "RandomShuffleQueue" else {}
        q = getattr(raw, kind + suffix)(component_types=[tf.float32], capacity=9, **given, name="q", **({"shapes": []} if kind == "PriorityQueue" else {}))
        priority = kind == "PriorityQueue"
        types = [tf.int64, tf.float32] if priority else [tf.float32]
        parts = [p, x] if priority else [x]
        put = getattr(raw, "QueueEnqueue" + suffix)(handle=q, components=parts, name="put")
        many = getattr(raw, "QueueEnqueueMany" + suffix)(handle=q, components=parts, name="many")
        get = getattr(raw, "QueueDequeue" + suffix)(handle=q, component_types=types, name="get")
        some = getattr(raw, "QueueDequeueMany" + suffix)(handle=q, n=n, component_types=types, name="some")
        up_to = getattr(raw, "QueueDequeueUpTo" + suffix)(handle=q, n=n, component_types=types, name="up_to")
        size = getattr(raw, "QueueSize" + suffix)(handle=q, name="size")
        close = getattr(raw, "QueueClose" + suffix)(handle=q, cancel_pending_enqueues=True, name="close")
        wrong = getattr(raw, "QueueEnqueue" + suffix)(handle=q, components=[*parts[:-1], n], name="wrong")
        f = lambda value, order: {x: np.array(value, f32), **({p: np.array(order, i64)} if priority else {})}  # noqa: E731
        return [(f([1, 2], 4), [put]), (f(3, 2), [put]), ({}, [size]), ({}, list(get)), ({n: i32(1)}, list(some)), ({n: i32(1)}, list(up_to)), ({n: i32(0)}, list(some)),
                (f([[5], [6]], [1, 0]), [many]), (f([[5], [6]], [[1], [0]]), [many]), (f(1, [1]), [put]), ({**f(0, 1), n: i32(1)}, [wrong]), ({}, list(get)), (f(np.zeros((0, 2)), np.zeros(0)), [many]),
                ({}, [close]), ({}, [close]), *[({}, list(get))] * 6, (f(np.zeros((0, 2)), np.zeros(0)), [many]), (f(1, 1), [put])]

    return build


def padded():
    x, n = v1.placeholder(tf.int64, None, "x"), v1.placeholder(tf.int32, None, "n")
    q = raw.PaddingFIFOQueueV2(component_types=[tf.int64], shapes=[[None, 2]], capacity=9, name="q")
    put = raw.QueueEnqueueV2(handle=q, components=[x], name="put")
    some = raw.QueueDequeueManyV2(handle=q, n=n, component_types=[tf.int64], name="some")
    up_to = raw.QueueDequeueUpToV2(handle=q, n=n, component_types=[tf.int64], name="up_to")
    rows = np.arange(1, 9).reshape(4, 2)
    return [({x: rows[:1]}, [put]), ({x: rows}, [put]), ({x: rows[:0]}, [put]), ({x: rows[:, :1]}, [put]), ({n: i32(3)}, list(some)), ({x: rows[:2]}, [put]), ({n: i32(1)}, list(up_to))]


def list_rows(dtype):
    np_dtype = tf.as_dtype(dtype).as_numpy_dtype

    def build():
        x, i, s, n = v1.placeholder(dtype, None, "x"), v1.placeholder(tf.int32, None, "i"), v1.placeholder(tf.int32, None, "s"), v1.placeholder(tf.int32, None, "n")
        d = v1.placeholder(tf.int64, None, "d")
        scatter = raw.TensorListScatterV2(tensor=x, indices=i, element_shape=s, num_elements=n, name="scatter")
        length = raw.TensorListLength(input_handle=scatter, name="length")
        old = raw.TensorListScatter(tensor=x, indices=i, element_shape=s, name="old")
        into = raw.TensorListScatterIntoExistingList(input_handle=old, tensor=x, indices=i, name="into")
        stack = lambda handle, name: raw.TensorListStack(input_handle=handle, element_shape=s, element_dtype=dtype, num_elements=-1, name=name)  # noqa: E731
        gather = raw.TensorListGather(input_handle=scatter, indices=i, element_shape=s, element_dtype=dtype, name="gather")
        two, into_stack, old_stack = stack(scatter, "two"), stack(into, "into_stack"), stack(old, "old_stack")
        concat = raw.TensorListConcatV2(input_handle=scatter, element_shape=s, leading_dims=d, element_dtype=dtype, name="concat")
        older = raw.TensorListConcat(input_handle=scatter, element_dtype=dtype, name="older")
        split = raw.TensorListSplit(tensor=x, element_shape=s, lengths=d, name="split")
        back = raw.TensorListConcatV2(input_handle=split, element_shape=s, leading_dims=L(), element_dtype=dtype, name="back")
        item = raw.TensorListGetItem(input_handle=split, index=n, element_shape=tf.constant(-1), element_dtype=dtype, name="item")
        size = raw.TensorListLength(input_handle=raw.TensorListResize(input_handle=scatter, size=s, name="resize"), name="size")
        a = np.arange(12).reshape(3, 2, 2).astype(np_dtype) if dtype != tf.string else S([[["a", "b"], ["c", "d"]], [["e", "f"], ["g", "h"]], [["i", "j"], ["k", "l"]]])
        u, full = i32(-1), I(2, 2)
        feed = lambda x_, i_, s_=u, n_=-1: {x: x_, i: np.array(i_, i32), s: np.array(s_, i32), n: i32(n_)}  # noqa: E731
        return [(feed(a, [4, 0, 2]), [length]), (feed(a, [4, 0, 2], full, 9), [length]), (feed(a, [4, 0, 2], full, 3), [length]), (feed(a, [4, 0, 2], full, -2), [length]), (feed(a, [0, -1, 2]), [length]),
                (feed(a, [0, 1]), [length]), (feed(a, [[0], [1], [2]]), [length]), (feed(a, [0, 1, 2], [3, 2]), [length]), (feed(a[0, 0, 0], []), [length]),
                (feed(a, [1, 2, 0], full), [gather]), (feed(a, [3, 1, 0]), [gather]), (feed(a, [2, 1, 1], [-1, 2]), [gather]), (feed(a[:0], [], full, 2), [gather]), (feed(a[:0], [], u, 2), [gather]),
                (feed(a, [2, 0, 1], full, 5), [two]), (feed(a, [2, 0, 1]), [into_stack]), (feed(a, [2, 0, 1]), [old_stack]),
                ({**feed(a, [2, 0, 1]), d: L()}, list(concat)), ({**feed(a, [2, 0, 1], [-1, 2]), d: L()}, list(concat)), ({**feed(a, [2, 0, 1], [-1, 3]), d: L()}, list(concat)), ({**feed(a, [2, 0, 4], [-1, 2]), d: L()}, list(concat)),
                ({**feed(a, [2, 0, 4], [-1, 2]), d: L(1, 1, 1, 1, 1)}, list(concat)), ({**feed(a, [2, 0, 4], full), d: L()}, list(concat)), ({**feed(a[:0], [], [-1, 2], 0), d: L()}, list(concat)), ({**feed(a[:0], [], u, 0), d: L()}, list(concat)),
                ({**feed(a[0, 0], [0, 1]), d: L()}, list(concat)), (feed(a, [2, 0, 1]), list(older)), (feed(a, [2, 0, 4], [-1, 2]), list(older)),
                ({x: a, s: u, d: L(1, 2)}, list(back)), ({x: a, s: I(-1, 2, 2), d: L(1, 0, 2)}, list(back)), ({x: a, s: u, d: L(1, 1)}, list(back)), ({x: a, s: u, d: L(2, 2)}, list(back)), ({x: a, s: u, d: L(4, -1)}, list(back)),
                ({x: a, s: I(-1, 3), d: L(1, 2)}, list(back)), ({x: a, s: u, d: np.array(3, i64)}, list(back)), ({x: a, s: u, d: L(1, 2), n: i32(1)}, [item]), ({x: a[0, 0, 0], s: u, d: L(1), n: i32(0)}, [item]),
                ({**feed(a, [2, 0, 1]), s: i32(5)}, [size]), ({**feed(a, [2, 0, 1]), s: i32(-1)}, [size])]

    return build


def joined_lists():
    x = v1.placeholder(tf.float32, None, "x")
    make = lambda shape, name: raw.TensorListReserve(element_shape=shape, num_elements=2, element_dtype=tf.float32, name=name)  # noqa: E731
    a, b = make(I(2), "a"), make(I(2), "b")
    pair = raw.Pack(values=[a, b], axis=0, name="pair")
    join = lambda p, q, name: raw.TensorListConcatLists(input_a=p, input_b=q, element_dtype=tf.float32, name=name)  # noqa: E731
    length = lambda handle, name: raw.TensorListLength(input_handle=handle, name=name)  # noqa: E731
    both = raw.Unpack(value=join(pair, pair, "both"), num=2, axis=0, name="cut")
    pushed = raw.Unpack(value=raw.TensorListPushBackBatch(input_handles=pair, tensor=x, name="push"), num=2, axis=0, name="pushed")
    item = raw.TensorListGetItem(input_handle=pushed[1], index=2, element_shape=I(2), element_dtype=tf.float32, name="item")
    return [({}, [length(both[1], "l")]), ({}, [length(join(a, b, "ab"), "m")]),
            ({x: np.array([[1, 2], [3, 4]], f32)}, [item])]


def unwritten():
    """Lists of which nothing or not all was written, declared in more or less detail, and places that they don't have."""
    k, s, d = v1.placeholder(tf.int32, None, "k"), v1.placeholder(tf.int32, None, "s"), v1.placeholder(tf.int64, None, "d")
    steps = []
    for held, shape in {"any": -1, "scalars": [], "rows": [-1], "wide": [2, -1], "full": [2, 3]}.items():
        for some in (False, True):
            for size in (0, 2):
                if some and size == 0 or some and held == "scalars":
                    continue
                name = f"{held}{size}{'some' if some else ''}"
                handle = raw.TensorListReserve(element_shape=tf.constant(shape, tf.int32), num_elements=size, element_dtype=tf.float32, name=name)
                if some:
                    item = tf.ones([2, 3] if held in ("any", "wide", "full") else [2])
                    handle = raw.TensorListSetItem(input_handle=handle, index=1, item=item, name=f"{name}_set")
                stack = raw.TensorListStack(input_handle=handle, element_shape=s, element_dtype=tf.float32, name=f"{name}_stack")
                concat = raw.TensorListConcatV2(input_handle=handle, element_shape=s, leading_dims=d, element_dtype=tf.float32, name=f"{name}_concat").tensor
                gather = raw.TensorListGather(input_handle=handle, indices=k, element_shape=s, element_dtype=tf.float32, name=f"{name}_gather")
                item = raw.TensorListGetItem(input_handle=handle, index=k, element_shape=s, element_dtype=tf.float32, name=f"{name}_item")
                for given in (-1, [], [-1], [2, 3], [-1, 3]):
                    feed = {s: np.array(given, i32)}
                    steps += [(feed, [stack]), *(({**feed, d: L(*lead)}, [concat]) for lead in ((), (1, 2), (1,)))]
                    steps += [({**feed, k: I(*at)}, [gather]) for at in ((), (0,), (1, 0), (2, 0), (-1,))]
                    steps += [({**feed, k: i32(at)}, [item]) for at in (0, 1, 2, -1)]
    array = raw.TensorArrayV3(size=2, dtype=tf.float32, dynamic_size=False, name="fixed")
    steps += [({k: i32(at)}, [raw.TensorArrayReadV3(handle=array.handle, index=k, flow_in=array.flow, dtype=tf.float32, name=f"read{at}")]) for at in (2, -1)]
    for at in ((0, 2), (-1, 1), (5, -1)):
        steps.append(({k: I(*at)}, [raw.TensorArrayScatterV3(handle=array.handle, indices=k, value=tf.ones([2]), flow_in=array.flow, name=f"scatter{at[0] % 9}")]))
    steps.append(({k: I(2, 0)}, [raw.TensorArrayGatherV3(handle=array.handle, indices=k, flow_in=array.flow, dtype=tf.float32, name="gathered")]))
    return steps


def variant_sums():
    """Gradients of conditions add up optionals, those of loops lists; either may hold the other, or halves."""
    x = v1.placeholder(tf.float32, None, "x")
    # Python would refuse what doesn't fit.
    hidden = lambda handle: v1.placeholder_with_default(handle, None)  # noqa: E731
    add = lambda *all, name: raw.AddN(inputs=[hidden(one) for one in all], name=name)  # noqa: E731
    some = lambda *components: raw.OptionalFromValue(components=list(components))  # noqa: E731
    steps, none, pair = [], raw.OptionalNone(), some(x, tf.constant(3))
    filled = lambda value, n=2: raw.TensorListSetItem(  # noqa: E731
        input_handle=raw.TensorListReserve(element_shape=tf.constant(-1), num_elements=n, element_dtype=value.dtype), index=0, item=value)

    def shown(optional, *dtypes, name):
        got = raw.OptionalGetValue(optional=optional, output_types=dtypes, output_shapes=[None] * len(dtypes), name=name)
        steps.append(({x: np.array([1, 2], f32)}, list(got)))
        return got

    shown(add(pair, pair, pair, name="sum"), tf.float32, tf.int32, name="shown_sum")
    shown(raw.ZerosLike(x=pair, name="zero"), tf.float32, tf.int32, name="shown_zero")
    shown(raw.ZerosLike(x=some(tf.constant([True]))), tf.bool, name="shown_flag")
    for name, optional in {"both": add(none, none, name="nothings"), "zero_none": raw.ZerosLike(x=none)}.items():
        steps.append(({}, [raw.OptionalHasValue(optional=optional, name=name)]))
    wrong = {"one": add(pair, none, name="half_there"), "other": add(none, pair, name="there_half"), "counts": add(pair, some(x), name="more"),
             "shapes": add(some(x), some(x[:1]), name="longer"), "texts": add(some(tf.constant("a")), some(tf.constant("b")), name="words"),
             "flags": add(some(tf.constant(True)), some(tf.constant(True)), name="bits"), "kinds": add(pair, filled(x), name="mixed"),
             "turned": add(filled(x), pair, name="dexim"), "blank": raw.ZerosLike(x=some(tf.constant("a")), name="blanks"),
             "rank": add(raw.Pack(values=[pair, pair]), raw.Pack(values=[pair, pair]), name="vector"), "zeros": raw.ZerosLike(x=raw.Pack(values=[pair, pair]), name="vectors")}  # fmt: skip
    steps += [({x: np.array([1, 2], f32)}, [raw.Shape(input=handle, name=name)]) for name, handle in wrong.items()]
    for dtype in (tf.half, tf.bfloat16, tf.complex64, tf.int8):
        held = filled(tf.cast(x, dtype))
        item = raw.TensorListGetItem(input_handle=add(held, held, name=f"twice_{dtype.name}"), index=0, element_shape=tf.constant(-1), element_dtype=dtype, name=dtype.name)
        steps.append(({x: np.array([1.5, -2], f32)}, [item]))
    nested = some(filled(x), some(x))
    for name, optional in {"deep": add(nested, nested, name="deeper"), "flat": raw.ZerosLike(x=nested)}.items():
        parts = raw.OptionalGetValue(optional=optional, output_types=[tf.variant] * 2, output_shapes=[None] * 2, name=f"{name}_parts")
        item = raw.TensorListGetItem(input_handle=parts[0], index=0, element_shape=tf.constant(-1), element_dtype=tf.float32, name=f"{name}_item")
        inner = raw.OptionalGetValue(optional=parts[1], output_types=[tf.float32], output_shapes=[None], name=f"{name}_inner")
        steps.append(({x: np.array([1, 2], f32)}, [item, *inner]))
    return steps


def array_edges():
    x, d, k = v1.placeholder(tf.float32, None, "x"), v1.placeholder(tf.int64, None, "d"), v1.placeholder(tf.int32, None, "k")
    h = raw.TensorArrayV3(size=2, dtype=tf.float32, dynamic_size=False, clear_after_read=False, name="t")
    split = raw.TensorArraySplitV3(handle=h.handle, value=x, lengths=d, flow_in=h.flow, name="split")
    concat = raw.TensorArrayConcatV3(handle=h.handle, flow_in=split, dtype=tf.float32, name="concat")
    w0 = raw.TensorArrayWriteV3(handle=h.handle, index=0, value=x, flow_in=h.flow, name="w0")
    w1 = raw.TensorArrayWriteV3(handle=h.handle, index=1, value=x[0], flow_in=w0, name="w1")
    uneven = raw.TensorArrayConcatV3(handle=h.handle, flow_in=w1, dtype=tf.float32, name="uneven")
    a = np.arange(6, dtype=f32).reshape(3, 2)
    return [({x: a, d: L(1, 2)}, [concat.value, concat.lengths]), ({x: a, d: L(1, 1)}, [concat.value]), ({x: a, d: L(3)}, [concat.value]), ({x: a, d: L(0, 3)}, [concat.value, concat.lengths]), ({x: a, d: L(1, 1, 1)}, [concat.value]),
            ({x: a}, [uneven.value]), ({x: a[0]}, [uneven.value])]


def said(summarize):
    x, t = v1.placeholder(tf.int32, None, "x"), v1.placeholder(tf.string, None, "t")
    check = raw.Assert(condition=False, data=[x, t], summarize=summarize, name="check")
    cube = np.arange(24, dtype=i32).reshape(2, 3, 4)
    text = S([["a", "b\n"], ["", "\xe4"]])
    return [({x: v, t: text}, [check]) for v in (cube, cube[0], cube[0, 0], cube[0, 0, 0], cube[:, :0], cube[:, :, :1], cube[:, :, :2])] + [({x: cube[0, 0], t: S("one")}, [check])]


def cases(family):
    for kind in ("FIFOQueue", "PaddingFIFOQueue", "RandomShuffleQueue", "PriorityQueue"):
        for old in (False, True) if kind in ("FIFOQueue", "RandomShuffleQueue") else (False,):
            family.program(f"{kind}{'' if old else 'V2'} without shapes", undeclared(kind, old))
    family.program("padded batches", padded)
    for dtype in (tf.float32, tf.int64, tf.string):
        family.program(f"rows of TensorLists {dtype.name}", list_rows(dtype))
    family.program("joined TensorLists", joined_lists)
    family.program("unwritten lists", unwritten)
    family.program("sums and zeros of variants", variant_sums)
    family.program("TensorArray pieces", array_edges)
    for summarize in (-1, 3, 5, 9):
        family.program(f"assert shows {summarize}", lambda n=summarize: said(n))
