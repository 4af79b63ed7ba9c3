"""Running a function for each vector of a basis: the one place that `jacrev`, `jacfwd` and `autograd.functional` with `vectorize` come to."""

from __future__ import annotations

import numpy as np

from ._engine.op import NAMES
from ._engine.tensor import wrap
from ._pytree import tree_flatten, tree_unflatten


def basis_of(tensor):
    """The unit vectors of a tensor's space: shape (numel, *shape)."""
    array = tensor._array
    return wrap(np.eye(array.size, dtype=array.dtype).reshape((array.size, *array.shape)))


def rows_of(function, basis, shape, chunk_size=None):
    """What `function` gives for each vector of a basis, stacked: in each leaf of its result the dimension of the basis comes first, as `shape`.

    The vectors go one by one.
    """
    results = [tree_flatten(function(vector)) for vector in basis]
    if not results:  # an empty basis: one vector of zeros shows the shapes
        leaves, spec = tree_flatten(function(basis.new_zeros(basis.shape[1:])))
        return tree_unflatten([leaf.new_zeros((*shape, *leaf.shape)) for leaf in leaves], spec)
    spec = results[0][1]
    stacked = [NAMES["stack"](rows) for rows in zip(*(leaves for leaves, _ in results))]
    return tree_unflatten([rows.view((*shape, *rows._array.shape[1:])) for rows in stacked], spec)
