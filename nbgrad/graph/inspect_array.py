"""What a reader can see of an array at first sight: statistics, and a heatmap tile of one plane.

The explorer asks for this one selected tensor at a time; histograms, exact values and differences are questions of their own
(`inspect_histogram`, `inspect_window`, `inspect_difference`). An array of ten million elements is read in cache-sized pieces, every element of
it, and what leaves for the browser stays under 100 kB.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

import numpy as np

from ._elements import (
    clip_index,
    elements,
    exact_texts,
    numbers,
    plain,
    plain_statistics,
    plane_of,
    rows_and_columns,
    statistics,
)

MAX_SIDE = 256  # cells of a tile along one side
MAX_CELLS = 24_000  # cells of a tile in all: 96 kB as float32
_FEW = 64  # cells that a reader sees as numbers
_NARROW = 64  # columns; of fewer, NumPy reduces many rows at once quicker than one band after the other


@dataclass(frozen=True, slots=True)
class Inspection:
    """A view of one array: `header` is plain data for JSON, `buffers` its numbers as little-endian bytes."""

    header: dict
    buffers: tuple[bytes, ...]

    def to_plain(self) -> dict:
        """Return one JSON-ready dict with the buffers as base64 text."""
        return {**self.header, "buffers": [base64.b64encode(b).decode("ascii") for b in self.buffers]}


def inspect_array(array, index=(), *, dims=None, reduce="max_abs") -> Inspection:
    """Summarize an array for the eye; the one buffer is the tile (float32).

    `dims` are the two dimensions shown as rows and columns, by default the last two; `index` picks one position in each other dimension
    (missing or out of range ones are clipped). Complex numbers are shown by their magnitude. A tile larger than the limits shows blocks:
    `reduce` "max_abs" keeps each block's element of largest magnitude with its sign, "mean" its mean; a NaN in a block always shows.
    """
    if reduce not in ("max_abs", "mean"):
        raise ValueError(f"reduce is 'max_abs' or 'mean', not {reduce!r}")
    original = elements(array)
    real = numbers(original)
    stats = statistics(real)
    dims = rows_and_columns(original.shape, dims)
    index = clip_index(index, original.shape, dims)
    tile, tile_header = _tile(plane_of(real, index, dims), reduce, stats)
    if tile.size <= _FEW:
        tile_header["text"] = exact_texts(plane_of(original, index, dims))
    header = {
        "shape": list(original.shape),
        "dtype": str(original.dtype),
        "of": "magnitude" if original.dtype.kind == "c" else "value",
        "dims": list(dims),
        "index": list(index),
        "stats": plain_statistics(stats),
        "tile": tile_header,
    }
    return Inspection(header, (tile.tobytes(),))


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
        "limit": plain(_limit(tile, reduce, exact, stats)),
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
    if abs(plane.strides[0]) < abs(plane.strides[1]):  # columns lie together in memory: they are the rows of the transpose
        return _overview(plane.T, block_columns, block_rows, reduce).T
    tops, lefts = np.arange(0, plane.shape[0], block_rows), np.arange(0, plane.shape[1], block_columns)

    def blocks(ufunc, **options):  # whole rows first, which NumPy does fastest; a pass over blocks of one would only copy
        some = _rows_of_blocks(ufunc, plane, tops, block_rows, options) if block_rows > 1 else plane
        return ufunc.reduceat(some, lefts, axis=1, **options) if block_columns > 1 else some

    with np.errstate(over="ignore", invalid="ignore"):
        if reduce == "mean":
            heights, widths = np.diff(np.append(tops, plane.shape[0])), np.diff(np.append(lefts, plane.shape[1]))
            return blocks(np.add, dtype=np.float64) / np.outer(heights, widths)
        high, low = blocks(np.maximum).astype(np.float64), blocks(np.minimum).astype(np.float64)
        return np.where(high + low >= 0, high, np.where(np.isnan(high), high, low))


def _rows_of_blocks(ufunc, plane, tops, height, options):
    if plane.shape[1] < _NARROW:
        return ufunc.reduceat(plane, tops, axis=0, **options)
    return np.stack([ufunc.reduce(plane[top : top + height], axis=0, **options) for top in tops])


def _limit(tile, reduce, exact, stats):
    """The magnitude at the ends of the colour scale: the whole array's, so that slices compare, but a tile of means has its own."""
    if stats.min is None:
        return 0.0
    if exact or reduce == "max_abs":
        return max(abs(stats.min), abs(stats.max))
    finite = tile[np.isfinite(tile)]
    return float(np.abs(finite).max()) if finite.size else 0.0
