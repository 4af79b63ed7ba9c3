"""How a tensor went through a recorded cell: what it held, version after version, and the gradient that each backward pass brought it.

Reads the record alone. A training loop in one cell gives one name many values: those of `loss`, one an iteration, and those of `w`, one a change in
place. What a record keeps of each is a `Summary`, so a history has its statistics and no histograms.
"""

from __future__ import annotations

import math

from .records import Graph, Summary

MOST_ENTRIES = 200
COLUMNS = ("norm", "mean", "std", "min", "max", "nan", "inf", "zeros", "size")
_DIGITS = 6


class Histories:
    """The histories of one record: what belongs together is looked up once, so that many can be told."""

    def __init__(self, graph: Graph):
        self._graph = graph
        self._values = {v.id: v for v in graph.values}
        self._order = {v.id: n for n, v in enumerate(graph.values)}
        self._before = {c.outputs[0]: c.inputs[0] for c in graph.calls if c.in_place and c.inputs and c.outputs}
        self._after = {old: new for new, old in self._before.items()}
        self._expression, self._named, self._expressed = {}, {}, {}
        for c in graph.calls:
            if c.place is not None and not c.in_place:
                where = (c.place.source, c.place.line, c.place.column, c.place.end_column, c.op)
                for n, o in enumerate(c.outputs):
                    self._expression[o] = (where, n)
        for v in graph.values:
            if v.name is not None:
                self._named.setdefault(v.name, []).append(v.id)
            if v.id in self._expression:
                self._expressed.setdefault(self._expression[v.id], []).append(v.id)
        self._gradients = self._read_steps()

    def _read_steps(self):
        """The gradient that every pass brought to every value: id -> (order, pass, summary) of each."""
        outputs = {c.id: c.outputs for c in self._graph.calls}
        found = {}
        for order, step in enumerate(self._graph.steps):
            ids = outputs.get(step.call, ()) if step.value is None else (step.value,)
            for id, grad in zip(ids, step.grads_in):
                if grad is not None:
                    found.setdefault(id, []).append((order, step.backward, grad))
        return found

    def tell(self, id: str, which: str) -> dict | None:
        """Tell the history of a value ("data") or of its gradient ("grad"), oldest first; None where the record has no such value.

        The result is plain data for JSON: `at` numbers each entry (versions as they were made, or passes of backward, from 0), `ids` names its
        value, every name of `COLUMNS` lists one statistic, None where there was no finite element. Of more than `MOST_ENTRIES` entries every few
        are kept, always the first, the last and the first with a NaN or an infinity; `total` tells how many there were.
        """
        if id not in self._values:
            return None
        same = sorted(self._same(self._values[id]), key=self._order.get)
        if which == "data":
            entries = [(n, i, self._values[i].data) for n, i in enumerate(same) if self._values[i].data is not None]
        else:
            brought = sorted((order, at, i, grad) for i in same for order, at, grad in self._gradients.get(i, ()))
            entries = [(at, i, grad) for _, at, i, grad in brought]
        kept = thinned(entries, lambda entry: bool(entry[2].nan or entry[2].inf))
        return {"at": [e[0] for e in kept], "ids": [e[1] for e in kept], **columns_of([e[2] for e in kept]), "total": len(entries)}

    def _same(self, value):
        """Ids of the values that are one thing to the user: of the same name, or one expression each time it ran, or changed in place into one another."""
        found = {value.id, *self._named.get(value.name, ())}
        alike = self._expressed.get(self._expression.get(value.id), ())
        found.update(i for i in alike if self._values[i].name in (None, value.name))
        for step in (self._before, self._after):
            id = value.id
            while id in step and self._values[step[id]].name in (None, value.name):
                id = step[id]
                found.add(id)
        return found


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
