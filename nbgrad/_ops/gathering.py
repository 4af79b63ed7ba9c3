"""Reading and writing along one dimension by index tensors and masks: `gather`, `scatter`, `index_select`, `masked_fill` and their like."""

from __future__ import annotations

import math

import numpy as np

from .._engine import dtypes
from .._engine.arguments import require_tensor
from .._engine.batched import ARRAYS, BatchedArray, batched_like, outside, zeros_for
from .._engine.observe import tell_read
from .._engine.op import LINEAR, composite, primitive
from .._engine.tensor import Tensor, check_dim, dim_of, wrap
from .conversion import _nothing, checked_number, converted_value
from .shape import broadcast_shape


def add_rows(n, index, rows):
    """Sum the rows (k, m) that have the same number in `index` (k): an array (n, m). The heart of every gradient of a lookup."""
    if type(index) is BatchedArray:
        out = zeros_for((n, rows.shape[1]), rows.dtype, index, rows)
        np.add.at(out, (index,), rows)
        return out
    if type(rows) is BatchedArray and type(index) is np.ndarray:  # the examples stand side by side
        beside = np.moveaxis(rows.physical, 0, 2)
        added = add_rows(n, index, beside.reshape((beside.shape[0], beside.shape[1] * beside.shape[2])))
        return BatchedArray(np.moveaxis(added.reshape((n, *beside.shape[1:])), 2, 0), rows.level)
    index = np.where(index < 0, index + n, index) if index.size and index.min() < 0 else index
    k, m = rows.shape
    if k == 0 or m == 0:
        return np.zeros((n, m), rows.dtype)
    if m == 1 and rows.dtype.kind == "f":
        return np.bincount(index, rows[:, 0], n).astype(rows.dtype).reshape((n, 1))
    out = np.zeros((n, m), rows.dtype)
    order = np.argsort(index, kind="stable")
    index = index[order]
    starts = np.flatnonzero(np.concatenate(([True], index[1:] != index[:-1])))
    if starts.size == k:  # each place once
        out[index] = rows[order]
    else:
        out[index[starts]] = np.add.reduceat(rows[order], starts, axis=0)
    return out


def _check_index(name, index):
    if not isinstance(index, ARRAYS) or index.size and index.dtype.name not in ("int64", "int32"):
        kind = index.dtype.name if isinstance(index, ARRAYS) else type(index).__name__
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index but got {kind}" if name != "index_select" else
                           f"index_select(): Expected dtype int32 or int64 for index but got: {kind}")  # fmt: skip


def _checked_places(name, shape, dim, index):
    """The dimension counted from the front, and shape and index with at least one; checks what PyTorch checks."""
    ndim = max(len(shape), 1)
    if max(index.ndim, 1) != ndim:
        raise RuntimeError(f"Index tensor must have the same number of dimensions as {'input' if name == 'gather' else 'self'} tensor")
    d = dim_of(dim, len(shape))
    shape = shape or (1,)
    index = index.reshape(index.shape or (1,))
    if index.size:
        for i, (n, m) in enumerate(zip(index.shape, shape)):
            if i != d and n > m:
                raise RuntimeError(
                    f"Size does not match at dimension {i} expected index {list(index.shape)} to be no larger than self {list(shape)} apart "
                    f"from dimension {d}"
                )
    if index.size:
        if outside(index, 0, shape[d]):
            first = index[(index < 0) | (index >= shape[d])][0]
            raise RuntimeError(f"index {first} is out of bounds for dimension {d} with size {shape[d]}")
    return d, shape, index


def _positions(name, shape, dim, index):
    """A tuple that picks, for each element of `index`, the element it names along `dim`."""
    d, _, index = _checked_places(name, shape, dim, index)
    return tuple(index if i == d else np.arange(n).reshape((-1,) + (1,) * (index.ndim - 1 - i)) for i, n in enumerate(index.shape))


def _flat_places(name, shape, dim, index):
    """The number, in the flattened tensor, of the element that each element of `index` names along `dim`."""
    d, shape, index = _checked_places(name, shape, dim, index)
    places = index.astype(np.int64, copy=False)
    if d < index.ndim - 1:
        places = places * math.prod(shape[d + 1 :])
    for i, n in enumerate(index.shape):
        if i != d and n > 1:
            places = places + (np.arange(n) * math.prod(shape[i + 1 :])).reshape((-1,) + (1,) * (index.ndim - 1 - i))
    return places.reshape(-1)


def _one(array):
    return array.reshape(array.shape or (1,))


@primitive(
    vjp={"self": lambda grad, self_shape, dim, index: _gather_backward(grad, self_shape, dim, index)}, tensors=("self", "index"), jvp=LINEAR,
)  # fmt: skip
def gather(self, dim, index, *, sparse_grad=False):
    """Take `self[index[i, j], j]` (for `dim=0`) at every place (i, j) of `index`, and so for other dimensions; the result has its shape."""
    _check_index("gather", index)
    if index.size == 0:
        check_dim(dim, self.ndim)
        return np.zeros(index.shape, self.dtype)
    return _one(batched_like(self, index))[_positions("gather", self.shape, dim, index)].reshape(index.shape)


@primitive(
    vjp={"self": lambda grad, dim, index: gather(grad, dim, index)}, tensors=("self", "index"), method=False, namespace=(),
    node="ScatterAddBackward0", jvp=LINEAR,
)  # fmt: skip
def _gather_backward(self, shape, dim, index):
    """Zeros of a shape with the elements of `self` added along a dimension where `index` says."""
    return _added_along(zeros_for(shape, self.dtype, self), dim, index, self)


def _added_along(out, dim, index, values):
    """Add values along a dimension, in place where the array allows; returns the sum."""
    if index.size == 0:
        return out
    if type(index) is BatchedArray:
        whole = _one(batched_like(out, index, values)).copy()
        np.add.at(whole, _positions("scatter", out.shape, dim, index), _one(values)[tuple(slice(0, n) for n in index.shape or (1,))])
        return whole.reshape(out.shape)
    flat = out.reshape(-1)
    places = _flat_places("scatter", out.shape, dim, index)
    values = _one(values)[tuple(slice(0, n) for n in index.shape or (1,))].reshape(-1)
    if out.dtype.kind == "f":
        return (flat + add_rows(flat.size, places, values.reshape((-1, 1)))[:, 0]).reshape(out.shape)
    flat = flat.copy()
    np.add.at(flat, places, values)
    return flat.reshape(out.shape)


def _corner(grad, shape):
    """The gradient of a source that may be larger than the index: what was not read gets none."""
    return grad if grad.shape == tuple(shape) else _in_corner(grad, tuple(shape))


@primitive("_in_corner", vjp={"self": lambda grad, self_shape: _at_corner(grad, self_shape)}, method=False, namespace=())
def _in_corner(self, shape):
    """Zeros of a shape with `self` in the corner at the origin."""
    out = zeros_for(shape, self.dtype, self)
    out[tuple(slice(0, n) for n in self.shape)] = self
    return out


@primitive("_at_corner", vjp={"self": lambda grad, self_shape: _in_corner(grad, self_shape)}, method=False, namespace=())
def _at_corner(self, shape):
    """A copy of the corner at the origin."""
    return self[tuple(slice(0, n) for n in shape)].copy()


def _check_source(name, self, index, src):
    if src.dtype != self.dtype:
        raise RuntimeError(f"{name}(): Expected self.dtype to be equal to src.dtype")
    if max(src.ndim, 1) != max(index.ndim, 1):
        raise RuntimeError("Index tensor must have the same number of dimensions as src tensor")
    for n, m in zip(index.shape, src.shape):
        if n > m:
            raise RuntimeError(f"Expected index {list(index.shape)} to be no larger than self {list(self.shape)} apart from dimension 0 "
                               f"and to be no larger size than src {list(src.shape)}")  # fmt: skip


def _of_scatter_src(grad, dim, index, src_shape):
    return _corner(gather(grad, dim, index), src_shape)


@primitive(
    "_scatter", vjp={"self": lambda grad, dim, index: _scatter_number(grad, dim, index, 0), "src": _of_scatter_src},
    tensors=("self", "index", "src"), method=False, namespace=(), in_place=True, node="ScatterBackward0", jvp=LINEAR,
)  # fmt: skip
def _scatter(self, dim, index, src):
    """Copy with elements along a dimension overwritten by those of `src`."""
    _check_index("scatter", index)
    _check_source("scatter", self, index, src)
    out = batched_like(self, index, src).copy()
    if index.size:
        _one(out)[_positions("scatter", self.shape, dim, index)] = _one(src)[tuple(slice(0, n) for n in index.shape or (1,))]
    return out


@primitive(
    "_scatter_number", vjp={"self": lambda grad, dim, index: _scatter_number(grad, dim, index, 0)}, tensors=("self", "index"), method=False,
    namespace=(), in_place=True, node="ScatterBackward1",
)  # fmt: skip
def _scatter_number(self, dim, index, value):
    """Copy with elements along a dimension set to a number."""
    _check_index("scatter", index)
    out = batched_like(self, index).copy()
    if index.size:
        _one(out)[_positions("scatter", self.shape, dim, index)] = checked_number(self.dtype, value)
    return out


@primitive(
    vjp={"self": lambda grad: grad, "src": _of_scatter_src}, tensors=("self", "index", "src"), in_place=True, jvp=LINEAR,
)  # fmt: skip
def scatter_add(self, dim, index, src):
    """Copy a tensor with `self[index[i, j], j] += src[i, j]` (for `dim=0`) at every place of `index`."""
    _check_index("scatter_add", index)
    _check_source("scatter_add", self, index, src)
    check_dim(dim, self.ndim)
    return _added_along(self.copy(), dim, index, src)


# ---- slices by a vector of indices


def _vector(name, self, dim, index):
    """The dimension, counted from the front, and the index as a vector that fits it."""
    if not isinstance(index, ARRAYS):
        raise TypeError(f"{name}(): argument 'index' (position 3) must be Tensor, not {type(index).__name__}")
    if index.ndim > 1:
        raise (RuntimeError if name == "index_fill" else IndexError)(f"{name}(): Index is supposed to be a vector{'' if name == 'index_select' else f', but got dim: {index.ndim}'}")
    if index.dtype.name not in ("int64", "int32"):
        raise (IndexError if name == "index_fill" else RuntimeError)(f"{name}(): Expected dtype int32/int64 for index")
    d = dim_of(dim, self.ndim)
    n = self.shape[d] if self.ndim else 1
    if outside(index, 0 if name in ("index_select", "index_add") else -n, n):
        raise IndexError("index out of range in self" if name in ("index_select", "index_add") else
                         f"index {index.max() if index.max() >= n else index.min()} is out of bounds for dimension {d} with size {n}")  # fmt: skip
    return d, index.reshape(-1)


@primitive(
    vjp={"self": lambda grad, self_shape, dim, index: _index_select_backward(grad, self_shape, dim, index)}, tensors=("self", "index"), jvp=LINEAR,
)  # fmt: skip
def index_select(self, dim, index):
    """Take the slices of a dimension that a vector of indices names."""
    d, index = _vector("index_select", self, dim, index)
    return np.take(_one(self), index, axis=d).reshape(() if self.ndim == 0 and index.size == 1 else (*self.shape[:d], index.size, *self.shape[d + 1 :]))


@primitive(
    "_index_select_backward", vjp={"self": lambda grad, dim, index: index_select(grad, dim, index)}, tensors=("self", "index"), method=False,
    namespace=(), node="IndexAddBackward0",
)  # fmt: skip
def _index_select_backward(self, shape, dim, index):
    """Zeros of a shape with slices added where a vector of indices says."""
    return _slices_added(zeros_for(shape, self.dtype, self), dim, index, self)


def _slices_added(out, dim, index, source):
    d = dim % max(out.ndim, 1)
    whole = _one(out)
    n = whole.shape[d]
    rows = np.moveaxis(_one(source), d, 0)
    rows = rows.reshape((index.size, math.prod(rows.shape[1:])))
    if out.dtype.kind == "f":
        added = add_rows(n, index.reshape(-1), rows)
    else:
        added = np.zeros((n, rows.shape[1]), out.dtype)
        np.add.at(added, index.reshape(-1), rows)
    return (whole + np.moveaxis(added.reshape((n, *whole.shape[:d], *whole.shape[d + 1 :])), 0, d)).reshape(out.shape)


def _check_slices(name, self, d, index, source):
    if source.dtype != self.dtype:
        raise RuntimeError(f"{name}(): self and source expected to have the same dtype, but got (self) {dtypes.of_array(self.dtype).tensor_name} "
                           f"and (source) {dtypes.of_array(source.dtype).tensor_name}")  # fmt: skip
    if source.ndim and d >= source.ndim:
        raise RuntimeError(f"{name}_(): Indexing dim {d} is out of bounds of the source tensor with dim {source.ndim}")
    count = source.shape[d] if source.ndim else 1
    if count != index.size:
        raise (IndexError if name == "index_copy" else RuntimeError)(f"{name}_(): Number of indices ({index.size}) should be equal to source.size(dim): ({count}), for dim: {d}")
    if self.shape != source.shape:
        rest = lambda a: a.shape[:d] + a.shape[d + 1 :]  # noqa: E731
        if rest(self) != rest(source) or bool(self.ndim) != bool(source.ndim):
            raise RuntimeError(f"source tensor shape must match self tensor shape, excluding the specified dimension. Got self.shape = "
                               f"{list(self.shape)} source.shape = {list(source.shape)}")  # fmt: skip


@primitive(
    vjp={
        "self": lambda grad: grad,
        "source": lambda grad, dim, index, alpha, source_shape: index_select(grad, dim, index).reshape(source_shape) * alpha,
    },
    tensors=("self", "index", "source"), in_place=True, jvp=LINEAR,
)  # fmt: skip
def index_add(self, dim, index, source, *, alpha=1):
    """Copy a tensor with the slices of `source`, times `alpha`, added to the slices that a vector of indices names."""
    d, index = _vector("index_add", self, dim, index)
    _check_slices("index_add", self, d, index, source)
    return _slices_added(self, d, index, source if alpha == 1 else np.multiply(source, alpha, dtype=self.dtype, casting="unsafe"))


@primitive(
    vjp={
        "self": lambda grad, dim, index: index_fill(grad, dim, index, 0),
        "source": lambda grad, dim, index, source_shape: index_select(grad, dim, index).reshape(source_shape),
    },
    tensors=("self", "index", "source"), in_place=True, jvp=LINEAR,
)  # fmt: skip
def index_copy(self, dim, index, source):
    """Copy a tensor with the slices that a vector of indices names replaced by those of `source`."""
    d, index = _vector("index_copy", self, dim, index)
    if source.ndim and self.ndim and source.ndim != self.ndim:
        raise IndexError(f"index_copy_(): When source and destination are not scalars, their dimensionality must match. Source dimensionality "
                         f"({source.ndim}), destination dimensionality ({self.ndim})")  # fmt: skip
    _check_slices("index_copy", self, d, index, source)
    out = batched_like(self, index, source).copy()
    _one(out)[(slice(None),) * d + (index,)] = _one(source)
    return out


@primitive(
    vjp={
        "self": lambda grad, dim, index: index_fill(grad, dim, index, 0),
        "value": lambda grad, dim, index: index_select(grad, dim, _distinct(index)).sum(),
    },
    tensors=("self", "index"), in_place=True, node=lambda self, dim, index, value: f"IndexFillBackward{int(isinstance(value, Tensor))}", jvp=LINEAR,
)  # fmt: skip
def index_fill(self, dim, index, value):
    """Copy a tensor with the slices that a vector of indices names set to one value."""
    d, index = _vector("index_fill", self, dim, index)
    out = batched_like(self, index, value).copy()
    if isinstance(value, ARRAYS):
        if value.ndim:
            raise RuntimeError(f"index_fill_ only supports a 0-dimensional value tensor, but got tensor with {value.ndim} dimension(s).")
        if value.dtype.kind == "c" and self.dtype.kind != "c":
            raise RuntimeError("index_fill_(): Converting complex Scalar to non-complex type is not supported")
        value = converted_value(self.dtype, value)
    else:
        value = checked_number(self.dtype, value)
    _one(out)[(slice(None),) * d + (index,)] = value
    return out


def _distinct(index):
    """Each index once: a slice that is named twice is set, and differentiated, once."""
    tell_read(index)
    return wrap(np.unique(index._array)) if isinstance(index, Tensor) else np.unique(index)


@composite()
def take_along_dim(self, indices, dim=None):
    """Gather along a dimension with indices that are broadcast against the tensor; without `dim`, from the flattened tensor."""
    require_tensor("take_along_dim", "indices", 1, indices)
    if dim is None:
        return take_along_dim(self.reshape((-1,)), indices.reshape((-1,)), 0)
    if indices._array.ndim != self._array.ndim:
        raise RuntimeError(f"torch.take_along_dim(): input and indices should have the same number of dimensions, but got {self._array.ndim} "
                           f"dimensions for input, and {indices._array.ndim} dimensions for indices")  # fmt: skip
    if indices._array.dtype.name not in ("int64", "int32"):
        raise RuntimeError(f"torch.take_along_dim(): dtype of indices should be Int or Long but got {indices.dtype.tensor_name}")
    d = dim_of(dim, self._array.ndim)
    ours, theirs = list(self._array.shape), list(indices._array.shape)
    if not ours:
        return gather.function(self, d, indices)
    ours[d] = theirs[d] = 1
    shape = list(broadcast_shape([tuple(ours), tuple(theirs)]))
    n, m = self._array.shape[d], indices._array.shape[d]
    if outside(indices, 0, n):
        tell_read(indices)
        indices = wrap(np.where(indices._array < 0, indices._array + n, indices._array))
    return gather.function(self.broadcast_to((*shape[:d], n, *shape[d + 1 :])), d, indices.broadcast_to((*shape[:d], m, *shape[d + 1 :])))


@primitive(vjp={"self": lambda grad, self_shape, index: _take_backward(grad, self_shape, index)}, tensors=("self", "index"), jvp=LINEAR)
def take(self, index):
    """Take elements by their number in the flattened tensor; the result has the shape of `index`."""
    return np.take(self.reshape(-1), _flat_index("take", self, index))


@primitive("_take_backward", vjp={"self": lambda grad, index: take(grad, index)}, tensors=("self", "index"), method=False, namespace=(),
           node="PutBackward0")  # fmt: skip
def _take_backward(self, shape, index):
    """Zeros of a shape with elements added at their numbers in the flattened tensor."""
    size = int(np.prod(shape))
    return add_rows(size, index.reshape(-1), self.reshape((-1, 1))).reshape(shape)


def _flat_index(name, self, index):
    if index.dtype != np.int64:
        raise RuntimeError(f"{name}(): Expected a long tensor for index, but got {dtypes.of_array(index.dtype).tensor_name}")
    if index.size:
        if self.size == 0:
            raise IndexError(f"{name}(): tried to {name} from an empty tensor")
        if outside(index, -self.size, self.size):
            raise IndexError("out of range: tried to access index "
                             f"{index.max() if index.max() >= self.size else index.min()} on a tensor of {self.size} elements.")  # fmt: skip
    return index


def _put_cleared(grad, index, accumulate):
    return grad if accumulate else put(grad, index, _nothing(take(grad, index)))


@primitive(
    vjp={"self": _put_cleared, "source": lambda grad, index, source_shape: take(grad, index).reshape(source_shape)},
    tensors=("self", "index", "source"), namespace=("",), in_place=True, jvp=LINEAR,
)  # fmt: skip
def put(self, index, source, accumulate=False):
    """Copy a tensor with elements set (or added to) by their number in the flattened tensor."""
    _flat_index("put", self, index)
    if index.size != source.size:
        raise IndexError(f"put_(): Expected source and index to have the same number of elements, but got source.numel() = {source.size}, "
                           f"index.numel() = {index.size}")  # fmt: skip
    if source.dtype != self.dtype:
        raise RuntimeError(f"put_(): Expected self and source to have the same dtype, but got self.dtype = "
                           f"{dtypes.of_array(self.dtype).tensor_name} and source.dtype = {dtypes.of_array(source.dtype).tensor_name}")  # fmt: skip
    flat = batched_like(self.reshape(-1), index, source).copy()
    if accumulate:
        np.add.at(flat, index.reshape(-1), source.reshape(-1))
    else:
        flat[index.reshape(-1)] = source.reshape(-1)
    return flat.reshape(self.shape)
