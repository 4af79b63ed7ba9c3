"""The difference of two arrays: first − factor · second, with its statistics, its tile, and where it is largest."""

from __future__ import annotations

import math

import numpy as np

from ._elements import elements, numbers, plain, statistics
from .inspect_array import Inspection, inspect_array
from .inspect_window import find_element

MAX_SIZE = 25_000_000  # elements; a difference is computed in whole


class NotComparable(ValueError):
    """These two arrays have no difference; the message says why, for the reader."""


def inspect_difference(first, second, factor=1.0, index=(), *, dims=None, reduce="max_abs") -> Inspection:
    """Inspect first − factor · second as `inspect_array` inspects one array; the shapes broadcast as NumPy's do.

    The difference is taken in float64 (integers first as integers), of complex numbers its magnitude is shown. The header also has
    "difference": the norms of `first`, of factor · `second` and of their difference, `relative` (the norm of the difference by that of `second`),
    how many elements are `equal`, how many are NaN in both, and the `largest` difference with its place and the two elements there.
    Raises `NotComparable`.
    """
    first, second = elements(first), elements(second)
    delta = subtract(first, second, factor)
    seen = inspect_array(delta, index, dims=dims, reduce=reduce)
    a, b = np.broadcast_arrays(first, second)
    norms = [statistics(numbers(x)).norm for x in (first, second)]
    repeated = [math.sqrt(delta.size / x.size) if x.size else 0.0 for x in (first, second)]  # by broadcasting
    norm_a, norm_b = (None if n is None else n * r for n, r in zip(norms, repeated))
    norm_b = None if norm_b is None else abs(factor) * norm_b
    stats = seen.header["stats"]
    largest = find_element(delta, "largest")
    if largest is not None:
        place = tuple(largest["index"])
        largest |= {"difference": _scalar(delta[place]), "first": _scalar(a[place]), "second": _scalar(b[place])}
    relative = stats["norm"] / norm_b if norm_b and stats["norm"] is not None else None
    told = {
        "factor": factor, "shapes": [list(first.shape), list(second.shape)], "first_norm": plain(norm_a), "second_norm": plain(norm_b),
        "relative": plain(relative), "equal": stats["zeros"], "both_nan": _both_nan(a, b), "largest": largest,
    }  # fmt: skip
    return Inspection({**seen.header, "difference": told}, seen.buffers)


def subtract(first, second, factor=1.0):
    """first − factor · second, elementwise and in whole, in float64, int64 or complex128. Raises `NotComparable`."""
    try:
        shape = np.broadcast_shapes(first.shape, second.shape)
    except ValueError:
        raise NotComparable(f"shapes {first.shape} and {second.shape} do not fit together") from None
    if math.prod(shape) > MAX_SIZE:
        raise NotComparable(f"the difference would have {math.prod(shape):,} elements; at most {MAX_SIZE:,} are computed")
    for x in (first, second):
        if x.dtype.kind not in "biufc":
            raise NotComparable(f"elements of type {x.dtype} cannot be subtracted")
    whole = factor == 1 and all(x.dtype.kind in "bi" or x.dtype.kind == "u" and x.dtype.itemsize < 8 for x in (first, second))
    if whole and all(_small_enough(x) for x in (first, second)):
        return np.subtract(first, second, dtype=np.int64)
    kind = np.complex128 if "c" in (first.dtype.kind, second.dtype.kind) else np.float64
    with np.errstate(all="ignore"):
        scaled = second if factor == 1 else np.multiply(second, factor, dtype=kind)
        return np.subtract(first, scaled, dtype=kind)


def _small_enough(x):
    """Whether differences of such integers are 64-bit integers too."""
    return x.dtype.itemsize < 8 or not x.size or (int(x.max()) < 1 << 62 and int(x.min()) > -(1 << 62))


def _both_nan(a, b):
    if a.dtype.kind not in "fc" or b.dtype.kind not in "fc":
        return 0
    return int(np.count_nonzero(np.isnan(a) & np.isnan(b)))


def _scalar(x):
    if x.dtype.kind == "c":
        return format(complex(x), ".6g")
    return int(x) if x.dtype.kind in "biu" else plain(float(x))
