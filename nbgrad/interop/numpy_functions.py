"""NumPy's functions written with our operators, under NumPy's names, with NumPy's arguments and meaning.

`FUNCTIONS` maps each function of NumPy to ours. An argument that ours does not list, or refuses by `NoCounterpart`, makes the caller
(numpy_protocol.py) compute on arrays instead. `out=` is seen to there too.
"""

from __future__ import annotations

import numpy as np

from .._engine import dtypes
from .._engine.op import NAMES as ops
from .._engine.tensor import Tensor, wrap

FUNCTIONS: dict = {}


class NoCounterpart(Exception):
    """Ours does not take these arguments; NumPy's own is to do the work."""


def _is(*of_numpy):
    """Declare what carries out these functions of NumPy."""

    def declare(function):
        FUNCTIONS.update((one, function) for one in of_numpy)
        return function

    return declare


def as_tensor(x) -> Tensor:
    """A tensor on an array's memory where that can be, of anything else its copy."""
    if isinstance(x, Tensor):
        return x
    array = np.asarray(x)
    if not array.dtype.isnative or any(s < 0 for s in array.strides):
        array = np.ascontiguousarray(array, array.dtype.newbyteorder("="))
    dtypes.of_array(array.dtype)  # raises for types that tensors cannot hold
    return wrap(array)


def together(*operands):
    """Operands as tensors of their common type, for operators that do not promote."""
    tensors = [as_tensor(x) for x in operands]
    common = dtypes.of_array(dtypes.result_numpy(*((t._array.dtype, t._array.ndim == 0) for t in tensors)))
    return [t.to(common) for t in tensors]


def _typed(a, dtype):
    a = as_tensor(a)
    return a if dtype is None else a.to(dtypes.of_array(np.dtype(dtype)))


def _dims(a, axis):
    """The dimensions to reduce: all of them for None."""
    return tuple(range(a.ndim)) if axis is None else axis


def _flat_or(a, axis):
    """An array, flattened where the axis is None, and the dimension to work along."""
    return (a.reshape(-1), 0) if axis is None else (a, axis)


# ---- reductions


@_is(np.sum)
def _sum(a, axis=None, dtype=None, keepdims=False):
    a = _typed(a, dtype)
    return a.sum() if axis is None and not keepdims else a.sum(_dims(a, axis), keepdim=keepdims)


@_is(np.mean)
def _mean(a, axis=None, dtype=None, keepdims=False):
    a = _typed(a, dtype)
    if a._array.dtype.kind in "biu":
        a = a.to(dtypes.get_default_dtype())
    return a.mean() if axis is None and not keepdims else a.mean(_dims(a, axis), keepdim=keepdims)


@_is(np.nansum)
def _nansum(a, axis=None, dtype=None, keepdims=False):
    a = _typed(a, dtype)
    return ops["nansum"](a, _dims(a, axis), keepdim=keepdims)


@_is(np.nanmean)
def _nanmean(a, axis=None, dtype=None, keepdims=False):
    a = _typed(a, dtype)
    return ops["nanmean"](a, _dims(a, axis), keepdim=keepdims)


@_is(np.prod)
def _prod(a, axis=None, dtype=None, keepdims=False):
    a = _typed(a, dtype)
    if axis is None:
        out = a.prod()
        return out.reshape((1,) * a.ndim) if keepdims else out
    for one in sorted((d % a.ndim for d in (axis if isinstance(axis, tuple) else (axis,))), reverse=True):
        a = a.prod(one, keepdim=keepdims)
    return a


def _extreme(name):
    def extreme(a, axis=None, keepdims=False):
        a = as_tensor(a)
        return getattr(a, name)(_dims(a, axis), keepdim=keepdims)

    return extreme


_is(np.max, np.amax)(_extreme("amax"))
_is(np.min, np.amin)(_extreme("amin"))


@_is(np.ptp)
def _ptp(a, axis=None, keepdims=False):
    return _extreme("amax")(a, axis, keepdims) - _extreme("amin")(a, axis, keepdims)


def _spread(name):
    def spread(a, axis=None, dtype=None, ddof=0, keepdims=False, *, correction=None):
        a = _typed(a, dtype)
        if a._array.dtype.kind in "biu":
            a = a.to(dtypes.get_default_dtype())
        return getattr(a, name)(dim=_dims(a, axis), correction=ddof if correction is None else correction, keepdim=keepdims)

    return spread


_is(np.std)(_spread("std"))
_is(np.var)(_spread("var"))


@_is(np.nanmax)
def _nanmax(a, axis=None, *, keepdims=False):
    return _extreme("amax")(_without_nan(a, -np.inf), axis, keepdims)


@_is(np.nanmin)
def _nanmin(a, axis=None, *, keepdims=False):
    return _extreme("amin")(_without_nan(a, np.inf), axis, keepdims)


def _without_nan(a, instead):
    a = as_tensor(a)
    return ops["where"](a != a, float(instead), a) if a._array.dtype.kind == "f" else a


def _truth(name):
    def truth(a, axis=None, keepdims=False):
        a = as_tensor(a)
        return getattr(a, name)() if axis is None and not keepdims else getattr(a, name)(_dims(a, axis), keepdim=keepdims)

    return truth


_is(np.all)(_truth("all"))
_is(np.any)(_truth("any"))


def _place_of_extreme(name):
    def place(a, axis=None, *, keepdims=False):
        a = as_tensor(a)
        return getattr(a, name)() if axis is None and not keepdims else getattr(a, name)(axis, keepdim=keepdims)

    return place


_is(np.argmax)(_place_of_extreme("argmax"))
_is(np.argmin)(_place_of_extreme("argmin"))


@_is(np.count_nonzero)
def _count_nonzero(a, axis=None):
    return ops["count_nonzero"](as_tensor(a), axis)


@_is(np.median)
def _median(a, axis=None, keepdims=False):
    return _quantile(a, 0.5, axis, keepdims)


def _quantile(a, q, axis=None, keepdims=False):
    a = as_tensor(a)
    if a._array.dtype.kind in "biu":
        a = a.to(dtypes.get_default_dtype())
    q = as_tensor(q).to(a.dtype)
    if not isinstance(axis, tuple):
        return ops["quantile"](a, q, axis, keepdim=keepdims)
    dims = sorted(d % a.ndim for d in axis)
    out = ops["quantile"](a.movedim(dims, tuple(range(-len(dims), 0))).flatten(-len(dims)), q, -1)
    for d in dims if keepdims else ():
        out = out.unsqueeze(d + q.ndim)
    return out


_is(np.quantile)(lambda a, q, axis=None, *, keepdims=False: _quantile(a, q, axis, keepdims))
_is(np.percentile)(lambda a, q, axis=None, *, keepdims=False: _quantile(a, as_tensor(q) / 100.0, axis, keepdims))


def _running(name):
    def running(a, axis=None, dtype=None):
        a, dim = _flat_or(_typed(a, dtype), axis)
        return getattr(a, name)(dim)

    return running


_is(np.cumsum)(_running("cumsum"))
_is(np.cumprod)(_running("cumprod"))


@_is(np.average)
def _average(a, axis=None, weights=None, *, keepdims=False):
    if weights is None:
        return _mean(a, axis, keepdims=keepdims)
    a, weights = together(a, weights)
    if a.shape != weights.shape and isinstance(axis, int):
        weights = weights.reshape([-1 if d == axis % a.ndim else 1 for d in range(a.ndim)])
    weights = weights.broadcast_to(a.shape)
    return _sum(a * weights, axis, keepdims=keepdims) / _sum(weights, axis, keepdims=keepdims)


@_is(np.diff)
def _diff(a, n=1, axis=-1):
    a = as_tensor(a)
    for _ in range(n):
        later, sooner = a.narrow(axis, 1, a.shape[axis] - 1), a.narrow(axis, 0, a.shape[axis] - 1)
        a = later ^ sooner if a._array.dtype.kind == "b" else later - sooner
    return a


# ---- shapes


_is(np.shape)(lambda a: tuple(as_tensor(a).shape))
_is(np.ndim)(lambda a: as_tensor(a).ndim)
_is(np.size)(lambda a, axis=None: as_tensor(a).numel() if axis is None else as_tensor(a).shape[axis])
_is(np.ravel)(lambda a: as_tensor(a).reshape(-1))
_is(np.swapaxes)(lambda a, axis1, axis2: as_tensor(a).transpose(axis1, axis2))
_is(np.moveaxis)(lambda a, source, destination: as_tensor(a).movedim(source, destination))
_is(np.squeeze)(lambda a, axis=None: as_tensor(a).squeeze() if axis is None else as_tensor(a).squeeze(axis))
_is(np.broadcast_to)(lambda array, shape: as_tensor(array).broadcast_to((shape,) if isinstance(shape, int) else tuple(shape)))
_is(np.roll)(lambda a, shift, axis=None: as_tensor(a).roll(shift) if axis is None else as_tensor(a).roll(shift, axis))
_is(np.rot90)(lambda m, k=1, axes=(0, 1): as_tensor(m).rot90(k, axes))
_is(np.tile)(lambda A, reps: as_tensor(A).tile((reps,) if isinstance(reps, int) else tuple(reps)))
_is(np.atleast_1d)(lambda *arrays: _each("atleast_1d", arrays))
_is(np.atleast_2d)(lambda *arrays: _each("atleast_2d", arrays))
_is(np.atleast_3d)(lambda *arrays: _each("atleast_3d", arrays))
_is(np.fliplr)(lambda m: as_tensor(m).flip(1))
_is(np.flipud)(lambda m: as_tensor(m).flip(0))


def _each(name, arrays):
    out = tuple(ops[name](as_tensor(a)) for a in arrays)
    return out[0] if len(out) == 1 else out


@_is(np.reshape)
def _reshape(a, /, shape):
    return as_tensor(a).reshape((shape,) if isinstance(shape, int) else tuple(shape))


@_is(np.transpose)
def _transpose(a, axes=None):
    a = as_tensor(a)
    return a.permute(tuple(range(a.ndim))[::-1] if axes is None else tuple(axes))


@_is(np.expand_dims)
def _expand_dims(a, axis):
    a = as_tensor(a)
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    for d in sorted(d % (a.ndim + len(axes)) for d in axes):
        a = a.unsqueeze(d)
    return a


@_is(np.flip)
def _flip(m, axis=None):
    m = as_tensor(m)
    return m.flip(_dims(m, axis))


@_is(np.repeat)
def _repeat(a, repeats, axis=None):
    a, dim = _flat_or(as_tensor(a), axis)
    return ops["repeat_interleave"](a, repeats if isinstance(repeats, int) else as_tensor(repeats), dim)


@_is(np.concatenate)
def _concatenate(arrays, axis=0, *, dtype=None):
    tensors = [_typed(a, dtype) for a in arrays]
    if axis is None:
        tensors, axis = [t.reshape(-1) for t in tensors], 0
    return ops["cat"](tensors, axis)


@_is(np.stack)
def _stack(arrays, axis=0, *, dtype=None):
    return ops["stack"](together(*(_typed(a, dtype) for a in arrays)), axis)


@_is(np.append)
def _append(arr, values, axis=None):
    return _concatenate(together(arr, values), axis)


@_is(np.pad)
def _pad(array, pad_width, mode="constant", *, constant_values=0):
    array = as_tensor(array)
    if mode != "constant" or np.ndim(constant_values) or isinstance(constant_values, Tensor):
        raise NoCounterpart
    widths = np.broadcast_to(np.asarray(pad_width), (array.ndim, 2))
    return ops["nn.functional.pad"](array, [int(n) for pair in widths[::-1] for n in pair], value=constant_values)


def _stacked(name):
    return lambda tup, *, dtype=None: ops[name]([_typed(a, dtype) for a in tup])


for _function, _name in ((np.vstack, "vstack"), (np.hstack, "hstack"), (np.dstack, "dstack"), (np.column_stack, "column_stack")):
    _is(_function)(_stacked(_name))


@_is(np.array_split)
def _array_split(ary, indices_or_sections, axis=0):
    return list(ops["tensor_split"](as_tensor(ary), _sections(indices_or_sections), axis))


@_is(np.split)
def _split(ary, indices_or_sections, axis=0):
    ary, sections = as_tensor(ary), _sections(indices_or_sections)
    if isinstance(sections, int) and ary.shape[axis] % sections:
        raise ValueError("array split does not result in an equal division")
    return _array_split(ary, sections, axis)


def _sections(x):
    return x if isinstance(x, int) else [int(i) for i in x]


_is(np.vsplit)(lambda ary, indices_or_sections: _split(ary, indices_or_sections, 0))
_is(np.hsplit)(lambda ary, indices_or_sections: _split(ary, indices_or_sections, 1 if as_tensor(ary).ndim > 1 else 0))
_is(np.dsplit)(lambda ary, indices_or_sections: _split(ary, indices_or_sections, 2))
_is(np.meshgrid)(lambda *xi, indexing="xy": list(ops["meshgrid"](*(as_tensor(x) for x in xi), indexing=indexing)))
_is(np.broadcast_arrays)(lambda *args: tuple(ops["broadcast_tensors"](*(as_tensor(a) for a in args))))


# ---- choosing, sorting, making


@_is(np.where)
def _where(condition, x=None, y=None):
    condition = as_tensor(condition)
    if condition._array.dtype.kind != "b":
        condition = condition != 0
    return ops["where"](condition) if x is None and y is None else ops["where"](condition, _value(x), _value(y))


def _value(x):
    return x if isinstance(x, (Tensor, bool, int, float, complex)) and not isinstance(x, np.generic) else as_tensor(x)


@_is(np.take)
def _take(a, indices, axis=None):
    a, dim = _flat_or(as_tensor(a), axis)
    indices = as_tensor(indices).long()
    return a[(slice(None),) * (dim % a.ndim) + (indices,)]


@_is(np.take_along_axis)
def _take_along_axis(arr, indices, axis=-1):
    arr, dim = _flat_or(as_tensor(arr), axis)
    indices = as_tensor(indices).long()
    return ops["take_along_dim"](arr, ops["where"](indices < 0, indices + arr.shape[dim], indices), dim)


@_is(np.sort)
def _sort(a, axis=-1, *, stable=None):
    a, dim = _flat_or(as_tensor(a), axis)
    return a.sort(dim=dim, stable=bool(stable))[0]


@_is(np.argsort)
def _argsort(a, axis=-1, *, stable=None):
    a, dim = _flat_or(as_tensor(a), axis)
    return a.sort(dim=dim, stable=bool(stable))[1]


@_is(np.clip)
def _clip(a, a_min=None, a_max=None, *, min=None, max=None):
    low, high = (_value(v) if v is not None else None for v in (a_min if min is None else min, a_max if max is None else max))
    a = as_tensor(a)
    if isinstance(low, Tensor) is not isinstance(high, Tensor) and low is not None and high is not None:
        return ops["minimum"](ops["maximum"](a, as_tensor(low)), as_tensor(high))
    return a.clone() if low is None and high is None else ops["clamp"](a, low, high)


def _part(name, val):
    val = as_tensor(val)
    if name == "real" and val._array.dtype.kind != "c":
        return val
    return ops["zeros_like"](val) if name == "imag" and val._array.dtype.kind != "c" else ops[name](val)


@_is(np.round, np.around)
def _round(a, decimals=0):
    return as_tensor(a).round(decimals=decimals) if decimals else as_tensor(a).round()


_is(np.real)(lambda val: _part("real", val))
_is(np.imag)(lambda val: _part("imag", val))
_is(np.angle)(lambda z: _part("angle", z))
_is(np.nan_to_num)(lambda x, *, nan=0.0, posinf=None, neginf=None: as_tensor(x).nan_to_num(nan, posinf, neginf))
_is(np.copy)(lambda a: as_tensor(a).clone())
_is(np.zeros_like)(lambda a, dtype=None: ops["zeros_like"](a, dtype=_dtype(dtype)))
_is(np.ones_like)(lambda a, dtype=None: ops["ones_like"](a, dtype=_dtype(dtype)))
_is(np.empty_like)(lambda prototype, dtype=None: ops["empty_like"](prototype, dtype=_dtype(dtype)))
_is(np.full_like)(lambda a, fill_value, dtype=None: ops["full_like"](a, fill_value, dtype=_dtype(dtype)))
_is(np.nonzero)(lambda a: ops["nonzero"](as_tensor(a), as_tuple=True))
_is(np.argwhere)(lambda a: ops["nonzero"](as_tensor(a)))
_is(np.flatnonzero)(lambda a: ops["nonzero"](as_tensor(a).reshape(-1)).reshape(-1))
_is(np.diag)(lambda v, k=0: as_tensor(v).diag(k))
_is(np.diagonal)(lambda a, offset=0, axis1=0, axis2=1: as_tensor(a).diagonal(offset, axis1, axis2))
_is(np.tril)(lambda m, k=0: as_tensor(m).tril(k))
_is(np.triu)(lambda m, k=0: as_tensor(m).triu(k))
_is(np.sinc)(lambda x: ops["sinc"](as_tensor(x)))
_is(np.allclose)(lambda a, b, rtol=1e-5, atol=1e-8, equal_nan=False: ops["allclose"](*together(a, b), rtol, atol, equal_nan))
_is(np.isclose)(lambda a, b, rtol=1e-5, atol=1e-8, equal_nan=False: ops["isclose"](*together(a, b), rtol, atol, equal_nan))


def _dtype(dtype):
    return None if dtype is None else dtypes.of_array(np.dtype(dtype))


@_is(np.array_equal)
def _array_equal(a1, a2):
    a1, a2 = as_tensor(a1), as_tensor(a2)
    return a1.shape == a2.shape and bool((a1 == a2).all())


# ---- products and linear algebra


@_is(np.dot)
def _dot(a, b):
    a, b = together(a, b)
    if a.ndim == 0 or b.ndim == 0:
        return a * b
    return ops["matmul"](a, b) if b.ndim < 2 or a.ndim <= 2 and b.ndim == 2 else ops["tensordot"](a, b, ([-1], [-2]))


@_is(np.inner)
def _inner(a, b):
    a, b = together(a, b)
    return a * b if a.ndim == 0 or b.ndim == 0 else ops["tensordot"](a, b, ([-1], [-1]))


@_is(np.vdot)
def _vdot(a, b):
    a, b = together(a, b)
    return ops["vdot"](a.reshape(-1), b.reshape(-1))


@_is(np.outer)
def _outer(a, b):
    a, b = together(a, b)
    return ops["outer"](a.reshape(-1), b.reshape(-1))


@_is(np.tensordot)
def _tensordot(a, b, axes=2):
    if not isinstance(axes, int):
        axes = [[d] if isinstance(d, int) else list(d) for d in axes]
    return ops["tensordot"](*together(a, b), axes)


@_is(np.einsum)
def _einsum(subscripts, *operands, optimize=False):
    if not isinstance(subscripts, str):
        raise NoCounterpart
    return ops["einsum"](subscripts, *together(*operands))


_is(np.kron)(lambda a, b: ops["kron"](*together(a, b)))
_is(np.trace)(lambda a, offset=0, axis1=0, axis2=1: as_tensor(a).diagonal(offset, axis1, axis2).sum(-1))
_is(np.cross)(lambda a, b, axisa=-1, axisb=-1, axisc=-1, axis=None: _cross(*together(a, b), axisa, axisb, axisc, axis))


def _cross(a, b, axisa, axisb, axisc, axis):
    if axis is not None:
        axisa = axisb = axisc = axis
    return ops["linalg.cross"](a.movedim(axisa, -1), b.movedim(axisb, -1), dim=-1).movedim(-1, axisc)


@_is(np.linalg.norm)
def _norm(x, ord=None, axis=None, keepdims=False):
    return ops["linalg.norm"](as_tensor(x), ord, axis if axis is None or isinstance(axis, int) else tuple(axis), keepdim=keepdims)


@_is(np.linalg.svd)
def _svd(a, full_matrices=True, compute_uv=True):
    a = as_tensor(a)
    return ops["linalg.svd"](a, full_matrices=full_matrices) if compute_uv else ops["linalg.svdvals"](a)


@_is(np.linalg.solve)
def _solve(a, b):
    a, b = together(a, b)
    return ops["linalg.solve"](a, b) if b.ndim != 1 else ops["linalg.solve"](a, b.unsqueeze(-1)).squeeze(-1)


def _linear(name):
    return lambda a: ops[f"linalg.{name}"](as_tensor(a))


for _name in ("inv", "det", "slogdet", "cholesky", "pinv", "matrix_rank"):
    if f"linalg.{_name}" in ops:
        _is(getattr(np.linalg, _name))(_linear(_name))
if hasattr(np, "matrix_transpose"):
    _is(np.matrix_transpose)(lambda x, /: as_tensor(x).transpose(-2, -1))
_is(np.linalg.matrix_power)(lambda a, n: ops["linalg.matrix_power"](as_tensor(a), n))
_is(np.linalg.qr)(lambda a, mode="reduced": ops["linalg.qr"](as_tensor(a), mode))
_is(np.linalg.multi_dot)(lambda arrays: ops["linalg.multi_dot"](together(*arrays)))
