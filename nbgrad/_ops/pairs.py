"""Distances between all pairs of points, and all combinations of elements."""

from __future__ import annotations

import functools
import itertools
import math

import numpy as np

from .._engine import dtypes
from .._engine.batched import as_array, zeros_for
from .._engine.op import composite, primitive
from .._engine.tensor import wrap
from .choice import where
from .joining import stack
from .reduction import dims_of, sum
from .shape import broadcast_shape, meshgrid, unsqueeze
from .statistics import _norm, _norm_gradient, vector_norm

CHUNK = 1 << 22  # differences held at a time: those of all pairs may not fit into memory
LOOPED_BY_SCIPY = 1 << 14  # with more differences than this SciPy is faster, once it is loaded


# ---- between two sets of points


def _by_scipy(name, p, *points):
    """The distances by SciPy, which forms no array of differences; in double precision."""
    from scipy.spatial import distance

    metric = {1: {"metric": "cityblock"}, 2: {"metric": "euclidean"}, math.inf: {"metric": "chebyshev"}}.get(p, {"metric": "minkowski", "p": p})
    return getattr(distance, name)(*points, **metric).astype(points[0].dtype, copy=False)


def _differences(x1, x2):
    return unsqueeze(x1, -2) - unsqueeze(x2, -3)


def _of_cdist(grad, x1, x2, p, result):
    if p == 2:  # without all the differences: sum over r of w_r (x1 - x2_r), and the same for x2
        weights = where(result == 0, 0.0, grad / where(result == 0, 1.0, result))
        return x1 * unsqueeze(weights.sum(-1), -1) - weights @ x2, x2 * unsqueeze(weights.sum(-2), -1) - weights.mT @ x1
    found = _norm_gradient(grad, _differences(x1, x2), result, p, (-1,), False)
    return found.sum(-2), -found.sum(-3)


@primitive("_cdist", vjp={("x1", "x2"): _of_cdist}, method=False, namespace=(), tensors=("x1", "x2"), node="CdistBackward0")
def _cdist(x1, x2, p):
    """The `p`-norms of all differences of a row of one and a row of the other."""
    rows, columns, width = x1.shape[-2], x2.shape[-2], x1.shape[-1]
    shape = (*np.broadcast_shapes(x1.shape[:-2], x2.shape[:-2]), rows, columns)
    out = zeros_for(shape, x1.dtype, x1, x2)
    if not width or not out.size:
        return out
    if type(out) is np.ndarray and out.ndim == 2 and p and out.size * width > LOOPED_BY_SCIPY:
        return _by_scipy("cdist", p, x1, x2)
    step = max(1, CHUNK // max(1, out.size // rows * width))
    for start in range(0, rows, step):
        difference = x1[..., start : start + step, None, :] - x2[..., None, :, :]
        out[..., start : start + step, :] = _norm(difference, p, (difference.ndim - 1,), False)
    return out


@primitive("_euclidean_dist", vjp={("x1", "x2"): lambda grad, x1, x2, result: _of_cdist(grad, x1, x2, 2, result)}, method=False, namespace=(),
           tensors=("x1", "x2"), node="EuclideanDistBackward0")  # fmt: skip
def _euclidean_dist(x1, x2):
    """Euclidean distances by a product of matrices: much faster for many points, and less exact for near ones."""
    squares = (x1 * x1).sum(-1)[..., :, None] + (x2 * x2).sum(-1)[..., None, :] - 2 * (x1 @ x2.swapaxes(-1, -2))
    return np.sqrt(np.maximum(squares, 0))


@composite(method=False)
def cdist(x1, x2, p=2.0, compute_mode="use_mm_for_euclid_dist_if_necessary"):
    """Give the `p`-norms of the differences of all rows of `x1` (…, n, k) and `x2` (…, m, k): (…, n, m).

    `compute_mode` says whether Euclidean distances are found by a product of matrices, which is faster and less exact: by default if one of
    them has more than 25 rows; otherwise "use_mm_for_euclid_dist" or "donot_use_mm_for_euclid_dist".
    """
    modes = ("use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist")
    if compute_mode not in modes:
        raise ValueError(f"{compute_mode} is not a valid value for compute_mode")
    for what, x in (("X1", x1._array), ("X2", x2._array)):
        if x.ndim < 2:
            raise RuntimeError(f"cdist only supports at least 2D tensors, {what} got: {x.ndim}D")
    a, b = x1._array, x2._array
    if a.shape[-1] != b.shape[-1]:
        raise RuntimeError(f"X1 and X2 must have the same number of columns. X1: {a.shape[-1]} X2: {b.shape[-1]}")
    for what, x in (("X1", a), ("X2", b)):
        if x.dtype.kind != "f":
            raise RuntimeError(f"cdist only supports floating-point dtypes, {what} got: {dtypes.of_array(x.dtype).tensor_name}")
    if a.dtype != b.dtype:
        raise RuntimeError(f"expected scalar type {dtypes.of_array(a.dtype).tensor_name} but found {dtypes.of_array(b.dtype).tensor_name}")
    if p < 0:
        raise RuntimeError("cdist only supports non-negative p values")
    shape = broadcast_shape([a.shape[:-2], b.shape[:-2]])
    x1, x2 = (x if tuple(x.shape[:-2]) == tuple(shape) else x.expand((*shape, *x.shape[-2:])) for x in (x1, x2))
    many = a.shape[-2] > 25 or b.shape[-2] > 25
    if p == 2 and (compute_mode == modes[1] or compute_mode == modes[0] and many):
        return _euclidean_dist.function(x1, x2).view((*shape, a.shape[-2], b.shape[-2]))
    return _cdist.function(x1, x2, p)


# ---- within one set of points


def _above(n):
    """The rows and columns of the elements above the diagonal of an (n, n) matrix."""
    return _few_above(n) if n <= 64 else np.triu_indices(n, 1)


@functools.cache
def _few_above(n):
    return np.triu_indices(n, 1)


@primitive("_condensed", vjp={"self": lambda grad, self_shape: _spread_out(grad, self_shape[0])}, method=False, namespace=())
def _condensed(self):
    """The elements above the diagonal of a matrix, row by row."""
    return self[_above(self.shape[0])]


@primitive("_spread_out", vjp={"self": lambda grad: _condensed(grad)}, method=False, namespace=())
def _spread_out(self, n):
    """The matrix (n, n) whose elements above the diagonal are given, row by row; zeros elsewhere."""
    out = zeros_for((n, n), self.dtype, self)
    out[_above(n)] = self
    return out


def _of_pdist(grad, self, p, result):
    n = self.shape[0]
    grad, distances = _spread_out(grad, n), _spread_out(result, n)
    return _of_cdist(grad + grad.mT, self, self, p, distances + distances.mT)[0]


@primitive(vjp={"self": _of_pdist}, namespace=("", "nn.functional"), method=False, node="PdistBackward0")
def pdist(self, p=2.0):
    """Give the `p`-norms of the differences of all pairs of rows (n, k): those of row 0 and 1, 0 and 2, …, 1 and 2, …"""
    if self.ndim != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {self.ndim}D")
    if self.dtype.kind != "f":
        raise RuntimeError("pdist only supports floating-point dtypes")
    if p < 0:
        raise RuntimeError("pdist only supports non-negative p values")
    first, second = _above(self.shape[0])
    if not self.shape[1]:
        return zeros_for((first.size,), self.dtype, self)
    out = zeros_for((first.size,), self.dtype, self)
    if type(self) is np.ndarray and p and first.size * self.shape[1] > LOOPED_BY_SCIPY:
        return _by_scipy("pdist", p, self)
    step = max(1, CHUNK // self.shape[1])
    for start in range(0, first.size, step):
        out[start : start + step] = _norm(self[first[start : start + step]] - self[second[start : start + step]], p, (1,), False)
    return out


def _of_renorm(grad, self, p, dim, maxnorm):
    dims = tuple(d for d in range(self.ndim) if d != dim % self.ndim)
    norm = vector_norm(self, p, dims, True)
    exceeds = norm > maxnorm
    factor = where(exceeds, maxnorm / (norm + 1e-7), 1.0)
    along = sum(self.conj() * grad, dims, True)
    along = along.real if along.dtype != norm.dtype else along
    of_norm = where(exceeds, along * factor / (norm + 1e-7), 0.0)
    return factor * grad - _norm_gradient(of_norm, self, norm, p, dims, True)


@primitive(vjp={"self": _of_renorm}, analytic=False, in_place=True)
def renorm(self, p, dim, maxnorm):
    """Scale down the slices along a dimension whose `p`-norm is above `maxnorm`, to that norm."""
    if p <= 0:
        raise RuntimeError("renorm: non-positive-norm not supported")
    if maxnorm < 0:
        raise RuntimeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm}")
    if self.ndim < 2:
        raise RuntimeError(f"renorm: input needs at least 2 dimensions, got {self.ndim} dimensions")
    (own,) = dims_of((dim,), self.ndim)
    norm = vector_norm.kernel(self, p, tuple(d for d in range(self.ndim) if d != own), True)
    return as_array(self * np.where(norm > maxnorm, maxnorm / (norm + 1e-7), 1)).astype(self.dtype, copy=False)


# ---- combinations of elements


def _check_vector(x):
    if x._array.ndim != 1:
        raise RuntimeError(f"Expect a 1D vector, but got shape {list(x._array.shape)}")


@composite(method=False)
def combinations(self, r=2, with_replacement=False):
    """Make a row of each choice of `r` elements of a vector, in their order; the same one may be chosen again `with_replacement`."""
    _check_vector(self)
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    if r == 0:
        return wrap(np.zeros(0, self._array.dtype))
    n = self._array.shape[0]
    if r == 2:
        chosen = np.triu_indices(n, 0 if with_replacement else 1)
    else:
        choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
        chosen = np.fromiter(itertools.chain.from_iterable(choose(range(n), r)), np.int64).reshape(-1, r).T
    return stack.function([self.index_select(0, wrap(np.ascontiguousarray(places))) for places in chosen], 1)


@composite(method=False)
def cartesian_prod(*tensors):
    """Make a row of each choice of one element from each of several vectors."""
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        tensors = tensors[0]
    for x in tensors:
        _check_vector(x)
    if len(tensors) == 1:
        return tensors[0]
    return stack.function([grid.flatten() for grid in meshgrid(*tensors, indexing="ij")], 1)
