"""Lines that move elements: gathers, scatters, slices, joins, splits, shapes. What arrays.py says of drawers holds here."""

import numpy as np

from . import values
from .arrays import axis, floating, ints, like, numeric, of, operand, rank, real, rough_not, size, source, summable
from .program import Refused


def any_name(p, *wanted):
    return p.pick(*wanted)


def gather(p):
    name = any_name(p, rank(1))
    shape = p.values[name].shape
    at = p.random.randrange(len(shape))
    if shape[at] == 0 and not p.wild:
        raise Refused("nothing to gather")
    indices = np.array([size(p, shape[at]) for _ in range(p.random.choice([0, 1, 3, 4]))])
    if p.chance(0.2) and indices.size:
        indices = indices[0]
    elif p.chance(0.3) and indices.size == 4:
        indices = indices.reshape(2, 2)
    at = axis(p, name) if p.wild and p.chance(0.3) else at
    batch = f", batch_dims={p.random.choice([0, 1, 1, 2])}" if p.wild and p.chance(0.2) else ""
    return f"tf.gather({name}, {ints(p, indices)}, axis={at}{batch})"


def gather_nd(p):
    name = any_name(p, rank(1))
    shape = p.values[name].shape
    depth = p.random.randint(1, len(shape))
    count = p.random.choice([0, 1, 3])
    if 0 in shape[:depth] and not p.wild:
        raise Refused("nothing to gather")
    rows = [[size(p, shape[k]) for k in range(depth)] for _ in range(count)]
    return f"tf.gather_nd({name}, {ints(p, np.array(rows).reshape(count, depth))})"


def scatter(p):
    name = any_name(p, rank(1), numeric, rough_not(p))
    value = p.values[name]
    depth = p.random.randint(1, len(value.shape))
    count = p.random.choice([0, 1, 2, 3])
    if 0 in value.shape[:depth] and not p.wild:
        raise Refused("nowhere to scatter to")
    rows = [[size(p, value.shape[k]) for k in range(depth)] for _ in range(count)]
    shape = (count, *value.shape[depth:])
    if p.wild and p.chance(0.3):
        shape = values.shape(p.random)
    updates = operand(p, value.dtype.name, shape, 0.0)
    indices = ints(p, np.array(rows).reshape(count, depth))
    if p.chance(0.3):
        extent = ints(p, list(value.shape), "int64" if "int64" in str(p.eager.get(indices, p.evaluate(indices)).dtype) else "int32")
        return f"tf.scatter_nd({indices}, {updates}, {extent})"
    which = p.random.choice(["add", "sub", "update"] + (["max", "min"] if real(value) else []))
    distinct = len({tuple(row) for row in rows}) == count
    if (which == "update" and not distinct) or not (summable(value) and summable(p.values[updates])):
        raise Refused("the order would count")
    return f"tf.tensor_scatter_nd_{which}({name}, {indices}, {updates})"


def segments(p):
    name = any_name(p, rank(1), real, summable, rough_not(p))
    rows = p.values[name].shape[0]
    count = p.random.choice([1, 2, 4])
    ids = [size(p, count) for _ in range(rows)]
    if p.chance(0.5):
        which = p.random.choice(["sum", "max", "min"])
        ids = ids if p.wild or p.chance(0.5) else [k if p.chance(0.8) else -1 for k in ids]
        return f"tf.math.unsorted_segment_{which}({name}, {ints(p, ids)}, {count})"
    which = p.random.choice(["sum", "max", "min"])
    return f"tf.math.segment_{which}({name}, {ints(p, ids if p.wild and p.chance(0.4) else sorted(ids))})"


def strided(p):
    name = any_name(p)
    shape = p.values[name].shape
    parts = []
    for extent in shape[: p.random.randint(0, len(shape))]:
        how = p.random.choice(["all", "one", "range", "step", "back", "new"])
        a, b = sorted((size(p, extent + 1), size(p, extent + 1)))
        parts.append(
            {"all": ":", "one": str(size(p, extent)), "range": f"{a}:{b}", "step": f"{a}:{b + 1}:{p.random.choice([1, 2, 3])}",
             "back": f"{b}:{a if p.chance(0.5) else ''}:-{p.random.choice([1, 2])}", "new": "tf.newaxis"}[how]
        )  # fmt: skip
    if p.chance(0.4):
        parts.insert(p.random.randrange(len(parts) + 1), "...")
    return f"{name}[{', '.join(parts) or '...'}]"


def plain_slice(p):
    name = any_name(p)
    begin, extent = [], []
    for n in p.values[name].shape:
        at = size(p, n + 1)
        begin.append(at)
        extent.append(-1 if p.chance(0.2) else size(p, max(n - at, 0) + 1))
    kind = p.random.choice(["int32", "int64"])
    if p.wild and p.chance(0.2):
        begin = begin[1:]
    return f"tf.slice({name}, {ints(p, begin, kind)}, {ints(p, extent, kind)})"


def joined(p):
    name = any_name(p)
    value = p.values[name]
    if p.chance(0.4):
        others = [operand(p, value.dtype.name, (2,) if p.wild and p.chance(0.3) else tuple(value.shape)) for _ in range(p.random.randint(0, 2))]
        return f"tf.stack([{', '.join([name, *others])}], axis={axis(p, name, 1)})"
    if value.shape.rank == 0:
        raise Refused("a scalar")
    at = p.random.randrange(len(value.shape))
    others = []
    for _ in range(p.random.randint(0, 3)):
        shape = list(value.shape)
        shape[at if not p.wild else p.random.randrange(len(shape))] = p.random.choice(values.SIZES)
        others.append(operand(p, value.dtype.name, tuple(shape)))
    return f"tf.concat([{', '.join([name, *others])}], axis={axis(p, name) if p.wild and p.chance(0.3) else at})"


def parted(p):
    name = any_name(p, rank(1))
    shape = p.values[name].shape
    at = axis(p, name)
    extent = shape[at] if -len(shape) <= at < len(shape) else 2
    if p.chance(0.3):
        if not -len(shape) <= at < len(shape) or extent == 0:
            raise Refused("no parts")
        wrong = p.random.choice([-1, 1]) if p.wild else 0
        return f"raw.Unpack(value={name}, num={max(extent + wrong, 0)}, axis={at})"
    if p.chance(0.5):
        counts = [n for n in (1, 2, 3, 4, 5) if p.wild or extent % n == 0]
        return f"raw.Split(axis={ints(p, at, 'int32')}, value={name}, num_split={p.random.choice(counts)})"
    first = size(p, extent + 1)
    sizes = [first, p.random.choice([extent - first, -1])]
    return f"raw.SplitV(value={name}, size_splits={ints(p, sizes)}, axis={ints(p, at, 'int32')}, num_split=2)"


def reshaped(p):
    name = any_name(p)
    count = int(np.prod(p.values[name].shape, dtype=np.int64))
    how = p.random.choice(["flat", "two", "same", "expand", "squeeze", "transpose", "tile", "broadcast", "pad", "reverse", "roll", "repeat"])
    shape = list(p.values[name].shape)
    dims = len(shape)
    if how == "flat":
        return f"tf.reshape({name}, {ints(p, [-1])})"
    if how == "two":
        parts = [n for n in range(1, count + 1) if count % n == 0] or [0]
        first = p.random.choice(parts) if not p.wild else p.random.choice([*parts, -1, -2, 3])
        return f"tf.reshape({name}, {ints(p, [first, p.random.choice([-1, count // first if first else 3])])})"
    if how == "same":
        return f"tf.reshape({name}, {ints(p, [1, *shape, 1])})"
    if how == "expand":
        return f"tf.expand_dims({name}, {ints(p, axis(p, name, 1), 'int32')})"
    if how == "squeeze":
        ones = [k for k, n in enumerate(shape) if n == 1 or p.wild]
        return f"tf.squeeze({name}, {p.random.sample(ones, p.random.randint(0, len(ones)))})"
    if how == "transpose":
        order = p.random.sample(range(dims), dims)
        if p.wild and p.chance(0.5) and order:
            order[0] = size(p, dims)
        return f"tf.transpose({name}, {ints(p, order)})"
    if how == "tile":
        return f"tf.tile({name}, {ints(p, [p.random.choice([0, 1, 1, 2, 3] + [-1] * p.wild) for _ in shape])})"
    if how == "broadcast":
        wide = [p.random.choice([2, 3]), *(p.random.choice([2, 0, 3]) if n == 1 or p.wild and p.chance(0.2) else n for n in shape)]
        return f"tf.broadcast_to({name}, {ints(p, wide)})"
    if how == "pad":
        pads = [[p.random.choice([0, 0, 1, 2] + [-1] * p.wild) for _ in range(2)] for _ in shape]
        mode = p.random.choice(["CONSTANT", "CONSTANT", "REFLECT", "SYMMETRIC"])
        if not p.values[name].dtype.is_numpy_compatible or p.values[name].dtype.name == "string":
            raise Refused("no kernel")
        return f"tf.pad({name}, {ints(p, np.array(pads).reshape(dims, 2))}, {mode!r})"
    if how == "reverse":
        return f"tf.reverse({name}, {ints(p, list({size(p, dims) for _ in range(p.random.randint(0, dims))}))})"
    if how == "roll":
        return f"tf.roll({name}, {ints(p, [p.random.randint(-5, 5)])}, {ints(p, [size(p, dims)])})"
    return f"tf.repeat({name}, {p.random.choice([0, 1, 2, 3])}, axis={axis(p, name)})"


def made(p):
    """From numbers alone."""
    how = p.random.choice(["range", "fill", "one_hot", "eye", "linspace", "zeros", "sequence"])
    kind = p.random.choice(["int32", "int64", "float32", "float64"])
    if how == "range":
        a, b, step = size(p, 9), size(p, 20), p.random.choice([1, 2, 3, -1] + [0] * p.wild)
        return f"tf.range({operand_of(p, kind, a)}, {operand_of(p, kind, b)}, {operand_of(p, kind, step)})"
    if how == "fill":
        return f"tf.fill({ints(p, [n - p.wild * p.chance(0.2) for n in values.shape(p.random)])}, {source(p, kind, ())})"
    if how == "one_hot":
        return f"tf.one_hot({ints(p, [size(p, 4), 1, -1], 'int32')}, {ints(p, size(p, 5), 'int32')}, axis={p.random.choice([0, 1, -1])})"
    if how == "eye":
        return f"tf.eye({p.random.choice([1, 2, 3])}, {p.random.choice([1, 4])}, dtype=tf.{kind})"
    if how == "linspace":
        return f"tf.linspace({operand_of(p, 'float64', 0)}, {operand_of(p, 'float64', 8)}, {ints(p, 1 + size(p, 4), 'int32')})", True
    if how == "zeros":
        return f"tf.zeros({ints(p, [n - p.wild * p.chance(0.2) for n in values.shape(p.random)])}, tf.{kind})"
    return f"tf.sequence_mask({ints(p, [1, 3, size(p, 4)])}, {p.random.choice([3, 5])})"


def operand_of(p, kind, number):
    return p.tensor(f"tf.constant({number}, tf.{kind})")[0] if p.chance(0.4) else literal_source(p, kind, number)


def literal_source(p, kind, number):
    name, text = p.new("x"), f"A([{number}], {kind!r})"
    p.build(f"{name} = v1.placeholder(tf.{kind}, None)")
    p.fed[name] = text
    p.keep(name, p.evaluate(f"tf.constant({text})"))
    return name


def chosen(p):
    """What depends on values: where, unique, top k, sort, partition, stitch."""
    how = p.random.choice(["where", "unique", "top_k", "partition", "mask", "counts", "bincount", "searchsorted", "invert"])
    if how == "where":
        return f"tf.where({any_name(p, of('bool'))})"
    if how in ("unique", "counts"):
        name = any_name(p, rank(1, 2 if p.wild else 1), rough_not(p), lambda value: not value.dtype.is_complex)
        if floating(p.values[name]) and np.isnan(p.values[name].numpy().astype(np.float64)).any():
            raise Refused("NaN is no key")
        return f"tf.unique({name})" if how == "unique" else f"tf.unique_with_counts({name})"
    if how == "top_k":
        name = any_name(p, rank(1), real, rough_not(p))
        if floating(p.values[name]) and np.isnan(p.values[name].numpy().astype(np.float64)).any():
            raise Refused("NaN has no place")
        return f"tf.nn.top_k({name}, {ints(p, size(p, p.values[name].shape[-1] + 1), 'int32')}, sorted=True)"
    if how == "partition":
        name = any_name(p, rank(1))
        return f"tf.dynamic_partition({name}, {ints(p, [size(p, 2) for _ in range(p.values[name].shape[0])], 'int32')}, 2)"
    if how == "mask":
        name = any_name(p, rank(1))
        mask = operand(p, "bool", (p.values[name].shape[0] + (p.wild and p.chance(0.4)),))
        return f"tf.boolean_mask({name}, tf.ensure_shape({mask}, [None]))"
    if how == "bincount":
        return f"tf.math.bincount({ints(p, [size(p, 5) for _ in range(4)], 'int32')}, minlength=2, maxlength=6)"
    if how == "searchsorted":
        return f"tf.searchsorted({source(p, 'int32', (4,), 0.0)}, {source(p, 'int32', (3,), 0.0)}, side={p.random.choice(['left', 'right'])!r})"
    return f"tf.math.invert_permutation({ints(p, [*p.random.sample(range(3), 3), *([size(p, 4)] if p.wild else [])], 'int32')})"


DRAWERS = {gather: 3, gather_nd: 2, scatter: 3, segments: 1, strided: 4, plain_slice: 2, joined: 4, parted: 3, reshaped: 6, made: 2, chosen: 3}
__all__ = ["DRAWERS", "like"]
