"""Views: other shapes, orders and windows on the same memory."""

from __future__ import annotations

import numpy as np

from .._engine.op import primitive
from .._engine.tensor import check_dim


@primitive(vjp={"self": lambda grad, dim0, dim1: transpose(grad, dim0, dim1)}, view=True, node="TransposeBackward0")
def transpose(self, dim0, dim1):
    """Swap two dimensions; a view."""
    check_dim(dim0, self.ndim)
    check_dim(dim1, self.ndim)
    return self if self.ndim == 0 else np.swapaxes(self, dim0, dim1)


@primitive(vjp={"self": lambda grad, self_shape: grad}, view=True, varargs="size", namespace=())
def expand(self, size):
    """Repeat dimensions of size 1 without copying; -1 keeps a size. New dimensions come first. A view."""
    lead = len(size) - self.ndim
    if lead < 0:
        raise RuntimeError(
            f"expand(torch.{self.dtype}{list(self.shape)}, size={list(size)}): the number of sizes provided ({len(size)}) must be "
            f"greater or equal to the number of dimensions in the tensor ({self.ndim})"
        )
    sizes = tuple(self.shape[i - lead] if n == -1 and i >= lead else n for i, n in enumerate(size))
    return np.broadcast_to(self, sizes)
