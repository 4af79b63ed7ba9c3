"""Sampled functions: differences, slopes, and integrals by the trapezoidal rule; composed as PyTorch composes them."""

from __future__ import annotations

from .._engine.op import composite
from .._engine.tensor import Tensor, check_dim, wrap
from .._engine.writing import writes_out
from .creation import zeros_like
from .joining import _piece, cat
from .pointwise import div_by_number, mul_by_number
from .reduction import dims_of


def _slices(self, dim, start, length):
    return _piece.function(self, dim, start, start + length)


def _pair(self, dim, other=1, length=None):
    """The elements from `other` on, and as many from the first on."""
    length = self._array.shape[dim] - other if length is None else length
    return _slices(self, dim, other, length), _slices(self, dim, 0, length)


@composite()
@writes_out
def diff(self, n=1, dim=-1, prepend=None, append=None):
    """Take differences of neighbours along a dimension, `n` times; of bools, whether they differ. `prepend` and `append` are joined on first."""
    if not self._array.ndim:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    (dim,) = dims_of(dim, self._array.ndim)
    parts = [part for part in (prepend, self, append) if part is not None]
    for part in parts:
        if part._array.ndim != self._array.ndim:
            raise RuntimeError("diff expects prepend or append to be the same dimension as input")
        for d, (size, own) in enumerate(zip(part._array.shape, self._array.shape)):
            if d != dim and size != own:
                raise RuntimeError(f"diff expects the shape of tensor to prepend or append to match that of input except along the differencing "
                                   f"dimension; input.size({d}) = {own}, but got tensor.size({d}) = {size}")  # fmt: skip
    if len(parts) > 1:
        self = cat.function(parts, dim)
    if n == 0:
        return wrap(zeros_like(self._array)).copy_(self)
    for _ in range(min(n, self._array.shape[dim])):
        later, earlier = _pair(self, dim)
        self = later.logical_xor(earlier) if self._array.dtype.kind == "b" else later - earlier
    return self


# ---- slopes


@composite(method=False)
def gradient(self, *, spacing=None, dim=None, edge_order=1):
    """Estimate the slopes along each dimension, or `dim`, by central differences; at the ends by differences of order 1 or 2.

    `spacing` is the distance of neighbours, one for each dimension, or the coordinates along each as tensors. Gives a tuple. At uneven distances as
    in B. Fornberg, "Generation of finite difference formulas on arbitrarily spaced grids" (1988).
    """
    ndim = self._array.ndim
    dims = list(range(ndim)) if dim is None else [*dims_of(dim if isinstance(dim, (tuple, list)) else (dim,), ndim)]
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    if isinstance(spacing, (tuple, list)):
        if len(spacing) != len(dims):
            expected = (f"to be unspecified, a scalar, or a list of length equal to 'self.dim() = {ndim}', since dim argument was not given" if dim is None
                        else "to be unspecified, a scalar or it's spacing and dim arguments to have the same length")  # fmt: skip
            raise RuntimeError(f"torch.gradient expected spacing {expected}, but got a list of length {len(spacing)}")
        spacings = list(spacing)
    else:
        if isinstance(spacing, Tensor) and spacing._array.ndim:
            raise TypeError("gradient(): argument 'spacing' must be a number, or a tuple of numbers or of Tensors")
        spacings = [1.0 if spacing is None else spacing] * len(dims)
    for d in dims:
        if self._array.shape[d] < edge_order + 1:
            raise RuntimeError("torch.gradient expected each dimension size to be at least edge_order+1")
    if self._array.dtype.kind in "biu":
        self = self.float()
    return tuple(
        (_slopes_at if isinstance(one, Tensor) else _even_slopes)(self, d, one, edge_order) for d, one in zip(dims, spacings)
    )  # fmt: skip


def _even_slopes(self, d, step, edge_order):
    n = self._array.shape[d]
    later, earlier = _pair(self, d, 2)
    inner = _over(_over(later - earlier, step), 2)
    first, last = ([_slices(self, d, start + i, 1) for i in range(min(3, n))] for start in (0, n - min(3, n)))
    if edge_order == 1:
        low, high = first[1] - first[0], last[-1] - last[-2]
    else:
        low = _times(first[0], -1.5) + _times(first[1], 2) - _times(first[2], 0.5)
        high = _times(last[0], 0.5) - _times(last[1], 2) + _times(last[2], 1.5)
    return cat.function([_over(low, step), inner, _over(high, step)], d)


def _over(x, number):
    return div_by_number.function(x, number) if x._array.dtype.kind in "fc" else x / number


def _times(x, number):
    return mul_by_number.function(x, number) if x._array.dtype.kind in "fc" else x * number


def _slopes_at(self, d, coordinates, edge_order):
    """Slopes where the coordinates along a dimension are given, with the weights of the parabola through three points."""
    if coordinates._array.ndim != 1:
        raise RuntimeError("torch.gradient expected each element of spacing to have one dimension, but got an element with "
                           f"{coordinates._array.ndim} dimensions!")  # fmt: skip
    n = self._array.shape[d]
    if coordinates._array.size != n:
        raise RuntimeError("torch.gradient expected each element of spacing to have the same size as the dimension of input")
    steps = coordinates.diff()
    steps = steps.reshape((-1,) + (1,) * (self._array.ndim - 1 - d))
    after, before = _pair(steps, 0)
    points = [_slices(self, d, i, n - 2) for i in range(3)]
    inner = _parabola(points, before, after, (-1, 0, 1))
    count = min(3, n)
    ends = []
    for start, where in ((0, (0, 1, 2)), (n - count, (-2, -1, 0))):
        few = [_slices(self, d, start + i, 1) for i in range(count)]
        near = [_slices(steps, 0, start + i, 1) for i in range(count - 1)]
        if edge_order == 2:
            ends.append(_parabola(few, *near, where))
        else:
            ends.append((few[1] - few[0]) / near[0] if where[0] == 0 else (few[-1] - few[-2]) / near[-1])
    return cat.function([ends[0], inner, ends[1]], d)


def _parabola(points, before, after, at):
    """The slope, at the first, the middle or the last of three points, of the parabola through them."""
    both = before + after
    if at[0] == 0:
        weights = -(before + both) / (before * both), both / (before * after), -before / (after * both)
    elif at[1] == 0:
        weights = -after / (before * both), (after - before) / (before * after), before / (after * both)
    else:
        weights = after / (before * both), -both / (before * after), (after + both) / (after * both)
    return weights[0] * points[0] + weights[1] * points[1] + weights[2] * points[2]


# ---- integrals


def _check_no_bool(name, x, what):
    if x._array.dtype.kind == "b":
        raise RuntimeError(f"{name}: received a bool input for `{what}`, but bool is not supported")


def _distances(name, y, x, dim):
    """The distances between sample points, in a shape that broadcasts against the samples."""
    if x._array.ndim == 1:
        if x._array.shape[0] != y._array.shape[dim]:
            raise RuntimeError(f"{name}: There must be one `x` value for each sample point")
        x = x.view((-1,) + (1,) * (y._array.ndim - 1 - dim))
        x = x.view((1,) * dim + tuple(x.shape))
    elif x._array.ndim < y._array.ndim:
        x = x.view((1,) * (y._array.ndim - x._array.ndim) + tuple(x.shape))
    check_dim(dim - y._array.ndim, x._array.ndim)
    later, earlier = _pair(x, dim - y._array.ndim + x._array.ndim)
    return later - earlier


def _trapezoid(name, y, x, dx, dim):
    if not y._array.ndim:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    check_dim(dim, y._array.ndim)
    dim = dim % y._array.ndim
    n = y._array.shape[dim]
    if not n:
        return (y.detach() if y._array.dtype.kind in "fc" else y.float()).sum(dim)  # zeros, on which nothing depends
    _check_no_bool(name, y, "y")
    if x is None:
        ends = y.select(dim, 0) + y.select(dim, n - 1)
        return _times(y.sum(dim) - _times(ends, 0.5), dx)
    _check_no_bool(name, x, "x")
    later, earlier = _pair(y, dim)
    areas = ((later + earlier) * _distances(name, y, x, dim)).sum(dim)
    return _over(areas, 2.0)


@composite(method=False)
def trapezoid(y, x=None, *, dx=1, dim=-1):
    """Integrate along a dimension by the trapezoidal rule, over points `x` or steps of `dx`."""
    return _trapezoid("trapezoid", y, x, dx, dim)


@composite(method=False)
def trapz(y, x=None, *, dx=1, dim=-1):
    """Integrate along a dimension by the trapezoidal rule, over points `x` or steps of `dx`."""
    return _trapezoid("trapezoid", y, x, dx, dim)


@composite(method=False)
def cumulative_trapezoid(y, x=None, *, dx=1, dim=-1):
    """Integrate by the trapezoidal rule up to each sample but the first, along a dimension, over points `x` or steps of `dx`."""
    if not y._array.ndim:
        raise IndexError("slice() cannot be applied to a 0-dim tensor.")
    check_dim(dim, y._array.ndim)
    dim = dim % y._array.ndim
    _check_no_bool("cumulative_trapezoid", y, "y")
    later, earlier = _pair(y, dim, length=max(y._array.shape[dim] - 1, 0))
    if x is None:
        return _times(later + earlier, dx / 2.0).cumsum(dim)
    _check_no_bool("cumulative_trapezoid", x, "x")
    return _over(((later + earlier) * _distances("cumulative_trapezoid", y, x, dim)).cumsum(dim), 2.0)
