"""What a program has recorded, how two records are compared, and which parts of a text may differ.

Addresses, session handles, incarnations, host names, the lines of Python's stack and what a C++ client appends to a
failed call are the only parts of a text that are taken out; values are bitwise equal unless the program says how far apart they may be.
"""

import re
import socket

import numpy as np

HOST = socket.gethostname()
_RULES = [
    (re.compile(r"\nAdditional GRPC error information from remote target .*?(?=\n\t \[\[|\nThe error could be|\Z)", re.S), ""),
    (re.compile(r"(?m)^ *File \".*\", line \d+, in .*\n"), ""),
    # What a real server's Python says of the place in its own files.
    (re.compile(r"\nTraceback \(most recent call last\):\n\n.*?\n\n(?=\n\t \[\[)", re.S), ""),
    (re.compile(r"goo\.gle/debug\w+\s.*", re.S), "goo.gle/debug"),
    (re.compile(r"(grpc://|ipv4:)?\b(127\.0\.0\.1|localhost|0\.0\.0\.0):\d+"), "ADDRESS"),
    (re.compile(r"\b[0-9a-f]{16}\b"), "HANDLE"),
    (re.compile(r"\b\d{15,20}\b"), "NUMBER"),
    (re.compile(rf"\b{re.escape(HOST)}\b"), "HOSTNAME"),
    (re.compile(r"'_\d+_(?=\w)"), "'_N_"),
    (re.compile(r"\.tempstate\d+"), ".tempstateN"),
    (re.compile(r"\b(TensorArray(_\d+)?)_\d+:"), r"TensorArray_N:"),
    (re.compile(r"__inference_(\w+?)_\d+"), r"__inference_\1_N"),
]


ROOTS = re.compile(r"\d+ root error\(s\) found\.\n(  \(0\) .*?)\n\d+ successful operations\.\n\d+ derived errors ignored\.", re.S)


def one_root(found):
    """An error that a task's other devices tell again, since they waited for the one where it happened, is that error."""
    errors = re.split(r"\n?  \(\d+\) [A-Z_]+: ", found[1])[1:]
    roots = sorted({re.sub(r"(\n\t \[\[[^{\]]*_G\d+\]\])+$", "", error) for error in errors})
    return roots[0] if len(roots) == 1 else found[0]


def normal_text(text):
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    text = ROOTS.sub(one_root, text)
    text = re.sub(r"(Detected at node .*\nNode: .*\n)\1+", r"\1", text)
    # A real server lists them as a hash table holds them.
    text = re.sub(r"(?<=with these attrs: \[)[^\]]*", lambda attrs: ", ".join(sorted(attrs[0].split(", "))), text)
    # Client and server watch the same deadline, and whichever is first writes the text: grpc-js spells it its own way.
    text = text.replace("Deadline exceeded", "Deadline Exceeded")
    return text


class Record:
    """Given to a program: `record(name, value)`; `record.raises(name, call)` keeps class and text of what is raised."""

    def __init__(self):
        self.items = []

    def __call__(self, name, value, rel=0.0, ulp=0, abs=0.0, spread_after=None):
        self.items.append((name, plain(value), {"rel": rel, "ulp": ulp, "abs": abs, "spread_after": spread_after}))

    def raises(self, name, call):
        try:
            value = call()
        except Exception as error:  # noqa: BLE001  (the class is what is compared)
            self.items.append((name, failure(error), {}))
        else:
            self.items.append((name, ("no error", plain(value)), {}))


def failure(error):
    code = getattr(error, "code", None)
    text = next((t for t in (getattr(error, "text", None), getattr(error, "message", None)) if t is not None), str(error))
    return ("error", type(error).__name__, code if isinstance(code, int) else None, normal_text(text))


def plain(value):
    """Arrays, strings, numbers, lists and dicts only: a record crosses from one process to the next."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in sorted(value.items(), key=lambda item: str(item[0]))}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (str, bytes, bool, int, float, type(None), np.ndarray, np.generic)):
        return value
    raise TypeError(f"cannot record a {type(value)}")


def difference(real, ours, rule, spreads=()):
    """None, or a sentence on the first difference."""
    if isinstance(real, dict) and isinstance(ours, dict):
        if list(real) != list(ours):
            return f"keys are {list(ours)}, expected {list(real)}"
        pairs = [(f"[{key!r}]", real[key], ours[key]) for key in real]
    elif isinstance(real, (list, tuple)) and isinstance(ours, (list, tuple)):
        if len(real) != len(ours):
            return f"{short(ours)}\n      expected {short(real)}"
        if any(isinstance(item, str) for item in real) and not any(isinstance(item, (list, np.ndarray)) for item in (*real, *ours)):
            return None if list(real) == list(ours) else f"{short(ours)}\n      expected {short(real)}"
        pairs = [(f"[{index}]", a, b) for index, (a, b) in enumerate(zip(real, ours))]
    elif isinstance(real, str) and isinstance(ours, str):
        a, b = normal_text(real), normal_text(ours)
        return None if a == b else f"{b!r}\n      expected {a!r}"
    elif isinstance(real, (np.ndarray, np.generic)) and isinstance(ours, (np.ndarray, np.generic)):
        return array_difference(np.asarray(real), np.asarray(ours), rule, [np.asarray(item) for item in spreads])
    else:
        same = type(real) is type(ours) and real == ours
        return None if same else f"{short(ours)}, expected {short(real)}"
    for place, a, b in pairs:
        found = difference(a, b, rule)
        if found is not None:
            return f"{place}: {found}"
    return None


def short(value):
    text = repr(value)
    return text if len(text) < 1500 else text[:1500] + "…"


def array_difference(real, ours, rule, spreads):
    if real.dtype != ours.dtype:
        return f"dtype is {ours.dtype}, expected {real.dtype}"
    if real.shape != ours.shape:
        return f"shape is {ours.shape}, expected {real.shape}"
    if real.size == 0:
        return None
    if real.dtype.kind not in "fc":
        bad = np.asarray(real != ours)
    else:
        with np.errstate(all="ignore"):
            wide = np.complex128 if real.dtype.kind == "c" else np.float64
            off = np.abs(real.astype(wide) - ours.astype(wide))
            size = np.abs(real.astype(wide))
            allowed = rule.get("rel", 0) * size + rule.get("abs", 0)
            if rule.get("ulp"):
                allowed = np.maximum(allowed, rule["ulp"] * np.abs(np.spacing(real)).astype(np.float64))
            after = rule.get("spread_after")
            if after is not None:
                runs = np.stack([real, *spreads]).astype(np.float64)
                spread = np.maximum(allowed, 3 * (runs.max(0) - runs.min(0)))
                allowed = np.where(np.arange(len(real)) < after, allowed, spread)
            bad = ~((off <= allowed) | (np.isnan(real) & np.isnan(ours)) | (real == ours))
            if not any((rule.get("rel"), rule.get("abs"), rule.get("ulp"))):
                bits = np.frombuffer(real.tobytes(), np.uint8) != np.frombuffer(ours.tobytes(), np.uint8)
                bad = bad | (bits.reshape(*real.shape, -1).any(-1) & ~(np.isnan(real) & np.isnan(ours)))
    if not bad.any():
        return None
    at = tuple(int(i) for i in np.argwhere(bad)[0]) if real.ndim else ()
    return f"{int(bad.sum())} of {real.size} elements differ, first at {list(at)}: {ours[at]!r}, expected {real[at]!r}"
