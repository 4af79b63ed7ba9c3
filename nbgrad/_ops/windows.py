"""Windows that slide over the last dimensions of an array: what convolutions, poolings and foldings have in common.

Plain functions on arrays, and the checks of arguments that come as one number or one per dimension; no operator is declared here.
"""

from __future__ import annotations

import itertools

import numpy as np

from .._engine.batched import Batch, top_level


def per_dim(value, d, name, function="") -> tuple[int, ...]:
    """An argument as one integer per dimension: it is given as one for all, or as a sequence of `d` (or of one)."""
    if type(value) is int:
        return (value,) * d
    try:
        given = tuple(value)
    except TypeError:
        given = (value,)
    for n in given:
        if isinstance(n, (bool, float)) or not hasattr(n, "__index__"):
            raise TypeError(f"{function}(): argument '{name}' must be tuple of ints, not {type(n).__name__}")
    given = tuple(n.__index__() for n in given)
    if len(given) == 1:
        return given * d
    if len(given) != d:
        raise RuntimeError(f"{function}: expected {name} to be a single integer value or a list of {d} values, but got {name}={list(given)}")
    return given


def contiguous_view(array, shape, strides, offset=0):
    """A view of a contiguous array, `strides` and `offset` in bytes."""
    return np.ndarray(shape, array.dtype, array, offset, strides)


def padded(array, before, sizes, fill=0):
    """Copy of an array in a contiguous one whose last dimensions have `sizes`, with `before` elements of filling in front of it in each."""
    lead = array.ndim - len(sizes)
    out = np.full((*array.shape[:lead], *sizes), fill, array.dtype) if fill else np.zeros((*array.shape[:lead], *sizes), array.dtype)
    into, taken = [], []
    for n, b, size in zip(array.shape[lead:], before, sizes):  # what lies outside is cut off
        into.append(slice(max(b, 0), max(min(b + n, size), 0)))
        taken.append(slice(max(-b, 0), max(min(n, size - b), 0)))
    out[(..., *into)] = array[(..., *taken)]
    return out


def extents(kernel, dilation):
    """How many elements a window reaches over in each dimension."""
    return tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation))


def tap_slices(kernel, dilation, stride, out):
    """For each place in the kernel, in order, the slices of the padded dimensions that all the windows see there."""
    ranges = [
        [slice(k * d, k * d + s * (o - 1) + 1, s) if o else slice(0, 0) for k in range(n)] for n, d, s, o in zip(kernel, dilation, stride, out)
    ]
    return itertools.product(*ranges)


def over_examples(function, arrays, *rest):
    """Call a function that lets dimensions in front stand, `function(*arrays, *rest)`: on batches with all examples as one more dimension in front."""
    level = top_level(arrays)
    if not level:
        return function(*arrays, *rest)
    batch = Batch(level)
    size = batch.size_among(*(a for a in arrays if a is not None))
    found = over_examples(function, [None if a is None else batch.whole(a, size) for a in arrays], *rest)
    return tuple(map(batch.wrap, found)) if isinstance(found, tuple) else batch.wrap(found)
