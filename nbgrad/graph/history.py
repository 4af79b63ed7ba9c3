"""How a tensor went through a recorded cell: what it held, version after version, and the gradient that each backward pass brought it.

Reads the record alone. A training loop in one cell gives one name many values: those of `loss`, one an iteration, and those of `w`, one a change in
place. What a record keeps of each is a `Summary`, so a history has its statistics and no histograms.
"""

from __future__ import annotations

import math

import numpy as np

from .columns import columns_of as structure_of
from .records import Graph, Summary
from .table import DATA, HOW, IN_PLACE, table_of

MOST_ENTRIES = 200
COLUMNS = ("norm", "mean", "std", "min", "max", "nan", "inf", "zeros", "size")
_DIGITS = 6


class Histories:
    """The histories of one record: what belongs together is found among its columns, and only what is told is read."""

    def __init__(self, graph: Graph):
        self._columns = structure_of(graph)
        table = table_of(graph)
        self._facts = _OfRecords(graph) if table is None or graph.steps is not table.steps else _OfTable(table)
        columns, changes = self._columns, np.flatnonzero(self._facts.in_place)
        made, taken = (np.searchsorted(calls, changes) for calls in (columns.output_calls, columns.input_calls))
        both = (made < len(columns.outputs)) & (taken < len(columns.inputs))
        made, taken, changes = made[both], taken[both], changes[both]
        both = (columns.output_calls[made] == changes) & (columns.input_calls[taken] == changes)
        self._before = dict(zip(columns.outputs[made[both]].tolist(), columns.inputs[taken[both]].tolist()))
        self._after = {old: new for new, old in self._before.items()}
        self._which = np.zeros(len(columns.producer), np.int64)  # of its operator's results each value is
        self._which[columns.outputs] = np.arange(len(columns.outputs)) - np.searchsorted(columns.output_calls, columns.output_calls)

    def tell(self, id: str, which: str) -> dict | None:
        """Tell the history of a value ("data") or of its gradient ("grad"), oldest first; None where the record has no such value.

        The result is plain data for JSON: `at` numbers each entry (versions as they were made, or passes of backward, from 0), `ids` names its
        value, every name of `COLUMNS` lists one statistic, None where there was no finite element. Of more than `MOST_ENTRIES` entries every few
        are kept, always the first, the last and the first with a NaN or an infinity; `total` tells how many there were.
        """
        number = self._columns.values.get(id)
        if number is None:
            return None
        facts, same = self._facts, sorted(self._same(number))
        if which == "data":
            entries = [(k, i, kept) for k, i in enumerate(same) if (kept := facts.data(i)) is not None]
        else:
            passes = self._columns.step_pass
            entries = [(int(passes[order]), i, kept) for order, i, kept in facts.gradients(same)]
        odd = facts.not_finite([e[2] for e in entries]) if len(entries) > MOST_ENTRIES else ()
        kept = thinned([*range(len(entries))], lambda k: odd[k])
        told = [entries[k] for k in kept]
        return {"at": [e[0] for e in told], "ids": [facts.id(e[1]) for e in told], **columns_of([facts.summary(e[2]) for e in told]),
                "total": len(entries)}  # fmt: skip

    def _same(self, number):
        """Numbers of the values that are one thing to the user: of the same name, or one expression each time it ran, or changed in place into one another."""
        columns, name = self._columns, self._facts.name
        mine = name(number)
        found = {number, *(self._facts.named(mine) if mine is not None else ())}
        made = columns.producer[number]
        if made >= 0 and columns.place[made] >= 0 and not self._facts.in_place[made]:
            made_by = columns.producer
            alike = (made_by >= 0) & (self._which == self._which[number])
            alike &= (columns.place[made_by] == columns.place[made]) & (columns.op[made_by] == columns.op[made]) & ~self._facts.in_place[made_by]
            found.update(i for i in np.flatnonzero(alike).tolist() if name(i) in (None, mine))
        for step in (self._before, self._after):
            at = number
            while at in step and name(step[at]) in (None, mine):
                at = step[at]
                found.add(at)
        return found


class _OfTable:
    """What histories are told from, of a record that is kept in columns; a summary goes by its number until it is told."""

    def __init__(self, table):
        self._table, self.summary = table, table.summary
        self.in_place = table.called[:, HOW] & IN_PLACE != 0
        self._names, self._data = table.names.tolist(), table.state[:, DATA].tolist()

    def id(self, number):
        return f"t{number}"

    def name(self, number):
        return self._table.texts[self._names[number]] if self._names[number] >= 0 else None

    def named(self, name):
        return np.flatnonzero(self._table.names == self._table.texts.index(name)).tolist()

    def data(self, number):
        return None if self._data[number] == -1 else self._data[number]

    def gradients(self, numbers):
        return self._table.gradients_of(numbers)

    def not_finite(self, numbers):
        return self._table.odd(np.array(numbers))


class _OfRecords:
    """The same of a record that was read from a file or put together by hand."""

    def __init__(self, graph):
        self._values = graph.values
        self.in_place = np.array([c.in_place for c in graph.calls], bool)
        self._named, self._brought = {}, {}
        for number, v in enumerate(graph.values):
            self._named.setdefault(v.name, []).append(number)
        numbers, outputs = {v.id: n for n, v in enumerate(graph.values)}, {c.id: c.outputs for c in graph.calls}
        for order, step in enumerate(graph.steps):
            for id, grad in zip(outputs.get(step.call, ()) if step.value is None else (step.value,), step.grads_in):
                if grad is not None and id in numbers:
                    self._brought.setdefault(numbers[id], []).append((order, grad))

    def id(self, number):
        return self._values[number].id

    def name(self, number):
        return self._values[number].name

    def named(self, name):
        return self._named[name]

    def data(self, number):
        return self._values[number].data

    def gradients(self, numbers):
        return sorted(((order, n, grad) for n in numbers for order, grad in self._brought.get(n, ())), key=lambda one: one[:2])

    def summary(self, kept):
        return kept

    def not_finite(self, kept):
        return [bool(s.nan or s.inf) for s in kept]


def thinned(entries: list, marked, most: int = MOST_ENTRIES) -> list:
    """At most about `most` of the entries, evenly chosen; the first, the last and the first that is `marked` always stay."""
    every = -(-len(entries) // most)
    if every <= 1:
        return entries
    kept = set(range(0, len(entries), every)) | {len(entries) - 1}
    first = next((n for n, entry in enumerate(entries) if marked(entry)), None)
    if first is not None:
        kept.add(first)
    return [entries[n] for n in sorted(kept)]


def columns_of(summaries: list[Summary]) -> dict[str, list]:
    """The statistics of several summaries, a list for each of `COLUMNS`, of six digits."""
    return {name: [_short(getattr(s, name)) for s in summaries] for name in COLUMNS}


def _short(x):
    if not isinstance(x, float):
        return x
    short = float(f"{x:.{_DIGITS}g}")
    return short if math.isfinite(short) else None
