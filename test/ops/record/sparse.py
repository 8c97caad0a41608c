"""Sparse tensors reshaped, put in order, multiplied, kept in maps; sets; quantized floats; pooled gradients. Products within a rounding."""

from .lib import S, f32, f64, i32, i64, np, tf, u8

v1 = tf.compat.v1
raw = tf.raw_ops
L = lambda *v: np.array(v, i64)  # noqa: E731


def kept(dtype):
    def build():
        i, v, s, h = v1.placeholder(tf.int64, None, "i"), v1.placeholder(dtype, None, "v"), v1.placeholder(tf.int64, None, "s"), v1.placeholder(tf.int64, None, "h")
        add = raw.AddManySparseToTensorsMap(sparse_indices=i, sparse_values=v, sparse_shape=s, shared_name="m", name="add")
        one = raw.AddSparseToTensorsMap(sparse_indices=i, sparse_values=v, sparse_shape=s, shared_name="m", name="one")
        take = raw.TakeManySparseFromTensorsMap(sparse_handles=h, dtype=dtype, shared_name="m", name="take")
        other = raw.TakeManySparseFromTensorsMap(sparse_handles=h, dtype=tf.int8, shared_name="m", name="other")
        values = lambda *x: S([f"s{k}" for k in x]) if dtype == tf.string else np.array(x, dtype.as_numpy_dtype)  # noqa: E731
        f = lambda indices, vals, shape: {i: np.array(indices, i64), v: vals, s: np.array(shape, i64)}  # noqa: E731
        some = f([[0, 1], [0, 2], [3, 0]], values(1, 2, 3), [4, 5])
        return [(some, [add]), (some, [one]), ({h: L(3, 0, 1)}, list(take)), ({h: L(2)}, list(take)), ({h: L(4)}, list(other)), (some, [add]), ({h: L(5, 99)}, list(take)), ({h: L(5)}, list(take)), ({h: L()}, list(take)), ({h: L([6])}, list(take)),
                (f([[0, 1]], values(1, 2), [4, 5]), [add]), (f([[0, 1]], values(1), [4]), [add]), (f([[0]], values(1), [4]), [add]), (f([[0], [2]], values(1, 4), [3]), [one]), ({h: L(6, 9)}, list(take)),
                (f([[0, 9]], values(1), [4, 5]), [add]), (f([[1, 1], [0, 1]], values(1, 2), [4, 5]), [add]), (f([[1, 1], [1, 1]], values(1, 2), [4, 5]), [add]), (f(np.zeros((0, 2)), values(), [2, 5]), [add]), ({h: L(10, 11)}, list(take)), (f([0], values(1), [4]), [one])]

    return build


def cases(family):
    none = np.zeros((0, 2), i64)
    family.op("SparseReshape", [L([0, 1], [1, 2]), L(2, 3), L(3, -1)], [L([0, 1], [1, 2]), L(2, 3), L(6)], [L([0, 1], [1, 2]), L(2, 3), L(1, 2, -1, 3)], [L([2**40 - 1, 5]), L(2**40, 6), L(-1, 2)], [none, L(2, 3), L(6, -1)], [none, L(0, 3), L(0, 7)], [none, L(0, 3), L(-1, 7)],
              [none, L(0, 3), L(-1, 0)], [none, L(2, 3), L(-1, 4)], [none, L(2, 3), L(5)], [none, L(2, 3), L(-2, 3)], [none, L(2, 3), L(-1, -1)], [none, L(2, 3), L([6])], [none, L([2, 3]), L(6)], [L(1), L(2), L(2)], [none, L(2, 3, 4), L(24)], [L([[0, 1]])[0], L(2, 3), L()], [np.zeros((1, 0), i64), L(), L(1)], label="edges")
    for values in (np.array([1, 2, 3], f32), np.array([1, 2, 3], i64), S(["a", "b", "c"]), np.array([True, False, True])):
        family.op("SparseReorder", [L([1, 2], [0, 1], [1, 0]), values, L(2, 3)], [L([0, 2], [0, 3], [1, 0]), values, L(2, 3)], [L([9, -2], [0, 1], [9, -3]), values, L(2, 3)], [none, values[:0], L(2, 3)], [L(1, 2, 3), values, L(2, 3)], [L([1, 2], [0, 1], [1, 0]), values[None], L(2, 3)], [L([1, 2], [0, 1], [1, 0]), values, L([2, 3])], label=f"edges {values.dtype}")
    for dtype in (f32, f64, i32):
        b = family.normal((3, 5), dtype)
        values = family.normal((4,), dtype)
        at = np.array([[0, 1], [1, 2], [1, 0], [0, 1]])
        for index in (i32, i64):
            rule = "bits" if dtype is i32 else "rel:1e-6,abs:1e-6" if dtype is f32 else "rel:1e-15,abs:1e-15"
            family.op("SparseTensorDenseMatMul", [at.astype(index), values, L(2, 3), b], [at[:0].astype(index), values[:0], L(2, 3), b], [at.astype(index), values, L(2, 3), b[:, :0]], [at.astype(index), values, L(2, 2), b], [np.array([[0, 3]], index), values[:1], L(2, 3), b], [np.array([[2, 0]], index), values[:1], L(2, 3), b], [np.array([[-1, 0]], index), values[:1], L(2, 3), b],
                      [at.astype(index), values[:3], L(2, 3), b], [at.astype(index), values, L(2, 3, 4), b], [at.astype(index), values, L(2, 3), b[0]], [at.astype(index), values[None], L(2, 3), b], [at[0].astype(index), values, L(2, 3), b], [at.astype(index), values, L([2, 3]), b], [np.zeros((4, 3), index), values, L(2, 3), b], label=f"{dtype.__name__} {index.__name__}", compare=rule)
        family.op("SparseTensorDenseMatMul", [at.astype(i64), values, L(2, 3), b[:2]], [np.array([[2, 0]], i64), values[:1], L(2, 3), b[:2]], [np.array([[0, 3]], i64), values[:1], L(2, 3), b[:2]], [at.astype(i64), values, L(2, 3), b], adjoint_a=True, label=dtype.__name__, compare=rule)
        family.op("SparseTensorDenseMatMul", [at.astype(i64), values, L(2, 3), np.ascontiguousarray(b.T)], [at.astype(i64), values, L(2, 3), b], adjoint_b=True, label=dtype.__name__, compare=rule)
    for dtype in (tf.float32, tf.int64, tf.string):
        family.program(f"map of sparse tensors {dtype.name}", kept(dtype))
    for dtype in (np.int8, np.int16, i32, i64, u8, np.uint16, object):
        make = (lambda x: S([[f"s{v}" for v in row] for row in x])) if dtype is object else (lambda x, t=dtype: np.array(x, t))
        a, b = make([[3, 1, 3], [5, 4, 100]]), make([[1, 9], [4, 7]])
        si, sv = L([0, 0], [0, 2], [1, 1]), b.reshape(-1)[:3]
        for operation in ("a-b", "b-a", "intersection", "union"):
            family.op("DenseToDenseSetOperation", [a, b], [a[:0], b[:0]], [a[:, :0], b], set_operation=operation)
            family.op("DenseToSparseSetOperation", [a, si, sv, L(2, 3)], [a, none, sv[:0], L(2, 0)], set_operation=operation)
            family.op("SparseToSparseSetOperation", [si, sv, L(2, 3), L([1, 0], [1, 3]), a.reshape(-1)[3:5], L(2, 4)], [none, sv[:0], L(2, 3), si, sv, L(2, 5)], set_operation=operation, label=str(np.dtype(dtype)))
        family.op("SetSize", [si, sv, L(2, 3)], [si, sv[[0, 0, 0]], L(3, 3)], [none, sv[:0], L(2, 3)], label=str(np.dtype(dtype)))
    a, b = np.arange(12, dtype=i32).reshape(2, 3, 2), np.arange(6, dtype=i32).reshape(2, 3, 1)
    family.op("DenseToDenseSetOperation", [a, b], [a, b[0]], [a, b[:1]], [a[0, 0], a[0, 0]], set_operation="UNION", label="shapes")
    family.op("DenseToDenseSetOperation", [a, b], set_operation="xor", label="unknown")
    si, sv = L([0, 0], [0, 2], [1, 1]), np.array([1, 2, 3], i32)
    family.op("SetSize", [si, sv, L(2, 2)], [si[::-1].copy(), sv, L(2, 3)], [si[[0, 0, 1]], sv, L(2, 3)], [si, sv, L(3)], [si, sv, L([2, 3])], label="wrong")
    family.op("DenseToSparseSetOperation", [a[0], si, sv, L(2, 3)], [a[0], si, sv, L(3, 2)], [a[0], si, sv, L(3, 3)], set_operation="union", label="wrong")
    x = np.array([[-3.5, -1, -0.25, 0, 0.3, 1, 2.5, 7], [0.5, 1.5, -0.5, 100, -100, 3, 1e-3, -7]], f32)
    for kind in (tf.quint8, tf.qint8, tf.quint16, tf.qint16, tf.qint32):
        for mode in ("MIN_COMBINED", "MIN_FIRST", "SCALED"):
            for extra in ({}, {"narrow_range": True, "round_mode": "HALF_TO_EVEN"}) if mode == "SCALED" else ({},):
                family.op("QuantizeV2", [x, f32(-3), f32(5)], [x, f32(0), f32(0)], [x, f32(1), f32(4)], [x, f32(-4), f32(-1)], [x[:0], f32(-1), f32(1)], [x, f32(1), f32(-1)], [x, np.zeros(2, f32), f32(1)], T=kind, mode=mode, label="", **extra)
    for mode in ("MIN_COMBINED", "SCALED"):
        family.op("QuantizeV2", [x, np.array([-3, -9], f32), np.array([5, 9], f32)], [x, f32(0), f32(1)], [x, np.zeros(3, f32), np.ones(3, f32)], [x[0], np.zeros(8, f32), np.ones(8, f32)], T=tf.qint8, mode=mode, axis=0, label="by rows")
        family.op("QuantizeV2", [x, np.linspace(-3, -1, 8).astype(f32), np.linspace(1, 9, 8).astype(f32)], [x[0], np.zeros(8, f32), np.ones(8, f32)], T=tf.quint8, mode=mode, axis=1, ensure_minimum_range=0.5, label="by columns")
    family.op("QuantizeV2", [x, np.array([-3, -9], f32), np.array([5, 9], f32)], [x[:1], np.array([-3], f32), np.array([5], f32)], T=tf.qint8, mode="MIN_FIRST", axis=0, label="by rows")
    image = np.array(np.random.RandomState(4).permutation(2 * 4 * 4 * 2), f32).reshape(2, 4, 4, 2)
    gradient = np.arange(16, dtype=f32).reshape(2, 2, 2, 2) + 0.5
    best = image.reshape(2, 2, 2, 2, 2, 2).max(axis=(2, 4))
    for batch in (False, True):
        at = np.zeros((2, 2, 2, 2), i64)
        for n, h, w, c in np.ndindex(2, 2, 2, 2):
            own = image if batch else image[n]
            at[n, h, w, c] = int(np.flatnonzero(own.reshape(-1) == best[n, h, w, c])[0])
        for dtype in (f32, f64, i32, i64, u8):
            family.op("MaxPoolGradWithArgmax", [image.astype(dtype), gradient.astype(dtype), at], [image.astype(dtype), gradient.astype(dtype)[:1], at], [image.astype(dtype), gradient.astype(dtype), at[:1]], [image.astype(dtype)[0], gradient.astype(dtype), at],
                      ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="VALID", include_batch_in_index=batch, label=dtype.__name__)
