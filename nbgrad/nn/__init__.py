"""PyTorch's `torch.nn`."""

from . import functional

__all__ = ["functional"]
