"""The families, in the order in which they are recorded."""

FAMILIES = [
    "unary",
    "binary",
    "reduce",
    "matmul",
    "array",
    "cast",
    "variables",
    "control_flow",
    "nn",
    "training",
    "containers",
    "lists",
    "accumulators",
    "barriers",
    "strings",
    "sparse",
    "random_ops",
    "types",
    "halves",
    "complex",
]
