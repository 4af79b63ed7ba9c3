"""What views show, as copies: `permute_copy` and its like, the `unsafe_` splits, and `diagonal_scatter`, which writes into one.

Each has the kernel and the derivative of its view.
"""

from __future__ import annotations

from .._engine.batched import batched_like
from .._engine.dtypes import dtype
from .._engine.op import LINEAR, composite, primitive
from .._engine.views import Window
from .rearrange import diagonal
from .selection import _slice_backward, select, slice_, unfold
from .shape import _alias, dims_of, expand, permute, squeeze, t, transpose, unsqueeze, view
from .splitting import _check_has_dims, _split_even, split_with_sizes, unbind
from .strided import _checked_window, _storage_offset, _window_put


def _copies(viewing, node=None, method=False):
    """Declare the operator that copies what a view shows."""
    return primitive(vjp=viewing.vjp, node=node or viewing.node + "_copy", method=method, jvp=LINEAR, outputs="tuple" if viewing.many else None)


@_copies(_alias)
def alias_copy(self):
    """Copy a tensor."""
    return self.copy()


@_copies(permute)
def permute_copy(self, dims):
    """Put the dimensions in another order; a copy."""
    return permute.kernel(self, dims).copy()


@_copies(transpose)
def transpose_copy(self, dim0, dim1):
    """Swap two dimensions; a copy."""
    return transpose.kernel(self, dim0, dim1).copy()


@_copies(t)
def t_copy(self):
    """Transpose a matrix; a copy."""
    return t.kernel(self).copy()


@_copies(squeeze, lambda self, dim: squeeze.node(self, dim) + "_copy")
def squeeze_copy(self, dim=None):
    """Drop the dimensions of size 1, or those of them that `dim` names; a copy."""
    return squeeze.kernel(self, dim).copy()


@_copies(unsqueeze)
def unsqueeze_copy(self, dim):
    """Insert a dimension of size 1 at position `dim`; a copy."""
    return unsqueeze.kernel(self, dim).copy()


@_copies(expand)
def expand_copy(self, size, *, implicit=False):
    """Repeat dimensions of size 1; a copy."""
    return expand.kernel(self, size).copy()


@primitive(
    vjp={"self": lambda grad, self_shape, size: None if isinstance(size, dtype) else grad.reshape(self_shape)}, method=False, jvp=LINEAR,
    node="ViewBackward0_copy",
)  # fmt: skip
def view_copy(self, size):
    """Give the elements another shape, or given a dtype read their bytes as that type; a copy."""
    return view.kernel(self, size).copy()


@_copies(diagonal)
def diagonal_copy(self, offset=0, dim1=0, dim2=1):
    """Take a diagonal; a copy."""
    return diagonal.kernel(self, offset, dim1, dim2).copy()


@_copies(select)
def select_copy(self, dim, index):
    """Take the slice at `index` of a dimension; a copy."""
    return select.kernel(self, dim, index).copy()


@_copies(slice_)
def slice_copy(self, dim=0, start=None, end=None, step=1):
    """Take every `step`-th slice of a dimension from `start` to, and without, `end`; a copy."""
    return slice_.kernel(self, dim, start, end, step).copy()


@_copies(unfold)
def unfold_copy(self, dimension, size, step):
    """Take all windows of `size` slices of a dimension, `step` apart; a copy."""
    return unfold.kernel(self, dimension, size, step).copy()


def _all(parts):
    return tuple(part.copy() for part in parts)


@_copies(unbind)
def unbind_copy(self, dim=0):
    """Take a tensor apart along a dimension; copies."""
    return _all(unbind.kernel(self, dim))


@_copies(_split_even)
def split_copy(self, split_size, dim=0):
    """Split into copies of `split_size` along a dimension; the last may be smaller."""
    return _all(_split_even.kernel(self, split_size, dim))


@_copies(split_with_sizes)
def split_with_sizes_copy(self, split_sizes, dim=0):
    """Split into copies of the given sizes along a dimension."""
    return _all(split_with_sizes.kernel(self, split_sizes, dim))


@primitive(
    vjp={"self": lambda grad, self_shape, dim, start, length: _narrow_backward(grad, self_shape, dim, start, length)}, jvp=LINEAR,
)  # fmt: skip
def narrow_copy(self, dim, start, length):
    """Take `length` slices of a dimension from `start` on; a copy."""
    _check_narrow(self, dim, start, length)
    (d,) = dims_of(dim, self.ndim)
    start += self.shape[d] if start < 0 else 0
    return self[(slice(None),) * d + (slice(start, start + length),)].copy()


def _narrow_backward(grad, shape, dim, start, length):
    start += shape[dim] if start < 0 else 0
    return _slice_backward(grad, shape, dim, start, start + length, 1)


def _check_narrow(self, dim, start, length):
    if self.ndim == 0:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    if dim >= self.ndim:
        raise RuntimeError(f"Expected dim < static_cast<int64_t>(self_sizes.size()) to be true, but got false. There is no dimension {dim}.")
    n = self.shape[dims_of(dim, self.ndim)[0]]
    if not -n <= start <= n:
        raise IndexError(f"start out of range (expected to be in range of [{-n}, {n}], but got {start})")
    if length < 0 or start + (n if start < 0 else 0) + length > n:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({n}).")


# ---- by strides


@primitive(
    "_as_strided_copy", vjp={"self": lambda grad, window: _window_put(grad, window)}, analytic=False, method=False, namespace=(),
    node="AsStridedBackward0_copy", jvp=LINEAR,
)  # fmt: skip
def _as_strided_copy(self, window):
    """Copy of what a window shows of a tensor that lies in memory as the window's base does."""
    return window.copy(self)[1].copy()


@composite(method=False)
def as_strided_copy(self, size, stride, storage_offset=None):
    """Copy what `as_strided` with these sizes, strides and offset, counted in elements, would show."""
    offset = _storage_offset(self) if storage_offset is None else storage_offset
    return _as_strided_copy.function(self, Window(self._array, _checked_window(self, tuple(size), tuple(stride), offset)))


# ---- splits that are no views


@_copies(_split_even, "UnsafeSplitBackward0", True)
def unsafe_split(self, split_size, dim=0):
    """Split into tensors of `split_size` along a dimension, of which changes need not be followed; here they are copies."""
    return _all(_split_even.kernel(self, split_size, dim))


@_copies(split_with_sizes, "UnsafeSplitWithSizesBackward0", True)
def unsafe_split_with_sizes(self, split_sizes, dim=0):
    """Split into tensors of the given sizes along a dimension, of which changes need not be followed; here they are copies."""
    return _all(split_with_sizes.kernel(self, split_sizes, dim))


@composite()
def unsafe_chunk(self, chunks, dim=0):
    """Split into at most `chunks` tensors of equal size along a dimension; the last may be smaller. Here they are copies."""
    _check_has_dims("chunk", self._array)
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    n = self._array.shape[dims_of(dim, self._array.ndim)[0]]
    size = (n + chunks - 1) // chunks
    return unsafe_split.function(self, size, dim) if size else unsafe_split_with_sizes.function(self, [0] * chunks, dim)


# ---- writing into a copy


@primitive(
    vjp={
        "self": lambda grad, offset, dim1, dim2: _without_diagonal(grad, offset, dim1, dim2),
        "src": lambda grad, offset, dim1, dim2: diagonal(grad, offset, dim1, dim2),
    },
    tensors=("self", "src"), jvp=LINEAR,
)  # fmt: skip
def diagonal_scatter(self, src, offset=0, dim1=0, dim2=1):
    """Copy a tensor with a diagonal replaced by `src`."""
    out = batched_like(self, src).copy()
    place = diagonal.kernel(out, offset, dim1, dim2)
    if place.shape != src.shape:
        raise RuntimeError(f"expected src to have a size equal to the slice of self. src size = {list(src.shape)}, slice size = {list(place.shape)}")
    place.flags.writeable = True
    place[...] = src
    return out


@primitive(
    "_without_diagonal", vjp={"self": lambda grad, offset, dim1, dim2: _without_diagonal(grad, offset, dim1, dim2)}, method=False, namespace=(),
)  # fmt: skip
def _without_diagonal(self, offset, dim1, dim2):
    """Copy with a diagonal set to zero."""
    out = self.copy()
    place = diagonal.kernel(out, offset, dim1, dim2)
    place.flags.writeable = True
    place[...] = 0
    return out
