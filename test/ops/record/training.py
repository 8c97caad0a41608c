"""Optimizers' updates, of reference and resource variables, and what Python's optimizers make of them.

Each element is a handful of multiplications, additions and a square root, where fused multiply-add may change the last
bit of each: relative 1e-6 in float (1e-15 × 10 in double), twice that after three steps of Python's optimizers.
"""

from .lib import FLOATS, f32, i32, np, tf

v1 = tf.compat.v1
raw = tf.raw_ops
# op: state variables beside var, scalars, state to begin with
DENSE = {
    "GradientDescent": ([], ["alpha"], {}),
    "Momentum": (["accum"], ["lr", "momentum"], {}),
    "KerasMomentum": (["accum"], ["lr", "momentum"], {}),
    "Adagrad": (["accum"], ["lr"], {}),
    "AdagradV2": (["accum"], ["lr", "epsilon"], {}),
    "Adadelta": (["accum", "accum_update"], ["lr", "rho", "epsilon"], {}),
    "RMSProp": (["ms", "mom"], ["lr", "rho", "momentum", "epsilon"], {}),
    "CenteredRMSProp": (["mg", "ms", "mom"], ["lr", "rho", "momentum", "epsilon"], {}),
    "Adam": (["m", "v"], ["beta1_power", "beta2_power", "lr", "beta1", "beta2", "epsilon"], {}),
    "Ftrl": (["accum", "linear"], ["lr", "l1", "l2", "lr_power"], {}),
    "FtrlV2": (["accum", "linear"], ["lr", "l1", "l2", "l2_shrinkage", "lr_power"], {}),
    "AdamWithAmsgrad": (["m", "v", "vhat"], ["beta1_power", "beta2_power", "lr", "beta1", "beta2", "epsilon"], {}),
    "AdaMax": (["m", "v"], ["beta1_power", "lr", "beta1", "beta2", "epsilon"], {}),
    "AddSign": (["m"], ["lr", "alpha", "sign_decay", "beta"], {}),
    "PowerSign": (["m"], ["lr", "logbase", "sign_decay", "beta"], {}),
    "ProximalGradientDescent": ([], ["alpha", "l1", "l2"], {}),
    "ProximalAdagrad": (["accum"], ["lr", "l1", "l2"], {}),
    "AdagradDA": (["gradient_accumulator", "gradient_squared_accumulator"], ["lr", "l1", "l2", "global_step"], {}),
}
RESOURCE_ONLY = ("KerasMomentum", "AdamWithAmsgrad")
DECAYING = ("Momentum", "KerasMomentum", "Adadelta", "RMSProp", "CenteredRMSProp", "Adam", "AdamWithAmsgrad", "AdaMax", "AddSign", "PowerSign")
SPARSE = ("Momentum", "KerasMomentum", "Adagrad", "AdagradV2", "Adadelta", "RMSProp", "CenteredRMSProp", "Ftrl", "FtrlV2", "ProximalGradientDescent", "ProximalAdagrad", "AdagradDA")
VALUES = {"alpha": 0.1, "lr": 0.05, "momentum": 0.9, "rho": 0.9, "epsilon": 1e-3, "beta1_power": 0.9, "beta2_power": 0.999, "beta1": 0.9, "beta2": 0.999, "l1": 0.01, "l2": 0.02, "lr_power": -0.5, "l2_shrinkage": 0.03, "sign_decay": 0.7, "beta": 0.8, "logbase": 0.9, "global_step": 3}
START = {"accum": 0.1, "ms": 1.0, "mg": 0.1, "mom": 0.2, "v": 0.5, "m": -0.1, "accum_update": 0.3, "linear": 0.0, "vhat": 0.6, "gradient_accumulator": 0.2, "gradient_squared_accumulator": 0.1}
GRAD_NAME = {"GradientDescent": "delta", "ProximalGradientDescent": "delta"}
GRAD_AT = {"Ftrl": 0, "KerasMomentum": 1, "Momentum": 1}


def scalar(key, dtype):
    return v1.placeholder_with_default(tf.constant(VALUES[key], tf.int64 if key == "global_step" else dtype), None, key)


def bad_scalars(given, feeds, out):
    """Each as a vector, and each with its sign turned."""
    values = {key: np.array(VALUES[key], t.dtype.as_numpy_dtype) for key, t in given.items()}
    return [({**feeds, given[key]: v[None]}, [out]) for key, v in values.items()] + [({**feeds, given[key]: -v}, [out]) for key, v in values.items() if key in ("lr", "l1", "l2", "l2_shrinkage", "lr_power")]


def dense(name, resource, dtype, **attrs):
    np_dtype = tf.as_dtype(dtype).as_numpy_dtype
    slots, scalars, _ = DENSE[name]

    def build():
        g = v1.placeholder(dtype, None, "g")
        variables, inits, reads = {}, [], []
        start = np.linspace(-1, 1, 11).astype(np_dtype)
        for slot in ["var"] + slots:
            value = tf.constant(start if slot == "var" else np.full(11, START[slot], np_dtype))
            if resource:
                variables[slot] = raw.VarHandleOp(dtype=dtype, shape=[11], shared_name=slot, name=slot)
                inits.append(raw.AssignVariableOp(resource=variables[slot], value=value, name=f"init_{slot}"))
                reads.append(raw.ReadVariableOp(resource=variables[slot], dtype=dtype, name=f"read_{slot}"))
            else:
                variables[slot] = raw.VariableV2(shape=[11], dtype=dtype, name=slot)
                inits.append(raw.Assign(ref=variables[slot], value=value, name=f"init_{slot}").op)
                reads.append(variables[slot])
        given = {key: scalar(key, dtype) for key in scalars}
        op = getattr(raw, ("ResourceApply" if resource else "Apply") + name)
        out = op(**variables, **given, **{GRAD_NAME.get(name, "grad"): g}, **attrs, name="apply")
        one = np.sin(np.arange(11)).astype(np_dtype)
        unbounded = one.copy()
        unbounded[:9:3] = np.nan, np.inf, -np.inf
        # Of FTRL's fourth step the rounding of the first three is what is left.
        last = [] if name.startswith("Ftrl") else [({g: unbounded}, [out]), ({}, reads)]
        return [({g: one}, [out]), ({}, inits), ({g: one}, [out]), ({}, reads), ({g: one * np_dtype(-2)}, [out]), ({}, reads), ({g: one[:3]}, [out]), ({}, reads), *bad_scalars(given, {g: one}, out), ({}, reads), *last]

    return build


def decaying(name, dtype):
    """Slots that decay past the least normal number, without a gradient or with one whose square is just above it."""

    def build():
        np_dtype = tf.as_dtype(dtype).as_numpy_dtype
        least = np.finfo(np_dtype).tiny
        slots, scalars, _ = DENSE[name]
        variables = {slot: raw.VarHandleOp(dtype=dtype, shape=[11], shared_name=slot, name=slot) for slot in ["var"] + slots}
        start = np.linspace(1, 3, 11).astype(np_dtype) * least
        start[1::3] *= -1 if name in ("Momentum", "Adam") else 1
        values = {slot: np.abs(start) if slot in ("v", "vhat", "ms", "accum_update") else start for slot in variables}
        inits = [raw.AssignVariableOp(resource=variables[slot], value=tf.constant(value)) for slot, value in values.items()]
        reads = [raw.ReadVariableOp(resource=variable, dtype=dtype) for variable in variables.values()]
        g = v1.placeholder(dtype, [11], "g")
        given = {key: scalar(key, dtype) for key in scalars}
        out = getattr(raw, "ResourceApply" + name)(**variables, **given, grad=g, name="apply")
        # TensorFlow drops what Adadelta keeps of a slot where that is subnormal, though the sum isn't; ours rounds it.
        none, little = np.zeros(11, np_dtype), np.full(11, 0 if name == "Adadelta" else np.sqrt(least) * 16, np_dtype)
        return [({}, inits), *([({g: none}, [out])] * 9), ({}, reads[1:]), ({g: little}, [out]), ({}, reads[1:])]

    return build


def sparse(name, resource, indices, dtype=tf.float32):
    slots, scalars, _ = DENSE[name]

    def build():
        np_dtype = dtype.as_numpy_dtype
        g, i = v1.placeholder(dtype, None, "g"), v1.placeholder(indices, None, "i")
        variables, inits, reads = {}, [], []
        start = np.linspace(-1, 1, 10).astype(np_dtype).reshape(5, 2)
        for slot in ["var"] + slots:
            value = tf.constant(start if slot == "var" else np.full((5, 2), START[slot], np_dtype))
            if resource:
                variables[slot] = raw.VarHandleOp(dtype=dtype, shape=[5, 2], shared_name=slot, name=slot)
                inits.append(raw.AssignVariableOp(resource=variables[slot], value=value))
                reads.append(raw.ReadVariableOp(resource=variables[slot], dtype=dtype))
            else:
                variables[slot] = raw.VariableV2(shape=[5, 2], dtype=dtype, name=slot)
                inits.append(raw.Assign(ref=variables[slot], value=value).op)
                reads.append(variables[slot])
        given = {key: scalar(key, dtype) for key in scalars}
        op = getattr(raw, ("ResourceSparseApply" if resource else "SparseApply") + name)
        out = op(**variables, **given, grad=g, indices=i, name="apply")
        ids = tf.as_dtype(indices).as_numpy_dtype
        one = np.array([[1, 2], [-1, 0.5]], np_dtype)
        return [({}, inits), ({g: one, i: np.array([4, 1], ids)}, [out]), ({}, reads), ({g: one, i: np.array([2, 2], ids)}, [out]), ({}, reads), ({g: one, i: np.array([0, 5], ids)}, [out]), ({g: one, i: np.array([0], ids)}, [out]), ({}, reads),
                ({g: one[:, :1], i: np.array([0, 1], ids)}, [out]), ({g: one, i: np.array([[0, 1]], ids)}, [out]), ({g: one, i: np.array([0, -1], ids)}, [out]), ({g: one[:0], i: np.array([], ids)}, [out]), *bad_scalars(given, {g: one, i: np.array([0, 1], ids)}, out)]

    return build


def python(make, resource):
    def build():
        x = v1.placeholder(tf.float32, [None, 3], "x")
        with v1.variable_scope("", use_resource=resource):
            w = v1.get_variable("w", initializer=np.array([[0.1, -0.2], [0.3, 0.4], [-0.5, 0.6]], f32))
            b = v1.get_variable("b", initializer=np.zeros(2, f32))
        loss = tf.reduce_mean(tf.square(tf.tanh(tf.matmul(x, w) + b) - 0.5))
        train = make().minimize(loss)
        init = v1.global_variables_initializer()
        data = np.array([[1, 2, 3], [0.5, -1, 0]], f32)
        return [({}, [init]), *([({x: data}, [train]), ({x: data}, [loss, w, b])] * 3)]

    return build


def cases(family):
    for dtype in (tf.float32, tf.float64):
        rule = "rel:1e-6,abs:1e-7" if dtype == tf.float32 else "rel:1e-14,abs:1e-15"
        for name, (slots, _, _) in DENSE.items():
            variants = [{}]
            if name in ("Momentum", "KerasMomentum", "Adam"):
                variants.append({"use_nesterov": True})
            for attrs in variants:
                label = "".join(f" {k}" for k in attrs)
                family.program(f"ResourceApply{name} {dtype.name}{label}", dense(name, True, dtype, **attrs), compare=rule)
                if name not in RESOURCE_ONLY:
                    family.program(f"Apply{name} {dtype.name}{label}", dense(name, False, dtype, **attrs), compare=rule)
        for name in DECAYING:
            # Nothing absolute: it is about what is 0 and what isn't.
            family.program(f"ResourceApply{name} {dtype.name} decaying", decaying(name, dtype), compare="rel:2e-6" if dtype == tf.float32 else "rel:1e-14")
    for name in SPARSE:
        for indices, dtype in ((tf.int32, tf.float32), (tf.int64, tf.float32), (tf.int64, tf.float64)):
            rule = "rel:1e-6,abs:1e-7" if dtype == tf.float32 else "rel:1e-14,abs:1e-15"
            label = f"{indices.name} {dtype.name}"
            family.program(f"ResourceSparseApply{name} {label}", sparse(name, True, indices, dtype), compare=rule)
            if name not in RESOURCE_ONLY:
                family.program(f"SparseApply{name} {label}", sparse(name, False, indices, dtype), compare=rule)
    optimizers = {
        "GradientDescent": lambda: v1.train.GradientDescentOptimizer(0.3),
        "Momentum": lambda: v1.train.MomentumOptimizer(0.1, 0.9),
        "Nesterov": lambda: v1.train.MomentumOptimizer(0.1, 0.9, use_nesterov=True),
        "Adam": lambda: v1.train.AdamOptimizer(0.01),
        "RMSProp": lambda: v1.train.RMSPropOptimizer(0.01, momentum=0.5),
        "Adagrad": lambda: v1.train.AdagradOptimizer(0.1),
        "Adadelta": lambda: v1.train.AdadeltaOptimizer(0.5),
        "Ftrl": lambda: v1.train.FtrlOptimizer(0.1, l1_regularization_strength=0.01),
    }
    for name, make in optimizers.items():
        for resource in (False, True):
            family.program(f"Python's {name}, {'resource' if resource else 'ref'} variables", python(make, resource), compare="rel:3e-6,abs:1e-6")
