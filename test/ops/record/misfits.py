"""Inputs that fit in some respects and not in others: which of its checks a kernel makes first, and what it says.

Grids of shapes, empty ones among them, that conformance's drawn programs have shown to matter.
"""

import itertools

from .lib import S, f32, i32, np

ONLY_ERRORS = True


def zeros(shape):
    return np.zeros(shape, f32)


def whole(shape, value=0):
    return np.full(shape, value, i32)


def cases(family):
    shapes = [(), (2,), (0,), (2, 1), (2, 3), (0, 2), (2, 0)]
    indexed = lambda there: [i for i in [(2, 1), (0, 1), (2, 2), (2, 2, 1)] if i[-1] <= len(there)]  # noqa: E731
    for op in ("TensorScatterUpdate", "TensorScatterAdd", "TensorScatterMax"):
        for there in [(0,), (0, 2)]:
            family.op(op, *([zeros(there), whole(i), zeros(u)] for i in indexed(there) for u in shapes), label=f"{op} {list(there)}")
        rows = np.array([[1], [-1], [7]], i32)
        family.op(op, [zeros((2,)), rows, zeros((3,))], [zeros((2,)), rows[1:], zeros((2,))], label=f"{op} first of two")
    # Some that are left out end a real server's process.
    for indices, updates in [((2, 1), ()), ((2, 1), (0,)), ((2, 1), (3,)), ((2, 1), (2, 2)), ((0, 1), (3,)), ((0, 1), (0, 2)), ((2, 2), (2,))]:
        family.op("ScatterNd", [whole(indices), zeros(updates), np.array((3,), i32)], label=f"ScatterNd {list(indices)} {list(updates)}")
        family.op("TensorScatterAdd", [zeros((3,)), whole(indices), zeros(updates)], label=f"TensorScatterAdd {list(indices)} {list(updates)}")
    rows = np.array([[7, 0], [-1, 0], [0, 9]], i32)
    family.op("ScatterNd", [rows, zeros((3,)), np.array([2, 2], i32)], [rows, zeros((3, 2)), whole(())], [rows, zeros(3), np.array([2, -2], i32)], label="ScatterNd first of two")
    for batch in (-2, -1, 0, 1, 2, 3):
        steps = [[zeros(p), whole(i), i32(axis)] for p in [(), (2,), (2, 3), (3, 2, 2)] for i in [(), (2,), (3,), (2, 2), (3, 2)] for axis in (-3, -1, 0, 1, 2)]
        family.op("GatherV2", *steps, batch_dims=batch, label=f"GatherV2 batch_dims {batch}")
    family.op("GatherV2", [zeros((0, 2)), whole((2,)), i32(0)], [zeros((2, 0)), whole((2,), 5), i32(0)], [zeros((2,)), np.array([0, 5, -1], i32), i32(0)],
              [zeros((2,)), whole(2), whole((1,))], [zeros((2,)), whole(2), whole((2,))], label="GatherV2 out of range")
    for count in (1, 2, 3):
        sizes = [(1,), (-1,), (4,), (-2,), (2, -1), (-1, -1), (-2, 2), (3, 1), (0, -1), (-1, 9), (1, 1, 1), (-5, -1), (2**31 - 1, 1), (), (4, 0), (-1, -2)]
        family.op("SplitV", *([zeros(x), np.array(s, i32), i32(axis)] for x in [(), (4,), (0,), (2, 4)] for s in sizes for axis in (-3, -1, 0, 1)), num_split=count, label=f"SplitV {count}")
        family.op("Split", *([i32(axis), zeros(x)] for x in [(), (4,), (0,), (2, 4)] for axis in (-3, -1, 0, 1)), [whole((1,)), zeros((4,))], num_split=count, label=f"Split {count}")
    corners = [-2, -1, 0, 1, 3]
    family.op("Slice", *([zeros(x), np.array([b] * len(x), i32), np.array([s] * len(x), i32)] for x in [(0,), (2,), (0, 2)] for b in corners for s in corners), label="Slice corners")
    family.op("Slice", [zeros((2, 0)), np.array([1, 0], i32), np.array([1, 2], i32)], [zeros((2,)), whole((1,)), whole((2,))], [zeros(()), whole((1,)), whole((1,))],
              [zeros((2,)), whole((2,)), whole((1,))], [zeros((2,)), whole(()), whole(())], [zeros((2, 2)), whole((1,)), whole((1,))], label="Slice counts")
    pads = [[[0, -1]], [[-1, 2]], [[3, 0]], [[0, 3]], [[2, 2]], [[0, 0], [0, 0]], [[0]], [0, 0]]
    for mode in ("REFLECT", "SYMMETRIC"):
        family.op("MirrorPad", *([zeros(x), np.array(p, i32)] for x in [(2,), (0,), ()] for p in pads), mode=mode, label=f"MirrorPad {mode}")
    for op in ("Pad", "PadV2"):
        family.op(op, *([zeros(x), np.array(p, i32), *([f32(1)] if op == "PadV2" else [])] for x in [(2,), (0,), ()] for p in pads), label=f"{op} misfits")
    family.op("Select", *([np.zeros(c, bool), zeros(a), zeros(b)] for c in [(), (2,), (3,), (2, 2), (0,)] for a in [(), (2,), (3,), (2, 2), (5, 3, 2), (0,)] for b in [(), (2,), (2, 2), (7,)]), label="Select misfits")
    parts = [(2, 3), (2, 2), (2, 4), (3, 3), (3, 4), (0, 3), (2,), ()]
    joined = list(itertools.product(parts, repeat=3))
    for op in ("ConcatV2",):
        family.op(op, *([[zeros(p) for p in three], i32(axis)] for three in joined[::7] for axis in (0, 1, -1, 2, -3)), label="ConcatV2 misfits")
    family.op("Pack", *([[zeros(p) for p in three]] for three in joined[::5]), axis=0, label="Pack misfits")
    family.op("Pack", [[zeros((2,)), zeros((2,))]], axis=2, label="Pack axis")
    for axis in (-3, -1, 0, 1):
        family.op("Unpack", *([zeros(x)] for x in [(), (2,), (3,), (2, 2), (0,)]), num=2, axis=axis, label=f"Unpack axis {axis}")
    axes = [[2], [-3], [0, 0], [1, -1], [0, 5]]
    for op in ("ReverseV2", "Sum", "Max"):
        family.op(op, *([zeros(x), np.array(a, i32)] for x in [(), (2,), (2, 3), (0, 2)] for a in axes), label=f"{op} axes")
    family.op("Transpose", *([zeros(x), np.array(p, i32)] for x in [(), (2,), (2, 3)] for p in [(), (0,), (1, 0), (0, 0), (0, 5), (-1, 0), (1, -2), (2, 1, 0)]), label="Transpose orders")
    family.op("Roll", *([zeros(x), whole(s, 1), np.array(a, i32)] for x in [(), (2,), (2, 3)] for s in [(), (1,), (2,), (1, 1)] for a in [(), 0, 2, (0,), (1,), (-3,), (0, 1), (2, 5)]), label="Roll misfits")
    family.op("BroadcastTo", *([zeros(x), np.array(s, i32)] for x in [(), (2,), (2, 1), (0,)] for s in [(), (1,), (2,), (3,), (2, 3), (3, 0), (-1,), (2, -1), ((2,),)]), label="BroadcastTo misfits")
    family.op("Tile", *([zeros(x), np.array(s, i32)] for x in [(), (2,), (2, 1)] for s in [(), (2,), (-1,), (0, -2), (1, 1), 3]), label="Tile misfits")
    family.op("TopKV2", *([zeros(x), k] for x in [(), (2,), (2, 0), (0, 2)] for k in [i32(-1), i32(1), i32(3), whole((1,), 1)]), label="TopKV2 misfits")
    family.op("DynamicPartition", *([zeros(x), np.array(p, i32)] for x in [(), (2,), (2, 3)] for p in [0, 2, (0, 1), (0, 2), (-1, 0), (0,), ((0, 1),)]), num_partitions=2, label="DynamicPartition misfits")
    for op in ("SegmentSum", "SegmentMax"):
        family.op(op, *([zeros(x), np.array(p, i32)] for x in [(), (2,), (3, 2), (0,)] for p in [(), 0, (0, 1), (1, 0), (-1, 0), (0, 0, 2), (0, 2, 1), ((0, 1),)]), label=f"{op} misfits")
    for op in ("UnsortedSegmentSum", "UnsortedSegmentMax"):
        family.op(op, *([zeros(x), np.array(p, i32), n] for x in [(), (2,), (3, 2), (0,)] for p in [(), 0, (0, 1), (5, 0), (-1, 0), (0, 0, 2)] for n in [i32(2), i32(0), i32(-1), whole((1,))]), label=f"{op} misfits")
    family.op("OneHot", *([whole(x, 1), d, f32(1), f32(0)] for x in [(), (2,)] for d in [i32(-1), i32(0), i32(2), whole((1,), 2)]), axis=-1, label="OneHot depth")
    family.op("InvertPermutation", *([np.array(p, i32)] for p in [(0, 2), (0, 0), (-1, 0), ((0,),), 0, ()]), label="InvertPermutation misfits")
    family.op("Reshape", *([zeros(x), np.array(s, i32)] for x in [(), (2,), (0,), (0, 2)] for s in [(), (-1,), (-1, -1), (-2,), (0, -1), (3,), (2, -1), (-1, 0), ((2,),), 2]), label="Reshape misfits")
    family.op("ExpandDims", *([zeros(x), np.array(a, i32)] for x in [(), (2,)] for a in [-3, -1, 1, 2, (0,), (0, 1), ()]), label="ExpandDims misfits")
    for dims in ([], [0], [1], [-1], [-3], [0, 0]):
        family.op("Squeeze", *([zeros(x)] for x in [(), (1,), (2,), (1, 2), (2, 1)]), squeeze_dims=dims, label=f"Squeeze {dims}")
    for op in ("ArgMax", "Cumsum"):
        family.op(op, *([zeros(x), np.array(a, i32)] for x in [(), (2,), (2, 0), (0, 2)] for a in [-3, -1, 0, 1, 2, (0,), (0, 1)]), label=f"{op} axis")
    family.op("Fill", *([np.array(s, i32), v] for s in [(-1,), (2, -2), 2, ((2,),)] for v in [f32(1), zeros((1,))]), label="Fill misfits")
    family.op("Range", *([i32(a), i32(b), i32(d)] for a, b, d in [(0, 3, 0), (0, 3, -1), (3, 0, 1), (0, 0, 0)]), [whole((1,)), i32(2), i32(1)], label="Range misfits")
    family.op("MatMul", *([zeros(a), zeros(b)] for a in [(2, 3), (3,), (), (0, 3), (2, 2, 3)] for b in [(3, 2), (2, 3), (3,), (2, 3, 2)]), label="MatMul misfits")
    family.op("BatchMatMulV2", *([zeros(a), zeros(b)] for a in [(2, 3), (3,), (), (2, 2, 3), (3, 2, 3)] for b in [(3, 2), (2, 3), (3,), (2, 3, 2), (5, 1, 3, 2)]), label="BatchMatMulV2 misfits")
    family.op("BiasAdd", *([zeros(x), zeros(b)] for x in [(), (2,), (2, 3), (0, 3)] for b in [(), (3,), (2,), (3, 1)]), label="BiasAdd misfits")
    family.op("StringJoin", [[S(["a", "b"]), S(["c"])]], [[S(["a", "b"]), S([["c", "d"]])]], label="StringJoin misfits")


__all__ = ["cases"]
