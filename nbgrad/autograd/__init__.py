"""PyTorch's `torch.autograd`: computing gradients, custom Functions, and switching the recording of gradients on and off."""

from .._engine.backward import backward, grad
from .._engine.modes import enable_grad, no_grad, set_grad_enabled
from . import forward_ad, function, functional, graph
from .anomaly_mode import detect_anomaly, set_detect_anomaly
from .function import Function
from .gradcheck import gradcheck, gradgradcheck
from .variable import Variable

__all__ = [
    "Function", "Variable", "backward", "detect_anomaly", "enable_grad", "forward_ad", "function", "functional", "grad", "gradcheck",
    "gradgradcheck", "graph", "no_grad", "set_detect_anomaly", "set_grad_enabled", "variable",
]  # fmt: skip


def variable(*args, **kwargs):
    """PyTorch's old name of `tensor`, which it refuses too."""
    raise RuntimeError("torch.autograd.variable(...) is deprecated, use torch.tensor(...) instead")


variable.Variable = Variable
