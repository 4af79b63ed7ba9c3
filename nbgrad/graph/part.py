"""Parts of a graph: what leads to a value, what comes of one, what lies between two.

A part is a `Graph` whose records are still those of the whole, each made when it is looked at, and whose columns are cut out of the whole's.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from .columns import Columns, Numbers, columns_of
from .records import Graph, Rows


def focus(graph: Graph, target: str) -> Graph:
    """Keep only what leads to `target`, a value's name or id; `KeyError` where there is none."""
    number = _number(graph, target)
    return _part(graph, _leading_to(columns_of(graph), number), (graph.values[number].id,))


def follow(graph: Graph, source: str) -> Graph:
    """Keep only what comes of `source`, a value's name or id, and what else that takes; `KeyError` where there is none."""
    columns, number = columns_of(graph), _number(graph, source)
    calls = _coming_of(columns, number)
    made_by = columns.producer
    reached = tuple(id for id in graph.roots if (v := columns.values[id]) == number or made_by[v] >= 0 and calls[made_by[v]])
    return _part(graph, calls, reached or (graph.values[number].id,))


def between(graph: Graph, source: str, target: str) -> Graph:
    """Keep only what lies on the ways from `source` to `target`, values' names or ids, and what else that takes; `KeyError` where there is none."""
    columns, end = columns_of(graph), _number(graph, target)
    return _part(graph, _coming_of(columns, _number(graph, source)) & _leading_to(columns, end), (graph.values[end].id,))


def _number(graph, wanted):
    return columns_of(graph).values[(graph.named(wanted) or graph.value(wanted)).id]


def _leading_to(columns, value):
    """(n,) bool: the calls that a value was computed by."""
    producer, inputs = columns.producer.tolist(), columns.inputs.tolist()
    ends = np.searchsorted(columns.input_calls, np.arange(len(columns.op) + 1)).tolist()
    found, todo = bytearray(len(columns.op)), [value]
    while todo:
        call = producer[todo.pop()]
        if call >= 0 and not found[call]:
            found[call] = True
            todo += inputs[ends[call] : ends[call + 1]]
    return np.frombuffer(found, bool)


def _coming_of(columns, value):
    """(n,) bool: the calls whose inputs come of a value, in the order of the record."""
    outputs = columns.outputs.tolist()
    ends = np.searchsorted(columns.output_calls, np.arange(len(columns.op) + 1)).tolist()
    found, reached = bytearray(len(columns.op)), bytearray(len(columns.producer))
    reached[value] = True
    for call, taken in zip(columns.input_calls.tolist(), columns.inputs.tolist()):
        if reached[taken] and not found[call]:
            found[call] = True
            for made in outputs[ends[call] : ends[call + 1]]:
                reached[made] = True
    return np.frombuffer(found, bool)


# ---- a part as a graph


def _part(graph, calls, roots):
    """The graph of some calls, given by (n,) bool, and of the values that they take and make."""
    whole = columns_of(graph)
    taken, made = calls[whole.input_calls], calls[whole.output_calls]
    values = np.zeros(len(whole.producer), bool)
    values[whole.inputs[taken]] = values[whole.outputs[made]] = True
    values[[whole.values[id] for id in roots]] = True
    steps = (whole.step_call < 0) | calls[whole.step_call] if len(calls) else np.zeros(len(whole.step_call), bool)
    new_call, new_value = _renumbered(calls), _renumbered(values)
    columns = Columns(
        None, None, whole.op[calls], whole.place[calls], whole.scope[calls],
        new_call[whole.input_calls[taken]], new_value[whole.inputs[taken]], new_call[whole.output_calls[made]], new_value[whole.outputs[made]],
        new_call[whole.producer[values]], whole.named[values], whole.requires_grad[values], whole.learned[values],
        new_call[whole.step_call[steps]], new_value[whole.step_value[steps]], whole.step_pass[steps], whole.paths,
    )  # fmt: skip
    kept_values = _Values(graph, values, whole.values)
    kept_calls = _Calls(graph.calls, calls, whole.calls)
    columns = kept_calls.columns = dataclasses.replace(columns, calls=kept_calls.numbers, values=kept_values.numbers)
    kept_values.columns, kept_calls.values = columns, kept_values

    def without_lost_values(step):
        return step if step.value is None or step.value in kept_values.numbers else dataclasses.replace(step, value=None)

    return graph.replace(values=kept_values, calls=kept_calls, steps=_Some(graph.steps, steps, {}, without_lost_values), roots=roots)


def _renumbered(kept):
    """Old number -> new number, -1 for what is left out and, at the end, for none."""
    return np.append(np.where(kept, np.cumsum(kept) - 1, -1), -1)


class _Some(Rows):
    """Some of a whole's records, in their order."""

    columns: Columns

    def __init__(self, whole: Sequence, kept: np.ndarray, whole_numbers, changed: Callable = lambda record: record):
        self._whole, self._kept, self._whole_numbers, self._changed = whole, np.flatnonzero(kept), whole_numbers, changed
        self.numbers = Numbers(self)

    def __len__(self):
        return len(self._kept)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return tuple(self._changed(self._whole[i]) for i in self._kept[index].tolist())
        return self._changed(self._whole[int(self._kept[index])])

    def number(self, id: str) -> int:
        """The place of an id in the part; `KeyError` where there is none."""
        number = self._whole_numbers[id]
        at = int(np.searchsorted(self._kept, number))
        if at == len(self._kept) or self._kept[at] != number:
            raise KeyError(id)
        return at

    def find(self, id):
        return self[self.number(id)]


class _Values(_Some):
    def __init__(self, graph, kept, numbers):
        super().__init__(graph.values, kept, numbers)
        self._newest = graph.named

    def named(self, name):
        newest = self._newest(name)
        if newest is None or newest.id in self.numbers:
            return newest
        candidates = np.flatnonzero(self.columns.named)
        return next((value for i in candidates[::-1].tolist() if (value := self[i]).name == name), None)


class _Calls(_Some):
    values: _Values

    def producer(self, id):
        number = self.values.numbers.get(id)
        call = -1 if number is None else int(self.columns.producer[number])
        return None if call < 0 else self[call]

    def consumers(self, id):
        number = self.values.numbers.get(id)
        if number is None:
            return ()
        return tuple(self[i] for i in dict.fromkeys(self.columns.input_calls[self.columns.inputs == number].tolist()))
