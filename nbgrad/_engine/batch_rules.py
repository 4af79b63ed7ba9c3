"""What NumPy's ufuncs and functions do with batches: one rule for each, on the physical arrays.

A rule gets the batch (the highest level among the arguments) and then the arguments as given; arrays that do not belong to the batch are the same for
all its examples, and may themselves be batches of lower levels. A rule that does not cover some way of calling raises `NotBatchable`. Importing this
file fills the tables of batched.py.
"""

from __future__ import annotations

import functools
import string

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from .batched import RULES, UFUNC_METHODS, BatchedArray, NotBatchable, index_behind_batch, ndim_of


def rule(*functions):
    """Declare the rule of some NumPy functions."""

    def declare(apply):
        for function in functions:
            RULES[function] = functools.partial(apply, function) if len(functions) > 1 else apply
        return apply

    return declare


def behind(axis, ndim):
    """An axis, or several, counted behind the batch dimension; None is all of them."""
    if axis is None:
        return tuple(range(1, ndim + 1))
    if isinstance(axis, (tuple, list, range)):
        return tuple(a + 1 for a in normalize_axis_tuple(axis, ndim))
    if not ndim and axis in (0, -1):  # NumPy lets 0-dim arrays have this one
        return ()
    return normalize_axis_index(axis, ndim) + 1


def one_behind(axis, ndim):
    """The same where it must be one axis that is there."""
    return normalize_axis_index(axis, ndim) + 1


def refuse(*given):
    """Raise where a rarely used argument is given."""
    if any(g is not None and g is not np._NoValue for g in given):
        raise NotBatchable("there is no batching rule for such arguments")


# ---- ufuncs


def _call(batch, ufunc, *inputs, out=None, where=True, **kwargs):
    if ufunc is np.matmul:
        if out is not None or where is not True:
            raise NotBatchable("matmul into a given array")
        return _matmul(batch, *inputs, **kwargs)
    if ufunc.signature is not None:
        raise NotBatchable(f"there is no batching rule for {ufunc.__name__}")
    operands = list(inputs)
    if where is not True:
        operands.append(where)
    if out is None:
        operands = batch.elementwise(*operands)
    else:
        if not all(batch.holds(o) for o in out):
            raise NotBatchable("a batch cannot be written into an array without one")
        ndim = out[0].ndim
        if max(map(ndim_of, operands)) > ndim:
            raise NotBatchable("a result with more dimensions than its place")
        operands = [batch.aligned(x, ndim) for x in operands]
        kwargs["out"] = tuple(o.physical for o in out)
    if where is not True:
        kwargs["where"] = operands.pop()
    found = ufunc(*operands, **kwargs)
    if out is not None:
        return out[0] if len(out) == 1 else out
    return tuple(map(batch.wrap, found)) if isinstance(found, tuple) else batch.wrap(found)


def _reduce(batch, ufunc, array, axis=0, dtype=None, out=None, keepdims=False, initial=np._NoValue, where=True):
    refuse(out)
    if where is not True or not batch.holds(array):
        raise NotBatchable("there is no batching rule for such a reduction")
    further = {} if initial is np._NoValue else {"initial": initial}
    return batch.wrap(ufunc.reduce(array.physical, axis=behind(axis, array.ndim), dtype=dtype, keepdims=keepdims, **further))


def _accumulate(batch, ufunc, array, axis=0, dtype=None, out=None):
    if not batch.holds(array) or out is not None and not batch.holds(out[0]):
        raise NotBatchable("there is no batching rule for such an accumulation")
    found = ufunc.accumulate(array.physical, axis=one_behind(axis, array.ndim), dtype=dtype, out=None if out is None else out[0].physical)
    return batch.wrap(found) if out is None else out[0]


def _at(batch, ufunc, array, key, *values):
    if not batch.holds(array):
        raise NotBatchable("a batch cannot be written into an array without one")
    index, moved = index_behind_batch(key, batch, len(array.physical))
    if moved:
        raise NotBatchable("there is no batching rule for such an assignment")
    ndim = array.physical[index].ndim - 1
    ufunc.at(array.physical, index, *(batch.written(v, ndim) for v in values))


UFUNC_METHODS.update({"__call__": _call, "reduce": _reduce, "accumulate": _accumulate, "at": _at})


def _matmul(batch, a, b, **kwargs):
    pa, pb = batch.bare(a), batch.bare(b)
    if not a.ndim or not b.ndim:
        raise NotBatchable("matmul of a 0-dim array")
    if not batch.holds(b) and a.ndim == 1 and b.ndim == 2:
        return batch.wrap(np.matmul(pa, pb, **kwargs))
    if not batch.holds(a) and a.ndim == 2 and b.ndim == 1:
        return batch.wrap(np.matmul(pb, pa.swapaxes(0, 1), **kwargs))
    row, column = a.ndim == 1, b.ndim == 1
    if row:
        pa = np.expand_dims(pa, -2)
    if column:
        pb = np.expand_dims(pb, -1)
    ndim = max(a.ndim + row, b.ndim + column)
    pa, pb = (_lined_up(batch, x, p, ndim) for x, p in ((a, pa), (b, pb)))
    found = np.matmul(pa, pb, **kwargs)
    if row:
        found = found[..., 0, :]
    if column:
        found = found[..., 0]
    return batch.wrap(found)


def _lined_up(batch, x, physical, ndim):
    """A physical array given dimensions of size 1 behind the batch, up to `ndim` besides it."""
    if not batch.holds(x):
        return physical
    missing = ndim + 1 - physical.ndim
    return physical.reshape((physical.shape[0], *(1,) * missing, *physical.shape[1:])) if missing > 0 else physical


# ---- elementwise functions


@rule(np.where)
def _where(batch, condition, *values):
    if not values:
        raise NotBatchable("the number of places differs between examples")
    return batch.wrap(np.where(*batch.elementwise(condition, *values)))


@rule(np.clip)
def _clip(batch, a, a_min=np._NoValue, a_max=np._NoValue, out=None, *, min=np._NoValue, max=np._NoValue, **kwargs):
    refuse(out)
    low, high = (next((x for x in pair if x is not np._NoValue), None) for pair in ((a_min, min), (a_max, max)))
    given = [x for x in (a, low, high) if x is not None]
    physical = iter(batch.elementwise(*given))
    found = [None if x is None else next(physical) for x in (a, low, high)]
    return batch.wrap(np.clip(*found, **kwargs))


@rule(np.real, np.imag, np.angle, np.nan_to_num, np.round, np.around, np.sinc, np.i0, np.fix, np.isposinf, np.isneginf)
def _each(function, batch, a, **kwargs):
    if "out" in kwargs:
        refuse(kwargs["out"])
    return batch.wrap(function(a.physical, **kwargs))


@rule(np.copyto)
def _copyto(batch, dst, src, casting="same_kind", where=True):
    if not batch.holds(dst):
        raise NotBatchable("a batch cannot be written into an array without one")
    np.copyto(dst.physical, batch.written(src, dst.ndim), casting=casting, where=True if where is True else batch.written(where, dst.ndim))


@rule(np.may_share_memory, np.shares_memory)
def _share(function, batch, a, b, *args, **kwargs):
    return function(batch.bare(a), batch.bare(b), *args, **kwargs)


# ---- reductions and what runs along an axis


@rule(np.sum, np.prod, np.max, np.min, np.amax, np.amin, np.mean, np.any, np.all, np.count_nonzero, np.nansum, np.std, np.var)
def _reduction(function, batch, a, axis=None, dtype=None, out=None, *, keepdims=False, **kwargs):
    refuse(out)
    if not batch.holds(a):
        raise NotBatchable("there is no batching rule for such a reduction")
    if dtype is not None:
        kwargs["dtype"] = dtype
    return batch.wrap(function(a.physical, axis=behind(axis, a.ndim), keepdims=bool(keepdims) and keepdims is not np._NoValue, **kwargs))


@rule(np.argmax, np.argmin)
def _arg(function, batch, a, axis=None, out=None, *, keepdims=False):
    refuse(out)
    keep = bool(keepdims) and keepdims is not np._NoValue
    if axis is None:
        found = function(a.physical.reshape((a.physical.shape[0], a.size)), axis=1)
        return batch.wrap(found.reshape((len(found), *(1,) * a.ndim)) if keep else found)
    return batch.wrap(function(a.physical, axis=one_behind(axis, a.ndim), keepdims=keep))


@rule(np.cumsum, np.cumprod, np.sort, np.argsort)
def _along(function, batch, a, axis=None, *args, **kwargs):
    if axis is None and function in (np.sort, np.argsort):
        raise NotBatchable("there is no batching rule for sorting all elements")
    refuse(kwargs.get("out"))
    if axis is None:
        a, axis = a.reshape(-1), 0
    return batch.wrap(function(a.physical, one_behind(axis, a.ndim), *args, **kwargs))


def _sort(function):
    def apply(batch, a, axis=-1, kind=None, order=None, *, stable=None):
        refuse(order)
        return _along(function, batch, a, axis, kind=kind, stable=stable)

    return apply


RULES[np.sort], RULES[np.argsort] = _sort(np.sort), _sort(np.argsort)


@rule(np.flip)
def _flip(batch, m, axis=None):
    return batch.wrap(np.flip(m.physical, behind(axis, m.ndim)))


@rule(np.roll)
def _roll(batch, a, shift, axis=None):
    if axis is None:
        return batch.wrap(np.roll(a.reshape(-1).physical, shift, 1)).reshape(a.shape)
    return batch.wrap(np.roll(a.physical, shift, behind(axis, a.ndim)))


@rule(np.diff)
def _diff(batch, a, n=1, axis=-1):
    return batch.wrap(np.diff(a.physical, n, one_behind(axis, a.ndim)))


@rule(np.repeat)
def _repeat(batch, a, repeats, axis=None):
    if not batch.holds(a) or batch.holds(repeats):
        raise NotBatchable("the number of repetitions differs between examples")
    if axis is None:
        a, axis = a.reshape(-1), 0
    return batch.wrap(np.repeat(a.physical, repeats, one_behind(axis, a.ndim)))


@rule(np.take)
def _take(batch, a, indices, axis=None, out=None, mode="raise"):
    refuse(out)
    if axis is None and batch.holds(a):
        a, axis = a.reshape(-1), 0
    if batch.holds(indices):
        if axis is None:
            a, axis = a.reshape(-1), 0
        axis = normalize_axis_index(axis, a.ndim)
        if batch.holds(a):
            found = np.moveaxis(a, axis, 0)[indices,]
            return np.moveaxis(found, range(indices.ndim), range(axis, axis + indices.ndim))
        return batch.wrap(np.moveaxis(np.take(a, indices.physical, axis, mode=mode), axis, 0))
    return batch.wrap(np.take(a.physical, indices, one_behind(axis, a.ndim), mode=mode))


def _paired(batch, a, indices, axis):
    """An array and the indices into it along an axis, both with a batch dimension in front."""
    if axis is None or a.ndim != indices.ndim:
        raise NotBatchable("there is no batching rule for such indices")
    size = batch.size_among(a, indices)
    return batch.whole(a, size), batch.whole(indices, size), one_behind(axis, indices.ndim)


@rule(np.take_along_axis)
def _take_along_axis(batch, arr, indices, axis=-1):
    return batch.wrap(np.take_along_axis(*_paired(batch, arr, indices, axis)))


@rule(np.put_along_axis)
def _put_along_axis(batch, arr, indices, values, axis):
    if not batch.holds(arr):
        raise NotBatchable("a batch cannot be written into an array without one")
    physical, places, axis = _paired(batch, arr, indices, axis)
    np.put_along_axis(physical, places, batch.written(values, arr.ndim), axis)


@rule(np.delete)
def _delete(batch, arr, obj, axis=None):
    if axis is None or batch.holds(obj):
        raise NotBatchable("there is no batching rule for such a deletion")
    return batch.wrap(np.delete(arr.physical, obj, one_behind(axis, arr.ndim)))


@rule(np.lib.stride_tricks.sliding_window_view)
def _sliding_window_view(batch, x, window_shape, axis=None, **kwargs):
    return batch.wrap(np.lib.stride_tricks.sliding_window_view(x.physical, window_shape, behind(axis, x.ndim), **kwargs))


@rule(np.searchsorted)
def _searchsorted(batch, a, v, side="left", sorter=None):
    if batch.holds(a) or batch.holds(sorter):
        raise NotBatchable("each example has its own borders")
    return batch.wrap(np.searchsorted(a, v.physical, side, sorter))


# ---- shapes and orders of dimensions


@rule(np.shape)
def _shape(batch, a):
    return a.shape


@rule(np.ndim)
def _ndim(batch, a):
    return a.ndim


@rule(np.size)
def _size(batch, a, axis=None):
    return a.size if axis is None else a.shape[axis]


@rule(np.iscomplexobj)
def _iscomplexobj(batch, x):
    return x.dtype.kind == "c"


@rule(np.reshape)
def _reshape(batch, a, shape, order="C", **kwargs):
    return a.reshape(shape, order=order)


@rule(np.ravel)
def _ravel(batch, a, order="C"):
    return a.reshape(-1, order=order)


@rule(np.copy)
def _copy(batch, a, order="K", subok=False):
    return a.copy(order)


@rule(np.transpose)
def _transpose(batch, a, axes=None):
    return a.transpose() if axes is None else a.transpose(axes)


@rule(np.swapaxes)
def _swapaxes(batch, a, axis1, axis2):
    return a.swapaxes(axis1, axis2)


@rule(np.moveaxis)
def _moveaxis(batch, a, source, destination):
    return batch.wrap(np.moveaxis(a.physical, behind(source, a.ndim), behind(destination, a.ndim)))


@rule(np.squeeze)
def _squeeze(batch, a, axis=None):
    if axis is None:
        axis = tuple(i for i, n in enumerate(a.shape) if n == 1)
    return batch.wrap(np.squeeze(a.physical, behind(axis, a.ndim)))


@rule(np.expand_dims)
def _expand_dims(batch, a, axis):
    added = len(axis) if isinstance(axis, (tuple, list)) else 1
    return batch.wrap(np.expand_dims(a.physical, behind(axis, a.ndim + added)))


@rule(np.broadcast_to)
def _broadcast_to(batch, array, shape, subok=False):
    shape = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
    if array.ndim > len(shape):
        raise ValueError("input operand has more dimensions than allowed by the axis remapping")
    physical = batch.aligned(array, len(shape))
    return batch.wrap(np.broadcast_to(physical, (physical.shape[0], *shape)))


@rule(np.concatenate)
def _concatenate(batch, arrays, axis=0, out=None, dtype=None, casting="same_kind"):
    refuse(out)
    size = batch.size_among(*arrays)
    whole = [batch.whole(x, size) for x in arrays]
    return batch.wrap(np.concatenate(whole, axis=one_behind(axis, ndim_of(arrays[0])), dtype=dtype, casting=casting))


@rule(np.stack)
def _stack(batch, arrays, axis=0, out=None, *, dtype=None, casting="same_kind"):
    refuse(out)
    size = batch.size_among(*arrays)
    whole = [batch.whole(x, size) for x in arrays]
    return batch.wrap(np.stack(whole, axis=one_behind(axis, ndim_of(arrays[0]) + 1), dtype=dtype, casting=casting))


@rule(np.split, np.array_split)
def _split(function, batch, ary, sections, axis=0):
    return [batch.wrap(part) for part in function(ary.physical, sections, one_behind(axis, ary.ndim))]


@rule(np.tile)
def _tile(batch, A, reps):  # noqa: N803  (NumPy's name)
    reps = tuple(reps) if isinstance(reps, (tuple, list)) else (reps,)
    physical = batch.aligned(A, len(reps))
    return batch.wrap(np.tile(physical, (1,) * (physical.ndim - len(reps)) + reps))


@rule(np.pad)
def _pad(batch, array, pad_width, mode="constant", **kwargs):
    width = np.broadcast_to(pad_width, (array.ndim, 2)).tolist()
    return batch.wrap(np.pad(array.physical, [(0, 0), *width], mode, **kwargs))


@rule(np.diagonal, np.trace)
def _diagonal(function, batch, a, offset=0, axis1=0, axis2=1, *args, **kwargs):
    refuse(*args, kwargs.get("out"))
    return batch.wrap(function(a.physical, offset, one_behind(axis1, a.ndim), one_behind(axis2, a.ndim), **kwargs))


@rule(np.tril, np.triu)
def _triangle(function, batch, m, k=0):
    if m.ndim < 2:
        raise NotBatchable("a triangle of fewer than two dimensions")
    return batch.wrap(function(m.physical, k))


@rule(np.rot90)
def _rot90(batch, m, k=1, axes=(0, 1)):
    return batch.wrap(np.rot90(m.physical, k, tuple(behind(axes, m.ndim))))


@rule(np.zeros_like, np.ones_like, np.empty_like)
def _like(function, batch, a, dtype=None, order="K", subok=True, shape=None):
    refuse(shape)
    return batch.wrap(function(a.physical, dtype=dtype, order=order))


@rule(np.full_like)
def _full_like(batch, a, fill_value, dtype=None, order="K", subok=True, shape=None):
    refuse(shape)
    if not batch.holds(a):
        raise NotBatchable("there is no batching rule for full_like with a batch of values")
    out = np.empty_like(a.physical, dtype=dtype, order=order)
    out[...] = batch.written(fill_value, a.ndim)
    return batch.wrap(out)


# ---- products of matrices


@rule(np.dot)
def _dot(batch, a, b, out=None):
    refuse(out)
    if not ndim_of(a) or not ndim_of(b):
        return np.multiply(a, b)
    if b.ndim > 2:
        raise NotBatchable("dot with more than two dimensions")
    return np.matmul(a, b)


@rule(np.vdot)
def _vdot(batch, a, b):
    return np.add.reduce(np.multiply(a.reshape(-1).conj(), b.reshape(-1)), axis=-1)


@rule(np.outer)
def _outer(batch, a, b, out=None):
    refuse(out)
    return np.multiply(a.reshape((-1, 1)), b.reshape((1, -1)))


@rule(np.einsum)
def _einsum(batch, subscripts, *operands, out=None, optimize=False, **kwargs):
    refuse(out)
    if not isinstance(subscripts, str):
        raise NotBatchable("einsum without a formula")
    inputs, arrow, output = subscripts.replace(" ", "").partition("->")
    if not arrow:
        raise NotBatchable("einsum without an output")
    free = next(c for c in string.ascii_letters if c not in subscripts)
    terms = [free + term if batch.holds(x) else term for term, x in zip(inputs.split(","), operands)]
    return batch.wrap(np.einsum(f"{','.join(terms)}->{free}{output}", *map(batch.bare, operands), optimize=optimize, **kwargs))


# ---- linear algebra: NumPy takes batches of matrices itself


@rule(np.linalg.svd, np.linalg.qr, np.linalg.eig, np.linalg.eigh, np.linalg.slogdet, np.linalg.eigvals, np.linalg.eigvalsh, np.linalg.inv,
      np.linalg.det, np.linalg.cholesky, np.linalg.pinv, np.linalg.matrix_power)  # fmt: skip
def _of_matrix(function, batch, a, *args, **kwargs):
    found = function(a.physical, *args, **kwargs)
    if isinstance(found, tuple):
        parts = [batch.wrap(x) for x in found]
        return type(found)(*parts) if hasattr(found, "_fields") else tuple(parts)
    return batch.wrap(found)


@rule(np.linalg.solve)
def _solve(batch, a, b):
    if b.ndim == 1:
        return np.linalg.solve(a, np.expand_dims(b, -1))[..., 0]
    ndim = max(a.ndim, b.ndim)
    size = batch.size_among(a, b)
    a, b = (BatchedArray(batch.whole(x, size), batch.level) for x in (a, b))
    return batch.wrap(np.linalg.solve(batch.aligned(a, ndim), batch.aligned(b, ndim)))
