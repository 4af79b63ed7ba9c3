"""PyTorch's `torch.utils.hooks`: the handle that registering a hook returns."""

from .._engine.hooks import RemovableHandle

__all__ = ["RemovableHandle"]
