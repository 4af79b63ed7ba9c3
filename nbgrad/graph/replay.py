"""What if: computes a recorded graph again, forward and backward, with other numbers in it.

`replay(graph, {"w": 0.35})` runs the program that the recorder wrote down (`program.py`) on tensors of its own, under a recorder of its own, and gives
the same graph with other numbers. Nothing of the user's is touched: no tensor, no `.grad`, no hook, no random state. Before anything else the program
is run once as it was; where that does not give every recorded number again, to the last bit, it is never used.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .._engine.backward import execute
from .._engine.generator import Generator
from .._engine.inplace import run_in_place
from .._engine.modes import state
from .._engine.op import run
from .._engine.tensor import Tensor, wrap
from .capture import FAILED, Recorder
from .finish import _summary_of_large
from .program import HEARD, HERE, Constant, Do, Failed, Filled, Pass, Read, Renewed
from .records import Graph
from .summaries import Summaries
from .table import (
    CALL, CAME, DATA, FLAGS, FORM, GRAD, GRAD_KEPT, GRAD_MODE, IN_PLACE, INPUTS, IS_LEAF, NODE, ORDER, OUTPUTS, PASS, SENT, VALUE, WHAT, Table,
)  # fmt: skip


class CannotReplay(ValueError):
    """Why a graph cannot be computed again, in words for its reader."""

    def __init__(self, why: str):
        super().__init__(f"cannot be replayed: {why}")


def replay(graph: Graph, changes: Mapping[Any, Any] | None = None) -> Graph:
    """Compute a recorded graph again with other numbers: the same ids, other values, gradients and steps.

    `changes` tells what is to be other: names or ids of ready-made tensors (parameters, inputs, constants), or pairs `(name, index)` for single elements,
    each with a number or something of the tensor's shape. Operators run as they were recorded, random ones give the numbers that they drew then.

    Raises `CannotReplay` where that is not possible, or would not be what the cell would compute, and `KeyError` for a name that the graph does not have.

    >>> import nbgrad as torch
    >>> with torch.graph.record() as g:
    ...     w = torch.tensor(3.0, requires_grad=True)
    ...     (w * w).backward()
    >>> torch.graph.replay(g.graph, {"w": 5.0}).named("w").grad.values
    (10.0,)
    """
    return replay_with_arrays(graph, changes)[0]


def replay_with_arrays(graph: Graph, changes: Mapping[Any, Any] | None = None) -> tuple[Graph, Callable[[str, str], np.ndarray | None]]:
    """The same, and what gives the elements: `arrays(id, which)` for "data", or for "grad" of what keeps one; None where they are not at hand."""
    table = getattr(graph.values, "table", None)
    program = getattr(table, "program", None)
    if program is None:
        raise CannotReplay("this is not the record of a computation that ran in this session")
    if program.refusal is not None:
        raise _refused(table, program.refusal)
    if not program.verified:
        _verify(table, _Run(table, {}).table())
        program.verified = True
    again = _Run(table, _numbered(graph, table, changes or {}))
    found = again.table()
    notes = _compare_reads(table, found) if changes else ()
    other = graph.replace(values=found.values, calls=found.calls, steps=found.steps, scopes=found.scopes, notes=graph.notes + notes)
    return other, again.array


def changeable(graph: Graph) -> dict[str, np.ndarray]:
    """What `replay` can change, small tensors only: value id -> the elements that it was recorded with. Raises `CannotReplay` as `replay` does."""
    replay(graph)
    sources = graph.values.table.program.sources
    return {f"t{i}": s.array for i, s in sources.items() if s.array is not None and s.array.dtype.kind == "f"}


# ---- what is to be other


def _numbered(graph, table, changes):
    """The changes by number of value: {number: [(index or None, array)]}."""
    wanted = {}
    for key, given in changes.items():
        name, index = key if isinstance(key, tuple) else (key, None)
        number = _source_called(graph, table, name)
        shape, dtype = table.forms[table.fixed[number, FORM]]
        array = np.asarray(given._array if isinstance(given, Tensor) else given)
        try:
            room = np.empty(shape, dtype)
            room[... if index is None else index] = array.astype(dtype)
        except (ValueError, IndexError, TypeError) as error:
            raise ValueError(f"{name} of shape {shape} cannot hold that: {error}") from None
        wanted.setdefault(number, []).append((index, array.astype(dtype)))
    _check_memory(graph, table, wanted)
    return wanted


def _source_called(graph, table, name):
    """The number of the newest ready-made tensor of this name, or of the value of this id."""
    sources = table.program.sources
    text = table.texts.index(name) if name in table.texts else -1
    named = [int(i) for i in np.flatnonzero(table.names == text)] if text >= 0 else []
    found = [i for i in named if i in sources and sources[i].comes_from is None]
    if found:
        return found[-1]
    number = named[-1] if named else graph.values.number(name)
    if number in sources and sources[number].comes_from is None:
        return number
    call = graph.producer(f"t{number}")
    how = f"{call.op}{_line(call.place)} computed it" if call else "it is a gradient"
    raise CannotReplay(f"{name} is nothing that can be set, because {how}")


def _check_memory(graph, table, wanted):
    """Ready-made tensors that share memory would have to change together."""
    sources = table.program.sources
    for number in wanted:
        low, high = sources[number].memory
        for other, source in sources.items():
            if other == number or source.comes_from is not None or not (source.memory[0] < high and low < source.memory[1]):
                continue
            mine, its = sources[number].reference(), source.reference()
            if mine is not None and its is not None and mine is not its and np.may_share_memory(mine._array, its._array):
                raise CannotReplay(f"{_name(table, number)} shares its memory with {_name(table, other)}, which was made before the recording")


# ---- doing it again


class _Follower(Recorder):
    """Records the replay, and keeps what every operator gave."""

    alone = True

    def __init__(self):
        super().__init__(replayable=False)
        self.heard = []

    def op(self, op, args, result, node, place, in_place=False):
        results = (result,) if isinstance(result, Tensor) else [t for t in result if isinstance(t, Tensor)]
        base = result._base if in_place and not op.view else None
        self.heard.append(results if base is None else (base, *results))
        super().op(op, args, result, node, place, in_place)

    def read(self, tensor, how):
        pass

    def backward_asked(self, asked):
        pass


class _Run:
    """One run of a record's program on tensors of its own."""

    def __init__(self, table: Table, wanted):
        self.kept, self.program, self.wanted = table, table.program, wanted
        self.tensors, self.passes = {}, []
        self.follower = _Follower()
        self.known = 0  # of the calls heard, those whose results have their numbers
        self.at = 0  # the call that comes next
        called = table.called
        self.hows, self.takes, self.gives = called[:, 5].tolist(), [0, *called[:, INPUTS].tolist()], [0, *called[:, OUTPUTS].tolist()]
        self.inputs, self.outputs = table.inputs.tolist(), table.outputs.tolist()
        flags = table.state[:, FLAGS]
        self.retained = {*np.flatnonzero((flags & GRAD_KEPT != 0) & (flags & IS_LEAF == 0)).tolist(), *self.program.retained}
        actions = self.program.actions
        self.changes_elements = bool((called[:, 5] & IN_PLACE).any()) or any(type(a) is Filled for a in actions)
        mode = state.mode
        before = mode.grad, mode.observer, mode.place, mode.running, mode.inference
        mode.observer, mode.place, mode.running, mode.inference = self.follower, _PLACE, None, None
        try:
            for i, action in enumerate(actions):
                kind = type(action)
                if action is HEARD:
                    self.at += 1
                elif kind is Renewed:
                    self.tensors[self.outputs[self.gives[self.at]]] = self.tensor(action.value)
                    self.at += 1
                elif kind is Do:
                    self.do(action, mode)
                elif kind is Pass:
                    self.run_pass(action, actions, i, mode)
                elif kind is Failed:
                    self.tell_failed(action)
            if self.at != len(self.follower.heard) or self.at != len(called):
                raise self.another_way(self.at - 1)
        finally:
            mode.grad, mode.observer, mode.place, mode.running, mode.inference = before

    # ---- operators

    def do(self, action, mode):
        at = self.at
        op, how = action.op, self.hows[at]
        given = map(self.tensor, self.inputs[self.takes[at] : self.takes[at + 1]])
        args = tuple([next(given) if a is HERE else _filled(a, given) if type(a) in (list, tuple) else a for a in action.args])
        drawn = self.program.drawn.get(self.outputs[self.gives[at + 1] - 1]) if self.program.drawn else None
        if drawn is not None:
            args = tuple([_UNUSED if name == "generator" else a for name, a in zip(op.params, args)])
        mode.grad = how & GRAD_MODE != 0
        try:
            result = self.call(op, args, how & IN_PLACE)
        except Exception as error:
            raise CannotReplay(f"{self.call_named(at)} raised {_words(error)}") from None
        if drawn is not None:
            np.copyto(result._array, drawn)
        self.at += 1
        if self.at != len(self.follower.heard):
            raise self.another_way(at)
        self.number_results()

    def call(self, op, args, in_place):
        """Call an operator as it was called, by the same path through the engine."""
        if isinstance(op, str):
            return args[0].data if op == "data" else args[0].detach()
        if in_place:
            return getattr(Tensor, f"{op.name}_")(*args) if op.view else run_in_place(op, args, _PLACE)
        function = op.function
        if hasattr(function, "operator") and all(a is b for a, b in zip(args[2:], op.defaults[2:])):
            return function(args[0], args[1])
        if op.promote and op.params == ("self",) and op.single:
            return function(args[0])
        return run(op, args, _PLACE)

    def tell_failed(self, action):
        given = map(self.tensor, self.inputs[self.takes[self.at] : self.takes[self.at + 1]])
        self.follower._append((FAILED, action.op, tuple([_filled(a, given) for a in action.args]), action.error, None))
        self.follower.heard.append(())
        self.at += 1
        self.number_results()

    def number_results(self):
        """Let all results heard of since the last time have their numbers."""
        heard = self.follower.heard
        for call in range(self.known, len(heard)):
            numbers = self.outputs[self.gives[call] : self.gives[call + 1]]
            if len(numbers) != len(heard[call]):
                raise self.another_way(call)
            for number, tensor in zip(numbers, heard[call]):
                self.tensors[number] = tensor
                if number in self.retained and tensor._edge is not None:
                    tensor.retain_grad()
        self.known = len(heard)

    # ---- ready-made tensors

    def tensor(self, number):
        found = self.tensors.get(number)
        if found is None:
            found = self.tensors[number] = self.make(number)
        return found

    def make(self, number):
        source = self.program.sources.get(number)
        if source is None:
            raise CannotReplay(f"how {_name(self.kept, number)} was made was not recorded")
        if source.comes_from is not None:
            return self.origin(source.comes_from, number)
        array = source.array
        if array is None:
            tensor = source.reference()
            if tensor is None:
                raise CannotReplay(f"{_name(self.kept, number)} has more than 64 kB, of which no copy was kept, and is gone")
            if (0 if tensor.is_inference() or tensor._cell is None else tensor._cell.version) != source.version:
                raise CannotReplay(f"{_name(self.kept, number)} has more than 64 kB, of which no copy was kept, and has been changed since")
            array = tensor._array
        if self.changes_elements or number in self.wanted:
            array = np.array(array, order="K", copy=True)
            for index, given in self.wanted.get(number, ()):
                array[... if index is None else index] = given
        made = wrap(array)
        made._requires_grad = source.requires_grad
        return made

    def origin(self, origin, number=-1):
        """The tensor that a pass of this replay has made."""
        if origin[0] == "grad":
            found = self.tensor(origin[1])._grad
        else:
            found = self.passes[origin[1]][origin[2]] if origin[1] < len(self.passes) else None
        if found is None:
            raise CannotReplay(f"the gradient {_name(self.kept, number)} did not come again")
        return found

    def told(self, what):
        """What a backward pass was told: a value, a gradient, or a tensor that is no value."""
        if what is None:
            return None
        if isinstance(what, Constant):
            made = wrap(what.array.copy())
            made._requires_grad = what.requires_grad
            return made
        return self.origin(what) if isinstance(what, tuple) else self.tensor(what)

    # ---- backward

    def run_pass(self, asked, actions, i, mode):
        first = {}
        for later in actions[i + 1 :]:
            if type(later) is Pass:
                break
            if type(later) is Filled:
                first.setdefault(later.leaf, later.held)
        for leaf, held in first.items():
            if held != "own":
                self.tensor(leaf)._grad = self.told(held)
        mode.grad = True
        try:
            roots, grads = tuple(map(self.tensor, asked.roots)), [*map(self.told, asked.grads)]
            inputs = None if asked.inputs is None else tuple(map(self.told, asked.inputs))
            found = execute(roots, grads, asked.keep, asked.create_graph, inputs, asked.accumulate)
        except CannotReplay:
            raise
        except Exception as error:
            if any(source.computed for source in self.program.sources.values()):
                raise self.another_way(-1) from None
            raise CannotReplay(f"backward raised {_words(error)}") from None
        self.passes.append(found or ())
        self.number_results()

    # ---- what came out

    def table(self) -> Table:
        """The record with the numbers of this run."""
        self.follower._reading = False
        self.follower._drain()
        kept, ledger = self.kept, self.follower._ledger
        self.check_shape(ledger)
        state, late = kept.state.copy(), Summaries()
        fresh = ledger.state.rows
        for column in (DATA, GRAD):
            some = kept.state[:, column] >= 0
            state[some, column] = fresh[some, column]
            if (state[some, column] < 0).any():
                raise CannotReplay(f"{_name(kept, int(np.flatnonzero(some)[np.argmin(state[some, column])]))} was not computed again")
        for number in np.flatnonzero(kept.state[:, DATA] < -1).tolist():
            state[number, DATA] = -2 - late.append(_summary_of_large(self.tensor(number)._array, kept.names[number] >= 0))
        self.read_kept_gradients(state, late)
        return dataclasses.replace(kept, state=state, late=late, grads=ledger.grads.rows[:, 0], summaries=ledger.summaries)

    def array(self, id, which):
        """The elements of a value, or of its `.grad`; None for what was changed in place since, and for a gradient that nobody keeps."""
        number = self.kept.values.number(id)
        tensor = self.tensors.get(number)
        if tensor is None or any(t is tensor and n > number for n, t in self.tensors.items()):
            return None
        if which == "data":
            return tensor._array
        kept = self.kept.state[number, GRAD] < -1
        return tensor._grad._array if kept and tensor._grad is not None and number not in self.program.assigned else None

    def read_kept_gradients(self, state, late):
        kept = self.kept
        for number in np.flatnonzero(kept.state[:, GRAD] < -1).tolist():
            grad = self.tensor(number)._grad
            if number in self.program.assigned:
                grad = self.tensor(self.program.assigned[number])
            # a gradient from before the recording that no pass has touched is what it was
            at = late.append(kept.summary(int(kept.state[number, GRAD]))) if grad is None else late.read([grad._array])
            state[number, GRAD] = -2 - at

    def check_shape(self, ledger):
        """The replay must have met the same values in the same order as the recording."""
        kept = self.kept
        same = len(ledger.called.rows) == len(kept.called) and all(
            np.array_equal(a, b)
            for a, b in (
                (ledger.inputs.rows[:, 0], kept.inputs), (ledger.outputs.rows[:, 0], kept.outputs),
                (ledger.fixed.rows[:, FORM], kept.fixed[:, FORM]), (ledger.called.rows[:, WHAT], kept.called[:, WHAT]),
                (ledger.stepped.rows[:, _SHAPE_OF_STEP], kept.stepped[:, _SHAPE_OF_STEP]),
            )
        )  # fmt: skip
        same = same and [(tuple(s), d.name) for s, d in ledger.forms.things] == kept.forms and ledger.whats.things == kept.whats
        names = [[texts[i] for i in rows[:, NODE]] for rows, texts in ((ledger.stepped.rows, ledger.texts.things), (kept.stepped, kept.texts))]
        if not same or names[0] != names[1]:
            n = min(len(ledger.called.rows), len(kept.called))
            other = np.flatnonzero((ledger.called.rows[:n, [WHAT, INPUTS, OUTPUTS]] != kept.called[:n, [WHAT, INPUTS, OUTPUTS]]).any(1))
            raise self.another_way(int(other[0]) if len(other) else -1)

    def another_way(self, call):
        computed = next((n for n, s in self.program.sources.items() if s.computed), None)
        if computed is not None:
            return CannotReplay(f"{_name(self.kept, computed)} was computed by operators that ran before the recording")
        return CannotReplay(f"done again, it went another way{f' at {self.call_named(call)}' if 0 <= call < len(self.kept.called) else ''}")

    def call_named(self, call):
        return f"{self.kept.calls[call].op}{_line(self.kept.calls[call].place)}"


_PLACE = (replay.__code__, 0)  # on whose behalf a replay computes; nobody is shown it
_UNUSED = Generator()  # draws numbers that are put aside for the recorded ones
_SHAPE_OF_STEP = [PASS, ORDER, VALUE, CALL, CAME, SENT]


def _words(error):
    """An error without what nbgrad adds about places, which would be ours."""
    return f"{type(error).__name__}: {str(error).partition(' [nbgrad]')[0]}"


def _filled(a, given):
    """An argument with tensors in the place of `HERE`."""
    if a is HERE:
        return next(given)
    return type(a)([_filled(x, given) for x in a]) if type(a) in (list, tuple) else a


# ---- whether it is what it should be


def _verify(table, found):
    """Raise where a run without changes gave another number than the recording."""
    for number in range(len(table.state)):
        for column, what in ((DATA, ""), (GRAD, "the gradient of ")):
            was, now = (t.summary(int(t.state[number, column])) for t in (table, found))
            if not _same(was, now):
                raise CannotReplay(f"{what}{_name(table, number)} came out otherwise than recorded: something changed it that no operator tells of, as .data and numpy() can")
    for was, now in zip(table.grads.tolist(), found.grads.tolist()):
        if not _same(table.summary(was), found.summary(now)):
            raise CannotReplay("a gradient came out otherwise than recorded: something changed it that no operator tells of, as .data and numpy() can")


def _same(a, b):
    return a == b or repr(a) == repr(b)  # NaN equals nothing, but reads the same


def _compare_reads(table, found):
    """Raise where the cell would have decided otherwise; gives notes on numbers that it took out of the graph."""
    notes = {}
    for read in table.program.actions:
        if type(read) is not Read:
            continue
        was, now = (t.summary(int(t.state[read.value, DATA])) for t in (table, found))
        if was is not None and _same(was, now):
            continue
        name, line = _name(table, read.value), _line(table.places[read.place] if read.place >= 0 else None)
        if read.how == "bool":
            if was is None or now is None or bool(was.values[0]) != bool(now.values[0]):
                raise CannotReplay(f"the cell asked whether {name} is true{line}, and the answer would be another")
        elif read.how == "choice":
            raise CannotReplay(f"what is computed{line} depends on the elements of {name} in a way that was not recorded")
        elif read.how == "draw":
            raise CannotReplay(f"random numbers were drawn{line} by what {name} said")
        else:
            notes[read.place, name] = f"what if: the number of {name} was taken out of the graph{line}; what came of it there is as it was"
    return tuple(dict.fromkeys(notes.values()))


def _name(table, number):
    if number < 0:
        return "of a tensor"
    name = table.values[number].name
    return name or f"t{number}"


def _line(place):
    return "" if place is None else f", line {place.line}" if place.source == "cell" else f", line {place.line} of {place.source}"


def _refused(table, refusal):
    where = _line(table.places[refusal.place]) if refusal.place >= 0 else ""
    text = refusal.text if refusal.value < 0 else refusal.text.replace("{}", _name(table, refusal.value))
    return CannotReplay(text + where)
