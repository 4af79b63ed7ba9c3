"""PyTorch's `torch.autograd.Variable`: the old name of a tensor."""

from __future__ import annotations

from .._engine.tensor import Tensor as _Tensor

__all__ = ["Variable", "VariableMeta"]


class VariableMeta(type):
    """Lets every tensor count as a `Variable`."""

    def __instancecheck__(cls, other):
        return isinstance(other, _Tensor)


class Variable(metaclass=VariableMeta):
    """`Variable(tensor, requires_grad=False)`: the same memory as a tensor without history. Raises `TypeError` for what is no tensor."""

    def __new__(cls, data, requires_grad=False):
        if not isinstance(data, _Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(data).__name__}")
        return data.detach().requires_grad_(requires_grad)
