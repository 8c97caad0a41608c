"""Matrix products.

Sums of products in float come out in another order (and with or without fused multiply-add) on every machine:
relative 4e-6 in float and 1e-14 in double, with an absolute part of the same size for sums that cancel.
"""

from .lib import FLOATS, INTS, NUMBERS, f32, i32, np


def rule(dtype):
    return {np.float32: "rel:4e-6,abs:8e-6", np.float64: "rel:1e-14,abs:2e-14"}.get(dtype, "bits")


def einsums(family):
    z = lambda *shape: family.normal(shape, f32)  # noqa: E731
    bad = [("ij,jk", [z(2, 3), z(3, 4)]), ("ij->jk->i", [z(2, 3)]), ("i,j,k->ijk", [z(2)] * 3), ("i,j->ij", [z(2)]), ("i->i", [z(2), z(2)]), ("a...,b...->ab", [z(2, 3), z(2, 3)])]
    good = [
        ("ij,jk->ik", [z(2, 3), z(3, 4)], [z(2, 3), z(4, 4)], [z(2, 0), z(0, 4)], [z(2), z(3, 4)]),
        ("ij,jk->ki", [z(2, 3), z(3, 4)]), ("ji,kj->ik", [z(3, 2), z(4, 3)]), ("ij,ij->", [z(2, 3), z(2, 3)]), ("ij,ji->", [z(2, 3), z(3, 2)]), ("i,j->ij", [z(2), z(3)]), ("i,i->i", [z(2), z(2)], [z(2), z(1)]),
        ("abc,abd->acd", [z(2, 3, 4), z(2, 3, 5)]), ("abij,acjk->abcik", [z(2, 3, 2, 2), z(2, 4, 2, 3)]), ("bhqd,bhkd->bhqk", [z(2, 2, 3, 4), z(2, 2, 5, 4)]), ("ab,cd->", [z(2, 3), z(2, 2)]), ("abc,ad->bd", [z(2, 3, 4), z(2, 5)]),
        ("ii->i", [z(3, 3)], [z(2, 3)]), ("ii->", [z(3, 3)]), ("i->ii", [z(3)]), ("iij->ji", [z(2, 2, 3)]), ("iji,jj->ij", [z(2, 3, 2), z(3, 3)]), ("i->iii", [z(2)]), ("ijk->kji", [z(2, 3, 4)]), ("ij->", [z(2, 3)]), ("ijk->j", [z(2, 3, 4)], [z(0, 3, 4)]),
        ("->", [z()]), (",->", [z(), z()]), (",ij->ij", [z(), z(2, 3)]), ("i1->i", [z(2, 3)]), ("i j->j i", [z(2, 3, 3)], [z(2, 3)]), ("i->ij", [z(2)]),
        ("i...->...i", [z(2, 3)], [z(2, 3, 4)], [z(2)], [z()]), ("...ij,jk->...ik", [z(5, 2, 3), z(3, 4)], [z(2, 3), z(3, 4)]), ("...ij,...jk->...ik", [z(5, 1, 2, 3), z(4, 3, 2)], [z(5, 2, 3), z(4, 3, 2)], [z(2, 3), z(4, 3, 2)], [z(2), z(3, 4)]),
        ("...i,...i->...", [z(2, 3), z(4, 3)], [z(2, 3), z(3)]), ("...->", [z()], [z(2)]), ("...,...->...", [z(2, 1), z(3)], [z(2, 3), z(3, 3)]), ("a...a->...a", [z(3, 2, 3)]), ("ij...,jk->ik...", [z(2, 3, 4), z(3, 5)]),
    ]
    for equation, *steps in good + [(equation, inputs) for equation, inputs in bad]:
        family.op("Einsum", *[[step] for step in steps], equation=equation, compare=rule(f32), label="")
    for dtype in NUMBERS[1:]:
        n = lambda *shape: family.normal(shape, dtype)  # noqa: E731,B023
        family.op("Einsum", [[n(2, 3, 4), n(4, 3)]], equation="abc,cd->dab", compare=rule(dtype), label=dtype.__name__)
        family.op("Einsum", [[n(2, 3, 4)]], equation="abc->ca", compare=rule(dtype), label=dtype.__name__)


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
    einsums(family)
