"""LAPACK's routines through SciPy, which has them for single matrices: which one fits a type, and one call for each matrix of a batch.

No operators here. SciPy is loaded when a routine is first asked for.
"""

from __future__ import annotations

import numpy as np

from .._engine.batched import BatchedArray, NotBatchable


def routine(name, *arrays):
    """The routine of this name for the type of the arrays."""
    if any(type(a) is BatchedArray for a in arrays):
        raise NotBatchable("LAPACK's routines take one matrix at a time")
    from scipy.linalg import lapack

    return lapack.get_lapack_funcs((name,), arrays)[0]


def each_matrix(function, *arrays, cores=None, kinds):
    """Call `function` for each matrix of a batch and join its results, of these types.

    Of array `i` the last `cores[i]` dimensions are one argument (2, unless said); those before are broadcast.
    """
    if any(type(a) is BatchedArray for a in arrays):
        raise NotBatchable("LAPACK's routines take one matrix at a time")
    cores = cores or (2,) * len(arrays)
    batch = np.broadcast_shapes(*(a.shape[: a.ndim - n] for a, n in zip(arrays, cores)))
    if not batch:
        found = function(*arrays)
        return tuple(np.asarray(x, kind) for x, kind in zip(found, kinds))
    whole = [np.broadcast_to(a, (*batch, *a.shape[a.ndim - n :])) for a, n in zip(arrays, cores)]
    places = list(np.ndindex(*batch))
    if not places:  # of no matrices the results still have shapes: those for a matrix of zeros, with ones on its diagonal
        samples = [np.eye(*a.shape[-2:], dtype=a.dtype) if n == 2 else np.zeros(a.shape[a.ndim - n :], a.dtype) for a, n in zip(whole, cores)]
        return tuple(np.zeros((*batch, *np.shape(x)), kind) for x, kind in zip(function(*samples), kinds))
    found = [function(*(a[place] for a in whole)) for place in places]
    return tuple(np.stack(part).astype(kind, copy=False).reshape(*batch, *np.shape(part[0])) for part, kind in zip(zip(*found), kinds))
