"""What a recorded graph's tensors hold now: the source that an open view reads, and the watcher that keeps it in step with later cells.

Holds tensors by weak reference only, so that an open view keeps nobody's memory; of small ones it keeps a copy, so that a tensor whose variable
was assigned anew can still be looked into. Only reads; never runs a backward pass.
"""

from __future__ import annotations

import weakref

import numpy as np

from .._engine import observe
from .._engine.batched import whole_batch
from .._engine.observe import Observer
from ..graph.capture import Recorder
from ..graph.summary import summarize
from .rings import Rings

KEPT_ELEMENTS = 1 << 12  # of one array
KEPT_BYTES = 1 << 22  # of all arrays of a record
PROBED = 64  # elements, of each array about


class LiveTensors(Observer):
    """The tensors behind the values of a record, as long as they live."""

    def __init__(self, recorder: Recorder):
        self._tensors = recorder.tensors()
        self._nodes = recorder.nodes()
        self._flowed = {}  # value id -> summary of a gradient that passed in a later backward
        self._cache = {}  # (value id, which) -> (weak reference to the tensor, what it held by its stamp, summary)
        self._last = {}  # (value id, which) -> copy of a small array, for when its tensor is gone
        self._room = KEPT_BYTES
        self._views = weakref.WeakSet()
        self._rings = Rings()

    def attach(self, view) -> None:
        """Refresh this view whenever a backward pass ends; watching stops when the last view is gone."""
        self._views.add(view)
        if self not in observe.watchers:
            observe.watchers.append(self)

    def refresh(self, at_once: bool = False) -> None:
        """Let the views show what the tensors hold now."""
        views = list(self._views)
        if not views:
            self.close()
        for view in views:
            view.flush() if at_once else view.refresh()

    def close(self) -> None:
        """Stop watching."""
        if self in observe.watchers:
            observe.watchers.remove(self)

    # ---- what the views read

    def array(self, value_id: str, which: str) -> np.ndarray | None:
        """The array of a value ("data") or of its `.grad` ("grad") now, or what it was last if it was small; None where there is none."""
        reference = self._tensors.get(value_id)
        tensor = None if reference is None else reference()
        if tensor is None:
            return self._last.get((value_id, which))
        if which == "grad":
            tensor = tensor._grad
        return None if tensor is None else tensor._array

    def state(self):
        """Summaries of "data" and "grad" now, for every value that is still alive."""
        state = {}
        for id, reference in self._tensors.items():
            tensor = reference()
            if tensor is None:
                continue
            kept = tensor._grad
            if kept is None:
                self._forget(id, "grad")
            grad = self._summary(id, "grad", kept) if kept is not None else self._flowed.get(id) if tensor._edge is not None else None
            state[id] = {"data": self._summary(id, "data", tensor), "grad": grad}
        return state

    def _summary(self, id, which, tensor):
        array = whole_batch(tensor._array)
        known, stamped, summary = self._cache.get((id, which), (None, None, None))
        stamp = _stamp(array, tensor._version)
        if known is None or known() is not tensor or stamp != stamped:  # a new tensor may lie where another one lay
            summary = summarize(array)
            self._cache[id, which] = weakref.ref(tensor), stamp, summary
            self._keep(id, which, array)
        return summary

    def _keep(self, id, which, array):
        self._forget(id, which)
        if array.size <= KEPT_ELEMENTS and array.nbytes <= self._room:
            self._last[id, which] = array.copy()
            self._room -= array.nbytes

    def _forget(self, id, which):
        gone = self._last.pop((id, which), None)
        self._room += 0 if gone is None else gone.nbytes

    def history(self, value_id: str, which: str) -> dict | None:
        """How a value ("data") or its `.grad` ("grad") went on over the backward passes since the view opened; see `rings.py`."""
        return self._rings.tell(value_id, which)

    def _followed(self):
        """The tensors whose histories are kept: those that have or will have a `.grad`."""
        alive = {id: tensor for id, reference in self._tensors.items() if (tensor := reference()) is not None}
        return {
            id: (t._array, None if t._grad is None else t._grad._array)
            for id, t in alive.items()
            if t._grad is not None or t._requires_grad and t._edge is None
        }

    # ---- what it hears

    def wants(self, roots) -> bool:
        """Hear of every pass while a view is open: also one that starts elsewhere may fill a leaf of ours."""
        return bool(self._views)

    def node_done(self, node, grads_in, grads_out):
        """Note the gradient of a value whose node ran."""
        found = self._nodes.get(node)
        if found is not None:
            several = type(grads_in) is list
            for id, g in zip(found[1], grads_in if several else (grads_in,)):
                if g is not None:
                    self._flowed[id] = summarize(g if isinstance(g, np.ndarray | np.generic) else g._array)

    def backward_end(self):
        """Show what has changed."""
        self._rings.pass_ended(self._followed)
        self.refresh()


def _stamp(array, version):
    """What tells that an array still holds what it held: where it lies, its version, and some of its elements, for those who write past us."""
    step = max(1, array.size // PROBED)
    probe = array.reshape(-1)[::step] if array.flags.c_contiguous else array.flat[::step]
    return array.__array_interface__["data"][0], array.shape, array.strides, version, probe.tobytes()
