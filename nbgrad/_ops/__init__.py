"""The declarations of every operator, one file per topic, and nothing else.

Importing this package fills the registry; the public faces (`nbgrad`, `nbgrad.nn.functional`, `nbgrad.linalg`, tensor methods) take from there.
"""

from . import (
    conversion, creation, einsum, gathering, indexing, joining, layers, masking, matmul, pointwise, rearrange, reduction, selection, shape, splitting,
)  # fmt: skip

__all__ = [
    "conversion", "creation", "einsum", "gathering", "indexing", "joining", "layers", "masking", "matmul", "pointwise", "rearrange", "reduction", "selection", "shape", "splitting",
]  # fmt: skip
