"""Running a function for each vector of a basis: the one place that `jacrev`, `jacfwd` and `autograd.functional` come to."""

from __future__ import annotations

import numpy as np

from ._engine.batched import NotBatchable, Refused, next_level
from ._engine.batching import hidden, running, shown, vmapping
from ._engine.op import NAMES
from ._engine.tensor import wrap
from ._pytree import tree_flatten, tree_unflatten


def basis_of(tensor):
    """The unit vectors of a tensor's space: shape (numel, *shape)."""
    array = tensor._array
    return wrap(np.eye(array.size, dtype=array.dtype).reshape((array.size, *array.shape)))


def rows_of(function, basis, shape, chunk_size=None, randomness="error", forward=False):
    """What `function` gives for each vector of a basis, stacked: in each leaf of its result the dimension of the basis comes first, as `shape`.

    All vectors go through at once, or `chunk_size` of them at a time; one by one where there is no way to do that. Where
    `function` pushes them `forward` inside another batch they go one by one too: histories of views there cannot yet follow both.
    """
    singly = forward and bool(running())
    count = basis._array.shape[0]
    step = max(chunk_size or count, 1)
    parts = []
    for start in range(0, max(count, 1), step):
        vectors = basis[start : start + step]
        try:
            leaves, spec = _one_by_one(function, vectors) if singly else _at_once(function, vectors, randomness)
        except (NotBatchable, Refused):
            leaves, spec = _one_by_one(function, vectors)
        parts.append(leaves)
    joined = [rows[0] if len(rows) == 1 else NAMES["cat"](rows) for rows in zip(*parts)]
    return tree_unflatten([rows.view((*shape, *rows._array.shape[1:])) for rows in joined], spec)


def _at_once(function, vectors, randomness):
    level, size = next_level(), vectors._array.shape[0]
    with vmapping(level, size, randomness):
        leaves, spec = tree_flatten(function(hidden(vectors, level)))
        return [shown(leaf, level, size) for leaf in leaves], spec


def _one_by_one(function, vectors):
    rows = [tree_flatten(function(vector)) for vector in vectors]
    return [NAMES["stack"](row) for row in zip(*(leaves for leaves, _ in rows))], rows[0][1]
