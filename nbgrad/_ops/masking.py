"""Reading and writing where a mask is true, and finding where that is."""

from __future__ import annotations

import numpy as np

from .._engine import dtypes
from .._engine.batched import ARRAYS, as_array
from .._engine.batching import by_example
from .._engine.op import LINEAR, plain, primitive
from .._engine.tensor import Tensor, wrap
from .conversion import checked_number, converted_value
from .shape import broadcast_shape


def _check_mask(name, mask):
    if mask.dtype.kind != "b":
        kind = {"int64": "long int", "float32": "float", "float64": "double", "int32": "int"}.get(mask.dtype.name, mask.dtype.name)
        raise RuntimeError(
            f"{name}_ only supports boolean masks, but got mask with dtype {kind}" if name == "masked_fill" else
            f"{name}: expected BoolTensor for mask" if name == "masked_select" else f"{name}_ only supports boolean masks, but got mask with dtype {kind}"
        )  # fmt: skip


@primitive(
    vjp={"self": lambda grad, mask: masked_fill(grad, mask, 0), "value": lambda grad, mask: _kept(grad, mask).sum()},
    tensors=("self", "mask"), in_place=True, node=lambda self, mask, value: f"MaskedFillBackward{int(isinstance(value, Tensor))}", jvp=LINEAR,
)  # fmt: skip
def masked_fill(self, mask, value):
    """Copy a tensor with the elements where `mask` is true set to one value; the mask is broadcast."""
    _check_mask("masked_fill", mask)
    if isinstance(value, ARRAYS):
        if value.ndim:
            raise RuntimeError(f"masked_fill_ only supports a 0-dimensional value tensor, but got tensor with {value.ndim} dimension(s).")
        if value.dtype.kind == "c" and self.dtype.kind != "c":
            raise RuntimeError(f"value cannot be converted to type {self.dtype.name} without overflow")
        value = converted_value(self.dtype, value)
    else:
        value = checked_number(self.dtype, value)
    out = np.where(mask, as_array(value, self.dtype), self)
    return out


@primitive("_kept", vjp={"self": lambda grad, mask: _kept(grad, mask)}, tensors=("self", "mask"), method=False, namespace=(), jvp=LINEAR)
def _kept(self, mask):
    """Zeros where a mask is false."""
    return np.where(mask, self, np.zeros((), self.dtype))


@primitive(vjp={"self": lambda grad, self_shape, mask: _masked_select_backward(grad, self_shape, mask)}, tensors=("self", "mask"), jvp=LINEAR)
def masked_select(self, mask):
    """Take the elements where `mask` is true as a vector; both are broadcast."""
    _check_mask("masked_select", mask)
    shape = broadcast_shape([self.shape, mask.shape])
    return np.broadcast_to(self, shape)[np.broadcast_to(mask, shape)]


@primitive(
    "_masked_select_backward", vjp={"self": lambda grad, mask: masked_select(grad, mask)}, tensors=("self", "mask"), method=False, namespace=(),
)  # fmt: skip
def _masked_select_backward(self, shape, mask):
    """Zeros with the elements of a vector in turn where a mask is true."""
    out = np.zeros(broadcast_shape([tuple(shape), mask.shape]), self.dtype)
    out[np.broadcast_to(mask, out.shape)] = self
    return out


@primitive(
    vjp={
        "self": lambda grad, mask: masked_fill(grad, mask, 0),
        "source": lambda grad, mask, source_shape: _masked_source_backward(grad, source_shape, mask),
    },
    tensors=("self", "mask", "source"), in_place=True, jvp=LINEAR,
)  # fmt: skip
def masked_scatter(self, mask, source):
    """Copy a tensor with the elements where `mask` is true replaced, in turn, by those of `source`."""
    _check_mask("masked_scatter", mask)
    if source.dtype != self.dtype:
        names = dtypes.of_array(self.dtype).tensor_name, dtypes.of_array(source.dtype).tensor_name
        raise RuntimeError(f"masked_scatter: expected self and source to have same dtypes but got {names[0]} and {names[1]}")
    shape = broadcast_shape([self.shape, mask.shape])
    out = np.broadcast_to(self, shape).copy()
    mask = np.broadcast_to(mask, shape)
    count = int(np.count_nonzero(mask))
    if count > source.size:
        raise RuntimeError("masked_scatter: expected self and source to have same dtypes and source to have at least as many elements as "
                           f"the number of ones in mask, but got {source.size} for {count}")  # fmt: skip
    out[mask] = source.reshape(-1)[:count]
    return out


@primitive(
    "_masked_source_backward", vjp={"self": lambda grad, self_shape, mask: _masked_turns(grad, self_shape, mask)}, tensors=("self", "mask"),
    method=False, namespace=(),
)  # fmt: skip
def _masked_source_backward(self, shape, mask):
    """The elements where a mask is true, in turn, as the first ones of zeros of a shape."""
    taken = self[np.broadcast_to(mask, self.shape)]
    out = np.zeros(int(np.prod(shape)), self.dtype)
    out[: taken.size] = taken
    return out.reshape(shape)


@primitive(
    "_masked_turns", vjp={"self": lambda grad, self_shape, mask: _masked_source_backward(grad, self_shape, mask)}, tensors=("self", "mask"),
    method=False, namespace=(),
)  # fmt: skip
def _masked_turns(self, shape, mask):
    """Zeros of a shape with elements in turn where a mask is true."""
    out = np.zeros(shape, self.dtype)
    mask = np.broadcast_to(mask, out.shape)
    out[mask] = self.reshape(-1)[: int(np.count_nonzero(mask))]
    return out


@plain(method=True)
@by_example
def nonzero(input, *, as_tuple=False):
    """Find the elements that are not zero: one row of indices each, or with `as_tuple` one vector per dimension."""
    found = np.nonzero(input._array) if input._array.ndim else np.nonzero(input._array.reshape((1,)))
    if as_tuple:
        return tuple(wrap(i) for i in found)
    return wrap(np.stack(found, 1) if input._array.ndim else np.zeros((found[0].size, 0), np.int64))


@plain(method=True)
@by_example
def argwhere(input):
    """Find the elements that are not zero: one row of indices each."""
    return nonzero(input)


@plain(method=True)
@by_example
def nonzero_static(input, *, size, fill_value=-1):
    """Find the first `size` elements that are not zero: one row of indices each, rows of `fill_value` where there are fewer."""
    if size < 0:
        raise RuntimeError(f"nonzero_static: 'size' must be an non-negative integer, but got {size}")
    found = np.stack(np.nonzero(input._array), 1) if input._array.ndim else np.zeros((int(input._array != 0), 0), np.int64)
    found = found[:size]
    out = np.full((size, found.shape[1]), fill_value, np.int64)
    out[: len(found)] = found
    return wrap(out)
