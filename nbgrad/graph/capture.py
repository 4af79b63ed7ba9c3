"""From the live world to a record: an observer that writes down what happens, and makes a `Graph` of it when asked.

While operators run it only appends to a list; looking things up, summarizing and naming come later (`drain.py`, `finish.py`), so that recording stays
cheap. It keeps small arrays alive until then and large ones only by weak reference, so that a long cell does not fill the memory.
"""

from __future__ import annotations

import bisect
import contextlib
import itertools
import weakref
from collections.abc import Mapping
from threading import get_ident

from .._engine import observe
from .._engine.modes import place_of_user, state
from .._engine.node import next_sequence
from .._engine.observe import Observer, put_observer, take_observer
from .._engine.tensor import Tensor, views_of
from .callers import Callers
from .drain import (
    ASKED, CALLERS, ENDED, ENTER, EXIT, FAILED, GAVE, LEAF, MARK, MAX_CALLS, NODE, OP, OVERWRITE, READ, SEEN, SMALL, START, Reading,
)  # fmt: skip
from .finish import finish
from .ledger import Ledger
from .records import Graph
from .table import OUTPUTS

MAX_TAPE = 5_000  # events written down before they are looked at, so that their tensors can go
MAX_VIEWS = 256  # of one tensor, whose elements are kept as they were before a change
FEW_ELEMENTS = 1 << 10  # arrays of no more are not worth counting
KEPT_BYTES = 1 << 26  # of other arrays on the tape, before they are summarized


class Recorder(Observer):
    """Hears the engine's events and keeps what a `Graph` needs."""

    def __init__(self, replayable: bool = True):
        """With `replayable` the record also tells how to compute it again."""
        self._ledger = Ledger()
        if not replayable:
            self._ledger.program = None
        self._tape = [(MARK, self._ledger.mark())]  # and events; what comes before the mark is in the ledger
        self._append = self._tape.append
        self._bytes = 0
        self._reading = False
        self._callers, self._around = Callers(), ()  # the user's functions that run, as last told
        self._held = None  # what a `.grad` holds that backward is about to add to
        self._born = {}  # id(tensor) -> (weak reference, place), of leaves made meanwhile
        self._elsewhere = _Elsewhere()

    def start(self) -> None:
        """Hear this thread from now on; whoever stood here before hears nothing meanwhile."""
        self._ledger.first_node = next_sequence()
        self._before = put_observer(self)
        observe.watchers.append(self._elsewhere)

    def stop(self) -> None:
        """Hear no more; a second call changes nothing."""
        take_observer(self, self._before)
        with contextlib.suppress(ValueError):
            observe.watchers.remove(self._elsewhere)

    @contextlib.contextmanager
    def hearing(self):
        """Hear what this thread does inside the block."""
        self.start()
        try:
            yield
        finally:
            self.stop()

    # ---- events: append and return

    def op(self, op, args, result, node, place, in_place=False):
        code = node.code if place is None else place[0]
        if code is not None and (code.co_name != "<module>" or self._around):
            around = self._callers.of(code, 2) if code.co_name != "<module>" else ()
            if around is not self._around:
                self._around = around
                self._append((CALLERS, around))
        self._append((OP, op, args, result, node, place, in_place, node is not None or state.mode.grad))
        if isinstance(result, Tensor):
            if result._array.size > FEW_ELEMENTS:
                self._bytes += result._array.nbytes
        else:
            self._bytes += sum(t._array.nbytes for t in result)
        if self._bytes > KEPT_BYTES or len(self._tape) > MAX_TAPE:
            self._drain()

    def made(self, tensor, place):
        if len(self._born) >= MAX_CALLS:
            self._born = {k: v for k, v in self._born.items() if v[0]() is not None}
        self._born[id(tensor)] = (weakref.ref(tensor), place)

    def op_failed(self, op, args, error, place):
        self._append((FAILED, op, args, f"{type(error).__name__}: {error}", place))

    def _follow(self, code):
        """Tell which of the user's functions run now, as `op` does itself."""
        around = self._callers.of(code, 3) if code.co_name != "<module>" else ()
        if around is not self._around:
            self._around = around
            self._append((CALLERS, around))

    def enter(self, kind, name, place, thing=None):
        if place is not None and place[0] is not None:
            self._follow(place[0])
        self._append((ENTER, kind, name, place, thing))

    def exit(self):
        self._append((EXIT,))

    def before_in_place(self, op, tensor):
        base = tensor if tensor._base is None else tensor._base
        for changed in (tensor,) if op is None or base is tensor else (tensor, base):
            array = changed._array
            version = 0 if tensor._cell is None or tensor.is_inference() else tensor._cell.version
            copy = array.copy() if array.nbytes <= SMALL else None
            self._append((OVERWRITE, changed, copy, version, op))
            if op is None:
                self._held = self._copied(array) if copy is None else copy
        for view in views_of(base, MAX_VIEWS):
            if view is not tensor and view._array.nbytes <= SMALL:
                self._append((SEEN, view, view._array.copy(), base._cell.version))

    def backward_start(self, roots):
        self._append((START, tuple(roots)))

    def node_done(self, node, grads_in, grads_out):
        self._append((NODE, node, grads_in, grads_out))
        for g in grads_out:
            if g is not None:
                self._bytes += g.nbytes
        if self._bytes > KEPT_BYTES or len(self._tape) > MAX_TAPE:
            self._drain()

    def accumulated(self, leaf, grad, before):
        held = now = None
        if before is not None:
            held, now = self._held if before is leaf._grad else self._copied(before._array), self._copied(leaf._grad._array)
        self._append((LEAF, leaf, grad, held, now, leaf._grad))

    def _copied(self, array):
        """What a `.grad` holds between two additions; large copies soon make the events be read, and go."""
        self._bytes += array.nbytes
        return array.copy()

    def read(self, tensor, how):
        self._append((READ, tensor, how, place_of_user()))

    def backward_asked(self, asked):
        self._append((ASKED, asked))

    def backward_end(self):
        self._append((ENDED,))

    def backward_gave(self, found):
        self._append((GAVE, found))

    # ---- from events to the record

    def _drain(self):
        """Read the events into the ledger and put a new mark in their place, in one step that no interrupt can divide."""
        if self._reading:  # a finalizer that runs meanwhile computes
            return
        self._reading = True
        try:
            tape, ledger = self._tape, self._ledger
            count, mark = len(tape), tape[0][1]
            ledger.restore(mark)
            if count > 1:
                mark = Reading(ledger, mark, self._born).run(itertools.islice(tape, 1, count))
                tape[:count] = [(MARK, mark)]
                self._bytes = 0
                ledger.settle(mark)
        finally:
            self._reading = False

    def graph(self, namespace=None, source="", cell=None) -> Graph:
        """The record of everything heard so far.

        `namespace` gives names to tensors (variables and paths from them), `source` is the text of the recorded cell and `cell` the file name it
        was compiled under.
        """
        self._reading = False
        self._drain()
        self._born = {k: v for k, v in self._born.items() if v[0]() is not None and k not in self._ledger.known}
        return finish(self._ledger, self._tape[0][1], namespace, source, cell, self._elsewhere.passes)

    def heard(self) -> bool:
        """Whether any operator ran."""
        self._drain()
        return self._ledger.called.length > 0

    def tensors(self) -> Tensors:
        """The tensors still alive, by value id: `{id: weak reference}`; a tensor changed in place counts for its newest value."""
        self._ledger.sweep()
        return Tensors({i: self._ledger.living[i] for i in self._ledger.known.values()})

    def nodes(self) -> Nodes:
        """The nodes heard of, to be asked with `get(node)`."""
        return Nodes(self._ledger)


class _Elsewhere(Observer):
    """Counts the backward passes that other threads run meanwhile: nobody hears what happens there."""

    def __init__(self):
        self.passes, self._thread = 0, get_ident()

    def wants(self, roots, nodes, accumulators):
        self.passes += get_ident() != self._thread


class Tensors(Mapping):
    """`{value id: weak reference}`, kept by number."""

    def __init__(self, references: dict):
        self._references = references

    def __getitem__(self, id):
        number = id[1:] if id[:1] == "t" else ""
        found = self._references.get(int(number)) if number.isdecimal() else None
        if found is None:
            raise KeyError(id)
        return found

    def __iter__(self):
        return (f"t{number}" for number in self._references)

    def __len__(self):
        return len(self._references)


class Nodes:
    """Which call left a node, and which values are its outputs. Keeps no node alive."""

    def __init__(self, ledger):
        self._sequences, self._calls = ledger.calls_by_node()
        self.newest = int(self._sequences[-1]) if len(self._sequences) else -1  # the highest sequence number among them
        self._ends, self._outputs = ledger.called.rows[:, OUTPUTS], ledger.outputs.rows[:, 0]

    def get(self, node):
        """(call id, ids of the output values) of a node; None for one that was not heard of."""
        at = bisect.bisect_right(self._sequences, node.sequence) - 1
        if at < 0 or self._sequences[at] != node.sequence:
            return None
        call = int(self._calls[at])
        outputs = self._outputs[self._ends[call - 1] if call else 0 : self._ends[call]]
        return f"c{call}", tuple([f"t{i}" for i in outputs.tolist()])
