"""The declarations of every operator, one file per topic, and nothing else.

Importing this package fills the registry; the public faces (`nbgrad`, `nbgrad.nn.functional`, `nbgrad.linalg`, tensor methods) take from there.
"""

from . import activation, choice, comparison, conversion, creation, cumulative, distance, elementary, loss, normalization, pointwise, reduction, shape, special, statistics

__all__ = ["activation", "choice", "comparison", "conversion", "creation", "cumulative", "distance", "elementary", "loss", "normalization", "pointwise", "reduction", "shape", "special", "statistics"]
