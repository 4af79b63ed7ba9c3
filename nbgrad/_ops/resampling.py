"""Linear maps of one dimension onto another, applied to the last dimensions one after the other: averages of windows and regions, and interpolation.

A map is described by a tuple, (kind, elements, results, …), so that what is worked out for it can be kept: its `table` says from which elements each
result is made, and with what weights. Transposed, it carries gradients back. No operator is declared here.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from .pointwise import widened
from .regions import region_bounds

_DENSE = 24  # a product of matrices does this many weights that are zero in the time that picking elements takes for one


class Table:
    """For each result the elements it is made of, `index` (taps, results), and their `weight`; where `unused`, there is one tap fewer."""

    __slots__ = ("index", "weight", "unused", "count", "dense")

    def __init__(self, index, weight, count, unused=None):
        self.index, self.weight, self.count = index, weight, count
        self.unused = unused if unused is not None and unused.any() else None
        self.dense = {}  # the matrix (results, elements), by type

    @property
    def picks(self):
        """Whether every result simply is an element."""
        return len(self.index) == 1 and self.unused is None and bool((self.weight == 1).all())

    def matrix(self, dtype):
        """The map as a matrix (results, elements)."""
        found = self.dense.get(dtype)
        if found is None:
            found = np.zeros((self.index.shape[1], self.count))
            np.add.at(found, (np.arange(self.index.shape[1]), self.index), self.weight)
            found = self.dense[dtype] = found.astype(dtype)
        return found

    def transposed(self):
        """The table that takes results to elements."""
        used = np.ones(self.index.shape, bool) if self.unused is None else ~self.unused
        element, weight = self.index[used], self.weight[used]
        result = np.broadcast_to(np.arange(self.index.shape[1]), self.index.shape)[used]
        order = np.argsort(element, kind="stable")
        element, weight, result = element[order], weight[order], result[order]
        each = np.bincount(element, minlength=self.count)
        place = np.arange(element.size) - (np.cumsum(each) - each)[element]
        shape = (max(int(each.max(initial=0)), 1), self.count)
        index, weights, unused = np.zeros(shape, np.int64), np.zeros(shape), np.ones(shape, bool)
        index[place, element], weights[place, element], unused[place, element] = result, weight, False
        return Table(index, weights, self.index.shape[1], unused)


@functools.lru_cache(128)
def table(spec, transposed=False) -> Table:
    """The table of a map."""
    if transposed:
        return table(spec).transposed()
    kind, count, results, *rest = spec
    return _KINDS[kind](count, results, *rest)


# ---- the maps


def _of_windows(count, results, k, s, p, include_pad, each):
    """Averages of windows of `k`, or `each` times their sums."""
    start = np.arange(results) * s - p
    index = start + np.arange(k)[:, None]
    unused = (index < 0) | (index >= count)
    if each is None:
        counted = np.minimum(start + k, count + p) - start if include_pad else (~unused).sum(0)
        weight = np.broadcast_to(1 / np.maximum(counted, 1), index.shape)
    else:
        weight = np.full(index.shape, each)
    return Table(np.where(unused, 0, index), np.where(unused, 0, weight), count, unused)


def _of_regions(count, results):
    """Averages of regions that cover all elements."""
    start, end = region_bounds(count, results)
    index = start + np.arange(int((end - start).max(initial=1)))[:, None]
    unused = index >= end
    return Table(np.where(unused, 0, index), np.where(unused, 0, 1 / np.maximum(end - start, 1)), count, unused)


def _step(count, results, align_corners, scale, kind):
    """The distance between the places of two results, in elements."""
    if align_corners:
        return kind((count - 1) / kind(results - 1)) if results > 1 else kind(0)
    return kind(1.0 / scale) if scale is not None and scale > 0 else kind(count) / kind(results)


def _sources(count, results, align_corners, scale, single):
    """Where each result lies among the elements."""
    kind = np.float32 if single else np.float64
    step, place = _step(count, results, align_corners, scale, kind), np.arange(results).astype(kind)
    return step * place if align_corners else step * (place + kind(0.5)) - kind(0.5)


def _nearest(count, results, scale, exact, single):
    """The nearest element; without `exact`, of the beginning of each result's stretch rather than its middle.

    Where a place falls between two elements, rounding decides: it is done as PyTorch mostly does it, which ends in single precision for either type.
    (Small images, and gradients, take other paths there, and may give another neighbour.)
    """
    kind = np.float32 if single else np.float64
    step, place = _step(count, results, False, scale, kind), np.arange(results)
    place = ((place + 0.5) * float(step) - 0.5).astype(kind) + kind(0.5) if exact else place.astype(kind) * step
    index = np.minimum(np.floor(place.astype(np.float32)).astype(np.int64), count - 1)
    return Table(index[None], np.ones((1, results)), count)


def _linear(count, results, align_corners, scale, single):
    """Between the two nearest elements, by their distances."""
    source = np.maximum(_sources(count, results, align_corners, scale, single), 0)
    first = np.minimum(source.astype(np.int64), count - 1)
    part = np.clip(source - first, 0, 1)
    if count == results:
        first, part = np.arange(count), np.zeros(count)
    return Table(np.stack([first, np.minimum(first + 1, count - 1)]), np.stack([1 - part, part]), count)


def cubic_weights(t, a=-0.75):
    """The weights of the elements at -1, 0, 1 and 2 for a place `t` between 0 and 1, by cubic convolution (Keys, 1981)."""
    far = lambda x: ((a * x - 5 * a) * x + 8 * a) * x - 4 * a  # noqa: E731
    near = lambda x: ((a + 2) * x - (a + 3)) * x * x + 1  # noqa: E731
    return far(t + 1), near(t), near(1 - t), far(2 - t)


def _cubic(count, results, align_corners, scale, single):
    """By a cubic curve through the four nearest elements; those beyond the ends are the last ones."""
    source = _sources(count, results, align_corners, scale, single)
    first = np.minimum(np.floor(source).astype(np.int64), count - 1)
    weight = np.stack(cubic_weights(np.clip(source - first, 0, 1)))
    return Table(np.clip(first + np.arange(-1, 3)[:, None], 0, count - 1), weight, count)


def _triangle(x):
    return np.maximum(1 - np.abs(x), 0)


def _bell(x, a=-0.5):
    x = np.abs(x)
    near, far = ((a + 2) * x - (a + 3)) * x * x + 1, ((x - 5) * x + 8) * a * x - 4 * a
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def _antialiased(count, results, align_corners, scale, single, cubic):
    """By a filter that is stretched, where there are fewer results than elements, to reach over all of them."""
    step = _step(count, results, align_corners, scale, np.float32 if single else np.float64)
    stretch = max(step, 1)
    support = (2 if cubic else 1) * stretch
    centre = step * (np.arange(results) + 0.5)
    start = np.maximum((centre - support + 0.5).astype(np.int64), 0)
    end = np.minimum((centre + support + 0.5).astype(np.int64), count)
    index = start + np.arange(int((end - start).max(initial=1)))[:, None]
    unused = index >= end
    weight = np.where(unused, 0, (_bell if cubic else _triangle)((index - centre + 0.5) / stretch))
    total = weight.sum(0)
    return Table(np.where(unused, 0, index), weight / np.where(total == 0, 1, total), count, unused)


_KINDS = {
    "windows": _of_windows, "regions": _of_regions, "nearest": _nearest, "linear": _linear, "cubic": _cubic, "antialiased": _antialiased,
}  # fmt: skip


# ---- applying them


def resampled(x, specs, transposed):
    """Apply maps to the last dimensions of an array, one for each of them."""
    kind = x.dtype
    x = widened(x)
    for axis in range(-1, -len(specs) - 1, -1):
        x = _along(x, axis, table(specs[axis], transposed))
    return x.astype(kind, copy=False)


def _along(x, axis, one):
    d = x.ndim + axis
    lead, rest = math.prod(x.shape[:d]), math.prod(x.shape[d + 1 :])
    shape = (*x.shape[:d], one.index.shape[1], *x.shape[d + 1 :])
    if not one.count:  # the gradient of what has no results
        return np.zeros(shape, x.dtype)
    if one.picks:
        return np.take(x, one.index[0], axis)
    if one.count <= _DENSE * len(one.index) and x.dtype.kind in "fc":
        matrix = one.matrix(x.dtype)
        out = np.dot(x.reshape((lead, one.count)), matrix.T) if rest == 1 else np.matmul(matrix, x.reshape((lead, one.count, rest)))
        if np.isfinite(out.sum()):  # otherwise a weight of zero has made nan of what was inf, and overflow does no harm
            return out.reshape(shape)
    return _picked(x.reshape((lead, one.count, rest)), one).reshape(shape)


def _picked(x, one):
    """The same, tap by tap."""
    out = None
    for i, index in enumerate(one.index):
        term = np.take(x, index, 1)
        term *= one.weight[i].astype(x.dtype)[:, None]
        if one.unused is not None and one.unused[i].any():
            term[:, one.unused[i]] = 0
        out = term if out is None else np.add(out, term, out=out)
    return out
