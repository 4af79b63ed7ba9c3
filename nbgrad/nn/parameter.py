"""Parameters and buffers: tensors that a module keeps when they are assigned to it."""

from __future__ import annotations

import numpy as np

from .._engine.dtypes import get_default_dtype
from .._engine.tensor import Tensor, wrap


class Parameter(Tensor):
    """A tensor that a module learns: assigned to an attribute of a module it appears among its `parameters()`.

    `data` is the tensor whose memory it takes, without its history; without it the parameter is empty. Operators on it give plain tensors.
    """

    __slots__ = ()

    def __new__(cls, data=None, requires_grad=True):
        if data is None:
            data = wrap(np.zeros(0, get_default_dtype().numpy))
        out = wrap(data.detach()._array, cls)
        if requires_grad and not (out.is_floating_point() or out.is_complex()):
            raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
        return out.requires_grad_(requires_grad)

    def __repr__(self):
        return "Parameter containing:\n" + super().__repr__()

    def __deepcopy__(self, memo):
        if id(self) not in memo:
            memo[id(self)] = type(self)(wrap(self._array.copy(order="K")), self._requires_grad)
        return memo[id(self)]

    __str__ = __repr__


class _BufferType(type):
    """Any tensor that was made by `Buffer` is one."""

    def __instancecheck__(cls, instance):
        return isinstance(instance, Tensor) and getattr(instance, "_is_buffer", False)


class Buffer(Tensor, metaclass=_BufferType):
    """Make a tensor that a module keeps, but does not learn: assigned to an attribute of a module it appears among its `buffers()`.

    With `persistent=False` it is no part of the module's `state_dict()`.
    """

    __slots__ = ()

    def __new__(cls, data=None, *, persistent=True):
        if data is None:
            data = wrap(np.zeros(0, get_default_dtype().numpy))
        out = wrap(data.detach()._array)
        out._requires_grad = data._requires_grad
        out.persistent, out._is_buffer = persistent, True
        return out
