"""Several tensors as one: `cat`, `stack` and their like."""

from __future__ import annotations

import numpy as np

from .._engine import dtypes
from .._engine.batched import ARRAYS, contiguous, zeros_for
from .._engine.op import LINEAR, composite, primitive
from .._engine.tensor import Tensor, check_dim, dim_of


def common_type(arrays):
    """The type that several arrays are joined in."""
    first = arrays[0].dtype
    if all(a.dtype == first for a in arrays):
        return first
    return dtypes.result_numpy(*((a.dtype, a.ndim == 0) for a in arrays))


def _legacy_empty(a):
    return a.ndim == 1 and a.shape[0] == 0  # torch lets a (0,) tensor join tensors of any shape


def _of_cat(grad, tensors_shape, dim):
    """One window on the gradient per tensor."""
    ndim = grad.ndim
    d = dim % ndim
    out, start = [], 0
    for shape in tensors_shape:
        if len(shape) == 1 and shape[0] == 0 and ndim != 1:
            out.append(grad.reshape((-1,))[0:0])
            continue
        stop = start + shape[d]
        out.append(_piece(grad, d, start, stop))
        start = stop
    return out


def _of_piece(grad, self_shape, dim, start):
    return _placed(grad, self_shape, dim, start)


@primitive("_piece", vjp={"self": _of_piece}, view=True, method=False, namespace=(), node="SliceBackward0")
def _piece(self, dim, start, stop):
    """The slices from `start` to `stop` of a dimension."""
    return self[(slice(None),) * dim + (slice(start, stop),)]


@primitive(
    "_placed", vjp={"self": lambda grad, self_shape, dim, start: _piece(grad, dim, start, start + self_shape[dim])}, method=False, namespace=(),
)  # fmt: skip
def _placed(self, shape, dim, start):
    """Zeros of a shape with `self` at `start` of a dimension."""
    out = zeros_for(shape, self.dtype, self)
    out[(slice(None),) * dim + (slice(start, start + self.shape[dim]),)] = self
    return out


def _check_list(name, tensors):
    if not isinstance(tensors, (tuple, list)):
        raise TypeError(f"{name}(): argument 'tensors' (position 1) must be tuple of Tensors, not {type(tensors).__name__}")
    for i, t in enumerate(tensors):
        if not isinstance(t, ARRAYS):
            raise TypeError(f"expected Tensor as element {i} in argument 0, but got {type(t).__name__}")


@primitive(vjp={"tensors": _of_cat}, tensors=(), method=False, jvp=LINEAR)
def cat(tensors, dim=0):
    """Join tensors along a dimension; all other sizes must agree."""
    _check_list("cat", tensors)
    if not tensors:
        raise ValueError("torch.cat(): expected a non-empty list of Tensors")
    for i, t in enumerate(tensors):
        if t.ndim == 0:
            raise RuntimeError(f"zero-dimensional tensor (at position {i}) cannot be concatenated")
    kind = common_type(tensors)
    full = [(i, t) for i, t in enumerate(tensors) if not _legacy_empty(t)]
    if not full:
        check_dim(dim, 1)
        return np.zeros(0, kind)
    first = full[0][1]
    d = dim_of(dim, first.ndim)
    for i, t in full:
        if t.ndim != first.ndim:
            raise RuntimeError(f"Tensors must have same number of dimensions: got {first.ndim} and {t.ndim}")
        for j, (n, m) in enumerate(zip(first.shape, t.shape)):
            if n != m and j != d:
                raise RuntimeError(
                    f"Sizes of tensors must match except in dimension {d}. Expected size {n} but got size {m} for tensor number {i} in the list."
                )
    return contiguous(np.concatenate([t for _, t in full], axis=d, dtype=kind, casting="unsafe"))


@composite(method=False)
def concat(tensors, dim=0, *, out=None):
    """Join tensors along a dimension."""
    return cat.function(tensors, dim, out=out)


@composite(method=False)
def concatenate(tensors, dim=0, *, out=None):
    """Join tensors along a dimension."""
    return cat.function(tensors, dim, out=out)


def _of_stack(grad, tensors_shape, dim):
    return [_row(grad, dim % grad.ndim, i) for i in range(len(tensors_shape))]


@primitive("_row", vjp={"self": lambda grad, self_shape, dim, index: _row_placed(grad, self_shape, dim, index)}, view=True, method=False,
           namespace=(), node="SelectBackward0")  # fmt: skip
def _row(self, dim, index):
    """One slice of a dimension."""
    return self[(slice(None),) * dim + (index, ...)]


@primitive("_row_placed", vjp={"self": lambda grad, dim, index: _row(grad, dim, index)}, method=False, namespace=())
def _row_placed(self, shape, dim, index):
    """Zeros of a shape with `self` as one slice of a dimension."""
    out = zeros_for(shape, self.dtype, self)
    out[(slice(None),) * dim + (index,)] = self
    return out


@primitive(vjp={"tensors": _of_stack}, tensors=(), method=False, jvp=LINEAR)
def stack(tensors, dim=0):
    """Join tensors of one shape along a new dimension."""
    _check_list("stack", tensors)
    if not tensors:
        raise RuntimeError("stack expects a non-empty TensorList")
    shape = tensors[0].shape
    for i, t in enumerate(tensors):
        if t.shape != shape:
            raise RuntimeError(f"stack expects each tensor to be equal size, but got {list(shape)} at entry 0 and {list(t.shape)} at entry {i}")
    d = dim_of(dim, len(shape) + 1)
    lead = (slice(None),) * d + (None,)
    return contiguous(np.concatenate([t[lead] for t in tensors], axis=d, dtype=common_type(tensors), casting="unsafe"))


def _stacked(name, doc, join):
    def function(tensors, *, out=None):
        if not tensors:
            raise RuntimeError(f"{name} expects a non-empty TensorList")
        return join(tensors, out)

    function.__name__ = name
    function.__doc__ = doc
    composite(name, method=False)(function)


def _columns(tensors, out):
    return cat.function([t if t._array.ndim > 1 else t.reshape((t._array.size, 1)) for t in tensors], 1, out=out)


def _at_least(n):
    from .._engine.op import NAMES

    return NAMES[f"atleast_{n}d"]


_stacked("hstack", "Join tensors along the second dimension (vectors along their only one).",
         lambda ts, out: cat.function(ts := list(_at_least(1)(list(ts))), 0 if ts[0]._array.ndim == 1 else 1, out=out))  # fmt: skip
_stacked("vstack", "Join tensors along the first dimension, vectors as rows.", lambda ts, out: cat.function(list(_at_least(2)(list(ts))), 0, out=out))
_stacked("row_stack", "Join tensors along the first dimension, vectors as rows.", lambda ts, out: cat.function(list(_at_least(2)(list(ts))), 0, out=out))
_stacked("dstack", "Join tensors along the third dimension.", lambda ts, out: cat.function(list(_at_least(3)(list(ts))), 2, out=out))
_stacked("column_stack", "Join tensors along the second dimension, vectors as columns.", _columns)


@primitive(vjp={"tensors": lambda grad, tensors_shape: _of_block_diag(grad, tensors_shape)}, tensors=(), method=False, namespace=(), jvp=LINEAR)
def _block_diag(tensors):
    """Matrices along the diagonal of one, zeros elsewhere."""
    for i, t in enumerate(tensors):
        if t.ndim > 2:
            raise RuntimeError(f"torch.block_diag: Input tensors must have 2 or fewer dimensions. Input {i} has {t.ndim} dimensions")
    out = zeros_for((sum(t.shape[0] for t in tensors), sum(t.shape[1] for t in tensors)), common_type(tensors), *tensors)
    row = column = 0
    for t in tensors:
        out[row : row + t.shape[0], column : column + t.shape[1]] = t
        row, column = row + t.shape[0], column + t.shape[1]
    return out


def _of_block_diag(grad, shapes):
    out, row, column = [], 0, 0
    for n, m in shapes:
        out.append(_piece(_piece(grad, 0, row, row + n), 1, column, column + m))
        row, column = row + n, column + m
    return out


@composite(method=False)
def block_diag(*tensors):
    """Make a matrix with the given matrices along its diagonal and zeros elsewhere; vectors count as rows."""
    for i, t in enumerate(tensors):
        if not isinstance(t, Tensor):
            raise TypeError(f"expected Tensor as element {i} in argument 0, but got {type(t).__name__}")
    return _block_diag([_at_least(2)(t) for t in tensors])
