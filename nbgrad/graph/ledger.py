"""What a recorder has understood so far: columns of numbers that grow, and which tensors are still there.

`drain.py` writes into it, `finish.py` makes a `Table` of it.
"""

from __future__ import annotations

import weakref
from typing import NamedTuple

import numpy as np

from .._engine.node import LAST
from .grown import Grown, Numbers
from .program import Program
from .summaries import Summaries
from .table import SCOPE_COLUMNS


class Mark(NamedTuple):
    """How far a ledger is true; what stands beyond was written by a reading that was interrupted."""

    lengths: tuple = ()
    summaries: tuple = ()
    open: tuple = ()  # numbers of the scopes now open, -1 for one that is not recorded
    serials: tuple = ()  # of the running calls of functions among them, else None
    backwards: int = -1
    order: int = 0  # of the next step in its pass
    skipped: int = 0  # calls
    skipped_steps: int = 0
    unheard: int = 0  # tensors met ready-made whose nodes were made since the recording began
    program: tuple = ()  # how far the program is true
    first: int = 0  # number of the first value since the mark before
    references: list = []  # to the tensors of these values, until they are settled
    forgotten: frozenset | set = frozenset()  # ids of tensors that count as unknown


class Ledger:
    """The columns are those of `Table`, where they are described."""

    def __init__(self):
        self.fixed, self.state = Grown(2), Grown(4)
        self.called, self.inputs, self.outputs = Grown(8), Grown(1), Grown(1)
        self.stepped, self.grads = Grown(7), Grown(1)
        self.scoped = Grown(SCOPE_COLUMNS)
        self.roots = Grown(1)
        self.nodes = Grown(2, np.int64)  # sequence numbers of nodes, and the calls that left them
        self.summaries = Summaries()
        self.forms, self.texts, self.whats, self.params, self.edges = Numbers(), Numbers(), Numbers(), Numbers(), Numbers()
        self.saves = Numbers()
        self.places, self._place_numbers = [], {}
        self.things, self._thing_numbers = [], {}  # weak references to the modules that were called
        self.filled = {}  # id(tensor) -> (weak reference, leaf), of what backward has put into a `.grad`
        self.gradients = {}  # value -> the leaf whose `.grad` it is, of those that operators have taken
        self.errors = {}
        self.first_node = LAST  # no node is older whose operator was to be heard
        self.known = {}  # id(tensor) -> its newest value
        self.living = {}  # value -> weak reference to its tensor, of values whose tensor may still be there
        self._swept = 0  # how many were there when the dead were last taken out
        self._settled = None  # the mark whose tensors are among them
        self.program = Program()  # how to compute it all again; None where nobody will ask
        self.signatures = {}  # what is known of calls that look alike, see `drain.py`

    def _growing(self):
        return self.fixed, self.state, self.called, self.inputs, self.outputs, self.stepped, self.grads, self.scoped, self.roots, self.nodes

    def mark(self, **now) -> Mark:
        """What is there now is true."""
        return Mark(tuple([g.length for g in self._growing()]), self.summaries.lengths(), program=() if self.program is None else self.program.mark(), **now)

    def restore(self, mark: Mark) -> None:
        """Go back to a mark."""
        for grown, length in zip(self._growing(), mark.lengths):
            grown.length = length
        self.summaries.cut_back(mark.summaries)
        if self.program is not None:
            self.program.cut_back(mark.program)
        self.settle(mark)

    def trim(self) -> None:
        """Give back the room that nothing fills."""
        for part in (*self._growing(), self.summaries):
            part.trim()

    def place(self, code, offset) -> int:
        """The number of a place; -1 where there is no code. By the code's identity: to hash it takes as long as it is."""
        number = self._place_numbers.get((id(code), offset))
        if number is None:
            if code is None:
                return -1
            number = len(self.places)
            self.places.append((code, offset))  # which keeps the code, so that no other can have its id
            self._place_numbers[id(code), offset] = number
        return number

    def note_gradient(self, value: int, tensor) -> None:
        """Remember whose `.grad` a value is, if it is one: it may be gone when names are looked for."""
        reference, leaf = self.filled.get(id(tensor), (None, None))
        if reference is not None and reference() is tensor:
            self.gradients[value] = leaf

    def thing(self, thing) -> int:
        """The number of a module; -1 for None."""
        if thing is None:
            return -1
        number = self._thing_numbers.get(id(thing))
        if number is None or self.things[number]() is not thing:
            number = self._thing_numbers[id(thing)] = len(self.things)
            self.things.append(weakref.ref(thing))
        return number

    def calls_by_node(self):
        """The sequence numbers of all nodes, rising, and the calls that left them."""
        sequences, calls = self.nodes.rows.T
        if (sequences[1:] < sequences[:-1]).any():  # nodes are numbered as they are made, and nearly always told of in that order
            order = np.argsort(sequences, kind="stable")
            return sequences[order], calls[order]
        return sequences, calls

    def calls_of_nodes(self, wanted) -> np.ndarray:
        """The calls that left the nodes of these sequence numbers; -1 where none is recorded."""
        sequences, calls = self.calls_by_node()
        wanted = np.array(wanted, np.int64)
        if not sequences.size:
            return np.full(wanted.shape, -1)
        at = np.searchsorted(sequences, wanted, side="right") - 1
        return np.where(sequences[at] == wanted, calls[at], -1)

    def value_of(self, tensor) -> int | None:
        """The newest value of a tensor."""
        number = self.known.get(id(tensor))
        reference = self.living.get(number)
        return number if reference is not None and reference() is tensor else None

    def settle(self, mark: Mark) -> None:
        """Take in those of the newest tensors that are still there. What an interrupt leaves undone is done again."""
        if self._settled is mark:
            return
        for key in mark.forgotten:
            self.known.pop(key, None)
        for number, reference in enumerate(mark.references, mark.first):
            tensor = reference()
            if tensor is not None:
                self.living[number] = reference
                self.known[id(tensor)] = number
        self._settled = mark
        mark.references.clear()
        if len(self.living) > 2 * self._swept + 1_000:
            self.sweep()

    def sweep(self) -> None:
        """Forget the tensors that are gone."""
        self.living = living = {i: r for i, r in self.living.items() if r() is not None}
        self.known = {key: i for key, i in self.known.items() if i in living}
        self._swept = len(living)
        self.filled = {key: pair for key, pair in self.filled.items() if pair[0]() is not None}
