"""Arrays to summaries: what a picture and a table show of a tensor.

Called by `capture.py` and by live views. Small arrays are read with plain Python, which beats NumPy's call overhead; statistics are in float64.
"""

from __future__ import annotations

import math

import numpy as np

from .._engine.batched import whole_batch
from .records import Summary

MANY = 8192
FEW = 8  # arrays of at most so many elements are kept whole


def summarize(array) -> Summary:
    """Describe an array of any type and size, inside `vmap` all examples together; see `Summary` for what each number means."""
    array = np.asarray(whole_batch(array))
    if array.size <= FEW:
        return _small(array)
    kind = array.dtype.kind
    if kind == "c":
        array = np.abs(array)
    flat = array.reshape(-1)
    if kind == "b":
        flat = flat.view(np.uint8)
    work = flat.astype(np.float64, copy=False)
    with np.errstate(all="ignore"):
        total = float(np.add.reduce(work))
    nan = inf = 0
    if not math.isfinite(total):
        nan = int(np.count_nonzero(np.isnan(work)))
        inf = int(np.count_nonzero(np.isinf(work)))
        work = work[np.isfinite(work)]
        if work.size == 0:
            return Summary(size=array.size, nan=nan, inf=inf)
        with np.errstate(all="ignore"):
            total = float(np.add.reduce(work))
    low, high = float(work.min()), float(work.max())
    mean = total / work.size
    with np.errstate(all="ignore"):
        norm = math.sqrt(_squared(work))
        deviation = work - mean
        std = math.sqrt(_squared(deviation) / work.size) if low != high else 0.0
    zeros = array.size - int(np.count_nonzero(flat))
    return Summary(array.size, (), mean, std, low, high, norm, nan, inf, zeros)


def _squared(work):
    """The sum of squares; of many elements without np.dot, whose threads wait for one another where the cores are busy."""
    return float(np.dot(work, work) if work.size < MANY else np.einsum("i,i->", work, work))


def _small(array):
    values = tuple(array.reshape(-1).tolist())
    if array.dtype.kind == "c":
        numbers = [abs(v) for v in values]
        values = tuple(map(str, values))
    else:
        numbers = values
    finite = [float(v) for v in numbers if math.isfinite(v)]
    nan = sum(v != v for v in numbers)
    inf = len(numbers) - len(finite) - nan
    if not finite:
        return Summary(array.size, values, norm=None if values else 0.0, nan=nan, inf=inf)
    mean = sum(finite) / len(finite)
    square = sum((v - mean) * (v - mean) for v in finite) / len(finite)
    norm = math.hypot(*finite)
    zeros = sum(v == 0 for v in finite)
    return Summary(array.size, values, mean, math.sqrt(square), min(finite), max(finite), norm, nan, inf, zeros)
