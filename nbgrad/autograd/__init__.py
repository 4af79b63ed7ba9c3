"""PyTorch's `torch.autograd`: computing gradients, custom Functions, and switching the recording of gradients on and off."""

from .._engine.backward import backward, grad
from .._engine.publish import settle as _settle
from . import forward_ad, function, functional, grad_mode, graph, profiler
from .anomaly_mode import detect_anomaly, set_detect_anomaly
from .function import Function
from .grad_mode import enable_grad, inference_mode, no_grad, set_grad_enabled, set_multithreading_enabled
from .gradcheck import gradcheck, gradgradcheck
from .variable import Variable

__all__ = [
    "Function", "Variable", "backward", "detect_anomaly", "enable_grad", "forward_ad", "function", "functional", "grad", "grad_mode", "gradcheck",
    "gradgradcheck", "graph", "inference_mode", "no_grad", "profiler", "set_detect_anomaly", "set_grad_enabled", "set_multithreading_enabled",
    "variable",
]  # fmt: skip


def variable(*args, **kwargs):
    """PyTorch's old name of `tensor`, which it refuses too."""
    raise RuntimeError("torch.autograd.variable(...) is deprecated, use torch.tensor(...) instead")


_settle("nbgrad.autograd", backward, grad)
variable.Variable = Variable
