"""Views and their histories: who is a view of whom, and what becomes of all of them when one is changed in place.

A view and its base share memory and version, and each has a history of its own. A recorded change through a view gives the *base* a new history, the
node `CopySlices`: outside the view gradients pass, inside they take the way of the operator that wrote there. Every other view of that base is then
`STALE`: its history is made anew, from that of the base, when somebody needs it. Where a view lies in the memory of its base is a `Window`, taken from
the two arrays when it is needed, so that making a view costs nothing.
"""

from __future__ import annotations

import weakref

import numpy as np

from . import errors
from .batched import levels_of, whole_batch, with_levels
from .batching import backward_or_by_example
from .modes import state
from .node import REFRESH, STALE, Node, gradient_edge, next_sequence, node_of, number_of, raise_freed, storage_of
from .observe import lowest_observer
from .plan import NEEDED, OTHER
from .tensor import move_retained

# Why a view may not be changed in place while gradients are recorded: what stands in `_creation` of the view, if anything does.
NO_GRAD, MULTIPLE, CUSTOM, INFERENCE = "no_grad", "multiple", "custom", "inference"
WINDOW_OPERATORS = {}  # operators that the gradients of views need, put here by _ops/strided.py: `strided`, `take`, `replace`


class Window:
    """Where the elements of a view lie in the memory of its base: both layouts, in bytes from the lowest address of the two.

    Inside `vmap` the layouts are those of whole batches, and what is made from them are batches again.
    """

    __slots__ = ("size", "base_shape", "base_strides", "base_offset", "base_dtype", "shape", "strides", "offset", "dtype", "base_levels", "levels")

    def __init__(self, base, view):
        self.base_levels, self.levels = sorted(levels_of(base)), sorted(levels_of(view))
        base, view = whole_batch(base), whole_batch(view)
        low, high = np.lib.array_utils.byte_bounds(base)
        if view.size:
            lowest, highest = np.lib.array_utils.byte_bounds(view)
            low, high = min(low, lowest), max(high, highest)
        self.size, self.base_offset = high - low, base.ctypes.data - low
        self.base_shape, self.base_strides, self.base_dtype = base.shape, base.strides, base.dtype
        self.shape, self.strides, self.dtype = view.shape, view.strides, view.dtype
        self.offset = view.ctypes.data - low if view.size else 0

    def zeros(self):
        """New memory for the base, and the view's window on it."""
        memory = np.zeros(self.size, np.uint8)
        whole = np.ndarray(self.base_shape, self.base_dtype, memory, self.base_offset, self.base_strides)
        part = np.ndarray(self.shape, self.dtype, memory, self.offset, self.strides)
        return with_levels(whole, self.base_levels), with_levels(part, self.levels)

    def copy(self, array):
        """A copy of an array of the base's shape that lies as the base does, and the view's window on it."""
        whole, part = self.zeros()
        whole[...] = array
        return whole, part

    def put(self, part):
        """An array of the base's shape with `part` in the window and zeros elsewhere; where elements of the window share memory they add up."""
        if overlaps(self.base_shape, self.base_strides, self.base_dtype.itemsize):
            raise errors.unsupported("gradients through as_strided of a tensor whose elements share memory", "clone() it first")
        if self.levels and overlaps(self.shape, self.strides, self.dtype.itemsize):
            raise errors.unsupported("gradients through an expanded view that was changed inside vmap", "clone() it first")
        if not overlaps(self.shape, self.strides, self.dtype.itemsize):
            whole, window = self.zeros()
            window[...] = part
            return whole
        item = self.dtype.itemsize
        flat = np.zeros(self.size // item, self.base_dtype)
        np.add.at(flat, _addresses(self.shape, self.strides, self.offset) // item, part)
        return flat[_addresses(self.base_shape, self.base_strides, self.base_offset) // item]

    @property
    def shown_shape(self):
        """The shape of what it shows, of one example inside `vmap`."""
        return self.shape[len(self.levels) :]

    def __repr__(self):
        return f"<window {self.shape} on {self.base_shape}>"


def overlaps(shape, strides, itemsize) -> bool:
    """Whether elements of such an array may share memory among themselves, as after `expand`."""
    reach = itemsize
    for stride, n in sorted((abs(s), n) for n, s in zip(shape, strides) if n > 1):
        if stride < reach:
            return 0 not in shape
        reach += stride * (n - 1)
    return False


def _addresses(shape, strides, offset):
    """Where each element lies, in bytes."""
    out = np.full(shape, offset)
    for i, (n, stride) in enumerate(zip(shape, strides)):
        out += (np.arange(n) * stride).reshape((n,) + (1,) * (len(shape) - i - 1))
    return out


def window_of(view):
    """The window of a view on its base. Where the base's memory was exchanged since, on the memory that it had when the view was made."""
    base = view._base
    if not base._former:
        return Window(base._array, view._array)
    for array in (base._array, *base._former):
        window = Window(array, view._array)
        if array.shape == base._array.shape and window.size == _extent(array):
            return window
    raise errors.unsupported("gradients through a view whose memory, or whose base's, was exchanged for another", "take the view anew")


def _extent(array):
    low, high = np.lib.array_utils.byte_bounds(whole_batch(array))
    return high - low


def mark_view(out, source, creation=None):
    """Make `out` a view of `source`, if it shares its memory; without elements it counts as sharing. `creation` says what forbids to change it."""
    array, made = source._array, out._array
    base = made.base
    shares = made is array or base is not None and (base is array or base is array.base or np.may_share_memory(made, array))
    if made.size and not shares:
        return
    out._cell = cell = storage_of(source)
    if not cell.tracked:  # made in inference mode, where nothing is a view
        return
    out._base = root = source if source._base is None else source._base
    if not state.mode.grad:
        creation = NO_GRAD
        if root._requires_grad:  # no gradient will flow, but it counts as wanting one
            out._requires_grad = out._by_base = True
    creation = creation or source._creation
    if creation is not None:
        out._creation = creation
    if cell.version:
        out._version_when_made = cell.version
    _list(cell.views, out)


def _list(references, view):
    """Add a view to a list of weak references; now and then, drop those that are gone or there twice."""
    if len(references) >= 32 and len(references) & (len(references) - 1) == 0:
        living = {id(v): r for r in references if (v := r()) is not None}
        references[:] = living.values()
    references.append(weakref.ref(view))


def count_change(tensor, place):
    """Count a change of a tensor's elements; `spread_history` follows once its own history is right."""
    cell = storage_of(tensor)
    cell.version += 1
    cell.place = place


def spread_history(tensor):
    """Make the histories of all views of the same memory stale, because its elements have changed. What is stale already is not looked at again."""
    cell = tensor._cell
    fresh = []
    for reference in cell.views:
        view = reference()
        if view is None:
            continue
        if view._edge is None and not view._base._requires_grad:
            fresh.append(reference)
            continue
        if view._edge is not STALE:
            view._edge_before, view._edge = view._edge, STALE
            view._requires_grad = True
        _list(cell.stale, view)
    cell.views[:] = fresh


def set_history(tensor, edge):
    """Give a tensor a history of its own; a view hears of changes again."""
    tensor._edge = edge
    if tensor._base is not None:
        _list(tensor._cell.views, tensor)


def check_may_change(tensor):
    """Raise `RuntimeError` where a recorded change in place is forbidden: of leaves, of their views, and of some views."""
    base = tensor._base
    if base is not None:
        if tensor._creation is not None:
            raise RuntimeError(_forbidden(tensor, "is being modified inplace"))
        if tensor._requires_grad and base.is_leaf:
            raise RuntimeError("a view of a leaf Variable that requires grad is being used in an in-place operation.")
    if tensor._requires_grad and (tensor._edge or tensor.__dict__.get("_edge_before")) is None:  # also a stale view that never had a history
        raise RuntimeError("a leaf Variable that requires grad is being used in an in-place operation.")


_AMBIGUOUS = (
    "Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify your code by moving both the view and the inplace "
    "either both inside the {} block (if you don't want the inplace to be tracked) or both outside (if you want the inplace to be tracked)."
)
_MODES = {NO_GRAD: ("no_grad", " with grad mode enabled"), INFERENCE: ("inference", " in normal mode")}
_REASONS = {
    NO_GRAD: _AMBIGUOUS.format("no_grad"),
    INFERENCE: _AMBIGUOUS.format("inference_mode"),
    MULTIPLE: "This view is the output of a function that returns multiple views. Such functions do not allow the output views to be modified "
    "inplace. You should replace the inplace operation by an out-of-place one.",
    CUSTOM: "This view was created inside a custom Function (or because an input was returned as-is) and the autograd logic to handle view+inplace "
    "would override the custom backward associated with the custom Function, leading to incorrect gradients. This behavior is forbidden. You can "
    "fix this by cloning the output of the custom Function.",
}


def _forbidden(view, what):
    """Why a view that was made in a special way may not be changed; `what` is being done to it."""
    edge = view._edge or view.__dict__.get("_edge_before")
    mode, says = _MODES.get(view._creation, _MODES[NO_GRAD])
    if edge:
        name = node_of(edge).name().rstrip("0123456789").removesuffix("Backward")
        subject = f"Output {number_of(edge)} of {name} is a view"
        if view._creation not in _MODES:
            return f"{subject} and {what}. {_REASONS[view._creation]}"
        subject += f" of a view which was created in {mode} mode"
    else:
        subject = f"A view was created in {mode} mode"
    return f"{subject} and {what}{says}. {_REASONS[view._creation]}"


def refresh(view):
    """Make the history of a stale view anew, from that of its base. Raises `RuntimeError` where that is forbidden."""
    if view._creation is not None:
        raise RuntimeError(_forbidden(view, "its base or another view of its base has been modified inplace"))
    base = view._base
    place = storage_of(view).place or (None, None)
    array = view._array
    window = window_of(view)
    stride = tuple(s // array.itemsize for s in array.strides)
    op, args = WINDOW_OPERATORS["strided"], (base, array.shape, stride, window.offset // array.itemsize, window)
    node = op.plan((NEEDED, OTHER, OTHER, OTHER, OTHER)).record(view, *place, *args)
    if not base._requires_grad:  # it has been detached since: a dead end, and no error
        node.edges = (None,)
    move_retained(view, view.__dict__.pop("_edge_before", None))
    set_history(view, node)
    observer = lowest_observer()
    if observer is not None:  # who watches sees where the view comes from now; for layers nothing has happened
        observer.op(op, args, view, node, place)
    return node


REFRESH[0] = refresh


class CopySlices(Node):
    """A change of part of a tensor, made through a view: gradients outside pass, those inside go through the operator that wrote there."""

    # `saved`: the operator's own node, the window of the view, and which of the edges is that of what was overwritten (None: no gradient of it)
    __slots__ = ()


class _CopySlicesPlan:
    """How `CopySlices` runs backwards."""

    saved_names = ()
    gives_up = True

    @staticmethod
    def backward(node, grad):
        """Arrays of the gradients, one for each edge."""
        if node.saved is None:
            raise_freed(node)
        inner, window, first = node.saved
        whole, part = window.copy(grad)
        grads = list(backward_or_by_example(inner.plan, inner, part.copy()))
        if first is not None:
            part[...] = 0 if grads[first] is None else grads[first]
            grads[first] = whole
        return tuple(grads)

    @staticmethod
    def backward_on_tensors(node, grad):
        """The same by operators."""
        if node.saved is None:
            raise_freed(node)
        inner, window, first = node.saved
        part = WINDOW_OPERATORS["take"].function(grad, window)
        grads = list(backward_or_by_example(inner.plan, inner, part, on_tensors=True))
        if first is not None:
            of_old = part * 0 if grads[first] is None else grads[first].expand(window.shown_shape)
            grads[first] = WINDOW_OPERATORS["replace"].function(grad, of_old, window)
        return grads

    @staticmethod
    def saved_value(node, name):
        """What the operator that wrote through the view has saved under this name."""
        if node.saved is None:
            raise_freed(node)
        return node.saved[0].plan.saved_value(node.saved[0], name)


COPY_SLICES = _CopySlicesPlan()


def through_base(view, inner, first):
    """Record a change through a view and give its base the node, which is returned.

    `inner` is the node of the operator, as if the view stood alone, and `first` which of its edges is that of what was overwritten; None if it has
    none, because no gradient of that is wanted.
    """
    base = view._base
    node = object.__new__(CopySlices)
    node.plan = COPY_SLICES
    old_edge = gradient_edge(base) if base._requires_grad else None
    node.edges = inner.edges if first is None else (*inner.edges[:first], old_edge, *inner.edges[first + 1 :])
    node.saved = (inner, window_of(view), first)
    node.shape, node.dtype = base._array.shape, base._array.dtype
    node.code, node.offset = inner.code, inner.offset
    node.hooks = None
    node.sequence = next_sequence()
    base._edge = node
    base._requires_grad = True
    base._by_base = False
    move_retained(base, old_edge)
    return node
