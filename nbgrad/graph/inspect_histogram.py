"""How the elements of an array are spread: counts in equal bins of the values, or of the logarithm of their magnitudes."""

from __future__ import annotations

import math

import numpy as np

from ._elements import elements, numbers, pieces
from .inspect_array import Inspection

BINS = 64
SCALES = ("linear", "log")


def inspect_histogram(array, scale="linear", bins=BINS) -> Inspection:
    """Count the finite elements of an array, every one; the one buffer holds the counts (uint32).

    "linear" has equal bins from the smallest to the largest element; "log" has equal bins of log10 |x|, from the smallest to the largest
    magnitude that is not zero, and leaves the zeros out (`zeros` tells how many). `lo` and `hi` are the ends of the axis, None where there is
    nothing to count; complex numbers count by their magnitude. A range of no width fills the middle bin.
    """
    if scale not in SCALES:
        raise ValueError(f"scale is 'linear' or 'log', not {scale!r}")
    real = numbers(elements(array))
    low, high, zeros, missing = _range(real, scale)
    counts = np.zeros(bins, np.int64)
    if low <= high:
        for piece in _counted(real, scale, missing):
            counts += np.bincount(_bins(piece, low, high, bins), minlength=bins)
    ends = {"bins": bins, "lo": low, "hi": high} if low <= high else {"bins": bins, "lo": None, "hi": None}
    header = {"scale": scale, **ends, "zeros": zeros, "missing": missing}
    return Inspection(header, (counts.astype("<u4").tobytes(),))


def _range(real, scale):
    """The ends of the axis, how many elements are zero, and how many are not finite."""
    low, high, zeros, missing = math.inf, -math.inf, 0, 0
    for piece in pieces(real):
        zeros += piece.size - int(np.count_nonzero(piece))
        piece = piece.astype(np.float64)
        if not math.isfinite(piece.min()) or not math.isfinite(piece.max()):
            finite = np.isfinite(piece)
            missing += piece.size - int(np.count_nonzero(finite))
            piece = piece[finite]
        if scale == "log":
            piece = np.abs(piece)
            piece = piece[piece > 0]
        if piece.size:
            low, high = min(low, float(piece.min())), max(high, float(piece.max()))
    if scale == "log" and low <= high:
        low, high = math.log10(low), math.log10(high)
    return low, high, zeros, missing


def _counted(real, scale, missing):
    """Pieces of what is counted, on the axis of the scale."""
    for piece in pieces(real):
        piece = piece.astype(np.float64)
        if missing:
            piece = piece[np.isfinite(piece)]
        if scale == "log":
            np.abs(piece, out=piece)
            piece = np.log10(piece[piece > 0])
        yield piece


def _bins(piece, low, high, bins):
    """The bin of each element."""
    if low == high:
        return np.full(piece.size, bins // 2)
    if not math.isfinite(high - low):  # twice the largest float: count halves of halves
        piece, low, high = piece / 4, low / 4, high / 4
    piece = piece - low
    per_unit = bins / (high - low)
    piece = piece * per_unit if math.isfinite(per_unit) else piece / (high - low) * bins  # where even the width is next to nothing
    return np.clip(piece, 0, bins - 1).astype(np.intp)
