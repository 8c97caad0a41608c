"""Reductions, scans, arg-extremes.

Exact for integers, Max, Min, All, Any. Sums, means and products of float are added in another order by every
vectorised loop, so they are compared relatively: n additions of values of one sign differ by at most n/2 units, and
inputs that cancel get an absolute bound of 1e-6 times their size.
"""

from .lib import FLOATS, INTS, NUMBERS, f16, f32, f64, i32, i64, np, specials, u8

AXES = [((5,), [0]), ((3, 4), [0]), ((3, 4), [1]), ((3, 4), [0, 1]), ((2, 3, 4), [1]), ((2, 3, 4), [0, 2]),
        ((2, 3, 4), [-1]), ((2, 3, 4), []), ((), []), ((0,), [0]), ((2, 0, 3), [1]), ((2, 0, 3), [0]), ((2, 3, 4), [2, 0, 1]),
        ((7, 67), [1]), ((67, 7), [0]), ((2, 3, 2, 3, 2), [1, 3]), ((1, 1), [0])]
BAD = [((3, 4), [2]), ((3, 4), [-3]), ((3, 4), [0, 0]), ((3,), [[0]])]


def rule(dtype, scale=1):
    if np.issubdtype(dtype, np.integer):
        return "bits"
    return f"rel:{scale * 2e-6},abs:2e-6" if dtype is f32 else f"rel:{scale * 4e-15},abs:4e-15"


def cases(family):
    for op in ("Sum", "Prod", "Mean", "Max", "Min"):
        for dtype in NUMBERS + ((u8,) if op in ("Sum", "Max", "Min") else ()):
            for keep in (False, True):
                runs = []
                for shape, axes in AXES + (BAD if dtype in (f32, i32) else []):
                    if op == "Prod":
                        x = family.uniform(shape, 0.5, 1.6, dtype) if dtype in FLOATS else family.normal(shape, dtype)
                    else:
                        x = family.normal(shape, dtype)
                    if op == "Mean" and dtype in INTS and x.size == 0:
                        continue
                    runs.append([x, np.array(axes, i32)])
                runs.append([np.float64(3).astype(dtype), i32(0)])
                runs.append([family.normal((3, 4), dtype), i32(1)])
                exact = op in ("Max", "Min")
                family.op(op, *runs, keep_dims=keep, compare="bits" if exact else rule(dtype))
            family.op(op, [family.normal((3, 4), dtype), np.array([1], i64)], [family.normal((3, 4), dtype), i64(0)],
                      compare="bits" if op in ("Max", "Min") else rule(dtype), label=f"{dtype.__name__} int64 axis")
            family.op(op, [family.normal((3, 4), dtype), np.array([1], i32)], consts=(1,),
                      compare="bits" if op in ("Max", "Min") else rule(dtype), label=f"{dtype.__name__} const axis")
    big = specials(i32)
    family.op("Sum", [big, i32(0)], label="int32 wraps")
    family.op("Prod", [big[big != 0], i32(0)], label="int32 wraps")
    family.op("Sum", [specials(i64), i32(0)], label="int64 wraps")
    for op in ("Sum", "Prod", "Mean", "Max", "Min"):
        family.op(op, [np.array([1, np.inf, 2], f32), i32(0)], [np.array([np.inf, -np.inf], f32), i32(0)],
                  [np.array([-np.inf, 3], f32), i32(0)], label="float infinite", compare="rel:2e-6")
    for op in ("Sum", "Mean", "Prod"):
        family.op(op, [np.array([1, np.nan, 2], f32), i32(0)], label="float nan", compare="rel:2e-6")
    for op in ("All", "Any"):
        for keep in (False, True):
            family.op(op, *([family.normal(shape, bool), np.array(axes, i32)] for shape, axes in AXES + BAD), keep_dims=keep)
        family.op(op, [np.ones((3, 2), bool), np.array([0], i64)], [np.zeros((2,), bool), i64(0)], label="int64 axis")
    for dtype in FLOATS:
        family.op("EuclideanNorm", *([family.normal(shape, dtype), np.array(axes, i32)] for shape, axes in AXES),
                  compare=rule(dtype))
    for op in ("ArgMax", "ArgMin"):
        for dtype in NUMBERS + (u8, bool):
            for out in INTS:
                if dtype not in (f32, i32) and out is i32:
                    continue
                runs = [[family.normal(s, dtype), i32(a)] for s, a in
                        [((5,), 0), ((3, 4), 0), ((3, 4), 1), ((3, 4), -1), ((2, 3, 4), 1), ((67,), 0), ((2, 70), 1),
                         ((2, 2, 3, 2), 2), ((2, 0, 3), 0)]]
                runs.append([np.zeros((4,), dtype), i32(0)])
                if dtype in (f32, i32):
                    runs += [[family.normal((3, 4), dtype), i32(2)], [family.normal((3, 4), dtype), i32(-3)],
                             [np.zeros((2, 0), dtype), i32(1)], [family.normal((3,), dtype), np.array([0, 0], i32)],
                             [dtype(3), i32(0)]]
                family.op(op, *runs, output_type=out)
    for op in ("Cumsum", "Cumprod"):
        for dtype in NUMBERS:
            for exclusive in (False, True):
                for reverse in (False, True):
                    runs = [[family.uniform(s, 0.5, 1.5, dtype) if dtype in FLOATS else family.normal(s, dtype), i32(a)]
                            for s, a in [((5,), 0), ((3, 4), 0), ((3, 4), 1), ((2, 3, 4), -2), ((0,), 0), ((2, 0), 0), ((33,), 0)]]
                    if not exclusive and not reverse:
                        runs += [[family.normal((3, 4), dtype), i32(2)], [family.normal((3, 4), dtype), i32(-3)],
                                 [family.normal((3,), dtype), np.array([0], i32)], [dtype(2), i32(0)]]
                    family.op(op, *runs, exclusive=exclusive, reverse=reverse, compare=rule(dtype))
    family.op("Cumsum", [family.normal((3, 4)), i64(1)], label="float int64 axis", compare=rule(f32))
    for dtype in FLOATS:
        r = rule(dtype, 2)
        for op in ("Softmax", "LogSoftmax"):
            family.op(op, [family.normal((3, 5), dtype)], [family.normal((7,), dtype)], [family.normal((2, 3, 9), dtype)],
                      [family.normal((4, 67), dtype, 5)], [family.normal((0, 3), dtype)], [np.array([[1000, 0, -1000]], dtype)],
                      [dtype(3)], compare=r)
        family.op("L2Loss", [family.normal((3, 5), dtype)], [family.normal((100,), dtype)], [dtype(3)],
                  [np.zeros((0,), dtype)], compare=r)
    for dtype in NUMBERS:
        for op in ("SegmentSum", "SegmentMean", "SegmentProd", "SegmentMax", "SegmentMin"):
            for ids in INTS:
                data = family.uniform((6, 3), 0.5, 2, dtype) if dtype in FLOATS else family.normal((6, 3), dtype)
                if op == "SegmentMean" and dtype in INTS:
                    data = np.abs(data)
                family.op(op, [data, np.array([0, 0, 1, 1, 1, 3], ids)], [data[:, 0].copy(), np.array([0, 1, 2, 3, 4, 5], ids)],
                          [data[:0], np.zeros((0,), ids)], [data, np.array([0, 1], ids)],
                          [data, np.array([0, 0, 1, 0, 1, 3], ids)], [data, np.array([-1, 0, 1, 1, 1, 3], ids)],
                          [data, np.array([[0]], ids)], [dtype(1), ids(0)],
                          compare=rule(dtype), label=f"{dtype.__name__} {ids.__name__}")
        for op in ("UnsortedSegmentSum", "UnsortedSegmentMax", "UnsortedSegmentMin", "UnsortedSegmentProd"):
            for ids in INTS:
                data = family.uniform((6, 3), 0.5, 2, dtype) if dtype in FLOATS else family.normal((6, 3), dtype)
                family.op(op, [data, np.array([0, 3, 1, 1, 0, 3], ids), i32(5)], [data, np.array([0, -1, 1, -1, 0, 3], ids), i32(4)],
                          [data, np.zeros((6, 3), ids), i32(2)], [data[:0], np.zeros((0,), ids), i32(2)], [dtype(4), ids(1), i32(2)],
                          [data, np.array([0, 3, 1, 1, 0, 7], ids), i32(5)], [data, np.array([0, 1], ids), i32(5)],
                          [data, np.array([0, 3, 1, 1, 0, 3], ids), i32(-1)],
                          compare=rule(dtype), label=f"{dtype.__name__} {ids.__name__}")
    for op in ("SparseSegmentSum", "SparseSegmentMean", "SparseSegmentSqrtN"):
        for dtype in FLOATS:
            data = family.normal((5, 3), dtype)
            family.op(op, [data, np.array([0, 4, 1, 1], i32), np.array([0, 0, 1, 3], i32)],
                      [data, np.array([0, 9], i32), np.array([0, 1], i32)], [data, np.array([0, 1], i32), np.array([1, 0], i32)],
                      [data, np.array([0, 1, 2], i32), np.array([0, 1], i32)], compare=rule(dtype))
    for op in ("SparseSegmentSumGrad", "SparseSegmentMeanGrad", "SparseSegmentSqrtNGrad"):
        for dtype in FLOATS:
            for ids in INTS:
                grad = family.normal((3, 4), dtype)
                I = lambda *v: np.array(v, ids)  # noqa: E731
                family.op(op, [grad, I(0, 7, 3, 3, 0), I(0, 0, 1, 2, 2), i32(9)], [grad, I(0, 7, 3, 3, 0), I(0, 0, 1, 1, 1), i32(9)],
                          [grad, I(0, 7, 3, 3, 0), I(2, 0, 1, 0, 2), i32(9)], [grad[:, 0].copy(), I(1, 1), I(0, 2), i32(2)],
                          [grad, I(0), I(3), i32(9)], [grad, I(0, 1), I(-1, 0), i32(9)], [grad, I(9), I(0), i32(9)], [grad, I(-1), I(0), i32(9)],
                          [grad, I(0, 1), I(0), i32(9)], [grad, I(0), I(0), i32(0)], [grad, I(0), I(0), i32(-1)], [grad, I(0), I(0), np.array([1], i32)],
                          [grad, I(0).reshape(1, 1), I(0), i32(1)], [grad, I(0), I(0).reshape(1, 1), i32(1)], [dtype(1), I(0), I(0), i32(1)],
                          compare=rule(dtype), label=f"{dtype.__name__} {ids.__name__}")
    for dtype in INTS + FLOATS:
        for binary in (False, True):
            size = i32(6)
            ids = np.array([1, 1, 2, 5, 9, 0], i32)
            family.op("DenseBincount", [ids, size, np.zeros((0,), dtype)],
                      [ids, size, np.arange(1, 7).astype(dtype)], [np.array([[1, 1, 2], [3, 0, 0]], i32), i32(4), np.zeros((0,), dtype)],
                      [np.array([[1, 1, 2], [3, 0, 0]], i32), i32(4), np.arange(6).astype(dtype).reshape(2, 3)],
                      [np.zeros((0,), i32), size, np.zeros((0,), dtype)], [np.array([-1], i32), size, np.zeros((0,), dtype)],
                      [ids, i32(-1), np.zeros((0,), dtype)], [np.zeros((1, 1, 1), i32), size, np.zeros((0,), dtype)],
                      [ids, np.array([3], i32), np.zeros((0,), dtype)], [ids, size, np.zeros((2,), dtype)],
                      binary_output=binary, label=f"int32 {dtype.__name__}")
    family.op("DenseBincount", [np.array([1, 3, 3], i64), i64(5), np.zeros((0,), f32)], label="int64 float32")
    family.op("Bincount", [np.array([1, 3, 3], i32), i32(5), np.zeros((0,), f32)],
              [np.array([1, 3, 3], i32), i32(2), np.array([1, 2, 3], f32)], [np.array([-1], i32), i32(2), np.zeros((0,), f32)])
