"""PyTorch's `torch.autograd.grad_mode`: the blocks that switch recording on and off."""

from .._engine.inference import inference_mode
from .._engine.modes import Decorating as _Decorating
from .._engine.modes import enable_grad, no_grad, set_grad_enabled
from .._engine.publish import settle as _settle

__all__ = ["enable_grad", "inference_mode", "no_grad", "set_grad_enabled", "set_multithreading_enabled"]

_settle("nbgrad.autograd.grad_mode", enable_grad, inference_mode, no_grad, set_grad_enabled)


class set_multithreading_enabled(_Decorating):  # noqa: N801  (torch's name)
    """Allow or forbid backward to use several threads; it always uses the one it is called on, so this changes nothing."""

    def __init__(self, mode: bool):
        self.mode = mode

    def __enter__(self):
        pass

    def __exit__(self, *exception):
        pass

    def _again(self):
        return set_multithreading_enabled(self.mode)
