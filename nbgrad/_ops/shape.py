"""Views: other shapes and orders of the same memory. Windows on part of it are in selection.py, lists of views in splitting.py."""

from __future__ import annotations

import operator

import numpy as np

from .._engine import dtypes, errors
from .._engine.inplace import make_reshaping
from .._engine.op import LINEAR, composite, dress, primitive
from .._engine.tensor import Tensor, check_dim, dim_of


def dims_of(dims, ndim):
    """Dimensions, given as one or several, counted from the front; raises `IndexError` for one that is not there."""
    dims = (dims,) if not isinstance(dims, (tuple, list)) else dims
    out = []
    for d in dims:
        check_dim(d, ndim)
        out.append(d % max(ndim, 1))
    return tuple(out)


@primitive(vjp={"self": lambda grad: grad}, view=True, method=False, namespace=(), node="AliasBackward0")
def _alias(self):
    """The same elements as another tensor on the same memory."""
    return self.view()


def _reshaped(self, size):
    """`self` in another shape, or the error that PyTorch gives."""
    if size.count(-1) > 1:
        raise RuntimeError("only one dimension can be inferred")
    low = min(size, default=0)
    if low < -1:
        raise RuntimeError(f"invalid shape dimension {low}")
    try:
        return self.reshape(size)
    except ValueError:
        if -1 in size and self.size == 0:
            raise RuntimeError(
                f"cannot reshape tensor of 0 elements into shape {list(size)} because the unspecified dimension size -1 can be any value "
                "and is ambiguous"
            ) from None
        raise RuntimeError(f"shape '{list(size)}' is invalid for input of size {self.size}") from None


def _of_view(grad, self_shape, size):
    if size and isinstance(size[0], dtypes.dtype):
        raise errors.unsupported("gradients through view(dtype)", "convert the numbers with to(dtype)")
    return grad.reshape(self_shape)


@primitive(vjp={"self": _of_view}, view=True, varargs="size", namespace=())
def view(self, size):
    """Give the same memory in another shape; one size may be -1. Given a dtype, read the same bytes as that type.

    Raises `RuntimeError` where the elements do not lie so that a view can be had; `reshape` copies then.
    """
    if isinstance(size, dtypes.dtype) or size and isinstance(size[0], dtypes.dtype):
        return _as_type(self, size if isinstance(size, dtypes.dtype) else size[0])
    size = _whole("view", size)
    out = _reshaped(self, size)
    if not self.flags.c_contiguous and out.size and not np.may_share_memory(out, self):
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one dimension spans across two contiguous "
            "subspaces). Use .reshape(...) instead."
        )
    return out


def _whole(name, size):
    if type(size) is tuple and all(type(n) is int for n in size):
        return size
    try:
        return tuple(operator.index(n) for n in size)
    except TypeError:
        kind = next(type(n).__name__ for n in size if not hasattr(n, "__index__")) if isinstance(size, (tuple, list)) else type(size).__name__
        raise TypeError(f"{name}(): argument 'size' must be tuple of ints, but found element of type {kind}") from None


def _as_type(self, dtype):
    old, new = self.dtype.itemsize, dtype.numpy.itemsize
    names = dtypes.of_array(self.dtype).tensor_name, dtype.tensor_name
    if old != new and self.ndim == 0:
        raise RuntimeError(f"self.dim() cannot be 0 to view {names[0]} as {names[1]} (different element sizes)")
    if old != new and self.strides[-1] != old:
        raise RuntimeError(f"self.stride(-1) must be 1 to view {names[0]} as {names[1]} (different element sizes), but got {self.strides[-1] // old}")
    if old < new and self.shape[-1] % (new // old):
        raise RuntimeError(
            f"self.size(-1) must be divisible by {new // old} to view {names[0]} as {names[1]} (different element sizes), but got {self.shape[-1]}"
        )
    return self.view(dtype.numpy)


@primitive(vjp={"self": lambda grad, self_shape: grad.reshape(self_shape)}, method=False, namespace=(), node="UnsafeViewBackward0", jvp=LINEAR)
def _unsafe_view(self, size):
    """Give memory that nobody else holds another shape."""
    return _reshaped(self, size)


@primitive(vjp={"self": lambda grad, self_shape: grad.reshape(self_shape)}, view=True, method=False, namespace=())
def _reshape_alias(self, size):
    """Give memory with gaps another shape, where that needs no copy."""
    return _reshaped(self, size)


@composite()
def reshape(self, *sizes, shape=None):
    """Give the elements, row by row, another shape, without copying where that can be; one size may be -1."""
    size = shape if shape is not None else sizes[0] if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else sizes
    size = _whole("reshape", size)
    array = self._array
    if array.flags.c_contiguous or not array.size:
        return view.function(self, size)
    if np.may_share_memory(_reshaped(array, size), array):
        return _reshape_alias.function(self, size)
    return _unsafe_view(_clone(self), size)


def _clone(self):
    return self.clone(memory_format=dtypes.contiguous_format)


@composite(namespace=())
def view_as(self, other):
    """View with the shape of `other`."""
    return self.view(other._array.shape)


@composite(namespace=())
def reshape_as(self, other):
    """Reshape to the shape of `other`."""
    return self.reshape(other._array.shape)


@composite()
def flatten(self, start_dim=0, end_dim=-1):
    """Join the dimensions from `start_dim` to `end_dim` into one."""
    shape = self._array.shape
    start, end = dim_of(start_dim, len(shape)), dim_of(end_dim, len(shape))
    if start > end:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if not shape:
        return self.reshape((1,))
    if start == end:
        return self
    joined = 1
    for n in shape[start : end + 1]:
        joined *= n
    return self.reshape((*shape[:start], joined, *shape[end + 1 :]))


@composite()
def ravel(self):
    """Join all dimensions into one."""
    return self.contiguous().view((self._array.size,))


@composite()
def unflatten(self, dim, sizes):
    """Split one dimension into several of the given sizes, of which one may be -1."""
    shape = self._array.shape
    d = dim_of(dim, len(shape))
    sizes = tuple(sizes) if isinstance(sizes, (tuple, list)) else (sizes,)
    if not sizes:
        raise RuntimeError("unflatten: sizes must be non-empty")
    if sizes.count(-1) > 1:
        raise RuntimeError("only one dimension can be inferred")
    given = 1
    for n in sizes:
        given *= n if n != -1 else 1
    whole = shape[d]
    if -1 in sizes and (given == 0 or whole % given) or -1 not in sizes and given != whole:
        raise RuntimeError(
            f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {d} ({whole}) in the input tensor"
        )
    return self.view((*shape[:d], *(n if n != -1 else whole // given for n in sizes), *shape[d + 1 :]))


# ---- other orders of dimensions


@primitive(vjp={"self": lambda grad, dim0, dim1: transpose(grad, dim0, dim1)}, view=True)
def transpose(self, dim0, dim1):
    """Swap two dimensions; a view."""
    check_dim(dim0, self.ndim)
    check_dim(dim1, self.ndim)
    return self.view() if self.ndim == 0 else self.swapaxes(dim0, dim1)


@composite()
def swapaxes(self, axis0, axis1):
    """Swap two dimensions; a view."""
    return transpose.function(self, axis0, axis1)


@composite()
def swapdims(self, dim0, dim1):
    """Swap two dimensions; a view."""
    return transpose.function(self, dim0, dim1)


@primitive(vjp={"self": lambda grad: t(grad)}, view=True, node="TBackward0")
def t(self):
    """Transpose a matrix; fewer dimensions stay as they are. A view."""
    if self.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {self.ndim}D")
    return self.T


def _inverse(dims):
    out = [0] * len(dims)
    for i, d in enumerate(dims):
        out[d % len(dims)] = i
    return tuple(out)


@primitive(vjp={"self": lambda grad, dims: permute(grad, _inverse(dims))}, view=True, varargs="dims")
def permute(self, dims):
    """Put the dimensions in another order; a view."""
    if len(dims) != self.ndim:
        raise RuntimeError(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired ordering of dimensions "
            f"i.e. input.dim() = {self.ndim} is not equal to len(dims) = {len(dims)}"
        )
    dims = dims_of(dims, self.ndim)
    if len(set(dims)) != len(dims):
        raise RuntimeError("permute(): duplicate dims are not allowed.")
    return self.transpose(dims)


def _moved(self, source, destination):
    source = source if isinstance(source, (tuple, list)) else (source,)
    destination = destination if isinstance(destination, (tuple, list)) else (destination,)
    ndim = self._array.ndim
    if len(source) != len(destination):
        raise RuntimeError(
            f"movedim: Invalid source or destination dims: source ({list(source)} dims) should contain the same number of dims as "
            f"destination ({list(destination)} dims)"
        )
    old, new = dims_of(source, ndim), dims_of(destination, ndim)
    for what, given, dims in (("source", source, old), ("destination", destination, new)):
        if len(set(dims)) != len(dims):
            raise RuntimeError(f"movedim: repeated dim in `{what}` ({list(given)})")
    if ndim == 0:
        return _alias(self)
    order = [None] * ndim
    for a, b in zip(old, new):
        order[b] = a
    rest = iter(d for d in range(ndim) if d not in old)
    return permute.function(self, tuple(next(rest) if d is None else d for d in order))


@composite()
def movedim(self, source, destination):
    """Move dimensions to other places; the others keep their order. A view."""
    return _moved(self, source, destination)


@composite()
def moveaxis(self, source, destination):
    """Move dimensions to other places; the others keep their order. A view."""
    return _moved(self, source, destination)


def _warn_about_transposing(name, ndim):
    import warnings

    if ndim not in (0, 2):
        warnings.warn(
            f"The use of `x.{name}` on tensors of dimension other than 2 to reverse their shape is deprecated and it will throw an error in a "
            "future release. Consider `x.mT` to transpose batches of matrices or `x.permute(*torch.arange(x.ndim - 1, -1, -1))` to reverse "
            "the dimensions of a tensor.",
            UserWarning,
            stacklevel=3,
        )


def _transposed(self):
    """Its dimensions in reverse order; a view."""
    ndim = self._array.ndim
    _warn_about_transposing("T", ndim)
    return permute.function(self, tuple(range(ndim - 1, -1, -1)))


def _matrix_transposed(self):
    """Its last two dimensions swapped; a view."""
    if self._array.ndim < 2:
        raise RuntimeError(f"tensor.mT is only supported on matrices or batches of matrices. Got {self._array.ndim}-D tensor.")
    return transpose.function(self, -2, -1)


@composite()
def adjoint(self):
    """Swap the last two dimensions and conjugate; for real tensors a view."""
    if self._array.ndim < 2:
        raise RuntimeError(f"tensor.adjoint() is only supported on matrices or batches of matrices. Got {self._array.ndim}-D tensor.")
    out = transpose.function(self, -2, -1)
    return out.conj() if self.is_complex() else out


def _hermitian(self):
    """Its conjugate transpose, of a matrix."""
    if self._array.ndim != 2 and self._array.ndim != 0:
        raise RuntimeError(
            f"tensor.H is only supported on matrices (2-D tensors). Got {self._array.ndim}-D tensor."
            + (" For batches of matrices, consider using tensor.mH" if self._array.ndim > 2 else "")
        )
    return adjoint(self) if self._array.ndim else self


def _matrix_hermitian(self):
    """Its last two dimensions swapped, and conjugated."""
    if self._array.ndim < 2:
        raise RuntimeError(f"tensor.mH is only supported on matrices or batches of matrices. Got {self._array.ndim}-D tensor.")
    return adjoint(self)


Tensor.T, Tensor.mT = property(_transposed), property(_matrix_transposed)
Tensor.H, Tensor.mH = property(_hermitian), property(_matrix_hermitian)


# ---- dimensions of size 1, and repeating them


def _squeeze_node(self, dim):
    return "SqueezeBackward0" if dim is None else "SqueezeBackward2" if isinstance(dim, (tuple, list)) else "SqueezeBackward1"


@primitive(vjp={"self": lambda grad, self_shape: grad.reshape(self_shape)}, view=True, node=_squeeze_node)
def squeeze(self, dim=None):
    """Drop the dimensions of size 1, or those of them that `dim` names; a view."""
    dims = range(self.ndim) if dim is None else dims_of(dim, self.ndim)
    if len(set(dims)) != len(dims):
        raise RuntimeError(f"dim {next(d for d in dims if list(dims).count(d) > 1)} appears multiple times in the list of dims")
    return self.reshape(tuple(n for i, n in enumerate(self.shape) if n != 1 or i not in dims)) if self.flags.c_contiguous else self[
        tuple(0 if n == 1 and i in dims else slice(None) for i, n in enumerate(self.shape))
    ]


@primitive(vjp={"self": lambda grad, self_shape: grad.reshape(self_shape)}, view=True)
def unsqueeze(self, dim):
    """Insert a dimension of size 1 at position `dim`; a view."""
    check_dim(dim, self.ndim + 1)
    dim %= self.ndim + 1
    return self[(slice(None),) * dim + (None,)]


@primitive(vjp={"self": lambda grad, self_shape: grad}, view=True, varargs="size", namespace=())
def expand(self, size, *, implicit=False):
    """Repeat dimensions of size 1 without copying; -1 keeps a size. New dimensions come first. A view."""
    lead = len(size) - self.ndim
    if lead < 0:
        raise RuntimeError(
            f"expand(torch.{self.dtype}{list(self.shape)}, size={list(size)}): the number of sizes provided ({len(size)}) must be "
            f"greater or equal to the number of dimensions in the tensor ({self.ndim})"
        )
    sizes = []
    for i, n in enumerate(size):
        own = self.shape[i - lead] if i >= lead else 1
        if n == -1 and i < lead:
            raise RuntimeError(f"The expanded size of the tensor (-1) isn't allowed in a leading, non-existing dimension {i}")
        if n != -1 and n != own and own != 1:
            raise RuntimeError(
                f"The expanded size of the tensor ({n}) must match the existing size ({own}) at non-singleton dimension {i}.  "
                f"Target sizes: {list(size)}.  Tensor sizes: {list(self.shape)}"
            )
        sizes.append(own if n == -1 else n)
    sizes = tuple(sizes)
    if sizes[lead:] == self.shape and sizes[:lead] == (1,) * lead:
        return self[(None,) * lead + (...,)]  # with an ellipsis, because NumPy's 0-dim arrays give a copy without one
    if 0 in sizes:
        return np.empty(sizes, self.dtype)
    return np.broadcast_to(self, sizes)


@composite(namespace=())
def expand_as(self, other):
    """Expand to the shape of `other`; a view."""
    return expand.function(self, other._array.shape)


@composite()
def broadcast_to(self, size):
    """Expand to `size`; a view."""
    return expand.function(self, tuple(size))


def broadcast_shape(shapes):
    """The common shape of several; raises PyTorch's error where there is none."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        raise errors.broadcast(shapes) from None


@composite(method=False)
def broadcast_tensors(*tensors):
    """Expand tensors to their common shape; a tuple of views."""
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        tensors = tensors[0]
    shape = broadcast_shape([x._array.shape for x in tensors])
    return tuple(x if x._array.shape == shape else expand.function(x, shape) for x in tensors)


@composite(namespace=())
def sum_to_size(self, *size):
    """Sum over the dimensions that broadcasting from `size` to this shape had added or repeated."""
    size = tuple(size[0]) if len(size) == 1 and isinstance(size[0], (tuple, list)) else size
    shape = self._array.shape
    if not size:
        return self.sum()
    extra = len(shape) - len(size)
    if extra < 0 or any(n != 1 and n != m for n, m in zip(size, shape[max(extra, 0) :])):
        raise RuntimeError(f"size {{{list(size)}}} is not expandable to size {{{list(shape)}}}.")
    dims = tuple(i for i, n in enumerate(shape) if i < extra or size[i - extra] == 1 and n != 1)
    if not dims:
        return self
    out = self.sum(dims, keepdim=True)
    return out.view(size) if extra else out


def _at_least(name, ndim, raised):
    def function(*tensors):
        if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
            return tuple(map(raised, tensors[0]))
        return raised(tensors[0]) if len(tensors) == 1 else tuple(map(raised, tensors))

    function.__doc__ = f"Give tensors at least {ndim} dimension{'s' * (ndim > 1)}; several tensors give a tuple."
    function.__name__ = name
    composite(name, method=False)(function)


_at_least("atleast_1d", 1, lambda x: x if x._array.ndim else x.reshape((1,)))
_at_least("atleast_2d", 2, lambda x: x.reshape((1, 1)) if not x._array.ndim else x.unsqueeze(0) if x._array.ndim == 1 else x)
_at_least(
    "atleast_3d", 3,
    lambda x: x.reshape((1, 1, 1)) if not x._array.ndim else x.unsqueeze(0).unsqueeze(-1) if x._array.ndim == 1
    else x.unsqueeze(-1) if x._array.ndim == 2 else x,
)  # fmt: skip


@composite(method=False)
def meshgrid(*tensors, indexing=None):
    """Expand 1-dim tensors to the coordinates of their grid: the i-th along dimension i ("ij"), or with the first two swapped ("xy")."""
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        tensors = tensors[0]
    if not tensors:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    for x in tensors:
        if x._array.ndim > 1:
            raise RuntimeError(f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {x}")
        if x._array.dtype != tensors[0]._array.dtype:
            raise RuntimeError("meshgrid expects all tensors to have the same dtype")
    if indexing is None:
        import warnings

        warnings.warn("torch.meshgrid: in an upcoming release, it will be required to pass the indexing argument.", UserWarning, stacklevel=3)
    elif indexing not in ("ij", "xy"):
        raise RuntimeError(f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    swap = indexing == "xy" and len(tensors) > 1
    if swap:
        tensors = (tensors[1], tensors[0], *tensors[2:])
    shape = tuple(x._array.size for x in tensors)
    grids = [x.view((-1,) + (1,) * (len(tensors) - 1 - i)).expand(shape) for i, x in enumerate(tensors)]
    if swap:
        grids[0], grids[1] = grids[1], grids[0]
    return tuple(grids)


# ---- other shapes of the tensor itself


def _in_place(op, node, *names):
    function = make_reshaping(op, node)
    for name in names:
        dress(function, name, op.kernel)
        function.__doc__ = f"In-place version of `{op.name}`: the tensor itself gets the other shape; its memory stays."
        setattr(Tensor, name, function)


_in_place(t, "TBackward1", "t_")
_in_place(transpose, "TransposeBackward1", "transpose_", "swapaxes_", "swapdims_")
_in_place(unsqueeze, "UnsqueezeBackward1", "unsqueeze_")
_in_place(squeeze, lambda self, dim: "SqueezeBackward3" if dim is None else "SqueezeBackward5" if isinstance(dim, tuple) else "SqueezeBackward4", "squeeze_")
