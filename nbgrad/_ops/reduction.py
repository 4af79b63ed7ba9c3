"""Reductions over one, several or all dimensions."""

from __future__ import annotations

import numpy as np

from .._engine.op import primitive
from .shape import expand


def spread(grad, shape, dim, keepdim):
    """Bring the gradient of a reduction back to the shape of what was reduced, by repeating it."""
    if not keepdim and dim is not None and len(shape):
        dims = {d % len(shape) for d in ((dim,) if isinstance(dim, int) else dim)} or range(len(shape))
        grad = grad.reshape(tuple(1 if i in dims else n for i, n in enumerate(shape)))
    return expand(grad, shape)


@primitive(
    vjp={"self": lambda grad, self_shape, dim, keepdim: spread(grad, self_shape, dim, keepdim)},
    node=lambda self, dim, keepdim, dtype: "SumBackward0" if dim is None else "SumBackward1",
)
def sum(self, dim=None, keepdim=False, *, dtype=None):
    """Add up all elements, or those along `dim` (a dimension or several). Integers and bools are added as int64."""
    kind = dtype.numpy if dtype is not None else np.int64 if self.dtype.kind in "biu" else self.dtype
    axis = None if dim is None or dim == () else tuple(dim) if isinstance(dim, (list, tuple)) else dim
    if self.ndim == 0:
        return self.astype(kind)
    return np.add.reduce(self, axis=axis, dtype=kind, keepdims=keepdim)
