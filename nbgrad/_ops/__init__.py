"""The declarations of every operator, one file per topic, and nothing else.

Importing this package fills the registry; the public faces (`nbgrad`, `nbgrad.nn.functional`, `nbgrad.linalg`, tensor methods) take from there.
"""

# one name a line, so that a new topic is one line
from . import (  # noqa: F401
    activation,
    choice,
    comparison,
    conversion,
    creation,
    cumulative,
    decomposition,
    distance,
    einsum,
    elementary,
    factorization,
    gathering,
    indexing,
    joining,
    layers,
    loss,
    masking,
    matmul,
    normalization,
    pointwise,
    random,
    rearrange,
    reduction,
    selection,
    shape,
    sorting,
    special,
    splitting,
    statistics,
)
