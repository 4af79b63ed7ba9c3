"""Exact values of an array: a window of one plane wherever a reader scrolls, and where the element is that he looks for."""

from __future__ import annotations

import numpy as np

from ._elements import (
    clip_index,
    elements,
    exact_texts,
    numbers,
    plane_of,
    rows_and_columns,
)
from .inspect_array import Inspection

MAX_ROWS, MAX_COLUMNS = 128, 64  # of one window: 64 kB as float64
_PIECE = 1 << 18
WANTED = ("nan", "inf", "largest", "smallest", "max", "min")


def inspect_window(array, index=(), *, dims=None, at=(0, 0), size=(64, 16)) -> Inspection:
    """Read the values of `size` rows and columns from row and column `at` on, fewer at the edges; the one buffer holds them (float64).

    `dims` and `index` as for `inspect_array`. What a float64 does not hold (complex numbers, large integers) also comes as `text`.
    """
    original = elements(array)
    dims = rows_and_columns(original.shape, dims)
    index = clip_index(index, original.shape, dims)
    plane = plane_of(original, index, dims)
    rows, columns = (max(1, min(int(n), most)) for n, most in zip(size, (MAX_ROWS, MAX_COLUMNS)))
    top, left = (max(0, min(int(i), n - 1)) for i, n in zip(at, plane.shape))
    part = plane[top : top + rows, left : left + columns]
    values = np.ascontiguousarray(numbers(part), dtype="<f8")
    header = {
        "dims": list(dims), "index": list(index), "row": top, "column": left, "rows": values.shape[0], "columns": values.shape[1],
        "full_rows": plane.shape[0], "full_columns": plane.shape[1], "text": exact_texts(part),
    }  # fmt: skip
    return Inspection(header, (values.tobytes(),))


def find_element(array, what, after=-1) -> dict | None:
    """Find an element: its `index` in every dimension and its `position` in row-major order; None where there is none.

    `what` is "nan" or "inf", the next one behind position `after`, or the first of "largest" and "smallest" in magnitude, "max" and "min"
    among the finite elements.
    """
    if what not in WANTED:
        raise ValueError(f"what is one of {', '.join(WANTED)}, not {what!r}")
    original = elements(array)
    flat = numbers(original).reshape(-1)
    position = _next(flat, np.isnan if what == "nan" else np.isinf, after) if what in ("nan", "inf") else _extreme(flat, what)
    if position is None:
        return None
    return {"index": [int(i) for i in np.unravel_index(position, original.shape)], "position": position}


def _next(flat, test, after):
    if flat.dtype.kind != "f":
        return None
    for start in range(max(0, int(after) + 1), flat.size, _PIECE):
        found = test(flat[start : start + _PIECE])
        if found.any():
            return start + int(found.argmax())
    return None


def _extreme(flat, what):
    best, position = -np.inf, None
    for start in range(0, flat.size, _PIECE):
        piece = flat[start : start + _PIECE].astype(np.float64)
        finite = np.isfinite(piece)
        score = np.abs(piece) if what in ("largest", "smallest") else piece
        score = np.where(finite, -score if what in ("smallest", "min") else score, -np.inf)
        here = int(score.argmax())
        if score[here] > best:
            best, position = float(score[here]), start + here
    return position
