"""`x[index]` and `x[index] = value` in all their forms.

An index is worked off as PyTorch does: integers select, slices slice, None and bools make dimensions; then what is left, the integer and bool
tensors, one per dimension or None, goes to one `index` operator. Index tensors are taken as copies: later changes of them cannot reach backward.
"""

from __future__ import annotations

import math
import operator
import warnings

import numpy as np

from .._engine import errors
from .._engine.arguments import must_be, require_tensor
from .._engine.batched import ARRAYS, BatchedArray, Refused, batched_like, contiguous, outside, zeros_for
from .._engine.dtypes import of_array
from .._engine.modes import state
from .._engine.node import history_of
from .._engine.observe import tell_read
from .._engine.op import LINEAR, composite, primitive
from .._engine.tensor import Tensor
from .._engine.views import overlaps
from .._engine.writing import check_unshared, same_memory
from .conversion import checked_number, copy_, fill_
from .from_data import array_from
from .gathering import add_rows
from .selection import select, slice_
from .shape import _alias, unsqueeze


def _key(indices):
    return tuple(slice(None) if i is None else i for i in indices)


def _checked(self, indices):
    """The indices as NumPy takes them, or PyTorch's error for one that does not fit."""
    dim = 0
    for position, i in enumerate(indices):
        if i is None:
            dim += 1
            continue
        if i.dtype.kind == "b":
            for k, n in enumerate(i.shape):
                if dim + k >= self.ndim or self.shape[dim + k] != n:
                    raise IndexError(
                        f"The shape of the mask {list(i.shape)} at index {k} does not match the shape of the indexed tensor "
                        f"{list(self.shape)} at index {dim + k}"
                    )
            dim += i.ndim
            continue
        if dim >= self.ndim:
            raise IndexError(f"too many indices for tensor of dimension {self.ndim}")
        if i.size:
            n = self.shape[dim]
            if outside(i, -n, n):
                low, high = i.min(), i.max()
                raise IndexError(f"index {low if low < -n else high} is out of bounds for dimension {dim} with size {n}")
        dim += 1
    try:
        np.broadcast_shapes(*(i.shape if i.dtype.kind != "b" else (int(np.count_nonzero(i)),) for i in indices if i is not None))
    except ValueError:
        shapes = ", ".join(str(list(i.shape if i.dtype.kind != "b" else (int(np.count_nonzero(i)),))) for i in indices if i is not None)
        raise IndexError(f"shape mismatch: indexing tensors could not be broadcast together with shapes {shapes}") from None
    return _key(indices)


@primitive(
    "_index", vjp={"self": lambda grad, self_shape, indices: _index_backward(grad, self_shape, indices)}, method=False, namespace=(),
    node="IndexBackward0", frees=("indices",), jvp=LINEAR,
)  # fmt: skip
def index(self, indices):
    """Take the elements at these indices: arrays of integers or bools, one per dimension, None for all of a dimension."""
    key = _checked(self, indices)
    used = [d for d, i in enumerate(indices) if i is not None]
    if len(used) == 1 and indices[used[0]].dtype.kind != "b":
        return np.take(self, indices[used[0]], axis=used[0])
    return contiguous(self[key])


@primitive(
    "_index_backward", vjp={"self": lambda grad, indices: index(grad, indices)}, method=False, namespace=(), node="IndexPutBackward0", jvp=LINEAR,
)  # fmt: skip
def _index_backward(self, shape, indices):
    """Zeros of a shape with the elements of `self` added at these indices."""
    return accumulated(zeros_for(shape, self.dtype, self), indices, self)


def accumulated(out, indices, values):
    """Add `values` to `out` at indices that may come several times, in place; returns `out`."""
    key = _key(indices)
    used = [d for d, i in enumerate(indices) if i is not None]
    if all(indices[d].dtype.kind == "b" for d in used) and len(used) == 1:
        out[key] += values  # each place once
        return out
    if len(used) == 1:
        d, i = used[0], indices[used[0]]
        n = out.shape[d]
        rest = out.shape[:d] + out.shape[d + 1 :]
        moved = np.moveaxis(values, range(d, d + i.ndim), range(i.ndim)) if d else values
        rows = add_rows(n, i.reshape(-1), moved.reshape((i.size, math.prod(rest))))
        out += np.moveaxis(rows.reshape((n, *rest)), 0, d)
        return out
    places = np.arange(out.size).reshape(out.shape)[key]  # where each element of the result came from
    values = np.broadcast_to(values, places.shape)
    if not out.flags.c_contiguous:
        np.add.at(out, key, values)
        return out
    flat = add_rows(out.size, places.reshape(-1), contiguous(values).reshape((-1, 1)))
    out += flat.reshape(out.shape)
    return out


# ---- reading an index


def _as_index(item):
    """A list, array or tensor in an index as a copied array of integers or bools."""
    if isinstance(item, Tensor):
        tell_read(item)
        array = item._array
    elif isinstance(item, np.ndarray):
        array = item
    else:
        array = array_from(item) if len(item) else np.zeros(0, np.int64)
    if array.dtype.kind == "b":
        if type(array) is BatchedArray:
            raise Refused(
                "vmap: We do not support batching operators that can support dynamic shape. Attempting to batch over indexing with a boolean mask."
            )
        return array.copy()
    if array.dtype == np.uint8:
        warnings.warn("indexing with dtype torch.uint8 is now deprecated, please use a dtype torch.bool instead.", UserWarning, stacklevel=5)
        return array.astype(bool)
    if array.dtype.name not in ("int64", "int32", "int16", "int8"):
        raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
    return array.astype(np.int64)


def _is_multidimensional(items):
    """Whether PyTorch takes a list for a tuple of indices: when it holds sequences, slices, None or tensors."""
    return any(isinstance(i, (Tensor, slice, list, tuple, range, np.ndarray)) or i is None or i is Ellipsis for i in items)


def _items_of(given):
    if type(given) is tuple:
        return given
    if isinstance(given, list) and len(given) < 32 and _is_multidimensional(given):
        warnings.warn(
            "Using a non-tuple sequence for multidimensional indexing is deprecated and will be changed in pytorch 2.9; use x[tuple(seq)] "
            "instead of x[seq]. In pytorch 2.9 this will be interpreted as tensor index, x[torch.tensor(seq)], which will result either in "
            "an error or a different result",
            UserWarning,
            stacklevel=4,
        )
        return tuple(given)
    if isinstance(given, tuple):
        return tuple(given)
    return (given,)


def steps_of(shape, given):
    """An index as steps ("select", dim, i), ("slice", dim, start, stop, step), ("unsqueeze", dim), and the arrays that are left, per dimension."""
    items = [_normal(i) for i in _items_of(given)]
    taken = sum(i.ndim if isinstance(i, np.ndarray) and i.dtype.kind == "b" else 0 if i is None or i is Ellipsis or isinstance(i, bool) else 1 for i in items)
    steps, indices, dim = [], [], 0
    sizes = list(shape)
    for item in items:
        if item is Ellipsis:
            dim += max(len(shape) - taken, 0)
            continue
        if item is None:
            steps.append(("unsqueeze", dim))
            sizes.insert(dim, 1)
            dim += 1
            continue
        if isinstance(item, bool) or isinstance(item, np.ndarray) and item.ndim == 0:
            steps.append(("unsqueeze", dim))
            sizes.insert(dim, 1)
            indices.append((dim, np.array([bool(item)])))
            dim += 1
            continue
        if dim >= len(sizes):
            if not shape and isinstance(item, int):
                raise IndexError("invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert a "
                                 "0-dim tensor to a number")  # fmt: skip
            raise IndexError(f"too many indices for tensor of dimension {len(shape)}")
        if isinstance(item, int):
            if not -sizes[dim] <= item < sizes[dim]:
                raise IndexError(f"index {item} is out of bounds for dimension {dim} with size {sizes[dim]}")
            steps.append(("select", dim, item))
            del sizes[dim]
        elif isinstance(item, slice):
            start, stop, step = _slice_of(item)
            if not (start in (None, 0) and step == 1 and (stop is None or stop >= sizes[dim])) or not isinstance(given, tuple):
                steps.append(("slice", dim, start, stop, step))
                sizes[dim] = len(range(sizes[dim])[start:stop:step])
            dim += 1
        else:
            indices.append((dim, item))
            dim += item.ndim if item.dtype.kind == "b" else 1
    if taken > len(shape):
        raise IndexError(f"too many indices for tensor of dimension {len(shape)}")
    arrays = []
    for d, item in indices:
        covered = sum(a.ndim if a is not None and a.dtype.kind == "b" else 1 for a in arrays)
        arrays += [None] * (d - covered) + [item]
    return steps, tuple(arrays)


def _normal(item):
    """One item of an index as int, bool, slice, None, Ellipsis, or an array: a 0-dim array is a bool."""
    if item is None or item is Ellipsis or isinstance(item, (bool, int, slice)):
        return item
    if isinstance(item, np.bool_):
        return bool(item)
    if isinstance(item, (Tensor, np.ndarray)):
        array = _as_index(item)
        return array if array.ndim or array.dtype.kind == "b" else int(array)
    if isinstance(item, (list, tuple, range)):
        return _as_index(item)
    if isinstance(item, str):
        raise TypeError("new(): invalid data type 'str'")
    try:
        return operator.index(item)
    except TypeError:
        raise IndexError(
            "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices "
            f"(got {type(item).__name__})"
        ) from None


def _slice_of(item):
    start, stop, step = (None if v is None else operator.index(v) for v in (item.start, item.stop, item.step))
    if step is not None and step <= 0:
        raise ValueError("step must be greater than zero")
    return start, stop, step or 1


@composite("__getitem__", namespace=())
def getitem(self, given):
    """Take what an index says: a view for integers, slices, None and Ellipsis; a copy for tensors, lists and bools."""
    shape = self._array.shape
    if type(given) is int and shape:
        if not -shape[0] <= given < shape[0]:
            raise IndexError(f"index {given} is out of bounds for dimension 0 with size {shape[0]}")
        return select.function(self, 0, given)
    steps, indices = steps_of(shape, given)
    out = _part(self, steps)
    if indices:
        return index.function(out, indices)
    return _alias.function(out) if out is self else out


def _part(self, steps):
    """The view of a tensor that the steps of an index say."""
    for step in steps:
        if step[0] == "select":
            self = select.function(self, step[1], step[2])
        elif step[0] == "slice":
            self = slice_.function(self, *step[1:])
        else:
            self = unsqueeze.function(self, step[1])
    return self


def window(array, steps):
    """The part of an array that the steps of an index say; a view."""
    for step in steps:
        if step[0] == "select":
            array = array[(slice(None),) * step[1] + (step[2], ...)]
        elif step[0] == "slice":
            array = array[(slice(None),) * step[1] + (slice(*step[2:]),)]
        else:
            array = array[(slice(None),) * step[1] + (None,)]
    return array


# ---- writing


def _set_node(self, steps, indices, value):
    if indices:
        return "CopySlices" if steps else "IndexPutBackward0"
    if not _whole(self._array.shape, steps):
        return "CopySlices"
    return "CopyBackwards" if isinstance(value, Tensor) and value._array.ndim or not self._array.ndim else "FillBackward3"


def _set_frees(self, steps, indices, value):
    return bool(indices) or not _whole(self._array.shape, steps)


@primitive(
    "_setitem_",
    vjp={
        "self": lambda grad, steps, indices: _cleared(grad, steps, indices),
        "value": lambda grad, steps, indices, value_shape: _led(_taken(grad, steps, indices), value_shape),
    },
    mutates=True, expanded=True, method=False, namespace=(), node=_set_node, frees=_set_frees, jvp=LINEAR,
)  # fmt: skip
def _setitem_(self, steps, indices, value):
    """Overwrite the elements that an index says."""
    place = window(self, steps)
    key = _checked(place, indices) if indices else ...
    if isinstance(value, ARRAYS):
        if value.ndim and not indices and not same_memory(place, value):
            check_unshared(place)
        value = _fitting(value, (place[key] if indices else place).shape, indices)
        masked = value.size == 1 and [i.dtype.kind for i in indices if i is not None] == ["b"]
        if value.dtype.kind == "c" and self.dtype.kind not in "cb":
            if masked and value.imag.any():
                checked_number(self.dtype, value.item())
            value = value.real
        if indices and value.dtype != self.dtype and not masked:
            _raise_for_types(self, value)
        value = value.astype(self.dtype)
    else:
        value = checked_number(self.dtype, value)
    place[key] = value


def _raise_for_types(self, values):
    raise RuntimeError(
        f"Index put requires the source and destination dtypes match, got {of_array(self.dtype).tensor_name} for the destination and "
        f"{of_array(values.dtype).tensor_name} for the source."
    )


def _fitting(value, target, indices):
    """A value without the leading dimensions of size 1 that its target lacks; raises torch's `RuntimeError` where it does not broadcast to that."""
    while value.ndim > len(target) and value.shape[0] == 1:
        value = value[0]
    if value.shape != target:
        _check_broadcast(value, target, indices)
    return value


def _check_broadcast(value, target, indices):
    source = value.shape
    fits = len(source) <= len(target) and all(a in (1, b) for a, b in zip(source[::-1], target[::-1]))
    if fits:
        return
    if indices:
        raise RuntimeError(f"shape mismatch: value tensor of shape {list(source)} cannot be broadcast to indexing result of shape {list(target)}")
    if len(source) > len(target):
        raise RuntimeError(
            f"expand({errors.type_text(of_array(value.dtype).tensor_name)}{{{list(source)}}}, size={list(target)}): the number of sizes provided "
            f"({len(target)}) must be greater or equal to the number of dimensions in the tensor ({len(source)})"
        )
    lead = len(target) - len(source)
    for i, n in enumerate(source):
        if n not in (1, target[lead + i]):
            raise RuntimeError(
                f"The expanded size of the tensor ({target[lead + i]}) must match the existing size ({n}) at non-singleton dimension {lead + i}."
                f"  Target sizes: {list(target)}.  Tensor sizes: {list(source)}"
            )


def _led(grad, shape):
    """A gradient with the leading dimensions of size 1 that the value had beyond its target."""
    missing = len(shape) - grad.ndim
    return grad.reshape((1,) * missing + tuple(grad.shape)) if missing > 0 else grad


@primitive("_cleared", vjp={"self": lambda grad, steps, indices: _cleared(grad, steps, indices)}, method=False, namespace=())
def _cleared(self, steps, indices):
    """Copy with the elements that an index says set to zero."""
    out = self.copy()
    window(out, steps)[_key(indices) if indices else ...] = 0
    return out


@primitive("_taken", vjp={"self": lambda grad, self_shape, steps, indices: _put_back(grad, self_shape, steps, indices)}, method=False, namespace=())
def _taken(self, steps, indices):
    """Copy of the elements that an index says."""
    out = window(self, steps)
    return out[_key(indices)] if indices else out.copy()


@primitive("_put_back", vjp={"self": lambda grad, steps, indices: _taken(grad, steps, indices)}, method=False, namespace=())
def _put_back(self, shape, steps, indices):
    """Zeros of a shape with the elements of `self` added where an index says."""
    out = zeros_for(shape, self.dtype, self)
    place = window(out, steps)
    if indices:
        np.add.at(place, _key(indices), self)
    else:
        place[...] = self
    return out


def _whole(shape, steps):
    """Whether these steps lead to the tensor itself."""
    return all(s[0] == "slice" and s[2] in (None, 0) and (s[3] is None or s[3] >= shape[s[1]]) and s[4] == 1 for s in steps)


@composite("__setitem__", namespace=())
def setitem(self, given, value):
    """Overwrite what an index says with `value`, a number or a tensor that broadcasts to it."""
    if not isinstance(value, (Tensor, bool, int, float, complex, np.generic)):
        raise TypeError(f"can't assign a {_name_of(value)} to a torch.{self.dtype.tensor_name}Tensor")
    steps, indices = steps_of(self._array.shape, given)
    if self._requires_grad and state.mode.grad and not _whole(self._array.shape, steps):
        base = self._base if self._creation is None else None
        if history_of(self) is None or base is not None and base._edge is None:  # refused, but what does not fit comes first
            if isinstance(value, Tensor) and not indices:
                _fitting(value._array, window(self._array, steps).shape, indices)
            raise RuntimeError("a view of a leaf Variable that requires grad is being used in an in-place operation.")
    value = value.item() if isinstance(value, np.generic) else value
    if self._base is not None and (self._requires_grad or isinstance(value, Tensor) and value._requires_grad) and state.mode.grad:
        if overlaps(self._array.shape, self._array.strides, self._array.itemsize):  # an element written here is written elsewhere too
            if indices:
                raise errors.unsupported("gradients through an indexed assignment to a tensor whose elements share memory", "clone() it first")
            return (copy_ if isinstance(value, Tensor) and value._array.ndim else fill_)(_part(self, steps), value)
    _setitem_.function(self, tuple(steps), indices, value)


def _name_of(value):
    return "numpy.ndarray" if isinstance(value, np.ndarray) else type(value).__name__


def _delitem(self, given):
    raise TypeError("Tensor does not support deleting items")


Tensor.__delitem__ = _delitem


# ---- the same as functions


def _arrays_of(indices):
    """Index tensors as copied arrays; PyTorch's `TypeError` for anything else."""
    if not isinstance(indices, (tuple, list)):
        raise TypeError(f"index_put(): argument 'indices' (position 1) must be tuple of Tensors, not {type(indices).__name__}")
    for k, i in enumerate(indices):
        if not isinstance(i, Tensor):
            raise TypeError(f"expected Tensor as element {k} in argument 0, but got {type(i).__name__}")
    return tuple(_as_index(i) for i in indices)


@primitive(
    "_index_put",
    vjp={
        "self": lambda grad, indices, accumulate: grad if accumulate else _cleared(grad, (), indices),
        "values": lambda grad, indices: index(grad, indices),
    },
    method=False, namespace=(), in_place=True, expanded=True, node="IndexPutBackward0", jvp=LINEAR,
)  # fmt: skip
def _index_put(self, indices, values, accumulate):
    """Copy with elements overwritten, or added to, at these indices."""
    out = batched_like(self, indices, values).copy()
    key = _checked(self, indices)
    target = self[key].shape
    _check_broadcast(values, target, indices)
    if values.dtype != self.dtype:
        _raise_for_types(self, values)
    if not accumulate:
        out[key] = values
    elif self.dtype.kind == "f":
        out = contiguous(out)
        accumulated(out, indices, np.broadcast_to(values, target))
    else:
        np.add.at(out, key, values)
    return out


@composite()
def index_put(self, indices, values, accumulate=False):
    """Copy a tensor with the elements at these index tensors overwritten by `values`, or with `values` added to them."""
    require_tensor("index_put", "values", 2, values)
    if not isinstance(accumulate, bool):
        raise must_be("index_put", "accumulate", 3, "bool", accumulate)
    return _index_put(self, _arrays_of(indices), values, accumulate)


@composite(namespace=())
def index_put_(self, indices, values, accumulate=False):
    """Overwrite the elements at these index tensors by `values`, or add `values` to them; returns the tensor."""
    require_tensor("index_put_", "values", 2, values)
    return self._index_put_(_arrays_of(indices), values, accumulate)
