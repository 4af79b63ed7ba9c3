"""What has to be done again to compute a record anew: the program that a recorder writes down beside its columns, for `replay.py`.

A program keeps no tensor alive. Its actions stand in the order in which they happened; tensors are told by the numbers of their values. Operators that
the engine ran by itself, inside a backward pass or to renew the history of a view, are only counted (`HEARD`): they happen again when what caused them
does. A ready-made tensor is kept as a small copy, or as a weak reference for as long as its elements stay what they were.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from .._engine.hooks import Hooks
from .._engine.op import Op
from .._engine.tensor import Tensor
from .._engine.views import WINDOW_OPERATORS
from .operators import name_of

MAX_OPERATORS = 20_000  # of a program; a longer record has none
KEPT_BYTES = 1 << 26  # of all copies that a program keeps
RENEWS = WINDOW_OPERATORS["strided"]  # the operator that the engine tells of when it makes the history of a view anew
HERE = type("Here", (), {"__repr__": lambda self: "HERE", "__slots__": ()})()  # stands for the next of a call's inputs


class Do(NamedTuple):
    """An operator that was called; `args` has `HERE` in the place of each tensor."""

    op: Op | str
    args: tuple


HEARD = Do("", ())


class Renewed(NamedTuple):
    """The engine made the history of a view anew, which from now on is another value."""

    value: int


class Failed(NamedTuple):
    """An operator that raised: it is told again, not tried again."""

    op: Op | str
    args: tuple
    error: str


class Constant(NamedTuple):
    """A tensor that is no value of the record."""

    array: np.ndarray
    requires_grad: bool = False


class Pass(NamedTuple):
    """A backward pass; tensors are numbers of values or constants."""

    roots: tuple
    grads: tuple
    keep: bool
    create_graph: bool
    inputs: tuple | None
    accumulate: bool


class Filled(NamedTuple):
    """A leaf whose `.grad` the pass before filled: `held` is what it added to, None where there was nothing, `"own"` for what a pass of this program left."""

    leaf: int
    held: Any


class Read(NamedTuple):
    """Elements that left the world of operators, see `Observer.read`."""

    value: int
    how: str
    place: int


class Refusal(NamedTuple):
    """Why a record cannot be computed anew: a sentence in which `{}` is a value's name, that value, and the number of a place, -1 for none."""

    text: str
    value: int = -1
    place: int = -1


class Source(NamedTuple):
    """A tensor that no recorded operator made."""

    comes_from: tuple | None  # ("grad", value) for what `.grad` of a value was then, ("given", pass, position) for what `grad` gave
    array: np.ndarray | None  # a copy of its elements; None where they are too many
    reference: weakref.ref
    version: int
    requires_grad: bool
    memory: tuple[int, int]  # its first and last address then
    computed: bool  # by operators that ran before the recording


@dataclass
class Program:
    """The actions of a record, and what they begin with."""

    actions: list = field(default_factory=list)
    sources: dict[int, Source] = field(default_factory=dict)
    drawn: dict[int, np.ndarray] = field(default_factory=dict)  # value -> the random numbers that an operator drew
    retained: set[int] = field(default_factory=set)  # values whose `.grad` was used though they are no leaves
    refusal: Refusal | None = None
    bytes: int = 0
    verified: bool = False  # whether a run without changes gave every recorded number again
    # of the recording, not of the program:
    passes: int = 0
    passing: bool = False
    grads: dict = field(default_factory=dict)  # id of a tensor -> reference to it and what it comes from
    assigned: dict[int, int] = field(default_factory=dict)  # value -> the value that stands as its `.grad` in the end

    def mark(self):
        """How far the program is true, for `cut_back`."""
        return len(self.actions), self.refusal, self.bytes, self.passes, self.passing

    def cut_back(self, mark):
        """Forget what was written after a mark; what is kept by number is written anew."""
        length, refusal, self.bytes, self.passes, self.passing = mark or (0, None, 0, 0, False)
        if len(self.actions) >= length:  # else it was given up meanwhile, and stays so
            self.refusal = refusal
        del self.actions[length:]

    def snapshot(self, ledger) -> Program:
        """The program as it is now, which later events do not change."""
        found = {}
        for value in ledger.known.values():
            tensor = ledger.living[value]()
            grad = None if tensor is None else tensor._grad
            number = None if grad is None else ledger.value_of(grad)
            if number is not None:
                found[value] = number
        return Program([*self.actions], {**self.sources}, {**self.drawn}, {*self.retained}, self.refusal, assigned=found)


class Writer:
    """Writes one reading's part of the program; `reading` is the `Reading` of `drain.py`."""

    def __init__(self, program: Program | None, reading):
        self.program, self.reading = program, reading
        self.off = program is None or program.refusal is not None
        if self.off:
            return
        self.actions, self.new, self.random, self.retained, self.refusal = [], [], [], set(), None
        self.passes, self.passing = program.passes, program.passing
        self.grads = dict(program.grads)
        self.present = None  # what backward is about to add to
        self.owners = None  # id of a tensor -> value whose retained `.grad` it is

    def refuse(self, text, value=-1, place=-1):
        """Nothing of this record will be replayed."""
        if not self.off:
            self.refusal, self.off = Refusal(text, -1 if value is None else value, place), True

    # ---- operators

    def op(self, op, args, inputs, result, in_place, place, lists, renewed):
        """An operator ran on these inputs; `renewed` is the value whose history alone it made anew, if any."""
        if self.off:
            return
        if self.passing or renewed is not None:
            self.actions.append(HEARD if self.passing else Renewed(renewed))
            return
        if not isinstance(op, Op) and not (isinstance(op, str) and op in ("data", "detach")):
            return self.refuse(f"{name_of(op)} is a custom Function, which only your own code can run", place=place)
        if self.reading.call > MAX_OPERATORS:
            return self.refuse(f"it has more than {MAX_OPERATORS:,} operators")
        if any(type(t._array) is not np.ndarray for t in args if isinstance(t, Tensor)):
            return self.refuse("it was computed inside vmap", place=place)
        if lists:
            args = tuple([_template(a, self) for a in args])
        else:
            args = tuple([HERE if isinstance(a, Tensor) else a.copy() if type(a) is np.ndarray else a for a in args])
        self.actions.append(Do(op, args))
        if isinstance(op, Op) and "generator" in op.params:
            self.random.append((self.reading.known[id(result)], place))
            self.actions += [Read(value, "draw", place) for value in inputs[in_place : args.count(HERE)]]

    def failed(self, op, args, error):
        """An operator raised."""
        if not self.off:
            self.actions.append(Failed(op, tuple([_template(a, self) for a in args]), error))

    def read(self, tensor, how, place):
        """Elements were looked at."""
        if self.off or self.passing:
            return
        value = self.reading._found(tensor)
        if value is not None:
            inside = any(number >= 0 for number in self.reading.open[-1:])
            self.actions.append(Read(value, "choice" if inside and how not in ("numpy", "tolist") else how, place))

    # ---- ready-made tensors

    def source(self, number, tensor):
        """A tensor that no recorded operator made got the number of a value."""
        if not self.off:
            low, high = np.lib.array_utils.byte_bounds(tensor._array) if type(tensor._array) is np.ndarray else (0, 0)
            self.new.append((number, tensor, self._origin(tensor), (low, high)))

    def _origin(self, tensor):
        reference, origin = self.grads.get(id(tensor), (None, None))
        if reference is not None and reference() is tensor:
            return origin
        if self.passes:
            if self.owners is None:
                ledger = self.reading.ledger
                living = [(i, r()) for i, r in ledger.living.items()] + [*enumerate(self.reading.tensors, self.reading.first)]
                self.owners = {id(t._grad): i for i, t in living if t is not None and t._retains_grad and t._grad is not None}
            owner = self.owners.get(id(tensor))
            if owner is not None:
                self.retained.add(owner)
                return ("grad", owner)
        return None

    # ---- backward

    def asked(self, asked):
        """A backward pass begins."""
        if self.off:
            return
        if self.passing:
            return self.refuse("a backward pass ran inside another one")
        places = (*asked.roots, *(asked.inputs or ()))
        if not all(isinstance(p, Tensor) for p in places):
            return self.refuse("backward was told by a GradientEdge where to begin or to end")
        roots = tuple([self.reading._value(t) for t in asked.roots])
        grads = tuple([self._told(g) for g in asked.grads])
        inputs = None if asked.inputs is None else tuple([self._told(t) for t in asked.inputs])
        self.actions.append(Pass(roots, grads, bool(asked.keep), bool(asked.create_graph), inputs, asked.accumulate))
        self.passing, self.passes, self.owners = True, self.passes + 1, None

    def ended(self):
        """The pass is over."""
        if not self.off:
            self.passing, self.owners = False, None

    def gave(self, found):
        """The pass gave these gradients."""
        if self.off:
            return
        for i, t in enumerate(found):
            if t is not None and self.reading._found(t) is None:
                self.grads[id(t)] = weakref.ref(t), ("given", self.passes - 1, i)

    def _told(self, tensor):
        if tensor is None:
            return None
        value = self.reading._found(tensor)
        if value is not None:
            return value
        reference, origin = self.grads.get(id(tensor), (None, None))
        if reference is not None and reference() is tensor:
            return origin
        return Constant(tensor._array.copy(), tensor._requires_grad)

    def node(self, node):
        """A node ran."""
        if not self.off and node.hooks is not None:
            self._hooks(node.hooks)

    def _hooks(self, hooks: Hooks):
        if any(hooks.tensor.values()) or hooks.before or hooks.after or hooks.accumulated:
            self.refuse("a hook ran on a gradient, which only your own code can run")

    def adds_to(self, tensor, copy, value):
        """Backward is about to add to this `.grad`, which holds these elements (None: too many) and may be a value."""
        self.present = tensor, copy, value

    def leaf(self, value, leaf, grad, added):
        """Backward has filled the `.grad` of a leaf, which is the tensor `grad` now; `added` tells for gradients with a history whether it added."""
        if self.off:
            return
        if leaf._hooks is not None:
            self._hooks(leaf._hooks)
        present, self.present = self.present, None
        held = "own" if added else None
        if present is not None:
            before, copy, number = present
            reference, _ = self.grads.get(id(before), (None, None))
            held = "own" if reference is not None and reference() is before else number
            if held is None and copy is None:
                return self.refuse("the gradient that backward added to {} was not kept: it has too many elements", value)
            if held is None:
                held = Constant(copy)
        self.actions.append(Filled(value, held))
        if grad is not None:
            self.grads[id(grad)] = weakref.ref(grad), ("grad", value)

    # ---- writing

    def write(self):
        """Add this part to the program."""
        program, reading = self.program, self.reading
        self.reading = None  # which holds the writer: in a circle its arrays would stay
        if program is None or program.refusal is not None:
            return
        for number, tensor, origin, memory in self.new:
            self._keep_source(reading, number, tensor, origin, memory)
        for number, place in self.random:
            array = reading.read.get(number)
            if array is None:
                self.refuse("it drew more random numbers than are kept", place=place)
            else:
                program.drawn[number] = self._copy(array)
        if self.refusal is not None:
            program.__init__(refusal=self.refusal)
            return
        program.actions += self.actions
        program.retained |= self.retained
        program.passes, program.passing = self.passes, self.passing
        program.grads = {i: (r, origin) for i, (r, origin) in self.grads.items() if r() is not None}

    def _keep_source(self, reading, number, tensor, origin, memory):
        array = None
        if origin is None:
            array = reading.read.get(number)
            if array is None and number in reading.read:
                return self.refuse("{} has more than 64 kB and was changed in place", number)
            if type(tensor._array) is not np.ndarray:
                return self.refuse("it was computed inside vmap")
            array = None if array is None else self._copy(array)
        version = 0 if tensor.is_inference() or tensor._cell is None else tensor._cell.version
        requires = tensor._requires_grad and tensor._edge is None
        self.program.sources[number] = Source(
            origin, array, weakref.ref(tensor), version, requires, memory, tensor._requires_grad and tensor._edge is not None
        )

    def _copy(self, array):
        copy = np.array(array, order="K", copy=True)
        self.program.bytes += copy.nbytes
        if self.program.bytes > KEPT_BYTES:
            self.refuse(f"its tensors hold more than the {KEPT_BYTES >> 20} MB that are kept for that")
        return copy


def _template(a, writer):
    """An argument with `HERE` for each tensor in it."""
    if isinstance(a, Tensor):
        return HERE
    if type(a) is np.ndarray:
        return a.copy()
    if type(a) in (list, tuple):
        if any(type(x) in (list, tuple) and any(isinstance(t, Tensor) for t in x) for x in a):
            writer.refuse("an operator took tensors in lists of lists")
        return type(a)([_template(x, writer) for x in a])
    return a
