"""Forward mode: tangents that travel with values, operator by operator.

A `DualLevel` is a layer: while it stands it hears of every operator, and gives each result the tangent that follows from those of the arguments. A
tensor carries its tangents as `{level: tangent}`; nobody else pays for them. Tangents are computed beneath their level, so that the levels and
observers below, and backward, see that computation as any other: forward over forward, forward over reverse and reverse over forward are the same
code. How one operator moves tangents is in push.py.
"""

from __future__ import annotations

import contextlib
import threading
import weakref

import numpy as np

from . import observe
from .batched import whole_batch
from .modes import state
from .op import Op
from .push import batches_of, laid_as, lie_alike, push, room_for
from .tensor import Tensor, wrap
from .views import WINDOW_OPERATORS, CopySlices, window_of


class _Switch(threading.local):
    on = True


switch = _Switch()  # whether this thread's operators move tangents


class DualLevel(observe.Layer):
    """One derivative forward; `open` it, give tensors tangents, compute, read the tangents of the results, `close` it."""

    transforms = True

    def __init__(self):
        self._args = ()  # of the operator that began last
        self._kept = {}  # id -> copy of an argument that the operator now running overwrites
        self._given = []  # weak references to the tensors that have a tangent of this level
        self._room = 64

    def open(self):
        """Let operators on this thread move tangents of this level."""
        observe.add_layer(self)

    def close(self):
        """End the level: its tangents go."""
        observe.remove_layer(self)
        for reference in self._given:
            tensor = reference()
            if tensor is not None and tensor._tangents is not None:
                tensor._tangents.pop(self, None)
        self._given.clear()
        self._args = ()

    def give(self, tensor, tangent):
        """Make `tangent` that of `tensor`."""
        if tensor._tangents is None:
            tensor._tangents = {}
        tensor._tangents[self] = tangent
        if len(self._given) >= self._room:
            self._given = [r for r in self._given if r() is not None]
            self._room = 64 + 2 * len(self._given)
        self._given.append(weakref.ref(tensor))

    def tangent_of(self, tensor):
        """The tangent of a tensor, None if it has none. A view that has none of its own has its part of that of its base."""
        found = tensor._tangents
        if found is not None and self in found:
            return found[self]
        base = tensor._base
        if base is None or base._tangents is None or self not in base._tangents:
            return None
        with self.beneath():
            return _part(base._tangents[self], tensor)

    # ---- what the layer hears

    def begin(self, op, args):
        super().begin(op, args)
        self._args = args

    def before_in_place(self, op, tensor):
        super().before_in_place(op, tensor)
        self._kept = {}
        if op is None or not switch.on or all(t is None for t in self._tangents_of(self._args)):
            return
        for a in self._args:
            if isinstance(a, Tensor) and (a is tensor or np.may_share_memory(a._array, tensor._array)):
                tangent = self.tangent_of(a)
                with self.beneath():
                    kept = self._kept[id(a)] = a.clone()
                    if tangent is not None:
                        self.give(kept, tangent.clone())

    def op(self, op, args, result, node, place, in_place=False):
        super().op(op, args, result, node, place, in_place)
        self._args = ()
        if switch.on and hasattr(op, "jvp"):
            self.move(op, args, result, node, place, in_place)

    def move(self, op, args, result, node, place, in_place=False):
        """Give what an operator has made the tangents that follow from those of its arguments."""
        if in_place:
            before, kept = args[0], self._kept
            self._kept = {}
            args = [kept.get(id(a), a) for a in (result, *args[1:])]
            before._tangents = args[0]._tangents  # what backward will find saved
        tangents = self._tangents_of(args)
        if all(t is None for t in tangents):
            return
        with self.beneath(), _at(node.place if place is None else place):
            found = push(op, args, tangents, result) if isinstance(op, Op) else op.jvp(tangents)  # the other: a call of a custom Function
            if in_place and op.view:  # the tensor itself has got another shape
                self.give(result, found[0])
            elif in_place:
                self._change(result, found[0])
        if not in_place:
            for tensor, tangent in zip(result if isinstance(result, tuple) else (result,), found):
                if tangent is not None and not self._base_has_it(tensor, tangent):
                    self.give(tensor, tangent)
        if node is not None and node.saved:
            self._follow(node.saved[0].saved if type(node) is CopySlices else node.saved, result if isinstance(result, tuple) else (result,))

    def _tangents_of(self, args):
        """The tangent of each argument; of a list of tensors the list of theirs; None where there is none."""
        found = []
        for a in args:
            if isinstance(a, Tensor):
                found.append(self.tangent_of(a))
            elif type(a) in (list, tuple):
                inner = [self.tangent_of(t) if isinstance(t, Tensor) else None for t in a]
                found.append(None if all(t is None for t in inner) else inner)
            else:
                found.append(None)
        return found

    def _base_has_it(self, view, tangent):
        """Whether what was found for a view is a copy of a part of its base's tangent: then that is its tangent, so that a change of one changes both."""
        base = view._base
        whole = None if base is None or base._tangents is None else base._tangents.get(self)
        if whole is None or whole._array.dtype != tangent._array.dtype:
            return False
        return not np.may_share_memory(whole_batch(whole._array), whole_batch(tangent._array))

    def _follow(self, saved, results):
        """Let a node's own copies of its results have their tangents, for a backward pass inside the level."""
        for copy in saved:
            for result in results:
                if isinstance(copy, Tensor) and copy is not result and copy._array is result._array:
                    tangent = self.tangent_of(result)
                    if tangent is not None:
                        self.give(copy, tangent)

    def _change(self, tensor, new):
        """Overwrite the tangent of a tensor that was changed in place, so that the tangents of its views and its base change with it."""
        own = None if tensor._tangents is None else tensor._tangents.get(self)
        base = tensor._base
        if own is not None and (new is None or batches_of(own._array).issuperset(batches_of(new._array)) or base is not None):
            own[...] = 0.0 if new is None else new  # not `copy_`: it takes no expanded memory
            return
        if base is None:
            if new is not None:
                self.give(tensor, new)
            return
        whole = None if base._tangents is None else base._tangents.get(self)
        if whole is None:
            if new is None:
                return
            whole = wrap(room_for(base._array, new._array))
            self.give(base, whole)
        _put_part(whole, tensor, new)


class Tape(observe.Layer):
    """Remembers the operators that run while it stands, so that tangents can be moved through them again and again without running them."""

    transforms = True

    def __init__(self):
        self._calls = []
        self.suffices = True  # not where something was changed in place, or a custom Function ran: what they need is gone

    def op(self, op, args, result, node, place, in_place=False):
        super().op(op, args, result, node, place, in_place)
        if in_place or not isinstance(op, (Op, str)):
            self.suffices = False
        elif isinstance(op, Op):
            self._calls.append((op, args, result, None, node.place if place is None else place))

    def open(self):
        """Start to remember."""
        observe.add_layer(self)

    def close(self):
        """Remember no more; what is remembered stays."""
        observe.remove_layer(self)
        self.below = None

    def move(self, level):
        """Move the tangents of a level through all of it."""
        for call in self._calls:
            level.move(*call)


def dual(level, tensor, tangent) -> Tensor:
    """A view of `tensor` that has this tangent; a copy of the tangent where its elements lie otherwise in memory. Raises `RuntimeError` for another shape."""
    if tangent._array.shape != tensor._array.shape:
        raise RuntimeError(
            "Trying to set a forward gradient that has a different size than that of the original Tensor, this is not supported. Tensor is of "
            f"size {list(tensor._array.shape)} while the given forward gradient is of size {list(tangent._array.shape)}."
        )
    with level.beneath():
        out = tensor.view(tensor.shape)
        if not lie_alike(tangent._array, tensor._array):
            tangent = laid_as(tangent, tensor._array)
    level.give(out, tangent)
    return out


@contextlib.contextmanager
def _at(place):
    """Compute inside the block on behalf of that place in the user's code."""
    mode = state.mode
    before = mode.place
    mode.place = before or place
    try:
        yield
    finally:
        mode.place = before


# ---- views that were there before the tangent of their base


def _part(whole, view):
    """What a view shows of the tangent of its base."""
    return WINDOW_OPERATORS["take"].function(whole, window_of(view))


def _put_part(whole, view, new):
    """Overwrite what a view shows of the tangent of its base."""
    if new is None:
        new = wrap(np.zeros_like(view._array))
    whole.copy_(WINDOW_OPERATORS["replace"].function(whole, new, window_of(view)))
