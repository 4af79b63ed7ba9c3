"""Copies of tensors: `copy.copy`, `copy.deepcopy` and `pickle`, and where in which memory a tensor's elements lie.

Tensors that share memory before a deep copy share the copied memory after it. Called by `Tensor.__deepcopy__` and `Tensor.__reduce_ex__`, and by
what saves to files; knows no operators.
"""

from __future__ import annotations

import copy
import warnings

import numpy as np

from .tensor import Tensor, wrap


def memory_of(array):
    """The memory that an array lies in, as `(owner, flat, offset, strides)`: the array that owns it, its elements in the order of memory, how many
    bytes into them the first element of `array` lies, and by how many bytes the others follow.

    An array that no tensor's strides can describe (counted backwards, or in memory with gaps) counts as the owner of a copy of itself.
    """
    owner = array
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    straight = (owner.flags.c_contiguous or owner.flags.f_contiguous) and type(owner) is np.ndarray and owner.dtype != object
    if straight and min(array.strides, default=0) >= 0 and all(s % array.itemsize == 0 for s in array.strides):
        flat = owner.ravel(order="K")
        offset = array.__array_interface__["data"][0] - flat.__array_interface__["data"][0]
        if not array.size:
            return owner, flat, 0, array.strides
        if offset % array.itemsize == 0 and flat.nbytes % array.itemsize == 0:
            return owner, flat, offset, array.strides
    array = np.ascontiguousarray(array).reshape(array.shape)
    return array, array.ravel(), 0, array.strides


def placed(flat, offset, kind, shape, strides, writeable=True):
    """An array of this type, shape and strides (bytes) in the memory of `flat`. Raises `ValueError` where it does not fit into it."""
    if not all(shape):  # no elements, wherever they lie
        return np.empty(shape, kind)
    span = sum((n - 1) * s for n, s in zip(shape, strides)) + kind.itemsize
    if offset < 0 or any(s < 0 for s in strides) or offset + span > flat.nbytes:
        raise ValueError(f"{span} bytes from byte {offset} on do not fit into {flat.nbytes} bytes of memory")
    array = np.ndarray(shape, kind, buffer=flat.data, offset=offset, strides=strides)
    if not writeable:
        array.flags.writeable = False
    return array


def state_of(tensor):
    """What users keep on a tensor: its instance attributes that are not the engine's."""
    return {k: v for k, v in tensor.__dict__.items() if not (k.startswith("_") and (hasattr(Tensor, k) or k == "_edge_before"))}


def deepcopy(tensor, memo):
    """What `copy.deepcopy` makes of a leaf. Raises `RuntimeError` for other tensors."""
    if not tensor.is_leaf:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment.  If you were attempting to "
            "deepcopy a module, this may be because of a torch.nn.utils.weight_norm usage, see https://github.com/pytorch/pytorch/pull/103001"
        )
    if id(tensor) in memo:
        return memo[id(tensor)]
    array = tensor._array
    owner, _, offset, strides = memory_of(array)
    copied = memo.get(id(owner))
    if copied is None:
        copied = memo[id(owner)] = owner.copy(order="K")
        memo.setdefault(id(memo), []).append(owner)  # alive for as long as the memo knows it by its id
    out = wrap(placed(copied.ravel(order="K"), offset, array.dtype, array.shape, strides, array.flags.writeable or 0 not in strides), type(tensor))
    memo[id(tensor)] = out
    out._requires_grad = tensor._requires_grad
    if tensor._grad is not None:
        out._grad = tensor._grad.__deepcopy__(memo)
    out.__dict__.update(copy.deepcopy(state_of(tensor), memo))
    return out


def reduce(tensor):
    """What `pickle` and `copy.copy` keep of a tensor: its memory, its place in it, and whether it requires a gradient; neither its history nor its
    gradient nor its hooks."""
    warn_of_hooks(tensor)
    array = tensor._array
    _, flat, offset, strides = memory_of(array)
    return rebuilt, (type(tensor), flat, offset, array.dtype, array.shape, strides, tensor._requires_grad, state_of(tensor))


def warn_of_hooks(tensor):
    """Warn for each hook of a leaf that it will not be kept, unless the hook says that it knows."""
    if tensor._edge is not None or tensor._hooks is None:
        return
    for hook in tensor._hooks.of_output(0).values():
        if not hasattr(hook, "__torch_unserializable__"):
            warnings.warn(
                f"backward hook {hook!r} on tensor will not be serialized.  If this is expected, you can decorate the function with "
                "@torch.utils.hooks.unserializable_hook to suppress this warning",
                UserWarning,
                stacklevel=2,
            )


def rebuilt(cls, flat, offset, kind, shape, strides, requires_grad, state):
    """Make a leaf anew from what `reduce` kept of it."""
    out = wrap(placed(flat, offset, kind, shape, strides, 0 not in strides), cls)
    out._requires_grad = requires_grad
    out.__dict__.update(state)
    return out
