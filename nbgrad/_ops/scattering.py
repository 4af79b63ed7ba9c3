"""Reducing what is written to the same place: `scatter_reduce`, `index_reduce`, and `scatter` with `reduce=`.

`index_reduce` names whole slices; its derivatives are those of `scatter_reduce` with that index spread over the elements of the slices.
"""

from __future__ import annotations

import numpy as np

from .._engine.batched import BatchedArray, anywhere, batched_like
from .._engine.dtypes import of_array
from .._engine.op import composite, primitive
from .._engine.tensor import Tensor, wrap
from .choice import where
from .conversion import _nothing, checked_number
from .gathering import (
    _at_corner, _check_index, _check_slices, _check_source, _corner, _flat_places, _one, _positions, _scatter, _scatter_number, _vector, gather, scatter_add,
)  # fmt: skip
from .shape import dims_of, expand

_UFUNCS = {"sum": np.add, "mean": np.add, "prod": np.multiply, "amax": np.maximum, "amin": np.minimum}


def _neutral(reduce, kind):
    """What a reduction starts from, so that it leaves only what comes."""
    if reduce in ("sum", "mean"):
        return 0
    if reduce == "prod":
        return 1
    if kind.kind == "f":
        return -np.inf if reduce == "amax" else np.inf
    if kind.kind == "b":
        return reduce == "amin"
    return getattr(np.iinfo(kind), "min" if reduce == "amax" else "max")


def _divided(total, counts):
    """Sums by how many each is of; integers are rounded down."""
    counts = np.maximum(counts, 1)
    return np.floor_divide(total, counts).astype(total.dtype) if total.dtype.kind in "iu" else (total / counts).astype(total.dtype)


# ---- by the element


def _check_reduce(self, reduce):
    if reduce not in _UFUNCS:
        raise RuntimeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}")
    if self.dtype.kind == "b" and reduce == "mean" or self.dtype.kind == "c" and reduce in ("amax", "amin"):
        raise NotImplementedError(f"\"scatter_gather_tensor_cpu_reduce_{reduce}\" not implemented for '{of_array(self.dtype).tensor_name}'")


@primitive("_write_counts", method=False, namespace=())
def _write_counts(index, shape, dim, start):
    """How often an index writes to each place of a tensor of a shape, counted from `start`."""
    out = batched_like(np.full(tuple(shape), start), index).copy()
    if type(index) is BatchedArray:
        np.add.at(_one(out), _positions("scatter", out.shape, dim, index), 1)
        return out
    return out + np.bincount(_flat_places("scatter", out.shape, dim, index), minlength=out.size).reshape(out.shape)


@primitive(
    vjp={
        "self": lambda grad, self, dim, index, src, reduce, include_self, result: _grad_of_self(grad, self, dim, index, src, reduce, include_self, result),
        "src": lambda grad, self, dim, index, src, reduce, include_self, result: _grad_of_src(grad, self, dim, index, src, reduce, include_self, result),
    },
    tensors=("self", "index", "src"), in_place=True,
)  # fmt: skip
def scatter_reduce(self, dim, index, src, reduce, *, include_self=True):
    """Copy a tensor with what `src` writes to a place, as in `scatter`, reduced: "sum", "prod", "mean", "amax" or "amin".

    What was at the place counts too, unless `include_self` is False. Equal ones share the gradient of an extreme; as in PyTorch, what was at the
    place takes its share even where it does not count.
    """
    _check_reduce(self, reduce)
    _check_index("scatter", index)
    _check_source("scatter", self, index, src)
    dims_of(dim, self.ndim)
    if not index.size:
        return batched_like(self, index, src).copy()
    values = _one(src)[tuple(slice(0, n) for n in index.shape or (1,))]
    start = _neutral(reduce, self.dtype)
    if BatchedArray in (type(self), type(index), type(src)):
        out = batched_like(self, index, src).copy()
        places = _positions("scatter", self.shape, dim, index)
        if not include_self:
            _one(out)[places] = start
        whole = _one(out).copy()
        _UFUNCS[reduce].at(whole, places, values)
        out = whole.reshape(out.shape)
    else:
        flat, places = self.flatten(), _flat_places("scatter", self.shape, dim, index)
        if not include_self:
            flat[places] = start
        _UFUNCS[reduce].at(flat, places, values.reshape(-1))
        out = flat.reshape(self.shape)
    return _divided(out, _write_counts.kernel(index, self.shape, dim, int(include_self))) if reduce == "mean" else out


def _grad_of_self(grad, self, dim, index, src, reduce, include_self, result):
    if not include_self:
        grad = _scatter_number(grad, dim, index, 0)
    if reduce == "sum":
        return grad
    if reduce == "mean":
        return grad / _write_counts(index, tuple(self.shape), dim, 1)  # where nothing counts but what is written, there is no gradient
    if reduce == "prod":
        return grad * scatter_reduce(_nothing(self) + 1, dim, index, src, "prod")
    return (self == result) * (grad / _equal_ones(self, dim, index, src, result))


def _read_part(src, index):
    """The part of a source that an index reads."""
    return src if tuple(src.shape) == tuple(index.shape) else _at_corner(src, tuple(index.shape))


def _equal_ones(self, dim, index, src, result):
    """How many equal the extreme at each place."""
    equal = _read_part(src, index) == gather(result, dim, index)
    return scatter_add(1 * (self == result), dim, index, 1 * equal)


def _grad_of_src(grad, self, dim, index, src, reduce, include_self, result):
    used = _read_part(src, index)
    if reduce == "sum":
        found = gather(grad, dim, index)
    elif reduce == "mean":
        found = gather(grad / _write_counts_at_least_one(index, tuple(self.shape), dim, include_self), dim, index)
    elif reduce == "prod":
        found = gather(grad, dim, index) * _product_of_others(self, dim, index, used, include_self, result)
    else:
        share = grad / _equal_ones(self, dim, index, src, result)
        found = (used == gather(result, dim, index)) * gather(share, dim, index)
    return _corner(found, tuple(src.shape))


def _write_counts_at_least_one(index, shape, dim, include_self):
    counts = _write_counts(index, shape, dim, int(include_self))
    return where(counts == 0, 1, counts)


def _product_of_others(self, dim, index, src, include_self, result):
    """For each element of a source what else is multiplied at its place: the product without it, also where it is zero."""
    zero = src == 0
    others = gather(result, dim, index) / where(zero, 1, src)
    zeros = gather(scatter_add(0 * (self == 0), dim, index, 1 * zero), dim, index)
    single = zero & (zeros == 1)
    if anywhere(single):
        others = where(single, gather(scatter_reduce(self, dim, index, where(single, 1, src), "prod", include_self=include_self), dim, index), others)
    return _once(others) if anywhere(zeros > 1) else others


@primitive("_once", vjp={"self": lambda grad: _refuse(grad)}, method=False, namespace=())
def _once(self):
    """The same elements, of which no further derivative can be had."""
    return self.copy()


def _refuse(grad):
    raise RuntimeError("scatter_reduce(): Double backward is unsupported for src when >1 zeros in src are scattered to the same position in self")


# ---- by the slice


@primitive(
    vjp={
        "self": lambda grad, self, dim, index, source, reduce, include_self, result: _grad_of_self(
            grad, self, dim, _over_slices(index, dim, source), source, reduce, include_self, result
        ),
        "source": lambda grad, self, dim, index, source, reduce, include_self, result: _grad_of_src(
            grad, self, dim, _over_slices(index, dim, source), source, reduce, include_self, result
        ),
    },
    tensors=("self", "index", "source"), in_place=True,
)  # fmt: skip
def index_reduce(self, dim, index, source, reduce, *, include_self=True):
    """Copy a tensor with the slices that `index` names reduced with those of `source`: by "prod", "mean", "amax" or "amin".

    What was there counts too, unless `include_self` is False.
    """
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise RuntimeError(f"index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got {reduce}.")
    d, index = _vector("index_reduce", self, dim, index)
    if source.dtype != self.dtype:
        names = of_array(self.dtype).tensor_name, of_array(source.dtype).tensor_name
        raise RuntimeError(f"index_reduce_(): self ({names[0]}) and source ({names[1]}) must have the same scalar type")
    _check_slices("index_reduce", self, d, index, source)
    if self.dtype.kind in "bc":
        raise NotImplementedError(f"\"index_func_\" not implemented for '{of_array(self.dtype).tensor_name}'")
    out = batched_like(self, index, source).copy()
    if not index.size or not source.size:
        return out
    if BatchedArray in (type(index), type(self), type(source)):
        return scatter_reduce.kernel(out, d, _over_slices(index, d, source), source, reduce, include_self=include_self)
    rows, sources = np.moveaxis(_one(out), d, 0), np.moveaxis(_one(source), d, 0)
    order = np.argsort(index, kind="stable")
    named, starts, counts = np.unique(index[order], return_index=True, return_counts=True)
    reduced = _UFUNCS[reduce].reduceat(sources[order], starts, axis=0)
    if include_self:
        reduced = _UFUNCS[reduce](rows[named], reduced)
    if reduce == "mean":
        reduced = _divided(reduced, (counts + include_self).reshape((-1,) + (1,) * (rows.ndim - 1)))
    rows[named] = reduced
    return out


def _over_slices(index, dim, source):
    """An index of slices as one of their elements."""
    shape = tuple(source.shape)
    d = dims_of(dim, len(shape))[0]
    return expand(index.reshape(tuple(-1 if i == d else 1 for i in range(len(shape)))), shape)


# ---- scatter with a reduction


def _source(src, value):
    src = value if src is None else src
    if isinstance(src, (Tensor, bool, int, float, complex)):
        return src
    raise TypeError(f"scatter(): argument 'src' must be Tensor or Number, not {type(src).__name__}")


_REDUCTIONS = {"add": "sum", "multiply": "prod"}


def _reducing(self, index, src, reduce):
    """A source as a tensor that fits the index, and the reduction by the name that `scatter_reduce` has for it."""
    if reduce not in _REDUCTIONS:
        raise RuntimeError("reduce argument must be either add or multiply.")
    if not isinstance(src, Tensor):
        src = wrap(np.broadcast_to(np.array(checked_number(self._array.dtype, src), self._array.dtype), index._array.shape))
    return src, _REDUCTIONS[reduce]


@composite()
def scatter(self, dim, index, src=None, *, value=None, reduce=None):
    """Copy a tensor with `self[index[i, j], j] = src[i, j]` (for `dim=0`) at every place of `index`; `src` may be a number.

    `reduce` "add" or "multiply" combines with what is there instead; PyTorch has no gradient for that, we have that of `scatter_reduce`.
    """
    src = _source(src, value)
    if reduce is not None:
        return scatter_reduce.function(self, dim, index, *_reducing(self, index, src, reduce))
    return (_scatter if isinstance(src, Tensor) else _scatter_number)(self, dim, index, src)


@composite(namespace=())
def scatter_(self, dim, index, src=None, *, value=None, reduce=None):
    """Set `self[index[i, j], j] = src[i, j]` (for `dim=0`) at every place of `index`; `src` may be a number. Returns the tensor.

    `reduce` "add" or "multiply" combines with what is there instead.
    """
    src = _source(src, value)
    if reduce is not None:
        return self.scatter_reduce_(dim, index, *_reducing(self, index, src, reduce))
    return (self._scatter_ if isinstance(src, Tensor) else self._scatter_number_)(dim, index, src)
