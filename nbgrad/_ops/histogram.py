"""Histograms with bins given by their number or by their edges. They have no derivative; asking for it raises, as in PyTorch."""

from __future__ import annotations

import math

import numpy as np

from .._engine import dtypes
from .._engine.op import composite, named_result, primitive
from .._engine.writing import writes_out
from .creation import _line
from .pointwise import no_derivative


def _edges_of(sample, d, bins, limits):
    """The edges of the bins along a dimension."""
    if isinstance(bins, np.ndarray):
        if bins.dtype != sample.dtype:
            of_sample, of_bins = (dtypes.of_array(x.dtype).tensor_name.lower() for x in (sample, bins))
            raise RuntimeError(f"torch.histogramdd: input tensor and bins tensors should have the same dtype, but got input with dtype {of_sample} and "
                               f"bins for dimension {d} with dtype {of_bins}")  # fmt: skip
        if bins.ndim != 1:
            raise RuntimeError(f"torch.histogramdd: bins tensor should have one dimension, but got {bins.ndim} dimensions in the bins tensor for dimension {d}")
        if not bins.size:
            raise RuntimeError(f"torch.histogramdd: bins tensor should have at least 1 element, but got 0 elements in the bins tensor for dimension {d}")
        return bins
    if bins <= 0:
        raise RuntimeError(f"torch.histogramdd(): bins must be > 0, but got {bins} for dimension {d}")
    if limits is not None:
        low, high = limits
    else:
        low, high = (float(sample[:, d].min()), float(sample[:, d].max())) if len(sample) else (0.0, 1.0)
    if not (math.isfinite(low) and math.isfinite(high)):
        raise RuntimeError(f"torch.histogramdd: dimension {d}'s range [{low}, {high}] is not finite")
    if low > high:
        raise RuntimeError(f"torch.histogramdd: min should not exceed max, but got min {low:g} max {high:g} for dimension {d}")
    if low == high:
        low, high = low - 0.5, high + 0.5
    return _line(low, high, bins + 1, sample.dtype)


def _counted(sample, edges, weight):
    """The points, or their weights, in each cell; edges that do not rise are searched as if they did."""
    sizes = [max(len(line) - 1, 0) for line in edges]
    inside = np.ones(len(sample), bool)
    for x, line in zip(sample.T, edges):
        inside &= (x >= line[0]) & (x <= line[-1])
    places = [
        np.clip(np.searchsorted(line, x, "right") - 1, 0, max(size - 1, 0)) for x, line, size in zip(sample[inside].T, edges, sizes)
    ]  # fmt: skip
    cells = np.ravel_multi_index(places, sizes) if math.prod(sizes) else np.zeros(0, np.int64)
    return np.bincount(cells, None if weight is None else weight[inside], math.prod(sizes)).reshape(sizes)


@primitive(
    "_histogramdd", vjp={"self": no_derivative("_histogramdd"), "weight": no_derivative("_histogramdd")}, outputs="tuple", method=False, namespace=(),
    node="NotImplemented",
)  # fmt: skip
def _histogramdd(self, bins, limits, weight, density):
    """The histogram, and the edges in each dimension."""
    if self.dtype.kind != "f" or self.dtype == np.float16:
        raise NotImplementedError(f"\"histogramdd\" not implemented for '{dtypes.of_array(self.dtype).tensor_name}'")
    if weight is not None and weight.shape != self.shape[:-1]:
        raise RuntimeError("torch.histogramdd: if weight tensor is provided it should have the same shape as the input tensor excluding its innermost "
                           f"dimension, but got input with shape {list(self.shape)} and weight with shape {list(weight.shape)}")  # fmt: skip
    if weight is not None and weight.dtype != self.dtype:
        names = (dtypes.of_array(x.dtype).tensor_name.lower() for x in (self, weight))
        raise RuntimeError("torch.histogramdd: if weight tensor is provided, input tensor and weight tensor should have the same dtype, but got "
                           "input(dtype={}), and weight(dtype={})".format(*names))  # fmt: skip
    sample = self.reshape(-1, self.shape[-1])
    edges = [_edges_of(sample, d, n, None if limits is None else limits[2 * d : 2 * d + 2]) for d, n in enumerate(bins)]
    counts = _counted(sample, edges, None if weight is None else weight.reshape(-1)).astype(self.dtype)
    if density:
        counts = counts / counts.sum()
        for d, line in enumerate(edges):
            counts = counts / np.diff(line).reshape((-1,) + (1,) * (len(edges) - 1 - d))
    return (counts.astype(self.dtype), *edges)


@composite()
@writes_out
def histogram(self, bins, *, range=None, weight=None, density=False):
    """Count elements, or add up their weights, in bins of equal width (their number) or between given edges; gives `hist` and `bin_edges`.

    A bin holds its lower edge, the last one its upper edge too. `range` is (least, greatest), by default of the elements. With `density` the
    counts are divided so that their integral is 1.
    """
    if isinstance(bins, int) and bins <= 0:
        raise RuntimeError(f"torch.histogram(): bins must be > 0, but got {bins} for dimension 0")
    points = self.reshape((-1, 1))
    flat = None if weight is None else weight.reshape((-1,))
    hist, edges = _histogramdd.function(points, [bins], range, flat, density)
    return named_result("histogram", "hist", "bin_edges")(hist, edges)


@composite(method=False)
def histogramdd(self, bins, range=None, weight=None, density=False):
    """Count points (…, k) in a grid of bins in k dimensions; gives `hist` and the tuple `bin_edges`. `bins` is one number, or one for each, or edges."""
    if self._array.ndim < 2:
        raise RuntimeError("torch.histogramdd: input tensor should have at least 2 dimensions")
    k = self._array.shape[-1]
    bins = [bins] * k if isinstance(bins, int) else list(bins)
    if len(bins) != k:
        raise RuntimeError("histogramdd: The size of bins must be equal to the innermost dimension of the input.")
    if range is not None and len(range) != 2 * k:
        raise RuntimeError(f"torch.histogramdd: for a {k}-dimensional histogram range should have {2 * k} elements, but got {len(range)}")
    hist, *edges = _histogramdd.function(self, bins, range, weight, density)
    return named_result("histogramdd", "hist", "bin_edges")(hist, tuple(edges))
