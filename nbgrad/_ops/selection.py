"""Windows on part of a tensor's memory: one slice, a range of them, sliding windows."""

from __future__ import annotations

import operator

import numpy as np

from .._engine import errors
from .._engine.batched import batched_like, zeros_for
from .._engine.op import LINEAR, composite, primitive
from .._engine.tensor import Tensor, check_dim, dim_of


@primitive(vjp={"self": lambda grad, self_shape, dim, index: _select_backward(grad, self_shape, dim, index)}, view=True)
def select(self, dim, index):
    """Take the slice at `index` of a dimension, which goes away; a view."""
    if self.ndim == 0:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    dim = dim_of(dim, self.ndim)
    index = operator.index(index)
    n = self.shape[dim]
    if not -n <= index < n:
        raise IndexError(f"select(): index {index} out of range for tensor of size {list(self.shape)} at dimension {dim}")
    return self[index, ...] if dim == 0 else self[(slice(None),) * dim + (index, ...)]


@primitive(
    vjp={"self": lambda grad, dim, index: select(grad, dim, index)}, method=False, namespace=(), node="SelectBackwardBackward0", jvp=LINEAR,
)  # fmt: skip
def _select_backward(self, shape, dim, index):
    """Zeros of a shape with `self` as one slice of a dimension."""
    out = zeros_for(shape, self.dtype, self)
    out[(slice(None),) * (dim % len(shape)) + (index,)] = self
    return out


@primitive(
    "_slice", vjp={"self": lambda grad, self_shape, dim, start, end, step: _slice_backward(grad, self_shape, dim, start, end, step)},
    view=True, method=False, namespace=(), node="SliceBackward0",
)  # fmt: skip
def slice_(self, dim=0, start=None, end=None, step=1):
    """Take every `step`-th slice of a dimension from `start` to, and without, `end`; a view."""
    if self.ndim == 0:
        raise RuntimeError("slice() cannot be applied to a 0-dim tensor.")
    dim = dim_of(dim, self.ndim)
    if step <= 0:
        raise RuntimeError("slice step must be positive")
    return self[(slice(None),) * dim + (slice(start, end, step),)]


@primitive(
    vjp={"self": lambda grad, dim, start, end, step: slice_(grad, dim, start, end, step)}, method=False, namespace=(),
    node="SliceBackwardBackward0", jvp=LINEAR,
)  # fmt: skip
def _slice_backward(self, shape, dim, start, end, step):
    """Zeros of a shape with `self` as some slices of a dimension."""
    out = zeros_for(shape, self.dtype, self)
    out[(slice(None),) * (dim % len(shape)) + (slice(start, end, step),)] = self
    return out


@composite()
def narrow(self, dim, start, length):
    """Take `length` slices of a dimension from `start` on; a view."""
    if self._array.ndim == 0:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    if isinstance(start, Tensor) and (start._array.ndim or start._array.dtype.kind not in "iu"):
        raise RuntimeError("start must be an 0-dim integral Tensor.")
    start = operator.index(start)
    d = dim_of(dim, self._array.ndim)
    n = self._array.shape[d]
    if not -n <= start <= n:
        raise IndexError(f"start out of range (expected to be in range of [{-n}, {n}], but got {start})")
    start += n if start < 0 else 0
    if start + length > n:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({n}).")
    return slice_.function(self, d, start, start + length)


def _windows(self, dimension, size, step):
    out = np.lib.stride_tricks.sliding_window_view(self, size, dimension, writeable=self.flags.writeable)
    return out[(slice(None),) * dimension + (slice(None, None, step),)]


@primitive(
    vjp={"self": lambda grad, self_shape, dimension, size, step: _unfold_backward(grad, self_shape, dimension, size, step)}, view=True,
    namespace=(),
)  # fmt: skip
def unfold(self, dimension, size, step):
    """Take all windows of `size` slices of a dimension, `step` apart; the windows' own dimension comes last. A view."""
    if self.ndim == 0:
        if dimension not in (0, -1):
            check_dim(dimension, 0)
        if size > 1:
            raise RuntimeError(f"maximum size for tensor at dimension 0 is 1 but size is {size}")
        return self.reshape((1,))[:size]
    dimension = dim_of(dimension, self.ndim)
    n = self.shape[dimension]
    if size < 0:
        raise RuntimeError(f"size is {size} but must be >= 0")
    if size > n:
        raise RuntimeError(f"maximum size for tensor at dimension {dimension} is {n} but size is {size}")
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    if size == 0:
        raise errors.unsupported("unfold with windows of no size")
    return _windows(self, dimension, size, step)


@primitive(
    vjp={"self": lambda grad, dimension, size, step: unfold(grad, dimension, size, step)}, method=False, namespace=(),
    node="UnfoldBackwardBackward0",
)  # fmt: skip
def _unfold_backward(self, shape, dimension, size, step):
    """Add windows up where they came from."""
    out = zeros_for(shape, self.dtype, self)
    if not shape:
        return self.sum().reshape(())
    d = dimension % len(shape)
    lead = (slice(None),) * d
    count = self.shape[d]
    for i in range(size):  # windows overlap, but their i-th elements do not
        out[(*lead, slice(i, i + step * count, step))] += self[..., i]
    return out


# ---- the same, written into a copy


@primitive(
    vjp={"self": lambda grad, dim, index: _without(grad, dim, index, index + 1 or None, 1), "src": lambda grad, dim, index: select(grad, dim, index)},
    jvp=LINEAR,
)  # fmt: skip
def select_scatter(self, src, dim, index):
    """Copy a tensor with the slice at `index` of a dimension replaced by `src`."""
    out = batched_like(self, src).copy()
    place = select.kernel(out, dim, index)
    if place.shape != src.shape:
        raise RuntimeError("expected src to have a size equal to the slice of self. src sizes = "
                           f"{list(src.shape)}, slice sizes = {list(place.shape)}")  # fmt: skip
    place[...] = src
    return out


@primitive(
    vjp={
        "self": lambda grad, dim, start, end, step: _without(grad, dim, start, end, step),
        "src": lambda grad, dim, start, end, step: slice_(grad, dim, start, end, step),
    }, jvp=LINEAR,
)  # fmt: skip
def slice_scatter(self, src, dim=0, start=None, end=None, step=1):
    """Copy a tensor with some slices of a dimension replaced by `src`."""
    out = batched_like(self, src).copy()
    place = slice_.kernel(out, dim, start, end, step)
    if place.shape != src.shape:
        raise RuntimeError("expected src to have a size equal to the slice of self. src sizes = "
                           f"{list(src.shape)}, slice sizes = {list(place.shape)}")  # fmt: skip
    place[...] = src
    return out


@primitive(
    vjp={"self": lambda grad, dim, start, end, step: _without(grad, dim, start, end, step)}, method=False, namespace=(),
)  # fmt: skip
def _without(self, dim, start, end, step):
    """Copy with some slices of a dimension set to zero."""
    out = self.copy()
    slice_.kernel(out, dim, start, end, step)[...] = 0
    return out
