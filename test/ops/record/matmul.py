"""Matrix products.

Sums of products in float come out in another order (and with or without fused multiply-add) on every machine:
relative 4e-6 in float and 1e-14 in double, with an absolute part of the same size for sums that cancel.
"""

from .lib import FLOATS, INTS, NUMBERS, f32, i32, np


def rule(dtype):
    return {np.float32: "rel:4e-6,abs:8e-6", np.float64: "rel:1e-14,abs:2e-14"}.get(dtype, "bits")


def cases(family):
    for dtype in NUMBERS:
        for ta in (False, True):
            for tb in (False, True):
                runs = []
                for m, k, n in [(1, 1, 1), (2, 3, 4), (5, 8, 7), (1, 9, 5), (6, 7, 1), (17, 33, 19), (0, 3, 4), (2, 0, 4), (2, 3, 0)]:
                    a = family.normal((k, m) if ta else (m, k), dtype)
                    b = family.normal((n, k) if tb else (k, n), dtype)
                    runs.append([a, b])
                a, b = family.normal((2, 3), dtype), family.normal((2, 5), dtype)
                runs += [[a, b], [a, family.normal((3,), dtype)], [family.normal((2, 2, 2), dtype), b], [a, family.normal((7, 9), dtype)]]
                family.op("MatMul", *runs, transpose_a=ta, transpose_b=tb, compare=rule(dtype))
        for op in ("BatchMatMul", "BatchMatMulV2"):
            for ax in (False, True):
                for ay in (False, True):
                    shapes = [((2,), (2,), 3, 4, 5), ((), (), 3, 4, 5), ((2, 3), (2, 3), 2, 3, 2), ((0,), (0,), 2, 2, 2), ((2,), (2,), 3, 0, 2)]
                    if op == "BatchMatMulV2":
                        shapes += [((2, 1), (3,), 3, 4, 2), ((), (2,), 3, 4, 1), ((3,), (1,), 2, 5, 3), ((3,), (2,), 2, 2, 2)]
                    runs = []
                    for ba, bb, m, k, n in shapes:
                        runs.append([family.normal(ba + ((k, m) if ax else (m, k)), dtype), family.normal(bb + ((n, k) if ay else (k, n)), dtype)])
                    runs += [[family.normal((2, 3, 4), dtype), family.normal((2, 7, 9), dtype)], [family.normal((3,), dtype), family.normal((3, 3), dtype)],
                             [family.normal((2, 3, 3), dtype), family.normal((4, 3, 3), dtype)]]
                    family.op(op, *runs, adj_x=ax, adj_y=ay, compare=rule(dtype))
    for dtype in FLOATS:
        family.op("Cross", [family.normal((4, 3), dtype), family.normal((4, 3), dtype)], [family.normal((2,), dtype), family.normal((2,), dtype)], compare=rule(dtype))
    special = np.array([[1, np.inf], [np.nan, 0]], f32)
    family.op("MatMul", [special, np.array([[1, 0], [2, 1]], f32)], label="float not finite")
    family.op("MatMul", [np.array([[2147483647, 2]], i32), np.array([[2], [3]], i32)], label="int32 wraps")
