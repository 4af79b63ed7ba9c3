"""What a reader can see of an array: statistics, a heatmap tile, a histogram and a window of exact values.

The explorer asks for this one selected tensor at a time. NumPy only; nothing here knows tensors, widgets or browsers. An array of ten
million elements is read in a few passes of cache-sized pieces, and what leaves for the browser stays under 100 kB.
"""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass

import numpy as np

from nbgrad._engine.batched import whole_batch
from nbgrad.graph.records import Summary

MAX_SIDE = 256  # cells of a tile along one side
MAX_CELLS = 24_000  # cells of a tile in all: 96 kB as float32
BINS = 64
WINDOW = 8  # exact values along one side of the window
_PIECE = 1 << 16  # elements at a time: 512 kB as float64 stay in the cache


@dataclass(frozen=True, slots=True)
class Inspection:
    """A view of one array: `header` is plain data for JSON, `buffers` its numbers as little-endian bytes.

    The buffers are, in order: the tile (float32), the histogram's counts (uint32) and the window (float64).
    """

    header: dict
    buffers: tuple[bytes, bytes, bytes]

    def to_plain(self) -> dict:
        """Return one JSON-ready dict with the buffers as base64 text, as `nbgrad.graph.html.to_html` takes them."""
        return {**self.header, "buffers": [base64.b64encode(b).decode("ascii") for b in self.buffers]}


def inspect_array(array, index=(), *, reduce="max_abs", at=(0, 0)) -> Inspection:
    """Summarize an array for the eye.

    The last two dimensions are the rows and columns of the tile; `index` picks one position in each dimension before them (missing or
    out of range ones are clipped). Complex numbers are shown by their magnitude. A tile larger than the limits shows blocks: `reduce`
    "max_abs" keeps each block's element of largest magnitude with its sign, "mean" its mean; a NaN in a block always shows. The window
    holds exact values around row and column `at`.
    """
    if reduce not in ("max_abs", "mean"):
        raise ValueError(f"reduce is 'max_abs' or 'mean', not {reduce!r}")
    original = np.asarray(whole_batch(array))
    numbers = _numbers(original)
    stats = _stats(numbers)
    index = _clip_index(index, original.shape)
    plane = _plane(numbers, index)
    tile, tile_header = _tile(plane, reduce, stats)
    window, window_header = _window(_plane(original, index), plane, at)
    header = {
        "shape": list(original.shape),
        "dtype": str(original.dtype),
        "of": "magnitude" if original.dtype.kind == "c" else "value",
        "index": list(index),
        "stats": {name: _plain(getattr(stats, name)) for name in Summary.__slots__ if name != "values"},
        "tile": tile_header,
        "histogram": None if stats.min is None else {"lo": _plain(stats.min), "hi": _plain(stats.max), "bins": BINS},
        "window": window_header,
    }
    return Inspection(header, (tile.tobytes(), _histogram(numbers, stats).tobytes(), window.tobytes()))


def _numbers(array):
    """The array as real numbers: booleans as 0 and 1, complex numbers as magnitudes."""
    if array.dtype.kind == "c":
        return np.abs(array)
    if array.dtype.kind == "b":
        return array.view(np.uint8)
    if array.dtype.kind not in "iuf":
        raise TypeError(f"cannot inspect an array of {array.dtype}")
    return array


def _pieces(array):
    """Flat pieces of an array in any order; statistics do not depend on it, so a transposed array needs no copy."""
    flat = array.ravel(order="K")
    for start in range(0, flat.size, _PIECE):
        yield flat[start : start + _PIECE]


def _stats(array) -> Summary:
    finite = total = squares = nan = inf = zeros = 0
    low, high = math.inf, -math.inf
    shift = None  # one element, subtracted before squaring so that a large mean costs no digits
    for piece in _pieces(array):
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


def _histogram(array, stats):
    """Counts of the finite elements in equal bins from the smallest to the largest; a constant array fills the middle bin."""
    counts = np.zeros(BINS, np.int64)
    if stats.min is None:
        return counts.astype("<u4")
    width = stats.max - stats.min
    if width == 0 or not math.isfinite(width):
        counts[BINS // 2] = stats.size - stats.nan - stats.inf
        return counts.astype("<u4")
    some_missing = stats.nan or stats.inf
    for piece in _pieces(array):
        piece = piece.astype(np.float64)
        if some_missing:
            piece = piece[np.isfinite(piece)]
        piece -= stats.min
        piece *= BINS / width
        counts += np.bincount(np.minimum(piece, BINS - 1).astype(np.intp), minlength=BINS)
    return counts.astype("<u4")


def _clip_index(index, shape):
    leading = shape[:-2]
    asked = [*index, *([0] * len(leading))][: len(leading)]
    return tuple(max(0, min(int(i), size - 1)) for i, size in zip(asked, leading))


def _plane(array, index):
    rows, columns = (1, 1, *array.shape)[-2:]
    if 0 in array.shape[:-2]:  # nothing to pick from
        return np.zeros((0, columns), array.dtype)
    return array[index].reshape(rows, columns)


def _tile(plane, reduce, stats):
    rows, columns = plane.shape
    block_rows, block_columns = _block(rows, columns)
    exact = block_rows == block_columns == 1
    tile = plane if exact else _overview(plane, block_rows, block_columns, reduce)
    with np.errstate(over="ignore"):
        tile = np.ascontiguousarray(tile, dtype="<f4")
    header = {
        "rows": tile.shape[0], "columns": tile.shape[1], "full_rows": rows, "full_columns": columns,
        "block_rows": block_rows, "block_columns": block_columns, "reduce": "exact" if exact else reduce,
        "limit": _limit(tile, reduce, exact, stats),
    }  # fmt: skip
    return tile, header


def _block(rows, columns):
    """The smallest blocks whose tile keeps within the limits."""
    block_rows, block_columns = -(-rows // MAX_SIDE) or 1, -(-columns // MAX_SIDE) or 1
    while -(-rows // block_rows) * -(-columns // block_columns) > MAX_CELLS:
        if rows / block_rows >= columns / block_columns:
            block_rows += 1
        else:
            block_columns += 1
    return block_rows, block_columns


def _overview(plane, block_rows, block_columns, reduce):
    if not plane.size:
        return np.zeros((0, 0))
    tops, lefts = np.arange(0, plane.shape[0], block_rows), np.arange(0, plane.shape[1], block_columns)

    def blocks(ufunc, **options):  # whole rows first, which NumPy does fastest; a pass over blocks of one would only copy
        some = ufunc.reduceat(plane, tops, axis=0, **options) if block_rows > 1 else plane
        return ufunc.reduceat(some, lefts, axis=1, **options) if block_columns > 1 else some

    with np.errstate(over="ignore", invalid="ignore"):
        if reduce == "mean":
            heights, widths = np.diff(np.append(tops, plane.shape[0])), np.diff(np.append(lefts, plane.shape[1]))
            return blocks(np.add, dtype=np.float64) / np.outer(heights, widths)
        high, low = blocks(np.maximum).astype(np.float64), blocks(np.minimum).astype(np.float64)
        return np.where(high + low >= 0, high, np.where(np.isnan(high), high, low))


def _limit(tile, reduce, exact, stats):
    """The magnitude at the ends of the colour scale: the whole array's, so that slices compare, but a tile of means has its own."""
    if stats.min is None:
        return 0.0
    if exact or reduce == "max_abs":
        return max(abs(stats.min), abs(stats.max))
    finite = tile[np.isfinite(tile)]
    return float(np.abs(finite).max()) if finite.size else 0.0


def _window(original, plane, at):
    rows, columns = plane.shape
    top = max(0, min(int(at[0]) - WINDOW // 2, rows - WINDOW))
    left = max(0, min(int(at[1]) - WINDOW // 2, columns - WINDOW))
    part = np.s_[top : top + WINDOW, left : left + WINDOW]
    values = np.ascontiguousarray(plane[part], dtype="<f8")
    header = {"row": top, "column": left, "rows": values.shape[0], "columns": values.shape[1], "text": None}
    if original.dtype.kind == "c":
        header["text"] = [format(complex(z), ".3g") for z in original[part].ravel()]
    return values, header


def _plain(number):
    """JSON has no infinities; they cannot come from finite elements except by overflow, where nothing true can be said."""
    return None if isinstance(number, float) and not math.isfinite(number) else number
