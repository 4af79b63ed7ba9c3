"""The declarations of every operator, one file per topic, and nothing else.

Importing this package fills the registry; the public faces (`nbgrad`, `nbgrad.nn.functional`, `nbgrad.linalg`, tensor methods) take from there.
"""

from . import conversion, creation, pointwise, reduction, shape

__all__ = ["conversion", "creation", "pointwise", "reduction", "shape"]
