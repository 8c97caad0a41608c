"""Ops that move, cut and join elements without computing: bit by bit."""

from .lib import FLOATS, INTS, NUMBERS, S, f16, f32, f64, i32, i64, np, tf, u8

ALL = NUMBERS + (bool, object)
I = lambda *v: np.array(v, i32)  # noqa: E731
L = lambda *v: np.array(v, i64)  # noqa: E731


def rolls(family):
    n = family.normal
    for dtype in (f32, i64, bool, object):
        x = n((3, 4), dtype)
        pairs = [(I(1), I(0)), (i32(1), i32(1)), (I(1, 2), I(0, 0)), (I(1, -6), I(0, -1)), (I(1), I(2)), (I(1), I(-3)), (I(1, 2), I(0)), (I(1).reshape(1, 1), I(0).reshape(1, 1)), (i32(1), I(0))]
        family.op("Roll", *[[x, shift, axis] for shift, axis in pairs], [n((0, 4), dtype), I(5), I(0)], [n((), dtype), I(1), I(0)])
    for dtype in (f32, i32):
        for mode in ("REFLECT", "SYMMETRIC"):
            sets = [((5, 7), [[1, 1], [2, 1]]), ((5,), [[1, 1]]), ((5, 7), [[1, 1]]), ((2, 7), [[1, 1], [0, 0]]), ((3, 7), [[1, 1], [0, 0]]), ((5, 7), [[-1, 1], [0, 0]]), ((5, 7), [[1, 1, 0], [0, 0, 0]]), ((5, 7), [1, 1]), ((4, 6, 3, 5), [[1, 0], [1, 1], [0, 0], [0, 1]]), ((1,) * 6, [[0, 0]] * 6)]
            family.op("MirrorPadGrad", *[[n(shape, dtype), np.array(pads, i32)] for shape, pads in sets], [n((), dtype), np.zeros((0, 2), i32)], mode=mode, compare="rel:1e-6,abs:1e-6" if dtype is f32 else "bits")


def cases(family):
    n = family.normal
    for t in ALL + (u8, f16):
        if t in (u8, f16):
            family.op("Reshape", [n((2, 3), t), I(3, 2)])
            family.op("Transpose", [n((2, 3, 4), t), I(2, 0, 1)])
            family.op("ConcatV2", [[n((2, 3), t), n((1, 3), t)], i32(0)])
            family.op("Fill", [I(2, 3), t(7)], label=t.__name__)
            family.op("GatherV2", [n((5, 2), t), I(4, 0), i32(0)])
            continue
        one = n((1,), t)[0] if t is not object else b"v"
        name = "string" if t is object else t.__name__
        family.op("Reshape", [n((2, 3), t), I(3, 2)], [n((2, 3), t), I(-1)], [n((2, 3), t), I(1, 6, 1)], [n((1, 1), t), I()],
                  [n((2, 3), t), I(-1, 3)], [n((0, 3), t), I(3, 0)], [n((0,), t), I(-1)], [n((), t), I(1)],
                  [n((2, 3), t), I(4, 2)], [n((2, 3), t), I(-1, -1)], [n((2, 3), t), I(-1, 4)], [n((2, 3), t), I(-2, 3)],
                  [n((2, 3), t), np.array([[6]], i32)], [n((0, 3), t), I(-1, 0)])
        family.op("Reshape", [n((2, 3), t), L(3, -1)], label=f"{name} int64")
        family.op("Reshape", [n((2, 3), t), L(3, -1)], consts=(1,), label=f"{name} const")
        family.op("ExpandDims", *([n((2, 3), t), i32(a)] for a in (0, 1, 2, -1, -3, 3, -4)), [n((2,), t), I(1)], [n((), t), i32(0)],
                  [n((2,), t), I(0, 1)])
        family.op("ExpandDims", [n((2, 3), t), i64(1)], label=f"{name} int64")
        family.op("Squeeze", [n((1, 3, 1), t)], [n((1, 1), t)], [n((2, 3), t)], [n((), t)], squeeze_dims=[])
        family.op("Squeeze", [n((1, 3, 1), t)], [n((2, 3, 1), t)], [n((3,), t)], squeeze_dims=[0])
        family.op("Squeeze", [n((1, 3, 1), t)], [n((2, 3), t)], squeeze_dims=[-1])
        for op in ("Shape", "Size", "Rank"):
            for out in INTS:
                if op == "Rank" and out is i64:
                    continue
                extra = {} if op == "Rank" else {"out_type": out}
                family.op(op, [n((2, 3), t)], [n((), t)], [n((2, 0, 4), t)], **extra)
        family.op("ShapeN", [[n((2, 3), t), n((), t), n((0,), t)]], out_type=i32, label=name)
        family.op("ConcatV2", [[n((2, 3), t), n((4, 3), t), n((1, 3), t)], i32(0)], [[n((2, 3), t), n((0, 3), t), n((1, 3), t)], i32(0)],
                  [[n((2, 3), t), n((2, 1), t), n((2, 4), t)], i32(1)], [[n((2, 3), t), n((2, 1), t), n((2, 4), t)], i32(-1)],
                  [[n((2,), t), n((1,), t), n((0,), t)], i32(0)], [[n((2, 2, 3), t), n((2, 1, 3), t), n((2, 5, 3), t)], i32(1)],
                  [[n((2, 3), t), n((2, 1), t), n((2, 4), t)], i32(0)], [[n((2, 3), t), n((2,), t), n((2, 4), t)], i32(1)],
                  [[n((2, 3), t), n((2, 3), t), n((2, 3), t)], i32(2)], [[n((), t), n((), t), n((), t)], i32(0)],
                  [[n((2, 3), t), n((2, 3), t), n((2, 3), t)], I(0, 0)], label=name)
        family.op("ConcatV2", [[n((2, 3), t), n((4, 3), t)], i64(0)], label=f"{name} int64")
        family.op("Concat", [i32(0), [n((2, 3), t), n((4, 3), t)]], [i32(1), [n((2, 3), t), n((2, 1), t)]], label=name)
        for axis in (0, 1, -1):
            family.op("Pack", [[n((2, 3), t)] * 3], [[n((0, 2), t)] * 3], [[n((2, 3), t), n((2, 3), t), n((3, 2), t)]],
                      [[n((), t)] * 3], axis=axis, label=name)
            family.op("Unpack", [n((2, 2), t)], [n((2, 2, 3), t)], [n((2, 2, 0), t)], [n((3, 3), t)], num=2, axis=axis, label=name)
        family.op("Unpack", [n((2, 2), t)], [n((2,), t)], [n((), t)], num=2, axis=2, label=name)
        family.op("Fill", [I(2, 3), one], [I(), one], [I(0, 2), one], [I(-1), one], [np.array([[1]], i32), one], [I(2), np.array([one, one], object if t is object else t)],
                  label=name)
        family.op("Fill", [L(2, 3), one], label=f"{name} int64")
        perms = [((2, 3), (1, 0)), ((2, 3, 4), (2, 0, 1)), ((2, 3, 4), (0, 2, 1)), ((2, 3, 4), (1, 0, 2)), ((2, 3, 4, 2), (0, 3, 1, 2)),
                 ((2, 3, 2, 2, 3), (4, 1, 0, 3, 2)), ((5,), (0,)), ((), ()), ((0, 3), (1, 0)), ((1, 3, 1), (2, 1, 0)), ((17, 35), (1, 0))]
        family.op("Transpose", *([n(s, t), I(*p)] for s, p in perms), [n((2, 3), t), I(0, 0)], [n((2, 3), t), I(0)],
                  [n((2, 3), t), I(0, 2)], [n((2, 3), t), np.array([[0, 1]], i32)], [n((2, 3), t), I(-1, 0)])
        family.op("Transpose", [n((2, 3), t), L(1, 0)], label=f"{name} int64")
        family.op("ConjugateTranspose", [n((2, 3), t), I(1, 0)])
        family.op("Tile", [n((2, 3), t), I(2, 1)], [n((2, 3), t), I(1, 3)], [n((2, 3), t), I(2, 2)], [n((3,), t), I(0)], [n((), t), I()],
                  [n((2, 1, 3), t), I(1, 4, 2)], [n((0, 3), t), I(2, 2)], [n((2, 3), t), I(1)], [n((2, 3), t), I(-1, 1)],
                  [n((2, 3), t), np.array([[1, 2]], i32)])
        family.op("Tile", [n((3,), t), L(2)], label=f"{name} int64")
        family.op("BroadcastTo", [n((3,), t), I(2, 3)], [n((2, 1), t), I(2, 3)], [n((), t), I(2, 2)], [n((1,), t), I(0)], [n((2, 1, 3), t), I(4, 2, 2, 3)],
                  [n((3,), t), I(2, 4)], [n((2, 3), t), I(3)], [n((3,), t), I(-1, 3)], [n((2, 3), t), I(2, 3)])
        family.op("BroadcastTo", [n((3,), t), L(2, 3)], label=f"{name} int64")
        family.op("Slice", [n((5,), t), I(1), I(3)], [n((3, 4), t), I(1, 0), I(2, 4)], [n((3, 4), t), I(0, 1), I(-1, 2)], [n((3, 4), t), I(0, 0), I(3, 4)],
                  [n((2, 3, 4), t), I(0, 1, 2), I(2, 1, 2)], [n((3, 4), t), I(1, 1), I(0, 3)], [n((), t), I(), I()],
                  [n((5,), t), I(3), I(3)], [n((5,), t), I(-1), I(3)], [n((5,), t), I(1), I(-2)], [n((5,), t), I(1, 0), I(3, 1)],
                  [n((5,), t), np.array([[1]], i32), I(3)], [n((5,), t), I(6), I(-1)])
        family.op("Slice", [n((5,), t), L(1), L(3)], label=f"{name} int64")
        strided(family, t, name)
        off = n((2,), t)[1] if t is object else t(0)
        on = one if t is object else t(1)
        pad = np.array([[1, 2], [0, 3]], i32)
        family.op("Pad", [n((2, 3), t), pad], [n((3,), t), I(2, 1).reshape(1, 2)], [n((), t), np.zeros((0, 2), i32)], [n((0, 3), t), pad],
                  [n((2, 3), t), np.zeros((2, 2), i32)], [n((1, 2, 1, 2), t), np.array([[0, 1], [1, 0], [2, 2], [0, 0]], i32)],
                  [n((2, 3), t), pad[:1]], [n((2, 3), t), -pad], [n((2, 3), t), I(1, 2)], [n((2, 3), t), np.zeros((2, 3), i32)])
        family.op("Pad", [n((2, 3), t), pad.astype(i64)], label=f"{name} int64")
        family.op("PadV2", [n((2, 3), t), pad, one], [n((0, 3), t), pad, one], [n((2, 3), t), pad, np.array([one], t)], [n((2, 3), t), pad[:1], one])
        for mode in ("REFLECT", "SYMMETRIC"):
            family.op("MirrorPad", [n((3, 4), t), np.array([[1, 2], [0, 3]], i32)], [n((5,), t), I(2, 1).reshape(1, 2)],
                      [n((2, 2), t), np.array([[0, 5], [0, 0]], i32)], mode=mode)
        family.op("OneHot", [I(0, 2, -1, 1, 9), i32(3), on, off], [i32(1), i32(3), on, off], [np.array([[0, 1], [2, 0]], i32), i32(3), on, off],
                  [I(0, 1), i32(0), on, off], [I(0, 1), i32(-1), on, off], [I(0, 1), I(2, 3), on, off], [I(), i32(3), on, off],
                  axis=-1, label=f"int32 {name}")
        family.op("OneHot", [np.array([[0, 1], [2, 0]], i64), i32(3), on, off], [np.array([0, 2], i64), i32(3), on, off], axis=0, label=f"int64 {name}")
        family.op("OneHot", [np.array([[0, 1], [2, 0]], u8), i32(3), on, off], axis=1, label=f"uint8 {name}")
        family.op("ReverseV2", [n((5,), t), I(0)], [n((3, 4), t), I(0)], [n((3, 4), t), I(1, 0)], [n((2, 3, 4), t), I(-1)], [n((3,), t), I()],
                  [n((), t), I()], [n((0, 2), t), I(0)], [n((3, 4), t), I(2)], [n((3, 4), t), I(0, 0)], [n((3, 4), t), I(-3)])
        family.op("ReverseV2", [n((5,), t), L(0)], label=f"{name} int64")
        family.op("Reverse", [n((3, 4), t), np.array([True, False])], [n((3, 4), t), np.array([True])])
        for ids in INTS:
            family.op("GatherV2", [n((5,), t), np.array([4, 0, 0], ids), i32(0)], [n((5, 3), t), np.array([[1, 2]], ids), i32(0)],
                      [n((2, 5), t), np.array([3, 1], ids), i32(1)], [n((2, 5, 3), t), np.array([3, 1], ids), i32(-2)], [n((5, 3), t), ids(2), i32(0)],
                      [n((5, 0), t), np.array([1], ids), i32(0)], [n((5, 3), t), np.zeros((0,), ids), i32(0)],
                      [n((5,), t), np.array([5], ids), i32(0)], [n((5,), t), np.array([-1], ids), i32(0)], [n((), t), ids(0), i32(0)],
                      [n((5,), t), np.array([0], ids), i32(1)], [n((0,), t), np.array([0], ids), i32(0)], [n((5,), t), np.array([0], ids), I(0, 0)],
                      batch_dims=0, label=f"{name} {ids.__name__}")
            family.op("Gather", [n((5, 2), t), np.array([4, 0], ids)], [n((5, 2), t), np.array([5], ids)], label=f"{name} {ids.__name__}")
            family.op("GatherNd", [n((3, 4), t), np.array([[0, 1], [2, 3]], ids)], [n((3, 4), t), np.array([[1], [2]], ids)], [n((3, 4), t), np.array([1, 2], ids)],
                      [n((3, 4), t), np.zeros((2, 0), ids)], [n((2, 3, 4), t), np.array([[[0, 1]], [[1, 2]]], ids)], [n((3, 4), t), np.zeros((0, 2), ids)],
                      [n((3, 4), t), np.array([[0, 4]], ids)], [n((3, 4), t), np.array([[0, -1]], ids)], [n((3,), t), np.array([[0, 1]], ids)],
                      [n((3, 4), t), ids(1)], [n((), t), np.zeros((1,), ids)], label=f"{name} {ids.__name__}")
        family.op("GatherV2", [n((2, 5), t), np.array([[3, 1], [0, 2]], i32), i32(1)], [n((2, 5, 3), t), np.array([[3], [0]], i32), i32(1)],
                  [n((2, 5), t), np.array([[3, 1]], i32), i32(1)], batch_dims=1, label=f"{name}")
        family.op("Split", [i32(0), n((6, 2), t)], [i32(1), n((2, 3), t)], [i32(-1), n((2, 6), t)], [i32(0), n((0, 2), t)], [i32(0), n((4, 2), t)], [i32(2), n((6, 2), t)],
                  [i32(1), n((2, 3, 2), t)], [I(0), n((3,), t)], [I(0, 1), n((3,), t)], num_split=3, label=name)
        family.op("SplitV", [n((6, 2), t), I(1, 2, 3), i32(0)], [n((2, 6), t), I(1, -1, 3), i32(1)], [n((6,), t), I(0, 6, 0), i32(0)],
                  [n((6, 2), t), I(1, 2, 4), i32(0)], [n((6, 2), t), I(-1, -1, 3), i32(0)], [n((6, 2), t), I(1, 2), i32(0)], [n((6, 2), t), I(1, 2, 3), i32(2)],
                  num_split=3)
        family.op("Where", [n((7,), bool)], [n((3, 4), bool)], [np.array(True)], [np.array(False)], [np.zeros((0,), bool)], [n((2, 3, 2), bool)], [np.zeros((3,), bool)]) if t is bool else None
        if t in NUMBERS:
            family.op("Where", [np.array([[0, 1], [2, 0]], t)])
        if t is not bool:
            x = np.array([3, 1, 3, 2, 1, 7], t) if t is not object else S(["c", "a", "c", "b", "a", "z"])
            y = np.array([1, 9], t) if t is not object else S(["a", "q"])
            for out in INTS:
                family.op("Unique", [x], [x[:0]], [x.reshape(2, 3)], out_idx=out)
                family.op("UniqueWithCounts", [x], [x[:0]], out_idx=out)
                family.op("ListDiff", [x, y], [x, y[:0]], [x[:0], y], [x.reshape(2, 3), y], out_idx=out)
        family.op("DynamicPartition", [n((6,), t), I(0, 2, 1, 0, 2, 2)], [n((3, 2), t), I(1, 1, 0)], [n((2, 2), t), np.array([[0, 1], [1, 0]], i32)],
                  [n((0, 2), t), I()], [n((2,), t), I(0, 3)], [n((2,), t), I(0, -1)], [n((2,), t), I(0)], [n((), t), i32(1)], num_partitions=3)
        family.op("DynamicStitch", [[I(0, 2), I(1, 3)], [n((2, 2), t), n((2, 2), t)]], [[i32(0), I(2, 1)], [n((2,), t), n((2, 2), t)]],
                  [[I(0, 1), I(1, 0)], [n((2,), t), n((2,), t)]], [[I(), I()], [n((0, 2), t), n((0, 2), t)]],
                  [[I(0, -1), I(1, 3)], [n((2, 2), t), n((2, 2), t)]], [[I(0), I(1)], [n((2, 2), t), n((2, 2), t)]],
                  [[I(0), I(1)], [n((1, 2), t), n((1, 3), t)]], label=name)
        family.op("ParallelDynamicStitch", [[I(0, 2), I(1, 3)], [n((2, 2), t), n((2, 2), t)]], label=name)
        if t is object:
            dims = I(4, 3)
            family.op("ScatterNd", [np.array([[1], [3], [1]], i32), n((3, 3), t), dims], [np.array([[1, 2], [0, 0]], i32), n((2,), t), dims], [np.array([[4]], i32), n((1, 3), t), dims])
            family.op("TensorScatterUpdate", [n((4, 3), t), np.array([[1], [3], [1]], i32), n((3, 3), t)], [n((4, 3), t), np.array([[4]], i32), n((1, 3), t)])
            family.op("SpaceToDepth", [n((1, 2, 2, 1), t)], block_size=2)
            family.op("DepthToSpace", [n((1, 1, 1, 4), t)], block_size=2)
            family.op("ReverseSequence", [n((2, 3), t), np.array([2, 3], i64)], seq_dim=1, batch_dim=0)
        else:
            for ids in INTS:
                dims = np.array([4, 3], ids)
                family.op("ScatterNd", [np.array([[1], [3]], ids), n((2, 3), t), dims], [np.array([[1, 2], [0, 0]], ids), n((2,), t), dims],
                          [np.zeros((0, 1), ids), n((0, 3), t), dims], [np.array([[4]], ids), n((1, 3), t), dims], [np.array([[1]], ids), n((1, 2), t), dims],
                          [np.array([[1, 1, 1]], ids), n((1,), t), dims], [np.array([[0]], ids), n((1, 3), t), np.array([-1, 3], ids)],
                          *([] if t is bool else [[np.array([[1], [1]], ids), n((2, 3), t), dims]]), label=f"{name} {ids.__name__}")
                if t is not bool:
                    family.op("TensorScatterUpdate", [n((4, 3), t), np.array([[1], [3]], ids), n((2, 3), t)], [n((4, 3), t), np.array([[1, 2]], ids), n((1,), t)],
                              [n((4, 3), t), np.array([[4]], ids), n((1, 3), t)], [n((4, 3), t), np.array([[1]], ids), n((1, 2), t)], label=f"{name} {ids.__name__}")
                    family.op("TensorScatterAdd", [n((4, 3), t), np.array([[1], [3], [1]], ids), n((3, 3), t)], label=f"{name} {ids.__name__}")
        for ids in INTS:
            dense = n((), t)
            family.op("SparseToDense", [np.array([1, 3], ids), np.array([5], ids), n((2,), t), dense], [np.array([[0, 1], [2, 2]], ids), np.array([3, 3], ids), n((), t), dense],
                      [ids(2), np.array([5], ids), n((), t), dense], [np.array([3, 1], ids), np.array([5], ids), n((2,), t), dense],
                      [np.array([1, 7], ids), np.array([5], ids), n((2,), t), dense], [np.array([1, 1], ids), np.array([5], ids), n((2,), t), dense],
                      [np.array([1, 3], ids), np.array([5], ids), n((3,), t), dense], validate_indices=True, label=f"{name} {ids.__name__}")
        bands = [((4, 4), 1, 0), ((3, 5), 0, 2), ((2, 3, 4), -1, 1), ((4, 2), -1, -1), ((0, 3), 0, 0), ((3, 3), 0, 0)]
        if t is not object:
            family.op("MatrixBandPart", *([n(s, t), i64(a), i64(b)] for s, a, b in bands), [n((3, 3), t), i64(4), i64(0)], [n((3,), t), i64(0), i64(0)],
                      [n((3, 3), t), L(1, 2), i64(0)])
            family.op("MatrixBandPart", [n((4, 4), t), i32(1), i32(1)], label=f"{name} int32")
            family.op("Diag", [n((3,), t)], [n((2, 2), t)], [n((), t)]) if t is not bool else None
            family.op("DiagPart", [n((3, 3), t)], [n((2, 3, 2, 3), t)], [n((3, 2), t)], [n((3,), t)]) if t is not bool else None
            zero = n((), t)
            for align in ("RIGHT_LEFT", "LEFT_RIGHT"):
                family.op("MatrixDiagV3", [n((3,), t), i32(0), i32(-1), i32(-1), zero], [n((2, 3), t), i32(0), i32(-1), i32(-1), zero], [n((3,), t), i32(1), i32(-1), i32(-1), zero],
                          [n((2, 3), t), I(-1, 0), i32(-1), i32(-1), zero], [n((3, 3), t), I(-1, 1), i32(3), i32(4), zero], [n((3,), t), i32(0), i32(4), i32(3), zero],
                          [n((3, 3), t), I(1, -1), i32(3), i32(4), zero], [n((3,), t), i32(0), i32(2), i32(3), zero], [n((), t), i32(0), i32(-1), i32(-1), zero], align=align)
                family.op("MatrixDiagPartV3", [n((3, 4), t), i32(0), zero], [n((2, 3, 4), t), i32(1), zero], [n((3, 4), t), I(-1, 1), zero], [n((4, 3), t), I(-2, 0), zero],
                          [n((3, 4), t), I(1, -1), zero], [n((3, 4), t), i32(4), zero], [n((3,), t), i32(0), zero], align=align)
                family.op("MatrixSetDiagV3", [n((3, 4), t), n((3,), t), i32(0)], [n((2, 3, 4), t), n((2, 3), t), i32(1)], [n((3, 4), t), n((3, 3), t), I(-1, 1)],
                          [n((3, 4), t), n((2,), t), i32(0)], [n((3,), t), n((3,), t), i32(0)], [n((3, 4), t), n((3,), t), i32(9)], align=align)
            family.op("MatrixDiag", [n((3,), t)], [n((2, 3), t)])
            family.op("MatrixDiagPart", [n((3, 3), t)], [n((2, 3, 4), t)])
            family.op("MatrixSetDiag", [n((3, 4), t), n((3,), t)])
        crops = np.array([[0, 0], [0, 1]], i32)
        if t not in (object, bool):
            family.op("BatchToSpaceND", [n((4, 2, 2, 1), t), I(2, 2), np.zeros((2, 2), i32)], [n((4, 2, 2, 1), t), I(2, 2), crops], [n((3, 2, 2, 1), t), I(2, 2), crops],
                      [n((4, 2, 2, 1), t), I(0, 2), crops], [n((4, 2, 2, 1), t), I(2, 2), np.array([[4, 4], [0, 0]], i32)])
            family.op("SpaceToBatchND", [n((1, 4, 4, 1), t), I(2, 2), np.zeros((2, 2), i32)], [n((2, 4, 3, 2), t), I(2, 2), crops], [n((1, 5, 4, 1), t), I(2, 2), crops],
                      [n((1, 4, 4, 1), t), I(0, 2), crops], [n((1, 6), t), I(3), np.zeros((1, 2), i32)])
        family.op("IdentityN", [[n((2,), t), n((3,), f32)]], label=name)
        family.op("PlaceholderWithDefault", [n((2,), t)], shape=[2])
        family.op("InvertPermutation", [np.array([2, 0, 1], t)], [np.zeros((0,), t)], [np.array([0, 0], t)], [np.array([0, 2], t)], [np.array([[0]], t)]) if t in INTS else None
        if t in NUMBERS:
            family.op("Range", [t(0), t(5), t(1)], [t(3), t(10), t(2)], [t(5), t(0), t(-1)], [t(0), t(0), t(1)], [t(0), t(5), t(0)], [t(5), t(0), t(1)], [t(0), t(5), t(-1)],
                      [np.array([0, 1], t), t(5), t(1)])
            if t in FLOATS:
                family.op("Range", [t(0), t(1), t(0.1)], [t(-0.5), t(2.25), t(0.3)])
                family.op("LinSpace", [t(0), t(1), i32(5)], [t(3), t(-3), i32(1)], [t(0), t(1), i32(0)], compare="rel:2e-6,abs:1e-7" if t is f32 else "rel:1e-14,abs:1e-15")
            for dtype in INTS:
                family.op("TopKV2", [np.array([3, 1, 4, 1, 5, 9, 2, 6], t), dtype(3)], [n((2, 9), t), dtype(1)], [n((2, 9), t), dtype(9)], [n((3,), t), dtype(0)],
                          [n((2, 3), t), dtype(4)], [n((3,), t), dtype(-1)], [n((), t), dtype(1)], [np.array([2, 2, 2, 2], t), dtype(2)],
                          **({"sorted": True, "Tk": dtype, "index_type": i32}), label=f"{name} {dtype.__name__}")
            family.op("InTopKV2", [n((3, 5), f32), np.array([1, 2, 4], t), t(2)], [n((3, 5), f32), np.array([1, 7, -1], t), t(2)]) if t in INTS else None
            family.op("StridedSliceGrad", [I(5), I(1), I(4), I(1), n((3,), t)], [I(3, 4), I(0, 1), I(3, 4), I(2, 2), n((2, 2), t)], [I(5), I(4), I(0), I(-2), n((2,), t)],
                      [I(5), I(1), I(4), I(1), n((2,), t)])
        if t in (bool, object):
            family.op("StridedSliceGrad", [I(3, 4), I(0, 1), I(3, 4), I(2, 2), n((2, 2), t)], [I(5), I(4), I(0), I(-2), n((2,), t)], [I(5), I(1), I(4), I(1), n((2,), t)])
    big = i64(2**60 + 1)
    family.op("Range", [big, big + 3, i64(1)], [big, -big, -big], [i64(0), big, i64(2**59)], label="beyond what numbers count")
    concat_offset(family)
    family.op("GuaranteeConst", [n((2,), f32)])
    family.op("Bitcast", [n((3,), f32)], [n((), f32)], type=i32)
    family.op("Bitcast", [n((3, 2), f32)], [n((3,), f32)], type=f64)
    family.op("Bitcast", [n((3,), f64)], type=i32)
    family.op("DepthToSpace", [n((1, 2, 3, 8))], [n((1, 2, 3, 6))], block_size=2, data_format="NHWC")
    family.op("SpaceToDepth", [n((1, 4, 6, 2))], [n((1, 3, 6, 2))], block_size=2, data_format="NHWC")
    for reverse in (I(2, 3), L(1, 0)):
        family.op("ReverseSequence", [n((2, 4, 2)), reverse], [n((3, 4)), reverse], seq_dim=1, batch_dim=0)
    for upper in INTS:
        x, v = np.array([[1, 3, 5, 7], [2, 2, 4, 8]], f32), np.array([[0, 3, 9], [2, 5, 8]], f32)
        family.op("LowerBound", [x, v], out_type=upper)
        family.op("UpperBound", [x, v], out_type=upper)
    family.op("ApproxTopK", [np.array([3, 1, 4, 1, 5, 9, 2, 6], f32)], k=3, is_max_k=True)
    for mode in ("MIN_COMBINED", "MIN_FIRST", "SCALED"):
        for t in (tf.quint8, tf.qint8, tf.qint32):
            if t == tf.qint32 and mode != "MIN_FIRST":
                continue
            x = np.array([-1.5, -1, 0, 0.3, 1, 1.9, 2, 9], f32)
            family.op("QuantizeV2", [x, f32(-1), f32(2)], [x[:2], f32(0), f32(6)], [x, f32(2), f32(-1)], T=t, mode=mode)
    family.op("BroadcastTo", [n((2, 3)), np.array([2147483647, 2147483647, 2, 3], i32)], label="float too large")


def strided(family, t, name):
    n = family.normal
    family.op("StridedSlice", [n((5,), t), I(1), I(4), I(1)], [n((5,), t), I(0), I(5), I(2)], [n((5,), t), I(4), I(0), I(-1)], [n((5,), t), I(-3), I(-1), I(1)],
              [n((3, 4), t), I(0, 1), I(2, 4), I(1, 2)], [n((3, 4), t), I(1), I(3), I(1)], [n((2, 3, 4), t), I(0, 2, 0), I(2, 0, 4), I(1, -1, 3)], [n((5,), t), I(3), I(1), I(1)],
              [n((5,), t), I(9), I(12), I(1)], [n((5,), t), I(-9), I(9), I(1)], [n((0,), t), I(0), I(0), I(1)],
              [n((5,), t), I(0), I(3), I(0)], [n((5,), t), I(0, 0), I(3, 1), I(1, 1)], [n((), t), I(0), I(1), I(1)], [n((5,), t), I(0, 1), I(3), I(1)])
    family.op("StridedSlice", [n((5,), t), I(2), I(3), I(1)], [n((3, 4), t), I(1), I(2), I(1)], [n((5,), t), I(-1), I(0), I(1)], [n((5,), t), I(7), I(8), I(1)],
              [n((5,), t), I(-6), I(0), I(1)], shrink_axis_mask=1)
    family.op("StridedSlice", [n((3, 4), t), I(9, 1), I(9, 9), I(1, 1)], begin_mask=1, end_mask=3)
    family.op("StridedSlice", [n((3, 4), t), I(1, 1), I(2, 2), I(1, 1)], shrink_axis_mask=2, new_axis_mask=1)
    family.op("StridedSlice", [n((2, 3, 4), t), I(0, 1), I(0, 2), I(1, 1)], [n((2, 4), t), I(0, 1), I(0, 2), I(1, 1)], ellipsis_mask=1, shrink_axis_mask=2)
    family.op("StridedSlice", [n((2, 3, 4), t), I(0, 0, 1), I(1, 0, 3), I(1, 1, 1)], ellipsis_mask=2, label=f"{name} middle")
    family.op("StridedSlice", [n((5,), t), I(4), I(0), I(-1)], begin_mask=1, end_mask=1)
    family.op("StridedSlice", [n((3, 4), t), I(0, 0, 0), I(0, 0, 2), I(1, 1, 1)], ellipsis_mask=3, label=f"{name} two ellipses")
    family.op("StridedSlice", [n((5,), t), L(1), L(4), L(2)], label=f"{name} int64")
    family.op("StridedSlice", [n((5,), t), I(1), I(4), I(2)], consts=(1, 2, 3), label=f"{name} const")


def concat_offset(family):
    family.op("ConcatOffset", [i32(0), [I(2, 3), I(4, 3), I(1, 3)]], [i32(1), [I(2, 3), I(2, 1), I(2, 5)]], [i32(-1), [I(2, 3), I(2, 1), I(2, 5)]],
              [i32(0), [I(2, 3), I(4, 2), I(1, 3)]], [i32(2), [I(2, 3), I(4, 3), I(1, 3)]], [i32(0), [I(2, 3), I(4), I(1, 3)]])
    rolls(family)
    for dtype in (f32, i64, object, bool):
        family.op("Empty", [I(2, 3)], [np.array([], i32)], [I(-1)], [I(0, 2)], [i32(3)], dtype=tf.string if dtype is object else dtype, init=True)
