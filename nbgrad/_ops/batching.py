"""The two operators by which tensors enter a `vmap` and leave it: they hide a dimension, and show it again."""

from __future__ import annotations

from .._engine.batched import with_level, without_level
from .._engine.op import primitive


@primitive(
    vjp={"self": lambda grad, self_shape, dim, level: _remove_batch_dim(grad, dim, level, self_shape[dim])},
    view=True, method=False, namespace=(),
)  # fmt: skip
def _add_batch_dim(self, dim, level):
    """Hide a dimension as the batch of a level; a view."""
    return with_level(self, dim, level)


@primitive(vjp={"self": lambda grad, dim, level: _add_batch_dim(grad, dim, level)}, view=True, method=False, namespace=())
def _remove_batch_dim(self, dim, level, size):
    """Show the batch of a level, `size` examples, as a dimension, also of a tensor that is the same for all of them; a view."""
    return without_level(self, dim, level, size)
