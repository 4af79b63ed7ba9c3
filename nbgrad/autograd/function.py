"""PyTorch's `torch.autograd.function`: the base class of custom Functions, their ctx, and a backward that can run once only."""

import functools

from .._engine.function import BackwardCFunction, Function, FunctionCtx, FunctionMeta
from .._engine.modes import is_grad_enabled, no_grad
from .._engine.publish import settle as _settle
from .._engine.tensor import Tensor

__all__ = ["BackwardCFunction", "Function", "FunctionCtx", "FunctionMeta", "InplaceFunction", "once_differentiable"]

_settle("nbgrad.autograd.function", BackwardCFunction, Function, FunctionCtx, FunctionMeta)


class InplaceFunction(Function):
    """As `Function`; kept for old code."""

    def __init__(self, inplace=False):
        super().__init__()
        self.inplace = inplace


def once_differentiable(backward):
    """Decorate a `backward` that computes without operators that could be recorded: its gradients cannot be differentiated, and say so."""

    @functools.wraps(backward)
    def once(ctx, *grads, **kwargs):
        with no_grad():
            found = backward(ctx, *grads, **kwargs)
        if not is_grad_enabled() or not any(isinstance(g, Tensor) and g.requires_grad for g in grads):
            return found
        parts = found if isinstance(found, tuple) else (found,)
        return _Once.apply(*[p if p is None else p.detach().requires_grad_() for p in parts])

    return once


class _Once(Function):
    """Passes gradients on, and refuses to be differentiated."""

    @staticmethod
    def forward(ctx, *grads):
        found = tuple(g if g is None else g.detach() for g in grads)
        return found if len(found) > 1 else found[0]

    @staticmethod
    def backward(ctx, *grads):
        raise RuntimeError("trying to differentiate twice a function that was marked with @once_differentiable")


_Once._node_cls.__name__ = _Once._backward_cls.__name__ = "Error"  # as PyTorch calls it
