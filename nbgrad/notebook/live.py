"""What a recorded graph's tensors hold now: the source that an open view reads, and the watchers that keep it in step with later cells.

Holds tensors by weak reference only, so that an open view keeps nobody's memory; of small ones it keeps a copy, so that a tensor whose variable
was assigned anew can still be looked into. Only reads; never runs a backward pass.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Collection
from time import monotonic

import numpy as np

from .._engine import observe
from .._engine.batched import whole_batch
from .._engine.observe import Observer
from ..graph.capture import Recorder
from ..graph.summary import summarize
from .pace import PUSH_INTERVAL, Pace, Rate
from .rings import Rings

KEPT_ELEMENTS = 1 << 12  # of one array
KEPT_BYTES = 1 << 22  # of all arrays of a record
NOTED_BYTES = 1 << 26  # of gradients that flowed and wait to be summarized
SHARE = 0.003  # of the time of a training loop that reading for open views may take
HISTORY_SHARE = 0.002  # and looking for histories
HISTORY_CREDIT = 0.02  # seconds of that in each cell that count for nothing, so that a few passes are all seen
HISTORY_INTERVAL = 0.01  # seconds; every pass that takes longer can have its entry
AT_ONCE = 2  # graphs whose views are brought up to date together; the others take turns
PROBED = 64  # elements, of each array about


class LiveTensors:
    """The tensors behind the values of a record, as long as they live."""

    def __init__(self, recorder: Recorder):
        self._tensors = recorder.tensors()
        self._nodes = recorder.nodes()
        self.newest = self._nodes.newest  # the highest sequence number of the nodes of this record
        self._flowed = {}  # value id -> summary of a gradient that passed in a later backward
        self._noted = {}  # value id -> such a gradient, not yet summarized
        self._noted_bytes = 0
        self._before = VIEWS.passes  # how many backward passes ran before this view
        self._cache = {}  # (value id, which) -> (weak reference to the tensor, what it held by its stamp, summary)
        self._last = {}  # (value id, which) -> copy of a small array, for when its tensor is gone
        self._room = KEPT_BYTES
        self._views = weakref.WeakSet()
        self._rings = Rings()

    def attach(self, view) -> None:
        """Let this view follow what later backward passes do; watching stops when the last view is gone."""
        self._views.add(view)
        VIEWS.add(self)

    def refresh(self, at_once: bool = False) -> None:
        """Let the views show what the tensors hold now."""
        views = list(self._views)
        if not views:
            self.close()
        for view in views:
            view.flush() if at_once else view.refresh()

    def close(self) -> None:
        """Stop watching."""
        VIEWS.discard(self)

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

    def state(self, ids: Collection[str] | None = None):
        """Summaries of "data" and "grad" now, for those of these values (of all where none are named) that are still alive."""
        self._settle()
        state = {}
        for id in self._tensors if ids is None else ids:
            reference = self._tensors.get(id)
            tensor = None if reference is None else reference()
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
        self._rings.passes = VIEWS.passes - self._before
        return self._rings.tell(value_id, which)

    def pass_ended(self) -> None:
        """Let the histories have what the backward pass has left."""
        if self._views:
            self._rings.passes = VIEWS.passes - self._before - 1  # it counts this one itself
            self._rings.pass_ended(self._followed)

    def _followed(self):
        """The tensors whose histories are kept: those that have or will have a `.grad`."""
        alive = {id: tensor for id, reference in self._tensors.items() if (tensor := reference()) is not None}
        return {
            id: (t._array, None if t._grad is None else t._grad._array)
            for id, t in alive.items()
            if t._grad is not None or t._requires_grad and t._edge is None
        }

    # ---- what it hears

    def note(self, node, grads_in) -> None:
        """Remember the gradient of a value whose node ran."""
        found = self._nodes.get(node)
        if found is None:
            return
        for id, g in zip(found[1], grads_in if type(grads_in) is list else (grads_in,)):
            if g is not None:
                self._noted[id] = g = g if isinstance(g, np.ndarray | np.generic) else g._array
                self._noted_bytes += g.nbytes
        if self._noted_bytes > NOTED_BYTES:
            self._settle()

    def _settle(self):
        """Summarize what was noted, and let the arrays go."""
        noted, self._noted, self._noted_bytes = self._noted, {}, 0
        for id, g in noted.items():
            self._flowed[id] = summarize(g)


def _stamp(array, version):
    """What tells that an array still holds what it held: where it lies, its version, and some of its elements, for those who write past us."""
    step = max(1, array.size // PROBED)
    probe = array.reshape(-1)[::step] if array.flags.c_contiguous else array.flat[::step]
    return array.__array_interface__["data"][0], array.shape, array.strides, version, probe.tobytes()


class _Ends(Observer):
    """Brings open views up to date when a backward pass is over, of whatever graph: it may have filled a leaf of theirs."""

    hears_nodes = False

    def __init__(self):
        self.sources = []
        self.pace = Pace(SHARE, PUSH_INTERVAL)
        self.histories = Pace(HISTORY_SHARE, HISTORY_INTERVAL, credit=HISTORY_CREDIT)

    def due(self):
        """When there is something to do again."""
        return min(self.pace.due, self.histories.due)

    def backward_end(self):
        """Go on with the histories, and show what has changed for one or two graphs, in turns; each if it is time."""
        if monotonic() >= self.histories.due:
            self.histories.begin()
            for source in self.sources:
                source.pass_ended()
            self.histories.end()
        if monotonic() < self.pace.due:
            return
        self.pace.begin()
        turn, later = self.sources[:AT_ONCE], self.sources[AT_ONCE:]
        self.sources = later + turn
        for source in turn:
            source.refresh(at_once=True)
        self.pace.end()


class _Nodes(Observer):
    """Notes every gradient of a backward pass too."""

    def __init__(self, ends):
        self._ends = ends

    def node_done(self, node, grads_in, grads_out):
        """Let each graph note the gradient of its own."""
        for source in self._ends.sources:
            source.note(node, grads_in)

    def backward_end(self):
        """Show what has changed."""
        self._ends.backward_end()


class LiveViews(Observer):
    """Follows backward passes for all graphs with open views; there is one, `VIEWS`."""

    def __init__(self):
        self._ends = _Ends()
        self._nodes = _Nodes(self._ends)
        self.passes = 0
        self.newest = -1  # sequence number among all recorded nodes
        self.leader = None
        self._rate, self._left = Rate(), 0

    def wants(self, roots, nodes, accumulators):
        """Hear of every node where a recorded one may take part, else of the end if it is time."""
        self.passes += 1
        if nodes and nodes[-1].sequence <= self.newest:
            return self._nodes
        self._left -= 1
        if self._left > 0:
            return None
        self._left = self._rate.until(self._ends.due())
        return None if self._left else self._ends

    def begin_cell(self):
        """Look at the first pass of a cell again, however little there was to see in those before."""
        self._left = 0
        self._ends.pace.due = self._ends.histories.due = 0.0
        self._ends.histories.credit = HISTORY_CREDIT

    # ---- led by a watched loop, which sees every pass itself: asking twice at each would cost twice

    def lead(self, leader) -> None:
        """Be asked by `leader` from now on, and by nobody else. It is told the sequence number up to which nodes matter, as its `newest`."""
        self.leader = leader
        self._follow(self._ends.sources)

    def leave(self, leader, skipped: int) -> None:
        """Be asked by the engine again, after so many passes of which the leader has not told; nothing changes for who leads no more."""
        if self.leader is leader:
            self.leader, self._left = None, 0
            self.passes += skipped
            self._follow(self._ends.sources)

    def due(self) -> float:
        """When, in `time.monotonic` seconds, the leader is to ask again, where no pass comes to a node up to `newest` before."""
        return self._ends.due() if self._ends.sources else math.inf

    def wants_led(self, nodes, skipped: int):
        """What `wants` does, from a leader that has not told of the `skipped` passes before this one."""
        self.passes += skipped + 1
        if nodes and nodes[-1].sequence <= self.newest:
            return self._nodes
        return self._ends if self._ends.sources and monotonic() >= self._ends.due() else None

    # ---- for whom

    def add(self, source):
        """Follow the tensors of one more graph."""
        if source not in self._ends.sources:
            self._follow([*self._ends.sources, source])

    def discard(self, source):
        """Follow them no longer."""
        self._follow([s for s in self._ends.sources if s is not source])

    def _follow(self, sources):
        self._ends.sources = sources
        self.newest = max((s.newest for s in sources), default=-1)
        if self.leader is not None:
            self.leader.newest = self.newest
        asked = bool(sources) and self.leader is None
        if asked and self not in observe.watchers:
            observe.watchers.append(self)
        elif not asked and self in observe.watchers:
            observe.watchers.remove(self)


VIEWS = LiveViews()
