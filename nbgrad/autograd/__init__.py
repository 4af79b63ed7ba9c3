"""PyTorch's `torch.autograd`: computing gradients, and switching their recording on and off."""

from .._engine.backward import backward, grad
from .._engine.modes import enable_grad, no_grad, set_grad_enabled
from . import graph
from .variable import Variable

__all__ = ["Variable", "backward", "enable_grad", "grad", "graph", "no_grad", "set_grad_enabled", "variable"]


def variable(*args, **kwargs):
    """PyTorch's old name of `tensor`, which it refuses too."""
    raise RuntimeError("torch.autograd.variable(...) is deprecated, use torch.tensor(...) instead")


variable.Variable = Variable
