"""PyTorch's `torch.autograd`: computing gradients, and switching their recording on and off."""

from .._engine.backward import backward, grad
from . import grad_mode, profiler
from .grad_mode import enable_grad, inference_mode, no_grad, set_grad_enabled, set_multithreading_enabled

__all__ = ["backward", "enable_grad", "grad", "grad_mode", "inference_mode", "no_grad", "profiler", "set_grad_enabled", "set_multithreading_enabled"]
