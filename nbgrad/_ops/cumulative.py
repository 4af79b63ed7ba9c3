"""Running sums, products and extremes along a dimension."""

from __future__ import annotations

import numpy as np

from .._engine import errors
from .._engine.batched import anywhere, zeros_for
from .._engine.op import LINEAR, primitive
from .._engine.tensor import Tensor, check_dim, wrap
from .choice import where
from .elementary import complex_logaddexp, exp, log
from .reduction import _put_at, sum


def _whole_type(self, dtype):
    return dtype.numpy if dtype is not None else np.int64 if self.dtype.kind in "biu" else self.dtype


@primitive(vjp={"self": lambda grad, dim: _reversed_cumsum(grad, dim)}, in_place=True, jvp=LINEAR)
def cumsum(self, dim, *, dtype=None):
    """Add up the elements along a dimension, keeping every sum on the way."""
    check_dim(dim, self.ndim)
    kind = _whole_type(self, dtype)
    return np.add.accumulate(self, axis=dim, dtype=kind) if self.ndim else self.astype(kind)


@primitive(vjp={"self": lambda grad, dim: cumsum(grad, dim)}, method=False, namespace=())
def _reversed_cumsum(self, dim):
    """Add up from the end."""
    return np.flip(np.add.accumulate(np.flip(self, dim), axis=dim), dim) if self.ndim else self


@primitive(vjp={"self": lambda grad, self, result, dim: _cumprod_gradient(grad, self, result, dim)}, in_place=True)
def cumprod(self, dim, *, dtype=None):
    """Multiply the elements along a dimension, keeping every product on the way."""
    check_dim(dim, self.ndim)
    kind = _whole_type(self, dtype)
    return np.multiply.accumulate(self, axis=dim, dtype=kind) if self.ndim else self.astype(kind)


def _cumprod_gradient(grad, self, result, dim):
    shape = tuple(self.shape)
    if not shape:
        return grad
    dim = dim % len(shape)
    if not anywhere(self == 0):
        return _reversed_cumsum(grad * result, dim) / self
    n = shape[dim]
    if n > 4096:
        raise errors.unsupported("the gradient of cumprod over more than 4096 elements with zeros among them")
    # row i holds the products without factor i, which count from place i on; made of products again, so that it can be differentiated
    around = len(shape) - 1 - dim
    own = np.eye(n, dtype=bool).reshape((n, n) + (1,) * around)
    later = np.triu(np.ones((n, n), bool)).reshape((n, n) + (1,) * around)
    if isinstance(self, Tensor):
        own, later = wrap(own), wrap(later)
    rows = shape[:dim] + (1, n) + shape[dim + 1 :]
    products = cumprod(where(own, 1, self.reshape(rows)), dim + 1)
    return sum(where(later, products * grad.reshape(rows), 0), dim + 1)


def _running(self, dim, better):
    """Values and indices of the best so far; of equal ones the last, and nan beats all."""
    check_dim(dim, self.ndim)
    if self.ndim == 0:
        return self.copy(), np.zeros((), np.int64)
    x = np.moveaxis(self, dim, 0)
    values, indices = x.copy(), zeros_for(x.shape, np.int64, x)
    for i in range(1, len(x)):
        wins = better(x[i], values[i - 1])
        if x.dtype.kind == "f":
            wins |= np.isnan(x[i])
        values[i] = np.where(wins, x[i], values[i - 1])
        indices[i] = np.where(wins, i, indices[i - 1])
    return np.moveaxis(values, 0, dim), np.moveaxis(indices, 0, dim)


def _by_indices(grad, indices, shape, dim):
    return _put_at(grad, indices, dim % len(shape), shape[dim]) if shape else grad


@primitive(
    vjp={"self": lambda grad_values, indices, self_shape, dim: _by_indices(grad_values, indices, self_shape, dim)},
    outputs=("values", "indices"), kinds="fiub",
)
def cummax(self, dim):
    """Give the largest element so far along a dimension, and its index."""
    return _running(self, dim, np.greater_equal)


@primitive(
    vjp={"self": lambda grad_values, indices, self_shape, dim: _by_indices(grad_values, indices, self_shape, dim)},
    outputs=("values", "indices"), kinds="fiub",
)
def cummin(self, dim):
    """Give the smallest element so far along a dimension, and its index."""
    return _running(self, dim, np.less_equal)


@primitive(
    vjp={"self": lambda grad, self, result, dim: _logcumsumexp_gradient(grad, self, result, dim, False)}, kinds="fc",
)  # fmt: skip
def logcumsumexp(self, dim):
    """Give the logarithm of the running sum of exponentials along a dimension, without overflow."""
    check_dim(dim, self.ndim)
    return _accumulated(self, dim) if self.ndim else self.copy()


def _accumulated(x, dim):
    if x.dtype.kind == "c":
        steps = np.moveaxis(x, dim, 0).copy()
        for i in range(1, len(steps)):
            steps[i] = complex_logaddexp(steps[i - 1], steps[i])
        return np.moveaxis(steps, 0, dim)
    # in double precision: each step's rounding would be raised to the power of e later
    return np.logaddexp.accumulate(x, axis=dim, dtype=np.float64).astype(x.dtype, copy=False)


@primitive(vjp={"self": lambda grad, self, result, dim: _logcumsumexp_gradient(grad, self, result, dim, True)}, method=False, namespace=())
def _reversed_logcumsumexp(self, dim):
    """The same from the end."""
    return np.flip(_accumulated(np.flip(self, dim), dim), dim) if self.ndim else self.copy()


def _is_complex(x):
    """Whether an array or tensor is of a complex type."""
    return (x._array if isinstance(x, Tensor) else x).dtype.kind == "c"


def _logcumsumexp_gradient(grad, self, result, dim, reverse):
    # sum over j >= i of grad_j exp(x_i - result_j), in logarithms so that nothing overflows, for the two signs of the gradient apart
    back = logcumsumexp if reverse else _reversed_logcumsumexp
    if not grad.ndim:
        return grad
    if _is_complex(grad):
        return exp(back(log(grad) - result, dim) + self)
    positive, negative = (exp(back(where(g > 0, log(where(g > 0, g, 1)) - result, float("-inf")), dim) + self) for g in (grad, -grad))
    return positive - negative
