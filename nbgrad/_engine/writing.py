"""Writing results into memory that is already there: what `out=` does, and what in-place operators check first. Knows no operators."""

from __future__ import annotations

import functools

import numpy as np

from . import dtypes
from .batched import BatchedArray
from .modes import place_of_user, state
from .node import check_counted
from .observe import tell_read
from .tensor import Tensor, shared_memory
from .views import count_change, spread_history


def into(out, result):
    """Write a result into the tensor (or tuple of tensors) given as `out=`."""
    if isinstance(result, tuple):
        for o, r in zip(out, result):
            into(o, r)
        return type(result)(*out) if hasattr(result, "_fields") else tuple(out)
    if not isinstance(out, Tensor):
        raise TypeError(f"argument 'out' must be Tensor, not {type(out).__name__}")
    if state.mode.grad and (out._requires_grad or result._requires_grad):
        raise RuntimeError("functions with out=... arguments don't support automatic differentiation, but one of the arguments requires grad.")
    tell_read(result)
    check_castable(result._array.dtype, out._array.dtype)
    check_counted(out)
    if out._array.shape != result._array.shape:
        out._array = result._array.astype(out._array.dtype)
    else:
        np.copyto(writable(out._array), result._array, casting="unsafe")
    count_change(out, place_of_user())
    spread_history(out)
    return out


def writes_out(function):
    """Give a function that is written with operators an argument `out=`."""

    @functools.wraps(function)
    def under(*args, out=None, **kwargs):
        result = function(*args, **kwargs)
        return result if out is None else into(out, result)

    return under


def writable(array, expanded=False):
    """The array, or one on the same memory that can be written, if `expanded` memory may be written at all.

    Raises torch's `RuntimeError` where several elements share a place in memory, and where the memory is somebody's read-only array.
    """
    if array.flags.writeable:
        return array
    if type(array) is BatchedArray:
        return BatchedArray(writable(array.physical, expanded), array.level)
    shared = shared_memory(array)
    if shared is array:
        raise RuntimeError("this tensor stands on a NumPy array that is read-only; clone() it before performing the operation")
    if not expanded:
        check_unshared(array)
    return shared


def check_unshared(array):
    """Raise torch's `RuntimeError` for memory of which several elements share a place, as after `expand`."""
    if array.size and any(s == 0 and n > 1 for s, n in zip(array.strides, array.shape)):
        raise RuntimeError("unsupported operation: more than one element of the written-to tensor refers to a single memory location. "
                           "Please clone() the tensor before performing the operation.")  # fmt: skip


def same_memory(a, b):
    """Whether two arrays are one and the same piece of memory in one and the same order."""
    return a.shape == b.shape and a.strides == b.strides and a.ctypes.data == b.ctypes.data


def check_castable(source, target):
    """Raise torch's `RuntimeError` where a result cannot be kept in a tensor of this type."""
    if dtypes.category_of(source) > dtypes.category_of(target):
        names = dtypes.of_array(source).tensor_name, dtypes.of_array(target).tensor_name
        raise RuntimeError(f"result type {names[0]} can't be cast to the desired output type {names[1]}")
