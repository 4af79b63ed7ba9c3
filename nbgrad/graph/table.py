"""A record kept as columns of numbers: some hundred bytes for an operator with its backward step, where single records would take thousands.

`finish.py` makes a `Table`. Its `values`, `calls`, `steps` and `scopes` read like tuples of `Value`, `Call`, `Step` and `Scope`, which are made when they
are looked at. Whoever must look at very many operators at once reads the columns: value `t7` is row 7, call `c7` is row 7, -1 stands for none.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from .program import Program
from .records import Call, Place, Rows, Scope, Step, Summary, Value
from .summaries import Summaries

KEPT = 20_000  # records of one kind that are kept once they are made; of more, each is made anew
BLOCK = 512  # rows that are read together

FORM, MADE_AT = range(2)  # of a value, what never changes
VERSION, DATA, GRAD, FLAGS = range(4)  # of a value, what may
REQUIRES_GRAD, IS_LEAF, IS_PARAMETER, GRAD_KEPT = 1, 2, 4, 8
CUT = 4  # the bits of the flags above these: which of CUTS
CUTS = (None, "detach", "data", "no_grad", "inference_mode", "bool", "integer", "not differentiable")
WHAT, PARAMS, EDGES, SCOPE, PLACE, HOW, INPUTS, OUTPUTS = range(8)  # of a call; the last two tell where its inputs and outputs end
GRAD_MODE, IN_PLACE, IS_VIEW = 1, 2, 4
SAVES = 3  # the bits of HOW above these: one more than the number of what is kept for backward
PASS, ORDER, NODE, VALUE, CALL, CAME, SENT = range(7)  # of a step; the last two tell where in `grads` its two lists end
KIND, NAME, PARENT, OPENED_AT, THING = range(SCOPE_COLUMNS := 5)  # of a scope


@dataclass(eq=False)
class Table:
    """The columns of one record: `m` values, `n` calls. Nothing here is ever changed.

    `columns.py` reads the properties, each an array for all calls, values, steps or scopes at once.
    """

    fixed: np.ndarray  # (m, 2) of each value: number of its form (shape and dtype), of the place where it was made
    state: np.ndarray  # (m, 4) version, summary of the data, of the gradient, flags
    names: np.ndarray  # (m,) number of the name
    producer: np.ndarray  # (m,) the call that made each value
    called: np.ndarray  # (n, 8) of each call: numbers of what was called, parameters, edges, scope, place; flags; ends of inputs and outputs
    inputs: np.ndarray  # (inputs,) values, those of one call after the other; those of call i end at called[i, INPUTS]
    outputs: np.ndarray  # (outputs,) likewise
    stepped: np.ndarray  # (steps, 7) of each step: pass, order, number of the node's name, value, call; ends of gradients that came and were sent
    grads: np.ndarray  # (gradients,) numbers of summaries
    scoped: np.ndarray  # (scopes, 5) of each scope: numbers of kind, name, parent, place and the name that the user has for the module
    root_values: np.ndarray  # (roots,) the roots
    summaries: Summaries  # by number; from -2 downwards a number means one of `late`
    late: Summaries  # of what tensors held when the record was finished
    forms: list[tuple[tuple[int, ...], str]]
    texts: list[str]  # names of values, nodes and scopes, and kinds of scopes
    whats: list[tuple[str, str | None, tuple, tuple]]  # op, node, formulas, parameters that tensors are given for
    params: list[tuple]
    edges: list[tuple]
    saves: list[tuple]  # parameters by name, results by number
    places: list[Place | None]
    errors: dict[int, str]  # of calls
    program: Program | None = None  # how to compute it all again

    # ---- what is read as records

    @functools.cached_property
    def values(self) -> Rows:
        """All values, as a sequence of `Value`."""
        return _Values(self, len(self.fixed), self._values)

    @functools.cached_property
    def calls(self) -> Rows:
        """All calls, as a sequence of `Call`."""
        return _Calls(self, len(self.called), self._calls)

    @functools.cached_property
    def steps(self) -> Rows:
        """All steps, as a sequence of `Step`."""
        return _Rows(self, len(self.stepped), self._steps)

    @functools.cached_property
    def scopes(self) -> Rows:
        """All scopes, as a sequence of `Scope`."""
        return _Scopes(self, len(self.scoped), self._scopes)

    # ---- what is read as columns

    @property
    def op(self) -> np.ndarray:
        """(n,) which operator: equal numbers for equal names."""
        return self._op_numbers[self.called[:, WHAT]]

    @property
    def place(self) -> np.ndarray:
        """(n,) which place in the source: equal numbers for equal places, -1 where it is unknown or none of the user's."""
        return self._place_numbers[self.called[:, PLACE]]

    @property
    def scope(self) -> np.ndarray:
        """(n,) the innermost scope of each call."""
        return self.called[:, SCOPE]

    @property
    def inputs_of(self) -> tuple[np.ndarray, np.ndarray]:
        """For each input in order: the call that takes it, and the value."""
        return _owners(self.called[:, INPUTS]), self.inputs

    @property
    def outputs_of(self) -> tuple[np.ndarray, np.ndarray]:
        """For each output in order: the call that makes it, and the value."""
        return _owners(self.called[:, OUTPUTS]), self.outputs

    @property
    def requires_grad(self) -> np.ndarray:
        """(m,) bool."""
        return self.state[:, FLAGS] & REQUIRES_GRAD != 0

    @property
    def is_leaf(self) -> np.ndarray:
        """(m,) bool."""
        return self.state[:, FLAGS] & IS_LEAF != 0

    @property
    def named(self) -> np.ndarray:
        """(m,) bool: which values have a name."""
        return self.names >= 0

    @property
    def step_call(self) -> np.ndarray:
        """(steps,) the call of each step."""
        return self.stepped[:, CALL]

    @property
    def step_value(self) -> np.ndarray:
        """(steps,) the leaf that each step filled."""
        return self.stepped[:, VALUE]

    @property
    def step_pass(self) -> np.ndarray:
        """(steps,) the backward pass of each step."""
        return self.stepped[:, PASS]

    @property
    def scope_parent(self) -> np.ndarray:
        """(scopes,) the scope around each scope."""
        return self.scoped[:, PARENT]

    @functools.cached_property
    def _op_numbers(self):
        numbers = {}
        return np.array([numbers.setdefault(op, len(numbers)) for op, *_ in self.whats], np.int32)

    @functools.cached_property
    def _place_numbers(self):
        numbers = {None: -1}  # so that the first place has number 1; what counts is which are equal
        return np.array([numbers.setdefault(place, len(numbers)) for place in self.places] + [-1], np.int32)  # the last for -1

    @functools.cached_property
    def takers(self) -> tuple[np.ndarray, np.ndarray]:
        """Where the calls that take value i begin, (m + 1,), and these calls, value after value."""
        calls, values = self.inputs_of
        order = np.argsort(values, kind="stable")
        return np.searchsorted(values[order], np.arange(len(self.fixed) + 1)).astype(np.int32), calls[order]

    # ---- from numbers to records

    def _values(self, start, stop):
        rows = zip(range(start, stop), self.fixed[start:stop].tolist(), self.state[start:stop].tolist(), self.names[start:stop].tolist())
        for i, (form, place), (version, data, grad, flags), name in rows:
            shape, dtype = self.forms[form]
            yield Value(
                f"t{i}", shape, dtype, None if name < 0 else self.texts[name], flags & REQUIRES_GRAD != 0, flags & IS_LEAF != 0,
                flags & IS_PARAMETER != 0, self.summary(data), self.summary(grad), flags & GRAD_KEPT != 0,
                None if place < 0 else self.places[place], CUTS[flags >> CUT], version,
            )  # fmt: skip

    def _calls(self, start, stop):
        taken, made = self.called[start - 1, INPUTS:].tolist() if start else (0, 0)
        for i, (what, params, edges, scope, place, how, inputs, outputs) in enumerate(self.called[start:stop].tolist(), start):
            op, node, formulas, arguments = self.whats[what]
            spread, ins, outs = _spread(arguments, inputs - taken, how & IN_PLACE), _ids(self.inputs[taken:inputs]), _ids(self.outputs[made:outputs])
            yield Call(
                f"c{i}", op, ins, outs, node, self.params[params], formulas,
                None if scope < 0 else f"s{scope}", None if place < 0 else self.places[place], how & GRAD_MODE != 0, how & IN_PLACE != 0,
                how & IS_VIEW != 0, self.errors.get(i) if self.errors else None,
                spread, _saved(self.saves[(how >> SAVES) - 1], spread, ins, outs) if how >> SAVES else (),
            )  # fmt: skip
            taken, made = inputs, outputs

    def _steps(self, start, stop):
        begin = int(self.stepped[start - 1, SENT]) if start else 0
        for number, order, node, value, call, came, sent in self.stepped[start:stop].tolist():
            given = [self.summary(g) for g in self.grads[came:sent].tolist()]
            if call >= 0:
                given = [None if edge is None else given[edge] for edge in self.edges[self.called[call, EDGES]]]
            before, after = given if value >= 0 else (None, None)  # of a leaf the second list is what its `.grad` was and became
            yield Step(
                number, order, self.texts[node], None if call < 0 else f"c{call}", None if value < 0 else f"t{value}",
                tuple([self.summary(g) for g in self.grads[begin:came].tolist()]), () if value >= 0 else tuple(given), before, after,
            )  # fmt: skip
            begin = sent

    def _scopes(self, start, stop):
        for i, (kind, name, parent, place, path) in enumerate(self.scoped[start:stop].tolist(), start):
            yield Scope(
                f"s{i}", self.texts[kind], self.texts[name], None if parent < 0 else f"s{parent}", None if place < 0 else self.places[place],
                "" if path < 0 else self.texts[path],
            )  # fmt: skip

    def not_finite(self, column: int) -> tuple[np.ndarray, np.ndarray]:
        """For each value, whether its elements (`DATA`) or its gradient (`GRAD`) hold NaN, and whether they hold infinities."""
        numbers = self.state[:, column]
        found = np.zeros((2, len(numbers)), bool)
        for summaries, some in ((self.summaries, numbers >= 0), (self.late, numbers < -1)):
            found[:, some] = summaries.not_finite(np.where(numbers >= 0, numbers, -2 - numbers)[some])
        return found[0], found[1]

    def odd(self, numbers: np.ndarray) -> np.ndarray:
        """For each of these numbers of summaries (none of them -1) whether there is NaN or infinity."""
        found = np.zeros(len(numbers), bool)
        for summaries, some in ((self.summaries, numbers >= 0), (self.late, numbers < 0)):
            nan, inf = summaries.not_finite(np.where(numbers >= 0, numbers, -2 - numbers)[some])
            found[some] = nan | inf
        return found

    # ---- gradients, without making records of steps

    @functools.cached_property
    def _arrived(self):
        """Of each gradient that a step brought to a value, in the order of the steps: the step, the value, the number of its summary."""
        steps, found = self.stepped, []
        begins = np.concatenate(([0], steps[:-1, SENT])) if len(steps) else np.empty(0, int)
        ends = np.concatenate(([0], self.called[:, OUTPUTS]))
        leaf, by_call = steps[:, VALUE] >= 0, (steps[:, VALUE] < 0) & (steps[:, CALL] >= 0)
        first, made = ends[steps[:, CALL]], ends[steps[:, CALL] + 1] - ends[steps[:, CALL]]
        came = np.minimum(steps[:, CAME] - begins, np.where(leaf, 1, np.where(by_call, made, 0)))
        for k in range(int(came.max(initial=0))):
            some = np.flatnonzero(came > k)
            some = some[self.grads[begins[some] + k] != -1]
            value = steps[some, VALUE].copy()
            value[~leaf[some]] = self.outputs[first[some[~leaf[some]]] + k]
            found.append((some, value, self.grads[begins[some] + k]))
        if not found:
            return (np.empty(0, int),) * 3
        step, value, grad = (np.concatenate(parts) for parts in zip(*found))
        order = np.argsort(step, kind="stable")
        return step[order], value[order], grad[order]

    def gradients_of(self, values: list[int]) -> list[tuple[int, int, int]]:
        """The steps that brought a gradient to one of these values: the step, the value, the number of the gradient's summary."""
        wanted = np.zeros(len(self.fixed), bool)
        wanted[values] = True
        some = wanted[self._arrived[1]]
        return list(zip(*(column[some].tolist() for column in self._arrived)))

    def sent(self, first: int, end: int) -> tuple[np.ndarray, np.ndarray]:
        """Of each gradient that steps `first` to before `end` sent to an input: the step, and the value; in order."""
        steps = first + np.flatnonzero((self.stepped[first:end, CALL] >= 0) & (self.stepped[first:end, VALUE] < 0))
        calls, came = self.stepped[steps, CALL], self.stepped[steps, CAME]
        begins = np.concatenate(([0], self.called[:-1, INPUTS]))[calls] if len(calls) else calls
        edges, found = self.called[calls, EDGES], []
        for kind in np.unique(edges).tolist():
            some = np.flatnonzero(edges == kind)
            for k, edge in enumerate(self.edges[kind]):
                if edge is not None:
                    at = some[self.grads[came[some] + edge] != -1]
                    found.append((steps[at], np.full(len(at), k), self.inputs[begins[at] + k]))
        if not found:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        step, k, value = (np.concatenate(parts) for parts in zip(*found))
        order = np.lexsort((k, step))
        return step[order], value[order]

    def summary(self, number: int) -> Summary | None:
        """The summary of a number in `state` or `grads`."""
        return self.summaries[number] if number >= 0 else None if number == -1 else self.late[-2 - number]


def table_of(graph) -> Table | None:
    """The table that a graph's values and calls are read from; None where they stand in tuples, or were made of several graphs."""
    table = getattr(graph.calls, "table", None)
    return table if table is not None and graph.values is table.values and graph.calls is table.calls else None


def _ids(values):
    return tuple([f"t{i}" for i in values.tolist()])


def _saved(kept, parameters, inputs, outputs):
    """The ids of what is kept for backward."""
    found = []
    for which in kept:
        found += [outputs[which]] if isinstance(which, int) else [id for name, id in zip(parameters, inputs) if name == which]
    return tuple(dict.fromkeys(found))


@functools.lru_cache(maxsize=1024)
def _spread(arguments, count, in_place):
    """The parameter of each of `count` inputs; "" where several lists, or a base that comes along, leave it open."""
    lists = [a for a in arguments if a[0] == "*"]
    more = count - (len(arguments) - len(lists))
    if more > 0 and lists and (in_place or len(lists) > 1):
        return ("",) * count
    found = [name for a in arguments for name in ([a[1:]] * more if a[0] == "*" else [a])]
    return (*found, *[""] * (count - len(found)))


def _owners(ends):
    return np.repeat(np.arange(len(ends), dtype=np.int32), np.diff(ends, prepend=0))


class _Rows(Rows):
    """One kind of record of a table."""

    letter = ""  # with which ids begin

    def __init__(self, table, length, make):
        self.table = table
        self._make = make  # of rows from `start` to before `stop`
        self._made = [None] * length if length <= KEPT else None
        self._length = length

    def __len__(self):
        return self._length

    def __getitem__(self, index):
        if isinstance(index, slice):
            numbers = range(*index.indices(self._length))
            return tuple(self._between(numbers.start, numbers.stop) if numbers.step == 1 else map(self._one, numbers))
        return self._one(range(self._length)[index])

    def __iter__(self):
        return self._between(0, self._length)

    def _one(self, number):
        made = self._made
        if made is None:
            return next(self._make(number, number + 1))
        if made[number] is None:
            made[number] = next(self._make(number, number + 1))
        return made[number]

    def _between(self, start, stop):
        if self._made is not None:
            yield from map(self._one, range(start, stop))
            return
        for first in range(start, stop, BLOCK):
            yield from self._make(first, min(first + BLOCK, stop))

    def number(self, id: str) -> int:
        """The row of an id; `KeyError` where there is none."""
        digits = id[1:] if id[:1] == self.letter else ""
        if not (digits.isascii() and digits.isdigit() and len(digits) < 12 and str(int(digits)) == digits and int(digits) < self._length):
            raise KeyError(id)
        return int(digits)

    def find(self, id):
        return self._one(self.number(id))


class _Values(_Rows):
    letter = "t"

    def named(self, name):
        table = self.table
        found = np.flatnonzero(table.names == table.texts.index(name)) if name in table.texts else ()
        return self._one(int(found[-1])) if len(found) else None


class _Calls(_Rows):
    letter = "c"

    def producer(self, id):
        number = self._of_value(id)
        call = -1 if number is None else self.table.producer[number]
        return None if call < 0 else self._one(int(call))

    def consumers(self, id):
        number = self._of_value(id)
        if number is None:
            return ()
        ends, calls = self.table.takers
        return tuple(self._one(i) for i in dict.fromkeys(calls[ends[number] : ends[number + 1]].tolist()))

    def _of_value(self, id):
        try:
            return self.table.values.number(id)
        except KeyError:
            return None


class _Scopes(_Rows):
    letter = "s"
