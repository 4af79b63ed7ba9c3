"""PyTorch's `torch.utils.dlpack`: exchange of memory with other libraries."""

from .._ops.from_data import from_dlpack

__all__ = ["from_dlpack", "to_dlpack"]


def to_dlpack(tensor):
    """A tensor's memory as a DLPack capsule, which can be taken once. Raises `BufferError` for one that requires a gradient."""
    return tensor.__dlpack__()
