"""Cast between dtypes: bit by bit.

C++ leaves float to integer beyond the range undefined, and what TensorFlow gives then is what the processor does, so
those values aren't among the inputs; integers wrap. Bitcast and saturating casts live elsewhere.
"""

from .lib import f16, f32, f64, i32, i64, np, u8

TYPES = (f32, f64, i32, i64, bool, u8, f16, np.int8, np.int16, np.uint16, np.uint32, np.uint64)


def values(src, dst):
    if src is bool:
        return np.array([True, False, True])
    if np.issubdtype(src, np.integer):
        info = np.iinfo(src)
        wanted = [0, 1, -1, 7, 100, -100, 127, 128, 255, 256, 32768, 65535, 65536, 16777217, 2**31 - 1, -(2**31), 2**31, 2**40 + 1, 2**53 + 1, info.max, info.min]
        return np.array([v for v in wanted if info.min <= v <= info.max], src)
    wanted = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, 0.99, 99.9, -99.9, 100.25, 3.0]
    if dst is bool or dst in (f32, f64, f16):
        wanted += [np.inf, -np.inf, np.nan, 1e-3, 65504.0, 0.1]
        if src is not f16:
            wanted += [1e10, -1e10, 1e20, 65520.0, 65519.0, 16777217.0]
    elif dst in (np.uint8, np.uint16, np.uint32, np.uint64):
        wanted = [v for v in wanted if v >= 0]
    return np.array(wanted, src)


def cases(family):
    for src in TYPES:
        for dst in TYPES:
            x = values(src, dst)
            runs = [[x], [x[:1].reshape(())], [x[:0]], [np.resize(x, (3, 7))]]
            for truncate in (False, True):
                if truncate and not (src in (f32, f64) and dst in (f32, f16)):
                    continue
                family.op("Cast", *runs, SrcT=src, DstT=dst, Truncate=truncate, label="")
