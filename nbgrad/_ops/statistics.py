"""Spread, norms and order statistics over dimensions."""

from __future__ import annotations

import math
import warnings

import numpy as np

from .._engine import errors
from .._engine.arguments import must_be
from .._engine.batched import as_array
from .._engine.batching import by_example
from .._engine.dtypes import of_array
from .._engine.op import NAMES, REDUCTION, facade, primitive
from .._engine.tensor import Tensor, check_dim, wrap
from .._engine.writing import writes_out
from .choice import where
from .pointwise import _zeros, abs, sgn, widened
from .reduction import _even, by_index, count_of, dims_of, evenly, kept, kept_shape, mean, picked
from .ties import SHORT, sorted_order, with_ties


# ---- variance and standard deviation


def _variance(self, name, dim, correction, keepdim):
    if self.dtype.kind not in "fc":
        raise RuntimeError(f"{name} only support floating point and complex dtypes")
    dims = dims_of(dim, self.ndim)
    freedom = count_of(self.shape, dim) - correction
    if freedom <= 0:
        warnings.warn(
            f"{name.split()[0]}(): degrees of freedom is <= 0. Correction should be strictly less than the reduction factor (input numel "
            "divided by output numel).",
            UserWarning,
            stacklevel=2,
        )
    wide = self.astype(np.float64) if self.dtype == np.float32 and self.size <= 4096 else widened(self)
    centre = mean.kernel(wide, dims or None, True) if self.size else np.full(kept_shape(self.shape, dims or None, True), np.nan)
    deviation = wide - centre
    squares = (deviation * deviation.conj()).real if self.dtype.kind == "c" else deviation * deviation
    total = np.add.reduce(squares, axis=dims, keepdims=keepdim) if self.ndim else squares
    return np.true_divide(total, np.maximum(freedom, 0.0)), as_array(centre if keepdim or not self.ndim else centre.squeeze(dims))


def _real_type(numpy_dtype):
    return of_array(numpy_dtype).to_real().numpy


def _correction(dim, unbiased, correction):
    """The dimensions and the correction from the ways in which PyTorch takes them."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if unbiased is not None:
        return dim, int(unbiased)
    return dim, 1 if correction is None else correction


def _var_gradient(grad, self, dim, correction, keepdim):
    shape = tuple(self.shape)
    return (
        (2.0 / np.float64(count_of(shape, dim) - correction).item() if count_of(shape, dim) != correction else math.inf)
        * kept(grad, shape, dim, keepdim)
        * (self - mean(self, dims_of(dim, len(shape)) or None, True))
    )


def _std_gradient(grad, result, self, dim, correction, keepdim):
    return _var_gradient(where(result == 0, 0, grad / (result * 2)), self, dim, correction, keepdim)


@primitive(
    overload="correction",
    vjp={"self": lambda grad, self, dim, correction, keepdim: _var_gradient(grad, self, dim, correction, keepdim)}, analytic=False, jvp=REDUCTION,
)
def var(self, dim=None, correction=1, keepdim=False):
    """Give the variance of elements."""
    return _variance(self, "std and var", dim, correction, keepdim)[0].astype(_real_type(self.dtype))


@primitive(
    overload="correction",
    vjp={"self": lambda grad, result, self, dim, correction, keepdim: _std_gradient(grad, result, self, dim, correction, keepdim)},
    analytic=False, jvp=REDUCTION,
)
def std(self, dim=None, correction=1, keepdim=False):
    """Give the standard deviation of elements."""
    return np.sqrt(_variance(self, "std and var", dim, correction, keepdim)[0]).astype(_real_type(self.dtype))


def _joint(grad_var, grad_mean, self, dim, keepdim, of_var):
    parts = [] if grad_var is None else [of_var]
    if grad_mean is not None:
        parts.append(kept(grad_mean, tuple(self.shape), dim, keepdim) / count_of(tuple(self.shape), dim))
    return parts[0] if len(parts) == 1 else parts[0] + parts[1]


@primitive(
    overload="correction", outputs=("var", "mean"), analytic=False,
    vjp={
        "self": lambda grad_var, grad_mean, self, dim, correction, keepdim: _joint(
            grad_var, grad_mean, self, dim, keepdim, grad_var is not None and _var_gradient(grad_var, self, dim, correction, keepdim)
        )
    },
)  # fmt: skip
def var_mean(self, dim=None, correction=1, keepdim=False):
    """Give variance and mean of elements."""
    spread_of, centre = _variance(self, "var_mean", dim, correction, keepdim)
    return spread_of.astype(_real_type(self.dtype)), centre.astype(self.dtype)


@primitive(
    overload="correction", outputs=("std", "mean"), analytic=False,
    vjp={
        "self": lambda grad_std, grad_mean, std, self, dim, correction, keepdim: _joint(
            grad_std, grad_mean, self, dim, keepdim, grad_std is not None and _std_gradient(grad_std, std, self, dim, correction, keepdim)
        )
    },
)  # fmt: skip
def std_mean(self, dim=None, correction=1, keepdim=False):
    """Give standard deviation and mean of elements."""
    spread_of, centre = _variance(self, "std_mean", dim, correction, keepdim)
    return np.sqrt(spread_of).astype(_real_type(self.dtype)), centre.astype(self.dtype)


def _with_correction(op, method, says):
    """The public function of an operator above, which takes `unbiased` by place or name, and `correction`."""

    def function(self, dim=None, unbiased=None, keepdim=False, *, correction=None, out=None):
        if not isinstance(self, Tensor):
            raise TypeError(f"{op.name}(): argument 'input' (position 1) must be Tensor, not {type(self).__name__}")
        dim, correction = _correction(dim, unbiased, correction)
        result = op.function(self, dim, correction, keepdim, **({} if out is None else {"out": out}))
        return tuple(result) if op.outputs else result

    function.__name__ = function.__qualname__ = op.name
    function.__doc__ = f"{says} of all elements, or of those along `dim`: the squares are divided by the count less `correction` (1)."
    return facade(method=method)(function)


_with_correction(var, True, "Give the variance")
_with_correction(std, True, "Give the standard deviation")
_with_correction(var_mean, False, "Give variance and mean")
_with_correction(std_mean, False, "Give standard deviation and mean")

# ---- norms


def _norm_gradient(grad, self, result, ord, dim, keepdim):
    """As PyTorch has it: at a norm of 0 the gradient is 0; of several largest elements each gets its part."""
    shape = tuple(self.shape)
    if ord == 0:
        return _zeros(self)
    if math.isinf(ord):
        return sgn(self) * _even(grad, abs(self), result, dim, keepdim)
    grad, norm = kept(grad, shape, dim, keepdim), kept(result, shape, dim, keepdim)
    if ord == 1:
        return sgn(self) * grad
    if ord == 2:
        return grad * where(norm == 0, 0, self / norm)
    if ord < 2:
        scaled = sgn(self) * abs(self) ** (ord - 1)
        if ord < 1:
            return where(self == 0, 0, scaled) * grad * norm ** (1 - ord)
    else:
        scaled = self * abs(self) ** (ord - 2)
    return scaled * where(norm == 0, 0, grad / norm ** (ord - 1))


def _norm(self, ord, dims, keepdim):
    size = np.abs(widened(self))
    if math.isinf(ord):
        if self.ndim == 0:
            return size
        ufunc = np.maximum if ord > 0 else np.minimum
        return ufunc.reduce(size, axis=dims, keepdims=keepdim, **({"initial": 0} if ord > 0 else {}))
    if ord == 2:
        powers = size * size
    elif ord == 0:
        powers = (size != 0).astype(size.dtype)
    else:
        powers = size if ord == 1 else size**ord
    total = np.add.reduce(powers, axis=dims, keepdims=keepdim) if self.ndim else powers
    if ord in (0, 1):
        return total
    return np.sqrt(total) if ord == 2 else total ** (1 / ord)


@primitive(
    name="linalg.vector_norm", node="LinalgVectorNormBackward0", namespace=("linalg",), method=False, analytic=False,
    vjp={"self": lambda grad, self, result, ord, dim, keepdim: _norm_gradient(grad, self, result, ord, dim, keepdim)}, jvp=REDUCTION,
)  # fmt: skip
def vector_norm(self, ord=2, dim=None, keepdim=False, *, dtype=None):
    """Give the `ord`-norm of all elements, or of those along `dim` (a dimension or several), as of a vector."""
    if self.dtype.kind not in "fc":
        raise RuntimeError(
            f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {of_array(self.dtype).tensor_name}"
        )
    if dtype is not None:
        self = self.astype(dtype.numpy)
    dims = dims_of(dim, self.ndim)
    empty = any(self.shape[d] == 0 for d in dims)
    if empty and (ord < 0 or ord == math.inf):
        raise RuntimeError(
            f"linalg.vector_norm cannot compute the {ord} norm on an empty tensor because the operation does not have an identity"
        )
    return as_array(_norm(self, ord, dims, keepdim)).astype(_real_type(self.dtype), copy=False)


@facade(name="linalg.matrix_norm", namespace=("linalg",), method=False)
def matrix_norm(A, ord="fro", dim=(-2, -1), keepdim=False, *, dtype=None):
    """Give a norm of matrices, which lie in the two dimensions `dim`: "fro", "nuc", inf, -inf, 1, -1, 2 or -2."""
    if A.ndim < 2:
        raise RuntimeError("linalg.matrix_norm: The input tensor A must have at least 2 dimensions.")
    rows, columns = dims_of(dim, A.ndim)
    if A._array.dtype.kind not in "fc":
        raise RuntimeError(f"linalg.matrix_norm: Expected a floating point or complex tensor as input. Got {A.dtype.tensor_name}")
    if ord is None or isinstance(ord, (list, tuple)):
        raise must_be("linalg_matrix_norm", "ord", 1, "Number", ord)
    if dtype is not None:
        A = A.to(dtype)
    if ord == "fro":
        return vector_norm.function(A, 2, (rows, columns), keepdim)
    if ord in (2, -2, "nuc"):
        singular = NAMES.get("linalg.svdvals")
        if singular is None:
            raise errors.unsupported(f"the matrix norm {ord!r}", "use 'fro'")
        values = singular(A.movedim((rows, columns), (-2, -1)))
        out = values.sum(-1) if ord == "nuc" else values.amax(-1) if ord == 2 else values.amin(-1)
        if keepdim:
            out = out.reshape(tuple(1 if i in (rows, columns) else n for i, n in enumerate(A.shape)))
        return out
    if ord not in (1, -1, math.inf, -math.inf):
        raise RuntimeError(f"linalg.matrix_norm: Order {ord} not supported.")
    first, second = (rows, columns) if math.fabs(ord) == 1 else (columns, rows)
    sums = A.abs().sum(first, keepdim)
    if not keepdim and second > first:
        second -= 1
    return sums.amax(second, keepdim) if ord > 0 else sums.amin(second, keepdim)


@facade(name="linalg.norm", namespace=("linalg",), method=False)
@writes_out
def linalg_norm(A, ord=None, dim=None, keepdim=False, *, dtype=None):
    """Give a vector norm, or a matrix norm if `ord` is given for a matrix or `dim` names two dimensions."""
    if ord is None:
        return vector_norm.function(A, 2, dim, keepdim, dtype=dtype)
    if dim is None and A.ndim not in (1, 2):
        raise RuntimeError("linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got " + f"{A.ndim}D.")
    if isinstance(ord, str) or (dim is None and A.ndim == 2) or (isinstance(dim, (tuple, list)) and len(dim) == 2):
        if dim is None and A.ndim != 2:
            raise RuntimeError("linalg.matrix_norm: The input tensor A must have at least 2 dimensions.")
        return matrix_norm(A, ord, (-2, -1) if dim is None else tuple(dim), keepdim, dtype=dtype)
    return vector_norm.function(A, ord, dim, keepdim, dtype=dtype)


@facade()
@writes_out
def norm(self, p="fro", dim=None, keepdim=False, dtype=None):
    """Give the `p`-norm of all elements, or of those along `dim` (a dimension or several); "fro" is the 2-norm."""
    if p == "nuc":
        return matrix_norm(self, "nuc", (-2, -1) if dim is None else dim, keepdim, dtype=dtype)
    if isinstance(p, str) and p != "fro":
        raise RuntimeError(f"only valid string values are 'fro' and 'nuc', found: {p}")
    return vector_norm.function(self, 2 if p in ("fro", None) else p, dim, keepdim, dtype=dtype)


@primitive(
    vjp={
        "self": lambda grad, self, other, result, p: _norm_gradient(grad, self - other, result, p, None, False),
        "other": lambda grad, self, other, result, p: -_norm_gradient(grad, self - other, result, p, None, False),
    },
    promote="same", analytic=False, tensors=("self", "other"), bools=False,
)  # fmt: skip
def dist(self, other, p=2):
    """Give the `p`-norm of the difference."""
    difference = widened(self) - widened(other)
    return as_array(_norm(difference, p, tuple(range(difference.ndim)), False)).astype(_real_type(self.dtype))


# ---- order statistics


def _middle(self, ignore_nan, dim):
    """Indices of the lower median along a dimension; of nan if there is one, unless they are ignored."""
    order = np.argsort(self, axis=dim, kind="stable")
    n = self.shape[dim]
    missing = np.count_nonzero(np.isnan(self), axis=dim, keepdims=True) if self.dtype.kind == "f" else np.zeros((1,) * self.ndim, int)
    rank = np.maximum(n - missing - 1, 0) // 2 if ignore_nan else np.where(missing > 0, n - missing, (n - 1) // 2)
    rank = np.broadcast_to(rank, tuple(1 if i == dim % self.ndim else m for i, m in enumerate(self.shape)))
    return np.take_along_axis(order, rank, dim).squeeze(dim)


def _median_of_all(self, ignore_nan):
    if self.size == 0:
        return np.asarray(np.nan if self.dtype.kind == "f" else np.iinfo(self.dtype).min, self.dtype)
    return self.reshape(-1)[_middle(self.reshape(-1), ignore_nan, 0)]


def _median_along(self, name, ignore_nan, dim, keepdim):
    check_dim(dim, self.ndim)
    if self.ndim == 0:
        return self.copy(), np.zeros((), np.int64)
    if self.shape[dim] == 0:
        raise IndexError(f"{name}(): Expected reduction dim {dim} to have non-zero size.")
    return picked(self, _middle(self, ignore_nan, dim), dim, keepdim)


@primitive(overload="all", vjp={"self": lambda grad, self, result: evenly(grad, self, result)}, jvp=REDUCTION, kinds="fiu")
def median(self):
    """Give the lower median."""
    return _median_of_all(self, False)


@primitive(overload="all", vjp={"self": lambda grad, self, result: evenly(grad, self, result)}, jvp=REDUCTION, kinds="fiu")
def nanmedian(self):
    """Give the lower median of what is not nan."""
    return _median_of_all(self, True)


_ALONG = {
    "outputs": ("values", "indices"), "overload": "dim",
    "vjp": {"self": lambda grad_values, indices, self_shape, dim, keepdim: by_index(grad_values, indices, self_shape, dim, keepdim)},
}  # fmt: skip


@primitive(name="median", node="MedianBackward1", kinds="fiu", **_ALONG)
def _median_dim(self, dim, keepdim=False):
    """Give lower medians along a dimension, and their indices."""
    return _median_along(self, "median", False, dim, keepdim)


@primitive(name="nanmedian", node="NanmedianBackward1", kinds="fiu", **_ALONG)
def _nanmedian_dim(self, dim, keepdim=False):
    """Give lower medians along a dimension of what is not nan, and their indices."""
    return _median_along(self, "nanmedian", True, dim, keepdim)


@facade(name="median")
def median_or_along(self, dim=None, keepdim=False):
    """Give the lower median of all elements; with a dimension, those along it and their indices."""
    return median.function(self) if dim is None else _median_dim.function(self, dim, keepdim)


@facade(name="nanmedian")
def nanmedian_or_along(self, dim=None, keepdim=False):
    """Give the lower median of the elements that are not nan; with a dimension, those along it and their indices."""
    return nanmedian.function(self) if dim is None else _nanmedian_dim.function(self, dim, keepdim)


@primitive(**(_ALONG | {"overload": None}), kinds="fiub")
def mode(self, dim=-1, keepdim=False):
    """Give the most frequent elements along a dimension (the smallest of equally frequent ones), and an index of each."""
    check_dim(dim, self.ndim)
    if self.ndim == 0:
        return self.copy(), np.zeros((), np.int64)
    if self.shape[dim] == 0:
        raise IndexError(f"mode(): Expected reduction dim {dim} to have non-zero size.")
    order = np.argsort(self, axis=dim, kind="stable")
    if self.shape[dim] > SHORT:
        order = with_ties(self, order, dim, False, sorted_order)
    ordered = np.moveaxis(np.take_along_axis(self, order, dim), dim, -1)
    n = ordered.shape[-1]
    run = np.ones(ordered.shape, np.int64)
    for i in range(1, n):
        run[..., i] = np.where(ordered[..., i] == ordered[..., i - 1], run[..., i - 1] + 1, 1)
    best = np.argmax(run, axis=-1)
    chosen = np.take_along_axis(np.moveaxis(order, dim, -1), best[..., None], -1)[..., 0]
    return picked(self, chosen, dim, keepdim)


@primitive(
    name="squeeze", overload="quantile", node="SqueezeBackward4", view=True, vjp={"self": lambda grad, self_shape: grad.reshape(self_shape)}
)
def _squeeze_last(self):
    """Drop the last dimension, which has size 1; a view."""
    return self.reshape(self.shape[:-1])


def _check_quantile(self, q, interpolation, name):
    """The quantiles asked for, as a tensor, after torch's checks."""
    kind = self._array.dtype
    if kind.kind != "f" or kind == np.float16:
        raise RuntimeError(f"{name}() input tensor must be either float or double dtype")
    if interpolation not in ("linear", "lower", "higher", "midpoint", "nearest"):
        raise RuntimeError(f"{name}() interpolation must be one of linear, lower, higher, midpoint or nearest, but got {interpolation}")
    if not isinstance(q, Tensor):
        if not 0 <= q <= 1:
            raise RuntimeError(f"{name}() q must be in the range [0, 1] but got {q}")
        return wrap(as_array(q, kind))
    if q.ndim > 1:
        raise RuntimeError(f"{name}() q must be a scalar or 1D tensor")
    if q._array.dtype != kind:
        raise RuntimeError(f"{name}() q tensor must be same dtype as the input tensor")
    if not ((q._array >= 0) & (q._array <= 1)).all():
        raise RuntimeError(f"{name}() q values must be in the range [0, 1]")
    return q


def _rows(self, dim, keepdim):
    """The elements with those to be sorted in the last dimension, and dimensions of size 1 where they are to be kept."""
    if dim is None:
        return self.reshape((1,) * self.ndim + (-1,) if keepdim else (-1,))
    check_dim(dim, self.ndim)
    if self.ndim == 0:
        return self.reshape((1,))
    return self.unsqueeze(-1).transpose(dim % self.ndim, -1) if keepdim else self.movedim(dim, -1)


def _quantile(self, q, dim, keepdim, interpolation, ignore_nan, name):
    """Quantiles from sorted elements, written with operators."""
    scalar = not isinstance(q, Tensor) or q.ndim == 0
    q = _check_quantile(self, q, interpolation, name)
    if self.numel() == 0:
        raise RuntimeError(f"{name}() input tensor must be non-empty")
    values = _rows(self, dim, keepdim).sort(-1)[0]
    array = values._array
    last = array.shape[-1] - 1
    missing = np.isnan(array)
    ranks = q.reshape((-1,))
    if ignore_nan:
        ranks = ranks * wrap(np.maximum(last - np.count_nonzero(missing, -1, keepdims=True), 0).astype(array.dtype))
    else:  # where there is nan it is sorted to the end, and is the answer
        ranks = where.function(wrap(missing.any(-1, keepdims=True)), last, ranks * last)
    if interpolation in ("lower", "higher", "nearest"):
        ranks = {"lower": ranks.floor, "higher": ranks.ceil, "nearest": ranks.round}[interpolation]()
    below = ranks.detach().floor()
    out = values.gather(-1, below.long())
    if interpolation in ("linear", "midpoint"):
        weight = wrap(np.full_like(ranks._array, 0.5)) if interpolation == "midpoint" else ranks - below
        out = out.lerp(values.gather(-1, ranks.detach().ceil().long()), weight)
    return _squeeze_last.function(out if scalar else out.unsqueeze(0).transpose(0, -1))


@facade()
@by_example
def quantile(self, q, dim=None, keepdim=False, *, interpolation="linear"):
    """Give the `q`-th quantiles, `q` in [0, 1] a number or a 1-d tensor, of all elements or along a dimension."""
    return _quantile(self, q, dim, keepdim, interpolation, False, "quantile")


@facade()
@by_example
def nanquantile(self, q, dim=None, keepdim=False, *, interpolation="linear"):
    """Give the `q`-th quantiles as `quantile` does, leaving out nan."""
    return _quantile(self, q, dim, keepdim, interpolation, True, "nanquantile")
