"""The same elements elsewhere, or more often: flipping, rolling, repeating, triangles and diagonals."""

from __future__ import annotations

import numpy as np

from .._engine import dtypes
from .._engine.arguments import must_be
from .._engine.batched import zeros_for
from .._engine.op import LINEAR, composite, primitive
from .._engine.tensor import Tensor, check_dim, dim_of, wrap
from .shape import dims_of


def _unique_dims(dims, ndim):
    dims = dims_of(dims, ndim)
    for d in dims:
        if dims.count(d) > 1:
            raise RuntimeError(f"dim {d} appears multiple times in the list of dims")
    return dims


@primitive(vjp={"self": lambda grad, dims: flip(grad, dims)}, varargs="dims", jvp=LINEAR)
def flip(self, dims):
    """Reverse the order of the elements along `dims`."""
    dims = _unique_dims(dims, self.ndim)
    return np.flip(self, dims if self.ndim else ()).copy()


@composite()
def fliplr(self):
    """Reverse the order along the second dimension."""
    if self._array.ndim < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return self.flip((1,))


@composite()
def flipud(self):
    """Reverse the order along the first dimension."""
    if self._array.ndim < 1:
        raise RuntimeError("Input must be >= 1-d.")
    return self.flip((0,))


@primitive(vjp={"self": lambda grad, k, dims: rot90(grad, -k, dims)}, jvp=LINEAR)
def rot90(self, k=1, dims=(0, 1)):
    """Rotate `k` times by 90 degrees in the plane of two dimensions, from the first towards the second."""
    if len(dims) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if self.ndim < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {self.ndim}")
    if dims[0] == dims[1] or abs(dims[0] - dims[1]) == self.ndim:
        raise RuntimeError(f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}")
    for i, d in enumerate(dims):
        if not -self.ndim <= d < self.ndim:
            raise RuntimeError(f"Rotation dim{i} out of range, dim{i} = {d}")
    return np.rot90(self, k, dims).copy()


def _negative(shifts):
    return tuple(-s for s in shifts) if isinstance(shifts, (tuple, list)) else -shifts


@primitive(vjp={"self": lambda grad, shifts, dims: roll(grad, _negative(shifts), dims)}, jvp=LINEAR)
def roll(self, shifts, dims=None):
    """Shift elements along `dims`; those that leave at one end come in at the other. Without `dims` the flattened tensor is shifted."""
    shifts = tuple(shifts) if isinstance(shifts, (tuple, list)) else (shifts,)
    dims = () if dims is None else tuple(dims) if isinstance(dims, (tuple, list)) else (dims,)
    if not shifts:
        raise RuntimeError("`shifts` required")
    if not dims and len(shifts) == 1:
        return np.roll(self, shifts[0])
    if self.ndim == 0:
        raise IndexError(f"Dimension specified as {dims[0]} but tensor has no dimensions")
    if len(shifts) != len(dims):
        raise RuntimeError(f"shifts and dimensions must align. shifts: {len(shifts)}, dims:{len(dims)}")
    dims = dims_of(dims, self.ndim)
    if self.size == 0:
        return self.copy()
    return np.roll(self, shifts, dims)


@primitive(vjp={"self": lambda grad, diagonal: tril(grad, diagonal)}, in_place=True, jvp=LINEAR)
def tril(self, diagonal=0):
    """Keep the lower triangle of the last two dimensions, up to and with a diagonal; zeros elsewhere."""
    if self.ndim < 2:
        raise RuntimeError("tril: input tensor must have at least 2 dimensions")
    return np.tril(self, diagonal)


@primitive(vjp={"self": lambda grad, diagonal: triu(grad, diagonal)}, in_place=True, jvp=LINEAR)
def triu(self, diagonal=0):
    """Keep the upper triangle of the last two dimensions, from a diagonal on; zeros elsewhere."""
    if self.ndim < 2:
        raise RuntimeError("triu: input tensor must have at least 2 dimensions")
    return np.triu(self, diagonal)


# ---- diagonals


def _two_dims(name, ndim, dim1, dim2):
    a, b = dim_of(dim1, ndim), dim_of(dim2, ndim)
    if a == b:
        raise RuntimeError(f"{name} dimensions cannot be identical {dim1}, {dim2}")
    return a, b


def _diagonal(self, offset, dim1, dim2):
    a, b = _two_dims("diagonal", self.ndim, dim1, dim2)
    rows, columns = self.shape[a], self.shape[b]
    if offset >= columns or -offset >= rows:  # NumPy refuses what lies outside
        return np.zeros((*(n for i, n in enumerate(self.shape) if i not in (a, b)), 0), self.dtype)
    out = np.diagonal(self, offset, a, b)
    if self.flags.writeable:
        out.flags.writeable = True
    return out


@primitive(
    vjp={"self": lambda grad, self_shape, offset, dim1, dim2: _diagonal_backward(grad, self_shape, offset, dim1, dim2)}, view=True,
)  # fmt: skip
def diagonal(self, offset=0, dim1=0, dim2=1):
    """Take the diagonal of two dimensions, which becomes the last dimension; a view."""
    return _diagonal(self, offset, dim1, dim2)


@primitive(
    vjp={"self": lambda grad, offset, dim1, dim2: diagonal(grad, offset, dim1, dim2)}, method=False, namespace=(),
    node="DiagonalBackwardBackward0",
)  # fmt: skip
def _diagonal_backward(self, shape, offset, dim1, dim2):
    """Zeros of a shape with `self` on a diagonal."""
    out = zeros_for(shape, self.dtype, self)
    _diagonal(out, offset, dim1, dim2)[...] = self
    return out


@composite("linalg.diagonal", method=False, namespace=("linalg",))
def linalg_diagonal(self, *, offset=0, dim1=-2, dim2=-1):
    """Take the diagonal of the last two dimensions, or of others; a view."""
    return self.diagonal(offset, dim1, dim2)


@primitive(
    vjp={"self": lambda grad, self_shape, offset, dim1, dim2: _diagonal_backward(grad, self_shape, offset, dim1, dim2)}, method=False,
    namespace=(), node="DiagonalBackward0_copy", jvp=LINEAR,
)  # fmt: skip
def _diagonal_copy(self, offset=0, dim1=0, dim2=1):
    """Take a copy of the diagonal."""
    return _diagonal(self, offset, dim1, dim2).copy()


@primitive(vjp={"self": lambda grad, offset, dim1, dim2: diagonal(grad, offset, dim1, dim2)}, jvp=LINEAR)
def diag_embed(self, offset=0, dim1=-2, dim2=-1):
    """Make matrices of zeros with the last dimension of `self` as their diagonals."""
    ndim = self.ndim + 1
    a, b = _two_dims("diagonal", ndim, dim1, dim2)
    n = self.shape[-1] + abs(offset)
    rest = iter(self.shape[:-1])
    out = zeros_for(tuple(n if i in (a, b) else next(rest) for i in range(ndim)), self.dtype, self)
    _diagonal(out, offset, a, b)[...] = self
    return out


@composite()
def diag(self, diagonal=0):
    """Take the diagonal of a matrix as a copy, or make a matrix with a vector as its diagonal."""
    ndim = self._array.ndim
    if ndim not in (1, 2):
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {ndim}D")
    return diag_embed.function(self, diagonal) if ndim == 1 else _diagonal_copy(self, diagonal)


@composite()
def diagflat(self, offset=0):
    """Make a matrix with all elements as its diagonal."""
    return self.contiguous().view((-1,)).diag(offset)


@primitive(vjp={"self": lambda grad, self_shape: _diagonal_backward(grad.reshape(grad.shape + (1,)), self_shape, 0, 0, 1)}, jvp=LINEAR, kinds="fiuc")
def trace(self):
    """Add up the diagonal of a matrix."""
    if self.ndim != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {self.ndim}")
    return np.trace(self, dtype=np.int64 if self.dtype.kind in "biu" else self.dtype)


# ---- repeating


def _of_repeat(grad, self_shape, repeats):
    """Sum over the copies: each dimension is split into (copies, size)."""
    lead = len(repeats) - len(self_shape)
    split = []
    for r, n in zip(repeats, (1,) * lead + tuple(self_shape)):
        split += [r, n]
    if 0 in split:
        return _zeros_of(grad, self_shape)
    return grad.reshape(tuple(split)).sum(tuple(range(0, len(split), 2))).reshape(self_shape) if split else grad


@primitive("_zeros_of", vjp={"self": lambda grad, self_shape: _zeros_of(grad, self_shape)}, method=False, namespace=())
def _zeros_of(self, shape):
    """Zeros of the type of `self`, whose elements play no part."""
    return zeros_for(shape, self.dtype, self)


@primitive(vjp={"self": _of_repeat}, varargs="repeats", namespace=(), jvp=LINEAR)
def repeat(self, repeats):
    """Copy a tensor side by side, `repeats` times along each dimension; new dimensions come first."""
    if len(repeats) < self.ndim:
        raise RuntimeError("Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor")
    if any(r < 0 for r in repeats):
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(repeats)}: {list(repeats)}")
    return np.tile(self, tuple(repeats)) if len(repeats) else self.copy()


@composite()
def tile(self, *dims):
    """Copy a tensor side by side along its last dimensions, as many times as `dims` say."""
    dims = tuple(dims[0]) if len(dims) == 1 and isinstance(dims[0], (tuple, list)) else dims
    return repeat.function(self, (1,) * (self._array.ndim - len(dims)) + tuple(dims))


@composite()
def repeat_interleave(self, repeats=None, dim=None, *, output_size=None):
    """Copy each element (each slice along `dim`) `repeats` times, next to the original; a tensor gives each its own number.

    With one argument: the index of each element as many times as the element says.
    """
    if repeats is None:
        _check_repeats(self)
        return Tensor.new_tensor(self, np.repeat(np.arange(self._array.size), self._array), dtype=self.dtype)
    if dim is None:
        self, dim = self.flatten(), 0
    check_dim(dim, self._array.ndim)
    dim %= max(self._array.ndim, 1)
    if self._array.ndim == 0:
        self = self.reshape((1,))
    shape = self._array.shape
    if not isinstance(repeats, (int, np.integer, Tensor)):
        raise must_be("repeat_interleave", "repeats", 1, "Tensor or int", repeats)
    if not isinstance(repeats, Tensor):
        if repeats < 0:
            raise RuntimeError("repeats must be non-negative")
        # a new dimension of copies beside `dim`, then both joined
        out = self.unsqueeze(dim + 1).expand((*shape[: dim + 1], repeats, *shape[dim + 1 :])).clone(memory_format=dtypes.contiguous_format)
        return out.flatten(dim, dim + 1)
    _check_repeats(repeats)
    if repeats._array.ndim and repeats._array.size not in (1, shape[dim]):
        raise RuntimeError(f"repeats must have the same size as input along dim, but got repeats.size(0) = {repeats._array.size} "
                           f"and input.size({dim}) = {shape[dim]}")  # fmt: skip
    counts = np.broadcast_to(repeats._array, (shape[dim],))
    return self.index_select(dim, wrap(np.repeat(np.arange(shape[dim]), counts)))


def _check_repeats(repeats):
    if repeats._array.ndim > 1:
        raise RuntimeError("repeat_interleave only accept 1D vector as repeat")
    if repeats._array.dtype.name not in ("int64", "int32"):
        raise RuntimeError("repeats has to be Long or Int tensor")
    if repeats._array.size and repeats._array.min() < 0:
        raise RuntimeError("repeats can not be negative")
