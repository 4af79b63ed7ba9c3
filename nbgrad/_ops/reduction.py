"""Reductions over one, several or all dimensions: sums, products, means, extremes, logic."""

from __future__ import annotations

import builtins
import math

import numpy as np

from .._engine.batched import anywhere, as_array, zeros_for
from .._engine.dtypes import of_array
from .._engine.op import LINEAR, REDUCTION, facade, primitive
from .._engine.tensor import Tensor, check_dim, wrap
from .choice import where
from .elementary import exp
from .shape import expand


def dims_of(dim, ndim) -> tuple[int, ...]:
    """The dimensions that `dim` names (None or () are all of them), counted from the front. Raises torch's errors for bad ones."""
    if dim is None or isinstance(dim, (tuple, list)) and not dim:
        return tuple(range(ndim))
    dims = []
    for d in dim if isinstance(dim, (tuple, list)) else (dim,):
        check_dim(d, ndim)
        d = int(d) % max_(ndim, 1)
        if d in dims:
            raise RuntimeError(f"dim {d} appears multiple times in the list of dims")
        dims.append(d)
    return tuple(dims) if ndim else ()


max_ = builtins.max


def kept(x, shape, dim, keepdim):
    """Give a reduction's result, or gradient, the size 1 in the dimensions that were reduced, so that it broadcasts against `shape`."""
    if keepdim or dim is None or not shape:
        return x
    dims = dims_of(dim, len(shape))
    return x.reshape(tuple(1 if i in dims else n for i, n in enumerate(shape)))


def spread(grad, shape, dim, keepdim):
    """Bring the gradient of a reduction back to the shape of what was reduced, by repeating it."""
    return expand(kept(grad, shape, dim, keepdim), shape)


def count_of(shape, dim) -> int:
    """How many elements go into one element of the result."""
    return math.prod(shape[d] for d in dims_of(dim, len(shape)))


def _summed_type(self, dtype):
    return dtype.numpy if dtype is not None else np.int64 if self.dtype.kind in "biu" else self.dtype


@primitive(
    vjp={"self": lambda grad, self_shape, dim, keepdim: spread(grad, self_shape, dim, keepdim)},
    node=lambda self, dim, keepdim, dtype: "SumBackward0" if dim is None else "SumBackward1", jvp=LINEAR,
)
def sum(self, dim=None, keepdim=False, *, dtype=None):
    """Add up all elements, or those along `dim` (a dimension or several). Integers and bools are added as int64."""
    kind = _summed_type(self, dtype)
    if self.ndim == 0:
        dims_of(dim, 0)
        return self.astype(kind)
    axis = None if dim is None else dims_of(dim, self.ndim)
    if kind == np.float16:  # added in single precision, as PyTorch does
        return as_array(np.add.reduce(self, axis=axis, dtype=np.float32, keepdims=keepdim)).astype(kind)
    return np.add.reduce(self, axis=axis, dtype=kind, keepdims=keepdim)


@primitive(
    vjp={"self": lambda grad, self, self_shape, dim, keepdim: where(self == self, spread(grad, self_shape, dim, keepdim), 0)}, jvp=REDUCTION,
)
def nansum(self, dim=None, keepdim=False, *, dtype=None):
    """Add up elements, nan as 0."""
    if self.dtype.kind == "c":
        raise RuntimeError("nansum does not support complex inputs")
    return sum.kernel(np.where(np.isnan(self), self.dtype.type(0), self) if self.dtype.kind == "f" else self, dim, keepdim, dtype=dtype)


@primitive(
    vjp={"self": lambda grad, self_shape, dim, keepdim: spread(grad / max_(count_of(self_shape, dim), 1), self_shape, dim, keepdim)},
    node=lambda self, dim, keepdim, dtype: "MeanBackward0" if dim is None else "MeanBackward1", jvp=LINEAR,
)
def mean(self, dim=None, keepdim=False, *, dtype=None):
    """Average all elements, or those along `dim` (a dimension or several)."""
    kind = self.dtype if dtype is None else dtype.numpy
    if kind.kind not in "fc":
        what = "Input" if dtype is None else "Optional"
        raise RuntimeError(
            f"mean(): could not infer output dtype. {what} dtype must be either a floating point or complex dtype. "
            f"Got: {of_array(kind).tensor_name}"
        )
    total = sum.kernel(self, dim, keepdim, dtype=of_array(kind if kind != np.float16 else np.dtype(np.float32)))
    return np.true_divide(total, count_of(self.shape, dim)).astype(kind, copy=False)


@facade()
def nanmean(self, dim=None, keepdim=False, *, dtype=None):
    """Average elements, leaving out those that are nan."""
    if self._array.dtype.kind not in "fc":
        raise RuntimeError(f"nanmean(): expected input to have floating point or complex dtype but got {self.dtype.tensor_name}")
    return nansum.function(self, dim, keepdim, dtype=dtype) / sum.function(self == self, dim, keepdim)


@primitive(
    vjp={"self": lambda grad, self, result, dim, keepdim: _prod_gradient(grad, self, result, dim, keepdim)},
    node=lambda self, dim, keepdim, dtype: "ProdBackward0" if dim is None else "ProdBackward1", jvp=REDUCTION,
)
def prod(self, dim=None, keepdim=False, *, dtype=None):
    """Multiply all elements, or those along `dim`. Integers and bools are multiplied as int64."""
    kind = _summed_type(self, dtype)
    if dim is not None:
        check_dim(dim, self.ndim)
    return np.multiply.reduce(self, axis=dim, dtype=kind, keepdims=keepdim) if self.ndim else self.astype(kind)


def _prod_gradient(grad, self, result, dim, keepdim):
    shape = tuple(self.shape)
    if self.ndim == 0:
        return grad
    if not anywhere(self == 0):
        return kept(grad, shape, dim, keepdim) * (kept(result, shape, dim, keepdim) / self)
    if dim is None:
        return (grad * _product_of_others(self.reshape((-1,)), 0)).reshape(shape)
    return kept(grad, shape, dim, keepdim) * _product_of_others(self, dims_of(dim, len(shape))[0])


def _product_of_others(x, dim):
    """For each element the product of the others along `dim`, right also where there are zeros."""
    n = x.shape[dim]
    if isinstance(x, Tensor):  # by products again, so that it can be differentiated; the table is quadratic, and zeros are rare
        own = wrap(np.eye(n, dtype=bool).reshape(tuple(n if i in (dim, dim + 1) else 1 for i in range(x.ndim + 1))))
        return prod(where(own, 1, x.reshape((*x.shape[:dim], 1, *x.shape[dim:]))), dim + 1)
    x = np.moveaxis(x, dim, 0)
    before, after = np.ones_like(x), np.ones_like(x)
    np.multiply.accumulate(x[:-1], axis=0, out=before[1:])
    np.multiply.accumulate(x[:0:-1], axis=0, out=after[-2::-1] if n > 1 else None)
    return np.moveaxis(before * after, 0, dim)


# ---- extremes


def evenly(grad, self, result):
    """Divide the gradient of a full reduction among the elements that equal the result, or that are nan if it is."""
    equal = (self == result) | ((self != self) & (result != result))
    return where(equal, grad / sum(equal), 0)


def _even(grad, self, result, dim, keepdim):
    """Divide the gradient among the elements that equal the result; where it is nan, none does, and the gradient is nan."""
    grad, result = (kept(x, tuple(self.shape), dim, keepdim) for x in (grad, result))
    equal = self == result
    return equal * (grad / sum(equal, dims_of(dim, self.ndim), True))


def _check_not_empty(self, name, dim):
    if self.size == 0:
        if dim is None or dim == ():
            if name == "aminmax":
                raise RuntimeError("aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity.")
            kind = IndexError if name.startswith("arg") else RuntimeError
            raise kind(
                f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' argument."
            )
        for d in dims_of(dim, self.ndim):
            if self.shape[d] == 0:
                raise IndexError(f"{name}{'' if name == 'aminmax' else '()'}: Expected reduction dim {d} to have non-zero size.")


def _extreme(ufunc, self, name, dim, keepdim):
    _check_not_empty(self, name, dim)
    return ufunc.reduce(self, axis=dims_of(dim, self.ndim), keepdims=keepdim) if self.ndim else (dims_of(dim, 0), self.copy())[1]


@primitive(vjp={"self": lambda grad, self, result, dim, keepdim: _even(grad, self, result, dim, keepdim)}, jvp=REDUCTION, kinds="fiub")
def amax(self, dim=(), keepdim=False):
    """Give the largest element, or those along `dim` (a dimension or several). Equal ones share the gradient."""
    return _extreme(np.maximum, self, "amax", dim, keepdim)


@primitive(vjp={"self": lambda grad, self, result, dim, keepdim: _even(grad, self, result, dim, keepdim)}, jvp=REDUCTION, kinds="fiub")
def amin(self, dim=(), keepdim=False):
    """Give the smallest element, or those along `dim` (a dimension or several). Equal ones share the gradient."""
    return _extreme(np.minimum, self, "amin", dim, keepdim)


@primitive(
    vjp={"self": lambda grad_min, grad_max, self, min, max, dim, keepdim: _either(grad_min, grad_max, self, min, max, dim, keepdim)},
    outputs=("min", "max"), kinds="fiub",
)
def aminmax(self, *, dim=None, keepdim=False):
    """Give the smallest and the largest element, or those along `dim`."""
    return _extreme(np.minimum, self, "aminmax", dim, keepdim), _extreme(np.maximum, self, "aminmax", dim, keepdim)


def _either(grad_min, grad_max, self, min, max, dim, keepdim):
    parts = [_even(g, self, r, dim, keepdim) for g, r in ((grad_min, min), (grad_max, max)) if g is not None]
    return parts[0] if len(parts) == 1 else parts[0] + parts[1]


@primitive(name="max", overload="all", node="MaxBackward1", vjp={"self": lambda grad, self, result: evenly(grad, self, result)}, jvp=REDUCTION, kinds="fiub")
def _max(self):
    """Give the largest element."""
    return _extreme(np.maximum, self, "max", None, False)


@primitive(name="min", overload="all", node="MinBackward1", vjp={"self": lambda grad, self, result: evenly(grad, self, result)}, jvp=REDUCTION, kinds="fiub")
def _min(self):
    """Give the smallest element."""
    return _extreme(np.minimum, self, "min", None, False)


@primitive(vjp={"self": lambda grad, indices, dim, self_shape: _put_at(grad, indices, dim, self_shape[dim])}, method=False, namespace=(), jvp=LINEAR)
def _take_at(self, indices, dim):
    """The elements at these indices along `dim`."""
    return np.take_along_axis(self, indices, dim)


@primitive(vjp={"grad_output": lambda grad, indices, dim: _take_at(grad, indices, dim)}, method=False, namespace=(), jvp=LINEAR)
def _put_at(grad_output, indices, dim, size):
    """Zeros of length `size` along `dim`, with `grad_output` added at the indices."""
    shape = list(indices.shape)
    shape[dim] = size
    out = zeros_for(shape, grad_output.dtype, grad_output, indices)
    if indices.shape[dim] == 1:
        np.put_along_axis(out, indices, grad_output, dim)
    else:
        where_to = list(np.ogrid[tuple(slice(n) for n in indices.shape)])
        where_to[dim] = indices
        np.add.at(out, tuple(where_to), grad_output)
    return out


def by_index(grad, indices, shape, dim, keepdim):
    """The gradient of a reduction that picked one element along `dim`."""
    if not shape:
        return grad
    dim = dim % len(shape)
    return _put_at(kept(grad, shape, dim, keepdim), kept(indices, shape, dim, keepdim), dim, shape[dim])


def picked(self, chosen, dim, keepdim):
    """The elements at `chosen`, one along `dim`, and where they are."""
    indices = np.expand_dims(chosen, dim)
    values = np.take_along_axis(self, indices, dim)
    return (values, indices) if keepdim else (values.squeeze(dim), chosen)


def _extreme_along(self, name, choose, dim, keepdim):
    if self.dtype.kind == "c":
        raise RuntimeError(f"{name}(): does not support complex input")
    check_dim(dim, self.ndim)
    if self.ndim == 0:
        return self.copy(), np.zeros((), np.int64)
    _check_not_empty(self, name, dim)
    if self.size == 0:
        return _extreme(np.maximum, self, name, dim, keepdim), np.zeros(kept_shape(self.shape, dim, keepdim), np.int64)
    return picked(self, choose(self, dim), dim, keepdim)


def kept_shape(shape, dim, keepdim):
    """The shape of a reduction's result."""
    dims = dims_of(dim, len(shape))
    return tuple(1 if i in dims else n for i, n in enumerate(shape) if keepdim or i not in dims)


@primitive(
    name="max", overload="dim", node="MaxBackward0", outputs=("values", "indices"),
    vjp={"self": lambda grad_values, indices, self_shape, dim, keepdim: by_index(grad_values, indices, self_shape, dim, keepdim)},
)  # fmt: skip
def _max_dim(self, dim, keepdim=False):
    """Give the largest elements along a dimension, and their indices."""
    return _extreme_along(self, "max", np.argmax, dim, keepdim)


@primitive(
    name="min", overload="dim", node="MinBackward0", outputs=("values", "indices"),
    vjp={"self": lambda grad_values, indices, self_shape, dim, keepdim: by_index(grad_values, indices, self_shape, dim, keepdim)},
)  # fmt: skip
def _min_dim(self, dim, keepdim=False):
    """Give the smallest elements along a dimension, and their indices."""
    return _extreme_along(self, "min", np.argmin, dim, keepdim)


@facade()
def max(self, dim=None, keepdim=False, *, other=None, out=None):
    """Give the largest element; with a dimension, the largest along it and their indices; with another tensor, the larger of two."""
    return _choose_extreme(_max, _max_dim, maximum, self, dim, keepdim, other, out)


@facade()
def min(self, dim=None, keepdim=False, *, other=None, out=None):
    """Give the smallest element; with a dimension, the smallest along it and their indices; with another tensor, the smaller of two."""
    return _choose_extreme(_min, _min_dim, minimum, self, dim, keepdim, other, out)


def _choose_extreme(of_all, along, of_two, self, dim, keepdim, other, out):
    if isinstance(dim, Tensor):
        dim, other = None, dim
    further = {} if out is None else {"out": out}
    if other is not None:
        return of_two.function(self, other, **further)
    return of_all.function(self, **further) if dim is None else along.function(self, dim, keepdim, **further)


def _arg(choose, self, name, dim, keepdim):
    if self.dtype.kind in "bc":
        raise RuntimeError(f"{name}(): does not support {'bool' if self.dtype.kind == 'b' else 'complex'} input")
    if dim is None:
        _check_not_empty(self, name, None)
        return as_array(choose(self)).reshape((1,) * self.ndim if keepdim else ()).astype(np.int64)
    check_dim(dim, self.ndim)
    if self.ndim == 0:
        return np.zeros((), np.int64)
    _check_not_empty(self, name, dim)
    return choose(self, dim, keepdims=bool(keepdim)) if self.size else np.zeros(kept_shape(self.shape, dim, keepdim), np.int64)


@primitive()
def argmax(self, dim=None, keepdim=False):
    """Give the index of the largest element along `dim`, or in the flattened tensor."""
    return _arg(np.argmax, self, "argmax", dim, keepdim)


@primitive()
def argmin(self, dim=None, keepdim=False):
    """Give the index of the smallest element along `dim`, or in the flattened tensor."""
    return _arg(np.argmin, self, "argmin", dim, keepdim)


@primitive()
def all(self, dim=None, keepdim=False):
    """Whether all elements are true, or those along `dim` (a dimension or several)."""
    return as_array(np.all(self, axis=dims_of(dim, self.ndim), keepdims=keepdim)).astype(np.uint8 if self.dtype == np.uint8 else bool)


@primitive()
def any(self, dim=None, keepdim=False):
    """Whether any element is true, or one of those along `dim` (a dimension or several)."""
    return as_array(np.any(self, axis=dims_of(dim, self.ndim), keepdims=keepdim)).astype(np.uint8 if self.dtype == np.uint8 else bool)


@primitive()
def count_nonzero(self, dim=None):
    """Count the elements that are not 0."""
    return as_array(np.count_nonzero(self, axis=dims_of(dim, self.ndim)) if self.ndim else self != 0).astype(np.int64)


@primitive(
    vjp={"self": lambda grad, self, result, dim, keepdim: _logsumexp_gradient(grad, self, result, dim, keepdim)},
    promote="float", promoted=("self",), aliases=("special.logsumexp",), jvp=REDUCTION,
)  # fmt: skip
def logsumexp(self, dim, keepdim=False):
    """Give the logarithm of the sum of exponentials along `dim` (a dimension or several), without overflow."""
    dims = dims_of(dim, self.ndim)
    if self.size == 0:
        return np.log(np.add.reduce(np.exp(self), axis=dims, keepdims=keepdim))
    highest = np.maximum.reduce(self.real, axis=dims, keepdims=True) if self.ndim else self.real
    highest = np.where(np.isinf(highest), 0, highest).astype(highest.dtype)
    total = np.log(np.add.reduce(np.exp(self - highest), axis=dims, keepdims=True) if self.ndim else np.exp(self - highest)) + highest
    return total if keepdim or not self.ndim else total.squeeze(dims)


def _logsumexp_gradient(grad, self, result, dim, keepdim):
    grad, result = (kept(x, tuple(self.shape), dim, keepdim) for x in (grad, result))
    return grad * exp(self - where(isinf(result), 0, result))


from .choice import maximum, minimum  # noqa: E402
from .comparison import isinf  # noqa: E402
