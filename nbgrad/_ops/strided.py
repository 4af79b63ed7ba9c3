"""Views by strides: any window on the memory of a tensor, and the operators that carry gradients into and out of windows."""

from __future__ import annotations

import math

import numpy as np

from .._engine import errors, views
from .._engine.batched import BatchedArray, Refused
from .._engine.batching import INPLACE
from .._engine.inplace import make_reshaping
from .._engine.modes import state
from .._engine.op import LINEAR, composite, plain, primitive
from .._engine.tensor import Tensor, shared_memory
from .._engine.views import Window
from .creation import check_options, made, numpy_type


@primitive(
    "_window_take", vjp={"self": lambda grad, window: _window_put(grad, window)}, analytic=False, method=False, namespace=(), node="AsStridedBackward0", jvp=LINEAR,
)  # fmt: skip
def _window_take(self, window):
    """Copy of what a window shows of a tensor that lies in memory as the window's base does."""
    return window.copy(self)[1].copy()


@primitive(
    "_window_put", vjp={"self": lambda grad, window: _window_take(grad, window)}, analytic=False, method=False, namespace=(),
    node="AsStridedScatterBackward0", jvp=LINEAR,
)  # fmt: skip
def _window_put(self, window):
    """Zeros of the shape of the window's base, with `self` in the window."""
    return window.put(self)


@primitive(
    "_window_replace",
    vjp={
        "self": lambda grad, window, part_shape: _window_replace(grad, _zeros_for(grad, part_shape), window),
        "part": lambda grad, window: _window_take(grad, window),
    },
    analytic=False, method=False, namespace=(), node="AsStridedScatterBackward0", jvp=LINEAR,
)  # fmt: skip
def _window_replace(self, part, window):
    """Copy of `self` with `part` in a window."""
    whole, shown = window.copy(self)
    shown[...] = part
    return whole


def _zeros_for(grad, shape):
    return grad.new_zeros(shape) if isinstance(grad, Tensor) else np.zeros(shape, grad.dtype)


def _storage_offset(tensor):
    """How many elements before it the memory of its base begins."""
    root = tensor if tensor._base is None else tensor._base
    low = np.lib.array_utils.byte_bounds(root._array)[0]
    return (tensor._array.ctypes.data - low) // tensor._array.itemsize


@plain(method=True, namespace=())
def storage_offset(self):
    """How many elements lie before its first one in the memory that it shares with its base."""
    return _storage_offset(self)


@primitive(
    "_as_strided", vjp={"self": lambda grad, window: _window_put(grad, window)}, view=True, analytic=False, method=False, namespace=(),
    node="AsStridedBackward0",
)  # fmt: skip
def _as_strided(self, size, stride, storage_offset, window):
    """The view that `as_strided` gives; `window` says the same in bytes."""
    out = strided_array(self, size, [s * self.itemsize for s in stride], start=window.offset - window.base_offset)
    if type(out) is np.ndarray and any(s == 0 and n > 1 for s, n in zip(stride, size)):
        out.flags.writeable = False  # as NumPy does for what it expands: `writable` looks closer then
    return out


class _Memory:
    """A piece of somebody's memory, as NumPy takes it."""

    def __init__(self, array, shape, strides, kind, start):
        self.owner = array
        self.__array_interface__ = {
            "version": 3, "typestr": kind.str, "shape": tuple(shape), "strides": tuple(strides),
            "data": (array.ctypes.data + start, not array.flags.writeable),
        }  # fmt: skip


def strided_array(array, shape, strides, kind=None, start=0):
    """An array on the memory of another: strides and the distance between the two starts are in bytes. Bounds are the caller's care."""
    kind = kind or array.dtype
    if type(array) is BatchedArray:
        batch = array.physical
        return BatchedArray(strided_array(batch, (len(batch), *shape), (batch.strides[0], *strides), kind, start), array.level)
    return np.asarray(_Memory(shared_memory(array), shape, strides, kind, start)).view(kind)


def _checked_window(self, size, stride, storage_offset):
    """The array that these sizes and strides give, if it lies in the tensor's storage; raises torch's `RuntimeError` if not."""
    if len(size) != len(stride):
        raise RuntimeError(f"mismatch in length of strides and shape: got {len(stride)} strides for {len(size)} sizes")
    if any(s < 0 for s in stride):
        raise RuntimeError(f"as_strided: Negative strides are not supported at the moment, got strides: {list(stride)}")
    if any(n < 0 for n in size):
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(size)}: {list(size)}")
    if storage_offset < 0:
        raise RuntimeError(f"Tensor: invalid storage offset {storage_offset}")
    root = self if self._base is None else self._base
    low, high = np.lib.array_utils.byte_bounds(root._array)
    held = high - low if root._array.size else 0
    item = self._array.itemsize
    needed = 0 if 0 in size else (storage_offset + sum((n - 1) * s for n, s in zip(size, stride)) + 1) * item
    if needed > held:
        raise RuntimeError(
            f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {storage_offset}, and itemsize {item} requiring a storage "
            f"size of {needed} are out of bounds for storage of size {held}"
        )
    start = storage_offset * item - (self._array.ctypes.data - low) if needed else 0
    return strided_array(self._array, size, [s * item for s in stride], start=start)


@composite()
def as_strided(self, size, stride, storage_offset=None):
    """View of the tensor's memory with these sizes and strides, counted in elements. Raises `RuntimeError` beyond its storage.

    It begins where the tensor does; a `storage_offset` is not supported, because it counts from the start of memory that a copy would not have.
    """
    size, stride = tuple(size), tuple(stride)
    if not self._array.size and 0 not in size:  # NumPy does not say where in its memory nothing lies
        raise errors.unsupported("as_strided of a tensor without elements", "take it of the base")
    offset = _storage_offset(self)
    if type(self._array) is not np.ndarray:
        raise errors.unsupported("as_strided under vmap", "take slices")
    if storage_offset is not None:
        raise errors.unsupported("as_strided with a storage_offset", "take as_strided of the base, or of a slice of it")
    window = Window(self._array, _checked_window(self, size, stride, offset))
    return _as_strided.function(self, size, stride, offset, window)


@composite()
def as_strided_scatter(self, src, size, stride, storage_offset=None):
    """Copy of the tensor with `src` where `as_strided` with these sizes, strides and offset would look.

    Gradients flow to `src` only: to `self` PyTorch 2.13 gives them inside the window, where they should be zero, and we give neither.
    """
    if self._requires_grad and state.mode.grad:
        raise errors.unsupported("gradients of as_strided_scatter with respect to the tensor that is copied", "detach() it first")
    size, stride = tuple(size), tuple(stride)
    offset = _storage_offset(self) if storage_offset is None else storage_offset
    shown = _checked_window(self, size, stride, offset)
    if src._array.shape != size:
        raise RuntimeError(f"expected src to have a size equal to the slice of self. src size = {list(src._array.shape)}, slice size = {list(size)}")
    return _window_replace.function(self, src, Window(self._array, shown))


# ---- memory of another size, or in another order


@primitive("_resize", view=True, method=False, namespace=())
def _resize(self, size):
    """The same memory, row by row, as a tensor of another size; other memory where that is too small."""
    root = self
    while isinstance(root.base, np.ndarray):
        root = root.base
    same = root.flags.c_contiguous and root.dtype == self.dtype and (not self.size or root.ctypes.data == self.ctypes.data)
    memory, count = (root if same else self.copy()).reshape(-1), math.prod(size)
    if count > memory.size:
        grown = np.zeros(count, self.dtype)
        grown[: memory.size] = memory
        memory = grown
    return memory[:count].reshape(size)


_resized = make_reshaping(_resize, "ResizeBackward0")


@composite(namespace=())
def resize_(self, *sizes, size=None, memory_format=None):
    """Give the tensor itself another size: its memory row by row, and zeros behind it where that is too small. Returns the tensor."""
    size = tuple(size) if size is not None else tuple(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else sizes
    if self._requires_grad:
        raise RuntimeError("cannot resize variables that require grad")
    if any(n < 0 for n in size):
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(size)}: {list(size)}")
    if self._array.shape == size:
        return self
    if self._base is not None or type(self._array) is not np.ndarray:
        raise errors.unsupported("resize_ of a view", "use reshape, or resize_ of a clone()")
    if not self._array.flags.c_contiguous or self._cell is not None and math.prod(size) > self._array.size:
        raise errors.unsupported("resize_ of a tensor that is transposed, or that has to grow while others may share its memory", "clone() it first")
    return _resized(self, size)


@composite(namespace=("",))
def resize_as_(self, the_template, *, memory_format=None):
    """Give the tensor itself the size of another. Returns the tensor."""
    if type(the_template._array) is not np.ndarray and type(self._array) is np.ndarray:
        raise Refused(INPLACE)
    return resize_(self, tuple(the_template._array.shape))


def _of_strides(name, size, stride, kind):
    size, stride = tuple(size), tuple(stride)
    if len(size) != len(stride):
        raise RuntimeError(f"mismatch in length of strides and shape: got {len(stride)} strides for {len(size)} sizes")
    if any(s < 0 for s in stride):
        raise RuntimeError(f"{name}: Negative strides are not supported at the moment, got strides: {list(stride)}")
    if any(n < 0 for n in size):
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(size)}: {list(size)}")
    needed = 0 if 0 in size else sum((n - 1) * s for n, s in zip(size, stride)) + 1
    return strided_array(np.zeros(max(needed, 1), kind), size, [s * kind.itemsize for s in stride])


@plain()
def empty_strided(size, stride, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """Make a tensor of zeros (PyTorch leaves the memory as it is) of the given sizes and strides, counted in elements."""
    check_options(device, layout, pin_memory)
    return made(_of_strides("empty_strided", size, stride, numpy_type(dtype)), requires_grad)


@plain(method=True, namespace=())
def new_empty_strided(self, size, stride, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """Make a tensor of zeros (PyTorch leaves the memory as it is) of the given sizes and strides, and of this tensor's type."""
    check_options(device, layout, pin_memory)
    return made(_of_strides("new_empty_strided", size, stride, numpy_type(dtype, self._array.dtype)), requires_grad)


@plain()
def empty_permuted(size, physical_layout, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """Make a tensor of zeros (PyTorch leaves the memory as it is) whose dimensions lie in memory in the given order, from the outermost on."""
    check_options(device, layout, pin_memory)
    size, order = tuple(size), tuple(physical_layout)
    if len(order) != len(size):
        raise RuntimeError(f"Number of dimensions in size does not match the length of the physical_layout; i.e. len(size) = {len(size)} "
                           f"is not equal to len(physical_layout) = {len(order)}")  # fmt: skip
    for i, d in enumerate(order):
        if not 0 <= d < len(size):
            raise RuntimeError(f"Dimension out of range (expected to be between 0 and {len(size) - 1}, but got {d} at index {i}). NB: negative dims "
                               "not currently supported; file an issue if you want it.")  # fmt: skip
        if d in order[:i]:
            raise RuntimeError("Duplicate dim not allowed")
    return made(np.zeros([size[d] for d in order], numpy_type(dtype)).transpose(np.argsort(order)) if size else np.zeros((), numpy_type(dtype)), requires_grad)


views.WINDOW_OPERATORS.update(strided=_as_strided, take=_window_take, replace=_window_replace)
