"""What all views of one array share: its elements as real numbers, one plane of them, and statistics over all.

Called by the `inspect_*` modules. NumPy only; nothing here knows tensors, widgets or browsers.
"""

from __future__ import annotations

import math

import numpy as np

from nbgrad._engine.batched import whole_batch
from nbgrad.graph.records import Summary

_PIECE = 1 << 16  # elements at a time: 512 kB as float64 stay in the cache
_EXACT = 1 << 53  # whole numbers up to here are floats too


def elements(array):
    """The array itself, with all examples in it where it is a hidden batch."""
    return np.asarray(whole_batch(array))


def numbers(array):
    """The array as real numbers: booleans as 0 and 1, complex numbers as magnitudes. `TypeError` for what has no number."""
    if array.dtype.kind == "c":
        return np.abs(array)
    if array.dtype.kind == "b":
        return array.view(np.uint8)
    if array.dtype.kind not in "iuf":
        raise TypeError(f"cannot inspect an array of {array.dtype}")
    return array


def exact_texts(array) -> list[str] | None:
    """What a float64 does not hold, in words: complex numbers, and 64-bit integers where one of them is that large; None for all else."""
    if array.dtype.kind == "c":
        return [format(complex(z), ".6g") for z in array.ravel()]
    if array.dtype.kind in "iu" and array.dtype.itemsize == 8 and array.size and (array.max() > _EXACT or array.min() < -_EXACT):
        return [str(int(n)) for n in array.ravel()]
    return None


def pieces(array):
    """Flat pieces of an array in any order; statistics do not depend on it, so a transposed array needs no copy."""
    flat = array.ravel(order="K")
    for start in range(0, flat.size, _PIECE):
        yield flat[start : start + _PIECE]


def rows_and_columns(shape, dims):
    """The two dimensions that a plane shows: those asked for if they are two of this shape, else the last two; fewer for fewer dimensions."""
    count = len(shape)
    asked = tuple(dims or ())
    if count >= 2 and len(asked) == 2 and len(set(asked)) == 2 and all(0 <= d < count for d in asked):
        return asked
    return tuple(range(count))[-2:]


def clip_index(index, shape, dims):
    """One position in each dimension that the plane does not show, within its size; missing ones are 0."""
    rest = [size for d, size in enumerate(shape) if d not in dims]
    asked = [*index, *([0] * len(rest))][: len(rest)]
    return tuple(max(0, min(int(i), size - 1)) for i, size in zip(asked, rest))


def plane_of(array, index, dims):
    """The rows and columns of an array at `index` in its other dimensions: a view of shape (rows, columns), one row for a vector."""
    if array.ndim < 2:
        return array.reshape(1, -1)
    rest = [d for d in range(array.ndim) if d not in dims]
    if any(array.shape[d] == 0 for d in rest):  # nothing to pick from
        return np.zeros((0, array.shape[dims[1]]), array.dtype)
    return array.transpose(*rest, *dims)[index]


def statistics(array) -> Summary:
    """Every number of a `Summary` but its values, over all elements of an array of real numbers, in one pass."""
    finite = total = squares = nan = inf = zeros = 0
    low, high = math.inf, -math.inf
    shift = None  # one element, subtracted before squaring so that a large mean costs no digits
    for piece in pieces(array):
        zeros += piece.size - int(np.count_nonzero(piece))
        piece = piece.astype(np.float64)
        if not math.isfinite(piece.min()) or not math.isfinite(piece.max()):
            nan += int(np.count_nonzero(np.isnan(piece)))
            inf += int(np.count_nonzero(np.isinf(piece)))
            piece = piece[np.isfinite(piece)]
            if not piece.size:
                continue
        low, high = min(low, float(piece.min())), max(high, float(piece.max()))
        if shift is None:
            shift = float(piece[0])
        finite += piece.size
        with np.errstate(over="ignore", invalid="ignore"):
            piece -= shift
            total += float(piece.sum())
            piece *= piece  # not np.dot: its threads wait for one another where the cores are busy
            squares += float(piece.sum())
    if not finite:
        return Summary(size=array.size, nan=nan, inf=inf, zeros=zeros)
    mean = total / finite
    variance = max(squares / finite - mean * mean, 0.0)  # in this order a NaN, from overflow, stays one
    mean += shift
    return Summary(
        size=array.size, mean=mean, std=math.sqrt(variance), min=low, max=high,
        norm=math.sqrt(finite) * math.hypot(mean, math.sqrt(variance)), nan=nan, inf=inf, zeros=zeros,
    )  # fmt: skip


def plain_statistics(stats: Summary) -> dict:
    """The statistics for JSON."""
    return {name: plain(getattr(stats, name)) for name in Summary.__slots__ if name != "values"}


def plain(number):
    """JSON has no infinities; they cannot come from finite elements except by overflow, where nothing true can be said."""
    return None if isinstance(number, float) and not math.isfinite(number) else number
