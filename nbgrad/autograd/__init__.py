"""PyTorch's `torch.autograd`: computing gradients, and switching their recording on and off."""

from .._engine.backward import backward, grad
from .._engine.modes import enable_grad, no_grad, set_grad_enabled

__all__ = ["backward", "enable_grad", "grad", "no_grad", "set_grad_enabled"]
